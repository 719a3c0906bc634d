"""The one form in which names are compared, in paths and in DNs. All code that compares names uses it."""

from __future__ import annotations

from typing import Final

_MOST_MARKS: Final = 30
_JOINER: Final = "\u034f"  # COMBINING GRAPHEME JOINER, which no mark is moved across


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

        folded = normalize("NFKC", normalize("NFKC", _make_stream_safe(name)).casefold())
    return " ".join(folded.split())


def _make_stream_safe(text: str) -> str:
    """Return a text in which at most 30 combining marks follow each other (UAX #15, Stream-Safe Text Process).

    The time to normalize marks is quadratic in their number. No language needs as many as 30.
    """
    from unicodedata import combining, normalize

    if len(text) <= _MOST_MARKS:
        return text
    parts: list[str] = []
    run = 0
    for character in text:
        marks = [bool(combining(part)) for part in normalize("NFKD", character)]
        leading = marks.index(False) if False in marks else len(marks)
        if run + leading > _MOST_MARKS:
            parts.append(_JOINER)
            run = 0
        run = run + leading if leading == len(marks) else marks[::-1].index(False)
        parts.append(character)
    return "".join(parts)
