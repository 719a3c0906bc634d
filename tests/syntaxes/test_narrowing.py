"""A subtype may narrow an inherited syntax: each value of the narrower one is a value of the wider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.syntaxes import REGISTRY, Syntax, SyntaxParameterError, ValueSyntaxError, make_syntax
from confobjects.syntaxes.durations import TIME_UNITS

SAMPLES = {name: [s[0] for s in (*cls.samples_good, *cls.samples_bad)] for name, cls in REGISTRY.items()}
TEXTS = sorted({sample[1] for cls in REGISTRY.values() for sample in (*cls.samples_good, *cls.samples_bad)})
SCHEMES = ("http", "https", "ldap")

numbers = st.integers(-3, 12) | st.sampled_from([2**63 - 1, 2**63, 2**80])
amounts = st.integers(0, 12)
flags = st.booleans()


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Parameters, each of which may be absent."""
    return st.fixed_dictionaries({}, optional={name.replace("_", "-"): value for name, value in fields.items()})


pattern = st.sampled_from(["[0-7]{3}", "[a-z@.]+", ".*"]).map(lambda r: {"regex": r, "usage": "X", "synopsis": "An x."})
PARAMETERS: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "class-name": some(instance_of=st.lists(st.sampled_from("AB"), unique=True)),
    "dn": some(base=st.sampled_from(["dc=example,dc=com", "dc=example"])),
    "duration": some(
        base_unit=st.sampled_from([*TIME_UNITS]), lower=amounts, upper=amounts | st.just("1 d"), allow_unlimited=flags
    ),
    "enumeration": st.lists(st.sampled_from(["os", "bundled", "OS", "JKS"]), min_size=1, unique_by=str.lower).map(
        lambda words: {"values": dict.fromkeys(words, "")}
    ),
    "host-port": some(default_port=st.sampled_from([25, 587]), port=st.just("required")),
    "integer": some(lower=numbers, upper=numbers, allow_unlimited=flags, unit_synopsis=st.just("things")),
    "name-value": some(secret_names=st.lists(st.sampled_from(["a", "mail.smtp.timeout"]), min_size=1, unique=True)),
    "size": some(lower=amounts, upper=amounts | st.just("1 kib"), allow_unlimited=flags),
    "string": some(case_insensitive=flags, pattern=pattern),
    "url": some(schemes=st.lists(st.sampled_from(SCHEMES), min_size=1, unique=True)),
}
FAMILIES = [*((name, name) for name in REGISTRY), ("mail-address", "string")]


@st.composite
def syntaxes(draw: st.DrawFn, name: str) -> Syntax:
    strategy = PARAMETERS.get(name, st.sampled_from(SAMPLES[name]))
    parameters = draw(strategy.filter(lambda parameters: is_sound(name, parameters)))
    return make_syntax({"type": name, **parameters})


def is_sound(name: str, parameters: dict[str, Any]) -> bool:
    try:
        make_syntax({"type": name, **parameters})
    except SyntaxParameterError:
        return False
    return True


VALUES = [
    *TEXTS,
    *map(str, [*range(-5, 20), 2**63 - 1, 2**63, 2**80]),
    *(f"{number} {unit}" for number in range(15) for unit in (*TIME_UNITS, "kib", "b")),
    *(f"{scheme}://h/" for scheme in SCHEMES),
    *["os", "OS", "jks", "bundled", "unlimited", "640", "a@b", "cn=a,dc=example", "h", "h:25"],
]


def parse(it: Syntax, text: str) -> list[Any]:
    try:
        return [it.parse(text)]
    except ValueSyntaxError:
        return []


@pytest.mark.parametrize(("narrower", "wider"), FAMILIES)
@settings(max_examples=50)
@given(data=st.data())
def test_a_value_of_the_narrower_is_one_of_the_wider(narrower: str, wider: str, data: st.DataObject) -> None:
    narrow, wide = data.draw(syntaxes(narrower)), data.draw(syntaxes(wider))
    assert narrow.explain_widening(narrow) == wide.explain_widening(wide) == ""
    if narrow.explain_widening(wide):
        assert narrow != wide
        return
    for text in VALUES:
        if not parse(narrow, text):
            continue
        canonical = narrow.format(text)
        assert parse(wide, text)
        assert parse(wide, canonical)
        if narrow.name != "host-port":  # whose default port may be another
            assert parse(wide, canonical) == parse(narrow, canonical)
        assert wide.find_secret(text) is None or narrow.find_secret(text) is not None


@given(st.sampled_from(sorted(PARAMETERS)).flatmap(lambda name: st.tuples(*[syntaxes(name)] * 3)))
def test_narrowing_can_be_repeated(three: tuple[Syntax, Syntax, Syntax]) -> None:
    low, middle, high = three
    if not low.explain_widening(middle) and not middle.explain_widening(high):
        assert low.explain_widening(high) == ""


def test_every_class_with_parameters_says_what_narrower_means() -> None:
    silent = [
        name for name, cls in REGISTRY.items() if cls.parameters and cls._explain_widening is Syntax._explain_widening
    ]
    assert silent == []


INTEGER = {"type": "integer", "lower": 1, "upper": 100}
URL = {"type": "url", "schemes": ["http", "https"]}
MODE = {"regex": "[0-7]{3}", "usage": "MODE", "synopsis": "A mode."}


@pytest.mark.parametrize(
    ("narrow", "wide", "why"),
    [
        ("string", "integer", "it is of syntax string, the inherited one of integer"),
        ("string", "mail-address", "it is of syntax string, the inherited one of mail-address"),
        ("password", "string", "it is of syntax password, the inherited one of string"),
        ("mail-address", "string", ""),
        ("mail-address", "path", "it is of syntax mail-address, the inherited one of path"),
        ("mail-address", {"type": "string", "pattern": MODE}, "the inherited pattern may refuse a mail address"),
        ({**INTEGER, "unit-synopsis": "pages"}, INTEGER, ""),
        ({**INTEGER, "lower": 2, "upper": 99}, INTEGER, ""),
        ({**INTEGER, "lower": 0}, INTEGER, "its lower limit 0 is below the inherited 1"),
        ({**INTEGER, "upper": 101}, INTEGER, "its upper limit 101 is above the inherited 100"),
        ({"type": "integer", "lower": 1}, INTEGER, f"its upper limit {2**63 - 1} is above the inherited 100"),
        ({**INTEGER, "allow-unlimited": True}, INTEGER, 'the inherited one does not allow "unlimited"'),
        (INTEGER, {**INTEGER, "allow-unlimited": True}, ""),
        (
            {"type": "duration", "base-unit": "ms"},
            "duration",
            "its values would be counted in ms, the inherited ones are in s",
        ),
        ({"type": "duration", "upper": "5 m", "maximum-unit": "m"}, {"type": "duration", "upper": 300}, ""),
        (
            {"type": "duration", "upper": "6 m"},
            {"type": "duration", "upper": 300},
            "its upper limit 6 m is above the inherited 5 m",
        ),
        (
            {"type": "size", "lower": "1 kib"},
            {"type": "size", "lower": "2 kib"},
            "its lower limit 1 kib is below the inherited 2 kib",
        ),
        ({"type": "host-port", "port": "required"}, {"type": "host-port", "default-port": 587}, ""),
        ({"type": "host-port", "default-port": 465}, {"type": "host-port", "default-port": 587}, ""),
        ({"type": "host-port", "default-port": 465}, "host-port", "the inherited one has no default port"),
        ({"type": "enumeration", "values": {"a": "x"}}, {"type": "enumeration", "values": {"a": "", "b": ""}}, ""),
        (
            {"type": "enumeration", "values": {"A": ""}},
            {"type": "enumeration", "values": {"a": "", "b": ""}},
            'the inherited one has no value "A"',
        ),
        ({"type": "url", "schemes": ["https"]}, URL, ""),
        (URL, "url", ""),
        ({"type": "url", "schemes": ["https", "ftp"]}, URL, "the inherited one does not allow ftp:"),
        ("url", URL, "it allows any scheme, the inherited one http, https"),
        ({"type": "dn", "base": "dc=a"}, "dn", ""),
        ({"type": "dn", "base": "ou=b,dc=a"}, {"type": "dn", "base": "dc=a"}, "the inherited base is dc=a"),
        ({"type": "class-name", "instance-of": ["A", "B"]}, {"type": "class-name", "instance-of": ["A"]}, ""),
        ("class-name", {"type": "class-name", "instance-of": ["A"]}, "the inherited one asks for A"),
        ({"type": "string", "pattern": MODE}, "string", ""),
        (
            "string",
            {"type": "string", "pattern": MODE},
            "the inherited pattern stays: nobody can tell whether another one is narrower",
        ),
        ({"type": "string", "case-insensitive": False}, "string", "whether case matters stays as it is inherited"),
        ({"type": "name-value", "secret-names": ["a"]}, "name-value", ""),
        ("name-value", {"type": "name-value", "secret-names": ["a"]}, 'the value of "a" stays a secret'),
        (
            {"type": "name-value", "references": {"a": {"relation": "one"}}},
            "name-value",
            "which values name other objects stays as it is",
        ),
        (
            {"type": "aggregation", "relation": "one", "needed-when": True},
            {"type": "aggregation", "relation": "one"},
            "it stays a reference to one, with its parent and its conditions",
        ),
    ],
)
def test_what_narrower_means(narrow: Any, wide: Any, why: str) -> None:
    assert make_syntax(narrow).explain_widening(make_syntax(wide)) == why
