"""What goes on, while it goes on: one line on standard error, which is gone when the work is over.

It is for a person at a terminal: nothing of it is in a pipe, in a file, in output for programs, or with ``--quiet``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from confobjects.texts.visible import make_visible
from confobjects.texts.widths import wrap

from .messages import clear_before_output, write
from .table import output_width

if TYPE_CHECKING:
    from ..invocation import Invocation

_CLEAR: Final = "\r\x1b[K"
"""Go to the beginning of the line, and erase it (ECMA-48)."""


class Progress:
    """A line that says what goes on; it says nothing where nobody watches."""

    def __init__(self, invocation: Invocation) -> None:
        can_be_erased = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._is_shown = invocation.tells_people and invocation.sink is None and can_be_erased
        self._shown = ""

    def show(self, text: str) -> None:
        """Show a text in place of the one before."""
        line, *_ = wrap(make_visible(text), output_width())
        if self._is_shown and line != self._shown:
            self._shown = line
            write(f"{_CLEAR}{line}")

    def count(self, what: str, done: int, total: int) -> None:
        """Show how much of some work is done; it is written a hundred times at most."""
        if done in {1, total} or done % max(1, total // 100) == 0:
            self.show(f"{what}: {done} of {total}")

    def clear(self) -> None:
        """Remove the line, so that something else can be printed."""
        if self._shown:
            self._shown = ""
            write(_CLEAR)


@contextmanager
def show_progress(invocation: Invocation, text: str = "") -> Iterator[Progress]:
    """Give what shows the progress of some work, beginning with a text; its line is gone at the end, whatever happens."""
    progress = Progress(invocation)
    with clear_before_output(progress.clear):
        if text:
            progress.show(text)
        yield progress
