"""``undo``: undo a change of the history, or every change after one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import make_command
from ..invocation import Invocation
from ..output.changes import tell_changes
from ..save_tests import choose_tests
from ..words.numbers import NumberType

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Undo a change of the history, or with --to every change after one (--to 0: all that are kept).

An undo is refused if a later change, or an edit by hand, touched the same values. It is a change like any other: it is
judged, it is recorded, and it can be undone. --dry-run says what would be done.

Examples:
  undo 7
  undo --to 5 --dry-run"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["number"], metavar="[NUMBER]", required=False, type=NumberType(1)),
        click.Option(["--to"], metavar="NUMBER", type=NumberType(0), help="The last change to keep."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, number: int | None, to: int | None) -> int:
    if (number is None) == (to is None):
        raise click.UsageError("undo takes the number of a change, or --to and the number of the last change to keep")
    with invocation.open_for_change() as context:
        if number is not None:
            report = context.undo(number, dry_run=invocation.dry_run, tests=choose_tests(invocation))
            return tell_changes(invocation, report, f"Change {number} was taken back.")
        edits = [one.number for one in context.history() if one.number > (to or 0) and one.state == "edited"]
        report = context.undo_to(to or 0, dry_run=invocation.dry_run, tests=choose_tests(invocation))
    for edit in edits:
        invocation.note(f"change {edit} is an edit by hand: its effect is unknown, and it stays")
    return tell_changes(
        invocation, report, f"Every change after {to} was taken back." if to else "Every change was taken back."
    )
