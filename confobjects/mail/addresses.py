"""The addresses in a header field such as To (RFC 5322, section 3.4), read in one pass.

Foreign text may be as long as a message is, and the parsers of Python's email package need quadratic time or recursion for some of it.
"""

from __future__ import annotations

from collections.abc import Iterator


def split_addresses(text: str) -> Iterator[str]:
    """Yield the addresses of a list, without names, comments, and names of groups.

    ``text`` is on one line. What is no mailbox is yielded as something that is no address: whoever checks it, refuses it.
    """
    reader = _Reader()
    symbols = iter(text)
    for symbol in symbols:
        if reader.is_escaped_by(symbol):
            reader.keep(symbol + next(symbols, ""))
        elif reader.ends_at(symbol):
            yield from reader.finish()
        else:
            reader.take(symbol)
    yield from reader.finish()


class _Reader:
    """One mailbox as it is read: the text around the angle brackets, and the address in them."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._around: list[str] = []
        self._within: list[str] | None = None
        self._is_within = self._is_quoted = self._is_wrong = False
        self._depth = 0

    def is_escaped_by(self, symbol: str) -> bool:
        """Tell whether the next symbol is one of a text, whatever it is."""
        return symbol == "\\" and (self._is_quoted or self._depth > 0)

    def ends_at(self, symbol: str) -> bool:
        """Tell whether a symbol ends the mailbox."""
        return symbol in {",", ";"} and not (self._is_quoted or self._depth or (self._is_within and symbol == ","))

    def keep(self, symbol: str) -> None:
        """Keep a symbol of a text; those of comments are left out."""
        if self._depth:
            return
        if self._is_within and self._within is not None:
            self._within.append(symbol)
            return
        self._is_wrong = self._is_wrong or (self._within is not None and not symbol.isspace())
        self._around.append(symbol)

    def take(self, symbol: str) -> None:
        """Take the next symbol."""
        if self._is_quoted:
            self._is_quoted = symbol != '"'
            self.keep(symbol)
        elif self._depth or symbol == "(":
            self._depth += (symbol == "(") - (symbol == ")")
        elif symbol == "<" and self._within is None:
            self._within, self._is_within = [], True
        elif symbol == ">" and self._is_within:
            self._is_within = False
        elif symbol == ":":
            self._forget()
        else:
            self._is_quoted = symbol == '"'
            self.keep(symbol)

    def _forget(self) -> None:
        """Forget the name of a group, or the route before an address (RFC 5322, section 4.4)."""
        if self._is_within and self._within is not None:
            self._within.clear()
        else:
            self._around.clear()

    def finish(self) -> Iterator[str]:
        """Yield the address of the mailbox, if there is one, and begin another."""
        address = "".join(self._around if self._within is None else self._within).strip()
        if self._is_quoted or self._depth or self._is_within or self._is_wrong:
            address = f"{address} (unfinished)"
        is_there = bool(address) or self._within is not None
        self._begin()
        if is_there:
            yield address


__all__ = ["split_addresses"]
