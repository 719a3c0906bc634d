"""A singleton is the same in every storage, one with subtypes as well: setting its type, applying and exporting agree.

Its read-only properties are set while it has no stored values. After that an equal value is no change, and another one is
refused with a remedy.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from confobjects.errors import UsageError
from confobjects.management import ManagementContext, Site
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.mapping.documents import write
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot, founded_depot

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


Values = dict[str, list[str]]

SETTINGS: dict[str, Values] = {
    "nothing": {},
    "no read-only value": {"site-name": ["north"]},
    "one": {"founded": ["1999"]},
    "another": {"founded": ["2001"], "site-name": ["north"]},
    "several": {"founded": ["1999"], "charter": ["peace", "quiet"]},
    "several in another order": {"founded": ["1999"], "charter": ["quiet", "peace"], "batch-size": ["7"]},
    "secret": {"founded": ["1999"], "ticket-key": ["s3cret"]},
}
READ_ONLY = ("founded", "charter")


def settle(storage: Storage, values: Values) -> ManagementContext:
    ctx = ManagementContext(Site.of(founded_depot(), storage, evaluate_defaults))
    if values:
        ctx.modify("depot-settings", (), PropertyChanges(set=values))
    return ctx


def settled_names(before: Values, after: Values) -> list[str]:
    """Return the read-only properties whose values in the one are not those that the other has from its first change."""
    return [n for n in READ_ONLY if before and sorted(before.get(n, [])) != sorted(after.get(n, []))]


@pytest.mark.parametrize("after", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("before", SETTINGS.values(), ids=SETTINGS)
def test_read_only_values_are_applied_once(storage: Storage, before: Values, after: Values) -> None:
    wanted = take_snapshot(settle(MemoryStorage(), after).site).objects
    ctx = settle(storage, before)
    settled = settled_names(before, after)
    report = ctx.apply(wanted, prune=True)
    told = {one.property: one for one in report.warnings if "it stays as it is" in one.summary}
    assert sorted(told) == sorted(name for name in settled if name in after)
    for name, warning in told.items():
        assert warning.path == "/depot-settings"
        assert f"({', '.join(before.get(name, ['no value']))})" in warning.summary
    if not take_snapshot(ctx.site).objects:  # without any value it takes read-only ones again, at the next time
        settled = []
        ctx.apply(wanted, prune=True)
    found = take_snapshot(ctx.site).objects
    left = list(find_differences(wanted, found, ctx.registry))
    assert sorted(name for one in left for name in one.properties) == sorted(settled)
    assert not (after and any(one.can_be_applied for one in left))
    assert not ctx.apply(wanted, prune=True).changed
    ctx.modify(
        "depot-settings", (), PropertyChanges(set={n: after[n] for n in READ_ONLY if n in after and n not in settled})
    )
    assert take_snapshot(ctx.site).objects == found


def test_who_asks_for_other_read_only_values_is_refused(storage: Storage) -> None:
    wanted = take_snapshot(settle(MemoryStorage(), SETTINGS["another"]).site).objects
    ctx = settle(storage, SETTINGS["one"])
    there = take_snapshot(ctx.site).objects
    with pytest.raises(UsageError) as caught:
        ctx.apply(wanted, prune=True, recreate=True)
    assert [(problem.property, problem.remedy) for problem in caught.value.diagnostics] == [
        ("founded", "keep its value: 1999")
    ]
    assert take_snapshot(ctx.site).objects == there


def test_it_takes_read_only_values_again_once_its_values_are_taken_back(storage: Storage) -> None:
    ctx = settle(storage, SETTINGS["one"])
    ctx.undo(ctx.history()[-1].number)
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"founded": ["2001"]}))
    assert report.changed
    assert ctx.get("depot-settings").values == {"founded": ("2001",)}
