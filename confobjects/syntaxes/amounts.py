"""The common parts of the syntaxes of amounts with units: duration and size.

Laws: all arithmetic is in whole numbers, bounded by 2^63-1, and nothing wraps. A fraction is cut off below
the smallest unit, never rounded up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from confobjects.diagnostics import find_nearest
from confobjects.syntaxes.base import UNLIMITED, Syntax, ValueSyntaxError, quote_text
from confobjects.syntaxes.integers import MAX_LONG, is_unlimited
from confobjects.texts.articles import with_article

_DIGITS = 60  # decimal places that are read: 2^-40 needs 40 of them
TEXT_LIMIT: Final = (
    400  # characters; no amount is longer, and CPython refuses to read numbers of several thousand digits
)
DECIMAL: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?\s*([a-z]*)", re.ASCII | re.IGNORECASE)


def scale(whole: str, fraction: str | None, unit: int) -> int:
    """Return ``whole.fraction`` times the unit, cut to a whole number."""
    places = (fraction or "")[:_DIGITS]
    scaled = int(whole + places) * unit
    return scaled // int(f"1{'0' * len(places)}")


def decimal_text(amount: int, unit: int, exact: bool) -> str:
    """Return the amount in a unit: grouped, with two decimals for people; plain, with nine decimals for scripts."""
    places = 9 if exact else 2
    power = 1_000_000_000 if exact else 100
    scaled, rest = divmod(amount * power, unit)
    if rest * 2 > unit or (rest * 2 == unit and scaled % 2):
        scaled += 1  # half to even
    whole, fraction = divmod(scaled, power)
    digits = f"{fraction:0{places}d}".rstrip("0")
    return (f"{whole}" if exact else f"{whole:,}") + (f".{digits}" if digits else "")


class Amount(Syntax):
    """Common parts of durations and sizes: limits, ``unlimited``, and unit names."""

    __slots__ = ()

    lower: int
    upper: int | None
    allow_unlimited: bool

    def judge(self, text: str, amount: int) -> None:
        """Raise :class:`ValueSyntaxError` for an amount (in the smallest unit) outside the limits."""
        if amount < self.lower:
            raise ValueSyntaxError(f"{quote_text(text)} is too small", self.expected)
        if amount > (MAX_LONG if self.upper is None else self.upper):
            raise ValueSyntaxError(f"{quote_text(text)} is too large", self.expected)

    def shape_error(self, text: str, kind: str, remedy: str = "") -> ValueSyntaxError:
        """Return the error for a text that is not an amount."""
        if not text.strip():
            return ValueSyntaxError("the value is empty", self.expected)
        if is_unlimited(text):
            return ValueSyntaxError(f"{quote_text(text)} is not allowed here", self.expected)
        if self.allow_unlimited and text.strip() == "-1":
            remedy = 'did you mean "unlimited"?'
        return ValueSyntaxError(f"{quote_text(text)} is not {with_article(kind)}", self.expected, remedy)

    def to_json(self, value: Any) -> int | str:
        return "unlimited" if value is UNLIMITED else int(value)

    @property
    def python_type(self) -> str:
        return "int | Unlimited" if self.allow_unlimited else "int"


def unit_name(word: str, units: Mapping[str, int], long_names: Mapping[str, str], kind: str) -> str:
    """Return the short name of a unit, from its short or long name. Raises :class:`ValueSyntaxError`."""
    folded = word.strip().lower()
    short = long_names.get(folded, folded)
    if short not in units:
        raise ValueSyntaxError(f"{quote_text(word)} is not a unit of {kind}", f"one of {', '.join(units)}")
    return short


def nearest_unit(word: str, long_names: Mapping[str, str]) -> str:
    """Return the short name of the unit that was probably meant, or an empty text."""
    match = find_nearest(word.lower(), long_names)
    return long_names[match] if match is not None else ""


def limits_phrase(syntax: Amount, words: Callable[[int], str]) -> str:
    """Return the limits as a phrase, empty when there are none."""
    lower = words(syntax.lower) if syntax.lower else ""
    upper = words(syntax.upper) if syntax.upper is not None else ""
    if lower and upper:
        phrase = f"from {lower} to {upper}"
    else:
        phrase = f"at least {lower}" if lower else f"at most {upper}" if upper else ""
    if syntax.allow_unlimited:
        phrase += ', or "unlimited"' if phrase else 'or "unlimited"'
    return phrase
