"""Certificates on the spot: written to a file, and trusted by a person at a terminal who was shown them."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from confobjects.tls.stores import read_pem
from tests.cli.dialogue import Dialogue, dialogue
from tests.cli.sessions import Outcome, run
from tests.servers.certificates import DAY, Authority, Certificate
from tests.servers.fake_smtp import FakeSmtp, Session, starttls
from tests.servers.postfix import MAILBOX, REALM, USER, Postfix

NAME = ["--server-name", "one"]
TEST = ["test-mail-server", *NAME, "--depth", "tls"]
CHOICE, DO_IT = "Choice [b]: ", "Do it? (yes / no) [yes]: "
DIGITS = "The last 8 digits of the SHA-256 (empty to go back): "
ALONE, ISSUER = "this certificate alone", "its issuer"


@pytest.fixture(autouse=True)
def _own_file(distrustful_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{distrustful_place / 'config.ldif'}")


def create(port: int, *more: str, name: str = "one", host: str = "localhost") -> None:
    words = ["--server-name", name, "--set", "enabled:true", "--set", f"smtp-server:{host}:{port}", *more]
    made = run("create-mail-server", *words)
    assert made.status == 0, made.err


SSL = ("--set", "use-ssl:true", "--set", "use-start-tls:false")


def fingerprint(certificate: Certificate | Authority) -> str:
    return hashlib.sha256(certificate.der).hexdigest()


def context(certificate: Certificate, directory: Path) -> ssl.SSLContext:
    """Return a server's TLS context, whatever is weak about its certificate."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.load_cert_chain(*certificate.write(directory, fingerprint(certificate)[:12]))
    return made


@contextmanager
def server(certificate: Certificate, directory: Path, *, implicit: bool = True) -> Iterator[FakeSmtp]:
    """Start a mail server with a certificate, and make an object for it."""
    script = {} if implicit else {"STARTTLS": starttls}
    with FakeSmtp(script, tls=context(certificate, directory), implicit=implicit) as running:
        create(running.port, *(SSL if implicit else ()))
        yield running


def value(prop: str, kind: str = "mail-server", name: str = "one") -> str:
    option = {"mail-server": "--server-name", "trust-manager-provider": "--provider-name"}[kind]
    return run(f"get-{kind}-prop", "-s", option, name, "--property", prop).out.strip().partition("\t")[2]


def self_signed(*names: str, is_authority: bool = False, subject: str = "localhost") -> Certificate:
    """Return a certificate that its own key has signed, as ``openssl req -x509`` makes them with ``is_authority``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names or ("localhost",)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = (
        builder.serial_number(x509.random_serial_number()).not_valid_before(now - DAY).not_valid_after(now + 9 * DAY)
    )
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    return Certificate(builder.sign(key, hashes.SHA256()), key)


# -- a file ------------------------------------------------------------------------------------------------------------


def save(path: Path, *more: str) -> Outcome:
    return run(*TEST, "--save-certificates", str(path), *more)


@pytest.mark.parametrize("implicit", [True, False])
def test_the_certificates_that_were_shown_are_written(tmp_path: Path, implicit: bool) -> None:
    """Also of a server that is not trusted: that is what they are wanted for."""
    between = Authority("Between", above=Authority("Above"))
    shown = between.issue("localhost")
    with server(shown, tmp_path, implicit=implicit):
        done = save(tmp_path / "shown.pem")
        assert done.status == 42
        assert f"2 certificates written to {tmp_path / 'shown.pem'}" in done.err
    assert read_pem((tmp_path / "shown.pem").read_bytes(), "") == (shown.der, between.der)
    assert stat.S_IMODE((tmp_path / "shown.pem").stat().st_mode) == 0o644
    assert not list(tmp_path.glob(".certificates-*"))


def test_a_server_that_is_trusted_shows_them_too(relay: Postfix, relay_authority: Authority, tmp_path: Path) -> None:
    create(relay.ports["submission"], "--set", "trust-manager-provider:CA", "--no-test") if trust(tmp_path) else None
    done = save(tmp_path / "shown.pem")
    assert done.status == 0
    assert read_pem((tmp_path / "shown.pem").read_bytes(), "") == (relay.certificate.der,)
    assert "1 certificate written" in done.err


def trust(directory: Path) -> bool:
    values = ["--set", "enabled:true", "--set", f"trust-store-file:{directory / 'ca.pem'}"]
    made = run("create-trust-manager-provider", "--provider-name", "CA", "--type", "file-based", *values)
    return made.status == 0


def test_a_file_that_is_there_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "kept.pem"
    target.write_text("mine")
    with server(self_signed(), tmp_path) as running:
        refused = save(target)
        assert (refused.status, running.connections) == (13, 0), "nobody was asked"
        assert "replace it with --overwrite" in refused.err
        assert target.read_text() == "mine"
        assert save(target, "--overwrite").status == 42
    assert target.read_text().startswith("-----BEGIN CERTIFICATE-----")


def test_a_link_that_leads_nowhere_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "link.pem").symlink_to(tmp_path / "elsewhere")
    with server(self_signed(), tmp_path):
        assert save(tmp_path / "link.pem").status == 13
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--save-certificates", "x.pem", "--depth", "connect"], "has no meaning with the depth connect"),
        (["--overwrite"], "--overwrite has no meaning without --save-certificates"),
        (["--save-certificates", ""], "takes the path of a file"),
    ],
)
def test_what_shows_no_certificate_is_refused(words: list[str], said: str) -> None:
    create(1)
    done = run("test-mail-server", *NAME, *words)
    assert (done.status, said in done.err) == (2, True)


def test_a_server_without_tls_shows_none(tmp_path: Path) -> None:
    with FakeSmtp({"EHLO": b"250 fake\r\n"}) as running:
        create(running.port, "--set", "use-start-tls:false")
        done = save(tmp_path / "shown.pem")
    assert (done.status, "the server has shown no certificate" in done.err) == (2, True)
    assert not (tmp_path / "shown.pem").exists()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with server(self_signed(), tmp_path):
        done = save(tmp_path / "none" / "shown.pem")
    assert done.status == 31
    assert "none/shown.pem" in done.err
    assert "Traceback" not in done.err


# -- at a terminal -----------------------------------------------------------------------------------------------------


def accept(person: Dialogue, certificate: Certificate | Authority, choice: str = ALONE) -> str:
    """Trust what is shown, and return what was shown before."""
    shown = person.answer(CHOICE, choice)
    assert fingerprint(certificate) in shown
    person.answer(DIGITS, fingerprint(certificate)[-8:])
    return shown + person.answer(DO_IT, "yes")


@pytest.mark.parametrize("way", ["smtps", "submission"])
def test_mail_goes_out_with_a_certificate_that_was_trusted_on_the_spot(
    relay: Postfix, tmp_path: Path, way: str
) -> None:
    """The relay's authority is private, and not shown; with TLS from the first byte, and with STARTTLS."""
    login = ["--set", f"auth-username:{USER}@{REALM}", "--set-env", "auth-password:POSTFIX_PASSWORD"]
    create(relay.ports[way], *login, *(SSL if way == "smtps" else ()))
    with dialogue("test-mail-server", *NAME) as person:
        shown = accept(person, relay.certificate)
        assert "issuer   CN=Relay Authority" in shown
        assert "The certificate of its issuer was not shown" in shown
        assert "would create /trust-manager-provider/certificate of one" in shown
        person.until('The certificate is trusted by "certificate of one".')
        person.until("The test passed; no mail was sent.")
        assert person.ends() == 0
    file = tmp_path / "trusted" / f"one-{fingerprint(relay.certificate)[:16]}.pem"
    assert read_pem(file.read_bytes(), "") == (relay.certificate.der,)
    assert value("trust-store-file", "trust-manager-provider", "certificate of one") == f"trusted/{file.name}"
    assert run("check").status == 0
    to = f"{way}.trusted@{MAILBOX}"
    sent = run("send-test-email", *NAME, "--to", to, "--from", f"a@{MAILBOX}")
    assert sent.status == 0, sent.err
    assert relay.wait_for_mail(to)
    assert run("undo", "2").status == 0, "it is one change"
    assert value("trust-manager-provider") == ""
    assert "There are no" in run("list-trust-manager-providers").err
    assert run(*TEST).status == 42


def test_another_certificate_is_refused_afterwards(tmp_path: Path) -> None:
    """The diagnosis names the provider and both fingerprints; the new one can be trusted in its turn."""
    old, new = self_signed(), self_signed()
    with server(old, tmp_path) as running:
        with dialogue(*TEST) as person:
            accept(person, old)
            assert person.ends() == 0
        running.tls = context(new, tmp_path)
        refused = run(*TEST)
        assert refused.status == 42
        assert "is not the one that /trust-manager-provider/certificate of one trusts" in refused.err
        assert fingerprint(old) in refused.err
        assert fingerprint(new) in refused.err
        assert json.loads(run(*TEST, "--output", "json").out)["code"] == "certificate-changed"
        sent = run("send-test-email", *NAME, "--to", "b@example.com")
        assert "is not the one that /trust-manager-provider/certificate of one trusts" in sent.err
        with dialogue(*TEST) as person:
            accept(person, new)
            assert person.ends() == 0
        assert run(*TEST).status == 0
        running.tls = context(old, tmp_path)
        assert run(*TEST).status == 42, "the old one is not trusted any more"
    assert value("trust-manager-provider") == "certificate of one 2"


def test_the_issuer_is_trusted_only_when_it_is_chosen(tmp_path: Path) -> None:
    between = Authority("Between", above=Authority("Above"))
    with server(between.issue("localhost"), tmp_path) as running:
        with dialogue(*TEST) as person:
            shown = accept(person, between, ISSUER)
            assert "It was issued by:" in shown
            assert "It may sign other certificates" in shown
            assert person.ends() == 0
        running.tls = context(between.issue("localhost"), tmp_path)
        assert run(*TEST).status == 0, "a renewed certificate of the same issuer"
        running.tls = context(between.issue("other.test"), tmp_path)
        assert run(*TEST).status == 42, "names are checked as ever"


def test_of_two_that_are_shown_the_first_alone_is_trusted(tmp_path: Path) -> None:
    between = Authority("Between", above=Authority("Above"))
    first = between.issue("localhost")
    with server(first, tmp_path) as running:
        with dialogue(*TEST) as person:
            accept(person, first)
            assert person.ends() == 0
        running.tls = context(between.issue("localhost"), tmp_path)
        assert json.loads(run(*TEST, "--output", "json").out)["code"] == "certificate-changed"


def test_a_certificate_that_may_sign_others_is_said_to(tmp_path: Path) -> None:
    """As openssl req -x509 makes them: whoever has its key can make more."""
    shown = self_signed(is_authority=True)
    with server(shown, tmp_path) as running:
        with dialogue(*TEST) as person:
            told = accept(person, shown)
            assert "issuer   itself" in told
            assert "It may sign other certificates" in told
            assert person.ends() == 0
        running.tls = context(self_signed(is_authority=True), tmp_path)
        assert json.loads(run(*TEST, "--output", "json").out)["code"] == "certificate-changed"


def weak_key() -> Certificate:
    return Authority().issue("localhost", self_signed=True, key=rsa.generate_private_key(65537, 1024))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            lambda: self_signed("other.test"),
            "is not offered to be trusted: the server's certificate is not for localhost",
        ),
        (
            lambda: Authority().issue(common_name="localhost"),
            "is not offered to be trusted: the server's certificate is not for localhost",
        ),
        (lambda: Authority().issue("localhost", begin=-30 * DAY, end=-10 * DAY), "has expired on "),
        (lambda: Authority().issue("localhost", begin=10 * DAY, self_signed=True), "it is not valid before "),
        (weak_key, "is too weak: "),
    ],
    ids=["another name", "no name", "expired", "early", "weak key"],
)
def test_what_else_is_wrong_is_never_offered_to_be_trusted(
    made: Callable[[], Certificate], why: str, tmp_path: Path
) -> None:
    with server(made(), tmp_path), dialogue(*TEST, environment={"COLUMNS": "300"}) as person:
        assert person.ends() == 42
        assert why in person.shown
        assert "Whom do you want to trust?" not in person.shown
    assert not (tmp_path / "trusted").exists()


def test_an_unchecked_name_is_checked_before_somebody_trusts(tmp_path: Path) -> None:
    """A mail server that leaves the name out of what it checks: trust for good must not."""
    with server(self_signed("other.test"), tmp_path):
        settings = ("mail.smtp.ssl.checkserveridentity=false", "confobjects.allow-insecure=any-name")
        words = [word for one in settings for word in ("--set", f"smtp-property:{one}")]
        assert run("set-mail-server-prop", *NAME, *words).status == 0
        with dialogue(*TEST) as person:
            assert person.ends() == 42
            assert "is not offered to be trusted: the server's certificate is not for localhost" in person.shown


@pytest.mark.parametrize("answer", ["", "b", "q"])
def test_whoever_does_not_choose_trusts_nobody(answer: str, tmp_path: Path) -> None:
    with server(self_signed(), tmp_path), dialogue(*TEST) as person:
        person.answer(CHOICE, answer)
        assert person.ends() == 42
    assert value("trust-manager-provider") == ""
    assert not (tmp_path / "trusted").exists()


def test_a_wrong_fingerprint_trusts_nobody(tmp_path: Path) -> None:
    shown = self_signed()
    with server(shown, tmp_path), dialogue(*TEST) as person:
        person.answer(CHOICE, ALONE)
        for wrong in ("yes", "y", fingerprint(shown)[:8], fingerprint(shown)[-4:]):
            person.answer(DIGITS, wrong)
            person.until("These are not the last digits of the SHA-256 above.")
        person.answer(DIGITS, "")
        assert person.ends() == 42
    assert not (tmp_path / "trusted").exists()


def test_digits_may_be_written_as_openssl_prints_them(tmp_path: Path) -> None:
    shown = self_signed()
    last = fingerprint(shown)[-8:].upper()
    with server(shown, tmp_path), dialogue(*TEST) as person:
        person.answer(CHOICE, ALONE)
        person.answer(DIGITS, ":".join(last[at : at + 2] for at in range(0, 8, 2)))
        person.answer(DO_IT, "no")
        assert person.ends() == 42
    assert not (tmp_path / "trusted").exists(), "the file goes with the plan"


def test_ctrl_c_before_the_change_leaves_no_file(tmp_path: Path) -> None:
    shown = self_signed()
    with server(shown, tmp_path), dialogue(*TEST) as person:
        person.answer(CHOICE, ALONE)
        person.answer(DIGITS, fingerprint(shown)[-8:])
        person.until(DO_IT)
        assert person.interrupted() == 130
    assert not (tmp_path / "trusted").exists()
    assert value("trust-manager-provider") == ""


@pytest.mark.parametrize("option", ["-n", "-s", "--output json", "--set smtp-property:mail.smtp.localhost=x"])
def test_nobody_is_asked_who_wants_no_questions_or_tests_other_values(option: str, tmp_path: Path) -> None:
    with server(self_signed(), tmp_path), dialogue(*TEST, *option.split()) as person:
        assert person.ends() == 42
        assert "trust?" not in person.shown


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    shown = self_signed()
    with server(shown, tmp_path), dialogue(*TEST, "--dry-run") as person:
        person.answer(CHOICE, ALONE)
        person.answer(DIGITS, fingerprint(shown)[-8:])
        person.until("This is a dry run: nothing is written.")
        assert person.ends() == 42
    assert not (tmp_path / "trusted").exists()
    assert value("trust-manager-provider") == ""


# -- attacks -----------------------------------------------------------------------------------------------------------


def test_what_was_seen_is_what_is_stored(tmp_path: Path) -> None:
    """The server changes its certificate after it was shown: the one that was confirmed is stored, and the other refused."""
    shown, other = self_signed(), self_signed()
    with server(shown, tmp_path) as running, dialogue(*TEST, environment={"COLUMNS": "300"}) as person:
        person.answer(CHOICE, ALONE)
        running.tls = context(other, tmp_path)
        person.answer(DIGITS, fingerprint(shown)[-8:])
        person.answer(DO_IT, "")
        person.until("is not the one that /trust-manager-provider/certificate of one trusts")
        person.answer(CHOICE, "b")
        assert person.ends() == 42
    [file] = (tmp_path / "trusted").iterdir()
    assert read_pem(file.read_bytes(), "") == (shown.der,)


def test_a_certificate_that_changes_before_it_is_shown_is_not_offered(tmp_path: Path) -> None:
    """The first look sees one certificate, the trial another."""
    first, second = self_signed(), self_signed()

    def change(session: Session) -> None:
        running.tls = context(second if running.connections > 2 else first, tmp_path)
        starttls(session)

    with FakeSmtp({"STARTTLS": change}, tls=context(first, tmp_path)) as running:
        create(running.port)
        with dialogue(*TEST) as person:
            assert person.ends() == 42
            assert "is not offered to be trusted: " in person.shown
    assert not (tmp_path / "trusted").exists()


HOSTILE = "mail\x1b[2J\x1b]0;owned\x07\nSHA-256  0000\u202eevil"


def test_a_subject_that_would_move_the_cursor_is_shown_and_does_not(tmp_path: Path) -> None:
    shown = self_signed(subject=HOSTILE)
    with server(shown, tmp_path), dialogue(*TEST, environment={"TERM": "xterm"}) as person:
        told = accept(person, shown)
        assert person.ends() == 0
    assert r"mail\x1b[2J\x1b]0\;owned\x07\nSHA-256  0000\u202eevil" in told
    assert "\x1b" not in person.shown
    assert "\n  SHA-256  0000" not in told
    written = run("history", "show", "2").out
    assert "\x1b" not in written


def test_a_chain_without_an_end_is_bounded(tmp_path: Path) -> None:
    """Some hundred certificates: a few are described, and what OpenSSL does not take is refused."""
    above = Authority("Above" * 12)
    many = tuple(Authority(f"Number {n} " * 4, above=above).certificate for n in range(60))
    issued = above.issue("localhost")
    with server(Certificate(issued.certificate, issued.key, many), tmp_path) as running:
        done = save(tmp_path / "shown.pem")
        assert done.status == 42
        assert "and 51 more" in done.err
        assert len(done.err) < 10_000
        assert len(read_pem((tmp_path / "shown.pem").read_bytes(), "")) == 61
        running.tls = context(Certificate(issued.certificate, issued.key, many * 5), tmp_path)
        assert save(tmp_path / "more.pem").status == 42
    assert not (tmp_path / "more.pem").exists()


def test_long_names_are_cut(tmp_path: Path) -> None:
    names = ["localhost", *(f"host-{n}.{'x' * 50}.test" for n in range(300))]
    with server(self_signed(*names, subject="s" * 64), tmp_path):
        done = run(*TEST)
    assert "and 291 more" in done.err
    assert len(done.err) < 4_000


# -- the file ----------------------------------------------------------------------------------------------------------


def test_a_file_of_that_name_with_something_else_is_not_touched(tmp_path: Path) -> None:
    shown = self_signed()
    (tmp_path / "trusted").mkdir()
    file = tmp_path / "trusted" / f"one-{fingerprint(shown)[:16]}.pem"
    file.write_text("mine")
    with server(shown, tmp_path), dialogue(*TEST) as person:
        person.answer(CHOICE, ALONE)
        person.answer(DIGITS, fingerprint(shown)[-8:])
        person.until("there is such a file already")
        assert person.ends() == 13
    assert file.read_text() == "mine"
    assert value("trust-manager-provider") == ""


def test_the_same_certificate_is_trusted_again_after_an_undo(tmp_path: Path) -> None:
    shown = self_signed()
    with server(shown, tmp_path):
        for _ in range(2):
            with dialogue(*TEST) as person:
                accept(person, shown)
                assert person.ends() == 0
            last = json.loads(run("history", "--output", "json").out)["changes"][-1]["number"]
            assert run("undo", str(last)).status == 0
    assert len(os.listdir(tmp_path / "trusted")) == 1


# -- in the guided set-up ----------------------------------------------------------------------------------------------


def guide_words(relay: Postfix, way: str) -> list[str]:
    values = (f"smtp-server:localhost:{relay.ports[way]}", f"auth-username:{USER}@{REALM}", "from-name:N")
    return [word for one in values for word in ("--set", one)] + ["--set-env", "auth-password:POSTFIX_PASSWORD"]


def test_a_set_up_trusts_what_it_sees_and_saves_all_of_it_at_once(relay: Postfix, tmp_path: Path) -> None:
    with dialogue("configure-mail", *guide_words(relay, "smtps"), "--server-name", "post") as person:
        person.answer("come from this sender? (yes / no) [no]: ", "")
        assert "2)  look at the certificate that the server shows" in person.answer(CHOICE, "look at")
        assert f"SHA-256  {fingerprint(relay.certificate)}" in person.answer(CHOICE, ALONE)
        person.answer(DIGITS, fingerprint(relay.certificate)[-8:])
        person.until("The test passed; no mail was sent.")
        plan = person.answer(DO_IT, "")
        for path in ("/trust-manager-provider/certificate of post", "/mail-server/post", "/mail-sender/post"):
            assert f"would create {path}" in plan
        assert person.ends() == 0
    assert len(json.loads(run("history", "--output", "json").out)["changes"]) == 1
    sent = run("send-test-email", "--sender-name", "post", "--to", f"guided@{MAILBOX}")
    assert sent.status == 0, sent.err
    assert len(os.listdir(tmp_path / "trusted")) == 1


@pytest.mark.parametrize("end", ["give up", "ctrl-c"])
def test_what_is_not_saved_after_all_leaves_no_file(end: str, relay: Postfix, tmp_path: Path) -> None:
    words = [*guide_words(relay, "smtps")[:-1], "auth-password:WRONG", "--server-name", "post"]
    with dialogue("configure-mail", *words, environment={"WRONG": "mistyped"}) as person:
        person.answer("come from this sender? (yes / no) [no]: ", "")
        person.answer(CHOICE, "look at")
        person.answer(CHOICE, ALONE)
        person.answer(DIGITS, fingerprint(relay.certificate)[-8:])
        person.until("does not accept the user name or the password")
        assert (tmp_path / "trusted").exists(), "the test needs it"
        if end == "ctrl-c":
            person.until(CHOICE)
            assert person.interrupted() == 130
        else:
            person.answer(CHOICE, "give up")
            assert person.ends() == 46
    assert not (tmp_path / "trusted").exists()
    assert run("list-mail-servers", "-s").out == ""
