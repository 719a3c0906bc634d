"""What a live configuration tells after each look, taken in the thread that hears: masked, and no longer tied to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from confobjects import startup
from confobjects.following.groups import group_events
from confobjects.records import Record

from ..output.watched import Document, describe_group, describe_state, describe_withdrawal

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.following import Live, LiveEvent


class Round(Record):
    """What one look found: the whole state the first time, later the change groups; and what is wrong now."""

    state: Document | None
    groups: tuple[Document, ...]
    problems: tuple[Diagnostic, ...]
    is_stale: bool


class RoundObserver:
    """Makes rounds of what a live configuration tells, and puts those somewhere that tell anything new."""

    def __init__(self, live: Live, put: Callable[[Round], Any]) -> None:
        self._live = live
        self._put = put
        self._told: Round | None = None
        self._waiting: dict[str, None] = {}

    def __call__(self, events: Sequence[LiveEvent]) -> None:
        """Take what listeners were told since the last time."""
        live, told = self._live, self._told
        problems = dict.fromkeys((*live.problems, *live.configuration.warnings))
        state = describe_state(live) if told is None else None
        groups = () if told is None else tuple(self._describe_groups(events))
        self._waiting = self._find_waiting()
        self._told = Round(state, groups, tuple(problems), live.stale is not None)
        if groups or told is None or self._told.replace(groups=told.groups, state=told.state) != told:
            self._put(self._told)

    def _find_waiting(self) -> dict[str, None]:
        return dict.fromkeys(str(one.path) for one in self._live.waiting)

    def _describe_groups(self, events: Sequence[LiveEvent]) -> Iterator[Document]:
        heard = startup.current_time()
        for group in group_events(events):
            yield describe_group(group, heard, self._live.number)
        told = {str(event.path) for event in events}
        waiting = self._find_waiting()
        withdrawn = [path for path in self._waiting if path not in waiting and path not in told]
        if withdrawn:
            yield describe_withdrawal(self._live.number, withdrawn, heard)
