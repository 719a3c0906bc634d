"""Whatever a server says, and whatever a message holds: no surprise, nothing in clear, nothing malformed on the wire."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.mail.diagnosis import Trouble, diagnose
from confobjects.mail.dialogue import Dialogue, log_in, open_session, say_goodbye
from confobjects.mail.envelope import make_envelope
from confobjects.mail.failures import TABLE
from confobjects.mail.message import fit_to_extensions
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.mail.replies import ProtocolViolation
from confobjects.mail.smtp import SmtpClient
from confobjects.mail.transaction import deliver
from confobjects.mail.wire import DotStuffer
from tests.servers import mail_server

PASSWORD = "canary-hunter2"

LINES = st.sampled_from(
    [b"", b"ok", b"5.7.8 no", b"PIPELINING", b"STARTTLS", b"AUTH PLAIN LOGIN", b"AUTH CRAM-MD5 SCRAM-SHA-256",
     b"SIZE 10", b"SIZE", b"CHUNKING", b"8BITMIME", b"SMTPUTF8", b"DSN", b"UGFzczo=", b"cj0x", b"\xff\xfe"]
)  # fmt: skip
CODES = st.sampled_from([220, 221, 235, 250, 250, 250, 334, 354, 421, 450, 500, 535, 550, 554])


@st.composite
def replies(draw: st.DrawFn) -> bytes:
    """A reply as servers give them, mostly; sometimes any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(min_size=1, max_size=40)) + b"\r\n"
    code, lines = draw(CODES), draw(st.lists(LINES, min_size=1, max_size=5))
    marks = [b"-"] * (len(lines) - 1) + [b" "]
    return b"".join(b"%d%s%s\r\n" % (code, mark, line) for mark, line in zip(marks, lines, strict=True))


def likely(*codes: int) -> st.SearchStrategy[bytes]:
    """A reply that lets the conversation go on, most of the time."""
    good = st.tuples(st.sampled_from(codes), st.lists(LINES, min_size=1, max_size=5)).map(
        lambda drawn: b"".join(
            b"%d%s%s\r\n" % (drawn[0], b" " if number == len(drawn[1]) else b"-", line)
            for number, line in enumerate(drawn[1], 1)
        )
    )
    return st.integers(0, 11).flatmap(lambda chance: replies() if chance == 7 else good)


OFFERS = st.lists(
    st.sampled_from([b"PIPELINING", b"CHUNKING", b"8BITMIME", b"SMTPUTF8", b"DSN", b"SIZE 10", b"SIZE 9999"]),
    max_size=4,
)


def offering() -> st.SearchStrategy[bytes]:
    """An answer to EHLO that mostly offers STARTTLS and a login."""
    good = OFFERS.map(
        lambda more: (
            b"250-fake\r\n" + b"".join(b"250-%s\r\n" % one for one in more) + b"250-STARTTLS\r\n250 AUTH PLAIN\r\n"
        )
    )
    return st.integers(0, 11).flatmap(lambda chance: replies() if chance == 7 else good)


class Server:
    """Drives a conversation with what is drawn, and keeps what was sent, with whether TLS was up."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.client = SmtpClient()
        self.sent: list[tuple[bool, bytes]] = []

    def expected(self, sent: bytes) -> st.SearchStrategy[bytes]:
        verb = sent.split(b" ")[0].strip()
        if verb == b"EHLO":
            return offering()
        codes = {b"": (220, 250), b"STARTTLS": (220,), b"DATA": (354,), b"AUTH": (235, 235, 334)}
        return likely(*codes.get(verb, (250, 250, 354)))

    def drive(self, dialogue: Dialogue[Any]) -> Any:
        try:
            step = next(dialogue)
            while True:
                sent = self.client.data_to_send()
                self.sent.append((self.client.tls, sent))
                if step.stage == "tls":
                    self.client.enter_tls("TLSv1.3")
                    step = dialogue.send(())
                    continue
                found: list[Any] = []
                while len(found) < step.answers and not self.client.closed:
                    answers = self.client.receive(self.data.draw(self.expected(sent)))
                    found.extend(answers)
                step = dialogue.send(found)
        except StopIteration as end:
            return end.value


PLANS: list[DeliveryPlan] = [
    plan_delivery(mail_server(587, *settings_, auth_username="ann", auth_password=PASSWORD))
    for settings_ in (
        (),
        ("mail.smtp.sendpartial=true",),
        ("mail.smtp.chunksize=10",),
        ("mail.smtp.dsn.notify=SUCCESS", "mail.smtp.submitter=a b", "mail.smtp.allow8bitmime=true"),
    )
]


@given(st.data(), st.sampled_from(PLANS))
@settings(max_examples=300)
def test_no_server_gets_a_password_or_a_mail_in_clear_or_anything_malformed(
    data: st.DataObject, plan: DeliveryPlan
) -> None:
    server = Server(data)
    envelope = make_envelope("ann@example.com", ["bob@example.com", "bib@example.com"])
    assert plan.login is not None
    try:
        server.drive(open_session(server.client, plan, "me.example"))
        server.drive(log_in(server.client, plan.login, "nonce"))
        server.drive(deliver(server.client, plan, envelope, b"Subject: x\n\n.\nhello\r"))
        server.drive(say_goodbye(server.client, plan))
    except Trouble as trouble:
        ended = trouble
    except ProtocolViolation as violation:
        ended = Trouble.of("ehlo", violation)
    else:
        ended = Trouble("quit", "closed")
    assert diagnose(ended, {}, server.client.transcript.mask).code in TABLE
    in_clear = b"".join(sent for tls, sent in server.sent if not tls)
    verbs = {line.split(b" ")[0] for line in in_clear.split(b"\r\n")}
    assert verbs <= {b"", b"EHLO", b"STARTTLS", b"QUIT"}
    everything = b"".join(sent for _, sent in server.sent)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", everything)
    assert PASSWORD not in "\n".join(server.client.transcript.lines)


@given(st.data(), st.sampled_from(PLANS))
@settings(max_examples=200)
def test_nothing_that_was_not_taken_is_said_to_be(data: st.DataObject, plan: DeliveryPlan) -> None:
    """A delivery that returns was answered with success, for at least one recipient."""
    server = Server(data)
    server.client = SmtpClient(tls=True)
    server.client.receive(b"220 hi\r\n")
    server.client.greet("me.example")
    server.client.receive(data.draw(st.sampled_from(
        [b"250 hi\r\n", b"250-hi\r\n250 PIPELINING\r\n", b"250-hi\r\n250-CHUNKING\r\n250 PIPELINING\r\n"]
    )))  # fmt: skip
    server.client.data_to_send()
    envelope = make_envelope("ann@example.com", ["bob@example.com", "bib@example.com"])
    try:
        outcome = server.drive(deliver(server.client, plan, envelope, b"Subject: x\r\n\r\nhello\r\n"))
    except (Trouble, ProtocolViolation):
        return
    assert outcome.final.positive
    assert any(reply.positive for _, reply in outcome.recipients)
    assert plan.options.send_partial or all(reply.positive for _, reply in outcome.recipients)


# -- the writer --------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\x85"))
BODIES = st.lists(TEXTS, min_size=1, max_size=8).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(TEXTS, BODIES, st.binary(max_size=200), st.sampled_from(["", "8BITMIME", "8BITMIME SMTPUTF8"]), st.booleans())
@settings(max_examples=150)
def test_a_message_arrives_as_it_was_written(
    subject: str, body: str, attachment: bytes, offered: str, keep_8bit: bool
) -> None:
    message = EmailMessage()
    message["From"] = "ann@example.com"
    message["To"] = "bob@example.com"
    message["Subject"] = subject
    message.set_content(body)
    message.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="a.bin")
    content = fit_to_extensions(
        message,
        extensions=dict.fromkeys(offered.split(), ""),
        utf8_wanted="SMTPUTF8" in offered,
        keep_8bit=keep_8bit,
        utf8_needed="",
    )
    stuffer = DotStuffer()
    wire = b"".join(stuffer.feed(piece) for piece in content.pieces()) + stuffer.finish()
    assert wire.endswith(b"\r\n.\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|\0", wire)
    assert max(map(len, wire.split(b"\r\n"))) <= 999
    assert b"\r\n.\r\n" not in wire[:-3]
    assert content.eight_bit or wire.isascii()
    received = email.message_from_bytes(unstuffed(wire), policy=email.policy.SMTPUTF8)
    text, file = received.iter_parts()
    assert str(received["subject"]).split() == str(message["subject"]).split()
    assert text.get_content().replace("\r\n", "\n") == body
    assert file.get_content() == attachment


def unstuffed(wire: bytes) -> bytes:
    """Undo what a server undoes (RFC 5321, section 4.5.2)."""
    lines = wire.removesuffix(b".\r\n").split(b"\r\n")
    return b"\r\n".join(line.removeprefix(b".") if line.startswith(b".") else line for line in lines)
