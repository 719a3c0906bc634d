"""Conditions in three values: what is not known stays unknown unless the rest decides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.definitions.conditions import Condition, Values, build_condition, split_operand, syntax_of
from confobjects.syntaxes import make_syntax

UNKNOWN = None
STATE: dict[str, Values] = {
    "yes": frozenset(["1"]),
    "no": frozenset(),
    "perhaps": UNKNOWN,
    "both": frozenset(["1", "2"]),
}


def judge(source: Any, state: dict[str, Values] | None = None) -> bool | None:
    return build_condition(source, lambda _name, text: text).judge((state or STATE).__getitem__)


T, F, U = {"contains": ["yes", "1"]}, {"contains": ["no", "1"]}, {"contains": ["perhaps", "1"]}


@pytest.mark.parametrize(
    ("source", "truth"),
    [
        (True, True),
        (False, False),
        (T, True),
        (F, False),
        (U, None),
        ({"contains": ["both", "2"]}, True),
        ({"contains": ["both", "3"]}, False),
        ({"is-present": "yes"}, True),
        ({"is-present": "no"}, False),
        ({"is-present": "perhaps"}, True),
        ({"not": T}, False),
        ({"not": F}, True),
        ({"not": U}, None),
        ({"and": [T, T]}, True),
        ({"and": [T, U]}, None),
        ({"and": [U, F]}, False),
        ({"or": [F, U]}, None),
        ({"or": [U, T]}, True),
        ({"or": [F, F]}, False),
        ({"implies": [F, U]}, True),
        ({"implies": [U, T]}, True),
        ({"implies": [U, F]}, None),
        ({"implies": [T, U]}, None),
        ({"implies": [T, F]}, False),
    ],
)
def test_each_node_in_three_values(source: Any, truth: bool | None) -> None:
    assert judge(source) is truth


SYNTAXES = {
    "address": make_syntax({"type": "host-port", "default-port": 587}),
    "page": make_syntax("url"),
    "option": make_syntax("name-value"),
}


def judge_texts(source: Any, texts: Mapping[str, list[str] | None]) -> bool | None:
    """Judge a condition on value texts; None for those that are not known."""

    def normalise(operand: str, text: str) -> Hashable:
        syntax = syntax_of(operand, SYNTAXES)
        assert syntax is not None
        return syntax.normal_form(text)

    def view(name: str) -> Values:
        given = texts.get(name, [])
        return None if given is None else frozenset(map(SYNTAXES[name].normal_form, given))

    return build_condition(source, normalise).judge(view)


@pytest.mark.parametrize(
    ("operand", "text", "value", "truth"),
    [
        ("address.port", "h:587", "587", True),
        ("address.port", "h:0587", "587", True),
        ("address.port", "h:587", "0587", True),
        ("address.port", "h:25", "587", False),
        ("address.port", "h", "587", True),  # the default port of the syntax
        ("address.port", "h", "25", False),
        ("address.port", "[2001:db8::1]", "587", True),
        ("address.host", "Mail.Example.com:25", "mail.example.COM", True),
        ("address.host", "mail.example.com:25", "example.com", False),
        ("address.host", "[2001:DB8:0::1]:25", "2001:db8::1", True),
        ("page.scheme", "HTTPS://h/", "https", True),
        ("page.scheme", "https://h/", "http", False),
        ("page.host", "https://user:pw@Example.com:443/x", "example.com", True),
        ("page.host", "https://[2001:DB8::1]/", "2001:db8::1", True),
        ("page.host", "https://[fe80::1%25eth0]/", "fe80::1%eth0", True),
        ("page.host", "ldapi://%2Frun%2Fslapd/", "%2Frun%2Fslapd", True),
        ("page.host", "mailto:ann@example.com", "example.com", False),
        ("page.port", "https://h:0443/", "443", True),
        ("page.port", "https://h/", "443", False),  # nothing but what is written
        ("page.port", "https://h:/", "443", False),
        ("option.name", "mode=fast", "mode", True),
        ("option.name", "mode=fast", "Mode", False),
        ("option.value", "mode=fast", "fast", True),
        ("option.value", "mode= fast", "fast", False),
        ("option.value", "mode=a=b", "a=b", True),
    ],
)
def test_a_part_is_compared_by_its_own_syntax(operand: str, text: str, value: str, truth: bool) -> None:
    name, _ = split_operand(operand)
    assert judge_texts({"contains": [operand, value]}, {name: [text]}) is truth
    assert judge_texts({"contains": [operand, value]}, {}) is False
    assert judge_texts({"contains": [operand, value]}, {name: None}) is None


@pytest.mark.parametrize(
    ("operand", "text", "truth"),
    [
        ("address.port", "h", True),
        ("page.port", "https://h:8443", True),
        ("page.port", "https://h", False),
        ("page.host", "file:///etc/hosts", False),
        ("page.scheme", "file:///etc/hosts", True),
        ("option.value", "empty=", False),
        ("option.value", "blank= ", True),
    ],
)
def test_a_part_that_a_value_lacks_is_not_present(operand: str, text: str, truth: bool) -> None:
    name, _ = split_operand(operand)
    assert judge_texts({"is-present": operand}, {name: [text]}) is truth
    assert judge_texts({"is-present": operand}, {}) is False
    assert judge_texts({"is-present": operand}, {name: None}) is None


def test_a_part_is_looked_for_in_every_value() -> None:
    options = {"option": ["a=1", "b=2"]}
    for operand, value in (("option.name", "b"), ("option.value", "1")):
        assert judge_texts({"contains": [operand, value]}, options) is True
    assert judge_texts({"contains": ["option.name", "c"]}, options) is False


NAMES = ("a", "b", "c")
leaves = st.one_of(
    st.booleans(),
    st.sampled_from(NAMES).map(lambda name: {"contains": [name, "1"]}),
)
sources = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda part: {"not": part}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"and": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"or": parts}),
        st.tuples(inner, inner).map(lambda parts: {"implies": list(parts)}),
    ),
    max_leaves=8,
)
KNOWN: tuple[Values, ...] = (frozenset(), frozenset(["1"]))


@given(sources, st.lists(st.sampled_from([*KNOWN, None]), min_size=3, max_size=3))
def test_a_known_answer_is_that_of_every_way_to_know_the_rest(source: Any, values: list[Values]) -> None:
    """Soundness: true or false only where it holds whatever the unknown values turn out to be."""
    answer = judge(source, dict(zip(NAMES, values, strict=True)))
    ways = product(*[KNOWN if value is None else (value,) for value in values])
    answers = {judge(source, dict(zip(NAMES, way, strict=True))) for way in ways}
    if answer is None:
        assert None in values
    else:
        assert answers == {answer}


@given(sources)
def test_a_condition_is_what_it_was_made_of(source: Any) -> None:
    one, other = (build_condition(source, lambda _name, text: text) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert set(one.properties()) == set(one.operands()) == {name for name, _ in one.values()} <= set(NAMES)
    assert one.as_words()
    assert one != Condition("x")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            {"implies": [{"and": [T, {"not": F}]}, {"is-present": "no"}]},
            "if yes is 1 and (not (no is 1)) then no is set",
        ),
        ({"or": [True, {"and": [T, False]}]}, "always or (yes is 1 and never)"),
        ({"contains": ["smtp-server.port", "587"]}, "the port of smtp-server is 587"),
        ({"not": {"is-present": "smtp-server.port"}}, "not (the port of smtp-server is set)"),
    ],
)
def test_a_condition_in_words(source: Any, words: str) -> None:
    assert build_condition(source, lambda _name, text: text).as_words() == words
