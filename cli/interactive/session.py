"""A session: the open configuration and the terminal; it chooses objects and carries out operations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from confobjects.errors import ConfobjectsError
from confobjects.management.changing.operations import Operation

from ..output.changes import deferred_line, plan_lines
from ..output.shown import Units, show
from ..output.table import format_cell
from ..save_tests import choose_tests, open_tests, tell_tests
from ..words.actions import asks_for, render
from ..words.command_line import line_of
from .choosing import LONG
from .pages import BACK, QUIT, list_menu
from .terminal import BackRequest, QuitRequest

if TYPE_CHECKING:
    from confobjects.definitions import Relation
    from confobjects.management import ManagementContext
    from confobjects.objects.changes import ChangeReport
    from confobjects.objects.model import ManagedObject

    from ..invocation import Invocation
    from ..output.equivalents import Recorder
    from .terminal import Terminal


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
            self.terminal.say(render(diagnostic))

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
        labels = [" : ".join(cells) for cells in self._align_rows(relation, objects)]
        return objects[self.choose_one(question, labels)]

    def _align_rows(self, relation: Relation, objects: Sequence[ManagedObject]) -> list[list[str]]:
        """Return a name and its values for each object, in columns."""
        _, rows = self.rows(relation, objects)
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]

    def choose_one(self, question: str, labels: Sequence[str], more: Sequence[str] = ()) -> int:
        """Ask for one of some labels and return its place; ``more`` follow them. Raises BackRequest."""
        everything = [*labels, *more]
        if len(everything) > LONG:
            return self.terminal.pick(question, everything)
        choice = self.terminal.choose(list_menu("", question, everything, range(len(everything))))
        if choice.value == QUIT:
            raise QuitRequest
        if choice.value == BACK:
            raise BackRequest
        return int(choice.value)

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
        with self.context.change(dry_run=True) as transaction:
            for operation in operations:
                operation.ask(transaction)
        return transaction.report

    def finish(self, operations: Sequence[Operation], done: str, *, default: bool = True) -> bool:
        """Show the plan of some operations, ask, and carry them out in one transaction; return False if refused.

        Raises their problems; then nothing is written.
        """
        report = self.plan(operations)
        if not report.changed:
            self.terminal.say("There is nothing to change.")
            return True
        self.terminal.say("\nThe plan:\n")
        for line in plan_lines(report.changes):
            self.terminal.say(f"  {line}")
        for action in report.admin_actions:
            self.terminal.say(f"  {action.path}, {action.property}: {action.synopsis}")
        self.terminal.say()
        self.invocation.warn(report.warnings)
        if self.invocation.dry_run:
            self.terminal.say("This is a dry run: nothing is written.")
            return True
        if not self.terminal.confirm("Do it?", default=default):
            return False
        self.invocation.recorded = "; ".join(line_of(operation, self.registry) for operation in operations)
        missing = {warning.origin for warning in self.context.storage.warnings}
        saved = self._save(operations)
        if saved is None:
            return False
        for origin in sorted(missing - {warning.origin for warning in self.context.storage.warnings}):
            self.terminal.say(f"new file {origin}")
        self.invocation.warn(warning for warning in saved.warnings if warning not in report.warnings)
        self._tell_saved(saved, done)
        self.recorder.record(operations)
        return True

    def _save(self, operations: Sequence[Operation]) -> ChangeReport | None:
        """Carry out some operations; if a test fails, ask whether to save without it, and return None if not."""
        try:
            return self._carry_out(operations)
        except ConfobjectsError as error:
            if not asks_for(error.diagnostics, "save-untested"):
                raise
            self.tell_refusal(error)
        if not self.terminal.confirm("Save it without a test?", default=False):
            return None
        tests = open_tests(self.invocation)
        before, tests.choice = tests.choice, "never"
        try:
            return self._carry_out(operations)
        finally:
            tests.choice = before

    def _carry_out(self, operations: Sequence[Operation]) -> ChangeReport:
        with self.context.change(tests=choose_tests(self.invocation)) as transaction:
            for operation in operations:
                operation.ask(transaction)
        return transaction.report

    def _tell_saved(self, report: ChangeReport, done: str) -> None:
        self.terminal.say(f"Configuration saved. {done}" if any(change.test for change in report.changes) else done)
        if self.invocation.tests is not None:
            tell_tests(self.terminal.say, self.invocation.tests, report.changes)
            self.invocation.tests.made.clear()
        for deferred in report.deferred:
            self.terminal.say(deferred_line(deferred))


def quoted_name(obj: Any) -> str:
    """Return an object's name in quotes and a blank; an empty text without a name."""
    return f'"{obj.name}" ' if obj.name else ""
