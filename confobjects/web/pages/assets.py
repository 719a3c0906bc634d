"""Assets: the style sheet, the scripts and the icon, shipped with the package and kept by browsers.

Law: the address of an asset changes with its content, so that a browser may keep it for ever.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from confobjects.errors import NoSuchObjectError
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.web.endpoints import Call

_TYPES: Final = {
    "console.css": "text/css; charset=utf-8",
    "htmx.js": "text/javascript; charset=utf-8",
    "htmx-sse.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""Every asset, with its media type."""


class Asset(Record):
    """The content of an asset, and its fingerprint."""

    content: bytes
    fingerprint: str
    media_type: str


@cache
def read_asset(name: str) -> Asset:
    """Return an asset. Raises NoSuchObjectError."""
    if name not in _TYPES:
        raise NoSuchObjectError("there is no such file")
    content = files("confobjects.web.pages").joinpath("static", name).read_bytes()
    return Asset(content, hashlib.sha256(content).hexdigest()[:16], _TYPES[name])


def locate_asset(name: str) -> str:
    """Return the address of an asset."""
    return f"/static/{read_asset(name).fingerprint}/{name}"


async def answer_asset(call: Call) -> Response:
    """Answer with an asset."""
    found = read_asset(call.request.path_params["name"])
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(found.content, headers=headers, media_type=found.media_type)
