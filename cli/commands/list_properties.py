"""``list-properties``: the properties that can be configured, in the manner of dsconfig."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError
from confobjects.reference.listing import HEADINGS, OPTIONS_KEY, ListingRow, rows

from ..command import make_command
from ..invocation import Invocation
from ..output.table import format_table

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(["-c", "--category"], metavar="CATEGORY", help="Only this object, type or group (tag)."),
        click.Option(["-t", "--type", "types"], metavar="TYPE", multiple=True, help="Only this type."),
        click.Option(["--property", "properties"], metavar="PROPERTY", multiple=True, help="Only this property."),
        click.Option(["--inherited"], is_flag=True, help="Show inherited properties as well."),
    ]
    return make_command(
        words, registry, parameters, _run, "List the properties of objects with their options and syntax."
    )


def _run(
    invocation: Invocation, category: str | None, types: Sequence[str], properties: Sequence[str], inherited: bool
) -> int:
    if problem := _find_unknown(invocation.registry, category, types, properties):
        raise UnknownNameError(problem)
    wanted = {name.lower() for name in properties}
    found = [
        row
        for row in rows(
            invocation.registry,
            types=types,
            category=category or "",
            inherited=inherited or bool(wanted),
            advanced=invocation.advanced or bool(wanted),
        )
        if not wanted or row.property.name in wanted
    ]
    if not found and (wanted or (category and types)):
        remedy = "ask for less at a time; --inherited and --advanced show more"
        raise UnknownNameError(Diagnostic("unknown-name", "no property matches all of the options", remedy=remedy))
    _print(invocation, found)
    if not found:
        invocation.note("There are no properties of its own; --inherited and --advanced show more.")
    return 0


def _find_unknown(
    registry: Registry, category: str | None, types: Sequence[str], properties: Sequence[str]
) -> Diagnostic | None:
    """Return what is wrong with the given names; None if all of them exist."""
    relations = registry.relations()
    categories = {*relations, *registry.names(), *registry.tags()}
    short = {name for relation in relations.values() for name in registry.types_of(relation)} | set(registry.names())
    known = {row.property.name for row in rows(registry, inherited=True, advanced=True)}
    asked = [
        *((("category", category, categories),) if category else ()),
        *(("type", name, short) for name in types),
        *(("property", name, known) for name in properties),
    ]
    for what, name, names in asked:
        if name.lower() not in names:
            hint = suggest_name(name, names) or f"the {_plural(what)}: {', '.join(sorted(names))}"
            return Diagnostic("unknown-name", f'there is no {what} "{name}"', value=name, remedy=hint)
    return None


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _print(invocation: Invocation, found: Sequence[ListingRow]) -> None:
    if invocation.form == "json":
        from ..output.json import dumps

        keys = [heading.lower() for heading in HEADINGS]
        invocation.say(dumps({"properties": [dict(zip(keys, row.as_cells(), strict=True)) for row in found]}))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(row.as_cells() for row in found))
    else:
        invocation.say(OPTIONS_KEY)
        invocation.say(format_table(HEADINGS, [row.as_cells() for row in found], separator="  "))
