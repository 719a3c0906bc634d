"""The syntax duration: a length of time, counted in a base unit.

Laws: all arithmetic is in whole numbers, bounded by 2^63-1, and nothing wraps. A fraction is cut off below
the smallest unit, never rounded up.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from confobjects.records import Record
from confobjects.syntaxes.amounts import (
    DECIMAL,
    TEXT_LIMIT,
    Amount,
    decimal_text,
    limits_phrase,
    nearest_unit,
    scale,
    unit_name,
)
from confobjects.syntaxes.base import UNLIMITED, SyntaxParameterError, Unlimited, ValueSyntaxError, quote_text
from confobjects.syntaxes.integers import MAX_LONG, explain_wider_limits, is_unlimited, with_unlimited

TIME_UNITS: Final = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
"""Milliseconds of each time unit, the largest first."""
_LONG_NAMES = {"weeks": "w", "days": "d", "hours": "h", "minutes": "m", "seconds": "s", "milliseconds": "ms"}
# Other spellings of units, used only in remedies.
_MEANT = {
    "sec": "s",
    "secs": "s",
    "min": "m",
    "mins": "m",
    "hr": "h",
    "hrs": "h",
    "wk": "w",
    "msec": "ms",
    "msecs": "ms",
    "millis": "ms",
} | {long.removesuffix("s"): short for long, short in _LONG_NAMES.items()}
_COMPOUND_PART = re.compile(r"([0-9]+)\s*([a-z]+)\s*", re.ASCII | re.IGNORECASE)
_EXAMPLE = 'such as "30 s", "0.5 h" or "1 d 12 h"'


class _DurationPart(Record):
    """One number and unit of a compound duration."""

    number: int
    unit: str
    start: int
    end: int


class Duration(Amount):
    """A length of time, typed as the ``int`` count of base units, or :data:`UNLIMITED` where that is allowed.

    Written as whole numbers with units from the largest to the smallest (``1d15m25s``), or as one decimal
    number with a unit (``0.5 d``, ``10 minutes``). It must be a whole multiple of the base unit.
    """

    __slots__ = ("allow_unlimited", "base", "lower", "maximum_unit", "upper")

    name = "duration"
    placeholder = "DURATION"
    parameters = {
        "base-unit": {
            "description": "The unit that is counted and written. s when absent.",
            "type": "string",
            "enum": [*TIME_UNITS],
        },
        "lower": {
            "description": "The least duration, inclusive; a bare number counts base units. 0 when absent.",
            "type": ["integer", "string"],
        },
        "upper": {
            "description": "The greatest duration, inclusive; a bare number counts base units.",
            "type": ["integer", "string"],
        },
        "maximum-unit": {
            "description": "The largest unit used when a duration is shown to people.",
            "type": "string",
            "enum": [*TIME_UNITS],
        },
        "allow-unlimited": {
            "description": 'Whether "unlimited" is a value; not with an upper limit.',
            "type": "boolean",
        },
    }
    samples_good = (
        ({}, "10 s"),
        ({}, "0 s"),
        ({}, "1d15m25s", "87325 s"),
        ({}, "0.5 d", "43200 s"),
        ({}, "1h60m", "7200 s"),
        ({}, " 2 WEEKS ", "1209600 s"),
        ({"base-unit": "ms"}, "1500.9 ms", "1500 ms"),
        ({"base-unit": "m"}, "120 seconds", "2 m"),
        ({"lower": "1 s", "upper": 300}, "5m", "300 s"),
        ({"allow-unlimited": True}, " Unlimited ", "unlimited"),
    )
    samples_bad = (
        ({}, "", f"the value is empty, expected a duration {_EXAMPLE}"),
        ({}, "10", f'"10" has no unit, expected a duration {_EXAMPLE}; did you mean "10 s"?'),
        ({}, "1 hour", f'"hour" is not a unit of time, expected a duration {_EXAMPLE}; did you mean "1 h"?'),
        (
            {},
            "1s 1d",
            f'"1s 1d" does not go from the largest unit to the smallest, expected a duration '
            f'{_EXAMPLE}; did you mean "1 d 1 s"?',
        ),
        (
            {},
            "1h 1h",
            f'"1h 1h" does not go from the largest unit to the smallest, expected a duration '
            f'{_EXAMPLE}; did you mean "2 h"?',
        ),
        (
            {},
            "10 hours 5 minutes",
            f'long unit names cannot be combined, expected a duration {_EXAMPLE}; did you mean "10 h 5 m"?',
        ),
        ({}, "1 d 0.5 h", f'"1 d 0.5 h" is not a duration, expected a duration {_EXAMPLE}'),
        ({}, ".5 h", f'".5 h" is not a duration, expected a duration {_EXAMPLE}'),
        ({}, "1. h", f'"1. h" is not a duration, expected a duration {_EXAMPLE}'),
        ({}, "1,5 h", f'"1,5 h" is not a duration, expected a duration {_EXAMPLE}; did you mean "1.5 h"?'),
        ({}, "-1 s", f'"-1 s" is not a duration, expected a duration {_EXAMPLE}'),
        ({}, "unlimited", f'"unlimited" is not allowed here, expected a duration {_EXAMPLE}'),
        (
            {},
            "1500 ms",
            f'"1500 ms" is not a whole number of s, expected a duration {_EXAMPLE}; did you mean "1 s" or "2 s"?',
        ),
        ({}, "15250284452472 weeks", f'"15250284452472 weeks" is too large, expected a duration {_EXAMPLE}'),
        ({"lower": "1 s"}, "0 s", f'"0 s" is too small, expected a duration {_EXAMPLE}, at least 1 s'),
        (
            {"lower": 1, "upper": "5 m"},
            "6 m",
            f'"6 m" is too large, expected a duration {_EXAMPLE}, from 1 s to 5 m',
        ),
        (
            {"allow-unlimited": True},
            "-1",
            f'"-1" is not a duration, expected a duration {_EXAMPLE}, or "unlimited"; did you mean "unlimited"?',
        ),
    )

    def __init__(
        self,
        *,
        base_unit: str = "s",
        lower: int | str = 0,
        upper: int | str | None = None,
        maximum_unit: str = "",
        allow_unlimited: bool = False,
    ) -> None:
        self.base = _check_unit("base-unit", base_unit)
        self.maximum_unit = _check_unit("maximum-unit", maximum_unit) if maximum_unit else ""
        if self.maximum_unit and TIME_UNITS[self.maximum_unit] < TIME_UNITS[self.base]:
            raise SyntaxParameterError("maximum-unit", f"{maximum_unit} is smaller than the base unit {base_unit}")
        self.lower, self.upper, self.allow_unlimited = 0, None, False
        least, most = self._parse_limit("lower", lower), None if upper is None else self._parse_limit("upper", upper)
        self.lower, self.upper, self.allow_unlimited = least, most, allow_unlimited
        if self.upper is not None and allow_unlimited:
            raise SyntaxParameterError(
                "upper", "a duration with an upper limit cannot be unlimited", "leave out one of the two"
            )
        if self.upper is not None and self.upper < self.lower:
            raise SyntaxParameterError("upper", "the upper limit is below the lower limit")

    def _parse_limit(self, parameter: str, limit: int | str) -> int:
        """Return a limit in milliseconds; a bare number counts base units."""
        text = str(limit)
        if text.isdecimal() and text.isascii():
            text = f"{text} {self.base}"
        try:
            milliseconds = self._parse_milliseconds(text)
            self.judge(text, milliseconds)
        except ValueSyntaxError as error:
            raise SyntaxParameterError(parameter, error.message, error.remedy) from None
        return milliseconds

    def parse(self, text: str) -> int | Unlimited:
        if self.allow_unlimited and is_unlimited(text):
            return UNLIMITED
        milliseconds = _parse_plain(text)
        if milliseconds is None:
            milliseconds = self._parse_milliseconds(text)
        self.judge(text, milliseconds)
        unit = TIME_UNITS[self.base]
        count, rest = divmod(milliseconds, unit)
        if rest:
            raise ValueSyntaxError(
                f"{quote_text(text)} is not a whole number of {self.base}",
                self.expected,
                f'did you mean "{count} {self.base}" or "{count + 1} {self.base}"?',
            )
        return count

    def _explain_widening(self, inherited: Any) -> str:
        if self.base != inherited.base:
            return f"its values would be counted in {self.base}, the inherited ones are in {inherited.base}"
        return explain_wider_limits(self, inherited, format_duration)

    def _parse_milliseconds(self, text: str) -> int:
        if len(text) > TEXT_LIMIT:
            raise self.shape_error(text, "duration")
        stripped = text.strip()
        match = DECIMAL.fullmatch(stripped)
        if match is None:
            return self._parse_compound(text, stripped)
        whole, fraction, word = match.groups()
        if not word:
            number = f"{whole}.{fraction}" if fraction else whole
            raise ValueSyntaxError(
                f"{quote_text(text)} has no unit", self.expected, f'did you mean "{number} {self.base}"?'
            )
        unit = _LONG_NAMES.get(word.lower(), word.lower())
        if unit not in TIME_UNITS:
            number = f"{whole}.{fraction}" if fraction else whole
            raise self._unit_error(text, word, number)
        return scale(whole, fraction, TIME_UNITS[unit])

    def _unit_error(self, text: str, word: str, number: str) -> ValueSyntaxError:
        meant = _MEANT.get(word.lower()) or nearest_unit(word, _LONG_NAMES)
        remedy = f'did you mean "{number} {meant}"?' if meant else f"the units are {', '.join(TIME_UNITS)}"
        at = text.index(word)
        return ValueSyntaxError(
            f"{quote_text(word)} is not a unit of time", self.expected, remedy, (at, at + len(word))
        )

    def _parse_compound(self, text: str, stripped: str) -> int:
        parts = self._split_parts(text, stripped)
        sizes = [TIME_UNITS[part.unit] for part in parts]
        for before, after, part in zip(sizes, sizes[1:], parts[1:], strict=False):
            if after >= before:
                raise ValueSyntaxError(
                    f"{quote_text(text)} does not go from the largest unit to the smallest",
                    self.expected,
                    f'did you mean "{_sort_parts(parts)}"?',
                    (part.start, part.end),
                )
        return sum(part.number * size for part, size in zip(parts, sizes, strict=True))

    def _split_parts(self, text: str, stripped: str) -> list[_DurationPart]:
        offset = text.index(stripped) if stripped else 0
        parts: list[_DurationPart] = []
        long_name = False
        position = 0
        while position < len(stripped) or not parts:
            match = _COMPOUND_PART.match(stripped, position)
            if match is None:
                raise self.shape_error(text, "duration", self._comma_remedy(stripped))
            word = match[2].lower()
            long_name = long_name or word in _LONG_NAMES
            unit = _LONG_NAMES.get(word, word)
            if unit not in TIME_UNITS:
                raise self._unit_error(text, match[2], match[1])
            parts.append(_DurationPart(int(match[1]), unit, offset + match.start(1), offset + match.end(2)))
            position = match.end()
        if long_name:
            raise ValueSyntaxError(
                "long unit names cannot be combined", self.expected, f'did you mean "{_sort_parts(parts)}"?'
            )
        return parts

    def _comma_remedy(self, stripped: str) -> str:
        dotted = stripped.replace(",", ".", 1)
        return f'did you mean "{dotted}"?' if "," in stripped and _parse_plain(dotted) is not None else ""

    def _write(self, value: Any) -> str:
        if value is UNLIMITED:
            return "unlimited"
        if isinstance(value, int) and not isinstance(value, bool):
            return f"{value:d} {self.base}"
        from datetime import timedelta

        if isinstance(value, timedelta):
            return f"{_format_in_unit(value // timedelta(milliseconds=1), self.base)}"
        return self.refuse_type(value)

    @property
    def expected(self) -> str:
        limits = limits_phrase(self, format_duration)
        return f"a duration {_EXAMPLE}" + (f", {limits}" if limits else "")

    def usage(self) -> str:
        words = f"{format_duration(self.lower)} <= " if self.lower else ""
        words += f"DURATION ({self.base})"
        if self.upper is not None:
            words += f" <= {format_duration(self.upper)}"
        return words + (" | unlimited" if self.allow_unlimited else "")

    def display(self, value: Any, unit_size: str = "", unit_time: str = "", exact: bool = False) -> str:
        del unit_size
        if value is UNLIMITED:
            return "unlimited"
        milliseconds = int(value) * TIME_UNITS[self.base]
        if not unit_time and not exact and milliseconds:
            return format_duration(milliseconds, self.maximum_unit)
        unit = time_unit(unit_time) if unit_time else self.base
        return f"{decimal_text(milliseconds, TIME_UNITS[unit], exact)} {unit}"

    def json_schema(self) -> dict[str, Any]:
        unit = TIME_UNITS[self.base]
        upper = MAX_LONG if self.upper is None else self.upper
        schema = {"type": "integer", "minimum": -(-self.lower // unit), "maximum": upper // unit}
        return with_unlimited(schema, self.allow_unlimited)


@lru_cache(maxsize=1024)
def _parse_plain(text: str) -> int | None:
    """Return the milliseconds of a number with one known unit (the usual case), or None."""
    match = DECIMAL.fullmatch(text.strip()) if len(text) <= TEXT_LIMIT else None
    if match is None:
        return None
    word = match[3].lower()
    unit = TIME_UNITS.get(_LONG_NAMES.get(word, word))
    return None if unit is None else scale(match[1], match[2], unit)


def _sort_parts(parts: list[_DurationPart]) -> str:
    sums = {unit: sum(part.number for part in parts if part.unit == unit) for unit in TIME_UNITS}
    return " ".join(f"{count} {unit}" for unit, count in sums.items() if count) or "0 s"


def _format_in_unit(milliseconds: int, base: str) -> str:
    count, rest = divmod(milliseconds, TIME_UNITS[base])
    return f"{milliseconds} ms" if rest else f"{count} {base}"


def format_duration(milliseconds: int, maximum_unit: str = "") -> str:
    """Return a duration in the units it needs, the largest first: ``1 h 1 m 40 s``. Zero is ``0 ms``."""
    parts = []
    reached = not maximum_unit
    for unit, size in TIME_UNITS.items():
        reached = reached or unit == maximum_unit
        if reached and milliseconds >= size:
            count, milliseconds = divmod(milliseconds, size)
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 ms"


def time_unit(word: str) -> str:
    """Return the short name of a time unit, from its short or long name. Raises :class:`ValueSyntaxError`."""
    return unit_name(word, TIME_UNITS, _LONG_NAMES, "time")


def _check_unit(parameter: str, word: str) -> str:
    if word not in TIME_UNITS:
        raise SyntaxParameterError(
            parameter, f'"{word}" is not a unit of time', f"the units are {', '.join(TIME_UNITS)}"
        )
    return word
