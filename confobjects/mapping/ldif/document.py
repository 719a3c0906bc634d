"""The parsed text: entries, and the piece of the text that holds each of them.

The text is kept as the bytes of a file: what reads it again compares bytes, and needs a text of what differs only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from confobjects.definitions.model import HOLDER_BRANCH
from confobjects.dn import DN
from confobjects.expressions.openers import SEALED
from confobjects.mapping.entry import Entry
from confobjects.mapping.keys import find_key
from confobjects.records import Record

FORMAT: Final = 2
"""The newest format that is known; a newer one is refused. Documents have it if they hold sealed secrets, and 1 otherwise."""
MARKER: Final = "# confobjects-format:"
NEW_DOCUMENT: Final = f"version: 1\n{MARKER} 1\n"
"""How every new document starts."""
HOLDERS: Final = f",{'='.join(HOLDER_BRANCH)},"
"""What the DN of an entry with a definition contains, as this library writes it."""
_ANY: Final = "surrogatepass"
_SEALED: Final = f"{{{SEALED}"


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

    __slots__ = ("data", "entries", "holds_alike", "names", "sizes")

    def __init__(
        self,
        data: bytes,
        entries: dict[str, Entry],
        sizes: Sequence[int],
        *,
        holds_alike: bool = False,
        names: object = None,
    ) -> None:
        self.data = data
        """The text in UTF-8."""
        self.entries = entries
        """The entries by their keys, in the order of the text."""
        self.holds_alike = holds_alike
        """Whether entries have equal names; without them the key of an entry is the normal form of its DN."""
        self.sizes = sizes
        """How many bytes the piece of text of each entry has; it starts where the one before ends."""
        self.names = names or object()
        """Documents that have the same object here have entries of the same names in the same order."""

    def serialise(self) -> str:
        """Return the text."""
        return decode_text(self.data)

    def get(self, dn: DN) -> Entry | None:
        """Return the entry of a DN, if there is one."""
        return self.entries.get(self.key_of(dn))

    def key_of(self, dn: DN) -> str:
        """Return the key of the entry with a DN."""
        return find_key(self.entries, dn) if self.holds_alike else dn.normal

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Yield the key of every entry with its piece of the text: what precedes it, then its lines."""
        start = 0
        for key, size in zip(self.entries, self.sizes, strict=True):
            yield key, decode_text(self.data[start : start + size])
            start += size

    @property
    def tail(self) -> str:
        """What follows the last entry."""
        return decode_text(self.data[sum(self.sizes) :])

    @property
    def newline(self) -> str:
        """The line ending of the text, taken from its first line."""
        end = self.data.find(b"\n")
        return "\r\n" if end > 0 and self.data[end - 1 : end] == b"\r" else "\n"


def encode_text(text: str) -> bytes:
    """Return a text in UTF-8. What no file can hold, half of a surrogate pair, stays what it is."""
    return text.encode(errors=_ANY)


def decode_text(data: bytes) -> str:
    """Return the text that :func:`encode_text` returned as bytes."""
    return data.decode(errors=_ANY)


def measure(text: str) -> int:
    """Return how many bytes a text has in UTF-8."""
    return len(text) if text.isascii() else len(encode_text(text))


def split_lines(text: str) -> list[str]:
    """Return the lines with their ends. Not ``splitlines``: it also splits at characters a value may hold."""
    lines = [line + "\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
