"""How far some work is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Takes how many steps of some work are done, and how many there are."""


def report_each(items: Sequence[T], progress: Progress | None) -> Iterator[T]:
    """Yield items, and report after each that it is done."""
    for number, item in enumerate(items, 1):
        yield item
        if progress is not None:
            progress(number, len(items))
