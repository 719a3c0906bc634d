"""The transcript of a conversation, for output: secrets are masked, unprintable bytes escaped, its length limited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from confobjects.diagnostics import MASK
from confobjects.mail.replies import Reply
from confobjects.texts.visible import make_visible

KEPT: Final = 400
"""The maximum number of entries; of a longer conversation the newest are kept."""

_LONGEST: Final = 200
"""Characters that are kept of a line that is not a reply, which may be long."""

Entry = tuple[str, str | bytes | Reply | Sequence[Reply] | int]
"""Who said it, and what: a line, commands sent together, replies, or the size of a message in bytes."""


class Transcript:
    """The lines of one connection, in order: ``C:`` from the client, ``S:`` from the server, ``*`` for other events.

    ``hide`` names secrets that must not appear, even if a server repeats them.
    """

    __slots__ = ("_entries", "_left_out", "_secrets")

    def __init__(self, entries: Iterable[Entry] = (), left_out: int = 0, secrets: tuple[str, ...] = ()) -> None:
        self._entries = list(entries)
        self._left_out = left_out
        self._secrets = secrets

    def hide(self, *secrets: str) -> None:
        """Mask some texts wherever they appear, also if a server repeats them."""
        found = {secret for secret in secrets if secret}
        self._secrets = tuple(sorted(found | set(self._secrets), key=len, reverse=True))

    def make_empty(self) -> Transcript:
        """Return an empty transcript that hides the same secrets."""
        new = Transcript.__new__(Transcript)
        new._entries, new._left_out, new._secrets = [], 0, self._secrets  # noqa: SLF001 - its own kind
        return new

    def copy(self) -> Transcript:
        """Return a copy of the transcript so far, which later entries do not change."""
        return Transcript(self._entries, self._left_out, self._secrets)

    def mask(self, text: str) -> str:
        """Return a text without the hidden secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def note_sent(self, line: str | bytes) -> None:
        """Note a line that was sent. If it contains a secret, the caller passes the masked line."""
        self._entries.append(("C: ", line))
        if len(self._entries) > 2 * KEPT:
            self._left_out += len(self._entries) - KEPT
            del self._entries[:-KEPT]

    def note_group(self, commands: bytes) -> None:
        """Note commands that are sent together, each with its line end."""
        self._entries.append(("C: ", commands))

    def note_content(self, size: int) -> None:
        """Note that a message of ``size`` bytes and the final dot were sent."""
        self._entries.append(("C: ", size))

    def note_replies(self, reply: Reply | Sequence[Reply]) -> None:
        """Note a reply, or several."""
        self._entries.append(("S: ", reply))

    def note_stray_line(self, line: bytes) -> None:
        """Note a line from the server that is not a reply. Secrets are masked before the line is cut."""
        text = self.mask(make_visible(line)) or "(an empty line)"
        self._entries.append(("S: ", text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"))

    def note_event(self, text: str) -> None:
        """Note an event that is not part of the conversation: a connection, a TLS handshake, a timeout."""
        self._entries.append(("* ", text))

    @property
    def lines(self) -> tuple[str, ...]:
        """All entries as lines of text."""
        return tuple(self.mask(line) for line in self._entry_lines())

    def _entry_lines(self) -> Iterator[str]:
        left_out = self._left_out + max(0, len(self._entries) - KEPT)
        if left_out:
            yield f"* {left_out} earlier entries are left out"
        for mark, entry in self._entries[-KEPT:]:
            if isinstance(entry, int):
                yield f"{mark}({entry} bytes of message, then a dot)"
            elif isinstance(entry, str):
                yield mark + make_visible(entry)
            elif isinstance(entry, bytes):
                yield from (mark + make_visible(line) for line in entry.removesuffix(b"\r\n").split(b"\r\n"))
            else:
                for reply in (entry,) if isinstance(entry, Reply) else entry:
                    yield from _reply_lines(mark, reply)


def _reply_lines(mark: str, reply: Reply) -> Iterator[str]:
    for number, line in enumerate(reply.lines, start=1):
        separator = " " if number == len(reply.lines) else "-"
        yield f"{mark}{reply.code}{separator}{make_visible(line)}".rstrip()
