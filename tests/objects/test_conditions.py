"""Conditions in three values: what is not known stays unknown unless the rest decides."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.definitions.conditions import Condition, Values, build_condition

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
    assert set(one.properties()) == {name for name, _ in one.values()} <= set(NAMES)
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
    ],
)
def test_a_condition_in_words(source: Any, words: str) -> None:
    assert build_condition(source, lambda _name, text: text).as_words() == words
