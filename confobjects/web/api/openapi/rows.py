"""What the endpoints beside those of objects take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confobjects.records import Record, field
from confobjects.transport.check import DEPTHS
from confobjects.web.api.openapi.parameters import CHANGING, TEXT, Schema
from confobjects.web.api.places import OBJECTS

JSON: Final = "application/json"
REFERENCE: Final = "#/components/schemas/"


class Row(Record):
    """What an endpoint takes and gives: the parameters of its query, its body, the form of its answer and its status."""

    form: str = ""
    query: tuple[str, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    answer: Schema = field(default_factory=dict)
    status: int = 200
    media: str = JSON
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    if_match: bool = False


_DOCUMENT: Final[Mapping[str, Schema]] = {JSON: {"$ref": f"{REFERENCE}document"}}
_ADDRESSES: Final[Schema] = {"type": "array", "items": TEXT}
_MAIL: Final[Mapping[str, Schema]] = {
    "to": {**_ADDRESSES, "examples": [["ann@example.com"]]},
    "subject": TEXT,
    "body": TEXT,
    "category": TEXT,
    "sender": {"description": "The name of a mail sender.", **TEXT},
}
_TESTED: Final[Mapping[str, Schema]] = {
    "path": {"description": "The path of a mail server or a mail sender.", **TEXT, "examples": ["/mail-server/one"]},
    "depth": {"enum": list(DEPTHS)},
    "to": _ADDRESSES,
    "from": TEXT,
    "type": TEXT,
    "properties": {"description": "Values to test with; nothing is saved.", "type": "object"},
}
_SESSION: Final[Schema] = {"type": "object", "required": ["name", "role", "csrf_token"]}
_STATE: Final[Schema] = {"type": "object", "properties": {"status": TEXT}, "required": ["status"]}
ROWS: Final[Mapping[tuple[str, str], Row]] = {
    ("GET", "/health"): Row(answer=_STATE),
    ("GET", "/ready"): Row(answer=_STATE),
    ("GET", "/metrics"): Row(answer=TEXT, media="text/plain"),
    ("GET", "/openapi.json"): Row(answer={"type": "object", "required": ["openapi"]}),
    ("GET", OBJECTS): Row(answer={"type": "object", "required": ["kinds"]}),
    ("GET", "/definitions"): Row(answer={"type": "object", "required": ["kinds"]}),
    ("GET", "/definitions/{kind}"): Row("describe-object"),
    ("GET", "/check"): Row("check", ("environment",)),
    ("GET", "/explain"): Row(
        query=("path", "property", "environment"), answer={"type": "object", "required": ["texts"]}
    ),
    ("GET", "/export"): Row(answer={"$ref": f"{REFERENCE}document"}),
    ("POST", "/diff"): Row("diff", bodies=_DOCUMENT),
    ("POST", "/apply"): Row("change", (*CHANGING, "prune"), bodies=_DOCUMENT),
    ("POST", "/rename"): Row("change", CHANGING, {"path": TEXT, "name": TEXT}, ("path", "name"), if_match=True),
    ("GET", "/history"): Row("history", ("limit", "before", "path")),
    ("GET", "/history/{number}"): Row(answer={"type": "object", "required": ["number", "changes"]}),
    ("POST", "/history/{number}/undo"): Row("change", CHANGING),
    ("POST", "/history/{number}/undo-later"): Row("change", CHANGING),
    ("GET", "/mail-service"): Row("mail-service", ("overdue-after",)),
    ("POST", "/mails"): Row(
        "accepted",
        ("dry-run", "to", "category", "sender"),
        _MAIL,
        ("to",),
        status=202,
        bodies={"message/rfc822": {**TEXT, "description": "A whole message."}},
    ),
    ("GET", "/mail-queue"): Row("mail-queue", ("state", "sender", "to", "limit")),
    ("GET", "/mail-queue/{id}"): Row("mail"),
    ("POST", "/mail-queue/{id}/retry"): Row("mail-queue-change", ("dry-run",)),
    ("POST", "/mail-queue/{id}/cancel"): Row("mail-queue-change", ("dry-run",)),
    ("GET", "/mail-quotas"): Row("mail-quotas"),
    ("GET", "/mail-quotas/{address}"): Row("mail-quota"),
    ("POST", "/mail-quotas/{address}/reset"): Row("mail-quota-change", ("dry-run",)),
    ("POST", "/mail-quotas/{address}/lift"): Row("mail-quota-change", ("dry-run",)),
    ("GET", "/followers"): Row("followers"),
    ("POST", "/tests"): Row("test", body=_TESTED, needed=("path",)),
    ("GET", "/events"): Row(query=("since",), answer=TEXT, media="text/event-stream"),
    ("POST", "/session"): Row(
        body={"name": TEXT, "password": TEXT}, needed=("name", "password"), answer=_SESSION, status=201
    ),
    ("GET", "/session"): Row(answer=_SESSION),
    ("DELETE", "/session"): Row(status=204),
}
"""What the endpoints beside those of objects take and give."""
