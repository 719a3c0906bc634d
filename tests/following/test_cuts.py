"""A cut through changes that go on: whatever number it names, what was read is what was there after that change."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from confobjects.following.cuts import Touch, TouchKind, find_cut
from tests.effort import times

NAMES = "abc"
State = dict[str, int]
"""The revision of each entry that is there."""
Made = dict[str, TouchKind]
"""What a change did to which entries."""


def make(state: State, number: int, made: Made) -> State:
    """Return what a change leaves, as a directory has it."""
    after = dict(state)
    for name, kind in made.items():
        if kind == "delete" or (kind == "several" and number % 2):  # it was modified first
            del after[name]
        else:
            after[name] = number
    return after


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[State], list[Made]]:
    """Draw changes, and the states before the first and after each of them."""
    states: list[State] = [{}]
    changes: list[Made] = []
    for number in range(1, draw(st.integers(2, 9))):
        made: Made = {}
        for name in draw(
            st.lists(st.sampled_from(NAMES), min_size=1, max_size=draw(st.sampled_from((1, 1, 3))), unique=True)
        ):
            is_there = name in states[-1]
            kinds: tuple[TouchKind, ...] = (
                ("modify", "modify", "modify", "delete", "several") if is_there else ("create",)
            )
            made[name] = draw(st.sampled_from(kinds))
        changes.append(made)
        states.append(make(states[-1], number, made))
    return states, changes


@settings(max_examples=times(300))
@given(histories(), st.data())
def test_what_was_read_is_what_was_there_after_the_change_of_the_number(
    history: tuple[list[State], list[Made]], data: st.DataObject
) -> None:
    states, changes = history
    known = data.draw(st.integers(0, len(changes)), "the last change of the look before")
    base = data.draw(st.integers(known, len(changes)), "the last change before the first entry is read")
    end = min(len(changes), base + data.draw(st.integers(0, 3), "how many changes are made meanwhile"))
    names = {name for made in changes[known:base] for name in made} | data.draw(
        st.sets(st.sampled_from(NAMES)), "what is read besides"
    )
    read = {name: states[data.draw(st.integers(base, end), f"when {name} is read")].get(name) for name in sorted(names)}
    cut = find_cut(base, list_touches(changes, known, end), read)
    event(f"found: {cut is not None}")
    if base == end:
        event("nothing went on")
    if cut is not None:
        assert base <= cut <= end
        assert {name: states[cut].get(name) for name in read} == read
        assert all(states[cut].get(name) == states[known].get(name) for name in set(NAMES) - set(read))


def list_touches(changes: Sequence[Made], known: int, end: int) -> list[tuple[str, Touch]]:
    return [
        (name, Touch(number, kind))
        for number, made in enumerate(changes[:end], 1)
        if number > known
        for name, kind in made.items()
    ]


def touches(*made: tuple[str, int, TouchKind]) -> list[tuple[str, Touch]]:
    return [(name, Touch(number, kind)) for name, number, kind in made]


@pytest.mark.parametrize(
    ("base", "made", "read", "cut"),
    [
        (3, [("a", 3, "modify")], {"a": 3}, 3),
        (3, [("a", 3, "modify"), ("a", 4, "modify"), ("a", 5, "modify")], {"a": 4}, 4),
        (3, [("a", 3, "modify"), ("b", 4, "modify")], {"a": 3}, 3),
        (3, [("a", 3, "modify"), ("b", 4, "modify"), ("a", 5, "modify")], {"a": 5}, None),
        (3, [("a", 3, "modify"), ("b", 4, "modify"), ("a", 5, "modify")], {"a": 5, "b": 4}, 5),
        (4, [("a", 3, "modify"), ("b", 4, "modify"), ("a", 5, "modify"), ("b", 6, "modify")], {"a": 3, "b": 6}, None),
        (3, [("a", 3, "create"), ("b", 4, "create")], {"a": 3, "b": 4}, 4),
        (3, [("a", 3, "delete"), ("b", 4, "modify")], {"a": None, "b": 4}, 4),
        (3, [("a", 3, "several"), ("b", 3, "several")], {"a": 2, "b": 9}, None),
        (3, [("a", 4, "modify"), ("b", 4, "modify")], {"a": 4, "b": 4}, 4),
        (3, [("a", 4, "modify"), ("b", 4, "modify")], {"a": 4, "b": 3}, None),
        (3, [("a", 4, "modify"), ("b", 4, "delete")], {"a": 4, "b": None}, 4),
        (3, [("a", 4, "modify"), ("b", 4, "create")], {"a": 4}, None),
        (3, [("a", 3, "modify"), ("a", 4, "several")], {"a": 3}, 3),
        (3, [("a", 3, "modify"), ("a", 4, "several")], {"a": 4}, None),
        (3, [("a", 3, "delete"), ("a", 4, "create")], {"a": None}, None),
        (3, [], {"a": 1}, 3),
        (3, [], {}, 3),
    ],
)
def test_cuts(base: int, made: list[tuple[str, int, TouchKind]], read: dict[str, int | None], cut: int | None) -> None:
    assert find_cut(base, touches(*made), read) == cut
