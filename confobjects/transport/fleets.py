"""What messages are sent through: the plans of one state of the mail servers, and the pools of kept connections.

Laws: a message goes through the plans of one state. If that state is in effect no longer before the message was sent,
it begins again with the next one. A connection serves only messages of the plan that it was made by. The limits of a
pool count what was opened under any plan.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Final, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.plan import DeliveryPlan
from confobjects.records import Record
from confobjects.transport.fleet import ServerSource
from confobjects.transport.pool import Pool


class PlannedServers(Record):
    """The plans of the mail servers of one state, in the order in which they are tried.

    ``problems`` say why mail servers are left out. There is at least one plan or one problem.
    """

    plans: tuple[DeliveryPlan, ...]
    problems: tuple[Diagnostic, ...] = ()


class PlanSource(Protocol):
    """Where plans come from."""

    @property
    def latest(self) -> PlannedServers:
        """The plans that were read last, by anybody."""
        ...

    def read(self) -> PlannedServers:
        """Return the plans of now: the same object until something has changed."""
        ...


class FixedPlans:
    """Plans that never change."""

    def __init__(self, plans: tuple[DeliveryPlan, ...]) -> None:
        self.latest = PlannedServers(plans)

    def read(self) -> PlannedServers:
        """Return the plans."""
        return self.latest


class FollowedPlans:
    """The plans of mail servers that may change. Thread-safe.

    ``plan`` makes the plan of a mail server or raises MailError; ``tell`` is called with plans that differ from those
    before.
    """

    def __init__(
        self,
        source: ServerSource,
        plan: Callable[[Any], DeliveryPlan],
        tell: Callable[[PlannedServers], None],
    ) -> None:
        self._source = source
        self._plan = plan
        self._tell = tell
        self._lock = threading.Lock()
        self._seen: tuple[object, PlannedServers] = (object(), PlannedServers(()))
        _SHARED.add(self)

    def leave_to_parent(self) -> None:
        """Begin with a free lock in a child process."""
        self._lock = threading.Lock()

    @property
    def latest(self) -> PlannedServers:
        """The plans that were read last."""
        return self._seen[1]

    def read(self) -> PlannedServers:
        """Return the plans of what is in effect now."""
        state, planned = self._seen
        if self._source.read() is state:
            return planned
        with self._lock:
            state, before = self._seen
            now = self._source.read()
            if now is state:
                return before
            planned = self._make_plans(now)
            self._seen = (now, planned)
        if planned != before:
            self._tell(planned)
        return planned

    def _make_plans(self, state: object) -> PlannedServers:
        plans, problems = list[DeliveryPlan](), list[Diagnostic]()
        try:
            for server in self._source.choose(state):
                try:
                    plans.append(self._plan(server))
                except MailError as error:  # the others can be used
                    problems.extend(error.diagnostics)
        except MailError as error:  # there is none
            problems.extend(error.diagnostics)
        return PlannedServers(tuple(plans), tuple(problems))


class Fleet:
    """The plans of one state, and a pool for each if connections are kept."""

    __slots__ = ("_planned", "plans", "pools")

    def __init__(self, planned: PlannedServers, pools: tuple[Pool, ...] = ()) -> None:
        self._planned = planned
        self.plans = planned.plans
        self.pools = pools

    @property
    def first(self) -> DeliveryPlan:
        """The plan that is tried first. Raises MailError of stage plan if there is none."""
        if not self.plans:
            raise self.error
        return self.plans[0]

    @property
    def error(self) -> MailError:
        """The error of stage plan that says why there is no plan."""
        return MailError(self._planned.problems)

    @property
    def most_connections(self) -> int:
        """The number of connections that may be kept to the mail server that is tried first."""
        return self.plans[0].pool.connections if self.plans else 1

    def has_plans_of(self, planned: PlannedServers) -> bool:
        """Tell whether the plans are equal to others."""
        return self._planned == planned


class Fleets:
    """The fleet of each moment. Thread-safe. ``make`` makes the pool of a plan; without it no connections are kept."""

    def __init__(self, source: PlanSource, make: Callable[[DeliveryPlan], Pool] | None = None) -> None:
        self._source = source
        self._make = make
        self._lock = threading.Lock()
        self._pools: dict[tuple[str, int], Pool] = {}
        self._is_closed = False
        self._seen: tuple[PlannedServers | None, Fleet] = (None, Fleet(PlannedServers(())))
        _SHARED.add(self)

    def leave_to_parent(self) -> None:
        """Begin with a free lock in a child process."""
        self._lock = threading.Lock()

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pools that are used, and those from which connections are still lent."""
        return tuple(self._pools.values())

    def read(self) -> Fleet:
        """Return the fleet of now. Connections that nobody uses, made by plans of before, are closed."""
        planned, fleet = self._seen
        if self._source.read() is planned:
            return fleet
        outdated: list[Pool] = []
        with self._lock:  # nothing is logged here: a handler may send mail
            planned = self._source.latest
            if planned is not self._seen[0]:
                pools = self._renew_pools(planned, outdated)
                fleet = self._seen[1]
                if self._seen[0] is None or not fleet.has_plans_of(planned):
                    fleet = Fleet(planned, pools)
                self._seen = (planned, fleet)
            fleet = self._seen[1]
        for pool in outdated:
            pool.quit_outdated()
        return fleet

    def is_current(self, fleet: Fleet) -> bool:
        """Tell whether a fleet is that of now."""
        return self.read() is fleet

    def _renew_pools(self, planned: PlannedServers, outdated: list[Pool]) -> tuple[Pool, ...]:
        """Return the pools of plans. Those with idle connections of other plans are added to ``outdated``."""
        if self._make is None:
            return ()
        found: dict[tuple[str, int], Pool] = {}
        for plan in planned.plans:
            key = (plan.server, sum(server == plan.server for server, _ in found))
            pool = self._pools.get(key)
            if pool is None:
                pool = self._make(plan)
                if self._is_closed:
                    pool.close()
            elif pool.renew(plan):
                outdated.append(pool)
            found[key] = pool
        for key, pool in self._pools.items():
            if key not in found and pool.renew(None):
                outdated.append(pool)
        left = {key: pool for key, pool in self._pools.items() if key not in found and not pool.is_empty}
        self._pools = {**found, **left}
        return tuple(found.values())

    def close(self) -> None:
        """Close every kept connection. Those in use are closed when they are returned."""
        with self._lock:
            self._is_closed = True
            pools = self.pools
        for pool in pools:
            pool.close()


_SHARED: Final[weakref.WeakSet[FollowedPlans | Fleets]] = weakref.WeakSet()


def _leave_locks_to_parent() -> None:
    for one in tuple(_SHARED):
        one.leave_to_parent()


if hasattr(os, "register_at_fork"):  # where processes can fork
    os.register_at_fork(after_in_child=_leave_locks_to_parent)


__all__ = ["FixedPlans", "Fleet", "Fleets", "FollowedPlans", "PlanSource", "PlannedServers"]
