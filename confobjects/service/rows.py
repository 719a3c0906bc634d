"""Parts of mails as rows of the ledger, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, get_args

from sqlalchemy import RowMapping

from confobjects.actions import Remedy, RemedyAction, Verb
from confobjects.diagnostics import Diagnostic
from confobjects.records import Record
from confobjects.service.rules.quotas import Standing
from confobjects.service.rules.states import Part, Recipient, State, Words
from confobjects.service.sealing import Cover, UnreadableError, as_damaged

_NUMBERS: Final = ("accepted", "since", "fence", "due", "began", "lease", "ended")
_PLAIN: Final = ("mail", "number", "runner", *_NUMBERS)
"""The fields of a part that are columns of the same name."""

_STATES: Final = {one.value: one for one in State}

_LAST: Final = 253_402_300_799_000
"""The end of the year 9999: no number of a row is larger."""

UNNAMED: Final = ""
"""The address of whoever stands for the recipients that cannot be read."""

_LONGEST: Final = 1000
"""Characters of a sentence, or of a piece of a remedy, that are kept."""

_VERBS: Final = frozenset(get_args(Verb))


class Held(Record):
    """A part with what a runner needs besides: the envelope sender, what sends it, its category and its size."""

    part: Part
    from_: str
    sender: str
    category: str
    size: int
    problem: Diagnostic | None = None
    """Why the row cannot be read as a whole. Then it has no envelope sender, and one recipient without an address stands for all."""


def as_row(held: Held, cover: Cover) -> dict[str, Any]:
    """Return the row of a part."""
    return {
        "sender": held.sender,
        "category": held.category,
        "size": held.size,
        **as_changes(held, cover),
        **{name: getattr(held.part, name) for name in _PLAIN},
    }


def as_changes(held: Held, cover: Cover) -> dict[str, Any]:
    """Return the columns of a part that an attempt or an operator changes. An envelope that cannot be read stays as it stands."""
    part = held.part
    envelope = {} if held.problem else {"envelope": cover.put(_write_envelope(held), _place_of(part))}
    return {
        "state": part.state.value,
        "since": part.since,
        "fence": part.fence,
        "due": part.due,
        "began": part.began,
        "lease": part.lease,
        "runner": part.runner,
        "ended": part.ended,
        "code": next((one.code for one in part.recipients if one.code), ""),
        **envelope,
    }


def read_row(row: RowMapping | Mapping[str, Any], cover: Cover) -> Held:
    """Return the part of a row; of one that is damaged, or sealed with a key that is not there, what is known of it.

    Raises LedgerError without keys.
    """
    bare = _read_clear(row)
    place = _place_of(bare.part)
    try:
        if not _is_clear_whole(row, bare):
            raise as_damaged(place)
        from_, recipients = _read_envelope(cover.get(row["envelope"], place), place)
    except UnreadableError as error:
        return bare.replace(problem=error.diagnostics[0])
    return bare.replace(
        part=_follow_row(bare.part.replace(recipients=recipients), _read_text(row["code"])), from_=from_
    )


def _read_clear(row: RowMapping | Mapping[str, Any]) -> Held:
    """Return what stands in a row in clear. A number that is none is 0, and a state that nobody knows is unknown."""
    plain, state = {name: read_number(row[name]) for name in _NUMBERS}, read_state(row["state"])
    unnamed = Recipient(UNNAMED, due=plain["due"] if state is State.QUEUED else 0)
    runner = _read_text(row["runner"])
    part = Part(mail=row["mail"], number=row["number"], state=state, runner=runner, recipients=(unnamed,), **plain)
    clear = (_read_text(row["sender"]), _read_text(row["category"]))
    return Held(_follow_row(part, _read_text(row["code"])), "", *clear, read_number(row["size"]))


def _is_clear_whole(row: RowMapping | Mapping[str, Any], bare: Held) -> bool:
    """Tell whether everything in a row that stands in clear was understood."""
    found: dict[str, Any] = {name: getattr(bare.part, name) for name in (*_NUMBERS, "state", "runner")}
    found |= {"sender": bare.sender, "category": bare.category, "size": bare.size}
    return all(row[name] == value for name, value in found.items())


def _follow_row(part: Part, code: str) -> Part:
    """Return a part whose recipients are as its row says: it may have ended while they could not be read."""
    if not part.ended:
        return part
    recipients = tuple(
        one.replace(state=part.state, code=code) if one.state is State.QUEUED else one for one in part.recipients
    )
    return part.replace(recipients=recipients)


def read_number(value: object) -> int:
    """Return a number of the ledger; 0 for what is none, and for what no moment can be."""
    return value if isinstance(value, int) and 0 <= value <= _LAST else 0


def read_state(value: object) -> State:
    """Return a state of the ledger. One that nobody knows is unknown."""
    return _STATES.get(str(value), State.UNKNOWN)


def _read_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _place_of(part: Part) -> str:
    return f"{part.mail}/{part.number}"


def _write_envelope(held: Held) -> bytes:
    recipients = held.part.recipients
    listed = [[one.address, one.state.value, one.due, one.tries, one.code, one.reply] for one in recipients]
    found = list(dict.fromkeys(one.words for one in recipients if one.words is not None))
    if not found:
        return _dump([held.from_, listed])
    for row, one in zip(listed, recipients, strict=True):
        row.extend([] if one.words is None else [found.index(one.words)])
    return _dump([held.from_, listed, [[one.summary[:_LONGEST], *_write_remedy(one.remedy)] for one in found]])


def _dump(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _write_remedy(remedy: Remedy) -> Iterable[Any]:
    """Yield the pieces of a remedy: texts, and actions as lists of words."""
    for piece in (remedy,) if isinstance(remedy, str) else remedy:
        yield piece[:_LONGEST] if isinstance(piece, str) else [piece.verb, *piece.arguments]


def _read_envelope(text: bytes, place: str) -> tuple[str, tuple[Recipient, ...]]:
    try:
        from_, listed, *more = json.loads(text)
        kept: Sequence[Any] = more[0] if more else ()
        words = tuple(_read_words(summary, pieces) for summary, *pieces in kept)
        found = tuple(
            Recipient(address, State(state), due, tries, code, reply, words[at[0]] if at else None)
            for address, state, due, tries, code, reply, *at in listed
        )
    except (ValueError, TypeError, LookupError):
        raise as_damaged(place) from None
    return from_, found


def _read_words(summary: str, pieces: Sequence[Any]) -> Words:
    """Return words. An action that only another release knows leaves nothing behind but its arguments."""
    remedy = tuple(one if isinstance(one, str) else _read_action(*one) for one in pieces)
    return Words(summary, remedy[0] if len(remedy) == 1 and isinstance(remedy[0], str) else remedy)


def _read_action(verb: Any, *arguments: str) -> RemedyAction | str:
    return RemedyAction(verb, *arguments) if verb in _VERBS else " ".join(arguments)


def write_uses(standing: Standing) -> str:
    """Return the moments of a standing as a text."""
    return ",".join(map(str, standing.uses))


def read_standing(row: RowMapping | Mapping[str, Any]) -> Standing:
    """Return the standing of a row. What is damaged in it counts as nothing."""
    uses = tuple(int(one) for one in str(row["uses"]).split(",") if one.isdecimal() and one.isascii())
    return Standing(uses, read_number(row["refusals"]), read_number(row["suppressed"]))


__all__ = [
    "UNNAMED",
    "Held",
    "as_changes",
    "as_row",
    "read_number",
    "read_row",
    "read_standing",
    "read_state",
    "write_uses",
]
