"""Syntaxes of hosts: host-port and ip-address, and the rules for host names. Nothing is resolved.

Laws: a host is kept as it was typed (case, script); a comparison ignores case and the spelling of IPv6. A name with
letters beyond ASCII is a name of IDNA 2008; :func:`ascii_host` is its one form for everything that leaves.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, ClassVar

from confobjects.records import Record
from confobjects.syntaxes.base import Syntax, SyntaxParameterError, ValueSyntaxError, quote_text, require_line

_LONGEST_HOST = 253
_LONGEST_LABEL = 63
_REQUIRED = "required"


def is_ipv4(text: str) -> bool:
    """Tell whether a text is four decimal numbers up to 255; leading zeros are refused, as some read them as octal."""
    parts = text.split(".")
    return len(parts) == 4 and all(
        part.isdecimal() and part.isascii() and len(part) <= 3 and int(part) <= 255 and (part[0] != "0" or part == "0")
        for part in parts
    )


def is_this_machine(host: str) -> bool:
    """Tell whether a host is this machine whatever is looked up: ``localhost``, or an address of loopback (RFC 1122, RFC 4291).

    Other names below ``localhost`` are left out, because some resolvers ask the network for them.
    """
    return host.lower() == "localhost" or (host.startswith("127.") and is_ipv4(host)) or _compress_ipv6(host) == "::1"


def is_ipv6(text: str) -> bool:
    """Tell whether a text is an IPv6 address (RFC 4291), with or without a zone (RFC 4007)."""
    return _compress_ipv6(text) is not None


def _compress_ipv6(text: str) -> str | None:
    """Return the compressed spelling of an IPv6 address, or None."""
    if ":" not in text or not text.isascii():
        return None
    from ipaddress import IPv6Address

    address, percent, zone = text.partition("%")
    if percent and not (zone and zone.replace("-", "").replace("_", "").replace(".", "").isalnum()):
        return None
    try:
        return f"{IPv6Address(address).compressed}{percent}{zone}"
    except ValueError:
        return None


def host_problem(host: str) -> str:
    """Return what is wrong with a host name or IPv4 address, or an empty text (RFC 1123, RFC 5890, RFC 5892).

    Allowed are letters and digits of any script, hyphens inside a label, underscores anywhere (names of containers and
    services contain them), and one dot at the end of a fully qualified name. A name that ends in a number must be an
    IPv4 address.
    """
    name = host.removesuffix(".")
    if not name:
        return "the host is empty"
    labels = name.split(".")
    for label in labels:
        if problem := _label_problem(label):
            return problem
    if labels[-1].isdigit() and not is_ipv4(host):
        return f"{quote_text(host)} ends in a number but is not an IPv4 address"
    if len(name) > _LONGEST_HOST or len(ascii_host(name)) > _LONGEST_HOST:
        return f"the host is longer than {_LONGEST_HOST} characters"
    return ""


def _label_problem(label: str) -> str:
    if label.isalnum() and label.isascii() and len(label) <= _LONGEST_LABEL:
        return ""
    if not label:
        return "the host holds an empty part between its dots"
    if label.isascii():
        wrong = next((c for c in label if not (c.isalnum() or c in "-_")), "")
    else:
        wrong = _wrong_character(label)
    if wrong:
        return (
            f"{quote_text(wrong)} is not allowed in a host name" if wrong != " " else "a host name cannot hold a blank"
        )
    if label[0] == "-" or label[-1] == "-":
        return f"{quote_text(label)} starts or ends with a hyphen"
    if len(label) > _LONGEST_LABEL or _encoded_length(label) > _LONGEST_LABEL:
        return f"{quote_text(label)} is longer than {_LONGEST_LABEL} characters"
    return _foreign_problem(label)


def _foreign_problem(label: str) -> str:
    try:
        _ascii_label(label)
    except UnicodeError:
        return f"{quote_text(label)} is not a name that the DNS can hold (IDNA 2008)"
    return ""


def _encoded_length(label: str) -> int:
    """Return the length of a label in its DNS encoding, which mapping changes little."""
    return len(label) if label.isascii() else len("xn--") + len(label.encode("punycode"))


def ascii_host(host: str) -> str:
    """Return a host name in ASCII, as it goes into the DNS, a certificate and a mail address (IDNA 2008, RFC 5891).

    Case and width are mapped (UTS 46, nontransitional): ``Bücher`` -> ``xn--bcher-kva``. ``faß`` stays another name
    than ``fass``. Raises UnicodeError for a name that IDNA does not allow.
    """
    return host if host.isascii() else ".".join(map(_ascii_label, host.split(".")))


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    from idna import alabel, uts46_remap

    return alabel(uts46_remap(label, std3_rules=False)).decode("ascii")


def _wrong_character(label: str) -> str:
    """Return the first character that is not allowed in an internationalised label (letters, marks and digits are)."""
    from unicodedata import category

    for character in label:
        kind = category(character)
        if kind[0] not in "LM" and kind != "Nd" and character not in "-_\u200c\u200d":
            return character
    return ""


def normal_host(host: str) -> str:
    """Return the form in which hosts compare: lower case, IPv6 compressed."""
    return _compress_ipv6(host) or host.lower() if ":" in host else host.lower()


def _is_plain(host: str) -> bool:
    """Tell quickly whether a host has the usual form. :func:`host_problem` checks all others."""
    if len(host) > _LONGEST_LABEL or not host.isascii() or not host.replace("-", "").replace(".", "").isalnum():
        return False
    if ".." in host or "-." in host or ".-" in host or host[0] in "-." or host[-1] in "-.":
        return False
    return not host[-1].isdigit() or not host.rpartition(".")[2].isdigit()


class HostPort(Record):
    """Where to connect to: a host name or address (IPv6 without brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracket_host(self.host)}:{self.port}"

    def __iter__(self) -> Iterator[str | int]:
        """Yield host and port: ``host, port = value``."""
        yield self.host
        yield self.port

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HostPort) and (self.host, self.port) == (other.host, other.port)

    def __hash__(self) -> int:
        return hash((self.host, self.port))


class ImpliedPort(HostPort):
    """A :class:`HostPort` with the default port of the definition. It equals one with the same explicit port."""


def bracket_host(host: str) -> str:
    """Return a host as it is written before a port: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


class HostPortSyntax(Syntax):
    """A host and a port. With ``default-port``, the port may be left out; it is then not written either.

    ``port: required`` says that there is no default port, as where the type above has one. It means the same as no
    ``default-port``, so the two syntaxes are equal.
    """

    __slots__ = ("default_port",)

    name = "host-port"
    placeholder = "HOST:PORT"
    value_type = "HostPort"
    parameters = {
        "default-port": {
            "description": "The default port. Without it, every value needs a port.",
            "type": "integer",
            "minimum": 1,
            "maximum": 65535,
        },
        "port": {
            "description": "Says that every value needs a port; not with default-port.",
            "type": "string",
            "enum": [_REQUIRED],
        },
    }
    parts: ClassVar[Mapping[str, str]] = {
        "host": "The host name or address, without brackets.",
        "port": "The port; the default port where the value has none.",
    }
    samples_good = (
        ({"default-port": 587}, "smtp.example.com"),
        ({"default-port": 587}, "smtp.example.com:587"),
        ({"default-port": 587}, " Mail-1.example.com:0025 ", "Mail-1.example.com:25"),
        ({"default-port": 587}, "[2001:DB8::1]"),
        ({"port": "required"}, "smtp.example.com:0587", "smtp.example.com:587"),
        ({}, "[::1]:25"),
        ({}, "[fe80::1%eth0]:25"),
        ({}, "192.0.2.1:1"),
        ({}, "mail_relay:65535"),
        ({}, "smtp.bücher.example:25"),
        ({}, "mx.faß.example:25"),
        ({"default-port": 25}, "localhost."),
    )
    samples_bad = (
        ({}, "", 'the value is empty, expected a host name or address, ":" and a port'),
        ({}, "h", '"h" has no port, expected a host name or address, ":" and a port; add its port: "h:PORT"'),
        (
            {"port": "required"},
            " [::1] ",
            '"[::1]" has no port, expected a host name or address, ":" and a port; add its port: "[::1]:PORT"',
        ),
        (
            {"port": "required"},
            "h:",
            '"h:" has no port after the colon, expected a host name or address, ":" and a port; add its port: "h:PORT"',
        ),
        (
            {"default-port": 587},
            "::1",
            '"::1" is an IPv6 address without brackets, expected a host name or address, optionally followed by ":" '
            'and a port (587 when absent); did you mean "[::1]:587"?',
        ),
        ({}, "h:0", '"0" is not a port, expected a host name or address, ":" and a port; ports go from 1 to 65535'),
        (
            {},
            "h:65536",
            '"65536" is not a port, expected a host name or address, ":" and a port; ports go from 1 to 65535',
        ),
        ({}, "h:2x", '"2x" is not a port, expected a host name or address, ":" and a port; ports go from 1 to 65535'),
        ({}, "h:25:26", '"h:25:26" has more than one colon, expected a host name or address, ":" and a port'),
        ({}, ":25", 'the host is empty, expected a host name or address, ":" and a port'),
        (
            {},
            "a..b:25",
            'the host holds an empty part between its dots, expected a host name or address, ":" and a port',
        ),
        ({}, "-a:25", '"-a" starts or ends with a hyphen, expected a host name or address, ":" and a port'),
        (
            {},
            "büch_er.example:25",
            '"büch_er" is not a name that the DNS can hold (IDNA 2008), expected a host name or address, ":" and a port',
        ),
        ({}, "a b:25", 'a host name cannot hold a blank, expected a host name or address, ":" and a port'),
        ({}, "a\n:25", '"a\\n:25" holds a line break, expected a host name or address, ":" and a port'),
        (
            {},
            "smtp://h:25",
            '"smtp://h:25" is a URL, expected a host name or address, ":" and a port; did you mean "h:25"?',
        ),
        (
            {},
            "10.0.0.256:25",
            '"10.0.0.256" ends in a number but is not an IPv4 address, expected a host name or address, ":" and a port',
        ),
        ({}, "[h]:25", '"h" is not an IPv6 address, expected a host name or address, ":" and a port'),
        ({}, "[::1", '"[::1" has no closing bracket, expected a host name or address, ":" and a port'),
    )

    def __init__(self, *, default_port: int | None = None, port: str = "") -> None:
        if port not in {"", _REQUIRED}:
            raise SyntaxParameterError("port", f"{quote_text(port)} is unknown", f'the only word here is "{_REQUIRED}"')
        if port and default_port is not None:
            raise SyntaxParameterError(
                "port", "a port that is required has no default", "leave out one of port and default-port"
            )
        if default_port is not None and not 1 <= default_port <= 65535:
            raise SyntaxParameterError("default-port", f"{default_port} is not a port", "ports go from 1 to 65535")
        self.default_port = default_port

    def _explain_widening(self, inherited: Any) -> str:
        added = self.default_port is not None and inherited.default_port is None
        return "the inherited one has no default port" if added else ""

    def parse(self, text: str) -> HostPort:
        host, colon, digits = text.partition(":")
        if _is_plain(host):
            if not colon:
                if self.default_port is not None:
                    return ImpliedPort(host, self.default_port)
            elif digits.isdecimal() and digits.isascii() and len(digits) <= 5 and 0 < (port := int(digits)) < 65536:
                return HostPort(host, port)
        return self._parse_unusual(text)

    def _parse_unusual(self, text: str) -> HostPort:
        line = require_line(text, self.expected)
        scheme, separator, rest = line.partition("://")
        if separator and scheme.isalnum():
            host = rest.partition("/")[0].rpartition("@")[2]
            raise ValueSyntaxError(
                f"{quote_text(scheme + separator + host)} is a URL", self.expected, f'did you mean "{host}"?'
            )
        if line.startswith("["):
            host, colon, digits = self._split_brackets(line)
        else:
            host, colon, digits = line.partition(":")
            if ":" in digits:
                raise self._colon_error(line)
            if problem := host_problem(host):
                raise ValueSyntaxError(problem, self.expected, span=_span_of(text, host))
        if colon:
            return HostPort(host, self._parse_port(text, line, digits))
        if self.default_port is None:
            raise ValueSyntaxError(f"{quote_text(line)} has no port", self.expected, self._add_port(line))
        return ImpliedPort(host, self.default_port)

    def _split_brackets(self, line: str) -> tuple[str, str, str]:
        host, bracket, rest = line[1:].partition("]")
        if not bracket:
            raise ValueSyntaxError(f"{quote_text(line)} has no closing bracket", self.expected)
        if not is_ipv6(host):
            raise ValueSyntaxError(
                f"{quote_text(host)} is not an IPv6 address", self.expected, span=_span_of(line, host)
            )
        if rest and rest[0] != ":":
            raise ValueSyntaxError(
                f"{quote_text(rest)} cannot follow the address", self.expected, span=_span_of(line, rest)
            )
        return host, rest[:1], rest[1:]

    def _colon_error(self, line: str) -> ValueSyntaxError:
        if not is_ipv6(line):
            return ValueSyntaxError(f"{quote_text(line)} has more than one colon", self.expected)
        port = self.default_port or "PORT"
        head, _, tail = line.rpartition(":")
        other = f' or "[{head}]:{tail}"' if tail.isdecimal() and is_ipv6(head) else ""
        return ValueSyntaxError(
            f"{quote_text(line)} is an IPv6 address without brackets",
            self.expected,
            f'did you mean "[{line}]:{port}"{other}?',
        )

    def _add_port(self, host: str) -> str:
        """Return the remedy for a host without a port, where one is needed."""
        return f'add its port: "{host}:PORT"' if self.default_port is None else ""

    def _parse_port(self, text: str, line: str, digits: str) -> int:
        if not digits:
            said = f"{quote_text(line)} has no port after the colon"
            raise ValueSyntaxError(said, self.expected, self._add_port(line[:-1]))
        digits_only = digits.isdecimal() and digits.isascii()
        port = int(digits) if digits_only and len(digits) <= 20 else 0
        if not 0 < port < 65536:
            at = text.rindex(digits)
            raise ValueSyntaxError(
                f"{quote_text(digits)} is not a port", self.expected, "ports go from 1 to 65535", (at, at + len(digits))
            )
        return port

    def _write(self, value: Any) -> str:
        parts: tuple[Any, ...] = tuple(value) if isinstance(value, (HostPort, tuple)) else ()
        if len(parts) == 2 and isinstance(parts[0], str) and type(parts[1]) is int:
            host, port = parts
            if isinstance(value, ImpliedPort) and port == self.default_port:
                return bracket_host(host)
            return f"{bracket_host(host)}:{port}"
        return self.refuse_type(value)

    def _normal_form(self, text: str) -> Hashable:
        value = self.parse(text)
        return HostPort(normal_host(value.host), value.port)

    def part_syntax(self, part: str) -> Syntax:
        return IpAddress() if part == "host" else make_port_syntax()

    @property
    def expected(self) -> str:
        if self.default_port is None:
            return 'a host name or address, ":" and a port'
        return f'a host name or address, optionally followed by ":" and a port ({self.default_port} when absent)'

    def describe(self) -> str:
        words = super().describe()
        return f"{words} Write an IPv6 address in brackets."

    def json_schema(self) -> dict[str, Any]:
        schema = super().json_schema()
        return schema if self.default_port is not None else {**schema, "pattern": r":[0-9]+[ \t]*$"}

    def usage(self) -> str:
        return "HOST:PORT" if self.default_port is None else f"HOST[:PORT] ({self.default_port})"


def make_port_syntax() -> Syntax:
    """Return the syntax of a port number."""
    from confobjects.syntaxes.integers import Integer

    return Integer(lower=1, upper=65535)


class IpAddress(Syntax):
    """A host name or an IPv4 or IPv6 address, as text: the name is not resolved."""

    __slots__ = ()

    name = "ip-address"
    placeholder = "HOST_NAME"
    samples_good = (
        ({}, "192.0.2.1"),
        ({}, "2001:DB8::1"),
        ({}, "fe80::1%eth0"),
        ({}, " ldap.example.com ", "ldap.example.com"),
        ({}, "255.255.255.255"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a host name or an IP address"),
        (
            {},
            "192.0.2.256",
            '"192.0.2.256" ends in a number but is not an IPv4 address, expected a host name or an IP address',
        ),
        (
            {},
            "192.0.2.01",
            '"192.0.2.01" ends in a number but is not an IPv4 address, expected a host name or an IP address',
        ),
        ({}, "[::1]", '"[::1]" has brackets, expected a host name or an IP address; did you mean "::1"?'),
        ({}, "h:25", '"h:25" has a port, expected a host name or an IP address; did you mean "h"?'),
        ({}, "1::2::3", '"1::2::3" is not an IPv6 address, expected a host name or an IP address'),
        ({}, "10.0.0.0/8", '"/" is not allowed in a host name, expected a host name or an IP address'),
        ({}, "a\rb", '"a\\rb" holds a carriage return, expected a host name or an IP address'),
    )

    def parse(self, text: str) -> str:
        if _is_plain(text):
            return text
        line = require_line(text, self.expected)
        if ":" in line:
            if not is_ipv6(line):
                raise self._colon_error(line)
        elif problem := host_problem(line):
            raise ValueSyntaxError(problem, self.expected)
        return line

    def _colon_error(self, line: str) -> ValueSyntaxError:
        inner = line[1:-1]
        if line[0] == "[" and line[-1] == "]" and is_ipv6(inner):
            return ValueSyntaxError(f"{quote_text(line)} has brackets", self.expected, f'did you mean "{inner}"?')
        host, _, port = line.partition(":")
        if port.isdecimal() and not host_problem(host):
            return ValueSyntaxError(f"{quote_text(line)} has a port", self.expected, f'did you mean "{host}"?')
        return ValueSyntaxError(f"{quote_text(line)} is not an IPv6 address", self.expected)

    def _normal_form(self, text: str) -> Hashable:
        return normal_host(self.parse(text))

    @property
    def expected(self) -> str:
        return "a host name or an IP address"


def _span_of(text: str, part: str) -> tuple[int, int]:
    at = text.index(part)
    return (at, at + max(1, len(part)))
