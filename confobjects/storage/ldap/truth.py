"""Judgement of history records: they are compared with the current revisions of the entries.

Law: the change of a single-change record was made if and only if its number became the revision of its entry. Proof:
the entry still has that revision, or a later change started from it. If a later change started from the same revision
as this one, this one was not made. While the entry has the revision that the change starts from, a writer that lives
may still make it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from confobjects.definitions.model import REVISION_ATTRIBUTE
from confobjects.dn import DN
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.journal import WRITER, State
from confobjects.records import Record
from confobjects.storage.ldap.plans import PlannedChange
from confobjects.storage.ldap.results import target_of
from confobjects.texts.numbers import read_number

REVISION: Final = REVISION_ATTRIBUTE
SWAPPED: Final = (REVISION, WRITER)
"""The attributes whose replacement decides which of two writers was faster."""
FENCE: Final = "fence"
"""The state of a record that only replaced a revision: no change from the revision before it was made after it."""
_JUDGED: Final = ("written", FENCE)
"""The states of records that their revision proves."""


class RecordStep(Record):
    """A record's claim about one entry: the change, the revision before it (0 for none), and the entry's current DN."""

    kind: str
    before: int
    dn: DN
    new_dn: DN | None = None


class StoredRecord(Record):
    """A record as stored in the directory. ``state`` is the state that was written there."""

    number: int
    state: str
    steps: tuple[str, ...]
    entry: Entry

    def parse_steps(self) -> list[RecordStep]:
        """Return the steps. Unreadable ones are left out."""
        return [step for text in self.steps if (step := _parse_step(text)) is not None]


def revision_of(entry: Entry | None, name: str = REVISION) -> int:
    """Return the number in an attribute, or 0 if there is none."""
    values = entry.get(name) if entry is not None else ()
    text = values[0] if values else ""
    return (read_number(text) or 0) if isinstance(text, str) else 0


def new_revision_of(change: Change) -> int:
    """Return the revision that a change gives its entry, or 0 if it gives none."""
    if isinstance(change, AddEntry):
        return revision_of(change.entry)
    steps = change.modifications if isinstance(change, ModifyEntry) else ()
    for step in steps:
        if step.kind == "add" and step.attribute.lower() == REVISION:
            return revision_of(Entry(target_of(change), {REVISION: step.values}))
    return 0


def is_single(plan: Sequence[PlannedChange]) -> bool:
    """Tell whether a plan is a single change that sets its record's number as the revision of the entry."""
    return len(plan) == 1 and new_revision_of(plan[0].change) > 0


def is_swap(change: Change) -> bool:
    """Tell whether a change replaces a value that decides which of two writers was faster."""
    return isinstance(change, ModifyEntry) and any(
        step.kind == "delete" and step.values and step.attribute.lower() in SWAPPED for step in change.modifications
    )


def with_number(step: PlannedChange, number: int) -> PlannedChange:
    """Return a step that sets the record's number as the revision of its entry, if the entry has a revision."""
    change = step.change
    if isinstance(change, AddEntry) and change.entry.get(REVISION):
        entry = Entry(change.entry.dn, {**change.entry.attributes, REVISION: (str(number),)})
        return PlannedChange(AddEntry(entry), step.before)
    if not isinstance(change, ModifyEntry):
        return step
    steps = [
        Modification("add", m.attribute, [str(number)]) if m.kind == "add" and m.attribute.lower() == REVISION else m
        for m in change.modifications
    ]
    return PlannedChange(ModifyEntry(change.dn, steps), step.before)


def number_plan(plan: Iterable[PlannedChange], number: int) -> Iterator[PlannedChange]:
    """Yield each step of a plan as :func:`with_number` gives it.

    What is deleted after the plan has given it a revision has the number before as well.
    """
    numbered = set[str]()
    for step in plan:
        made, before = with_number(step, number), step.before
        if before is not None and isinstance(step.change, DeleteEntry) and step.change.dn.normal in numbered:
            made = PlannedChange(step.change, Entry(before.dn, {**before.attributes, REVISION: (str(number),)}))
        if new_revision_of(made.change):
            numbered.add(target_of(made.change).normal)
        yield made


def steps_of(plan: Sequence[PlannedChange]) -> Iterator[str]:
    """Yield the claim of a record for each entry that a plan changes."""
    for step in plan:
        change = step.change
        kind = {AddEntry: "add", ModifyEntry: "modify", RenameEntry: "rename"}.get(type(change), "delete")
        words: list[object] = [
            kind,
            revision_of(step.before),
            str(change.dn if isinstance(change, RenameEntry) else target_of(change)),
        ]
        if isinstance(change, RenameEntry):
            words.append(str(change.new_dn))
        yield json.dumps(words, ensure_ascii=False)


def _parse_step(text: str) -> RecordStep | None:
    try:
        kind, before, dn, *new = json.loads(text)
        return RecordStep(str(kind), int(before), DN.parse(dn), DN.parse(new[0]) if new else None)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


class _EntryMoves:
    """Maps earlier DNs to current ones: later records may have renamed the entries."""

    def __init__(self) -> None:
        self._moves: list[tuple[DN, DN]] = []

    def add_moves(self, steps: Sequence[RecordStep]) -> None:
        for step in reversed(steps):
            if step.new_dn is not None:
                self._moves.append((step.dn, step.new_dn))

    def place_of(self, dn: DN) -> DN:
        for old, new in reversed(self._moves):
            if dn == old:
                dn = new
            elif dn.is_below(old):
                dn = DN.of(*dn.rdns[: len(dn) - len(old)], *new.rdns)
        return dn


class _StepClaim(Record):
    record: StoredRecord
    step: RecordStep
    place: DN


def _collect_claims(records: Sequence[StoredRecord]) -> list[_StepClaim]:
    """Return every step of every record with the current DN of its entry, the newest first."""
    place = _EntryMoves()
    result: list[_StepClaim] = []
    for record in reversed(records):
        steps = record.parse_steps()
        if record.state == "done":
            place.add_moves(steps)
        result.extend(_StepClaim(record, step, place.place_of(step.dn)) for step in steps)
    return result


def find_places(records: Sequence[StoredRecord]) -> list[DN]:
    """Return the current DNs of the entries in single-change records."""
    return list({c.place.normal: c.place for c in _collect_claims(records) if c.record.state in _JUDGED}.values())


def judge_records(
    records: Sequence[StoredRecord],
    revision: Callable[[DN], int | None],
    is_at_work: Callable[[StoredRecord], bool] = lambda _: False,
) -> dict[int, State]:
    """Return the outcome of each record, by number.

    ``revision`` looks up an entry's revision, None for no entry. ``is_at_work`` tells of a record whether its writer may
    still make the change.
    """
    evidence = _Evidence(records, revision)
    states: dict[int, State] = {record.number: _SAID.get(record.state, "unclear") for record in records}
    for claim in evidence.single:
        number = claim.record.number
        if number in evidence.proven:
            states[number] = "done"
        elif _can_follow(claim, revision(claim.place)) and is_at_work(claim.record):
            states[number] = "pending"
        elif evidence.has_begun(claim):
            states[number] = "void"
        else:
            states[number] = _judge_claim(claim, revision(claim.place))
    return states


def are_judged_alone(records: Sequence[StoredRecord], revision: Callable[[DN], int | None]) -> bool:
    """Tell whether the newest records have the same outcomes when they are judged together with all older ones.

    An older record never proves a newer one: it began from a revision below its own number. It can only show that the
    change of a newer one was not made, because it began from the same revision. That matters where the newer one would
    not be void anyway. It says nothing of one that is still being made: the entry has that revision again.
    """
    evidence = _Evidence(records, revision)
    return all(
        claim.record.number in evidence.proven
        or evidence.has_begun(claim)
        or _judge_claim(claim, revision(claim.place)) == "void"
        for claim in evidence.single
        if claim.record.state != FENCE
    )


class _Evidence:
    """What records say of each other, and revisions of them.

    ``single`` are the claims of the records to be judged, ``proven`` the numbers of those whose change was made.
    """

    def __init__(self, records: Sequence[StoredRecord], revision: Callable[[DN], int | None]) -> None:
        claims = _collect_claims(records)
        seen: dict[str, set[int]] = {}
        """The revisions that writers found, by DN. They prove the records with these numbers, even if the writer failed."""
        for claim in claims:
            seen.setdefault(claim.place.normal, set()).add(claim.step.before)
        self.single = [claim for claim in claims if claim.record.state in _JUDGED]
        self.proven = {
            claim.record.number
            for claim in self.single
            if claim.record.number in seen[claim.place.normal] or revision(claim.place) == claim.record.number
        }
        self._begun = {
            (claim.place.normal, claim.step.before)
            for claim in claims
            if claim.step.kind != "delete"  # not every deletion checks the revision
            and (claim.record.number in self.proven or claim.record.state == "done")
        }
        """The start revisions of proven changes: no other change can have been made from the same one."""

    def has_begun(self, claim: _StepClaim) -> bool:
        """Tell whether another change was made from the revision that a claim began from."""
        return (claim.place.normal, claim.step.before) in self._begun


def _can_follow(claim: _StepClaim, now: int | None) -> bool:
    """Tell whether the entry is as the writer found it, so that the change can still be made."""
    if claim.record.state == FENCE:
        return False
    return now is None if claim.step.kind == "add" else now == claim.step.before


_SAID: Final[dict[str, State]] = {"done": "done", "void": "void", "intent": "pending"}


def _judge_claim(claim: _StepClaim, now: int | None) -> State:
    """Return the state of a record that the history neither proves nor disproves."""
    if now is None:
        return "unclear" if claim.step.kind == "modify" else "void"
    return "done" if now > claim.record.number else "void"
