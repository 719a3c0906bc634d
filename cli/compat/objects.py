"""What ``get`` and ``list`` print in the manner of dsconfig."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from ..output.shown import ShownProperty, Units, choose_properties, show
from .tables import flatten, format_table, join_values

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Relation
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.reading import PropertyReader

    from ..invocation import Invocation

_AMOUNTS: Final = {"size", "duration"}
"""The syntaxes whose values have commas only between thousands, so that they are never quoted."""


def print_object(  # noqa: PLR0913 - what to show, and how
    invocation: Invocation,
    obj: ManagedObject,
    reader: PropertyReader,
    named: Collection[str],
    units: Units,
    *,
    record: bool,
) -> None:
    """Print the properties of an object, sorted by name. An advanced one is shown with ``--advanced`` only, also if it is named."""
    chosen = choose_properties(obj.definition, named, invocation.registry, advanced=invocation.advanced)
    visible = sorted((p for p in chosen if invocation.advanced or not p.advanced), key=lambda prop: prop.name)
    shown = [_show(obj, prop, reader, units) for prop in visible]
    if not units.exact:
        rows = [(item.property.name, cell) for item in shown for cell in _cells(invocation, item, record=record)]
        invocation.say(format_table(("Property", "Value(s)"), rows, wraps=True))
        return
    for item in shown:
        for values in [[value] for value in item.values] if record and item.values else [item.values]:
            invocation.say("\t".join([item.property.name, *map(flatten, values)]))


def print_list(  # noqa: PLR0913 - what to show, and how
    invocation: Invocation,
    relation: Relation,
    objects: Sequence[ManagedObject],
    columns: Sequence[str],
    *,
    reader: PropertyReader,
    units: Units,
) -> None:
    """Print objects: a table sorted by name ignoring case, or, for scripts, only the names sorted by their characters."""
    if units.exact:
        if not invocation.quiet:  # tables are printed all the same
            invocation.say("\n".join(sorted(flatten(obj.name or "") for obj in objects)))
        return
    registry = invocation.registry
    typed = list(registry.types_of(relation)) != ["generic"]
    rows = []
    for obj in sorted(objects, key=lambda one: (one.name or "").lower()):
        known = [obj.definition.properties.get(name) for name in columns]
        cells = ["-" if prop is None else _join(_show(obj, prop, reader, units)) for prop in known]
        kind = [registry.short_type_of(obj.definition, relation)] if typed else []
        rows.append([obj.name or "", *kind, *cells])
    invocation.say(format_table([relation.friendly, *(["Type"] if typed else []), *columns], rows))


def _show(obj: ManagedObject, prop: PropertyDefinition, reader: PropertyReader, units: Units) -> ShownProperty:
    """Return a property as dsconfig shows it: in a unit that was asked for, with two decimals at most, also for scripts."""
    asked = {"size": units.size, "duration": units.time}.get(prop.syntax.name)
    if not asked or not units.exact:
        return show(obj, prop, reader, units, effective=False)
    shown = show(obj, prop, reader, units.replace(exact=False), effective=False)
    return shown.replace(values=tuple(value.replace(",", "") for value in shown.values))


def _cells(invocation: Invocation, item: ShownProperty, *, record: bool) -> list[str]:
    if record and item.values:
        return [_join(item.replace(values=(value,))) for value in item.values]
    sentence = item.property.default.sentence if invocation.verbose and not item.values else ""
    return [sentence or _join(item)]


def _join(item: ShownProperty) -> str:
    return join_values(item.values, quoted=item.property.syntax.name not in _AMOUNTS)
