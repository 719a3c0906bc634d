"""The three openers, and the one question a cold command asks: may this text hold an expression?"""

from __future__ import annotations

from typing import Final

OPENERS: Final = {"&{": "}", "$<": ">", "${": "}"}
"""Every opener with its closer. All mean the same; ``&{`` is that of the directory servers."""


def has_opener(text: str) -> bool:
    """Tell whether a text may hold an expression. All others are their own value."""
    return "&{" in text or "$<" in text or "${" in text
