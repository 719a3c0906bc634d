"""One operation of one command line: carried out at once, or handed to the batch that contains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.management.changing.operations import Operation
from confobjects.objects.changes import PropertyChanges

from .output.changes import tell_changes
from .save_tests import choose_tests

if TYPE_CHECKING:
    from .invocation import Invocation

__all__ = ["Operation", "PropertyChanges", "perform"]


def perform(invocation: Invocation, operation: Operation, done: str) -> int:
    """Carry out an operation and report the result; ``done`` is the sentence for a change that was made."""
    if invocation.sink is not None:
        invocation.sink(operation)
        return 0
    recorder = None
    if invocation.options["displaycommand"] or invocation.options["commandfilepath"]:
        from .output.equivalents import Recorder

        recorder = Recorder(invocation)
    with (
        invocation.open_for_change() as context,
        context.change(dry_run=invocation.dry_run, tests=choose_tests(invocation)) as transaction,
    ):
        operation.ask(transaction)
    report = transaction.report
    told = operation.action == "delete" or invocation.compat
    status = tell_changes(invocation, report, "" if told else done)
    if invocation.compat:
        from .compat.changes import describe_change

        invocation.say(describe_change(invocation, operation, report))
    elif operation.action == "delete" and report.changed and invocation.tells_people and not invocation.dry_run:
        # A deletion is reported in a pipe as well: the object cannot be looked at any more.
        invocation.say_sentences(done)
        if report.number is not None:
            invocation.say(f"It comes back with: confobjects undo {report.number}")
    if recorder is not None and report.changed and not invocation.dry_run:
        recorder.record([operation])
    return status
