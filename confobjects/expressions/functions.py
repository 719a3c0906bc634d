"""The functions of expressions, in one place: a new one is one row.

A function either computes its value from its argument, or names a source outside (a file, an environment variable).
In the second case it has no ``compute`` and becomes a need.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from confobjects.records import Record


class Function(Record):
    """A function: its description, an example, and ``compute``, which may be None and raises ValueError."""

    synopsis: str
    example: str
    compute: Callable[[str], str] | None = None


def _decode_base64(text: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        reason = "it does not decode to UTF-8 text" if isinstance(error, UnicodeDecodeError) else "it is not base64"
        raise ValueError(reason) from None


def _refuse_sealed(_: str) -> str:
    raise ValueError("it is read only as a whole secret, by the property that it was sealed for")


FUNCTIONS: Final[Mapping[str, Function]] = {
    "file": Function("The text of a file, without one line end at its end.", "&{file:secrets/smtp.pin}"),
    "env": Function("The value of the environment variable of exactly that name.", "&{env:SMTP_PASSWORD}"),
    "base64": Function("The text that base64 stands for.", "&{base64:c2VjcmV0}", _decode_base64),
    "sealed": Function("A secret that only its own property can open.", "&{sealed:KEYID:BASE64}", _refuse_sealed),
}
"""Every function by name."""
