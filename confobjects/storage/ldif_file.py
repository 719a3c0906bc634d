"""Entries in an LDIF file that people edit too.

Laws of this module:

1. A read returns what the file contains now. Inside ``writing()``, what is read does not change.
2. A commit changes only the lines it must, and never overwrites what it has not read. A manual edit that is made in
   between is kept, and the changes are made on top of it.
3. A file that cannot be read completely is not touched.
"""

from __future__ import annotations

import os
from _thread import get_ident  # importing threading, which is built on it, slows a cold start
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from confobjects.actions import Remedy
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import (
    AccessError,
    BrokenDataError,
    ChangedMeanwhileError,
    ConfobjectsError,
    StorageError,
    UsageError,
)
from confobjects.mapping.entry import Change, Entry
from confobjects.mapping.ldif import NEW_DOCUMENT, Edit, LdifText, decode, parse, parse_file, parse_part
from confobjects.records import Record, field
from confobjects.storage import files
from confobjects.storage.tree import Tree

if TYPE_CHECKING:
    from confobjects.mapping.followers import FollowerReport
    from confobjects.mapping.journal import Moment, Note, NotedChange
    from confobjects.mapping.protocol import HolderMemory, Scope, Timing
    from confobjects.storage.file_watch import LdifWatch
    from confobjects.storage.follower_files import FollowerFiles
    from confobjects.storage.history import HistoryLines, HistoryWriter
    from confobjects.storage.replacing import Replacement
    from confobjects.storage.verification_file import VerificationFile

BASE: Final = DN.of(("cn", "config"))
"""The base DN of a new file."""
_ATTEMPTS: Final = 5


class _FileVersion(Record):
    """The file as it was read; ``data`` is None while there is no file."""

    data: bytes | None = field(repr=False)
    document: LdifText
    tree: Tree
    signature: files.FileSignature | None


class SharedVersion:
    """The newest version of one file that was read or written, for storages of a process that are opened with the same options."""

    def __init__(self) -> None:
        self.newest: _FileVersion | None = None


class LdifFileStorage:
    """A storage in an LDIF file.

    ``missing_ok=False`` makes a missing file an error. Otherwise the configuration is empty, and the first commit
    creates the file, readable only by this user. ``base`` overrides the base DN, which
    ``find_base`` otherwise finds from the entries; without both it is the first entry. A writer waits up to ``deadline``
    seconds for another one. ``archives`` is the number of previous versions kept in ``<file>.archive``; None keeps none
    at all, not even the newest. ``memory`` remembers entries with definitions that need not be read again. What one storage has
    read need not be read by others with the same ``version``, and is in memory once; they are all opened with the same other
    options.
    """

    serialises_writers = True
    is_foreign = False

    def __init__(  # noqa: PLR0913 - the file, and limits passed by keyword
        self,
        path: str,
        *,
        missing_ok: bool = True,
        base: DN | None = None,
        find_base: Callable[[Iterable[Entry]], DN | None] | None = None,
        deadline: float = 10.0,
        archives: int | None = 20,
        memory: HolderMemory | None = None,
        version: SharedVersion | None = None,
    ) -> None:
        self.path = os.path.abspath(os.path.expanduser(path))
        self.url = f"ldif:{self.path}"
        self._missing_ok = missing_ok
        self._base = base
        self._find_base = find_base
        self._deadline = deadline
        self._archives = archives
        self._memory = memory
        self._shared = version or SharedVersion()
        self._writer: _FileVersion | None = None
        self._owner: int | None = None
        self._remarks: list[Diagnostic] = []
        self._well_placed: tuple[DN, object] | None = None
        """The base and the names of the last entries that were found to have their parents and to be below the base."""
        self._content: tuple[bytes, files.FileSignature] | None = None
        """The file as it was read last, until it is parsed."""
        self._digest: tuple[str, files.FileSignature | None] | None = None
        """The digest of the file, with the signature that it had then."""

    # -- reading -----------------------------------------------------------------------------------------------------

    @property
    def _version(self) -> _FileVersion | None:
        """The file as it was read last."""
        return self._shared.newest

    @_version.setter
    def _version(self, version: _FileVersion) -> None:
        self._shared.newest = version

    @property
    def base(self) -> DN:
        """The base DN of the configuration; ``cn=config`` if the file has no entry."""
        return self._current_version().tree.base

    @property
    def holds_alike(self) -> bool:
        """Whether entries have equal names."""
        return self._current_version().tree.holds_alike

    @property
    def finds_alike(self) -> bool:
        """Whether an entry is found by every DN equal to its own: it is, unless several entries are."""
        return not self.holds_alike

    @property
    def answers_at_once(self) -> bool:
        """Whether the file is as it was read last."""
        version = self._version
        return version is not None and files.signature_of(self.path) == version.signature

    @property
    def warnings(self) -> list[Diagnostic]:
        """Warnings for the user: the file is missing, or entries have no parent."""
        version = self._current_version()
        found = list(self._remarks)
        if version.data is None:
            summary = "there is no such file: the configuration is empty"
            remedy = "the first change creates it; if it should be there, correct the path"
            found.append(self._make_warning(summary, remedy))
        found.extend(self._warn_of_misplaced(version.tree, version.document.names))
        return found

    def _warn_of_misplaced(self, tree: Tree, names: object) -> list[Diagnostic]:
        """Return warnings for entries without a parent, or outside the base. Where there were none, names alone decide."""
        if self._well_placed == (tree.base, names):
            return []
        found = []
        for entry in tree.orphans():
            summary = f'the entry "{entry.dn}" has no parent: there is no entry "{entry.dn.parent}"'
            found.append(self._make_warning(summary, "add the parent, or correct the DN"))
        found.extend(self._warn_of_outsiders(tree))
        self._well_placed = None if found else (tree.base, names)
        return found

    def others_can_read(self) -> bool:
        """Tell whether the file gives its group or everybody the right to read it."""
        try:
            return bool(os.stat(self.path).st_mode & 0o044)
        except OSError:
            return False

    def _warn_of_outsiders(self, tree: Tree) -> Iterator[Diagnostic]:
        """Yield a warning for the first entry outside the base, with the number of the others."""
        key = tree.base_key
        outside = [entry.dn for one, entry in tree.entries.items() if one != key and not one.endswith("," + key)]
        outside = [dn for dn in outside if not tree.base.is_below(dn)]
        if outside:
            more = f", and so are {len(outside) - 1} more" if len(outside) > 1 else ""
            summary = (
                f'the entry "{outside[0]}" is outside the base "{tree.base}"{more}: it is not part of the configuration'
            )
            yield self._make_warning(summary, "correct its DN, or remove it")

    def _make_warning(self, summary: str, remedy: Remedy) -> Diagnostic:
        return Diagnostic("storage-failed", summary, origin=self.path, remedy=remedy, severity="warning")

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:  # noqa: ARG002 - returns all
        """Return an entry, or None if it does not exist."""
        return self._current_version().tree.read(dn)

    def read_all(self, names: Sequence[DN]) -> list[Entry | None]:
        """Return each of some entries, or None if it does not exist."""
        return [self.read(dn) for dn in names]

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,  # noqa: ARG002 - returns all
        *,
        records: bool = True,  # noqa: ARG002 - the history is not among the entries
    ) -> list[Entry]:
        """Return the entries directly below a base, or, with "sub", the base and every entry below it."""
        return self._current_version().tree.search(base, scope, object_class)

    def snapshot(self) -> Mapping[str, Entry]:
        """Return every entry of the file as it is now."""
        return self._current_version().tree.entries

    def _current_version(self) -> _FileVersion:
        """Return the file as it is now. A writer gets it as it was when the writing began."""
        if self._writer is not None and self._owner == get_ident():
            return self._writer
        version, signature = self._version, files.signature_of(self.path)
        if version is None or signature != version.signature or (signature is None and not self._missing_ok):
            version = self._version = self._load()
        return version

    def _load(self) -> _FileVersion:
        found = self._take_content() or files.read(self.path)
        if found is None:
            if not self._missing_ok:
                raise StorageError(
                    Diagnostic("storage-failed", "there is no such file", origin=self.path, remedy="correct the path")
                )
            document = parse(NEW_DOCUMENT)
            return _FileVersion(None, document, self._make_tree(document), None)
        data, signature = found
        known = self._version
        if known is not None and known.data == data:
            return _FileVersion(data, known.document, known.tree, signature)
        document = self._parse(data, known) if data and not data.isspace() else parse(NEW_DOCUMENT)
        return _FileVersion(data, document, self._make_tree(document), signature)

    def _take_content(self) -> tuple[bytes, files.FileSignature] | None:
        """Return the content of the file, if it was just read for its digest."""
        found, self._content = self._content, None
        return found if found is not None and found[1] == files.signature_of(self.path) else None

    def _parse(self, data: bytes, known: _FileVersion | None) -> LdifText:
        """Return the document in the file's content; of one that was read before, only what has changed is parsed."""
        if known is not None:
            from confobjects.mapping.ldif.reparsing import parse_changed

            if (changed := parse_changed(known.document, data, parse_part)) is not None:
                return changed
        return parse_file(data, self.path, self._memory)

    def _make_tree(self, document: LdifText) -> Tree:
        base = self._base
        if base is None and self._find_base is not None:
            base = self._find_base(document.entries.values())
        first = next(iter(document.entries.values()), None)
        found = base or (first.dn if first is not None else BASE)
        return Tree(document.entries, found, holds_alike=document.holds_alike)

    # -- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Lock out other writers in any process or thread, and read the file again."""
        from confobjects.storage import archives, locking, own_files, replacing

        if self._owner == get_ident():
            raise UsageError("writing() is already active and cannot be nested")
        target = os.path.realpath(self.path)
        if not self._missing_ok:
            self._current_version()
        own_files.make_directory(os.path.dirname(target))
        with locking.hold_lock(target, self._deadline):
            self._owner = get_ident()
            try:
                replacing.remove_leftover(target)
                archives.remove_leftover(target)
                self._writer = self._version = self._load()
                yield
            finally:
                self._owner = self._writer = None

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes, all or none. The history record is written to disk first."""
        if self._owner != get_ident() or self._writer is None:
            raise UsageError("call commit() only inside writing()")
        if not changes:
            return None
        target = os.path.realpath(self.path)
        version = self._writer
        for _ in range(_ATTEMPTS):
            tree = version.tree.copy()
            edits = tree.apply(changes)
            written = self._replace(target, version, tree, edits, record)
            if written is not None:
                self._writer = self._version = written[0]
                return written[1] or None
            version = self._reload_edited(version, edits)
        raise self._changed_error("the file keeps changing")

    def _replace(
        self, target: str, version: _FileVersion, tree: Tree, edits: Sequence[Edit], record: Note | None
    ) -> tuple[_FileVersion, int] | None:
        """Write a new version of the file, and return it with its number in the history.

        Return None if the file is no longer the version that the new one is made from.
        """
        from confobjects.mapping.ldif.writing import edit_document
        from confobjects.storage.archives import archive
        from confobjects.storage.history import HistoryWriter, digest_of, time_of
        from confobjects.storage.replacing import Replacement

        document = edit_document(version.document, edits)
        self._check(document)
        data = document.data
        with Replacement(target, data) as replacement:
            archived = archive(target, version.data) if version.data and self._archives is not None else ""
            pen, edited = HistoryWriter(target), time_of(version.signature.modified) if version.signature else ""
            number = pen.intend(digest_of(version.data), digest_of(data), record, edited)
            happened = False
            try:
                found = files.read(target)
                if (found[0] if found is not None else None) != version.data:
                    return None
                replacement.take_place()
                happened = True
            finally:
                self._record_state(pen, number, replacement, happened=happened)
        if archived:
            self._prune(target, archived)
        changed = Tree(document.entries, tree.base, holds_alike=document.holds_alike)
        return _FileVersion(data, document, changed, replacement.signature), number

    @staticmethod
    def _record_state(pen: HistoryWriter, number: int, replacement: Replacement, *, happened: bool) -> None:
        """Record the outcome of a change in the history. If that fails, the digests still show it."""
        with suppress(ConfobjectsError):
            if happened:
                pen.record_state(number, "done", replacement.signature)
                return
            found = files.read(replacement.path)
            pen.record_state(number, "done" if found is not None and found[0] == replacement.data else "void")

    def _check(self, document: LdifText) -> None:
        """Read back the new content before it is written, so that a bug of ours never damages the file."""
        try:
            right = parse(document.serialise()).entries == document.entries
        except BrokenDataError:
            right = False
        if not right:
            summary = "the new content cannot be read back correctly; the file was not changed"
            remedy = "this is a bug of confobjects: please report it"
            raise ConfobjectsError(Diagnostic("internal-error", summary, origin=self.path, remedy=remedy))

    def _prune(self, target: str, archived: str) -> None:
        from confobjects.storage.archives import prune

        try:
            prune(target, self._archives or 0, archived)
        except ConfobjectsError as error:  # the change itself is done and safe
            self._remarks = [self._make_warning(problem.summary, problem.remedy) for problem in error.diagnostics]

    def _reload_edited(self, version: _FileVersion, edits: Sequence[Edit]) -> _FileVersion:
        """Return the file after an edit by someone who does not use the lock.

        The changes may be made on top of it if none of their entries has changed since they were planned. Raises
        :class:`~confobjects.errors.ChangedMeanwhileError` otherwise.
        """
        fresh = self._load()
        for edit in edits:
            dn = edit.old.dn if edit.old is not None else None
            if dn is not None and fresh.tree.read(dn) != version.tree.read(dn):
                raise self._changed_error(f'the entry "{dn}" was edited too')
        return fresh

    def _changed_error(self, summary: str) -> ChangedMeanwhileError:
        return ChangedMeanwhileError(
            Diagnostic(
                "changed-meanwhile",
                f"the file was edited while a change was being written: {summary}",
                origin=self.path,
                remedy="the other edit was kept; repeat the change",
            )
        )

    def history(self, since: int = 0) -> list[NotedChange]:
        """Return the recorded changes after a number, including manual edits, the oldest first."""
        from confobjects.storage import history, locking

        target = os.path.realpath(self.path)
        for _ in range(_ATTEMPTS):
            before = files.signature_of(history.path_of(target))
            lines = history.read(target, since)
            if not lines.is_settled and self._owner != get_ident():
                break
            found = self._list_changes(target, lines, since)
            if files.signature_of(history.path_of(target)) == before:
                return found  # else the file may be newer than the lines, which would look like a manual edit
        with suppress(AccessError), locking.hold_lock(target, self._deadline):
            # The writer has finished or is dead: the file shows which.
            return self._list_changes(target, history.read(target, since), since)
        return self._list_changes(target, history.read(target, since), since)

    def _list_changes(self, target: str, lines: HistoryLines, since: int) -> list[NotedChange]:
        from confobjects.storage import history

        digest, signature = self._digest_now(target, lines)
        when = history.time_of(signature.modified) if signature is not None else ""
        return history.list_changes(lines, digest, when, since)

    def _digest_now(self, target: str, lines: HistoryLines) -> tuple[str, files.FileSignature | None]:
        """Return the digest and the signature of the file. What has not changed, or is as the history says, is not read."""
        from confobjects.storage.history import digest_of

        signature = files.signature_of(target)
        digest = self._digest
        if signature is not None and (known := lines.find_digest(signature)) is not None:
            digest = known, signature
        elif signature is None or digest is None or digest[1] != signature:
            version = self._version
            found: tuple[bytes | None, files.FileSignature | None] | None
            if version is not None and version.signature == signature:
                found = version.data, signature
            else:
                self._content = files.read(target)
                found = self._content or (None, None)
            digest = digest_of(found[0]), found[1]
        self._digest = digest
        return digest

    def forget_secrets(self, is_kept: Callable[[NotedChange], bool], *, dry_run: bool = False) -> int:
        """Remove the protected part of each record of the history that a function does not keep; return how many."""
        from confobjects.storage.history import forget_secrets

        with self.writing():
            return forget_secrets(os.path.realpath(self.path), is_kept, dry_run=dry_run)

    def remove_archives(
        self, is_stale: Callable[[Iterable[Entry]], bool], *, dry_run: bool = False
    ) -> tuple[list[str], list[str]]:
        """Remove the archived versions whose entries a function rejects. Return their paths, and those of unreadable ones."""
        from confobjects.storage import archives

        target = os.path.realpath(self.path)
        if not os.path.isdir(archives.directory_of(target)):
            return [], []
        with self.writing():
            return archives.remove_stale(
                target, lambda data: is_stale(parse(decode(data)).entries.values()), dry_run=dry_run
            )

    def history_mark(self) -> object | None:
        """Return what the history and the file look like: an edit of the file is a part of the history."""
        from confobjects.storage.history import path_of

        target = os.path.realpath(self.path)
        return files.signature_of(path_of(target)), files.signature_of(target)

    def moment(self) -> Moment:
        """Return where the history stands. Nothing is read but its beginning and its end."""
        from confobjects.storage.history import read_moment

        return read_moment(os.path.realpath(self.path))

    def withdraw(self, number: int) -> None:
        """Record that the change with a number was taken back."""
        from confobjects.storage.history import HistoryWriter

        HistoryWriter(os.path.realpath(self.path)).record_state(number, "void")

    def pause(self, turn: int) -> None:
        """Do nothing: the other writers are locked out."""

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Lock out writers in any process or thread, in turn with them, if this process may lock and none of them hangs."""
        from confobjects.storage import locking

        with ExitStack() as held:
            if self._owner != get_ident():
                with suppress(AccessError, StorageError):
                    held.enter_context(locking.hold_lock(os.path.realpath(self.path), self._deadline))
                    self._owner = get_ident()
                    held.callback(self._disown)
            yield

    def _disown(self) -> None:
        self._owner = None

    def watch(self, timing: Timing | None = None) -> LdifWatch:
        """Return a watch that hears of every change of the file, manual edits and replacements included."""
        from confobjects.storage.file_watch import LdifWatch

        return LdifWatch(self.path, timing)

    @property
    def _follower_files(self) -> FollowerFiles:
        from confobjects.storage.follower_files import FollowerFiles

        return FollowerFiles(os.path.realpath(self.path))

    def followers(self) -> list[FollowerReport]:
        """Return the reports of the services that follow this file, sorted by name."""
        return self._follower_files.read_all()

    def find_follower(self, name: str) -> FollowerReport | None:
        """Return the report of one service, None if there is none."""
        return self._follower_files.find(name)

    def tell_follower(self, report: FollowerReport) -> None:
        """Write the report of a service to a file of its own, in the directory ``<file>.followers``."""
        self._follower_files.write(report)

    def forget_follower(self, name: str) -> None:
        """Remove the file with the report of a service, if there is one."""
        self._follower_files.remove(name)

    @property
    def _verification_file(self) -> VerificationFile:
        from confobjects.storage.verification_file import VerificationFile

        return VerificationFile(os.path.realpath(self.path), self._deadline)

    def verifications(self) -> dict[str, str]:
        """Return the records of the last tests of objects, as texts by key."""
        there = os.path.lexists(os.path.realpath(self.path) + ".verifications")
        return self._verification_file.read_all() if there else {}

    def find_verification(self, key: str) -> str | None:
        """Return the text of one of those records, None if there is none."""
        return self._verification_file.read_all().get(key)

    def keep_verification(self, key: str, text: str) -> None:
        """Write the text of a record to the file in the directory ``<file>.verifications``."""
        self._verification_file.write(key, text)

    def forget_verification(self, key: str) -> None:
        """Remove a record from that file, if it is there."""
        self._verification_file.remove(key)

    def close(self) -> None:
        """Discard what was read. No file stays open between calls."""
        self._shared = SharedVersion()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_url(  # noqa: PLR0913 - each is an option, passed by keyword
    url: str,
    *,
    missing_ok: bool = True,
    base: DN | None = None,
    find_base: Callable[[Iterable[Entry]], DN | None] | None = None,
    deadline: float = 10.0,
    archives: int | None = 20,
    memory: HolderMemory | None = None,
    version: SharedVersion | None = None,
) -> LdifFileStorage:
    """Return the storage of a URL ``ldif:PATH``; a leading ``~`` is the home directory.

    ``ldif:///path`` means the same as ``ldif:/path``. Raises :class:`~confobjects.errors.UsageError` without a
    path, or with a host.
    """
    path = url.partition(":")[2]
    if path.startswith("//"):
        if not path.startswith("///"):
            remedy = f'write "ldif:{path[2:]}" for a path that starts here, "ldif:{path[1:]}" for one that starts at /'
            raise UsageError(Diagnostic("usage", "the URL of an LDIF file cannot contain a host", remedy=remedy))
        path = path[2:]
    if not path or "\0" in path:
        raise UsageError(
            Diagnostic("usage", f'"{url}" does not name a file', remedy='write "ldif:" and the path of the file')
        )
    return LdifFileStorage(
        path,
        missing_ok=missing_ok,
        base=base,
        find_base=find_base,
        deadline=deadline,
        archives=archives,
        memory=memory,
        version=version,
    )
