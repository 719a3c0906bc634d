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
from confobjects.service.sealing import Cover, UnreadableError

_PLAIN: Final = ("mail", "number", "accepted", "since", "fence", "due", "began", "lease", "runner", "ended")
"""The fields of a part that are columns of the same name."""

_STATES: Final = frozenset(one.value for one in State)

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
    """Return the columns of a part that an attempt or an operator changes."""
    part = held.part
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
        "envelope": cover.put(_write_envelope(held), _place_of(part)),
    }


def read_row(row: RowMapping | Mapping[str, Any], cover: Cover) -> Held:
    """Return the part of a row. Raises UnreadableError, and LedgerError without keys."""
    bare = read_bare(row)
    place = _place_of(bare.part)
    if bare.part.state != row["state"]:
        raise _as_unreadable(place)
    from_, recipients = _read_envelope(cover.get(bytes(row["envelope"]), place), place)
    return bare.replace(part=bare.part.replace(recipients=recipients), from_=from_)


def read_bare(row: RowMapping | Mapping[str, Any]) -> Held:
    """Return the part of a row without its envelope: no sender's address, no recipients. A state that nobody knows is unknown."""
    plain = {name: row[name] for name in _PLAIN}
    state = State(row["state"]) if row["state"] in _STATES else State.UNKNOWN
    return Held(Part(state=state, recipients=(), **plain), "", row["sender"], row["category"], row["size"])


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
        raise _as_unreadable(place) from None
    return from_, found


def _as_unreadable(place: str) -> UnreadableError:
    summary = f"the entry {place} of the ledger cannot be read"
    return UnreadableError(Diagnostic("ledger-unavailable", summary, remedy="Put a backup of the ledger in its place."))


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
    """Return the standing of a row."""
    uses = tuple(int(one) for one in str(row["uses"]).split(",") if one)
    return Standing(uses, row["refusals"], row["suppressed"])


__all__ = ["Held", "as_changes", "as_row", "read_bare", "read_row", "read_standing", "write_uses"]
