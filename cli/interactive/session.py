"""A session: the open configuration and the terminal; it chooses objects and carries out operations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

from confobjects.errors import ConfobjectsError

from ..output.changes import deferred_line, plan_lines
from ..output.messages import message_of
from ..output.shown import Units, show
from ..output.table import format_cell
from ..save_tests import choose_tests, open_tests, tell_tests
from ..words.actions import asks_for
from ..words.command_line import line_of
from .choosing import LONG, Choice
from .pages import BACK, QUIT, list_menu
from .terminal import BackRequest, QuitRequest

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.management import ManagementContext
    from confobjects.management.changing.operations import Operation
    from confobjects.management.changing.trials import OpenTests
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.model import ManagedObject

    from ..invocation import Invocation
    from ..output.equivalents import Recorder
    from .terminal import Terminal


class Change(Protocol):
    """Makes a change, or with ``dry_run`` only its report. Raises its problems."""

    def __call__(self, *, dry_run: bool, tests: OpenTests | None) -> ChangeReport:
        """Make it."""
        ...


class InteractiveSession:
    """One run of interactive mode, over one open configuration."""

    def __init__(
        self, invocation: Invocation, context: ManagementContext, terminal: Terminal, recorder: Recorder
    ) -> None:
        self.invocation = invocation
        self.registry = invocation.registry
        self.context = context
        self.terminal = terminal
        self.recorder = recorder
        self.advanced = invocation.advanced

    def tell_refusal(self, error: ConfobjectsError) -> None:
        """Say why something was not done."""
        self.terminal.say()
        for diagnostic in error.diagnostics:
            self.terminal.tell(message_of(diagnostic))

    # -- objects -----------------------------------------------------------------------------------------------------

    def choose_parents(self, relation: Relation) -> tuple[str, ...]:
        """Have the parents of an object chosen, and return their names, the outermost first."""
        names: tuple[str, ...] = ()
        for step, below in pairwise(self.registry.lineage(relation)):
            if step.named:
                names = (*names, self._pick_below(step, names, f"Of which {step.friendly}?", below.parent).name)
        return names

    def pick(self, relation: Relation, question: str) -> ManagedObject:
        """Ask for an object of a relation. Raises BackRequest if there is none."""
        parents = self.choose_parents(relation)
        if not relation.named:
            return self.context.get(relation.name, parents)
        return self._pick_below(relation, parents, question)

    def _pick_below(
        self, relation: Relation, parents: tuple[str, ...], question: str, kind: str | None = None
    ) -> ManagedObject:
        """Ask for one of the objects below some parents; a type limits the choice."""
        kind = kind or relation.target
        objects = [obj for obj in self.context.list(relation.name, parents) if obj.definition.is_a(kind)]
        if not objects:
            definition = self.registry.definition(kind)
            several = relation.friendly_plural if kind == relation.target else definition.friendly_plural
            self.terminal.say(f"There are no {several}.")
            raise BackRequest
        heading, *labels = self._align_rows(relation, objects)
        return objects[self.choose_one(question, labels, heading=heading)]

    def _align_rows(self, relation: Relation, objects: Sequence[ManagedObject]) -> list[str]:
        """Return the headings of a list, then a name and its values for each object, in columns."""
        headings, rows = self.rows(relation, objects)
        return align_cells([headings, *rows])

    def choose_one(self, question: str, labels: Sequence[str], more: Sequence[str] = (), *, heading: str = "") -> int:
        """Ask for one of some labels and return its place; ``more`` follow them. Raises BackRequest."""
        everything = [*labels, *more]
        if len(everything) > LONG:
            return self.terminal.pick(question, everything, heading)
        menu = list_menu(question, everything, range(len(everything)), heading=heading)
        return _as_place(self.terminal.choose(menu))

    def choose_unseen(self, question: str, labels: Sequence[str]) -> int | str:
        """Ask for one of some labels without showing the answer; return its place, or the text that was typed instead."""
        chosen = self.terminal.choose_unseen(list_menu(question, labels, range(len(labels))))
        return chosen if isinstance(chosen, str) else _as_place(chosen)

    def rows(self, relation: Relation, objects: Sequence[ManagedObject]) -> tuple[list[str], list[list[str]]]:
        """Return the headings and rows of a list: the columns that the definition names."""
        typed = list(self.registry.types_of(relation)) != ["generic"]
        columns = self.registry.definition(relation.target).list_columns
        reader = self.context.site.make_reader()
        rows = []
        for obj in objects:
            row = [obj.name or relation.friendly]
            row += [self.registry.short_type_of(obj.definition, relation)] if typed else []
            for column in columns:
                prop = obj.definition.properties.get(column)
                cell = format_cell(show(obj, prop, reader, Units(), effective=False)) if prop is not None else "-"
                row.append(cell)
            rows.append(row)
        return [relation.friendly, *(["Type"] if typed else []), *columns], rows

    # -- changing ----------------------------------------------------------------------------------------------------

    def plan(self, operations: Sequence[Operation]) -> ChangeReport:
        """Return the report of a dry run of operations together. Raises their problems."""
        return self._as_change(operations)(dry_run=True, tests=None)

    def _as_change(self, operations: Sequence[Operation]) -> Change:
        def change(*, dry_run: bool, tests: OpenTests | None) -> ChangeReport:
            with self.context.change(dry_run=dry_run, tests=tests) as transaction:
                for operation in operations:
                    operation.ask(transaction)
            return transaction.report

        return change

    def finish(self, operations: Sequence[Operation], done: str, *, default: bool = True) -> bool:
        """Show the plan of some operations, ask, and carry them out in one transaction; return False if refused.

        Raises their problems; then nothing is written.
        """
        recorded = "; ".join(line_of(operation, self.registry) for operation in operations)
        made = self.carry_out(self._as_change(operations), recorded, done, default=default)
        if made:
            self.recorder.record(operations)
        return made is not None

    def carry_out(self, change: Change, recorded: str, done: str, *, default: bool = True) -> bool | None:
        """Show the plan of a change, ask, and make it; return None if it is refused, and False if there was nothing to make.

        ``recorded`` is the command that the history has of it. Raises its problems; then nothing is written.
        """
        report = change(dry_run=True, tests=None)
        if not report.changed:
            self.terminal.say("There is nothing to change.")
            return False
        self._tell_plan(report)
        if self.invocation.dry_run:
            self.terminal.say("This is a dry run: nothing is written.")
            return False
        if not self.terminal.confirm("Do it?", default=default):
            return None
        self.invocation.recorded = recorded
        missing = {warning.origin for warning in self.context.storage.warnings}
        saved = self._save(change)
        if saved is None:
            return None
        for origin in sorted(missing - {warning.origin for warning in self.context.storage.warnings}):
            self.terminal.say(f"new file {origin}")
        self.invocation.warn(warning for warning in saved.warnings if warning not in report.warnings)
        self._tell_saved(saved, done)
        return True

    def _tell_plan(self, report: ChangeReport) -> None:
        self.terminal.say("\nThe plan:\n")
        for line in plan_lines(report.changes):
            self.terminal.say(f"  {line}")
        for action in report.admin_actions:
            self.terminal.say(f"  {action.path}, {action.property}: {action.synopsis}")
        self.terminal.say()
        self.invocation.warn(report.warnings)

    def _save(self, change: Change) -> ChangeReport | None:
        """Make a change; if a test fails, ask whether to save without it, and return None if not."""
        try:
            return change(dry_run=False, tests=choose_tests(self.invocation))
        except ConfobjectsError as error:
            if not asks_for(error.diagnostics, "save-untested"):
                raise
            self.tell_refusal(error)
        if not self.terminal.confirm("Save it without a test?", default=False):
            return None
        tests = open_tests(self.invocation)
        before, tests.choice = tests.choice, "never"
        try:
            return change(dry_run=False, tests=choose_tests(self.invocation))
        finally:
            tests.choice = before

    def _tell_saved(self, report: ChangeReport, done: str) -> None:
        self.terminal.say(f"Configuration saved. {done}" if any(change.test for change in report.changes) else done)
        if self.invocation.tests is not None:
            tell_tests(self.terminal.say, self.invocation.tests, report.changes)
            self.invocation.tests.made.clear()
        for deferred in report.deferred:
            self.terminal.say(deferred_line(deferred))


def _as_place(choice: Choice) -> int:
    """Return the place of a chosen label. Raises BackRequest and QuitRequest."""
    if choice.value == QUIT:
        raise QuitRequest
    if choice.value == BACK:
        raise BackRequest
    return int(choice.value)


def align_cells(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines whose columns stand below one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [" : ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def quoted_name(obj: Any) -> str:
    """Return an object's name in quotes and a blank; an empty text without a name."""
    return f'"{obj.name}" ' if obj.name else ""
