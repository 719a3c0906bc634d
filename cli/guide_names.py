"""A DNS server for the pages of the guide: what the domain of a sender says of itself, over UDP on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

_LONGEST: Final = 4096
"""Octets of a query at most."""
_SECONDS: Final = 60
"""How long an answer may be kept."""
ZONE: Final[Mapping[tuple[str, str], str]] = {
    ("example.com", "TXT"): '"v=spf1 include:_spf.relay.example -all"',
    ("_spf.relay.example", "TXT"): '"v=spf1 ip4:192.0.2.0/24 -all"',
    ("_dmarc.example.com", "TXT"): '"v=DMARC1; p=reject"',
    ("localhost", "A"): "127.0.0.1",
}
"""Names and types, and the record of each in the form of a zone file; there are no other names."""


class NameServer:
    """A server of the names in ``ZONE`` at a free port; it answers while this is entered."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, asker = self._socket.recvfrom(_LONGEST)
            if not query:
                return
            answer = _answer(query)
            if answer:
                self._socket.sendto(answer, asker)


def _answer(wire: bytes) -> bytes:
    """Return the answer to a query; nothing, if it is none."""
    try:
        query = dns.message.from_wire(wire)
        answer = dns.message.make_response(query, recursion_available=True)
    except dns.exception.DNSException:
        return b""
    for question in query.question:
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        if (name, kind) in ZONE:
            answer.answer.append(dns.rrset.from_text(question.name, _SECONDS, "IN", kind, ZONE[name, kind]))
        elif name not in {known for known, _ in ZONE}:
            answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire()
