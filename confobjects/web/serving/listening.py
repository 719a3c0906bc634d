"""Where the process listens, and what that demands. Pure: an address that was resolved comes in.

Laws: beyond loopback nothing is served in clear text, except to the proxies that are named. Whatever is listened at has a
list of host names, see :mod:`confobjects.web.serving.hosts`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.records import Record
from confobjects.syntaxes.hosts import bracket_host

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT: Final = "127.0.0.1:8080"
"""Where it listens unless it is told."""


class Listening(Record):
    """What was asked for: host and port (0 for any free one), whether it speaks TLS, proxies in front, further host names."""

    host: str
    port: int
    has_tls: bool = False
    proxies: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()


def parse_listen(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; an IPv6 address stands in brackets. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not colon or not host or not is_port or ((":" in host) is not is_bracketed):
        summary = f'"{text}" is no address to listen at: a host and a port are needed, such as {DEFAULT}'
        raise UsageError(Diagnostic("usage", summary, argument=text))
    return host, int(port)


def parse_network(text: str) -> Network:
    """Return the addresses that ``ADDRESS`` or ``ADDRESS/BITS`` means. Raises UsageError."""
    try:
        found = ipaddress.ip_interface(text)
    except ValueError:
        summary = f'"{text}" is no address of a proxy: an IP address is needed, or a network such as 10.0.0.0/24'
        raise UsageError(Diagnostic("usage", summary, argument=text)) from None
    if found.ip != found.network.network_address:
        summary = f'"{text}" is an address within a network: which of the two is meant?'
        remedy = f"give {found.ip} for the one proxy, or {found.network} for the whole network"
        raise UsageError(Diagnostic("usage", summary, argument=text, remedy=remedy))
    return found.network


def plain_address(text: str) -> Address | None:
    """Return the address of a peer; IPv4 in an IPv6 socket is IPv4 again. None for what is no address."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def is_loopback(text: str) -> bool:
    """Tell whether only this machine reaches an address."""
    found = plain_address(text)
    return found is not None and found.is_loopback


def is_among(text: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of some networks."""
    found = plain_address(text)
    return found is not None and any(found in one for one in networks)


def judge_listening(listening: Listening, address: str) -> None:
    """Raise UsageError unless it may be listened at an address as was asked."""
    if is_loopback(address):
        return
    found = plain_address(address)
    if not listening.has_tls and not listening.proxies:
        summary = f"others reach {address}: it is served over TLS only"
        remedy = "give a certificate and its key, or name the proxies in front that do it"
    elif found is not None and found.is_unspecified and not listening.hosts:
        summary = f"{address} means every address of this machine, so the names are needed that people reach it by"
        remedy = "name the hosts that it answers for"
    else:
        return
    raise UsageError(Diagnostic("usage", summary, argument=f"{listening.host}:{listening.port}", remedy=remedy))


def may_connect(listening: Listening, peer: str, bound: str) -> bool:
    """Tell whether a peer may connect at all: in clear text only this machine and the proxies that are named."""
    return listening.has_tls or is_loopback(bound) or is_loopback(peer) or is_among(peer, listening.proxies)


def format_url(listening: Listening, address: str, port: int) -> str:
    """Return the URL of where it is listened at."""
    return f"{'https' if listening.has_tls else 'http'}://{bracket_host(address)}:{port}"
