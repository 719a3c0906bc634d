"""Entries and the operations on them: look-ups, differences, modifications, renaming."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import ChangedMeanwhileError, InvalidValueError
from confobjects.mapping.entry import (
    AddEntry,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    Value,
    apply,
    diff,
    has_naming_values,
    normalise_value,
    rename_entry,
)

ONE = DN.parse("cn=one,cn=config")


def entry(**attributes: tuple[str | bytes, ...]) -> Entry:
    return Entry(ONE, {name.replace("_", "-"): values for name, values in attributes.items()})


def test_names_ignore_case_and_keep_their_spelling() -> None:
    subject = Entry(ONE, {"objectClass": ("top", "Person"), "CN": ("one",), "cn": ("two",), "empty": ()})
    assert subject.get("OBJECTCLASS") == ("top", "Person")
    assert subject.get("cn") == ("one", "two")
    assert dict(subject.attributes) == {"objectClass": ("top", "Person"), "CN": ("one", "two")}
    assert subject.get("empty") == subject.get("other") == ()
    assert subject.spelling_of("Cn") == "CN"
    assert subject.object_classes == ("top", "Person")
    assert subject.has_object_class("person")
    assert not subject.has_object_class("pers")


def test_equality_ignores_the_case_of_names_but_not_of_values() -> None:
    assert entry(cn=("a", "b"), x=("1",)) == entry(X=("1",), CN=("a", "b"))
    assert entry(cn=("a",)) != entry(cn=("A",))
    assert entry(cn=("a", "b")) != entry(cn=("b", "a"))
    assert entry(cn=("a",)) != Entry(DN.parse("cn=two"), {"cn": ("a",)})
    assert entry(cn=("a",)) != "entry"
    assert len({entry(cn=("a",)), entry(CN=("a",))}) == 1


def test_nothing_shows_a_value() -> None:
    subject = entry(password=("hunter2",))
    changes = [
        AddEntry(subject),
        ModifyEntry(ONE, diff(entry(), subject)),
        DeleteEntry(ONE),
        RenameEntry(ONE, DN.parse("cn=two")),
    ]
    assert "hunter2" not in repr([subject, *changes])
    assert "password" in repr(changes[1])


def test_changes_compare_by_what_they_hold() -> None:
    assert DeleteEntry(ONE) == DeleteEntry(DN.parse("CN=ONE,cn=config"))
    assert DeleteEntry(ONE) != RenameEntry(ONE, ONE)
    assert Modification("add", "a", ["1"]) == Modification("add", "a", ("1",))
    assert hash(ModifyEntry(ONE, [])) == hash(ModifyEntry(ONE, ()))


@pytest.mark.parametrize(
    ("attribute", "value", "stored"),
    [
        ("cn", "é", "é"),
        ("cn", "é".encode(), "é"),
        ("cn", b"\xff", b"\xff"),
        ("cACertificate;binary", b"abc", b"abc"),
        ("cACertificate;Binary", "abc", b"abc"),
        ("cn;lang-en", b"abc", "abc"),
    ],
)
def test_a_value_has_one_form(attribute: str, value: str | bytes, stored: str | bytes) -> None:
    assert normalise_value(attribute, value) == stored
    assert Modification("add", attribute, [value]).values == (stored,)
    assert AddEntry(Entry(ONE, {attribute: (value,)})).entry.get(attribute) == (stored,)


@pytest.mark.parametrize("name", ["", "a b", "a\ndn", "a:", "é", "1", "a;", "a;b c", "-a", "DN", "changeType"])
def test_what_is_no_attribute_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="is not an attribute name"):
        Modification("add", name, ["1"])
    with pytest.raises(InvalidValueError, match="is not an attribute name"):
        AddEntry(Entry(ONE, {name: ("1",)}))


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(InvalidValueError, match="a value of cn is not text: it cannot be written as UTF-8"):
        Modification("replace", "cn", ["\ud800"])
    with pytest.raises(InvalidValueError):
        normalise_value("x;binary", "\ud800")


DIFFERENCES: list[tuple[tuple[str, ...], tuple[str, ...], list[tuple[str, tuple[str, ...]]]]] = [
    (("a",), ("a",), []),
    ((), ("a",), [("replace", ("a",))]),
    (("a",), (), [("replace", ())]),
    (("a",), ("b",), [("replace", ("b",))]),
    (("a",), ("A",), [("replace", ("A",))]),
    (("a",), ("a", "b"), [("add", ("b",))]),
    (("a", "b", "c"), ("a", "c"), [("delete", ("b",))]),
    (("a", "b"), ("b", "c"), [("delete", ("a",)), ("add", ("c",))]),
    (("a", "b"), ("b", "a"), [("replace", ("b", "a"))]),
    (("a", "b"), ("c", "a"), [("replace", ("c", "a"))]),
    (("a", "a"), ("a",), [("replace", ("a",))]),
    # a value that is there twice, as a file may have it, is never named twice in a step, which a directory refuses
    (("a", "a", "b"), ("b",), [("replace", ("b",))]),
    (("a", "b"), ("a", "c", "c"), [("replace", ("a", "c", "c"))]),
]


@pytest.mark.parametrize(("before", "after", "steps"), DIFFERENCES)
def test_differences_are_the_smallest_that_keep_the_order(
    before: tuple[str, ...], after: tuple[str, ...], steps: list[tuple[str, tuple[str, ...]]]
) -> None:
    found = diff(entry(x=before, same=("1",)), entry(X=after, SAME=("1",)))
    assert [(step.kind, step.values) for step in found] == steps


def test_a_swapped_attribute_is_deleted_and_added() -> None:
    steps = diff(entry(Rev=("1",), x=("1",)), entry(Rev=("2",), x=("2",)), swap={"rev"})
    assert steps == (
        Modification("delete", "Rev", ("1",)),
        Modification("add", "Rev", ("2",)),
        Modification("replace", "x", ("2",)),
    )
    assert diff(entry(), entry(rev=("1",)), swap={"rev"}) == (Modification("add", "rev", ("1",)),)
    assert diff(entry(rev=("1",)), entry(), swap={"rev"}) == (Modification("delete", "rev", ("1",)),)


def test_modifications_act_as_in_a_directory() -> None:
    subject = entry(a=("1", "2", "3"), b=("1",))
    steps = [
        Modification("delete", "A", ["2"]),
        Modification("add", "A", ["4"]),
        Modification("delete", "b"),
        Modification("replace", "c"),
        Modification("add", "D", ["1"]),
    ]
    assert dict(apply(subject, steps).attributes) == {"a": ("1", "3", "4"), "D": ("1",)}
    assert dict(subject.attributes) == {"a": ("1", "2", "3"), "b": ("1",)}
    assert dict(apply(subject, [Modification("delete", "b", ["1"])]).attributes) == {"a": ("1", "2", "3")}


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (Modification("add", "a", ["x", "hunter2"]), "a value to be added to a is there already"),
        (Modification("delete", "a", ["other"]), "a value to be deleted from a is not there any more"),
        (Modification("delete", "missing"), "a value to be deleted from missing is not there any more"),
    ],
)
def test_what_is_not_as_expected_was_changed_meanwhile(step: Modification, reason: str) -> None:
    with pytest.raises(ChangedMeanwhileError) as caught:
        apply(entry(a=("hunter2",)), [step])
    assert str(caught.value) == (
        f'the entry "cn=one,cn=config" was changed by someone else meanwhile: {reason}\n'
        "  remedy: read the object again and repeat the change"
    )


def test_values_are_given_once_and_at_all() -> None:
    with pytest.raises(InvalidValueError, match="a is given the same value twice"):
        apply(entry(), [Modification("replace", "a", ["1", "1"])])
    with pytest.raises(InvalidValueError, match="a is given the same value twice"):
        apply(entry(), [Modification("add", "a", ["1", "1"])])
    with pytest.raises(InvalidValueError, match="the modification of a adds no value"):
        Modification("add", "a")


@pytest.mark.parametrize(
    ("before", "new_dn", "after"),
    [
        ({"cn": ("one",), "x": ("1",)}, "cn=two,cn=config", {"cn": ("two",), "x": ("1",)}),
        ({"CN": ("ONE", "alias")}, "cn=two,cn=config", {"CN": ("two", "alias")}),
        ({"cn": ("one",)}, "cn=One,cn=config", {"cn": ("One",)}),
        ({"cn": ("one", "two")}, "cn=two,cn=config", {"cn": ("two",)}),
        ({"cn": ("one",)}, "cn=one,cn=other", {"cn": ("one",)}),
        ({"cn": ("one", "alias")}, "ou=two,cn=config", {"cn": ("alias",), "ou": ("two",)}),
        ({"cn": ("one",)}, "ou=two,cn=config", {"ou": ("two",)}),
        ({"x": ("1",)}, "cn=two,cn=config", {"x": ("1",), "cn": ("two",)}),
        ({"cn": ("one",)}, "cn=a+ou=b,cn=config", {"cn": ("a",), "ou": ("b",)}),
    ],
)
def test_renaming(before: dict[str, tuple[str, ...]], new_dn: str, after: dict[str, tuple[str, ...]]) -> None:
    found = rename_entry(Entry(ONE, before), DN.parse(new_dn))
    assert str(found.dn) == new_dn
    assert dict(found.attributes) == after
    assert has_naming_values(found)


def test_naming_values() -> None:
    assert has_naming_values(entry(CN=("x", "ONE")))
    assert not has_naming_values(entry(cn=("two", b"\xff")))
    assert not has_naming_values(entry())
    assert has_naming_values(Entry(DN.of(), {}))


NAMES = st.sampled_from(["cn", "CN", "a", "A", "b;binary", "c", "rev"])
SOME: st.SearchStrategy[Value] = st.sampled_from(["1", "2", "3", "", "é", b"\xff"])
VALUES: st.SearchStrategy[tuple[Value, ...]] = st.lists(SOME, unique=True, max_size=4).map(tuple)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    found = draw(st.dictionaries(NAMES, VALUES, max_size=5))
    kept = {name.lower(): (name, values) for name, values in found.items()}
    return AddEntry(Entry(ONE, dict(kept.values()))).entry


@given(entries(), entries(), st.sampled_from([(), ("rev",), ("a", "b;binary")]))
def test_law_applying_the_difference_makes_the_other(old: Entry, new: Entry, swap: tuple[str, ...]) -> None:
    steps = diff(old, new, swap=swap)
    assert apply(old, steps) == new
    assert bool(steps) == (old != new)
