"""What a running service tells of itself: which change it has in effect, what waits, what is wrong, and that it is alive.

Laws: a service writes its own report and no other; a report is no part of the configuration: it stands in no history,
and no listener hears of it; whoever reads reports believes nothing in them that they cannot mean, and bounds their size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.mapping.apart import FOLLOWERS, place_beside
from confobjects.records import Record
from confobjects.texts.names import normal_name
from confobjects.texts.visible import make_visible

FOLLOWER_CLASS: Final = "ds-cfg-follower"
REPORT: Final = "ds-cfg-follower-report"
"""The attribute that holds a report, as JSON."""
NAMING: Final = "cn"
"""The attribute that names the entry of a report."""

MOST_CHARACTERS: Final = 64 * 1024
"""Characters of a report, at most; a longer one leaves out what waits and what is wrong from the end of the lists."""
LONGEST_NAME: Final = 100
"""Characters of the name of a follower."""
MOST_FOLLOWERS: Final = 10_000
"""Reports of one configuration that are read, at most."""
ALIVE: Final = 60.0
"""Seconds after its last sign of life for which a follower counts as alive."""
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""How the time of a report is written; it is UTC."""
_TIME: Final = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")


def place_of_followers(base: DN) -> DN:
    """Return the DN of the entry in a directory that the reports for a base hang below, unless the base is a suffix."""
    return place_beside(base, FOLLOWERS)


class WaitingChange(Record):
    """What waits in a service: the path of an object, what the change does to it, its properties, and the actions."""

    path: str
    kind: str
    properties: tuple[str, ...]
    actions: tuple[str, ...]


class FollowerReport(Record):
    """The report of one service. ``time`` is when it was written, by the clock of the service: UTC, ISO 8601.

    ``number`` is the last change that the service has looked at, None where the configuration has no history. ``problems``
    are one sentence each, without secrets. ``more`` counts what was left out of ``waiting`` and ``problems``. Where what
    is there cannot be read, only the name is known: see :func:`stand_in_for`.
    """

    name: str
    host: str
    process: int
    time: str
    number: int | None
    waiting: tuple[WaitingChange, ...] = ()
    problems: tuple[str, ...] = ()
    more: int = 0


def check_follower_name(name: str) -> str:
    """Return a name that a follower may have. Raises :class:`~confobjects.errors.UsageError` for any other."""
    if name and len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip():
        return name
    raise UsageError(f"the name of a follower has 1 to {LONGEST_NAME} printable characters, and no space at its ends")


def same_follower(name: str, other: str) -> bool:
    """Tell whether two names are those of one follower: they are compared as the names of entries are."""
    return normal_name(name) == normal_name(other)


def is_alive(report: FollowerReport, now: float) -> bool:
    """Tell whether a follower was heard of lately. ``now`` is in seconds since 1970, UTC.

    A time that is no time, or lies further ahead than clocks differ, is none at which anybody was heard of.
    """
    age = age_of(report, now)
    return age is not None and -ALIVE <= age <= ALIVE


def age_of(report: FollowerReport, now: float) -> float | None:
    """Return the seconds since a report was written, None if its time is no time; ``now`` as in :func:`is_alive`."""
    then = seconds_of(report.time)
    return None if then is None else now - then


def seconds_of(time: str) -> float | None:
    """Return a time of :data:`TIME_FORMAT` in seconds since 1970, None if it is no time."""
    from calendar import timegm

    found = _TIME.fullmatch(time)
    try:
        return None if found is None else float(timegm(tuple(map(int, found.groups()))))
    except ValueError:
        return None


def sort_reports(reports: Iterable[FollowerReport]) -> list[FollowerReport]:
    """Return reports sorted by name."""
    return sorted(reports, key=lambda one: (normal_name(one.name), one.name))


def write_report(report: FollowerReport) -> str:
    """Return a report as JSON, of at most :data:`MOST_CHARACTERS` characters."""
    waiting, problems, more = list(report.waiting), list(report.problems), report.more
    while True:
        text = _dump_report(report.replace(waiting=tuple(waiting), problems=tuple(problems), more=more))
        if len(text) <= MOST_CHARACTERS or not (waiting or problems):
            return text
        before = len(waiting) + len(problems)
        if len(waiting) >= len(problems):
            del waiting[len(waiting) // 2 :]
        else:
            del problems[len(problems) // 2 :]
        more += before - len(waiting) - len(problems)


def _dump_report(report: FollowerReport) -> str:
    import json

    waiting = [[one.path, one.kind, one.properties, one.actions] for one in report.waiting]
    found = {
        "name": report.name,
        "host": report.host,
        "process": report.process,
        "time": report.time,
        "number": report.number,
        "waiting": waiting,
        "problems": report.problems,
        "more": report.more,
    }
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()  # a path may hold what is no text


def read_report_of(name: str, text: str) -> FollowerReport | None:
    """Return the report of a follower in a text, None if it is none, or that of another one.

    Whoever may write the report of one follower must not speak for another.
    """
    found = read_report(text)
    return found if found is not None and same_follower(found.name, name) else None


def label_of(place: str) -> str:
    """Return what a follower is called whose report cannot be read, by the name of the place of its report.

    That is its name, unless no follower can have such a name: then it is one that names this place alone.
    """
    label = make_visible(place).strip() or "-"
    if len(label) > LONGEST_NAME:
        from hashlib import sha256

        label = f"{label[:40]}…{sha256(label.encode()).hexdigest()[:40]}"
    return label


def stand_in_for(place: str) -> FollowerReport:
    """Return what is told of a follower whose report cannot be read: what it is called, and no time."""
    return FollowerReport(label_of(place), "", 0, "", None)


def read_report(text: str) -> FollowerReport | None:
    """Return the report in a text, None if it is none: whoever may write there may have written anything."""
    import json

    if len(text) > MOST_CHARACTERS:
        return None
    try:
        found = json.loads(text)
        return _read_fields(found) if isinstance(found, Mapping) else None
    except (ValueError, TypeError, KeyError, RecursionError, UsageError):
        return None


def _read_fields(found: Mapping[str, Any]) -> FollowerReport:
    number = found["number"]
    return FollowerReport(
        check_follower_name(_read_text(found["name"])),
        _read_text(found["host"]),
        _read_number(found["process"]),
        _read_text(found["time"]),
        None if number is None else _read_number(number),
        tuple(
            WaitingChange(_read_text(p), _read_text(k), _read_texts(n), _read_texts(a))
            for p, k, n, a in found["waiting"]
        ),
        _read_texts(found["problems"]),
        _read_number(found["more"]),
    )


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    value.encode()  # JSON may hold halves of characters
    return value


def _read_texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(values)
    return tuple(_read_text(value) for value in values)


def _read_number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(value)
    return value
