"""A read-only property with a default that creation may set is stored as any other, and settled once its object is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema
import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.checking import check
from confobjects.management import ManagementContext
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.management.judging import warn_of_unknown
from confobjects.mapping.documents import read, write
from confobjects.mapping.ldap_schema import build_schema
from confobjects.objects.changes import PropertyChanges
from confobjects.reference.facts import facts
from confobjects.reference.jsonschema import document_schema, property_schema
from confobjects.reference.listing import option_letters
from tests.definitions.documents import depot
from tests.management.test_fixed_properties import lit
from tests.management.things import manage, refused, snapshot

LAMP = ("gate", "other:1")
WICKS = {"by default": (), "as the default": ("cotton",), "another": ("glass", "wool")}
ONCE = "wick is read-only: it can be set only when the object is created"


def hung(wick: tuple[str, ...] = ("glass", "wool")) -> ManagementContext:
    """A configuration with a lantern that was given its wicks on creation; none if they are empty."""
    ctx = lit()
    ctx.create("lantern", LAMP, {"wick": list(wick)} if wick else {})
    return ctx


def shown(ctx: ManagementContext) -> tuple[tuple[str, ...], str]:
    obj = ctx.get("lantern", LAMP)
    return ctx.site.make_reader().read_current(obj, obj.definition.properties["wick"])


@pytest.mark.parametrize("wick", WICKS.values(), ids=WICKS)
def test_creation_sets_it_and_what_is_stored_is_shown(wick: tuple[str, ...]) -> None:
    ctx = hung(wick)
    obj = ctx.get("lantern", LAMP)
    assert obj.values.get("wick", ()) == wick
    assert shown(ctx) == ((wick, "stored") if wick else (("cotton",), "default"))
    assert list(warn_of_unknown([obj], "kept")) == []


CHANGES: Mapping[str, Callable[[tuple[str, ...]], PropertyChanges]] = {
    "set": lambda _: PropertyChanges(set={"wick": ["iron"]}),
    "add": lambda _: PropertyChanges(add={"wick": ["iron"]}),
    "remove": lambda now: PropertyChanges(remove={"wick": [now[0]]}),
}


@pytest.mark.parametrize("verb", CHANGES)
@pytest.mark.parametrize("wick", WICKS.values(), ids=WICKS)
def test_no_later_change_is_taken(wick: tuple[str, ...], verb: str) -> None:
    ctx = hung(wick)
    [problem] = refused(ctx, lambda: ctx.modify("lantern", LAMP, CHANGES[verb](wick or ("cotton",))))
    assert (problem.code, problem.property, problem.summary) == ("usage", "wick", ONCE)
    assert problem.remedy == (f"keep its value: {', '.join(wick)}" if wick else "leave wick out")


def test_it_is_reset_only_where_that_changes_nothing() -> None:
    ctx = hung(())
    ctx.modify("lantern", LAMP, PropertyChanges(reset=["wick"]))
    ctx = hung()
    [problem] = refused(ctx, lambda: ctx.modify("lantern", LAMP, PropertyChanges(reset=["wick"])))
    assert problem.summary == ONCE


@pytest.mark.parametrize("wick", WICKS.values(), ids=WICKS)
def test_a_document_has_it_and_creates_with_it(wick: tuple[str, ...]) -> None:
    wanted = take_snapshot(hung(wick).site).objects
    data = json.loads(write(wanted.values(), depot()))
    [properties] = [item["properties"] for path, item in data["objects"].items() if LAMP[1] in path]
    assert properties.get("wick", []) == list(wick)
    assert jsonschema.Draft202012Validator(document_schema(depot())).is_valid(data)
    again = read(data, depot())
    assert again.doubts == ()
    target = manage(depot())
    target.apply(wanted)
    assert snapshot(target) == snapshot(hung(wick))


def test_applied_onto_another_value_it_stays_unless_the_object_is_created_anew() -> None:
    wanted = take_snapshot(hung().site).objects
    ctx = hung(("straw",))
    [difference] = find_differences(take_snapshot(ctx.site).objects, wanted, depot())
    assert {name: pair.remark for name, pair in difference.properties.items()} == {"wick": "read-only"}
    report = ctx.apply(wanted)
    assert (report.changed, shown(ctx)) == (False, (("straw",), "stored"))
    assert [w.property for w in report.warnings] == ["wick"]
    ctx.apply(wanted, recreate=True)
    assert shown(ctx) == (("glass", "wool"), "stored")


def test_undo_gives_it_back() -> None:
    ctx = hung()
    before = take_snapshot(ctx.site).objects
    ctx.delete("lantern", LAMP)
    ctx.undo(ctx.history()[-1].number)
    assert take_snapshot(ctx.site).objects == before


def test_it_is_described_as_one_that_is_set_once() -> None:
    prop = depot().definition("lantern").properties["wick"]
    assert not prop.is_fixed
    said = dict(facts(prop, depot()))
    assert (said["Read-only"], said["Default value"]) == ("Yes", "cotton")
    schema = property_schema(prop)
    assert (schema["readOnly"], schema["default"], schema["type"]) == (True, ["cotton"], "array")
    assert option_letters(prop) == "r----"
    assert "ds-cfg-wick" in {element.name for element in build_schema(depot()).attribute_types}


def crate() -> dict[str, Any]:
    """A definition whose one property is mandatory, has a default, and is settled on creation."""
    label = {"synopsis": "Its label.", "syntax": "string", "mandatory": True, "read-only": "after-creation"}
    return {
        "name": "crate",
        "version": 1,
        "synopsis": "A crate.",
        "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Crates"},
        "properties": {"label": {**label, "default": {"values": ["plain"]}}},
    }


def test_the_default_of_a_mandatory_one_is_written_and_resetting_it_changes_nothing() -> None:
    ctx = manage(Registry([DefinitionDocument("crate.json", crate())]))
    ctx.create("crate", "one", {})
    ctx.modify("crate", "one", PropertyChanges(reset=["label"]))
    assert dict(ctx.get("crate", "one").values) == {"label": ("plain",)}
    ctx.create("crate", "two", {"label": "red"})
    [problem] = refused(ctx, lambda: ctx.modify("crate", "two", PropertyChanges(reset=["label"])))
    assert problem.remedy == "keep its value: red"


def test_an_object_that_comes_with_its_parent_may_have_it() -> None:
    shelf = {**crate(), "name": "shelf", "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Shelves"}}
    below = {**crate()["relation"], "parent": "shelf"}
    given = {**crate(), "relation": {**below, "default-objects": [{"name": "one", "properties": {"label": ["red"]}}]}}
    documents = [DefinitionDocument(f"{data['name']}.json", data) for data in (shelf, given)]
    assert check(documents) == ()
    ctx = manage(Registry(documents))
    ctx.create("shelf", "top", {})
    assert dict(ctx.get("crate", ("top", "one")).values) == {"label": ("red",)}
