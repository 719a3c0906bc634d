"""Whether a property has another value on the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.objects.changes import stored_form

if TYPE_CHECKING:
    from confobjects.mapping.documents import ObjectState


def differs(one: ObjectState, other: ObjectState, name: str) -> bool:
    """Tell whether a property certainly differs between the two sides."""
    if name in one.silent or name in other.silent:
        return False
    texts, others = one.values.get(name, ()), other.values.get(name, ())
    if name in one.kept or name in other.kept:
        return not (name in one.kept or texts) or not (name in other.kept or others)
    if texts == others:
        return False
    prop = one.definition.properties.get(name)
    there = other.definition.properties.get(name)
    if prop is None or there is None:
        return True
    return stored_form(prop, texts) != stored_form(there, others)
