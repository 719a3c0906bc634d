"""The history records of a directory: reading them and judging what each one did.

Law: the records after a number are judged alike with and without those before it. Nearly always they can be judged
without them; where not, all are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from confobjects.dn import DN
from confobjects.mapping import journal as names
from confobjects.mapping.entry import OBJECT_CLASS, Entry
from confobjects.mapping.journal import NotedChange
from confobjects.mapping.protocol import Scope
from confobjects.records import Record
from confobjects.storage.ldap import plans
from confobjects.storage.ldap.truth import (
    FENCE,
    REVISION,
    StoredRecord,
    are_judged_alone,
    find_places,
    judge_records,
    revision_of,
)

_LOOKS: Final = 3
"""How often the newest records are read before all are."""
_STATES: Final = ("done", "void", "intent", "written", "unclear", FENCE)

CLAIM: Final = "claim"
"""The state of an entry that is no record: it says who may replace a value."""
RECORDS: Final = f"(&(objectClass={names.RECORD_CLASS})(!({names.STATE}={CLAIM})))"
"""The filter that selects the records."""

ReadEach = Callable[[Sequence[DN], Sequence[str]], Mapping[str, Entry | None]]
Find = Callable[[DN, Scope, str, Sequence[str]], list[Entry]]
FindFrom = Callable[[DN, str, int, Sequence[str]], list[Entry] | None]
FindRevision = Callable[[DN], int | None]
_WANTED: Final = (names.NUMBER, names.STATE, names.STEP, names.WRITER, names.TEXT, names.SECRET)


class Reading(Record):
    """How records are read and judged: by the functions of a directory, and one that tells whether a writer is at work."""

    read_each: ReadEach
    find: Find
    find_from: FindFrom
    is_at_work: Callable[[StoredRecord], bool]


def list_changes(reading: Reading, branch: DN, since: int = 0) -> list[NotedChange]:
    """Return the changes after a number that took effect or are being made, from the records below a branch.

    The oldest comes first.
    """
    found = _read_judged(reading, branch, since) if since else None
    if found is None:
        told = _sort_records(reading.find(branch, "one", RECORDS, _WANTED))
        found = told, _make_lookup(reading.read_each, told)
    told, find_revision = found
    states = judge_records(told, find_revision, reading.is_at_work)
    shown = [record for record in told if states[record.number] != "void" and record.state != FENCE]
    return [_as_noted(record, states[record.number]) for record in shown if record.number > since]


def _read_judged(reading: Reading, branch: DN, since: int) -> tuple[list[StoredRecord], FindRevision] | None:
    """Return the records after a number, and the revisions to judge them by; None if they cannot be judged alone.

    If an entry changes after its record was read, the next look also finds the record of that change.
    """
    for _ in range(_LOOKS):
        newest = _read_newest(reading.find_from, branch, since)
        if newest is None:
            return None
        find_revision = _make_lookup(reading.read_each, newest)
        if are_judged_alone(newest, find_revision):
            return newest, find_revision
    return None


def _read_newest(find_from: FindFrom, branch: DN, since: int) -> list[StoredRecord] | None:
    """Return the records after a number; None if they cannot be told from other entries."""
    found = find_from(branch, names.NUMBER, since + 1, (*_WANTED, OBJECT_CLASS))
    if found is None or not all(entry.get(names.STATE) and entry.get(OBJECT_CLASS) for entry in found):
        return None
    return _sort_records(
        entry
        for entry in found
        if entry.has_object_class(names.RECORD_CLASS) and text_of(entry, names.STATE).lower() != CLAIM
    )


def _sort_records(found: Iterable[Entry]) -> list[StoredRecord]:
    return sorted((_stored_record_of(entry) for entry in found), key=lambda record: record.number)


def _make_lookup(read_each: ReadEach, told: Sequence[StoredRecord]) -> FindRevision:
    """Return a function that looks up the revision of an entry, None if there is no entry.

    Those of the entries in some records are read at once: the later they are read, the likelier others have changed them.
    """
    known: dict[str, int | None] = {}

    def read(wanted: Sequence[DN]) -> None:
        for name, entry in read_each(wanted, (REVISION,)).items():
            known[name] = None if entry is None else revision_of(entry)

    def find_revision(dn: DN) -> int | None:
        if dn.normal not in known:
            read([dn])
        return known[dn.normal]

    read(find_places(told))
    return find_revision


def text_of(entry: Entry, name: str) -> str:
    """Return the text in an attribute, empty if the attribute is missing."""
    values = entry.get(name)
    return values[0] if values and isinstance(values[0], str) else ""


def _stored_record_of(entry: Entry) -> StoredRecord:
    state = text_of(entry, names.STATE).lower()
    steps = tuple(value for value in entry.get(names.STEP) if isinstance(value, str))
    return StoredRecord(revision_of(entry, names.NUMBER), state if state in _STATES else "unclear", steps, entry)


def _as_noted(told: StoredRecord, state: names.State) -> NotedChange:
    try:
        text, secret = plans.unpack_text(told.entry.get(names.TEXT)), plans.unpack_text(told.entry.get(names.SECRET))
    except ValueError:
        text = secret = ""
    return names.NotedChange(told.number, state, text, secret)
