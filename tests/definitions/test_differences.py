"""A changed definition is told in a few words, however long it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from confobjects.definitions.installed import describe_difference

RULES = [{"name": "pin", "condition": {"is-present": "pin"}}, {"name": "relay", "condition": {"is-present": "relay"}}]
WHOLE: dict[str, Any] = {
    "name": "service",
    "version": 1,
    "synopsis": "It listens.",
    "properties": {"host": {"syntax": "string"}, "pin": {"syntax": "string"}},
    "constraints": RULES,
}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "version 1; changed: nothing that counts"),
        ({"version": 2}, "version 2 (it was 1); changed: nothing that counts"),
        ({"version": 2, "synopsis": "It hears."}, "version 2 (it was 1); changed: synopsis"),
        (
            {"properties": {"address": {"syntax": "string"}, "pin": {"syntax": "integer"}}},
            "version 1; changed: properties.host, properties.pin, properties.address",
        ),
        ({"constraints": RULES[::-1]}, "version 1; changed: nothing that counts"),
        ({"constraints": RULES[:1]}, "version 1; changed: constraints.relay"),
        (
            {"properties": {**WHOLE["properties"], **{f"p{n:02}": {} for n in range(12)}}},
            f"version 1; changed: {', '.join(f'properties.p{n:02}' for n in range(10))} and 2 more",
        ),
    ],
)
def test_versions_and_the_parts_that_differ_are_said(changed: dict[str, Any], said: str) -> None:
    after = json.dumps({**WHOLE, **changed}, indent=2)
    assert describe_difference(json.dumps(WHOLE), after) == said


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 100_000])
def test_what_is_no_definition_is_said_to_be_none(text: str) -> None:
    place = ", in place of what was no definition" if text else ""
    assert describe_difference(text, json.dumps(WHOLE)) == f"version 1{place}"
    assert describe_difference(json.dumps(WHOLE), text) == "what is no definition"


def test_a_definition_without_a_version_has_none() -> None:
    assert describe_difference("", "{}") == "version -"
