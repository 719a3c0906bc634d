"""``apply FILE``: make the configuration match a document."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from confobjects.errors import DIFFERENCES, ConfobjectsError, error_for

from ..command import make_command
from ..invocation import Invocation
from ..needed import may_ask
from ..output.changes import tell_changes
from ..output.progress import show_progress
from ..save_tests import choose_tests
from ..words.sides import Side, read_side

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.objects.changes import ChangeReport

    from ..words.splitting import Words

_HELP = """Make the configuration match a file: a JSON document as export prints it, or LDIF; - is standard input.

The file describes each of its objects completely: a missing property goes back to its default, but a missing secret
stays as it is, and so does a read-only value. Other objects stay, unless --prune deletes them: at a terminal it shows which, and
asks. With --dry-run nothing is written, and the exit status is 1 if something would change. FILE may also be another server:
its URL, or properties:FILE."""

_LEAVE = "Leave a property of objects that are there as it is; may be repeated."


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["file"], metavar="FILE"),
        click.Option(["--prune"], is_flag=True, help="Delete the objects that are not in the file."),
        click.Option(["--leave", "own"], metavar="[KIND.]PROPERTY", multiple=True, help=_LEAVE),
        click.Option(["--recreate"], is_flag=True, help="Create objects anew whose read-only values differ."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, file: str, prune: bool, recreate: bool, own: tuple[str, ...]) -> int:
    wanted = read_side(invocation, file)
    if wanted.problems:  # an object that cannot be read would be lost without a word
        raise error_for(wanted.problems)
    with show_progress(invocation, f"applying {file}") as progress, invocation.open_for_change() as context:
        try:
            apply = partial(context.apply, wanted.objects, prune=prune, recreate=recreate, own=own)
            see = None
            if prune and not invocation.dry_run and may_ask(invocation):
                from ..interactive.pruning import ask_for_pruning

                see = ask_for_pruning(apply, wanted.objects, context.registry)
                if see is None:
                    invocation.note("nothing was done")
                    return DIFFERENCES
            count = partial(progress.count, f"applying {file}")
            report = apply(dry_run=invocation.dry_run, tests=choose_tests(invocation), see=see, progress=count)
        except ConfobjectsError as error:
            raise _locate_error(error, wanted) from error
    tell_changes(invocation, report, _summarise(report))
    return DIFFERENCES if invocation.dry_run and report.changed else 0


def _locate_error(error: ConfobjectsError, wanted: Side) -> ConfobjectsError:
    """Return the same error with the places in the document."""
    return error if wanted.document is None else type(error)(wanted.document.locate_problems(error.diagnostics))


def _summarise(report: ChangeReport) -> str:
    words = {"create": "created", "modify": "changed", "delete": "deleted", "rename": "renamed"}
    counts = [(sum(change.action == action for change in report.changes), word) for action, word in words.items()]
    (first, word), *more = [(count, word) for count, word in counts if count] or [(0, "changed")]
    objects = "object" if first == 1 else "objects"
    return ", ".join([f"{first} {objects} {word}", *(f"{count} {word}" for count, word in more)]) + "."
