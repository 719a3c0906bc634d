"""The operations that make one configuration another: their order, what is left alone, what gives way."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects import PropertyChanges
from confobjects.definitions import DefinitionDocument, Registry
from confobjects.errors import MissingMandatoryError, UnknownNameError
from confobjects.management import ManagementContext
from confobjects.management.documents.applying import plan_operations, sort_by_need
from confobjects.management.documents.comparing import States, find_differences, take_snapshot
from confobjects.management.documents.exporting import plan_creation
from confobjects.mapping.documents import ObjectState, drop_secrets
from confobjects.paths import ManagedObjectPath
from tests.definitions.documents import builtin, depot
from tests.management.things import manage


def depots(*queues: tuple[str, dict[str, Any]], store: dict[str, Any] | None = None) -> ManagementContext:
    ctx = manage(depot())
    ctx.create("store", "s", {"enabled": True, "location": "/s", **(store or {})})
    with ctx.change() as tx:
        for name, values in queues:
            tx.create("queue", name, {"enabled": True, "store": "s", **values}, type="disk", bare=True)
    return ctx


def states(ctx: ManagementContext) -> States:
    return take_snapshot(ctx.site).objects


def steps(there: States, wanted: States, **options: bool) -> list[tuple[str, str]]:
    return [(op.action, str(op.resolve_path(depot()))) for op in plan_operations(there, wanted, depot(), **options)]


def test_creation_goes_from_what_is_used_to_users_and_deletion_back() -> None:
    full, empty = states(depots(("q", {}), ("r", {"watch": ["q"]}))), states(manage(depot()))
    assert steps(empty, full) == [("create", "/store/s"), ("create", "/queue/q"), ("create", "/queue/r")]
    assert steps(full, empty) == []
    assert steps(full, empty, prune=True) == [("delete", "/queue/r"), ("delete", "/queue/q"), ("delete", "/store/s")]


def test_what_hangs_below_a_deleted_object_goes_with_it() -> None:
    ctx = depots(("q", {}))
    ctx.create("consumer", ("q", "mail"), {})
    assert steps(states(ctx), {}, prune=True) == [("delete", "/queue/q"), ("delete", "/store/s")]


def test_a_singleton_that_is_not_wanted_goes_back_to_its_defaults() -> None:
    ctx = manage(depot())
    ctx.modify("depot-settings", (), changes_of("site-name", "x"))
    assert steps(states(ctx), {}, prune=True) == [("modify", "/depot-settings")]
    ctx.apply({}, prune=True)
    assert states(ctx) == {}
    assert not ctx.apply({}, prune=True).changed


def changes_of(name: str, value: str) -> Any:
    from confobjects import PropertyChanges

    return PropertyChanges(set={name: [value]})


def test_a_circle_of_references_is_made_in_one_change_and_by_commands_in_two_steps() -> None:
    ctx = depots(("a", {"watch": ["b", "c"]}), ("b", {"watch": ["c"]}), ("c", {"watch": ["a", "c"]}))
    wanted = states(ctx)
    other = manage(depot())
    other.apply(wanted)
    assert not list(find_differences(wanted, states(other), depot()))
    third = manage(depot())
    made = list(plan_creation(wanted, depot()))
    assert [op.action for op in made].count("modify") == 1
    for operation in made:  # one by one: each is possible after those before it
        with third.change() as tx:
            operation.ask(tx)
    assert not list(find_differences(wanted, states(third), depot()))


@pytest.mark.parametrize("turn", range(5))
def test_the_order_holds_whatever_the_names_are(turn: int) -> None:
    names = "abcde"[turn:] + "abcde"[:turn]
    ctx = depots(
        *((name, {"watch": [after]} if after else {}) for name, after in zip(names, ["", *names], strict=False))
    )
    found = [state.path.name for state in sort_by_need(states(ctx), depot()) if state.path.relation == "queue"]
    assert found == list(names)


def test_only_what_differs_is_set_and_what_is_not_wanted_is_reset() -> None:
    ctx = depots(("q", {"priority": 3, "sync-interval": "1 s"}))
    wanted = dict(states(ctx))
    path = ManagedObjectPath([("queue", "q")])
    wanted[path] = wanted[path].replace(values={**wanted[path].values, "priority": ("4",)})
    del wanted[path].values["sync-interval"]  # type: ignore[attr-defined]
    [operation] = plan_operations(states(ctx), wanted, depot())
    assert dict(operation.changes.set) == {"priority": ("4",)}
    assert operation.changes.reset == ("sync-interval",)


def test_a_secret_that_stays_moves_into_the_object_that_takes_the_place_of_another() -> None:
    ctx = manage(builtin())
    pin = {"enabled": True, "trust-store-file": "a.p12", "trust-store-pin": "canary"}
    ctx.create("trust-manager-provider", "p", pin, type="file-based")
    [state] = states(ctx).values()
    silent = drop_secrets(state)
    assert silent.kept == {"trust-store-pin"}
    ctx.apply({state.path: silent.replace(values={**silent.values, "trust-store-file": ("b.p12",)})})
    [after] = states(ctx).values()
    assert (after.values["trust-store-pin"], after.values["trust-store-file"]) == (("canary",), ("b.p12",))


def test_a_mandatory_secret_of_which_a_document_says_nothing_is_missed_when_the_object_is_new() -> None:
    definition = depot().definition("gateway")
    path = ManagedObjectPath([("gateway", "g")])
    state = ObjectState(path, definition, {}, kept=frozenset({"token", "access-key"}))
    with pytest.raises(MissingMandatoryError) as caught:
        plan_operations({}, {path: state}, depot())
    assert [problem.property for problem in caught.value.diagnostics] == ["access-key", "token"]
    assert plan_operations({}, {path: state.replace(kept=frozenset(), silent=frozenset({"token"}))}, depot())


def test_no_representation_shows_a_value() -> None:
    ctx = manage(builtin())
    ctx.create(
        "mail-server", "m", {"enabled": True, "smtp-server": "h", "auth-username": "u", "auth-password": "canary"}
    )
    assert "canary" not in repr(take_snapshot(ctx.site))
    assert "canary" not in repr(plan_operations({}, states(ctx), builtin()))
    assert "canary" not in repr(list(find_differences({}, states(ctx), builtin())))


@pytest.mark.parametrize("serial", [("8",), None])
def test_undo_takes_back_a_replacement_by_another_read_only_value(serial: tuple[str, ...] | None) -> None:
    ctx = depots(("q", {"serial": 4}), ("r", {"watch": ["q"]}))
    before = states(ctx)
    path = next(path for path in before if path.name == "q")
    values = {name: texts for name, texts in before[path].values.items() if name != "serial"}
    wanted = {**before, path: before[path].replace(values=values if serial is None else {**values, "serial": serial})}
    ctx.apply(wanted, recreate=True)
    replaced = states(ctx)
    assert replaced[path].values.get("serial") == serial
    number = ctx.history()[-1].number
    ctx.undo(number)
    assert list(find_differences(before, states(ctx), ctx.registry)) == []
    ctx.undo(number + 1)
    assert list(find_differences(replaced, states(ctx), ctx.registry)) == []


def test_what_the_definitions_here_do_not_know_is_named_and_nothing_is_done() -> None:
    """The objects may come from a server of another version."""
    ctx = manage(builtin())
    with pytest.raises(UnknownNameError) as caught:
        ctx.apply(states(depots(("q", {"priority": 3}))))
    assert {(one.path, one.summary) for one in caught.value.diagnostics} == {
        ("/queue/q", "the definitions here have no type disk-queue"),
        ("/store/s", "the definitions here have no type store"),
    }


def lamps(*names: str) -> ManagementContext:
    """An empty configuration of lamps, whose definition has some properties."""
    lamp = {
        "name": "lamp",
        "version": 1,
        "synopsis": "A lamp.",
        "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Lamps"},
        "properties": {name: {"synopsis": "A text.", "syntax": "string"} for name in names},
    }
    return manage(Registry([DefinitionDocument("lamp.json", lamp)]))


def test_a_property_that_another_version_does_not_have_is_named_and_nothing_is_done() -> None:
    newer, older = lamps("colour", "shade"), lamps("colour")
    newer.create("lamp", "one", {"colour": "red", "shade": "dark"})
    with pytest.raises(UnknownNameError, match="a Lamp has no property shade here"):
        older.apply(states(newer))
    newer.modify("lamp", ("one",), PropertyChanges(reset=["shade"]))
    assert older.apply(states(newer)).changed
