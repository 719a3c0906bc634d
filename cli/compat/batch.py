"""What dsconfig prints while it works through a batch: each command as it was typed, and below it what it printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .changes import describe_change

if TYPE_CHECKING:
    from confobjects.objects.changes import ChangeReport

    from ..batch.steps import BatchStep
    from ..invocation import Invocation


def tell_step(invocation: Invocation, step: BatchStep, report: ChangeReport | None) -> None:
    """Print a command that was carried out, its results and an empty line. With ``--quiet`` only the results."""
    if not invocation.quiet:
        invocation.say(step.source.join_line(step.command))
    for text in step.said:
        invocation.say(text)
    done = "" if step.operation is None else describe_change(invocation, step.operation, report)
    if done:
        invocation.say(done)
    if not invocation.quiet:
        invocation.say("\n")
