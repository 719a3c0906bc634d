"""Saves that are tested first: the stages of the test as they happen, then the page that comes of the save.

Law: the change is judged, tested and saved as any other; only its answer comes later, and only to the person who asked for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response

from confobjects.web.pages.forms import Form, read_form
from confobjects.web.pages.runs import RUNS, Run, RunKind
from confobjects.web.pages.views import HEADERS, Redirect, View, respond
from confobjects.web.pages.watching import see_run, stream

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.savetests import Show
    from confobjects.web.endpoints import Answer, Call

SAVES: Final = RunKind("saves", "save_state.html")
"""Runs of saves that are tested first."""
TESTED: Final = "save-tested"
"""The button that asks for a test before the save."""

Save = Callable[["Call", "ManagementContext", Form, "Show | None"], View | Redirect]
"""Does what a form asks for; tells the stages of a test that it makes."""


def perform_watched(save: Save) -> Answer:
    """Return what answers to a form with what a function does in the name of the person: at once, or after a test, whose
    stages are shown meanwhile.
    """

    async def answer(call: Call) -> Response:
        form = await read_form(call.request)
        if form.first("do") == TESTED:
            call.check_tests()
            run = RUNS.begin(SAVES, call.caller.name, {"path": ""}, lambda run: _save(call, form, save, run))
            return RedirectResponse(run.address, 303, HEADERS)
        return await call.web.served.change(
            call.caller, "console", lambda context: respond(call, context, save(call, context, form, None))
        )

    return answer


async def _save(call: Call, form: Form, save: Save, run: Run) -> View | Redirect:
    @contextmanager
    def show(path: str, depth: str) -> Iterator[Run]:
        del depth
        run.note(path=path)
        yield run

    return await call.web.served.change(call.caller, "console", lambda context: save(call, context, form, show))


def show_save(call: Call, _context: ManagementContext) -> View | Redirect:
    """Return the page of a save that is under way; of one that is over, what came of it."""
    run = see_run(call, SAVES)
    if run.error is not None:
        raise run.error
    if not run.is_over:
        return View("save.html", "Test connection and save", {"run": run})
    found: View | Redirect = run.result
    return found


stream_save = stream(SAVES)
"""Answers with the stages of the test before a save, as they happen."""
