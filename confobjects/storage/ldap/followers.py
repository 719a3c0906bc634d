"""The reports of the services that follow a configuration, in a directory.

Laws of this module:

1. The entries stand beside the base, where no search and no watch of the configuration comes: below
   ``cn=Followers`` and an entry that is called as the base is, so that two configurations under one parent are kept
   apart. Where the base is the suffix of the server there is nothing beside it: then they stand below
   ``cn=Followers`` below the base, and the storage leaves that branch out of what it finds and hears.
2. A service writes one entry, whose name is its own. What another name is written in is no report.
3. A report is replaced as a whole, in one request that may be repeated on any server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import AccessError
from confobjects.mapping.entry import OBJECT_CLASS, AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry
from confobjects.mapping.followers import (
    BRANCH,
    FOLLOWER_CLASS,
    MOST_FOLLOWERS,
    NAMING,
    REPORT,
    FollowerReport,
    check_follower_name,
    place_of_followers,
    read_report_of,
    sort_reports,
    write_report,
)
from confobjects.mapping.objects import BRANCH_CLASS
from confobjects.mapping.protocol import Scope
from confobjects.records import Record
from confobjects.storage.ldap.results import NO_SUCH_OBJECT, SUCCESS, LdapResult, error_for_change

_EXISTS: Final = 68
_NOT_SEEN: Final = (NO_SUCH_OBJECT, 50)
"""What servers say of an entry that is not there, or is there and not for this user."""


class FollowerMeans(Record):
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


class FollowerEntries:
    """The reports for one base."""

    def __init__(self, means: FollowerMeans) -> None:
        self._means = means
        self._known: DN | None = None

    @property
    def branch(self) -> DN:
        """The DN of the entry that the reports hang below."""
        if self._known is None:
            base = self._means.base()
            self._known = base.child(*BRANCH) if self._means.is_suffix() else place_of_followers(base)
        return self._known

    def _dn_of(self, name: str) -> DN:
        return self.branch.child(NAMING, check_follower_name(name))

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_all(self) -> list[FollowerReport]:
        """Return all reports, sorted by name."""
        found = self._means.find(self.branch, "one", f"(objectClass={FOLLOWER_CLASS})", (REPORT,))
        reports = (_report_in(entry) for entry in found[:MOST_FOLLOWERS])
        return sort_reports(one for one in reports if one is not None)

    def find(self, name: str) -> FollowerReport | None:
        """Return one report, None if there is none."""
        entry = self._means.look_up(self._dn_of(name), (REPORT,))
        return None if entry is None else _report_in(entry)

    # -- writing -----------------------------------------------------------------------------------------------------

    def write(self, report: FollowerReport) -> None:
        """Write a report in the place of the last one of the same service. The first one makes the entry."""
        dn = self._dn_of(report.name)
        value = (write_report(report),)
        change = ModifyEntry(dn, (Modification("replace", REPORT, value),))
        if self._make(change, *_NOT_SEEN) == SUCCESS:
            return
        entry = Entry(dn, {OBJECT_CLASS: ("top", FOLLOWER_CLASS), NAMING: (dn.name,), REPORT: value})
        code = self._make(AddEntry(entry), _EXISTS, *_NOT_SEEN)
        if code in _NOT_SEEN:
            self.make_places()
            code = self._make(AddEntry(entry), _EXISTS)
        if code == _EXISTS and self._make(change, *_NOT_SEEN) != SUCCESS:
            raise self._foreign_error(dn)

    def remove(self, name: str) -> None:
        """Remove a report, if there is one."""
        change = DeleteEntry(self._dn_of(name))
        if self._make(change, *_NOT_SEEN) not in (SUCCESS, NO_SUCH_OBJECT) and self._means.look_up(change.dn, ("1.1",)):
            self._make(change, NO_SUCH_OBJECT)

    def make_places(self) -> list[DN]:
        """Make the entries that the reports hang below, and return the DNs of those that are new."""
        branch = self.branch
        places = [branch] if branch.name_by(BRANCH[0]) == BRANCH[1] else [branch.parent, branch]
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

    def _foreign_error(self, dn: DN) -> AccessError:
        summary = f'the entry "{dn}" is that of another user'
        remedy = "give the service a name of its own, or remove the entry"
        return AccessError(Diagnostic("access-refused", summary, origin=self._means.origin(), remedy=remedy))


def _report_in(entry: Entry) -> FollowerReport | None:
    name = entry.dn.name_by(NAMING)
    values = entry.get(REPORT)
    if name is None or len(values) != 1 or not isinstance(values[0], str):
        return None
    return read_report_of(name, values[0])
