"""Words that faces need for themselves, so that no kind of an installed definition may be called so."""

from __future__ import annotations

from typing import Final

RESERVED_NAMES: Final = frozenset(
    [
        "api",
        "apply",
        "assets",
        "authorize-oauth2-provider",
        "check",
        "completion",
        "copy",
        "definitions",
        "demo",
        "describe",
        "diff",
        "docs",
        "events",
        "explain",
        "export",
        "followers",
        "graph",
        "health",
        "help",
        "history",
        "init",
        "installed-definition",
        "interactive",
        "json-schema",
        "ldap-schema",
        "list-properties",
        "login",
        "logout",
        "metrics",
        "new-definition",
        "openapi",
        "properties",
        "rename",
        "root",
        "seal",
        "send-test-email",
        "session",
        "settings",
        "state",
        "static",
        "test-mail-server",
        "test-oauth2-provider",
        "undo",
        "verifications",
        "version",
        "watch",
    ]
)
"""Words that no kind of an installed definition may have as its name or its plural: commands, and words for routes."""
