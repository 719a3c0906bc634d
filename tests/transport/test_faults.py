"""Servers that lie, hang, drip, close and inject; every one is left with a diagnosis and nothing given away."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest

from confobjects.actions import remedy_text
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.dialogue import say_goodbye
from confobjects.mail.planning import plan_delivery
from confobjects.mail.smtp import SmtpClient
from confobjects.transport import pool
from confobjects.transport.mailer import Mailer
from confobjects.transport.network import Network, SocketAddress, begin_connection
from confobjects.transport.smtp import open_connection
from tests.servers import Given, mail_server
from tests.servers.fake_smtp import (
    EHLO,
    NO_PIPELINING,
    FakeSmtp,
    Script,
    Session,
    close,
    drip,
    endless_line,
    endless_lines,
    hang,
    inject_then_starttls,
    starttls,
)

CANARY = "canary-Zq81"
LOGIN = {"auth_username": "ann", "auth_password": CANARY}
CLEAR: dict[str, Any] = {"use_start_tls": False}
SHORT = ("mail.smtp.timeout=300", "confobjects.total-timeout=5000")


def failure(server: Given, to: Any = "bob@example.com", network: Network | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        Mailer(server, network=network).send(b"Subject: x\r\n\r\nhello\r\n", to=to)
    error = caught.value
    assert CANARY not in str(error) + str(error.report) + repr(error.diagnosis) + str(error.diagnostics[0].as_json())
    return error


# -- nothing in clear --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"EHLO": NO_PIPELINING}, "starttls-not-offered"),
        ({"STARTTLS": b"454 4.7.0 not now\r\n"}, "starttls-unavailable"),
        ({"STARTTLS": b"502 5.5.1 what\r\n"}, "starttls-refused"),
        ({"STARTTLS": inject_then_starttls}, "bytes-before-tls"),
        ({"STARTTLS": close}, "closed"),
        ({"STARTTLS": b"220 go ahead\r\n", "\x16": b""}, None),
        ({"EHLO": b"500 what\r\n"}, "ehlo-refused"),
    ],
)
def test_without_tls_neither_login_nor_mail_is_seen(script: Script, code: str | None) -> None:
    with FakeSmtp(script) as fake:
        error = failure(mail_server(fake.port, *SHORT, **LOGIN))
        assert code is None or error.diagnosis.code == code
        assert not {"AUTH", "MAIL", "RCPT", "DATA", "HELO"} & set(fake.verbs)
        assert CANARY not in str(fake.commands)


def test_a_login_without_tls_never_leaves() -> None:
    with FakeSmtp({"EHLO": b"250-fake\r\n250 AUTH PLAIN\r\n"}) as fake:
        opportunistic = ("mail.smtp.starttls.required=false", "confobjects.allow-insecure=opportunistic-starttls")
        error = failure(mail_server(fake.port, *opportunistic, **LOGIN))
        assert error.diagnosis.code == "auth-in-clear"
        assert "AUTH" not in fake.verbs


def test_tls_that_fails_is_not_replaced_by_clear_text_unless_allowed(trusting: Given) -> None:
    fallback = ("mail.smtp.socketFactory.fallback=true", "confobjects.allow-insecure=socket-fallback")
    with FakeSmtp({"EHLO": NO_PIPELINING}) as fake:
        assert failure(mail_server(fake.port, use_ssl=True, trust=trusting)).diagnosis.code == "not-a-tls-port"
        assert fake.messages == []
        report = Mailer(mail_server(fake.port, *fallback, use_ssl=True, trust=trusting, **LOGIN)).send(b"x", to="b@c.d")
        assert report.security == "none"
        assert "AUTH" not in fake.verbs, "the password does not follow into the clear"


@pytest.mark.parametrize(
    ("script", "stage", "code"),
    [
        ({"banner": b"554 5.7.1 blocked\r\n"}, "banner", "banner-refused"),
        ({"EHLO": b"501 5.5.2 bad name\r\n"}, "ehlo", "ehlo-refused"),
        ({"AUTH": b"535 5.7.8 wrong\r\n"}, "auth", "auth-rejected"),
        ({"MAIL": b"550 5.7.1 not yours\r\n"}, "mail", "sender-refused"),
    ],
)
def test_what_fails_inside_tls_is_not_tried_again_in_clear(
    script: Script, stage: str, code: str, trusting: Given, server_context: dict[str, ssl.SSLContext]
) -> None:
    fallback = (
        "mail.smtp.socketFactory.fallback=true",
        "confobjects.allow-insecure=socket-fallback,login-in-clear",
    )
    with FakeSmtp(script, tls=server_context["good"], implicit=True) as fake:
        server = mail_server(fake.port, *fallback, "mail.smtp.host=localhost", use_ssl=True, trust=trusting, **LOGIN)
        error = failure(server)
        assert (error.stage, error.diagnosis.code) == (stage, code)
        assert fake.connections == 1


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["banner", "EHLO", "MAIL", "DATA", "."])
@pytest.mark.parametrize("flood", [endless_lines, endless_line])
def test_a_reply_without_end_is_cut_off(stage: str, flood: Any) -> None:
    with FakeSmtp({"EHLO": NO_PIPELINING, stage: flood}) as fake:
        code = failure(mail_server(fake.port, **CLEAR)).diagnosis.code
        assert code == "unknown-outcome" if stage == "." else code in ("protocol", "not-smtp")


@pytest.mark.parametrize("stage", ["banner", "EHLO", "AUTH", "MAIL", "DATA"])
def test_dripping_gains_no_time(stage: str) -> None:
    weak = "confobjects.allow-insecure=login-in-clear"
    with FakeSmtp({"EHLO": NO_PIPELINING, stage: drip}) as fake:
        error = failure(mail_server(fake.port, "mail.smtp.timeout=150", weak, **CLEAR, **LOGIN))
        assert error.diagnosis.code in ("timeout", "silent")


def test_the_whole_has_a_limit_whatever_its_steps_take() -> None:
    with FakeSmtp({"EHLO": drip}) as fake:
        error = failure(mail_server(fake.port, "confobjects.total-timeout=150", **CLEAR))
        assert error.diagnosis.code == "total-timeout"
        assert "confobjects.total-timeout" in remedy_text(error.diagnosis.remedy)


@pytest.mark.parametrize(
    ("stage", "action", "code"),
    [
        ("banner", hang, "silent"),
        ("banner", close, "closed-before-banner"),
        ("banner", b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-smtp"),
        ("banner", b"554 5.7.1 blocked\r\n", "banner-refused"),
        ("banner", b"421 4.7.0 too many connections\r\n", "banner-busy"),
        ("EHLO", hang, "timeout"),
        ("EHLO", close, "closed"),
        ("EHLO", b"501 5.5.2 bad name\r\n", "ehlo-refused"),
        ("MAIL", b"452 4.3.1 full\r\n", "server-full"),
        ("MAIL", b"555 5.5.4 parameter\r\n", "mail-parameter"),
        ("MAIL", b"501 5.1.7 syntax\r\n", "sender-syntax"),
        ("MAIL", b"550 5.7.1 not yours\r\n", "sender-refused"),
        ("MAIL", b"530 5.7.0 Authentication required\r\n", "login-required"),
        ("MAIL", b"552 5.3.4 too big\r\n", "message-too-large"),
        ("MAIL", close, "closed"),
        ("RCPT", b"550 5.1.1 unknown\r\n", "no-such-recipient"),
        ("RCPT", b"553 5.1.3 syntax\r\n", "recipient-syntax"),
        ("RCPT", b"450 4.2.0 greylisted\r\n", "recipient-temporary"),
        ("RCPT", b"452 4.5.3 too many\r\n", "too-many-recipients"),
        ("RCPT", b"554 5.7.1 Relay access denied\r\n", "relay-denied"),
        ("RCPT", close, "closed"),
        ("DATA", b"451 4.3.0 later\r\n", "data-temporary"),
        ("DATA", close, "closed"),
        (".", b"550 5.7.26 DMARC\r\n", "policy-refused"),
        (".", b"554 5.7.1 spam\r\n", "content-refused"),
        (".", b"552 5.2.2 quota\r\n", "quota-exceeded"),
        (".", b"451 4.7.1 later\r\n", "data-temporary"),
        (".", b"421 4.3.2 closing\r\n", "closing"),
        (".", b"554 5.2.252 SendAsDenied\r\n", "sender-refused"),
        (".", hang, "unknown-outcome"),
        (".", close, "unknown-outcome"),
    ],
)
@pytest.mark.parametrize("extensions", [NO_PIPELINING, EHLO])
def test_each_fault_has_its_diagnosis(stage: str, action: Any, code: str, extensions: bytes) -> None:
    script = {"EHLO": extensions, stage: action}
    with FakeSmtp(script) as fake:
        error = failure(mail_server(fake.port, *SHORT, **CLEAR))
        assert error.diagnosis.code == code
        assert error.unknown == (code == "unknown-outcome")
        assert not error.report.delivered
        if isinstance(action, bytes) and code != "not-smtp":
            assert error.diagnosis.reply == action.decode().strip()
        assert not set("{}?") & set(error.diagnosis.summary)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"535 5.7.8 no\r\n", "auth-rejected"),
        (b"535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled\r\n", "auth-disabled"),
        (b"535 5.7.3 Authentication unsuccessful\r\n", "auth-rejected"),
        (b"534 5.7.9 Application-specific password required\r\n", "auth-app-password"),
        (b"530 5.7.0 Must issue a STARTTLS command first\r\n", "auth-needs-tls"),
        (b"538 5.7.11 Encryption required\r\n", "auth-needs-tls"),
        (b"432 4.7.12 A password transition is needed\r\n", "auth-password-transition"),
        (b"454 4.7.0 Temporary authentication failure\r\n", "auth-temporary"),
        (b"432 4.3.2 Concurrent connections limit exceeded\r\n", "auth-too-many"),
        (b"504 5.5.4 mechanism\r\n", "auth-mechanism-refused"),
        (b"500 5.5.6 line too long\r\n", "auth-mechanism-refused"),
        (b"550 5.7.1 go away\r\n", "auth-refused"),
        (b"535 5.7.8 the password " + CANARY.encode() + b" is wrong\r\n", "auth-rejected"),
        (b"334 " + b"=" * 7 + b"\r\n", "auth-protocol"),
    ],
)
def test_each_refused_login_has_its_diagnosis(answer: bytes, code: str) -> None:
    weak = "confobjects.allow-insecure=login-in-clear"
    with FakeSmtp({"AUTH": answer, "auth": b"501 cancelled\r\n"}) as fake:
        error = failure(mail_server(fake.port, weak, **CLEAR, **LOGIN))
        assert (error.diagnosis.code, error.exit_code) == (code, 46)
        assert fake.verbs.count("AUTH") == 1


def test_a_login_may_be_left_out_where_none_is_offered_and_that_is_allowed() -> None:
    weak = "confobjects.allow-insecure=login-in-clear,login-optional"
    with FakeSmtp({"EHLO": b"250 fake\r\n"}) as fake:
        report = Mailer(mail_server(fake.port, weak, **CLEAR, **LOGIN)).send(b"x", to="b@c.d")
        assert report.mechanism == ""


@pytest.mark.parametrize("answer", [b"354 what\r\n", b"what\r\n", b"2", b"250-a\r\n"])
def test_an_answer_to_the_message_that_is_none_leaves_its_fate_open(answer: bytes) -> None:
    def half(session: Session) -> None:
        session.send(answer)
        session.open = False

    with FakeSmtp({".": half}) as fake:
        assert failure(mail_server(fake.port, **CLEAR)).unknown


@pytest.mark.parametrize("stage", ["EHLO", "MAIL", "DATA"])
def test_a_server_that_announces_its_leave_behind_an_answer(stage: str) -> None:
    answers = {"EHLO": b"250 fake\r\n", "MAIL": b"250 ok\r\n", "DATA": b"354 go\r\n"}
    with FakeSmtp({"EHLO": NO_PIPELINING, stage: answers[stage] + b"421 4.3.2 leaving\r\n"}) as fake:
        error = failure(mail_server(fake.port, **CLEAR))
        assert (error.diagnosis.code, error.retryable) == ("closing", True)
        assert fake.messages == []


def test_quit_may_fail() -> None:
    for action in (close, hang, b"500 no\r\n"):
        with FakeSmtp({"QUIT": action}) as fake:
            server = mail_server(fake.port, *SHORT, **CLEAR)
            assert Mailer(server).send(b"x", to="b@c.d").reply == "250 2.0.0 queued as FAKE1"


@pytest.mark.parametrize("silence", [hang, drip])
def test_quit_has_a_short_limit_of_its_own(silence: Any) -> None:
    """The limit for other answers stays at a minute, which this test would take without the shorter one."""
    server = mail_server(1, **CLEAR)
    [quit_step] = say_goodbye(session_of(EHLO), plan_delivery(server))
    assert 0 < (quit_step.patience or 60) <= 5
    with FakeSmtp({"QUIT": silence}) as fake:
        connection = open_connection(plan_delivery(mail_server(fake.port, **CLEAR)))
        connection.quit(0.05)
        assert connection.stages[-1].stage == "quit"
        assert not connection.stages[-1].ok
        assert connection.closed


def session_of(extensions: bytes) -> SmtpClient:
    client = SmtpClient()
    client.receive(b"220 hi\r\n")
    client.greet("me.example")
    client.receive(extensions)
    return client


def test_a_pool_waits_for_all_its_goodbyes_no_longer_than_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GOODBYE", 0.05)
    with FakeSmtp({"QUIT": hang}) as fake:
        kept = pool.Pool(plan_delivery(mail_server(fake.port, **CLEAR)))
        lent = [kept.take() for _ in range(4)]
        for one in lent:
            kept.give_back(one)
        kept.close()
        assert [one.stages[-1].ok for one in lent] == [False, True, True, True], "only one is waited for"
        fake.wait_for_ends(4)
        assert fake.verbs.count("QUIT") == 4, "each hears it"


@pytest.mark.parametrize("polite", [True, False])
def test_a_server_that_refuses_to_talk_hears_quit_only_where_that_is_set(polite: bool) -> None:
    with FakeSmtp({"banner": b"554 no\r\n"}) as fake:
        failure(mail_server(fake.port, f"mail.smtp.quitonsessionreject={str(polite).lower()}", **CLEAR))
    assert (fake.verbs == ["QUIT"]) is polite


def test_the_content_arrives_whole_and_stuffed() -> None:
    text = b"Subject: x\n\n.\n..\nfrom\r.\r\n.end"
    for extensions in (EHLO, NO_PIPELINING):
        with FakeSmtp({"EHLO": extensions}) as fake:
            Mailer(mail_server(fake.port, **CLEAR)).send(text, to="b@c.d")
            assert fake.messages == [b"Subject: x\r\n\r\n..\r\n...\r\nfrom\r\n..\r\n..end\r\n"]


def test_helo_only() -> None:
    with FakeSmtp() as fake:
        Mailer(mail_server(fake.port, "mail.smtp.ehlo=false", **CLEAR)).send(b"x", to="b@c.d")
        assert fake.verbs[:2] == ["HELO", "MAIL"]


def test_the_ehlo_name_is_this_end_of_the_connection_or_what_was_set() -> None:
    with FakeSmtp() as fake:
        Mailer(mail_server(fake.port, "mail.smtp.localaddress=127.0.0.1", **CLEAR)).send(b"x", to="b@c.d")
        Mailer(mail_server(fake.port, "mail.smtp.localhost=me.example", **CLEAR)).send(b"x", to="b@c.d")
        assert [c for c in fake.commands if c.startswith("EHLO")] == ["EHLO [127.0.0.1]", "EHLO me.example"]
        assert "MAIL FROM:<postmaster@me.example>" in fake.commands


# -- tls ---------------------------------------------------------------------------------------------------------------


def test_starttls_with_a_fake(trusting: Given, server_context: dict[str, ssl.SSLContext]) -> None:
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context["good"]) as fake:
        Mailer(mail_server(fake.port, trust=trusting, **LOGIN)).send(b"x", to="b@c.d")
        assert fake.verbs == ["EHLO", "STARTTLS", "(TLS)", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", ".", "QUIT"]


@pytest.mark.parametrize("name", ["expired", "wrong-name", "stranger", "self-signed"])
def test_a_bad_certificate_after_starttls_sees_no_login(
    trusting: Given, server_context: dict[str, ssl.SSLContext], name: str
) -> None:
    with FakeSmtp({"STARTTLS": starttls}, tls=server_context[name]) as fake:
        error = failure(mail_server(fake.port, trust=trusting, **LOGIN))
        assert error.stage == "tls"
        assert not {"AUTH", "MAIL"} & set(fake.verbs)


def test_a_server_of_old_tls_has_nothing_in_common(trusting: Given, server_context: dict[str, ssl.SSLContext]) -> None:
    context = server_context["early"]
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with FakeSmtp(tls=context, implicit=True) as fake:
        error = failure(mail_server(fake.port, "mail.smtp.ssl.protocols=TLSv1.3", use_ssl=True, trust=trusting))
        assert error.diagnosis.code == "tls-no-common-version"


@pytest.mark.parametrize(("action", "code"), [(hang, "tls-timeout"), (close, "tls-closed")])
def test_a_handshake_that_does_not_come(trusting: Given, action: Any, code: str) -> None:
    with FakeSmtp({"banner": action}) as fake:
        assert failure(mail_server(fake.port, *SHORT, use_ssl=True, trust=trusting)).diagnosis.code == code


# -- resolve and connect -----------------------------------------------------------------------------------------------


def lookup_failing(error: OSError) -> Network:
    def lookup(host: str, port: int) -> list[SocketAddress]:
        raise error

    return Network(lookup=lookup)


@pytest.mark.parametrize(
    ("error", "code", "retry"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "name-unknown", False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "name-temporary", True),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure"), "name-unusable", False),
    ],
)
def test_names_that_are_not_found(error: OSError, code: str, retry: bool) -> None:
    failed = failure(mail_server(25, host="mail.example", **CLEAR), network=lookup_failing(error))
    assert (failed.stage, failed.exit_code, failed.diagnosis.code) == ("resolve", 40, code)
    assert failed.retryable is retry
    assert failed.diagnosis.property == "smtp-server"


def test_a_look_up_that_hangs_is_left_behind() -> None:
    import threading

    forever = threading.Event()

    def lookup(host: str, port: int) -> list[SocketAddress]:
        forever.wait(30)
        return []

    server = mail_server(25, "mail.smtp.connectiontimeout=100", host="mail.example", **CLEAR)
    assert failure(server, network=Network(lookup=lookup)).diagnosis.code == "resolve-timeout"
    forever.set()


@pytest.mark.parametrize("host", ["a" * 64 + "ü.example", "xn--\u2028.example"])
def test_a_name_that_is_none(host: str) -> None:
    assert failure(mail_server(25, host=host, **CLEAR)).stage == "resolve"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (101, "unreachable"),
        (113, "unreachable"),
        (99, "local-address"),
        (111, "connection-refused"),
        (1, "connect-failed"),
    ],
)
def test_addresses_that_cannot_be_reached(number: int, code: str) -> None:
    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        raise OSError(number, "not today")

    failed = failure(mail_server(25, **CLEAR), network=Network(begin=start))
    assert (failed.stage, failed.exit_code, failed.diagnosis.code) == ("connect", 41, code)


def test_nothing_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        error = failure(mail_server(probe.getsockname()[1], host="127.0.0.1", **CLEAR))
    assert error.diagnosis.code == "connection-refused"
    assert "127.0.0.1" in error.diagnosis.summary


def test_packets_that_are_swallowed() -> None:
    with socket.socket() as listener:  # its queue is full: the kernel answers no more
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [begin_connection(SocketAddress(socket.AF_INET, ("127.0.0.1", port)), None) for _ in range(4)]
        error = failure(mail_server(port, "mail.smtp.connectiontimeout=200", host="127.0.0.1", **CLEAR))
        for sock in waiting:
            sock.close()
    assert error.diagnosis.code == "connect-timeout"


def test_every_address_is_tried_and_each_failure_told() -> None:
    tried = []

    def lookup(host: str, port: int) -> list[SocketAddress]:
        return [SocketAddress(socket.AF_INET6, ("::1", port, 0, 0)), SocketAddress(socket.AF_INET, ("127.0.0.1", port))]

    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        tried.append(address.sockaddr[0])
        if address.family == socket.AF_INET6:
            raise OSError(101, "Network is unreachable")
        return begin_connection(address, source)

    network = Network(lookup, start)
    with FakeSmtp() as fake:
        report = Mailer(mail_server(fake.port, **CLEAR), network=network).send(b"x", to="b@c.d")
        assert report.address == f"127.0.0.1:{fake.port}"
    assert tried == ["::1", "127.0.0.1"]
    error = failure(mail_server(fake.port, **CLEAR), network=network)
    assert error.diagnosis.code == "connection-refused"
    assert "[::1]" in " ".join(error.diagnostics[0].detail_lines())


# -- proxies -----------------------------------------------------------------------------------------------------------


def test_a_proxy_that_refuses() -> None:
    with FakeSmtp({"banner": b"", "CONNECT": b"HTTP/1.1 403 Forbidden\r\n\r\n"}) as fake:
        proxy = (
            f"mail.smtp.proxy.host=127.0.0.1:{fake.port}",
            "mail.smtp.proxy.user=u",
            f"mail.smtp.proxy.password={CANARY}",
        )
        error = failure(mail_server(2525, *proxy, host="mail.example", **CLEAR))
        assert (error.stage, error.diagnosis.code) == ("connect", "proxy-refused")
        assert "403 Forbidden" in error.diagnosis.summary
        assert fake.commands[0] == "CONNECT mail.example:2525 HTTP/1.1"
