"""The state of the mail service: for people, for scripts and as JSON. Names from outside are escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from confobjects.service.complaining import word_finding
from confobjects.service.counting import Counted
from confobjects.service.rules.health import is_alive
from confobjects.service.rules.states import OPEN, State

from ..words.actions import as_json
from .mails import as_time, count, format_seconds, format_time, show_foreign

if TYPE_CHECKING:
    from confobjects.service.status import Status


def status_as_json(status: Status, why: str) -> dict[str, Any]:
    """Return the state for a program. ``why`` says why mail comes from its sender."""
    overview, settings = status.overview, status.settings
    return {
        "ok": not status.findings,
        "enabled": settings.enabled,
        "sender": settings.sender,
        "sender_reason": why,
        "ledger": {"url": overview.name, "version": overview.version, "sealed": overview.is_sealed},
        "time": as_time(overview.now),
        "states": {one.value: overview.states[one] for one in State},
        "oldest": as_time(overview.oldest),
        "oldest_seconds": int(status.seconds_since(overview.oldest)),
        "overdue_seconds": int(status.seconds_since(overview.overdue)),
        "rate_limit": settings.rate_limit,
        "suppressed": overview.suppressed,
        "runners": [
            {
                "name": one.name,
                "began": as_time(one.began),
                "heard": as_time(one.heard),
                "alive": is_alive(one.heard, overview.now),
            }
            for one in overview.runners
        ],
        "senders": [
            {"name": name, "refused": login.refused, "stopped": name in status.stopped}
            for name, login in overview.logins.items()
        ],
        "totals": {one.value: dict(overview.totals.get(one, {})) for one in Counted},
        "problems": [as_json(word_finding(one)) for one in status.findings],
    }


def status_rows(status: Status) -> Iterator[Sequence[str]]:
    """Yield a name and a value in each row; a list has a row for each of its items."""
    overview, settings = status.overview, status.settings
    yield "ok", str(not status.findings).lower()
    yield "enabled", str(settings.enabled).lower()
    yield "sender", settings.sender or ""
    yield "ledger", overview.name
    yield "version", str(overview.version)
    yield "sealed", str(overview.is_sealed).lower()
    for state in State:
        yield state.value, str(overview.states[state])
    yield "oldest", format_time(overview.oldest) if overview.oldest else ""
    yield "overdue-seconds", str(int(status.seconds_since(overview.overdue)))
    yield "rate-limit-a-minute", "" if settings.rate_limit is None else str(settings.rate_limit)
    yield "suppressed", str(overview.suppressed)
    yield "runners", str(len(status.runners))
    for name in status.stopped:
        yield "stopped", name
    for finding in status.findings:
        yield "problem", finding.complaint.value, finding.sender, format_time(finding.since) if finding.since else ""


def describe_status(status: Status, why: str) -> Iterator[str]:
    """Yield lines on the state. What is wrong is told apart."""
    overview, settings = status.overview, status.settings
    yield f"Mail service: {'accepts mail' if settings.enabled else 'is disabled, and accepts no mail'}"
    yield f"  sender     {show_foreign(settings.sender or 'none')} ({why})"
    if overview.version:
        sealed = "sealed" if overview.is_sealed else "not sealed"
        yield f"  ledger     {show_foreign(overview.name)} (version {overview.version}, {sealed})"
    else:
        yield f"  ledger     {show_foreign(overview.name)} (there is none yet)"
    rate = "no limit" if settings.rate_limit is None else f"at most {settings.rate_limit} mails a minute"
    yield f"  rate       {rate}{_describe_pace(status)}"
    yield f"  waiting    {_list_states(status, [one for one in State if one in OPEN])}{_describe_age(status)}"
    yield f"  ended      {_list_states(status, [one for one in State if one not in OPEN])}"
    yield f"  addresses  {overview.suppressed} suppressed"
    yield f"  runners    {_describe_runners(status)}"


def _describe_pace(status: Status) -> str:
    if status.settings.rate_limit is None or status.overview.free <= status.overview.now:
        return ""
    return f"; the next one in {format_seconds((status.overview.free - status.overview.now) / 1000)}"


def _list_states(status: Status, states: Sequence[State]) -> str:
    return ", ".join(f"{status.overview.states[one]} {one.value}" for one in states)


def _describe_age(status: Status) -> str:
    oldest = status.overview.oldest
    return f"; the oldest for {format_seconds(status.seconds_since(oldest))}" if oldest else ""


def _describe_runners(status: Status) -> str:
    alive, now = status.runners, status.overview.now
    if not alive:
        last = max((one.heard for one in status.overview.runners), default=0)
        return f"none alive{f'; the last was heard of at {format_time(last)}' if last else ''}"
    silence = max(max(0, now - one.heard) for one in alive)
    return f"{count(len(alive), 'runner')} alive, each heard of within {format_seconds(silence / 1000)}"
