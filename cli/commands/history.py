"""``history``: every change of the configuration, who made it and when, and how to undo it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects.definitions.model import HOLDER_KIND
from confobjects.errors import ConfobjectsError
from confobjects.management.history import records
from confobjects.management.history.undoing import plan_undo
from confobjects.records import as_dict
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation
from ..words.command_line import line_of
from ..words.names import name_options, take_names
from ..words.numbers import NumberType

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.history.records import HistoryRecord, RecordedChange

    from ..words.splitting import Words

_HELP = """Show the changes of the configuration, the oldest first.

With OBJECT and its name, show only the changes of one object. With "show" and a number, show everything about one change:
what it did, and the commands that undo it.

Examples:
  history --limit 10
  history show 7
  history mail-server --server-name one"""
TESTS = {"tested": "tested", "untested": "untested", "declined": "not tested by --no-test"}
"""Whether an object was tested before it was saved, in the words of the command line."""
_STATES = {
    "pending": "is being made, or was interrupted: the next change finishes it, or takes it back",
    "unclear": "was interrupted; it is not known whether it was made",
    "edited": "edited by hand",
}


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command; the name options are those of the object it is asked for."""
    kind = next((word.lower() for word in words.rest if word.lower() in registry.relations()), None)
    names = name_options(registry.relations()[kind], registry) if kind is not None else []
    parameters: list[click.Parameter] = [
        click.Argument(["what"], metavar="[OBJECT|show]", required=False),
        click.Argument(["number"], metavar="[NUMBER]", required=False, type=NumberType(1)),
        *names,
        click.Option(["--limit"], metavar="COUNT", type=NumberType(1), help="Show only the last changes."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str | None, number: int | None, limit: int | None, **values: Any) -> int:
    if what is not None and number is None and what.isdecimal():  # the word "show" may be left out
        run = click.get_current_context()
        parameter = next(one for one in run.command.params if one.name == "number")
        what, number = "show", parameter.type_cast_value(run, what)
    is_show = what is not None and what.lower() == "show"
    if is_show != (number is not None):
        raise click.UsageError(
            "show takes the number of a change" if is_show else f"only show takes a number: history show {number}"
        )
    with invocation.open() as context:
        found = context.history()
    by = records.find_undone(found)
    if number is not None:
        one = records.find_record(found, number)
        _tell(invocation, [one], by, lambda: "\n".join(map(make_visible, detail_lines(one, by, invocation.registry))))
        return 0
    if what is not None:
        relation = invocation.registry.relation(what.lower())
        path = invocation.registry.path_of(relation.name, take_names(relation, invocation.registry, values))
        found = records.select_for_object(found, path)
    chosen = found[-limit:] if limit else found
    _tell(invocation, chosen, by, lambda: _format_list(invocation, chosen, by))
    return 0


def _tell(invocation: Invocation, found: Sequence[HistoryRecord], by: Mapping[int, int], text: Any) -> None:
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({"changes": [record_as_json(one, by, invocation.registry) for one in found]}))
    else:
        invocation.say(text())


# -- for people ------------------------------------------------------------------------------------------------------


def _format_list(invocation: Invocation, found: Sequence[HistoryRecord], by: Mapping[int, int]) -> str:
    rows = [(str(one.number), one.signature.time, one.signature.actor, describe_change(one, by)) for one in found]
    from ..output.table import format_table

    if invocation.form == "script":
        from ..output.script import format_lines

        return format_lines(rows)
    if not rows:
        return "There are no changes."

    return format_table(("Number", "Time", "Actor", "Change"), [[cell or "-" for cell in row] for row in rows])


def describe_change(one: HistoryRecord, by: Mapping[int, int]) -> str:
    """Return what a change was, in one line; ``by`` are the changes that took others back."""
    parts = [one.signature.command] if one.signature.command else []
    if one.signature.command == "api":
        parts = [f"api: {', '.join(dict.fromkeys(_headline(change) for change in one.changes))}"]
    if one.state in _STATES:
        parts.append(_STATES[one.state] if one.state == "edited" else f"({_STATES[one.state]})")
    if one.number in by:
        parts.append(f"(taken back by change {by[one.number]})")
    return " ".join(parts)


def _headline(change: RecordedChange) -> str:
    target = f" to {change.new_path}" if change.new_path is not None else ""
    again = ", disabled and enabled again" if change.restarted else ""
    test = f", {TESTS[change.test]}" if change.test else ""
    return f"{change.action} {change.path}{target}{again}{test}"


def detail_lines(one: HistoryRecord, by: Mapping[int, int], registry: Registry) -> Iterator[str]:
    """Yield everything about a change, and how it is taken back."""
    signed = one.signature
    yield f"Change {one.number}: {signed.time or 'at an unknown time'}{f' by {signed.actor}' if signed.actor else ''}"
    if signed.command:
        yield f"Command: {signed.command}"
    if one.state in _STATES:
        yield f"State: {_STATES[one.state]}"
    for change in one.changes:
        yield _headline(change)
        for name in change.names:
            before, after = change.before.get(name, ()), change.after.get(name, ())
            yield f"  {name}: {', '.join(before) or '-'} -> {', '.join(after) or '-'}"
    if one.number in by:
        yield f"Taken back by change {by[one.number]}"
    elif lines := _undo_commands(one, registry):
        yield "To take it back:"
        yield from (f"  {line}" for line in lines)


def _undo_commands(one: HistoryRecord, registry: Registry) -> list[str]:
    """Return the commands that undo a change; none if the definitions no longer know its objects.

    References follow a rename, so they are restored together or not at all. No command deletes a singleton.
    """
    if len(one.changes) > 1 and any(change.action == "rename" for change in one.changes):
        return [f"undo {one.number}"]
    if any(change.path.relation == HOLDER_KIND for change in one.changes):
        return [f"undo {one.number}"]
    try:
        if any(change.action == "create" and _is_single(change, registry) for change in one.changes):
            return [f"undo {one.number}"]
        return [line_of(operation, registry) for operation in plan_undo(one, registry)]
    except (ConfobjectsError, KeyError):
        return []


def _is_single(change: RecordedChange, registry: Registry) -> bool:
    return registry.relation(change.path.relation).kind == "singleton"


# -- for programs ----------------------------------------------------------------------------------------------------


def record_as_json(one: HistoryRecord, by: Mapping[int, int], registry: Registry) -> dict[str, Any]:
    """Return one change of the history for programs."""
    found: dict[str, Any] = {
        "number": one.number,
        "state": one.state,
        **as_dict(one.signature),
        "undo": "\n".join(_undo_commands(one, registry)),
        "changes": [_change_as_json(change) for change in one.changes],
    }
    if one.undoes:
        found["undoes"] = list(one.undoes)
    if one.number in by:
        found["undone_by"] = by[one.number]
    return found


def _change_as_json(change: RecordedChange) -> dict[str, Any]:
    sides = (("before", change.before), ("after", change.after))
    found: dict[str, Any] = {
        "path": str(change.path),
        "action": change.action,
        "type": change.type,
        "properties": {name: {side: list(values.get(name, ())) for side, values in sides} for name in change.names},
    }
    if change.new_path is not None:
        found["new_path"] = str(change.new_path)
    if change.restarted:
        found["restarted"] = True
    if change.test:
        found["test"] = change.test
    return found
