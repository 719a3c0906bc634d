"""One connection to a mail server: connect, protect, log in, use, close; each stage is timed.

The conversations come from the mail room; here they run over a socket. A failure becomes a
:class:`~confobjects.mail.diagnosis.DeliveryError` with its diagnosis, the times of all stages and the transcript.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from confobjects.mail.choices import is_named
from confobjects.mail.diagnosis import DeliveryError, Diagnosis, Trouble, diagnose
from confobjects.mail.dialogue import (
    GOODBYE,
    Dialogue,
    DialogueStep,
    check_alive,
    log_in,
    open_session,
    say_goodbye,
    secrets_of,
)
from confobjects.mail.envelope import Envelope
from confobjects.mail.message import Sendable
from confobjects.mail.plan import DeliveryPlan, address_literal
from confobjects.mail.replies import ProtocolViolation, Reply
from confobjects.mail.report import DeliveryReport, RecipientResult, Route, StageTime
from confobjects.mail.smtp import Misuse, SmtpClient
from confobjects.mail.states import State
from confobjects.mail.transaction import DeliveryOutcome, Leave, deliver
from confobjects.mail.transcript import Transcript
from confobjects.tls.forking import OPENSSL
from confobjects.transport.certificates import describe, is_of_one_server
from confobjects.transport.channel import SmtpChannel
from confobjects.transport.deadline import Deadline
from confobjects.transport.deadline import StepLimit as Limit
from confobjects.transport.network import Network, SocketAddress, check_tunnel, connect, resolve
from confobjects.transport.proxy import blame_proxy, open_tunnel
from confobjects.transport.trust import Trust, trust_for

T = TypeVar("T")


class Connection:
    """A connection. Its methods make, use and close it, in that order. For one thread at a time."""

    def __init__(self, plan: DeliveryPlan, network: Network | None = None) -> None:
        self.plan = plan
        self.network = network or Network()
        self.client = SmtpClient()
        self.client.transcript.hide(*secrets_of(plan))
        self.stages: list[StageTime] = []
        self.address = ""
        self.security = "none"
        self.mechanism = ""
        self._login = plan.login
        """The login of the plan; with an access token, if it takes one and that was fetched."""
        self.ehlo_name = plan.ehlo_name or ""
        self.trust: Trust | None = None
        self.trust_checked = 0.0
        """When the trust was last checked and found unchanged, by the clock of the pool."""
        self.messages = 0
        self.reused = False
        """Whether it was kept and lent again: the server may have closed it in the meantime."""
        self.silent = False
        """Whether the server did not answer when it was asked whether it is there."""
        self.begin_stage: Callable[[str], None] = lambda _stage: None
        """Told of each stage when it begins."""
        self.look_at_silence: tuple[float, Callable[[], Trouble | None]] | None = None
        """Seconds without a greeting, and what then finds out why: None lets the wait go on."""
        self._route: Route | None = None
        self._opened_before = ""
        self._channel: SmtpChannel | None = None
        self._found: Sequence[SocketAddress] = ()
        self.sent_certificates: tuple[bytes, ...] = ()
        """The certificates (DER) that the server sent, its own first; also after the connection is closed."""
        self._deadline = Deadline(plan.timeouts.total)

    # -- making ------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, protect the connection as planned, and log in.

        Raises :class:`~confobjects.errors.MailError` (stage trust) and DeliveryError.
        """
        try:
            for stage in (
                self.load_trust,
                self.fetch_token,
                self.resolve,
                self.connect,
                self.start_implicit_tls,
                self.greet,
                self.log_in,
            ):
                stage()
            if self.client.closed:  # the server said so, behind its last answer
                raise self.close_with_error(Trouble(self.stages[-1].stage, "closing"))
        except BaseException:
            self.close()
            raise

    def load_trust(self) -> None:
        """Load the trust if the plan uses TLS. This comes before any connection is made."""
        if self.plan.security != "none":
            with self._close_on_trouble():
                self.trust = self._find_trust()

    def _find_trust(self) -> Trust:
        unchecked = self.plan.tls.unchecked_hosts
        if unchecked and not is_named(self.plan.host, unchecked):
            raise Trouble("tls", "host-not-in-trust-list")
        plan = self.plan
        return trust_for(plan.trust, plan.tls, keys=plan.keys, unchecked=bool(unchecked), server=plan.server)

    def fetch_token(self) -> None:
        """Get the access token, if the login takes one. In a delivery this comes before any connection is made.

        Raises DeliveryError of stage token, and MailError of stage trust.
        """
        login = self.plan.login
        if login is not None and login.tokens is not None:
            with self._close_on_trouble(), self._time_stage("token"):
                self._login = login.replace(token=login.tokens.token())
            self.restart()

    def _renew_token(self, refused: str) -> str:
        """Return another access token in place of one that was refused, empty without a source. Raises Trouble."""
        tokens = self._login.tokens if self._login is not None else None
        if tokens is None:
            return ""
        self.client.transcript.note_event("the access token was refused; asking for a new one")
        tokens.refuse(refused)
        return tokens.token()

    def resolve(self) -> None:
        """Look up the host, or the host of the proxy."""
        plan = self.plan
        host, port = (plan.proxy.host, plan.proxy.port) if plan.proxy else (plan.host, plan.port)
        with self._close_on_trouble(host=host), self._time_stage("resolve"), blame_proxy(plan.proxy):
            self._found = resolve(self.network, host, port, self._deadline, plan.timeouts.connect)

    def connect(self) -> None:
        """Connect to one of the addresses found."""
        plan = self.plan
        source = (plan.local_address, plan.local_port) if plan.local_address or plan.local_port else None
        with self._close_on_trouble(), self._time_stage("connect"), blame_proxy(plan.proxy):
            if plan.proxy is not None:
                check_tunnel(self.network, plan.host, plan.port)
            sock, address = connect(self.network, self._found, self._deadline, plan.timeouts.connect, source)
            self.address = str(address)
            self._channel = SmtpChannel(sock, plan.timeouts, self._deadline)
            if plan.proxy is not None:
                open_tunnel(self._channel, plan.proxy, plan.host, plan.port)
            self.ehlo_name = plan.ehlo_name or address_literal(self._channel.find_local_address())
        self.client.transcript.note_event(f"connected to {self.address}")

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses found for the host."""
        return tuple(map(str, self._found))

    def start_implicit_tls(self) -> None:
        """Negotiate TLS if the plan begins with it."""
        if self.plan.security == "implicit-tls":
            with self._close_on_trouble(), self._time_stage("tls"):
                self.security = self._start_tls()
            self.client.tls = True
            self.client.transcript.note_event(f"TLS is established: {self.security}")

    def greet(self) -> None:
        """Wait for the greeting, send EHLO, and negotiate STARTTLS if the plan asks for it."""
        self.run(open_session(self.client, self.plan, self.ehlo_name))

    def log_in(self) -> None:
        """Log in if the plan asks for it."""
        if self._login is not None:
            nonce = secrets.token_urlsafe(24)
            self.mechanism = self.run(log_in(self.client, self._login, nonce, self._renew_token, OPENSSL))
        self._route = self.route
        self._opened_before = f"on the connection to {self.address} that was opened before"
        if self._channel is not None:
            self._channel.settled = True

    def _start_tls(self) -> str:
        assert self._channel is not None and self.trust is not None  # noqa: S101, PT018 - set by connect and load_trust
        security = self._channel.start_tls(self.trust.context, self.plan.host, self.client.unread)
        self.sent_certificates = self._channel.certificates
        return security

    # -- using -------------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Begin another delivery, with a new deadline, new stages and a new transcript."""
        self.restart()
        self.reused = True
        self.stages = []
        self.client.transcript = self.client.transcript.make_empty()
        self.client.transcript.note_event(self._opened_before)

    def restart(self) -> None:
        """Start the deadline again, for another message."""
        self._deadline.restart()

    def can_do_without(self, error: DeliveryError) -> bool:
        """Tell whether the delivery may succeed on a new connection without an extension. If so, the plan leaves it out."""
        if error.trouble is not None and error.diagnosis.code == "pipelining-refused":
            error.trouble.mishandled = "PIPELINING"
        return error.trouble is not None and self.leave_out_mishandled(error.trouble)

    def leave_out_mishandled(self, trouble: Trouble) -> bool:
        """Change the plan to leave out the extension that a server handles wrongly. Tell whether there is one."""
        extension = trouble.mishandled
        worked = self.messages > 1 and extension == "PIPELINING"  # a kept connection may end for many reasons
        if not extension or extension in self.plan.options.ignored_extensions:
            return False
        if worked and not trouble.answers:
            return False
        self.plan = self.plan.without_extension(extension)
        return True

    def reopen(self) -> None:
        """Make the connection again, within the same deadline and with the same transcript. Raises as :meth:`open` does."""
        self.close()
        ignored = ", ".join(sorted(self.plan.options.ignored_extensions))
        transcript = self.client.transcript
        transcript.note_event(f"once more, on a new connection and without {ignored}")
        self.client = SmtpClient()
        self.client.transcript = transcript
        self.stages, self.security, self.mechanism, self._route = [], "none", "", None
        self.open()

    def deliver(self, envelope: Envelope, message: Sendable, leave: Leave | None = None) -> DeliveryOutcome:
        """Send one message; ``leave`` is asked before the server gets its end. Raises DeliveryError."""
        self.messages += 1
        return self.run(deliver(self.client, self.plan, envelope, message, leave), sender=envelope.sender or "<>")

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self._channel is None or self.client.state is State.CLOSED

    def is_trust_unchanged(self) -> bool:
        """Tell whether the provider trusts the same as when the connection was made. Raises MailError."""
        return self.trust is None or self._find_trust().fingerprint == self.trust.fingerprint

    def is_alive(self) -> bool:
        """Tell whether the server still answers on this connection."""
        self.renew()
        try:
            return self.run(check_alive(self.client, self.plan))
        except DeliveryError as error:
            self.silent = error.trouble is not None and error.trouble.kind == "timeout"
            return False

    @property
    def usable(self) -> bool:
        """Whether another message can be sent."""
        return self._channel is not None and self.client.state is State.SESSION and not self.client.awaited

    @property
    def channel(self) -> SmtpChannel | None:
        """The channel, for code that waits for several connections together."""
        return self._channel

    def quit(self, patience: float = GOODBYE) -> None:
        """Send QUIT and close. A failure of QUIT does not change the result of a delivery and is ignored.

        ``patience`` is the number of seconds that QUIT and its answer may take.
        Where QUIT is not allowed, or an answer is still awaited, the connection is only closed.
        """
        idle = self._channel is not None and not self.client.awaited
        try:
            if idle and self.client.state in (State.SESSION, State.ENVELOPE, State.GREETED):
                with contextlib.suppress(DeliveryError):
                    self.run(say_goodbye(self.client, self.plan, patience))
        finally:
            self.close()

    def close(self) -> None:
        """Close without QUIT. Never raises."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    # -- driving -----------------------------------------------------------------------------------------------------

    def run(self, dialogue: Dialogue[T], **facts: Any) -> T:
        """Drive a conversation to its end. Raises DeliveryError."""
        try:
            step = next(dialogue)
            while True:
                try:
                    answers = self._carry_out(step)
                except Trouble as trouble:
                    step = dialogue.throw(trouble)
                else:
                    step = dialogue.send(answers)
        except StopIteration as end:
            result: T = end.value
            return result
        except (Trouble, Misuse) as problem:
            raise self.close_with_error(problem, **facts) from None

    @contextlib.contextmanager
    def _close_on_trouble(self, **facts: Any) -> Iterator[None]:
        """Close the connection on Trouble, and raise DeliveryError instead."""
        try:
            yield
        except Trouble as trouble:
            raise self.close_with_error(trouble, **facts) from None

    def close_with_error(self, problem: Trouble | Misuse, **facts: Any) -> DeliveryError:
        """Close the connection and return the error.

        A misuse after the server has closed is a failure of the server; any other is raised as the bug that it is.
        """
        if isinstance(problem, Misuse):
            if not self.client.closed:
                raise problem
            # The server said that it is closing, after an answer that let us continue.
            problem = Trouble(self.stages[-1].stage if self.stages else "mail", "closing")
        self._mark_failed(problem.stage)
        self.close()
        return self.error_for(problem, **facts)

    def _mark_failed(self, stage: str) -> None:
        """Mark a stage as failed, once and in its order; RSET or QUIT may have followed it."""
        stages = self.stages
        places = [place for place, one in enumerate(stages) if one.stage == stage]
        if places:
            stages[places[-1]] = stages[places[-1]].replace(ok=False)
        elif not stages or stages[-1].ok or stages[-1].stage == "quit":
            behind = bool(stages) and stages[-1].stage == "quit"
            stages.insert(len(stages) - behind, StageTime(stage, 0.0, ok=False))

    def _carry_out(self, step: DialogueStep) -> Sequence[Reply]:
        """Carry out a step. Raises Trouble, after which the conversation is over."""
        began = time.perf_counter()
        self._announce(step.stage)
        try:
            answers = self._negotiate_tls() if step.stage == "tls" else self._exchange(step)
        except Trouble as trouble:
            if trouble.stage == step.stage or trouble.stage != "tls":  # else an alert: TLS failed, and is marked so
                self._note_time(step.stage, began, ok=False)
            raise
        self._note_time(step.stage, began)
        return answers

    def _exchange(self, step: DialogueStep) -> list[Reply]:
        patience = min(step.patience or 0.0, self.plan.timeouts.reply)
        limit = self._deadline.begin_step(patience) if patience else None
        answers = list(self.transmit(step, limit))
        if step.meanwhile is not None:
            step.meanwhile()
        if step.stage == "banner":
            limit = self._begin_greeting_wait()
        while len(answers) < step.answers and self.client.state is not State.CLOSED:
            self.collect(step, answers, limit)
        return answers

    def _begin_greeting_wait(self) -> Limit | None:
        """Return the limit for the greeting. If a look at a long silence finds its cause, raise that Trouble."""
        channel = self._channel
        if channel is None:
            return None
        limit = channel.begin_greeting_wait()
        if self.look_at_silence is not None:
            seconds, look = self.look_at_silence
            if not channel.await_arrival(min(seconds, limit.limit)) and (cause := look()) is not None:
                raise self._end_conversation(cause)
            if channel.await_arrival(0):  # however long the look took
                return None
        return limit

    def _negotiate_tls(self) -> Sequence[Reply]:
        self.security = self._start_tls()
        try:
            self.client.enter_tls(self.security)
        except ProtocolViolation as violation:
            raise Trouble.of("tls", violation) from None
        return ()

    def transmit(self, step: DialogueStep, limit: Limit | None = None) -> Sequence[Reply]:
        """Send the bytes of the engine. Return no answers, unless the server refused before all could be sent.

        Raises Trouble, after which the conversation is over.
        """
        if self._channel is None:
            raise self._end_conversation(Trouble(step.stage, "connection-lost", message="it is closed"))
        try:
            if data := self.client.data_to_send():
                self._channel.send(data, step.stage, limit)
        except Trouble as trouble:
            try:
                answers = self._take_last_words(self._channel)
            except Trouble as alert:
                raise self._end_conversation(alert) from None
            ended = self._end_conversation(trouble, answers)
            refused = any(reply.code >= 400 for reply in answers)
            if refused and step.answers and (len(answers) >= step.answers or answers[-1].code == 421):
                return answers
            raise ended from None
        return ()

    def _take_last_words(self, channel: SmtpChannel) -> list[Reply]:
        """Return the answers that have already arrived: they say more than the error of a write."""
        client, answers = self.client, list[Reply]()
        client.note_cut(channel.handed_over)
        try:
            while not client.closed and (data := channel.read_last_words()):
                answers += client.receive(data)
        except ProtocolViolation as violation:
            answers += violation.answers
        return answers

    def collect(self, step: DialogueStep, answers: list[Reply], limit: Limit | None = None) -> None:
        """Wait for at least one answer and add all that arrive. ``limit`` is the limit of a wait that has begun.

        Raises Trouble, after which the conversation is over.
        """
        channel, client, before = self._channel, self.client, len(answers)
        if channel is None:
            raise self._end_conversation(Trouble(step.stage, "connection-lost", message="it is closed"))
        try:
            began = time.monotonic() if limit is None else 0.0
            answers += client.receive(channel.receive(limit, step.stage, more=before > 0))
            while len(answers) == before and client.state is not State.CLOSED:
                limit = limit or channel.begin_reply_wait(began)
                answers += client.receive(channel.receive(limit, step.stage, more=True))
        except (ProtocolViolation, Trouble) as problem:
            raise self.end_with(problem, step, answers) from None

    def end_with(self, problem: ProtocolViolation | Trouble, step: DialogueStep, answers: list[Reply]) -> Trouble:
        """End the conversation after a failure to receive. Return the trouble, with the answers that came before it."""
        if isinstance(problem, ProtocolViolation):
            answers += problem.answers
            problem = Trouble.of(step.stage, problem)
        return self._end_conversation(problem, answers)

    def _end_conversation(self, trouble: Trouble, answers: Sequence[Reply] = ()) -> Trouble:
        """End the conversation and return the trouble. After the final dot, the outcome of the message is unknown."""
        if self.client.verdict_awaited:
            trouble = Trouble(trouble.stage, "unknown-outcome", detail=[f"what happened: {trouble.kind}"])
        trouble.answers = answers
        self.client.abandon()
        return trouble

    @contextlib.contextmanager
    def _time_stage(self, stage: str) -> Iterator[None]:
        """Time a stage."""
        self._announce(stage)
        began, ok = time.perf_counter(), False
        try:
            yield
            ok = True
        finally:
            self._note_time(stage, began, ok=ok)

    def _announce(self, stage: str) -> None:
        """Tell that a stage begins, unless it only goes on."""
        if not self.stages or self.stages[-1].stage != stage:
            self.begin_stage(stage)

    def _note_time(self, stage: str, began: float, *, ok: bool = True) -> None:
        """Note the time of a stage. Consecutive parts of one stage are added up."""
        spent, stages = (time.perf_counter() - began) * 1000, self.stages
        if stages and stages[-1].stage == stage and stages[-1].ok:
            spent += stages.pop().milliseconds
        stages.append(StageTime(stage, spent, ok))

    # -- telling -----------------------------------------------------------------------------------------------------

    def error_for(self, trouble: Trouble, transcript: Transcript | None = None, **facts: Any) -> DeliveryError:
        """Return the error for a trouble, with its diagnosis and report."""
        plan, trouble = self.plan, self._recognise_change(trouble)
        said = self.client.transcript if transcript is None else transcript
        if self.network.is_judged and trouble.kind in _FOREIGN:
            said, trouble = said.make_empty(), _hide_words(trouble)
            self.client.transcript = said
        said.note_event(f"failed in stage {trouble.stage}: {trouble.kind}")
        diagnosis = self.diagnose_trouble(trouble, **facts)
        results = trouble.facts.get("results", ())
        report = self.make_report(results, trouble.reply, final=False, transcript=said.copy())
        return DeliveryError(diagnosis, trouble.facts.get("path", plan.server), report=report, trouble=trouble)

    def _recognise_change(self, trouble: Trouble) -> Trouble:
        """Return the trouble of another certificate than the one that is trusted, if only certificates of servers are."""
        trusted = () if self.trust is None else self.trust.material.certificates
        if trouble.facts.get("verify_code") in _UNTRUSTED and trusted and all(map(is_of_one_server, trusted)):
            pins = [f"trusted by {self.plan.trust.path}: {describe(one)}" for one in trusted[:_MOST_PINS]]
            return Trouble(trouble.stage, "certificate-changed", pins=pins, detail=pins)
        return trouble

    def diagnose_trouble(self, trouble: Trouble, **facts: Any) -> Diagnosis:
        """Return the diagnosis of a trouble, with the facts of this connection."""
        plan = self.plan
        known: dict[str, Any] = {
            "host": plan.host,
            "port": plan.port,
            "address": self.address or f"{plan.host}:{plan.port}",
            "ehlo": self.ehlo_name,
            "username": plan.login.username if plan.login else "this client",
            "mechanism": self.mechanism,
            "tls": self.client.tls,
            "logged_in": bool(self.mechanism),
            "versions": " and ".join(plan.tls.versions),
            "trust": plan.trust.path or "of the runtime",
            "source": plan.local_address,
            "own_certificate": self.trust.own_subject if self.trust is not None else "",
            "overrides": plan.overrides,
            "kind": plan.kind,
            **facts,
        }
        if trouble.kind == "certificate" and trouble.facts.get("verify_code") == 10 and self.trust is not None:
            expired = self.trust.find_expired(datetime.now(UTC).strftime("%Y%m%d%H%M%SZ"))
            if expired:
                trouble = Trouble("tls", "anchor-expired", anchor="; ".join(expired))
        return diagnose(trouble, known, self.client.transcript.mask)

    def make_report(  # noqa: PLR0913 - the facts of one delivery
        self,
        results: Sequence[tuple[str, Reply]] = (),
        reply: Reply | None = None,
        *,
        final: bool = True,
        transcript: Transcript | None = None,
        stages: tuple[StageTime, ...] | None = None,
        sender: str = "",
        size: int = 0,
        message_id: str = "",
    ) -> DeliveryReport:
        """Return the report of the delivery so far. A transcript from the caller must not change afterwards."""
        transcript = self.client.transcript.copy() if transcript is None else transcript
        stages = tuple(self.stages) if stages is None else stages
        mask = transcript.mask
        return DeliveryReport(
            self.route,
            sender,
            recipient_results(results, transcript),
            mask(str(reply)) if reply is not None and (final or reply.code >= 300) else "",
            size,
            message_id,
            (),
            stages,
            transcript,
        )

    @property
    def route(self) -> Route:
        """The route of this connection, as far as it was made."""
        if self._route is not None:
            return self._route
        plan = self.plan
        return Route(plan.server, plan.host, plan.port, self.address, self.security, self.mechanism)


_UNTRUSTED: Final = frozenset({18, 19, 20, 21})
"""OpenSSL's verification codes for a certificate that nobody trusted has issued."""
_MOST_PINS: Final = 3

_FOREIGN: Final = frozenset({"not-smtp", "reply-too-long"})
"""Kinds of trouble with what is perhaps no mail server."""


def _hide_words(trouble: Trouble) -> Trouble:
    """Return the trouble without the words of what is no mail server."""
    return Trouble(trouble.stage, trouble.kind, line="…", message="the server sent a line that is not an SMTP reply")


def recipient_results(results: Iterable[tuple[str, Reply]], transcript: Transcript) -> tuple[RecipientResult, ...]:
    """Return the server's answer to each recipient, for a report."""
    return tuple(
        [
            RecipientResult(address, answer.code < 300, transcript.mask(str(answer)), answer.temporary)
            for address, answer in results
        ]
    )


def open_connection(
    plan: DeliveryPlan, network: Network | None = None, prepare: Callable[[Connection], None] = lambda _connection: None
) -> Connection:
    """Return an open connection, logged in. ``prepare`` is called with each connection before it is opened.

    If ``socketFactory.fallback`` is set and allowed, a failure of TLS leads to a second attempt in clear text. That one
    does not log in, unless this is allowed as well. Raises :class:`~confobjects.errors.MailError`.
    """
    connection = Connection(plan, network)
    prepare(connection)
    try:
        connection.open()
    except DeliveryError as error:
        if not plan.options.fall_back_to_clear or error.stage != "tls":
            raise
        login = plan.login if plan.login is not None and plan.login.in_clear else None
        connection = Connection(plan.replace(security="none", login=login), network)
        connection.client.transcript.note_event(
            f"TLS failed ({error.diagnosis.code}); continuing in clear text, which is allowed"
        )
        prepare(connection)
        connection.open()
    return connection
