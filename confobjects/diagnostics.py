"""Diagnostics: the common form of every problem, with its place and its remedy.

Laws of this module:

1. A diagnostic is data. It knows no exit code and no exception (``confobjects.errors`` does).
2. The code that makes a diagnostic masks secrets first, because no later code can.
3. Problems are collected and reported together, never only the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from confobjects.actions import Remedy, RemedyAction, Say, as_parts, plain, remedy_text
from confobjects.records import Record, field
from confobjects.texts.visible import make_visible

Severity = Literal["error", "warning"]

MASK: Final = "********"
"""The text that replaces a secret in every output."""


class Diagnostic(Record, kw_only=True):
    """One problem, with its place, its cause and its remedy.

    ``code`` is a key of :data:`confobjects.errors.CODES`. ``path`` is a managed object path
    (``/mail-server/one``), ``origin`` the file or source of the problem, ``line`` and
    ``column`` count from 1, ``pointer`` is a JSON pointer (RFC 6901). ``span`` is a half-open range of
    offsets into ``excerpt``; it is drawn as a caret line. ``fix`` are (property, value) pairs to set as well, which
    would make the refused change valid; ``attempt`` is a whole line to type instead, from a face that knows it.
    ``detail`` explains the problem in one line, ``more`` are further lines. ``constraint`` is the name of the violated
    rule, if it has one. ``argument`` is the wrong part of a request as it was given: an option or a name. ``remedy`` is
    text, with actions in it that each face words in its own way.
    """

    code: str = field(kw_only=False)
    summary: str = field(kw_only=False)
    path: str = ""
    property: str = ""
    value: str | None = None
    detail: str = ""
    more: tuple[str, ...] = ()
    remedy: Remedy = ""
    origin: str = ""
    line: int | None = None
    column: int | None = None
    pointer: str = ""
    excerpt: str = ""
    span: tuple[int, int] | None = None
    fix: tuple[tuple[str, str], ...] = ()
    attempt: str = ""
    constraint: str = ""
    argument: str = ""
    severity: Severity = "error"

    def __repr__(self) -> str:
        return f"Diagnostic({self.code!r}, {self.summary!r}, path={self.path!r}, property={self.property!r})"

    def describe_place(self) -> str:
        """Return the place in words: file and line, then the part of the document, or object and property."""
        place = self.origin
        if place and self.line is not None:
            place += f":{self.line}" + (f":{self.column}" if self.column is not None else "")
        inside = (self.pointer,) if self.pointer else (self.path, self.property)
        return make_visible(", ".join(part for part in (place, *inside) if part))

    def list_actions(self) -> tuple[RemedyAction, ...]:
        """Return the actions that its remedy asks for."""
        return tuple(part for part in as_parts(self.remedy) if isinstance(part, RemedyAction))

    def render(self, say: Say = plain) -> str:
        """Return the problem for a person: place, summary, caret, detail and remedy, on several lines.

        ``say`` words the actions of the remedy.
        """
        where = self.describe_place()
        summary = make_visible(self.summary)
        lines = [f"{where}: {summary}" if where else summary]
        if self.excerpt:
            lines.extend(_caret_lines(*_clip_excerpt(self.excerpt, self.span)))
        lines.extend(f"  {line}" for line in self.detail_lines())
        if self.remedy:
            lines.append(f"  remedy: {make_visible(remedy_text(self.remedy, say))}")
        if self.attempt:
            lines.append(f"  try: {make_visible(self.attempt)}")
        return "\n".join(lines)

    def detail_lines(self) -> list[str]:
        """Return the explanation. Each part is one line, whatever it holds: text from outside cannot begin another."""
        return [make_visible(part) for part in (self.detail, *self.more) if part]

    def as_json(self, say: Say = plain) -> dict[str, Any]:
        """Return the problem for a program; empty fields are left out. ``say`` words the actions of the remedy."""
        names = ("severity", "code", "path", "property", "value", "summary", "detail", "remedy", "origin", "pointer")
        result = {name: getattr(self, name) for name in (*names, "line", "column") if getattr(self, name)}
        if self.more:
            result["detail"] = "\n".join(self.detail_lines())
        if self.remedy:
            result["remedy"] = remedy_text(self.remedy, say)
        if self.attempt:
            result["remedy"] = "\n".join(part for part in (result.get("remedy"), f"try: {self.attempt}") if part)
        if self.excerpt:
            result["excerpt"], span = _clip_excerpt(self.excerpt, self.span)
            result["span"] = list(span) if span else None
        if self.fix:
            result["fix"] = [{"property": name, "value": value} for name, value in self.fix]
        return result


LONGEST_EXCERPT: Final = 240
"""The most characters of an excerpt that are shown. Only the part around the span of a longer one is shown."""
_BEFORE: Final = 60


def _clip_excerpt(excerpt: str, span: tuple[int, int] | None) -> tuple[str, tuple[int, int] | None]:
    """Return what is shown of an excerpt, with the span in it: a line has many problems, and each shows its own part."""
    if len(excerpt) <= LONGEST_EXCERPT:
        return excerpt, span
    start, end = span or (0, 0)
    first = max(0, min(start - _BEFORE, len(excerpt) - LONGEST_EXCERPT))
    last = first + LONGEST_EXCERPT
    head, tail = "…" if first else "", "…" if last < len(excerpt) else ""
    shift = len(head) - first
    return f"{head}{excerpt[first:last]}{tail}", span and (start + shift, min(end, last) + shift)


def _caret_lines(excerpt: str, span: tuple[int, int] | None) -> Iterator[str]:
    """Yield the excerpt, one line, and the carets below it; control characters would break the picture."""
    yield "  " + "".join(character if character.isprintable() else "·" for character in excerpt)
    if span is not None:
        start, end = span
        yield "  " + " " * start + "^" * max(1, end - start)


class Collector:
    """Collects diagnostics so that they are reported together."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[Diagnostic] = ()) -> None:
        self._items: list[Diagnostic] = list(items)

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def add(self, diagnostic: Diagnostic) -> None:
        """Add one problem."""
        self._items.append(diagnostic)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Add several problems."""
        self._items.extend(diagnostics)

    def error(self, code: str, summary: str, **fields: Any) -> None:
        """Add an error; the fields are those of :class:`Diagnostic`."""
        self._items.append(Diagnostic(code, summary, **fields))

    def warning(self, code: str, summary: str, **fields: Any) -> None:
        """Add a warning; the fields are those of :class:`Diagnostic`."""
        self._items.append(Diagnostic(code, summary, severity="warning", **fields))

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are errors."""
        return tuple(item for item in self._items if item.severity == "error")

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that are warnings."""
        return tuple(item for item in self._items if item.severity == "warning")


def _fold_word(word: str) -> str:
    return word.casefold().replace("_", "-").replace(" ", "-")


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant, or None."""
    names = {_fold_word(name): name for name in known}
    folded = _fold_word(word)
    if folded in names:
        return names[folded]
    begun = [name for key, name in names.items() if key.startswith(folded)]
    if len(begun) == 1 and len(folded) > 2:  # shorter texts do not count as abbreviations
        return begun[0]
    from difflib import get_close_matches

    matches = get_close_matches(folded, names, n=1, cutoff=0.6)
    return names[matches[0]] if matches else None


def find_misspelt(word: str, known: Iterable[str]) -> str | None:
    """Return the one known name that differs from a word by a slip of the keyboard, or None.

    A slip is one edit in a short word and at most two in a longer one; an edit leaves out, adds or replaces a character
    or exchanges two neighbours, and never touches a digit. This is for names where a hint at a merely similar one would
    do harm: it may ask for the opposite.
    """
    folded = _fold_word(word)
    most = 1 if len(folded) <= _SHORT else 2
    found: dict[int, list[str]] = {}
    for name in known:
        other = _fold_word(name)
        if abs(len(other) - len(folded)) <= most and _digits_of(other) == _digits_of(folded):
            found.setdefault(_count_edits(folded, other), []).append(name)
    nearest = min(found, default=most + 1)
    return found[nearest][0] if nearest <= most and len(found[nearest]) == 1 else None


_SHORT: Final = 5


def _digits_of(word: str) -> str:
    return "".join(filter(str.isdigit, word))


def _count_edits(word: str, other: str) -> int:
    """Return the number of edits from one word to another (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for at, character in enumerate(word, 1):
        row = [at]
        for place, wanted in enumerate(other, 1):
            cost = min(above[place] + 1, row[-1] + 1, above[place - 1] + (character != wanted))
            if at > 1 and place > 1 and character == other[place - 2] and word[at - 2] == wanted:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]


def suggest_name(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "x"?``, or an empty text if no name is similar."""
    match = find_nearest(word, known)
    return f'did you mean "{match}"?' if match is not None else ""
