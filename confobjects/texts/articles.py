"""The article before a noun: ``an OAuth 2.0 Provider``, ``a User``, ``an SMTP Alert Handler``.

The sound of a word decides, which its spelling only hints at: an abbreviation is read letter by letter, unless it is known to be
spoken as a word.
"""

from __future__ import annotations

import re
from typing import Final

_LIKE_VOWELS: Final = frozenset("AEFHILMNORSX")
"""Letters whose names begin with a vowel: an L, but a U."""
_SPOKEN: Final = frozenset(
    [
        "FIDO",
        "FIFO",
        "HIPAA",
        "LAN",
        "LIFO",
        "LUKS",
        "LUN",
        "MAC",
        "MIME",
        "NAS",
        "NAT",
        "NIS",
        "RADIUS",
        "RAID",
        "RAM",
        "REST",
        "ROM",
        "SAML",
        "SAN",
        "SASL",
        "SCEP",
        "SCIM",
        "SCRAM",
        "SIEM",
        "SIM",
        "SOAP",
        "SPIFFE",
        "SPNEGO",
    ]
)
"""Abbreviations that are words when they are spoken, where that makes a difference."""
_WORD: Final = re.compile(r"[^\W_]+")
_ABBREVIATION: Final = re.compile(r"[A-Z](?:[A-Z]+|(?=\d|$))|[a-z](?=[A-Z])")
"""At the beginning of a word: SMTP, LDAP of LDAPv3, X of X.509, S of S3, m of mTLS."""
_NUMBER: Final = re.compile(r"8|1[18](?!\d)")
_VOWEL: Final = re.compile(r"[aeio]|hou?r|hon(?:est|ou?r)|heir|u(?!ni[^mn]|s[aeu]|til|ra|biq)", re.IGNORECASE)
_CONSONANT: Final = re.compile(r"eu|ewe|one(?![a-z])|once(?![a-z])", re.IGNORECASE)


def with_article(noun: str) -> str:
    """Return a noun, which may have words before it, with its indefinite article."""
    return f"{choose_article(noun)} {noun}"


def choose_article(noun: str) -> str:
    """Return the indefinite article of a noun, which may have words before it: ``a`` or ``an``."""
    return "an" if _sounds_like_vowel(noun) else "a"


def _sounds_like_vowel(noun: str) -> bool:
    """Tell whether the first word, as it is spoken, begins with a vowel."""
    found = _WORD.search(noun)
    word = _remove_marks(found[0]) if found else ""
    if abbreviation := _ABBREVIATION.match(word):
        letters = abbreviation[0]
        return letters[0].upper() in _LIKE_VOWELS and letters not in _SPOKEN
    if word[:1].isdigit():
        return _NUMBER.match(word) is not None
    return _VOWEL.match(word) is not None and not _CONSONANT.match(word)


def _remove_marks(word: str) -> str:
    """Return a word without accents: Übung sounds like Ubung at its beginning."""
    if word.isascii():
        return word
    from unicodedata import combining, normalize

    return "".join(part for part in normalize("NFKD", word[:4]) if not combining(part)) + word[4:]
