"""Requests to install definitions, in a transaction; see :mod:`~confobjects.management.changing.redefining`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from confobjects.definitions.installed import DIGEST, TEXT, InstalledText
from confobjects.definitions.model import HOLDER_KIND

if TYPE_CHECKING:
    from confobjects.management.changing.transaction import Transaction


def install(transaction: Transaction, definitions: Iterable[InstalledText]) -> None:
    """Request that definitions be installed, or replaced by other versions; an equal one is left alone."""
    for one in definitions:
        values = {TEXT: one.text, DIGEST: one.digest}
        there = transaction.world.find(transaction.registry.path_of(HOLDER_KIND, one.name))
        if there is None:
            transaction.create(HOLDER_KIND, one.name, values)
        else:
            transaction.set(HOLDER_KIND, one.name, values)
