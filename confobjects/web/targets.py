"""What connections may reach that are begun for people: anything for administrators, only mail and token servers for others.

Law: a connection that is begun for nobody in particular is judged, too. Such are the deliveries of the mail service in this process:
who has changed a mail server last is not always known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.records import Record
from confobjects.transport.network import Networks, judge_networks
from confobjects.transport.targets import normalize_host

if TYPE_CHECKING:
    from confobjects.web.people import Person

Target = tuple[str, int]
"""A host, a name or an address in the form in which they are compared, and a port."""

_EXAMPLE: Final = "relay.example.com:2526"


class Targets(Record):
    """The targets that were named besides the usual ports: whoever runs the process names them."""

    allowed: frozenset[Target] = frozenset()

    def networks_for(self, person: Person | None) -> Networks:
        """Return the networks for connections that are begun for a person, or for nobody that is known."""
        return Networks() if person is not None and person.may("administer") else judge_networks(self.allowed)


def parse_target(text: str) -> Target:
    """Return the target that ``HOST:PORT`` names; an IPv6 address stands in brackets. Raises UsageError."""
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) <= 65535
    if not host.strip("[]") or not is_port or ((":" in host) is not is_bracketed):
        summary = f'"{text}" is no target: a host and a port are needed, such as {_EXAMPLE}'
        raise UsageError(Diagnostic("usage", summary, argument=text))
    return normalize_host(host), int(port)


__all__ = ["Target", "Targets", "parse_target"]
