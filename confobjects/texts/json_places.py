"""The places of the parts of a JSON text: from JSON pointers to offsets, and the parts that may be shown.

A parser discards the places. To show a mistake, this scanner reads again a text that a parser has accepted. It is not
recursive, because the text may be deeply nested.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from confobjects.records import Record

Pointer = tuple[str, ...]
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_LITERAL: Final = re.compile(r'("(?:[^"\\]|\\.)*(?:"|$))(\s*:)?|[^\s{}\[\],:"]+')


class Span(Record):
    """Half-open ranges of offsets: the value, and the key it has in its object (empty without one)."""

    start: int
    end: int
    key_start: int
    key_end: int


class JsonPlaces:
    """The places of every part of a JSON text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self.first: dict[Pointer, Span] = {}
        self.repeated: list[tuple[Pointer, Span]] = []
        for pointer, span in _spans(text):
            if pointer not in self.first:
                self.first[pointer] = span
            elif span.key_end > span.key_start:
                self.repeated.append((pointer, span))

    def has(self, pointer: Pointer) -> bool:
        """Tell whether a part exists."""
        return pointer in self.first

    def find(self, pointer: Pointer) -> Span:
        """Return the place of a part, or of its nearest existing parent."""
        while pointer and pointer not in self.first:
            pointer = pointer[:-1]
        return self.first.get(pointer, Span(0, 0, 0, 0))

    def position_of(self, offset: int) -> tuple[int, int]:
        """Return the line and column of an offset, both from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1


class _Frame:
    """A container while it is read."""

    __slots__ = ("index", "is_object", "key", "key_span", "start")

    def __init__(self, start: int, *, is_object: bool) -> None:
        self.start = start
        self.is_object = is_object
        self.index = 0
        self.key: str | None = None
        self.key_span: tuple[int, int] = (0, 0)


def _spans(text: str) -> Iterator[tuple[Pointer, Span]]:
    frames: list[_Frame] = []
    pointer: list[str] = []
    for match in _TOKEN.finditer(text):
        piece = match[0]
        frame = frames[-1] if frames else None
        if piece in "{[":
            _enter_value(frame, pointer)
            frames.append(_Frame(match.start(), is_object=piece == "{"))
        elif piece in "}]":
            ended = frames.pop()
            yield tuple(pointer), _make_span(ended.start, match.end(), frames)
            _leave_value(frames, pointer)
        elif frame is not None and frame.is_object and frame.key is None and piece[0] == '"':
            frame.key = json.loads(piece)
            frame.key_span = match.span()
        elif piece not in ",:":
            _enter_value(frame, pointer)
            yield tuple(pointer), _make_span(*match.span(), frames)
            _leave_value(frames, pointer)


def _enter_value(frame: _Frame | None, pointer: list[str]) -> None:
    """Enter a value: add its key or index to the pointer."""
    if frame is not None:
        pointer.append(frame.key or "" if frame.is_object else str(frame.index))


def _leave_value(frames: list[_Frame], pointer: list[str]) -> None:
    if frames:
        pointer.pop()
        frames[-1].key = None
        frames[-1].index += 1


def _make_span(start: int, end: int, frames: list[_Frame]) -> Span:
    key = frames[-1].key_span if frames and frames[-1].is_object else (start, start)
    return Span(start, end, *key)


def find_long_number(text: str) -> tuple[int, int]:
    """Return the place of the longest row of digits outside of strings: (0, 0) without one."""
    longest = max(
        (m for m in _DIGITS.finditer(text) if m[0][0] != '"'), key=lambda m: m.end() - m.start(), default=None
    )
    return (0, 0) if longest is None else longest.span()


def find_word(text: str, word: str) -> tuple[int, int]:
    """Return the place of the first value outside of strings that is written like this: (0, 0) without one."""
    return next((match.span() for match in _TOKEN.finditer(text) if match[0] == word), (0, 0))


def position_in(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def find_depth(text: str, deepest: int) -> tuple[int, int]:
    """Return the place of the first bracket that is inside of more than ``deepest`` others: (0, 0) without one."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        if depth > deepest:
            return match.span()
    return 0, 0


_DIGITS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[0-9]+')
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')


def pointer_text(pointer: Pointer) -> str:
    """Return a pointer as RFC 6901 writes it."""
    return "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in pointer)


def pointer_parts(text: str) -> Pointer:
    """Return the pointer in a text that RFC 6901 writes."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def hide_values(line: str) -> str:
    """Return a line of a broken JSON text with every value hidden: any of them may be a secret."""

    def hide_value(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0] if match[0] in {"true", "false", "null"} else "…"
        return match[0] if match[2] else '"…"'

    return _LITERAL.sub(hide_value, line)
