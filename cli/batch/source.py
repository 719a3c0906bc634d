"""A batch as it was read: its name, its commands, and its lines as they can be shown, without secrets."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import MASK, Diagnostic, suggest_name
from confobjects.errors import BrokenDataError, UsageError
from confobjects.inputs import BIG, read_shared, size_error

from ..words.masking import (
    ASSIGNING,
    SEPARATOR,
    ask_for_secrets,
    holds_secret,
    mask_secrets,
    secret_start,
    takes_secret,
)
from ..words.options import describe_shared
from .dialect import QUOTES, BatchCommand, Piece, Word, parse
from .variables import find_uses, place_of_use

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from .variables import ProfileVariables

_WIDTH: Final = 100
"""Characters of a line that are shown around a mistake."""
_BEFORE: Final = 40
_NOTHING: Final = "nothing"
"""The separator of a word that ends with the name of a property: its value may be in the next words."""


def read(path: str | None) -> tuple[bytes, bool]:
    """Return the content of a file, of standard input for None or ``-``, and whether other users may read that file.

    Raises UsageError.
    """
    path = path or "-"
    try:
        return (_read_standard_input(), False) if path == "-" else read_shared(os.path.expanduser(path), BIG)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise UsageError(Diagnostic("usage", f"the batch cannot be read: {reason}", origin=path)) from None


def _read_standard_input() -> bytes:
    data = sys.stdin.buffer.read(BIG + 1)
    if len(data) > BIG:
        raise size_error("-", BIG)
    return data


class BatchSource:
    """The text of a batch. Raises BrokenDataError for data that is not UTF-8 text.

    ``shared`` tells that it is in a file that other users may read; ``variables`` fill its words, ``quotes`` are those that group.
    """

    def __init__(  # noqa: PLR0913 - the text, and how it is read
        self,
        data: bytes,
        origin: str,
        registry: Registry,
        *,
        shared: bool = False,
        variables: ProfileVariables | None = None,
        quotes: str = QUOTES,
    ) -> None:
        self.origin = origin
        self.shared = shared
        self.variables = variables
        self._known, self._secret = registry.property_names(), registry.secret_names()
        names = "|".join(map(re.escape, self._secret)) or "(?!)"
        self._secret_name = re.compile(rf"(?:{names})[\w-]*(.?)", re.IGNORECASE | re.DOTALL)
        self.script = parse(self._decode_text(data), quotes)
        self._masks: dict[int, list[tuple[int, int]]] | None = None

    def _decode_text(self, data: bytes) -> str:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = len(data[data.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8", "replace")) + 1
            summary = f"the byte 0x{data[error.start]:02x} is not UTF-8 text"
            remedy = "save the file as UTF-8"
            problem = Diagnostic("broken-data", summary, origin=self.origin, line=line, column=column, remedy=remedy)
            raise BrokenDataError(problem) from None

    def mistakes(self) -> list[Diagnostic]:
        """Return the problems of the text itself."""
        return [
            self.place_problem(Diagnostic("usage", mistake.summary, remedy=mistake.remedy), mistake.piece)
            for mistake in self.script.mistakes
        ]

    def warnings(self) -> list[Diagnostic]:
        """Return what is odd in the text and does no harm, each with its place and without its line."""
        placed = (
            self.place_problem(Diagnostic("usage", odd.summary, remedy=odd.remedy, severity="warning"), odd.piece)
            for odd in self.script.oddities
        )
        found = [warning.replace(excerpt="", span=None) for warning in placed]
        secret = [command for command in self.script.commands if holds_secret(command.texts, self._secret)]
        if self.shared and secret:
            found.append(describe_shared(self.origin))
        if self.variables is not None and self.variables.shared and any(map(_uses_variables, secret)):
            found.append(describe_shared(self.variables.origin))
        return found

    def fill(self, texts: Sequence[str]) -> Sequence[str]:
        """Return words with their variables filled, if the batch has any."""
        return texts if self.variables is None else [self.variables.fill(text) for text in texts]

    def find_unknown_variables(self, command: BatchCommand) -> Iterator[Diagnostic]:
        """Yield a problem for each variable of a command that has no value, at its place."""
        variables = self.variables
        if variables is None:
            return
        for word in command.words:
            for name in variables.find_unknown(word.text):
                summary = f'there is no variable "{name}" in {variables.origin}'
                problem = Diagnostic("usage", summary, remedy=suggest_name(name, variables.values))
                yield self.place_problem(problem, self._piece_of_use(word, name))

    def _piece_of_use(self, word: Word, name: str) -> Piece:
        for piece in word.pieces:
            found = place_of_use(self.script.lines[piece.row], name, piece.start, piece.end)
            if found is not None:
                return Piece(piece.row, *found)
        return word.pieces[0]

    def join_line(self, command: BatchCommand) -> str:
        """Return a command in one line, as it was typed, with secrets masked."""
        rows = sorted({piece.row for word in command.words for piece in word.pieces} | {command.piece.row})
        return "".join(map(self._typed_row, rows)).strip()

    def _typed_row(self, row: int) -> str:
        text = self.script.lines[row].rstrip("\r")
        for left, right in reversed(self._masked_ranges(row)):
            text = text[:left] + MASK + text[right:]
        return text.removesuffix("\\")

    # -- places ----------------------------------------------------------------------------------------------------

    def place_problem(self, problem: Diagnostic, piece: Piece) -> Diagnostic:
        """Return a problem with its place: line, column, and the line with a caret."""
        excerpt, span = self._excerpt(piece)
        return problem.replace(
            origin=self.origin, line=piece.row + 1, column=piece.start + 1, excerpt=excerpt, span=span
        )

    def _excerpt(self, piece: Piece) -> tuple[str, tuple[int, int]]:
        text, start, end = self.script.lines[piece.row], piece.start, piece.end
        for left, right in reversed(self._masked_ranges(piece.row)):
            text = text[:left] + MASK + text[right:]
            start = _shift_place(start, left, right, at_end=False)
            end = _shift_place(end, left, right, at_end=True)
        end = max(end, start + 1)
        text = text.rstrip("\r")
        if len(text) <= _WIDTH:
            return text, (start, end)
        cut = max(0, min(start - _BEFORE, len(text) - _WIDTH))
        shown = text[cut : cut + _WIDTH]
        if cut + _WIDTH < len(text):
            shown = f"{shown[:-1]}…"
        if cut:
            shown = f"…{shown[1:]}"
        return shown, (start - cut, min(end - cut, len(shown)))

    def _masked_ranges(self, row: int) -> list[tuple[int, int]]:
        """Return the ranges of a line that may hold secrets; the value of an unknown property may be one."""
        if self._masks is None:
            self._masks = {}
            for command in self.script.commands:
                for piece in self._secret_pieces(command):
                    self._masks.setdefault(piece.row, []).append((piece.start, piece.end))
        return self._masks.get(row, [])

    def _secret_pieces(self, command: BatchCommand) -> Iterator[Piece]:
        for word, separator in self._hidden_words(command):
            yield from (piece for piece in self._pieces_after(word, separator) if piece.end > piece.start)

    def _hidden_words(self, command: BatchCommand) -> Iterator[tuple[Word, str]]:
        """Yield the words that may hold secrets, each with the separator before the secret; an empty separator hides the whole word.

        Words after a secret property, up to the next option, may be the rest of its value.
        """
        before, apart = "", False
        for word in command.words:
            option, equals, value = word.text.partition("=")
            is_option = option[:1] == "-"
            apart = apart and not is_option
            start = secret_start(word.text, before)
            if apart or start == 0:
                yield word, ""
            elif start is not None:
                yield word, word.text[start - 1]
            else:
                assigned = value if is_option else word.text
                by = option if is_option else before
                separator = self._secret_separator(word.text)
                if separator is None and by.lower() in ASSIGNING and (equals or not is_option):
                    separator = self._unknown_separator(assigned)
                apart = separator is not None
                if separator is not None and separator != _NOTHING:
                    yield word, separator
            before = "" if takes_secret(before) else word.text

    def _secret_separator(self, text: str) -> str | None:
        """Return the separator after the first secret property that a word names; None if it names none."""
        found = self._secret_name.search(text)
        return None if found is None else found[1] or _NOTHING

    def _unknown_separator(self, assignment: str) -> str | None:
        """Return the separator before the value of an unknown property; None if the property is known."""
        found = SEPARATOR.search(assignment)
        name = assignment if found is None else assignment[: found.start()]
        if name.lower() in self._known:
            return None
        return "" if found is None else found[0]

    def _pieces_after(self, word: Word, separator: str) -> Iterator[Piece]:
        """Yield the pieces of a word after its separator; all of them without one."""
        found = not separator
        for piece in word.pieces:
            if found:
                yield piece
                continue
            at = self.script.lines[piece.row].find(separator, piece.start, piece.end)
            if at >= 0:
                found = True
                yield Piece(piece.row, at + 1, piece.end)
        if not found:  # the separator was typed in another form
            yield from word.pieces

    def value_of(self, word: Word) -> Piece:
        """Return where the value in ``PROPERTY:VALUE`` stands; the whole word where it has none."""
        piece = next(self._pieces_after(word, ":"), word.pieces[0])
        return piece if piece.end > piece.start else word.pieces[0]

    def mask_command(self, command: BatchCommand) -> list[str]:
        """Return the words of a command with secrets masked."""
        return mask_secrets(command.texts, self._secret, self._known)

    def offer_command(self, command: BatchCommand) -> list[str]:
        """Return the words of a command to be typed: a secret is asked for, and no mask is in its place."""
        return ask_for_secrets(command.texts, self.mask_command(command), self._secret)


def _uses_variables(command: BatchCommand) -> bool:
    return any(True for text in command.texts for _ in find_uses(text))


def _shift_place(place: int, left: int, right: int, *, at_end: bool) -> int:
    """Return the new position of a column after a range of the line was replaced by the mask."""
    if place <= left:
        return place
    if place < right:
        return left + len(MASK) if at_end else left
    return place - (right - left) + len(MASK)
