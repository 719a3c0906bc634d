"""Sending mail through mail server objects: the one public class, and the test mail.

A :class:`Mailer` used as a context manager keeps its connections; without one each message has a connection of its own.
"""

from __future__ import annotations

import copy
import logging
import socket
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.utils import format_datetime, make_msgid
from itertools import islice
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.dialogue import Outcome
from confobjects.mail.envelope import Envelope, make_envelope
from confobjects.mail.message import Sendable, recipients_of
from confobjects.mail.plan import DeliveryPlan, plan_delivery
from confobjects.mail.report import DeliveryReport
from confobjects.transport.network import Network
from confobjects.transport.pool import Pool, is_stale
from confobjects.transport.probes import explained
from confobjects.transport.smtp import Connection, open_connection

_LOG: Final = logging.getLogger("confobjects.mail")
_LOG.addHandler(logging.NullHandler())  # a program that set up no logging gets exceptions, not lines on standard error
_BATCH: Final = 64


class Outgoing(NamedTuple):
    """A message to send, and its envelope where the headers do not say it."""

    message: Sendable
    from_: str | None = None
    to: str | Iterable[str] | None = None


class Result(NamedTuple):
    """What became of one message of many: the report, or the error."""

    outgoing: Outgoing
    report: DeliveryReport | None
    error: MailError | None


@dataclass(slots=True)
class Counters:
    """What a mailer has done so far."""

    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    recipients: int = 0
    refused: int = 0
    bytes: int = 0
    connections: int = 0
    retries: int = 0
    failed_over: int = 0


class Mailer:
    """Sends mail through a mail server, an object of the effective configuration, or through several.

    Of several the next is tried when one fails, unless the failure is the message's own (no such recipient) or the
    message may have been delivered. ``token`` is an OAuth 2.0 access token to log in with instead of the password.
    ``explain`` takes a second look at some failures (see :mod:`confobjects.transport.probes`). ``network`` replaces
    resolving and connecting. Safe for use by threads. Raises :class:`~confobjects.errors.MailError` of stage plan when
    an object cannot be used.
    """

    def __init__(self, servers: Any, *, token: str = "", explain: bool = False, network: Network | None = None) -> None:
        listed = list(servers) if isinstance(servers, list | tuple) else [servers]
        if not listed:
            raise MailError(Diagnostic("mail-plan", "there is no mail server", remedy="Create one, and enable it."))
        host = socket.gethostname()
        self.plans: tuple[DeliveryPlan, ...] = tuple(plan_delivery(one, token=token, local_host=host) for one in listed)
        self._network = network
        self._explain = explain
        self._counters = Counters()
        self._lock = threading.Lock()
        self._pools: tuple[Pool, ...] | None = None
        for plan in self.plans:
            for warning in plan.warnings:
                _LOG.warning("%s", warning.render(), extra={"confobjects": warning.as_json()})

    @property
    def plan(self) -> DeliveryPlan:
        """The plan of the first mail server."""
        return self.plans[0]

    @property
    def counters(self) -> Counters:
        """A copy of the counters as they are now."""
        with self._lock:
            return replace(self._counters)

    # -- connections -------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._pools = tuple(Pool(plan, self._network, opened=lambda: self._count(connections=1)) for plan in self.plans)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection that is kept."""
        pools, self._pools = self._pools, None
        for pool in pools or ():
            pool.close()

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(
        self, message: Sendable, from_: str | None = None, to: str | Iterable[str] | None = None
    ) -> DeliveryReport:
        """Send one message and return the report.

        ``message`` is an :class:`email.message.EmailMessage`, bytes, or an open binary file. Without ``to`` the
        recipients are those in its To, Cc and Bcc headers; without ``from_`` the envelope sender is the plan's. A
        missing Date, Message-ID and From are added to what is sent. Raises :class:`~confobjects.errors.MailError`.
        """
        outgoing = Outgoing(message, from_, self._recipients(message, to))
        failures: list[MailError] = []
        for number, plan in enumerate(self.plans):
            try:
                report = self._send_through(number, plan, outgoing)
            except MailError as error:
                failures.append(error)
                if not _curable(error):
                    break
                continue
            return self._delivered(report, failures)
        raise self._failed(failures)

    async def asend(
        self, message: Sendable, from_: str | None = None, to: str | Iterable[str] | None = None
    ) -> DeliveryReport:
        """Send one message without blocking the event loop: :meth:`send` in a thread of its own."""
        import asyncio  # noqa: PLC0415 - only asynchronous programs have it loaded

        return await asyncio.to_thread(self.send, message, from_, to)

    def send_many(self, messages: Iterable[Sendable | Outgoing]) -> Iterator[Result]:
        """Send messages one after the other over kept connections; yield each one's result, in order.

        Where the server offers PIPELINING the envelope of the next message goes along with the content of the last. A
        failure concerns its own message only. Messages are taken from the iterable in small groups, as results are
        asked for; nothing raises but what the iterable itself raises.
        """
        pools = self._pools
        source = iter(messages)
        own = Pool(self.plan, self._network, opened=lambda: self._count(connections=1)) if pools is None else pools[0]
        try:
            while batch := [_outgoing(one) for one in islice(source, min(_BATCH, self.plan.pool.messages))]:
                yield from self._batch(own, batch)
        finally:
            if pools is None:
                own.close()

    # -- one message -------------------------------------------------------------------------------------------------

    def _send_through(self, number: int, plan: DeliveryPlan, outgoing: Outgoing) -> DeliveryReport:
        if self._pools is None:
            return self._send_once(plan, outgoing)
        for attempt in (1, 2):
            with self._pools[number].connection() as connection:
                try:
                    return deliver_through(connection, *outgoing)
                except DeliveryError as error:
                    if attempt == 2 or not is_stale(error, connection):
                        raise self._explained(error, connection) from None
                    self._count(retries=1)
        raise AssertionError

    def _send_once(self, plan: DeliveryPlan, outgoing: Outgoing) -> DeliveryReport:
        connection = Connection(plan, self._network)
        try:
            connection = open_connection(plan, self._network)
            self._count(connections=1)
            return deliver_through(connection, *outgoing)
        except DeliveryError as error:
            raise self._explained(error, connection) from None
        finally:
            connection.quit()

    def _explained(self, error: DeliveryError, connection: Connection) -> DeliveryError:
        return explained(error, connection) if self._explain else error

    def _recipients(self, message: Sendable, to: str | Iterable[str] | None) -> Sequence[str]:
        if isinstance(to, str):
            return (to,)
        if to is not None:
            return tuple(to)
        if isinstance(message, Message):
            return recipients_of(message)
        raise MailError(
            Diagnostic(
                "mail-rcpt",
                "a message of bytes names no recipient by itself",
                path=self.plan.server,
                remedy="Name the recipients with to=….",
            )
        )

    # -- many messages -----------------------------------------------------------------------------------------------

    def _batch(self, pool: Pool, batch: list[Outgoing]) -> Iterator[Result]:
        """Send a group over one connection; what it could not take for its own reasons goes out one by one."""
        ready: list[tuple[Outgoing, Envelope, Sendable, str]] = []
        results: dict[int, Result] = {}
        try:
            with pool.connection() as connection:
                for number, outgoing in enumerate(batch):
                    try:
                        ready.append((outgoing, *self._prepared(connection, outgoing)))
                    except MailError as error:
                        results[number] = Result(outgoing, None, self._failed([error]))
                ended = connection.deliver_many([(envelope, message) for _, envelope, message, _ in ready])
                told = iter(ended)
                for number in range(len(batch)):
                    if number not in results:
                        results[number] = self._result(connection, ready.pop(0), next(told))
        except MailError as error:  # there is no connection
            if len(self.plans) == 1:  # and trying again for each message would only take time
                results.update((n, Result(one, None, self._failed([error]))) for n, one in enumerate(batch))
        for number, outgoing in enumerate(batch):
            yield results[number] if number in results else self._alone(outgoing)

    def _prepared(self, connection: Connection, outgoing: Outgoing) -> tuple[Envelope, Sendable, str]:
        recipients = self._recipients(outgoing.message, outgoing.to)
        return _prepared(connection, outgoing.message, outgoing.from_, recipients)

    def _result(
        self,
        connection: Connection,
        ready: tuple[Outgoing, Envelope, Sendable, str],
        ended: Outcome | DeliveryError | None,
    ) -> Result:
        outgoing, envelope, _, message_id = ready
        if isinstance(ended, Outcome):
            return Result(outgoing, self._delivered(_report(connection, ended, envelope, message_id), []), None)
        if ended is None or (ended.diagnosis.retry and not ended.unknown and connection.closed):
            return self._alone(outgoing)
        return Result(outgoing, None, self._failed([ended]))

    def _alone(self, outgoing: Outgoing) -> Result:
        try:
            return Result(outgoing, self.send(*outgoing), None)
        except MailError as error:
            return Result(outgoing, None, error)

    # -- telling -----------------------------------------------------------------------------------------------------

    def _delivered(self, report: DeliveryReport, failures: Sequence[MailError]) -> DeliveryReport:
        if failures:
            report = replace(report, failed_over=tuple(_code(error) for error in failures))
        self._count(
            delivered=1,
            recipients=len(report.delivered),
            refused=len(report.refused),
            bytes=report.size,
            failed_over=int(bool(failures)),
        )
        if _LOG.isEnabledFor(logging.INFO):
            facts = {
                "event": "delivered",
                "server": report.server,
                "sender": report.sender,
                "recipients": len(report.delivered),
                "refused": len(report.refused),
                "size": report.size,
                "message_id": report.message_id,
                "reply": report.reply,
                "ms": round(sum(stage.milliseconds for stage in report.stages), 3),
                "failed_over": list(report.failed_over),
            }
            _LOG.info(
                "delivered %s through %s: %s", report.message_id, report.server, report.reply, extra=_extra(facts)
            )
        return report

    def _failed(self, failures: Sequence[MailError]) -> MailError:
        """Return the error to raise: the first mail server's, with what the others said."""
        first = failures[0]
        unknown = any(isinstance(error, DeliveryError) and error.unknown for error in failures)
        self._count(failed=1, unknown=int(unknown))
        if unknown:  # what matters most: it may have been delivered
            first = next(error for error in failures if isinstance(error, DeliveryError) and error.unknown)
        others = [one for error in failures if error is not first for one in error.diagnostics]
        first.diagnostics = (*first.diagnostics, *others)
        facts = {"event": "failed", "server": first.diagnostics[0].path, "code": _code(first), "stage": first.stage}
        _LOG.error("%s", first.diagnostics[0].render(), extra=_extra(facts))
        return first

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self._counters, name, getattr(self._counters, name) + number)


def _extra(facts: dict[str, Any]) -> dict[str, Any]:
    return {"confobjects": facts}


def _code(error: MailError) -> str:
    return error.diagnosis.code if isinstance(error, DeliveryError) else error.diagnostics[0].code


def _curable(error: MailError) -> bool:
    """Tell whether another mail server may do what this one did not."""
    if isinstance(error, DeliveryError):
        return error.diagnosis.elsewhere and not error.unknown
    return error.stage == "trust"


def _outgoing(one: Sendable | Outgoing) -> Outgoing:
    return one if isinstance(one, Outgoing) else Outgoing(one)


def deliver_through(
    connection: Connection, message: Sendable, from_: str | None, to: str | Iterable[str] | None
) -> DeliveryReport:
    """Send one message over an open connection. Raises :class:`~confobjects.errors.MailError`."""
    recipients = (to,) if isinstance(to, str) else tuple(to or ())
    envelope, prepared, message_id = _prepared(connection, message, from_, recipients)
    return _report(connection, connection.deliver(envelope, prepared), envelope, message_id)


def _prepared(
    connection: Connection, message: Sendable, from_: str | None, recipients: Iterable[str]
) -> tuple[Envelope, Sendable, str]:
    sender = connection.plan.sender_for(connection.ehlo_name) if from_ is None else from_
    envelope = make_envelope(sender, recipients, path=connection.plan.server)
    return (envelope, *_stamped(message, sender))


def _report(connection: Connection, outcome: Outcome, envelope: Envelope, message_id: str) -> DeliveryReport:
    return connection.report(
        outcome.recipients, outcome.final, sender=envelope.sender, size=outcome.size, message_id=message_id
    )


def _stamped(message: Sendable, sender: str) -> tuple[Sendable, str]:
    """Return a message that has Date, Message-ID and From, and its Message-ID; the original is not changed."""
    if not isinstance(message, Message):
        return message, ""
    missing = [name for name in ("Date", "Message-ID", "From") if name not in message]
    if not missing:
        return message, str(message["message-id"])
    clone = copy.copy(message)
    for name in missing:
        del clone[name]  # gives the copy a header list of its own
    domain = sender.rpartition("@")[2]
    values = {
        "Date": format_datetime(datetime.now(UTC)),
        "Message-ID": make_msgid(domain=domain if domain.isascii() and domain and "[" not in domain else "localhost"),
        "From": sender or "postmaster@localhost",
    }
    for name in missing:
        clone[name] = values[name]
    return clone, str(clone["message-id"]).strip()


def trial_message(plan: DeliveryPlan, to: Iterable[str]) -> EmailMessage:
    """Return a short mail that says which configuration it tests."""
    message = EmailMessage()
    message["Subject"] = f"Test of {plan.server}"
    message["To"] = ", ".join(to)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(
        f"This mail was sent to test the mail server configuration {plan.server}.\n"
        f"It went through {plan.host}, port {plan.port} ({plan.security}).\n"
    )
    return message


def send_test(
    server: Any, to: str | Iterable[str], from_: str | None = None, *, network: Network | None = None
) -> DeliveryReport:
    """Send a short test mail through a mail server object and return the report; failures are looked at twice.

    Raises :class:`~confobjects.errors.MailError`.
    """
    mailer = Mailer(server, explain=True, network=network)
    recipients = [to] if isinstance(to, str) else list(to)
    return mailer.send(trial_message(mailer.plan, recipients), from_, recipients)


__all__ = ["Counters", "Mailer", "Outgoing", "Result", "deliver_through", "send_test", "trial_message"]
