"""Observers are told of each look as a whole, by change, and also of what is no change."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Condition

import confobjects
from confobjects.diagnostics import Diagnostic
from confobjects.following import Live, LiveEvent
from confobjects.following.groups import ChangeGroup, group_events
from confobjects.following.hearing import Hearing
from confobjects.management.site import ChangeSignature
from confobjects.storage.memory import MemoryStorage
from tests.following.services import FIRST, LONG, ONE, File, Told


class Observed:
    """An observer that keeps what it is told, each time with what is wrong then."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._condition = Condition()
        self.rounds: list[tuple[Sequence[LiveEvent], tuple[Diagnostic, ...]]] = []
        live.observe(self)

    def __call__(self, events: Sequence[LiveEvent]) -> None:
        with self._condition:
            self.rounds.append((events, self._live.problems))
            self._condition.notify_all()

    def wait(self, number: int) -> list[ChangeGroup]:
        """Return the change groups when there are so many."""
        with self._condition:
            assert self._condition.wait_for(lambda: len(self._groups()) >= number, LONG), self.rounds
            return self._groups()

    def wait_for_problem(self, *, is_there: bool) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: bool(self.rounds and self.rounds[-1][1]) is is_there, LONG)

    def _groups(self) -> list[ChangeGroup]:
        return [group for events, _ in self.rounds for group in group_events(events)]


def test_the_events_of_a_change_are_one_group_with_who_made_it(tmp_path: Path) -> None:
    file = File(tmp_path)
    live = file.live()
    observed = Observed(live)
    with live:
        file.set(smtp_server="second.example.com")
        with file.change() as tx:
            tx.create("mail-server", "two", FIRST)
            tx.set(*ONE, {"smtp-server": "third.example.com"})
        observed.wait(2)
        file.edit("third.example.com", "hand.example.com")
        groups = observed.wait(3)
    assert [(one.number, one.restored) for one in groups] == [(2, False), (3, False), (None, False)]
    assert [[event.kind for event in one.events] for one in groups] == [["changed"], ["added", "changed"], ["changed"]]
    with confobjects.open(file.url) as context:
        signatures: list[ChangeSignature | None] = [one.signature for one in context.history()[1:3]]
    assert [one.signature for one in groups] == [*signatures, None]
    assert all(event.signature == one.signature for one in groups for event in one.events)


def test_all_listeners_have_heard_when_an_observer_is_told(tmp_path: Path) -> None:
    file = File(tmp_path)
    live = file.live()
    told = Told()
    seen: list[int] = []
    live.observe(lambda events: seen.append(len(told.events) - len(events)))
    with live:
        live.listen()(told)
        for number in range(5):
            file.set(smtp_server=f"h{number}.example.com")
        assert live.wait_for(6, LONG)
        assert len(told.events) == 5
    assert min(seen) == 0
    assert seen[-1] >= 0


def test_problems_that_come_and_go_are_told_without_events(tmp_path: Path) -> None:
    file = File(tmp_path)
    live = file.live()
    observed = Observed(live)
    with live:
        good = file.path.read_text(encoding="utf-8")
        file.edit("first.example.com", "&{nowhere}")
        observed.wait_for_problem(is_there=True)
        file.replace(good)
        observed.wait_for_problem(is_there=False)
    assert [events for events, _ in observed.rounds if events] == []


def test_hearing_returns_when_its_storage_can_be_heard_no_longer_and_again() -> None:
    with closing(MemoryStorage()) as storage:
        hearing = Hearing(storage.watch())
        assert hearing.wait().notice is not None
        for stale, problems in ((1.0, ()), (1.0, (Diagnostic("cannot-connect", "it is gone"),)), (None, ())):
            hearing.watch.stale = stale  # type: ignore[misc]  # a watch that waits by nothing else
            hearing.watch.problems = problems  # type: ignore[misc]
            assert hearing.wait().notice is None
        hearing.close()
