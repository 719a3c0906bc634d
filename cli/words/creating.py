"""What the help of ``create-X`` says of the properties, and examples of whole commands."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from confobjects.management.changing.operations import Operation
from confobjects.objects.changes import PropertyChanges
from confobjects.reference.examples import example_object

from .command_line import line_of
from .quoting import quote_word

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
    from confobjects.objects.changes import Action

_COMMON: Final = 3
_WIDTH: Final = 76
"""Columns of a help text on the narrowest terminal that it is made for, less its indentation."""
_AS_IT_IS: Final = "\b\n"
"""Begins a paragraph that click does not fill."""


def explain_creation(relation: Relation, registry: Registry, type_: str | None) -> str:
    """Return what is needed to create an object: the mandatory properties, some of the others, and an example.

    ``type_`` is the short name of the type that was asked for; without one the usual type is explained, or what all have.
    """
    types = registry.types_of(relation)
    short = type_ if type_ in types else registry.usual_type(relation)
    definition = registry.definition(relation.target) if short is None else types[short]
    about = definition.name if short is not None and len(types) > 1 and short == type_ else relation.name
    paragraphs = [definition.synopsis, *_name_properties(definition)]
    if short is None:
        paragraphs.append(_fill(f"Each type has more: create-{relation.name} --type TYPE --help."))
    shown = [name for name, one in types.items() if name == short or relation.lists(one, advanced=False)]
    samples = {name: example_object(types[name], registry) for name in shown or types}
    example = max(samples, key=lambda name: len(samples[name])) if short is None else short  # the one that shows most
    line = example_line(relation, registry, "create", PropertyChanges(set=samples[example]), example)
    paragraphs.append("\n".join([f"{_AS_IT_IS}Example:", *break_line(line, _WIDTH)]))
    return "\n\n".join([*paragraphs, _fill(f"describe {about} explains the properties.")])


def _name_properties(definition: ManagedObjectDefinition) -> Iterator[str]:
    """Yield which properties are mandatory, and some that are often set: those of lists first."""
    mandatory = [prop for prop in definition.properties.values() if prop.mandatory and _is_asked(prop)]
    columns = [definition.properties[name] for name in definition.list_columns if name in definition.properties]
    others = dict.fromkeys(prop.name for prop in (*columns, *definition.properties.values()) if _is_usual(prop))
    if mandatory:
        yield _fill(f"Mandatory: {', '.join(prop.name for prop in mandatory)}")
    if common := list(islice(others, _COMMON)):
        yield _fill(f"Often set: {', '.join(common)}")


def _fill(text: str) -> str:
    """Return a paragraph whose names are not broken at their hyphens."""
    return _AS_IT_IS + textwrap.fill(text, _WIDTH, break_on_hyphens=False, subsequent_indent="  ")


def _is_asked(prop: PropertyDefinition) -> bool:
    """Tell whether whoever creates an object has to give a property."""
    return not (prop.hidden or prop.is_fixed or prop.default.always_gives_value())


def _is_usual(prop: PropertyDefinition) -> bool:
    return not (prop.mandatory or prop.hidden or prop.advanced or prop.read_only or prop.is_fixed)


def break_line(line: str, width: int) -> Iterator[str]:
    """Yield a command in lines that a shell reads as one; no option is parted from its value."""
    words = [quote_word(word) for word in shlex.split(line)]
    groups: list[str] = []
    for word in words:
        if word.startswith("--") or not groups:
            groups.append(word)
        else:
            groups[-1] += f" {word}"
    current = f"  {groups[0]}"
    for group in groups[1:]:
        if len(current) + len(group) + 3 > width:
            yield f"{current} \\"
            current = f"    {group}"
        else:
            current += f" {group}"
    yield current


def example_line(
    relation: Relation, registry: Registry, action: Action, changes: PropertyChanges, type_: str | None = None
) -> str:
    """Return the command for an example, with example names."""
    steps = [step for step in registry.lineage(relation) if step.named]
    # Objects of a set are named by their type.
    names = tuple(
        (type_ or next(iter(registry.types_of(step)))) if step.kind == "set" else f"My {step.friendly}"
        for step in steps
    )
    operation = Operation(action, relation.name, names, type_, changes)
    return f"confobjects {line_of(operation, registry)}"
