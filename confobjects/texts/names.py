"""The one form in which names are compared, in paths as in DNs: whoever compares two names does it by this form."""

from __future__ import annotations


def normal_name(name: str) -> str:
    """Return the form in which names are compared: equal names have equal forms.

    It ignores case, blanks around a name and surplus blanks in it, and the difference between composed and decomposed
    characters and their compatible ones. It is at least as wide as any directory's ``caseIgnoreMatch``
    (RFC 4518): NFKC, full case folding, NFKC.
    """
    if name.isascii():
        folded = name.lower()
    else:
        from unicodedata import normalize

        folded = normalize("NFKC", normalize("NFKC", name).casefold())
    return " ".join(folded.split())
