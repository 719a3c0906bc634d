"""What others change, as it happens: one event stream for each page that is looked at.

Pages that only show something are shown anew. A form stays as it is: whoever fills it in is told that something has changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse

from confobjects.web.pages.rendering import render_template
from confobjects.web.pages.views import HEADERS
from confobjects.web.serving.events import KEEP_ALIVE, MEDIA_TYPE
from confobjects.web.serving.streaming import PERIOD, may_go_on

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from confobjects.web.endpoints import Call
    from confobjects.web.serving.events import StreamEvent
    from confobjects.web.serving.hub import Subscription

_CHANGED: Final = "event: changed\ndata: changed\n\n"
"""Has a page that only shows something ask for itself again."""
_NOTHING: Final = "data:\n"
"""A message without content, which changes nothing on a page."""


async def stream_live(call: Call) -> Response:
    """Answer with the changes since a page was made, in its words."""
    since = call.request.headers.get("last-event-id") or call.request.query_params.get("since", "")
    return _LiveResponse(call, call.web.live.subscribe(call.caller, since))


class _LiveResponse(StreamingResponse):
    """A response that a subscription is written to. The subscription ends with it, also if not a byte is sent."""

    def __init__(self, call: Call, subscription: Subscription) -> None:
        self._call = call
        self._subscription = subscription
        super().__init__(self._write(), headers={**HEADERS, "X-Accel-Buffering": "no"}, media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it."""
        with self._subscription:
            await super().__call__(scope, receive, send)

    async def _write(self) -> AsyncIterator[str]:
        subscription = self._subscription
        while not subscription.is_over and may_go_on(self._call.web.identity, self._call.request):
            yield tell_events(subscription.take_events(), self._call.caller.name) or KEEP_ALIVE.decode()
            await subscription.wait(PERIOD)


def tell_events(events: list[StreamEvent], person: str) -> str:
    """Return what a page is told of some events: that it is out of date, and a notice if it was somebody else."""
    told = [one for one in events if one.name != "status"]
    last = next((f"id: {one.id}\n" for one in reversed(events) if one.id), "")
    if not told:
        return f"{last}{_NOTHING}\n" if last else ""
    others = [one for one in told if one.document.get("actor") != person]
    text = render_template("changed.html", {"changes": [one.document for one in others]}) if others else ""
    notice = "".join(f"data: {line}\n" for line in text.splitlines()) or _NOTHING
    return f"{_CHANGED}{last}{notice}\n"
