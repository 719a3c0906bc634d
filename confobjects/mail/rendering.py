"""A message object as bytes: its headers for the wire, its parts recoded where that is allowed.

Laws: a header stays one header, whatever an encoded word in it holds (Python decodes it, and some versions write its line breaks
as they are); what is signed or encrypted is not changed; a domain in the ASCII form of the DNS, a name in quotes and the name
of a group stay what they are when a header is folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.errors import HeaderParseError
from email.generator import BytesGenerator
from email.header import Header
from email.headerregistry import Address, Group, HeaderRegistry
from email.message import Message
from email.policy import EmailPolicy, Policy
from io import BytesIO
from itertools import groupby
from typing import Any, Final, Self

from confobjects.mail.wire import WireError
from confobjects.syntaxes.hosts import ascii_host

_MAILBOXES: Final = ("from", "sender", "reply-to", "to", "cc")
ADDRESSES: Final = (*_MAILBOXES, *(f"resent-{name}" for name in _MAILBOXES))
"""The headers that hold mail addresses, without Bcc, which is never sent."""

_SIGNATURES: Final = ("dkim-signature", "arc-message-signature", "domainkey-signature")
"""Headers that sign the whole message (RFC 6376, RFC 8617, RFC 4870)."""

_LINE: Final = 78
_LONGEST_WORD: Final = 900  # a line may have 998 characters (RFC 5322, section 2.1.1)
_HEADERS: Final = HeaderRegistry()
_BREAK: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n|\r\n(?![ \t])")
"""A line break in a header that is no fold."""


def flatten_message(message: Message, *, utf8: bool, keep_8bit: bool) -> bytes:
    """Return a message as bytes. Raises :class:`~confobjects.mail.wire.WireError` if something has no such form."""
    changes: dict[str, Any] = {"linesep": "\r\n", "cte_type": "8bit" if keep_8bit else "7bit"}
    if isinstance(message.policy, EmailPolicy):
        changes["utf8"] = utf8
    buffer = BytesIO()
    generator = _MessageGenerator(buffer, mangle_from_=False, policy=message.policy.clone(**changes))
    generator.utf8 = utf8
    if any(name in message for name in _SIGNATURES):
        generator.keep_unchanged()
    try:
        generator.flatten(message)
    except UnicodeEncodeError:
        raise WireError("the message", "the message has text without a character set; name its charset") from None
    except HeaderParseError:
        raise WireError("the message", "a header of the message holds a line break") from None
    return buffer.getvalue()


class _MessageGenerator(BytesGenerator):
    """Writes a message and, by clones of itself, its parts."""

    utf8 = False
    outermost = True
    unchanged = False
    policy: Any

    def clone(self, fp: Any) -> Self:
        """Return a generator for a part."""
        made = super().clone(fp)
        made.utf8, made.unchanged, made.outermost = self.utf8, self.unchanged, False
        return made

    def keep_unchanged(self) -> None:
        """Write everything from now on as it came: headers as they were folded, 8-bit text as it is."""
        self.unchanged, policy = True, self.policy
        email = isinstance(policy, EmailPolicy)
        self.policy = policy.clone(cte_type="8bit", **({"refold_source": "none"} if email else {"max_line_length": 0}))

    def _handle_multipart_signed(self, message: Message) -> None:
        before = self.unchanged, self.policy
        self.keep_unchanged()
        try:
            self._handle_multipart(message)  # type: ignore[attr-defined]  # the way of all handlers of subtypes
        finally:
            self.unchanged, self.policy = before

    _handle_multipart_encrypted = _handle_multipart_signed

    def _write_headers(self, message: Message) -> None:
        for name, value in message.raw_items():
            self._fp.write(_keep_whole(name, value, self._try_to_fold(name, value)))  # type: ignore[attr-defined]  # the buffer of the base class
        self._fp.write(b"\r\n")  # type: ignore[attr-defined]

    def _try_to_fold(self, name: str, value: Any) -> bytes | None:
        """Return a header as it is folded, None if Python refuses it: a name of somebody holds a line break."""
        try:
            return self._fold_header(name, value)
        except (UnicodeError, WireError):
            raise
        except ValueError:
            return None

    def _fold_header(self, name: str, value: Any) -> bytes:
        if self.unchanged:
            return _fold_source(name, value) or fold_by(self.policy, name, value)
        if name.lower() not in ADDRESSES or isinstance(value, Header):
            return fold_by(self.policy, name, value)
        text = _decode_raw(str(value))
        if not text.isascii() and (groups := self._find_unfit_groups(name, value, text)):
            return fold_groups(name, groups, utf8=self.utf8)
        folded = fold_by(self.policy, name, value)
        if '"' in text and folded.count(b"\r\n") > 1 and folded != _fold_source(name, value):
            # Some versions of Python lose the quotes of a name that they fold.
            return fold_groups(name, _groups_of(name, value, text), utf8=self.utf8)
        return folded

    def _find_unfit_groups(self, name: str, value: Any, text: str) -> tuple[Group, ...]:
        """Return the addresses of a header that its policy would not write well, with ASCII domains; else nothing."""
        groups = _groups_of(name, value, text)
        plain = all(one.domain.isascii() for group in groups for one in group.addresses)
        if not self.outermost or ((self.utf8 or plain) and hasattr(value, "groups")):
            return ()
        return groups if self.utf8 else tuple(_with_ascii_domains(name, groups))


def _keep_whole(name: str, value: Any, folded: bytes | None) -> bytes:
    """Return a header as it was folded, or folded again if there is more than one in that. Raises WireError where that cannot be mended."""
    if folded is not None and not _BREAK.search(folded.removesuffix(b"\n").removesuffix(b"\r")):
        return folded
    source = _fold_source(name, value)
    if source and not _BREAK.search(source.removesuffix(b"\r\n")):
        return source
    if not hasattr(value, "fold") or hasattr(value, "groups") or hasattr(value, "params"):
        raise WireError(f"the header {name}", f"the header {name} holds a line break")
    lines = Header(str(value), "utf-8", maxlinelen=_LINE - 2, header_name=name).encode(linesep="\r\n")
    return f"{name}: {lines}\r\n".encode()


def fold_by(policy: Policy, name: str, value: Any) -> bytes:
    """Return a header as a policy folds it."""
    folded: bytes = policy.fold_binary(name, value)
    return folded


def _fold_source(name: str, value: Any) -> bytes:
    """Return a header as its text stands, with its own folds; nothing if it was never a source text."""
    if not isinstance(value, str) or hasattr(value, "fold"):
        return b""
    try:
        return "\r\n".join((*re.split("\r\n|\r|\n", f"{name}: {value}"), "")).encode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return b""


def _decode_raw(text: str) -> str:
    """Return a header's text with the bytes that the parser could not decode read as UTF-8."""
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _groups_of(name: str, value: Any, text: str) -> tuple[Group, ...]:
    header = value if hasattr(value, "groups") else _HEADERS(name, " ".join(re.split(r"(?:\r\n|\r|\n)[ \t]*", text)))
    groups: tuple[Group, ...] = getattr(header, "groups", ())
    return groups


def _with_ascii_domains(name: str, groups: Iterable[Group]) -> Iterator[Group]:
    try:
        for group in groups:
            members = (Address(a.display_name, a.username, ascii_host(a.domain)) for a in group.addresses)
            yield Group(group.display_name, tuple(members))
    except UnicodeError:
        raise WireError(f"the header {name}", f"a domain in the header {name} is not a valid domain name") from None


def fold_groups(name: str, groups: Iterable[Group], *, utf8: bool) -> bytes:
    """Return a header of addresses with lines of usual length. A line ends only at a blank of the text, which stays."""
    text = ", ".join(_write_group(group, utf8=utf8) for group in groups)
    lines, line = [], f"{name}:"
    for word in text.split(" "):
        if word and len(line) + 1 + len(word) > _LINE and line.strip(" ") and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join((*lines, line, "")).encode("utf-8", "surrogateescape")


def _write_group(group: Group, *, utf8: bool) -> str:
    members = ", ".join(_write_address(address, utf8=utf8) for address in group.addresses)
    if group.display_name is None:
        return members
    return f"{_write_name(group.display_name, utf8=utf8)}:{' ' if members else ''}{members};"


def _write_address(address: Address, *, utf8: bool) -> str:
    if not address.display_name:
        return address.addr_spec if address.addr_spec != "<>" else "<>"
    spec = "" if address.addr_spec == "<>" else address.addr_spec
    return f"{_write_name(address.display_name, utf8=utf8)} <{spec}>"


def _write_name(name: str, *, utf8: bool) -> str:
    """Return a display name: as it is, in quotes where it needs them, with encoded words (RFC 2047) where it must be.

    Only the words that are not ASCII are encoded, neighbours together: programs differ in how they join encoded words.
    """
    words = name.split(" ")
    if max(map(len, words)) > _LONGEST_WORD or (not name.isascii() and not utf8 and ("" in words or "=?" in name)):
        return _encode_words(name)
    if utf8 or name.isascii():
        return _quote_name(name)
    runs = (" ".join(run) for _, run in groupby(words, str.isascii))
    return " ".join(_quote_name(run) if run.isascii() else _encode_words(run) for run in runs)


def _quote_name(name: str) -> str:
    return str(Address(name)).removesuffix(" <>")


def _encode_words(text: str) -> str:
    return " ".join(Header(text, "utf-8", maxlinelen=_LINE - 2).encode().split())


__all__ = ["ADDRESSES", "flatten_message", "fold_by", "fold_groups"]
