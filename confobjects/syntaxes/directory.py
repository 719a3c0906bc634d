"""Syntaxes for directories: dn, oid, attribute-type, aci."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, Final

from confobjects.dn import DN, DNSyntaxError
from confobjects.syntaxes.base import (
    EXACT,
    Syntax,
    SyntaxParameterError,
    ValueSyntaxError,
    quote_text,
    require_line,
    require_text,
)


class Dn(Syntax):
    """A distinguished name (RFC 4514), typed as :class:`~confobjects.dn.DN`; with ``base`` exactly one level below it."""

    __slots__ = ("base",)

    name = "dn"
    placeholder = "DN"
    value_type = "DN"
    parameters = {"base": {"description": "The parent DN of every value.", "type": "string", "minLength": 1}}
    samples_good = (
        ({}, "cn=config"),
        ({}, "uid=ann,ou=people,dc=example,dc=com"),
        ({"base": "dc=example,dc=com"}, "OU=People,DC=Example,dc=com"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a distinguished name"),
        (
            {"base": "dc=example"},
            "cn=a,ou=b,dc=example",
            '"cn=a,ou=b,dc=example" is 2 levels below "dc=example", expected a distinguished name '
            'one level below "dc=example"',
        ),
        (
            {"base": "dc=example"},
            "cn=a",
            '"cn=a" is not below "dc=example", expected a distinguished name one level below "dc=example"; '
            'did you mean "cn=a,dc=example"?',
        ),
    )

    def __init__(self, *, base: str | None = None) -> None:
        self.base: DN | None = None
        if base is not None:
            try:
                self.base = DN.parse(base)
            except DNSyntaxError as error:
                raise SyntaxParameterError("base", f"the base is not a distinguished name: {error}") from None

    def _explain_widening(self, inherited: Any) -> str:
        return "" if inherited.base is None else f"the inherited base is {inherited.base}"

    def parse(self, text: str) -> DN:
        require_text(text, self.expected)
        try:
            dn = DN.parse(text)
        except DNSyntaxError as error:
            message = f"{quote_text(text)} is not a distinguished name: {error}"
            raise ValueSyntaxError(message, self.expected, span=error.span) from None
        if not dn:
            raise ValueSyntaxError("the value is blank", self.expected)
        if self.base is not None and dn.parent != self.base:
            raise self._place_error(dn, self.base)
        return dn

    def _place_error(self, dn: DN, base: DN) -> ValueSyntaxError:
        name = quote_text(str(dn))
        if dn != base and dn.is_below(base):
            levels = len(dn) - len(base)
            return ValueSyntaxError(f'{name} is {levels} levels below "{base}"', self.expected)
        remedy = f'did you mean "{dn},{base}"?' if len(dn) == 1 and dn != base else ""
        return ValueSyntaxError(f'{name} is not below "{base}"', self.expected, remedy)

    def _write(self, value: Any) -> str:
        return str(value) if isinstance(value, DN) else self.refuse_type(value)

    @property
    def expected(self) -> str:
        return "a distinguished name" + (f' one level below "{self.base}"' if self.base is not None else "")

    def usage(self) -> str:
        return f"DN <= {self.base}" if self.base is not None else "DN"


def oid_problem(text: str) -> str:
    """Return what is wrong with a numeric object identifier (RFC 4512, X.660), or an empty text."""
    arcs = text.split(".")
    for arc in arcs:
        if not (arc.isdecimal() and arc.isascii()):
            return f"{quote_text(arc)} is not a number" if arc else "a number is missing before or after a dot"
        if arc[0] == "0" and arc != "0":
            return f"{quote_text(arc)} has a leading zero"
    if len(arcs) < 2:
        return f"{quote_text(text)} has only one number"
    if arcs[0] not in ("0", "1", "2"):
        return f"{quote_text(arcs[0])} cannot be first (allowed: 0, 1 or 2)"
    if arcs[0] != "2" and (len(arcs[1]) > 2 or int(arcs[1]) > 39):
        return f"{quote_text(arcs[1])} cannot be second after {arcs[0]}, only 0 to 39"
    return ""


class Oid(Syntax):
    """A numeric object identifier such as ``1.3.6.1.4.1``."""

    __slots__ = ()

    name = "oid"
    placeholder = "OID"
    samples_good = (({}, "1.3.6.1.4.1.1466.115.121.1.15"), ({}, "2.25.1234567890123456789012345"), ({}, " 0.9 ", "0.9"))
    samples_bad = (
        ({}, "", "the value is empty, expected a numeric object identifier such as 2.5.4.3"),
        ({}, "cn", '"cn" is not a number, expected a numeric object identifier such as 2.5.4.3'),
        ({}, "2", '"2" has only one number, expected a numeric object identifier such as 2.5.4.3'),
        ({}, "1..2", "a number is missing before or after a dot, expected a numeric object identifier such as 2.5.4.3"),
        ({}, "2.05", '"05" has a leading zero, expected a numeric object identifier such as 2.5.4.3'),
        ({}, "3.1", '"3" cannot be first (allowed: 0, 1 or 2), expected a numeric object identifier such as 2.5.4.3'),
        (
            {},
            "1.40",
            '"40" cannot be second after 1, only 0 to 39, expected a numeric object identifier such as 2.5.4.3',
        ),
    )

    def parse(self, text: str) -> str:
        line = require_line(text, self.expected)
        if problem := oid_problem(line):
            raise ValueSyntaxError(problem, self.expected)
        return line

    @property
    def expected(self) -> str:
        return "a numeric object identifier such as 2.5.4.3"


class AttributeType(Syntax):
    """The name of an attribute type or its numeric object identifier. No schema is checked for it."""

    __slots__ = ()

    name = "attribute-type"
    placeholder = "OID"
    samples_good = (({}, "givenName"), ({}, "ds-cfg-enabled"), ({}, "2.5.4.3"), ({}, "vendor_attr"), ({}, " cn ", "cn"))
    samples_bad = (
        ({}, "", "the value is empty, expected the name or object identifier of an attribute type"),
        (
            {},
            "cn;binary",
            '"cn;binary" has options, expected the name or object identifier of an attribute type; did you mean "cn"?',
        ),
        (
            {},
            "given name",
            '" " is not allowed in the name, expected the name or object identifier of an attribute type',
        ),
        ({}, "-cn", '"-cn" does not start with a letter, expected the name or object identifier of an attribute type'),
        ({}, "2.5.x", '"x" is not a number, expected the name or object identifier of an attribute type'),
        ({}, "größe", '"ö" is not allowed in the name, expected the name or object identifier of an attribute type'),
    )

    def parse(self, text: str) -> str:
        line = require_line(text, self.expected)
        if problem := oid_problem(line) if line[0].isdecimal() else self._name_problem(line):
            raise ValueSyntaxError(problem, self.expected)
        return line

    def _name_problem(self, line: str) -> str:
        name, semicolon, _ = line.partition(";")
        if semicolon and name:
            raise ValueSyntaxError(f"{quote_text(line)} has options", self.expected, f'did you mean "{name}"?')
        if not line[0].isalpha():
            return f"{quote_text(line)} does not start with a letter"
        wrong = next((c for c in line if not (c.isascii() and (c.isalnum() or c in "-_"))), "")
        return f"{quote_text(wrong)} is not allowed in the name" if wrong else ""

    def _normal_form(self, text: str) -> Hashable:
        return self.parse(text).lower()

    @property
    def expected(self) -> str:
        return "the name or object identifier of an attribute type"


_ACI_SHAPE: Final = re.compile(
    r"""\(\s*version\s+3\.0\s*;        # the only version
        \s*acl\s*"[^"]*"\s*;          # the name of the rule
        \s*(?:allow|deny)\s*\(        # what it does; the rest is left to the server""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_ACI_EXAMPLE = '(targetattr="*")(version 3.0; acl "name"; allow (read) userdn="ldap:///self";)'


class Aci(Syntax):
    """An access control instruction of the OpenDJ family. Only its outer form is checked.

    Parentheses and quotes must match, and ``version 3.0; acl "name"; allow (`` or ``deny (`` must be present. The
    server that enforces the rule checks its rights and subjects.
    """

    __slots__ = ()

    name = "aci"
    placeholder = "ACI"
    ldap_syntax = EXACT
    samples_good = (
        ({}, '(targetattr="*")(version 3.0; acl "self"; allow (read,search) userdn="ldap:///self";)'),
        ({}, '(version 3.0; acl "no (one)"; deny (all) userdn="ldap:///anyone";)'),
        ({}, '(target="ldap:///dc=example")\n  (VERSION 3.0;ACL "x";ALLOW(all) groupdn="ldap:///cn=a";)'),
    )
    samples_bad = (
        ({}, "", f"the value is empty, expected an access control instruction such as {_ACI_EXAMPLE}"),
        (
            {},
            '(version 3.0; acl "x"; allow (all) userdn="ldap:///self";',
            f'a "(" is not closed, expected an access control instruction such as {_ACI_EXAMPLE}',
        ),
        (
            {},
            '(version 3.0; acl "x"; allow (all) userdn="ldap:///self";))',
            f'a ")" has no matching "(", expected an access control instruction such as {_ACI_EXAMPLE}',
        ),
        (
            {},
            '(version 3.0; acl "x; allow (all) userdn="ldap:///self";)',
            f"a quote is not closed, expected an access control instruction such as {_ACI_EXAMPLE}",
        ),
        (
            {},
            '(version 2.0; acl "x"; allow (all) userdn="ldap:///self";)',
            'there is no (version 3.0; acl "name"; allow|deny (…) …;), '
            f"expected an access control instruction such as {_ACI_EXAMPLE}",
        ),
        (
            {},
            "allow all",
            f'it does not start with "(", expected an access control instruction such as {_ACI_EXAMPLE}',
        ),
    )

    def parse(self, text: str) -> str:
        require_text(text, self.expected)
        if text.lstrip()[:1] != "(":
            raise ValueSyntaxError('it does not start with "("', self.expected, span=(0, 1))
        self._check_balance(text)
        if _ACI_SHAPE.search(text) is None:
            raise ValueSyntaxError('there is no (version 3.0; acl "name"; allow|deny (…) …;)', self.expected)
        return text

    def _check_balance(self, text: str) -> None:
        opened: list[int] = []
        quote = -1
        for at, character in enumerate(text):
            if character == '"':
                quote = at if quote < 0 else -1
            elif quote >= 0:
                continue
            elif character == "(":
                opened.append(at)
            elif character == ")":
                if not opened:
                    raise ValueSyntaxError('a ")" has no matching "("', self.expected, span=(at, at + 1))
                opened.pop()
        if quote >= 0:
            raise ValueSyntaxError("a quote is not closed", self.expected, span=(quote, quote + 1))
        if opened:
            raise ValueSyntaxError('a "(" is not closed', self.expected, span=(opened[-1], opened[-1] + 1))

    @property
    def expected(self) -> str:
        return f"an access control instruction such as {_ACI_EXAMPLE}"
