"""The response of an event stream: events as they come, comments while there are none.

Law: a stream is for whoever may read, as long as that is so: who makes the request is found out again every :data:`PERIOD` seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from confobjects.web.endpoints import Call, Endpoint
from confobjects.web.serving.events import KEEP_ALIVE, MEDIA_TYPE
from confobjects.web.serving.hub import Subscription

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from confobjects.web.identity.recognition import Identity
    from confobjects.web.site import Web

PERIOD: Final = 15.0
"""Seconds after which a stream on which nothing is told gives a sign of life."""

_LAST: Final = "last-event-id"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def answer_stream(call: Call, period: float = PERIOD) -> Response:
    """Return the response with the events for a person, since the state that the client knows, if it names one.

    It names it in the header ``Last-Event-ID``, or at first as ``since`` in the query. Raises what ``subscribe`` raises.
    """
    request = call.request
    since = request.headers.get(_LAST) or request.query_params.get("since", "")
    return EventResponse(call.web, request, call.web.live.subscribe(call.caller, since), period)


class EventResponse(StreamingResponse):
    """A response that a subscription is written to. The subscription ends with it, also if not a byte is sent."""

    def __init__(self, web: Web, request: Request, subscription: Subscription, period: float) -> None:
        self._web = web
        self._request = request
        self._subscription = subscription
        self._period = period
        super().__init__(self._write(), headers=_HEADERS, media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it."""
        with self._subscription:
            await super().__call__(scope, receive, send)

    async def _write(self) -> AsyncIterator[bytes]:
        subscription, checked = self._subscription, monotonic()
        while not subscription.is_over:
            if monotonic() - checked >= self._period:
                checked = monotonic()
                if not may_go_on(self._web.identity, self._request):
                    return
            yield subscription.take_all() or KEEP_ALIVE
            await subscription.wait(self._period)


def may_go_on(identity: Identity, request: Request) -> bool:
    """Tell whether whoever has made a request may still read. It prolongs no session."""
    if not identity.is_current(request):
        return False
    session = identity.find_session(request, used=False)
    return session is None or session.person.may("read")


async def _stream_changes(call: Call) -> Response:
    return answer_stream(call)


ENDPOINTS: Final = (Endpoint("GET", "/events", "read", _stream_changes, "Changes as they come into effect."),)
"""The endpoint of the API that tells of changes."""
