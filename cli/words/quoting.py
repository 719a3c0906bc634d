"""Words quoted for a shell and for a batch file."""

from __future__ import annotations

from confobjects.diagnostics import MASK


def quote_word(word: str) -> str:
    """Quote a word for a shell and for a batch if it needs that; a mask at its end stays unquoted, to be replaced."""
    if word and all(c.isalnum() or c in "@%+=:,./-_" for c in word.removesuffix(MASK)):
        return word
    if "\\" in word or "\n" in word:
        from ..batch.dialect import quote_portably

        return quote_portably(word)
    return "'" + word.replace("'", "'\"'\"'") + "'"
