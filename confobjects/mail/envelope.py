"""The envelope of a message: its sender and its recipients, in the form for the wire (RFC 5321, RFC 5891, RFC 6531)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Collector
from confobjects.errors import MailError
from confobjects.records import Record
from confobjects.syntaxes.base import ValueSyntaxError
from confobjects.syntaxes.hosts import ascii_host
from confobjects.syntaxes.mailaddress import MailAddress
from confobjects.texts.visible import make_visible

_SYNTAX = MailAddress()
_LONGEST = 128
_USUAL = re.compile(
    r"(?=[^@]{1,64}@)[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z]{1,63}"
)
"""Plain addresses. The syntax accepts each of them and returns it unchanged, so that it need not parse them."""


class Envelope(Record):
    """Checked addresses with ASCII domains. ``utf8`` says that one needs SMTPUTF8; an empty sender is ``<>``."""

    sender: str
    recipients: tuple[str, ...]
    utf8: bool = False


def make_envelope(sender: str, recipients: Iterable[str], *, path: str = "") -> Envelope:
    """Return the envelope for some addresses, each recipient once.

    Raises :class:`~confobjects.errors.MailError` (stage mail or rcpt) with every text that is not a mail address.
    """
    if (usual := _usual_envelope(sender, recipients)) is not None:
        return usual
    problems = Collector()
    checked_sender = _parse_address(sender, "mail", problems, path) if sender else ""
    found = (_parse_address(recipient, "rcpt", problems, path) for recipient in recipients)
    checked = tuple(dict.fromkeys(recipient for recipient in found if recipient))
    if not checked and not problems.errors:
        remedy = ("Name at least one (", RemedyAction("give-recipients"), ").")
        problems.error("mail-rcpt", "there is no recipient", path=path, remedy=remedy)
    if problems.errors:
        raise MailError(problems.errors)
    utf8 = not all(address.isascii() for address in (checked_sender, *checked))
    return Envelope(checked_sender, checked, utf8)


def _usual_envelope(sender: str, recipients: Iterable[str]) -> Envelope | None:
    """Return the envelope if all addresses are plain, as nearly always; None if one has to be parsed."""
    if not isinstance(recipients, tuple) or not recipients:
        return None
    if not _is_usual(sender):
        return None
    for address in recipients:
        if not _is_usual(address):
            return None
    return Envelope(sender, recipients if len(recipients) == 1 else tuple(dict.fromkeys(recipients)))


@lru_cache(1024)
def _is_usual(address: str) -> bool:
    return len(address) <= _LONGEST and _USUAL.fullmatch(address) is not None


def _parse_address(text: str, stage: str, problems: Collector, path: str) -> str:
    what = "sender" if stage == "mail" else "recipient"
    try:
        return with_ascii_domain(_SYNTAX.parse(text))
    except (ValueSyntaxError, UnicodeError) as error:
        problems.error(
            f"mail-{stage}",
            f"the {what} is not a mail address: {make_visible(str(error))}",
            path=path,
            value=make_visible(text),
            remedy=getattr(error, "remedy", "") or "Correct the address.",
        )
        return ""


def with_ascii_domain(address: str) -> str:
    """Return an address with its domain in the ASCII form of the DNS (``bücher`` -> ``xn--bcher-kva``).

    Raises UnicodeError for a domain that has no such form.
    """
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{ascii_host(domain)}"
