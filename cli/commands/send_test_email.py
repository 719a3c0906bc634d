"""``send-test-email``: a real mail through a configured mail server, and its result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from confobjects.errors import MailError
from confobjects.management.verifying import Outcome
from confobjects.service.tokens import find_tokens
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation
from ..mail_servers import begin_test, check_names, keep_test, load_target, name_options
from ..needed import NeededOption
from ..output.stages import show_stages

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mail.report import DeliveryReport
    from confobjects.mail.senders import MailSender
    from confobjects.objects.effective import EffectiveObject

    from ..words.splitting import Words

_HELP = """Send a test mail through a mail server, or from a mail sender, as saved.

The exit status is that of the stage that failed: 40 resolve, 41 connect, 42 tls, 43 banner, 44 ehlo, 45 starttls, 46 auth,
47 mail, 48 rcpt, 49 data, 50 trust store, 51 plan, 52 access token."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        *name_options("send through"),
        NeededOption(["--to"], metavar="ADDRESS", multiple=True, help="Where to send the mail; can be repeated."),
        click.Option(["--from", "from_"], metavar="ADDRESS", help="The sender; the default is the mail server's own."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(
    invocation: Invocation,
    server_name: str | None,
    sender_name: str | None,
    to: Sequence[str],
    from_: str | None,
) -> int:
    check_names(server_name, sender_name, from_)
    from confobjects.transport.check import failure_of

    test = begin_test(invocation, server_name, sender_name)
    server, sender = load_target(invocation, server_name, sender_name)
    try:
        status = _send(invocation, server, sender, to, from_)
    except MailError as error:
        code, stage = failure_of(error)
        if not (from_ is not None and code == "sender-syntax"):
            keep_test(test, server, sender, Outcome("send", code, stage))
        raise
    keep_test(test, server, sender, Outcome("send"))
    return status


def _send(
    invocation: Invocation, server: EffectiveObject, sender: MailSender | None, to: Sequence[str], from_: str | None
) -> int:
    from confobjects.mail.diagnosis import DeliveryError
    from confobjects.mail.planning import plan_delivery
    from confobjects.transport.mailer import Outgoing, send_test
    from confobjects.transport.outgoing import check_addresses

    plan = plan_delivery(server, tokens=find_tokens)
    invocation.warn(plan.warnings)
    check_addresses(Outgoing(b"", from_ if sender is None else sender.address, to), plan)
    if invocation.dry_run:
        invocation.say_sentences(
            f"would send a test mail to {', '.join(to)} through {plan.host}:{plan.port} ({plan.security})"
        )
        return 0
    if invocation.tells_people:
        whence = "" if sender is None else f" from {sender.address}"
        invocation.say_sentences(make_visible(f"Sending a test mail{whence} through {server.path}."))
    try:
        with show_stages(invocation) as timeline:
            report = send_test(server, to, from_, sender=sender, tokens=find_tokens, progress=timeline)
    except DeliveryError as error:
        if invocation.form == "json":
            _print(invocation, error.report)
        elif invocation.verbose:
            invocation.note("\n".join(error.report.transcript), exact=True)
        raise
    _print(invocation, report)
    if sender is not None and invocation.tells_people:
        invocation.say_sentences(make_visible(f"  note: {sender.as_note(plan.host)}"))
    return 0


def _print(invocation: Invocation, report: DeliveryReport) -> None:
    if invocation.form == "json":
        from ..output.json import dumps

        invocation.say(dumps(report.as_json()))
        return
    if invocation.quiet:
        return
    for one in report.recipients:
        word = "accepted" if one.accepted else "refused"
        invocation.say_sentences(
            make_visible(f"The test mail to {one.address} was {word} by {report.host}: {one.reply or report.reply}")
        )
    login = f", logged in with {report.mechanism}" if report.mechanism else ", without login"
    invocation.say_sentences(
        make_visible(f"  through {report.host}:{report.port} ({report.address}), {report.security}{login}")
    )
    invocation.say_sentences(make_visible(f"  sender {report.sender}; the server said: {report.reply}"))
    if invocation.verbose:
        invocation.say("\n".join(f"  {line}" for line in report.transcript))
