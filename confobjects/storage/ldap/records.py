"""The history records of a directory: reading them and judging what each one did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from confobjects.dn import DN
from confobjects.mapping import journal as names
from confobjects.mapping.entry import Entry
from confobjects.mapping.journal import NotedChange
from confobjects.mapping.protocol import Scope
from confobjects.storage.ldap import plans
from confobjects.storage.ldap.truth import FENCE, REVISION, StoredRecord, find_places, judge_records, revision_of

_MANY: Final = 8
"""The number of entries from which their revisions are looked up in one search."""
_STATES: Final = ("done", "void", "intent", "written", "unclear", FENCE)

CLAIM: Final = "claim"
"""The state of an entry that is no record: it says who may replace a value."""
RECORDS: Final = f"(&(objectClass={names.RECORD_CLASS})(!({names.STATE}={CLAIM})))"
"""The filter that selects the records."""

LookUp = Callable[[DN, Sequence[str]], Entry | None]
Find = Callable[[DN, Scope, str, Sequence[str]], list[Entry]]


def list_changes(look_up: LookUp, find: Find, branch: DN) -> list[NotedChange]:
    """Return the changes that took effect, from the records below a branch, the oldest first."""
    wanted = (names.NUMBER, names.STATE, names.STEP, names.TEXT, names.SECRET)
    found = find(branch, "one", RECORDS, wanted)
    told = sorted((_stored_record_of(entry) for entry in found), key=lambda record: record.number)
    states = judge_records(told, _make_lookup(told, look_up, find, branch.parent))
    shown = [record for record in told if states[record.number] != "void" and record.state != FENCE]
    return [_as_noted(record, states[record.number]) for record in shown]


def _make_lookup(told: Sequence[StoredRecord], look_up: LookUp, find: Find, base: DN) -> Callable[[DN], int | None]:
    """Return a function that looks up the revision of an entry, None if there is no entry."""
    wanted = find_places(told)
    known: dict[str, int | None] = {}
    if len(wanted) > _MANY:
        known = {dn.normal: None for dn in wanted}
        known.update((e.dn.normal, revision_of(e)) for e in find(base, "sub", "(objectClass=*)", (REVISION,)))

    def find_revision(dn: DN) -> int | None:
        if dn.normal not in known:
            entry = look_up(dn, (REVISION,))
            known[dn.normal] = None if entry is None else revision_of(entry)
        return known[dn.normal]

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
