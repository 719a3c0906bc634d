"""Reading properties: where a value comes from, what an expression comes to, and what is missing then."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.diagnostics import Diagnostic
from confobjects.management import ManagementContext, Site
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.judging import Judge
from confobjects.objects.model import Evaluation, ManagedObject
from confobjects.objects.protocols import Evaluator
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot

INTEGER = {"synopsis": "A number.", "syntax": "integer"}


def inherited(offset: int, prop: str) -> dict[str, Any]:
    return {"default": {"inherited": {"offset": offset, "property": prop}}}


def document(name: str, properties: dict[str, Any], parent: str = "root") -> DefinitionDocument:
    relation = {"parent": parent, "kind": "instantiable", "branch": f"cn={name}s"}
    head = {"name": name, "version": 1, "synopsis": f"A {name}.", "relation": relation}
    return DefinitionDocument(
        f"{name}.json", {**head, "properties": {n: {**INTEGER, **p} for n, p in properties.items()}}
    )


def manage(registry: Registry, evaluate: Evaluator = evaluate_defaults) -> ManagementContext:
    return ManagementContext(Site.of(registry, MemoryStorage(), evaluate))


def read(ctx: ManagementContext, kind: str, name: Any, prop: str) -> tuple[tuple[str, ...], str]:
    """Return the values of a property and where they come from."""
    obj = ctx.get(kind, name)
    reading = ctx.site.make_reader().read(obj, obj.definition.properties[prop])
    assert reading.problems == ()
    assert set(reading.origins) <= {reading.origin}
    return reading.values, reading.origin


# -- inherited defaults ------------------------------------------------------------------------------------------------


@pytest.fixture
def jobs() -> ManagementContext:
    ctx = manage(depot())
    ctx.create("queue", "jobs", {"enabled": True}, type="custom-memory")
    ctx.create("consumer", ("jobs", "mail"), {})
    return ctx


CONSUMER = ("consumer", ("jobs", "mail"))
RULE = ("retry-rule", ("jobs", "mail", "later"))


def test_a_default_is_inherited_over_several_objects(jobs: ManagementContext) -> None:
    assert read(jobs, *CONSUMER, "prefetch") == (("50",), "inherited from /depot-settings")
    jobs.modify("depot-settings", (), PropertyChanges(set={"batch-size": [60]}))
    assert read(jobs, *CONSUMER, "prefetch") == (("60",), "inherited from /depot-settings")
    jobs.modify("queue", "jobs", PropertyChanges(set={"batch-size": [70]}))
    assert read(jobs, *CONSUMER, "prefetch") == (("70",), "inherited from /queue/jobs")
    jobs.modify(*CONSUMER, PropertyChanges(set={"batch-size": [80]}))
    assert read(jobs, *CONSUMER, "prefetch") == (("80",), "inherited from /queue/jobs/consumer/mail")
    jobs.modify(*CONSUMER, PropertyChanges(set={"prefetch": [90]}))
    assert read(jobs, *CONSUMER, "prefetch") == (("90",), "stored")


def test_a_default_may_come_from_two_objects_up(jobs: ManagementContext) -> None:
    assert read(jobs, *RULE, "give-up") == (("1 d",), "inherited from /queue/jobs")
    jobs.modify("queue", "jobs", PropertyChanges(set={"time-to-live": ["7 d"]}))
    assert read(jobs, *RULE, "give-up") == (("10080 m",), "inherited from /queue/jobs")


def test_what_an_inherited_value_breaks_is_refused_where_it_is_set(jobs: ManagementContext) -> None:
    """The limits of a heir are narrower than those of the object it inherits from."""
    with pytest.raises(Exception, match="inherited from /depot-settings") as caught:
        jobs.modify("depot-settings", (), PropertyChanges(set={"batch-size": [450]}))
    (problem,) = caught.value.diagnostics  # type: ignore[attr-defined]  # one of our errors
    assert (problem.path, problem.property, problem.value) == ("/queue/jobs/consumer/mail", "prefetch", "450")
    jobs.modify(*CONSUMER, PropertyChanges(set={"prefetch": [400]}))
    jobs.modify("depot-settings", (), PropertyChanges(set={"batch-size": [450]}))


CIRCLES = {
    "with itself": ({"a": inherited(0, "a")}, ["a"]),
    "of two": ({"a": inherited(0, "b"), "b": inherited(0, "a")}, ["b", "a"]),
    "of three": ({"a": inherited(0, "b"), "b": inherited(0, "c"), "c": inherited(0, "a")}, ["b", "c", "a"]),
    "further on": ({"a": inherited(0, "b"), "b": inherited(0, "c"), "c": inherited(0, "b")}, ["b", "c"]),
}


@pytest.mark.parametrize(("properties", "chain"), list(CIRCLES.values()), ids=list(CIRCLES))
def test_defaults_that_inherit_from_each_other_in_a_circle_have_no_value(
    properties: dict[str, Any], chain: list[str]
) -> None:
    registry = Registry([document("ring", properties)])
    ctx = manage(registry)
    obj = ManagedObject(registry.path_of("ring", "one"), registry.definition("ring"), {})
    steps = islice(ctx.site.make_reader().trace_inheritance(obj, obj.definition.properties["a"]), 9)
    assert [prop.name for _, prop in steps] == chain
    ctx.create("ring", "one", {})
    assert read(ctx, "ring", "one", "a") == ((), "none")


def test_a_circle_ends_where_one_of_it_has_a_value() -> None:
    ctx = manage(Registry([document("ring", CIRCLES["of three"][0])]))
    ctx.create("ring", "one", {"c": 7})
    assert read(ctx, "ring", "one", "a") == (("7",), "inherited from /ring/one")
    assert read(ctx, "ring", "one", "b") == (("7",), "inherited from /ring/one")
    assert read(ctx, "ring", "one", "c") == (("7",), "stored")


def test_a_circle_over_parent_and_child_is_none() -> None:
    """Two objects of one chain may have a property of one name."""
    registry = Registry([document("top", {"a": {}}), document("leaf", {"a": inherited(1, "a")}, parent="top")])
    ctx = manage(registry)
    ctx.create("top", "one", {"a": 5})
    ctx.create("leaf", ("one", "two"), {})
    assert read(ctx, "leaf", ("one", "two"), "a") == (("5",), "inherited from /top/one")


# -- a mandatory property without a value ------------------------------------------------------------------------------


def as_list(*values: str) -> Evaluator:
    """Return an evaluator for which every expression is a list of some values."""
    return lambda text, *, multi_valued, secret, contexts=(): Evaluation(values, ("a list",) * len(values))


def needs(*, multi_valued: bool) -> Registry:
    return Registry([document("thing", {"a": {"mandatory": True, "multi-valued": multi_valued}})])


def errors(registry: Registry, evaluate: Evaluator, values: dict[str, Any]) -> list[Diagnostic]:
    """Return what is wrong with an object in a world where expressions come to other values than when it was made."""
    ctx = manage(registry)
    ctx.create("thing", "one", values)
    judge = Judge(registry, ctx.world(), evaluate)
    return [*judge.judge(ctx.get("thing", "one")).errors]


@pytest.mark.parametrize("multi_valued", [False, True])
def test_an_expression_that_comes_to_nothing_leaves_a_mandatory_property_without_a_value(multi_valued: bool) -> None:
    (problem,) = errors(needs(multi_valued=multi_valued), as_list(), {"a": "&{list}"})
    assert problem.as_json() == {
        "severity": "error",
        "code": "missing-mandatory",
        "summary": "the mandatory property a has no value",
        "path": "/thing/one",
        "property": "a",
        "detail": "expected: a whole number, at least 0",
        "remedy": "set a to …",
    }


def test_an_expression_that_comes_to_values_is_enough() -> None:
    assert errors(needs(multi_valued=True), as_list("1", "2"), {"a": "&{list}"}) == []
    assert errors(needs(multi_valued=True), as_list(), {"a": ["&{list}", "3"]}) == []


def test_an_expression_whose_value_is_not_known_yet_is_enough() -> None:
    assert errors(needs(multi_valued=True), evaluate_defaults, {"a": "&{list}"}) == []


def test_a_value_that_is_wrong_is_not_missing_besides() -> None:
    problems = errors(needs(multi_valued=True), as_list("many"), {"a": "&{list}"})
    assert [(p.code, p.value, p.detail_lines()) for p in problems] == [
        ("invalid-value", "many", ["expected: a whole number, at least 0", "the value came from a list"]),
    ]
