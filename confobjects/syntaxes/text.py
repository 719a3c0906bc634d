"""Syntaxes of free text: string, password, name-value, path, and the names in references.

Laws: free text is never trimmed or altered. Each class says whether it allows line breaks and NUL.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from confobjects.diagnostics import MASK
from confobjects.records import Record, field
from confobjects.syntaxes.base import (
    BLANKS,
    EXACT,
    OCTETS,
    Syntax,
    SyntaxParameterError,
    ValueSyntaxError,
    quote_text,
    require_line,
    require_text,
)
from confobjects.texts.articles import with_article
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.texts.patterns import Pattern


class String(Syntax):
    """Any text that is not empty, or a text that matches a pattern. Only a pattern can forbid line breaks."""

    __slots__ = ("_expression", "case_insensitive", "pattern")

    name = "string"
    ldap_syntax = EXACT
    parameters = {
        "case-insensitive": {
            "description": "Whether two values that differ only in case are the same. True when absent.",
            "type": "boolean",
        },
        "pattern": {
            "description": "The pattern that the whole value must match, with a description.",
            "type": "object",
            "properties": {
                "regex": {"type": "string", "format": "regex", "minLength": 1},
                "usage": {"type": "string", "minLength": 1},
                "synopsis": {"type": "string", "minLength": 1},
            },
            "required": ["regex", "usage", "synopsis"],
            "additionalProperties": False,
        },
    }
    samples_good = (
        ({}, "any text"),
        ({}, " kept as it is \n"),
        ({"case-insensitive": False}, "Grüße"),
        ({"pattern": {"regex": "[0-7]{3}", "usage": "MODE", "synopsis": "An octal file mode."}}, "640"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a text"),
        ({}, "a\udcff", "the value is not valid UTF-8, expected a text"),
        (
            {"pattern": {"regex": "[0-7]{3}", "usage": "MODE", "synopsis": "An octal file mode."}},
            "0640",
            '"0640" does not have the form MODE, expected an octal file mode',
        ),
        (
            {"pattern": {"regex": "[0-7]{3}", "usage": "MODE", "synopsis": "An octal file mode."}},
            " 640",
            '" 640" does not have the form MODE, expected an octal file mode; remove the blanks around the value',
        ),
    )

    def __init__(self, *, case_insensitive: bool = True, pattern: Mapping[str, str] | None = None) -> None:
        self.case_insensitive = case_insensitive
        self.pattern = dict(pattern) if pattern else None
        self._expression: Pattern | None = None
        if self.pattern is not None:
            for part in ("regex", "usage", "synopsis"):
                if not isinstance(self.pattern.get(part), str) or not self.pattern[part]:
                    raise SyntaxParameterError("pattern", f'a pattern needs the text "{part}"')
            from confobjects.texts.patterns import Pattern

            try:
                self._expression = Pattern(self.pattern["regex"])
            except ValueError as error:
                raise SyntaxParameterError("pattern", f"the regular expression is broken: {error}") from None

    def parse(self, text: str) -> str:
        if not text or not text.isascii():
            require_text(text, self.expected)
        if self._expression is not None and not self._expression.matches(text):
            padded = self._expression.matches(text.strip())
            remedy = "remove the blanks around the value" if padded else ""
            raise ValueSyntaxError(f"{quote_text(text)} does not have the form {self._form}", self.expected, remedy)
        return text

    def _explain_widening(self, inherited: Any) -> str:
        if self.case_insensitive != inherited.case_insensitive:
            return "whether case matters stays as it is inherited"
        wanted = inherited.pattern["regex"] if inherited.pattern else None
        own = self.pattern["regex"] if self.pattern else None
        return (
            ""
            if wanted in {None, own}
            else "the inherited pattern stays: nobody can tell whether another one is narrower"
        )

    @property
    def _form(self) -> str:
        return self.pattern["usage"] if self.pattern else "STRING"

    def _normal_form(self, text: str) -> Hashable:
        return text.strip().lower() if self.case_insensitive else text.strip()

    @property
    def expected(self) -> str:
        if self.pattern is None:
            return "a text"
        synopsis = self.pattern["synopsis"].rstrip(". ")
        # An abbreviation at the start ("LDAP URL …") keeps its capitals.
        return synopsis if synopsis[:2].isupper() else synopsis[0].lower() + synopsis[1:]

    def describe(self) -> str:
        if self.pattern is None:
            return "Any text."
        return f"{self.pattern['usage']}: {self.pattern['synopsis'].rstrip('. ')}."

    def usage(self) -> str:
        return f"{self.pattern['usage']} - {self.pattern['synopsis']}" if self.pattern else "STRING"


class Password(Syntax):
    """A secret text. Every blank and line break is kept, and no message quotes it."""

    __slots__ = ()

    name = "password"
    sensitive = True
    ldap_syntax = OCTETS
    samples_good = (
        ({}, "correct horse"),
        ({}, " padded \n"),
        ({}, "pässwörd"),
        ({}, "back\\slash"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a secret text"),
        ({}, "canary\udc80", "the value is not valid UTF-8, expected a secret text"),
    )

    def parse(self, text: str) -> str:
        if not text or not text.isascii():
            try:
                require_text(text, self.expected)
            except ValueSyntaxError as error:
                # The place of the error in a secret would reveal a part of the secret.
                raise ValueSyntaxError(error.message, error.expected) from None
        return text

    def _normal_form(self, text: str) -> Hashable:
        return text

    @property
    def expected(self) -> str:
        return "a secret text"

    def describe(self) -> str:
        return "Any text. It is a secret: it is stored exactly as given and never shown."

    def display(self, value: Any, unit_size: str = "", unit_time: str = "", exact: bool = False) -> str:
        del value, unit_size, unit_time, exact
        return MASK

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "writeOnly": True}


class _ExactText(String):
    """A text that equals only itself, blanks included."""

    __slots__ = ()

    def _normal_form(self, text: str) -> Hashable:
        return text


class NameValue(Record):
    """One extra option: a name and its text."""

    name: str
    value: str = field(repr=False)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"

    def __iter__(self) -> Iterator[str]:
        """Yield name and value: ``name, value = pair``."""
        yield self.name
        yield self.value


_REFERENCE_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "relation": {"description": "The relation whose objects may be named.", "type": "string", "minLength": 1},
    "parent": {
        "description": "The managed object path above the relation. The root when absent.",
        "type": "string",
        "pattern": "^/",
    },
    "target-enabled": {"description": "The condition under which a target counts as enabled."},
    "needed-when": {"description": "The condition under which the target must be enabled."},
    "synopsis": {
        "description": "The rule about enabled targets in a sentence, for people.",
        "type": "string",
        "minLength": 1,
    },
}


class NameValueSyntax(Syntax):
    """``name=value``, split at the first equals sign; the value may be empty and is kept exactly.

    Two values must not have the same name: :meth:`key` is the name. Control characters are refused in both parts,
    because such options are used in protocol lines. The values of ``secret-names`` are secrets: they are never shown,
    and a configuration contains them only as expressions. The value of a name in ``references`` is the name of a
    managed object, as in an aggregation; the definitions room evaluates what the parameter says about it.
    """

    __slots__ = ("references", "secret_names")

    name = "name-value"
    parameters: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "secret-names": {
            "type": "array",
            "items": {"type": "string", "minLength": 1},
            "minItems": 1,
            "description": "The names whose values are secrets: never shown, and stored as expressions only.",
        },
        "references": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": "^[^\\s=]+$"},
            "additionalProperties": {
                "type": "object",
                "properties": _REFERENCE_PARAMETERS,
                "required": ["relation"],
                "additionalProperties": False,
            },
            "description": "The names whose values name other objects, each with what an aggregation has.",
        },
    }
    parts: ClassVar[Mapping[str, str]] = {
        "name": "The name before the equals sign.",
        "value": "What follows the equals sign, if anything does.",
    }
    placeholder = "NAME=VALUE"
    value_type = "NameValue"
    ldap_syntax = EXACT
    samples_good = (
        ({}, "mail.smtp.timeout=5000"),
        ({}, "greeting= two = signs "),
        ({}, "empty="),
        ({}, " padded.name =x", "padded.name=x"),
        ({"references": {"keys": {"relation": "backend"}}}, "keys= Some  keys ", "keys=Some  keys"),
    )
    samples_bad = (
        (
            {},
            "mail.smtp.timeout:5000",
            '"mail.smtp.timeout:5000" has no "=", expected a name, "=" and a value; '
            'did you mean "mail.smtp.timeout=5000"?',
        ),
        ({}, "alone", '"alone" has no "=", expected a name, "=" and a value'),
        ({}, "=5000", 'there is no name before "=", expected a name, "=" and a value'),
        (
            {"references": {"keys": {"relation": "backend"}}},
            "keys=",
            'the value of "keys" is empty, but it names a backend, expected a name, "=" and a value',
        ),
        (
            {},
            "two words=1",
            'the name "two words" holds a blank or unprintable character, expected a name, "=" and a value',
        ),
        ({}, "a=b\nc", 'the value of "a" holds a control character, expected a name, "=" and a value'),
        ({}, "", 'the value is empty, expected a name, "=" and a value'),
    )

    def __init__(
        self, *, secret_names: Sequence[str] = (), references: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self.secret_names = frozenset(secret_names)
        self.references = dict(references or {})
        if both := min(self.secret_names & self.references.keys(), default=""):
            raise SyntaxParameterError("references", f"the value of {quote_text(both)} cannot be a secret and a name")

    def _explain_widening(self, inherited: Any) -> str:
        lost = min(inherited.secret_names - self.secret_names, default="")
        if lost:
            return f"the value of {quote_text(lost)} stays a secret"
        return "" if self.references == inherited.references else "which values name other objects stays as it is"

    @property
    def has_secret_parts(self) -> bool:  # type: ignore[override]
        return bool(self.secret_names)

    def find_secret(self, text: str) -> tuple[int, int] | None:
        name, _, _ = text.partition("=")
        start = min(len(name) + 1, len(text))
        return (start, len(text)) if name.strip(BLANKS) in self.secret_names else None

    def describe_secret(self, text: str) -> tuple[str, str]:
        name, _, _ = text.partition("=")
        remedy = f"give it as an expression without a default: '{name}=&{{{name}}}' or '{name}=&{{file:secrets/pin}}'"
        return f"the value of {name}", remedy

    def parse(self, text: str) -> NameValue:
        name, sign, value = text.partition("=")
        if not (sign and name and text.isascii() and text.isprintable() and " " not in name):
            name = self._check_name(text, name, sign)
            self._check_value(text, name, value)
        return NameValue(name, self._parse_object_name(name, value) if name in self.references else value)

    def _parse_object_name(self, name: str, value: str) -> str:
        if not value.strip(BLANKS):
            relation = self.references[name]["relation"]
            raise ValueSyntaxError(
                f"the value of {quote_text(name)} is empty, but it names {with_article(relation)}", self.expected
            )
        return require_line(value, self.expected, f"the value of {quote_text(name)}")

    def _normal_form(self, text: str) -> Hashable:
        pair = self.parse(text)
        return NameValue(pair.name, normal_name(pair.value)) if pair.name in self.references else pair

    def _check_name(self, text: str, name: str, sign: str) -> str:
        require_text(text, self.expected)
        if not sign:
            before, colon, after = text.partition(":")
            if any(secret in text for secret in self.secret_names):
                raise ValueSyntaxError('the value has no "="', self.expected)
            remedy = f'did you mean "{before}={after}"?' if colon and text.isprintable() and before else ""
            raise ValueSyntaxError(f'{quote_text(text)} has no "="', self.expected, remedy)
        name = name.strip(BLANKS)
        if not name:
            raise ValueSyntaxError('there is no name before "="', self.expected, span=(0, 1))
        if not name.isprintable() or any(character.isspace() for character in name):
            raise ValueSyntaxError(
                f"the name {quote_text(name)} holds a blank or unprintable character",
                self.expected,
                span=(0, text.index("=")),
            )
        return name

    def _check_value(self, text: str, name: str, value: str) -> None:
        # The value is not quoted: options may contain secrets.
        if not value.isprintable():
            for at, character in enumerate(value, len(text) - len(value)):
                if character < " " or "\x7f" <= character <= "\x9f":
                    raise ValueSyntaxError(
                        f"the value of {quote_text(name)} holds a control character", self.expected, span=(at, at + 1)
                    )

    def _write(self, value: Any) -> str:
        parts = tuple(value) if isinstance(value, (NameValue, tuple)) else ()
        if len(parts) == 2 and all(isinstance(part, str) for part in parts):
            return f"{parts[0]}={parts[1]}"
        return self.refuse_type(value)

    def part_syntax(self, part: str) -> Syntax:
        del part
        return _ExactText()

    def key(self, text: str) -> Hashable:
        try:
            return self.parse(text).name
        except ValueSyntaxError:
            return (None, text)

    @property
    def expected(self) -> str:
        return 'a name, "=" and a value'

    def describe(self) -> str:
        return "A name, an equals sign, and the value that belongs to the name."

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[^=]+="}


class Path(Syntax):
    """A path of the file system, kept as typed. The syntax does not check whether it exists."""

    __slots__ = ()

    name = "path"
    administrator_only = True
    placeholder = "PATH"
    ldap_syntax = EXACT
    samples_good = (
        ({}, "security/trust store.p12"),
        ({}, "/etc/ssl/certs"),
        ({}, "C:\\stores\\ca.pem"),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a path"),
        ({}, "  ", "the value is blank, expected a path"),
        ({}, "a\0b", '"a\\x00b" holds a NUL character, expected a path'),
        ({}, "a\udcffb", "the value is not valid UTF-8, expected a path"),
    )

    def parse(self, text: str) -> str:
        require_text(text, self.expected)
        if text.isspace():
            raise ValueSyntaxError("the value is blank", self.expected)
        if "\0" in text:
            at = text.index("\0")
            raise ValueSyntaxError(f"{quote_text(text)} holds a NUL character", self.expected, span=(at, at + 1))
        return text

    def _write(self, value: Any) -> str:
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
        return value if isinstance(value, str) else self.refuse_type(value)

    @property
    def expected(self) -> str:
        return "a path"

    def describe(self) -> str:
        return "The path of a file or directory. A relative path starts at the instance directory."


class Aggregation(Syntax):
    """The name of another managed object of a relation. Names match ignoring case and surplus blanks.

    A reference cannot be narrowed. The two conditions (``target-enabled``, ``needed-when``) and the ``synopsis`` of their rule are
    accepted here because they are in the same JSON object. The definitions room evaluates them; a single value does not.
    """

    __slots__ = ("needed_when", "parent", "relation", "synopsis", "target_enabled")

    name = "aggregation"
    placeholder = "NAME"
    parameters = _REFERENCE_PARAMETERS
    required_parameters = ("relation",)
    samples_good = (
        ({"relation": "trust-manager-provider"}, "JVM Trust Manager"),
        ({"relation": "backend", "parent": "/"}, " padded  name ", "padded  name"),
    )
    samples_bad = (
        ({"relation": "backend"}, "", "the value is empty, expected the name of an existing backend"),
        ({"relation": "backend"}, " \t", "the value is blank, expected the name of an existing backend"),
        ({"relation": "backend"}, "a\nb", '"a\\nb" holds a line break, expected the name of an existing backend'),
    )

    def __init__(
        self,
        *,
        relation: str,
        parent: str = "/",
        target_enabled: object = None,
        needed_when: object = None,
        synopsis: str = "",
    ) -> None:
        if not relation:
            raise SyntaxParameterError("relation", "the relation has no name")
        self.relation = relation
        self.parent = parent
        self.target_enabled = target_enabled
        self.needed_when = needed_when
        self.synopsis = synopsis

    def _explain_widening(self, inherited: Any) -> str:
        return f"it stays a reference to {inherited.relation}, with its parent and its conditions"

    def parse(self, text: str) -> str:
        return require_line(text, self.expected)

    def _normal_form(self, text: str) -> Hashable:
        return normal_name(self.parse(text))

    @property
    def expected(self) -> str:
        return f"the name of an existing {self.relation}"
