"""The syntax mail-address: one address as used in SMTP, without display name or comments."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

from confobjects.syntaxes.base import EXACT, Syntax, ValueSyntaxError, quote_text, require_line
from confobjects.syntaxes.hosts import host_problem, is_ipv4, is_ipv6
from confobjects.syntaxes.text import String

_ATOM_SIGNS = frozenset("!#$%&'*+-/=?^_`{|}~")
_LONGEST_LOCAL = 64
_LONGEST_ADDRESS = 254


class MailAddress(Syntax):
    """``local-part@domain`` of RFC 5321 and RFC 5322, with UTF-8 (RFC 6531).

    The local part is a dot-atom or a quoted string, the domain a host name or an address literal
    (``[192.0.2.1]``, ``[IPv6:2001:db8::1]``). Lengths are counted in octets of UTF-8. ``remedy`` says what to do with a
    text that is no address and does not look like one.
    """

    __slots__ = ("remedy",)

    name = "mail-address"
    parameters: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "remedy": {
            "description": "What to do with a text that is no mail address, for the end of a message.",
            "type": "string",
            "minLength": 1,
        }
    }
    placeholder = "ADDRESS"
    ldap_syntax = EXACT
    samples_good = (
        ({}, "ann@example.com"),
        ({}, "ann.b+tag@mail.example.com"),
        ({}, "root@localhost"),
        ({}, '"ann b@c\\""@example.com'),
        ({}, "postmaster@[192.0.2.1]"),
        ({}, "postmaster@[IPv6:2001:db8::1]"),
        ({}, "änn@bücher.example"),
        ({}, " ann@Example.COM ", "ann@Example.COM"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a mail address such as ann@example.com"),
        ({}, "ann", '"ann" has no "@", expected a mail address such as ann@example.com'),
        (
            {"remedy": "put a name into user-name"},
            "ann",
            '"ann" has no "@", expected a mail address such as ann@example.com; put a name into user-name',
        ),
        (
            {"remedy": "put a name into user-name"},
            "<ann@example.com>",
            '"<ann@example.com>" stands in angle brackets, expected a mail address such as ann@example.com; '
            'did you mean "ann@example.com"?',
        ),
        ({}, "@example.com", 'there is nothing before "@", expected a mail address such as ann@example.com'),
        ({}, "ann@", 'there is nothing after "@", expected a mail address such as ann@example.com'),
        (
            {},
            "Ann <ann@example.com>",
            '"Ann <ann@example.com>" has a display name, expected a mail address such as ann@example.com; '
            'did you mean "ann@example.com"?',
        ),
        (
            {},
            "mailto:ann@example.com",
            '"mailto:ann@example.com" is a URL, expected a mail address such as ann@example.com; '
            'did you mean "ann@example.com"?',
        ),
        ({}, "a@b@c", '"@" is not allowed in an unquoted local part, expected a mail address such as ann@example.com'),
        ({}, "a..b@c", "two dots follow each other, expected a mail address such as ann@example.com"),
        ({}, ".a@c", "the local part starts or ends with a dot, expected a mail address such as ann@example.com"),
        ({}, "a b@c", '" " is not allowed in an unquoted local part, expected a mail address such as ann@example.com'),
        (
            {},
            'a"b@c',
            '"\\"" is not allowed in an unquoted local part, expected a mail address such as ann@example.com',
        ),
        ({}, '"a@c', "a quote is not closed, expected a mail address such as ann@example.com"),
        (
            {},
            "ann@exam_ple..com",
            "the host holds an empty part between its dots, expected a mail address such as ann@example.com",
        ),
        (
            {},
            "ann@[1.2.3]",
            '"[1.2.3]" is not an address literal, expected a mail address such as ann@example.com; '
            "write [192.0.2.1] or [IPv6:2001:db8::1]",
        ),
        (
            {},
            "ann@192.0.2.1",
            '"192.0.2.1" is an address without brackets, expected a mail address such as '
            'ann@example.com; did you mean "ann@[192.0.2.1]"?',
        ),
        (
            {},
            "ann@example.com.",
            "the domain ends with a dot, expected a mail address such as ann@example.com; "
            'did you mean "ann@example.com"?',
        ),
        (
            {},
            "ann@example.com\r\nBcc: x@y",
            '"ann@example.com\\r\\nBcc: x@y" holds a carriage return, expected a mail address such as ann@example.com',
        ),
        (
            {},
            "a" * 65 + "@c",
            "the local part is longer than 64 octets, expected a mail address such as ann@example.com",
        ),
    )

    def __init__(self, *, remedy: str = "") -> None:
        self.remedy = remedy

    def _explain_widening(self, inherited: Any) -> str:
        del inherited
        return ""  # the same texts are addresses

    def explain_widening(self, inherited: Syntax) -> str:
        if type(inherited) is not String:
            return super().explain_widening(inherited)
        return "" if inherited.pattern is None else "the inherited pattern may refuse a mail address"

    def parse(self, text: str) -> str:
        line = require_line(text, self.expected)
        self._refuse_wrapping(line)
        local, domain = self._split(line)
        if problem := _quoted_problem(local) if local[0] == '"' else _dot_atom_problem(local):
            raise ValueSyntaxError(problem, self.expected)
        self._check_domain(local, domain)
        if len(local.encode()) > _LONGEST_LOCAL:
            raise ValueSyntaxError(f"the local part is longer than {_LONGEST_LOCAL} octets", self.expected)
        if len(line.encode()) > _LONGEST_ADDRESS:
            raise ValueSyntaxError(f"the address is longer than {_LONGEST_ADDRESS} octets", self.expected)
        return line

    def _refuse_wrapping(self, line: str) -> None:
        if line[-1] == ">" and "<" in line:
            inner = line[line.rindex("<") + 1 : -1]
            said = "has a display name" if line[0] != "<" else "stands in angle brackets"
            raise ValueSyntaxError(f"{quote_text(line)} {said}", self.expected, f"did you mean {quote_text(inner)}?")
        if line[:7].lower() == "mailto:":
            raise ValueSyntaxError(
                f"{quote_text(line)} is a URL", self.expected, f"did you mean {quote_text(line[7:])}?"
            )

    def _split(self, line: str) -> tuple[str, str]:
        local, at, domain = line.rpartition("@")
        if line[0] == '"' and not local.endswith('"'):
            raise ValueSyntaxError("a quote is not closed", self.expected, span=(0, 1))
        if not at:
            raise ValueSyntaxError(f'{quote_text(line)} has no "@"', self.expected, self.remedy)
        if not local or not domain:
            raise ValueSyntaxError(f'there is nothing {"after" if local else "before"} "@"', self.expected)
        return local, domain

    def _check_domain(self, local: str, domain: str) -> None:
        if domain[0] == "[":
            if not _is_literal(domain):
                raise ValueSyntaxError(
                    f"{quote_text(domain)} is not an address literal",
                    self.expected,
                    "write [192.0.2.1] or [IPv6:2001:db8::1]",
                )
            return
        if problem := host_problem(domain):
            raise ValueSyntaxError(problem, self.expected)
        if is_ipv4(domain):
            remedy = f'did you mean "{local}@[{domain}]"?'
            raise ValueSyntaxError(f"{quote_text(domain)} is an address without brackets", self.expected, remedy)
        if domain[-1] == ".":
            raise ValueSyntaxError(
                "the domain ends with a dot", self.expected, f'did you mean "{local}@{domain[:-1]}"?'
            )

    def _normal_form(self, text: str) -> Hashable:
        local, _, domain = self.parse(text).rpartition("@")
        # Only the host of the address knows whether case matters in the local part (RFC 5321, 2.4).
        return f"{local}@{domain.lower()}"

    @property
    def expected(self) -> str:
        return "a mail address such as ann@example.com"


def _dot_atom_problem(local: str) -> str:
    if local[0] == "." or local[-1] == ".":
        return "the local part starts or ends with a dot"
    if ".." in local:
        return "two dots follow each other"
    for character in local:
        if character == "." or character in _ATOM_SIGNS:
            continue
        if not (character.isalnum() if character.isascii() else character.isprintable()):
            shown = '"\\""' if character == '"' else quote_text(character)
            return f"{shown} is not allowed in an unquoted local part"
    return ""


def _quoted_problem(local: str) -> str:
    if len(local) < 2:
        return "a quote is not closed"
    escaped = False
    for character in local[1:-1]:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            return "a quote within the quoted local part has no backslash before it"
    return "a quote is not closed" if escaped else ""


def _is_literal(domain: str) -> bool:
    inner = domain[1:-1]
    if domain[-1] != "]":
        return False
    if inner[:5].lower() == "ipv6:":
        return "%" not in inner and is_ipv6(inner[5:])
    return is_ipv4(inner)
