"""A progress bar for a batch."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from ..invocation import Invocation


class ProgressBar:
    """A bar on standard error, if that is a terminal and the output is for people."""

    def __init__(self, invocation: Invocation, length: int) -> None:
        self._bar: Any = None
        if invocation.tells_people and sys.stderr.isatty():
            self._bar = click.progressbar(length=length, file=sys.stderr, update_min_steps=max(1, length // 100))

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def advance(self) -> None:
        """Count one more step as done."""
        if self._bar is not None:
            self._bar.update(1)

    def clear(self) -> None:
        """Clear the bar so that a remark begins a line of its own."""
        if self._bar is not None:
            sys.stderr.write("\r\x1b[K")

    def end(self) -> None:
        """Leave the bar as it is, and begin a new line."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.__exit__(None, None, None)
