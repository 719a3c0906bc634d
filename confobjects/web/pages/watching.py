"""Runs as they are watched: found by whoever began them, and told as they go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from copy import copy
from typing import TYPE_CHECKING, Final

from starlette.responses import Response, StreamingResponse

from confobjects.web.pages.rendering import render_template
from confobjects.web.pages.runs import RUNS, Run, RunKind
from confobjects.web.pages.views import HEADERS

if TYPE_CHECKING:
    from confobjects.web.endpoints import Answer, Call

_PERIOD: Final = 10.0
"""Seconds after which a stream on which nothing happens gives a sign of life."""


def find_run(call: Call, kind: RunKind) -> Run:
    """Return the run that an address means. Raises NoSuchObjectError."""
    return RUNS.find(kind, call.request.path_params["key"], call.caller.name)


def see_run(call: Call, kind: RunKind) -> Run:
    """Return a run as it is now, for a page: it does not go on while the page is made. Raises NoSuchObjectError."""
    found = copy(find_run(call, kind))
    found.stages = [copy(one) for one in found.stages]
    found.facts = dict(found.facts)
    return found


def stream(kind: RunKind) -> Answer:
    """Return what answers with how runs of a kind stand, again whenever something happens; each event has all of it."""

    async def answer(call: Call) -> Response:
        return StreamingResponse(_tell(call, find_run(call, kind)), headers=HEADERS, media_type="text/event-stream")

    return answer


async def _tell(call: Call, run: Run) -> AsyncIterator[str]:
    while call.web.identity.is_current(call.request):
        is_over = run.is_over
        yield _format_event(render_template(run.kind.template, {"run": run}))
        if is_over:
            yield "event: over\ndata: over\n\n"
            return
        await run.wait(_PERIOD)


def _format_event(text: str) -> str:
    return "".join(f"data: {line}\n" for line in text.splitlines()) + "\n"
