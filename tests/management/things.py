"""What the tests of management share: contexts over a real memory storage, and pictures of what is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confobjects.definitions import Registry
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.management import ManagementContext, Site
from confobjects.mapping.entry import Entry
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage

MAIL = {"enabled": "true", "smtp-server": "mx.example.com"}


def manage(registry: Registry, *entries: Entry) -> ManagementContext:
    return ManagementContext(Site.of(registry, MemoryStorage(entries), evaluate_defaults))


def snapshot(ctx: ManagementContext) -> dict[str, dict[str, tuple[str | bytes, ...]]]:
    """Everything that is stored, comparable with another picture of it."""
    return {str(entry.dn): dict(entry.attributes) for entry in ctx.storage.search(ctx.storage.base, "sub")}


def refused(ctx: ManagementContext, call: Callable[[], Any]) -> tuple[Diagnostic, ...]:
    """Return the problems of a call that has to be refused and leave the storage as it was."""
    before = snapshot(ctx)
    with pytest.raises(ConfobjectsError) as caught:
        call()
    assert snapshot(ctx) == before
    return caught.value.diagnostics


def summaries(problems: tuple[Diagnostic, ...]) -> list[tuple[str, str]]:
    return [(problem.code, problem.summary) for problem in problems]
