"""A read-only value that creation gave in place of a default is kept, applied and given back in every storage."""

from __future__ import annotations

from confobjects.management import ManagementContext, Site
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot

LAMP = ("gate", "other:1")
WICK = ("glass", "wool")


def hung(storage: Storage, wick: tuple[str, ...]) -> ManagementContext:
    ctx = ManagementContext(Site.of(depot(), storage, evaluate_defaults))
    with ctx.change() as tx:
        tx.modify("watchman", (), PropertyChanges(set={"enabled": ["true"]}), type="strict")
        tx.create("lookout", "gate", {})
    ctx.create("lantern", LAMP, {"wick": list(wick)} if wick else {})
    return ctx


def test_it_is_kept_and_given_back(storage: Storage) -> None:
    ctx = hung(storage, WICK)
    assert sorted(ctx.get("lantern", LAMP).values["wick"]) == sorted(WICK)
    ctx.delete("lantern", LAMP)
    ctx.undo(ctx.history()[-1].number)
    assert sorted(ctx.get("lantern", LAMP).values["wick"]) == sorted(WICK)


def test_it_is_applied_with_the_object_and_settled_from_then_on(storage: Storage) -> None:
    wanted = take_snapshot(hung(MemoryStorage(), WICK).site).objects
    ctx = ManagementContext(Site.of(depot(), storage, evaluate_defaults))
    ctx.apply(wanted)
    assert list(find_differences(wanted, take_snapshot(ctx.site).objects, depot())) == []
    report = ctx.apply(take_snapshot(hung(MemoryStorage(), ("straw",)).site).objects)
    assert (report.changed, [warning.property for warning in report.warnings]) == (False, ["wick"])
    assert not ctx.apply(take_snapshot(hung(MemoryStorage(), ()).site).objects, prune=True).changed
