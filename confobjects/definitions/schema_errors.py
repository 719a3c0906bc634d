"""Translate the errors of ``jsonschema`` into our own words: this is the only place that does.

Law: an error is identified by its data alone (keyword, value of the keyword, instance, path), never by its message.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from confobjects.diagnostics import suggest_name
from confobjects.texts.visible import make_visible

Pointer = tuple[str, ...]
"""The keys and indexes on the way to a part of a document."""


class Refusal(NamedTuple):
    """One mistake: where it is, which keyword of the schema refuses it, and what to report.

    ``key`` is the key that is unknown, misnamed or missing, ``instance`` the refused part of the document; ``expected`` is
    the value of the keyword in the schema.
    """

    pointer: Pointer
    keyword: str
    instance: Any
    expected: Any
    summary: str
    remedy: str = ""
    key: str = ""


Show = Callable[[Any], str]
"""How a part of a document is shown; one that may hold secrets shows only what kind of value it is."""


def validator_of(schema: Mapping[str, Any]) -> Any:
    """Return the validator of a schema; unlike in JSON Schema, 1.0 is not an integer."""
    return _make_validator_class()(schema)


@cache
def _make_validator_class() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    def is_integer(_checker: Any, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    make: Any = extend
    checker = Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer)
    return make(Draft202012Validator, {"allOf": _find_errors_of_all}, type_checker=checker)


def _find_errors_of_all(validator: Any, several: Sequence[Any], instance: Any, _schema: Any) -> Iterator[Any]:
    """Yield the errors of ``allOf``. A branch for another type has none, and going down into each would take most of the time."""
    for index, one in enumerate(several):
        if not _is_for_another_type(one, instance):
            yield from validator.descend(instance, one, schema_path=index)


def _is_for_another_type(schema: Any, instance: Any) -> bool:
    """Tell whether a schema says something of objects of one type only, and an instance is none."""
    match schema:
        case {"if": {"properties": {"type": {"const": str(kind)}}} as choice, "then": _, **more} if not more:
            says_no_more = choice == {"type": "object", "properties": {"type": {"const": kind}}, "required": ["type"]}
            return says_no_more and not (isinstance(instance, dict) and instance.get("type") == kind)
    return False


def find_leaves(errors: Iterable[Any]) -> Iterator[Any]:
    """Yield the errors without others below them: if every branch of a choice fails, the errors of each branch."""
    for error in errors:
        if error.context:
            yield from find_leaves(error.context)
        else:
            yield error


def translate(errors: Iterable[Any], show: Show) -> Iterator[Refusal]:
    """Translate the errors of a validator; yield each mistake once."""
    seen = set()
    for error in errors:
        pointer = tuple(str(part) for part in error.absolute_path)
        # There is an error for each missing key, without its name: the first one reports all of them.
        rule = (pointer, tuple(error.absolute_schema_path))
        if error.validator == "required" and rule in seen:
            continue
        seen.add(rule)
        explain = _EXPLANATIONS.get(error.validator, _explain_other)
        misnamed = error.instance if "propertyNames" in error.absolute_schema_path else ""
        for unknown, summary, remedy in explain(error, show):
            key = unknown or misnamed
            yield Refusal(pointer, error.validator or "", error.instance, error.validator_value, summary, remedy, key)


def quote_json(value: Any) -> str:
    """Return a value as JSON on one line, not too long."""
    text = make_visible(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else text[:59] + "…"


_Words = Iterator[tuple[str, str, str]]
"""Key (where one is unknown or missing), summary, remedy."""


def _explain_unknown_keys(error: Any, _show: Show) -> _Words:
    known = error.schema.get("properties", {})
    for key in error.instance:
        if key not in known:
            remedy = suggest_name(key, known) or f"known: {', '.join(known)}"
            yield key, f"there is no key {quote_json(key)} here", remedy


def _explain_missing_keys(error: Any, _show: Show) -> _Words:
    for key in error.validator_value:
        if key not in error.instance:
            yield key, f'the key "{key}" is missing', ""


def _explain_choice(error: Any, show: Show) -> _Words:
    known = [value if isinstance(value, str) else quote_json(value) for value in error.validator_value]
    given = error.instance if isinstance(error.instance, str) else ""
    yield "", f"{show(error.instance)} is not one of the known words", name_known(given, known)


def name_known(given: str, known: Iterable[str]) -> str:
    """Return the remedy for a word that is not one of the known ones."""
    return suggest_name(given, known) or f"known: {', '.join(known)}"


def _explain_constant(error: Any, show: Show) -> _Words:
    yield "", f"{show(error.instance)} is not allowed here", f"expected: {quote_json(error.validator_value)}"


_TYPES = {
    "string": "a text",
    "object": "an object",
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "null",
}


def _explain_type(error: Any, show: Show) -> _Words:
    kinds = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
    yield "", f"expected {' or '.join(_TYPES[kind] for kind in kinds)}, not {show(error.instance)}", ""


def _explain_pattern(error: Any, show: Show) -> _Words:
    yield "", f"{show(error.instance)} is not a valid name", f"it has to match {error.validator_value}"


def _explain_empty(error: Any, show: Show) -> _Words:
    yield "", f"{show(error.instance)} is empty", "give it a value, or leave the key out"


def _explain_too_few(error: Any, show: Show) -> _Words:
    yield "", f"{show(error.instance)} has too few values", f"the minimum is {error.validator_value}"


def _explain_count(error: Any, _show: Show) -> _Words:
    known, given = list(error.schema.get("properties", {})), len(error.instance)
    if known:
        yield "", f"one of the keys {', '.join(known)} is expected, {given} are given", ""
    else:
        yield "", f"{given} values are given, {error.validator_value} are expected", ""


def _explain_twice(_error: Any, _show: Show) -> _Words:
    yield "", "a value is given twice in this list", ""


def _explain_minimum(error: Any, show: Show) -> _Words:
    yield "", f"{show(error.instance)} is too small", f"the minimum is {error.validator_value}"


def _explain_other(error: Any, show: Show) -> _Words:
    yield "", f"{show(error.instance)} is not allowed here", ""


_EXPLANATIONS: Mapping[str, Callable[[Any, Show], _Words]] = {
    "additionalProperties": _explain_unknown_keys,
    "required": _explain_missing_keys,
    "enum": _explain_choice,
    "const": _explain_constant,
    "type": _explain_type,
    "pattern": _explain_pattern,
    "minLength": _explain_empty,
    "minItems": _explain_too_few,
    "maxItems": _explain_count,
    "minProperties": _explain_count,
    "maxProperties": _explain_count,
    "uniqueItems": _explain_twice,
    "minimum": _explain_minimum,
}
