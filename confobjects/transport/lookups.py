"""Look-ups in the DNS for :mod:`confobjects.mail.domains`, by dnspython (the extra ``dns``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.mail.domains import Answer, RecordType
from confobjects.transport.deadline import Deadline, DeadlineExceeded

if TYPE_CHECKING:
    from dns.name import Name
    from dns.resolver import Resolver

PATIENCE: Final = 20.0
"""Seconds for all look-ups together."""
_ONE: Final = 5.0
"""Seconds for one look-up."""


class Lookups:
    """Looks names up, each once, within one deadline. It is called as a :data:`~confobjects.mail.domains.Resolve`.

    Without ``servers`` it asks those of the operating system. Raises UsageError where dnspython is not installed, or the operating
    system names no server.
    """

    def __init__(self, servers: Sequence[str] = (), port: int = 53, deadline: Deadline | None = None) -> None:
        self._deadline = Deadline(PATIENCE) if deadline is None else deadline
        self._resolver = _make_resolver(servers, port)
        self._known: dict[tuple[str, RecordType], Answer] = {}

    def __call__(self, name: str, kind: RecordType) -> Answer:
        """Return what the DNS says. It raises nothing for what a server says, or for none that answers."""
        key = (name.lower(), kind)
        if key not in self._known:
            self._known[key] = self._look_up(name, kind)
        return self._known[key]

    def _look_up(self, name: str, kind: RecordType) -> Answer:
        from dns.exception import DNSException
        from dns.name import from_text

        try:
            target = from_text(name)
        except (DNSException, UnicodeError):
            return Answer("no-name", message="it is not a name of the DNS")
        return self._ask(target, kind)

    def _ask(self, name: Name, kind: RecordType) -> Answer:
        from dns.exception import DNSException, Timeout
        from dns.resolver import NXDOMAIN, NoAnswer, NoNameservers

        try:
            seconds = min(_ONE, self._deadline.check_time_left())
            found = self._resolver.resolve(name, kind, search=False, lifetime=seconds)
        except NXDOMAIN:
            return Answer("no-name")
        except NoAnswer:
            return Answer("no-records")
        except (Timeout, DeadlineExceeded):
            return Answer("failed", message="the DNS server does not answer in time")
        except NoNameservers:
            return Answer("failed", message="the DNS server cannot answer")
        except (DNSException, OSError) as error:
            return Answer("failed", message=str(error) or type(error).__name__)
        return Answer("found", tuple(_as_texts(kind, found)))


def _make_resolver(servers: Sequence[str], port: int) -> Resolver:
    try:
        from dns.resolver import NoResolverConfiguration, Resolver
    except ImportError:
        summary = "the DNS cannot be asked: the Python package for it is not installed"
        remedy = 'Install it: pip install "confobjects[dns]".'
        raise UsageError(Diagnostic("usage", summary, remedy=remedy)) from None
    try:
        resolver = Resolver(configure=not servers)
    except NoResolverConfiguration:
        summary = "the DNS cannot be asked: this machine names no DNS server"
        raise UsageError(Diagnostic("usage", summary, remedy="Name one in /etc/resolv.conf.")) from None
    if servers:
        resolver.nameservers = list(servers)
        resolver.port = port
    return resolver


def _as_texts(kind: RecordType, found: Any) -> list[str]:
    """Return the records of an answer as texts."""
    if kind == "TXT":
        return [b"".join(one.strings).decode("utf-8", "replace") for one in found]
    if kind == "MX":
        best_first = sorted(found, key=lambda one: (one.preference, one.exchange))
        return [one.exchange.to_text(omit_final_dot=True).lower() for one in best_first]
    if kind == "PTR":
        return [one.target.to_text(omit_final_dot=True).lower() for one in found]
    return [one.address for one in found]
