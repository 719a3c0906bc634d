"""Configurations with a mail service, for tests: a file, and what changes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confobjects.objects.changes import PropertyChanges
from tests.opening import open_any

SENDERS = ("news", "own")


def make_place(directory: Path, port: int = 25, **service: Any) -> str:
    """Make a configuration of one mail server, two mail senders, and a mail service; return its URL.

    ``service`` are values of the mail service, with ``_`` for ``-``.
    """
    url = f"ldif:{directory / 'config.ldif'}"
    fill_place(url, port, **service)
    return url


def fill_place(url: str, port: int = 25, **service: Any) -> None:
    """Make the same objects at a URL."""
    with open_any(url) as context:
        values: dict[str, Any] = {"enabled": True, "smtp-server": f"127.0.0.1:{port}", "use-start-tls": False}
        context.create("mail-server", "relay", values)
        for name in SENDERS:
            sender = {"enabled": True, "from-address": f"{name}@example.com", "mail-server": "relay"}
            context.create("mail-sender", name, sender)
    change_service(url, **{"enabled": True, **service})


def change_service(url: str, **values: Any) -> None:
    """Set values of the mail service, with ``_`` for ``-``; None resets one."""
    change(url, "mail-service", (), {name.replace("_", "-"): value for name, value in values.items()})


def change(url: str, kind: str, name: Any, values: Mapping[str, Any]) -> None:
    """Set values of an object; None resets one."""
    given = {key: value if isinstance(value, list) else [value] for key, value in values.items() if value is not None}
    reset = [key for key, value in values.items() if value is None]
    with open_any(url) as context:
        context.modify(kind, name, PropertyChanges(set=given, reset=reset))
