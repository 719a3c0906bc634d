"""Where the ledger of a mail service is. Whoever only asks for that loads no database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.mail.saving import SERVICE_KIND
from confobjects.storage.places import find_place_beside

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveObject

KIND: Final = SERVICE_KIND

SQLITE: Final = "sqlite:"
_SHARED: Final = ("postgresql:", "postgres:")


def make_sqlite_url(path: str) -> str:
    """Return the URL of an SQLite file."""
    return SQLITE + quote(path)


def find_file(url: str) -> str:
    """Return the file of a ledger, empty if it is on a server."""
    return unquote(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else ""


def is_shared(url: str | None) -> bool:
    """Tell whether a ledger is a database that other machines may use, too."""
    return url is not None and url.startswith(_SHARED)


def find_ledger_url(service: EffectiveObject, environment: Mapping[str, str]) -> str:
    """Return the URL of the ledger: the one that is configured, else that of a file beside the configuration.

    A relative path begins at the instance directory. Raises UsageError if the configuration is only in memory, and names no
    ledger.
    """
    stated: str | None = service["ledger"]
    if stated is None:
        return make_sqlite_url(find_default_file(service, environment))
    if stated.startswith(SQLITE) and not stated.startswith(f"{SQLITE}//"):
        return make_sqlite_url(os.path.join(service.instance_directory, find_file(stated)))
    return stated


def find_default_file(service: EffectiveObject, environment: Mapping[str, str]) -> str:
    """Return the file of a ledger that is not configured. Raises UsageError as above."""
    file = find_place_beside(service.storage_url, environment, "ledger")
    if not file:
        summary = "a configuration that is only in memory has no place for a ledger beside it"
        remedy = "Set ledger."
        raise UsageError(Diagnostic("usage", summary, path=service.path, property="ledger", remedy=remedy))
    return file


__all__ = ["KIND", "SQLITE", "find_default_file", "find_file", "find_ledger_url", "is_shared", "make_sqlite_url"]
