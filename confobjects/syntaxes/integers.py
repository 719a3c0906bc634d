"""The syntax integer: a decimal number within limits, 64 bits wide unless the limits say otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from confobjects.syntaxes.base import UNLIMITED, Syntax, SyntaxParameterError, Unlimited, ValueSyntaxError, quote_text

MAX_LONG: Final = 2**63 - 1
_LONGEST = 400  # digits; CPython refuses to read numbers of several thousand


def is_unlimited(text: str) -> bool:
    """Tell whether a text is ``unlimited``, ignoring case and surrounding blanks."""
    return len(text) >= len("unlimited") and text.strip().lower() == "unlimited"


def with_unlimited(schema: dict[str, Any], allowed: bool) -> dict[str, Any]:
    """Return the JSON Schema of a number that may also be the word ``unlimited``."""
    return {"anyOf": [schema, {"const": "unlimited"}]} if allowed else schema


class Limited(Protocol):
    """A syntax with limits, both inclusive, in the unit that is counted; None where there is no upper one."""

    lower: int
    upper: int | None
    allow_unlimited: bool


def explain_wider_limits(own: Limited, inherited: Limited, words: Callable[[int], str] = str) -> str:
    """Return why the limits of a syntax go beyond inherited ones, as a sentence; empty if they do not."""
    if own.lower < inherited.lower:
        return f"its lower limit {words(own.lower)} is below the inherited {words(inherited.lower)}"
    if _greatest(own) > _greatest(inherited):
        return f"its upper limit {words(_greatest(own))} is above the inherited {words(_greatest(inherited))}"
    if own.allow_unlimited and not inherited.allow_unlimited:
        return 'the inherited one does not allow "unlimited"'
    return ""


def _greatest(syntax: Limited) -> int:
    return MAX_LONG if syntax.upper is None else syntax.upper


class Integer(Syntax):
    """A whole number; typed as ``int``, or :data:`UNLIMITED` where that is allowed."""

    __slots__ = ("allow_unlimited", "lower", "unit", "upper")

    name = "integer"
    placeholder = "INTEGER"
    parameters = {
        "lower": {"description": "The least value, inclusive. 0 when absent.", "type": "integer"},
        "upper": {"description": "The greatest value, inclusive. 2^63-1 when absent.", "type": "integer"},
        "allow-unlimited": {"description": 'Whether "unlimited" is a value.', "type": "boolean"},
        "unit-synopsis": {"description": "What is counted, for people.", "type": "string", "minLength": 1},
    }
    samples_good = (
        ({}, "0"),
        ({}, "007", "7"),
        ({}, "+9223372036854775807", "9223372036854775807"),
        ({"lower": -5, "upper": 5}, "-5"),
        ({"lower": 1, "upper": 65535}, "65535"),
        ({"allow-unlimited": True}, "UNLIMITED", "unlimited"),
        ({"allow-unlimited": True}, "-1", "unlimited"),
        ({"upper": 2**80}, str(2**80)),
    )
    samples_bad = (
        ({}, "", "the value is empty, expected a whole number, at least 0"),
        ({}, "ten", '"ten" is not a whole number, expected a whole number, at least 0'),
        ({}, "1,000", '"1,000" is not a whole number, expected a whole number, at least 0; did you mean "1000"?'),
        ({}, "1_000", '"1_000" is not a whole number, expected a whole number, at least 0; did you mean "1000"?'),
        ({}, " 7", '" 7" is not a whole number, expected a whole number, at least 0; did you mean "7"?'),
        ({}, "0x10", '"0x10" is not a whole number, expected a whole number, at least 0; did you mean "16"?'),
        ({}, "1.5", '"1.5" is not a whole number, expected a whole number, at least 0'),
        ({}, "٣", '"٣" is not a whole number, expected a whole number, at least 0; did you mean "3"?'),
        ({}, "-1", "-1 is too small, expected a whole number, at least 0"),
        ({}, "unlimited", '"unlimited" is not allowed here, expected a whole number, at least 0'),
        ({"lower": 1, "upper": 65535}, "0", "0 is too small, expected a whole number from 1 to 65535"),
        ({"lower": 1, "upper": 65535}, "65536", "65536 is too large, expected a whole number from 1 to 65535"),
        ({}, "9223372036854775808", "9223372036854775808 is too large, expected a whole number, at least 0"),
    )

    def __init__(
        self,
        *,
        lower: int = 0,
        upper: int | None = None,
        allow_unlimited: bool = False,
        unit_synopsis: str = "",
    ) -> None:
        if upper is not None and upper < lower:
            raise SyntaxParameterError("upper", f"the upper limit {upper} is below the lower limit {lower}")
        if allow_unlimited and lower < 0:
            raise SyntaxParameterError(
                "lower", "a negative number would mean unlimited", "leave out one of lower and allow-unlimited"
            )
        self.lower = lower
        self.upper = upper
        self.allow_unlimited = allow_unlimited
        self.unit = unit_synopsis

    def parse(self, text: str) -> int | Unlimited:
        digits = text[1:] if text[:1] in ("-", "+") else text
        if not (digits.isdecimal() and digits.isascii()):
            if self.allow_unlimited and is_unlimited(text):
                return UNLIMITED
            raise self._number_error(text)
        number = int(text) if len(digits) <= _LONGEST else _clamp_number(text, digits)
        if number < 0 and self.allow_unlimited:
            return UNLIMITED
        if number < self.lower:
            raise ValueSyntaxError(f"{_shorten_digits(text)} is too small", self.expected)
        if number > (MAX_LONG if self.upper is None else self.upper):
            raise ValueSyntaxError(f"{_shorten_digits(text)} is too large", self.expected)
        return number

    def _explain_widening(self, inherited: Any) -> str:
        return explain_wider_limits(self, inherited)

    def _number_error(self, text: str) -> ValueSyntaxError:
        if not text:
            return ValueSyntaxError("the value is empty", self.expected)
        if is_unlimited(text):
            return ValueSyntaxError(f"{quote_text(text)} is not allowed here", self.expected)
        return ValueSyntaxError(f"{quote_text(text)} is not a whole number", self.expected, _suggest_number(text))

    def _write(self, value: Any) -> str:
        if value is UNLIMITED:
            return "unlimited"
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:d}"
        return self.refuse_type(value)

    @property
    def expected(self) -> str:
        if self.upper is None:
            limits = f"a whole number, at least {self.lower}"
        else:
            limits = f"a whole number from {self.lower} to {self.upper}"
        unit = f" ({self.unit})" if self.unit else ""
        return f'{limits}{unit}, or "unlimited"' if self.allow_unlimited else limits + unit

    def usage(self) -> str:
        words = f"{self.lower} <= INTEGER"
        if self.unit:
            words += f" ({self.unit})"
        if self.upper is not None:
            words += f" <= {self.upper}"
        return words + (" | unlimited" if self.allow_unlimited else "")

    def json_schema(self) -> dict[str, Any]:
        upper = MAX_LONG if self.upper is None else self.upper
        return with_unlimited({"type": "integer", "minimum": self.lower, "maximum": upper}, self.allow_unlimited)

    def to_json(self, value: Any) -> int | str:
        return "unlimited" if value is UNLIMITED else int(value)

    @property
    def python_type(self) -> str:
        return "int | Unlimited" if self.allow_unlimited else "int"


def _suggest_number(text: str) -> str:
    """Return the remedy for digits that are grouped, padded, of another script or hexadecimal."""
    if len(text) > _LONGEST:
        return ""
    plain = text.strip().replace(",", "").replace("_", "").replace("'", "").replace(" ", "")
    base = 16 if plain[:2].lower() == "0x" else 10
    try:
        return f'did you mean "{int(plain, base)}"?'
    except ValueError:
        return ""


def _clamp_number(text: str, digits: str) -> int:
    """Return the number, or one beyond every limit with the same sign if it has too many digits."""
    number = int(digits.lstrip("0")[:_LONGEST] or "0")
    return -number if text[0] == "-" else number


def _shorten_digits(digits: str) -> str:
    return digits if len(digits) <= 40 else f"{digits[:20]}… ({len(digits)} characters)"
