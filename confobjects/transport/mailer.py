"""Sending mail through mail server objects: the public class, and the test mail.

A :class:`Mailer` that is used as a context manager keeps its connections. Otherwise each message has its
own connection. A mailer that follows a configuration sends each message by what is in effect when it begins.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.message import Sendable
from confobjects.mail.plan import DeliveryPlan, TokenSources
from confobjects.mail.planning import plan_delivery
from confobjects.mail.report import DeliveryReport
from confobjects.mail.senders import MailSender
from confobjects.records import Record
from confobjects.transport.fleet import FollowedServers
from confobjects.transport.fleets import FixedPlans, Fleet, Fleets, FollowedPlans, PlanSource
from confobjects.transport.many import MessageGroup, is_curable
from confobjects.transport.network import Network
from confobjects.transport.outgoing import Outgoing, SendResult, check_addresses, make_trial_message, prepare_outgoing
from confobjects.transport.pool import Outdated, Pool, is_stale
from confobjects.transport.probes import explain_error
from confobjects.transport.records import Counters, DeliveryLog
from confobjects.transport.smtp import Connection, open_connection
from confobjects.transport.watching import Progress, Watch

_GROUP: Final = 64
"""Messages that are taken together for each connection."""

_STATES: Final = 20
"""The number of states of the mail servers with which a message may begin again before it is sent."""


class Mailer:
    """Sends mail through a mail server, an object of the effective configuration, or through several.

    If one fails, the next is tried, unless the failure is in the message itself (no such recipient) or the message may
    have been delivered. :class:`~confobjects.transport.fleet.FollowedServers` in place of the objects are mail servers that may change:
    each message is sent by what is in effect when it begins, and fails as long as no mail server can be used.

    ``token`` is an OAuth 2.0 access token, used for the login instead of the password; ``tokens`` gives the source of the
    tokens of a provider, for mail servers that name one. ``explain`` makes a second connection after some failures to explain them (see :mod:`confobjects.transport.probes`). ``watch``
    explains them too, and is told of the stages of each connection that is made for one message; the mail is a test, and
    waits for a greeting no longer than a test does. ``network`` replaces resolving and connecting. Thread-safe. Raises :class:`~confobjects.errors.MailError` of stage plan if an
    object cannot be used.
    """

    def __init__(  # noqa: PLR0913 - what and how, all but the first by keyword
        self,
        servers: Any,
        *,
        token: str = "",
        tokens: TokenSources | None = None,
        explain: bool = False,
        network: Network | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._network = network
        self._explain = explain
        self._watch = watch
        self._records = DeliveryLog()
        host = socket.gethostname()

        def plan(server: Any) -> DeliveryPlan:
            found = plan_delivery(server, token=token, tokens=tokens, local_host=host)
            return found if watch is None else found.for_test()

        self._plans: PlanSource
        if isinstance(servers, FollowedServers):
            self._plans = FollowedPlans(servers, plan, self._records.log_problems)
        else:
            self._plans = _make_fixed_plans(servers, plan)
            self._records.log_problems(self._plans.read())
        self._single = Fleets(self._plans)
        self._single.read()
        self._pools: Fleets | None = None

    def __repr__(self) -> str:
        return f"<mail through {', '.join(plan.server for plan in self.plans) or 'no mail server'}>"

    @property
    def plans(self) -> tuple[DeliveryPlan, ...]:
        """The plans of the mail servers, in the order in which they are tried."""
        return self._plans.read().plans

    @property
    def plan(self) -> DeliveryPlan:
        """The plan of the first mail server. Raises MailError of stage plan if none can be used."""
        return self._single.read().first

    @property
    def counters(self) -> Counters:
        """The counters as they are now."""
        return self._records.counters

    # -- connections -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._pools = self._make_pools()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every kept connection."""
        pools, self._pools = self._pools, None
        if pools is not None:
            pools.close()

    def _make_pools(self) -> Fleets:
        return Fleets(self._plans, partial(Pool, network=self._network, opened=self._records.count_connection))

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(
        self, message: Sendable, from_: str | None = None, to: str | Iterable[str] | None = None
    ) -> DeliveryReport:
        """Send one message and return the report.

        ``message`` is an :class:`email.message.EmailMessage`, bytes, or an open binary file. Without ``to`` the
        recipients are those in its To, Cc and Bcc headers. Without ``from_`` the envelope sender comes from the plan.
        If Date, Message-ID or From is missing, it is added to the copy that is sent. Raises
        :class:`~confobjects.errors.MailError`.
        """
        outgoing = _as_outgoing(Outgoing(message, from_, to))
        fleets = self._pools or self._single
        fleet = fleets.read()
        if fleet.plans:
            check_addresses(outgoing, fleet.first)
        return self._send(outgoing, fleets, fleet)

    def send_many(
        self,
        messages: Iterable[Sendable | Outgoing],
        *,
        connections: int = 1,
        stop: threading.Event | None = None,
    ) -> Generator[SendResult, None, None]:
        """Send messages over kept connections; yield the result of each, in the order of the messages.

        If the server offers PIPELINING, the envelope of the next message is sent with the content of the last, so that
        a message costs one round trip. ``connections`` is the number used in parallel, at most that of the pool. A
        failure affects its own message only. Messages are taken from the iterable in groups; a group is sent when its
        first result is requested. When ``stop`` is set, no further message is begun; those that were not have no result.
        Raises only what the iterable itself raises.
        """
        return self._send_in_groups(messages, connections, threading.Event() if stop is None else stop)

    def _send_in_groups(
        self, messages: Iterable[Sendable | Outgoing], connections: int, stop: threading.Event
    ) -> Generator[SendResult, None, None]:
        own = self._make_pools() if self._pools is None else None
        fleets = self._pools or own or self._single
        source, start = iter(messages), _Start(fleets.read())
        size = _GROUP * max(1, min(connections, start.fleet.most_connections))
        try:
            while not stop.is_set() and (batch := [_as_outgoing(one) for one in islice(source, size)]):
                results, start = self._send_group(MessageGroup(batch, stop), fleets, start, connections)
                yield from results
        finally:
            if own is not None:
                own.close()

    async def asend(
        self, message: Sendable, from_: str | None = None, to: str | Iterable[str] | None = None
    ) -> DeliveryReport:
        """Send one message without blocking the event loop: :meth:`send` in a thread."""
        import asyncio

        return await asyncio.to_thread(self.send, message, from_, to)

    async def asend_many(
        self, messages: Iterable[Sendable | Outgoing], *, connections: int = 1
    ) -> AsyncGenerator[SendResult, None]:
        """Send messages without blocking the event loop: :meth:`send_many` in a thread, iterable included.

        If this is cancelled, no further message is begun. Those under way come to their end in the thread; the counters
        and the log have them.
        """
        import asyncio

        stop = threading.Event()
        results = _ThreadedResults(self._send_in_groups(messages, connections, stop), stop)
        try:
            while (result := await asyncio.to_thread(results.take)) is not None:
                yield result
        finally:
            if results.leave():
                await asyncio.to_thread(results.close)

    # -- one message -------------------------------------------------------------------------------------------------

    def _send(
        self, outgoing: Outgoing, fleets: Fleets, fleet: Fleet, first: int = 0, before: Sequence[MailError] = ()
    ) -> DeliveryReport:
        """Send a message through the first mail server that accepts it. Raises MailError if none does.

        It begins again with the fleet of now if ``fleet`` is outdated before the message was sent.
        """
        for _ in range(_STATES):
            with suppress(Outdated):
                return self._send_through(outgoing, fleets, fleet, first, before)
            fleet, first, before = fleets.read(), 0, ()
        summary = "the mail servers change faster than a connection to one of them can be made"
        problem = Diagnostic("mail-plan", summary, remedy="Send the message again later.")
        raise self._records.record_failures([MailError(problem)])

    def _send_through(
        self, outgoing: Outgoing, fleets: Fleets, fleet: Fleet, first: int, before: Sequence[MailError]
    ) -> DeliveryReport:
        """Send a message through one fleet. Raises MailError, and Outdated if there is another one before it is sent."""
        failures = list(before)
        for number in range(first, len(fleet.plans)):
            if not fleets.is_current(fleet):
                raise Outdated
            try:
                if fleet.pools:
                    report = self._send_over_kept(fleet.pools[number], outgoing, partial(fleets.is_current, fleet))
                else:
                    report = self._send_over_own(fleet.plans[number], outgoing)
            except MailError as error:
                failures.append(error)
                if not is_curable(error):
                    break
            else:
                return self._records.record_delivery(report, failures)
        raise self._records.record_failures(failures or [fleet.error])

    def _send_over_kept(self, pool: Pool, outgoing: Outgoing, still: Callable[[], bool]) -> DeliveryReport:
        most = pool.plan.pool.connections
        for stale in range(most + 1):  # the server may have closed each that was kept
            connection = pool.take(still=still)
            try:
                return deliver_through(connection, outgoing)
            except DeliveryError as error:
                if stale == most or not is_stale(error, connection):
                    raise self._explain_error(error, connection) from None
                self._records.count_retries()
            finally:
                pool.give_back(connection, still)
        raise AssertionError

    def _send_over_own(self, plan: DeliveryPlan, outgoing: Outgoing) -> DeliveryReport:
        connection, watch = Connection(plan, self._network), self._watch
        try:
            connection = open_connection(plan, self._network, (lambda _: None) if watch is None else watch.begin)
            self._records.count_connection()
            return deliver_through(connection, outgoing)
        except DeliveryError as error:
            raise self._explain_error(error, connection) from None
        finally:
            connection.quit()
            if watch is not None:
                watch.tell_ended(last=True)

    def _explain_error(self, error: DeliveryError, connection: Connection) -> DeliveryError:
        if self._watch is not None:
            return self._watch.explain(error, connection)
        return explain_error(error, connection) if self._explain else error

    # -- many messages -----------------------------------------------------------------------------------------------

    def _send_group(
        self, group: MessageGroup, fleets: Fleets, start: _Start, connections: int
    ) -> tuple[list[SendResult], _Start]:
        """Send a group; return the results, and where the next group starts.

        If the group was stopped, messages that were not begun have no result.
        """
        course, settled = _Course(fleets.read()), dict[int, tuple[_Course, int]]()
        first = start.first if course.fleet is start.fleet else 0
        for _ in range(_STATES):
            group.still = partial(fleets.is_current, course.fleet)
            with suppress(Outdated):
                first = self._send_over_fleet(group, course, first, connections, settled)
                break
            course, first = _Course(fleets.read()), 0
        messages, start = group.messages, _Start(course.fleet, first)
        self._records.count_retries(len(group.retried))
        if len(group.accounts) == len(messages) and not any(one.failures for one, _ in settled.values()):
            self._records.record_deliveries(group.accounts.values())
            return [
                SendResult(messages[n], account.make_report) for n, account in sorted(group.accounts.items())
            ], start
        results = [
            self._make_result(group, number, fleets, *settled.get(number, (course, None)))
            for number in range(len(messages))
            if not group.stop.is_set() or number in group.accounts or number in group.errors
        ]
        return results, start

    @staticmethod
    def _send_over_fleet(
        group: MessageGroup,
        course: _Course,
        first: int,
        connections: int,
        settled: dict[int, tuple[_Course, int]],
    ) -> int:
        """Send a group through one fleet; return the number of the mail server that worked.

        The messages that are settled are noted with the mail server by which they are. Raises Outdated if there is
        another fleet before all messages were begun.
        """
        pools = course.fleet.pools
        for number in range(first, len(pools)):
            try:
                group.send(pools[number], connections, last=number == len(pools) - 1)
            except MailError as error:  # there is no connection
                course.failures[number] = error
            finally:
                settled.update(dict.fromkeys(group.settled - settled.keys(), (course, number)))
            if number not in course.failures:
                return number
            if not is_curable(course.failures[number]):
                break
        return first

    def _make_result(
        self, group: MessageGroup, number: int, fleets: Fleets, course: _Course, server: int | None
    ) -> SendResult:
        """Return the result of a message that a mail server, by its number in a fleet, has settled, or none has.

        Only failures to connect to the mail servers before that one concern the message.
        """
        outgoing, fleet = group.messages[number], course.fleet
        account, error, report = group.accounts.get(number), group.errors.get(number), None
        before = [failure for one, failure in course.failures.items() if server is None or one < server]
        try:
            if server is None and before:
                raise self._records.record_failures(before)
            if account is not None:
                report = self._records.record_delivery(account.make_report(), before)
            elif error is not None and server is not None and is_curable(error) and not group.stop.is_set():
                report, error = self._send(outgoing, fleets, fleet, server + 1, [*before, error]), None
            elif error is not None:
                error = self._records.record_failures([*before, error])
            else:
                report = self._send(outgoing, fleets, fleet, server or 0, before)
        except MailError as failed:
            error = failed
        return SendResult(outgoing, report, error)


class _Course:
    """How a group goes through one fleet: the failures to connect, by the number of the mail server."""

    __slots__ = ("failures", "fleet")

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.failures: dict[int, MailError] = {}


class _Start(Record):
    """Where a group starts: with the mail server, by its number in a fleet, that worked for the group before."""

    fleet: Fleet
    first: int = 0


class _ThreadedResults:
    """Results that are taken one by one in threads. Whoever takes them may leave while one is being taken."""

    def __init__(self, results: Generator[SendResult, None, None], stop: threading.Event) -> None:
        self._results = results
        self._stop = stop
        self._lock = threading.Lock()
        self._busy = False

    def take(self) -> SendResult | None:
        """Return the next result, None if there is none or if nobody waits for it any more."""
        with self._lock:
            if self._stop.is_set():
                return None
            self._busy = True
        try:
            return next(self._results, None)
        finally:
            with self._lock:
                self._busy = False
                left = self._stop.is_set()
            if left:
                self.close()

    def leave(self) -> bool:
        """Begin no further message. Return whether the caller has to close the results; else the thread does it."""
        with self._lock:
            self._stop.set()
            return not self._busy

    def close(self) -> None:
        """Close the results, and what was opened for them."""
        self._results.close()


def _make_fixed_plans(servers: Any, plan: Callable[[Any], DeliveryPlan]) -> FixedPlans:
    listed = list(servers) if isinstance(servers, list | tuple) else [servers]
    if not listed:
        raise MailError(Diagnostic("mail-plan", "there is no mail server", remedy="Create one, and enable it."))
    return FixedPlans(tuple(plan(one) for one in listed))


def _as_outgoing(one: Sendable | Outgoing) -> Outgoing:
    """Return the message with its recipients as a tuple: a message may be tried twice, an iterable can be read once."""
    if not isinstance(one, Outgoing):
        return Outgoing(one)
    return one if one.to is None or isinstance(one.to, (str, tuple)) else one.replace(to=tuple(one.to))


def deliver_through(connection: Connection, outgoing: Outgoing) -> DeliveryReport:
    """Send one message over an open connection. Raises :class:`~confobjects.errors.MailError`."""
    envelope, message, message_id = prepare_outgoing(outgoing, connection.plan, connection.ehlo_name)
    try:
        outcome = connection.deliver(envelope, message, outgoing.leave)
    except DeliveryError as error:
        if not connection.can_do_without(error):
            raise
        connection.reopen()
        outcome = connection.deliver(envelope, message, outgoing.leave)
    report = connection.make_report(
        outcome.recipients, outcome.final, sender=envelope.sender, size=outcome.size, message_id=message_id
    )
    if outgoing.witness is not None:
        outgoing.witness.accept(lambda: report)
    return report


def send_test(  # noqa: PLR0913 - what and how, all but the addresses by keyword
    server: Any,
    to: str | Iterable[str],
    from_: str | None = None,
    *,
    sender: MailSender | None = None,
    tokens: TokenSources | None = None,
    network: Network | None = None,
    progress: Progress | None = None,
) -> DeliveryReport:
    """Send a short test mail through a mail server object and return the report. Failures are explained.

    ``sender`` says whom the mail comes from, in place of ``from_``. ``tokens`` gives the access tokens of OAuth 2.0
    providers. ``progress`` is told of each stage as it happens. A long silence of the server is looked into while it lasts.
    Raises :class:`~confobjects.errors.MailError`.
    """
    from_ = from_ if sender is None else sender.address
    mailer = Mailer(server, tokens=tokens, network=network, watch=Watch(progress))
    addresses = (to,) if isinstance(to, str) else tuple(to)
    check_addresses(
        Outgoing(b"", from_, addresses), mailer.plan
    )  # a text that is not an address must not get into a header
    return mailer.send(make_trial_message(mailer.plan, addresses, sender), from_, addresses)


__all__ = ["Counters", "Mailer", "Outgoing", "SendResult", "deliver_through", "make_trial_message", "send_test"]
