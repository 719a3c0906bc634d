"""The process that serves: its start, the address that it prints, and its end."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.cli.sessions import run
from tests.web.serving import ServeProcess

NOWHERE = "ldap://127.0.0.1:1/dc=x"
"""A directory that is down."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    place = f"ldif:{tmp_path / 'config.ldif'}"
    assert run("init", "--url", place).status == 0
    return place


def test_it_prints_the_port_that_was_free_and_answers_there(url: str) -> None:
    with ServeProcess(url) as process:
        process.wait_for_start()
        answer = process.ask("/health")
        assert (answer.status, json.loads(answer.body)) == (200, {"status": "alive"})
        assert "server" not in answer.headers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_in_order(url: str, number: signal.Signals) -> None:
    with ServeProcess(url) as process:
        process.wait_for_start()
        assert process.end(number) == 0
        (line,) = process.err.rest()  # nobody has asked for anything
        assert line.startswith("Nobody can sign in yet.")


def test_the_address_as_json(url: str) -> None:
    with ServeProcess(url, "--output", "json") as process:
        lines = [process.out.next() for _ in range(6)]
        told = json.loads("".join(map(str, lines)))
        process.port = told["port"]
        assert told == {
            "url": f"http://127.0.0.1:{process.port}",
            "address": "127.0.0.1",
            "port": process.port,
            "dry_run": False,
        }
        assert process.ask("/health").status == 200


def test_a_configuration_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    outcome = run("serve", "--url", "ldap://127.0.0.1:1/dc=x", "--listen", "127.0.0.1:0", "--timeout", "0")
    assert outcome.status == 20


def test_a_port_that_is_taken(url: str) -> None:
    with ServeProcess(url) as process:
        process.wait_for_start()
        outcome = run("serve", "--url", url, "--listen", f"127.0.0.1:{process.port}")
        assert (outcome.status, "address already in use" in outcome.err) == (2, True)


def test_without_the_extra_it_says_what_to_install(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("confobjects.web.installed.find_spec", lambda name: None if name == "uvicorn" else object())
    outcome = run("serve", "--url", url)
    assert outcome.status == 2
    assert 'pip install "confobjects[web]"' in outcome.err


# -- at three in the morning -------------------------------------------------------------------------------------------


def test_the_first_process_of_a_container_ends_while_the_directory_is_down() -> None:
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("this needs the right to make a namespace of processes")
    with ServeProcess(NOWHERE, wrapped=(unshare, "--pid", "--fork", "--kill-child=KILL")) as process:
        process.err.until(lambda line: "nothing is listening there" in line)
        assert process.end_child(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_ends_in_order_also_while_it_waits_for_the_directory(number: signal.Signals) -> None:
    with ServeProcess(NOWHERE) as process:
        process.err.until(lambda line: "nothing is listening there" in line)
        assert process.end(number) == 0
        assert process.err.rest() == []


@pytest.mark.parametrize(
    "name", ["https://web.example.com/", "web.example.com:8443", "*", "", "a b", "user@web.example", "[::1]:8"]
)
def test_a_name_that_no_request_can_have_is_refused(url: str, name: str) -> None:
    outcome = run("serve", "--url", url, "--dry-run", "--host", name)
    assert (outcome.status, "is no name of a host" in outcome.err) == (2, True)


@pytest.mark.parametrize(
    "name", ["web.example.com", "web.example.com.", "web_1", "192.0.2.7", "::1", "[2001:db8::7]", "bücher.example"]
)
def test_a_name_that_a_request_can_have(url: str, name: str) -> None:
    assert run("serve", "--url", url, "--dry-run", "--listen", "127.0.0.1:0", "--host", name).status == 0


def test_a_damaged_file_of_people_is_said_before_it_listens(url: str, tmp_path: Path) -> None:
    people = tmp_path / "config.ldif.people"
    people.write_text("{")
    people.chmod(0o600)
    outcome = run("serve", "--url", url, "--listen", "127.0.0.1:0")
    assert (outcome.status, outcome.out) == (31, "")


def test_a_log_of_json_has_json_only(url: str) -> None:
    with ServeProcess(url, "--log-format", "json") as process:
        process.wait_for_start()
        process.ask("/health")
        assert process.end() == 0
        told = [json.loads(line) for line in process.err.rest()]
    assert "The link that makes the first administrator is in" in told[0]["message"]
    assert told[-1]["path"] == "/health"


def test_two_processes_leave_each_other_their_first_links(url: str, tmp_path: Path) -> None:
    file = tmp_path / "config.ldif.people.first"
    with ServeProcess(url) as one, ServeProcess(url) as other:
        one.wait_for_start()
        one.err.until(lambda line: line.startswith("Nobody can sign in yet."))
        other.wait_for_start()
        other.err.until(lambda line: line.startswith("Nobody can sign in yet."))
        newest = file.read_text()
        overwritten, owner = (one, other) if f":{other.port}/" in newest else (other, one)
        assert overwritten.end() == 0
        assert file.read_text() == newest
        assert owner.end() == 0
    assert not file.exists()


# -- certificates ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key."""
    made = trustme.CA().issue_cert("127.0.0.1")
    certificate, key = tmp_path / "web.pem", tmp_path / "web.key"
    certificate.write_bytes(made.cert_chain_pems[0].bytes())
    key.write_bytes(made.private_key_pem.bytes())
    return certificate, key


def refuse(url: str, certificate: Path, key: Path | None = None) -> str:
    """Return what is said of a certificate that cannot be used."""
    more = () if key is None else ("--key", str(key))
    outcome = run("serve", "--url", url, "--listen", "127.0.0.1:0", "--certificate", str(certificate), *more)
    assert (outcome.status, outcome.out) == (2, "")
    assert "_ssl.c" not in outcome.err
    return outcome.err


def test_what_is_wrong_with_a_certificate_is_said_in_words(url: str, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    nowhere = tmp_path / "nowhere.pem"
    assert f"{nowhere}: the certificate and its key cannot be used: no such file or directory" in refuse(
        url, nowhere, key
    )
    assert f"{nowhere}: " in refuse(url, certificate, nowhere)
    assert "is a directory" in refuse(url, tmp_path, key)
    assert "there is no certificate in it (PEM)" in refuse(url, key, certificate)
    assert "name the file of the key as well" in refuse(url, certificate)


def test_a_key_that_does_not_fit_or_needs_a_password(url: str, tmp_path: Path, pair: tuple[Path, Path]) -> None:
    certificate, _ = pair
    other = tmp_path / "other.key"
    other.write_bytes(trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes())
    assert f"{other}: the certificate and its key cannot be used: the key does not belong" in refuse(
        url, certificate, other
    )
    other.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n")
    assert "the key is encrypted" in refuse(url, certificate, other)
    certificate.write_text("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    assert "damaged" in refuse(url, certificate, pair[1])


@pytest.mark.parametrize(("days", "words"), [(-1, "has ended on"), (3, "ends on"), (90, "")])
def test_a_certificate_that_ends_is_told_at_the_start(url: str, tmp_path: Path, days: int, words: str) -> None:
    now = datetime.now(UTC)
    made = trustme.CA().issue_cert("127.0.0.1", not_before=now - timedelta(90), not_after=now + timedelta(days))
    path = tmp_path / "both.pem"
    path.write_bytes(made.private_key_and_cert_chain_pem.bytes())
    outcome = run("serve", "--url", url, "--listen", "127.0.0.1:0", "--certificate", str(path), "--dry-run")
    assert outcome.status == 0
    assert (words in outcome.err) if words else not outcome.err
