"""Changes that are joined come to the same as one by one, and to nothing where everything is as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.watching.joining import JoinedChanges, JoinedState

Objects = dict[str, dict[str, list[str]]]

PATHS = ("/mail-server/one", "/mail-server/three", "/mail-server/two")
_VALUES = st.dictionaries(st.sampled_from("xyz"), st.lists(st.sampled_from("abc"), min_size=1, max_size=2))
_STATES = st.dictionaries(st.sampled_from(PATHS), _VALUES)
_WAYS = st.lists(st.tuples(_STATES, st.sets(st.sampled_from(PATHS))), min_size=1, max_size=6)


def state_of(objects: Objects, number: int = 0) -> dict[str, Any]:
    found = [{"path": path, "type": "t", "properties": objects[path]} for path in sorted(objects)]
    return {"event": "state", "number": number, "objects": found, "waiting": []}


def change_between(before: Objects, after: Objects, again: set[str], number: int) -> dict[str, Any]:
    """The document of a change from one state to another; objects ``again`` are deleted and created in it."""
    changes = [one for path in PATHS for one in _changes_of(path, before.get(path), after.get(path), path in again)]
    return {
        "event": "change",
        "time": f"t{number}",
        "number": number,
        "actor": "operator",
        "command": "",
        "restored": False,
        "joined": 1,
        "changes": changes,
        "waiting": [],
        "withdrawn": [],
    }


def _changes_of(path: str, old: Any, new: Any, is_replaced: bool) -> list[dict[str, Any]]:
    if is_replaced and old is not None and new is not None:
        return [*_changes_of(path, old, None, False), *_changes_of(path, None, new, False)]
    if old == new:
        return []
    kind = "added" if old is None else "deleted" if new is None else "changed"
    names = dict.fromkeys((*(old or {}), *(new or {})))
    sides = {name: {"before": (old or {}).get(name, []), "after": (new or {}).get(name, [])} for name in names}
    properties = {name: one for name, one in sides.items() if one["before"] != one["after"]}
    return [{"path": path, "kind": kind, "type": "t", "restarted": False, "properties": properties}]


def documents(first: Objects, way: list[tuple[Objects, set[str]]]) -> list[dict[str, Any]]:
    states = [first, *(state for state, _ in way)]
    return [change_between(states[at], states[at + 1], again, at + 1) for at, (_, again) in enumerate(way)]


def apply(first: Objects, *changes: dict[str, Any]) -> dict[str, Any]:
    joined = JoinedState(state_of(first))
    for change in changes:
        joined.add(change)
    return joined.as_document()


@given(_STATES, _WAYS)
def test_a_state_that_is_kept_up_to_date_is_the_last_one(first: Objects, way: list[tuple[Objects, set[str]]]) -> None:
    assert apply(first, *documents(first, way)) == state_of(way[-1][0], len(way))


@given(_STATES, _WAYS, st.integers(0, 6))
def test_joined_changes_lead_to_the_last_state(first: Objects, way: list[tuple[Objects, set[str]]], cut: int) -> None:
    several = documents(first, way)
    joined = JoinedChanges(several[0])
    for one in several[1 : cut + 1]:
        joined.add(one)
    if rest := several[cut + 1 :]:  # as when a command fails while others come
        later = JoinedChanges(rest[0])
        for one in rest[1:]:
            later.add(one)
        joined.add(later.as_document())
    found = joined.as_document()
    assert apply(first, found) == state_of(way[-1][0], len(way))
    assert (found["number"], found["joined"], found["time"]) == (len(way), len(way), f"t{len(way)}")
    assert len(found["changes"]) <= 2 * len(PATHS)
    for change in found["changes"]:
        old = first.get(change["path"], {}) if change["kind"] != "added" else {}
        assert {name: sides["before"] for name, sides in change["properties"].items()} == {
            name: old.get(name, []) for name in change["properties"]
        }


@given(_STATES, _STATES)
def test_there_and_back_is_nothing(first: Objects, other: Objects) -> None:
    kept = {path: other[path] for path in first if path in other}
    added = {path: values for path, values in other.items() if path not in first}
    between = {**first, **kept, **added}
    joined = JoinedChanges(change_between(first, between, set(), 1))
    joined.add(change_between(between, first, set(), 2))
    assert joined.as_document()["changes"] == []


@pytest.mark.parametrize("text", ["********", "store.p12"])
def test_a_secret_or_a_file_that_is_changed_twice_is_still_changed(text: str) -> None:
    sides = {"before": [text], "after": [text]}
    change = {"path": PATHS[0], "kind": "changed", "type": "t", "restarted": False, "properties": {"secret": sides}}
    document = {**change_between({}, {}, set(), 1), "changes": [change]}
    joined = JoinedChanges(document)
    joined.add({**document, "number": 2})
    assert joined.as_document()["changes"] == [change]


def test_an_object_that_was_restarted_stays_in_what_is_joined() -> None:
    restarted = {"path": PATHS[0], "kind": "changed", "type": "t", "restarted": True, "properties": {}}
    nothing = change_between({}, {}, set(), 1)
    changed = change_between({PATHS[0]: {"x": ["a"]}}, {PATHS[0]: {"x": ["b"]}}, set(), 2)
    for several in ([{**nothing, "changes": [restarted]}, changed], [changed, {**nothing, "changes": [restarted]}]):
        joined = JoinedChanges(several[0])
        joined.add(several[1])
        (one,) = joined.as_document()["changes"]
        assert (one["restarted"], list(one["properties"])) == (True, ["x"])


def test_what_waits_is_what_waited_last() -> None:
    waits = {"path": PATHS[0], "kind": "changed", "properties": ["x"], "actions": [], "since": 1}
    nothing = change_between({}, {}, set(), 1)
    joined = JoinedChanges({**nothing, "waiting": [waits]})
    state = JoinedState({**state_of({}), "waiting": [waits]})
    for one in (joined, state):
        one.add(nothing)
        assert one.as_document()["waiting"] == [waits]
        one.add({**nothing, "withdrawn": [PATHS[0]]})
        assert one.as_document()["waiting"] == []
    assert joined.as_document()["withdrawn"] == [PATHS[0]]
    joined.add({**nothing, "waiting": [waits]})
    assert (joined.as_document()["waiting"], joined.as_document()["withdrawn"]) == ([waits], [])


def test_who_made_several_changes_is_told_if_it_was_one() -> None:
    nothing = change_between({}, {}, set(), 1)
    joined = JoinedChanges(nothing)
    joined.add({**nothing, "number": None})
    assert (joined.as_document()["actor"], joined.as_document()["number"]) == ("operator", 1)
    joined.add({**nothing, "actor": "another", "restored": True, "number": None})
    found = joined.as_document()
    assert (found["actor"], found["number"], found["restored"]) == ("", None, True)
