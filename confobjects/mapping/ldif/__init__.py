"""LDIF text (RFC 2849) that survives editing: comments, order, line ends and unknown entries stay as they are.

Laws of this module:

1. ``parse(text).serialise() == text``, byte for byte.
2. In a changed document only the lines of changed attributes are new; all other lines stay the same.
3. All problems are reported at once, each with its line; none shows a value, because it may be a secret.

A document holds content, not change records. URLs (``:<``) are refused: reading a configuration must not read
other files. Text that is not ASCII is accepted as it is; what is written here follows the standard (base64).
Lines of text are never folded when written, because people search and compare them; base64 is folded.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import BrokenDataError
from confobjects.mapping.ldif.document import HOLDERS, MARKER, NEW_DOCUMENT, Edit, LdifText
from confobjects.mapping.ldif.parser import LdifParser, decode

if TYPE_CHECKING:
    from confobjects.mapping.held import HeldEntry
    from confobjects.mapping.protocol import HolderMemory

__all__ = ["MARKER", "NEW_DOCUMENT", "Edit", "LdifText", "decode", "parse", "parse_file", "parse_part"]


def parse(text: str, origin: str = "", memory: HolderMemory | None = None, *, data: bytes | None = None) -> LdifText:
    """Return the document written in ``text``; ``origin`` names it in messages.

    Entries with definitions that ``memory`` knows are read when something asks for their attributes. ``data`` are the
    bytes that the text was decoded from, where the caller has them. Raises
    :class:`~confobjects.errors.BrokenDataError` with every problem found (the first 20).
    """
    if memory is None:
        return LdifParser(text, origin, _diagnose, _describe_repetition).read_document(data=data)
    parser = LdifParser(text, origin, _diagnose, _describe_repetition, _find_holder)
    try:
        document = parser.read_document(data=data)
    except BrokenDataError:
        if not parser.held:
            raise
        return parse(text, origin, data=data)  # the problems of all entries
    if not parser.held:
        return document
    if document.holds_alike:  # keys depend on each other
        return parse(text, origin, data=data)
    from confobjects.mapping.ldif.holding import settle

    return settle(document, parser.held, memory, parse, lambda: parse(text, origin, data=data))


def parse_file(data: bytes, origin: str, memory: HolderMemory | None = None) -> LdifText:
    """Return the document in the content of a file. Of what ``memory`` knows of it, nothing is decoded.

    Raises what :func:`parse` does.
    """
    if memory is not None and HOLDERS.encode() in data:
        from confobjects.mapping.ldif.holding import parse_around

        if (document := parse_around(data, memory, parse, parse_part)) is not None:
            return document
    return parse(decode(data, origin), origin, memory, data=data)


def parse_part(text: str) -> LdifText:
    """Return the document written in a part of a text that other entries precede. Raises what :func:`parse` does."""
    return LdifParser(text, "", _diagnose, _describe_repetition).read_document(first=False)


def _find_holder(parser: LdifParser, start: int, end: int) -> HeldEntry | None:
    """Return the entry of a block that may hold a definition: nothing is read but its DN. None if it has to be read."""
    line = parser.text[start : parser.text.find("\n", start, end)]
    if HOLDERS.lower() not in line.lower():
        return None
    from confobjects.mapping.ldif.holding import find_holder

    return find_holder(line, parser.text, (start, end), parse)


def _diagnose(parser: LdifParser, start: int, end: int, first: bool) -> Iterable[Diagnostic]:
    from confobjects.mapping.ldif.mistakes import diagnose

    return diagnose(parser, start, end, first)


def _describe_repetition(parser: LdifParser, index: int, first: int) -> Diagnostic:
    from confobjects.mapping.ldif.mistakes import describe_repetition

    return describe_repetition(parser, index, first)
