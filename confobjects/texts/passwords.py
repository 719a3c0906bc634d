"""Passwords in URLs: in the user information (RFC 3986, section 3.2.1), and in parameters that are passwords.

Laws: what is in an expression ends nothing outside, and its default can be a URL itself. What may be a password counts as
one: a slash that was not percent-encoded does not end it. Nothing here checks a URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_EXPRESSION: Final = re.compile(r"[&$]\{[^{}]*\}|\$<[^<>]*>")
_USER: Final = re.compile(r"[^/?#@:\s]*:")
_END: Final = re.compile(r"[/?#\s]|\Z")
_PORT: Final = re.compile(r"[0-9]{0,5}[/?#]")
_PARAMETER: Final = re.compile(
    r"[?&](?:password|sslpassword|client_secret|access_token|api_?key)=([^&#\s]+)", re.IGNORECASE
)
"""Parameters of libpq and of OAuth 2.0 (RFC 6749, RFC 6750) that are secrets."""


def find_password(text: str) -> tuple[int, int] | None:
    """Return the offsets at which the passwords in the URLs of a text begin and end; None if there is none.

    Several count as one that reaches from the first to the last.
    """
    if "://" not in text:
        return None
    plain = _hide_expressions(text)
    spans = [*_find_passwords(plain), *_find_within(text, plain)]
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def _hide_expressions(text: str) -> str:
    """Return a text of the same length in which each expression is NUL characters."""
    while (hidden := _EXPRESSION.sub(lambda found: "\0" * len(found[0]), text)) != text:
        text = hidden
    return text


def _find_within(text: str, plain: str) -> Iterator[tuple[int, int]]:
    for hidden in re.finditer("\0{3,}", plain):
        start = hidden.start() + len("&{")
        span = find_password(text[start : hidden.end() - 1])
        if span is not None:
            yield start + span[0], start + span[1]


def mask_passwords(text: str, mask: Callable[[str], str]) -> str:
    """Return a text with what a function makes of the passwords in its URLs."""
    span = find_password(text)
    return text if span is None else text[: span[0]] + mask(text[slice(*span)]) + text[span[1] :]


def _find_passwords(plain: str) -> Iterator[tuple[int, int]]:
    for url in re.finditer("://", plain):
        user = _USER.match(plain, url.end())
        start = user.end() if user is not None else len(plain)
        end = _END.search(plain, start)
        at = plain.rfind("@", start, end.start() if end is not None else None)
        if at < 0 and _PORT.match(plain, start) is None:
            at = plain.rfind("@", start)
        if at > start:
            yield start, at
        for parameter in _PARAMETER.finditer(plain, url.end()):
            yield parameter.span(1)
