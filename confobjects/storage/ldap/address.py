"""The address of a directory: one or more LDAP URLs (RFC 4516)."""

from __future__ import annotations

from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.records import Record
from confobjects.syntaxes.hosts import host_problem, is_this_machine
from confobjects.texts.numbers import read_number

PORTS: Final = {"ldap": 389, "ldaps": 636, "ldapi": 0}
"""URL schemes and their default ports."""
SOCKET: Final = "/var/run/slapd/ldapi"
"""The socket of ``ldapi:///``: that of slapd on Debian."""


class LdapAddress(Record):
    """One server: ``host`` is the path of the socket when the scheme is ``ldapi``."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        if self.scheme == "ldapi":
            return f"ldapi://{_encode_percents(self.host)}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Whether the traffic stays on this machine."""
        return self.scheme == "ldapi" or is_this_machine(self.host)


class Directory(Record):
    """The servers of a configuration, in the order they are tried, and its base DN if the URL contains one."""

    addresses: tuple[LdapAddress, ...]
    base: DN | None

    def __str__(self) -> str:
        tail = "" if self.base is None else f"/{_encode_percents(str(self.base), ',=')}"
        return " ".join(f"{address}{tail}" for address in self.addresses)


def parse(text: str) -> Directory:
    """Return the servers in one or more URLs separated by blanks.

    Raises :class:`~confobjects.errors.UsageError` for an invalid URL, for one with parts that a configuration cannot
    use, and for URLs with different bases.
    """
    found = [_parse_url(part) for part in text.split()]
    bases = {base.normal: base for _, base in found if base is not None}
    if len(bases) > 1:
        names = " and ".join(f'"{base}"' for base in bases.values())
        raise _url_error(text, f"all servers must have the same base DN, but the URLs name different ones: {names}")
    return Directory(tuple(dict.fromkeys(address for address, _ in found)), next(iter(bases.values()), None))


def _parse_url(text: str) -> tuple[LdapAddress, DN | None]:
    scheme, _, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme not in PORTS or not rest.startswith("//"):
        raise _url_error(text, "it does not start with ldap://, ldaps:// or ldapi://")
    place, _, tail = rest[2:].partition("/")
    if "@" in place:
        apart = (RemedyAction("give-bind-dn"), " and ", RemedyAction("give-bind-password"))
        raise _url_error(text, "a URL must not contain a user or password", ("give them apart from it (", *apart, ")"))
    if "?" in tail:
        raise _url_error(text, "nothing may follow the base DN", "end the URL with the base DN")
    try:
        base = DN.parse(_decode_percents(tail)) if tail else None
    except ValueError as error:
        raise _url_error(text, f"its base is not a valid DN: {error}") from None
    if scheme == "ldapi":
        return LdapAddress(scheme, _decode_percents(place) or SOCKET, 0), base
    host, port = _split_host_port(text, place)
    return LdapAddress(scheme, host or "localhost", port or PORTS[scheme]), base


def _split_host_port(text: str, place: str) -> tuple[str, int]:
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _url_error(text, "an IPv6 address must be in brackets")
        port = rest[1:]
    else:
        host, _, port = place.partition(":")
    if ":" in port:
        raise _url_error(text, "an IPv6 address must be in brackets", f"write [{place}]")
    number = read_number(port) or 0
    if port and not 0 < number < 65536:
        raise _url_error(text, f'"{port}" is not a port (a number from 1 to 65535)')
    host = _decode_percents(host)
    if not host.isascii() and (problem := host_problem(host)):
        raise _url_error(text, problem)
    return host, number


def _encode_percents(text: str, safe: str = "") -> str:
    from urllib.parse import quote

    return quote(text, safe=safe)


def _decode_percents(text: str) -> str:
    if "%" not in text:
        return text
    from urllib.parse import unquote

    return unquote(text)


def _url_error(text: str, reason: str, remedy: Remedy = "") -> UsageError:
    if not remedy:
        remedy = "write ldap://HOST:PORT/BASE-DN, ldaps://HOST:PORT/BASE-DN or ldapi://%2Fpath%2Fto%2Fsocket/BASE-DN"
    shown = text if "@" not in text else text.partition("://")[0] + "://…@" + text.rpartition("@")[2]
    if "?" in shown:  # extensions may contain a password
        shown = shown.partition("?")[0] + "?…"
    return UsageError(Diagnostic("usage", f'"{shown}" is not a valid LDAP URL: {reason}', remedy=remedy))
