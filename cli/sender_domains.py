"""What receivers will think of mail from a mail sender, by the DNS: looked up with a test of it, or alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.mail.domains.judging import DomainReport
    from confobjects.mail.senders import MailSender
    from confobjects.objects.effective import EffectiveObject
    from confobjects.transport.check import TestResult

_PATIENCE: Final = 10.0
"""Seconds for all look-ups of a test together: somebody sits in front of it."""
_DNS_PORT: Final = 53


class DomainQuestion(Record):
    """What the options of a command ask about a sender's domain; ``server`` and ``port`` are those of the DNS, empty for the system's."""

    selector: str = ""
    include: str = ""
    server: str = ""
    port: int = _DNS_PORT
    only: bool = False
    without: bool = False

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Take the options out of those of a command. Raises UsageError if one cannot be read."""
        given = {name: values.pop(name) for name in ("dkim_selector", "spf_include", "resolver")}
        server, port = ("", _DNS_PORT) if given["resolver"] is None else _read_resolver(given["resolver"])
        only, without = values.pop("domain_only"), values.pop("no_domain")
        return cls(given["dkim_selector"] or "", given["spf_include"] or "", server, port, only, without)

    def check(self, sender_name: str | None, depth: str | None, to: Sequence[str]) -> None:
        """Refuse options of the command that have no meaning together."""
        given = [
            spelling
            for spelling, value in (
                ("--domain-only", self.only),
                ("--no-domain", self.without),
                ("--dkim-selector", self.selector),
                ("--spf-include", self.include),
                ("--resolver", self.server),
            )
            if value
        ]
        if given and sender_name is None:
            summary = f"{given[0]} has no meaning without --sender-name: only a mail sender has a domain"
            raise UsageError(Diagnostic("usage", summary, argument=given[0], remedy="--sender-name NAME"))
        if self.without and (others := [spelling for spelling in given if spelling != "--no-domain"]):
            raise UsageError(Diagnostic("usage", f"--no-domain and {others[0]} exclude each other", argument=others[0]))
        if self.only and (depth is not None or to):
            other = "--to" if depth is None else "--depth"
            summary = f"{other} has no meaning with --domain-only: the mail server is not asked"
            raise UsageError(Diagnostic("usage", summary, argument=other, remedy=f"leave {other} out"))


def domain_options() -> list[click.Parameter]:
    """Return the options that ask about a sender's domain."""
    rows = (
        ("--dkim-selector", "SELECTOR", "The selector that the mail server signs with (DKIM), to look up its key."),
        ("--spf-include", "DOMAIN", "The domain that the mail server's operator asks to include in SPF."),
        ("--resolver", "ADDRESS[:PORT]", "The DNS server to ask in place of the system's."),
    )
    flags = (
        ("--domain-only", "Look up nothing but the sender's domain; fail if receivers will refuse its mail."),
        ("--no-domain", "Leave the look-ups out."),
    )
    return [
        *(click.Option([spelling], metavar=metavar, help=text) for spelling, metavar, text in rows),
        *(click.Option([spelling], is_flag=True, help=text) for spelling, text in flags),
    ]


def find_report(sender: MailSender, host: str, question: DomainQuestion) -> DomainReport:
    """Look up what receivers will think of mail from a sender that leaves at a host.

    Raises UsageError where the DNS cannot be asked from this machine at all.
    """
    from confobjects.mail.domains.judging import Relay, judge_domain
    from confobjects.mail.presets import find_include
    from confobjects.transport.deadline import Deadline
    from confobjects.transport.lookups import Lookups

    include = question.include or find_include(host)
    servers = (question.server,) if question.server else ()
    lookups = Lookups(servers, question.port, Deadline(_PATIENCE))
    return judge_domain(sender.address, question.selector, lookups, Relay(host, include=include))


def judge_alone(server: EffectiveObject, sender: MailSender, question: DomainQuestion, *, unsaved: bool) -> TestResult:
    """Return a result of the look-ups alone. Raises UsageError as :func:`find_report` does, and MailError if no delivery can be planned."""
    from confobjects.service.tokens import find_tokens
    from confobjects.transport.check import check_domain

    return check_domain(
        server,
        sender,
        lambda host: find_report(sender, host, question),
        unsaved=unsaved,
        tokens=find_tokens,
    )


def report_lines(report: DomainReport) -> Iterator[str]:
    """Yield the lines of a report for people."""
    from confobjects.mail.domains.judging import describe_findings

    from .words.actions import word

    yield f"what receivers will think of mail from {report.domain}:"
    yield from (f"  {line}" for line in describe_findings(report.findings, word))


def _read_resolver(text: str) -> tuple[str, int]:
    """Return the address and the port of a DNS server: ``ADDRESS[:PORT]``."""
    from confobjects.syntaxes import ValueSyntaxError
    from confobjects.syntaxes.hosts import HostPortSyntax, is_ipv4, is_ipv6

    try:
        host, port = HostPortSyntax(default_port=_DNS_PORT).parse(text)
    except ValueSyntaxError:
        host, port = "", 0
    if not (is_ipv4(str(host)) or is_ipv6(str(host))):
        summary = f'--resolver takes an IP address, and a colon and a port, not "{text}"'
        raise UsageError(Diagnostic("usage", summary, argument="--resolver", remedy="--resolver 192.0.2.53:53"))
    return str(host), int(port)
