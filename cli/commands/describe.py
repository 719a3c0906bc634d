"""``describe OBJECT [PROPERTY]``: the reference, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic, did_you_mean
from confobjects.errors import UnknownNameError
from confobjects.reference.facts import facts
from confobjects.reference.text import describe_object, describe_property

from ..invocation import Invocation
from ..table import width
from . import make

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry, Relation

    from ..words import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["object_"], metavar="OBJECT"),
        click.Argument(["property_"], metavar="[PROPERTY]", required=False),
    ]
    return make(words, registry, parameters, _run, "Explain an object, or one of its properties with its nine facts.")


def _run(invocation: Invocation, object_: str, property_: str | None) -> int:
    registry = invocation.registry
    relation = registry.relation(object_.lower())
    if property_ is None:
        invocation.say(describe_object(relation, registry, advanced=invocation.advanced, width=width()))
        return 0
    prop = _property(registry, relation, property_.lower())
    if invocation.form == "json":
        from ..json_output import dumps  # noqa: PLC0415 - for this form only

        document = {heading.lower().replace(" ", "_"): text for heading, text in facts(prop, registry)}
        invocation.say(dumps({"object": relation.name, "property": prop.name, **document}))
    else:
        invocation.say(describe_property(prop, registry, width=width()))
    return 0


def _property(registry: Registry, relation: Relation, name: str) -> PropertyDefinition:
    """Return a property of any type of the relation."""
    found = {}
    for definition in map(registry.definition, registry.subtypes(relation.target)):
        found.update({prop.name: prop for prop in definition.properties.values() if prop.name not in found})
    if name not in found:
        hint = did_you_mean(name, found) or f"known: {', '.join(sorted(found))}"
        raise UnknownNameError(Diagnostic("unknown-name", f'{relation.friendly} has no property "{name}"', remedy=hint))
    return found[name]
