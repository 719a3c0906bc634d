"""The process that serves: its start, the address that it prints, and its end."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.sessions import run
from tests.web.serving import ServeProcess


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
