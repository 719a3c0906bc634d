"""The syntax url: an absolute URL (RFC 3986), parsed here so that messages show only the wrong part.

Laws: no message quotes the part before ``@``, because it may contain a password. A password is a secret: a configuration
has it only as an expression, and shows it never. Nothing is fetched or resolved.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, Final

from confobjects.diagnostics import suggest_name
from confobjects.records import Record, field
from confobjects.syntaxes.base import EXACT, Syntax, SyntaxParameterError, ValueSyntaxError, quote_text, require_line
from confobjects.syntaxes.hosts import IpAddress, host_problem, is_ipv6, make_port_syntax, normal_host
from confobjects.texts.passwords import find_password

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*", re.ASCII)
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)
_NEVER: Final = frozenset(' <>"\\^`{|}')
_HOST_END: Final = _NEVER | frozenset("/?#@[]")
_DATABASES: Final = frozenset(("postgresql", "postgres"))
_WITHOUT_HOST: Final = frozenset(("file", "ldapi", "unix")) | _DATABASES


_ELSEWHERE: Final = ", or leave it out: PostgreSQL reads PGPASSFILE, ~/.pgpass and a service file (service=NAME)"


class _UrlParts(Record):
    """The parts of a URL; ``slashes`` is ``//`` where an authority follows, ``rest`` starts after it."""

    scheme: str
    slashes: str
    user: str
    host: str
    port: str
    rest: str


class _NormalUrl(Record):
    """A URL as it is compared: the host without brackets, the port as a number, None without one."""

    scheme: str
    slashes: str
    user: str = field(repr=False)
    host: str
    port: int | None
    rest: str


class Url(Syntax):
    """An absolute URL, kept as typed. ``schemes`` limits the allowed schemes.

    If ``//`` follows the scheme, a host must follow (except for file, ldapi, unix and postgresql). The port, the percent
    signs and the characters are checked. Letters beyond ASCII are accepted (RFC 3987). A password in it is a secret.
    """

    __slots__ = ("schemes",)

    name = "url"
    placeholder = "URL"
    has_secret_parts = True
    ldap_syntax = EXACT
    parameters = {
        "schemes": {
            "description": "The schemes that are allowed. Any when absent.",
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string", "pattern": "^[a-z][a-z0-9+.-]*$"},
        }
    }
    parts: ClassVar[Mapping[str, str]] = {
        "scheme": "The scheme, without its colon.",
        "host": "The host name or address without brackets, if there is one.",
        "port": "The port, if it is written.",
    }
    samples_good = (
        ({}, "https://example.com/a?b=c#d"),
        ({}, "HTTPS://Example.com:8443"),
        ({"schemes": ["ldap", "ldaps"]}, "ldaps://[2001:db8::1]:636/dc=example,dc=com??sub?(cn=a)"),
        ({}, "ldapi://%2Frun%2Fslapd/cn=config"),
        ({}, "file:///etc/hosts"),
        ({}, "mailto:ann@example.com"),
        ({}, "postgresql://mail@/mail?host=/run/postgresql"),
        ({}, "https://user:pw@example.com/ü"),
        ({}, " https://example.com ", "https://example.com"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a URL"),
        ({}, "example.com/path", '"example.com/path" has no scheme, expected a URL'),
        (
            {"schemes": ["https"]},
            "example.com",
            '"example.com" has no scheme, expected a URL that starts with https:; did you mean "https://example.com"?',
        ),
        (
            {"schemes": ["http", "https"]},
            "htps://example.com",
            'the scheme "htps" is not allowed, expected a URL that starts with http: or https:; did you mean "https"?',
        ),
        ({}, "https://", "the host is missing, expected a URL"),
        ({}, "https:///path", "the host is missing, expected a URL"),
        ({}, "https:", 'there is nothing after "https:", expected a URL'),
        ({}, "https://user:canary@", "the host is missing, expected a URL"),
        ({}, "https://h:0/", '"0" is not a port, expected a URL; ports go from 1 to 65535'),
        ({}, "https://h:x/", '"x" is not a port, expected a URL; ports go from 1 to 65535'),
        ({}, "https://-h/", '"-h" starts or ends with a hyphen, expected a URL'),
        ({}, "https://[1.2]/", '"[1.2]" is not an IPv6 address in brackets, expected a URL'),
        (
            {},
            "https://user:se/canary@h/",
            "what follows the colon is not a port, expected a URL; write / in a password as %2F, # as %23 and ? as %3F",
        ),
        ({}, "https://h/a b", '" " is not allowed in a URL, expected a URL; write "%20"'),
        ({}, "https://h/100%", '"%" has no two hexadecimal digits after it, expected a URL; write "%25"'),
        ({}, "https://h/\n", "it holds a line break, expected a URL"),
    )

    def __init__(self, *, schemes: Sequence[str] = ()) -> None:
        for scheme in schemes:
            if _SCHEME.fullmatch(scheme) is None:
                raise SyntaxParameterError("schemes", f"{quote_text(scheme)} is not a scheme")
        self.schemes = tuple(scheme.lower() for scheme in schemes)

    def _explain_widening(self, inherited: Any) -> str:
        if not inherited.schemes:
            return ""
        added = next((scheme for scheme in self.schemes if scheme not in inherited.schemes), "")
        if added:
            return f"the inherited one does not allow {added}:"
        return "" if self.schemes else f"it allows any scheme, the inherited one {', '.join(inherited.schemes)}"

    def find_secret(self, text: str) -> tuple[int, int] | None:
        return find_password(text)

    def describe_secret(self, text: str) -> tuple[str, str]:
        start, end = find_password(text) or (len(text), len(text))
        instead = f"{text[:start]}&{{file:secrets/pin}}{text[end:]}"
        elsewhere = _ELSEWHERE if text.partition(":")[0].strip().lower() in _DATABASES else ""
        return "the password in the URL", f"give it as an expression without a default: '{instead}'{elsewhere}"

    def parse(self, text: str) -> str:
        line = require_line(text, self.expected, "it")  # a URL may contain a password
        url = self._split(line)
        for character in line:
            if character in _NEVER:
                raise ValueSyntaxError(
                    f"{quote_text(character)} is not allowed in a URL", self.expected, f'write "%{ord(character):02X}"'
                )
        if _BAD_PERCENT.search(line):
            raise ValueSyntaxError('"%" has no two hexadecimal digits after it', self.expected, 'write "%25"')
        self._check_authority(url)
        return line

    def _split(self, line: str) -> _UrlParts:
        scheme, colon, rest = line.partition(":")
        if not colon or _SCHEME.fullmatch(scheme) is None:
            plain = "@" not in line and not any(character in _NEVER for character in line)
            remedy = f'did you mean "{self.schemes[-1]}://{line}"?' if self.schemes and plain else ""
            said = quote_text(line) if plain else "it"
            raise ValueSyntaxError(f"{said} has no scheme", self.expected, remedy)
        if self.schemes and scheme.lower() not in self.schemes:
            remedy = suggest_name(scheme, self.schemes)
            raise ValueSyntaxError(f"the scheme {quote_text(scheme)} is not allowed", self.expected, remedy)
        if not rest:
            raise ValueSyntaxError(f'there is nothing after "{scheme}:"', self.expected)
        if not rest.startswith("//"):
            return _UrlParts(scheme, "", "", "", "", rest)
        end = next((at for at, character in enumerate(rest[2:], 2) if character in "/?#"), len(rest))
        user, at_sign, address = rest[2:end].rpartition("@")
        host, port = _host_and_port(address)
        return _UrlParts(scheme, "//", user + at_sign, host, port, rest[end:])

    def _check_authority(self, url: _UrlParts) -> None:
        if not url.host:
            named = (url.user or url.port) and url.scheme.lower() not in _DATABASES
            if url.slashes and (named or url.scheme.lower() not in _WITHOUT_HOST):
                raise ValueSyntaxError("the host is missing", self.expected)
        elif url.host[0] == "[":
            if not is_ipv6(url.host[1:-1].replace("%25", "%")) or url.host[-1] != "]":
                raise ValueSyntaxError(f"{quote_text(url.host)} is not an IPv6 address in brackets", self.expected)
        elif "%" not in url.host and (problem := host_problem(url.host)):
            raise ValueSyntaxError(problem, self.expected)
        digits = url.port[1:]
        if digits and not (digits.isdecimal() and digits.isascii() and len(digits) <= 5 and 0 < int(digits) < 65536):
            if "@" in url.rest:
                remedy = "write / in a password as %2F, # as %23 and ? as %3F"
                raise ValueSyntaxError("what follows the colon is not a port", self.expected, remedy)
            raise ValueSyntaxError(f"{quote_text(digits)} is not a port", self.expected, "ports go from 1 to 65535")

    def _normal_form(self, text: str) -> Hashable:
        url = self._split(self.parse(text))
        digits = url.port[1:]
        return _NormalUrl(
            url.scheme.lower(),
            url.slashes,
            url.user,
            _normal_url_host(url.host),
            int(digits) if digits else None,
            url.rest,
        )

    def part_syntax(self, part: str) -> Syntax:
        if part == "port":
            return make_port_syntax()
        return _UrlHost() if part == "host" else _Scheme(self.schemes)

    @property
    def expected(self) -> str:
        if not self.schemes:
            return "a URL"
        *head, last = (f"{scheme}:" for scheme in self.schemes)
        return f"a URL that starts with {', '.join(head) + ' or ' if head else ''}{last}"

    def usage(self) -> str:
        return " | ".join(f"{scheme}:URL" for scheme in self.schemes) if self.schemes else "URL"


class _Scheme(Syntax):
    """The scheme of a URL, one of ``schemes`` if there are any."""

    __slots__ = ("schemes",)

    name = "scheme"

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self.schemes = schemes

    def parse(self, text: str) -> str:
        if _SCHEME.fullmatch(text) is None:
            raise ValueSyntaxError(f"{quote_text(text)} is not a scheme", self.expected)
        if self.schemes and text.lower() not in self.schemes:
            remedy = suggest_name(text, self.schemes)
            raise ValueSyntaxError(f"the scheme {quote_text(text)} is not allowed", self.expected, remedy)
        return text.lower()

    @property
    def expected(self) -> str:
        return " or ".join(self.schemes) or "a scheme such as https"


class _UrlHost(IpAddress):
    """The host of a URL: a host name or an address, or a path whose slashes are percent-encoded (``%2Frun%2Fslapd``)."""

    __slots__ = ()

    def parse(self, text: str) -> str:
        if "%" in text and ":" not in text and not _BAD_PERCENT.search(text) and _HOST_END.isdisjoint(text):
            return text
        return super().parse(text)

    def _normal_form(self, text: str) -> Hashable:
        return _normal_url_host(self.parse(text))


def _normal_url_host(host: str) -> str:
    """Return the form in which hosts of URLs compare, without brackets."""
    return normal_host(host[1:-1].replace("%25", "%") if host[:1] == "[" else host)


def _host_and_port(address: str) -> tuple[str, str]:
    """Return the host (with its brackets) and the port with its colon, if any."""
    if address.startswith("["):
        host, bracket, port = address.partition("]")
        return host + bracket, port
    host, colon, port = address.partition(":")
    return host, colon + port
