"""``run-mail-service``: the log as JSON, and the file with metrics, of a process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import KeyFile, create_ring, make_key
from tests.cli.sessions import run
from tests.servers.fake_smtp import FakeSmtp
from tests.service.places import make_place
from tests.service.processes import UNSEALED, ServiceProcess
from tests.service.test_status import read_metrics

EVIL = b'550 5.1.1 <gone@x.test>\xe2\x80\xa8{"event":"delivered"} no such user\r\n'


def send(url: str, to: str) -> str:
    found = run("send-mail", "--url", url, UNSEALED, "--to", to, "--subject", "x", "--body", "y", "-s")
    assert found.status == 0, found
    return found.out.strip()


@pytest.mark.parametrize("sealed", [True, False])
def test_the_log_is_one_object_a_line_and_tells_of_each_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool
) -> None:
    env = {}
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    if sealed:
        env[KEY_FILE_VARIABLE] = str(tmp_path / "keys")
        create_ring(KeyFile(env[KEY_FILE_VARIABLE]), Ring.of(make_key("2026-11-28")))
        monkeypatch.setenv(KEY_FILE_VARIABLE, env[KEY_FILE_VARIABLE])
    lines: list[dict[str, Any]] = []

    def has(line: str, event: str, mail: str = "") -> bool:
        """Read a line, and tell whether it is the one that is waited for."""
        assert line.isascii()
        assert line.rstrip("\n").isprintable()
        found = json.loads(line)
        lines.append(found)
        return bool(found["event"] == event and found.get("mail", "") == mail)

    with FakeSmtp({"RCPT": [b"250 ok\r\n", EVIL]}) as fake:
        url = make_place(tmp_path, fake.port, sender="news")
        with ServiceProcess(url, "--log-format", "json", "--runners", "1", env=env) as service:
            service.err.until(lambda line: has(line, "started"))
            sent = send(url, "ann@x.test")
            service.err.until(lambda line: has(line, "delivered", sent))
            refused = send(url, "gone@x.test")
            service.err.until(lambda line: has(line, "failed", refused))
            assert service.end() == 0
    assert [one["event"] for one in lines if one["logger"] == "confobjects.service"] == [
        "started",
        "delivered",
        "failed",
    ]
    assert lines[-1]["code"] == "no-such-recipient"
    assert ("x.test" in json.dumps(lines)) is not sealed
    started = next(one for one in lines if one["event"] == "started")
    assert started["ledger"].endswith(".ledger")


def test_the_log_as_text_has_no_address_while_the_ledger_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = str(tmp_path / "keys")
    create_ring(KeyFile(keys), Ring.of(make_key("2026-11-28")))
    monkeypatch.setenv(KEY_FILE_VARIABLE, keys)
    lines: list[str] = []

    def has(line: str, words: str) -> bool:
        lines.append(line)
        return words in line

    with FakeSmtp({"RCPT": EVIL}) as fake:
        url = make_place(tmp_path, fake.port, sender="news")
        with ServiceProcess(url, "--runners", "1", env={KEY_FILE_VARIABLE: keys}) as service:
            service.err.until(lambda line: has(line, "the mail service runs"))
            send(url, "gone@x.test")
            service.err.until(lambda line: has(line, "no such user"))
            assert service.end() == 0
    assert "x.test" not in "".join(lines)


def test_the_metrics_are_in_the_file_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    path = tmp_path / "mail.prom"
    url = make_place(tmp_path, sender="news")
    with ServiceProcess(url, "--metrics-file", str(path)).wait_for_start() as service:
        found = {name: value for name, _, value in read_metrics(path.read_text())}
        assert found["confobjects_mail_ledger_up"] == 1
        assert service.end() == 0
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_an_error_of_the_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    url = make_place(tmp_path, sender="news")
    words = ["run-mail-service", "--url", url, UNSEALED, "--metrics-file"]
    found = run(*words, str(tmp_path / "nowhere" / "mail.prom"))
    assert found.status == 2
    assert "the file for metrics cannot be written: no such file or directory" in found.err
    assert run(*words, os.devnull).status == 2
