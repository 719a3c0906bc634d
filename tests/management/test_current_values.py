"""An action and a document follow the current value of a property, not the text that is stored.

Storing a default, and leaving the property to its definition, are two texts of one value.
"""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
from confobjects.definitions.allowance import AllowedCode
from confobjects.management import ManagementContext
from confobjects.management.documents.applying import plan_operations
from confobjects.management.documents.comparing import States, find_differences, take_snapshot
from confobjects.mapping.documents import ObjectState
from confobjects.objects.changes import ChangeReport, PropertyChanges, to_canonical
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ROOT
from tests.definitions.documents import FAMILY, builtin, depot, documents
from tests.management.things import MAIL, manage, refused

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


# -- heirs: objects whose values are inherited -------------------------------------------------------------------------


@cache
def strict_depot(*, fixed: bool = False) -> Registry:
    """Return the depot with an action for every value, inherited ones too.

    If ``fixed``, every consumer must have a prefetch and inherits it from the queue c.
    """
    found = documents(FAMILY)
    if fixed:
        [consumer] = [document.data for document in found if document.data.get("name") == "consumer"]
        default = {"inherited": {"path": "/queue/c", "property": "batch-size"}}
        consumer["properties"]["prefetch"].update(default=default, mandatory=True)
    for document in found:
        for prop in document.data.get("properties", {}).values():
            prop["admin-action"] = {"kind": "component-restart" if "inherited" in str(prop) else "server-restart"}
    return Registry(found, AllowedCode(modules=frozenset({"tests.definitions.functions"})))


OWNERS = ("depot-settings", "queue/a", "queue/b", "queue/a/consumer/x", "queue/a/consumer/y")


def queues(*, fixed: bool = False) -> ManagementContext:
    """Return queues with consumers: sizes come from the settings, except for a queue and a consumer."""
    ctx = manage(strict_depot(fixed=fixed))
    ctx.create("store", "s", {"enabled": "true", "location": "/s"})
    for name, values in (("a", {}), ("b", {"batch-size": "7"}), *((("c", {}),) if fixed else ())):
        ctx.create("queue", name, {"enabled": "true", "store": "s", **values}, type="custom-memory")
    for name, values in (("x", {}), ("y", {"batch-size": "8"})):
        ctx.create("consumer", ("a", name), values)
    ctx.create("consumer", ("b", "z"), {})
    return ctx


Current = dict[tuple[str, str], tuple[str, ...]]


def current_values(ctx: ManagementContext) -> Current:
    """Return the current value of each property of each object, in canonical form."""
    world = ctx.site.open_world()
    reader = PropertyReader(ctx.registry, world, ctx.site.evaluate)
    return {
        (str(obj.path), prop.name): tuple(to_canonical(prop, text) for text in reader.read_current(obj, prop)[0])
        for obj in ctx.site.all_objects(world)
        for prop in obj.definition.properties.values()
    }


def differing(before: Current, after: Current) -> set[tuple[str, str]]:
    """Return what has another value, for objects that are there before and after."""
    return {key for key in before.keys() & after.keys() if before[key] != after[key]}


def asked(report: ChangeReport) -> list[tuple[str, str]]:
    return [(str(action.path), action.property) for action in report.admin_actions]


sizes = st.sampled_from([None, "7", "8", "50", "60"])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(OWNERS), sizes, min_size=1))
def test_an_action_is_asked_for_each_value_that_changes_and_no_other(values: dict[str, str | None]) -> None:
    ctx = queues()
    before = current_values(ctx)
    with ctx.change() as change:
        for owner, size in values.items():
            kind, *names = owner.split("/")
            changes = PropertyChanges(set={"batch-size": (size,)}) if size else PropertyChanges(reset=("batch-size",))
            change.modify("consumer" if "consumer" in owner else kind, tuple(names[::2]), changes)
    found = asked(change.report)
    assert set(found) == differing(before, current_values(ctx))
    assert len(set(found)) == len(found)


def test_an_heir_that_stays_disabled_need_not_be_restarted() -> None:
    ctx = queues()
    ctx.modify("queue", "a", PropertyChanges(set={"enabled": ("false",)}))
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": ("60",)}))
    found = asked(report)
    assert ("/queue/a", "batch-size") not in found
    assert ("/queue/a/consumer/x", "batch-size") in found


def test_an_undo_asks_the_same_of_heirs() -> None:
    ctx = queues()
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": ("60",)}))
    number = ctx.history()[-1].number
    assert asked(ctx.undo(number)) == asked(report) != []


def test_a_new_object_asks_for_nothing() -> None:
    ctx = queues()
    report = ctx.create("queue", "c", {"enabled": "true", "store": "s", "batch-size": "9"}, type="custom-memory")
    assert asked(report) == []
    assert asked(ctx.create("consumer", ("c", "w"), {})) == []
    assert asked(ctx.delete("queue", "c")) == []


def test_a_renamed_owner_leaves_the_values_of_its_heirs_alone() -> None:
    ctx = queues()
    assert asked(ctx.rename("queue", "b", "c")) == []
    with ctx.change() as change:
        change.rename("queue", "c", "d")
        change.modify("queue", "d", PropertyChanges(set={"batch-size": ("9",)}))
    assert set(asked(change.report)) == {
        ("/queue/d", "batch-size"),
        ("/queue/d/consumer/z", "batch-size"),
        ("/queue/d/consumer/z", "prefetch"),
    }


FIXED = ["/queue/a/consumer/x", "/queue/a/consumer/y", "/queue/b/consumer/z"]


def test_an_owner_that_is_named_by_its_path_takes_its_value_along() -> None:
    """Heirs elsewhere lose their value with it, which is an action, and a problem if they must have one."""
    ctx = queues(fixed=True)
    expected = [(path, "prefetch", "missing-mandatory") for path in FIXED]
    for ask in (lambda: ctx.delete("queue", "c"), lambda: ctx.rename("queue", "c", "d")):
        problems = refused(ctx, ask)
        assert sorted((problem.path, problem.property, problem.code) for problem in problems) == expected
    with ctx.change() as change:
        change.delete("queue", "c")
        change.create("queue", "c", {"enabled": "true", "store": "s", "batch-size": "50"}, type="custom-memory")
    assert asked(change.report) == [], "the new one has the value of the old one"
    with ctx.change() as change:
        change.rename("queue", "c", "d")
        change.rename("queue", "b", "c")
    renamed = [path.replace("/b/", "/c/") for path in FIXED]
    assert sorted(asked(change.report)) == [(path, "prefetch") for path in renamed]


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
