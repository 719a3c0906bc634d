"""Layers: a mapping like any other, which is never changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confobjects.effect import Layers

changes = st.dictionaries(st.integers(0, 30), st.none() | st.integers(0, 5))


@given(st.dictionaries(st.integers(0, 30), st.integers(0, 5)), st.lists(changes, max_size=30))
def test_layers_are_the_dictionary_with_the_same_changes_and_leave_the_older_ones_alone(
    first: dict[int, int], several: list[dict[int, int | None]]
) -> None:
    expected = dict(first)
    layers = Layers(first)
    kept = [(layers, dict(expected))]
    for one in several:
        layers = layers.with_changes(one)
        expected = {key: value for key, value in {**expected, **one}.items() if value is not None}
        kept.append((layers, dict(expected)))
    for made, picture in kept:
        assert dict(made) == picture
        assert (len(made), sorted(made)) == (len(picture), sorted(picture))
        assert all((key in made) == (key in picture) and made.get(key) == picture.get(key) for key in range(31))


def test_a_change_of_a_large_mapping_copies_only_a_small_part_of_it() -> None:
    layers = Layers(dict.fromkeys(range(10_000), 1))
    below = layers._below
    for turn in range(100):
        layers = layers.with_changes({turn: 2})
    assert layers._below is below
    for turn in range(1_000):
        layers = layers.with_changes({turn: 3})
    assert layers._below is not below
    assert len(layers._above) <= 200
