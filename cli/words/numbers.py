"""Numbers on the command line: which there are, from where to where, and what is said of any other text.

Law of this module: every option and argument that takes a number has its range here or is of the type :class:`NumberType`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.records import Record
from confobjects.texts.numbers import read_number

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST: Final = 1_000_000_000
_DECIMAL: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class NumberRange(Record):
    """The numbers from ``least`` to ``most``, both included; whole ones, or with decimal places."""

    least: int
    most: int = _MOST
    unit: str = ""
    decimals: bool = False

    def read(self, text: str) -> float | None:
        """Return the number that a text is, None if it is none of the range. A whole number is an int."""
        text = text.strip()
        number: float | None = read_number(text)
        if number is None and self.decimals and _DECIMAL.fullmatch(text):
            number = float(text)
        return number if number is not None and self.least <= number <= self.most else None

    def refusal(self) -> str:
        """Return what an option takes, as the end of a sentence about it."""
        kind = f"a number of {self.unit}" if self.unit else "a whole number"
        return f"takes {kind} from {self.least} to {self.most}"


class NumberType(click.ParamType[float]):
    """A number of a range, as the type of an option or argument of click."""

    name = "number"

    def __init__(self, least: int, most: int = _MOST, unit: str = "", *, decimals: bool = False) -> None:
        self.range = NumberRange(least, most, unit, decimals)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number. Raises a usage error that says the range."""
        number = self.range.read(str(value))
        if number is None:
            self.fail(self.range.refusal(), param, ctx)
        return number


LONGEST_WAIT: Final = 3600
"""Seconds that a command may wait for followers or for a person, at most."""

PATIENCE: Final = NumberType(0, 31_536_000, "seconds", decimals=True)
"""How long something that runs for long waits for its configuration: up to a year."""

FORMS: Final[Mapping[str, NumberRange]] = {
    "PORT": NumberRange(1, 65_535),
    "SECONDS": NumberRange(1, LONGEST_WAIT, "seconds"),
    "MILLISECONDS": NumberRange(1, LONGEST_WAIT * 1000, "milliseconds"),
}
"""The numbers of global options, by the word for their value."""


def read_option(spelling: str, form: str, text: str) -> int:
    """Return the number of a global option. Raises :class:`~confobjects.errors.UsageError` for any other text."""
    number = FORMS[form].read(text)
    if number is None:
        raise UsageError(Diagnostic("usage", f'{spelling} {FORMS[form].refusal()}, not "{text}"', argument=spelling))
    return int(number)
