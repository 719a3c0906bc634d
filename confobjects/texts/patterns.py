r"""Regular expressions that a configuration or a definition brings along, matched in time linear in the text.

Python's own matcher tries every way to divide a text among repetitions: ``(a+)+b`` would hang on forty letters. RE2
never does. It understands the same syntax without look-around and references back, and its ``\d`` and ``\w`` are ASCII,
as in Java, where the directory server family's patterns come from.
"""

from __future__ import annotations


class Pattern:
    """A regular expression for whole texts. Raises ValueError if RE2 does not understand it."""

    __slots__ = ("_expression", "regex")

    def __init__(self, regex: str) -> None:
        import re2

        self.regex = regex
        options = re2.Options()
        options.log_errors = False
        try:
            self._expression = re2.compile(regex.encode("utf-8", "surrogatepass"), options)
        except re2.error as error:
            raise ValueError(error.args[0].decode("utf-8", "replace")) from None

    def __eq__(self, other: object) -> bool:
        return self.regex == other.regex if isinstance(other, Pattern) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.regex)

    def __repr__(self) -> str:
        return f"Pattern({self.regex!r})"

    def matches(self, text: str) -> bool:
        """Tell whether the whole text has the form of the pattern. The name of a file may hold bytes that are not UTF-8."""
        return self._expression.fullmatch(text.encode("utf-8", "surrogateescape")) is not None
