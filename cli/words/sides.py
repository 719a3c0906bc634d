"""The inputs of ``diff`` and ``apply``: a storage, a document, an LDIF file, or an archived version of one.

A side is a URL, the path of a file, ``-`` for standard input, ``archive:N`` for the configuration's file before its
N-th last change, ``history:N`` for the configuration right after change N, or ``properties:FILE`` for the configuration that
the options in a properties file name: another server, with a login of its own. The content of a file decides its kind.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from confobjects import startup
from confobjects.definitions.installed import InstalledText, merge_installed
from confobjects.diagnostics import Diagnostic
from confobjects.errors import BrokenDataError, DefinitionError, NoSuchObjectError, UsageError
from confobjects.inputs import BIG, read_shared
from confobjects.management.documents.comparing import Snapshot, States, take_snapshot
from confobjects.management.documents.json import ConfigurationDocument
from confobjects.mapping.documents import drop_masks, drop_secrets, find_definitions, state_of
from confobjects.mapping.installed import read_installed
from confobjects.paths import ROOT
from confobjects.records import Record
from confobjects.storage import SCHEMES
from confobjects.storage.archives import directory_of, list_archives
from confobjects.storage.own_files import read_own
from confobjects.texts.numbers import read_number

from ..opening import storage_options, storage_url
from .options import ABSENT, describe_shared

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management import ManagementContext

    from ..invocation import Invocation

_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"


class SourceDocument(Protocol):
    """A document that knows the places of its objects."""

    def locate_problems(self, problems: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Return problems of objects with their places."""
        ...


class Side(Record):
    """One configuration: its name, its objects, the definitions that it was read with, its document, and its problems."""

    name: str
    objects: States
    registry: Registry
    document: SourceDocument | None = None
    problems: tuple[Diagnostic, ...] = ()


def current_side(invocation: Invocation) -> Side:
    """Return the configuration that the options name."""
    with invocation.open() as context:
        invocation.warn(context.storage.warnings)
        return _as_side(invocation.place.url, take_snapshot(context.site), context.registry)


def read_side(invocation: Invocation, text: str) -> Side:
    """Return the configuration that a word names. Raises the errors of reading it."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in SCHEMES:
        return _stored_side(invocation, text, text, invocation.storage_options(text))
    if colon and scheme.lower() == "properties":
        return _side_of_properties(invocation, text, rest)
    if colon and scheme.lower() == "archive":
        path, target = _archive_path(invocation, rest)
        return _side_from_archive(invocation, read_own(path, target) or b"", path)
    if colon and scheme.lower() == "history":
        return _past_side(invocation, text, rest)
    data, shared = _read_bytes(text)
    side = _side_from_bytes(invocation, data, "standard input" if text == "-" else text)
    if shared and any(drop_secrets(state) is not state for state in side.objects.values()):
        invocation.warn([describe_shared(text)])
    return side


def _stored_side(invocation: Invocation, name: str, url: str, options: Mapping[str, Any]) -> Side:
    """Return what a storage holds. A server that keeps its own configuration there chooses the family of its definitions."""
    opened = startup.read_configuration(
        url, invocation.definitions, loaded=invocation.registry, missing_ok=False, **options
    )
    invocation.warn(opened.warnings)
    with startup.manage(opened, invocation.recorded_command) as context:
        found = take_snapshot(context.site)
        found = found if found.objects else found.replace(problems=_check_empty(context))
        return _as_side(name, found, context.registry)


def _side_of_properties(invocation: Invocation, name: str, path: str) -> Side:
    """Return the configuration that the options in a properties file name."""
    from . import properties_file

    found = properties_file.read(os.path.expanduser(path))
    invocation.warn(found.warnings)
    options = {**ABSENT, **found.values_besides(()), "no_prompt": invocation.options["no_prompt"]}
    url = storage_url(options)
    if url is None:
        summary = "this properties file does not say where the configuration is"
        raise UsageError(Diagnostic("usage", summary, origin=path, remedy="hostname=HOST and port=PORT, or url=URL"))
    return _stored_side(invocation, name, url, storage_options(options, url))


def _past_side(invocation: Invocation, name: str, number: str) -> Side:
    """Return the objects right after a change. A secret that is only known as a mask has an unknown value."""
    from confobjects.management.history.records import rebuild_as_of

    last = read_number(number)
    if last is None:
        remedy = "history:7 is the configuration right after change 7, history:0 the one before the first change"
        raise UsageError(Diagnostic("usage", f"history:{number} names no change", remedy=remedy))
    with invocation.open() as context:
        states = [state_of(obj, context.registry) for obj in rebuild_as_of(context.site, last).values()]
        return Side(name, {state.path: drop_masks(state) for state in states}, context.registry)


def _check_empty(context: ManagementContext) -> tuple[Diagnostic, ...]:
    """Return the problem of a storage without objects, unless it holds an empty configuration."""
    from confobjects.management.bases import is_base

    entry = context.storage.read(context.storage.base)
    branches = (context.site.mapper.branch_of(r, ROOT) for r in context.registry.children("root") if r.named)
    if (entry is not None and is_base(entry, context.registry)) or any(map(context.storage.read, branches)):
        return ()
    summary = f'there is no configuration: there is no base and no object at or below "{context.storage.base}"'
    remedy = "an empty configuration has its base and branches, as init creates them"
    return (Diagnostic("broken-data", summary, origin=context.storage.url, remedy=remedy),)


def _as_side(name: str, found: Snapshot, registry: Registry) -> Side:
    return Side(name, found.objects, registry, None, found.problems)


def _read_bytes(path: str) -> tuple[bytes, bool]:
    """Return the content of a file, and whether other users may read it."""
    if path == "-":
        data = sys.stdin.buffer.read(BIG + 1)
        return (data, False) if len(data) <= BIG else _refuse_size("standard input")
    try:
        return read_shared(path, BIG)
    except OSError as error:
        reason = (error.strerror or "").lower()
        remedy = f"a file, or a URL ({', '.join(f'{scheme}:' for scheme in SCHEMES)})"
        raise UsageError(Diagnostic("usage", f"it cannot be read: {reason}", origin=path, remedy=remedy)) from None


def _refuse_size(origin: str) -> NoReturn:
    raise BrokenDataError(Diagnostic("broken-data", f"it holds more than {BIG:,} bytes", origin=origin))


def _side_from_bytes(invocation: Invocation, data: bytes, origin: str) -> Side:
    data = _unpack_gzip(data, origin)
    if not _is_ldif(data, origin):
        text = _decode_text(data, origin, "")
        registry = _with_definitions(invocation.registry, find_definitions(text, origin))
        document = ConfigurationDocument(text, origin, registry)
        return Side(origin, document.objects, registry, document)
    return _side_from_ldif(invocation, data, origin)


def _is_ldif(data: bytes, origin: str) -> bool:
    start = data.removeprefix(_MARK).lstrip()[:1]
    return start not in {b"{", b"["} if start else origin.lower().endswith((".ldif", ".ldif.gz"))


def _decode_text(data: bytes, origin: str, remedy: str | None = None) -> str:
    """Return the text of some bytes. Raises an error with the place of a byte that is not UTF-8."""
    from confobjects.mapping.ldif import decode

    try:
        return decode(data.removeprefix(_MARK), origin)
    except BrokenDataError as error:
        (problem,) = error.diagnostics
        raise BrokenDataError(problem if remedy is None else problem.replace(remedy=remedy)) from None


def _unpack_gzip(data: bytes, origin: str) -> bytes:
    if not data.startswith(_GZIP):
        return data
    import gzip
    import io
    import zlib

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(BIG + 1)
        return found if len(found) <= BIG else _refuse_size(origin)
    except (OSError, EOFError, zlib.error) as error:
        raise BrokenDataError(Diagnostic("broken-data", f"it cannot be unpacked: {error}", origin=origin)) from None


def _side_from_ldif(invocation: Invocation, data: bytes, origin: str) -> Side:
    """Return the content of an LDIF document. Raises the errors of an empty one, or of one without a base."""
    from confobjects.management import ManagementContext, Site
    from confobjects.management.documents.ldif import LdifDocument
    from confobjects.storage.memory import MemoryStorage

    text = _decode_text(data, origin)
    document = LdifDocument(text, origin, invocation.registry)
    storage = MemoryStorage(document.entries, base=document.base)
    registry = _with_definitions(invocation.registry, read_installed(storage))
    if registry is not invocation.registry:
        document = LdifDocument(text, origin, registry)
    with ManagementContext(Site.of(registry, storage, invocation.make_evaluator())) as context:
        document.take_objects(context.site)
    return Side(origin, document.objects, registry, document, document.problems)


def _with_definitions(registry: Registry, found: Sequence[InstalledText]) -> Registry:
    """Return the definitions with those of a document, which count. Raises :class:`DefinitionError` if they are wrong."""
    if not found:
        return registry
    merged = registry.with_installed(merge_installed(registry.installed, found))
    if wrong := [problem for one in merged.unusable if one.installed in found for problem in one.problems]:
        raise DefinitionError(wrong)
    return merged


def _side_from_archive(invocation: Invocation, data: bytes, origin: str) -> Side:
    """Return the content of an archived storage; it is complete, may be empty, and may hold entries of others."""
    from confobjects.management import ManagementContext, Site
    from confobjects.mapping.ldif import parse
    from confobjects.storage.memory import BASE, MemoryStorage

    entries = list(parse(_decode_text(_unpack_gzip(data, origin), origin), origin).entries.values())
    storage = MemoryStorage(entries, base=entries[0].dn if entries else BASE)
    registry = invocation.registry.with_installed(read_installed(storage))
    with ManagementContext(Site.of(registry, storage, invocation.make_evaluator())) as context:
        return _as_side(origin, take_snapshot(context.site), registry)


def _archive_path(invocation: Invocation, number: str) -> tuple[str, str]:
    """Return the path of an archived version, counted back from the newest, and that of the configuration."""
    scheme, _, file = invocation.place.url.partition(":")
    back = read_number(number)
    if scheme.lower() != "ldif" or not back:
        raise UsageError(
            Diagnostic(
                "usage",
                f"archive:{number} names no archived version",
                remedy="archive:1 is an LDIF file before its last change",
            )
        )
    target = os.path.realpath(os.path.expanduser(file.removeprefix("//")))
    directory = directory_of(target)
    try:
        names = [name for _, name in reversed(list_archives(target))]
    except OSError:
        names = []
    if back > len(names):
        there = f"there are {len(names)}" if names else "there is none"
        raise NoSuchObjectError(
            Diagnostic("no-such-object", f"there is no archived version {number}: {there}", origin=directory)
        )
    return os.path.join(directory, names[back - 1]), target
