"""What the process tells of itself: whether it is alive, whether it is ready, and, to who may read, what it counts.

Law: who has not signed in learns a word of state, and neither a name nor a number.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse, Response

from confobjects.service.rules.exposition import CONTENT_TYPE
from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.serving.hub import Hub


def find_state(hub: Hub) -> str:
    """Return the state in a word: ``ready``, or why it is not.

    ``ending`` asks for no more requests, ``not-followed`` means that the configuration cannot be read or does not hold, and
    ``stale`` that changes of it cannot be heard.
    """
    if hub.is_closed:
        return "ending"
    if not hub.status["followed"]:
        return "not-followed"
    return "stale" if hub.status["stale"] else "ready"


async def _tell_health(_: Call) -> Response:
    return JSONResponse({"status": "alive"})


async def _tell_readiness(call: Call) -> Response:
    state = find_state(call.web.live)
    return JSONResponse({"status": state}, 200 if state == "ready" else 503)


async def _tell_metrics(call: Call) -> Response:
    return Response(await call.web.measure(), headers={"Content-Type": CONTENT_TYPE})


ENDPOINTS: Final = (
    Endpoint("GET", "/health", "nobody", _tell_health, "Whether the process is alive."),
    Endpoint("GET", "/ready", "nobody", _tell_readiness, "Whether it has the configuration in effect: 200, else 503."),
    Endpoint("GET", "/metrics", "read", _tell_metrics, "What it counts, in the text format of Prometheus."),
)
"""The endpoints beside the API, at the root."""
