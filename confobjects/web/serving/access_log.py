"""The access log: one line for each request, as JSON (RFC 8259) or for people.

Laws: a line has the path and no query, for a query may hold a secret; of a path below which links are secrets it has the beginning only.
Foreign text is escaped and of limited length, so that it never begins a line or a field.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from confobjects.records import Record
from confobjects.texts.visible import make_visible

SECRET_PLACES: Final = ("/first/", "/link/")
"""Paths below which the rest is a secret, such as the link that makes the first administrator."""

_LONGEST: Final = 500


class Served(Record):
    """One request that was answered: the client's address, the person (empty for nobody), and what was answered.

    ``size`` is the number of bytes of the body, ``milliseconds`` the time from the head of the request to the end of the answer.
    """

    client: str
    person: str
    method: str
    path: str
    status: int
    size: int
    milliseconds: float


def hide_secrets(path: str) -> str:
    """Return a path without its query, and without what is secret in it, of limited length."""
    path = path.partition("?")[0]
    for place in SECRET_PLACES:
        if path.startswith(place) and path != place:
            path = f"{place}…"
    return path if len(path) <= _LONGEST else f"{path[:_LONGEST]}…"


def format_json(one: Served) -> str:
    """Return the line of a request as JSON."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    facts = {"client": one.client, "person": one.person, "method": one.method[:20], "path": hide_secrets(one.path)}
    document = {"time": now, "level": "info", "logger": "confobjects.web.access", "event": "request", **facts}
    numbers = {"status": one.status, "bytes": one.size, "ms": round(one.milliseconds, 1)}
    return json.dumps({**document, **numbers}, separators=(",", ":"))


def format_text(one: Served) -> str:
    """Return the line of a request for people."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    who = " ".join(part for part in (one.client or "-", one.person) if part)
    told = f"{now}  {who}  {one.method[:20]} {hide_secrets(one.path)}  {one.status} {one.size} {one.milliseconds:.1f}ms"
    return make_visible(told)


Write = Callable[[Served], object]
"""Writes the line of a request."""
