"""The three openers, and fast checks whether a text may contain an expression, or a sealed secret."""

from __future__ import annotations

from typing import Final

OPENERS: Final = {"&{": "}", "$<": ">", "${": "}"}
"""Every opener with its closer. All mean the same; ``&{`` is that of the directory servers."""
SEALED: Final = "sealed:"
"""What a sealed secret has in its text, and few others."""


def has_opener(text: str) -> bool:
    """Tell whether a text may contain an expression. Any other text is its own value."""
    return "&{" in text or "$<" in text or "${" in text
