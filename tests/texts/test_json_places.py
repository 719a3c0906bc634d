"""Laws of the places in a JSON text: each part is where it is said to be, and no value is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from confobjects.texts.json_places import JsonPlaces, Pointer, hide_values, pointer_text

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
indents = st.sampled_from([None, 0, 1, "\t"])


def parts(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, Any]]:
    yield pointer, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from parts(item, (*pointer, str(key)))


@given(documents, indents, st.booleans())
def test_each_part_stands_where_it_is_said_to(data: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    places = JsonPlaces(text)
    assert places.repeated == []
    for pointer, value in parts(data):
        assert places.has(pointer)
        span = places.find(pointer)
        assert json.loads(text[span.start : span.end]) == value
        if span.key_end > span.key_start:
            assert json.loads(text[span.key_start : span.key_end]) == pointer[-1]
        line, column = places.position_of(span.start)
        assert text.split("\n")[line - 1][column - 1 :] == text[span.start :].split("\n")[0]


@given(documents)
def test_a_part_that_is_not_there_is_where_the_nearest_is(data: Any) -> None:
    places = JsonPlaces(json.dumps({"a": data}))
    assert not places.has(("b", "c"))
    assert places.find(("b", "c")) == places.find(())


def test_a_key_that_is_repeated_is_found_with_what_lies_in_it() -> None:
    places = JsonPlaces('{"a": {"b": 1},\n "a": {"b": 2, "b": 3}}')
    assert [pointer for pointer, _ in places.repeated] == [("a", "b"), ("a", "b"), ("a",)]
    assert places.position_of(places.repeated[-1][1].key_start) == (2, 2)


def test_deep_nesting_is_read() -> None:
    depth = 3_000
    assert JsonPlaces("[" * depth + "]" * depth).find(("0",) * 10).start == 10


def test_pointers_are_written_as_the_standard_says() -> None:
    assert pointer_text(("objects", "/mail-server/a~b", "")) == "/objects/~1mail-server~1a~0b/"


@given(
    st.dictionaries(
        st.text("abcxyz", min_size=1, max_size=5), st.text("KANRI", min_size=1) | st.integers(10**6), min_size=1
    )
)
def test_a_harmless_line_holds_keys_and_no_values(data: dict[str, Any]) -> None:
    text = json.dumps(data)
    for cut in range(0, len(text), 3):
        for line in (hide_values(text[:cut]), hide_values(text[cut:])):
            assert not set("KANRI0123456789") & set(line)
