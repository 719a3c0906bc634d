"""Opening a configuration to be followed, and what is wrong with it that only waiting can mend."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from confobjects import startup
from confobjects.errors import AccessError, DefinitionError, UsageError
from confobjects.following.configuration import Live, Opening
from confobjects.following.sources import LiveSources
from confobjects.management import Site
from confobjects.storage import is_directory, open_storage

if TYPE_CHECKING:
    from confobjects.following.configuration import Telling
    from confobjects.mapping.protocol import Storage

    from ..invocation import Invocation

FINAL = (UsageError, AccessError, DefinitionError)
"""Errors of opening that end a command: trying again does not help, and may lock an account."""
_PATIENCE: Final = 2.0
"""Seconds that a server which does not answer may keep a command from ending."""


class FollowedPlace:
    """Where the configuration is, and how to open it as often as needed. A password is asked for once."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._place = invocation.place
        self.url = self._place.url
        self.registry = invocation.registry
        self.options: dict[str, Any] = invocation.storage_options(self.url)
        self.reading: dict[str, Any] = self.options
        """The options that the configuration itself is opened with."""
        if not is_directory(self.url):
            invocation.tell_of_connection()

    @property
    def file(self) -> str:
        """The path of the LDIF file, empty for any other storage."""
        return startup.file_of(self.url)

    def make_live(self, *, tells: bool = False) -> Live:
        """Return a live configuration, which opens the place when it is entered.

        If it ``tells``, it tells what it has in effect, provided that the environment gives it a name.
        """
        telling = self._find_telling if tells else lambda: None
        return Live(self._make_opening(), telling=telling, open_reports=self._open_reports)

    def _open_reports(self) -> Storage:
        from confobjects.following.telling import open_state

        return open_state(self.url, self._invocation.state_url or "", self.options)

    def _find_telling(self) -> Telling | None:
        name = os.environ.get(startup.FOLLOWER_VARIABLE)
        if not name:
            return None
        from confobjects.following.telling import prepare_telling

        return prepare_telling(name, self.url, self._invocation.state_url or "", self.options)

    def _make_opening(self) -> Opening:
        def open_site() -> tuple[Site, LiveSources, str]:
            directory = self._place.instance_directory
            sources = LiveSources(self._invocation.make_sources, directory, startup.SealingKeys(os.environ))
            known = self._invocation.definitions
            opened = startup.read_configuration(self.url, known, loaded=self.registry, missing_ok=False, **self.reading)
            return Site.of(opened.registry, opened.storage, sources), sources, directory

        return open_site

    def make_storage(self) -> Callable[[], Storage] | None:
        """Return a function that opens the storage alone, if it is a directory."""
        if not is_directory(self.url):
            return None
        return lambda: open_storage(self.url, missing_ok=False, **self.options)


def close_soon(live: Live) -> None:
    """Close a live configuration. If a server does not answer, the end of the process closes it."""
    thread = Thread(target=live.close, name="confobjects-close", daemon=True)
    thread.start()
    thread.join(_PATIENCE)
