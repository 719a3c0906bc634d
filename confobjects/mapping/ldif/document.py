"""The parsed text: entries, and the piece of the text that holds each of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from confobjects.dn import DN
from confobjects.mapping.entry import Entry
from confobjects.mapping.keys import find_key
from confobjects.records import Record

FORMAT: Final = 2
"""The newest format that is known; a newer one is refused. Documents have it if they hold sealed secrets, and 1 otherwise."""
MARKER: Final = "# confobjects-format:"
NEW_DOCUMENT: Final = f"version: 1\n{MARKER} 1\n"
"""How every new document starts."""
_SEALED: Final = "{sealed:"


def needs_new_format(entry: Entry) -> bool:
    """Tell whether an entry holds a sealed secret, which older versions do not know."""
    return any(isinstance(one, str) and _SEALED in one for values in entry.attributes.values() for one in values)


def raise_format(text: str) -> str:
    """Return a document with the newest format in its marker, if it has one. Its length stays."""
    at = text.find(f"{MARKER} 1")
    is_marker = at == 0 or (at > 0 and text[at - 1] in "\n\ufeff")
    end = at + len(MARKER) + 2
    return f"{text[: end - 1]}{FORMAT}{text[end:]}" if is_marker and text[end : end + 1] in {"\r", "\n", ""} else text


class Edit(Record):
    """One entry before and after an edit; None where it does not exist."""

    old: Entry | None
    new: Entry | None


class LdifText:
    """A parsed LDIF text. Make one with :func:`parse`, and edit it with :func:`~confobjects.mapping.ldif.writing.edit_document`."""

    __slots__ = ("ends", "entries", "holds_alike", "text")

    def __init__(self, text: str, entries: dict[str, Entry], ends: Sequence[int], *, holds_alike: bool = False) -> None:
        self.text = text
        self.entries = entries
        """The entries by their keys, in the order of the text."""
        self.holds_alike = holds_alike
        """Whether entries have equal names; without them the key of an entry is the normal form of its DN."""
        self.ends = ends
        """Where the piece of text of each entry ends; it starts where the one before ends."""

    def serialise(self) -> str:
        """Return the text."""
        return self.text

    def get(self, dn: DN) -> Entry | None:
        """Return the entry of a DN, if there is one."""
        return self.entries.get(self.key_of(dn))

    def key_of(self, dn: DN) -> str:
        """Return the key of the entry with a DN."""
        return find_key(self.entries, dn) if self.holds_alike else dn.normal

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Yield the key of every entry with its piece of the text: what precedes it, then its lines."""
        start = 0
        for key, end in zip(self.entries, self.ends, strict=True):
            yield key, self.text[start:end]
            start = end

    @property
    def tail(self) -> str:
        """What follows the last entry."""
        return self.text[self.ends[-1] :] if self.ends else self.text

    @property
    def newline(self) -> str:
        """The line ending of the text, taken from its first line."""
        end = self.text.find("\n")
        return "\r\n" if end > 0 and self.text[end - 1] == "\r" else "\n"


def split_lines(text: str) -> list[str]:
    """Return the lines with their ends. Not ``splitlines``: it also splits at characters a value may hold."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
