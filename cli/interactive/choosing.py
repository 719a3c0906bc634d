"""Menus and searches as states: what is offered, and what an answer means. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from confobjects.records import Record, field
from confobjects.texts.numbers import read_number
from confobjects.texts.visible import make_visible
from confobjects.texts.widths import fold

LONG: Final = 12
"""A list with more entries is searched and not numbered."""
INDENT: Final = " " * 7
"""What stands before the label of an entry: its key takes that room."""
_TWO_COLUMNS: Final = 8
_LEAST: Final = 2
"""The fewest letters that stand for a name: a single letter may be a key of another page."""


class Choice(Record):
    """One entry: the key that chooses it, its label, and its value."""

    key: str
    label: str
    value: Any = field(repr=False)

    def names(self) -> list[str]:
        """Return its names: its label, and its value if that is a name."""
        called = [self.label, self.value] if isinstance(self.value, str) else [self.label]
        return [name.casefold().strip() for name in called]


class Menu(Record):
    """A question with numbered entries and lettered ones; ``default`` is the key an empty answer stands for."""

    title: str
    question: str
    entries: tuple[Choice, ...]
    letters: tuple[Choice, ...] = ()
    default: str = ""
    wide: bool = True
    """Whether many entries may stand in two columns."""
    heading: str = ""
    """What the columns of the entries are, above the first of them."""

    def find_choice(self, answer: str) -> Choice | None:
        """Return the entry for an answer: its key, or the beginning of its name if that is unique."""
        text = (answer.strip() or self.default).casefold()
        if not text:
            return None
        everything = (*self.letters, *self.entries)
        for choice in everything:
            if text == choice.key.casefold():
                return choice
        whole = [choice for choice in self.entries if text in choice.names()]
        if not whole and (text.isdigit() or len(text) < _LEAST):
            return None
        found = whole or [c for c in self.entries if any(name.startswith(text) for name in c.names())]
        return found[0] if len(found) == 1 else None

    def find_help_topic(self, answer: str) -> Choice | None:
        """Return the entry that ``?`` with a key or name asks about, with ``?`` as its key; None without help."""
        text = answer.strip()
        if not text.startswith("?") or all(choice.key != "?" for choice in self.letters):
            return None
        found = self.find_choice(text[1:])
        return found.replace(key="?") if found is not None and found in self.entries else None

    def lines(self, width: int) -> list[str]:
        """Return the lines of the menu."""
        lines = ["", *([f">>>> {make_visible(self.title)}", ""] if self.title else [])]
        lines += (
            [*(part for line in self.question.split("\n") for part in fold(line, width)), ""] if self.question else []
        )
        entries = [f"{choice.key:>4})  {make_visible(choice.label)}" for choice in self.entries]
        if self.heading:
            lines += [cut(line, width) for line in (f"{INDENT}{make_visible(self.heading)}", *entries)]
        else:
            lines += _lay_out_columns(entries, width) if self.wide else entries
        lines += [""] if self.entries and self.letters else []
        lines += [f"{choice.key:>4})  {make_visible(choice.label)}" for choice in self.letters]
        return [*lines, ""]

    @property
    def prompt(self) -> str:
        """The text before the answer."""
        return f"Choice [{self.default}]: " if self.default else "Choice: "


def number_choices(labels: Sequence[str], values: Sequence[Any]) -> tuple[Choice, ...]:
    """Return entries with the numbers from 1 as keys."""
    pairs = zip(labels, values, strict=True)
    return tuple(Choice(str(number), label, value) for number, (label, value) in enumerate(pairs, start=1))


def _lay_out_columns(entries: list[str], width: int) -> list[str]:
    """Lay many short entries out in two columns, read downwards."""
    widest = max((len(entry) for entry in entries), default=0) + 3
    if len(entries) < _TWO_COLUMNS or widest * 2 > width:
        return entries
    half = (len(entries) + 1) // 2
    left, right = entries[:half], [*entries[half:], ""]
    return [f"{one:<{widest}}{other}".rstrip() for one, other in zip(left, right, strict=False)]


class Search(Record):
    """A long list that is searched as the user types; ``at`` is the place of the marker among the matches."""

    labels: tuple[str, ...]
    query: str = ""
    at: int = 0
    heading: str = ""

    def find_matches(self) -> list[int]:
        """Return the places of the labels that contain every word of the query, ignoring case."""
        words = self.query.casefold().split()
        return [i for i, label in enumerate(self.labels) if all(word in label.casefold() for word in words)]

    def extend_query(self, text: str) -> Search:
        """Return the search with a longer query."""
        return self.replace(query=self.query + text, at=0)

    def erase_last(self) -> Search:
        """Return the search without the last character of its query."""
        return self.replace(query=self.query[:-1], at=0)

    def clear_query(self) -> Search:
        """Return the search with no query."""
        return self.replace(query="", at=0)

    def move_marker(self, steps: int) -> Search:
        """Return the search with its marker moved, but not past the ends of the list."""
        return self.replace(at=max(0, min(len(self.find_matches()) - 1, self.at + steps)))

    @property
    def marked_place(self) -> int | None:
        """The place of the label that is marked, None where nothing is found."""
        found = self.find_matches()
        return found[self.at] if found else None

    def lines(self, height: int, width: int) -> list[str]:
        """Return what is shown: the query, as many labels as there is room for, and what the keys do."""
        found = self.find_matches()
        top = max(0, min(self.at - height // 2, len(found) - height))
        shown = [
            f"{'>' if top + row == self.at else ' '} {self.labels[place]}"
            for row, place in enumerate(found[top : top + height])
        ]
        count = f"{len(found)} of {len(self.labels)}" if found else "nothing found"
        foot = f"  ({count}; type to search, arrows move, Enter chooses, Esc goes back)"
        above = (f"  {self.heading}",) if self.heading else ()
        return [cut(line, width) for line in (f"Search: {self.query}", *above, *shown, foot)]


Key = Callable[[Search], Search]

KEYS: Final[dict[str, Key]] = {
    "\x7f": Search.erase_last,
    "\x08": Search.erase_last,
    "\x15": Search.clear_query,
    "\x1b[A": lambda search: search.move_marker(-1),
    "\x1bOA": lambda search: search.move_marker(-1),
    "\x10": lambda search: search.move_marker(-1),
    "\x1b[B": lambda search: search.move_marker(1),
    "\x1bOB": lambda search: search.move_marker(1),
    "\x0e": lambda search: search.move_marker(1),
    "\t": lambda search: search.move_marker(1),
    "\x1b[5~": lambda search: search.move_marker(-10),
    "\x1b[6~": lambda search: search.move_marker(10),
}
"""The effect of the keys that are not letters: backspace, Ctrl-U, the arrows (also Ctrl-P, Ctrl-N, Tab) and the page keys."""
ENTER: Final = ("\r", "\n")
ESCAPE: Final = "\x1b"
END: Final = "\x04"


def keys_of(text: str) -> list[str]:
    """Return the keys in a text from a terminal: an escape sequence is one key."""
    keys: list[str] = []
    while text:
        size = 1
        if text.startswith(("\x1b[", "\x1bO")):
            size = next((i + 1 for i, c in enumerate(text) if i > 1 and (c.isalpha() or c == "~")), len(text))
        keys.append(text[:size])
        text = text[size:]
    return keys


def match_places(labels: Sequence[str], answer: str) -> list[int]:
    """Return the places that an answer to a long list means, on a terminal without a search.

    A number is that of an entry. An entry equal to the answer wins over entries that only contain it.
    """
    text = answer.strip()
    number = read_number(text)
    if number is not None and 1 <= number <= len(labels):
        return [number - 1]
    whole = [i for i, label in enumerate(labels) if label.casefold() == text.casefold()]
    return whole or Search(tuple(labels), text).find_matches()


def cut(text: str, width: int) -> str:
    """Return a text cut to a width."""
    return text if len(text) <= width else f"{text[: width - 1]}…"
