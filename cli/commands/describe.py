"""``describe OBJECT [PROPERTY]``: the reference, in the terminal."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any

import click

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError
from confobjects.objects.changes import PropertyChanges
from confobjects.records import as_dict
from confobjects.reference.examples import example_object, example_values
from confobjects.reference.facts import describe_administrators, describe_re_entry, facts
from confobjects.reference.listing import select_properties
from confobjects.reference.text import describe_object, describe_property, find_dependencies

from ..command import make_command
from ..invocation import Invocation
from ..output.table import output_width
from ..words.creating import break_line, example_line
from ..words.elsewhere import find_elsewhere

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation

    from ..words.splitting import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["object_"], metavar="OBJECT"),
        click.Argument(["property_"], metavar="[PROPERTY]", required=False),
    ]
    return make_command(
        words, registry, parameters, _run, "Explain an object, or one of its properties with nine facts."
    )


def _run(invocation: Invocation, object_: str, property_: str | None) -> int:
    registry = invocation.registry
    found = _find_described(registry, _as_name(registry, object_))
    if len(found) > 1 and (property_ is not None or invocation.form == "json"):
        names = ", ".join(name for _, name in found)
        summary = f'several objects have a type "{object_}"'
        raise UnknownNameError(Diagnostic("unknown-name", summary, argument=object_, remedy=f"one of: {names}"))
    if property_ is None:
        for number, (relation, type_) in enumerate(found):
            invocation.say("\n" if number else "")
            _describe_object(invocation, relation, type_)
        return 0
    relation, type_ = found[0]
    prop = _find_property(registry, relation, type_, property_.lower())
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps({"object": relation.name, **_as_json(prop, registry)}))
        return 0
    invocation.say(describe_property(prop, registry, width=output_width()))
    examples = example_values(prop, registry, 1)
    if examples and not prop.read_only:
        changes = PropertyChanges(set={prop.name: examples})
        line = example_line(relation, registry, "modify", changes)
        invocation.say(f"{'Set it with:':<23}{line}")
    return 0


def _as_name(registry: Registry, words: str) -> str:
    """Return the name that is meant: a name may be typed with blanks and capitals, as people or a form write it."""
    text = " ".join(words.lower().split())
    known = {one.friendly.lower(): one.name for one in (*registry, *registry.relations().values())}
    return known.get(text) or text.replace(" ", "-")


def _find_described(registry: Registry, name: str) -> list[tuple[Relation, str]]:
    """Return what is meant: an object, or one of its types by its name, or those with a short name.

    Each is a relation and the name of a type. Raises :class:`~confobjects.errors.UnknownNameError`.
    """
    relations = registry.relations()
    if name in relations:
        return [(relations[name], relations[name].target)]
    if name in registry:
        return [(registry.relation_of(registry.definition(name).top), name)]
    found = [
        (relation, types[name].name)
        for relation in relations.values()
        if name in (types := registry.types_of(relation))
    ]
    if found:
        return found
    try:
        return [(registry.relation(name), "")]  # which raises
    except UnknownNameError as error:
        raise _advise_property(error, registry, name) from None


_FEW = 3
"""Objects that are named for a property which all of them have."""


def _advise_property(error: UnknownNameError, registry: Registry, name: str) -> UnknownNameError:
    """Return the error for an unknown object, with where it is a property of that name, if it is one."""
    of = [definition.name for definition in registry if _declares(definition, name) and not definition.hidden]
    if elsewhere := () if of else find_elsewhere(name):
        return UnknownNameError(
            error.diagnostics[0].replace(remedy=f"another product's word; here: {' or '.join(elsewhere)}")
        )
    if not of:
        similar = [f"describe {kind} {prop}" for kind, prop in _find_similar(registry, name)]
        if not 0 < len(similar) <= _FEW or suggest_name(name, registry.relations()):
            return error
        return UnknownNameError(error.diagnostics[0].replace(remedy=f"perhaps a property: {' or '.join(similar)}"))
    kinds = of if len(of) <= _FEW else ["OBJECT"]
    lines = " or ".join(f"describe {kind} {name}" for kind in kinds)
    return UnknownNameError(error.diagnostics[0].replace(remedy=f"for the property of that name: {lines}"))


_ALIKE = 8
"""Letters at the end of two names that make them alike."""


def _find_similar(registry: Registry, name: str) -> list[tuple[str, str]]:
    """Return the properties, with their objects, that end as a name does, blanks aside: other products call them otherwise."""
    found: dict[int, list[tuple[str, str]]] = {}
    for definition in registry:
        for prop in definition.properties:
            if not definition.hidden and _declares(definition, prop):
                letters = zip(reversed(prop.replace("-", "")), reversed(name.replace("-", "")), strict=False)
                alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], letters))
                found.setdefault(alike, []).append((definition.name, prop))
    best = max(found, default=0)
    return found[best] if best >= _ALIKE else []


def _declares(definition: ManagedObjectDefinition, name: str) -> bool:
    return name in definition.properties and definition.properties[name].declared_by == definition.name


def _describe_object(invocation: Invocation, relation: Relation, type_: str) -> None:
    registry = invocation.registry
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(object_as_json(relation, registry, type_, advanced=invocation.advanced)))
        return
    text = describe_object(relation, registry, advanced=invocation.advanced, width=output_width(), type_=type_)
    invocation.say(text)
    lines = [
        example_line(relation, registry, "create", PropertyChanges(set=example_object(definition, registry)), short)
        for short, definition in _types_below(relation, registry, type_).items()
        if relation.kind != "singleton"
        and (definition.name == type_ or relation.lists(definition, advanced=invocation.advanced))
    ]
    invocation.say(
        "\n".join(["", "Examples:", *(part for line in lines for part in break_line(line, output_width()))])
        if lines
        else ""
    )


def _types_below(relation: Relation, registry: Registry, type_: str) -> dict[str, ManagedObjectDefinition]:
    """Return the types of a relation by short name: those that are of a type."""
    return {short: d for short, d in registry.types_of(relation).items() if d.is_a(type_)}


def object_as_json(relation: Relation, registry: Registry, type_: str, *, advanced: bool) -> dict[str, Any]:
    """Return a kind of objects, or the part of it that is of a type, for programs."""
    definition = registry.definition(type_)
    types = {
        short: {
            "synopsis": d.synopsis,
            **({} if d.verification is None else {"verification": as_dict(d.verification)}),
            "properties": [_as_json(p, registry) for p in select_properties(d, inherited=True, advanced=advanced)],
        }
        for short, d in _types_below(relation, registry, type_).items()
    }
    return {
        "object": relation.name,
        "synopsis": definition.synopsis,
        "description": definition.description,
        "refers_to": find_dependencies(registry, type_),
        "types": types,
    }


def _as_json(prop: PropertyDefinition, registry: Registry) -> dict[str, Any]:
    document = {heading.lower().replace(" ", "_"): text for heading, text in facts(prop, registry)}
    again, reserved = describe_re_entry(prop), describe_administrators(prop)
    return {
        "property": prop.name,
        **document,
        **({"re_entry": again} if again else {}),
        **({"administrators": reserved} if reserved else {}),
        "examples": example_values(prop, registry),
    }


def _find_property(registry: Registry, relation: Relation, type_: str, name: str) -> PropertyDefinition:
    """Return a property of a type of the relation or of a type below it."""
    found = {}
    for definition in map(registry.definition, registry.subtypes(type_)):
        found.update({prop.name: prop for prop in definition.properties.values() if prop.name not in found})
    if name not in found:
        hint = suggest_name(name, found) or f"known: {', '.join(sorted(found))}"
        summary = f'{relation.friendly} has no property "{name}"'
        raise UnknownNameError(Diagnostic("unknown-name", summary, argument=name, remedy=hint))
    return found[name]
