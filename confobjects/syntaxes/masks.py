"""The syntax ip-address-mask: a set of clients, given by address, network, host name or pattern."""

from __future__ import annotations

from collections.abc import Hashable

from confobjects.syntaxes.base import Syntax, ValueSyntaxError, quote_text, require_line
from confobjects.syntaxes.hosts import host_problem, is_ipv4, is_ipv6


class IpAddressMask(Syntax):
    """A set of client addresses, kept as typed. IPv6 may stand in brackets, with or without the prefix length.

    An IPv4 address whose parts may be ``*``; a network with a prefix length (``/0`` to ``/32``, IPv6 to
    ``/128``); an IPv6 address; a host name; every host of a domain (``.example.com``); a host name in which
    whole parts are ``*``.
    """

    __slots__ = ()

    name = "ip-address-mask"
    placeholder = "IP_ADDRESS_MASK"
    samples_good = (
        ({}, "192.0.2.1"),
        ({}, "192.168.*.*"),
        ({}, "*.*.*.*"),
        ({}, "10.0.0.0/8"),
        ({}, "0.0.0.0/0"),
        ({}, "2001:db8::/32"),
        ({}, "::1"),
        ({}, "[::1]"),
        ({}, "[2001:db8::]/32"),
        ({}, "[2001:DB8::/32]"),
        ({}, "host.example.com"),
        ({}, ".example.com"),
        ({}, "*.example.com"),
        ({}, "ldap.*.example.com"),
        ({}, " 10.1.2.3/32 ", "10.1.2.3/32"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected an address mask"),
        ({}, "10.0.0.0/33", '"33" is not a prefix length, expected an address mask; it goes from 0 to 32'),
        ({}, "::/129", '"129" is not a prefix length, expected an address mask; it goes from 0 to 128'),
        (
            {},
            "10.0.0.0/255.0.0.0",
            '"255.0.0.0" is not a prefix length, expected an address mask; did you mean "10.0.0.0/8"?',
        ),
        ({}, "10.*.0.0/8", '"10.*.0.0" is not an address, expected an address mask; "/" must follow a whole address'),
        ({}, "192.168.*", '"192.168.*" has 3 parts, expected an address mask; did you mean "192.168.*.*"?'),
        ({}, "*", '"*" has 1 part, expected an address mask; did you mean "*.*.*.*"?'),
        ({}, "192.168.1.256", '"192.168.1.256" is not an IPv4 address, expected an address mask'),
        ({}, "1.2.3.4.5", '"1.2.3.4.5" has 5 parts, expected an address mask'),
        ({}, "h*.example.com", '"*" stands for a whole part only, expected an address mask'),
        ({}, "1::2::3", '"1::2::3" is not an IPv6 address, expected an address mask'),
        (
            {},
            "[192.0.2.1]",
            '"192.0.2.1" is not an IPv6 address, expected an address mask; only IPv6 stands in brackets',
        ),
        ({}, "[host]", '"host" is not an IPv6 address, expected an address mask; only IPv6 stands in brackets'),
        ({}, "[::1", "a bracket is not closed, expected an address mask"),
        ({}, "[::1]x", 'only "/" and a prefix length may follow the bracket, expected an address mask'),
        ({}, "[::1/64]/64", '"::1/64" is not an IPv6 address, expected an address mask; only IPv6 stands in brackets'),
        ({}, "[::]/129", '"129" is not a prefix length, expected an address mask; it goes from 0 to 128'),
        ({}, "a b", "a host name cannot hold a blank, expected an address mask"),
    )

    def parse(self, text: str) -> str:
        line = require_line(text, self.expected)
        self._check_mask(self._drop_brackets(line))
        return line

    def _drop_brackets(self, line: str) -> str:
        """Return a mask without the brackets around an IPv6 address or network."""
        if not line.startswith("["):
            return line
        inside, closed, after = line[1:].partition("]")
        if not closed:
            raise ValueSyntaxError("a bracket is not closed", self.expected)
        if after and not after.startswith("/"):
            raise ValueSyntaxError('only "/" and a prefix length may follow the bracket', self.expected)
        address = inside if after else inside.partition("/")[0]
        if not is_ipv6(address):
            raise ValueSyntaxError(
                f"{quote_text(address)} is not an IPv6 address", self.expected, "only IPv6 stands in brackets"
            )
        return inside + after

    def _check_mask(self, line: str) -> None:
        address, slash, prefix = line.partition("/")
        if slash:
            self._check_network(address, prefix)
        elif ":" in line:
            if not is_ipv6(line):
                raise ValueSyntaxError(f"{quote_text(line)} is not an IPv6 address", self.expected)
        elif all(part == "*" or (part.isdecimal() and part.isascii()) for part in line.split(".")):
            self._check_numbers(line)
        else:
            self._check_host(line)

    def _check_network(self, address: str, prefix: str) -> None:
        longest = 128 if is_ipv6(address) else 32 if is_ipv4(address) else 0
        if not longest:
            raise ValueSyntaxError(
                f"{quote_text(address)} is not an address", self.expected, '"/" must follow a whole address'
            )
        digits = prefix.isdecimal() and prefix.isascii() and len(prefix) <= 3
        if not digits or int(prefix) > longest:
            length = _prefix_length(prefix) if longest == 32 else -1
            remedy = f"it goes from 0 to {longest}" if length < 0 else f'did you mean "{address}/{length}"?'
            raise ValueSyntaxError(f"{quote_text(prefix)} is not a prefix length", self.expected, remedy)

    def _check_numbers(self, line: str) -> None:
        parts = line.split(".")
        if len(parts) != 4:
            remedy = (
                f'did you mean "{".".join((parts + ["*"] * 4)[:4])}"?' if parts[-1] == "*" and len(parts) < 4 else ""
            )
            plural = "part" if len(parts) == 1 else "parts"
            raise ValueSyntaxError(f"{quote_text(line)} has {len(parts)} {plural}", self.expected, remedy)
        if not is_ipv4(line.replace("*", "0")):
            raise ValueSyntaxError(f"{quote_text(line)} is not an IPv4 address", self.expected)

    def _check_host(self, line: str) -> None:
        host = line.removeprefix(".")
        parts = host.split(".")
        if any("*" in part and part != "*" for part in parts):
            raise ValueSyntaxError('"*" stands for a whole part only', self.expected)
        if problem := host_problem(".".join("x" if part == "*" else part for part in parts)):
            raise ValueSyntaxError(problem, self.expected)

    def _normal_form(self, text: str) -> Hashable:
        return self._drop_brackets(self.parse(text)).lower()

    @property
    def expected(self) -> str:
        return "an address mask"

    def describe(self) -> str:
        return (
            "An IPv4 address (any part may be *), an IPv6 address, a network such as 10.0.0.0/8 or [2001:db8::]/32, "
            "a host name (any part may be *), or a domain such as .example.com."
        )


def _prefix_length(mask: str) -> int:
    """Return the prefix length that a dotted network mask stands for, or -1."""
    if not is_ipv4(mask):
        return -1
    bits = "".join(f"{int(part):08b}" for part in mask.split("."))
    return len(bits.rstrip("0")) if "01" not in bits else -1
