"""The history in the menus: what was changed, everything about one change, and taking it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from confobjects.errors import ConfobjectsError
from confobjects.management.history import records
from confobjects.management.history.undoing import plan_undo
from confobjects.texts.visible import make_visible

from ..commands.history import describe_change, detail_lines
from .session import align_cells

if TYPE_CHECKING:
    from confobjects.management.changing.trials import OpenTests
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.changes import ChangeReport
    from confobjects.paths import ManagedObjectPath

    from .session import InteractiveSession

_TAKE_BACK = "take it back"


class HistoryPages:
    """The pages of the history: of all changes, or of those of one object."""

    def __init__(self, session: InteractiveSession, path: ManagedObjectPath | None = None) -> None:
        self.session = session
        self.path = path

    def show(self) -> None:
        """Have a change chosen, the last one first; show everything about it, and offer to take it back. Raises BackRequest."""
        found, undone = self._read()
        one = self._choose("Which change do you want to see?", found, undone)
        lines = detail_lines(one, undone, self.session.registry)
        self.session.terminal.say("\n".join(["", *map(make_visible, lines)]))
        if one.number not in undone and self.session.choose_one("", [_TAKE_BACK]) == 0:
            self._undo(one)

    def undo(self) -> None:
        """Have a change chosen and take it back. Raises BackRequest."""
        found, undone = self._read()
        standing = [one for one in found if one.number not in undone]
        self._undo(self._choose("Which change do you want to take back?", standing, undone))

    def _read(self) -> tuple[Sequence[HistoryRecord], Mapping[int, int]]:
        """Return the changes, the last one first, and by which others some were taken back."""
        everything = self.session.context.history()
        found = everything if self.path is None else records.select_for_object(everything, self.path)
        return found[::-1], records.find_undone(everything)

    def _choose(self, question: str, found: Sequence[HistoryRecord], undone: Mapping[int, int]) -> HistoryRecord:
        from .terminal import BackRequest

        if not found:
            self.session.terminal.say("There are no changes.")
            raise BackRequest
        rows = [
            [
                str(one.number),
                one.signature.time or "-",
                one.signature.actor or "-",
                describe_change(one, undone) or "-",
            ]
            for one in found
        ]
        heading, *labels = align_cells([["Number", "Time", "Actor", "Change"], *rows])
        return found[self.session.choose_one(question, labels, heading=heading)]

    def _undo(self, one: HistoryRecord) -> None:
        """Take a change back after the plan of that was accepted."""

        def change(*, dry_run: bool, tests: OpenTests | None) -> ChangeReport:
            return self.session.context.undo(one.number, dry_run=dry_run, tests=tests)

        if self.session.carry_out(change, f"undo {one.number}", f"Change {one.number} was taken back.", default=False):
            with suppress(ConfobjectsError, KeyError):  # the definitions may no longer know what it changed
                self.session.recorder.record(list(plan_undo(one, self.session.registry)))
