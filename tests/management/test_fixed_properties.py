"""A read-only property with a default is shown with its value, and neither set nor written, however it is tried."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.checking import check
from confobjects.management import ManagementContext
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.judging import warn_of_unknown
from confobjects.mapping.documents import read, write
from confobjects.mapping.entry import Entry
from confobjects.mapping.ldap_schema import build_schema
from confobjects.objects.changes import PropertyChanges
from confobjects.reference.examples import example_object
from confobjects.reference.facts import facts
from confobjects.reference.jsonschema import document_schema, property_schema
from tests.definitions.documents import depot
from tests.management.things import manage, refused, snapshot

LAMP = ("gate", "mx.example.com:25")
FIXED = {"fuel": "oil", "reach": "5 s"}


def lit() -> ManagementContext:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.modify("watchman", (), PropertyChanges(set={"enabled": ["true"]}), type="strict")
        tx.create("lookout", "gate", {})
    return ctx


def shown(ctx: ManagementContext) -> dict[str, tuple[tuple[str, ...], str]]:
    obj = ctx.get("lantern", LAMP)
    reader = ctx.site.make_reader()
    return {name: reader.read_current(obj, obj.definition.properties[name]) for name in FIXED}


def change(**changes: Any) -> Callable[[ManagementContext], Any]:
    return lambda ctx: ctx.modify("lantern", LAMP, PropertyChanges(**changes))


def test_it_is_shown_and_not_written() -> None:
    ctx = lit()
    assert shown(ctx) == {"fuel": (("oil",), "default"), "reach": (("5 s",), "inherited from /watchman")}
    assert dict(ctx.get("lantern", LAMP).values) == {"address": (LAMP[1],), "colour": ("white",)}
    ctx.modify("watchman", (), PropertyChanges(set={"patience": ["9 s"]}))
    assert shown(ctx)["reach"] == (("9 s",), "inherited from /watchman")


@pytest.mark.parametrize(("name", "default"), FIXED.items())
@pytest.mark.parametrize("value", ["default", "gas", "7 s", "&{x}"])
@pytest.mark.parametrize("verb", ["create", "set", "add", "remove", "reset"])
def test_no_way_sets_it(verb: str, name: str, default: str, value: str) -> None:
    given = {name: [default if value == "default" else value]}
    tries = {
        "create": lambda ctx: ctx.create("lantern", ("gate", "other:1"), given),
        "set": change(set=given),
        "add": change(add=given),
        "remove": change(remove=given),
        "reset": change(reset=[name]),
    }
    ctx = lit()
    [problem] = refused(ctx, lambda: tries[verb](ctx))
    assert (problem.code, problem.property) == ("usage", name)
    assert problem.summary == f"{name} is read-only and has a default: it is never set"
    assert (problem.detail, problem.remedy) == (f"its value: {default}", f"leave {name} out")


def document(ctx: ManagementContext, **more: Any) -> Any:
    data = json.loads(write(take_snapshot(ctx.site).objects.values(), depot()))
    path = next(path for path in data["objects"] if "lantern" in path)
    data["objects"][path]["properties"].update(more)
    return data


def test_a_document_does_not_hold_it_and_may_not() -> None:
    ctx = lit()
    schema = document_schema(depot())
    whole = document(ctx)
    assert not any(f'"{name}"' in json.dumps(whole) for name in FIXED)
    for more, said in (
        ({}, []),
        ({"fuel": None}, []),
        ({"fuel": "oil"}, ["fuel is read-only and has a default: it is never set"]),
        ({"reach": 7}, ["reach is read-only and has a default: it is never set"]),
    ):
        data = document(ctx, **more)
        assert [doubt.problem.summary for doubt in read(data, depot()).doubts] == said
        assert jsonschema.Draft202012Validator(schema).is_valid(data) == (not said)
    assert not ctx.apply(take_snapshot(ctx.site).objects).changed


def stray(ctx: ManagementContext) -> ManagementContext:
    """The same configuration after somebody else has written a value into the entry."""
    entries = [
        Entry(entry.dn, {**entry.attributes, "ds-cfg-fuel": ("gas",)})
        if entry.has_object_class("ds-cfg-lantern")
        else entry
        for entry in ctx.storage.search(ctx.storage.base, "sub")
    ]
    return manage(depot(), *entries)


def test_a_value_that_somebody_else_has_stored_is_reported_kept_and_not_used() -> None:
    ctx = stray(lit())
    assert shown(ctx)["fuel"] == (("oil",), "default")
    obj = ctx.get("lantern", LAMP)
    assert obj.unknown == ("ds-cfg-fuel",)
    [warning] = warn_of_unknown([obj], "kept")
    assert warning.summary == "the attribute ds-cfg-fuel is not used, because fuel always has its default: it is kept"
    ctx.modify("lantern", LAMP, PropertyChanges(set={"colour": ["red"]}))
    [entry] = [attributes for attributes in snapshot(ctx).values() if "ds-cfg-colour" in attributes]
    assert (entry["ds-cfg-fuel"], entry["ds-cfg-colour"]) == (("gas",), ("red",))


def test_it_is_described() -> None:
    lantern = depot().definition("lantern")
    for name in FIXED:
        assert dict(facts(lantern.properties[name], depot()))["Read-only"] == "Yes, it always has its default."
        assert property_schema(lantern.properties[name])["readOnly"]
    assert property_schema(lantern.properties["fuel"])["default"] == "oil"
    assert dict(facts(lantern.properties["address"], depot()))["Read-only"] == "Yes"
    assert example_object(lantern, depot()).keys() == {"address"}
    assert "ds-cfg-fuel" in {element.name for element in build_schema(depot()).attribute_types}


ENGINE: dict[str, Any] = {
    "name": "engine",
    "version": 1,
    "synopsis": "An engine.",
    "relation": {"parent": "root", "kind": "singleton", "branch": "cn=Engine"},
    "abstract": True,
    "properties": {
        "fuel": {"synopsis": "What it burns.", "syntax": "string", "default": {"values": ["gas"]}},
        "fast": {"synopsis": "Whether it is fast.", "syntax": "boolean", "default": {"values": ["false"]}},
    },
    "constraints": [
        {
            "name": "fast-on-oil",
            "synopsis": "only oil is fast",
            "condition": {"implies": [{"contains": ["fast", "true"]}, {"contains": ["fuel", "oil"]}]},
            "fixes": [{"fuel": "oil"}, {"fast": "false"}],
        }
    ],
}
FREE = {"name": "free-engine", "version": 1, "synopsis": "It burns anything.", "extends": "engine"}
GAS = {
    "name": "gas-engine",
    "version": 1,
    "synopsis": "It burns gas.",
    "extends": "engine",
    "overrides": {"fuel": {"read-only": True}},
}


def engines() -> ManagementContext:
    given = [DefinitionDocument(f"{data['name']}.json", data) for data in (ENGINE, FREE, GAS)]
    assert check(given) == ()
    return manage(Registry(given))


def test_a_type_that_fixes_it_does_not_keep_the_value_of_another() -> None:
    ctx = engines()
    with ctx.change() as tx:
        tx.modify("engine", (), PropertyChanges(set={"fuel": ["wood"]}), type="free")
    assert dict(ctx.get("engine", ()).values) == {"fuel": ("wood",)}
    with ctx.change() as tx:
        tx.modify("engine", (), PropertyChanges(set={"fast": ["false"]}), type="gas")
    obj = ctx.get("engine", ())
    assert (obj.definition.name, dict(obj.values)) == ("gas-engine", {"fast": ("false",)})


def test_what_would_set_it_is_not_offered_as_a_correction() -> None:
    ctx = engines()
    fixes = {}
    for type_ in ("free", "gas"):

        def hurry(type_: str = type_) -> None:
            with ctx.change() as tx:
                tx.modify("engine", (), PropertyChanges(set={"fast": ["true"]}), type=type_)

        [problem] = refused(ctx, hurry)
        fixes[type_] = problem.fix
    assert fixes == {"free": (("fuel", "oil"),), "gas": ()}


def test_a_missing_value_is_not_to_be_set() -> None:
    inherited = {"default": {"inherited": {"offset": 0, "property": "mark"}}, "mandatory": True, "read-only": True}
    wagon = {
        "name": "wagon",
        "version": 1,
        "synopsis": "A wagon.",
        "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Wagons"},
        "properties": {
            "mark": {"synopsis": "Its mark.", "syntax": "string"},
            "label": {"synopsis": "Its label.", "syntax": "string", **inherited},
        },
    }
    ctx = manage(Registry([DefinitionDocument("wagon.json", wagon)]))
    [problem] = refused(ctx, lambda: ctx.create("wagon", "one", {}))
    assert problem.summary == "the mandatory property label has no value"
    assert problem.remedy == "give mark a value: label is read-only and inherits it"
    ctx.create("wagon", "one", {"mark": "x"})
    assert dict(ctx.get("wagon", "one").values) == {"mark": ("x",)}
