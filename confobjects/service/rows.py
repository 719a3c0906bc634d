"""Parts of mails as rows of the ledger, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import RowMapping

from confobjects.diagnostics import Diagnostic
from confobjects.errors import LedgerError
from confobjects.records import Record
from confobjects.service.rules.quotas import Standing
from confobjects.service.rules.states import Part, Recipient, State
from confobjects.service.sealing import Cover

_PLAIN: Final = ("mail", "number", "accepted", "since", "fence", "due", "began", "lease", "runner", "ended")
"""The fields of a part that are columns of the same name."""


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
    """Return the part of a row. Raises LedgerError if it cannot be read."""
    place = f"{row['mail']}/{row['number']}"
    from_, recipients = _read_envelope(cover.get(bytes(row["envelope"]), place), place)
    plain = {name: row[name] for name in _PLAIN}
    part = Part(state=State(row["state"]), recipients=recipients, **plain)
    return Held(part, from_, row["sender"], row["category"], row["size"])


def _place_of(part: Part) -> str:
    return f"{part.mail}/{part.number}"


def _write_envelope(held: Held) -> bytes:
    listed = [[one.address, one.state.value, one.due, one.tries, one.code, one.reply] for one in held.part.recipients]
    return json.dumps([held.from_, listed], separators=(",", ":")).encode()


def _read_envelope(text: bytes, place: str) -> tuple[str, tuple[Recipient, ...]]:
    try:
        from_, listed = json.loads(text)
        found = tuple(
            Recipient(address, State(state), due, tries, code, reply)
            for address, state, due, tries, code, reply in listed
        )
    except (ValueError, TypeError):
        summary = f"the entry {place} of the ledger cannot be read"
        raise LedgerError(
            Diagnostic("ledger-unavailable", summary, remedy="Put a backup of the ledger in its place.")
        ) from None
    return from_, found


def write_uses(standing: Standing) -> str:
    """Return the moments of a standing as a text."""
    return ",".join(map(str, standing.uses))


def read_standing(row: RowMapping | Mapping[str, Any]) -> Standing:
    """Return the standing of a row."""
    uses = tuple(int(one) for one in str(row["uses"]).split(",") if one)
    return Standing(uses, row["refusals"], row["suppressed"])


__all__ = ["Held", "as_changes", "as_row", "read_row", "read_standing", "write_uses"]
