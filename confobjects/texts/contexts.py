"""The context of a sealed secret: what it is used for and what it belongs to, as bytes."""

from __future__ import annotations

import json


def make_context(use: str, *parts: str) -> bytes:
    """Return the context of a secret. Two contexts are the same only if use and all parts are, whatever text they hold."""
    return json.dumps([use, *parts], ensure_ascii=True, separators=(",", ":")).encode()
