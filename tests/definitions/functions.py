"""Constraints and views in Python for the family of definitions in the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from confobjects.diagnostics import Diagnostic
from confobjects.objects.judging import TypedView


def even(typed: Callable[[str], tuple[Any, ...] | None]) -> Iterator[Diagnostic]:
    """The serial number, where it is known, is even."""
    for serial in typed("serial") or ():
        if serial % 2:
            yield Diagnostic("constraint-violated", f"the serial number {serial} is odd", property="serial")


def keeps_jobs(view: TypedView) -> Iterator[Diagnostic]:
    """Jobs are not kept where nothing stays."""
    for store in view.targets("store"):
        if store("location") == ("/dev/null",):
            yield Diagnostic("constraint-violated", "nothing is kept in /dev/null", property="store")


def sums(queue: Any) -> tuple[list[tuple[str, str, str]], list[Diagnostic]]:
    """What the serial number comes to, with a remark about one that is missing."""
    serial = queue["serial"]
    if serial is None:
        return [], [Diagnostic("constraint-violated", "there is no serial number to double", severity="warning")]
    return [("twice", str(2 * serial), f"serial ({queue.origin('serial')})")], []
