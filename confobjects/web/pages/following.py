"""What running services report: whether they have the newest change in effect, and what waits for a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.cli.output.followers import describe_follower, show_foreign
from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.management.followers import AskedChange, FollowersVerdict, judge_followers, recorded_places
from confobjects.records import Record
from confobjects.startup import current_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confobjects.management import ManagementContext


class Waiting(Record):
    """A change that a running service has seen, and that counts there only after an action of the administrator."""

    follower: str
    path: str
    properties: tuple[str, ...]


class ShownFollower(Record):
    """A running service, and how it stands to the newest change."""

    name: str
    host: str
    state: str
    is_alive: bool
    problems: tuple[str, ...]


def judge_running(context: ManagementContext) -> FollowersVerdict:
    """Return how the running services stand to the newest change."""
    reports = context.storage.followers()  # read first: one may report a change as soon as it is made
    try:
        history = context.outline()
        newest = context.recorded_change(history[-1].number) if history else None
    except NoSuchObjectError:
        return judge_followers(reports, AskedChange(None), None, current_time())
    if newest is None:
        return judge_followers(reports, AskedChange(0), 0, current_time())
    places = recorded_places(newest.changes) if newest.state == "done" else None
    return judge_followers(reports, AskedChange(newest.number, places), newest.number, current_time())


def list_followers(verdict: FollowersVerdict) -> list[ShownFollower]:
    """Return the running services as they are shown."""
    return [
        ShownFollower(
            show_foreign(one.name),
            show_foreign(one.report.host),
            describe_follower(one, verdict),
            one.alive,
            tuple(map(show_foreign, one.report.problems)),
        )
        for one in verdict.followers
    ]


def find_waiting(context: ManagementContext) -> list[Waiting]:
    """Return what waits for an action of the administrator in the services that are alive; nothing if that cannot be read."""
    try:
        reports = context.storage.followers()
    except ConfobjectsError:
        return []
    verdict = judge_followers(reports, AskedChange(None), None, current_time())
    return list(_list_waiting(verdict))


def _list_waiting(verdict: FollowersVerdict) -> Iterator[Waiting]:
    for one in verdict.alive:
        for waits in one.report.waiting:
            properties = tuple(map(show_foreign, waits.properties))
            yield Waiting(show_foreign(one.name), show_foreign(waits.path), properties)
