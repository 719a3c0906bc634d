"""Mails of the ledger, addresses and their quotas: for people, for scripts and as JSON. Foreign text is escaped and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.actions import remedy_text
from confobjects.service.rules.quotas import free_again, uses_in_window
from confobjects.service.rules.states import HELD, Part, Recipient, State
from confobjects.service.rules.wording import format_moment, word_outcome
from confobjects.texts.visible import make_visible

from ..words.actions import as_json, render, word
from .followers import format_duration

if TYPE_CHECKING:
    from confobjects.service.ledger import Entry
    from confobjects.service.rules.quotas import Standing
    from confobjects.service.rules.settings import Settings

_LONGEST: Final = 500
"""Characters of a foreign text in one line, at most."""
_MOST: Final = 3
"""Recipients that the list names for a mail."""
_UNREAD: Final = "(cannot be read)"

PLAIN_STATES: Final = {
    State.QUEUED: "waits",
    State.TAKEN: "is about to be sent",
    State.SENDING: "is being sent",
    State.DELIVERED: "delivered",
    State.FAILED: "failed",
    State.UNKNOWN: "outcome unknown",
}


def show_foreign(text: str) -> str:
    """Return a foreign text as one line that does nothing to a terminal, cut if it is long."""
    return make_visible(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")


def format_time(milliseconds: int) -> str:
    """Return a moment in UTC (RFC 3339), to the second; ``-`` for none."""
    return format_moment(milliseconds) if milliseconds else "-"


def as_time(milliseconds: int) -> str | None:
    """Return a moment for a program, None for none."""
    return format_time(milliseconds) if milliseconds else None


def format_seconds(seconds: float) -> str:
    """Return a length of time in its largest unit."""
    return format_duration(int(seconds))


def count(number: int, what: str) -> str:
    """Return a number of things."""
    return f"{number} {what}{'' if number == 1 else 's'}"


# -- a mail ------------------------------------------------------------------------------------------------------------


def _pairs(entry: Entry) -> Iterator[tuple[Part, Recipient]]:
    return ((part, one) for part in entry.parts for one in part.recipients)


def _state_of(part: Part, one: Recipient) -> State:
    """Return the state of a recipient: while its part is being sent, that of the part."""
    return part.state if one.state is State.QUEUED and part.state in HELD else one.state


def _due(part: Part, one: Recipient) -> int:
    """Return when a recipient that waits is due; 0 for one that does not wait."""
    return (one.due or part.since) if _state_of(part, one) is State.QUEUED else 0


def mail_as_json(entry: Entry) -> dict[str, Any]:
    """Return a mail for a program."""
    return {
        "id": entry.id,
        "state": entry.state.value,
        "sender": entry.sender,
        "category": entry.category,
        "from": entry.from_,
        "size": entry.size,
        "accepted": as_time(entry.accepted),
        "recipients": [_recipient_as_json(part, one) for part, one in _pairs(entry)],
        "problems": list(map(as_json, entry.problems)),
    }


def _recipient_as_json(part: Part, one: Recipient) -> dict[str, Any]:
    found = word_outcome(one)
    return {
        "address": one.address,
        "state": _state_of(part, one).value,
        "due": as_time(_due(part, one)),
        "tries": one.tries,
        "code": one.code,
        "reply": one.reply,
        "summary": "" if found is None else found.summary,
        "remedy": "" if found is None else remedy_text(found.remedy, word),
    }


def mail_rows(entries: Iterable[Entry]) -> Iterator[Sequence[str]]:
    """Yield the cells of each recipient: mail, state, address, due, failed attempts, code, accepted, sender, category, from."""
    for entry in entries:
        accepted = format_time(entry.accepted)
        for part, one in _pairs(entry):
            due = _due(part, one)
            yield (
                entry.id,
                _state_of(part, one).value,
                one.address,
                format_time(due) if due else "",
                str(one.tries),
                one.code,
                accepted,
                entry.sender,
                entry.category,
                entry.from_,
            )


def format_mails(entries: Sequence[Entry], now: int) -> str:
    """Return a table of mails."""
    from .table import format_table

    headings = ("Mail", "State", "Age", "Next", "To", "Last attempt")
    return format_table(headings, [_row(one, now) for one in entries])


def _row(entry: Entry, now: int) -> Sequence[str]:
    pairs = list(_pairs(entry))
    addresses = [_show_address(one) for _, one in pairs[:_MOST]]
    more = len(pairs) - _MOST
    to = ", ".join([*addresses, *([f"{more} more"] if more > 0 else [])])
    due = min((_due(part, one) for part, one in pairs if _due(part, one)), default=0)
    codes = dict.fromkeys(one.code for _, one in pairs if one.code)
    age = _describe_age(entry, now)
    return entry.id, entry.state.value, age, _describe_due(due, now), to, show_foreign(", ".join(codes)) or "-"


def _describe_age(entry: Entry, now: int) -> str:
    return format_seconds(max(0, now - entry.accepted) // 1000) if entry.accepted else "-"


def _show_address(one: Recipient) -> str:
    return show_foreign(one.address) or _UNREAD


def _describe_due(due: int, now: int) -> str:
    if not due:
        return "-"
    return f"in {format_seconds((due - now) // 1000)}" if due > now else "now"


def describe_mail(entry: Entry, now: int) -> Iterator[str]:
    """Yield lines on a mail: what it is, and what became of each recipient."""
    yield f"Mail {entry.id}: {PLAIN_STATES[entry.state]}"
    yield f"  accepted  {format_time(entry.accepted)}, {_describe_age(entry, now)} ago"
    from_ = _UNREAD if len(entry.unread) == len(entry.parts) else show_foreign(entry.from_) or "<>"
    yield f"  from      {from_}, by the sender {show_foreign(entry.sender) or '-'}"
    yield f"  category  {show_foreign(entry.category) or '-'}"
    yield f"  size      {entry.size} bytes"
    for part in entry.parts:
        if part.state in HELD:
            yield f"  runner    {show_foreign(part.runner)}, which has it until {format_time(part.lease)} at least"
    for part, one in _pairs(entry):
        yield from _describe_recipient(part, one, now)
    for problem in entry.problems:
        yield render(problem)


def _describe_recipient(part: Part, one: Recipient, now: int) -> Iterator[str]:
    state = _state_of(part, one)
    due = _due(part, one)
    when = f", next attempt {_describe_due(due, now)} ({format_time(due)})" if due else ""
    tried = f", after {count(one.tries, 'attempt')}" if one.tries else ""
    yield f"To {_show_address(one)}: {PLAIN_STATES[state]}{tried}{when}"
    found = word_outcome(one)
    if found is not None:
        yield f"  {show_foreign(found.summary)} ({show_foreign(one.code)})"
    if one.reply:
        yield f"  the server said: {show_foreign(one.reply)}"
    if found is not None and found.remedy and state is not State.DELIVERED:
        yield f"  remedy: {show_foreign(remedy_text(found.remedy, word))}"


# -- an address --------------------------------------------------------------------------------------------------------


def quota_as_json(address: str, standing: Standing, now: int, settings: Settings) -> dict[str, Any]:
    """Return what is known of an address for a program."""
    free = free_again(standing, now, settings)
    return {
        "address": address,
        "used": len(uses_in_window(standing, now, settings)),
        "limit": settings.recipient_limit,
        "window": settings.recipient_window // 1000,
        "free": as_time(free) if free > now else None,
        "refusals": standing.refusals,
        "suppressed": as_time(standing.suppressed),
    }


def quota_row(address: str, standing: Standing, now: int, settings: Settings) -> Sequence[str]:
    """Return the cells of an address: address, mails in the window, limit, room again, refusals in a row, suppressed since."""
    free = free_again(standing, now, settings)
    return (
        address,
        str(len(uses_in_window(standing, now, settings))),
        "" if settings.recipient_limit is None else str(settings.recipient_limit),
        format_time(free) if free > now else "",
        str(standing.refusals),
        format_time(standing.suppressed) if standing.suppressed else "",
    )


def format_quotas(rows: Iterable[Sequence[str]]) -> str:
    """Return a table of addresses from their cells."""
    from .table import format_table

    headings = ("Address", "Mails", "Limit", "Room again", "Refusals", "Suppressed since")
    shown = ((address or _UNREAD, *others) for address, *others in rows)
    return format_table(headings, [[show_foreign(cell) or "-" for cell in row] for row in shown])


def describe_quota(address: str, standing: Standing, now: int, settings: Settings) -> Iterator[str]:
    """Yield lines on an address: its quota, and whether it gets mail."""
    used, limit = len(uses_in_window(standing, now, settings)), settings.recipient_limit
    window, free = format_seconds(settings.recipient_window // 1000), free_again(standing, now, settings)
    of = "without a limit" if limit is None else f"of {limit}"
    categories = ", ".join(sorted(settings.limited_categories)) or "none"
    yield f"{show_foreign(address)}: {count(used, 'mail')} {of} in the last {window} (categories: {show_foreign(categories)})"
    yield f"  room for the next one: {f'from {format_time(free)} on' if free > now else 'now'}"
    if standing.suppressed:
        yield f"  suppressed since {format_time(standing.suppressed)}: it gets no mail of any category"
        yield f"  remedy: correct the address where mail is sent to it, or lift the suppression: {lift_words(address)}"
    elif standing.refusals:
        yield f"  refused by mail servers {count(standing.refusals, 'time')} in a row"


def lift_words(address: str) -> str:
    """Return the command that lifts a suppression."""
    from confobjects.actions import RemedyAction

    return word(RemedyAction("lift-suppression", make_visible(address)))
