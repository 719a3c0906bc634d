"""A DNS server of the tests: it answers over UDP on loopback from a table, and counts what it is asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Zone = Mapping[tuple[str, str], tuple[str, ...]]
"""(name, type) -> records in the form of a zone file. A name with the type ``RCODE`` gets that code, with ``SILENT`` no answer."""


class DnsServer:
    """A running server; a context manager that starts and stops it."""

    def __init__(self, zone: Zone) -> None:
        self.zone = {(name.lower(), kind): records for (name, kind), records in zone.items()}
        self.names = {name for name, _ in self.zone}
        self.asked: list[tuple[str, str]] = []
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
            last.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, asker = self._socket.recvfrom(4096)
            if not data:
                return
            answer = self._answer(dns.message.from_wire(data))
            if answer is not None:
                self._socket.sendto(answer.to_wire(), asker)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        self.asked.append((name, kind))
        if (name, "SILENT") in self.zone:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if (name, "RCODE") in self.zone:
            answer.set_rcode(dns.rcode.from_text(self.zone[name, "RCODE"][0]))
        elif (name, kind) in self.zone:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *self.zone[name, kind]))
        elif name not in self.names:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
