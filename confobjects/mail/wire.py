"""The rules of the wire: checked fields of commands, CRLF line ends, stuffed dots (RFC 5321, sections 2.3.8 and 4.5.2).

Laws: CR, LF, NUL and every other control character are refused in a field. They are never dropped or escaped, because
a changed address is a wrong address. In content every line end becomes CRLF, so that no bare CR or LF is sent; NUL is
refused.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_UNQUOTED: Final = re.compile(r"[\s<>]")
_PLAIN: Final = re.compile(r"[!#-;=?-~]*")  # printable ASCII without blank, quote and angle brackets


class WireError(ValueError):
    """Something may not go on the wire. ``field`` names the part that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


_NAMES: Final = {"\r": "a carriage return", "\n": "a line feed", "\0": "a NUL character"}


def check_field(text: str, field: str) -> str:
    """Return a text that may be part of a command. Raises :class:`WireError` with a message that does not repeat it."""
    found = _CONTROL.search(text)
    if found is not None:
        what = _NAMES.get(found[0], "a control character")
        raise WireError(field, f"{field} contains {what}, which cannot be sent in an SMTP command")
    return text


@lru_cache(1024)
def check_path(address: str, field: str) -> str:
    """Return an address that may be written between angle brackets. Raises :class:`WireError`.

    Addresses are parsed before, but this check does not rely on it: outside quotes there is no blank and no bracket, so
    that an address cannot end the path and add a parameter.
    """
    if _PLAIN.fullmatch(address):
        return address
    check_field(address, field)
    local_end = address.rfind('"') if address.startswith('"') else -1
    if _UNQUOTED.search(address, local_end + 1):
        raise WireError(field, f"{field} contains a blank or an angle bracket outside quotes")
    return address


class LineEnds:
    """Makes every line end CRLF, piece by piece: CR, LF and CRLF alike."""

    __slots__ = ("_held", "ended")

    def __init__(self) -> None:
        self._held = b""
        self.ended = True  # whether the bytes returned so far end a line; no bytes do

    def feed(self, chunk: bytes) -> bytes:
        """Return a piece with CRLF line ends. Raises :class:`WireError` for NUL."""
        if b"\0" in chunk:
            raise WireError("the message", "the message contains a NUL character, which cannot be sent by SMTP")
        if self._held:
            chunk, self._held = self._held + chunk, b""
        if chunk.endswith(b"\r"):  # its LF may be in the next piece
            chunk, self._held = chunk[:-1], b"\r"
        pairs = chunk.count(b"\r\n")
        if chunk.count(b"\n") != pairs or chunk.count(b"\r") != pairs:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        if chunk:
            self.ended = chunk.endswith(b"\n")
        return chunk

    def finish(self) -> bytes:
        """Return the bytes that complete the last line."""
        if self._held or not self.ended:
            self._held, self.ended = b"", True
            return b"\r\n"
        return b""


class DotStuffer:
    """Prepares content for DATA: CRLF line ends, and a dot before each dot that begins a line."""

    __slots__ = ("_at_start", "_ends")

    def __init__(self) -> None:
        self._ends = LineEnds()
        self._at_start = True

    def feed(self, chunk: bytes) -> bytes:
        """Return a piece in its form on the wire. Raises :class:`WireError` for NUL."""
        return self._stuff_dots(self._ends.feed(chunk))

    def finish(self) -> bytes:
        """Return the end of the last line, and the line with the single dot that ends the content."""
        return self._stuff_dots(self._ends.finish()) + b".\r\n"

    def _stuff_dots(self, data: bytes) -> bytes:
        if not data:
            return data
        stuffed = data.replace(b"\n.", b"\n..")
        if self._at_start and stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_start = data.endswith(b"\n")
        return stuffed


_SMALL: Final = 1 << 16
"""Bytes of the largest message that is checked in one step."""


class WireText(bytes):
    """Whole lines with CRLF line ends and no NUL; :func:`with_crlf` makes them."""

    __slots__ = ()


def with_crlf(data: bytes) -> WireText:
    """Return a whole message with CRLF line ends, the last one included. Raises WireError for NUL."""
    rest = data.replace(b"\r\n", b"") if len(data) <= _SMALL else data
    if b"\r" in rest or b"\n" in rest or b"\0" in rest or not data.endswith(b"\r\n"):
        ends = LineEnds()
        data = ends.feed(data) + ends.finish()
    return WireText(data)


def stuff_message(data: bytes) -> bytes:
    """Return a whole message as DATA sends it: with stuffed dots, and the line with a single dot at its end.

    Raises WireError for NUL.
    """
    text = data if isinstance(data, WireText) else with_crlf(data)
    if text.find(b"\n.") >= 0 or text.startswith(b"."):
        stuffer = DotStuffer()
        return stuffer.feed(text) + stuffer.finish()
    return text + b".\r\n"
