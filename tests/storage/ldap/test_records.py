"""The newest records of a directory are judged as they are among all others, and nearly always without reading those."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.mapping import journal as names
from confobjects.mapping.entry import Entry
from confobjects.mapping.journal import NotedChange
from confobjects.storage.ldap import plans
from confobjects.storage.ldap.records import CLAIM, Reading, list_changes
from confobjects.storage.ldap.truth import FENCE, REVISION, StoredRecord

BASE = DN.parse("cn=config")
BRANCH = BASE.child("cn", "History")
PLACES = tuple(BASE.child("cn", name) for name in ("one", "two"))


class History:
    """Records in a directory of a few entries; ``searches`` counts how often all records were read.

    ``busy`` are the numbers of the records whose writers are at work.
    """

    def __init__(self, records: Sequence[Entry], revisions: dict[str, int]) -> None:
        self.records = records
        self.revisions = revisions
        self.searches = 0
        self.is_limited = False
        self.busy = frozenset[int]()

    def read_each(self, dns: Sequence[DN], wanted: Sequence[str]) -> dict[str, Entry | None]:
        known = self.revisions
        return {
            dn.normal: Entry(dn, {REVISION: (str(known[dn.normal]),)}) if dn.normal in known else None for dn in dns
        }

    def find(self, base: DN, scope: str, filter_: str, wanted: Sequence[str]) -> list[Entry]:
        self.searches += 1
        return [one for one in self.records if one.get(names.STATE) != (CLAIM,)]

    def find_from(self, parent: DN, name: str, least: int, wanted: Sequence[str]) -> list[Entry] | None:
        return None if self.is_limited else [one for one in self.records if int(str(one.get(name)[0])) >= least]

    def is_at_work(self, record: StoredRecord) -> bool:
        return record.number in self.busy

    def list(self, since: int = 0) -> list[NotedChange]:
        return list_changes(Reading(self.read_each, self.find, self.find_from, self.is_at_work), BRANCH, since)


def record(number: int, state: str, *steps: tuple[str, int, DN]) -> Entry:
    values = {
        "objectClass": ("top", names.RECORD_CLASS),
        names.NUMBER: (str(number),),
        names.STATE: (state,),
        names.STEP: tuple(dict.fromkeys(json.dumps([kind, before, str(dn)]) for kind, before, dn in steps)),
        names.TEXT: tuple(plans.pack_text(f"text {number}")),
    }
    return Entry(BRANCH.child("cn", str(number)), values)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Each record began from a revision below its number, of an entry that may be anything now."""
    made = []
    for number in range(1, draw(st.integers(1, 7)) + 1):
        state = draw(st.sampled_from(("written", "written", "written", "done", "void", "intent", FENCE, CLAIM)))
        kinds = st.sampled_from(("modify", "modify", "add") if state in {"written", FENCE} else ("modify", "delete"))
        step = st.tuples(kinds, st.integers(0, number - 1), st.sampled_from(PLACES))
        made.append(record(number, state, *draw(st.lists(step, min_size=1, max_size=1 if state == "written" else 3))))
    revisions = draw(st.dictionaries(st.sampled_from([dn.normal for dn in PLACES]), st.integers(0, 9)))
    return History(made, revisions)


@given(histories(), st.booleans(), st.frozensets(st.integers(1, 7)))
def test_what_is_read_after_any_number_is_the_end_of_the_whole(
    history: History, is_limited: bool, busy: frozenset[int]
) -> None:
    history.is_limited = is_limited
    history.busy = busy
    whole = history.list()
    for number in range(9):
        assert history.list(number) == [noted for noted in whole if noted.number > number]


def test_a_change_that_was_made_or_begins_is_judged_without_the_records_before_it() -> None:
    one, two = PLACES
    written = [record(number, "written", ("modify", number - 1, one)) for number in range(1, 400)]
    history = History([*written, record(400, "written", ("modify", 0, two))], {one.normal: 399, two.normal: 0})
    assert [noted.number for noted in history.list(397)] == [398, 399]
    assert history.searches == 0
    history.revisions[two.normal] = 400
    assert [noted.number for noted in history.list(398)] == [399, 400]
    assert history.searches == 0


def test_a_change_that_may_have_lost_is_judged_with_the_record_that_was_faster() -> None:
    one = PLACES[0]
    faster, slower, later = (
        record(number, "written", ("modify", before, one)) for number, before in ((5, 3), (6, 3), (7, 5))
    )
    history = History([faster, slower, later], {one.normal: 7})
    assert [noted.number for noted in history.list(5)] == [7]
    assert history.searches == 1


def test_a_change_that_is_made_while_its_records_are_read_is_read_too() -> None:
    """Its number is a revision that no record explains, until the newest records are read again."""
    one = PLACES[0]

    class Moving(History):
        def find_from(self, parent: DN, name: str, least: int, wanted: Sequence[str]) -> list[Entry] | None:
            found = super().find_from(parent, name, least, wanted)
            if self.revisions[one.normal] < 9:
                number = len(self.records) + 1
                self.records = [*self.records, record(number, "written", ("modify", number - 1, one))]
                self.revisions[one.normal] = number
            return found

    history = Moving(
        [record(number, "written", ("modify", number - 1, one)) for number in range(1, 9)], {one.normal: 8}
    )
    assert [noted.number for noted in history.list(7)] == [8, 9]
    assert history.searches == 0
