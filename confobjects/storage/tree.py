"""A tree of entries in memory that accepts changes as a directory does (RFC 4511). Memory and file storages share it.

Laws: changes are made all or none. Each change gives an :class:`~confobjects.mapping.ldif.Edit` for each entry it
affects. The cost of a step does not depend on the size of the tree, except that a renaming costs as much as it renames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.definitions.model import REVISION_ATTRIBUTE
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import ConstraintError, NoSuchObjectError, ObjectExistsError, ObjectInUseError
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    ModifyEntry,
    RenameEntry,
    apply,
    has_naming_values,
    make_conflict,
    no_such_entry,
    rename_entry,
)
from confobjects.mapping.keys import find_key
from confobjects.mapping.ldif import Edit

if TYPE_CHECKING:
    from confobjects.mapping.protocol import Scope


class Tree:
    """Entries by their keys, in the order they were added. ``base`` may be added without a parent.

    ``holds_alike`` tells whether entries have equal names, so that the normal form of a DN is not its key.
    """

    def __init__(self, entries: dict[str, Entry], base: DN, *, holds_alike: bool = False) -> None:
        self.entries = entries
        self.base = base
        self.holds_alike = holds_alike
        self._index: dict[str, dict[str, None]] | None = None

    def copy(self) -> Tree:
        """Return a copy. Changes to it do not affect this tree."""
        return Tree(dict(self.entries), self.base, holds_alike=self.holds_alike)

    @property
    def base_key(self) -> str:
        """The key of the base."""
        return self._key_of(self.base)

    def _key_of(self, dn: DN) -> str:
        return find_key(self.entries, dn) if self.holds_alike else dn.normal

    @property
    def _children(self) -> dict[str, dict[str, None]]:
        """Normal DN -> the DNs directly below it, as an ordered set. Built on first use: one read does not need it."""
        index = self._index
        if index is None:
            index = {}
            for key in self.entries:
                index.setdefault(_parent_key(key), {})[key] = None
            self._index = index  # when it is whole: several threads may read
        return index

    def _link(self, key: str) -> None:
        if self._index is not None:
            self._index.setdefault(_parent_key(key), {})[key] = None

    def _unlink(self, key: str) -> None:
        if self._index is not None:
            siblings = self._index[_parent_key(key)]
            del siblings[key]
            if not siblings:
                del self._index[_parent_key(key)]

    def read(self, dn: DN) -> Entry | None:
        """Return an entry, or None if it does not exist."""
        return self.entries.get(self._key_of(dn))

    def search(self, base: DN, scope: Scope, object_class: str | None) -> list[Entry]:
        """Return the entries directly below a base, or the base and every entry below it, parents first."""
        key = self._key_of(base)
        keys: Iterable[str] = list(self._children.get(key, ())) if scope == "one" else self._keys_below(key)
        found = [self.entries[key] for key in keys]
        if object_class is None:
            return found
        return [entry for entry in found if entry.has_object_class(object_class)]

    def _keys_below(self, key: str) -> Iterator[str]:
        """Yield an entry, if it exists, and every entry below it. Not recursive, because the tree may be deep."""
        waiting = [key]
        while waiting:
            key = waiting.pop()
            if key in self.entries:
                yield key
            waiting.extend(reversed(self._children.get(key, {})))

    def orphans(self) -> Iterator[Entry]:
        """Yield the entries below the base that have no parent."""
        for key, entry in self.entries.items():
            if _parent_key(key) not in self.entries and entry.dn.is_below(self.base):
                yield entry

    def apply(self, changes: Sequence[Change]) -> list[Edit]:
        """Make all the changes in order, or none; return the edit of each entry. Raises as ``commit``."""
        edits: list[Edit] = []
        try:
            for change in changes:
                for edit in _HOW[type(change)](self, change):
                    self._put(edit)
                    edits.append(edit)
        except BaseException:
            for edit in reversed(edits):
                self._put(Edit(edit.new, edit.old))
            raise
        return edits

    def _put(self, edit: Edit) -> None:
        old, new = edit.old, edit.new
        before = None if old is None else self._key_of(old.dn)
        stays = old is not None and new is not None and old.dn == new.dn
        if before is not None and not stays:
            del self.entries[before]
            self._unlink(before)
        if new is not None:
            key = before if before is not None and stays else self._key_of(new.dn)
            self.entries[key] = new
            if not stays:
                self._link(key)

    def _require_entry(self, dn: DN) -> Entry:
        entry = self.read(dn)
        if entry is None:
            raise no_such_entry(dn)
        return entry

    def _check_place(self, dn: DN) -> None:
        """Refuse a new entry that already exists or has no parent."""
        if self._key_of(dn) in self.entries:
            raise ObjectExistsError(f'the entry "{dn}" already exists')
        if dn != self.base and self._key_of(dn.parent) not in self.entries:
            if not dn.is_below(self.base):
                raise NoSuchObjectError(f'the entry "{dn}" would lie outside the base "{self.base}"')
            raise NoSuchObjectError(f'the parent of "{dn}" does not exist: "{dn.parent}"')

    def plan_addition(self, change: AddEntry) -> Iterator[Edit]:
        """Plan the edit of an addition."""
        entry = change.entry
        self._check_place(entry.dn)
        if not has_naming_values(entry):
            raise _naming_error(entry.dn)
        yield Edit(None, entry)

    def plan_modification(self, change: ModifyEntry) -> Iterator[Edit]:
        """Plan the edit of a modification."""
        old = self._require_entry(change.dn)
        new = apply(old, change.modifications)
        if not has_naming_values(new) and has_naming_values(old):  # a file may contain entries that never had it
            raise _naming_error(old.dn)
        yield Edit(old, new)

    def plan_deletion(self, change: DeleteEntry) -> Iterator[Edit]:
        """Plan the edit of a deletion."""
        entry = self._require_entry(change.dn)
        if below := self._children.get(self._key_of(change.dn)):
            count = f"{len(below)} entries" if len(below) > 1 else f'the entry "{self.entries[next(iter(below))].dn}"'
            raise ObjectInUseError(
                Diagnostic(
                    "object-in-use",
                    f'the entry "{change.dn}" cannot be deleted: it has {count} below it',
                    remedy="delete the entries below it first",
                )
            )
        if change.revision and change.revision not in entry.get(REVISION_ATTRIBUTE):
            raise make_conflict(entry, "it is not deleted as it is now")
        yield Edit(entry, None)

    def plan_renaming(self, change: RenameEntry) -> Iterator[Edit]:
        """Plan the edits of a renaming: the entry, then every entry below it."""
        old = self._require_entry(change.dn)
        if change.new_dn == change.dn:
            if self._require_entry(change.new_dn) is not old:
                raise ObjectExistsError(f'the entry "{change.new_dn}" already exists')
            yield Edit(old, rename_entry(old, change.new_dn))
            return
        if change.new_dn.is_below(change.dn):
            raise ConstraintError(f'the entry "{change.dn}" cannot be moved below itself')
        self._check_place(change.new_dn)
        for key in list(self._keys_below(self._key_of(change.dn))):
            entry = self.entries[key]
            if entry is old:
                yield Edit(old, rename_entry(old, change.new_dn))
                continue
            rdns = entry.dn.rdns[: len(entry.dn) - len(change.dn)]
            yield Edit(entry, Entry.from_trusted(DN.of(*rdns, *change.new_dn.rdns), entry.attributes))


_HOW: Final[dict[type[Change], Callable[[Tree, Change], Iterator[Edit]]]] = {
    AddEntry: Tree.plan_addition,  # type: ignore[dict-item]  # each is called only with its own kind of change
    ModifyEntry: Tree.plan_modification,  # type: ignore[dict-item]  # as above
    DeleteEntry: Tree.plan_deletion,  # type: ignore[dict-item]  # as above
    RenameEntry: Tree.plan_renaming,  # type: ignore[dict-item]  # as above
}


def _parent_key(key: str) -> str:
    """Return the normal form of the parent: in a normal form, a comma always separates RDNs."""
    return key.partition(",")[2]


def _naming_error(dn: DN) -> ConstraintError:
    attribute = dn.rdns[0][0][0]
    return ConstraintError(
        Diagnostic(
            "constraint-violated",
            f'the attribute {attribute} of the entry "{dn}" must contain the value in the name',
            remedy="to change the name, rename the entry",
        )
    )
