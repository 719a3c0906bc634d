"""Entries that are kept apart from a configuration, in a directory: the places that they hang below, and changes of them.

Laws of this module:

1. The entries stand beside the base, or below it where it is the suffix of the server. See :mod:`confobjects.mapping.apart`.
2. An entry is replaced as a whole, in one request that may be repeated on any server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import AccessError
from confobjects.mapping.apart import place_of
from confobjects.mapping.entry import OBJECT_CLASS, AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry
from confobjects.mapping.objects import BRANCH_CLASS
from confobjects.mapping.protocol import Scope
from confobjects.records import Record
from confobjects.storage.ldap.results import NO_SUCH_OBJECT, SUCCESS, LdapResult, error_for_change

_EXISTS: Final = 68
_NOT_SEEN: Final = (NO_SUCH_OBJECT, 50)
"""What servers say of an entry that is not there, or is there and not for this user."""


class ApartMeans(Record):
    """What this module needs from the storage.

    ``is_suffix`` tells whether the server has the base as a suffix. ``look_up`` returns an entry, ``find`` the entries that
    a filter selects, ``send`` the answer to a change that may be repeated. ``origin`` names the server.
    """

    base: Callable[[], DN]
    is_suffix: Callable[[], bool]
    look_up: Callable[[DN, Sequence[str]], Entry | None]
    find: Callable[[DN, Scope, str, Sequence[str]], list[Entry]]
    send: Callable[[Change], LdapResult]
    origin: Callable[[], str]


class ApartEntry(Record):
    """One of the entries. ``name`` is the whole RDN if it has more or other parts; what is no text is an empty ``text``."""

    dn: DN
    name: str
    text: str


class ApartEntries:
    """The entries of one kind for one base: they are of a class, and each has one text in an attribute."""

    def __init__(
        self, means: ApartMeans, kind: tuple[str, str], object_class: str, attribute: str, naming: str
    ) -> None:
        self._means = means
        self._kind = kind
        self._class = object_class
        self._attribute = attribute
        self._naming = naming
        self._known: DN | None = None

    @property
    def branch(self) -> DN:
        """The DN of the entry that they hang below."""
        if self._known is None:
            self._known = place_of(self._means.base(), self._kind, is_suffix=self._means.is_suffix())
        return self._known

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_all(self) -> list[ApartEntry]:
        """Return all entries; those that hold nothing are left out."""
        found = self._means.find(self.branch, "one", f"(objectClass={self._class})", (self._attribute,))
        return [self._read_entry(entry) for entry in found if entry.get(self._attribute)]

    def find(self, name: str) -> str | None:
        """Return the text of the entry of a name, None if there is none."""
        entry = self._means.look_up(self.branch.child(self._naming, name), (self._attribute,))
        return None if entry is None else self._read_entry(entry).text or None

    def _read_entry(self, entry: Entry) -> ApartEntry:
        name = entry.dn.name_by(self._naming)
        if name is None:
            name = "+".join(f"{kind}={value}" for kind, value in entry.dn.rdns[0])
        match entry.get(self._attribute):
            case (str() as text,):
                return ApartEntry(entry.dn, name, text)
        return ApartEntry(entry.dn, name, "")

    # -- writing -----------------------------------------------------------------------------------------------------

    def write(self, name: str, text: str, remedy: str) -> None:
        """Write the text of a name in the place of the last one. The first one makes the entry.

        ``remedy`` says what to do if the entry is that of another user.
        """
        dn = self.branch.child(self._naming, name)
        change = ModifyEntry(dn, (Modification("replace", self._attribute, (text,)),))
        if self._make(change, *_NOT_SEEN) == SUCCESS:
            return
        entry = Entry(dn, {OBJECT_CLASS: ("top", self._class), self._naming: (dn.name,), self._attribute: (text,)})
        code = self._make(AddEntry(entry), _EXISTS, *_NOT_SEEN)
        if code in _NOT_SEEN:
            self.make_places()
            code = self._make(AddEntry(entry), _EXISTS)
        if code == _EXISTS and self._make(change, *_NOT_SEEN) != SUCCESS:
            raise self._foreign_error(dn, remedy)

    def remove(self, name: str) -> bool:
        """Remove the entry of a name, and return whether there was one."""
        return self.delete(self.branch.child(self._naming, name))

    def delete(self, dn: DN) -> bool:
        """Delete one of the entries, and return whether it was there."""
        change = DeleteEntry(dn)
        code = self._make(change, *_NOT_SEEN)
        if code not in (SUCCESS, NO_SUCH_OBJECT) and self._means.look_up(dn, ("1.1",)):
            code = self._make(change, NO_SUCH_OBJECT)
        return code == SUCCESS

    def make_places(self) -> list[DN]:
        """Make the entries that they hang below, and return the DNs of those that are new."""
        branch = self.branch
        places = [branch] if branch.name_by(self._kind[0]) == self._kind[1] else [branch.parent, branch]
        return [dn for dn in places if self._make_place(dn)]

    def _make_place(self, dn: DN) -> bool:
        attributes: dict[str, tuple[str, ...]] = {OBJECT_CLASS: ("top", BRANCH_CLASS)}
        for kind, value in dn.rdns[0]:
            attributes[kind] = (*attributes.get(kind, ()), value)
        try:
            return self._make(AddEntry(Entry(dn, attributes)), _EXISTS) == SUCCESS
        except AccessError as error:
            remedy = (
                "let an administrator make it (",
                RemedyAction("initialise"),
                "), and ",
                RemedyAction("load-access-rules"),
            )
            raise AccessError([problem.replace(remedy=remedy) for problem in error.diagnostics]) from None

    def _make(self, change: Change, *expected: int) -> int:
        """Make a change, and return the code of the answer: success, or one that was expected."""
        result = self._means.send(change)
        if result.code != SUCCESS and result.code not in expected:
            raise error_for_change(change, result, self._means.origin())
        return result.code

    def _foreign_error(self, dn: DN, remedy: str) -> AccessError:
        summary = f'the entry "{dn}" is that of another user'
        return AccessError(Diagnostic("access-refused", summary, origin=self._means.origin(), remedy=remedy))
