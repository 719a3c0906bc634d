"""What a schema refuses is told by the data of the error, whatever its message says."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.definitions.schema_errors import find_leaves, quote_json, translate, validator_of

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "pattern": "^[a-z]*$"},
        "kind": {"enum": ["red", "green"]},
        "count": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "minItems": 1, "maxItems": 2},
        "never": {"not": {"type": "string"}},
        "choice": {"anyOf": [{"type": "boolean"}, {"const": "all"}]},
        "below": {"type": "object", "required": ["a", "b", "a'b"]},
        "one": {"type": "object", "properties": {"x": {}, "y": {}}, "minProperties": 1, "maxProperties": 1},
    },
    "additionalProperties": False,
}


def told(data: Any) -> list[tuple[str, str, str, str]]:
    """Return pointer, key, summary and remedy of each refusal."""
    errors = list(find_leaves(validator_of(SCHEMA).iter_errors(data)))
    for error in errors:
        error.message = "in a language that nobody here reads"
    found = translate(errors, quote_json)
    return [("/".join(refusal.pointer), refusal.key, refusal.summary, refusal.remedy) for refusal in found]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, []),
        ([], [("", "", "expected an object, not []", "")]),
        ({"nam": "x"}, [("", "nam", 'there is no key "nam" here', 'did you mean "name"?')]),
        ({"name": ""}, [("name", "", '"" is empty', "give it a value, or leave the key out")]),
        ({"name": "A"}, [("name", "", '"A" is not a valid name', "it has to match ^[a-z]*$")]),
        ({"kind": "gren"}, [("kind", "", '"gren" is not one of the known words', 'did you mean "green"?')]),
        ({"kind": 7}, [("kind", "", "7 is not one of the known words", "known: red, green")]),
        ({"count": 0}, [("count", "", "0 is too small", "the minimum is 1")]),
        ({"count": 1.0}, [("count", "", "expected a whole number, not 1.0", "")]),
        ({"count": True}, [("count", "", "expected a whole number, not true", "")]),
        ({"tags": []}, [("tags", "", "[] has too few values", "the minimum is 1")]),
        ({"tags": ["a", "b", "c"]}, [("tags", "", "3 values are given, 2 are expected", "")]),
        ({"tags": ["a", "a"]}, [("tags", "", "a value is given twice in this list", "")]),
        ({"tags": ["a", None]}, [("tags/1", "", "expected a text, not null", "")]),
        ({"never": "x"}, [("never", "", '"x" is not allowed here', "")]),
        (
            {"choice": "some"},
            [
                ("choice", "", 'expected true or false, not "some"', ""),
                ("choice", "", '"some" is not allowed here', 'expected: "all"'),
            ],
        ),
        (
            {"below": {"b": 1}},
            [("below", "a", 'the key "a" is missing', ""), ("below", "a'b", 'the key "a\'b" is missing', "")],
        ),
        ({"one": {"x": 1, "y": 2}}, [("one", "", "one of the keys x, y is expected, 2 are given", "")]),
    ],
    ids=str,
)
def test_a_refusal_is_told_by_its_data(data: Any, expected: list[tuple[str, str, str, str]]) -> None:
    assert told(data) == expected


def test_each_object_is_told_of_its_own_missing_keys() -> None:
    schema = {"type": "array", "items": {"type": "object", "required": ["a", "b"]}}
    found = translate(validator_of(schema).iter_errors([{}, {"a": 1}]), quote_json)
    assert [(refusal.pointer, refusal.key) for refusal in found] == [(("0",), "a"), (("0",), "b"), (("1",), "b")]


def test_a_long_value_is_cut_and_harms_no_terminal() -> None:
    assert quote_json("\u202e" + "x" * 80) == '"\\u202e' + "x" * 52 + "…"
