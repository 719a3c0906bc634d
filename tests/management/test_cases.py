"""A default with cases follows the properties that its conditions look at, through every change.

Laws:

1. It is never written: not on create, not on reset, not by a document, also where the property is mandatory.
2. A change of what it follows asks for its administrator action, in the object and in those that inherit it, exactly if the
   current value changes or is not known.
3. What expressions leave open is accepted, and listed as deferred.
4. A document that is applied twice changes nothing the second time, and leads to the same current values.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.management import ManagementContext
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.objects.changes import ChangeReport, PropertyChanges
from confobjects.objects.model import DeferredCheck
from tests.definitions.documents import depot
from tests.management.things import manage, refused, summaries


def couriers(**values: Any) -> ManagementContext:
    ctx = manage(depot())
    ctx.create("courier", "mule", values)
    return ctx


def stored(ctx: ManagementContext) -> dict[str, Any]:
    return dict(ctx.get("courier", "mule").values)


def current(ctx: ManagementContext, name: str) -> tuple[tuple[str, ...], str]:
    obj = ctx.get("courier", "mule")
    return ctx.site.make_reader().read_current(obj, obj.definition.properties[name])


def change(ctx: ManagementContext, **values: Any) -> ChangeReport:
    return ctx.modify("courier", "mule", PropertyChanges(set={n: [v] if v else [] for n, v in values.items()}))


def needed(report: ChangeReport) -> list[str]:
    return [action.property for action in report.admin_actions]


def test_it_is_never_written() -> None:
    ctx = couriers()
    assert stored(ctx) == {}
    assert current(ctx, "lamps") == (("rear",), "default (batch-size is 50)")
    change(ctx, road="tunnel")
    assert stored(ctx) == {"road": ("tunnel",)}
    assert current(ctx, "lamps") == (("front", "rear"), "default (gate is 9)")
    change(ctx, lamps="front")
    ctx.modify("courier", "mule", PropertyChanges(reset=["lamps"]))
    assert stored(ctx) == {"road": ("tunnel",)}
    ctx.modify("courier", "mule", PropertyChanges(remove={"lamps": ["rear"]}))
    assert stored(ctx)["lamps"] == ("front",)
    ctx.modify("courier", "mule", PropertyChanges(remove={"lamps": ["front"]}))
    assert stored(ctx) == {"road": ("tunnel",)}


@pytest.mark.parametrize(("before", "after"), [*permutations(["", "open", "covered", "tunnel"], 2)])
def test_the_action_follows_the_current_value(before: str, after: str) -> None:
    ctx = couriers(road=before or None)
    gates = {"": "1", "open": "1", "covered": "1", "tunnel": "9"}
    assert needed(change(ctx, road=after)) == (["gate"] if gates[before] != gates[after] else [])
    assert needed(change(ctx, guide="Ann")) == (["gate"] if after == "open" else [])
    assert needed(change(ctx, gate="2")) == ([] if after == "open" else ["gate"]), "storing the default changes nothing"
    assert needed(change(ctx, road="tunnel")) == []


def test_what_is_not_known_may_change() -> None:
    ctx = couriers()
    report = change(ctx, road="&{r.x}")
    assert needed(report) == ["gate"]
    path = depot().path_of("courier", "mule")
    assert report.deferred == (
        DeferredCheck(path, "road", "&{r.x}", "value"),
        DeferredCheck(path, "gate", "9 or 1", "default"),
        DeferredCheck(path, "lamps", "front or rear", "default"),
    )
    assert needed(change(ctx, road="&{r.y}")) == ["gate"]
    assert current(ctx, "gate") == ((), "default (decided at startup)")


def test_nothing_is_added_to_a_default_that_is_not_known() -> None:
    ctx = couriers(road="&{r.x}")
    problems = refused(ctx, lambda: ctx.modify("courier", "mule", PropertyChanges(add={"lamps": ["front"]})))
    summary = "lamps has its default, which startup chooses: nothing can be added to it before"
    assert summaries(problems) == [("invalid-value", summary)]
    ctx.modify("courier", "mule", PropertyChanges(reset=["lamps"]))
    ctx.modify("courier", "mule", PropertyChanges(set={"road": ["open"]}, add={"lamps": ["front"]}))
    assert stored(ctx)["lamps"] == ("rear", "front")


def test_documents_keep_it_as_it_is() -> None:
    derived, explicit = couriers(road="tunnel"), couriers(road="tunnel", gate="9")
    one, other = (take_snapshot(ctx.site).objects for ctx in (derived, explicit))
    # The one follows the road, and the other does not.
    [difference] = find_differences(one, other, depot())
    assert {name: (p.before, p.after) for name, p in difference.properties.items()} == {"gate": ((), ("9",))}
    for ctx, wanted in ((derived, other), (explicit, one)):
        assert ctx.apply(wanted, prune=True).changed
        assert take_snapshot(ctx.site).objects == wanted
        assert not ctx.apply(wanted, prune=True).changed
    assert needed(couriers(road="open").apply(one)) == ["gate"]


def test_undo_takes_the_derived_value_back() -> None:
    ctx = couriers()
    change(ctx, road="tunnel")
    report = ctx.undo(2)
    assert needed(report) == ["gate"]
    assert current(ctx, "gate") == (("1",), "default (otherwise)")


def test_a_list_reads_what_decides_between_the_cases() -> None:
    ctx = couriers(road="tunnel")
    world = ctx.world()
    [obj] = ctx.list("courier", (), world, properties=["lamps"])
    reader = ctx.site.make_reader(world)
    assert reader.read_current(obj, obj.definition.properties["lamps"])[0] == ("front", "rear")


def with_inn() -> Registry:
    inn = {
        "name": "inn",
        "version": 1,
        "synopsis": "Where couriers rest.",
        "relation": {"parent": "courier", "kind": "instantiable"},
        "properties": {
            "door": {
                "synopsis": "Its door.",
                "syntax": "integer",
                "default": {"inherited": {"offset": 1, "property": "gate"}},
                "admin-action": {"kind": "server-restart"},
            },
            "roof": {
                "synopsis": "Its roof.",
                "syntax": {"type": "string", "pattern": {"regex": "n.*", "usage": "N", "synopsis": "Begins with n."}},
                "default": {"cases": [{"when": {"contains": ["door", "9"]}, "values": ["none"]}, {"values": ["new"]}]},
                "admin-action": {"kind": "server-restart"},
            },
        },
        "constraints": [
            {"name": "roofed", "synopsis": "an inn has a roof", "condition": {"not": {"contains": ["roof", "none"]}}}
        ],
    }
    return Registry([*depot().documents.values(), *depot().packages.values(), DefinitionDocument("inn.json", inn)])


def test_the_objects_below_follow_too() -> None:
    ctx = manage(with_inn())
    ctx.create("courier", "mule", {"road": "open"})
    ctx.create("inn", ("mule", "star"), {})
    ctx.create("inn", ("mule", "moon"), {"door": 4})
    report = change(ctx, guide="Ann")
    assert [(str(a.path), a.property) for a in report.admin_actions] == [
        ("/courier/mule", "gate"),
        ("/courier/mule/inn/star", "door"),
    ]
    problems = refused(ctx, lambda: change(ctx, road="tunnel"))
    assert [(p.path, p.summary) for p in problems] == [("/courier/mule/inn/star", "an inn has a roof")]


def with_nodes() -> Registry:
    number = {"synopsis": "A number.", "syntax": "integer"}
    action = {"admin-action": {"kind": "server-restart"}}
    by_name = {"cases": [{"when": {"contains": ["id", "first"]}, "values": ["9"]}, {"values": ["1"]}]}
    node = {
        "name": "node",
        "version": 1,
        "synopsis": "A node.",
        "relation": {"parent": "root", "kind": "instantiable", "naming-property": "id", "branch": "cn=Nodes"},
        "properties": {
            "id": {"synopsis": "Its name.", "syntax": "string", "mandatory": True, "read-only": True},
            "rank": {**number, **action, "default": by_name},
            "weight": {**number, "read-only": True, "default": by_name},
        },
    }
    leaf = {
        "name": "leaf",
        "version": 1,
        "synopsis": "Below it.",
        "relation": {"parent": "node", "kind": "instantiable"},
        "properties": {"rank": {**number, **action, "default": {"inherited": {"offset": 1, "property": "rank"}}}},
    }
    hub = {
        "name": "hub",
        "version": 1,
        "synopsis": "A hub.",
        "abstract": True,
        "relation": {"parent": "root", "kind": "singleton", "branch": "cn=Hub"},
        "properties": {"power": number},
    }
    small = {"name": "small-hub", "version": 1, "synopsis": "Small.", "extends": "hub", "properties": {}}
    large = {
        **small,
        "name": "large-hub",
        "properties": {
            "fans": number,
            "noise": {
                **number,
                **action,
                "default": {"cases": [{"when": {"contains": ["fans", "2"]}, "values": ["9"]}, {"values": ["1"]}]},
            },
        },
    }
    documents = (node, leaf, hub, small, large)
    return Registry([DefinitionDocument(f"{one['name']}.json", one) for one in documents])


def test_a_default_may_follow_the_name() -> None:
    ctx = manage(with_nodes())
    ctx.create("node", "one", {})
    ctx.create("leaf", ("one", "low"), {})
    report = ctx.rename("node", "one", "first")
    assert [(str(a.path), a.property) for a in report.admin_actions] == [
        ("/node/first", "rank"),
        ("/node/first/leaf/low", "rank"),
    ]
    obj = ctx.get("node", "first")
    assert ctx.site.make_reader().read_current(obj, obj.definition.properties["weight"]) == (
        ("9",),
        "default (id is first)",
    )


def test_a_singleton_may_get_a_type_whose_defaults_follow_what_the_old_one_does_not_have() -> None:
    ctx = manage(with_nodes())
    ctx.modify("hub", (), PropertyChanges(set={"power": ["1"]}), type="small")
    ctx.modify("hub", (), PropertyChanges(set={"fans": ["2"]}), type="large")
    obj = ctx.get("hub", ())
    assert ctx.site.make_reader().read_current(obj, obj.definition.properties["noise"])[0] == ("9",)
    ctx.modify("hub", (), PropertyChanges(), type="small")
    assert ctx.get("hub", ()).definition.name == "small-hub"
