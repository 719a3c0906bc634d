"""The program ``sendmail``: its options, its exit statuses, and what it takes from standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from confobjects.cli.sendmail import CONFIGURATION, STATUSES, TRY_AGAIN, UNAVAILABLE, USAGE, run_as_sendmail, translate
from confobjects.errors import CODES
from tests.docs_check import ROOT
from tests.service.places import change_service, make_place
from tests.service.processes import UNSEALED, open_ledger_at

START = ["send-mail", "--quiet", "--no-prompt"]
DOT = "--end-at-dot"
READS = "--read-recipients"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("-t -i", [READS]),
        ("-t", [DOT, READS]),
        ("-ti", [READS]),
        ("-t -oi", [READS]),
        ("-oi -oem -t", [READS]),
        ("-i -f me@x.test ann@x.test", ["--to=ann@x.test"]),
        ("-i -fme@x.test -F Me -N never -R hdrs -V id -B 8BITMIME -em -v -n -bm -om ann@x.test", ["--to=ann@x.test"]),
        ("-i ann@x.test,bob@x.test cid@x.test", ["--to=ann@x.test", "--to=bob@x.test", "--to=cid@x.test"]),
        ("-i ann@x.test -t", ["--to=ann@x.test", READS]),
        ("-i -- -odd@x.test", ["--to=-odd@x.test"]),
        ("-i -- --to=x@x.test", ["--to=--to=x@x.test"]),
        ("-i --category=account --url=ldif:x ann@x.test", ["--category=account", "--url=ldif:x", "--to=ann@x.test"]),
        ("-i root", ["--to=root"]),
    ],
)
def test_a_command_line_means_the_same(typed: str, words: list[str]) -> None:
    assert translate(typed.split()) == [*START, *words]


def test_a_name_before_an_address_is_no_address() -> None:
    assert translate(["-i", '"Doe, Ann" <ann@x.test>']) == [*START, "--to=ann@x.test"]


@pytest.mark.parametrize("typed", ["", "-i", "-bs", "-bp", "-bi", "-q", "-qf", "-I", "-Z", "-f"])
def test_what_it_does_not_do_is_a_mistake_in_the_call(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_as_sendmail(lambda _: 0, typed.split()) == USAGE
    assert capsys.readouterr().err.startswith("sendmail: ")


def test_every_exit_status_has_a_meaning_for_programs_that_call_sendmail() -> None:
    for code in sorted({error.exit_code for error in CODES.values()} - STATUSES.keys()):
        assert run_as_sendmail(lambda _, code=code: code, ["-t"]) in (CONFIGURATION, UNAVAILABLE)  # type: ignore[misc]
    assert run_as_sendmail(lambda _: 0, ["-t"]) == 0
    assert (STATUSES[2], STATUSES[24], STATUSES[25]) == (USAGE, UNAVAILABLE, TRY_AGAIN)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program, as a link of that name to ``confobjects`` is started."""
    path = tmp_path / "sendmail"
    path.write_text(f"#!{sys.executable}\nimport sys\nfrom confobjects.cli.main import process\nsys.exit(process())\n")
    path.chmod(0o755)
    return path


def send(program: Path, url: str, data: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "CONFOBJECTS_URL": url, "PYTHONPATH": str(ROOT)}
    return subprocess.run([program, *arguments], input=data, capture_output=True, check=False, env=env)


def test_a_program_that_calls_sendmail_is_served(program: Path, tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own")
    data = b"From: www@host\nTo: ann@x.test\nBcc: bob@x.test\nSubject: s\n\nfirst\n.\nlast \xe2\x82\xac\n"
    assert send(program, url, data, "-t", "-f", "www@host").returncode == TRY_AGAIN
    for words in (["-t", "-oi"], ["-t"], ["-i", "ann@x.test"]):
        done = send(program, url, data, *words, UNSEALED)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    with open_ledger_at(url) as ledger:
        entries = ledger.list()
        assert [one.from_ for one in entries] == ["own@example.com"] * 3
        found = [[one.address for one in entry.parts[0].recipients] for entry in entries]
        assert found == [["ann@x.test", "bob@x.test"]] * 2 + [["ann@x.test"]]
        assert entries[1].size < entries[0].size  # without -i a line with a single dot is the end
    change_service(url, enabled=False)
    done = send(program, url, data, "-t", UNSEALED)
    assert (done.returncode, done.stdout) == (UNAVAILABLE, b"")
    assert b"disabled" in done.stderr
    assert send(program, f"ldif:{tmp_path / 'config.ldif.nothing'}", data, "-t").returncode == UNAVAILABLE
    assert send(program, "nonsense:", data, "-t").returncode == USAGE
