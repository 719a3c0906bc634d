"""``test-mail-server``: what it says, to people, to scripts and to programs, and with which exit status it ends."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli import mail_tests
from confobjects.transport.check import DEFAULT_DEPTH, DEPTHS
from tests.cli.sessions import Outcome, fresh, run
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Script, Session, starttls

CANARY = "canary-Gx52"
NAME = ["--server-name", "one"]
TEST = ["test-mail-server", *NAME]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start with no configuration, on a machine that trusts one authority, which has issued nothing."""
    (tmp_path / "runtime.pem").write_bytes(Authority("Runtime Authority").pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "runtime.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    with fresh(tmp_path):
        yield


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def tls(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    path, key = authority.issue("localhost").write(tmp_path_factory.mktemp("server"), "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context


def create(port: int, *more: str) -> None:
    created = run("create-mail-server", *NAME, "--set", "enabled:true", "--set", f"smtp-server:localhost:{port}", *more)
    assert created.status == 0, created.err


def trusting(authority: Authority, directory: Path) -> None:
    path = directory / "ca.pem"
    path.write_bytes(authority.pem)
    values = ["--set", "enabled:true", "--set", f"trust-store-file:{path}"]
    assert run("create-trust-manager-provider", "--provider-name", "CA", "--type", "file-based", *values).status == 0


def outcome_of(*arguments: str) -> Outcome:
    outcome = run(*TEST, *arguments)
    assert CANARY not in outcome.out + outcome.err
    assert "Traceback" not in outcome.err
    return outcome


LOGIN = ["--set", "auth-username:ann", "--set", f"auth-password:{CANARY}"]


def test_the_depths_of_the_command_are_those_of_the_test() -> None:
    assert tuple(mail_tests.DEPTHS) == DEPTHS
    assert DEFAULT_DEPTH in DEPTHS


def test_a_test_that_passes_says_what_was_tested_and_found(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path
) -> None:
    trusting(authority, tmp_path)
    with FakeSmtp({"STARTTLS": starttls}, tls=tls) as fake:
        create(fake.port, "--set", "trust-manager-provider:CA", *LOGIN)
        done = outcome_of()
        lines = done.out.splitlines()
        assert (done.status, done.err) == (0, "")
        assert lines[0] == "Testing /mail-server/one as saved, up to the login (depth auth, the default)."
        stages = [line.split()[0] for line in lines if line.endswith("  ok")]
        assert stages == ["resolve", "connect", "banner", "ehlo", "starttls", "tls", "ehlo-tls", "auth", "quit"]
        assert f"  connected to 127.0.0.1:{fake.port}" in lines
        assert any(line.startswith("  protected by TLSv1.3") for line in lines)
        assert any(line.startswith("  certificate CN=localhost, for localhost, issued by CN=Test A") for line in lines)
        assert "  logged in with PLAIN" in lines
        assert lines[-1] == "The test passed; no mail was sent."
        assert fake.verbs[-1] == "QUIT"
        assert "MAIL" not in fake.verbs
        sent = outcome_of(
            "--depth", "SEND", "--to", "a@b.example", "--to", "c@b.example", "--from", "me@b.example", "-v"
        )
        assert "by sending a mail (depth send)." in sent.out
        assert "  recipient c@b.example: 250 2.1.5 ok" in sent.out
        assert "the server said: 250 2.0.0 queued as FAKE1" in sent.out
        assert "  C: AUTH PLAIN ********" in sent.out
        assert "  login = ann (********)  (auth-username (stored))" in sent.out
        assert sent.out.endswith("The test passed; a test mail was sent.\n")
        assert b"Test of /mail-server/one" in fake.messages[0]
        dry = outcome_of("--depth", "send", "--to", "a@b.example", "--dry-run")
        assert (dry.status, len(fake.messages)) == (0, 1)
        assert "--dry-run: no mail is sent" in dry.err
        assert dry.out.endswith("The test passed; no mail was sent.\n")
        email = run("send-test-email", *NAME, "--to", "a@b.example", "--dry-run")
        would = f"would send a test mail to a@b.example through localhost:{fake.port} (starttls-required)\n"
        assert (email.status, email.out, len(fake.messages)) == (0, would, 1)
        quiet = outcome_of("--quiet")
        assert (quiet.status, quiet.out, quiet.err) == (0, "", "")


def test_an_authority_that_is_not_trusted_is_a_diagnosis(tls: ssl.SSLContext) -> None:
    """A handshake that fails leaves no certificate to ask for: that must not end in an error of its own."""
    with FakeSmtp({"STARTTLS": starttls}, tls=tls) as fake:
        create(fake.port, *LOGIN)
        done = outcome_of()
        assert done.status == 42
        assert "was issued by CN=Test Authority, which is not trusted" in done.err
        assert "certificate 0 of the server: CN=localhost, for localhost" in done.err
        last = done.out.splitlines()[-1].split()
        assert (last[0], last[-1]) == ("tls", "FAILED")
        assert "    * failed in stage tls: certificate" in done.err
        sent = run("send-test-email", *NAME, "--to", "a@example.com")
        assert (sent.status, "which is not trusted" in sent.err) == (42, True)
        assert "AUTH" not in fake.verbs


def test_unsaved_values_are_laid_over_the_saved_ones() -> None:
    with FakeSmtp() as fake, FakeSmtp({"MAIL": b"550 5.7.1 not you\r\n"}) as other:
        create(fake.port, "--set", "use-start-tls:false")
        before = run("get-mail-server-prop", *NAME, "--advanced").out
        done = outcome_of("--depth", "envelope", "--to", "a@b.example", "--set", f"smtp-server:localhost:{other.port}")
        assert done.status == 47
        assert "with unsaved values in place of saved ones" in done.out
        assert "the server said: 550 5.7.1 not you" in done.err
        assert fake.connections == 0
        facts = json.loads(outcome_of("--reset", "smtp-property", "--output", "json").out)
        assert (facts["ok"], facts["tested"], facts["depth"]) == (True, "unsaved", "auth")
        assert run("get-mail-server-prop", *NAME, "--advanced").out == before, "nothing was saved"
        assert json.loads(outcome_of("--output", "json").out)["tested"] == "saved"


def test_unsaved_secrets_are_used_and_not_shown(
    authority: Authority, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting(authority, tmp_path)
    monkeypatch.setenv("THE_PIN", CANARY)
    (tmp_path / "pin").write_text(CANARY)
    with FakeSmtp({"STARTTLS": starttls, "AUTH": b"535 5.7.8 not " + CANARY.encode() + b"\r\n"}, tls=tls) as fake:
        create(fake.port, "--set", "trust-manager-provider:CA", "--set", "auth-username:ann")
        for option in (
            ["--set-env", "auth-password:THE_PIN"],
            ["--set-file", f"auth-password:{tmp_path / 'pin'}"],
            ["--set", f"auth-password:{CANARY}"],
            ["--set", "auth-password:&{smtp.pin}", "--define", f"smtp.pin={CANARY}"],
        ):
            done = outcome_of(*option, "-v")
            assert (done.status, "the server does not accept the user name or the password" in done.err) == (46, True)
            assert "the server said: 535 5.7.8 not ********" in done.err
        assert len([verb for verb in fake.verbs if verb == "AUTH"]) == 4, "one attempt each"


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ({"banner": b"554 5.7.1 go away\r\n"}, 43, "banner-refused"),
        ({"EHLO": b"550 5.7.1 bad name\r\n"}, 44, "ehlo-refused"),
        ({"EHLO": b"250 fake\r\n"}, 45, "starttls-not-offered"),
        ({"STARTTLS": b"454 4.7.0 later\r\n"}, 45, "starttls-unavailable"),
    ],
)
def test_the_exit_status_tells_the_stage(script: Script, status: int, code: str) -> None:
    with FakeSmtp(script) as fake:
        create(fake.port)
        done = outcome_of("--output", "json")
        facts = json.loads(done.out)
        assert (done.status, facts["exit"], facts["code"], done.err) == (status, status, code, "")
        assert facts["stages"][-1]["ok"] is False
        assert facts["transcript"]
        script_form = dict(line.split("\t", 1) for line in outcome_of("-s").out.splitlines())
        assert (script_form["ok"], script_form["code"], script_form["tested"]) == ("false", code, "saved")


def test_what_is_asked_for_wrongly(tmp_path: Path) -> None:
    create(9, "--set", "use-start-tls:false")
    assert outcome_of("--depth", "deep").status == 2
    assert "--to ADDRESS" in outcome_of("--depth", "envelope").err
    assert outcome_of("--set", "use-ssl:maybe").status == 10
    assert outcome_of("--set", "use-ssl:true", "--set", "use-start-tls:true").status == 11
    assert outcome_of("--set", "trust-manager-provider:none", "--set", "use-start-tls:true").status == 11
    assert run("test-mail-server", "--server-name", "two").status == 12
    assert outcome_of("--set", "auth-username:&{no.such.token}").status == 30
    trust = ["--type", "file-based", "--set", "enabled:true", "--set", f"trust-store-file:{tmp_path}/none.p12"]
    assert run("create-trust-manager-provider", "--provider-name", "CA", *trust).status == 0
    done = outcome_of("--set", "use-start-tls:true", "--set", "trust-manager-provider:CA")
    assert (done.status, "none.p12 cannot be read" in done.err) == (50, True)
    shallow = outcome_of("--set", "use-start-tls:true", "--set", "trust-manager-provider:CA", "--depth", "resolve")
    assert (shallow.status, shallow.err) == (0, "")  # which has no use for trust
    assert "encrypted" not in shallow.out
    done = outcome_of("--set", "enabled:false")
    assert (done.status, "the mail server is disabled" in done.err) == (51, True)


NO_ADDRESS = ["a b", "nonsense", "a@b\nRCPT", "", "a@b.example\r\nRCPT TO:<c@d.example>", "Ann <a@b.example>"]


@pytest.mark.parametrize("depth", ["envelope", "send"])
@pytest.mark.parametrize("wrong", NO_ADDRESS)
def test_what_is_no_recipient_is_refused_before_anything_is_connected_to(wrong: str, depth: str) -> None:
    with FakeSmtp() as fake:
        create(fake.port, "--set", "use-start-tls:false")
        done = outcome_of("--depth", depth, "--to", "a@b.example", "--to", wrong)
        assert (done.status, fake.connections) == (48, 0)
        assert "the recipient is not a mail address: " in done.err
        assert len(done.out.splitlines()) == 1, "there is nothing to tell but what was tested"
        facts = json.loads(outcome_of("--depth", depth, "--to", wrong, "--output", "json").out)
        assert (facts["code"], facts["stage"], facts["stages"]) == ("recipient-syntax", "rcpt", [])
        assert fake.connections == 0


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
@pytest.mark.parametrize("wrong", NO_ADDRESS)
def test_no_test_mail_is_sent_to_what_is_no_recipient(wrong: str, dry: list[str]) -> None:
    with FakeSmtp() as fake:
        create(fake.port, "--set", "use-start-tls:false")
        done = run("send-test-email", *NAME, "--to", wrong, *dry)
        assert (done.status, done.out, fake.connections) == (48, "", 0)
        assert "/mail-server/one: the recipient is not a mail address: " in done.err


def test_what_is_no_sender_is_refused_before_anything_is_connected_to() -> None:
    with FakeSmtp() as fake:
        create(fake.port, "--set", "use-start-tls:false")
        for command in (["test-mail-server", "--depth", "envelope"], ["test-mail-server", "--depth", "send"]):
            done = run(*command, *NAME, "--to", "a@b.example", "--from", "me")
            assert (done.status, "the sender is not a mail address: " in done.err) == (47, True)
        done = run("send-test-email", *NAME, "--to", "a@b.example", "--from", "me@b\n")
        assert (done.status, "the sender is not a mail address: " in done.err) == (47, True)
        assert fake.connections == 0
        assert run("send-test-email", *NAME, "--to", "a@b.example", "--from", "").status == 0, "a bounce has no sender"


@pytest.mark.parametrize(
    ("words", "first", "stages"),
    [
        (TEST, "Testing /mail-server/one", ["resolve", "connect", "banner", "ehlo", "quit"]),
        (
            ["send-test-email", *NAME, "--to", "a@b.example"],
            "Sending a test mail through /mail-server/one.",
            ["resolve", "connect", "banner", "ehlo", "mail", "data", "quit"],
        ),
    ],
    ids=["test", "send"],
)
def test_a_person_sees_each_stage_as_it_happens(words: list[str], first: str, stages: list[str]) -> None:
    waiting = threading.Event()

    def greet(session: Session) -> None:
        assert waiting.wait(20), "the server greets when the stage is on the screen"
        session.send(b"220 fake\r\n")

    with FakeSmtp({"banner": greet}) as fake:
        create(fake.port, "--set", "use-start-tls:false")
        command = [sys.executable, "-m", "confobjects.cli", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as running:
            assert running.stdout is not None
            seen = b""
            while not seen.endswith(b"\n  banner") and (byte := running.stdout.read(1)):
                seen += byte
            waiting.set()
            rest = running.stdout.read()
    lines = (seen + rest).decode().splitlines()
    assert lines[0].startswith(first)
    assert [line.split()[0] for line in lines if line.endswith("  ok")] == stages
    assert len({line.index(" ms") for line in lines if line.endswith("  ok")}) == 1
    assert running.returncode == 0


@pytest.mark.parametrize("output", [["-Q"], ["-s"], ["--output", "json"]], ids=" ".join)
def test_a_program_that_sends_a_test_mail_sees_no_stages(output: list[str]) -> None:
    with FakeSmtp() as fake:
        create(fake.port, "--set", "use-start-tls:false")
        sent = run("send-test-email", *NAME, "--to", "a@b.example", *output)
    assert sent.status == 0
    assert "  resolve " not in sent.out
    assert "Sending" not in sent.out


def test_a_test_mail_goes_to_everybody_that_is_named() -> None:
    with FakeSmtp() as fake:
        create(fake.port, "--set", "use-start-tls:false")
        sent = run("send-test-email", *NAME, "--to", "a@b.example", "--to", "c@d.example")
        dry = run("send-test-email", *NAME, "--to", "a@b.example", "--to", "c@d.example", "--dry-run")
    assert sent.status == 0, sent.err
    assert [line for line in fake.commands if line.startswith("RCPT")] == [
        "RCPT TO:<a@b.example>",
        "RCPT TO:<c@d.example>",
    ]
    assert "The test mail to a@b.example was accepted" in sent.out
    assert "The test mail to c@d.example was accepted" in sent.out
    assert b"To: a@b.example, c@d.example" in fake.messages[0]
    assert dry.out.startswith("would send a test mail to a@b.example, c@d.example through")


def test_a_server_with_a_certificate_that_cannot_be_read(authority: Authority, tmp_path: Path) -> None:
    made = authority.issue("localhost")
    version = made.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)
    (tmp_path / "odd.pem").write_text(ssl.DER_cert_to_PEM_cert(version))
    (tmp_path / "odd.key").write_bytes(made.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "odd.pem", tmp_path / "odd.key")
    told = "(a certificate that cannot be read), SHA-256 "
    with FakeSmtp({"STARTTLS": starttls}, tls=context) as fake:
        create(fake.port)
        refused = outcome_of()
        assert refused.status == 42
        assert told in refused.out + refused.err
        blind = ("--type", "blind", "--set", "enabled:true")
        assert run("create-trust-manager-provider", "--provider-name", "blind", *blind).status == 0
        assert run("set-mail-server-prop", *NAME, "--set", "trust-manager-provider:blind").status == 0
        accepted = outcome_of()
        assert accepted.status == 0
        assert f"  certificate {told}" in accepted.out
