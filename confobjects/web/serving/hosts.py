"""Which hosts the process answers for. Pure.

A request for another host comes from a name that somebody has let point here: so a page of that name would read what is served
to this machine only (DNS rebinding). The list holds on loopback too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.syntaxes.hosts import ascii_host, bracket_host, host_problem, is_ipv6
from confobjects.texts.visible import make_visible

LOCAL: Final = ("127.0.0.1", "[::1]", "localhost")


def make_hosts(address: str, names: Iterable[str]) -> frozenset[str]:
    """Return the hosts to answer for: this machine, the address that is listened at, and further names."""
    own = bracket_host(address.partition("%")[0])
    return frozenset((*LOCAL, own, *map(_normal_name, names)))


def parse_name(text: str) -> str:
    """Return a name to answer for, as it was given: a host name or an address, and nothing else. Raises UsageError."""
    host = text.removeprefix("[").removesuffix("]")
    if is_ipv6(host) or not host_problem(host):
        return text
    summary = f'"{make_visible(text)}" is no name of a host'
    remedy = "give the name alone, such as web.example.com: without a scheme, a port or a path"
    raise UsageError(Diagnostic("usage", summary, argument=text, remedy=remedy))


def _normal_name(name: str) -> str:
    try:
        return bracket_host(ascii_host(name.strip("[]"))).lower().rstrip(".")
    except UnicodeError:
        return name.lower()


def parse_host(text: str) -> str | None:
    """Return the host of a Host header (RFC 9110, section 7.2) without its port, in lower case; None if it is malformed."""
    if text.startswith("["):
        host, bracket, rest = text.partition("]")
        host, port = f"{host}{bracket}", rest.removeprefix(":")
        if not bracket or (rest and not rest.startswith(":")):
            return None
    else:
        host, _, port = text.partition(":")
    is_port = port == "" or (port.isascii() and port.isdigit() and len(port) <= 5)
    is_host = bool(host) and host.isascii() and host.isprintable() and not set(host) & set(' /?#@\\"<>')
    return host.lower().removesuffix(".") if is_port and is_host else None
