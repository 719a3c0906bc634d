"""Testing a mail server: depths, second looks, and results that never raise."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.planning import plan_delivery
from confobjects.mail.report import StageTime
from confobjects.transport.check import DEPTHS, TestResult, check_server
from confobjects.transport.mailer import Mailer, send_test
from confobjects.transport.network import Network, SocketAddress
from confobjects.transport.smtp import Connection
from tests.servers import Given, mail_server, provider
from tests.servers.fake_smtp import EHLO, NO_PIPELINING, FakeSmtp, Script, Session, close, hang, starttls
from tests.servers.postfix import PASSWORD, USER
from tests.transport.sending import mails

CLEAR: dict[str, Any] = {"use_start_tls": False}
LOGIN = {"auth_username": USER, "auth_password": PASSWORD}
SHORT = "mail.smtp.timeout=300"


def checked(server: Given, **options: Any) -> TestResult:
    result = check_server(server, **options)
    assert PASSWORD not in json.dumps(result.as_json()) + repr(result)
    assert len(result.format_timeline()) == len(result.stages)
    return result


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("depth", DEPTHS)
def test_a_test_goes_as_deep_as_it_is_told(
    postfix: SimpleNamespace, trusting: Given, depth: str, implicit: bool
) -> None:
    listener = "smtps" if implicit else "submission"
    server = mail_server(postfix.ports[listener], use_ssl=implicit, trust=trusting, **LOGIN)
    result = checked(server, depth=depth, to=["bob@example.com"])
    assert (result.ok, result.tested, result.depth, result.exit_code) == (True, "saved", depth, 0)
    said = "\n".join(result.transcript)
    deep = DEPTHS.index(depth)
    assert ("C: AUTH" in said) == (deep >= DEPTHS.index("auth"))
    assert ("RCPT TO" in said) == (deep >= DEPTHS.index("envelope"))
    assert ("C: DATA" in said) == (depth == "send")
    assert bool(result.found.get("address")) == (deep >= DEPTHS.index("connect"))
    assert ("CN=localhost" in result.found.get("certificate", "")) == (deep >= DEPTHS.index("tls"))
    assert result.as_json()["ok"] is True
    assert result.reply.startswith("250") == (depth == "send")


def test_unsaved_values_are_said_to_be_unsaved() -> None:
    with FakeSmtp() as fake:
        assert checked(mail_server(fake.port, **CLEAR), unsaved=True).tested == "unsaved"


def test_what_fails_in_the_plan_is_a_result_too() -> None:
    result = checked(mail_server(25, "mail.smtp.prot=1", **CLEAR))
    assert (result.ok, result.stage, result.exit_code) == (False, "plan", 51)
    assert result.as_json()["diagnostics"][0]["remedy"] == 'did you mean "mail.smtp.port"?'
    result = checked(mail_server(25, trust=provider("file-based", trust_store_file="/nowhere.p12")))
    assert (result.stage, result.exit_code) == ("trust", 50)


def test_an_unknown_depth() -> None:
    with pytest.raises(ValueError, match="known: resolve"):
        check_server(mail_server(25, **CLEAR), depth="deep")


def test_the_envelope_is_given_up() -> None:
    with FakeSmtp() as fake:
        assert checked(mail_server(fake.port, **CLEAR), depth="envelope", to=["a@b.example"]).ok
        assert fake.verbs == ["EHLO", "MAIL", "RCPT", "RSET", "QUIT"]
    with FakeSmtp({"RCPT": b"550 5.1.1 no\r\n"}) as fake:
        result = checked(mail_server(fake.port, **CLEAR), depth="envelope", to=["a@b.example"])
        assert (result.ok, result.code, result.exit_code) == (False, "no-such-recipient", 48)


def test_a_refused_login_is_told_with_everything(postfix: SimpleNamespace, trusting: Given) -> None:
    server = mail_server(postfix.ports["submission"], trust=trusting, auth_username=USER, auth_password="canary-w")
    result = checked(server)
    facts = result.as_json()
    assert (facts["ok"], facts["code"], facts["stage"], facts["exit"]) == (False, "auth-rejected", "auth", 46)
    assert facts["property"] == "auth-password"
    assert facts["reply"].startswith("535 5.7.8")
    assert facts["stages"][-1] == {"stage": "auth", "ms": facts["stages"][-1]["ms"], "ok": False}
    assert any(line == "C: AUTH PLAIN ********" for line in facts["transcript"])
    assert result.format_timeline()[-1].endswith("FAILED")
    assert "canary-w" not in json.dumps(facts)


# -- second looks ------------------------------------------------------------------------------------------------------


def test_a_silent_port_that_speaks_tls_is_known_for_it(postfix: SimpleNamespace) -> None:
    result = checked(mail_server(postfix.ports["smtps"], SHORT))
    assert (result.code, result.stage, result.property) == ("tls-port-without-tls", "banner", "use-ssl")


class Seen:
    """What a test was told while it ran."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[StageTime] = []
        self.greeting = threading.Event()

    def begin(self, stage: str) -> None:
        self.begun.append(stage)
        if stage == "banner":
            self.greeting.set()

    def end(self, time: StageTime) -> None:
        self.ended.append(time)


def test_stages_are_told_as_they_happen() -> None:
    seen = Seen()

    def greet(session: Session) -> None:
        assert seen.greeting.wait(20), "the server greets when the test has said that it waits for the greeting"
        session.send(b"220 fake\r\n")

    with FakeSmtp({"banner": greet}) as fake:
        result = checked(mail_server(fake.port, **CLEAR), progress=seen)
    assert result.ok
    assert seen.begun == ["resolve", "connect", "banner", "ehlo"]
    assert tuple(seen.ended) == result.stages


def test_the_stages_of_a_test_mail_are_told_as_they_happen() -> None:
    seen = Seen()

    def greet(session: Session) -> None:
        assert seen.greeting.wait(20), "the server greets when the test has said that it waits for the greeting"
        session.send(b"220 fake\r\n")

    with FakeSmtp({"banner": greet}) as fake:
        report = send_test(mail_server(fake.port, **CLEAR), "a@b.example", progress=seen)
    assert seen.begun == ["resolve", "connect", "banner", "ehlo", *(one.stage for one in report.stages[4:])]
    assert [one for one in seen.ended if one.stage != "quit"] == list(report.stages)
    assert len(report.stages) > 4


@pytest.mark.parametrize("send", [True, False], ids=["send", "test"])
def test_a_silence_is_looked_into_while_the_greeting_is_awaited(send: bool) -> None:
    """The server greets after a second connection has come, which the look makes."""
    second = threading.Event()

    def greet(session: Session) -> None:
        if fake.connections > 1:
            second.set()
            hang(session)
        elif second.wait(20):
            session.send(b"220 fake\r\n")

    with FakeSmtp({"banner": greet}) as fake:
        server = mail_server(fake.port, "mail.smtp.timeout=1000", **CLEAR)
        if send:
            assert send_test(server, "a@b.example").recipients[0].accepted
        else:
            assert checked(server).ok


def test_a_test_mail_to_a_silent_port_that_speaks_tls_is_told_as_that(postfix: SimpleNamespace) -> None:
    with pytest.raises(DeliveryError) as caught:
        send_test(mail_server(postfix.ports["smtps"], SHORT), "a@b.example")
    assert (caught.value.diagnosis.code, caught.value.stage) == ("tls-port-without-tls", "banner")


@pytest.mark.parametrize("script", [{"RCPT": b"550 5.1.1 no\r\n"}, {"banner": close}, {"EHLO": b"501 no\r\n"}, {"." : b"554 spam\r\n"},
                                    {"BDAT": b"500 what\r\n", "EHLO": b"250-x\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}])  # fmt: skip
@pytest.mark.parametrize("depth", ["envelope", "send"])
def test_what_was_told_of_a_stage_is_what_the_result_says(script: Script, depth: str) -> None:
    seen = Seen()
    with FakeSmtp(script) as fake:
        result = checked(mail_server(fake.port, **CLEAR), depth=depth, to=["a@b.example", "c@d.example"], progress=seen)
    assert tuple(seen.ended[-len(result.stages) :]) == result.stages


def test_a_greeting_is_awaited_for_ten_seconds_in_a_test() -> None:
    plan = plan_delivery(mail_server(587))
    assert (plan.timeouts.reply, plan.timeouts.greeting) == (60, None)
    assert plan.for_test().timeouts.greeting == 10
    assert plan_delivery(mail_server(587, SHORT)).for_test().timeouts.greeting == 0.3


def test_the_cause_of_a_silence_is_told_before_the_wait_is_over() -> None:
    with FakeSmtp({"banner": hang}) as fake:
        connection = Connection(plan_delivery(mail_server(fake.port, **CLEAR)))
        connection.look_at_silence = (0.0, lambda: Trouble("banner", "tls-port-without-tls"))
        with pytest.raises(DeliveryError) as caught:
            connection.open()
    assert caught.value.diagnosis.code == "tls-port-without-tls"


def test_a_look_at_a_silence_that_finds_nothing_lets_the_wait_go_on() -> None:
    looked = threading.Event()

    def greet(session: Session) -> None:
        assert looked.wait(20)
        session.send(b"220 fake\r\n")

    with FakeSmtp({"banner": greet}) as fake:
        connection = Connection(plan_delivery(mail_server(fake.port, **CLEAR)))
        connection.look_at_silence = (0.0, looked.set)
        connection.open()
        connection.quit()
    assert fake.verbs == ["EHLO", "QUIT"]


@pytest.mark.parametrize("action", [hang, close])
def test_a_silent_port_that_does_not_stays_silent(action: Any) -> None:
    with FakeSmtp({"banner": action}) as fake:
        result = checked(mail_server(fake.port, SHORT))
        assert result.code == ("silent" if action is hang else "closed-before-banner")


@pytest.mark.parametrize(
    ("extensions", "word"), [(EHLO, "offers STARTTLS"), (NO_PIPELINING, "does not offer STARTTLS")]
)
def test_a_port_without_tls_is_asked_for_starttls(extensions: bytes, word: str, trusting: Given) -> None:
    with FakeSmtp({"EHLO": extensions}) as fake:
        result = checked(mail_server(fake.port, use_ssl=True, trust=trusting))
        assert result.code == "not-a-tls-port"
        assert f'the greeting was "220 fake ESMTP"; the server {word}' in " ".join(result.diagnostics[0].detail_lines())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("expired", ["(CN=localhost) has expired on 20"]),
        ("early", ["is not valid yet"]),
        ("wrong-name", ["is not for localhost: it is for other.test, third.test"]),
        ("no-names", ["is not for localhost: it is for no name at all"]),
        ("stranger", ["was issued by CN=Nobody Knows, which is not trusted", "no intermediate"]),
        ("self-signed", ["(CN=localhost) is self-signed"]),
        ("client", ["(CN=localhost) is not meant for servers"]),
    ],
)
@pytest.mark.parametrize("implicit", [True, False])
def test_a_refused_certificate_is_shown(
    server_context: dict[str, ssl.SSLContext], trusting: Given, name: str, words: list[str], implicit: bool
) -> None:
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context[name], implicit=implicit) as fake:
        result = checked(mail_server(fake.port, use_ssl=implicit, trust=trusting, auth_username="u", auth_password="p"))
        told = result.diagnostics[0].render()
        assert all(word in told for word in words), told
        assert "certificate 0 of the server: CN=" in told
        assert "SHA-256" in told
        assert "trusted certificates: CN=Test Authority" in told
        assert not {"AUTH", "MAIL"} & set(fake.verbs)


def test_a_login_that_is_offered_on_the_other_side_of_tls(postfix: SimpleNamespace) -> None:
    weak = "confobjects.allow-insecure=login-in-clear"
    result = checked(mail_server(postfix.ports["plain"], weak, **CLEAR, **LOGIN))
    assert result.code == "auth-not-offered"
    assert "inside TLS, the server offers a login: PLAIN" in " ".join(result.diagnostics[0].detail_lines())


def test_each_address_is_looked_at_by_itself(server_context: dict[str, ssl.SSLContext], trusting: Given) -> None:
    with (
        FakeSmtp(tls=server_context["expired"], implicit=True) as old,
        FakeSmtp(tls=server_context["good"], implicit=True) as new,
    ):

        def lookup(host: str, port: int) -> list[SocketAddress]:
            return [SocketAddress(socket.AF_INET, ("127.0.0.1", one.port)) for one in (old, new)]

        result = checked(mail_server(25, use_ssl=True, trust=trusting), network=Network(lookup))
        assert result.code == "certificate-expired"
        told = " ".join(result.diagnostics[0].detail_lines())
        assert f"127.0.0.1:{old.port} alone: the certificate has expired" in told
        assert f"127.0.0.1:{new.port} alone: it works" in told
        assert not {"AUTH", "MAIL"} & {*old.verbs, *new.verbs}


def test_one_address_is_not_looked_at_again() -> None:
    with FakeSmtp({"EHLO": b"550 5.7.1 no\r\n"}) as fake:
        result = checked(mail_server(fake.port, host="127.0.0.1"))
        assert (result.code, fake.connections) == ("ehlo-refused", 1)


@pytest.mark.parametrize(
    ("depth", "script", "timeline"),
    [
        ("envelope", {"RCPT": b"550 5.1.1 no\r\n"}, ["mail ok", "rcpt FAILED", "quit ok"]),
        ("send", {"RCPT": b"550 5.1.1 no\r\n"}, ["mail ok", "rcpt FAILED", "quit ok"]),
        ("envelope", {"MAIL": b"550 5.7.1 no\r\n"}, ["mail FAILED", "quit ok"]),
        ("send", {"DATA": b"554 5.5.1 no\r\n"}, ["mail ok", "data FAILED", "quit ok"]),
        ("envelope", {"RCPT": b"550 5.1.1 no\r\n", "RSET": close}, ["mail ok", "rcpt FAILED", "quit FAILED"]),
        ("send", {".": b"554 5.7.1 spam\r\n"}, ["mail ok", "data FAILED"]),
    ],
)
def test_the_stage_that_failed_stands_once_in_its_place(depth: str, script: Script, timeline: list[str]) -> None:
    with FakeSmtp(script) as fake:
        result = check_server(mail_server(fake.port, **CLEAR), depth=depth, to=["a@b.example", "c@b.example"])
    words = [line.split() for line in result.format_timeline()]
    before = ["resolve", "connect", "banner", "ehlo"]
    assert [line[0] for line in words[:4]] == before
    assert [f"{line[0]} {line[-1]}" for line in words[4:]] == timeline


def test_what_answers_instead_of_a_mail_server_stands_in_the_transcript() -> None:
    with FakeSmtp({"banner": b"HTTP/1.1 400 Bad Request\r\nDate: x\r\n\r\n"}) as fake:
        result = check_server(mail_server(fake.port, **CLEAR))
    assert result.code == "not-smtp"
    assert "S: HTTP/1.1 400 Bad Request" in result.transcript


def test_what_answers_a_message_of_many_stands_in_its_transcript() -> None:
    with FakeSmtp({"MAIL": [b"250 2.1.0 ok\r\n", b"what?\r\n"]}) as fake:
        results = list(Mailer(mail_server(fake.port, **CLEAR)).send_many(mails(2)))
    error = results[1].error
    assert results[0].delivered
    assert isinstance(error, DeliveryError)
    assert "S: what?" in error.report.transcript
