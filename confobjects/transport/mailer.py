"""Sending mail through mail server objects: the public class, and the test mail.

A :class:`Mailer` that is used as a context manager keeps its connections. Otherwise each message has its
own connection.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.message import Sendable
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.mail.report import DeliveryReport
from confobjects.transport.many import MessageGroup, is_curable
from confobjects.transport.network import Network
from confobjects.transport.outgoing import Outgoing, SendResult, check_addresses, make_trial_message, prepare_outgoing
from confobjects.transport.pool import Pool, is_stale
from confobjects.transport.probes import explain_error
from confobjects.transport.records import Counters, DeliveryLog
from confobjects.transport.smtp import Connection, open_connection
from confobjects.transport.watching import Progress, Watch

_GROUP: Final = 64
"""Messages that are taken together for each connection."""


class Mailer:
    """Sends mail through a mail server, an object of the effective configuration, or through several.

    If one fails, the next is tried, unless the failure is in the message itself (no such recipient) or the message may
    have been delivered. ``token`` is an OAuth 2.0 access token, used for the login instead of the password. ``explain``
    makes a second connection after some failures to explain them (see :mod:`confobjects.transport.probes`). ``watch``
    explains them too, and is told of the stages of each connection that is made for one message. ``network`` replaces resolving and connecting. Thread-safe. Raises :class:`~confobjects.errors.MailError` of stage plan if an
    object cannot be used.
    """

    def __init__(
        self,
        servers: Any,
        *,
        token: str = "",
        explain: bool = False,
        network: Network | None = None,
        watch: Watch | None = None,
    ) -> None:
        listed = list(servers) if isinstance(servers, list | tuple) else [servers]
        if not listed:
            raise MailError(Diagnostic("mail-plan", "there is no mail server", remedy="Create one, and enable it."))
        host = socket.gethostname()
        self.plans: tuple[DeliveryPlan, ...] = tuple(plan_delivery(one, token=token, local_host=host) for one in listed)
        self._network = network
        self._explain = explain
        self._watch = watch
        self._records = DeliveryLog()
        self._pools: tuple[Pool, ...] | None = None
        for plan in self.plans:
            self._records.log_warnings(plan)

    @property
    def plan(self) -> DeliveryPlan:
        """The plan of the first mail server."""
        return self.plans[0]

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
        for pool in pools or ():
            pool.close()

    def _make_pools(self) -> tuple[Pool, ...]:
        return tuple(Pool(plan, self._network, opened=self._records.count_connection) for plan in self.plans)

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
        check_addresses(outgoing, self.plan)
        return self._send(outgoing, self._pools)

    def send_many(
        self, messages: Iterable[Sendable | Outgoing], *, connections: int = 1
    ) -> Generator[SendResult, None, None]:
        """Send messages over kept connections; yield the result of each, in the order of the messages.

        If the server offers PIPELINING, the envelope of the next message is sent with the content of the last, so that
        a message costs one round trip. ``connections`` is the number used in parallel, at most that of the pool. A
        failure affects its own message only. Messages are taken from the iterable in groups; a group is sent when its
        first result is requested. Raises only what the iterable itself raises.
        """
        return self._send_in_groups(messages, connections, threading.Event())

    def _send_in_groups(
        self, messages: Iterable[Sendable | Outgoing], connections: int, stop: threading.Event
    ) -> Generator[SendResult, None, None]:
        own = self._make_pools() if self._pools is None else ()
        pools = self._pools or own
        source, first = iter(messages), 0
        size = _GROUP * max(1, min(connections, self.plan.pool.connections))
        try:
            while not stop.is_set() and (batch := [_as_outgoing(one) for one in islice(source, size)]):
                results, first = self._send_group(MessageGroup(batch, stop), pools, first, connections)
                yield from results
        finally:
            for pool in own:
                pool.close()

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
        self, outgoing: Outgoing, pools: Sequence[Pool] | None, first: int = 0, before: Sequence[MailError] = ()
    ) -> DeliveryReport:
        """Send a message through the first mail server that accepts it. Raises MailError if none does."""
        failures = list(before)
        for number in range(first, len(self.plans)):
            try:
                if pools is None:
                    report = self._send_over_own(self.plans[number], outgoing)
                else:
                    report = self._send_over_kept(pools[number], outgoing)
            except MailError as error:
                failures.append(error)
                if not is_curable(error):
                    break
            else:
                return self._records.record_delivery(report, failures)
        raise self._records.record_failures(failures)

    def _send_over_kept(self, pool: Pool, outgoing: Outgoing) -> DeliveryReport:
        for stale in range(pool.plan.pool.connections + 1):  # the server may have closed each that was kept
            connection = pool.take()
            try:
                return deliver_through(connection, outgoing)
            except DeliveryError as error:
                if stale == pool.plan.pool.connections or not is_stale(error, connection):
                    raise self._explain_error(error, connection) from None
                self._records.count_retries()
            finally:
                pool.give_back(connection)
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
        self, group: MessageGroup, pools: Sequence[Pool], first: int, connections: int
    ) -> tuple[list[SendResult], int]:
        """Send a group; return the results, and the number of the mail server that worked.

        If the group was stopped, messages that were not begun have no result.
        """
        failures, servers = dict[int, MailError](), dict[int, int]()
        for number in range(first, len(pools)):
            try:
                group.send(pools[number], connections, last=number == len(pools) - 1)
            except MailError as error:  # there is no connection
                failures[number] = error
            servers.update(dict.fromkeys(group.settled - servers.keys(), number))
            if number not in failures:
                first = number
            if number not in failures or not is_curable(failures[number]):
                break
        messages = group.messages
        self._records.count_retries(len(group.retried))
        if not failures and len(group.accounts) == len(messages):
            self._records.record_deliveries(group.accounts.values())
            return [
                SendResult(messages[n], account.make_report) for n, account in sorted(group.accounts.items())
            ], first
        results = [
            self._make_result(group, number, failures, pools, servers.get(number))
            for number in range(len(messages))
            if not group.stop.is_set() or number in group.accounts or number in group.errors
        ]
        return results, first

    def _make_result(
        self,
        group: MessageGroup,
        number: int,
        failures: Mapping[int, MailError],
        pools: Sequence[Pool],
        server: int | None,
    ) -> SendResult:
        """Return the result of a message that a server, by its number, has settled, or none has.

        ``failures`` are those to connect, by server. Only those of the servers before concern the message.
        """
        outgoing = group.messages[number]
        account, error, report = group.accounts.get(number), group.errors.get(number), None
        before = [failure for one, failure in failures.items() if server is None or one < server]
        try:
            if server is None:
                raise self._records.record_failures(before)
            if account is not None:
                report = self._records.record_delivery(account.make_report(), before)
            elif error is not None and (group.stop.is_set() or not is_curable(error)):
                error = self._records.record_failures([*before, error])
            elif error is not None:
                report, error = self._send(outgoing, pools, server + 1, [*before, error]), None
            else:
                report = self._send(outgoing, pools, server, before)
        except MailError as failed:
            error = failed
        return SendResult(outgoing, report, error)


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


def _as_outgoing(one: Sendable | Outgoing) -> Outgoing:
    """Return the message with its recipients as a tuple: a message may be tried twice, an iterable can be read once."""
    if not isinstance(one, Outgoing):
        return Outgoing(one)
    return one if one.to is None or isinstance(one.to, (str, tuple)) else one.replace(to=tuple(one.to))


def deliver_through(connection: Connection, outgoing: Outgoing) -> DeliveryReport:
    """Send one message over an open connection. Raises :class:`~confobjects.errors.MailError`."""
    envelope, message, message_id = prepare_outgoing(outgoing, connection.plan, connection.ehlo_name)
    try:
        outcome = connection.deliver(envelope, message)
    except DeliveryError as error:
        if not connection.can_do_without(error):
            raise
        connection.reopen()
        outcome = connection.deliver(envelope, message)
    return connection.make_report(
        outcome.recipients, outcome.final, sender=envelope.sender, size=outcome.size, message_id=message_id
    )


def send_test(
    server: Any,
    to: str | Iterable[str],
    from_: str | None = None,
    *,
    network: Network | None = None,
    progress: Progress | None = None,
) -> DeliveryReport:
    """Send a short test mail through a mail server object and return the report. Failures are explained.

    ``progress`` is told of each stage as it happens. A long silence of the server is looked into while it lasts. Raises
    :class:`~confobjects.errors.MailError`.
    """
    mailer = Mailer(server, network=network, watch=Watch(progress))
    mailer.plans = tuple(plan.for_test() for plan in mailer.plans)
    addresses = (to,) if isinstance(to, str) else tuple(to)
    check_addresses(
        Outgoing(b"", from_, addresses), mailer.plan
    )  # a text that is not an address must not get into a header
    return mailer.send(make_trial_message(mailer.plan, addresses), from_, addresses)


__all__ = ["Counters", "Mailer", "Outgoing", "SendResult", "deliver_through", "make_trial_message", "send_test"]
