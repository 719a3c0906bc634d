"""The JSON Schemas of everything that the command line prints as JSON: one for each form of output.

They are written to ``schemas/output`` and described in the reference. The tests check every output against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confobjects.errors import CODES
from confobjects.reference.jsonschema import DIALECT

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_PATH: Final[Schema] = {"description": "The path of an object.", "type": "string", "pattern": "^/"}
_VALUE: Final[Schema] = {
    "description": "A value with the type of its property; an expression, a masked secret or a broken value is a text.",
    "type": ["string", "integer", "boolean"],
}


def _list_of(items: Schema, description: str = "") -> Schema:
    return {**({"description": description} if description else {}), "type": "array", "items": items}


def _object_of(properties: Mapping[str, Schema], optional: tuple[str, ...] = (), description: str = "") -> Schema:
    """Return the schema of an object with exactly these keys. All except the optional ones are required."""
    return {
        **({"description": description} if description else {}),
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _map_of(values: Schema, description: str) -> Schema:
    return {"description": description, "type": "object", "additionalProperties": values}


_DIAGNOSTIC: Final[dict[str, Schema]] = {
    "severity": {"enum": ["error", "warning"]},
    "code": {"description": "What kind of problem it is.", "enum": sorted(CODES)},
    "summary": _TEXT,
    "path": _PATH,
    "property": _TEXT,
    "value": {"description": "The wrong value, masked if it is a secret.", "type": "string"},
    "detail": _TEXT,
    "remedy": _TEXT,
    "origin": {"description": "The file or source of the problem.", "type": "string"},
    "pointer": {"description": "The part of a JSON document (RFC 6901).", "type": "string"},
    "line": {"type": "integer", "minimum": 1},
    "column": {"type": "integer", "minimum": 1},
    "excerpt": {"description": "The wrong line or part, without secrets.", "type": "string"},
    "span": {"type": ["array", "null"], "items": _COUNT, "minItems": 2, "maxItems": 2},
    "fix": _list_of(_object_of({"property": _TEXT, "value": _TEXT}), "Values to set as well to make the change valid."),
}
_DEFS: Final[Schema] = {
    "diagnostic": _object_of(
        _DIAGNOSTIC, tuple(name for name in _DIAGNOSTIC if name not in {"severity", "code", "summary"}), "One problem."
    ),
    "shown": _map_of(
        _object_of({"values": _list_of(_VALUE), "origin": {"description": "stored, default, …", "type": "string"}}),
        "Properties by name.",
    ),
    "sides": _map_of(
        _object_of({"before": _list_of(_TEXT), "after": _list_of(_TEXT)}), "Changed properties by name, secrets masked."
    ),
    "change": _object_of(
        {
            "path": _PATH,
            "action": {"enum": ["create", "modify", "delete", "rename"]},
            "properties": {"$ref": "#/$defs/sides"},
            "new_path": _PATH,
            "type": {"description": "The name of the object's definition.", "type": "string"},
            "restarted": {"description": "The object is disabled and enabled again.", "const": True},
            "test": {
                "description": "Whether it was tested before it was saved.",
                "enum": ["tested", "untested", "declined"],
            },
        },
        ("new_path", "type", "restarted", "test"),
        "The change to one object.",
    ),
    "stage": _object_of(
        {"stage": _TEXT, "ms": {"type": "number", "minimum": 0}, "ok": _FLAG}, (), "A stage of a mail."
    ),
}
_VIEWS: Final = _map_of(
    _list_of(_object_of({"name": _TEXT, "value": _TEXT, "origin": _TEXT})),
    "Data derived from the effective values, by the name of the view.",
)
_DIAGNOSTICS: Final = _list_of({"$ref": "#/$defs/diagnostic"})
_SHOWN: Final[Schema] = {"$ref": "#/$defs/shown"}
_SIDES: Final[Schema] = {"$ref": "#/$defs/sides"}
_CHANGES: Final = _list_of({"$ref": "#/$defs/change"})
_STAGES: Final = _list_of({"$ref": "#/$defs/stage"})


class _OutputForm:
    """One form of output: the commands that print it, its description, its schema."""

    def __init__(self, commands: str, description: str, schema: Schema) -> None:
        self.commands = commands.split()
        self.description = description
        self.schema = schema


_ADMIN_ACTION: Final = {
    "path": _PATH,
    "property": _TEXT,
    "action": {"enum": ["component-restart", "server-restart", "other"]},
    "synopsis": _TEXT,
}
_PAIR: Final = _object_of({"before": _list_of(_TEXT), "after": _list_of(_TEXT)})
_REMARKED_PAIR: Final = _object_of(
    {
        "before": _list_of(_TEXT),
        "after": _list_of(_TEXT),
        "remark": {
            "description": "Why both may have to differ: the value is read-only, or an absolute path of a machine.",
            "enum": ["read-only", "absolute path"],
        },
    },
    ("remark",),
)
_FACTS: Final[dict[str, Schema]] = {
    "property": _TEXT,
    "synopsis": _TEXT,
    "description": _TEXT,
    "default_value": _TEXT,
    "allowed_values": _TEXT,
    "multi-valued": _TEXT,
    "required": _TEXT,
    "admin_action_required": _TEXT,
    "advanced": _TEXT,
    "read-only": _TEXT,
    "re_entry": {"description": "With which properties a secret has to be given again.", "type": "string"},
    "administrators": {
        "description": "What only administrators may change, where people have roles.",
        "type": "string",
    },
    "examples": _list_of(_TEXT, "Examples of valid values."),
}
_FACTS_OF_ONE: Final = _object_of(_FACTS, ("description", "re_entry", "administrators"))
_VERIFICATION: Final = _object_of(
    {"check": _TEXT, "synopsis": _TEXT}, description="The check that shows whether such an object works."
)
_STANDING: Final = _object_of(
    {
        "state": {"enum": ["never", "passed", "failed", "changed", "unreadable"]},
        "ok": {"description": "Whether the last test passed.", "type": "boolean"},
        "time": {"description": "When it ended, in UTC (ISO 8601).", "type": "string"},
        "depth": _TEXT,
        "code": {"description": "passed, or what failed.", "type": "string"},
        "stage": {"description": "Where it failed.", "type": "string"},
        "who": _TEXT,
        "machine": _TEXT,
    },
    ("ok", "time", "depth", "code", "stage", "who", "machine"),
    "The last test of the object. It is changed if something has changed since that it was made with.",
)
_SIGNATURE: Final = {
    "number": {"type": "integer", "minimum": 1},
    "state": _TEXT,
    "time": {"description": "In UTC (ISO 8601); empty for a manual edit.", "type": "string"},
    "actor": _TEXT,
    "command": {"description": "As it was typed, secrets masked.", "type": "string"},
    "undo": {"description": "The commands that undo it, one per line.", "type": "string"},
    "changes": _CHANGES,
    "undoes": _list_of({"type": "integer"}, "The numbers of the changes that this one undoes."),
    "undone_by": {"type": "integer"},
}
_RECIPIENT: Final[dict[str, Schema]] = {
    "address": _TEXT,
    "accepted": {"type": ["boolean", "null"]},
    "reply": _TEXT,
    "retry": {"description": "Whether a recipient that was refused may be accepted later.", "type": "boolean"},
}
_DELIVERY: Final = {
    "server": _TEXT,
    "host": _TEXT,
    "port": {"type": "integer"},
    "address": _TEXT,
    "security": _TEXT,
    "mechanism": _TEXT,
    "sender": _TEXT,
    "recipients": _list_of(_object_of(_RECIPIENT, ("retry",))),
    "reply": _TEXT,
    "size": _COUNT,
    "message_id": _TEXT,
    "stages": _STAGES,
    "failed_over": _list_of(_TEXT, "The codes of the failures of the mail servers that were tried before."),
    "transcript": _list_of(_TEXT, "The dialogue with the server, secrets masked."),
}
_SECURITY: Final = {"description": "How TLS is used.", "enum": ["start-tls", "ssl"]}
_DOMAIN: Final = _object_of(
    {
        "domain": _TEXT,
        "policy": {"description": "What DMARC asks of receivers.", "enum": ["none", "quarantine", "reject"]},
        "findings": _list_of(
            _object_of(
                {
                    "code": _TEXT,
                    "subject": {"enum": ["domain", "spf", "dkim", "dmarc"]},
                    "weight": {"enum": ["good", "unknown", "warning", "error"]},
                    "summary": _TEXT,
                    "remedy": _TEXT,
                },
                ("remedy",),
            )
        ),
    },
    ("policy",),
    "What receivers will think of mail from the sender, by the DNS.",
)
_TEST: Final = {
    "ok": _FLAG,
    "server": _PATH,
    "sender": {"description": "The mail sender that was tested.", "type": "string"},
    "tested": {"description": "Whether the tested values are saved ones.", "enum": ["saved", "unsaved"]},
    "depth": _TEXT,
    "code": _TEXT,
    "stage": _TEXT,
    "summary": _TEXT,
    "remedy": _TEXT,
    "property": _TEXT,
    "reply": {"description": "The server's reply line.", "type": "string"},
    "exit": {"type": "integer"},
    "diagnostics": _DIAGNOSTICS,
    "found": {"description": "What the test found out.", "type": "object"},
    "notes": _list_of(_TEXT, "What applies to mail, whatever the test says."),
    "domain": _DOMAIN,
    "warnings": _DIAGNOSTICS,
    "stages": _STAGES,
    "transcript": _list_of(_TEXT, "The dialogue with the server, secrets masked."),
}
_CHANGE: Final[dict[str, Schema]] = {
    "changed": _FLAG,
    "dry_run": _FLAG,
    "changes": _CHANGES,
    "admin_actions": _list_of(_object_of(_ADMIN_ACTION), "What must be restarted, and why."),
    "deferred": _list_of(
        _object_of(
            {
                "path": _PATH,
                "property": _TEXT,
                "text": _TEXT,
                "why": {"enum": ["value", "default", "required-when", "constraint"]},
            }
        ),
        "Problems that can be checked only at startup.",
    ),
    "warnings": _DIAGNOSTICS,
}
_TIME: Final[Schema] = {"description": "In UTC (ISO 8601).", "type": "string"}
_NUMBER: Final[Schema] = {
    "description": "The number of the change in the history, of a restored configuration that of its newest change; null for an "
    "edit by hand, and without a history.",
    "type": ["integer", "null"],
}
_WAITING: Final = _object_of(
    {
        "path": _PATH,
        "kind": {"enum": ["added", "changed", "deleted"]},
        "properties": _list_of(_TEXT),
        "actions": _list_of(_object_of(_ADMIN_ACTION), "What it waits for."),
        "since": _NUMBER,
    }
)
_IN_EFFECT: Final[dict[str, Schema]] = {
    "path": _PATH,
    "type": {"description": "The name of the object's definition.", "type": "string"},
    "properties": _map_of(_list_of(_TEXT), "Effective values by property, secrets masked."),
}
_WATCHED: Final[dict[str, Schema]] = {
    "path": _PATH,
    "kind": {"enum": ["added", "changed", "deleted"]},
    "type": {"description": "The name of the object's definition.", "type": "string"},
    "restarted": {"description": "The object was disabled and enabled again.", "type": "boolean"},
    "properties": _SIDES,
}
_ERROR: Final = _object_of(
    {
        "code": {"description": "The code of the first problem.", "enum": sorted(CODES)},
        "exit": {"description": "The exit status.", "type": "integer", "minimum": 1, "maximum": 255},
        "diagnostics": {**_DIAGNOSTICS, "minItems": 1},
    }
)
_FOLLOWER: Final[dict[str, Schema]] = {
    "name": _TEXT,
    "state": {"enum": ["in-effect", "waiting", "behind", "ahead", "unknown", "silent"]},
    "change": {"description": "The last change that it has looked at.", "type": ["integer", "null"]},
    "heard_of": {
        "description": "The seconds since its last sign of life; null if its time cannot be read.",
        "type": ["integer", "null"],
    },
    "time": {"description": "Of its last sign of life, by its own clock.", "type": "string"},
    "host": _TEXT,
    "process": _COUNT,
    "waiting": _list_of(
        _object_of({"path": _TEXT, "kind": _TEXT, "properties": _list_of(_TEXT), "actions": _list_of(_TEXT)}),
        "What is saved and not in effect there, and the actions that it waits for.",
    ),
    "problems": _list_of(_TEXT),
    "left_out": {"description": "How many changes and problems its report leaves out.", **_COUNT},
}
_COMMAND: Final[dict[str, Schema]] = {
    "line": {"type": "integer", "minimum": 1},
    "command": {"description": "As it was written, secrets masked.", "type": "string"},
    "outcome": {"enum": ["done", "unchanged", "shown", "failed", "skipped"]},
    "output": {"description": "What it prints, in the form of its command."},
    "error": _ERROR,
}
_MOMENT: Final[Schema] = {"description": "In UTC (RFC 3339), null for none.", "type": ["string", "null"]}
_MAIL_STATE: Final[Schema] = {"enum": ["queued", "taken", "sending", "delivered", "failed", "unknown"]}
_MAIL: Final[dict[str, Schema]] = {
    "id": _TEXT,
    "state": _MAIL_STATE,
    "sender": {"description": "The name of the mail sender.", "type": "string"},
    "category": _TEXT,
    "from": {"description": "The address of the envelope.", "type": "string"},
    "size": _COUNT,
    "accepted": _MOMENT,
    "recipients": _list_of(
        _object_of(
            {
                "address": _TEXT,
                "state": _MAIL_STATE,
                "due": _MOMENT,
                "tries": {"description": "Attempts that failed.", "type": "integer", "minimum": 0},
                "code": {"description": "What the last attempt found; empty for nothing wrong.", "type": "string"},
                "reply": {"description": "What the mail server said.", "type": "string"},
                "summary": _TEXT,
                "remedy": _TEXT,
            }
        )
    ),
    "problems": {
        **_DIAGNOSTICS,
        "description": "Why it cannot be read as a whole: then recipients may be without an address.",
    },
}
_QUOTA: Final[dict[str, Schema]] = {
    "address": _TEXT,
    "used": {"description": "Mails within the window.", "type": "integer", "minimum": 0},
    "limit": {"type": ["integer", "null"]},
    "window": {"description": "Seconds.", "type": "integer", "minimum": 0},
    "free": {"description": "When there is room for the next mail; null for now.", "type": ["string", "null"]},
    "refusals": {"description": "Permanent refusals in a row.", "type": "integer", "minimum": 0},
    "suppressed": _MOMENT,
}
_MAIL_SERVICE: Final[dict[str, Schema]] = {
    "ok": _FLAG,
    "enabled": _FLAG,
    "sender": {"type": ["string", "null"]},
    "sender_reason": _TEXT,
    "ledger": _object_of(
        {
            "url": _TEXT,
            "version": {"description": "0 if there is none yet.", "type": "integer", "minimum": 0},
            "sealed": _FLAG,
        }
    ),
    "time": _MOMENT,
    "states": _map_of(_COUNT, "Mails by their state; each 100 recipients of one count."),
    "oldest": _MOMENT,
    "oldest_seconds": _COUNT,
    "overdue_seconds": _COUNT,
    "rate_limit": {"description": "Mails a minute, null for no limit.", "type": ["integer", "null"]},
    "suppressed": {"description": "The number of suppressed addresses.", "type": "integer", "minimum": 0},
    "runners": _list_of(_object_of({"name": _TEXT, "began": _MOMENT, "heard": _MOMENT, "alive": _FLAG})),
    "senders": _list_of(
        _object_of({"name": _TEXT, "refused": _COUNT, "stopped": _FLAG}), "Senders whose login was refused."
    ),
    "totals": _map_of(_map_of(_COUNT, "By reason, state or code."), "What was counted since the ledger was made."),
    "problems": _DIAGNOSTICS,
}
_USED_KEY: Final = _object_of(
    {
        "configuration": {"description": "Secrets.", **_COUNT},
        "history": {"description": "Records whose undo holds such secrets.", **_COUNT},
        "archives": {"description": "Archived versions that hold such secrets.", **_COUNT},
        "tokens": {"description": "Files of access tokens.", **_COUNT},
        "ledger": {"description": "Values of the ledger.", **_COUNT},
    },
    description="How many a key has sealed, or stand in the clear, in each place.",
)

_ROLE: Final[Schema] = {"description": "What it may do.", "enum": ["sender", "reader", "operator", "administrator"]}
_CLOCK: Final[Schema] = {"description": "A time in UTC (ISO 8601).", "type": "string"}
_MAYBE_TIME: Final[Schema] = {"description": "A time in UTC (ISO 8601); null for never.", "type": ["string", "null"]}

_FORMS: Final[dict[str, _OutputForm]] = {
    "accepted": _OutputForm(
        "send-mail test-alert-handler",
        "The mail that was accepted.",
        _object_of(
            {
                "id": {"description": "Its id; null with --dry-run.", "type": ["string", "null"]},
                "sender": {"description": "The mail sender that it comes from.", "type": "string"},
                "from": {"description": "The mail address that it comes from.", "type": "string"},
                "recipients": {"description": "How many recipients it has.", **_COUNT},
            }
        ),
    ),
    "account-change": _OutputForm(
        "account",
        "The account that was changed, or with --dry-run would be.",
        _object_of(
            {
                "account": {"description": "Its name.", "type": "string"},
                "change": {"enum": ["added", "password", "removed"]},
                "dry_run": _FLAG,
            }
        ),
    ),
    "accounts": _OutputForm(
        "account",
        "The local accounts.",
        _object_of({"accounts": _list_of(_object_of({"name": _TEXT, "role": _ROLE, "changed": _CLOCK}))}),
    ),
    "batch": _OutputForm(
        "--batch",
        "The result of a batch: the change as a whole, and each command.",
        _object_of(
            {
                **_CHANGE,
                "summary": _object_of(dict.fromkeys(("commands", "done", "unchanged", "failed", "skipped"), _COUNT)),
                "commands": _list_of(_object_of(_COMMAND, ("output", "error"))),
            }
        ),
    ),
    "change": _OutputForm(
        "create-X set-X-prop delete-X rename apply undo definitions authorize-oauth2-provider configure-mail",
        "What a change did, or with --dry-run would do.",
        _object_of(_CHANGE),
    ),
    "check": _OutputForm(
        "check",
        "That the configuration is valid. A wrong configuration is an error.",
        _object_of(
            {
                "ok": {"const": True},
                "objects": _COUNT,
                "warnings": _DIAGNOSTICS,
                "untested": _list_of(
                    _object_of({"path": _PATH, "verification": _STANDING}),
                    "Enabled objects that are not known to work.",
                ),
            },
            ("untested",),
        ),
    ),
    "copy": _OutputForm(
        "copy",
        "How many objects a copy created, replaced and left unchanged.",
        _object_of({"changed": _FLAG, "created": _COUNT, "replaced": _COUNT, "same": _COUNT, "warnings": _DIAGNOSTICS}),
    ),
    "families": _OutputForm(
        "family",
        "Families of definitions: the product, its version, the number of types of objects, and what each was made from.",
        _object_of(
            {
                "families": _list_of(
                    _object_of(
                        {
                            "name": _TEXT,
                            "product": _TEXT,
                            "version": _TEXT,
                            "objects": _COUNT,
                            "source": _TEXT,
                            "digest": _TEXT,
                        }
                    )
                )
            }
        ),
    ),
    "definitions": _OutputForm(
        "definitions",
        "Where the definitions come from, and which are used.",
        _object_of(
            {
                "definitions": _list_of(
                    _object_of(
                        {
                            "name": _TEXT,
                            "source": {"enum": ["installed", "directory", "family", "built-in"]},
                            "origin": _TEXT,
                            "version": _TEXT,
                            "state": _TEXT,
                        }
                    )
                )
            }
        ),
    ),
    "describe": _OutputForm(
        "describe",
        "A property with its nine facts.",
        _object_of({"object": _TEXT, **_FACTS}, ("description", "re_entry", "administrators")),
    ),
    "describe-object": _OutputForm(
        "describe",
        "An object: its purpose, the objects it refers to, its types with their properties.",
        _object_of(
            {
                "object": _TEXT,
                "synopsis": _TEXT,
                "description": _TEXT,
                "refers_to": _list_of(_TEXT, "Kinds of objects."),
                "types": _map_of(
                    _object_of(
                        {"synopsis": _TEXT, "verification": _VERIFICATION, "properties": _list_of(_FACTS_OF_ONE)},
                        ("verification",),
                    ),
                    "Types by name.",
                ),
            }
        ),
    ),
    "diff": _OutputForm(
        "diff",
        "The differences between two configurations.",
        _object_of(
            {
                "different": {**_FLAG, "description": "Whether applying one to the other would change anything."},
                "before": _TEXT,
                "after": _TEXT,
                "differences": _list_of(
                    _object_of(
                        {
                            "path": _PATH,
                            "action": {"enum": ["create", "modify", "delete", "rename"]},
                            "new_path": {**_PATH, "description": "The path of a renamed object on the other side."},
                            "type": {**_PAIR, "description": "The short type, where it differs."},
                            "properties": {
                                "type": "object",
                                "description": "The values of each property that differs.",
                                "additionalProperties": _REMARKED_PAIR,
                            },
                        },
                        ("type", "new_path"),
                    )
                ),
            }
        ),
    ),
    "error": _OutputForm(
        "*",
        "Why a command failed: every problem, on standard error, after any remarks.",
        _object_of({"error": _ERROR}),
    ),
    "explain": _OutputForm(
        "explain",
        "How a text with expressions gets its values.",
        _object_of(
            {
                "text": _TEXT,
                "needs": _list_of(_TEXT, "What it refers to."),
                "values": _list_of(_TEXT),
                "origins": _list_of(_TEXT, "Where each value comes from."),
            }
        ),
    ),
    "followers": _OutputForm(
        "followers",
        "The running services that report what they have in effect, and how they stand to the newest change.",
        _object_of(
            {
                "change": {"description": "The newest change; null without a history.", "type": ["integer", "null"]},
                "alive": {"description": "How many followers count.", **_COUNT},
                "in_effect": {"description": "How many of them have the change in effect.", **_COUNT},
                "followers": _list_of(_object_of(_FOLLOWER)),
            }
        ),
    ),
    "followers-forget": _OutputForm(
        "followers",
        "That the report of a service that is gone was removed, or with --dry-run would be.",
        _object_of({"forgotten": {"description": "The name of the service.", "type": "string"}, "dry_run": _FLAG}),
    ),
    "get": _OutputForm(
        "get-X-prop",
        "The properties of an object.",
        _object_of(
            {
                "object": _TEXT,
                "name": _TEXT,
                "path": _PATH,
                "type": _TEXT,
                "properties": _SHOWN,
                "views": _VIEWS,
                "verification": _STANDING,
            },
            ("views", "verification"),
        ),
    ),
    "history": _OutputForm(
        "history",
        "Changes that were made, the oldest first.",
        _object_of({"changes": _list_of(_object_of(_SIGNATURE, ("undoes", "undone_by")))}),
    ),
    "init": _OutputForm(
        "init",
        "The entries that were created.",
        _object_of({"changed": _FLAG, "entries": _list_of(_TEXT, "Their DNs."), "warnings": _DIAGNOSTICS}),
    ),
    "list": _OutputForm(
        "list-Xs",
        "The objects of a kind.",
        _object_of(
            {
                "object": _TEXT,
                "items": _list_of(
                    _object_of(
                        {"name": _TEXT, "type": _TEXT, "properties": _SHOWN, "verification": _STANDING},
                        ("verification",),
                    )
                ),
            }
        ),
    ),
    "list-properties": _OutputForm(
        "list-properties",
        "The objects that can be configured.",
        _object_of(
            {
                "properties": _list_of(
                    _object_of(
                        {"component": _TEXT, "type": _TEXT, "property": _TEXT, "options": _TEXT, "syntax": _TEXT}
                    )
                )
            }
        ),
    ),
    "mail": _OutputForm("mail-queue", "One mail of the mail service.", _object_of(_MAIL)),
    "mail-queue": _OutputForm(
        "mail-queue",
        "Mails of the mail service, the oldest first.",
        _object_of({"mails": _list_of(_object_of(_MAIL)), "more": _FLAG}),
    ),
    "mail-queue-change": _OutputForm(
        "mail-queue",
        "Mails that were sent again or cancelled; with --dry-run those that would be.",
        _object_of(
            {
                "action": {"enum": ["retry", "cancel"]},
                "dry_run": _FLAG,
                "mails": _list_of(
                    _object_of(
                        {
                            "id": _TEXT,
                            "parts": {
                                "description": "Parts of at most 100 recipients that changed; 0 if the mail stays as it is.",
                                "type": "integer",
                                "minimum": 0,
                            },
                        }
                    )
                ),
            }
        ),
    ),
    "mail-queue-mark": _OutputForm(
        "mail-queue",
        "How many mails were marked as unknown; with --dry-run how many would be.",
        _object_of({"marked": _COUNT, "dry_run": _FLAG}),
    ),
    "mail-queue-purge": _OutputForm(
        "mail-queue",
        "How many mails were removed; with --dry-run how many would be.",
        _object_of({"removed": _COUNT, "dry_run": _FLAG}),
    ),
    "mail-quota": _OutputForm("mail-quota", "What is known of an address.", _object_of(_QUOTA)),
    "mail-quota-change": _OutputForm(
        "mail-quota",
        "Whether a quota began again, or a suppression was lifted; with --dry-run whether it would.",
        _object_of({"action": {"enum": ["reset", "lift"]}, "address": _TEXT, "changed": _FLAG, "dry_run": _FLAG}),
    ),
    "mail-quotas": _OutputForm(
        "mail-quota",
        "The addresses that count for something.",
        _object_of({"addresses": _list_of(_object_of(_QUOTA))}),
    ),
    "mail-service": _OutputForm("mail-service", "How the mail service is.", _object_of(_MAIL_SERVICE)),
    "mail-service-resume": _OutputForm(
        "mail-service",
        "Whether a sender goes on; with --dry-run whether it would.",
        _object_of({"sender": _TEXT, "changed": _FLAG, "dry_run": _FLAG}),
    ),
    "run-mail-service": _OutputForm(
        "run-mail-service",
        "With --dry-run: what the mail service would run with.",
        _object_of(
            {
                "accepts": {"description": "Whether mail is accepted.", "type": "boolean"},
                "sender": {"description": "The mail sender that mail comes from.", "type": ["string", "null"]},
                "ledger": {"description": "The URL of the ledger, without a password.", "type": "string"},
                "runners": {"description": "How many mails are delivered at the same time.", **_COUNT},
            }
        ),
    ),
    "serve": _OutputForm(
        "serve",
        "Where the console and the API are served; with --dry-run where they would be.",
        _object_of(
            {
                "url": {"description": "The URL to open.", "type": "string"},
                "address": {"description": "The IP address that it listens at.", "type": "string"},
                "port": {"description": "The port that it listens at.", **_COUNT},
                "dry_run": _FLAG,
            }
        ),
    ),
    "seal": _OutputForm(
        "seal init, seal rotate",
        "What was sealed, and which old copies were removed; with --dry-run what would be.",
        _object_of(
            {
                "key": {"description": "The identifier of the key that seals.", "type": "string"},
                "dry_run": _FLAG,
                "secrets": {"description": "How many secrets of the configuration were sealed.", **_COUNT},
                "tokens": {"description": "How many files of access tokens were sealed.", **_COUNT},
                "ledger": {"description": "How many values of the ledger were sealed.", **_COUNT},
                "forgotten": _object_of(
                    {
                        "records": {"description": "Changes of the history whose old secrets were removed.", **_COUNT},
                        "archives": _list_of(_TEXT, "Archived versions that were removed."),
                    }
                ),
                "unreadable": _list_of(_TEXT, "Archived versions that could not be read, and stay."),
                "dropped_keys": _list_of(_TEXT, "Old keys that were removed."),
            }
        ),
    ),
    "seal-status": _OutputForm(
        "seal status",
        "The keys, what each has sealed, and what is not sealed.",
        _object_of(
            {
                "file": _TEXT,
                "rotating": {"description": "Whether a rotation was interrupted.", "type": "boolean"},
                "keys": _list_of(
                    _object_of(
                        {
                            "id": _TEXT,
                            "made": {"description": "The day it was made.", "type": "string"},
                            "seals": {"description": "Whether it seals now.", "type": "boolean"},
                            "secrets": {
                                "description": "How many secrets of the configuration it has sealed.",
                                **_COUNT,
                            },
                            "used": _USED_KEY,
                        }
                    ),
                    "The one that seals first.",
                ),
                "missing_keys": _list_of(
                    _object_of({"id": _TEXT, "used": _USED_KEY}),
                    "Keys that something is sealed with, and that are not here.",
                ),
                "in_clear": _USED_KEY,
                "unfinished": {
                    "description": "Changes whose intents are kept, because they are not finished.",
                    **_COUNT,
                },
                "clear": _list_of(_object_of({"path": _PATH, "property": _TEXT}), "Secrets in the clear."),
                "mixed": _list_of(
                    _object_of({"path": _PATH, "property": _TEXT}),
                    "Secrets in the clear beside expressions, which cannot be sealed.",
                ),
                "copies": _object_of(
                    {"records": _COUNT, "archives": _list_of(_TEXT)},
                    description="Old copies that are not sealed with the newest key.",
                ),
            }
        ),
    ),
    "mail-presets": _OutputForm(
        "configure-mail",
        "The mail providers that are known, with --list-presets.",
        _object_of(
            {
                "presets": _list_of(
                    _object_of(
                        {
                            "name": _TEXT,
                            "title": _TEXT,
                            "host": {"description": "It may have {region} in it.", "type": "string"},
                            "port": _COUNT,
                            "security": _SECURITY,
                            "other_ports": _list_of(_object_of({"port": _COUNT, "security": _SECURITY})),
                            "login": {"description": "The user name, or what to give as such.", "type": "string"},
                            "password": {
                                "description": "What the password is; empty if none is accepted.",
                                "type": "string",
                            },
                            "grants": _list_of(_TEXT, "The grants of OAuth 2.0 with which a program may send."),
                            "scope": _TEXT,
                            "endpoint": {"description": "Where access tokens are fetched.", "type": "string"},
                            "include": {"description": "The domain to include in SPF.", "type": "string"},
                            "limits": _TEXT,
                            "note": _TEXT,
                            "source": {"description": "The page of the provider that says so.", "type": "string"},
                        }
                    )
                )
            }
        ),
    ),
    "send": _OutputForm(
        "send-test-email",
        "The result of a test mail. If it failed, the error is also on standard error.",
        _object_of(_DELIVERY),
    ),
    "test": _OutputForm(
        "test-mail-server",
        "The result of a test of a mail server.",
        _object_of(
            _TEST,
            (
                "sender",
                "notes",
                "domain",
                "code",
                "stage",
                "summary",
                "remedy",
                "property",
                "reply",
                "exit",
                "diagnostics",
            ),
        ),
    ),
    "test-provider": _OutputForm(
        "test-oauth2-provider",
        "The result of a test of an OAuth 2.0 provider.",
        _object_of(
            {
                "ok": _FLAG,
                "provider": _PATH,
                "tested": _TEST["tested"],
                "grant": _TEXT,
                "scope": _TEXT,
                "lifetime": {"description": "Seconds for which the token is valid.", "type": "integer", "minimum": 0},
                "expires": {"description": "The end of the token, in UTC (ISO 8601).", "type": "string"},
                "rotated": {"description": "Whether a new refresh token came with it.", "type": "boolean"},
                "code": _TEXT,
                "summary": _TEXT,
                "remedy": _TEXT,
                "property": _TEXT,
                "exit": {"type": "integer"},
                "diagnostics": _DIAGNOSTICS,
            },
            (
                "grant",
                "scope",
                "lifetime",
                "expires",
                "rotated",
                "code",
                "summary",
                "remedy",
                "property",
                "exit",
                "diagnostics",
            ),
        ),
    ),
    "watch-change": _OutputForm(
        "watch",
        "A change as it comes into effect, in one line. What a command gets on its input may be several, joined into one.",
        _object_of(
            {
                "event": {"const": "change"},
                "time": {
                    "description": "When the change was made, in UTC (ISO 8601); if that is not known, when it was heard.",
                    "type": "string",
                },
                "number": _NUMBER,
                "actor": {"description": "Empty where it is not known.", "type": "string"},
                "command": {
                    "description": "As it was typed, secrets masked; empty where it is not known.",
                    "type": "string",
                },
                "restored": {"description": "The configuration was restored or replaced.", "type": "boolean"},
                "joined": {"description": "How many changes these are.", "type": "integer", "minimum": 1},
                "changes": _list_of(_object_of(_WATCHED), "The objects whose values in effect have changed."),
                "waiting": _list_of(_WAITING, "What is stored of these objects and not in effect yet."),
                "withdrawn": _list_of(_PATH, "The objects whose changes were taken back while they waited."),
            }
        ),
    ),
    "watch-notice": _OutputForm(
        "watch",
        "What is no change, in one line.",
        _object_of(
            {
                "event": {
                    "description": "A problem comes or goes; changes cannot be heard, and are heard again; an interrupted "
                    "change was finished or taken back; the command of --exec failed.",
                    "enum": ["problem", "solved", "stale", "heard", "repaired", "command-failed"],
                },
                "time": _MOMENT,
                "problems": _DIAGNOSTICS,
            }
        ),
    ),
    "token-added": _OutputForm(
        "token",
        "The token that was made, or with --dry-run would be.",
        _object_of(
            {
                "token": {"description": "Its name.", "type": "string"},
                "role": _ROLE,
                "expires": _MAYBE_TIME,
                "text": {"description": "The token itself; null with --dry-run.", "type": ["string", "null"]},
                "dry_run": _FLAG,
            }
        ),
    ),
    "token-revoked": _OutputForm(
        "token",
        "The token that was revoked, or with --dry-run would be.",
        _object_of({"revoked": {"description": "Its name.", "type": "string"}, "dry_run": _FLAG}),
    ),
    "tokens": _OutputForm(
        "token",
        "The API tokens, without the tokens themselves.",
        _object_of(
            {
                "tokens": _list_of(
                    _object_of(
                        {
                            "name": _TEXT,
                            "role": _ROLE,
                            "made": _CLOCK,
                            "expires": _MAYBE_TIME,
                            "used": {**_MAYBE_TIME, "description": "When it was last used, to the minute."},
                        }
                    )
                )
            }
        ),
    ),
    "watch-state": _OutputForm(
        "watch",
        "Everything in effect, in one line: the first one.",
        _object_of(
            {
                "event": {"const": "state"},
                "number": _NUMBER,
                "objects": _list_of(_object_of(_IN_EFFECT)),
                "waiting": _list_of(_WAITING, "What is stored and not in effect yet."),
            }
        ),
    ),
}


def schemas() -> dict[str, Schema]:
    """Return the schema of every form of output by name; ``x-commands`` names the commands that print it."""
    return {name: _complete_schema(name, form) for name, form in sorted(_FORMS.items())}


def _complete_schema(name: str, form: _OutputForm) -> Schema:
    head = {"$schema": DIALECT, "title": name, "description": form.description, "x-commands": form.commands}
    body = {key: value for key, value in form.schema.items() if key != "description"}
    used = _collect_definitions(body, {})
    return {**head, **body, **({"$defs": used} if used else {})}


def _collect_definitions(schema: Any, found: dict[str, Schema]) -> dict[str, Schema]:
    """Return the shared parts that a schema refers to, directly or through other parts."""
    if isinstance(schema, list):
        for item in schema:
            _collect_definitions(item, found)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
        if name and name not in found:
            found[name] = _DEFS[name]
            _collect_definitions(_DEFS[name], found)
        for item in schema.values():
            _collect_definitions(item, found)
    return found


def render_page() -> str:
    """Return the page of the reference: each form, the commands that print it, its keys."""
    lines = [
        "# Output as JSON",
        "",
        "With `--output json` each command prints one JSON document of one of these forms. The schemas are in",
        "`schemas/output`, are installed with the package, and are printed by `confobjects json-schema --shape NAME`.",
        "Secrets are masked in all of them. What `export` prints is described by `confobjects json-schema --document`.",
    ]
    for name, schema in schemas().items():
        commands = (
            "every command" if schema["x-commands"] == ["*"] else ", ".join(f"`{c}`" for c in schema["x-commands"])
        )
        lines += [
            "",
            f"## {name}",
            "",
            schema["description"],
            "",
            f"Printed by {commands}.",
            "",
            "| key | |",
            "| --- | --- |",
        ]
        for key, part in schema["properties"].items():
            lines.append(
                f"| `{key}` | {_describe_part(part)}{'' if key in schema['required'] else ' (may be missing)'} |"
            )
    return "\n".join(lines) + "\n"


def _describe_part(part: Schema) -> str:
    kinds = part.get("type", "")
    kind = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if "$ref" in part:
        return f"{part['$ref'].removeprefix('#/$defs/')} (see the schema)"
    if "enum" in part:
        kind = "one of " + ", ".join(f"`{value}`" for value in part["enum"])
    elif "const" in part:
        kind = f"`{str(part['const']).lower()}`"
    return ". ".join(text for text in (part.get("description", "").rstrip("."), kind) if text)
