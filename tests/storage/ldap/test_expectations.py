"""What a modification expects of its entry, on a server without revisions: asserted, and never without a value in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.mapping.entry import EVERYTHING, Entry, ModifyEntry, apply, diff
from confobjects.storage.ldap.filters import encode_filter
from confobjects.storage.ldap.requests import list_expectations, soften

ONE = DN.parse("cn=one")
VALUES = st.lists(st.sampled_from("abcd"), unique=True, max_size=3)
ENTRIES = st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES).map(lambda found: Entry(ONE, found))


def as_sets(entry: Entry) -> dict[str, set[str | bytes]]:
    return {name: set(values) for name, values in entry.attributes.items()}


@given(ENTRIES, ENTRIES)
def test_a_softened_modification_does_the_same_and_leaves_no_gap(old: Entry, new: Entry) -> None:
    change = soften(ModifyEntry(ONE, diff(old, new, swap=EVERYTHING)), old)
    assert as_sets(apply(old, change.modifications)) == as_sets(new)
    for length in range(len(change.modifications)):
        between = apply(old, change.modifications[:length])
        assert all(between.get(name) for name in old.attributes if new.get(name))


@given(ENTRIES, ENTRIES)
def test_values_that_the_plan_did_not_see_stay(old: Entry, new: Entry) -> None:
    """One of several values is replaced by its name: the others are not known to be all."""
    steps = diff(old, new, swap=EVERYTHING)
    assert soften(ModifyEntry(ONE, steps), None).modifications == steps
    more = Entry(ONE, {name: (*values, "more") for name, values in old.attributes.items()})
    assert soften(ModifyEntry(ONE, steps), more).modifications == steps


def test_old_values_are_asserted_and_the_absence_of_new_ones() -> None:
    old, new = Entry(ONE, {"x": ("1", "2"), "y": ("3",)}), Entry(ONE, {"x": ("1",), "z": ("é",)})
    (told,) = list_expectations(ModifyEntry(ONE, diff(old, new, swap=EVERYTHING)))
    assert encode_filter("(&(x=1)(x=2)(!(z=*))(y=3))") in told
    assert b"1.3.6.1.1.12" in told


def test_nothing_is_asserted_where_nothing_changes() -> None:
    assert list_expectations(ModifyEntry(ONE, ())) == []
