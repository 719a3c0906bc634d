"""Sealed configurations for tests: contexts over a storage with keys in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from confobjects.definitions import Registry
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import Modification, ModifyEntry
from confobjects.mapping.protocol import Storage
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.objects.protocols import Sealer
from confobjects.objects.sealing import Unsealer
from confobjects.resolvers import Resolvers
from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Key, Ring
from confobjects.storage.memory import MemoryStorage

ONE: Final = Key(b"1" * 32, "2026-11-28")
TWO: Final = Key(b"2" * 32, "2026-11-29")


class Keys:
    """Keys in memory, which a test can change while contexts use them."""

    def __init__(self, *keys: Key) -> None:
        self.ring: Ring | None = Ring.of(*keys) if keys else None

    def __call__(self) -> Sealer | None:
        return None if self.ring is None else RingSealer(self.ring, "the keys")


def manage_sealed(registry: Registry, keys: Keys, storage: Storage | None = None) -> ManagementContext:
    """Return a context that writes with some keys."""
    evaluate = partial(evaluate_defaults, open_sealer=keys)
    site = Site.of(registry, MemoryStorage() if storage is None else storage, evaluate, None, keys)
    return ManagementContext(site)


def start(ctx: ManagementContext, keys: Keys) -> ManagementContext:
    """Return a context that reads as a start does."""
    return ManagementContext(ctx.site.replace(evaluate=make_evaluator(Resolvers(), Unsealer(keys))))


def opened(ctx: ManagementContext, keys: Keys) -> dict[str, dict[str, tuple[str, ...] | None]]:
    """Return every object with its values as a start has them; None where one cannot be had."""
    reader = start(ctx, keys).site.make_reader()
    found: dict[str, dict[str, tuple[str, ...] | None]] = {}
    for obj in ctx.all():
        readings = {name: reader.read(obj, obj.definition.properties[name]) for name in obj.values}
        found[str(obj.path)] = {n: None if r.problems else tuple(sorted(r.values)) for n, r in readings.items()}
    return found


def everything_written(ctx: ManagementContext) -> Iterator[str]:
    """Yield every text that the storage keeps: values, and the history with its protected part."""
    for entry in ctx.storage.search(ctx.storage.base, "sub"):
        yield from (str(value) for values in entry.attributes.values() for value in values)
    for noted in ctx.storage.history():
        yield from (noted.text, noted.secret)


def edit(ctx: ManagementContext, kind: str, name: str, attribute: str, *values: str) -> None:
    """Change an attribute as an editor of the storage does."""
    dn = ctx.site.mapper.dn_of(ctx.registry.path_of(kind, name))
    with ctx.storage.writing():
        ctx.storage.commit([ModifyEntry(dn, (Modification("replace", attribute, values),))])
