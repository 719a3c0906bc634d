"""What was said in a conversation, fit to be shown: secrets masked, unprintable bytes escaped, length bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from confobjects.diagnostics import MASK
from confobjects.mail.replies import Reply, printable

KEPT: Final = 400
"""Entries; of a longer conversation the newest are kept."""


class Transcript:
    """The lines of one connection, in order: ``C:`` the client, ``S:`` the server, ``*`` what happened beside them.

    ``hide`` names secrets that must not appear even when a server repeats them.
    """

    __slots__ = ("_entries", "_left_out", "_secrets")

    def __init__(
        self, entries: Iterable[tuple[str, str | bytes | Reply]] = (), left_out: int = 0, secrets: tuple[str, ...] = ()
    ) -> None:
        self._entries: list[tuple[str, str | bytes | Reply]] = list(entries)
        self._left_out = left_out
        self._secrets = secrets

    def hide(self, *secrets: str) -> None:
        """Mask some texts wherever they appear, also when a server repeats them."""
        found = {secret for secret in secrets if secret}
        self._secrets = tuple(sorted(found | set(self._secrets), key=len, reverse=True))

    def fresh(self) -> Transcript:
        """Return an empty transcript that hides the same secrets."""
        new = Transcript.__new__(Transcript)
        new._entries, new._left_out, new._secrets = [], 0, self._secrets  # noqa: SLF001 - its own kind
        return new

    def copy(self) -> Transcript:
        """Return a transcript of what was said so far, which does not grow any more."""
        return Transcript(self._entries, self._left_out, self._secrets)

    def masked(self, text: str) -> str:
        """Return a text without the hidden secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def client(self, line: str | bytes) -> None:
        """Note a line that was sent; whoever sends a secret hands in the masked line."""
        self._entries.append(("C: ", line))
        if len(self._entries) > 2 * KEPT:
            self._left_out += len(self._entries) - KEPT
            del self._entries[:-KEPT]

    def group(self, lines: Iterable[str]) -> None:
        """Note lines that are sent together."""
        self._entries += [("C: ", line) for line in lines]

    def server(self, reply: Reply) -> None:
        """Note a reply."""
        self._entries.append(("S: ", reply))

    def event(self, text: str) -> None:
        """Note what happened beside the conversation: a connection, a TLS handshake, a timeout."""
        self._entries.append(("* ", text))

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything noted, as lines of text."""
        return tuple(self.masked(line) for line in self._lines())

    def _lines(self) -> Iterator[str]:
        left_out = self._left_out + max(0, len(self._entries) - KEPT)
        if left_out:
            yield f"* {left_out} earlier entries are left out"
        for mark, entry in self._entries[-KEPT:]:
            if isinstance(entry, Reply):
                for number, line in enumerate(entry.lines, start=1):
                    separator = " " if number == len(entry.lines) else "-"
                    yield f"{mark}{entry.code}{separator}{printable(line)}".rstrip()
            else:
                yield mark + printable(entry)
