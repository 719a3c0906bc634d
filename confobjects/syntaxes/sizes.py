"""The syntax size: an amount of data, counted in bytes.

Laws: all arithmetic is in whole numbers, bounded by 2^63-1, and nothing wraps. A fraction is cut off below
the smallest unit, never rounded up.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

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

SIZE_UNITS: Final = {
    "tib": 2**40,
    "tb": 10**12,
    "gib": 2**30,
    "gb": 10**9,
    "mib": 2**20,
    "mb": 10**6,
    "kib": 2**10,
    "kb": 10**3,
    "b": 1,
}
"""Bytes of each size unit, the largest first, a binary unit before the decimal unit of the same letter."""
_LONG_NAMES = {
    "bytes": "b",
    "kilobytes": "kb",
    "megabytes": "mb",
    "gigabytes": "gb",
    "terabytes": "tb",
    "kibibytes": "kib",
    "mebibytes": "mib",
    "gibibytes": "gib",
    "tebibytes": "tib",
}
# Other spellings of units, used only in remedies.
_MEANT = {"k": "kib", "m": "mib", "g": "gib", "t": "tib", "ki": "kib", "mi": "mib", "gi": "gib", "ti": "tib"} | {
    long.removesuffix("s"): short for long, short in _LONG_NAMES.items()
}
_EXAMPLE = 'such as "512 kib" or "1.5 gb"'


class Size(Amount):
    """An amount of data, typed as the ``int`` number of bytes, or :data:`UNLIMITED` where that is allowed.

    A number, possibly with decimals, and a unit; bytes when there is none. Units of 1000 (kb, mb, gb, tb) and
    of 1024 (kib, mib, gib, tib), short or long names.
    """

    __slots__ = ("allow_unlimited", "lower", "upper")

    name = "size"
    placeholder = "SIZE"
    parameters = {
        "lower": {"description": "The least size, inclusive. 0 when absent.", "type": ["integer", "string"]},
        "upper": {"description": "The greatest size, inclusive.", "type": ["integer", "string"]},
        "allow-unlimited": {"description": 'Whether "unlimited" is a value.', "type": "boolean"},
    }
    samples_good = (
        ({}, "1024", "1 kib"),
        ({}, "1000", "1 kb"),
        ({}, "1025", "1025 b"),
        ({}, "0", "0 b"),
        ({}, "1.5 GB", "1500 mb"),
        ({}, "4gib", "4 gib"),
        ({}, "2 kilobytes", "2 kb"),
        ({"lower": "512 B", "upper": "2147483647b"}, "2147483647 b"),
        ({"upper": "1 kib", "allow-unlimited": True}, "UNLIMITED", "unlimited"),
    )
    samples_bad = (
        ({}, "", f"the value is empty, expected a size {_EXAMPLE}"),
        ({}, "10 m", f'"m" is not a unit of size, expected a size {_EXAMPLE}; did you mean "10 mib"?'),
        ({}, "1 megabyte", f'"megabyte" is not a unit of size, expected a size {_EXAMPLE}; did you mean "1 mb"?'),
        ({}, "-1", f'"-1" is not a size, expected a size {_EXAMPLE}'),
        ({}, "1,5 mb", f'"1,5 mb" is not a size, expected a size {_EXAMPLE}; did you mean "1.5 mb"?'),
        ({}, "9223372036854775808", f'"9223372036854775808" is too large, expected a size {_EXAMPLE}'),
        ({"lower": "1 kb"}, "999", f'"999" is too small, expected a size {_EXAMPLE}, at least 1 kb'),
        ({"upper": "1 kib"}, "1025", f'"1025" is too large, expected a size {_EXAMPLE}, at most 1 kib'),
        ({}, "unlimited", f'"unlimited" is not allowed here, expected a size {_EXAMPLE}'),
    )

    def __init__(self, *, lower: int | str = 0, upper: int | str | None = None, allow_unlimited: bool = False) -> None:
        self.lower, self.upper, self.allow_unlimited = 0, None, False
        least, most = self._parse_limit("lower", lower), None if upper is None else self._parse_limit("upper", upper)
        self.lower, self.upper, self.allow_unlimited = least, most, allow_unlimited
        if self.upper is not None and self.upper < self.lower:
            raise SyntaxParameterError("upper", "the upper limit is below the lower limit")

    def _parse_limit(self, parameter: str, limit: int | str) -> int:
        try:
            size = self._parse_bytes(str(limit))
            self.judge(str(limit), size)
        except ValueSyntaxError as error:
            raise SyntaxParameterError(parameter, error.message, error.remedy) from None
        return size

    def parse(self, text: str) -> int | Unlimited:
        if self.allow_unlimited and is_unlimited(text):
            return UNLIMITED
        size = _parse_plain(text)
        if size is None:
            size = self._parse_bytes(text)
        self.judge(text, size)
        return size

    def _explain_widening(self, inherited: Any) -> str:
        return explain_wider_limits(self, inherited, exact_size)

    def _parse_bytes(self, text: str) -> int:
        size = _parse_plain(text)
        if size is not None:
            return size
        match = DECIMAL.fullmatch(text.strip()) if len(text) <= TEXT_LIMIT else None
        if match is None:
            dotted = text.replace(",", ".", 1)
            meant = "," in text and _parse_plain(dotted) is not None
            raise self.shape_error(text, "size", f'did you mean "{dotted}"?' if meant else "")
        number, word = text.strip()[: match.start(3)].strip(), match[3]
        meant_unit = _MEANT.get(word.lower()) or nearest_unit(word, _LONG_NAMES)
        remedy = f'did you mean "{number} {meant_unit}"?' if meant_unit else f"the units are {', '.join(SIZE_UNITS)}"
        at = text.index(word)
        raise ValueSyntaxError(f"{quote_text(word)} is not a unit of size", self.expected, remedy, (at, at + len(word)))

    def _write(self, value: Any) -> str:
        if value is UNLIMITED:
            return "unlimited"
        if isinstance(value, int) and not isinstance(value, bool):
            return exact_size(value)
        return self.refuse_type(value)

    @property
    def expected(self) -> str:
        limits = limits_phrase(self, exact_size)
        return f"a size {_EXAMPLE}" + (f", {limits}" if limits else "")

    def usage(self) -> str:
        words = f"{exact_size(self.lower)} <= SIZE" if self.lower else "SIZE"
        if self.upper is not None:
            words += _upper_usage(self.upper)
        return words + (" | unlimited" if self.allow_unlimited else "")

    def display(self, value: Any, unit_size: str = "", unit_time: str = "", exact: bool = False) -> str:
        del unit_time
        if value is UNLIMITED:
            return "unlimited"
        size = int(value)
        if unit_size:
            unit = size_unit(unit_size)
        elif exact:
            return exact_size(size)
        else:
            unit = _best_unit(size)
        return f"{decimal_text(size, SIZE_UNITS[unit], exact)} {unit}"

    def json_schema(self) -> dict[str, Any]:
        upper = MAX_LONG if self.upper is None else self.upper
        return with_unlimited({"type": "integer", "minimum": self.lower, "maximum": upper}, self.allow_unlimited)


@lru_cache(maxsize=1024)
def _parse_plain(text: str) -> int | None:
    """Return the bytes of a size in canonical form, or None."""
    match = DECIMAL.fullmatch(text.strip()) if len(text) <= TEXT_LIMIT else None
    if match is None:
        return None
    word = match[3].lower()
    unit = SIZE_UNITS.get(_LONG_NAMES.get(word, word) or "b")
    return None if unit is None else scale(match[1], match[2], unit)


def exact_size(size: int) -> str:
    """Return a size in the largest unit that divides it: ``1 kib``, ``1 kb``, ``1025 b``, ``0 b``."""
    if size:
        for unit, factor in SIZE_UNITS.items():
            if size % factor == 0:
                return f"{size // factor} {unit}"
    return f"{size} b"


def _best_unit(size: int) -> str:
    """Return the unit for people: the binary unit of a letter if it divides exactly, else the decimal one."""
    for letter in "tgmk":
        if size and size % SIZE_UNITS[f"{letter}ib"] == 0:
            return f"{letter}ib"
        if size >= SIZE_UNITS[f"{letter}b"]:
            return f"{letter}b"
    return "b"


def _upper_usage(upper: int) -> str:
    """Return the upper limit in words: "less than" a round size if the limit is one byte less than that."""
    above = exact_size(upper + 1)
    if exact_size(upper).endswith(" b") and not above.endswith(" b"):
        return f" < {above}"
    return f" <= {exact_size(upper)}"


def size_unit(word: str) -> str:
    """Return the short name of a size unit, from its short or long name. Raises :class:`ValueSyntaxError`."""
    return unit_name(word, SIZE_UNITS, _LONG_NAMES, "size")
