"""``test-mail-server``: test a mail server stage by stage, and say why it fails and what to change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..effective_objects import find_unsaved, unsaved_options
from ..invocation import Invocation
from ..mail_servers import check_names, name_options
from ..mail_tests import DEPTHS, CertificateFile, MailTest, MailTestRun, run_test
from ..output.messages import format_hint, tell_problem
from ..sender_domains import DomainQuestion, domain_options, report_lines

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.transport.check import TestResult

    from ..words.splitting import Words

_HELP = """Test a mail server, as saved or with unsaved values, and say what is wrong.

Depths: resolve, connect, tls, ehlo, auth (the default), envelope, send; each includes those before it. Only the
last one sends a mail.

With --sender-name it also looks up SPF, DKIM and DMARC of the sender's domain, and says what receivers will think. That
never fails the test.

--save-certificates writes what the server shows, also if it is not trusted. At a terminal, a test that fails because nobody
trusts the certificate offers to trust it.

The exit status is that of the stage that failed: 40 resolve, 41 connect, 42 tls, 43 banner, 44 ehlo, 45 starttls, 46 auth,
47 mail, 48 rcpt, 49 data, 50 trust store, 51 plan, 52 access token; with --domain-only 53."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        *name_options("test"),
        click.Option(["--depth"], metavar="DEPTH", help=f"How far to go: {', '.join(DEPTHS)}."),
        click.Option(["--to"], metavar="ADDRESS", multiple=True, help="A recipient, for the depths envelope and send."),
        click.Option(["--from", "from_"], metavar="ADDRESS", help="The sender; the default is the mail server's own."),
        click.Option(
            ["--save-certificates"], metavar="FILE", help="Write the certificates that the server shows, as PEM."
        ),
        click.Option(["--overwrite"], is_flag=True, help="Let --save-certificates replace a file."),
        *domain_options(),
        *unsaved_options(),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, depth: str | None, to: Sequence[str], from_: str | None, **values: Any) -> int:
    server_name, sender_name = values.pop("server_name"), values.pop("sender_name")
    check_names(server_name, sender_name, from_)
    question = DomainQuestion.of(values)
    question.check(sender_name, depth, to)
    chosen = _choose_depth(invocation, depth, to)
    file = CertificateFile.of(values.pop("save_certificates"), overwrite=values.pop("overwrite"))
    file.check(chosen, is_asked=not question.only)
    unsaved = find_unsaved(invocation, "mail-server", values)
    test = MailTest(server_name, sender_name, chosen, tuple(to), from_, unsaved, question)
    while True:
        run = run_test(invocation, test)
        print_result(invocation, run.result)
        file.write(invocation, run.result)
        if not _offer_trust(invocation, test, run):
            break
    if unsaved is not None and run.result.ok and invocation.tells_people:
        from ..mail_fixes import saving_line

        invocation.say(format_hint("save these values", saving_line(run.server.path, values, invocation.registry)))
    return run.result.exit_code


def _offer_trust(invocation: Invocation, test: MailTest, run: MailTestRun) -> bool:
    """Offer a person at the terminal to trust the certificate that the server showed; tell whether it is trusted now."""
    from ..needed import may_ask

    if run.result.ok or test.unsaved is not None or not may_ask(invocation):
        return False
    from ..interactive.direct import trust_server

    return trust_server(invocation, run)


def _choose_depth(invocation: Invocation, depth: str | None, to: Sequence[str]) -> str:
    """Return the depth that was given, empty for the default. A dry run sends no mail."""
    chosen = (depth or "").lower()
    if chosen and chosen not in DEPTHS:
        raise UsageError(Diagnostic("usage", f'--depth takes {", ".join(DEPTHS)}, not "{depth}"'))
    if chosen in ("envelope", "send") and not to:
        summary = f"the depth {chosen} needs a recipient"
        raise UsageError(Diagnostic("usage", summary, remedy="--to ADDRESS"))
    if chosen == "send" and invocation.dry_run:
        invocation.note("--dry-run: no mail is sent; the test ends with naming the sender and the recipients")
        return "envelope"
    return chosen


def print_result(invocation: Invocation, result: TestResult) -> None:
    """Print the result of a test in the form that the user wants."""
    from ..words.actions import word

    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(result.as_json(word)))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(_script_rows(result.as_json(word))))
    else:
        if not invocation.quiet:
            _tell_result(invocation, result)
        from ..mail_fixes import offer_fix

        for diagnostic in result.diagnostics:
            tell_problem(offer_fix(diagnostic, invocation.registry))
        if result.transcript and not result.ok:
            invocation.note(
                "\n".join(["  the dialogue with the server:", *(f"    {line}" for line in result.transcript)]),
                exact=True,
            )


def _script_rows(facts: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name in ("ok", "tested", "depth", "code", "stage", "summary", "property", "remedy", "reply"):
        value = facts.get(name, "")
        yield name, str(value).lower() if value in (True, False) else str(value)
    for stage in facts["stages"]:
        yield "stage", stage["stage"], str(stage["ms"]), str(stage["ok"]).lower()
    for finding in facts.get("domain", {}).get("findings", ()):
        yield "domain", finding["code"], finding["weight"], finding["summary"]


def _tell_result(invocation: Invocation, result: TestResult) -> None:
    if result.ok:
        invocation.say_sentences("\n".join(map(make_visible, _finding_lines(result))))
    if invocation.verbose:
        invocation.say("\n".join(map(make_visible, _verbose_lines(result))))
    invocation.say_sentences("\n".join(map(make_visible, _closing_lines(result))))


def _verbose_lines(result: TestResult) -> Iterator[str]:
    yield from (f"  {setting.name} = {setting.value}  ({setting.origin})" for setting in result.settings)
    yield from (f"  {line}" for line in result.transcript if result.ok)


def _closing_lines(result: TestResult) -> Iterator[str]:
    for warning in result.warnings:
        yield f"  warning: {warning.summary}"
    yield from (f"  note: {note}" for note in result.notes)
    if result.domain is not None:
        yield from (f"  {line}" for line in report_lines(result.domain))
    if result.ok and result.depth in DEPTHS:
        sent = "a test mail was sent" if result.depth == "send" else "no mail was sent"
        yield f"The test passed; {sent}."


def _finding_lines(result: TestResult) -> Iterator[str]:
    for name, words in (("address", "connected to"), ("security", "protected by"), ("certificate", "certificate")):
        if value := result.found.get(name):
            yield f"  {words} {value}" if value != "none" else "  not protected: nothing is encrypted"
    if mechanism := result.found.get("mechanism"):
        yield f"  logged in with {mechanism}"
    elif result.depth in ("auth", "envelope", "send"):
        yield "  no login: none is configured"
    for one in result.report.recipients if result.report else ():
        yield f"  recipient {one.address}: {one.reply}"
    if result.reply:
        yield f"  the server said: {result.reply}"
