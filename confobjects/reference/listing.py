"""The rows of ``list-properties``: component, type, property, options and syntax."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
from confobjects.records import Record

HEADINGS = ("Component", "Type", "Property", "Options", "Syntax")
OPTIONS_KEY = """\
Options: r  may be read           w  may be changed
         m  mandatory             s  takes one value
         a  needs an administrator action
"""


class ListingRow(Record):
    """One property of one type of an object."""

    relation: Relation
    type: str
    property: PropertyDefinition

    def as_cells(self) -> tuple[str, str, str, str, str]:
        """Return the columns as they are printed."""
        prop = self.property
        return self.relation.name, self.type, prop.name, option_letters(prop), prop.syntax.usage()


def option_letters(prop: PropertyDefinition) -> str:
    """Return the five letters of a property: ``rwmsa``, with a hyphen for each one that does not apply."""
    letters = (
        ("r", True),
        ("w", not prop.read_only),
        ("m", prop.mandatory),
        ("s", not prop.multi_valued),
        ("a", prop.admin_action.kind != "none"),
    )
    return "".join(letter if holds else "-" for letter, holds in letters)


def rows(
    registry: Registry,
    *,
    types: Iterable[str] = (),
    category: str = "",
    inherited: bool = False,
    advanced: bool = False,
) -> Iterator[ListingRow]:
    """Yield the properties of all objects, sorted.

    ``types`` are short or full names; ``category`` is a tag, a relation or a type. A subtype shows only its own
    properties, unless ``inherited``.
    """
    wanted = {name.lower() for name in types}
    for name, relation in sorted(registry.relations().items()):
        for definition in map(registry.definition, sorted(registry.subtypes(relation.target))):
            short = registry.short_type_of(definition, relation)
            if relation.hidden or (definition.advanced and not advanced):
                continue
            if wanted and not wanted & {short, definition.name}:
                continue
            if category and category.lower() not in {name, definition.name, *definition.tags, *definition.ancestors}:
                continue
            for prop in select_properties(definition, inherited=inherited, advanced=advanced):
                yield ListingRow(relation, short, prop)


def select_properties(
    definition: ManagedObjectDefinition, *, inherited: bool, advanced: bool
) -> Iterator[PropertyDefinition]:
    """Yield the properties of a definition to list, sorted."""
    for _, prop in sorted(definition.properties.items()):
        if not prop.hidden and (advanced or not prop.advanced) and (inherited or prop.declared_by == definition.name):
            yield prop
