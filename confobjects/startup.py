"""Startup: the only place that wires. Definitions from files, a storage from its URL, expressions from their sources.

:func:`open` gives a :class:`~confobjects.management.ManagementContext` to manage stored objects;
:func:`load` gives the effective configuration: every expression evaluated, every object judged, or one error with
every problem. Nothing is printed and nothing is remembered between calls.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from confobjects.definitions.registry import Document, Registry
from confobjects.diagnostics import Diagnostic
from confobjects.errors import DefinitionError, UsageError, error_for
from confobjects.management import ManagementContext

if TYPE_CHECKING:
    from confobjects.management.history.records import Signature
    from confobjects.mapping.entry import Entry
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.objects.judging import Judge, Judged
    from confobjects.objects.model import Evaluated, ManagedObject
    from confobjects.objects.protocols import Evaluate, World
    from confobjects.transport.mailer import Mailer

_open_file = open  # the built-in: the public verb below takes its name

URL_VARIABLE = "CONFOBJECTS_URL"
INSTANCE_VARIABLE = "CONFOBJECTS_INSTANCE"
EXPRESSION_DIRECTORIES_VARIABLE = "CONFOBJECTS_ENVCONFIG_DIRS"
METASCHEMA_FILE = "managed-object.schema.json"


def builtin_directory() -> str:
    """Return the directory of the definitions that come with the library."""
    import confobjects.schemas

    return os.path.dirname(confobjects.schemas.__file__ or "")


def registry(directories: Iterable[str] = ()) -> Registry:
    """Return the definitions of the library and of some directories more (every ``*.json`` in each).

    Definitions of the library are trusted, all others are checked. Raises
    :class:`~confobjects.errors.DefinitionError` with every problem.
    """
    builtin = _builtin()
    texts: list[tuple[str, str]] = []
    unread = [problem for directory in directories for problem in _read_definitions(directory, texts)]
    if not texts and not unread:
        return Registry(builtin)
    from confobjects.definitions.checking import check, documents_of

    documents, problems = documents_of(texts)
    problems.extend(unread)
    problems.extend(check(documents, builtin, incomplete=bool(problems)))
    if problems:
        raise DefinitionError(problems)
    return Registry([*builtin, *documents])


def _builtin() -> list[Document]:
    import json

    return [
        Document(os.path.basename(path), json.loads(_read(path))) for path in _definition_files(builtin_directory())
    ]


def _read_definitions(directory: str, texts: list[tuple[str, str]]) -> Iterator[Diagnostic]:
    """Read the definitions of a directory, as (path, text); yield what cannot be read."""
    try:
        paths = _definition_files(directory)
    except OSError as error:
        yield _unreadable(directory, error.strerror or str(error))
        return
    if not paths:
        yield _unreadable(directory, "there is no *.json in this directory")
    for path in paths:
        try:
            texts.append((path, _read(path)))
        except OSError as error:
            yield _unreadable(path, error.strerror or str(error))
        except UnicodeDecodeError as error:
            yield _unreadable(path, f"it is not UTF-8 text ({error.reason} at byte {error.start})")


def _unreadable(origin: str, reason: str) -> Diagnostic:
    return Diagnostic("broken-definition", f"the definitions cannot be read: {reason}", origin=origin)


def _definition_files(directory: str) -> list[str]:
    names = sorted(os.listdir(directory))
    return [os.path.join(directory, name) for name in names if name.endswith(".json") and name != METASCHEMA_FILE]


def _read(path: str) -> str:
    with _open_file(path, encoding="utf-8") as file:
        return file.read()


class Place(NamedTuple):
    """Where the configuration is: the storage's URL, and the directory that relative paths count from."""

    url: str
    instance_directory: str


def default_url(environment: Mapping[str, str]) -> str:
    """Return the URL of the LDIF file used when nothing else is said: in the platform's configuration directory."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(
        environment.get("HOME") or os.path.expanduser("~"), ".config"
    )
    return f"ldif:{os.path.join(home, 'confobjects', 'config.ldif')}"


def place(url: str | None, instance: str | None, environment: Mapping[str, str]) -> Place:
    """Decide where the configuration is: what the caller says, then the environment, then the platform's place."""
    chosen = url or environment.get(URL_VARIABLE) or default_url(environment)
    directory = instance or environment.get(INSTANCE_VARIABLE)
    if not directory:
        scheme, _, rest = chosen.partition(":")
        try:
            directory = os.path.dirname(os.path.abspath(rest)) if scheme == "ldif" else os.getcwd()
        except OSError:
            remedy = "change to another directory, or name one with --instancePath and a whole path in the URL"
            raise UsageError(Diagnostic("usage", "the working directory does not exist", remedy=remedy)) from None
    return Place(chosen, directory)


def open(  # noqa: A001 - the verb of the public face: confobjects.open
    url: str | None = None,
    *,
    definitions: Sequence[str] | Registry = (),
    missing_ok: bool = True,
    environment: Mapping[str, str] | None = None,
    command: Callable[[], str] = lambda: "api",
    **options: Any,
) -> ManagementContext:
    """Open the configuration at a URL (``ldif:PATH``, …) for management.

    ``definitions`` are directories of further definitions, or a registry made before; ``options`` go to the storage. Without a URL the
    environment decides (``CONFOBJECTS_URL``), else the LDIF file in the platform's configuration directory. A
    missing LDIF file is an empty configuration unless ``missing_ok`` is false. ``command`` is asked, when a change is
    made, what the history is to name as its source; nothing in it may be a secret.

    Raises :class:`~confobjects.errors.DefinitionError`, :class:`~confobjects.errors.StorageError` and other
    errors of the storage.
    """
    where = place(url, None, os.environ if environment is None else environment)
    known = definitions if isinstance(definitions, Registry) else registry(definitions)
    actor = str(options.get("bind_dn") or "")
    return ManagementContext(
        known,
        _storage(where.url, missing_ok=missing_ok, **options),
        _at_write_time,
        lambda: _signature(actor or user(), command()),
    )


def _signature(actor: str, command: str) -> Signature:
    from confobjects.management.history.records import Signature

    return Signature(now(), actor, command)


def now() -> str:
    """Return the time in UTC (ISO 8601, to the second)."""
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime())


def user() -> str:
    """Return the name of the operating system's user, or the number of one without a name."""
    try:
        from pwd import getpwuid

        return getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return str(os.geteuid())


def _at_write_time(text: str, *, multi_valued: bool, secret: bool) -> Evaluated:
    """The evaluator of write time, loaded with the first expression that is met."""
    from confobjects.objects.evaluating import defaults_alone

    return defaults_alone(text, multi_valued=multi_valued, secret=secret)


def _storage(url: str, **options: Any) -> Storage:
    from confobjects.storage import open_storage

    return open_storage(url, **options)


def resolver(
    instance_directory: str,
    *,
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    expression_directories: Sequence[str] | None = None,
) -> Evaluate:
    """Return the evaluator of startup, with the sources of values in their order.

    ``environment`` defaults to the process's own; ``expression_directories`` to those it names in
    ``CONFOBJECTS_ENVCONFIG_DIRS``.
    """
    from confobjects.objects.evaluating import evaluator
    from confobjects.resolvers import Resolvers

    variables = os.environ if environment is None else environment
    if expression_directories is None:
        listed = variables.get(EXPRESSION_DIRECTORIES_VARIABLE, "")
        expression_directories = [part.strip() for part in listed.split(",") if part.strip()]
    return evaluator(
        Resolvers(
            define=define or {},
            environment=variables,
            directories=tuple(expression_directories),
            instance_directory=instance_directory,
        )
    )


def load(  # noqa: PLR0913 - each is a source or a place, all by keyword
    url: str | None = None,
    *,
    definitions: Sequence[str] | Registry = (),
    define: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    expression_directories: Sequence[str] | None = None,
    instance: str | None = None,
    missing_ok: bool = False,
    **options: Any,
) -> EffectiveConfiguration:
    """Return the effective configuration: evaluate every value, judge every object.

    Raises one :class:`~confobjects.errors.ConfobjectsError` that carries every problem. A missing LDIF file is
    refused unless ``missing_ok``. Warnings are in the result.
    """
    variables = os.environ if environment is None else environment
    where = place(url, instance, variables)
    evaluate = resolver(
        where.instance_directory,
        define=define,
        environment=variables,
        expression_directories=expression_directories,
    )
    known = definitions if isinstance(definitions, Registry) else registry(definitions)
    storage = _storage(where.url, missing_ok=missing_ok, **options)
    with _resting_collector(), ManagementContext(known, storage, evaluate) as context:
        configuration, problems = judge_all(context, where.instance_directory)
    if problems:
        raise error_for(problems)
    return configuration


def mailer(configuration: EffectiveConfiguration | str | None = None, *names: str, **options: Any) -> Mailer:
    """Return a mailer for the mail servers of a configuration, which is loaded where its URL is given.

    The mail servers named are tried in that order; without names every enabled one, sorted by name. ``options`` go
    to :class:`~confobjects.transport.mailer.Mailer`. Raises :class:`~confobjects.errors.MailError` of stage plan when
    there is none or one cannot be used, and what :func:`load` raises.
    """
    from confobjects.transport.fleet import servers_of
    from confobjects.transport.mailer import Mailer

    found = load(configuration) if configuration is None or isinstance(configuration, str) else configuration
    return Mailer(servers_of(found, names), **options)


@contextmanager
def _resting_collector() -> Iterator[None]:
    """Let the garbage collector rest: of 100,000 objects that are made and kept it took a quarter of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def judge_all(
    context: ManagementContext, instance_directory: str
) -> tuple[EffectiveConfiguration, tuple[Diagnostic, ...]]:
    """Judge every object with a context's evaluator: the effective configuration, and every error found."""
    world = context.world()
    return _judged(context, world, context.all(world), instance_directory)


def judge_one(
    context: ManagementContext, obj: ManagedObject, instance_directory: str, world: World | None = None
) -> tuple[EffectiveObject, tuple[Diagnostic, ...]]:
    """Judge one object and those it refers to: the effective object, and every error found.

    ``world`` is where the others are looked for, in place of the storage.
    """
    waiting = [obj]
    configuration, problems = _judged(
        context, context.world() if world is None else world, waiting, instance_directory, waiting.append
    )
    return configuration.at(obj.path), problems


def _judged(
    context: ManagementContext,
    world: World,
    objects: Iterable[ManagedObject],
    instance_directory: str,
    follow: Callable[[ManagedObject], None] | None = None,
) -> tuple[EffectiveConfiguration, tuple[Diagnostic, ...]]:
    """Judge objects; ``follow`` takes those that they refer to."""
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.objects.judging import Judge

    judge = Judge(context.registry, world, context.evaluate)
    judged_all: dict[Any, Judged] = {}
    errors: list[Diagnostic] = []
    warnings: list[Diagnostic] = list(context.storage.warnings)
    for obj in objects:
        if obj.path in judged_all:
            continue
        judged = judge.judge(obj)
        judged_all[obj.path] = judged
        if follow is not None:
            for found in _targets(judge, judged, world):
                follow(found)
        problems = [*judged.problems, *judge.references(judged)]
        if problems and judge.enabled(judged) is False:
            # A disabled object does nothing yet: a value that is not there yet does not stop the others.
            problems = [p.replace(severity="warning") if p.code == "unresolved-expression" else p for p in problems]
        errors.extend(p for p in problems if p.severity == "error")
        warnings.extend(p for p in problems if p.severity == "warning")
        warnings.extend(_unknown(obj))
    configuration = EffectiveConfiguration(
        context.registry,
        judged_all,
        judge.targets,
        tuple(warnings),
        instance_directory,
        lambda base: _entries(context.storage, base),
    )
    return configuration, tuple(errors)


def _entries(storage: Storage, base: str) -> list[Entry]:
    """Return the entries at a DN and below it as they are now; a connection opened for that is closed again."""
    from confobjects.dn import DN

    try:
        return list(storage.search(DN.parse(base), "sub"))
    finally:
        storage.close()


def _targets(judge: Judge, judged: Judged, world: World) -> Iterator[ManagedObject]:
    """Yield the objects that one refers to, as far as they exist."""
    for prop in judged.object.definition.properties.values():
        if prop.reference is not None:
            yield from (found for path in judge.targets(judged, prop) if (found := world.find(path)) is not None)


def _unknown(obj: Any) -> Iterator[Diagnostic]:
    for attribute in obj.unknown:
        yield Diagnostic(
            "broken-data",
            f"the attribute {attribute} belongs to no property: it is kept and not used",
            path=str(obj.path),
            severity="warning",
        )


__all__ = ["Place", "judge_all", "judge_one", "load", "mailer", "open", "place", "registry", "resolver"]
