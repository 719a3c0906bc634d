"""Objects and properties explained for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
from confobjects.reference.examples import example_values
from confobjects.reference.facts import (
    describe_administrators,
    describe_default,
    describe_re_entry,
    describe_verification,
    facts,
)


def describe_object(relation: Relation, registry: Registry, *, advanced: bool, width: int = 79, type_: str = "") -> str:
    """Return the description of an object, its types, its references in both directions, and its properties.

    ``type_`` is the name of a type to describe alone, with what it inherits.
    """
    definition = registry.definition(type_ or relation.target)
    lines = [
        relation.friendly if definition.name == relation.target else definition.friendly,
        "",
        *_wrap_text(definition.synopsis, width),
    ]
    if definition.description:
        lines += ["", *_wrap_text(definition.description, width)]
    if verified := describe_verification(definition):
        lines += ["", *_wrap_text(verified, width)]
    if definition.name != relation.target:
        short = registry.short_type_of(definition, relation)
        chosen = "" if definition.abstract else f" (--type {short})"
        lines += [
            "",
            f"A type of {relation.friendly}{chosen}.",
            *_render_properties(definition, definition.friendly, advanced=advanced, own=False, width=width),
        ]
        return "\n".join(lines)
    types = registry.types_of(relation)
    if list(types) != ["generic"]:
        lines += ["", "Types (--type):"]
        listed = {short: d for short, d in types.items() if relation.lists(d, advanced=advanced)}
        for short, d in listed.items():
            lines += textwrap.wrap(f"  {short:<14} {d.synopsis}", width, subsequent_indent=" " * 17)
        if more := len(types) - len(listed):
            lines.append(f"  (--advanced shows {more} more)")
    lines += _render_dependencies(relation, registry)
    for name in registry.subtypes(relation.target):
        below = registry.definition(name)
        if not relation.lists(below, advanced=advanced):
            continue
        heading = relation.friendly if name == relation.target else below.friendly
        lines += _render_properties(below, heading, advanced=advanced, own=name != relation.target, width=width)
    return "\n".join(lines)


def _render_dependencies(relation: Relation, registry: Registry) -> Iterator[str]:
    needs = find_dependencies(registry, relation.target)
    if needs:
        yield ""
        yield f"Refers to: {', '.join(needs)}"
    users = sorted({registry.definition(name).friendly for name, _ in registry.users(relation.name)})
    if users:
        yield ""
        yield f"Referred to by: {', '.join(users)}"


def find_dependencies(registry: Registry, name: str) -> list[str]:
    """Return the friendly names of what a type and its descendants refer to, sorted."""
    properties = [p for below in registry.subtypes(name) for p in registry.definition(below).properties.values()]
    return sorted({registry.relation(one.relation).friendly for prop in properties for one in prop.references})


def _render_properties(
    definition: ManagedObjectDefinition, name: str, *, advanced: bool, own: bool, width: int
) -> Iterator[str]:
    properties = [
        prop
        for _, prop in sorted(definition.properties.items())
        if not prop.hidden and (not own or prop.declared_by == definition.name)
    ]
    for heading, wanted in (("Properties", False), ("Advanced properties", True)):
        shown = [prop for prop in properties if prop.advanced is wanted]
        if not shown or (wanted and not advanced):
            if wanted and shown:
                yield f"  (--advanced shows {len(shown)} more)"
            continue
        yield ""
        yield f"{heading} of {name}:"
        yield ""
        yield from _tabulate_properties(shown, width)


_HEADINGS: Final = ("Property", "Syntax", "Required", "Default")
_WIDEST: Final = 40
"""Characters of a default that are shown."""


def _tabulate_properties(properties: Sequence[PropertyDefinition], width: int) -> Iterator[str]:
    """Yield a line for each property with what is asked first, and below it the synopsis."""
    rows = [(prop.name, _name_syntax(prop), _say_required(prop), _say_default(prop)) for prop in properties]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    yield _align_row(_HEADINGS, widths)
    yield _align_row(["-" * one for one in widths], widths)
    for prop, row in zip(properties, rows, strict=True):
        yield _align_row(row, widths)
        yield from textwrap.wrap(prop.synopsis, width, initial_indent="      ", subsequent_indent="      ")


def _align_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"  {'  '.join(map(str.ljust, cells, widths))}".rstrip()


def _name_syntax(prop: PropertyDefinition) -> str:
    """Return the name of a property's syntax, of a reference the kind it names; a plus says that it takes several values."""
    name = prop.syntax.name if prop.reference is None else prop.reference.relation
    return f"{name} +" if prop.multi_valued else name


def _say_required(prop: PropertyDefinition) -> str:
    if prop.mandatory:
        return "yes"
    return "no" if prop.required_when is None else "depends"


def _say_default(prop: PropertyDefinition) -> str:
    """Return a default in a few characters; one that needs a sentence is told by ``describe OBJECT PROPERTY``."""
    if prop.default.kind == "defined":
        return textwrap.shorten(describe_default(prop), _WIDEST, placeholder=" …")
    return {"cases": "depends", "inherited-absolute": "inherited", "inherited-relative": "inherited"}.get(
        prop.default.kind, "-"
    )


def describe_property(prop: PropertyDefinition, registry: Registry, *, width: int = 79) -> str:
    """Return the nine facts of a property, with examples of values."""
    lines = [prop.name, ""]
    for heading, text in facts(prop, registry):
        lines += textwrap.wrap(
            text, width, initial_indent=f"{heading + ':':<23}", subsequent_indent=" " * 23, break_long_words=False
        )
    if again := describe_re_entry(prop):
        lines += textwrap.wrap(again, width, initial_indent=f"{'Re-entry:':<23}", subsequent_indent=" " * 23)
    if reserved := describe_administrators(prop):
        lines += textwrap.wrap(reserved, width, initial_indent=f"{'Roles:':<23}", subsequent_indent=" " * 23)
    examples = example_values(prop, registry)
    if examples:
        lines.append(f"{'Examples:':<23}{'  '.join(examples)}")
    return "\n".join(lines)


def _wrap_text(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width)
