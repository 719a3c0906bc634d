"""What only administrators may change is refused to operators by REST, whichever way they ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.web.rest import CANARY, MERGE, PATCH, SERVER, Api, serve

ONE = "/objects/mail-servers/one"
READS = "&{file:/etc/passwd}"
"""A value that is for administrators: it reads a file of the server."""
_WHOLE = {**SERVER, "properties": {**SERVER["properties"], "smtp-server": READS}}
_DOCUMENT = {"confobjects-format": 1, "objects": {"/mail-server/one": _WHOLE}}
_ADD = [{"op": "replace", "path": "/properties/smtp-server", "value": READS}]

WAYS: dict[str, tuple[str, str, Any, str]] = {
    "create": ("PUT", "/objects/mail-servers/two", _WHOLE, ""),
    "replace": ("PUT", ONE, _WHOLE, ""),
    "merge": ("PATCH", ONE, {"properties": {"smtp-server": READS}}, MERGE),
    "patch": ("PATCH", ONE, _ADD, PATCH),
    "apply": ("POST", "/apply", _DOCUMENT, ""),
    "undo": ("POST", "/history/3/undo", None, ""),
    "undo later": ("POST", "/history/2/undo-later", None, ""),
}


@pytest.fixture
def web(tmp_path: Path) -> Any:
    """With a mail server that an administrator has let read a file, and no longer does: change 3 took that away."""
    made = serve(tmp_path)
    api = Api(made)
    assert api.put(ONE, SERVER).status_code == 201
    assert api.patch(ONE, {"properties": {"smtp-server": READS}}).status_code == 200
    assert api.patch(ONE, {"properties": {"smtp-server": "mx.example.com:25"}}).status_code == 200
    return made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dry_run", ["", "?dry-run=true"])
def test_an_expression_is_for_administrators(web: Any, way: str, dry_run: str) -> None:
    method, address, body, kind = WAYS[way]
    operator, administrator = Api(web, "operator"), Api(web)
    headers = {
        "if_match": operator.get(address).headers.get("etag", "") if way != "create" else "",
        "content_type": kind,
    }
    refused = operator.ask(method, f"{address}{dry_run}", body, **headers)
    assert (refused.status_code, refused.json()["problems"][0]["code"]) == (403, "not-permitted"), refused.text
    assert operator.get(ONE).json()["properties"]["smtp-server"] == "mx.example.com:25"
    assert administrator.ask(method, f"{address}{dry_run}", body, **headers).status_code in (200, 201)


def test_an_operator_tests_no_expression(web: Any) -> None:
    body = {"path": "/mail-server/one", "properties": {"smtp-server": READS}, "depth": "resolve"}
    assert Api(web, "operator").ask("POST", "/tests", body).status_code == 403
    new = {**body, "path": "/mail-server/new", "type": "generic", "properties": _WHOLE["properties"]}
    assert Api(web, "operator").ask("POST", "/tests", new).status_code == 403


def test_only_an_administrator_deletes_what_a_document_leaves_out(web: Any) -> None:
    document = {"confobjects-format": 1, "objects": {}}
    assert Api(web, "operator").ask("POST", "/apply?prune=true", document).status_code == 403
    assert Api(web).ask("POST", "/apply?prune=true", document).status_code == 200


def test_an_operator_sends_no_stored_secret_elsewhere(web: Any) -> None:
    login = {"auth-username": "me", "auth-password": CANARY}
    assert Api(web).patch(ONE, {"properties": login}).status_code == 200
    operator = Api(web, "operator")
    assert operator.patch(ONE, {"properties": {"smtp-server": "evil.example:25"}}).status_code == 422
    given = {"smtp-server": "other.example:25", "auth-password": CANARY}
    assert operator.patch(ONE, {"properties": given}).status_code == 200
