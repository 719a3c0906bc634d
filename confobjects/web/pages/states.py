"""States: how an object is, and how it stands with its last test, in a word or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from confobjects.management.verifying import Standing
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject

_STANDINGS: Final = {
    "never": "never tested",
    "passed": "passed",
    "failed": "failed",
    "changed": "changed since",
    "unreadable": "unknown",
}


def name_standing(standing: Standing | None) -> str:
    """Return how an object stands with its last test in a word or two; nothing for one that has none."""
    return "" if standing is None else _STANDINGS[standing.state]


def judge_state(judge: Judge, obj: ManagedObject) -> str:
    """Return whether an object is enabled, as far as it is known before a start; nothing for one that cannot be disabled."""
    if obj.definition.enabled_when is None:
        return ""
    found = judge.is_enabled(judge.judge(obj))
    return {True: "enabled", False: "disabled", None: "known at startup"}[found]
