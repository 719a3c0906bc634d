"""What set, add, remove and reset make of an object: tables over the job depot and the mail server."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.definitions import Registry
from confobjects.diagnostics import Collector
from confobjects.objects.changes import Changer, ObjectChange, PropertyChanges, is_name
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ManagedObjectPath
from confobjects.syntaxes import HostPort
from tests.definitions.documents import builtin, depot
from tests.objects.depot import made, prop

Stored = dict[str, tuple[str, ...]]


class Nothing:
    """A world without other objects."""

    def find(self, path: ManagedObjectPath) -> None:
        return None

    def members(self, relation: object, parent: ManagedObjectPath) -> list[ManagedObject]:
        return []


def change(
    registry: Registry, type_name: str, stored: Stored, creating: bool = False, **changes: Any
) -> tuple[Stored, list[tuple[str, str]]]:
    definition = registry.definition(type_name)
    path = ManagedObjectPath([(registry.relation_of(definition.top).name, "one")])
    problems = Collector()
    obj = ManagedObject(path, definition, stored)
    reader = PropertyReader(registry, Nothing(), evaluate_defaults)
    after = Changer(obj, reader, problems, creating=creating).apply(PropertyChanges(**changes))
    return dict(after.values), [(problem.code, problem.summary) for problem in problems]


def disk(stored: Stored, **changes: Any) -> tuple[Stored, list[tuple[str, str]]]:
    return change(depot(), "disk-queue", stored, **changes)


def mail(stored: Stored, **changes: Any) -> tuple[Stored, list[tuple[str, str]]]:
    return change(builtin(), "mail-server", stored, **changes)


DEFAULT_CHECKS = ("crc32", "sha-256")


@pytest.mark.parametrize(
    ("stored", "changes", "after"),
    [
        # set replaces; several values are several; canonical form is stored, whatever was typed
        ({}, {"set": {"enabled": ["TRUE"]}}, {"enabled": ("true",)}),
        ({"enabled": ("true",)}, {"set": {"enabled": [False]}}, {"enabled": ("false",)}),
        ({}, {"set": {"Time-To-Live": ["60 M"]}}, {"time-to-live": ("60 m",)}),
        ({}, {"set": {"checksum": ["NONE", "Crc32"]}}, {"checksum": ("none", "crc32")}),
        ({}, {"set": {"enabled": ["&{Queue.on|false}"]}}, {"enabled": ("&{Queue.on|false}",)}),
        # a former name is the present one
        ({}, {"set": {"rank": ["3"]}}, {"priority": ("3",)}),
        ({"priority": ("3",)}, {"reset": ["rank"]}, {}),
        # no value is a reset
        ({"priority": ("3",)}, {"set": {"priority": []}}, {}),
        ({"priority": ("3",)}, {"reset": ["priority"]}, {}),
        ({}, {"reset": ["priority"]}, {}),
        # reset and set is set, also of a mandatory property
        ({"enabled": ("true",)}, {"reset": ["enabled"], "set": {"enabled": ["false"]}}, {"enabled": ("false",)}),
        # add and remove start from the current values, defaults included
        ({}, {"add": {"checksum": ["none"]}}, {"checksum": (*DEFAULT_CHECKS, "none")}),
        ({}, {"remove": {"checksum": ["CRC32"]}}, {"checksum": ("sha-256",)}),
        ({}, {"add": {"checksum": ["crc32"]}}, {}),
        ({"checksum": ("none",)}, {"remove": {"checksum": ["none"]}, "add": {"watch": ["a"]}}, {"watch": ("a",)}),
        ({"checksum": ("none", "crc32")}, {"remove": {"checksum": ["none"]}, "add": {"checksum": ["sha-256"]}},
         {"checksum": ("crc32", "sha-256")}),
        ({"watch": ("a", "b")}, {"remove": {"watch": [" A "]}}, {"watch": ("b",)}),
        ({"watch": ("&{x}", "b")}, {"remove": {"watch": ["&{x}"]}}, {"watch": ("b",)}),
        ({"watch": ("&{q|A}",)}, {"add": {"watch": ["&{q|a}"]}}, {"watch": ("&{q|A}", "&{q|a}")}),
        ({"priority": ("3",)}, {"add": {"priority": ["+3"]}}, {"priority": ("3",)}),
        ({}, {"add": {"store": ["a"]}}, {"store": ("a",)}),
        # a broken value can be replaced, reset and removed
        ({"priority": ("many",)}, {"set": {"priority": ["1"]}}, {"priority": ("1",)}),
        ({"priority": ("many",)}, {"reset": ["priority"]}, {}),
        ({"priority": ("many",)}, {"remove": {"priority": ["many"]}}, {}),
    ],
)  # fmt: skip
def test_what_a_change_makes(stored: Stored, changes: Any, after: Stored) -> None:
    assert disk(stored, **changes) == (after, [])


@pytest.mark.parametrize(
    ("stored", "changes", "problem"),
    [
        ({}, {"set": {"enabld": ["true"]}}, ("unknown-name", 'Disk Queue has no property "enabld"')),
        ({}, {"set": {"enabled": ["yes"]}}, ("invalid-value", '"yes" is neither true nor false')),
        ({}, {"set": {"enabled": [""]}}, ("invalid-value", "a value may not be empty")),
        ({}, {"set": {"enabled": [3]}}, ("invalid-value", "a value of the Python type int does not fit")),
        ({}, {"set": {"priority": ["1", "2"]}}, ("invalid-value", "priority takes one value, 2 were given")),
        ({}, {"add": {"priority": ["1"]}}, ("invalid-value", "priority takes one value and has one: 0")),
        ({"priority": ("3",)}, {"add": {"priority": ["1"]}}, ("invalid-value", "priority takes one value and has one: 3")),
        # an expression is only itself, also where values ignore case
        ({"watch": ("&{job.&{a}}", "b")}, {"remove": {"watch": ["&{JOB.&{a}}"]}},
         ("invalid-value", 'watch has no value "&{JOB.&{a}}" to remove')),
        ({"store": ("&{q|A}",)}, {"add": {"store": ["&{q|a}"]}},
         ("invalid-value", "store takes one value and has one: &{q|A}")),
        ({}, {"remove": {"checksum": ["none"]}}, ("invalid-value", 'checksum has no value "none" to remove')),
        ({}, {"remove": {"checksum": ["nun"]}}, ("invalid-value", 'checksum has no value "nun" to remove')),
        ({}, {"remove": {"checksum": ["crc32", "sha-256"]}},
         ("invalid-value", "the values of checksum are its default: they cannot all be removed")),
        ({"enabled": ("true",)}, {"remove": {"enabled": ["true"]}},
         ("missing-mandatory", "removing the last value of enabled leaves a mandatory property without one")),
        ({"enabled": ("true",)}, {"reset": ["enabled"]},
         ("missing-mandatory", "the mandatory property enabled has no default to reset to")),
        ({"enabled": ("true",)}, {"set": {"enabled": []}},
         ("missing-mandatory", "the mandatory property enabled has no default to reset to")),
        ({}, {"set": {"checksum": ["none"]}, "add": {"checksum": ["crc32"]}},
         ("usage", "add cannot be combined with set or reset of the same property")),
        ({}, {"reset": ["Checksum"], "remove": {"checksum": ["crc32"]}},
         ("usage", "remove cannot be combined with set or reset of the same property")),
        ({}, {"set": {"priority": ["1"]}, "add": {"rank": ["2"]}},
         ("usage", "add cannot be combined with set or reset of the same property")),
        ({}, {"set": {"serial": ["7"]}}, ("usage", "serial is read-only: it can be set only when the object is created")),
        ({"serial": ("8",)}, {"reset": ["serial"]},
         ("usage", "serial is read-only: it can be set only when the object is created")),
    ],
)  # fmt: skip
def test_what_a_change_may_not_be(stored: Stored, changes: Any, problem: tuple[str, str]) -> None:
    _, problems = disk(stored, **changes)
    assert problems == [problem]


def test_a_read_only_property_is_set_when_the_object_is_created() -> None:
    assert disk({}, creating=True, set={"serial": ["8"]}) == ({"serial": ("8",)}, [])


def test_every_wrong_value_is_told() -> None:
    _, problems = disk({}, set={"enabled": ["maybe"], "priority": ["11"], "colour": ["red"], "checksum": ["a", "b"]})
    assert [code for code, _ in problems] == [
        "invalid-value",
        "invalid-value",
        "unknown-name",
        "invalid-value",
        "invalid-value",
    ]


def test_a_deprecated_property_warns_with_what_to_use_instead() -> None:
    after, problems = change(depot(), "mirrored-disk-queue", {}, set={"sync-interval": ["1 s"]})
    assert after == {"sync-interval": ("1000 ms",)}
    assert problems == [("usage", "sync-interval is deprecated")]


@pytest.mark.parametrize("secret", [" Secret ", "s3cret\\", "&{pw}", "a&{b}c", "pass word", "\\&{no}"])
def test_secrets_are_stored_as_given(secret: str) -> None:
    assert mail({}, set={"auth-password": [secret]}) == ({"auth-password": (secret,)}, [])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("MX.Example.COM:25", "MX.Example.COM:25"),
        (HostPort("mx.example.com", 25), "mx.example.com:25"),
        ("[2001:DB8::1]:465", "[2001:db8::1]:465"),
    ],
)
def test_python_values_and_texts_are_stored_alike(value: Any, text: str) -> None:
    after, problems = mail({}, set={"smtp-server": [value]})
    assert problems == []
    assert after["smtp-server"][0].lower() == text.lower()


def test_no_message_shows_a_secret() -> None:
    stored = {"auth-password": ("CANARY-1",)}
    for changes in (
        {"add": {"auth-password": ["CANARY-2"]}},
        {"remove": {"auth-password": ["CANARY-2"]}},
        {"set": {"auth-password": ["CANARY-1", "CANARY-2"]}},
        {"remove": {"auth-password": ["&{pw|CANARY-3}"]}},
    ):
        definition = builtin().definition("mail-server")
        problems = Collector()
        obj = ManagedObject(ManagedObjectPath([("mail-server", "one")]), definition, stored)
        Changer(obj, PropertyReader(builtin(), Nothing(), evaluate_defaults), problems, creating=False).apply(
            PropertyChanges(**changes)  # type: ignore[arg-type]
        )
        assert len(problems) == 1
        assert "CANARY" not in "".join(problem.render() + str(problem.as_json()) for problem in problems)


def test_no_representation_shows_a_value() -> None:
    """They end up in logs and tracebacks, and a value may be a secret."""
    definition = builtin().definition("mail-server")
    path = ManagedObjectPath([("mail-server", "one")])
    values = {"auth-password": ("canary-7",)}
    obj = ManagedObject(path, definition, values)
    modified = ObjectChange(path, "modify", definition, {}, values)
    two = ManagedObject(path, definition, {**values, "enabled": ("true",)})
    asked = PropertyChanges(set={"auth-password": ["canary-7"], "enabled": [True]}, reset=["auth-username"])
    things = (obj, two, ManagedObject(path, definition, {}), modified, asked, PropertyChanges())
    assert [repr(thing) for thing in things] == [
        "<mail-server /mail-server/one: auth-password>",
        "<mail-server /mail-server/one: auth-password, enabled>",
        "<mail-server /mail-server/one: no values>",
        "<modify /mail-server/one: auth-password>",
        "<set auth-password, enabled; reset auth-username>",
        "<no changes>",
    ]


@pytest.mark.parametrize(
    ("value", "name", "is_same"),
    [
        ("mx.example.com:25", "mx.example.com:25", True),
        ("MX.example.com:25", "mx.example.com:25", True),
        ("mx.example.com:025", "mx.example.com:25", True),
        (HostPort("mx.example.com", 25), "mx.example.com:25", True),
        (HostPort("mx.example.com", 25), "mx.example.com:26", False),
        ("mx.example.com:25", "mx.example.com:26", False),
        ("&{x}", "mx.example.com:25", False),
        ("no host", "NO  HOST", True),
        (7, "7", True),
        (7, "8", False),
    ],
)
def test_a_value_is_the_name_of_its_object(value: object, name: str, is_same: bool) -> None:
    lantern = made("/watchman/lookout/north/lantern/mx.example.com:25")
    assert is_name(prop(lantern, "address"), value, name) is is_same
