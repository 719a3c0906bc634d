"""From what is seen of the configuration and the mail service to alerts.

What makes an alert the same as an earlier one is what is wrong and where, not the words: a time or a number in them may
change while nothing else does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from confobjects.mail.alerts import Alert, AlertType
from confobjects.records import Record
from confobjects.service.rules.settings import MINUTE, SECOND
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.effect import Waiting
    from confobjects.following.groups import ChangeGroup
    from confobjects.management.followers import Follower

_MOST_NAMED: Final = 20
"""Objects that are named of one change."""


class Queue(Record):
    """What is seen of the mail that waits, without that of alerts: how much, since when, and the last delivery; 0 for none."""

    number: int = 0
    oldest: int = 0
    delivered: int = 0


def find_problems(problems: Iterable[Diagnostic], type_: AlertType) -> Iterator[Alert]:
    """Yield the alerts of problems. Several of the same kind at one place are told apart by their number."""
    seen: Counter[str] = Counter()
    for one in problems:
        place = one.describe_place()
        message = f"{place}: {make_visible(one.summary)}" if place else make_visible(one.summary)
        lines = one.replace(excerpt="", attempt="").render().splitlines()[1:]
        where = (one.code, one.origin, one.path, one.property, one.constraint, one.pointer)
        key = "\0".join(where)
        seen[key] += 1
        yield Alert(type_, f"{key}\0{seen[key]}", message, tuple(line.strip() for line in lines), one.path)


def find_waiting(waiting: Iterable[Waiting]) -> Iterator[Alert]:
    """Yield the alerts of changes that wait for an action."""
    for one in waiting:
        path, names = str(one.path), ", ".join(one.properties)
        what = f"the change of {names}" if names else "the change"
        actions = tuple(dict.fromkeys(f"{action.path}: {action.synopsis}" for action in one.actions))
        key = "\0".join((path, one.kind, names, str(one.since)))
        yield Alert(AlertType.CHANGE_WAITING, key, f"{path}: {what} is stored and does not count yet", actions, path)


def find_silent(followers: Iterable[Follower]) -> Iterator[Alert]:
    """Yield the alerts of services that are not heard of any more."""
    for one in followers:
        report = one.report
        message = f'the service "{one.name}" is not heard of any more'
        details = (f"process {report.process} on {report.host}, last heard of at {report.time} by its own clock",)
        yield Alert(AlertType.FOLLOWER_GONE, f"{one.name}\0{report.host}", message, details)


def find_stuck(queue: Queue, now: int, stuck_after: int) -> Iterator[Alert]:
    """Yield the alert of mail that waits while none is delivered."""
    if queue.oldest and now - max(queue.oldest, queue.delivered) >= stuck_after:
        minutes = (now - max(queue.oldest, queue.delivered)) // MINUTE
        message = f"{queue.number} mails wait, and none was delivered for {minutes} minutes"
        details = (f"the oldest of them has waited since {format_time(queue.oldest)}",)
        yield Alert(AlertType.MAIL_STUCK, "", message, details, "/mail-service")


def find_refused(stopped: Iterable[str]) -> Iterator[Alert]:
    """Yield the alerts of mail senders that are stopped."""
    for name in stopped:
        message = f'the Mail Sender "{name}" is stopped: its login was refused again and again'
        details = ("its mail waits; it is tried again as soon as its mail server or the login is changed",)
        yield Alert(AlertType.SENDER_STOPPED, name, message, details, f"/mail-sender/{name}")


def find_changed(groups: Iterable[ChangeGroup]) -> Iterator[Alert]:
    """Yield an alert for each change that has come into effect."""
    for one in groups:
        counting = [event for event in one.events if event.before is not event.after]
        if not counting:
            continue
        what = "an edit by hand" if one.number is None else f"change {one.number}"
        by = f" by {one.signature.actor}" if one.signature is not None and one.signature.actor else ""
        lines = [f"{event.path}: {event.kind} {', '.join(event.properties)}".rstrip() for event in counting]
        if len(lines) > _MOST_NAMED:
            lines[_MOST_NAMED:] = [f"and {len(lines) - _MOST_NAMED} more objects"]
        key = "\0".join(lines) if one.number is None else str(one.number)
        yield Alert(AlertType.CONFIGURATION_CHANGED, key, f"{what}{by} is in effect", tuple(lines))


def choose_sender(candidates: Sequence[str | None], stopped: Iterable[str], known: Iterable[str]) -> str | None:
    """Return the first of some senders that is there and is not stopped, None without one."""
    usable = set(known) - set(stopped)
    return next((one for one in candidates if one in usable), None)


def format_time(milliseconds: int) -> str:
    """Return a moment as people read it, in UTC."""
    return f"{datetime.fromtimestamp(milliseconds / SECOND, UTC):%Y-%m-%d %H:%M:%S} UTC"


__all__ = [
    "Queue",
    "choose_sender",
    "find_changed",
    "find_problems",
    "find_refused",
    "find_silent",
    "find_stuck",
    "find_waiting",
    "format_time",
]
