"""The client's side of SMTP without a socket: commands and content in, bytes out; bytes in, answers out.

Theory of operation. The state says what may be sent next. A command changes it by
:data:`~confobjects.mail.states.SENDS` when it is sent; an answer changes it by
:data:`~confobjects.mail.states.RECEIVES` when it arrives. A command that must be the last of a group (RFC 2920) leads
to ``WAITING``, where nothing may be sent. The others may follow each other if the server offers PIPELINING. Answers
come in the order of the commands.

Laws:

1. Nothing is sent that the tables do not allow: a wrong call raises :class:`Misuse`, which is a bug in our code, and
   sends nothing.
2. No byte that arrives before TLS is used inside TLS: if anything is left over when the server accepts STARTTLS, the
   conversation ends. The extensions offered in clear text are forgotten.
3. A reply to nothing ends the conversation, except 421, with which a server says that it is closing.
4. Every field is checked before it becomes part of a line; secrets are masked in the transcript.
5. A reply goes into the same transcript as its command.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from confobjects.diagnostics import MASK
from confobjects.mail.replies import ProtocolViolation, Reply, ReplyParser
from confobjects.mail.states import RECEIVES, SENDS, State
from confobjects.mail.transcript import Transcript
from confobjects.mail.wire import DotStuffer, WireError, check_field, check_path
from confobjects.records import Record
from confobjects.texts.numbers import read_number


class Misuse(Exception):  # noqa: N818 - not an error of the conversation but of its driver
    """The caller asked the engine for something that the protocol does not allow now."""


_MOVELESS: Final = frozenset({"MAIL", "RCPT", "RSET", "END", "BDAT", "BDAT LAST", "CUT"})
_GROUP: Final = "an envelope"
_LONGEST_COMMAND: Final = 512


class EnvelopeGroup(Record):
    """An envelope whose commands are sent together: its addresses, its bytes, and the codes of the usual answers."""

    sender: str
    recipients: Sequence[str]
    data: bytes
    usual: list[int]

    @property
    def with_data(self) -> bool:
        """Whether DATA is the last command."""
        return self.usual[-1] == 354

    @property
    def verbs(self) -> list[tuple[str, str]]:
        """The commands, as verb and argument."""
        verbs = [("MAIL", self.sender), *[("RCPT", one) for one in self.recipients]]
        return [*verbs, ("DATA", "")] if self.with_data else verbs


@lru_cache
def _usual_codes(recipients: int, data: bool) -> list[int]:
    return [250] * (recipients + 1) + [354] * data


class SmtpClient:
    """One SMTP conversation. ``tls`` says whether it runs inside TLS from its first byte.

    ``ignored`` are the keywords of extensions that count as not offered. ``usual`` says that the last bytes received were the answers to an envelope sent as one group, all positive.
    """

    __slots__ = (
        "_end_at",
        "_end_sent_at",
        "_expected",
        "_out",
        "_parser",
        "_stuffer",
        "extensions",
        "greeting",
        "ignored",
        "state",
        "tls",
        "transcript",
        "usual",
    )

    def __init__(self, *, tls: bool = False) -> None:
        self.state = State.BANNER
        self.tls = tls
        self.extensions: dict[str, str] = {}
        self.ignored: frozenset[str] = frozenset()
        self.greeting: Reply | None = None
        self.transcript = Transcript()
        self.usual = False
        self._parser = ReplyParser()
        self._expected: deque[tuple[str, str | EnvelopeGroup, Transcript]] = deque([("BANNER", "", self.transcript)])
        self._out: list[bytes] = []
        self._end_at = 0  # the place behind the end of a message in the bytes to send, 0 if there is none
        self._end_sent_at = 0  # the same in the bytes that were sent last
        self._stuffer: DotStuffer | None = None

    # -- what the server offers --------------------------------------------------------------------------------------

    @property
    def pipelining(self) -> bool:
        """Whether commands may be sent before the server has answered earlier ones."""
        return "PIPELINING" in self.extensions

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The login mechanisms the server offers, in its order."""
        return tuple(dict.fromkeys(self.extensions.get("AUTH", "").upper().split()))

    @property
    def size_limit(self) -> int | None:
        """The largest message the server accepts, in bytes (RFC 1870); None if it does not say."""
        return read_number(self.extensions.get("SIZE", "").strip()) or None

    @property
    def verdict_awaited(self) -> bool:
        """Whether the whole message was sent and its answer has not arrived yet."""
        return any(verb in ("END", "BDAT LAST") for verb, _, _ in self._expected)

    @property
    def awaited(self) -> int:
        """The number of answers that have not arrived yet."""
        return len(self._expected)

    @property
    def unread(self) -> bytes:
        """The bytes that have arrived and do not belong to a complete answer."""
        return self._parser.pending

    @property
    def closed(self) -> bool:
        """Whether the conversation is over."""
        return self.state is State.CLOSED

    # -- bytes in ----------------------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Reply]:
        """Take bytes from the server and return the answers they complete. Empty bytes mean that the server closed.

        A 421 that is not the answer to a command closes the conversation and is not returned.
        Raises :class:`~confobjects.mail.replies.ProtocolViolation`, also of kind ``closed``.
        """
        if not data:
            self.state = State.CLOSED
            raise ProtocolViolation("closed", "the server closed the connection")
        fed = self._parser.feed(data)
        self.usual = isinstance(fed, list) and self._take_usual_answers(fed)
        if self.usual:
            return fed  # type: ignore[return-value]
        answers: list[Reply] = []  # a violation carries them too: an earlier answer still counts
        try:
            for reply in fed:
                if self.state is State.CLOSED:  # it has said 421: anything after that is ignored
                    break
                if self._take_reply(reply):
                    answers.append(reply)
        except ProtocolViolation as violation:
            self.state = State.CLOSED
            violation.answers = answers
            if violation.raw is not None:
                transcript = self._expected[0][2] if self._expected else self.transcript
                transcript.note_stray_line(violation.raw)
                violation.mask_line(transcript.mask)
            raise
        return answers

    def _take_usual_answers(self, replies: list[Reply]) -> bool:
        """Take all answers at once if an envelope, alone or after a message, got the usual ones; tell whether so."""
        expected = self._expected
        if not expected:
            return False
        verb, group, transcript = expected[-1]
        if verb != _GROUP or not isinstance(group, EnvelopeGroup):
            return False
        codes = [reply.code for reply in replies]
        if len(expected) == 2 and expected[0][0] == "END" and codes == [250, *group.usual]:
            expected[0][2].note_replies(replies[0])
            transcript.note_replies(replies[1:])
        elif len(expected) == 1 and codes == group.usual:
            transcript.note_replies(replies)
        else:
            return False
        expected.clear()
        self.state = State.CONTENT if codes[-1] == 354 else State.ENVELOPE
        return True

    def _take_reply(self, reply: Reply) -> bool:
        """Take a reply; tell whether it answers a command."""
        expected = self._expected
        if not expected:
            return self._take_unasked_reply(reply)
        verb, argument, transcript = expected[0]
        if isinstance(argument, EnvelopeGroup):
            expected.popleft()
            expected.extendleft((verb, argument, transcript) for verb, argument in reversed(argument.verbs))
            verb, _, transcript = expected[0]
        # A challenge is half of a login: with the other half, the password could be attacked offline.
        login = verb == "AUTH" and reply.code == 334 and reply.lines[0].strip()
        transcript.note_replies(Reply(334, (MASK.encode(),)) if login else reply)
        self._move_state(verb, reply)  # if this raises, the command counts as unanswered
        if expected:
            expected.popleft()
        return True

    def _take_unasked_reply(self, reply: Reply) -> bool:
        self.transcript.note_replies(reply)
        if self.state is State.TLS:
            raise self._leftover_violation()
        if reply.code == 421:
            self.state = State.CLOSED
            return False
        if self.greeting is not None and self.greeting.code == 421:  # it is closing: what it says after that is ignored
            return False
        raise ProtocolViolation("unsolicited", f'the server sent a reply to nothing: "{reply}"', str(reply))

    def _move_state(self, verb: str, reply: Reply) -> None:
        if reply.code == 421 and verb != "BANNER":
            self.state = State.CLOSED
            self._expected.clear()
        elif verb not in _MOVELESS:
            after = RECEIVES.get((verb, reply.code // 100))
            if after is None:
                raise ProtocolViolation("unexpected", f'the server answered {verb} with "{reply}"', str(reply))
            self.state = after
            self._note_answer(verb, reply)
        elif reply.code // 100 == 3 or (verb == "CUT" and reply.positive):
            raise ProtocolViolation("unexpected", f'the server answered {verb} with "{reply}"', str(reply))

    def _note_answer(self, verb: str, reply: Reply) -> None:
        if verb == "BANNER":
            self.greeting = reply
        elif verb in ("EHLO", "HELO") and reply.positive:
            offered = _parse_extensions(reply) if verb == "EHLO" else {}
            self.extensions = {name: rest for name, rest in offered.items() if name not in self.ignored}
        elif verb == "STARTTLS" and reply.positive:
            self.extensions = {}
            if not self._parser.empty:
                raise self._leftover_violation()

    def _leftover_violation(self) -> ProtocolViolation:
        return ProtocolViolation(
            "bytes-before-tls",
            "the server sent more than its answer to STARTTLS before TLS began: someone may be injecting commands",
        )

    def enter_tls(self, description: str) -> None:
        """Continue inside TLS. Raises ProtocolViolation if bytes from before TLS are left over."""
        if self.state is not State.TLS:
            raise Misuse("TLS was not agreed on")
        if not self._parser.empty:
            self.state = State.CLOSED
            raise self._leftover_violation()
        self.transcript.note_event(f"TLS is established: {description}")
        self.tls = True
        self.state = State.GREETED

    # -- bytes out ---------------------------------------------------------------------------------------------------

    def data_to_send(self) -> bytes:
        """Return the bytes to send now, and remove them from the engine."""
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._end_sent_at, self._end_at = self._end_at, 0
        return data

    def _send(self, verb: str, line: str, argument: str = "", shown: str | None = None) -> None:
        after = SENDS.get((self.state, verb))
        if after is None:
            raise self._misuse(verb)
        if self._expected and not self.pipelining:
            raise Misuse(f"{verb} cannot be sent before the server answers the last command")
        self._out.append(line.encode("utf-8") + b"\r\n")
        self.transcript.note_sent(line if shown is None else shown)
        self._expected.append(("AUTH" if verb == "RESPONSE" else verb, argument, self.transcript))
        self.state = after

    def _misuse(self, what: str) -> Misuse:
        return Misuse(f"{what} cannot be sent now; the protocol allows {self.state.value}")

    def greet(self, name: str, *, extended: bool = True) -> None:
        """Send EHLO (or HELO) with the name of this host."""
        check_field(name, "the EHLO name")
        if not name or " " in name or not name.isascii():
            raise WireError("the EHLO name", "the EHLO name is empty, contains a blank or is not ASCII")
        verb = "EHLO" if extended else "HELO"
        self._send(verb, f"{verb} {name}")

    def starttls(self) -> None:
        """Ask for TLS."""
        if self.tls:
            raise Misuse("TLS is established already")
        self._send("STARTTLS", "STARTTLS")

    def auth(self, mechanism: str, initial: bytes | None) -> None:
        """Begin a login. An initial response that is too long for the line is left out: see :meth:`fits`.

        The driver answers challenges with :meth:`respond`, the first one with a response that was left out.
        """
        check_field(mechanism, "the login mechanism")
        line = f"AUTH {mechanism}"
        if initial is None or not self.fits(mechanism, initial):
            self._send("AUTH", line, mechanism)
        else:
            encoded = base64.b64encode(initial).decode("ascii") or "="
            self._send("AUTH", f"{line} {encoded}", mechanism, f"{line} {MASK}")

    @staticmethod
    def fits(mechanism: str, initial: bytes) -> bool:
        """Tell whether an initial response fits into the AUTH line (RFC 4954, section 4)."""
        return len(mechanism) + len(initial) * 4 // 3 + 12 <= _LONGEST_COMMAND

    def respond(self, response: bytes | None) -> None:
        """Answer a login challenge; None gives the login up."""
        line = "*" if response is None else base64.b64encode(response).decode("ascii")
        self._send("RESPONSE", line, "", "*" if response is None else MASK)

    def mail(self, sender: str, parameters: str = "") -> None:
        """Begin a transaction. ``parameters`` is the text after the address, with its leading blank."""
        path = check_path(sender, "the sender address")
        self._send("MAIL", f"MAIL FROM:<{path}>{check_field(parameters, 'a parameter of MAIL')}", sender)

    def rcpt(self, recipient: str, parameters: str = "") -> None:
        """Name a recipient."""
        path = check_path(recipient, "a recipient address")
        self._send("RCPT", f"RCPT TO:<{path}>{check_field(parameters, 'a parameter of RCPT')}", recipient)

    def make_group(
        self, sender: str, recipients: Sequence[str], parameters: tuple[str, str] = ("", ""), *, data: bool
    ) -> EnvelopeGroup:
        """Return the commands that name sender and recipients, to be sent together. With ``data`` the last one is DATA.

        ``parameters`` are those of MAIL and of RCPT. Raises WireError for a field that may not go on the wire.
        """
        for_mail, for_rcpt = parameters
        if for_mail or for_rcpt:
            check_field(for_mail, "a parameter of MAIL")
            check_field(for_rcpt, "a parameter of RCPT")
        text = f"MAIL FROM:<{check_path(sender, 'the sender address')}>{for_mail}\r\n"
        for one in recipients:
            text += f"RCPT TO:<{check_path(one, 'a recipient address')}>{for_rcpt}\r\n"
        if data:
            text += "DATA\r\n"
        return EnvelopeGroup(sender, recipients, text.encode(), _usual_codes(len(recipients), data))

    def send_envelope(self, group: EnvelopeGroup) -> None:
        """Send an envelope as one group (RFC 2920)."""
        if self.state is not State.SESSION or "PIPELINING" not in self.extensions:
            raise self._misuse("an envelope in one group")
        self.transcript.note_group(group.data)
        self._out.append(group.data)
        self._expected.append((_GROUP, group, self.transcript))
        self.state = State.WAITING if group.with_data else State.ENVELOPE

    def send_message(self, size: int, wire: bytes) -> None:
        """Send a whole message and the dot that ends it. ``wire`` comes from :func:`~confobjects.mail.wire.stuff_message`."""
        if self.state is not State.CONTENT:
            raise self._misuse("content")
        self._out.append(wire)
        self._end_at = sum(map(len, self._out))
        self.transcript.note_content(size)
        self._expected.append(("END", "", self.transcript))
        self.state = State.SESSION

    def abandon(self) -> None:
        """End the conversation and send nothing more. The server never delivers a message that has no final dot."""
        self._out.clear()
        self._expected.clear()
        self.state = State.CLOSED

    def note_cut(self, handed_over: int) -> None:
        """Note that the last bytes could not be sent: the server has at most ``handed_over`` of them.

        What it still says is then the answer to a message without its end. It can only be a refusal.
        """
        expected = self._expected
        if self.state is State.CONTENT and not expected:
            expected.append(("CUT", "", self.transcript))
        for place, (verb, _, transcript) in enumerate(expected):
            if verb in ("END", "BDAT LAST") and handed_over < self._end_sent_at:
                expected[place] = ("CUT", "", transcript)

    def data(self) -> None:
        """Ask the server to accept the content."""
        self._send("DATA", "DATA")

    def send_content(self, piece: bytes) -> None:
        """Send a piece of the message. Line ends become CRLF, and dots are stuffed here."""
        if self.state is not State.CONTENT:
            raise self._misuse("content")
        self._stuffer = self._stuffer or DotStuffer()
        self._out.append(self._stuffer.feed(piece))

    def end_content(self, size: int = 0) -> None:
        """Send the dot that ends the content. ``size`` is for the transcript."""
        if self.state is not State.CONTENT:
            raise self._misuse("the final dot")
        self._out.append((self._stuffer or DotStuffer()).finish())
        self._end_at = sum(map(len, self._out))
        self._stuffer = None
        self.transcript.note_content(size)
        self._expected.append(("END", "", self.transcript))
        self.state = State.SESSION

    def bdat(self, piece: bytes, *, last: bool) -> None:
        """Send a piece of the message by BDAT (RFC 3030). The caller has already made its line ends CRLF."""
        if "CHUNKING" not in self.extensions:
            raise Misuse("BDAT was not offered")
        self._send("BDAT LAST" if last else "BDAT", f"BDAT {len(piece)}{' LAST' if last else ''}")
        self._out.append(piece)
        self._end_at = sum(map(len, self._out))

    def rset(self) -> None:
        """Cancel the transaction."""
        self._send("RSET", "RSET")

    def noop(self) -> None:
        """Check that the server still answers."""
        self._send("NOOP", "NOOP")

    def quit(self) -> None:
        """Say goodbye."""
        self._send("QUIT", "QUIT")


def _parse_extensions(reply: Reply) -> dict[str, str]:
    """Return the extensions of an EHLO answer: keyword in capitals -> parameters. Several AUTH lines are joined."""
    found: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.decode("ascii", "replace").strip().partition(" ")
        name = keyword.upper()
        if name.startswith("AUTH="):  # the form of servers older than RFC 4954
            name, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        found[name] = f"{found[name]} {parameters}" if name in found else parameters
    return found
