"""What the endpoints beside those of objects take and give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from confobjects.records import Record, field
from confobjects.transport.check import DEPTHS
from confobjects.web.api.openapi.answers import JSON, refer
from confobjects.web.api.openapi.links import link
from confobjects.web.api.openapi.parameters import CHANGING, TEXT, Schema
from confobjects.web.api.places import OBJECTS


class Row(Record):
    """What an endpoint is called, the group that it stands in, and what it takes and gives: the form of its answer, or its
    schema; the parameters of its query, its body, its status, and what its answer leads to.
    """

    name: str
    tag: str
    form: str = ""
    query: tuple[str, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    needed: tuple[str, ...] = ()
    answer: Schema = field(default_factory=dict)
    status: int = 200
    media: str = JSON
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    if_match: bool = False
    links: Mapping[str, Schema] = field(default_factory=dict)


_DOCUMENT: Final[Mapping[str, Schema]] = {JSON: refer("Document")}
_ADDRESSES: Final[Schema] = {"type": "array", "items": TEXT}
_MAIL: Final[Mapping[str, Schema]] = {
    "to": {**_ADDRESSES, "examples": [["ann@example.com"]]},
    "subject": TEXT,
    "body": TEXT,
    "category": TEXT,
    "sender": {"description": "The name of a mail sender.", **TEXT},
}
_TESTED: Final[Mapping[str, Schema]] = {
    "path": {
        "description": "The path of a mail server, a mail sender or an OAuth 2.0 provider.",
        **TEXT,
        "examples": ["/mail-server/one"],
    },
    "depth": {"enum": list(DEPTHS)},
    "to": _ADDRESSES,
    "from": TEXT,
    "type": TEXT,
    "properties": {"description": "Values to test with; nothing is saved.", "type": "object"},
}
_OF_CHANGES: Final = {"number": "$response.body#/changes/0/number"}
_OF_MAILS: Final = {"id": "$response.body#/mails/0/id"}
_OF_MAIL: Final = {"id": "$response.body#/id"}
ROWS: Final[Mapping[tuple[str, str], Row]] = {
    ("GET", "/health"): Row("read-health", "Server", "state"),
    ("GET", "/ready"): Row("read-readiness", "Server", "state"),
    ("GET", "/metrics"): Row("read-metrics", "Server", answer=TEXT, media="text/plain"),
    ("GET", "/openapi.json"): Row("read-description", "Server", "description"),
    ("GET", OBJECTS): Row("read-kinds", "Configuration", "kinds"),
    ("GET", "/definitions"): Row(
        "read-definitions",
        "Configuration",
        "described-kinds",
        links={"first": link("read-definition", {"kind": "$response.body#/kinds/0/object"}, "The first kind alone.")},
    ),
    ("GET", "/definitions/{kind}"): Row("read-definition", "Configuration", "describe-object"),
    ("GET", "/check"): Row("check", "Configuration", "check", ("environment",)),
    ("GET", "/explain"): Row("explain", "Configuration", "explanation", ("path", "property", "environment")),
    ("GET", "/export"): Row("export", "Configuration", answer=refer("Document")),
    ("POST", "/diff"): Row("diff", "Configuration", "diff", bodies=_DOCUMENT),
    ("POST", "/apply"): Row("apply", "Configuration", "change", (*CHANGING, "prune", "recreate"), bodies=_DOCUMENT),
    ("POST", "/rename"): Row(
        "rename", "Configuration", "change", CHANGING, {"path": TEXT, "name": TEXT}, ("path", "name"), if_match=True
    ),
    ("GET", "/history"): Row(
        "read-history",
        "History",
        "history",
        ("limit", "before", "path"),
        links={
            "first": link("read-change", _OF_CHANGES, "The oldest of them."),
            "undo": link("undo-change", _OF_CHANGES, "Takes the oldest of them back."),
            "undo-later": link("undo-later-changes", _OF_CHANGES, "Takes back what came after the oldest of them."),
        },
    ),
    ("GET", "/history/{number}"): Row("read-change", "History", "history-change"),
    ("POST", "/history/{number}/undo"): Row("undo-change", "History", "change", CHANGING),
    ("POST", "/history/{number}/undo-later"): Row("undo-later-changes", "History", "change", CHANGING),
    ("GET", "/mail-service"): Row("read-mail-service-status", "Mail", "mail-service", ("overdue-after",)),
    ("POST", "/mails"): Row(
        "send-mail",
        "Mail",
        "accepted",
        ("dry-run", "to", "category", "sender"),
        _MAIL,
        ("to",),
        status=202,
        bodies={"message/rfc822": {**TEXT, "description": "A whole message."}},
        links={
            "mail": link("read-mail", _OF_MAIL, "The mail that was accepted."),
            "cancel": link("cancel-mail", _OF_MAIL, "Gives it up."),
        },
    ),
    ("GET", "/mail-queue"): Row(
        "read-mail-queue",
        "Mail",
        "mail-queue",
        ("state", "sender", "to", "limit"),
        links={
            "first": link("read-mail", _OF_MAILS, "The oldest of them."),
            "retry": link("retry-mail", _OF_MAILS, "Sends the oldest of them again."),
            "cancel": link("cancel-mail", _OF_MAILS, "Gives the oldest of them up."),
        },
    ),
    ("GET", "/mail-queue/{id}"): Row("read-mail", "Mail", "mail"),
    ("POST", "/mail-queue/{id}/retry"): Row("retry-mail", "Mail", "mail-queue-change", ("dry-run",)),
    ("POST", "/mail-queue/{id}/cancel"): Row("cancel-mail", "Mail", "mail-queue-change", ("dry-run",)),
    ("GET", "/mail-quotas"): Row(
        "read-mail-quotas",
        "Mail",
        "mail-quotas",
        links={"first": link("read-mail-quota", {"address": "$response.body#/addresses/0/address"}, "The first one.")},
    ),
    ("GET", "/mail-quotas/{address}"): Row("read-mail-quota", "Mail", "mail-quota"),
    ("POST", "/mail-quotas/{address}/reset"): Row("reset-mail-quota", "Mail", "mail-quota-change", ("dry-run",)),
    ("POST", "/mail-quotas/{address}/lift"): Row("lift-suppression", "Mail", "mail-quota-change", ("dry-run",)),
    ("POST", "/mail-queue/retry"): Row("retry-failed-mails", "Mail", "mail-queue-change", ("dry-run", "sender")),
    ("POST", "/mail-queue/purge"): Row("purge-mails", "Mail", "mail-queue-purge", ("dry-run", "state", "older-than")),
    ("POST", "/mail-queue/mark-unknown"): Row("mark-mails-unknown", "Mail", "mail-queue-mark", ("dry-run",)),
    ("POST", "/mail-service/{sender}/resume"): Row("resume-sender", "Mail", "mail-service-resume", ("dry-run",)),
    ("POST", "/alert-handlers/{name}/test"): Row("test-alerts", "Mail", "accepted", ("dry-run",), status=202),
    ("GET", "/followers"): Row("read-followers", "Server", "followers"),
    ("DELETE", "/followers/{name}"): Row("forget-follower", "Server", "followers-forget", ("dry-run",)),
    ("GET", "/installed-definitions"): Row("read-installed-definitions", "Configuration", "definitions"),
    ("POST", "/installed-definitions"): Row(
        "install-definitions",
        "Configuration",
        "change",
        (*CHANGING, "accept-losses"),
        {"definitions": {"description": "Definitions as in files.", "type": "array", "items": {"type": "object"}}},
        ("definitions",),
    ),
    ("GET", "/installed-definitions/{name}"): Row("read-installed-definition", "Configuration", "definition"),
    ("DELETE", "/installed-definitions/{name}"): Row("remove-definition", "Configuration", "change", CHANGING),
    ("POST", "/tests"): Row("test-object", "Mail", "object-test", body=_TESTED, needed=("path",)),
    ("GET", "/events"): Row("follow-events", "Server", query=("since",), answer=TEXT, media="text/event-stream"),
    ("POST", "/session"): Row(
        "sign-in", "Session", "session", body={"name": TEXT, "password": TEXT}, needed=("name", "password"), status=201
    ),
    ("GET", "/session"): Row("read-session", "Session", "session"),
    ("DELETE", "/session"): Row("sign-out", "Session", status=204),
}
"""What the endpoints beside those of objects take and give. No name begins as that of an operation on objects does."""

TAGS: Final = {
    "Configuration": "The configuration as a whole, and what its definitions say.",
    "History": "The changes that were made, and undo.",
    "Mail": "Tests, and the mail service with its queue and quotas.",
    "Server": "The process that answers, and the services that follow the configuration.",
    "Session": "Signing in with a name and a password.",
}
"""The groups of operations beside those of each kind of objects."""
