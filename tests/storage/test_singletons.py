"""A singleton with subtypes is the same in every storage: setting its type, applying and exporting agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from confobjects.management import ManagementContext, Site
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.mapping.documents import write
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot

Change = Callable[[ManagementContext], None]


def unwritten(_: ManagementContext) -> None:
    """Leave the singleton out."""


def strict(ctx: ManagementContext) -> None:
    values = {"enabled": ["true"], "known-job": ["print", "mail"], "serial": ["6"]}
    ctx.modify("watchman", (), PropertyChanges(set=values), type="strict")


def lenient(ctx: ManagementContext) -> None:
    ctx.modify("watchman", (), PropertyChanges(set={"enabled": ["false"], "patience": ["9 s"]}), type="lenient")


def watched(ctx: ManagementContext) -> None:
    strict(ctx)
    ctx.create("lookout", "gate", {"direction": "north"})


STATES: tuple[Change, ...] = (unwritten, strict, lenient, watched)


@pytest.mark.parametrize("after", STATES)
@pytest.mark.parametrize("before", STATES)
def test_each_state_is_applied_onto_each_and_comes_back(storage: Storage, before: Change, after: Change) -> None:
    registry = depot()
    model = ManagementContext(Site.of(registry, MemoryStorage(), evaluate_defaults))
    after(model)
    wanted = take_snapshot(model.site).objects
    ctx = ManagementContext(Site.of(registry, storage, evaluate_defaults))
    before(ctx)
    there = take_snapshot(ctx.site).objects
    report = ctx.apply(wanted, prune=True)
    assert report.changed == (before is not after)
    found = take_snapshot(ctx.site)
    assert found.problems == ()
    assert write(found.objects.values(), registry) == write(wanted.values(), registry)
    assert ctx.strays() == []
    assert not ctx.apply(wanted, prune=True).changed
    ctx.apply(there, prune=True)
    assert list(find_differences(there, take_snapshot(ctx.site).objects, registry)) == []
