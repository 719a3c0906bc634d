"""Assignment: a body sets what it may and nothing else, and no operation of a patch reads a secret, of whichever property."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import confobjects
from confobjects.diagnostics import MASK
from confobjects.web.app import API
from tests.web.security.everything import CANARY, Everything

PATCH = "application/json-patch+json"
STRANGE = ("role", "name", "path", "dn", "object", "revision", "created", "objectClass", "__proto__", "constructor")


def list_secrets(everything: Everything) -> Iterator[tuple[str, str]]:
    """Yield the address of each object that has a secret, with the name of the property."""
    with confobjects.open(everything.url) as context:
        for address, path in everything.objects.items():
            found = context.get(path.relation, path.names)
            for name in found.values:
                if found.definition.properties[name].sensitive:
                    yield address, name


def change(client: Any, address: str, body: Any, kind: str = PATCH) -> Any:
    """Ask for a change of an object in the state that it has, without making it."""
    tag = client.get(f"{API}/objects/{address}").headers["etag"]
    headers = {"If-Match": tag, "Content-Type": kind}
    return client.patch(f"{API}/objects/{address}", params={"dry-run": "true"}, json=body, headers=headers)


def test_no_operation_of_a_patch_reads_a_secret(everything: Everything) -> None:
    secrets, client = list(list_secrets(everything)), everything.with_token("administrator")
    assert len(secrets) > 5
    for address, name in secrets:
        here = f"/properties/{name}"
        for operation in (
            {"op": "test", "path": here, "value": CANARY},
            {"op": "test", "path": here, "value": MASK},
            {"op": "test", "path": here, "value": [CANARY]},
            {"op": "test", "path": "/properties", "value": {name: CANARY}},
            {"op": "test", "path": "", "value": {"properties": {name: CANARY}}},
            {"op": "copy", "from": here, "path": "/properties/copied"},
            {"op": "copy", "from": f"{here}/0", "path": "/properties/copied"},
            {"op": "move", "from": here, "path": "/properties/moved"},
            {"op": "copy", "from": "/properties", "path": "/properties/all"},
            {"op": "copy", "from": "", "path": "/properties/all"},
            {"op": "replace", "path": here, "value": MASK},
            {"op": "add", "path": here, "value": MASK},
        ):
            answer = change(client, address, [operation])
            assert answer.status_code in (409, 422), (address, operation, answer.text)
            assert answer.json() == change(client, address, [operation]).json()


def test_a_patch_tells_a_right_guess_of_a_secret_from_a_wrong_one_by_nothing(everything: Everything) -> None:
    client = everything.with_token("administrator")
    for address, name in list_secrets(everything):
        guesses = [
            change(client, address, [{"op": "test", "path": f"/properties/{name}", "value": value}])
            for value in (CANARY, "another guess")
        ]
        assert guesses[0].status_code == guesses[1].status_code
        assert guesses[0].json() == guesses[1].json()


@pytest.mark.parametrize("name", STRANGE)
def test_a_body_sets_nothing_that_the_object_does_not_have(everything: Everything, name: str) -> None:
    client = everything.with_token("administrator")
    for address in everything.objects:
        merge = "application/merge-patch+json"
        as_property = change(client, address, {"properties": {name: "x"}}, merge)
        assert as_property.status_code in (400, 422), (address, as_property.text)
        if name not in {"name", "path", "object"}:  # what an answer has may be sent back as it is
            assert change(client, address, {name: "x"}, merge).status_code in (400, 422), address
