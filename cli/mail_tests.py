"""A test of a mail server as a command or a menu asks for it: the target, how far, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.management.verifying import Outcome
from confobjects.records import Record, field
from confobjects.service.tokens import find_tokens
from confobjects.texts.visible import make_visible

from .mail_servers import begin_test, keep_test, load_target
from .output.stages import show_stages
from .sender_domains import DomainQuestion, find_report, judge_alone

if TYPE_CHECKING:
    from confobjects.mail.senders import MailSender
    from confobjects.objects.changes import PropertyChanges
    from confobjects.objects.effective import EffectiveObject
    from confobjects.transport.check import TestResult

    from .invocation import Invocation

DEPTHS: Final[Mapping[str, str]] = {
    "resolve": "up to the look-up of the host",
    "connect": "up to the connection",
    "tls": "up to TLS",
    "ehlo": "up to the greeting",
    "auth": "up to the login",
    "envelope": "up to naming the sender and the recipients",
    "send": "by sending a mail",
}


class MailTest(Record):
    """What is tested: a mail server or a mail sender by name, to a depth (empty: as usual), with values that are not saved."""

    server_name: str | None = None
    sender_name: str | None = None
    depth: str = ""
    to: tuple[str, ...] = ()
    from_: str | None = None
    unsaved: PropertyChanges | None = field(default=None, repr=False)
    question: DomainQuestion = DomainQuestion()


class MailTestRun(Record):
    """A test that was made: of which mail server, and its result."""

    server: EffectiveObject
    result: TestResult


def run_test(invocation: Invocation, test: MailTest) -> MailTestRun:
    """Make a test, tell of its stages, and keep how it ended. Raises what is wrong with the objects."""
    is_kept = test.unsaved is None and not test.question.only
    stored = begin_test(invocation, test.server_name, test.sender_name) if is_kept else None
    server, sender = load_target(invocation, test.server_name, test.sender_name, test.unsaved)
    if sender is not None and test.question.only:
        return MailTestRun(server, judge_alone(server, sender, test.question, unsaved=test.unsaved is not None))
    result = _check(invocation, test, server, sender)
    if sender is not None and result.host and not test.question.without and not invocation.quiet:
        result = _add_domain(invocation, result, sender, test.question)
    if stored is not None and not (test.from_ is not None and result.code == "sender-syntax"):
        keep_test(stored, server, sender, Outcome(result.depth, result.code, result.stage))
    return MailTestRun(server, result)


def _check(invocation: Invocation, test: MailTest, server: EffectiveObject, sender: MailSender | None) -> TestResult:
    from confobjects.transport.check import DEFAULT_DEPTH, check_server

    depth = test.depth or DEFAULT_DEPTH
    if invocation.tells_people:
        default = "" if test.depth else ", the default"
        what = "with unsaved values in place of saved ones" if test.unsaved else "as saved"
        of = "" if sender is None else f", the mail server of {sender.path},"
        invocation.say_sentences(f"Testing {server.path}{of} {what}, {DEPTHS[depth]} (depth {depth}{default}).")
    with show_stages(invocation) as timeline:
        return check_server(
            server,
            depth=depth,
            to=test.to,
            from_=test.from_,
            sender=sender,
            unsaved=test.unsaved is not None,
            tokens=find_tokens,
            progress=timeline,
        )


def _add_domain(invocation: Invocation, result: TestResult, sender: MailSender, question: DomainQuestion) -> TestResult:
    """Return a result with what receivers will think of the sender's mail, or with a note why that is not known."""
    if invocation.tells_people:
        invocation.say("  domain  looking up SPF, DKIM and DMARC")
    try:
        return result.replace(domain=find_report(sender, result.host, question))
    except UsageError as error:
        [problem] = error.diagnostics
        note = f"what receivers will think of mail from {sender.address} is not known: {problem.summary}"
        return result.replace(notes=(*result.notes, f"{note}. {problem.remedy}"))


class CertificateFile(Record):
    """The file that the certificates of a test are written to; without a path, none is."""

    path: str = ""
    overwrite: bool = False

    @classmethod
    def of(cls, path: str | None, *, overwrite: bool) -> Self:
        """Return the file that the options of a command name. Raises UsageError, and ObjectExistsError if it is there."""
        if path is None:
            if overwrite:
                raise UsageError(Diagnostic("usage", "--overwrite has no meaning without --save-certificates"))
            return cls()
        if not path:
            raise UsageError(Diagnostic("usage", "--save-certificates takes the path of a file"))
        if not overwrite:
            from .certificate_files import require_free

            require_free(path)
        return cls(path, overwrite)

    def check(self, depth: str, *, is_asked: bool) -> None:
        """Raise UsageError if a test of a depth cannot show a certificate."""
        if self.path and (not is_asked or depth in _BEFORE_TLS):
            why = f"the depth {depth}" if is_asked else "--domain-only"
            summary = f"--save-certificates has no meaning with {why}: the server shows no certificate"
            raise UsageError(Diagnostic("usage", summary, remedy="--depth tls"))

    def write(self, invocation: Invocation, result: TestResult) -> None:
        """Write what a server has sent, and say so. Raises UsageError if a test that passed has seen nothing."""
        if not self.path:
            return
        count = len(result.sent)
        if not count:
            summary = f"the server has shown no certificate: {self.path} is not written"
            if result.ok:
                raise UsageError(Diagnostic("usage", summary, remedy="use TLS for this mail server"))
            invocation.note(summary)
            return
        if invocation.dry_run:
            invocation.note(f"--dry-run: {self.path} is not written")
            return
        from .certificate_files import write_certificates

        write_certificates(self.path, result.sent, overwrite=self.overwrite)
        invocation.note(make_visible(f"{count} certificate{'' if count == 1 else 's'} written to {self.path}"))


_BEFORE_TLS: Final = ("resolve", "connect")
