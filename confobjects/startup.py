"""Startup: the only module that connects definitions, a storage from its URL, and expression sources.

:func:`open` gives a :class:`~confobjects.management.ManagementContext` to manage stored objects;
:func:`load` gives the effective configuration: every expression evaluated, every object judged, or one error with
every problem. Nothing is printed, and no state is kept between calls.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast

from confobjects.actions import RemedyAction
from confobjects.definitions.registry import Registry
from confobjects.definitions_loading import DefinitionChoice, Memory, load_registry, refuse_code
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError, error_for
from confobjects.management import ChangeSignature, ManagementContext, Site
from confobjects.management.bases import BaseFinder
from confobjects.mapping.objects import find_holders
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.objects.model import Evaluation
    from confobjects.objects.protocols import Sealer
    from confobjects.objects.typed import TypedConfiguration, TypedContext
    from confobjects.resolvers import Resolvers

    class Followed(Protocol):
        """A configuration that is kept true, such as :func:`confobjects.live` returns."""

        @property
        def configuration(self) -> EffectiveConfiguration:
            """The configuration in effect: the same object until something has changed."""
            ...


URL_VARIABLE = "CONFOBJECTS_URL"
INSTANCE_VARIABLE = "CONFOBJECTS_INSTANCE"
FOLLOWER_VARIABLE = "CONFOBJECTS_FOLLOWER"
STATE_URL_VARIABLE = "CONFOBJECTS_STATE_URL"
EXPRESSION_DIRECTORIES_VARIABLE = "CONFOBJECTS_ENVCONFIG_DIRS"


class Place(Record):
    """The place of the configuration: the storage's URL, and the base directory of relative paths."""

    url: str
    instance_directory: str


def default_url(environment: Mapping[str, str]) -> str:
    """Return the URL of the default LDIF file, in the platform's configuration directory."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return f"ldif:{os.path.join(home, 'confobjects', 'config.ldif')}"


def find_place(url: str | None, instance: str | None, environment: Mapping[str, str]) -> Place:
    """Return the place of the configuration: from the caller, else from the environment, else the default place."""
    chosen = url or environment.get(URL_VARIABLE) or default_url(environment)
    directory = instance or environment.get(INSTANCE_VARIABLE)
    if not directory:
        file = file_of(chosen)
        try:
            directory = os.path.dirname(os.path.abspath(file)) if file else os.getcwd()
        except OSError:
            remedy = (
                "change to another directory, or name one with ",
                RemedyAction("give-instance"),
                " and a whole path in the URL",
            )
            raise UsageError(Diagnostic("usage", "the working directory does not exist", remedy=remedy)) from None
    return Place(chosen, directory)


def open(  # noqa: A001, PLR0913 - the verb of the public face: confobjects.open; each is a choice, by keyword
    url: str | None = None,
    *,
    definitions: Sequence[str] | Registry = (),
    family: str | None = None,
    missing_ok: bool = True,
    environment: Mapping[str, str] | None = None,
    command: Callable[[], str] = lambda: "api",
    **options: Any,
) -> TypedContext:
    """Open the configuration at a URL (``ldif:PATH``, …) for management.

    ``definitions`` are directories of further definitions, or an existing registry; without them, the directories in
    ``CONFOBJECTS_DEFINITIONS`` are used. The configuration may hold definitions too. ``family`` names a family of definitions
    that takes the place of those of the library; without it, that in ``CONFOBJECTS_FAMILY`` is used, or the one of the server
    whose own configuration this is. ``options`` go to the storage.
    Without a URL, ``CONFOBJECTS_URL`` in the environment is used, else the LDIF file in the platform's configuration
    directory. A missing LDIF file is an empty configuration unless ``missing_ok`` is false. ``command`` is called for
    each change and returns the source to record in the history, which must not contain a secret.

    Raises :class:`~confobjects.errors.DefinitionError`, :class:`~confobjects.errors.StorageError` and other
    errors of the storage.
    """
    variables = os.environ if environment is None else environment
    where = find_place(url, None, variables)
    options = {**_find_state(where.url, variables), **options}
    chosen = choose_definitions(definitions, family, variables)
    opened = read_configuration(where.url, chosen, missing_ok=missing_ok, **options)
    return cast("TypedContext", manage(opened, command, variables))


def _find_state(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the option that says where the state of a server lies, if the environment names a place."""
    from confobjects.storage import is_directory

    place = environment.get(STATE_URL_VARIABLE)
    return {"state_url": place} if place and is_directory(url) else {}


def choose_definitions(
    given: Sequence[str] | Registry, family: str | None, environment: Mapping[str, str]
) -> DefinitionChoice | Registry:
    """Return the definitions that a caller gives, completed by what the environment names."""
    return given if isinstance(given, Registry) else DefinitionChoice.of(given, family, environment)


class OpenConfiguration(Record):
    """An open storage, with the definitions that count for it; ``actor`` is who logged in to it, if anybody did.

    ``warnings`` are about the definitions: they may not be those of the server.
    """

    registry: Registry
    storage: Storage
    actor: str = ""
    warnings: tuple[Diagnostic, ...] = ()


def read_configuration(
    url: str,
    definitions: DefinitionChoice | Registry,
    *,
    loaded: Registry | None = None,
    missing_ok: bool = True,
    tolerant: bool = False,
    **options: Any,
) -> OpenConfiguration:
    """Open a storage, and read the definitions that it holds.

    A server that keeps its own configuration there chooses the family of its definitions, unless the caller has; ``loaded``
    are the chosen definitions if they are loaded already. If a definition of the configuration names code that the process
    does not allow, this is refused. With ``tolerant`` it is left out: whoever removes the definition has to open the
    configuration. Raises :class:`~confobjects.errors.DefinitionError` if the family of the server is not installed.
    """
    from confobjects.storage import is_directory

    known = definitions if isinstance(definitions, Registry) else loaded or definitions.load()
    storage = _open_storage(known, url, missing_ok=missing_ok, **options)
    warnings: tuple[Diagnostic, ...] = ()
    try:
        if isinstance(definitions, DefinitionChoice) and is_directory(url):
            known, warnings = _choose_family(definitions, known, storage)
        registry = known
        if (found := find_holders(storage)) or known.installed:
            from confobjects.mapping.installed import collect_installed

            registry = known.with_installed(collect_installed(found))
        if not tolerant:
            refuse_code(registry)
    except BaseException:
        storage.close()
        raise
    return OpenConfiguration(registry, storage, str(options.get("bind_dn") or ""), warnings)


def _choose_family(
    choice: DefinitionChoice, known: Registry, storage: Storage
) -> tuple[Registry, tuple[Diagnostic, ...]]:
    """Return the definitions that count for a server, and warnings: a family for one that keeps its own configuration here."""
    from confobjects.families.choosing import choose_family

    family, warnings = choose_family(
        storage, choice.family, is_open=choice.leaves_family_open and not choice.directories, environment=os.environ
    )
    return choice.replace(family=family).load() if family != choice.family else known, warnings


def manage(
    opened: OpenConfiguration, command: Callable[[], str], environment: Mapping[str, str] | None = None
) -> ManagementContext:
    """Return the context of an open configuration. ``command`` is called for each change, as in :func:`open`.

    The keys for sealed secrets are those that the environment names.
    """
    keys = SealingKeys(os.environ if environment is None else environment)
    site = Site.of(
        opened.registry,
        opened.storage,
        _WriteEvaluator(keys),
        lambda: _make_signature(opened.actor or current_user(), command()),
        keys,
    )
    return ManagementContext(site.replace(machine=os.uname().nodename, clock=current_time))


def _make_signature(actor: str, command: str) -> ChangeSignature:
    return ChangeSignature(current_time(), actor, command)


def current_time() -> str:
    """Return the time in UTC (ISO 8601, to the second)."""
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())


def current_user() -> str:
    """Return the name of the operating system's user, or the number of one without a name."""
    try:
        from pwd import getpwuid

        return getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return str(os.geteuid())


class SealingKeys:
    """The keys that an environment names: read when they are first needed, and again when their file has changed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._sealer: Sealer | None = None
        self._seen: object = None

    @property
    def path(self) -> str:
        """The path of the file that is named; empty without one, also for a credential, which does not change."""
        from confobjects.expressions.seals import KEY_FILE_VARIABLE

        return self._environment.get(KEY_FILE_VARIABLE, "")

    def __call__(self) -> Sealer | None:
        """Return the sealer, None without keys. Raises ConfobjectsError if the keys cannot be used."""
        from confobjects.expressions.seals import CREDENTIALS_VARIABLE, KEY_FILE_VARIABLE

        if KEY_FILE_VARIABLE not in self._environment and CREDENTIALS_VARIABLE not in self._environment:
            return None
        from confobjects.sealing import open_sealer
        from confobjects.sealing.ring_file import find_key_file, sign_key_file

        file = find_key_file(self._environment)
        seen = None if file is None else (file, sign_key_file(file))
        if self._sealer is None or seen is None or seen != self._seen:
            self._sealer, self._seen = open_sealer(self._environment), seen
        return self._sealer

    def unseal(self, text: str, contexts: Sequence[bytes]) -> Evaluation:
        """Return the value of a sealed secret, as a start reads it."""
        from confobjects.objects.sealing import Unsealer

        return Unsealer(self)(text, contexts)


class _WriteEvaluator:
    """The evaluator of write time, loaded with the first expression."""

    def __init__(self, keys: SealingKeys) -> None:
        self._keys = keys

    def __call__(self, text: str, *, multi_valued: bool, secret: bool, contexts: Sequence[bytes] = ()) -> Evaluation:
        from confobjects.objects.evaluating import evaluate_defaults

        return evaluate_defaults(
            text, multi_valued=multi_valued, secret=secret, contexts=contexts, open_sealer=self._keys
        )


def _open_storage(known: Registry, url: str, **options: Any) -> Storage:
    from confobjects.storage import open_storage

    if url.partition(":")[0].lower() == "ldif":
        options["memory"] = Memory("mapping", "mapping/ldif")
        if options.get("base") is None:
            options["find_base"] = lambda entries: BaseFinder(known).find(entries)
    return open_storage(url, **options)


def make_startup_sources(  # noqa: PLR0913 - each is a source or a place, all by keyword
    instance_directory: str,
    *,
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    expression_directories: Sequence[str] | None = None,
    definition_name: str = "definition",
    url: str = "",
    own_files: Iterable[str | None] = (),
) -> Resolvers:
    """Return the sources of values of startup, in order.

    ``file:`` reads below the instance directory and the roots that the environment names, but never the configuration
    at ``url``, a file beside it that is named after it, or one of ``own_files``.

    ``environment`` defaults to that of the process, ``expression_directories`` to the ones in its variable
    ``CONFOBJECTS_ENVCONFIG_DIRS``. ``definition_name`` names the source of a value from ``define``.
    """
    from confobjects.resolvers import FileRoots, Resolvers, file_roots_of

    variables = os.environ if environment is None else environment
    roots = FileRoots(
        instance_directory,
        file_roots_of(variables),
        configuration=file_of(url),
        own=[path for path in (*own_files, *_key_files_of(variables)) if path],
    )
    if expression_directories is None:
        listed = variables.get(EXPRESSION_DIRECTORIES_VARIABLE, "")
        expression_directories = [part.strip() for part in listed.split(",") if part.strip()]
    return Resolvers(
        define=define or {},
        environment=variables,
        directories=tuple(expression_directories),
        instance_directory=instance_directory,
        definition_name=definition_name,
        roots=roots,
    )


def _key_files_of(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield the files of keys and accounts that an environment names, or could name: no expression may read them."""
    from confobjects.expressions.seals import (
        CREDENTIALS_VARIABLE,
        KEY_CREDENTIAL,
        KEY_FILE_VARIABLE,
        PEOPLE_FILE_VARIABLE,
    )

    for variables in (environment, os.environ):
        for named in filter(None, map(variables.get, (KEY_FILE_VARIABLE, PEOPLE_FILE_VARIABLE))):
            directory, name = os.path.split(os.path.abspath(named))
            yield named
            yield from (os.path.join(directory, f".{name}.new"), f"{named}.first")  # left by a killed process
        if credentials := variables.get(CREDENTIALS_VARIABLE):
            yield os.path.join(credentials, KEY_CREDENTIAL)


def file_of(url: str) -> str:
    """Return the path in the URL of an LDIF file; empty for any other storage."""
    scheme, _, path = url.partition(":")
    if scheme.lower() != "ldif":
        return ""
    return os.path.expanduser(path[2:] if path.startswith("///") else path)


def load(  # noqa: PLR0913 - each is a source or a place, all by keyword
    url: str | None = None,
    *,
    definitions: Sequence[str] | Registry = (),
    family: str | None = None,
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    expression_directories: Sequence[str] | None = None,
    instance: str | None = None,
    missing_ok: bool = False,
    **options: Any,
) -> TypedConfiguration:
    """Return the effective configuration: evaluate every value and check every object.

    Raises one :class:`~confobjects.errors.ConfobjectsError` with every problem. A missing LDIF file is an error
    unless ``missing_ok``. The result contains the warnings.
    """
    variables = os.environ if environment is None else environment
    where = find_place(url, instance, variables)
    sources = make_startup_sources(
        where.instance_directory,
        define=define,
        environment=variables,
        expression_directories=expression_directories,
        url=where.url,
        own_files=(options.get("key_store"),),
    )
    options = {**_find_state(where.url, variables), **options}
    chosen = choose_definitions(definitions, family, variables)
    opened = read_configuration(where.url, chosen, missing_ok=missing_ok, **options)
    from confobjects.management.judging import judge_all
    from confobjects.objects.evaluating import make_evaluator

    with _pause_collector(), closing(opened.storage):
        site = Site.of(opened.registry, opened.storage, make_evaluator(sources, SealingKeys(variables).unseal))
        configuration, problems = judge_all(site, where.instance_directory)
    if problems:
        raise error_for(problems)
    return cast("TypedConfiguration", configuration)


@contextmanager
def _pause_collector() -> Iterator[None]:
    """Pause the garbage collector, which took a quarter of the time to load 100,000 objects."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


__all__ = ["Place", "find_place", "load", "load_registry", "make_startup_sources", "open"]
