"""A kind for what the job depot has no example of: mandatory lists, constraints in Python that warn or are not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.definitions.allowance import AllowedCode
from confobjects.diagnostics import Diagnostic
from tests.definitions.documents import FAMILY, documents

HERE = "tests.objects.probes"


def remarks(typed: Callable[[str], tuple[Any, ...] | None]) -> Iterator[Diagnostic]:
    """One remark with a remedy of its own and one without, while there are words."""
    if typed("word"):
        yield Diagnostic("constraint-violated", "a bare remark")
        yield Diagnostic("constraint-violated", "a full remark", remedy="Its own.", severity="warning")


@cache
def probes() -> Registry:
    """The job depot and a few kinds more."""
    inherited = {"synopsis": "A number.", "syntax": "integer"}
    probe = {
        "name": "probe",
        "version": 1,
        "synopsis": "A probe.",
        "relation": {"parent": "root", "kind": "instantiable"},
        "properties": {
            "word": {"synopsis": "Words.", "syntax": "string", "multi-valued": True, "mandatory": True},
            "secret": {"synopsis": "A secret.", "syntax": "string", "sensitive": True},
            "count": {"synopsis": "A count.", "syntax": "integer", "default": {"values": ["3"]}},
            "first": {**inherited, "default": {"inherited": {"offset": 0, "property": "second"}}},
            "second": {**inherited, "default": {"inherited": {"offset": 0, "property": "first"}}},
        },
        "constraints": [
            {
                "name": "secret-first",
                "synopsis": "a word needs a secret of its own",
                "condition": {
                    "implies": [
                        {"is-present": "word"},
                        {"or": [{"contains": ["secret", "x"]}, {"contains": ["count", "4"]}]},
                    ]
                },
            },
            {"name": "strict", "synopsis": "strictly", "remedy": "Of the rule.", "function": f"{HERE}:remarks"},
            {"name": "mild", "synopsis": "mildly", "severity": "warning", "function": f"{HERE}:remarks"},
        ],
    }
    heir = {
        "name": "heir",
        "version": 1,
        "synopsis": "A kind that inherits what it needs.",
        "relation": {"parent": "root", "kind": "instantiable"},
        "properties": {
            "need": {**inherited, "mandatory": True, "default": {"inherited": {"offset": 0, "property": "source"}}},
            "source": inherited,
            "pair": {"synopsis": "A pair.", "syntax": {"type": "name-value", "secret-names": ["pinX"]}},
            "open": {"synopsis": "A password for everybody.", "syntax": "password", "sensitive": False},
        },
        "constraints": [
            {"name": "four", "synopsis": "not four", "severity": "warning", "condition": {"contains": ["source", "4"]}}
        ],
    }
    lost = [
        {
            "name": name,
            "version": 1,
            "synopsis": "A kind whose rule is lost.",
            "relation": {"parent": "root", "kind": "instantiable"},
            "properties": {"word": {"synopsis": "A word.", "syntax": "string"}},
            "constraints": [{"name": "lost", "synopsis": "lost", "function": function}],
        }
        for name, function in (("lost-name", f"{HERE}:no_such_function"), ("lost-module", "no_such_module:lost"))
    ]
    return Registry(
        [*documents(FAMILY), *(DefinitionDocument(f"{kind['name']}.json", kind) for kind in (probe, heir, *lost))],
        AllowedCode(modules=frozenset({HERE, "tests.definitions.functions", "no_such_module"})),
    )
