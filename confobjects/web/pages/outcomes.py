"""Outcomes: what came of a form, and what is told of a change that was just made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.errors import ConfobjectsError
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.changes import ChangeReport


class Outcome(Record):
    """What came of a form: a plan, an error, or nothing, because the object has changed meanwhile (``stale``)."""

    error: ConfobjectsError | None = None
    report: ChangeReport | None = None
    stale: bool = False

    @property
    def status(self) -> int:
        """The status of the page."""
        if self.stale:
            return 412
        return 200 if self.error is None else self.error.http_status


NOTHING: Final = Outcome()
"""Nothing was asked for."""


class Saved(Record):
    """A change that was just made."""

    record: HistoryRecord
    commands: tuple[str, ...]
    actions: tuple[str, ...]
    untested: bool


def describe_saved(context: ManagementContext, number: int) -> Saved | None:
    """Return what is told of a change that was just made; None if there is no such change."""
    from confobjects.web.pages.reviewing import list_actions, list_commands

    try:
        one = context.recorded_change(number)
    except ConfobjectsError:
        return None
    untested = any(change.test in {"untested", "declined"} for change in one.changes)
    return Saved(one, tuple(list_commands(one, context.registry)), tuple(list_actions(one, context.registry)), untested)
