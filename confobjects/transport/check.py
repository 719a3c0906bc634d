"""Tests of a mail server object: up to which stage does it work, and why does the next one fail?

A test does not raise because the server fails: the failure is its result. Only the last depth sends mail.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, Final, Literal

from confobjects.actions import Remedy, Say, plain, remedy_text
from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError, TrustError
from confobjects.mail.envelope import make_envelope
from confobjects.mail.notes import list_notes
from confobjects.mail.plan import DeliveryPlan, TokenSources, TransportSetting
from confobjects.mail.planning import plan_delivery
from confobjects.mail.report import DeliveryReport, StageTime, format_stage
from confobjects.mail.senders import MailSender
from confobjects.mail.transaction import try_envelope
from confobjects.records import Record, as_dict, field
from confobjects.transport.certificates import describe
from confobjects.transport.mailer import deliver_through
from confobjects.transport.network import Network
from confobjects.transport.outgoing import Outgoing, check_addresses, make_trial_message
from confobjects.transport.smtp import Connection
from confobjects.transport.watching import Progress, Watch

if TYPE_CHECKING:
    from confobjects.mail.domains.judging import DomainReport

DEPTHS: Final = ("resolve", "connect", "tls", "ehlo", "auth", "envelope", "send")
"""The depths of a test. Each includes those before it. Only the last sends mail."""

DEFAULT_DEPTH: Final = "auth"


class TestResult(Record):
    """The result of a test.

    ``tested`` says whether saved or unsaved values were tested. ``code``, ``stage``, ``summary``, ``remedy``,
    ``property`` and ``reply`` come from the diagnosis and are empty after success. ``found`` are facts about the server
    (addresses, certificate, extensions, …). ``sender`` is the path of the mail sender that was tested, if it was one, and
    ``notes`` are what applies to mail whatever the test says. ``domain`` is what receivers will think of that mail, if
    that was looked up; it decides nothing. ``host`` is the mail server's, empty if no delivery could be planned. ``sent``
    are the certificates (DER) that the server sent, its own first: also those that were refused, if a second look got them.
    """

    __test__ = False  # pytest would otherwise collect it because of its name

    server: str
    depth: str
    tested: Literal["saved", "unsaved"]
    ok: bool
    code: str = ""
    stage: str = ""
    summary: str = ""
    remedy: Remedy = ""
    property: str = ""
    reply: str = ""
    exit_code: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
    stages: tuple[StageTime, ...] = ()
    transcript: tuple[str, ...] = ()
    found: dict[str, Any] = field(default_factory=dict)
    settings: tuple[TransportSetting, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    report: DeliveryReport | None = None
    sender: str = ""
    notes: tuple[str, ...] = ()
    domain: DomainReport | None = None
    host: str = ""
    sent: tuple[bytes, ...] = field(default=(), repr=False)

    def as_json(self, say: Say = plain) -> dict[str, Any]:
        """Return the result for a program; ``say`` words the actions of remedies."""
        result: dict[str, Any] = {"ok": self.ok, "server": self.server, "tested": self.tested, "depth": self.depth}
        names = ("sender", "code", "stage", "summary", "remedy", "property", "reply")
        facts = {**as_dict(self), "remedy": remedy_text(self.remedy, say)}
        result.update({name: facts[name] for name in names if facts[name]})
        if not self.ok:
            result["exit"] = self.exit_code
            result["diagnostics"] = [one.as_json(say) for one in self.diagnostics]
        result["found"] = self.found
        if self.notes:
            result["notes"] = list(self.notes)
        if self.domain is not None:
            result["domain"] = self.domain.as_json(say)
        result["warnings"] = [one.as_json(say) for one in self.warnings]
        result["stages"] = [{"stage": one.stage, "ms": round(one.milliseconds, 3), "ok": one.ok} for one in self.stages]
        result["transcript"] = list(self.transcript)
        return result

    def format_timeline(self) -> list[str]:
        """Return one line per stage."""
        return list(map(format_stage, self.stages))


def check_server(  # noqa: PLR0913 - what and how, all but the first by keyword
    server: Any,
    *,
    depth: str = DEFAULT_DEPTH,
    to: Iterable[str] = (),
    from_: str | None = None,
    sender: MailSender | None = None,
    unsaved: bool = False,
    token: str = "",
    tokens: TokenSources | None = None,
    network: Network | None = None,
    progress: Progress | None = None,
) -> TestResult:
    """Test a mail server object up to a depth and return the result, good or bad.

    ``sender`` says whom mail comes from, in place of ``from_``. ``unsaved`` says that the object has values that are not saved; the result repeats it. The depths envelope and send
    need ``to``, whose addresses are checked before any connection is made. ``tokens`` gives the access tokens of OAuth 2.0
    providers. ``progress`` is told of each stage. Raises ValueError for an unknown depth.
    """
    if depth not in DEPTHS:
        raise ValueError(f"unknown depth {depth}; known: {', '.join(DEPTHS)}")
    tested: Literal["saved", "unsaved"] = "unsaved" if unsaved else "saved"
    through = "" if sender is None else sender.path
    try:
        plan = plan_delivery(server, token=token, tokens=tokens, local_host=socket.gethostname())
    except MailError as error:
        return _with_failure(TestResult(server.path, depth, tested, ok=False, sender=through), error)
    envelope = _Envelope(tuple(to), from_) if sender is None else _Envelope(tuple(to), sender.address, sender)
    test = _ServerTest(plan.for_test(), network or Network(), envelope, progress)
    notes = list_notes(plan, sender)
    ok = TestResult(
        server.path,
        depth,
        tested,
        ok=True,
        sender=through,
        notes=notes,
        host=plan.host,
        settings=plan.settings,
        warnings=plan.warnings,
    )
    try:
        test.run(depth)
    except MailError as error:
        explained = test.watch.explain(error, test.connection) if isinstance(error, DeliveryError) else error
        return _with_failure(test.complete_result(ok), explained)
    finally:
        test.connection.close()
        test.watch.tell_ended(last=True)
    return test.complete_result(ok)


def check_domain(
    server: Any,
    sender: MailSender,
    judge: Callable[[str], DomainReport],
    *,
    unsaved: bool = False,
    tokens: TokenSources | None = None,
) -> TestResult:
    """Return what receivers will think of the mail of a sender, and nothing else; no mail server is asked.

    ``judge`` is given the host that the mail leaves at. The result is bad if receivers will refuse the mail, or if the DNS
    does not answer. Raises :class:`~confobjects.errors.MailError` if no delivery can be planned.
    """
    plan = plan_delivery(server, tokens=tokens)
    report = judge(plan.host)
    result = TestResult(
        server.path,
        "domain",
        "unsaved" if unsaved else "saved",
        ok=True,
        sender=sender.path,
        notes=list_notes(plan, sender),
        warnings=plan.warnings,
        domain=report,
        host=plan.host,
    )
    bad = [*report.errors, *(one for one in report.findings if one.code in _NOT_KNOWN)]
    if not bad:
        return result
    first = bad[0]
    problem = Diagnostic("mail-domain", first.summary, path=sender.path, property="from-address", remedy=first.remedy)
    return _with_failure(result, MailError(problem)).replace(code=first.code)


_NOT_KNOWN: Final = ("spf-unknown", "dmarc-unknown")
"""The codes of look-ups that failed."""


class _Envelope(Record):
    """Whom a test names: the recipients, the envelope sender (None: the plan's), and the mail sender, if there is one."""

    to: tuple[str, ...]
    from_: str | None
    sender: MailSender | None = None


class _ServerTest:
    """One running test."""

    def __init__(self, plan: DeliveryPlan, network: Network, envelope: _Envelope, progress: Progress | None) -> None:
        self.plan = plan
        self.connection = Connection(plan, network)
        self.watch = Watch(progress)
        self.watch.begin(self.connection)
        self.to, self.from_, self.sender = envelope.to, envelope.from_, envelope.sender
        self.report: DeliveryReport | None = None

    def run(self, depth: str) -> None:
        connection = self.connection
        steps = {
            "resolve": (connection.resolve,),
            "connect": (connection.connect,),
            "tls": (
                connection.start_implicit_tls,
                *((connection.greet,) if self.plan.security.startswith("starttls") else ()),
            ),
            "ehlo": () if self.plan.security.startswith("starttls") else (connection.greet,),
            "auth": (connection.fetch_token, connection.log_in),
            "envelope": (self._try_envelope,),
            "send": (self._send_message,),
        }
        wanted = DEPTHS[: DEPTHS.index(depth) + 1]
        if "envelope" in wanted:
            check_addresses(Outgoing(b"", self.from_, self.to), self.plan)
        if "tls" in wanted:  # as in a delivery: no connection before the trust is loaded
            connection.load_trust()
        for name in wanted:
            if name == "envelope" and depth == "send":
                continue
            for step in steps[name]:
                step()
        self.watch.tell_ended()
        with contextlib.suppress(DeliveryError):
            connection.quit()

    def _try_envelope(self) -> None:
        sender = self.plan.sender_for(self.connection.ehlo_name) if self.from_ is None else self.from_
        envelope = make_envelope(sender, self.to, path=self.plan.server)
        results = self.connection.run(try_envelope(self.connection.client, self.plan, envelope), sender=sender or "<>")
        self.report = self.connection.make_report(results, sender=envelope.sender)

    def _send_message(self) -> None:
        self.report = deliver_through(self.connection, Outgoing(self.make_message(), self.from_, self.to))

    def make_message(self) -> EmailMessage:
        return make_trial_message(self.plan, self.to, self.sender)

    def complete_result(self, result: TestResult) -> TestResult:
        connection = self.connection
        return result.replace(
            stages=tuple(connection.stages),
            transcript=connection.client.transcript.lines,
            found=self._collect_facts(),
            report=self.report,
            reply=self.report.reply if self.report else "",
            sent=connection.sent_certificates,
        )

    def _collect_facts(self) -> dict[str, Any]:
        connection, client = self.connection, self.connection.client
        certificate = next(iter(connection.sent_certificates), None)
        facts: dict[str, Any] = {
            "addresses": list(connection.addresses),
            "address": connection.address,
            "security": connection.security if client.greeting is not None else "",
            "certificate": str(describe(certificate)) if certificate else "",
            "extensions": [f"{name} {rest}".strip() for name, rest in client.extensions.items()],
            "mechanism": connection.mechanism,
            "ehlo": connection.ehlo_name,
        }
        return {name: value for name, value in facts.items() if value}


_OWN_CODES: Final = {
    "mail-plan": "plan-invalid",
    "mail-auth": "auth-in-clear",
    "mail-mail": "sender-syntax",
    "mail-rcpt": "recipient-syntax",
}
"""Codes of problems that are found before a server is asked."""


def failure_of(error: MailError) -> tuple[str, str]:
    """Return the code and the stage of a failure, as a test has them."""
    if isinstance(error, DeliveryError):
        return error.diagnosis.code, error.diagnosis.stage
    first = error.diagnostics[0].code
    return error.reason if isinstance(error, TrustError) else _OWN_CODES.get(first, first), error.stage


def _with_failure(result: TestResult, error: MailError) -> TestResult:
    first = error.diagnostics[0]
    code, stage = failure_of(error)
    facts: dict[str, Any] = {
        "code": code,
        "stage": stage,
        "summary": first.summary,
        "remedy": first.remedy,
        "property": first.property,
    }
    if isinstance(error, DeliveryError):
        facts.update(reply=error.diagnosis.reply, report=error.report)
        facts["sent"] = result.sent or error.diagnosis.facts.get("sent", ())
    return result.replace(ok=False, exit_code=error.exit_code, diagnostics=error.diagnostics, **facts)
