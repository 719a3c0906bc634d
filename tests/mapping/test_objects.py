"""Objects as entries: names, types, references, constants, and whatever an entry may hold besides."""

from __future__ import annotations

import pytest

from confobjects.definitions import ManagedObjectDefinition, Registry
from confobjects.dn import DN
from confobjects.management import Site
from confobjects.mapping.entry import Entry
from confobjects.mapping.objects import Mapper
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import FAMILY, builtin, depot, documents

BASE = DN.parse("cn=config")
Attributes = dict[str, tuple[str | bytes, ...]]


def path(registry: Registry, text: str) -> ManagedObjectPath:
    return registry.parse_path(text)


@pytest.mark.parametrize(
    ("text", "dn"),
    [
        ("/depot-settings", "cn=config"),
        ("/store/one", "cn=one,cn=Stores,cn=Depot,cn=config"),
        ("/store/a,b", "cn=a\\,b,cn=Stores,cn=Depot,cn=config"),
        ("/queue/a//b", "cn=a/b,cn=Queues,cn=config"),
        ("/queue/q/journal", "cn=Journal,cn=q,cn=Queues,cn=config"),
        ("/queue/q/consumer/mail", "depot-channel=mail,cn=Consumers,cn=q,cn=Queues,cn=config"),
        (
            "/queue/q/consumer/m/retry-rule/r",
            "cn=r,cn=Retry Rules,depot-channel=m,cn=Consumers,cn=q,cn=Queues,cn=config",
        ),
        ("/depot-codec/gzip", "cn=gzip,cn=Codecs,cn=config"),
    ],
)
def test_paths_and_dns(text: str, dn: str) -> None:
    mapper = Mapper(depot(), BASE)
    assert mapper.dn_of(path(depot(), text)) == DN.parse(dn)
    assert str(path(depot(), text)) == text


def test_an_entry_is_read_once_for_all_who_read_it_alike() -> None:
    relation = depot().relation("store")
    entry = Entry(DN.parse("cn=one,cn=Stores,cn=Depot,cn=config"), {"objectClass": ("top", "ds-cfg-store")})
    found = Mapper(depot(), BASE).decode(entry, relation, ROOT)
    assert Mapper(depot(), BASE).decode(entry, relation, ROOT) is found
    for other in (Mapper(depot(), DN.parse("dc=x")), Mapper(depot(), BASE, {"store": {}})):
        assert other.decode(entry, relation, ROOT) is not found
    assert Mapper(depot(), BASE).decode(entry, relation, path(depot(), "/queue/q")).path != found.path


@pytest.mark.parametrize(
    ("text", "dns"),
    [
        ("/depot-settings", []),
        ("/store/one", ["cn=config", "cn=Depot,cn=config", "cn=Stores,cn=Depot,cn=config"]),
        ("/queue/q/journal", []),
        ("/queue/q/consumer/mail", ["cn=Consumers,cn=q,cn=Queues,cn=config"]),
    ],
)
def test_what_has_to_be_there_above_an_object(text: str, dns: list[str]) -> None:
    entries = list(Mapper(depot(), BASE).scaffold(path(depot(), text)))
    assert [str(entry.dn) for entry in entries] == dns
    assert all("ds-cfg-branch" in entry.object_classes for entry in entries)


def test_an_entry_has_the_classes_of_every_ancestor_and_the_constants() -> None:
    definition = depot().definition("mirrored-disk-queue")
    obj = ManagedObject(path(depot(), "/queue/q"), definition, {"enabled": ("true",), "store": ("one", "&{x}")})
    entry = Mapper(depot(), BASE).encode(obj)
    assert entry.object_classes == ("top", "depot-queue", "ds-cfg-disk-queue", "ds-cfg-mirrored-disk-queue")
    assert entry.get("depot-driver") == ("disk",)
    assert entry.get("cn") == ("q",)
    assert entry.get("ds-cfg-revision") == ("1",)
    assert entry.get("ds-cfg-store") == ("cn=one,cn=Stores,cn=Depot,cn=config", "&{x}")


def decoded(
    dn: str, attributes: Attributes, relation: str = "queue", parent: ManagedObjectPath = ROOT
) -> ManagedObject:
    return Mapper(depot(), BASE).decode(Entry(DN.parse(dn), attributes), depot().relation(relation), parent)


DISK: Attributes = {"objectClass": ("top", "depot-queue", "ds-cfg-disk-queue"), "cn": ("q",)}
QUEUE = "cn=q,cn=Queues,cn=config"


@pytest.mark.parametrize(
    ("dn", "attributes", "summaries"),
    [
        (QUEUE, {**DISK, "ds-cfg-enabled": ("perhaps",)}, []),  # the value is judged when it is read
        (QUEUE, {**DISK, "DS-CFG-Enabled": (b"\xff",)}, ["the stored value is not UTF-8 text"]),
        (QUEUE, {**DISK, "ds-cfg-store": ("one",)},
         ["the reference 'one' is not an entry below cn=Stores,cn=Depot,cn=config"]),
        (QUEUE, {**DISK, "ds-cfg-store": ("uid=one,cn=Stores,cn=Depot,cn=config",)},
         ["the reference 'uid=one,cn=Stores,cn=Depot,cn=config' is not an entry below cn=Stores,cn=Depot,cn=config"]),
        (QUEUE, {**DISK, "ds-cfg-store": ("cn=a,cn=b,cn=Stores,cn=Depot,cn=config",)},
         ["the reference 'cn=a,cn=b,cn=Stores,cn=Depot,cn=config' is not an entry below cn=Stores,cn=Depot,cn=config"]),
        (QUEUE, {**DISK, "objectClass": ("top", "person")},
         ["the entry is not of type Queue: it lacks the object class depot-queue"]),
        (QUEUE, {**DISK, "objectClass": ("top", "DEPOT-QUEUE", "later-queue")},
         ["the type of this Queue is not known: it has no object class of a type (one of ds-cfg-disk-queue, "
          "ds-cfg-memory-queue, ds-cfg-mirrored-disk-queue)"]),
        (QUEUE, {**DISK, "objectClass": ("top", "depot-queue", "ds-cfg-disk-queue", "ds-cfg-memory-queue")},
         ["the entry is of two types at once: disk-queue and memory-queue"]),
        ("uid=q,cn=Queues,cn=config", {**DISK, "uid": ("q",)},
         ["the entry uid=q,cn=Queues,cn=config is not named by cn"]),
        ("cn=q+uid=r,cn=Queues,cn=config", {**DISK, "uid": ("r",)},
         ["the entry cn=q+uid=r,cn=Queues,cn=config is not named by cn"]),
    ],
)  # fmt: skip
def test_broken_entries_are_read_as_far_as_can_be(dn: str, attributes: Attributes, summaries: list[str]) -> None:
    obj = decoded(dn, attributes)
    assert [problem.summary for problem in obj.problems] == summaries
    assert {problem.code for problem in obj.problems} <= {"broken-data"}
    assert obj.definition.is_a("queue")


def test_only_the_type_of_an_entry_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of all objects of a server with 198 types would else build each of them, which took a third of the time."""
    built: list[str] = []
    registry = Registry(list(documents(FAMILY)), depot().allowed)
    make = registry.definition

    def watched(name: str) -> ManagedObjectDefinition:
        built.append(name)
        return make(name)

    monkeypatch.setattr(registry, "definition", watched)
    entry = Entry(DN.parse(QUEUE), DISK)
    assert Mapper(registry, DN.parse("cn=config")).find_type(entry, registry.relation("queue")).name == "disk-queue"
    assert built == ["disk-queue"]
    assert make("disk-queue").object_classes == registry.object_classes_of("disk-queue")


def test_an_object_of_a_set_has_the_name_of_its_type() -> None:
    attributes: Attributes = {"objectClass": ("top", "ds-cfg-codec", "ds-cfg-gzip-codec"), "cn": ("zip",)}
    obj = decoded("cn=zip,cn=Codecs,cn=config", attributes, "depot-codec")
    assert [problem.summary for problem in obj.problems] == ['an object of this set must be named by its type, "gzip"']


def test_the_new_name_of_a_property_counts_before_the_old_one() -> None:
    for attributes in (
        {**DISK, "ds-cfg-rank": ("1",), "ds-cfg-priority": ("2",)},
        {**DISK, "ds-cfg-priority": ("2",), "ds-cfg-rank": ("1",)},
    ):
        assert decoded(QUEUE, attributes).values == {"priority": ("2",)}
    assert decoded(QUEUE, {**DISK, "DS-CFG-RANK": ("1",)}).values == {"priority": ("1",)}


def test_what_belongs_to_no_property_is_named_and_kept() -> None:
    entry = Entry(
        DN.parse(QUEUE),
        {
            **DISK,
            "depot-driver": ("disk",),
            "Depot-Note": ("a", b"\xff"),
            "ds-cfg-priority;x-old": ("7",),
            "DS-CFG-Serial": ("4",),
        },
    )
    mapper = Mapper(depot(), BASE)
    obj = mapper.decode(entry, depot().relation("queue"), ROOT)
    assert obj.unknown == ("Depot-Note", "ds-cfg-priority;x-old")
    updated = mapper.update(entry, obj.replace(values={"enabled": ("true",), "serial": ("6",)}))
    assert updated.get("Depot-Note") == ("a", b"\xff")
    assert updated.get("ds-cfg-priority;x-old") == ("7",)
    assert updated.attributes["DS-CFG-Serial"] == ("6",)
    assert updated.get("ds-cfg-revision") == ("1",)
    assert mapper.update(updated, obj).get("ds-cfg-serial") == ("4",)


def test_the_name_of_a_singleton_is_no_unknown_attribute() -> None:
    attributes: Attributes = {"objectClass": ("top", "ds-cfg-journal"), "cn": ("Journal",), "ds-cfg-keep": ("1 d",)}
    parent = ManagedObjectPath([("queue", "q")])
    assert decoded("cn=Journal,cn=q,cn=Queues,cn=config", attributes, "journal", parent).unknown == ()


def test_an_update_without_a_change_changes_the_revision_alone() -> None:
    mapper = Mapper(builtin(), BASE)
    entry = Entry(
        DN.parse("cn=one,cn=Mail Servers,cn=config"),
        {
            "objectClass": ("top", "ds-cfg-mail-server"),
            "cn": ("one",),
            "ds-cfg-smtp-property": ("b=2", "a=1"),
            "ds-cfg-enabled": ("TRUE",),
            "ds-cfg-revision": ("41",),
        },
    )
    obj = mapper.decode(entry, builtin().relation("mail-server"), ROOT)
    updated = mapper.update(entry, obj)
    assert updated.attributes == {**entry.attributes, "ds-cfg-revision": ("42",)}


def test_a_revision_that_is_no_number_begins_again() -> None:
    assert decoded(QUEUE, {**DISK, "ds-cfg-revision": ("x",)}).revision == 0


@pytest.mark.parametrize("server", [("mail.example.com:25",), ("mail.example.com:465",), ("mail.example.com",), ()])
@pytest.mark.parametrize("type_", ["generic", "custom-server", "external-smtp"])
def test_the_attributes_of_some_properties_are_enough_to_show_these(type_: str, server: tuple[str, ...]) -> None:
    """Those that decide between the cases of a default are among them."""
    registry = builtin()
    mapper, relation = Mapper(registry, BASE), registry.relation("mail-server")
    definition = registry.types_of(relation)[type_]
    values = {"enabled": ("true",), "auth-username": ("news@example.com",), "smtp-server": server}
    obj = ManagedObject(path(registry, "/mail-server/one"), definition, {n: v for n, v in values.items() if v})
    columns = definition.list_columns
    attributes = mapper.attributes_for(relation, columns)
    assert attributes is not None
    assert "ds-cfg-auth-username" not in attributes
    entry = mapper.encode(obj)
    narrow = Entry(entry.dn, {name: entry.attributes[name] for name in entry.attributes if name in attributes})
    reader = Site.of(registry, MemoryStorage(base=BASE), evaluate_defaults).make_reader()
    whole, part = (mapper.decode(one, relation, ROOT) for one in (entry, narrow))
    for name in columns:
        prop = definition.properties[name]
        assert reader.read_current(part, prop) == reader.read_current(whole, prop)


def test_what_is_inherited_needs_other_objects() -> None:
    registry = depot()
    relation = registry.relation("consumer")
    assert Mapper(registry, BASE).attributes_for(relation, ("prefetch",)) is None
