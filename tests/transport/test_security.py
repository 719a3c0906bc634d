"""No secret leaves by a side door: a canary is looked for in everything that is shown, logged or raised."""

from __future__ import annotations

import base64
import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from confobjects.errors import MailError
from confobjects.mail.planning import plan_delivery, transport_settings
from confobjects.mail.property_table import WEAKNESSES
from confobjects.transport.check import check_server
from confobjects.transport.mailer import Mailer
from tests.cli.sessions import fresh, run
from tests.servers import Given, mail_server, provider
from tests.servers.fake_smtp import FakeSmtp, Script, Session

CANARY = "canary-Pq93-tail"
TOKEN = "ya29.canary-Token-0815"
USER = "ann@example.com"
CLEAR: dict[str, Any] = {"use_start_tls": False}
WEAK = "confobjects.allow-insecure=login-in-clear"


def forms(secret: str) -> Iterator[str]:
    """Yield what a secret looks like as it is, and within base64 wherever it begins."""
    yield secret
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret.encode()).decode()
        yield coded[4 if shift else 0 : -4]


def leaks(text: str, *secrets: str) -> list[str]:
    return [form for secret in (*secrets, CANARY, TOKEN) for form in forms(secret) if form in text]


class Everything(logging.Handler):
    """Keeps all that is logged, with the data that records carry along."""

    def __init__(self) -> None:
        super().__init__()
        self.text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.text.write(f"{self.format(record)} {record.__dict__}\n")


@pytest.fixture
def logged() -> Iterator[Everything]:
    handler = Everything()
    logger = logging.getLogger("confobjects")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def shown(server: Given, token: str = "") -> str:
    """Return all that a failing or passing use of a mail server shows, raises and represents."""
    parts: list[object] = []
    plan = plan_delivery(server, token=token)
    parts += [plan, repr(plan), plan.settings, plan.warnings, transport_settings(server)]
    result = check_server(server, depth="send", to=["bob@example.com"], from_=USER, token=token)
    parts += [result, json.dumps(result.as_json()), result.format_timeline(), result.report]
    mailer = Mailer(server, token=token, explain=True)
    parts += [mailer, vars(mailer)]
    try:
        report = mailer.send(b"Subject: x\r\n\r\nx", USER, "bob@example.com")
        parts += [report, json.dumps(report.as_json()), report.transcript]
    except MailError as error:
        parts += [error, repr(error), traceback.format_exc(), [one.as_json() for one in error.diagnostics]]
        parts += [vars(error).get("report"), getattr(vars(error).get("report"), "transcript", ())]
    return "\n".join(map(str, parts))


def repeating(code: str) -> Any:
    """Return what answers with everything the client has said: the worst a server can do to a transcript."""

    def act(session: Session) -> None:
        said = session.server.commands[-1]
        session.send(f"{code} 5.7.8 you said: {said} ({' '.join(session.server.commands[-3:])})\r\n".encode())

    return act


CHALLENGES: dict[str, list[Any]] = {
    "PLAIN": [repeating("535")],
    "LOGIN": [b"334 UGFzczo=\r\n", repeating("535")],
    "CRAM-MD5": [repeating("535")],
    "SCRAM-SHA-1": [repeating("535")],
    "SCRAM-SHA-256": [repeating("535")],
}


@pytest.mark.parametrize("mechanism", CHALLENGES)
def test_a_server_that_repeats_the_login_gives_nothing_away(mechanism: str, logged: Everything) -> None:
    first = b"334 PDEyMy5jQGV4YW1wbGU+\r\n" if mechanism in ("LOGIN", "CRAM-MD5") else repeating("535")
    script: Script = {
        "EHLO": f"250-fake\r\n250 AUTH {mechanism}\r\n".encode(),
        "AUTH": first,
        "auth": CHALLENGES[mechanism],
    }
    with FakeSmtp(script) as fake:
        text = shown(mail_server(fake.port, WEAK, **CLEAR, auth_username=USER, auth_password=CANARY))
        assert "auth" in text
        assert "********" in text
        assert leaks(text + logged.text.getvalue()) == []


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
def test_a_server_that_repeats_a_token_gives_nothing_away(mechanism: str, logged: Everything) -> None:
    script: Script = {
        "EHLO": f"250-fake\r\n250 AUTH {mechanism}\r\n".encode(),
        "AUTH": repeating("535"),
        "auth": repeating("535"),
    }
    with FakeSmtp(script) as fake:
        text = shown(mail_server(fake.port, WEAK, **CLEAR, auth_username=USER), token=TOKEN)
        assert "auth-token-rejected" in text
        assert leaks(text + logged.text.getvalue()) == []


@pytest.mark.parametrize("verb", ["EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT"])
def test_a_secret_repeated_at_any_stage_is_masked(verb: str, logged: Everything) -> None:
    """A server may remember the password and say it later."""
    refusal = f"550 5.7.1 {CANARY} {base64.b64encode(CANARY.encode()).decode()}\r\n".encode()
    usual = b"250-fake\r\n250 AUTH PLAIN\r\n"
    script: Script = {"EHLO": usual, verb: [usual, refusal] if verb == "EHLO" else refusal}
    with FakeSmtp(script) as fake:
        server = mail_server(fake.port, WEAK, **CLEAR, auth_username=USER, auth_password=CANARY)
        assert leaks(shown(server) + logged.text.getvalue()) == []


def test_the_login_of_a_proxy_is_masked(logged: Everything) -> None:
    answer = f"HTTP/1.1 403 {CANARY} {base64.b64encode(f'u:{CANARY}'.encode()).decode()}\r\n\r\n".encode()
    with FakeSmtp({"banner": b"", "CONNECT": answer}) as fake:
        proxy = (f"mail.smtp.proxy.host=127.0.0.1:{fake.port}", "mail.smtp.proxy.user=u")
        server = mail_server(2525, *proxy, f"mail.smtp.proxy.password={CANARY}", host="mail.example", **CLEAR)
        text = shown(server)
        assert "proxy-refused" in text
        assert leaks(text + logged.text.getvalue()) == []


def test_the_pin_of_a_store_is_masked(tmp_path: Any, logged: Everything) -> None:
    (tmp_path / "store.p12").write_bytes(b"\x30\x03\x02\x01\x03")
    trust = provider("file-based", trust_store_file=str(tmp_path / "store.p12"), trust_store_pin=CANARY)
    text = shown(mail_server(587, trust=trust))
    assert "trust" in text
    assert leaks(text + logged.text.getvalue()) == []


# -- what is weak is said, and kept on record --------------------------------------------------------------------------


@pytest.mark.parametrize("weakness", WEAKNESSES)
def test_a_weakness_is_on_record_wherever_it_is_used(weakness: str, caplog: pytest.LogCaptureFixture) -> None:
    server = mail_server(587, f"confobjects.allow-insecure={weakness}")
    with caplog.at_level(logging.WARNING, "confobjects.mail"):
        Mailer(server)
    (record,) = caplog.records
    facts = vars(record)["confobjects"]
    assert (facts["path"], facts["severity"], facts["value"]) == ("/mail-server/one", "warning", weakness)
    assert WEAKNESSES[weakness] in record.getMessage()


def test_a_blind_provider_is_on_record(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "confobjects.mail"):
        Mailer(mail_server(587, trust=provider("blind")))
        Mailer(mail_server(25, trust=provider("blind"), use_start_tls=False))
    (record,) = caplog.records
    assert 'the trust manager provider "the provider" accepts any certificate' in record.getMessage()


def test_setting_a_weakness_warns_and_stands_in_the_history(tmp_path: Any) -> None:
    weak = "smtp-property:confobjects.allow-insecure=any-name"
    with fresh(tmp_path):
        values = ["--set", "enabled:true", "--set", "smtp-server:h.example"]
        assert run("create-mail-server", "--server-name", "one", *values).status == 0
        done = run("set-mail-server-prop", "--server-name", "one", "--add", weak)
        assert (done.status, "confobjects.allow-insecure names any-name" in done.err) == (0, True)
        history = run("history", "--output", "json").out
        assert "confobjects.allow-insecure=any-name" in history
        checked = run("check")
        assert "warning: /mail-server/one, smtp-property: confobjects.allow-insecure" in checked.err
        assert checked.out == "2 objects: 0 errors, 1 warning\n"
