"""The common parts of all syntaxes: the contract, its errors, and the value ``unlimited``.

Laws: nothing here knows a particular syntax, and nothing here is slow to import.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, ClassVar, Final, NoReturn, Self, final

from confobjects.diagnostics import suggest_name
from confobjects.records import Record
from confobjects.texts.visible import make_visible

_SHOWN = 60
BLANKS: Final = " \t"
"""Blanks that are removed around a one-line value. Line breaks are never removed silently."""
_TOO_LARGE: Final = 10**40
"""No syntax has such numbers, and Python writes none of thousands of digits."""


@final
class Unlimited:
    """The type of :data:`UNLIMITED`, which is greater than every number and equal only to itself."""

    __slots__ = ()

    def __new__(cls) -> Unlimited:
        return UNLIMITED

    def __str__(self) -> str:
        return "unlimited"

    def __repr__(self) -> str:
        return "UNLIMITED"

    def __gt__(self, other: object) -> bool:
        return other is not self

    def __lt__(self, other: object) -> bool:
        return False

    def __ge__(self, other: object) -> bool:
        return True

    def __le__(self, other: object) -> bool:
        return other is self

    def __copy__(self) -> Unlimited:
        return self

    def __deepcopy__(self, memo: object) -> Unlimited:
        return self

    def __reduce__(self) -> str:
        return "UNLIMITED"


UNLIMITED: Final[Unlimited] = object.__new__(Unlimited)
"""The value of a limit that is switched off, where a syntax allows it."""


class ValueSyntaxError(ValueError):
    """A value does not follow its syntax.

    ``message`` says what is wrong, ``expected`` what is allowed, ``remedy`` what to do if that is clear. ``span`` is
    the half-open range of offsets of the wrong part of the text. ``str()`` joins the texts.
    """

    def __init__(self, message: str, expected: str = "", remedy: str = "", span: tuple[int, int] | None = None) -> None:
        # Control and direction characters of a value must never reach a terminal.
        self.message = make_visible(message)
        self.expected = expected
        self.remedy = make_visible(remedy)
        self.span = span
        super().__init__(self.message)

    def __str__(self) -> str:
        text = f"{self.message}, expected {self.expected}" if self.expected else self.message
        return f"{text}; {self.remedy}" if self.remedy else text

    def as_masked(self) -> ValueSyntaxError:
        """Return the same error without any part of the value, for a secret property."""
        return ValueSyntaxError("the value (not shown) is not acceptable", self.expected)


class SyntaxParameterError(ValueError):
    """A definition gives a syntax a wrong parameter. ``parameter`` is its name, ``""`` for the syntax as a whole."""

    def __init__(self, parameter: str, message: str, remedy: str = "") -> None:
        self.parameter = parameter
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}; {remedy}" if remedy else message)


class UnknownSyntaxError(SyntaxParameterError):
    """A definition names a syntax that does not exist."""

    def __init__(self, name: object, known: Iterable[str]) -> None:
        said = f"{name!r} is not a syntax" if isinstance(name, str) else "a syntax needs its name"
        super().__init__(
            "type",
            said.replace("'", '"'),
            (suggest_name(name, known) if isinstance(name, str) else "") or f"the syntaxes are {', '.join(known)}",
        )


class LdapSyntax(Record):
    """The type of values in an LDAP schema: object identifiers and matching rule names (RFC 4517)."""

    oid: str
    equality: str
    ordering: str | None = None
    substring: str | None = None


_DIRECTORY_STRING = "1.3.6.1.4.1.1466.115.121.1.15"
EXACT: Final = LdapSyntax(_DIRECTORY_STRING, "caseExactMatch", substring="caseExactSubstringsMatch")
IGNORE_CASE: Final = LdapSyntax(_DIRECTORY_STRING, "caseIgnoreMatch", substring="caseIgnoreSubstringsMatch")
OCTETS: Final = LdapSyntax("1.3.6.1.4.1.1466.115.121.1.40", "octetStringMatch")

GoodSample = tuple[Any, ...]
BadSample = tuple[Mapping[str, Any], str, str]


class Syntax:
    """One way of writing a value. Instances are immutable; make them with :meth:`from_json`.

    A new syntax is a subclass: it sets the class variables, gives its constructor one keyword per parameter
    (hyphens become underscores), and overrides ``parse`` and, if the value is not a text, ``_write``.
    """

    __slots__: tuple[str, ...] = ()

    name: ClassVar[str] = ""
    parameters: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """JSON Schema (2020-12) of each parameter, by its name in JSON."""
    required_parameters: ClassVar[tuple[str, ...]] = ()
    parts: ClassVar[Mapping[str, str]] = {}
    """The parts of a value that a condition may look at, each with its meaning. The normal form of a value has them as
    attributes, in their own normal form; None or empty for a part that the value lacks."""
    samples_good: ClassVar[tuple[GoodSample, ...]] = ()
    """(parameters, text) if the text is canonical, otherwise (parameters, text, canonical text)."""
    samples_bad: ClassVar[tuple[BadSample, ...]] = ()
    """(parameters, text, exact text of the error)."""
    sensitive: ClassVar[bool] = False
    administrator_only: ClassVar[bool] = False
    """Whether a value leads out of the configuration, to a file or to code that is loaded: who has roles leaves that to administrators."""
    secret_names: Collection[str] = ()
    """Names whose values are secret, if values are pairs of a name and a value."""
    has_secret_parts: bool = False
    """Whether a part of a value can be a secret, such as the password in a URL."""
    placeholder: ClassVar[str] = "STRING"
    """One word for a value, as in ``--set timeout:DURATION``."""
    value_type: ClassVar[str] = "str"
    ldap_syntax: ClassVar[LdapSyntax] = IGNORE_CASE

    @classmethod
    def from_json(cls, parameters: Mapping[str, Any]) -> Self:
        """Return the syntax with these parameters. Raises :class:`SyntaxParameterError` for the first wrong one."""
        if not parameters and not cls.required_parameters:
            return cls()
        for name, value in parameters.items():
            fragment = cls.parameters.get(name)
            if fragment is None:
                known = suggest_name(name, cls.parameters) or _list_parameters(cls.parameters)
                raise SyntaxParameterError(name, f'the syntax {cls.name} has no parameter "{name}"', known)
            if not _has_kind(value, fragment):
                raise SyntaxParameterError(name, f'"{name}" must be {_describe_kind(fragment)}')
        for name in cls.required_parameters:
            if name not in parameters:
                raise SyntaxParameterError(name, f'the syntax {cls.name} needs the parameter "{name}"')
        return cls(**{name.replace("-", "_"): value for name, value in parameters.items()})

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, slot) == getattr(other, slot) for slot in self.__slots__)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        fields = ", ".join(f"{slot}={getattr(self, slot)!r}" for slot in self.__slots__)
        return f"{type(self).__name__}({fields})"

    def explain_widening(self, inherited: Syntax) -> str:
        """Return why not every value of this syntax is one of an inherited syntax, as a sentence; empty if each is.

        A subtype may only narrow what it inherits, and a typed value must stay what it was.
        """
        if type(self) is not type(inherited):
            return f"it is of syntax {self.name}, the inherited one of {inherited.name}"
        return "" if self == inherited else self._explain_widening(inherited)

    def _explain_widening(self, inherited: Any) -> str:
        """Return the same for a syntax of this class with other parameters. A class with parameters has its own."""
        raise NotImplementedError

    def parse(self, text: str) -> Any:
        """Return the typed value of a text. Raises :class:`ValueSyntaxError`."""
        raise NotImplementedError

    def format(self, value: Any) -> str:
        """Return the canonical text of a typed value, a text, or anything :meth:`coerce` takes.

        Raises :class:`ValueSyntaxError` if the value does not follow this syntax or is outside the limits.
        """
        return self._write(self.parse(self.coerce(value)))

    def coerce(self, value: Any) -> str:
        """Return the text of a Python value (``True``, ``587``, a path …) unchecked. A text is not changed."""
        if isinstance(value, str):
            return value
        if isinstance(value, int) and not -_TOO_LARGE < value < _TOO_LARGE:
            raise ValueSyntaxError("the number has too many digits", self.expected)
        return self._write(value)

    def _write(self, value: Any) -> str:
        """Return the text of a value of the Python type of this syntax. Any other type is refused."""
        return value if isinstance(value, str) else self.refuse_type(value)

    def refuse_type(self, value: object) -> NoReturn:
        """Raise the error for a Python value of an unsupported type."""
        raise ValueSyntaxError(f"a value of the Python type {type(value).__name__} does not fit", self.expected)

    def find_secret(self, text: str) -> tuple[int, int] | None:
        """Return the offsets where the secret in a text begins and ends, or None. In a sensitive syntax, all is secret."""
        return (0, len(text)) if self.sensitive else None

    def describe_secret(self, text: str) -> tuple[str, str]:
        """Return what the secret in a text is, and how to write that text instead: with an expression, without a default."""
        del text
        return "it", "give it as an expression without a default"

    def normal_form(self, text: str) -> Hashable:
        """Return the comparison key: texts with equal keys are the same value. Invalid text is its own key."""
        try:
            return self._normal_form(text)
        except ValueSyntaxError:
            return (None, text)

    def _normal_form(self, text: str) -> Hashable:
        value: Hashable = self.parse(text)
        return value

    def key(self, text: str) -> Hashable:
        """Return the key that must be unique among the values of one property: the normal form, by default."""
        return self.normal_form(text)

    def part_syntax(self, part: str) -> Syntax:
        """Return the syntax of one of :attr:`parts`: how a condition writes and compares it."""
        raise NotImplementedError(part)

    @property
    def expected(self) -> str:
        """What is allowed, as a phrase for the middle of a sentence."""
        raise NotImplementedError

    def describe(self) -> str:
        """Return the sentence under "Allowed values" in the reference."""
        words = self.expected
        return f"{words[0].upper()}{words[1:]}."

    def choices(self) -> tuple[tuple[str, str], ...]:
        """Return the allowed values with their meanings if there is a fixed list, otherwise nothing."""
        return ()

    def usage(self) -> str:
        """Return the text of the "Syntax" column of ``list-properties``."""
        return self.placeholder

    def display(self, value: Any, unit_size: str = "", unit_time: str = "", exact: bool = False) -> str:
        """Return a typed value for people, or, with ``exact``, for scripts. The user chooses the units."""
        del unit_size, unit_time, exact
        return self._write(value)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of what :meth:`to_json` gives."""
        return {"type": "string", "minLength": 1}

    def to_json(self, value: Any) -> Any:
        """Return a typed value as JSON. ``coerce`` turns it back into a text of the same value."""
        return self._write(value)

    def as_ldap(self) -> LdapSyntax:
        """Return the LDAP attribute syntax: nearly always Directory String, because any value may be an expression."""
        return self.ldap_syntax

    @property
    def python_type(self) -> str:
        """The type of a parsed value in generated stubs."""
        return self.value_type


_KINDS: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "integer": ("a whole number", int),
    "string": ("a text", str),
    "boolean": ("true or false", bool),
    "object": ("an object", Mapping),
    "array": ("a list of texts", list),
}


def _kinds_of(fragment: Mapping[str, Any]) -> tuple[str, ...]:
    kinds = fragment.get("type", ())
    return (kinds,) if isinstance(kinds, str) else tuple(kinds)


def _has_kind(value: object, fragment: Mapping[str, Any]) -> bool:
    """Tell whether the JSON type is right. The meta-schema checks the rest, but a cold start does not load it."""
    kinds = _kinds_of(fragment)
    if isinstance(value, bool):
        return not kinds or "boolean" in kinds
    if kinds and not any(isinstance(value, _KINDS[kind][1]) for kind in kinds):
        return False
    return not isinstance(value, list) or all(_has_kind(item, fragment.get("items", {})) for item in value)


def _describe_kind(fragment: Mapping[str, Any]) -> str:
    return " or ".join(_KINDS[kind][0] for kind in _kinds_of(fragment))


def _list_parameters(parameters: Mapping[str, object]) -> str:
    return f"its parameters are {', '.join(parameters)}" if parameters else "it has no parameters"


def quote_text(text: str) -> str:
    """Return a text for a message: in quotes, on one line, not too long."""
    return f'"{make_visible(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")}"'


def require_text(text: str, expected: str) -> str:
    """Return the text if it is not empty and can be stored as UTF-8. Raises :class:`ValueSyntaxError`.

    Undecodable bytes of an environment or a command line arrive as lone surrogates. They are refused here, before the
    value is written.
    """
    if not text:
        raise ValueSyntaxError("the value is empty", expected)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            span = (error.start, error.end)
            raise ValueSyntaxError("the value is not valid UTF-8", expected, span=span) from None
    return text


def require_line(text: str, expected: str, subject: str = "") -> str:
    """Return the text without surrounding blanks. Refuses line breaks and other control characters inside.

    ``subject`` replaces the text in messages that must not quote it.
    """
    line = require_text(text, expected).strip(BLANKS)
    if not line:
        raise ValueSyntaxError("the value is blank", expected)
    if not line.isprintable():
        refuse_controls(text, line, expected, subject)
    return line


def refuse_controls(text: str, line: str, expected: str, subject: str = "") -> None:
    """Raise for the first control character (Unicode category Cc, or a line or paragraph separator), if any."""
    for character in line:
        if character < " " or "\x7f" <= character <= "\x9f" or character in "\u2028\u2029":
            at = text.index(character)
            words = {"\n": "a line break", "\r": "a carriage return", "\0": "a NUL character", "\t": "a tab"}
            said = words.get(character, f"the control character U+{ord(character):04X}")
            raise ValueSyntaxError(f"{subject or quote_text(text)} holds {said}", expected, span=(at, at + 1))
