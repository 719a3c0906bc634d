"""Messages on standard error, and how they are labelled: the only place of the command line that writes there.

Laws of this module:

1. What is wrong begins with ``error:``, what may be wrong with ``warning:``; a remark on what is done has no label.
2. What belongs to a message follows it in indented lines: details, and after a word (``remedy:``, ``try:``, ``help:``) what
   to do about it. ``try:`` is a whole line to type.
3. Foreign text does nothing to a terminal and begins no line.
4. A terminal gets no line that is longer than it is wide, except what is ``exact``, such as a dialogue with a server.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, TextIO

from confobjects.records import Record
from confobjects.texts.visible import make_visible

from .colour import Role, Styled, paint
from .folding import fold_for

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic

Label = Literal["", "error", "warning"]


class Message(Record):
    """A text for standard error and its label, an empty one for a remark; the lines of an ``exact`` one stay as they are."""

    text: str
    label: Label = ""
    exact: bool = False

    def __str__(self) -> str:
        return f"{self.label}: {self.text}" if self.label else self.text

    def place_at(self, origin: str) -> Message:
        """Return the same with the place that it is about."""
        return self.replace(text=f"{origin}: {self.text}")


_CLEAR: Final[ContextVar[Callable[[], None] | None]] = ContextVar("confobjects.clear", default=None)


@contextmanager
def clear_before_output(clear: Callable[[], None]) -> Iterator[None]:
    """Call a function before anything else is printed: it removes the line that says what goes on."""
    token = _CLEAR.set(clear)
    try:
        yield
    finally:
        clear()
        _CLEAR.reset(token)


def make_room() -> None:
    """Remove what is shown of the progress, if anything is, because other output follows."""
    clear = _CLEAR.get()
    if clear is not None:
        clear()


def message_of(problem: Diagnostic) -> Message:
    """Return the message that tells a problem."""
    from ..words.actions import render

    return Message(render(problem), problem.severity)


def format_hint(word: str, text: str) -> str:
    """Return a line that belongs to the message before it, and says what to do."""
    return f"  {word}: {make_visible(text)}"


def show(message: Message, stream: TextIO) -> str:
    """Return a message as it is written to a stream."""
    parts: list[tuple[str, Role]] = [(f"{message.label}:", message.label), (" ", "")] if message.label else []
    text = Styled.of([*parts, (message.text, "")])
    return paint(text if message.exact else fold_for(text, stream), stream)


def tell(message: Message) -> None:
    """Write a message."""
    make_room()
    write(f"{show(message, sys.stderr)}\n")


def tell_problem(problem: Diagnostic) -> None:
    """Write the message that tells a problem."""
    tell(message_of(problem))


def write(text: str) -> None:
    """Write a text that is no message, such as a JSON document or a line of a log, as it is."""
    sys.stderr.write(text)
    sys.stderr.flush()
