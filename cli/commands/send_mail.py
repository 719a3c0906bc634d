"""``send-mail``: hand a mail in to the mail service, which keeps it until it is delivered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.service.places import KIND

from ..command import make_command
from ..effective_objects import load_some
from ..invocation import Invocation
from ..mail_service import HandedIn, submit, unsealed_option

if TYPE_CHECKING:
    from email.message import Message

    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Hand a mail in to the mail service. It is accepted when it is in the ledger, on disk; run-mail-service delivers it.

With --subject, --body or --body-file the mail is a text; more than 50 recipients do not learn of each other. Otherwise it is a whole message (RFC 5322) on standard input; without
--to its To, Cc and Bcc say who gets it. From, Reply-To and the envelope sender are those of the mail sender.

The exit status is 24 if the mail is not accepted, with every reason, and 25 if the ledger cannot take it.

\b
Examples:
  send-mail --to ann@example.com --subject "Your order" --body-file order.txt
  send-mail --category account < reset-password.eml
"""

_STANDARD_INPUT = "standard input"


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(["--to"], metavar="ADDRESS", multiple=True, help="Who gets the mail; can be repeated."),
        click.Option(["--subject"], metavar="TEXT", help="The subject of a text."),
        click.Option(["--body"], metavar="TEXT", help="The text."),
        click.Option(["--body-file"], metavar="PATH", help="A file with the text, in UTF-8; - is standard input."),
        click.Option(["--category"], metavar="CATEGORY", default="", help="What the mail is about, such as account."),
        click.Option(["--sender-name"], metavar="NAME", help="The mail sender; the default is the active one."),
        click.Option(
            ["--read-recipients"], is_flag=True, help="Send to To, Cc and Bcc of the message too, if --to is given."
        ),
        click.Option(["--end-at-dot"], is_flag=True, help="The message ends at a line with a single dot."),
        unsealed_option(),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(  # noqa: PLR0913 - one for each option
    invocation: Invocation,
    *,
    to: Sequence[str],
    subject: str | None,
    body: str | None,
    body_file: str | None,
    category: str,
    sender_name: str | None,
    read_recipients: bool,
    end_at_dot: bool,
    unsealed_ledger: bool,
) -> int:
    from confobjects.service.installed import require_installed

    require_installed()
    is_text = any(one is not None for one in (subject, body, body_file))
    if is_text and (not to or read_recipients or end_at_dot):
        wrong = "--to is needed" if not to else "--read-recipients and --end-at-dot are for a message on standard input"
        raise UsageError(Diagnostic("usage", f"with --subject, --body or --body-file {wrong}"))
    chosen = () if sender_name is None else (("mail-sender", sender_name),)
    configuration = load_some(invocation, (KIND, ()), *chosen)
    recipients: tuple[str, ...] | None = tuple(to) or None
    if is_text:
        message: Message | bytes = _make_text(recipients or (), subject or "", _find_body(body, body_file))
    else:
        message = _read_message(invocation, end_at_dot=end_at_dot)
        if recipients is not None and read_recipients:
            recipients = (*recipients, *_recipients_of(message))
    handed_in = HandedIn(message, recipients, category, sender_name)
    return submit(invocation, configuration, handed_in, unsealed=unsealed_ledger)


def _recipients_of(message: Message | bytes) -> tuple[str, ...]:
    from confobjects.service.submitting import read_recipients

    return read_recipients(message)


def _make_text(to: Sequence[str], subject: str, body: str) -> Message:
    from confobjects.service.submitting import make_text_message

    return make_text_message(to, subject, body)


def _find_body(body: str | None, file: str | None) -> str:
    """Return the text of a mail. Raises UsageError if it is given twice, or cannot be read."""
    if file is None:
        return body or ""
    if body is not None:
        raise UsageError(Diagnostic("usage", "--body and --body-file exclude each other"))
    where = _STANDARD_INPUT if file == "-" else file
    try:
        data = _read_input(inputs.MEDIUM) if file == "-" else inputs.read_any(file, inputs.MEDIUM)
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(Diagnostic("usage", f"the text cannot be read: {reason}", origin=where)) from None


def _read_message(invocation: Invocation, *, end_at_dot: bool) -> bytes:
    from confobjects.service.ledger import MOST_BYTES

    if sys.stdin.isatty():
        invocation.note("reading a message from the terminal; Ctrl-D ends it")
    try:
        data = _read_input(MOST_BYTES)
    except OSError as error:
        summary = f"the message cannot be read: {error.strerror}"
        raise UsageError(Diagnostic("usage", summary, origin=_STANDARD_INPUT)) from None
    return _cut_at_dot(data) if end_at_dot else data


def _read_input(most: int) -> bytes:
    return inputs.read_up_to(sys.stdin.fileno(), _STANDARD_INPUT, most)


def _cut_at_dot(data: bytes) -> bytes:
    """Return a message up to the first line that is a single dot."""
    kept = list[bytes]()
    for line in data.splitlines(keepends=True):
        if line.rstrip(b"\r\n") == b".":
            break
        kept.append(line)
    return b"".join(kept)
