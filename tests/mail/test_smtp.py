"""The engine: its tables, its laws, and conversations told over lists of bytes."""

from __future__ import annotations

import base64
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import Trouble, diagnose
from confobjects.mail.dialogue import Dialogue, log_in, open_session
from confobjects.mail.envelope import make_envelope
from confobjects.mail.plan import DeliveryPlan, SmtpLogin
from confobjects.mail.planning import plan_delivery
from confobjects.mail.replies import ProtocolViolation
from confobjects.mail.smtp import Misuse, SmtpClient
from confobjects.mail.states import RECEIVES, SENDS, State
from confobjects.mail.transaction import DeliveryOutcome, deliver
from tests.servers import mail_server

FULL = (
    b"250-hi\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-SIZE 1000\r\n250-DSN\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
)
SLOW = b"250-hi\r\n250 SIZE 1000\r\n"


def converse(client: SmtpClient, dialogue: Dialogue[Any], *answers: bytes) -> tuple[Any, list[bytes]]:
    """Drive a conversation: one piece of bytes per step; return its result and what was sent at each step."""
    script, sent = list(answers), []
    try:
        step = next(dialogue)
        while True:
            sent.append(client.data_to_send())
            if step.stage == "tls":
                client.enter_tls("TLSv1.3 test")
                step = dialogue.send(())
                continue
            found: list[Any] = []
            while len(found) < step.answers and client.state is not State.CLOSED:
                found.extend(client.receive(script.pop(0)))
            step = dialogue.send(found)
    except StopIteration as end:
        assert script == []
        return end.value, sent
    except Trouble as trouble:
        trouble.add_note(repr(sent))
        raise


def session(extensions: bytes = FULL) -> SmtpClient:
    client = SmtpClient(tls=True)
    client.receive(b"220 hi\r\n")
    client.greet("me.example")
    client.receive(extensions)
    client.data_to_send()
    return client


def plan(*settings: str, **values: Any) -> DeliveryPlan:
    return plan_delivery(mail_server(587, *settings, **values))


# -- tables ------------------------------------------------------------------------------------------------------------


def test_every_state_can_be_left_or_is_an_end() -> None:
    sending = {state for state, _ in SENDS}
    assert set(State) - sending == {State.BANNER, State.TLS, State.WAITING, State.CLOSED}
    reached = {State.BANNER, *SENDS.values(), *RECEIVES.values()}
    assert reached == set(State)


@given(
    st.lists(
        st.sampled_from(["greet", "starttls", "auth", "mail", "rcpt", "data", "end_content", "rset", "noop", "quit"])
    )
)
def test_no_order_of_calls_sends_what_the_tables_do_not_allow(calls: list[str]) -> None:
    client = session()
    arguments = {"greet": ("me",), "auth": ("PLAIN", b"x"), "mail": ("a@b",), "rcpt": ("c@d",)}
    for call in calls:
        before = client.state
        verb = {"greet": "EHLO"}.get(call, call.upper())
        try:
            getattr(client, call)(*arguments.get(call, ()))
        except Misuse:
            assert (before, verb) not in SENDS or verb == "STARTTLS"
            assert client.data_to_send() == b""
        else:
            assert (before, verb) in SENDS
            client.data_to_send()


def test_without_pipelining_a_command_waits_for_the_last_answer() -> None:
    client = session(SLOW)
    client.mail("a@b.example")
    with pytest.raises(Misuse):
        client.rcpt("c@d.example")


# -- laws --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        [b"220 go\r\n250 injected\r\n"],
        [b"220 go\r\n250 inj"],
        [b"220 go\r\n", b"250 injected\r\n"],
        [b"220 go\r\n\x16\x03"],
    ],
)
def test_bytes_left_before_tls_end_the_conversation(pieces: list[bytes]) -> None:
    client = SmtpClient()
    client.receive(b"220 hi\r\n")
    client.greet("me")
    client.receive(FULL)
    client.starttls()

    def go_on() -> None:
        for piece in pieces:
            client.receive(piece)
        client.enter_tls("x")

    with pytest.raises(ProtocolViolation) as caught:
        go_on()
    assert caught.value.kind == "bytes-before-tls"
    assert client.state is State.CLOSED


def test_what_was_offered_in_clear_is_forgotten() -> None:
    client = SmtpClient()
    client.receive(b"220 hi\r\n")
    client.greet("me")
    client.receive(FULL)
    client.starttls()
    client.receive(b"220 go\r\n")
    assert (client.extensions, client.state) == ({}, State.TLS)


def test_a_reply_to_nothing_ends_the_conversation_but_421_closes_it() -> None:
    client = session()
    with pytest.raises(ProtocolViolation) as caught:
        client.receive(b"250 what\r\n")
    assert caught.value.kind == "unsolicited"
    client = session()
    assert client.receive(b"421 bye\r\n") == []
    assert client.state is State.CLOSED


def test_what_a_server_says_after_it_refused_in_its_greeting_counts_for_nothing() -> None:
    """Postfix does so where it requires a certificate of the client."""
    client = SmtpClient()
    assert [reply.code for reply in client.receive(b"421 4.7.1 no certificate\r\n220 mx.test ESMTP\r\n")] == [421]
    client = SmtpClient()
    with pytest.raises(ProtocolViolation):
        client.receive(b"554 go away\r\n220 mx.test ESMTP\r\n")


def test_a_closed_connection_is_a_violation() -> None:
    with pytest.raises(ProtocolViolation) as caught:
        session().receive(b"")
    assert caught.value.kind == "closed"


@pytest.mark.parametrize("answer", [b"354 what\r\n", b"334 what\r\n"])
def test_an_answer_that_asks_for_more_where_there_is_no_more(answer: bytes) -> None:
    client = session()
    client.mail("a@b")
    with pytest.raises(ProtocolViolation):
        client.receive(answer)


@pytest.mark.parametrize(
    ("line", "limit"),
    [
        (b"SIZE 100", 100),
        (b"SIZE", None),
        (b"SIZE 0", None),
        (b"SIZE x", None),
        (b"size 7", 7),
        (b"SIZE " + b"9" * 1500, None),
    ],
)
def test_the_size_limit(line: bytes, limit: int | None) -> None:
    assert session(b"250-hi\r\n250 " + line + b"\r\n").size_limit == limit


def test_auth_lines_add_up_in_old_and_new_spelling() -> None:
    client = session(b"250-hi\r\n250-AUTH PLAIN login\r\n250 AUTH=LOGIN XOAUTH2\r\n")
    assert client.mechanisms == ("PLAIN", "LOGIN", "XOAUTH2")


# -- session -----------------------------------------------------------------------------------------------------------


def test_starttls_is_done_before_anything_else() -> None:
    client = SmtpClient()
    _, sent = converse(
        client, open_session(client, plan(), "me.example"), b"220 hi\r\n", FULL, b"220 go\r\n", b"250 hi again\r\n"
    )
    assert sent == [b"", b"EHLO me.example\r\n", b"STARTTLS\r\n", b"", b"EHLO me.example\r\n"]
    assert client.tls
    assert client.extensions == {}


@pytest.mark.parametrize(
    ("answers", "stage", "code"),
    [
        ([b"554 go away\r\n"], "banner", "banner-refused"),
        ([b"421 busy\r\n"], "banner", "banner-busy"),
        ([b"220 hi\r\n", b"550 who\r\n"], "ehlo", "ehlo-refused"),
        ([b"220 hi\r\n", b"250 hi\r\n"], "starttls", "starttls-not-offered"),
        ([b"220 hi\r\n", FULL, b"454 4.7.0 no\r\n"], "starttls", "starttls-unavailable"),
        ([b"220 hi\r\n", FULL, b"502 no\r\n"], "starttls", "starttls-refused"),
        ([b"220 hi\r\n", FULL, b"220 go\r\n", b"501 bad name\r\n"], "ehlo-tls", "ehlo-refused"),
    ],
)
def test_a_session_that_cannot_be_secured_sends_nothing_more(answers: list[bytes], stage: str, code: str) -> None:
    client = SmtpClient()
    with pytest.raises(Trouble) as caught:
        converse(client, open_session(client, plan(), "me.example"), *answers)
    diagnosis = diagnose(caught.value, {})
    assert (diagnosis.stage, diagnosis.code) == (stage, code)
    assert not any(verb in caught.value.__notes__[0] for verb in ("AUTH", "MAIL"))


def test_a_server_that_does_not_know_ehlo_gets_helo_only_where_no_tls_is_wanted() -> None:
    client = SmtpClient()
    clear = plan(use_start_tls=False)
    _, sent = converse(client, open_session(client, clear, "me"), b"220 hi\r\n", b"502 what\r\n", b"250 hi\r\n")
    assert sent[-1] == b"HELO me\r\n"
    client = SmtpClient()
    with pytest.raises(Trouble):
        converse(client, open_session(client, plan(), "me"), b"220 hi\r\n", b"502 what\r\n")


def test_opportunistic_starttls_goes_on_in_clear() -> None:
    client = SmtpClient()
    weak = plan("mail.smtp.starttls.required=false", "confobjects.allow-insecure=opportunistic-starttls")
    converse(client, open_session(client, weak, "me"), b"220 hi\r\n", b"250 hi\r\n")
    assert not client.tls


# -- login -------------------------------------------------------------------------------------------------------------

ANN = SmtpLogin("ann", "canary-päss")


def test_one_login_with_one_mechanism_in_utf8() -> None:
    client = session()
    name, sent = converse(client, log_in(client, ANN, "nonce"), b"235 ok\r\n")
    assert name == "PLAIN"
    [line] = sent
    assert base64.b64decode(line.split()[2]) == "\0ann\0canary-päss".encode()
    assert "canary" not in str(client.transcript.lines)
    assert line.split()[2].decode() not in str(client.transcript.lines)


def test_a_refused_login_is_not_tried_again() -> None:
    client = session()
    with pytest.raises(Trouble) as caught:
        converse(client, log_in(client, ANN, "nonce"), b"535 5.7.8 no\r\n")
    assert diagnose(caught.value, {}).code == "auth-rejected"
    assert caught.value.__notes__[0].count("AUTH") == 1


@pytest.mark.parametrize(
    ("login", "extensions", "code"),
    [
        (ANN, b"250 hi\r\n", "auth-not-offered"),
        (SmtpLogin("ann", "x", mechanisms=("CRAM-MD5",)), FULL, "auth-no-common-mechanism"),
        (SmtpLogin("ann", token="t"), FULL, "auth-no-common-mechanism"),
        (SmtpLogin("ann", "x", disabled=frozenset({"PLAIN", "LOGIN"})), FULL, "auth-no-common-mechanism"),
    ],
)
def test_a_login_that_cannot_be_tried(login: SmtpLogin, extensions: bytes, code: str) -> None:
    client = session(extensions)
    with pytest.raises(Trouble) as caught:
        converse(client, log_in(client, login, "nonce"))
    assert diagnose(caught.value, {}).code == code


def test_no_login_in_clear_unless_allowed() -> None:
    client = session()
    client.tls = False
    with pytest.raises(Trouble) as caught:
        converse(client, log_in(client, ANN, "nonce"))
    assert caught.value.kind == "auth-in-clear"
    weak = SmtpLogin("ann", "x", in_clear=True)
    assert converse(client, log_in(client, weak, "nonce"), b"235 ok\r\n")[0] == "PLAIN"


def test_a_long_response_waits_for_the_challenge() -> None:
    client = session(b"250-hi\r\n250 AUTH XOAUTH2\r\n")
    login = SmtpLogin("ann", token="t" * 2000)
    _, sent = converse(client, log_in(client, login, "n"), b"334 \r\n", b"235 ok\r\n")
    assert sent[0] == b"AUTH XOAUTH2\r\n"
    assert base64.b64decode(sent[1]).startswith(b"user=ann\x01auth=Bearer tttt")
    assert "tttt" not in str(client.transcript.lines)


def test_a_refused_token_tells_what_the_provider_said() -> None:
    client = session(b"250-hi\r\n250 AUTH XOAUTH2\r\n")
    challenge = base64.b64encode(b'{"status":"400","scope":"mail"}')
    with pytest.raises(Trouble) as caught:
        converse(
            client, log_in(client, SmtpLogin("ann", token="t"), "n"), b"334 " + challenge + b"\r\n", b"535 5.7.8 no\r\n"
        )
    diagnosis = diagnose(caught.value, {})
    assert diagnosis.code == "auth-token-rejected"
    assert 'status "400", scope "mail"' in diagnosis.summary


def test_a_server_that_goes_on_asking_is_left() -> None:
    client = session()
    with pytest.raises(Trouble) as caught:
        converse(client, log_in(client, ANN, "n"), b"334 eA==\r\n", b"501 cancelled\r\n")
    assert caught.value.kind == "auth-protocol"
    assert "*" in client.transcript.lines[-2]


# -- transaction -------------------------------------------------------------------------------------------------------


def message(text: str = "hello\n") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "test"
    mail.set_content(text)
    return mail


def sent_to(
    client: SmtpClient, to: list[str], *answers: bytes, settings: tuple[str, ...] = ()
) -> tuple[DeliveryOutcome, list[bytes]]:
    envelope = make_envelope("me@example.com", to)
    return converse(client, deliver(client, plan(*settings), envelope, message()), *answers)


OK = b"250 ok\r\n"


def test_one_recipient_takes_two_round_trips() -> None:
    outcome, sent = sent_to(session(), ["a@b.example"], OK + OK + b"354 go\r\n", b"250 queued\r\n")
    assert len(sent) == 2
    assert sent[0].split(b"\r\n")[1:] == [b"RCPT TO:<a@b.example>", b"DATA", b""]
    assert sent[1].endswith(b"hello\r\n.\r\n")
    assert outcome.final.text == "queued"


def test_without_pipelining_each_command_waits() -> None:
    outcome, sent = sent_to(session(SLOW), ["a@b", "c@d"], OK, OK, OK, b"354 go\r\n", b"250 queued\r\n")
    assert [line.split(b" ")[0].strip() for line in sent[:4]] == [b"MAIL", b"RCPT", b"RCPT", b"DATA"]
    assert [reply.code for _, reply in outcome.recipients] == [250, 250]


CHUNKS = b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"


@pytest.mark.parametrize("extensions", [CHUNKS, SLOW])
def test_all_or_nothing_is_the_rule(extensions: bytes) -> None:
    client = session(extensions)
    answers = [OK, OK, b"550 5.1.1 no such user\r\n", b"250 reset\r\n"]
    with pytest.raises(Trouble) as caught:
        sent_to(client, ["a@b", "c@d"], *answers)
    assert diagnose(caught.value, {}).code == "no-such-recipient"
    assert "DATA" not in caught.value.__notes__[0]
    assert client.state is State.SESSION


def test_all_or_nothing_takes_two_round_trips() -> None:
    to = ["a@b", "c@d", "e@f"]
    _, sent = sent_to(session(), to, OK * 4 + b"354 go\r\n", OK)
    assert sent[0].endswith(b"DATA\r\n")
    assert len(sent) == 2
    _, sent = sent_to(session(CHUNKS), to, OK * 4, OK)
    assert sent[1].startswith(b"BDAT 119 LAST\r\n")
    assert len(sent) == 2


@pytest.mark.parametrize("go_ahead", [b"354 go\r\n", b"451 not now\r\n"])
def test_data_that_was_let_begin_for_some_is_left_without_its_end(go_ahead: bytes) -> None:
    client = session()
    reset = [] if go_ahead.startswith(b"354") else [b"250 reset\r\n"]
    with pytest.raises(Trouble) as caught:
        sent_to(client, ["a@b", "c@d"], OK + OK + b"550 5.1.1 no\r\n" + go_ahead, *reset)
    assert diagnose(caught.value, {}).code == "no-such-recipient"
    assert "hello" not in caught.value.__notes__[0]
    assert "b'.\\r\\n'" not in caught.value.__notes__[0]
    assert client.state is (State.SESSION if reset else State.CLOSED)


@pytest.mark.parametrize("extensions", [FULL, SLOW])
def test_sendpartial_sends_to_the_good_ones(extensions: bytes) -> None:
    answers = [OK, OK, b"550 5.1.1 no\r\n", b"354 go\r\n", b"250 queued\r\n"]
    outcome, _ = sent_to(session(extensions), ["a@b", "c@d"], *answers, settings=("mail.smtp.sendpartial=true",))
    assert [reply.code for _, reply in outcome.recipients] == [250, 550]
    assert outcome.final.code == 250


@pytest.mark.parametrize("go_ahead", [b"354 go\r\n", b"554 no valid recipients\r\n"])
def test_nobody_accepted_after_data_was_sent_along(go_ahead: bytes) -> None:
    client = session()
    end = [b"554 nobody\r\n"] if go_ahead.startswith(b"354") else []
    with pytest.raises(Trouble) as caught:
        sent_to(client, ["a@b"], OK + b"550 5.7.1 relaying denied\r\n" + go_ahead, *end, b"250 reset\r\n")
    assert diagnose(caught.value, {}).code == "relay-denied"
    assert "hello" not in caught.value.__notes__[0]
    assert client.state is State.SESSION


def test_a_refused_sender_with_data_sent_along() -> None:
    client = session()
    with pytest.raises(Trouble) as caught:
        sent_to(client, ["a@b"], b"553 5.7.1 not yours\r\n503 no\r\n503 no\r\n", b"250 reset\r\n")
    assert diagnose(caught.value, {"sender": "me"}).code == "sender-refused"


def test_a_server_that_closes_in_the_middle_of_a_group() -> None:
    client = session()
    with pytest.raises(Trouble) as caught:
        sent_to(client, ["a@b"], OK + b"421 4.3.2 shutting down\r\n")
    assert diagnose(caught.value, {}).code == "closing"
    assert client.state is State.CLOSED


def test_a_message_over_the_limit_is_not_begun() -> None:
    client = session()
    envelope = make_envelope("me@example.com", ["a@b"])
    with pytest.raises(Trouble) as caught:
        converse(client, deliver(client, plan(), envelope, b"x" * 1001))
    diagnosis = diagnose(caught.value, {})
    assert diagnosis.code == "message-too-large"
    assert diagnosis.summary.endswith(": it has 1003 bytes, the server accepts 1000")


def test_parameters_are_those_of_the_extensions_offered() -> None:
    settings = (
        "mail.smtp.dsn.ret=HDRS",
        "mail.smtp.dsn.notify=FAILURE",
        "mail.smtp.submitter=a+b@c",
        "mail.smtp.mailextension=X=1",
    )
    answers = (OK + OK + b"354 go\r\n", b"250 queued\r\n")
    _, sent = sent_to(session(), ["a@b"], *answers, settings=settings)
    mail, rcpt, *_ = sent[0].split(b"\r\n")
    assert mail.split(b" ")[2:] == [b"SIZE=119", b"RET=HDRS", b"AUTH=a+2Bb@c", b"X=1"]
    assert rcpt == b"RCPT TO:<a@b> NOTIFY=FAILURE"
    _, sent = sent_to(session(SLOW), ["a@b"], OK, OK, b"354 go\r\n", b"250 queued\r\n", settings=settings[:3])
    assert sent[0] == b"MAIL FROM:<me@example.com> SIZE=119\r\n"


def test_eight_bit_content_needs_8bitmime() -> None:
    envelope = make_envelope("me@example.com", ["a@b"])
    data = "Subject: x\r\n\r\ngrüß\r\n".encode()
    client = session()
    _, sent = converse(client, deliver(client, plan(), envelope, data), OK + OK + b"354 go\r\n", OK)
    assert b"BODY=8BITMIME" in sent[0]
    client = session(SLOW)
    with pytest.raises(Trouble) as caught:
        converse(client, deliver(client, plan(), envelope, data))
    assert caught.value.kind == "8bit-not-offered"


def test_an_address_that_needs_smtputf8() -> None:
    envelope = make_envelope("me@example.com", ["änn@bücher.example"])
    assert envelope.recipients == ("änn@xn--bcher-kva.example",)
    client = session()
    with pytest.raises(Trouble) as caught:
        converse(client, deliver(client, plan(), envelope, message()))
    assert caught.value.kind == "utf8-not-offered"
    client = session(b"250-hi\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n")
    _, sent = converse(client, deliver(client, plan(), envelope, message()), OK + OK + b"354 go\r\n", OK)
    assert b" SMTPUTF8\r\nRCPT TO:<\xc3\xa4nn@xn--bcher-kva.example>" in sent[0]


def test_chunks_need_no_go_ahead() -> None:
    client = session(b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
    _, sent = sent_to(client, ["a@b"], OK + OK, OK, b"250 queued\r\n", settings=("mail.smtp.chunksize=60",))
    assert sent[1].startswith(b"BDAT 60\r\n")
    assert sent[2].startswith(b"BDAT 59 LAST\r\n")


def test_a_nul_in_the_message_is_refused_before_anything_is_sent() -> None:
    envelope = make_envelope("me@example.com", ["a@b"])
    client = session()
    with pytest.raises(Trouble) as caught:
        converse(client, deliver(client, plan(), envelope, b"a\0b"))
    assert caught.value.kind == "wire"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"999 x\r\n", "S: 999 x"),
        (b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n", "S: HTTP/1.1 400 Bad Request"),
        (b"\x1b[2J\xff\r\n", r"S: \x1b[2J\xff"),
        (b"hello " * 100 + b"\n", f"S: {('hello ' * 100)[:200]}…"),
        (b"x" * 5000, f"S: {'x' * 200}…"),
        (b"y" * 190 + b"canary-secret\r\n", f"S: {'y' * 190}********"),
        (b"y" * 195 + b"canary-secret\r\n", f"S: {'y' * 195}*****…"),
        (b"220-one\r\n221 two\r\n", "S: 221 two"),
        (b"220-one\r\n" * 129, "S: 220-one"),
        (b"\r\n", "S: (an empty line)"),
    ],
)
def test_a_line_that_is_no_reply_is_noted(said: bytes, shown: str) -> None:
    client = SmtpClient()
    client.transcript.hide("canary-secret")
    with pytest.raises(ProtocolViolation):
        client.receive(said)
    assert client.transcript.lines == (shown,)


def test_a_reply_at_the_wrong_time_is_noted_once() -> None:
    client = SmtpClient()
    with pytest.raises(ProtocolViolation):
        client.receive(b"220 hi\r\n250 more\r\n")
    assert client.transcript.lines == ("S: 220 hi", "S: 250 more")


def test_a_secret_is_masked_before_a_line_that_is_no_reply_is_cut() -> None:
    client = SmtpClient()
    client.transcript.hide("canary-secret")
    with pytest.raises(ProtocolViolation) as caught:
        client.receive(b"y" * 115 + b"canary-secret\r\n")
    assert caught.value.line == f"{'y' * 115}*****…"
    assert str(caught.value) == f'the server sent a line that is not an SMTP reply: "{caught.value.line}"'


# -- bytes that could not be sent --------------------------------------------------------------------------------------


@given(st.booleans(), st.booleans(), st.data())
def test_the_fate_of_a_message_is_open_only_if_its_end_may_have_gone(
    chunked: bool, followed: bool, data: st.DataObject
) -> None:
    client = session(FULL.replace(b"-DSN", b"-CHUNKING"))
    group = client.make_group("me@example.com", ["b@c.example"], data=not chunked)
    client.send_envelope(group)
    client.data_to_send()
    client.receive(b"250 ok\r\n250 ok\r\n" + (b"" if chunked else b"354 go\r\n"))
    wire = b"Subject: x\r\n\r\nhello\r\n.\r\n"
    if chunked:
        client.bdat(wire, last=True)
    else:
        client.send_message(len(wire), wire)
    if followed:
        client.send_envelope(group)
    sent = client.data_to_send()
    end = len(sent) - len(group.data) * followed
    handed_over = data.draw(st.integers(0, len(sent) - 1))
    assert client.verdict_awaited
    client.note_cut(handed_over)
    assert client.verdict_awaited is (handed_over >= end)
    assert [reply.code for reply in client.receive(b"552 5.3.4 too big\r\n")] == [552]
    assert not client.verdict_awaited


def test_before_its_end_a_message_can_only_be_refused() -> None:
    for answer in (b"250 ok\r\n", b"354 go on\r\n"):
        client = session()
        client.mail("me@example.com")
        client.rcpt("b@c.example")
        client.data()
        client.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
        client.send_content(b"Subject: x\r\n")
        client.data_to_send()
        client.note_cut(5)
        with pytest.raises(ProtocolViolation):
            client.receive(answer)
        assert client.closed
