"""Which attributes of an entry are told to belong to no property, on a server with a schema of its own."""

from __future__ import annotations

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.management.judging import count_unknown
from confobjects.objects.model import ManagedObject
from confobjects.paths import ManagedObjectPath

FOUND = ("sn", "X-colour", "olcShape", "OLCSize", "ds-cfg-by-hand")


def person(*attributes: str, unknown: tuple[str, ...] = FOUND) -> tuple[ManagedObject, Registry]:
    """An object whose properties have some attributes, and that has others of no property."""
    properties = {
        f"p{number}": {"synopsis": "A fact.", "syntax": "string", "profile": {"ldap": {"attribute": attribute}}}
        for number, attribute in enumerate(attributes)
    }
    data = {
        "name": "person",
        "version": 1,
        "synopsis": "A person.",
        "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=People"},
        "properties": properties,
    }
    registry = Registry([DefinitionDocument("person.json", data)])
    path = ManagedObjectPath([("person", "one")])
    return ManagedObject(path, registry.definition("person"), {}, unknown=unknown), registry


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        (("ds-cfg-age", "ds-cfg-name"), "the attribute ds-cfg-by-hand belongs to no property: it is kept"),
        (("ds-cfg-base",), "the attribute ds-cfg-by-hand belongs to no property: it is kept"),
        (("olcAge", "olcname"), "the attributes olcShape, OLCSize belong to no property: they are kept"),
        (
            ("olcAge", "ds-cfg-name"),
            "the attributes sn, X-colour, olcShape and 2 more belong to no property: they are kept",
        ),
        ((), "the attributes sn, X-colour, olcShape and 2 more belong to no property: they are kept"),
    ],
)
def test_what_begins_otherwise_than_all_attributes_of_properties_is_of_another_class(
    attributes: tuple[str, ...], told: str
) -> None:
    obj, registry = person(*attributes)
    assert [(warning.path, warning.summary) for warning in count_unknown([obj], registry)] == [("/person/one", told)]


def test_an_entry_with_attributes_of_other_classes_only_is_right() -> None:
    obj, registry = person("ds-cfg-age", "ds-cfg-name", unknown=("givenName", "sn", "userPassword"))
    assert list(count_unknown([obj], registry)) == []
