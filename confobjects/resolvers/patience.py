"""The time that the sources of values may take: reading stops when it is over, whatever is left to read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ExpressionError

SECONDS: Final = 60.0
"""For all sources of one evaluator together."""


class Patience:
    """The time that is left. Only the time between :meth:`begin` and :meth:`pause` counts.

    A read that the operating system does not end cannot be interrupted; the limit is checked after it.
    """

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._left = seconds
        self._began: float | None = None

    def begin(self) -> None:
        """Begin to count."""
        self._began = self._clock()

    def pause(self) -> None:
        """Stop counting."""
        if self._began is not None:
            self._left -= self._clock() - self._began
        self._began = None

    def is_over(self) -> bool:
        """Whether no time is left."""
        spent = 0.0 if self._began is None else self._clock() - self._began
        return self._left - spent <= 0

    @property
    def summary(self) -> str:
        """What is wrong when the time is over."""
        return f"the sources of expressions took more than {self.seconds:g} s"

    def check(self) -> None:
        """Raise ExpressionError if no time is left."""
        if self.is_over():
            raise ExpressionError(Diagnostic("unresolved-expression", self.summary))
