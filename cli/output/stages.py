"""The stages of a connection to a mail server, live."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .colour import Role, Styled, paint
from .messages import make_room

if TYPE_CHECKING:
    from confobjects.mail.report import StageTime

    from ..invocation import Invocation


@contextmanager
def show_stages(invocation: Invocation) -> Iterator[Timeline | None]:
    """Give what prints the stages of a connection, None if the output is for a program or for nobody."""
    timeline = Timeline(invocation) if invocation.tells_people else None
    try:
        yield timeline
    finally:
        if timeline is not None:
            timeline.finish_line()


class Timeline:
    """Prints each stage as it happens: its name when it begins, its time and its end when it is over."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._begun = ""

    def begin(self, stage: str) -> None:
        """Print the name of a stage that begins."""
        self.finish_line()
        if self._invocation.sink is None:
            self._write(f"  {stage}")
            self._begun = stage

    def end(self, time: StageTime) -> None:
        """Print how a stage ended, behind its name if that is the last that was printed."""
        from confobjects.mail.report import format_stage

        line = format_stage(time)
        if self._begun == time.stage:
            self._write(_style_end(line.removeprefix(self._begun)))
            self.finish_line()
        else:
            self.finish_line()
            self._invocation.say(_style_end(f"  {line}"))

    def finish_line(self) -> None:
        """End the line of a stage that has begun."""
        if self._begun:
            self._write("\n")
        self._begun = ""

    def _write(self, text: str) -> None:
        make_room()
        sys.stdout.write(paint(text, sys.stdout))
        sys.stdout.flush()


def _style_end(line: str) -> Styled:
    """Return the line of a stage with the role of its last word."""
    head, blank, word = line.rpartition(" ")
    role: Role = "error" if word == "FAILED" else "added"
    return Styled.of([(head + blank, ""), (word, role)])
