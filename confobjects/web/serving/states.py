"""What the process tells of itself without sign-in: whether it is alive, and whether it is ready."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, Response

from confobjects.web.endpoints import Call, Endpoint


async def _tell_health(_: Call) -> Response:
    return JSONResponse({"status": "alive"})


ENDPOINTS: Final = (Endpoint("GET", "/health", "nobody", _tell_health, "Whether the process is alive."),)
"""The endpoints beside the API, at the root."""
