"""Syntaxes whose values are words from a closed list: boolean and enumeration.

Laws: a word is matched without regard to case and surrounding blanks, and is written as in the definition.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from confobjects.diagnostics import suggest_name
from confobjects.syntaxes.base import Syntax, SyntaxParameterError, ValueSyntaxError, quote_text

_BOOLEANS = {"true": True, "false": False}
_MEANT = {"yes": "true", "on": "true", "1": "true", "enabled": "true", "y": "true", "t": "true"} | {
    "no": "false",
    "off": "false",
    "0": "false",
    "disabled": "false",
    "n": "false",
    "f": "false",
}


class Boolean(Syntax):
    """True or false, and no other word, so that files stay clear. Typed as ``bool``."""

    __slots__ = ()

    name = "boolean"
    placeholder = "BOOLEAN"
    value_type = "bool"
    samples_good = (
        ({}, "true"),
        ({}, "false"),
        ({}, "TRUE", "true"),
        ({}, " False ", "false"),
    )
    samples_bad = (
        ({}, "yes", '"yes" is neither true nor false, expected true or false; did you mean "true"?'),
        ({}, "0", '"0" is neither true nor false, expected true or false; did you mean "false"?'),
        ({}, "ture", '"ture" is neither true nor false, expected true or false; did you mean "true"?'),
        ({}, "", '"" is neither true nor false, expected true or false'),
        ({}, "maybe", '"maybe" is neither true nor false, expected true or false'),
    )

    def parse(self, text: str) -> bool:
        value = _BOOLEANS.get(text)
        if value is None:
            word = text.strip().lower()
            value = _BOOLEANS.get(word)
            if value is None:
                meant = _MEANT.get(word)
                remedy = f'did you mean "{meant}"?' if meant else _suggest_value(word, _BOOLEANS)
                raise ValueSyntaxError(f"{quote_text(text)} is neither true nor false", self.expected, remedy)
        return value

    def _write(self, value: Any) -> str:
        if value is True:
            return "true"
        if value is False:
            return "false"
        return self.refuse_type(value)

    @property
    def expected(self) -> str:
        return "true or false"

    def choices(self) -> tuple[tuple[str, str], ...]:
        return (("true", ""), ("false", ""))

    def usage(self) -> str:
        return "false | true"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def to_json(self, value: Any) -> bool:
        return bool(value)


class Enumeration(Syntax):
    """One of the names that the definition lists with their meanings; typed as ``str``, spelled as listed."""

    __slots__ = ("_words", "values")

    name = "enumeration"
    placeholder = "NAME"
    parameters = {
        "values": {
            "description": "The allowed names, each with its meaning.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": r"^\S(.*\S)?$"},
            "additionalProperties": {"type": "string"},
        }
    }
    required_parameters = ("values",)
    samples_good = (
        ({"values": {"os": "from the system", "bundled": "shipped"}}, "os"),
        ({"values": {"os": "from the system", "bundled": "shipped"}}, " BUNDLED ", "bundled"),
        ({"values": {"JKS": "a Java store"}}, "jks", "JKS"),
    )
    samples_bad = (
        (
            {"values": {"os": "", "bundled": ""}},
            "bundle",
            '"bundle" is unknown, expected os or bundled; did you mean "bundled"?',
        ),
        ({"values": {"os": "", "bundled": ""}}, "", '"" is unknown, expected os or bundled'),
        ({"values": {"a": "", "b": "", "c": ""}}, "a, b", '"a, b" is unknown, expected a, b or c'),
    )

    def __init__(self, *, values: Mapping[str, str]) -> None:
        self.values = dict(values)
        self._words: dict[str, str] = {}
        for word in self.values:
            if not isinstance(self.values[word], str):
                raise SyntaxParameterError("values", f'the meaning of "{word}" must be a text')
            folded = word.strip().lower()
            if not folded or folded in self._words or word != word.strip():
                raise SyntaxParameterError("values", f'the name "{word}" is blank, padded or listed twice')
            self._words[folded] = word
        if not self._words:
            raise SyntaxParameterError("values", "an enumeration needs at least one name")

    def _explain_widening(self, inherited: Any) -> str:
        added = next((word for word in self.values if word not in inherited.values), None)
        return "" if added is None else f"the inherited one has no value {quote_text(added)}"

    def parse(self, text: str) -> str:
        word = self._words.get(text.strip().lower())
        if word is None:
            raise ValueSyntaxError(f"{quote_text(text)} is unknown", self.expected, _suggest_value(text, self.values))
        return word

    def _normal_form(self, text: str) -> Hashable:
        return self.parse(text).lower()

    @property
    def expected(self) -> str:
        *head, last = self.values
        return f"{', '.join(head)} or {last}" if head else last

    def describe(self) -> str:
        return f"One of {', '.join(self.values)}." if len(self.values) > 1 else f"Only {self.expected}."

    def choices(self) -> tuple[tuple[str, str], ...]:
        return tuple(self.values.items())

    def usage(self) -> str:
        return " | ".join(self.values)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}

    @property
    def python_type(self) -> str:
        words = ", ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in self.values)
        return f"Literal[{words}]"


def _suggest_value(word: str, known: Mapping[str, object]) -> str:
    return suggest_name(word.strip(), known)
