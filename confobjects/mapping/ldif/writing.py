"""Write values and entries as lines, and edit a document without changing its other lines."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Sequence
from typing import Final

from confobjects.dn import DN
from confobjects.mapping.entry import Entry, Value, Values, normalise_value
from confobjects.mapping.keys import find_key, key_entries
from confobjects.mapping.ldif.document import (
    MARKER,
    Edit,
    LdifText,
    encode_text,
    measure,
    needs_new_format,
    raise_format,
    split_lines,
)
from confobjects.mapping.ldif.parser import value_of

_FOLD: Final = 76


def format_attribute(name: str, value: Value, newline: str = "\n") -> str:
    """Return a value as a line; base64, folded at 76 columns, where plain text would not be safe."""
    if isinstance(value, str) and _is_safe(value):
        return f"{name}: {value}{newline}" if value else f"{name}:{newline}"
    data = value.encode() if isinstance(value, str) else value
    text = f"{name}:: {b2a_base64(data, newline=False).decode()}"
    lines = [text[:_FOLD], *(" " + text[at : at + _FOLD - 1] for at in range(_FOLD, len(text), _FOLD - 1))]
    return newline.join(lines) + newline


def _is_safe(value: str) -> bool:
    """Return whether a value may stand as it is: what RFC 2849 calls a safe string, without control characters."""
    return value.isascii() and value.isprintable() and value[:1] not in (" ", ":", "<") and value[-1:] != " "


def format_entry(entry: Entry, newline: str = "\n") -> str:
    """Return an entry as lines, without empty lines around them."""
    lines = [format_attribute("dn", str(entry.dn), newline)]
    for name, values in entry.attributes.items():
        lines.extend(format_attribute(name, value, newline) for value in values)
    return "".join(lines)


def edit_document(document: LdifText, edits: Sequence[Edit]) -> LdifText:
    """Return a document after some edits, one after the other.

    A changed entry keeps its place and a new one comes last. The comment right above an entry is
    deleted with it; comments separated from it by an empty line stay.
    """
    editor = _DocumentEditor(document)
    for one in edits:
        editor.edit(one)
    return editor.build_document()


class _Slot:
    """A piece of the text and the entry at its end, None when that was deleted or never existed."""

    __slots__ = ("entry", "piece")

    def __init__(self, piece: str, entry: Entry | None) -> None:
        self.piece = piece
        self.entry = entry


class _DocumentEditor:
    """A document cut up for editing."""

    def __init__(self, document: LdifText) -> None:
        self.newline = document.newline
        entries = document.entries
        self.slots = [_Slot(piece, entries[key]) for key, piece in document.pieces()]
        self.by_key = dict(zip(entries, self.slots, strict=True))
        self.holds_alike = document.holds_alike
        self.tail = document.tail
        self.is_newest = False
        if not self.slots:  # a text without entries comes before the first new one
            self.slots.append(_Slot(self.tail, None))
            self.tail = ""

    def edit(self, edit: Edit) -> None:
        """Change, add or take out one entry."""
        old, new = edit.old, edit.new
        self.is_newest = self.is_newest or (new is not None and needs_new_format(new))
        old_key = self._key_of(old.dn) if old is not None else ""
        slot = self.by_key.pop(old_key) if old is not None else _Slot("", None)
        if old is not None and new is not None:
            slot.piece = _rewrite_entry(slot.piece, old, new, self.newline)
        elif old is not None:
            slot.piece = _remove_entry(slot.piece)
        elif new is not None:
            # Pieces of deleted entries may be empty: only after one with text an empty line is needed.
            separator = self.newline if any(before.piece for before in reversed(self.slots)) else ""
            slot.piece = separator + format_entry(new, self.newline)
            self.slots.append(slot)
        slot.entry = new
        if new is not None:
            stays = old is not None and old.dn == new.dn
            self.by_key[old_key if stays else self._key_of(new.dn)] = slot

    def _key_of(self, dn: DN) -> str:
        return find_key(self.by_key, dn) if self.holds_alike else dn.normal

    def build_document(self) -> LdifText:
        """Put the pieces together."""
        entries: list[Entry] = []
        sizes: list[int] = []
        texts: list[str] = []
        size = 0
        for slot in self.slots:
            if texts and texts[-1][-1:] not in ("\n", ""):
                texts.append(self.newline)
                size += len(self.newline)
            texts.append(slot.piece)
            size += measure(slot.piece)
            if slot.entry is not None:
                entries.append(slot.entry)
                sizes.append(size)
                size = 0
        keyed = {entry.dn.normal: entry for entry in entries}
        holds_alike = len(keyed) < len(entries)
        if holds_alike:
            keyed, _ = key_entries(entries)
        text = "".join((*texts, self.tail))
        data = encode_text(raise_format(text) if self.is_newest else text)
        return LdifText(data, keyed, sizes, holds_alike=holds_alike)


def _split_logical_lines(piece: str) -> list[str]:
    """Return the lines of a piece with their ends, each with its continuations."""
    lines: list[list[str]] = []
    for line in split_lines(piece):
        if line[:1] == " " and lines:
            lines[-1].append(line)
        else:
            lines.append([line])
    return ["".join(parts) for parts in lines]


def _unfold_line(line: str) -> str:
    return line.replace("\r\n", "\n").replace("\n ", "").rstrip("\n")


def _find_dn_line(lines: list[str]) -> int:
    return next(i for i, line in enumerate(lines) if line.removeprefix("\ufeff")[:3].lower() == "dn:")


def _remove_entry(piece: str) -> str:
    """Return the rest of a piece when its entry is deleted: all but the entry and the comment right above it."""
    lines = _split_logical_lines(piece)
    index = _find_dn_line(lines)
    while index and lines[index - 1][:1] == "#" and not lines[index - 1].startswith(MARKER):
        index -= 1
    kept = lines[:index]
    while kept and not kept[-1].strip():
        kept.pop()
    return "".join(kept)


def _rewrite_entry(piece: str, old: Entry, new: Entry, newline: str) -> str:
    """Return the piece of an entry with new lines for its changed attributes, and all other lines as they were."""
    lines = _split_logical_lines(piece if piece.endswith("\n") else piece + newline)
    head = _find_dn_line(lines)
    if str(old.dn) != str(new.dn):
        mark = "\ufeff" if lines[head][:1] == "\ufeff" else ""
        lines[head] = mark + format_attribute("dn", str(new.dn), newline)
    places: dict[str, list[tuple[int, Value]]] = {}
    for index in range(head + 1, len(lines)):
        if lines[index][:1] != "#":
            name, _, rest = _unfold_line(lines[index]).partition(":")
            places.setdefault(name.lower(), []).append((index, normalise_value(name, value_of(rest))))
    spellings = {name.lower(): name for name in (*new.attributes, *old.attributes)}
    for key, name in spellings.items():
        before, after = old.get(name), new.get(name)
        if before != after:

            def format_values(values: Sequence[Value], name: str = name) -> str:
                return "".join(format_attribute(name, value, newline) for value in values)

            _place_values(lines, places.get(key, []), before, after, format_values)
    return "".join(lines)


def _place_values(
    lines: list[str],
    places: list[tuple[int, Value]],
    before: Values,
    after: Values,
    write: Callable[[Sequence[Value]], str],
) -> None:
    """Put the values of an attribute in its place, or at the end if it is new."""
    there, wanted = frozenset(before), frozenset(after)
    kept = [value for value in before if value in wanted]
    added = [value for value in after if value not in there]
    if kept and (*kept, *added) == after and len(there) == len(before):
        for index, value in places:
            lines[index] = lines[index] if value in wanted else ""
        last = max(index for index, value in places if value in wanted)
    else:
        added = list(after)
        for index, _ in places:
            lines[index] = ""
        last = places[0][0] if places else len(lines)
    if last == len(lines):
        lines.append("")
    lines[last] += write(added)
