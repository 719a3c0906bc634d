"""What ``watch`` tells: documents for programs, with secrets masked, and the same as lines for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from confobjects.definitions.installed import TEXT, describe_difference
from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import MASK
from confobjects.texts.visible import escape_json, make_visible

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.effect import Waiting
    from confobjects.following import Live, LiveEvent
    from confobjects.following.groups import ChangeGroup
    from confobjects.objects.effective import EffectiveObject

Document = dict[str, Any]
Row = tuple[str, str, str, str]
"""The cells of a line: time, number, actor, and what happened."""

_NOTHING = "-"
_SENTENCES = {
    "problem": "problem",
    "solved": "solved",
    "stale": "changes cannot be heard",
    "heard": "changes are heard again",
    "repaired": "repaired",
    "command-failed": "command failed",
}
"""The events that are no changes, each in the words for people."""


Show = Callable[["EffectiveObject", str], list[str]]
"""Returns the values of a property of an object as they may be shown."""


def _show_texts(obj: EffectiveObject, name: str) -> list[str]:
    return list(obj.masked_texts(name))


# -- documents -------------------------------------------------------------------------------------------------------


def dump_line(document: Document) -> str:
    """Return a document as one line of JSON."""
    return escape_json(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def describe_state(live: Live) -> Document:
    """Return everything in effect. To be called in the thread that tells listeners."""
    return {
        "event": "state",
        "number": live.number,
        "objects": [_describe_object(obj) for obj in live.configuration],
        "waiting": [describe_waiting(one) for one in live.waiting],
    }


def _describe_object(obj: EffectiveObject) -> Document:
    texts = {name: list(obj.masked_texts(name)) for name in obj}
    return {"path": obj.path, "type": obj.type, "properties": {name: found for name, found in texts.items() if found}}


def describe_group(group: ChangeGroup, heard: str, newest: int | None, show: Show = _show_texts) -> Document:
    """Return a change group. Where the time of the change is not known, it is the one when it was ``heard``.

    A configuration that was restored has the number of its ``newest`` change. ``show`` returns the values of a property.
    """
    signature = group.signature
    return {
        "event": "change",
        "time": heard if signature is None or not signature.time else signature.time,
        "number": newest if group.restored else group.number,
        "actor": "" if signature is None else signature.actor,
        "command": "" if signature is None else signature.command,
        "restored": group.restored,
        "joined": 1,
        "changes": [_describe_event(event, show) for event in group.events if _has_effect(event)],
        "waiting": [describe_waiting(one) for event in group.events for one in event.waiting],
        "withdrawn": [],
    }


def describe_withdrawal(number: int | None, paths: Iterable[str], heard: str) -> Document:
    """Return that changes of some objects were taken back while they waited: nothing in effect has changed."""
    return {
        "event": "change",
        "time": heard,
        "number": number,
        "actor": "",
        "command": "",
        "restored": False,
        "joined": 1,
        "changes": [],
        "waiting": [],
        "withdrawn": list(paths),
    }


def _has_effect(event: LiveEvent) -> bool:
    """Tell whether an event is more than that something waits."""
    return _comes_or_goes(event) or event.restarted or bool(event.properties)


def _comes_or_goes(event: LiveEvent) -> bool:
    return (event.before is None) is not (event.after is None)


def _describe_event(event: LiveEvent, show: Show) -> Document:
    obj = event.before if event.after is None else event.after
    return {
        "path": str(event.path),
        "kind": event.kind if _comes_or_goes(event) else "changed",
        "type": "" if obj is None else obj.type,
        "restarted": event.restarted,
        "properties": {
            name: {"before": _find_texts(event.before, name, show), "after": _find_texts(event.after, name, show)}
            for name in event.properties
        },
    }


def _find_texts(obj: EffectiveObject | None, name: str, show: Show) -> list[str]:
    return [] if obj is None or name not in obj else show(obj, name)


def describe_waiting(one: Waiting) -> Document:
    """Return what waits of one object."""
    actions = [
        {"path": str(a.path), "property": a.property, "action": a.action, "synopsis": a.synopsis} for a in one.actions
    ]
    return {
        "path": str(one.path),
        "kind": one.kind,
        "properties": list(one.properties),
        "actions": actions,
        "since": one.since,
    }


def describe_notice(event: str, heard: str, problems: Iterable[Diagnostic] = ()) -> Document:
    """Return what is told that is no change."""
    from ..words.actions import as_json

    return {"event": event, "time": heard, "problems": [as_json(problem) for problem in problems]}


# -- lines -----------------------------------------------------------------------------------------------------------


def list_rows(document: Document) -> Iterator[Row]:
    """Yield the lines of a change group: one for each object that changes, one for each that has something waiting."""
    number = _NOTHING if document["number"] is None else str(document["number"])
    head = document["time"], number, make_visible(document["actor"]) or _NOTHING
    if document["restored"]:
        yield (*head, "the configuration was restored or replaced")
    for change in document["changes"]:
        yield (*head, make_visible(_format_change(change)))
    for one in document["waiting"]:
        yield (*head, make_visible(_format_waiting(one)))
    for path in document["withdrawn"]:
        yield (*head, make_visible(f"waits no longer {path}"))


def _format_change(change: Document) -> str:
    head = f"{change['kind']} {change['path']}"
    if change["kind"] == "deleted":
        return head
    if change["type"] == HOLDER_KIND and TEXT in change["properties"]:
        before, after = ("".join(change["properties"][TEXT][side]) for side in ("before", "after"))
        return f"{head}: {describe_difference(before, after)}"
    parts = []
    for name, sides in change["properties"].items():
        before, after = (", ".join(sides[side]) or _NOTHING for side in ("before", "after"))
        if before == after and MASK not in after:
            parts.append(f"{name}: the content of {after}")
        else:
            parts.append(f"{name}: {after}" if change["kind"] == "added" else f"{name}: {before} -> {after}")
    if change["restarted"]:
        parts.append("disabled and enabled again")
    return f"{head}: {'; '.join(parts)}" if parts else head


def _format_waiting(one: Document) -> str:
    names = ", ".join(one["properties"]) if one["kind"] == "changed" else one["kind"]
    until = "; ".join(dict.fromkeys(action["synopsis"] for action in one["actions"]))
    return f"waits {one['path']}: {names}: {until}" if until else f"waits {one['path']}: {names}"


def format_notice(event: str, heard: str, problem: Diagnostic | None = None) -> str:
    """Return what is told that is no change, with one problem, as one line."""
    head = f"{heard}  {_SENTENCES[event]}"
    if problem is None:
        return head
    from confobjects.actions import remedy_text

    from ..words.actions import word

    place = problem.describe_place()
    parts = [f"{place}: {problem.summary}" if place else problem.summary, problem.detail, *problem.more]
    if problem.remedy and event not in {"solved", "repaired"}:
        parts.append(f"remedy: {remedy_text(problem.remedy, word)}")
    return f"{head}: {make_visible('; '.join(part for part in parts if part))}"
