"""One connection to a mail server: reached, protected, logged in to, used, closed; each stage timed.

The conversations come from the mail room; here they meet a socket. A failure becomes a
:class:`~confobjects.mail.diagnosis.DeliveryError` with its diagnosis, the times of all stages and the transcript.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from confobjects.mail.diagnosis import DeliveryError, Diagnosis, Trouble, diagnose
from confobjects.mail.dialogue import (
    Dialogue,
    Outcome,
    Step,
    deliver,
    deliver_many,
    farewell,
    log_in,
    open_session,
    sign_of_life,
)
from confobjects.mail.envelope import Envelope, ascii_host
from confobjects.mail.message import Sendable
from confobjects.mail.plan import DeliveryPlan, address_literal
from confobjects.mail.replies import ProtocolViolation, Reply
from confobjects.mail.report import DeliveryReport, RecipientResult, StageTime
from confobjects.mail.smtp import Answer, Misuse, SmtpClient, State
from confobjects.transport.channel import Channel
from confobjects.transport.deadline import Deadline
from confobjects.transport.network import Address, Network, connect, resolve
from confobjects.transport.proxy import tunnel
from confobjects.transport.trust import Trust, trust_for

T = TypeVar("T")


class Connection:
    """A connection that is made, used and closed by its methods, in that order; for one thread at a time."""

    def __init__(self, plan: DeliveryPlan, network: Network | None = None) -> None:
        self.plan = plan
        self.network = network or Network()
        self.client = SmtpClient()
        self.stages: list[StageTime] = []
        self.address = ""
        self.security = "none"
        self.mechanism = ""
        self.ehlo_name = plan.ehlo_name or ""
        self.trust: Trust | None = None
        self.messages = 0
        self._channel: Channel | None = None
        self._found: Sequence[Address] = ()
        self._sent_certificates: tuple[bytes, ...] = ()
        self._deadline = Deadline(plan.timeouts.total)

    # -- making ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, protect the connection as planned, and log in.

        Raises :class:`~confobjects.errors.MailError` (stage trust) and DeliveryError.
        """
        try:
            for stage in (self.load_trust, self.resolve, self.connect, self.start, self.greet, self.log_in):
                stage()
        except BaseException:
            self.close()
            raise

    def load_trust(self) -> None:
        """Load what is trusted, where TLS is planned: nothing is connected before that is in order."""
        if self.plan.security != "none":
            with self._told():
                self.trust = self._trust()

    def _trust(self) -> Trust:
        unchecked = self.plan.tls.unchecked_hosts
        if unchecked and "*" not in unchecked and self.plan.host not in unchecked:
            raise Trouble("tls", "host-not-in-trust-list")
        return trust_for(self.plan.trust, self.plan.tls, unchecked=bool(unchecked))

    def resolve(self) -> None:
        """Look the host up, or the proxy's."""
        plan = self.plan
        host, port = (plan.proxy.host, plan.proxy.port) if plan.proxy else (plan.host, plan.port)
        with self._told(host=host), self._stage("resolve"):
            self._found = resolve(self.network, host, port, self._deadline, plan.timeouts.connect)

    def connect(self) -> None:
        """Connect to one of the addresses found."""
        plan = self.plan
        source = (plan.local_address, plan.local_port) if plan.local_address or plan.local_port else None
        with self._told(), self._stage("connect"):
            sock, address = connect(self.network, self._found, self._deadline, plan.timeouts.connect, source)
            self.address = str(address)
            self._channel = Channel(sock, plan.timeouts, self._deadline)
            if plan.proxy is not None:
                tunnel(self._channel, plan.proxy, plan.host, plan.port)
        self.client.transcript.event(f"connected to {self.address}")
        self.ehlo_name = plan.ehlo_name or address_literal(self._channel.local_address)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses found for the host."""
        return tuple(map(str, self._found))

    def start(self) -> None:
        """Negotiate TLS, if it comes first."""
        if self.plan.security == "implicit-tls":
            with self._told(), self._stage("tls"):
                self.security = self._start_tls()
            self.client.tls = True
            self.client.transcript.event(f"TLS is established: {self.security}")

    def greet(self) -> None:
        """Wait for the greeting, greet, and do STARTTLS if that is planned."""
        self.run(open_session(self.client, self.plan, self.ehlo_name))

    def log_in(self) -> None:
        """Log in, if that is planned."""
        if self.plan.login is not None:
            self.mechanism = self.run(log_in(self.client, self.plan.login, secrets.token_urlsafe(24)))

    def _start_tls(self) -> str:
        assert self._channel is not None and self.trust is not None  # noqa: S101, PT018 - set by connect and load_trust
        return self._channel.start_tls(self.trust.context, ascii_host(self.plan.host).rstrip("."))

    @property
    def sent_certificates(self) -> tuple[bytes, ...]:
        """The certificates the server sent (DER), its own first; also after the connection is closed."""
        if self._channel is not None:
            self._sent_certificates = self._channel.certificates or self._sent_certificates
        return self._sent_certificates

    # -- using -------------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Begin another delivery: the whole time counts anew, stages are recorded anew."""
        self._deadline = Deadline(self.plan.timeouts.total)
        if self._channel is not None:
            self._channel.deadline = self._deadline
        self.stages = []
        self.client.transcript = self.client.transcript.fresh()
        self.client.transcript.event(f"on the connection to {self.address} that was opened before")

    def deliver(self, envelope: Envelope, message: Sendable) -> Outcome:
        """Send one message. Raises DeliveryError."""
        self.messages += 1
        return self.run(deliver(self.client, self.plan, envelope, message), sender=envelope.sender or "<>")

    def deliver_many(self, items: Sequence[tuple[Envelope, Sendable]]) -> list[Outcome | DeliveryError | None]:
        """Send messages in a row; return how each ended, None for those that were not begun."""
        ended: list[Outcome | DeliveryError | None] = [None] * len(items)

        def note(number: int, end: Outcome | Trouble) -> None:
            self.messages += 1
            ended[number] = end if isinstance(end, Outcome) else self.failure(end, sender=items[number][0].sender)

        with contextlib.suppress(DeliveryError):  # the message it befell is noted below
            try:
                self.run(deliver_many(self.client, self.plan, items, note))
            except DeliveryError as error:
                if error.unknown:
                    ended[ended.index(None)] = error
                raise
        return ended

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""
        return self._channel is None or self.client.state is State.CLOSED

    def trust_unchanged(self) -> bool:
        """Tell whether the provider still trusts what it did when the connection was made. Raises MailError."""
        return self.trust is None or self._trust().fingerprint == self.trust.fingerprint

    def alive(self) -> bool:
        """Ask the server whether the connection still lives."""
        self.renew()
        try:
            return self.run(sign_of_life(self.client, self.plan))
        except DeliveryError:
            return False

    @property
    def usable(self) -> bool:
        """Whether another message can be sent."""
        return self._channel is not None and self.client.state is State.SESSION and not self.client.awaited

    def quit(self) -> None:
        """Say goodbye and close. A server that does not answer is none of the delivery's business."""
        if self._channel is not None and self.client.state in (State.SESSION, State.ENVELOPE, State.GREETED):
            with contextlib.suppress(DeliveryError):
                self.run(farewell(self.client, self.plan))
        self.close()

    def close(self) -> None:
        """Close without a word."""
        if self._channel is not None:
            self._sent_certificates = self.sent_certificates
            self._channel.close()
            self._channel = None

    # -- driving -----------------------------------------------------------------------------------------------------

    def run(self, dialogue: Dialogue[T], **facts: Any) -> T:
        """Drive a conversation to its end. Raises DeliveryError."""
        with self._told(**facts):
            try:
                step = next(dialogue)
                while True:
                    try:
                        answers = self._answers(step)
                    except Trouble as trouble:
                        step = dialogue.throw(trouble)
                    else:
                        step = dialogue.send(answers)
            except StopIteration as end:
                result: T = end.value
                return result

    @contextlib.contextmanager
    def _told(self, **facts: Any) -> Iterator[None]:
        """Close on a trouble, and tell it."""
        try:
            yield
        except Trouble as trouble:
            self._mark_failed(trouble.stage)
            self.close()
            raise self.failure(trouble, **facts) from None
        except Misuse:
            if not self.client.closed:
                raise
            # The server said that it is closing behind an answer that let us go on.
            stage = self.stages[-1].stage
            self._mark_failed(stage)
            self.close()
            raise self.failure(Trouble(stage, "closing"), **facts) from None

    def _mark_failed(self, stage: str) -> None:
        spent = 0.0
        if self.stages and (self.stages[-1].stage == stage or not self.stages[-1].ok):
            last = self.stages.pop()
            stage, spent = last.stage, last.milliseconds
        self.stages.append(StageTime(stage, spent, ok=False))

    def _answers(self, step: Step) -> Sequence[Answer]:
        with self._stage(step.stage):
            if step.stage == "tls":
                self.security = self._start_tls()
                self.client.tls_established(self.security)
                return ()
            return self._exchange(step)

    def _exchange(self, step: Step) -> Sequence[Answer]:
        channel = self._channel
        if channel is None:
            raise Trouble(step.stage, "connection-lost", message="it is closed")
        answers: list[Answer] = []
        try:
            if data := self.client.data_to_send():
                channel.send(data, step.stage)
            while len(answers) < step.answers and not self._is_over():
                limit = channel.reply_step()
                before = len(answers)
                while len(answers) == before and not self._is_over():
                    received = self.client.receive(channel.receive(limit, step.stage))
                    answers.extend(answer for answer in received if answer.verb)
        except ProtocolViolation as violation:
            raise self._lost(Trouble.of(step.stage, violation), answers) from None
        except Trouble as trouble:
            raise self._lost(trouble, answers) from None
        return answers

    def _is_over(self) -> bool:
        return self.client.closed

    def _lost(self, trouble: Trouble, answers: Sequence[Answer]) -> Trouble:
        """After the final dot a lost connection means that nobody knows what became of the message."""
        if self.client.verdict_awaited:
            trouble = Trouble(trouble.stage, "unknown-outcome", detail=[f"what happened: {trouble.kind}"])
        trouble.answers = answers
        return trouble

    @contextlib.contextmanager
    def _stage(self, stage: str) -> Iterator[None]:
        """Time a stage; parts of one that follow each other add up."""
        began, ok = time.perf_counter(), False
        try:
            yield
            ok = True
        except ProtocolViolation as violation:
            raise Trouble.of(stage, violation) from None
        finally:
            spent = (time.perf_counter() - began) * 1000
            if self.stages and self.stages[-1].stage == stage and self.stages[-1].ok:
                spent += self.stages.pop().milliseconds
            self.stages.append(StageTime(stage, spent, ok))

    # -- telling -----------------------------------------------------------------------------------------------------

    def failure(self, trouble: Trouble, **facts: Any) -> DeliveryError:
        """Return the error for a trouble, with all that is known."""
        plan = self.plan
        self.client.transcript.event(f"failed in stage {trouble.stage}: {trouble.kind}")
        diagnosis = self.diagnosed(trouble, **facts)
        results = trouble.facts.get("results", ())
        report = self.report(results, trouble.reply, final=False)
        return DeliveryError(diagnosis, plan.server, report=report, trouble=trouble)

    def diagnosed(self, trouble: Trouble, **facts: Any) -> Diagnosis:
        """Return what a trouble means, with all that is known here."""
        plan = self.plan
        known: dict[str, Any] = {
            "host": plan.host,
            "port": plan.port,
            "address": self.address or f"{plan.host}:{plan.port}",
            "ehlo": self.ehlo_name,
            "username": plan.login.username if plan.login else "this client",
            "mechanism": self.mechanism,
            "versions": " and ".join(plan.tls.versions),
            "trust": plan.trust.path or "of the runtime",
            "source": plan.local_address,
            **facts,
        }
        if trouble.kind == "certificate" and trouble.facts.get("verify_code") == 10 and self.trust is not None:
            expired = self.trust.expired(datetime.now(UTC).strftime("%Y%m%d%H%M%SZ"))
            if expired:
                trouble = Trouble("tls", "anchor-expired", anchor="; ".join(expired))
        return diagnose(trouble, known, self.client.transcript.masked)

    def report(
        self, results: Sequence[tuple[str, Reply]] = (), reply: Reply | None = None, *, final: bool = True, **facts: Any
    ) -> DeliveryReport:
        """Return the account of what was done so far."""
        mask = self.client.transcript.masked
        recipients = tuple(
            RecipientResult(address, answer.positive, mask(str(answer)), answer.temporary)
            for address, answer in results
        )
        return DeliveryReport(
            server=self.plan.server,
            host=self.plan.host,
            port=self.plan.port,
            address=self.address,
            security=self.security,
            mechanism=self.mechanism,
            recipients=recipients,
            reply=mask(str(reply)) if reply is not None and (final or not reply.positive) else "",
            stages=tuple(self.stages),
            conversation=self.client.transcript.copy(),
            **facts,
        )


def open_connection(plan: DeliveryPlan, network: Network | None = None) -> Connection:
    """Return an open connection, logged in.

    Where ``socketFactory.fallback`` is set and allowed, a failure of TLS leads to a second try in clear, without the
    login unless that too is allowed. Raises :class:`~confobjects.errors.MailError`.
    """
    connection = Connection(plan, network)
    try:
        connection.open()
    except DeliveryError as error:
        if not plan.options.fall_back_to_clear or error.stage != "tls":
            raise
        login = plan.login if plan.login is not None and plan.login.in_clear else None
        connection = Connection(replace(plan, security="none", login=login), network)
        connection.client.transcript.event(f"TLS failed ({error.diagnosis.code}); going on in clear, as it was allowed")
        connection.open()
    return connection
