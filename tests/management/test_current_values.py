"""An action and a document follow the current value of a property, not the text that is stored.

Storing a default, and leaving the property to its definition, are two texts of one value.
"""

from __future__ import annotations

import pytest

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
from confobjects.management import ManagementContext
from confobjects.management.documents.applying import plan_operations
from confobjects.management.documents.comparing import States, find_differences, take_snapshot
from confobjects.mapping.documents import ObjectState
from confobjects.objects.changes import ChangeReport, PropertyChanges
from confobjects.paths import ROOT
from tests.definitions.documents import builtin, depot
from tests.management.things import MAIL, manage

DEFAULTS = [
    pytest.param(registry, definition, prop, id=f"{definition.name}-{prop.name}")
    for registry in (builtin(), depot())
    for definition in registry
    if not definition.abstract
    for prop in definition.properties.values()
    if prop.default.kind == "defined"
]


def servers(**values: str) -> ManagementContext:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, "use-start-tls": "false", **values})
    return ctx


def change(ctx: ManagementContext, name: str, *texts: str) -> ChangeReport:
    changes = PropertyChanges(set={name: texts}) if texts else PropertyChanges(reset=[name])
    return ctx.modify("mail-server", "one", changes)


def needed(report: ChangeReport) -> list[str]:
    return [action.property for action in report.admin_actions]


def states(ctx: ManagementContext) -> States:
    return take_snapshot(ctx.site).objects


# -- actions -----------------------------------------------------------------------------------------------------------


def test_the_text_changes_and_nothing_has_to_be_restarted() -> None:
    ctx = servers()
    report = change(ctx, "use-ssl", "false")
    assert (report.changed, needed(report)) == (True, [])
    assert ctx.get("mail-server", "one").values["use-ssl"] == ("false",)
    report = change(ctx, "use-ssl")
    assert (report.changed, needed(report)) == (True, [])
    assert "use-ssl" not in ctx.get("mail-server", "one").values


def test_another_value_still_asks_for_its_action() -> None:
    ctx = servers()
    assert needed(change(ctx, "use-ssl", "true")) == ["use-ssl"]
    assert needed(change(ctx, "use-ssl")) == ["use-ssl"]
    assert needed(change(ctx, "use-ssl", "&{tls|false}")) == ["use-ssl"], "what an expression gives is not known"


def test_a_singleton_and_another_spelling_of_the_default() -> None:
    ctx = manage(depot())
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"site-name": "main"}))
    assert (report.changed, needed(report)) == (True, [])
    assert needed(ctx.modify("depot-settings", (), PropertyChanges(set={"site-name": "north"}))) == ["site-name"]
    ctx.create("store", "s", {"enabled": "true", "location": "/s"})
    ctx.create("queue", "q", {"enabled": "true", "store": "s"}, type="custom-memory")
    report = ctx.modify("queue", "q", PropertyChanges(set={"segment": "65536 b"}))
    assert (report.changed, needed(report)) == (True, [])
    assert needed(ctx.modify("queue", "q", PropertyChanges(set={"segment": "65537 b"}))) == ["segment"]


def test_an_undo_restores_the_text_without_an_action() -> None:
    ctx = servers()
    change(ctx, "use-ssl", "false")
    report = ctx.undo(2)
    assert needed(report) == []
    assert "use-ssl" not in ctx.get("mail-server", "one").values


# -- documents ---------------------------------------------------------------------------------------------------------


def both_sides(registry: Registry, definition: ManagedObjectDefinition, prop: PropertyDefinition) -> tuple[States, ...]:
    """Return an object of some type without a value and with the stored default of one property."""
    relation = registry.relation_of((*registry.parents(definition.name), definition.name)[0])
    parent = ROOT
    for above in registry.lineage(relation)[:-1]:
        parent = parent.child(above.name, None if above.kind == "singleton" else "x")
    path = parent.child(relation.name, None if relation.kind == "singleton" else "x")
    texts = tuple(reversed(prop.default.values))
    return {path: ObjectState(path, definition, {})}, {path: ObjectState(path, definition, {prop.name: texts})}


@pytest.mark.parametrize(("registry", "definition", "prop"), DEFAULTS)
def test_a_stored_default_is_no_difference_and_is_not_written(
    registry: Registry, definition: ManagedObjectDefinition, prop: PropertyDefinition
) -> None:
    without, stored = both_sides(registry, definition, prop)
    for one, other in ((without, stored), (stored, without)):
        assert list(find_differences(one, other, registry)) == []
        assert plan_operations(one, other, registry, prune=True) == []


def test_apply_leaves_both_texts_alone() -> None:
    plain, stored = servers(), servers(**{"use-ssl": "false"})
    for ctx, wanted in ((plain, stored), (stored, plain)):
        before = states(ctx)
        assert list(find_differences(before, states(wanted), builtin())) == []
        assert not ctx.apply(states(wanted), prune=True).changed
        assert states(ctx) == before
    assert [
        d.path.name for d in find_differences(states(plain), states(servers(**{"use-ssl": "true"})), builtin())
    ] == ["one"]


def test_a_singleton_that_stores_its_defaults_is_not_pruned() -> None:
    ctx = manage(depot())
    ctx.modify("depot-settings", (), PropertyChanges(set={"site-name": "main"}))
    assert not ctx.apply({}, prune=True).changed
    assert list(find_differences(states(ctx), {}, depot())) == []
    assert ctx.get("depot-settings").values == {"site-name": ("main",)}
