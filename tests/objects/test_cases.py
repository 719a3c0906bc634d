"""Defaults with cases.

Laws:

1. The first case whose condition holds gives the default, and the origin names it; stored values win.
2. Whatever expressions come to at startup, the default is then one of those that were possible when the object was written. One that was
   decided stays, and one that was not is deferred.
3. Defaults with cases may follow each other, also in other objects, in a chain of any length.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.objects.heirs import find_heirs
from confobjects.objects.judging import Judge
from confobjects.objects.model import DeferredCheck, ManagedObject, Reading, Texts
from confobjects.objects.protocols import Evaluator
from confobjects.objects.reading import PropertyReader
from tests.definitions.documents import depot
from tests.objects.depot import Objects, judge, made, prop, reader

SETTINGS = made("/depot-settings")
ROADS = ("open", "covered", "tunnel")
TOKENS = {"r.x": ROADS, "g.x": ("1", "2", "9"), "b.x": ("50", "7"), "w.x": ("Ann",)}
TEXTS = {
    "road": ("", *ROADS, "&{r.x}", "&{r.x|open}", "&{r.x|tunnel}"),
    "guide": ("", "Ann", "&{w.x}"),
    "gate": ("", "9", "3", "&{g.x}", "&{g.x|9}"),
    "batch-size": ("", "50", "7", "&{b.x}", "&{b.x|7}"),
}


def courier(values: Mapping[str, str]) -> ManagedObject:
    texts = {name.replace("-", "_"): text for name, text in values.items() if text}
    return made("/courier/mule", **texts)


def startup(values: Mapping[str, str]) -> Evaluator:
    def provide(need: Need) -> Found | NotFound | Failed:
        return Found((values[str(need)],), "a variable")

    return make_evaluator(provide)


def gate_of(values: Mapping[str, str]) -> tuple[str, str]:
    """What the definition says, in other words."""
    if values["gate"]:
        return values["gate"], "stored"
    road = values["road"] or "covered"
    if road == "tunnel":
        return "9", "default (road is tunnel)"
    if road == "open" and values["guide"]:
        return "2", "default (road is open and guide is set)"
    return "1", "default (otherwise)"


def lamps_of(values: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    if gate_of(values)[0] == "9":
        return ("front", "rear"), "default (gate is 9)"
    if (values["batch-size"] or "50") == "50":
        return ("rear",), "default (batch-size is 50)"
    return ("front",), "default (otherwise)"


PLAIN = [
    dict(zip(TEXTS, found, strict=True))
    for found in product(*([text for text in texts if not text.startswith("&")] for texts in TEXTS.values()))
]


@pytest.mark.parametrize("values", PLAIN, ids=lambda v: " ".join(filter(None, v.values())) or "nothing")
def test_the_first_case_that_holds_gives_the_default(values: dict[str, str]) -> None:
    obj, found = courier(values), reader(SETTINGS)
    text, origin = gate_of(values)
    assert found.read_current(obj, prop(obj, "gate")) == ((text,), origin)
    assert found.read_current(obj, prop(obj, "lamps")) == lamps_of(values)
    judged = judge(SETTINGS).judge(obj)
    assert judged.problems == judged.deferred == ()
    assert judged.readings["gate"].origins == (origin,)
    assert judged.readings["gate"].typed == (int(text),)


@given(
    st.fixed_dictionaries({name: st.sampled_from(texts) for name, texts in TEXTS.items()}),
    st.fixed_dictionaries({token: st.sampled_from(texts) for token, texts in TOKENS.items()}),
)
def test_startup_chooses_one_of_the_possible_defaults(values: dict[str, str], tokens: dict[str, str]) -> None:
    obj, found = courier(values), reader(SETTINGS)
    deferred = {check.property: check for check in judge(SETTINGS).judge(obj).deferred}
    final = reader(SETTINGS, evaluate=startup(tokens))
    for name in ("gate", "lamps"):
        if values.get(name):
            continue
        written, started = found.choose_default(obj, prop(obj, name)), final.choose_default(obj, prop(obj, name))
        assert started.decided
        assert (name in deferred) is not written.decided
        if written.decided:
            assert started.texts == written.texts
            continue
        assert set(started.texts) <= set(written.possible)
        assert found.read_current(obj, prop(obj, name)) == ((), "default (decided at startup)")
        assert deferred[name] == DeferredCheck(obj.path, name, " or ".join(written.possible), "default")


@pytest.mark.parametrize(
    ("values", "decided", "texts"),
    [
        ({"road": "&{r.x}"}, False, ()),
        # without a guide, an open road is like a covered one; in a tunnel it is not
        ({"road": "&{r.x|open}"}, False, ("1",)),
        ({"road": "&{r.x|tunnel}"}, False, ("9",)),
        ({"road": "covered", "guide": "&{w.x}"}, True, ("1",)),
    ],
)
def test_what_expressions_leave_open(values: dict[str, str], decided: bool, texts: tuple[str, ...]) -> None:
    obj = courier({"guide": "", **values})
    choice = reader(SETTINGS).choose_default(obj, prop(obj, "gate"))
    assert (choice.decided, choice.texts) == (decided, texts)


def test_a_mandatory_property_whose_case_is_not_known_has_a_value() -> None:
    judged = judge(SETTINGS).judge(courier({"road": "&{r.x}", "batch-size": "7"}))
    assert judged.problems == ()
    assert judged.readings["lamps"].typed is None


# -- parts of values ---------------------------------------------------------------------------------------------------

SENDER = {
    "name": "sender",
    "version": 1,
    "synopsis": "Sends mail.",
    "relation": {"parent": "root", "kind": "instantiable"},
    "properties": {
        "server": {"synopsis": "Where to.", "syntax": {"type": "host-port", "default-port": 25}},
        "tls": {
            "synopsis": "Whether TLS is used.",
            "syntax": "boolean",
            "default": {
                "cases": [{"when": {"contains": ["server.port", "465"]}, "values": ["true"]}, {"values": ["false"]}]
            },
        },
    },
}


@pytest.mark.parametrize(
    ("server", "text", "origin"),
    [
        ("", "false", "default (otherwise)"),
        ("a", "false", "default (otherwise)"),
        ("a:465", "true", "default (the port of server is 465)"),
        ("[::1]:0465", "true", "default (the port of server is 465)"),
        ("&{server}", "", "default (decided at startup)"),
        ("&{server|a:465}", "", "default (decided at startup)"),
    ],
)
def test_a_case_may_look_at_a_part_of_a_value(server: str, text: str, origin: str) -> None:
    registry = Registry([DefinitionDocument("sender.json", SENDER)])
    obj = ManagedObject(
        registry.parse_path("/sender/x"), registry.definition("sender"), {"server": (server,)[: len(server)]}
    )
    there = Judge(registry, Objects([obj]), evaluate_defaults)
    assert there.reader.read_current(obj, obj.definition.properties["tls"]) == ((text,)[: len(text)], origin)
    found = find_changing(registry, obj.replace(values={}), obj)
    assert found == ({} if text == "false" else {"/sender/x": {"tls"}})


# -- chains -----------------------------------------------------------------------------------------------------------


def chain(length: int) -> tuple[Registry, ManagedObject]:
    """A type whose properties follow each other: the first one is stored, each other one says whether the one before is 1."""
    number = {"synopsis": "A number.", "syntax": "integer"}
    links = {
        f"p{at}": {
            **number,
            "default": {
                "cases": [
                    {
                        "when": {"and": [{"contains": [f"p{at - 1}", "1"]}, {"is-present": f"p{at - 1}"}]},
                        "values": ["0"],
                    },
                    {"values": ["1"]},
                ]
            },
        }
        for at in range(1, length)
    }
    kind = {
        "name": "chain",
        "version": 1,
        "synopsis": "A chain.",
        "relation": {"parent": "root", "kind": "instantiable"},
        "properties": {"p0": number, **links},
    }
    registry = Registry([DefinitionDocument("chain.json", kind)])
    return registry, ManagedObject(registry.parse_path("/chain/one"), registry.definition("chain"), {"p0": ("1",)})


@pytest.mark.parametrize("length", [2, 3, 600])
def test_a_chain_of_defaults_may_be_long(length: int) -> None:
    registry, obj = chain(length)
    last = obj.definition.properties[f"p{length - 1}"]
    found = PropertyReader(registry, Objects([obj]), evaluate_defaults)
    text = "1" if length % 2 else "0"
    assert found.read_current(obj, last)[0] == (text,)
    assert len(list(found.trace_sources(obj, last))) == length - 1


def test_a_default_that_goes_round_in_a_circle_is_never_decided() -> None:
    """The check of definitions refuses it; a registry that was not checked ends all the same."""
    number = {"synopsis": "A number.", "syntax": "integer"}

    def follow(name: str) -> dict[str, object]:
        return {
            **number,
            "default": {"cases": [{"when": {"contains": [name, "1"]}, "values": ["0"]}, {"values": ["1"]}]},
        }

    kind = {
        "name": "ring",
        "version": 1,
        "synopsis": "A ring.",
        "relation": {"parent": "root", "kind": "instantiable"},
        "properties": {"one": follow("two"), "two": follow("one")},
    }
    registry = Registry([DefinitionDocument("ring.json", kind)])
    obj = ManagedObject(registry.parse_path("/ring/x"), registry.definition("ring"), {})
    found = PropertyReader(registry, Objects([obj]), evaluate_defaults)
    assert not found.choose_default(obj, obj.definition.properties["one"]).decided
    judged = Judge(registry, Objects([obj]), evaluate_defaults).judge(obj)
    assert [check.property for check in judged.deferred] == ["one", "two"]


# -- between objects --------------------------------------------------------------------------------------------------

STATION = {
    "name": "station",
    "version": 1,
    "synopsis": "Where couriers rest.",
    "relation": {"parent": "courier", "kind": "instantiable"},
    "properties": {
        "gate": {
            "synopsis": "A gate.",
            "syntax": "integer",
            "default": {"inherited": {"offset": 1, "property": "gate"}},
        },
        "roof": {
            "synopsis": "Its roof.",
            "syntax": "string",
            "default": {"cases": [{"when": {"contains": ["gate", "9"]}, "values": ["none"]}, {"values": ["straw"]}]},
        },
    },
}


def test_a_default_follows_a_case_of_another_object() -> None:
    registry = Registry(
        [*depot().documents.values(), *depot().packages.values(), DefinitionDocument("station.json", STATION)]
    )
    obj = ManagedObject(registry.parse_path("/courier/mule/station/x"), registry.definition("station"), {})
    gate, roof = obj.definition.properties["gate"], obj.definition.properties["roof"]

    def read(road: str) -> PropertyReader:
        return PropertyReader(registry, Objects([courier({"road": road})]), evaluate_defaults)

    assert read("tunnel").read_current(obj, gate) == (("9",), "inherited from /courier/mule (road is tunnel)")
    assert read("tunnel").read_current(obj, roof) == (("none",), "default (gate is 9)")
    assert read("open").read_current(obj, roof) == (("straw",), "default (otherwise)")
    assert read("&{r.x}").read_current(obj, gate) == ((), "inherited from /courier/mule (decided at startup)")
    assert read("&{r.x}").read_current(obj, roof) == ((), "default (decided at startup)")
    # so it is an heir of what its courier follows
    assert find_changing(registry, courier({}), courier({"road": "tunnel"}), obj) == {
        "/courier/mule": {"gate", "lamps"},
        "/courier/mule/station/x": {"gate", "roof"},
    }
    assert find_changing(registry, courier({"road": "open"}), courier({"road": "open", "guide": "Ann"}), obj) == {
        "/courier/mule": {"gate"},
        "/courier/mule/station/x": {"gate"},
    }
    assert find_changing(registry, courier({}), courier({"batch-size": "7"}), obj) == {"/courier/mule": {"lamps"}}


def find_changing(
    registry: Registry, before: ManagedObject, after: ManagedObject, *others: ManagedObject
) -> dict[str, set[str]]:
    """The defaults that change with one object, by the path of the object that has them."""
    was, now = (Judge(registry, Objects([SETTINGS, one, *others]), evaluate_defaults) for one in (before, after))
    names = frozenset({*before.values, *after.values})
    changed = {after.path: frozenset(n for n in names if before.values.get(n) != after.values.get(n))}
    heirs = find_heirs(was, now, changed, lambda path: path)
    return {str(heir.after.path): set(heir.names) for heir in heirs}


def test_other_objects_of_the_kind_are_no_heirs() -> None:
    """Not even those whose defaults are not known: nothing that they follow changes."""
    others = (made("/courier/horse"), made("/courier/hare", road="&{r.x}"))
    registry = depot()
    found = find_changing(registry, courier({}), courier({"road": "tunnel"}), *others)
    assert found == {"/courier/mule": {"gate", "lamps"}}
    settings = made("/depot-settings", batch_size="7")
    was, now = (judge(one, *others, made("/courier/mule", gate="9")) for one in (SETTINGS, settings))
    heirs = find_heirs(was, now, {SETTINGS.path: frozenset({"batch-size"})}, lambda path: path)
    assert {str(heir.after.path): set(heir.names) for heir in heirs} == {
        "/courier/horse": {"batch-size", "lamps"},
        "/courier/hare": {"batch-size", "lamps"},
        "/courier/mule": {"batch-size"},
    }


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        ({"road": "&{r.x}"}, {"road": "&{r.y}"}, {"gate", "lamps"}),
        ({"road": "&{r.x}"}, {"road": "&{r.x}", "guide": "Ann"}, {"gate", "lamps"}),
        ({"road": "&{r.x}"}, {"road": "&{r.x}", "batch-size": "7"}, {"lamps"}),
        ({"road": "&{r.x}"}, {"road": "open"}, {"gate", "lamps"}),
        ({"road": "open"}, {"road": "&{r.x}"}, {"gate", "lamps"}),
        ({"road": "covered", "guide": "&{w.x}"}, {"road": "covered", "guide": "&{w.y}"}, set()),
    ],
)
def test_what_is_not_known_may_change_with_what_it_follows(
    before: dict[str, str], after: dict[str, str], names: set[str]
) -> None:
    found = find_changing(depot(), courier(before), courier(after))
    assert found == ({"/courier/mule": names} if names else {})


def test_a_stored_value_is_decided_whatever_its_default() -> None:
    stored, derived = courier({"road": "&{r.x}", "gate": "9"}), courier({"road": "&{r.x}"})
    assert reader().is_decided(stored, prop(stored, "gate"))
    assert not reader().is_decided(derived, prop(derived, "gate"))


def test_the_origin_names_all_cases_that_give_the_value() -> None:
    obj = courier({"road": "&{r.x}"})
    gate = prop(obj, "gate")
    cases = tuple(case.replace(values=("9",)) for case in gate.default.cases)
    choice = reader(obj).choose_default(obj, gate.replace(default=gate.default.replace(cases=cases)))
    assert (choice.texts, choice.decided, choice.possible) == (("9",), True, ())
    assert choice.origin == "default (road is tunnel or otherwise)"


def fields_of(reading: Reading) -> dict[str, object]:
    names = ("texts", "origin", "values", "origins", "typed", "problems", "deferred", "undecided")
    return {name: getattr(reading, name) for name in names}


@pytest.mark.parametrize(
    ("road", "probable"),
    [("&{r.x}", ((), (), (), None)), ("&{r.x|tunnel}", (("9",), ("9",), ("default (decided at startup)",), (9,)))],
)
def test_a_value_that_startup_chooses_is_read_with_all_that_are_possible(
    road: str, probable: tuple[Texts, Texts, Texts, tuple[int, ...] | None]
) -> None:
    obj = courier({"road": road})
    texts, values, origins, typed = probable
    assert fields_of(reader(obj).read(obj, prop(obj, "gate"))) == {
        "texts": texts,
        "origin": "default (decided at startup)",
        "values": values,
        "origins": origins,
        "typed": typed,
        "problems": (),
        "deferred": ("9", "1"),
        "undecided": True,
    }
