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

from confobjects.diagnostics import Diagnostic
from confobjects.mapping.ldif.document import MARKER, NEW_DOCUMENT, Edit, LdifText
from confobjects.mapping.ldif.parser import LdifParser, decode

__all__ = ["MARKER", "NEW_DOCUMENT", "Edit", "LdifText", "decode", "parse"]


def parse(text: str, origin: str = "") -> LdifText:
    """Return the document written in ``text``; ``origin`` names it in messages.

    Raises :class:`~confobjects.errors.BrokenDataError` with every problem found (the first 20).
    """
    return LdifParser(text, origin, _diagnose, _describe_repetition).read_document()


def _diagnose(parser: LdifParser, start: int, end: int, first: bool) -> Iterable[Diagnostic]:
    from confobjects.mapping.ldif.mistakes import diagnose

    return diagnose(parser, start, end, first)


def _describe_repetition(parser: LdifParser, index: int, first: int) -> Diagnostic:
    from confobjects.mapping.ldif.mistakes import describe_repetition

    return describe_repetition(parser, index, first)
