"""What event streams tell: rounds of changes, each ended by the state that it led to; and the same as bytes. Pure.

A stream is one of server-sent events (HTML Living Standard, section 9.2). Three events there are:

* ``change``: what one change did, in the words of ``watch --output json``, with secrets and evaluated values masked;
* ``status``: the change in effect, what waits, and what is wrong. It ends each round, and each stream begins with one. Its id names
  the stored state, so that it means the same in every process that serves this configuration;
* ``reset``: what the client knows is not enough any more. It reads everything again that it shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

from confobjects.records import Record, field
from confobjects.texts.visible import escape_json

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.effect import Waiting

Document = Mapping[str, Any]
Name = Literal["change", "status", "reset"]
Reason = Literal["unknown", "late", "definitions"]
"""Why somebody starts again: the last event that they name is not known here, they read too slowly or too much has changed at
once, other definitions count."""

KEEP_ALIVE: Final = b":\n\n"
"""A comment, which keeps proxies from taking a stream for dead."""

MEDIA_TYPE: Final = "text/event-stream"
_DIGITS: Final = 12
_MOST_TOLD: Final = 50
"""What waits and what is wrong is told up to this number of each; ``more`` says how many are left out."""


class StreamEvent(Record):
    """One event. ``data`` is the document as it goes over the wire, made once for all who hear it."""

    name: Name
    document: Document
    id: str = ""
    data: bytes = field(default=b"", repr=False, compare=False)


class Round(Record):
    """What one look at the configuration found: the changes, and the state that they led to, with its id."""

    changes: tuple[StreamEvent, ...]
    status: StreamEvent

    @property
    def size(self) -> int:
        """The bytes of its events."""
        return sum(len(one.data) for one in (*self.changes, self.status))


def make_event(name: Name, document: Document, id_: str = "") -> StreamEvent:
    """Return an event with its bytes."""
    text = escape_json(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
    head = f"event: {name}\n" + (f"id: {id_}\n" if id_ else "")
    return StreamEvent(name, document, id_, f"{head}data: {text}\n\n".encode())


def make_id(number: int | None, digest: str) -> str:
    """Return the id of a stored state: the number of its last change, and the beginning of its digest."""
    return f"{0 if number is None else number}-{digest[:_DIGITS]}"


def make_reset(reason: Reason, id_: str) -> StreamEvent:
    """Return the event that tells a client to start again; what it reads then is at least as new as the state of the id."""
    return make_event("reset", {"event": "reset", "reason": reason}, id_)


def make_status(  # noqa: PLR0913 - its parts, all but the id by keyword
    id_: str,
    *,
    number: int | None,
    waiting: Sequence[Document] = (),
    problems: Sequence[Diagnostic] = (),
    is_stale: bool = False,
    is_followed: bool = True,
) -> StreamEvent:
    """Return the event of a state. ``is_followed`` is false while there is no state in effect, and ``problems`` say why."""
    told = tuple(dict.fromkeys(problems))
    document = {
        "event": "status",
        "number": number,
        "followed": is_followed,
        "stale": is_stale,
        "waiting": list(waiting[:_MOST_TOLD]),
        "problems": [describe_problem(one) for one in told[:_MOST_TOLD]],
        "more": max(0, len(waiting) - _MOST_TOLD) + max(0, len(told) - _MOST_TOLD),
    }
    return make_event("status", document, id_)


def describe_problem(problem: Diagnostic) -> Document:
    """Return a problem for everybody who may read. A value that is wrong may come from where they may not look: it is left out."""
    wrong = "a value is wrong" if problem.value else problem.summary
    facts = {"severity": problem.severity, "code": problem.code, "path": problem.path, "property": problem.property}
    return {**{name: text for name, text in facts.items() if text}, "summary": wrong}


def is_about(waiting: Iterable[Waiting], kind: str) -> bool:
    """Tell whether an object of a kind is among those that wait."""
    return any(kind in one.path.relations for one in waiting)
