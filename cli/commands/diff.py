"""``diff A [B]``: how two configurations differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.definitions.installed import merge_installed
from confobjects.errors import DIFFERENCES
from confobjects.management.documents.comparing import Difference, Pair, find_differences, format_unified

from ..command import make_command
from ..invocation import Invocation
from ..words.sides import Side, current_side, read_side

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..output.colour import Role
    from ..words.splitting import Words

_HELP = """Compare two configurations by object and property.

Each is a URL (ldif:PATH, ldap://…), a JSON document, an LDIF file, - for standard input, history:N for the
configuration right after change N, archive:N for its file before its N-th last change, or properties:FILE for the
server that a properties file names, with a login of its own. Without B, A is compared with the current configuration. The exit status is 1 when they differ, in more than read-only values of
objects that both have: those stay what they are."""

_LEAVE = "Do not compare a property of objects that both have; may be repeated."


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["one"], metavar="A"),
        click.Argument(["other"], metavar="[B]", required=False),
        click.Option(["--leave", "own"], metavar="[KIND.]PROPERTY", multiple=True, help=_LEAVE),
        click.Option(["--unified", "as_text"], is_flag=True, help="Print lines with - and +."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, one: str, other: str | None, as_text: bool, own: tuple[str, ...]) -> int:
    before = read_side(invocation, one)
    after = current_side(invocation) if other is None else read_side(invocation, other)
    invocation.warn((*before.problems, *after.problems))
    registry = before.registry.with_installed(merge_installed(before.registry.installed, after.registry.installed))
    found = list(find_differences(before.objects, after.objects, registry))
    if own:
        from confobjects.management.documents.settling import OwnProperties

        found = list(OwnProperties.parse(own, registry).leave_out(found))
    _print(invocation, found, before, after, as_text=as_text)
    return DIFFERENCES if any(item.can_be_applied for item in found) else 0


def _print(invocation: Invocation, found: list[Difference], before: Side, after: Side, *, as_text: bool) -> None:
    if invocation.form == "json":
        from ..output.json import dumps

        names = {"before": before.name, "after": after.name}
        invocation.say(
            dumps(
                {
                    "different": any(item.can_be_applied for item in found),
                    **names,
                    "differences": [difference_as_json(item) for item in found],
                }
            )
        )
    elif as_text:
        from ..output.changes import style_unified

        invocation.say(style_unified(format_unified(found, before.name, after.name)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(_rows(found)))
    elif found:
        from ..output.table import format_table

        rows = _rows(found)
        headings = ["Object", "Property", "Before", "After", "Remark"][: max(map(len, rows))]
        invocation.say(
            format_table(headings, [[*row, ""][: len(headings)] for row in rows], roles=_ROLES[: len(headings)])
        )
    elif invocation.tells_people:
        invocation.note("There are no differences.")


_ROLES: Final[tuple[Role, ...]] = ("", "", "removed", "added", "")
"""What the cells of each column are."""


def _rows(found: list[Difference]) -> list[list[str]]:
    """Return a row for each value that differs; its last cell is the remark on it, where there is one."""
    from ..output.table import join_values

    rows = []
    for item in found:
        if item.names is not None:
            rows.append(([str(item.path), "(name)"], item.names))
        elif item.types is not None or not item.properties:
            rows.append(([str(item.path), "(type)"], item.types or Pair((), ())))
        rows.extend(([str(item.path), name], pair) for name, pair in item.properties.items())
    return [[*place, *map(join_values, _cells(pair)), *filter(None, [pair.remark])] for place, pair in rows]


def _cells(pair: Pair) -> tuple[Any, Any]:
    return pair.before, (f"{', '.join(pair.after)} (another one)",) if pair.another else pair.after


def difference_as_json(item: Difference) -> dict[str, Any]:
    """Return how one object differs, for programs."""
    made: dict[str, Any] = {"path": str(item.path), "action": item.action}
    if item.new_path is not None:
        made["new_path"] = str(item.new_path)
    if item.types is not None:
        made["type"] = _pair_as_json(item.types)
    return {**made, "properties": {name: _pair_as_json(pair) for name, pair in item.properties.items()}}


def _pair_as_json(pair: Pair) -> dict[str, Any]:
    sides = {"before": list(pair.before), "after": list(pair.after)}
    return {**sides, "remark": pair.remark} if pair.remark else sides
