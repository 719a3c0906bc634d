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
_WORD: Final = r"[^\W_]+"
_ABBREVIATION: Final = r"[A-Z](?:[A-Z]+|(?=\d|$))|[a-z](?=[A-Z])"
"""At the beginning of a word: SMTP, LDAP of LDAPv3, X of X.509, S of S3, m of mTLS."""
_NUMBER: Final = r"8|1[18](?!\d)"
_VOWEL: Final = r"[aeio]|hou?r|hon(?:est|ou?r)|heir|u(?!ni[^mn]|s[aeu]|til|ra|biq)"
_MAY_SOUND: Final = frozenset("aeiouh")
"""Letters that a word with the sound of a vowel may begin with."""
_CONSONANT: Final = r"eu|ewe|one(?![a-z])|once(?![a-z])"


def with_article(noun: str) -> str:
    """Return a noun, which may have words before it, with its indefinite article."""
    return f"{choose_article(noun)} {noun}"


def choose_article(noun: str) -> str:
    """Return the indefinite article of a noun, which may have words before it: ``a`` or ``an``."""
    return "an" if _sounds_like_vowel(noun) else "a"


def _sounds_like_vowel(noun: str) -> bool:
    """Tell whether the first word, as it is spoken, begins with a vowel."""
    found = re.search(_WORD, noun)
    word = _remove_marks(found[0]) if found else ""
    if abbreviation := re.match(_ABBREVIATION, word):
        letters = abbreviation[0]
        return letters[0].upper() in _LIKE_VOWELS and letters not in _SPOKEN
    if word[:1].isdigit():
        return re.match(_NUMBER, word) is not None
    if word[:1].lower() not in _MAY_SOUND:
        return False
    return re.match(_VOWEL, word, re.IGNORECASE) is not None and not re.match(_CONSONANT, word, re.IGNORECASE)


def _remove_marks(word: str) -> str:
    """Return a word without accents: Übung sounds like Ubung at its beginning."""
    if word.isascii():
        return word
    from unicodedata import combining, normalize

    return "".join(part for part in normalize("NFKD", word[:4]) if not combining(part)) + word[4:]
