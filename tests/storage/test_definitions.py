"""Definitions are held by every storage alike: read by whoever opens it, renamed with the values, taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from confobjects.definitions.installed import DIGEST, TEXT, digest_of
from confobjects.definitions.model import HOLDER_KIND
from confobjects.definitions_loading import load_registry
from confobjects.errors import ConfobjectsError, InvalidValueError, StorageError
from confobjects.management import ManagementContext, Site
from confobjects.mapping.installed import read_installed
from confobjects.mapping.protocol import Storage
from confobjects.objects.evaluating import evaluate_defaults

# The attributes and the class are those of the second family of definitions, whose schema the servers have.
ADDRESS = {
    "synopsis": "Where it listens.",
    "syntax": "host-port",
    "profile": {"ldap": {"attribute": "ds-cfg-listen-address"}},
}
GATEWAY: dict[str, Any] = {
    "name": "gateway",
    "version": 1,
    "synopsis": "A door.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Gateways"},
    "properties": {"host": ADDRESS},
}
NEWER = GATEWAY | {
    "version": 2,
    "properties": {
        "server": {
            "synopsis": "Where it listens.",
            "syntax": "host-port",
            "renamed-from": ["host"],
            "profile": {"ldap": {"attribute": "ds-cfg-peer"}},
        }
    },
}


def opened(storage: Storage) -> ManagementContext:
    registry = load_registry().with_installed(read_installed(storage))
    return ManagementContext(Site.of(registry, storage, evaluate_defaults))


def values_of(data: Any) -> dict[str, str]:
    text = json.dumps(data)
    return {TEXT: text, DIGEST: digest_of(text)}


def entries_of(storage: Storage) -> dict[str, dict[str, tuple[str | bytes, ...]]]:
    found = storage.search(storage.base, "sub")
    return {
        str(e.dn): {n: v for n, v in e.attributes.items() if n != "ds-cfg-revision"}
        for e in found
        if "cn=History" not in str(e.dn)
    }


def test_a_definition_lives_with_its_configuration(storage: Storage) -> None:
    opened(storage).create(HOLDER_KIND, "gateway", values_of(GATEWAY))
    opened(storage).create("gateway", "one", {"host": "a:1"})
    assert opened(storage).get("gateway", "one").values == {"host": ("a:1",)}
    before = entries_of(storage)
    context = opened(storage)
    with context.change() as tx:
        tx.set(HOLDER_KIND, "gateway", values_of(NEWER))
    one = str(context.site.mapper.dn_of(context.registry.path_of("gateway", "one")))
    after = entries_of(storage)[one]
    assert (after["ds-cfg-peer"], "ds-cfg-listen-address" in after) == (("a:1",), False)
    assert opened(storage).get("gateway", "one").values == {"server": ("a:1",)}
    if hasattr(storage, "keep_history"):
        with context.change() as tx:
            tx.set(
                HOLDER_KIND,
                "gateway",
                values_of(GATEWAY | {"properties": {"host": ADDRESS | {"renamed-from": ["server"]}}}),
            )
        assert entries_of(storage)[one] == before[one]
    else:
        opened(storage).undo(3)
        assert entries_of(storage) == before


def test_what_breaks_objects_is_refused_and_nothing_is_written(storage: Storage) -> None:
    context = opened(storage)
    context.create(HOLDER_KIND, "gateway", values_of(GATEWAY))
    context.create("gateway", "one", {"host": "a:1"})
    before = entries_of(storage)
    number = {"synopsis": "A number.", "syntax": "integer", "profile": ADDRESS["profile"]}
    with pytest.raises(InvalidValueError), context.change() as tx:
        tx.set(HOLDER_KIND, "gateway", values_of(GATEWAY | {"properties": {"host": number}}))
    with pytest.raises(ConfobjectsError) as caught:
        context.delete(HOLDER_KIND, "gateway")
    assert caught.value.exit_code == 14
    assert entries_of(storage) == before
    assert "gateway" in context.registry


def test_a_server_without_the_schema_is_told_before_anything_is_written(storage: Storage) -> None:
    context = opened(storage)
    label = {"synopsis": "Another label.", "syntax": "string"}
    data = GATEWAY | {"properties": {"quite-another-label": label}}
    if not hasattr(storage, "find_missing_schema"):
        context.create(HOLDER_KIND, "gateway", values_of(data))
        return
    with pytest.raises(StorageError, match="lacks ds-cfg-quite-another-label") as caught:
        context.create(HOLDER_KIND, "gateway", values_of(data))
    assert "LDAP schema" in str(caught.value)
    assert read_installed(storage) == ()
