"""What a subtype narrows holds wherever its objects are read, judged, written and described."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.checking import check
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.judging import Judge
from confobjects.objects.model import ManagedObject
from confobjects.reference.jsonschema import object_schema, property_schema
from confobjects.reference.stubs import render_stub
from confobjects.reference.text import describe_property
from confobjects.syntaxes import HostPort
from tests.definitions.documents import depot
from tests.objects.depot import Objects, judge, made

MACHINE: dict[str, Any] = {
    "name": "machine",
    "version": 1,
    "synopsis": "A machine.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Machines"},
    "properties": {
        "address": {"synopsis": "Where it is.", "syntax": {"type": "host-port", "default-port": 587}},
        "owner": {"synopsis": "Whose it is.", "syntax": "string", "multi-valued": True},
        "speed": {"synopsis": "How fast it is.", "syntax": "integer", "sensitive": True},
        "helper": {
            "synopsis": "Who helps.",
            "syntax": "string",
            "default": {"inherited": {"offset": 0, "property": "tag"}},
        },
        "tag": {"synopsis": "Its mark.", "syntax": "string"},
    },
    "constraints": [
        {"name": "fast", "synopsis": "too fast", "condition": {"not": {"contains": ["address.port", "465"]}}},
    ],
}


def subtype(name: str, above: str, **overrides: Any) -> dict[str, Any]:
    changed = {prop: spec if "syntax" in spec else {"syntax": spec} for prop, spec in overrides.items()}
    return {"name": name, "version": 1, "synopsis": "One of its kind.", "extends": above, "overrides": changed}


def registry(*documents: dict[str, Any]) -> Registry:
    given = [DefinitionDocument(f"{data['name']}.json", data) for data in (MACHINE, *documents)]
    assert [problem.render() for problem in check(given)] == []
    return Registry(given)


def summaries(*documents: dict[str, Any]) -> list[str]:
    given = [DefinitionDocument(f"{data['name']}.json", data) for data in (MACHINE, *documents)]
    return [problem.summary for problem in check(given)]


ADDRESS = {"type": "host-port", "port": "required"}


def test_the_narrower_syntax_is_that_of_the_subtype_alone() -> None:
    found = registry(subtype("exact-machine", "machine", address=ADDRESS, owner={"type": "mail-address"}))
    wide, narrow = (found.definition(name).properties for name in ("machine", "exact-machine"))
    assert wide["address"].syntax.parse("h") == HostPort("h", 587)
    with pytest.raises(ValueError, match=r'"h" has no port, .*; add its port: "h:PORT"'):
        narrow["address"].syntax.parse("h")
    assert narrow["owner"].multi_valued
    assert narrow["owner"].syntax.name == "mail-address"
    assert (narrow["address"].synopsis, narrow["address"].declared_by) == ("Where it is.", "machine")


def test_a_secret_stays_one() -> None:
    found = registry(subtype("slow-machine", "machine", speed={"type": "integer", "upper": 9}))
    assert found.definition("slow-machine").properties["speed"].sensitive


def test_each_level_narrows_the_one_above_it() -> None:
    low = subtype("slow-machine", "machine", speed={"type": "integer", "upper": 9})
    assert summaries(low, subtype("lame-machine", "slow-machine", speed={"type": "integer", "upper": 3})) == []
    assert summaries(low, subtype("fair-machine", "slow-machine", speed={"type": "integer", "upper": 50})) == [
        'the syntax of "speed" can only become narrower: its upper limit 50 is above the inherited 9'
    ]


def test_a_default_may_be_inherited_from_a_narrower_syntax_only() -> None:
    assert summaries(subtype("marked-machine", "machine", tag={"type": "mail-address"})) == []
    assert summaries(subtype("helped-machine", "machine", helper={"type": "mail-address"})) == [
        "the inherited default no longer fits: the property of helped-machine is of syntax string, this one of mail-address"
    ]
    both = subtype("posted-machine", "machine", helper={"type": "mail-address"}, tag={"type": "mail-address"})
    assert summaries(both) == []


def test_inherited_conditions_are_judged_with_the_narrower_syntax() -> None:
    found = registry(subtype("quick-machine", "machine", address={"type": "host-port", "default-port": 465}))
    for name, truth in (("machine", True), ("quick-machine", False)):
        definition = found.definition(name)
        [constraint] = definition.constraints
        assert constraint.condition is not None
        normal = definition.properties["address"].syntax.normal_form("h")
        assert constraint.condition.judge({"address": frozenset([normal])}.__getitem__) is truth


@pytest.mark.parametrize(
    ("type_name", "values", "said"),
    [
        ("disk-queue", {"priority": "6"}, []),
        ("mirrored-disk-queue", {"priority": "5"}, []),
        ("mirrored-disk-queue", {"priority": "6"}, ["6 is too large"]),
        ("mirrored-disk-queue", {"priority": "10", "time_to_live": "unlimited"}, ["10 is too large"]),
    ],
)
def test_an_object_is_judged_by_the_syntax_of_its_type(type_name: str, values: dict[str, str], said: list[str]) -> None:
    right = (
        {"enabled": "true", "store": "one", "mirror": "/m"}
        if "mirror" in type_name
        else {"enabled": "true", "store": "one"}
    )
    judged: Judge = judge()
    assert [p.summary for p in judged.judge(made("/queue/jobs", type_name, **right, **values)).errors] == said


def test_schemas_and_pages_show_the_narrower_syntax() -> None:
    wide, narrow = (depot().definition(name).properties["priority"] for name in ("disk-queue", "mirrored-disk-queue"))
    assert (property_schema(wide)["anyOf"][0]["maximum"], property_schema(narrow)["anyOf"][0]["maximum"]) == (10, 5)
    assert "a whole number from -10 to 5 (rank)" in " ".join(describe_property(narrow, depot()).lower().split())
    found = registry(subtype("exact-machine", "machine", address=ADDRESS))
    [generic, exact] = [one["then"]["properties"]["address"]["anyOf"][0] for one in _branches(found)]
    assert ("pattern" in generic, "pattern" in exact) == (False, True)


def _branches(found: Registry) -> list[dict[str, Any]]:
    branches: list[dict[str, Any]] = object_schema(found.relation("machine"), found)["allOf"]
    return sorted(branches, key=lambda one: str(one["if"]["properties"]["type"]["const"]) != "generic")


def test_the_stub_has_the_type_of_the_wider_syntax() -> None:
    """An object of a kind may be of any type. The subtype's name comes before that of the type that declares it."""
    words = {"type": "enumeration", "values": {"a": "A.", "b": "B."}}
    middle = {**subtype("m-machine", "machine"), "properties": {"mode": {"synopsis": "How.", "syntax": words}}}
    del middle["overrides"]
    low = subtype("a-machine", "m-machine", mode={"type": "enumeration", "values": {"a": "A."}})
    assert 'Literal["mode"]) -> Literal["a", "b"] | None: ...' in render_stub(registry(middle, low))


def test_a_target_counts_as_enabled_by_the_syntax_of_its_own_type() -> None:
    """A string ignores case, the local part of a mail address does not: both must compare with their own rules."""
    helper = {
        "name": "driver",
        "version": 1,
        "synopsis": "Who drives it.",
        "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Drivers"},
        "properties": {
            "machine": {
                "synopsis": "What is driven.",
                "syntax": {
                    "type": "aggregation",
                    "relation": "machine",
                    "target-enabled": {"contains": ["owner", "Ann@Example.com"]},
                },
            }
        },
    }
    found = registry(subtype("owned-machine", "machine", owner={"type": "mail-address"}), helper)

    def judge_driver(type_name: str, owner: str) -> list[str]:
        machine = ManagedObject(found.parse_path("/machine/one"), found.definition(type_name), {"owner": (owner,)})
        driver = ManagedObject(found.parse_path("/driver/one"), found.definition("driver"), {"machine": ("one",)})
        judge_ = Judge(found, Objects([machine, driver]), evaluate_defaults)
        used = [problem.summary for problem in judge_.check_users(judge_.judge(machine))]
        (reference,) = driver.definition.properties["machine"].references
        assert judge_.is_enough(machine, reference) is not bool(used)
        return [problem.summary for problem in judge_.check_references(judge_.judge(driver))]

    disabled = ['machine names "one", which is disabled']
    assert judge_driver("machine", "ann@example.com") == []
    assert judge_driver("owned-machine", "Ann@EXAMPLE.com") == []
    assert judge_driver("owned-machine", "ann@example.com") == disabled
    assert judge_driver("machine", "bob@example.com") == disabled
