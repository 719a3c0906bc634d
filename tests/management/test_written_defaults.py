"""A mandatory property has a stored value: its own default is written, because a server's schema may demand it.

Laws, for every type of the second family:

1. However an object is created, each mandatory property with a default of its own is stored; other defaults are not.
2. Changes keep it so: a reset writes the default, and the last value cannot be removed in its favour.
3. It makes no difference to a document whether the default has been written, so nothing is applied twice.
4. Undo gives back exactly what was stored, also where the default had not been written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.dn import DN
from confobjects.management import ManagementContext
from confobjects.management.changing.operations import Operation
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.mapping.documents import ObjectState
from confobjects.mapping.entry import Entry
from confobjects.objects.changes import PropertyChanges
from tests.definitions.documents import FAMILY, depot, documents
from tests.management.things import manage, refused, summaries

DOOR = "cn=door,cn=Gateways,cn=config"


def stored(ctx: ManagementContext, kind: str, *names: str) -> dict[str, Any]:
    return dict(ctx.get(kind, names).values)


def create(ctx: ManagementContext) -> None:
    ctx.create("gateway", "door", {})


def create_in_a_transaction(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        Operation("create", "gateway", ("door",)).ask(tx)


def apply(ctx: ManagementContext) -> None:
    path = depot().path_of("gateway", "door")
    ctx.apply({path: ObjectState(path, depot().definition("gateway"), {})})


@pytest.mark.parametrize("make", [create, create_in_a_transaction, apply])
def test_however_an_object_is_created_the_default_is_written(make: Callable[[ManagementContext], None]) -> None:
    ctx = manage(depot())
    make(ctx)
    assert stored(ctx, "gateway", "door") == {"listen-port": ("8443",)}


@pytest.mark.parametrize("given", [{}, {"sync-interval": "3000 ms"}])
def test_an_override_makes_it_mandatory_for_the_subtype(given: dict[str, str]) -> None:
    ctx = manage(depot())
    ctx.create("store", "one", {"enabled": True, "location": "/1"})
    values = {"enabled": True, "store": "one", **given}
    ctx.create("queue", "plain", values, type="disk")
    ctx.create("queue", "twice", {**values, "mirror": "/2"}, type="mirrored-disk")
    assert stored(ctx, "queue", "plain").get("sync-interval") == (("3000 ms",) if given else None)
    assert stored(ctx, "queue", "twice")["sync-interval"] == (("3000 ms",) if given else ("2000 ms",))


def with_a_mandatory_default(name: str, prop: str, **words: Any) -> Registry:
    """Return the second family with one property that is mandatory and has a default."""
    found = []
    for document in documents(FAMILY):
        if document.data.get("name") == name:
            spec = {**document.data["properties"][prop], "mandatory": True, **words}
            data = {**document.data, "properties": {**document.data["properties"], prop: spec}}
            found.append(DefinitionDocument(document.origin, data))
        else:
            found.append(document)
    return Registry(found)


def test_default_objects_have_it_too() -> None:
    ctx = manage(with_a_mandatory_default("retry-rule", "pause"))
    ctx.create("queue", "q", {"enabled": True}, type="custom-memory")
    ctx.create("consumer", ("q", "mail"), {})
    assert stored(ctx, "retry-rule", "q", "mail", "later") == {"pause": ("30 s",)}
    assert stored(ctx, "retry-rule", "q", "mail", "at once") == {"pause": ("0 s",)}


def test_a_singleton_has_it_from_its_first_change_on() -> None:
    ctx = manage(with_a_mandatory_default("depot-settings", "site-name"))
    ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": ["7"]}))
    assert stored(ctx, "depot-settings") == {"batch-size": ("7",), "site-name": ("main",)}


def test_a_singleton_above_a_new_object_has_it() -> None:
    """Its entry is created with the object below it."""
    ctx = manage(with_settings_above_stores())
    ctx.create("store", "one", {"enabled": True, "location": "/1"})
    assert stored(ctx, "depot-settings") == {"site-name": ("main",)}


def with_settings_above_stores() -> Registry:
    found = with_a_mandatory_default("depot-settings", "site-name")
    data = found.documents["store"].data
    moved = {**data, "relation": {**data["relation"], "parent": "depot-settings"}}
    others = [document for name, document in found.documents.items() if name != "store"]
    return Registry([*others, *found.packages.values(), DefinitionDocument("store.json", moved)])


def test_an_inherited_default_is_followed_and_not_written() -> None:
    ctx = manage(with_a_mandatory_default("gateway", "signing-key"))
    ctx.modify("depot-settings", (), PropertyChanges(set={"ticket-key": ["one"]}))
    ctx.create("gateway", "door", {})
    assert stored(ctx, "gateway", "door") == {"listen-port": ("8443",)}


@pytest.mark.parametrize(
    "change",
    [
        PropertyChanges(reset=["listen-port"]),
        PropertyChanges(set={"listen-port": []}),
        PropertyChanges(remove={"listen-port": ["9"]}),
    ],
)
def test_a_reset_writes_the_default(change: PropertyChanges) -> None:
    ctx = manage(depot())
    ctx.create("gateway", "door", {"listen-port": 9})
    ctx.modify("gateway", "door", change)
    assert stored(ctx, "gateway", "door") == {"listen-port": ("8443",)}
    assert not ctx.modify("gateway", "door", PropertyChanges(reset=["listen-port"])).changed


def test_the_default_itself_cannot_be_removed() -> None:
    ctx = manage(depot())
    create(ctx)
    removal = PropertyChanges(remove={"listen-port": ["8443"]})
    problems = refused(ctx, lambda: ctx.modify("gateway", "door", removal))
    assert ("invalid-value", "the values of listen-port are its default: they cannot all be removed") in summaries(
        problems
    )


def older() -> ManagementContext:
    """Return a configuration of a time when the default was not written."""
    classes = depot().definition("gateway").object_classes
    bare = {"objectClass": ("top", "ds-cfg-branch")}
    return manage(
        depot(),
        Entry(DN.parse("cn=config"), bare),
        Entry(DN.parse("cn=Gateways,cn=config"), {**bare, "cn": ("Gateways",)}),
        Entry(DN.parse(DOOR), {"objectClass": classes, "cn": ("door",)}),
    )


def test_it_makes_no_difference_whether_the_default_was_written() -> None:
    old, new = older(), manage(depot())
    create(new)
    one, other = take_snapshot(old.site).objects, take_snapshot(new.site).objects
    assert one != other
    assert list(find_differences(one, other, depot())) == []
    assert not old.apply(other).changed
    assert not new.apply(one).changed
    new.modify("gateway", "door", PropertyChanges(set={"listen-port": ["9"]}))
    assert len(list(find_differences(one, take_snapshot(new.site).objects, depot()))) == 1
    assert new.apply(one).changed
    assert stored(new, "gateway", "door") == {"listen-port": ("8443",)}


@pytest.mark.parametrize(
    "change",
    [
        lambda ctx: ctx.delete("gateway", "door"),
        lambda ctx: ctx.modify("gateway", "door", PropertyChanges(set={"listen-port": ["9"]})),
    ],
)
def test_undo_gives_back_what_was_stored(change: Callable[[ManagementContext], Any]) -> None:
    ctx = older()
    before = stored(ctx, "gateway", "door")
    change(ctx)
    ctx.undo(ctx.history()[-1].number)
    assert stored(ctx, "gateway", "door") == before == {}
