"""LDIF text (RFC 2849) that survives editing: comments, order, line ends and unknown entries stay as they are.

Laws of this module:

1. ``parse(text).serialise() == text``, byte for byte.
2. Of a changed document only the lines of changed attributes are new; all other lines are the old ones.
3. Problems come all at once, each with its line; none shows a value, for any of them may be a secret.

A document holds content, not change records. URLs (``:<``) are refused: reading a configuration must not read
other files. Text that is no ASCII may stand as it is; what is written here follows the standard (base64).
Lines of text are never folded when written, for people search and compare them; base64 is.
"""

from __future__ import annotations

from confobjects.mapping.ldif.document import MARKER, NEW_DOCUMENT, Document, Edit
from confobjects.mapping.ldif.parser import decode, parse

__all__ = ["MARKER", "NEW_DOCUMENT", "Document", "Edit", "decode", "parse"]
