"""Addresses of objects: every name comes back, whatever decodes or tidies the path on its way."""

from __future__ import annotations

from posixpath import normpath
from urllib.parse import unquote, urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from confobjects.definitions import Registry
from confobjects.definitions_loading import load_registry
from confobjects.paths import ManagedObjectPath
from confobjects.web.addresses import Addresses, Place, read_address, read_segment, write_address, write_segment
from confobjects.web.problems import BadAddressError, NoSuchAddressError
from tests.cli.sessions import FAMILY

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.text("./~%2F 1", min_size=1)
"""Any name, and those that an address could get wrong more often."""


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry([str(FAMILY)])


@given(st.lists(NAMES, min_size=1, max_size=5))
@example(["."])
@example([".."])
@example(["~1", "%2F", "a/b", "...", "~2~2"])
def test_every_name_comes_back(names: list[str]) -> None:
    assert read_address(write_address(names)) == names


@given(st.lists(NAMES, min_size=1, max_size=5))
@example(["..", "."])
def test_no_proxy_or_client_makes_another_path_of_it(names: list[str]) -> None:
    written = write_address(names)
    assert written.isascii()
    assert unquote(written).count("/") == len(names) - 1
    assert urljoin("http://127.0.0.1/objects/", f"/objects/{written}").endswith(f"/objects/{written}")
    decoded = f"/objects/{unquote(written)}"
    assert normpath(decoded) == decoded


@given(NAMES)
def test_a_segment_that_is_percent_decoded_on_the_way_says_the_same(name: str) -> None:
    decoded = unquote(write_segment(name))
    assert "%" in decoded or read_segment(decoded) == name  # a "%" of the name itself would be decoded twice


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        ("one", "one"),
        ("a%2Fb", "a/b"),
        ("a~1b", "a/b"),
        ("a%7E1b", "a/b"),
        ("..", ".."),
        ("~2~2", ".."),
        ("~2", "."),
        ("~01", "~1"),
        ("%C3%BC", "ü"),
        ("ü", "ü"),
        ("100%25", "100%"),
        ("a+b", "a+b"),
        ("a%00b", "a\0b"),
        ("%", "%"),
        ("", ""),
    ],
)
def test_a_segment_is_read_as_the_rule_says(segment: str, name: str) -> None:
    assert read_segment(segment) == name


@pytest.mark.parametrize("segment", ["~", "a~", "~3", "~~0", "a~b", "%7E", "~%31%7e"])
def test_an_escape_without_a_meaning_is_refused(segment: str) -> None:
    with pytest.raises(BadAddressError, match="has no meaning"):
        read_segment(segment)


@pytest.mark.parametrize("segment", ["%FF", "%C3", "%C0%AF", "%ED%A0%80"])
def test_what_is_not_utf8_is_refused(segment: str) -> None:
    with pytest.raises(BadAddressError, match="UTF-8"):
        read_segment(segment)


def test_addresses_name_kinds_and_objects(registry: Registry) -> None:
    book = Addresses.of(registry)
    relation = registry.relation
    assert book.find_place(["stores"]) == Place(relation("store"), (), is_list=True)
    assert book.find_place(["stores", "a/b"]) == Place(relation("store"), ("a/b",))
    assert book.find_place(["depot-settings"]) == Place(relation("depot-settings"))
    assert book.find_place(["queues", "q", "consumers"]) == Place(relation("consumer"), ("q",), is_list=True)
    assert book.find_place(["queues", "q", "consumers", "c"]) == Place(relation("consumer"), ("q", "c"))


@pytest.mark.parametrize(
    "names",
    [[], ["store"], ["consumers"], [""], ["stores", "one", "consumers"], ["depot-settings", "x"], ["..", "stores"]],
)
def test_what_no_object_can_have_is_no_address(registry: Registry, names: list[str]) -> None:
    with pytest.raises(NoSuchAddressError):
        Addresses.of(registry).find_place(names)


def test_each_kind_has_an_address_of_its_own(registry: Registry) -> None:
    book = Addresses.of(registry)
    for relation in registry.relations().values():
        lineage = registry.lineage(relation)
        names = [f"n/{number}" for number, step in enumerate(lineage) if step.named]
        path = ManagedObjectPath()
        for step in lineage:
            path = path.child(step.name, names[len(path.names)] if step.named else None)
        assert book.find_place(read_address(book.write_path(path))) == Place(relation, tuple(names))
        if relation.named:
            found = book.find_place(read_address(book.write_list(relation, names[:-1])))
            assert found == Place(relation, tuple(names[:-1]), is_list=True)
