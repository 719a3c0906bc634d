"""Counting: how many objects of each kind there are, which their names tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.records import Record
from confobjects.web.addresses import Addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.management import ManagementContext


class Count(Record):
    """How many objects of a kind there are, with the address of their list."""

    label: str
    address: str
    number: int


def count_objects(context: ManagementContext) -> Iterator[Count]:
    """Yield how many objects there are of each kind at the top that has names."""
    addresses, world = Addresses.of(context.registry), context.world()
    for relation in context.registry.children("root"):
        if relation.hidden or not relation.named:
            continue
        names = context.list_names(relation.name, (), world)
        number = len(context.list(relation.name, (), world, properties=()) if names is None else names)
        label = relation.friendly_plural if number != 1 else relation.friendly
        yield Count(label, f"/objects/{addresses.write_list(relation)}", number)
