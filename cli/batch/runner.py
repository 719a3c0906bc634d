"""Carrying out a batch: as one change, or each command by itself.

Laws of this module:

1. As one change: one transaction takes every step, in order. If any step is wrong, every problem is
   reported and nothing is written. Otherwise one commit writes everything.
2. One by one: each step is a change of its own. A failure is reported, and the other steps continue.
3. A command that reads sees what the commands before it have made, written or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import CannotConnectError, ConfobjectsError, StorageError, error_for
from confobjects.management import ManagementContext
from confobjects.objects.changes import ChangeReport

from ..output.progress import Progress, show_progress
from ..save_tests import choose_tests
from .steps import BatchStep, StepContext, StepView, steps_of
from .summary import BatchSummary
from .touches import Touches

if TYPE_CHECKING:
    from confobjects.management.changing.transaction import Transaction

    from ..invocation import Invocation
    from .source import BatchSource


class Batch:
    """One run of a batch."""

    def __init__(self, invocation: Invocation, source: BatchSource) -> None:
        self.invocation = invocation
        self.source = source
        self.steps = steps_of(StepContext(invocation, source))
        self.touches = Touches(invocation.registry)
        self.summary = BatchSummary(invocation, source.origin, self.steps)
        self._sends = False
        self._told: set[int] = set()  # ids of the transaction's problems that belong to a step

    def run(self) -> int:
        """Carry it out, report the result, and return the exit status."""
        self.invocation.warn(self.source.warnings())
        with show_progress(self.invocation) as progress:
            for number, step in enumerate(self.steps, 1):
                step.parse()
                if step.problems:
                    self.touches.record_failure(step)
                progress.count("reading commands", number, len(self.steps))
            if self.invocation.options["batch_continue_on_error"]:
                return self._run_one_by_one(progress)
            report = self._run_as_one(progress)
        return self.summary.tell(report)

    # -- as one change ---------------------------------------------------------------------------------------------

    def _run_as_one(self, progress: Progress) -> ChangeReport:
        count = len(self.steps)
        self.invocation.recorded = f"batch {self.source.origin} ({count} command{'' if count == 1 else 's'})"
        try:
            with self.invocation.open_for_change() as context:
                return self._make_change(context, progress)
        except ConfobjectsError as error:
            progress.clear()
            raise self._refusal(error) from error

    def _make_change(self, context: ManagementContext, progress: Progress) -> ChangeReport:
        self.summary.note_known(context.storage.warnings)
        with context.change(dry_run=self.invocation.dry_run, tests=choose_tests(self.invocation)) as transaction:
            self._read_ahead(transaction)
            for number, step in enumerate(self.steps, 1):
                if not step.outcome:
                    self._ask_step(step, transaction)
                progress.count("planning commands", number, len(self.steps))
            progress.show(f"writing the change of {len(self.steps)} commands")
            if wrong := [problem for step in self.steps for problem in step.problems]:
                transaction.plan()  # problems of the whole are reported as well
                raise error_for(wrong)
            self._sends = True
        report = transaction.report
        return report.replace(warnings=tuple(map(_shorten_warning, self._locate_problems(report.warnings))))

    def _read_ahead(self, transaction: Transaction) -> None:
        if transaction.site.storage.serialises_writers:
            return  # a file or memory: everything is read already
        registry = self.invocation.registry
        transaction.expect([step.operation.resolve_path(registry) for step in self.steps if step.operation is not None])

    def _ask_step(self, step: BatchStep, transaction: Transaction) -> None:
        known = len(transaction.problems)
        operation = step.operation
        if operation is None:
            step.show(StepView(transaction.site, transaction.world))
            return
        path = operation.resolve_path(self.invocation.registry)
        before = transaction.world.find(path)
        try:
            operation.ask(transaction)
        except ConfobjectsError as error:
            self._record_failures(step, error.diagnostics)
        new = [problem for problem in list(transaction.problems)[known:] if problem.severity == "error"]
        self._told.update(map(id, new))
        self._record_failures(step, new)
        if not step.outcome:
            after = transaction.world.find(path)
            same = before == after and (after is None or after.path.elements == getattr(before, "path", path).elements)
            step.outcome = "unchanged" if same else "done"
        self.touches.add(step)

    def _record_failures(self, step: BatchStep, problems: Iterable[Diagnostic]) -> None:
        """Record the problems of a step; problems that only follow from failed steps are left out."""
        for problem in problems:
            step.outcome = "failed"
            if not self.touches.is_consequence(problem, step.line):
                step.fail(self.touches.with_order(problem, step, self.steps))
        if step.problems:
            self.touches.record_failure(step)

    def _refusal(self, error: ConfobjectsError) -> ConfobjectsError:
        """Return one error with every problem, in the order of the lines."""
        found = [problem for step in self.steps for problem in step.problems]
        new = [problem for problem in error.diagnostics if id(problem) not in self._told and problem not in found]
        new = [problem for problem in new if not self.touches.is_consequence(problem)]
        blamed = list(self._locate_problems(new))
        found = sorted([*found, *blamed], key=lambda problem: problem.line or len(self.source.script.lines) + 1)
        if not found:
            return error
        self.summary.tell_refusal(found, lost=self._sends and isinstance(error, CannotConnectError))
        return error_for(found)

    def _locate_problems(self, problems: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
        """Yield problems of the whole change, each with the place of the last command that touched its object."""
        for problem in problems:
            step = self.touches.find_step(problem)
            yield problem if step is None or problem.line is not None else step.place_problem(problem)

    # -- one by one ------------------------------------------------------------------------------------------------

    def _run_one_by_one(self, progress: Progress) -> int:
        reports: list[ChangeReport] = []
        with self.invocation.open_for_change() as context, self._open_trial(context) as place:
            self.summary.note_known(context.storage.warnings)
            for number, step in enumerate(self.steps, 1):
                self.invocation.recorded = self.summary.line_of(step)
                goes_on = bool(step.outcome) or self._carry_out(step, place, reports)
                report = reports[-1] if step.outcome == "done" and reports else None
                self.summary.tell_step(step, progress, report)
                progress.count("commands", number, len(self.steps))
                if not goes_on:
                    break
        progress.clear()
        return self.summary.tell(_merge_reports(reports), told=True)

    def _carry_out(self, step: BatchStep, context: ManagementContext, reports: list[ChangeReport]) -> bool:
        """Carry out one step; tell whether the others can still succeed."""
        if step.operation is None:
            step.show(StepView(context.site))
            return True
        dry_run = self.invocation.dry_run and context.storage is not self._trial
        try:
            with context.change(dry_run=dry_run, tests=choose_tests(self.invocation)) as transaction:
                step.operation.ask(transaction)
        except ConfobjectsError as error:
            for problem in error.diagnostics:
                step.fail(problem)
            return not isinstance(error, CannotConnectError | StorageError)
        step.outcome = "done" if transaction.report.changed else "unchanged"
        warnings = tuple(_shorten_warning(step.place_problem(problem)) for problem in transaction.report.warnings)
        reports.append(transaction.report.replace(warnings=warnings))
        return True

    _trial: object = None

    @contextmanager
    def _open_trial(self, context: ManagementContext) -> Iterator[ManagementContext]:
        """Return the configuration to change: with --dry-run a copy that is discarded."""
        if not self.invocation.dry_run:
            yield context
            return
        from confobjects.storage.memory import MemoryStorage

        entries = list(context.storage.search(context.storage.base, "sub"))
        self._trial = MemoryStorage(entries, base=context.storage.base)
        yield ManagementContext(context.site.on(self._trial))


def _shorten_warning(warning: Diagnostic) -> Diagnostic:
    """Return a warning with its place and without the line, since every command may have one."""
    return warning.replace(excerpt="", span=None)


def _merge_reports(reports: Sequence[ChangeReport]) -> ChangeReport:
    return ChangeReport(
        tuple(change for report in reports for change in report.changes),
        tuple(action for report in reports for action in report.admin_actions),
        tuple(deferred for report in reports for deferred in report.deferred),
        tuple(warning for report in reports for warning in report.warnings),
        max((report.number for report in reports if report.number is not None), default=None),
    )
