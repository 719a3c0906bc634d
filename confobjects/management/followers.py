"""Which followers have a change in effect: what running services report, held against the history of the configuration.

Laws of this module:

1. A follower counts while it is alive: heard of within ``ALIVE`` seconds. Clocks differ: a time in the future counts as
   now. A time that cannot be read counts as never.
2. A follower has a change in effect if it has looked at it, and reports nothing that waits where the change was made.
   A report that leaves something out may leave out just that.
3. No report is believed further than it can be true: a follower that reports a change that does not exist has nothing
   in effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from confobjects.mapping.followers import ALIVE, age_of, seconds_of
from confobjects.records import Record
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.management.history.records import RecordedChange
    from confobjects.mapping.followers import FollowerReport, WaitingChange
    from confobjects.objects.changes import ObjectChange
    from confobjects.paths import ManagedObjectPath

Standing = Literal["in-effect", "waiting", "behind", "ahead", "unknown"]
"""How a follower stands to a change: it has it in effect, has looked at it and waits, has not looked at it; reports a
change that does not exist; or one of the two knows no numbers."""
Places = Mapping[str, frozenset[str]]
"""Where a change was made: the names of properties by the key of an object; no names stand for the object as such."""


class AskedChange(Record):
    """The change that is asked about. ``number`` is None where there is no history, ``places`` None for everywhere."""

    number: int | None
    places: Places | None = None


class Follower(Record):
    """A follower as it stands to a change.

    ``silence`` is the time since its last sign of life in seconds, None if that cannot be said. ``waits`` is what waits
    where the change was made.
    """

    report: FollowerReport
    standing: Standing
    silence: int | None
    waits: tuple[WaitingChange, ...] = ()

    @property
    def name(self) -> str:
        """The name of the follower."""
        return self.report.name

    @property
    def alive(self) -> bool:
        """Whether it counts."""
        return self.silence is not None and self.silence <= ALIVE

    @property
    def in_effect(self) -> bool:
        """Whether it has the change in effect."""
        return self.standing == "in-effect"


class FollowersVerdict(Record):
    """All followers of a configuration, by name, and how they stand to a change. ``newest`` is the newest change."""

    asked: AskedChange
    newest: int | None
    followers: tuple[Follower, ...]

    @property
    def alive(self) -> tuple[Follower, ...]:
        """The followers that count."""
        return tuple(one for one in self.followers if one.alive)

    @property
    def in_effect(self) -> tuple[Follower, ...]:
        """The followers that count, and have the change in effect."""
        return tuple(one for one in self.followers if one.alive and one.in_effect)

    @property
    def lacking(self) -> tuple[Follower, ...]:
        """The followers that count, and do not have the change in effect."""
        return tuple(one for one in self.followers if one.alive and not one.in_effect)

    @property
    def silent(self) -> tuple[Follower, ...]:
        """The followers that do not count."""
        return tuple(one for one in self.followers if not one.alive)


def judge_followers(
    reports: Iterable[FollowerReport], asked: AskedChange, newest: int | None, now: str
) -> FollowersVerdict:
    """Return how those who report stand to a change.

    ``newest`` is the number of the newest change, None without a history; it must have been read after the reports.
    ``now`` is the time, as in a report.
    """
    found = sorted(reports, key=lambda one: (normal_name(one.name), one.name))
    return FollowersVerdict(asked, newest, tuple(_judge_one(one, asked, newest, now) for one in found))


def _judge_one(report: FollowerReport, asked: AskedChange, newest: int | None, now: str) -> Follower:
    waits = tuple(one for one in report.waiting if _is_touched(one, asked.places))
    return Follower(report, _stand(report, asked, newest, waits), _measure_silence(report, now), waits)


def _stand(
    report: FollowerReport, asked: AskedChange, newest: int | None, waits: tuple[WaitingChange, ...]
) -> Standing:
    if report.number is None or asked.number is None:
        return "unknown"
    if newest is not None and report.number > newest:
        return "ahead"
    if report.number < asked.number:
        return "behind"
    return "waiting" if waits or report.more else "in-effect"


def _is_touched(waiting: WaitingChange, places: Places | None) -> bool:
    if places is None:
        return True
    key = _key_of(waiting.path)
    names = places.get(key)
    if names is None:  # an object as such goes with all that is below it
        return any(key.startswith(f"{above}/") for above, touched in places.items() if not touched)
    return not names or not waiting.properties or not names.isdisjoint(waiting.properties)


def _measure_silence(report: FollowerReport, now: str) -> int | None:
    """Return the whole seconds since a report was written, 0 for the future; None for what is no time."""
    clock = seconds_of(now)
    age = None if clock is None else age_of(report, clock)
    return None if age is None else max(0, int(age))


# -- where changes were made -----------------------------------------------------------------------------------------


def places_of(changes: Iterable[ObjectChange]) -> Places:
    """Return where changes were made, of a report."""
    return _join_places(((one.path, one.new_path), one.action, one.names()) for one in changes)


def recorded_places(changes: Iterable[RecordedChange]) -> Places:
    """Return where changes were made, of a record of the history."""
    return _join_places(((one.path, one.new_path), one.action, one.names) for one in changes)


def _join_places(
    changes: Iterable[tuple[tuple[ManagedObjectPath | None, ...], str, Iterable[str]]],
) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for paths, action, names in changes:
        touched = frozenset(names) if action == "modify" else frozenset[str]()
        for path in paths:
            if path is not None:
                key = _key_of(str(path))
                known = found.get(key, touched)
                found[key] = known | touched if known and touched else frozenset()
    return found


def _key_of(path: str) -> str:
    """Return the form in which the texts of paths are compared."""
    return "/".join(map(normal_name, path.split("/")))
