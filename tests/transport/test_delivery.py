"""Mail through a real Postfix: every way to protect it, every way to log in, every refusal."""

from __future__ import annotations

from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer, send_test
from tests.servers import Given, mail_server, provider
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.postfix import PASSWORD, USER

LOGIN = {"auth_username": USER, "auth_password": PASSWORD}


def message(text: str = "hello\n") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = "test"
    mail.set_content(text)
    return mail


def failure(server: Given, to: Any = "bob@example.com", mail: Any = None, from_: str | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        Mailer(server).send(message() if mail is None else mail, from_, to)
    assert PASSWORD not in str(caught.value) + str(caught.value.report) + repr(caught.value.diagnosis)
    stages = caught.value.report.stages
    assert [one.stage for one in stages if not one.ok] == [caught.value.diagnosis.stage]
    return caught.value


@pytest.mark.parametrize(
    ("listener", "values"),
    [("plain", {}), ("submission", {}), ("smtps", {"use_ssl": True})],
)
def test_a_mail_goes_out_over_verified_tls(
    postfix: SimpleNamespace, trusting: Given, listener: str, values: dict[str, bool]
) -> None:
    report = send_test(mail_server(postfix.ports[listener], trust=trusting, **LOGIN, **values), "bob@example.com")
    assert report.reply.startswith("250 2.0.0 Ok: queued as ")
    assert report.delivered == ("bob@example.com",)
    assert report.security.startswith("TLSv1.3")
    assert report.mechanism == "PLAIN"
    assert PASSWORD not in str(report.as_json())
    stages = [stage.stage for stage in report.stages]
    implicit = ["resolve", "connect", "tls", "banner", "ehlo", "auth", "mail", "data"]
    upgraded = ["resolve", "connect", "banner", "ehlo", "starttls", "tls", "ehlo-tls", "auth", "mail", "data"]
    assert stages == (implicit if values else upgraded)
    assert all(stage.ok and stage.milliseconds >= 0 for stage in report.stages)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_every_mechanism_logs_in(postfix: SimpleNamespace, trusting: Given, mechanism: str) -> None:
    setting = f"mail.smtp.auth.mechanisms={mechanism}"
    report = send_test(mail_server(postfix.ports["submission"], setting, trust=trusting, **LOGIN), "bob@example.com")
    assert report.mechanism == mechanism


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_a_wrong_password_is_tried_once(postfix: SimpleNamespace, trusting: Given, mechanism: str) -> None:
    setting = f"mail.smtp.auth.mechanisms={mechanism}"
    server = mail_server(
        postfix.ports["submission"], setting, trust=trusting, auth_username=USER, auth_password="canary-wrong"
    )
    error = failure(server)
    assert (error.stage, error.exit_code, error.diagnosis.code) == ("auth", 46, "auth-rejected")
    assert error.diagnosis.reply.startswith("535 5.7.8")
    assert error.diagnosis.property == "auth-password"
    assert str(error.report.transcript).count("AUTH") == 1 + 1, "one offer, one attempt"
    assert "canary-wrong" not in str(error) + str(error.report)


@pytest.mark.parametrize(
    ("listener", "code", "property_"),
    [
        ("expired", "certificate-expired", "trust-manager-provider"),
        ("early", "certificate-not-yet-valid", "trust-manager-provider"),
        ("wrong-name", "certificate-wrong-name", "smtp-server"),
        ("no-names", "certificate-wrong-name", "smtp-server"),
        ("stranger", "certificate-unknown-authority", "trust-manager-provider"),
        ("self-signed", "certificate-self-signed", "trust-manager-provider"),
        ("client", "certificate-wrong-purpose", "trust-manager-provider"),
    ],
)
def test_a_wrong_certificate_is_refused_and_told(
    postfix: SimpleNamespace, trusting: Given, listener: str, code: str, property_: str
) -> None:
    error = failure(mail_server(postfix.ports[listener], use_ssl=True, trust=trusting, **LOGIN))
    assert (error.stage, error.exit_code, error.diagnosis.code) == ("tls", 42, code)
    assert error.diagnosis.property == property_


def test_without_a_provider_the_runtimes_authorities_count(postfix: SimpleNamespace) -> None:
    error = failure(mail_server(postfix.ports["smtps"], use_ssl=True, **LOGIN))
    assert error.diagnosis.code == "certificate-unknown-authority"


def test_a_blind_provider_takes_any_certificate(postfix: SimpleNamespace) -> None:
    for listener in ("stranger", "expired", "wrong-name"):
        report = send_test(
            mail_server(postfix.ports[listener], use_ssl=True, trust=provider("blind"), **LOGIN), "bob@example.com"
        )
        assert report.reply.startswith("250")


def test_weaknesses_work_where_they_are_allowed(postfix: SimpleNamespace, trusting: Given) -> None:
    any_name = ("mail.smtp.ssl.checkserveridentity=false", "confobjects.allow-insecure=any-name")
    server = mail_server(postfix.ports["wrong-name"], *any_name, use_ssl=True, trust=trusting, **LOGIN)
    assert send_test(server, "bob@example.com").reply.startswith("250")
    allowed = "confobjects.allow-insecure=any-certificate"
    server = mail_server(
        postfix.ports["stranger"], "mail.smtp.ssl.trust=localhost", allowed, use_ssl=True, trust=trusting, **LOGIN
    )
    assert send_test(server, "bob@example.com").reply.startswith("250")
    server = mail_server(
        postfix.ports["smtps"], "mail.smtp.ssl.trust=other.test", allowed, use_ssl=True, trust=trusting, **LOGIN
    )
    assert failure(server).diagnosis.code == "host-not-in-trust-list"


def test_a_relay_wants_a_login(postfix: SimpleNamespace, trusting: Given) -> None:
    error = failure(mail_server(postfix.ports["submission"], trust=trusting))
    assert (error.stage, error.exit_code, error.diagnosis.code) == ("rcpt", 48, "relay-denied")
    assert error.diagnosis.reply == "554 5.7.1 <bob@example.com>: Relay access denied"
    assert error.diagnosis.property == "auth-username"


def test_a_server_that_wants_starttls_gets_no_mail_in_clear(postfix: SimpleNamespace) -> None:
    error = failure(mail_server(postfix.ports["submission"], use_start_tls=False))
    assert (error.stage, error.diagnosis.code) == ("mail", "tls-required")
    weak = "confobjects.allow-insecure=login-in-clear"
    error = failure(mail_server(postfix.ports["plain"], weak, use_start_tls=False, **LOGIN))
    assert error.diagnosis.code == "auth-not-offered"


@pytest.mark.parametrize(
    ("listener", "values", "code"),
    [("plain", {"use_ssl": True}, "not-a-tls-port")],
)
def test_the_wrong_kind_of_port_is_told(
    postfix: SimpleNamespace, trusting: Given, listener: str, values: dict[str, bool], code: str
) -> None:
    assert failure(mail_server(postfix.ports[listener], trust=trusting, **values)).diagnosis.code == code


def test_a_message_over_the_limit_is_never_sent(postfix: SimpleNamespace, trusting: Given) -> None:
    error = failure(mail_server(postfix.ports["smtps"], use_ssl=True, trust=trusting, **LOGIN), mail=b"x" * 200_000)
    assert error.diagnosis.code == "message-too-large"
    assert error.diagnosis.reply == ""
    assert "MAIL FROM" not in str(error.report.transcript)


@pytest.mark.parametrize(
    ("recipient", "code", "retry"),
    [("nobody@refused.test", "no-such-recipient", False), ("later@refused.test", "recipient-temporary", True)],
)
def test_one_refused_recipient_stops_the_message_for_all(
    postfix: SimpleNamespace, trusting: Given, recipient: str, code: str, retry: bool
) -> None:
    server = mail_server(postfix.ports["smtps"], use_ssl=True, trust=trusting, **LOGIN)
    error = failure(server, ["bob@example.com", recipient])
    assert (error.stage, error.diagnosis.code, error.retryable) == ("rcpt", code, retry)
    assert error.report.delivered == ()
    assert [one.accepted for one in error.report.recipients] == [True, False]


def test_sendpartial_reports_each_recipient(postfix: SimpleNamespace, trusting: Given) -> None:
    server = mail_server(postfix.ports["smtps"], "mail.smtp.sendpartial=true", use_ssl=True, trust=trusting, **LOGIN)
    report = Mailer(server).send(message(), to=["bob@example.com", "nobody@refused.test"])
    assert report.delivered == ("bob@example.com",)
    assert report.refused[0].reply.startswith("550 5.1.1")


@pytest.mark.parametrize("setting", ["mail.smtp.chunksize=100", "mail.mime.allowutf8=true", "mail.smtp.ehlo=true"])
def test_other_ways_to_send(postfix: SimpleNamespace, trusting: Given, setting: str) -> None:
    server = mail_server(postfix.ports["smtps"], setting, use_ssl=True, trust=trusting, **LOGIN)
    assert Mailer(server).send(message("grüße\n" * 50), to="änn@bücher.example").reply.startswith("250")


def test_the_envelope_is_the_headers_unless_said(postfix: SimpleNamespace, trusting: Given) -> None:
    server = mail_server(postfix.ports["smtps"], use_ssl=True, trust=trusting, **LOGIN)
    mail = message()
    mail["To"] = "Bob <bob@example.com>"
    mail["Bcc"] = "carol@example.com"
    report = Mailer(server).send(mail, "ann@example.com")
    assert report.sender == "ann@example.com"
    assert report.delivered == ("bob@example.com", "carol@example.com")
    assert "Date" not in mail
    assert "Message-ID" not in mail
    assert report.message_id.endswith("@example.com>")


def test_bytes_name_no_recipient(trusting: Given) -> None:
    with pytest.raises(MailError) as caught:
        Mailer(mail_server(1, trust=trusting)).send(b"x")
    assert caught.value.exit_code == 48


def test_tls_versions_can_be_chosen(postfix: SimpleNamespace, trusting: Given) -> None:
    old = "mail.smtp.ssl.protocols=TLSv1.2"
    suite = "mail.smtp.ssl.ciphersuites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    server = mail_server(postfix.ports["smtps"], old, suite, use_ssl=True, trust=trusting, **LOGIN)
    assert send_test(server, "bob@example.com").security == "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"


@pytest.mark.parametrize(
    ("from_", "to", "status"),
    [
        ("me@example.com", "a b", 48),
        ("me", "bob@example.com", 47),
        (None, ["bob@example.com", "x\ny@z"], 48),
        (None, [], 48),
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_connected_to(from_: Any, to: Any, status: int) -> None:
    with FakeSmtp() as fake:
        server = mail_server(fake.port, use_start_tls=False)
        with pytest.raises(MailError) as caught:
            Mailer(server).send(b"x", from_, to)
        assert caught.value.exit_code == status
        with pytest.raises(MailError) as caught:
            send_test(server, to, from_)
        assert (caught.value.exit_code, fake.connections) == (status, 0)
