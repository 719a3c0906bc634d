"""The reports of the services that follow a configuration, in a directory.

Laws of this module:

1. The entries are kept apart from the configuration. See :mod:`confobjects.storage.ldap.apart`.
2. A service writes one entry, whose name is its own. What another name is written in is no report, and told as one that
   cannot be read, as is an entry that holds no text. One that holds nothing yet is none of a follower.
"""

from __future__ import annotations

from confobjects.dn import DN
from confobjects.mapping.apart import FOLLOWERS
from confobjects.mapping.followers import (
    FOLLOWER_CLASS,
    MOST_FOLLOWERS,
    NAMING,
    REPORT,
    FollowerReport,
    check_follower_name,
    label_of,
    read_report_of,
    same_follower,
    sort_reports,
    stand_in_for,
    write_report,
)
from confobjects.storage.ldap.apart import ApartEntries, ApartMeans


class FollowerEntries:
    """The reports for one base."""

    def __init__(self, means: ApartMeans) -> None:
        self._entries = ApartEntries(means, FOLLOWERS, FOLLOWER_CLASS, REPORT, NAMING)

    def read_all(self) -> list[FollowerReport]:
        """Return all reports, sorted by name, and a stand-in for each that cannot be read."""
        found = self._entries.read_all()[:MOST_FOLLOWERS]
        return sort_reports(read_report_of(one.name, one.text) or stand_in_for(one.name) for one in found)

    def find(self, name: str) -> FollowerReport | None:
        """Return one report, None if there is none, or none that can be read."""
        text = self._entries.find(check_follower_name(name))
        return None if text is None else read_report_of(name, text)

    def write(self, report: FollowerReport) -> None:
        """Write a report in the place of the last one of the same service. The first one makes the entry."""
        remedy = "give the service a name of its own, or remove the entry"
        self._entries.write(check_follower_name(report.name), write_report(report), remedy)

    def remove(self, name: str) -> None:
        """Remove a report, if there is one, also one that cannot be read by what it is called."""
        if not self._entries.remove(check_follower_name(name)):
            called = (one.dn for one in self._entries.read_all() if same_follower(label_of(one.name), name))
            for dn in called:
                self._entries.delete(dn)

    def make_places(self) -> list[DN]:
        """Make the entries that the reports hang below, and return the DNs of those that are new."""
        return self._entries.make_places()
