"""What has to be open before a command can be built: the configuration may hold the definition of its object.

Laws of this module:

1. The configuration is opened once: the command goes on with what was opened to find its definitions.
2. A mistake in the options, and a configuration that cannot be opened, is reported by the command that needs it, at its
   time. A command that only shows definitions goes on without those of the configuration, and says so.
3. Nobody is asked for a password only to show definitions, nor twice for the same one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from confobjects import startup
from confobjects.diagnostics import Diagnostic
from confobjects.errors import CannotConnectError, ConfobjectsError, UsageError
from confobjects.inputs import LARGE, read_regular
from confobjects.storage import is_directory

from .words.numbers import read_option
from .words.options import OPTIONS, conflict_among

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.definitions_loading import DefinitionChoice

Reads = Literal["needed", "shown", "none", "own"]
"""What a command reads of the configuration: it needs it, it shows its definitions, or it opens none by these options.

With ``own`` it has nothing to do with definitions but those of the library, whatever the options choose.
"""
_GROUPS: Final = {"Storage", "LDAP connection"}
_PLACE: Final = (*(option.name for option in OPTIONS if option.group in _GROUPS), "state_url")
_MARK: Final = b"ds-cfg-definition"


_LDAP_WORDS: Final = ("hostname", "port", "usessl")
_NAMES: Final = ("url", "configfile", *_LDAP_WORDS)
"""The options that say where the configuration is."""


def storage_url(options: Mapping[str, Any]) -> str | None:
    """Return the URL that the options name, None if they name none. Raises :class:`~confobjects.errors.UsageError`."""
    url, file = options["url"], options["configfile"]
    if file:
        return f"ldif:{file}"
    if options["port"] is not None or any(options[name] for name in _LDAP_WORDS):
        scheme = "ldaps" if options["usessl"] else "ldap"
        host, port = options["hostname"] or "localhost", options["port"]
        if port is not None:
            port = read_option("--port", "PORT", port)
        if host.startswith("-"):
            remedy = "for help use --help"
            raise UsageError(Diagnostic("usage", f'-h takes a host name, and "{host}" is not one', remedy=remedy))
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"{scheme}://{host}:{port}/" if port else f"{scheme}://{host}/"
    if options["offline"] and is_directory(os.environ.get(startup.URL_VARIABLE, "")):
        return startup.default_url(os.environ)
    return str(url) if url else None


def storage_options(options: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the options of the storage at a URL: how to connect and log in, and the base."""
    if not is_directory(url) and not options["basedn"]:
        return {}
    from . import connection

    return connection.storage_options(options, url)


class Opening:
    """The definitions of one command line, and the open configuration that some of them may come from."""

    def __init__(self) -> None:
        self.registry: Registry | None = None
        self.error: ConfobjectsError | None = None
        """Why the configuration could not be opened."""
        self.unread: ConfobjectsError | None = None
        """The same, if the command goes on without it and says so."""
        self.is_shown = False
        """Whether definitions of the configuration were read only to show them."""
        self.choice: DefinitionChoice | None = None
        """Which definitions the command line asks for; None until they are loaded."""
        self._opened: startup.OpenConfiguration | None = None
        self._options: Mapping[str, Any] = {}
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def storage_options(self, options: Mapping[str, Any], url: str) -> dict[str, Any]:
        """Return the options of the storage at a URL, as :func:`storage_options`; the same ones are worked out once."""
        key = (url, options["no_prompt"], *(options[name] for name in _PLACE))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = storage_options(options, url)
        return found

    def load(self, choice: DefinitionChoice, reads: Reads, options: Callable[[], Mapping[str, Any]]) -> Registry:
        """Return the definitions of a choice, and of the configuration that the options name.

        Raises :class:`~confobjects.errors.DefinitionError` for those in directories.
        """
        if self.registry is None:
            self.choice = choice
            self.registry = choice.load()
            if reads != "none":
                self._options = options()
                self._read(self._options, choice, reads)
        return self.registry

    def _read(self, options: Mapping[str, Any], choice: DefinitionChoice, reads: Reads) -> None:
        if conflict_among({name for name, value in options.items() if value not in {None, False, ()}}):
            return  # reported when the command is called
        try:
            url = startup.find_place(storage_url(options), options["instancepath"], os.environ).url
            if reads == "shown" and not _may_hold_definitions(url):
                return
            asked = options if reads == "needed" else {**options, "no_prompt": True}
            more = self.storage_options(asked, url)
            opened = startup.read_configuration(url, choice, loaded=self.registry, **more)
        except ConfobjectsError as error:
            self.error = error
            # A server that only the environment names may not be there yet: its schema is printed before it starts.
            is_silent = isinstance(error, CannotConnectError) and not any(options[name] for name in _NAMES)
            self.unread = error if reads == "shown" and not is_silent else None
            return
        self.registry = opened.registry
        if reads == "needed":
            self._opened = opened
        else:
            self.is_shown = True
            opened.storage.close()

    def take(self, options: Mapping[str, Any]) -> startup.OpenConfiguration | None:
        """Return what is open, if it is where some options say. Raises the error of opening it."""
        if any(options[name] != self._options.get(name) for name in _PLACE):
            return None
        if self.error is not None:
            raise self.error
        opened, self._opened = self._opened, None
        return opened

    def close(self) -> None:
        """Close what no command has taken."""
        if self._opened is not None:
            self._opened.storage.close()
            self._opened = None


def _may_hold_definitions(url: str) -> bool:
    """Tell whether it is worth opening a storage only for its definitions: a file has to name them."""
    if is_directory(url):
        return True
    try:
        found, _ = read_regular(startup.file_of(url), LARGE)
    except OSError:
        return False
    return _MARK in found.replace(b"\r\n ", b"").replace(b"\n ", b"").lower()
