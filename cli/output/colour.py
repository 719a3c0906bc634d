"""Colour: who gets it, and which. The only place of the command line that writes escape sequences for colours.

Laws of this module:

1. A role (:data:`Role`) has a colour; the text says the same without it.
2. ``--color`` decides first, then ``NO_COLOR`` (no-color.org), ``CLICOLOR_FORCE`` and ``CLICOLOR``
   (bixense.com/clicolors), then ``TERM=dumb``, then whether the stream is a terminal. Output for programs has no colour.
3. What is not coloured is printed byte for byte as it is without this module, and foreign text is made visible before colour.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Final, Literal, Self, TextIO

from confobjects.records import Record
from confobjects.texts.visible import make_block_visible

Role = Literal["", "error", "warning", "heading", "added", "removed", "changed"]
Choice = Literal["auto", "always", "never"]

CHOICES: Final[tuple[Choice, ...]] = ("auto", "always", "never")
_CODES: Final[dict[Role, str]] = {
    "error": "1;31",
    "warning": "1;33",
    "heading": "1",
    "added": "32",
    "removed": "31",
    "changed": "33",
}
"""The parameters of Select Graphic Rendition (ECMA-48) by role."""


class Styled(str):
    """A text whose parts have roles. Joined or cut, it is a text like any other."""

    __slots__ = ("parts",)
    parts: tuple[tuple[str, Role], ...]

    @classmethod
    def of(cls, parts: Iterable[tuple[str, Role]]) -> Self:
        """Return the text that some parts make, each with its role."""
        kept = tuple(parts)
        made = cls("".join(text for text, _ in kept))
        made.parts = kept
        return made


def join_lines(lines: Iterable[str]) -> Styled:
    """Return lines as one text, each with the roles that it has."""
    parts: list[tuple[str, Role]] = []
    for line in lines:
        if parts:
            parts.append(("\n", ""))
        if isinstance(line, Styled):
            parts.extend(line.parts)
        else:
            parts.append((line, ""))
    return Styled.of(parts)


class Palette(Record):
    """What decides whether there are colours: the choice of the user, and whether output is for a program."""

    choice: Choice = "auto"
    for_program: bool = False

    def reaches(self, stream: TextIO, environment: Mapping[str, str] | None = None) -> bool:
        """Tell whether what is written to a stream has colours."""
        if self.for_program or self.choice != "auto":
            return self.choice == "always" and not self.for_program
        given = os.environ if environment is None else environment
        if given.get("NO_COLOR"):
            return False
        if given.get("CLICOLOR_FORCE", "0") not in {"", "0"}:
            return True
        return given.get("CLICOLOR") != "0" and given.get("TERM") != "dumb" and stream.isatty()

    def paint(self, text: str, stream: TextIO) -> str:
        """Return a text as it is written to a stream: visible, and in colours where there are any."""
        if not isinstance(text, Styled) or not self.reaches(stream):
            return make_block_visible(text)
        return "".join(_paint_part(*part) for part in text.parts)


def _paint_part(text: str, role: Role) -> str:
    visible = make_block_visible(text)
    return f"\x1b[{_CODES[role]}m{visible}\x1b[0m" if role and visible else visible


_PALETTE: Final[ContextVar[Palette]] = ContextVar("confobjects.palette", default=Palette())  # noqa: B039 - it is frozen


def choose_palette(palette: Palette) -> None:
    """Use a palette from now on, in this context (:mod:`contextvars`): a run of a command line has one of its own."""
    _PALETTE.set(palette)


def paint(text: str, stream: TextIO) -> str:
    """Return a text as it is written to a stream in this run."""
    return _PALETTE.get().paint(text, stream)
