"""Properties that are required under a condition.

Laws:

1. A property without a value is missing exactly if its condition holds; the message says the condition in words.
2. What expressions leave open is deferred. Startup misses nothing that was neither missing nor deferred when it was written.
3. The JSON Schema of an object refuses nothing that the judge accepts, and misses what conditions on given values require.
4. The editor asks for it as soon as its condition holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from confobjects.cli.interactive.draft import Draft
from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.conditions import build_condition
from confobjects.diagnostics import Diagnostic
from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.objects.judging import Judge
from confobjects.objects.model import DeferredCheck, ManagedObject
from confobjects.reference.conditions import condition_schema
from confobjects.reference.examples import example_object
from confobjects.reference.facts import facts
from confobjects.reference.jsonschema import object_schema
from tests.definitions.documents import depot
from tests.objects.depot import Objects, fields, judge, made, prop

CONDITIONS = {
    "watchword": "bearer is set",
    "seal": "greeting is seal and (not (watchword is set))",
    "escort": "load is gold or veiled is true",
}
TEXTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "greeting": ((), ("none",), ("watchword",), ("seal",)),
    "veiled": ((), ("true",), ("false",)),
    "bearer": ((), ("Ann",)),
    "load": ((), ("gold",), ("salt", "gold"), ("salt",)),
    "watchword": ((), ("w",)),
}
OPEN: dict[str, tuple[tuple[str, ...], ...]] = {
    "greeting": (("&{g.x}",), ("&{g.x|seal}",)),
    "veiled": (("&{v.x}",),),
    "bearer": (),
    "load": (("&{l.x}",), ("salt", "&{l.x|gold}")),
    "watchword": (("&{w.x}",),),
}
TOKENS = {"g.x": ("none", "watchword", "seal"), "v.x": ("true", "false"), "l.x": ("gold", "tin"), "w.x": ("w",)}


def messenger(values: Mapping[str, tuple[str, ...]]) -> ManagedObject:
    return made("/messenger/fox", destination="far:1", **{name: texts for name, texts in values.items() if texts})


def missing_from(values: Mapping[str, tuple[str, ...]]) -> set[str]:
    """What the definition says, in other words."""
    found = set()
    greeting = (values["greeting"] or ("none",))[0]
    veiled = values["veiled"][0] == "true" if values["veiled"] else greeting != "none"
    if values["bearer"] and not values["watchword"]:
        found.add("watchword")
    if greeting == "seal" and not values["watchword"]:
        found.add("seal")
    if "gold" in values["load"] or veiled:
        found.add("escort")
    return found


PLAIN = [dict(zip(TEXTS, found, strict=True)) for found in product(*TEXTS.values())]


@pytest.mark.parametrize("values", PLAIN, ids=lambda v: " ".join(t for ts in v.values() for t in ts) or "nothing")
def test_a_value_is_missing_exactly_if_the_condition_holds(values: dict[str, tuple[str, ...]]) -> None:
    judged = judge().judge(messenger(values))
    assert {problem.property for problem in judged.problems} == missing_from(values)
    assert all(p.summary == f"{p.property} is required when {CONDITIONS[p.property]}" for p in judged.problems)
    assert {problem.code for problem in judged.problems} <= {"missing-mandatory"}
    assert judged.deferred == ()


def test_the_message_says_what_it_was_judged_on() -> None:
    [problem] = judge().judge(made("/messenger/fox", destination="far:1", bearer="Ann")).problems
    assert fields(problem) == {
        "code": "missing-mandatory",
        "summary": "watchword is required when bearer is set",
        "path": "/messenger/fox",
        "property": "watchword",
        "detail": "expected: a secret text; bearer is Ann",
        "remedy": "set watchword to …",
    }


@given(
    st.fixed_dictionaries({name: st.sampled_from((*texts, *OPEN[name])) for name, texts in TEXTS.items()}),
    st.fixed_dictionaries({token: st.sampled_from(texts) for token, texts in TOKENS.items()}),
)
def test_startup_misses_only_what_was_told(values: dict[str, tuple[str, ...]], tokens: dict[str, str]) -> None:
    def provide(need: Need) -> Found | NotFound | Failed:
        return Found((tokens[str(need)],), "a variable")

    obj = messenger(values)
    written, started = judge().judge(obj), judge(evaluate=make_evaluator(provide)).judge(obj)
    told = {problem.property for problem in written.problems}
    left_open = {check.property for check in written.deferred if check.why == "required-when"}
    provisional = {check.property for check in written.deferred if check.why in {"value", "default"}}
    assert {problem.property for problem in started.problems} <= told | left_open | (
        set(CONDITIONS) if provisional else set()
    )
    if not provisional:
        assert {problem.property for problem in started.problems} == told
    assert left_open.isdisjoint(told)


def test_a_condition_that_is_not_known_is_deferred() -> None:
    obj = messenger({"greeting": ("&{g.x}",)})
    assert [check for check in judge().judge(obj).deferred if check.why == "required-when"] == [
        DeferredCheck(obj.path, "seal", CONDITIONS["seal"], "required-when"),
        DeferredCheck(obj.path, "escort", CONDITIONS["escort"], "required-when"),
    ]


def test_a_subtype_may_state_another_condition() -> None:
    royal = depot().definition("royal-messenger")
    obj = ManagedObject(made("/messenger/fox").path, royal, {"destination": ("far:1",), "veiled": ("true",)})
    assert judge().judge(obj).problems == ()
    [problem] = judge().judge(obj.replace(values={**obj.values, "load": ("gold",)})).problems
    assert problem.summary == "escort is required when load is gold"


# -- what is told beforehand ------------------------------------------------------------------------------------------


def test_the_facts_say_when() -> None:
    obj = made("/messenger/fox")
    assert dict(facts(prop(obj, "seal"), depot()))["Required"] == f"When {CONDITIONS['seal']}"


def test_the_example_of_an_object_has_what_its_values_require() -> None:
    kind = {
        "name": "flag",
        "version": 1,
        "synopsis": "A flag.",
        "relation": {"parent": "root", "kind": "instantiable"},
        "properties": {
            "up": {"synopsis": "Up.", "syntax": "boolean", "mandatory": True},
            "mast": {"synopsis": "Its mast.", "syntax": "string", "required-when": {"contains": ["up", "true"]}},
            "rope": {"synopsis": "Its rope.", "syntax": "string", "required-when": {"is-present": "mast"}},
            "pole": {"synopsis": "Its pole.", "syntax": "string", "required-when": {"contains": ["up", "false"]}},
        },
    }
    registry = Registry([DefinitionDocument("flag.json", kind)])
    assert set(example_object(registry.definition("flag"), registry)) == {"up", "mast", "rope"}


def as_json(values: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "generic", "destination": "far:1"}
    for name, texts in values.items():
        if texts:
            found[name] = list(texts) if name == "load" else texts[0] == "true" if name == "veiled" else texts[0]
    return found


@pytest.fixture(scope="module")
def validator() -> Any:
    return Draft202012Validator(object_schema(depot().relation("messenger"), depot()))


def test_the_schema_refuses_nothing_that_the_judge_accepts(validator: Any) -> None:
    accepted = [values for values in PLAIN if not missing_from(values)]
    assert all(validator.is_valid(as_json(values)) for values in accepted)
    known = [values for values in PLAIN if missing_from(values) and (values["veiled"] or not values["greeting"])]
    assert not any(validator.is_valid(as_json(values)) for values in known)


BOOLEANS = st.recursive(
    st.sampled_from(
        [
            {"is-present": "bearer"},
            {"is-present": "greeting"},
            {"is-present": "veiled"},
            {"is-present": "load"},
            {"contains": ["greeting", "seal"]},
            {"contains": ["greeting", "NONE"]},
            {"contains": ["veiled", "true"]},
            {"contains": ["load", "gold"]},
            {"contains": ["bearer", "Ann"]},
            True,
            False,
        ]
    ),
    lambda inner: st.one_of(
        st.builds(lambda parts: {"and": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"or": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda one, other: {"implies": [one, other]}, inner, inner),
    ),
    max_leaves=5,
)


@given(BOOLEANS, st.sampled_from(PLAIN))
def test_what_the_schema_of_a_condition_accepts_meets_it(source: Any, values: dict[str, tuple[str, ...]]) -> None:
    definition = depot().definition("messenger")
    condition = build_condition(source, lambda name, text: definition.properties[name].syntax.normal_form(text))
    judged = judge().judge(messenger(values))
    schema = condition_schema(condition, definition)
    if schema is not None and Draft202012Validator(schema).is_valid(as_json(values)):
        assert condition.judge(judged.normal_values) is True


@pytest.mark.parametrize("values", PLAIN[::7])
def test_the_editor_asks_for_it(values: dict[str, tuple[str, ...]]) -> None:
    obj = messenger(values)
    defaults = {"greeting": ("none",), "veiled": ("false" if values["greeting"] in {(), ("none",)} else "true",)}
    new = Draft(obj.definition, {}, obj.values, defaults, creating=True)
    assert {missing.name for missing in new.missing_properties()} == missing_from(values)


def test_the_editor_does_not_ask_for_what_is_not_known() -> None:
    obj = messenger({"greeting": ("&{g.x}",)})
    new = Draft(obj.definition, {}, obj.values, {}, creating=True, undecided=frozenset({"veiled"}))
    assert new.missing_properties() == []


# -- parts of values ---------------------------------------------------------------------------------------------------

SENDER = {
    "name": "sender",
    "version": 1,
    "synopsis": "Sends mail.",
    "relation": {"parent": "root", "kind": "instantiable"},
    "properties": {
        "server": {
            "synopsis": "Where to.",
            "syntax": {"type": "host-port", "default-port": 25},
            "default": {"values": ["localhost:465"]},
        },
        "relay": {"synopsis": "Where to after that.", "syntax": {"type": "host-port", "default-port": 25}},
        "store": {
            "synopsis": "Whom to trust.",
            "syntax": "string",
            "required-when": {"or": [{"contains": ["server.port", "465"]}, {"contains": ["relay.port", "465"]}]},
        },
        "note": {"synopsis": "A note.", "syntax": "string", "required-when": {"is-present": "relay.port"}},
    },
}
STORE, NOTE = "the port of server is 465 or the port of relay is 465", "the port of relay is set"


@pytest.mark.parametrize(
    ("values", "missing", "open_", "state"),
    [
        ({}, {"store"}, set(), "the port of server is 465 by default; the port of relay is not set"),
        ({"server": "a:587"}, set(), set(), ""),
        ({"server": "a"}, set(), set(), ""),
        ({"server": "a:0465"}, {"store"}, set(), "the port of server is 465; the port of relay is not set"),
        (
            {"server": "a", "relay": "b:465", "note": "n"},
            {"store"},
            set(),
            "the port of server is 25; the port of relay is 465",
        ),
        ({"server": "&{s}"}, set(), {"store"}, ""),
        ({"relay": "&{r}"}, {"store"}, {"note"}, "the port of server is 465 by default; relay is &{r}"),
        ({"server": "a", "relay": "b"}, {"note"}, set(), "the port of relay is 25"),
    ],
)
def test_the_condition_may_look_at_a_part_of_a_value(
    values: dict[str, str], missing: set[str], open_: set[str], state: str
) -> None:
    registry = Registry([DefinitionDocument("sender.json", SENDER)])
    definition = registry.definition("sender")
    obj = ManagedObject(registry.parse_path("/sender/x"), definition, {name: (text,) for name, text in values.items()})
    judged = Judge(registry, Objects([obj]), evaluate_defaults).judge(obj)
    assert {p.property: p.summary for p in judged.problems} == {
        name: f"{name} is required when {words}"
        for name, words in (("store", STORE), ("note", NOTE))
        if name in missing
    }
    assert {check.property for check in judged.deferred if check.why == "required-when"} == open_
    assert [p.detail for p in judged.problems] == [f"expected: a text; {state}"] * len(missing)
    draft = Draft(definition, {}, obj.values, {"server": ("localhost:465",)}, creating=True)
    assert {prop.name for prop in draft.missing_properties()} == missing
    # JSON Schema sees no part of a value, only that of the default
    schema = Draft202012Validator(object_schema(registry.relation("sender"), registry))
    assert schema.is_valid(values) is ("server" in values or "store" in values)


def test_the_example_of_an_object_has_what_a_part_of_a_value_requires() -> None:
    registry = Registry([DefinitionDocument("sender.json", SENDER)])
    assert set(example_object(registry.definition("sender"), registry)) == {"store"}


def test_what_was_reported_of_a_property_is_not_said_to_be_missing_too() -> None:
    told = Diagnostic("broken-data", "it cannot be read", property="chest-key")
    obj = made("/courier/mule", chest="iron")
    (missing,) = judge(obj).judge(obj).problems
    assert (missing.code, missing.property) == ("missing-mandatory", "chest-key")
    broken = obj.replace(problems=(told,))
    assert judge(broken).judge(broken).problems == (told,)
