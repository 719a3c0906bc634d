"""The pages of the history: all changes, one of them, what taking it back would do, and any two versions compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, NoSuchObjectError, UsageError
from confobjects.management.history import records
from confobjects.records import Record
from confobjects.web.pages.lists import PAGE, read_page
from confobjects.web.pages.outcomes import NOTHING, Outcome, describe_saved
from confobjects.web.pages.reviewing import Plan, list_commands, show_differences, show_plan, show_record
from confobjects.web.pages.starting import make_save_tests
from confobjects.web.pages.views import Redirect, View, plan, show

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response

    from confobjects.management import ManagementContext
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.changes import ChangeReport
    from confobjects.web.endpoints import Call
    from confobjects.web.pages.forms import Form

_MOST: Final = 999_999_999
_OFFERED: Final = 100
"""The newest changes, which are offered for a comparison; an older one has a link on its own page."""
STATES: Final = {
    "pending": "is being made, or was interrupted: the next change finishes it, or takes it back",
    "unclear": "was interrupted; it is not known whether it was made",
    "edited": "edited by hand",
}
"""What is told of a change that is not simply done."""


class Headline(Record):
    """One change in the list: its number, when, who, with what, what it did, and what became of it."""

    number: int
    time: str
    actor: str
    command: str
    what: tuple[str, ...]
    state: str
    undone_by: int = 0


def show_history(call: Call, context: ManagementContext) -> View:
    """Return the page of all changes, or of those of one object, the newest first."""
    found = context.outline()
    by = records.find_undone(found)
    of = call.request.query_params.get("of", "")
    chosen = found if not of else records.select_for_object(found, _parse_path(context, of))
    newest = list(reversed(chosen))
    page = read_page(call, len(newest))
    data = {
        "of": of,
        "rows": [make_headline(one, by) for one in newest[page * PAGE : (page + 1) * PAGE]],
        "total": len(newest),
        "page": page,
        "pages": max(1, -(-len(newest) // PAGE)),
    }
    return View("history.html", f"History of {of}" if of else "History", data, is_live=True)


def _parse_path(context: ManagementContext, text: str) -> Any:
    try:
        return context.registry.parse_path(text)
    except ValueError as error:
        raise UsageError(Diagnostic("usage", str(error))) from None


def make_headline(one: HistoryRecord, by: dict[int, int]) -> Headline:
    """Return what the list says of a change."""
    signed = one.signature
    what = tuple(dict.fromkeys(f"{change.action} {change.path}" for change in one.changes))
    undone = by.get(one.number, 0)
    return Headline(one.number, signed.time, signed.actor, signed.command, what, STATES.get(one.state, ""), undone)


# -- one change --------------------------------------------------------------------------------------------------------


async def answer_change(call: Call) -> Response:
    """Answer with the page of one change; what taking it back would do is tried in the name of the person."""
    is_tried = "review" in call.request.query_params and call.caller.may("change")
    return await (plan if is_tried else show)(show_change)(call)


def show_change(call: Call, context: ManagementContext) -> View:
    """Return the page of one change; with ``review`` in the query, what taking it back, or all after it, would do."""
    number = _read_number(call.request.path_params["number"])
    wanted = call.request.query_params.get("review", "")
    if wanted not in _TAKE_BACK or not call.caller.may("change"):
        return _show_change(call, context, number)
    try:
        return _show_change(
            call, context, number, wanted, Outcome(report=_take_back(call, context, number, wanted, dry_run=True))
        )
    except ConfobjectsError as error:
        return _show_change(call, context, number, wanted, Outcome(error=error))


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:10]) > _MOST:
        raise NoSuchObjectError(f"there is no change {text[:40]}")
    return int(text)


_TAKE_BACK: Final = ("undo", "undo-to")
"""What can be asked of a change: to take it back, or all that were made after it."""


def _take_back(call: Call, context: ManagementContext, number: int, how: str, *, dry_run: bool = False) -> ChangeReport:
    undo = context.undo if how == "undo" else context.undo_to
    if dry_run:
        return undo(number, dry_run=True)
    return undo(number, tests=lambda _: make_save_tests(call, "policy"))


def _show_change(
    call: Call, context: ManagementContext, number: int, wanted: str = "", outcome: Outcome = NOTHING
) -> View:
    one, found = context.recorded_change(number), context.outline()
    data = {
        "one": make_headline(one, records.find_undone(found)),
        "undoes": one.undoes,
        "done": show_record(one),
        "commands": list_commands(one, context.registry),
        "is_newest": found[-1].number == number,
        "before": next((other.number for other in reversed(found) if other.number < number), 0),
        "wanted": wanted,
        "plan": None if outcome.report is None else show_plan(outcome.report),
        "problems": [] if outcome.error is None else outcome.error.diagnostics,
        "may_change": call.caller.may("change"),
        "saved": describe_saved(context, number) if "saved" in call.request.query_params else None,
    }
    return View("change.html", f"Change {number}", data, outcome.status)


def undo_change(call: Call, context: ManagementContext, form: Form) -> View | Redirect:
    """Take a change back, or all that were made after it."""
    number = _read_number(call.request.path_params["number"])
    how = form.first("do")
    if how not in _TAKE_BACK:
        raise UsageError("a change can be taken back, and nothing else")
    try:
        report = _take_back(call, context, number, how)
    except ConfobjectsError as error:
        return _show_change(call, context, number, how, Outcome(error=error))
    made = number if report.number is None else report.number
    return Redirect(f"/history/{made}?saved=yes")


# -- two versions ------------------------------------------------------------------------------------------------------


def compare(call: Call, context: ManagementContext) -> View:
    """Return the page on which two versions of the configuration are compared: as they were right after two changes.

    The last change is compared with the one before it, unless others are asked for.
    """
    numbers = [one.number for one in context.outline()]
    older, newer = (_choose(call, name, numbers, default) for name, default in (("from", -2), ("to", -1)))
    older, newer = sorted((older, newer))
    shown = [one for one in numbers if one in {older, newer} or one > numbers[-1] - _OFFERED]
    data = {"numbers": [0, *shown], "older": older, "newer": newer, "plan": _compare(context, older, newer)}
    return View("compare.html", "Compare two versions", data)


def _choose(call: Call, name: str, numbers: Sequence[int], default: int) -> int:
    text = call.request.query_params.get(name, "")
    if not text:
        return 0 if len(numbers) < -default else numbers[default]
    number = _read_number(text)
    if number and number not in numbers:
        raise NoSuchObjectError(f"there is no change {number}")
    return number


def _compare(context: ManagementContext, older: int, newer: int) -> Plan:
    from confobjects.management.documents.comparing import find_differences
    from confobjects.mapping.documents import state_of

    registry = context.registry
    found = records.rebuild_each(context.site, (older, newer))
    one, other = (
        {path: state_of(obj, registry) for path, obj in found[there].items() if found[beside].get(path) is not obj}
        for there, beside in ((older, newer), (newer, older))
    )
    return show_differences(list(find_differences(one, other, registry)))
