"""The file that somebody starts from who writes a definition: it is right as it is, and says what each part is for."""

from __future__ import annotations

import json
from typing import Any

from confobjects.definitions.building import friendly_name


def write_starting_definition(name: str) -> str:
    """Return a definition of a kind as the text of a file, with comments; ``name`` is a correct name."""
    return json.dumps(_make_definition(name), indent=2, ensure_ascii=False) + "\n"


def _make_definition(name: str) -> dict[str, Any]:
    friendly = friendly_name(name)
    return {
        "$schema": "managed-object.schema.json",
        "$comment": "Everything that is not needed can be removed, these comments as well.",
        "name": name,
        "version": 1,
        "synopsis": "What it is, in one sentence.",
        "description": "More about it, for those who have to decide whether they need it.",
        "relation": {
            "$comment": "Several objects with names, each an entry in this branch; a singleton exists once and has no name.",
            "parent": "root",
            "kind": "instantiable",
            "branch": f"cn={friendly}s",
        },
        "profile": {"cli": {"list": ["enabled", "address"]}},
        "enabled-when": {"contains": ["enabled", "true"]},
        "properties": {
            "enabled": {
                "synopsis": f"Whether the {friendly} is used.",
                "syntax": "boolean",
                "default": {"values": ["true"]},
            },
            "address": {
                "$comment": "Other syntaxes are string, integer, duration, size, url, path, enumeration, aggregation, …",
                "synopsis": "The host that it connects to, and the port.",
                "syntax": {"type": "host-port", "default-port": 443},
                "mandatory": True,
                "admin-action": {"kind": "component-restart"},
            },
            "timeout": {
                "$comment": "A property without a value has its default; an alias says in words what happens without one.",
                "synopsis": "How long it waits for an answer.",
                "syntax": {"type": "duration", "base-unit": "s", "lower": "1 s"},
                "default": {"values": ["10 s"]},
            },
            "password": {
                "$comment": "A sensitive value is masked in every output.",
                "synopsis": "The password that it logs in with.",
                "syntax": "password",
                "sensitive": True,
                "default": {"alias": "It does not log in."},
            },
            "user": {
                "synopsis": "The name that it logs in with.",
                "syntax": "string",
                "default": {"alias": "It does not log in."},
            },
        },
        "constraints": [
            {
                "$comment": "What single values cannot say. Without severity, an object that violates it cannot be written.",
                "name": "password-needs-user",
                "synopsis": "a password is set, and no user",
                "remedy": "set user as well",
                "severity": "warning",
                "condition": {"implies": [{"is-present": "password"}, {"is-present": "user"}]},
            }
        ],
    }
