"""Heirs: whose defaults change with a value of another object."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from confobjects.objects.heirs import find_heirs
from confobjects.objects.model import ManagedObject
from tests.definitions.documents import depot
from tests.objects.depot import judge, made

SETTINGS = made("/depot-settings")
TREE = (
    SETTINGS,
    made("/queue/a"),
    made("/queue/b", "memory-queue", batch_size="7"),
    made("/queue/a/consumer/x"),
    made("/queue/a/consumer/y", batch_size="8"),
    made("/queue/b/consumer/z"),
    made("/queue/a/consumer/x/retry-rule/r"),
    made("/queue/b/consumer/z/retry-rule/s", give_up="5 m"),
    made("/gateway/door"),
)


def heirs_of(changed: dict[str, Collection[str]], *tree: ManagedObject) -> set[str]:
    found = [
        str(obj.path)
        for obj in find_heirs(
            judge(*tree), {depot().parse_path(path): frozenset(names) for path, names in changed.items()}
        )
    ]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize(
    ("changed", "paths"),
    [
        # through one step and more, up to an object with a value of its own
        ({"/depot-settings": ["batch-size"]}, {"/queue/a", "/queue/a/consumer/x"}),
        ({"/queue/a": ["batch-size"]}, {"/queue/a/consumer/x"}),
        ({"/queue/b": ["batch-size"]}, {"/queue/b/consumer/z"}),
        ({"/queue/a": ["time-to-live"]}, {"/queue/a/consumer/x/retry-rule/r"}),
        ({"/queue/b": ["time-to-live"]}, set()),
        ({"/depot-settings": ["ticket-key"]}, {"/gateway/door"}),
        ({"/depot-settings": ["site-name"]}, set()),
        ({"/queue/a/consumer/x": ["prefetch"]}, set()),
        ({}, set()),
        # who is changed as well is judged anyhow
        ({"/depot-settings": ["batch-size"], "/queue/a": ["priority"]}, {"/queue/a/consumer/x"}),
        ({"/queue/a": ["batch-size", "time-to-live"]}, {"/queue/a/consumer/x", "/queue/a/consumer/x/retry-rule/r"}),
    ],
)
def test_whose_defaults_change(changed: dict[str, Collection[str]], paths: set[str]) -> None:
    assert heirs_of(changed, *TREE) == paths
