"""Batches: what they print, that they are one change or none, and what becomes of one that is killed."""

from __future__ import annotations

import gzip
import json
import os
import pty
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.batches import BAD, GOOD, SECRET, prepare, replayed
from tests.cli.sessions import Outcome, fresh, run
from tests.cli.test_storages import without_places
from tests.docs_check import ROOT
from tests.effort import times
from tests.opening import open_any
from tests.servers import ds389
from tests.servers.fixtures import GUARDED

NUMBERS = count()


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


@pytest.fixture(params=["389-ds", "slapd"])
def directory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a configuration on a server, which is the one that the command line works on."""
    if request.param == "slapd":
        url, above = request.getfixturevalue("slapd").socket_url, GUARDED
    else:
        url, above = request.getfixturevalue("ds389_server").socket_url, ds389.SUFFIX
    place = str(url) + quote(f"cn=batch {next(NUMBERS)},{above}")
    monkeypatch.setenv("CONFOBJECTS_URL", place)
    return place


def batch(text: str, *options: str, directory: Path) -> Outcome:
    file = directory / "changes.batch"
    file.write_text(text)
    return run("-F", str(file), *options)


def process(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "confobjects.cli", "--batch", *options]
    return subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, check=False)


def names() -> list[str]:
    return run("list-mail-servers", "-s").out.splitlines()


# -- what is printed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_each_mistake_has_its_words_and_its_place_and_nothing_is_written(path: Path, tmp_path: Path) -> None:
    prepare(tmp_path)
    before = (tmp_path / "config.ldif").read_bytes()
    expected = path.with_suffix(".txt").read_text()
    assert replayed(path, tmp_path) == expected
    assert SECRET not in expected
    assert (tmp_path / "config.ldif").read_bytes() == before


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_batch_prints(path: Path, tmp_path: Path) -> None:
    prepare(tmp_path)
    expected = path.with_suffix(".txt").read_text()
    assert replayed(path, tmp_path) == expected
    assert SECRET not in expected


@pytest.mark.parametrize("path", [*GOOD, *BAD[::7]], ids=lambda path: path.stem)
def test_a_batch_prints_the_same_on_a_directory(
    path: Path, directory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFOBJECTS_INSTANCE", str(tmp_path))
    prepare(tmp_path)
    assert without_places(replayed(path, tmp_path)) == without_places(path.with_suffix(".txt").read_text())


def test_the_corpora_are_there() -> None:
    assert len(BAD) >= 35
    assert len(GOOD) >= 10


def test_values_arrive_as_they_are_meant(tmp_path: Path) -> None:
    prepare(tmp_path)
    replayed(next(path for path in GOOD if path.stem == "dsconfig-habits"), tmp_path)
    stored = (tmp_path / "config.ldif").read_text()
    assert "ds-cfg-trust-store-file: config/trust store.p12\n" in stored
    assert "ds-cfg-trust-store-pin: &{file:config/truststore.pin}\n" in stored
    assert "ds-cfg-auth-username: &{mail.user|robot}\n" in stored
    assert f"ds-cfg-auth-password: {SECRET}\n" in stored
    assert "PEM Trust" not in stored


# -- all or nothing ------------------------------------------------------------------------------------------------


def test_a_batch_is_one_replacement_and_one_change_of_the_history(tmp_path: Path) -> None:
    prepare(tmp_path)
    archive = tmp_path / "config.ldif.archive"
    before, text = len(list(archive.glob("*.gz"))), (tmp_path / "config.ldif").read_bytes()
    lines = [f"create-mail-server --server-name new-{n} --set enabled:true --set smtp-server:h{n}\n" for n in range(20)]
    assert batch("".join(lines), directory=tmp_path).status == 0
    made = sorted(archive.glob("*.gz"))
    assert len(made) == before + 1
    assert gzip.decompress(made[-1].read_bytes()) == text
    changes = json.loads(run("history", "--output", "json").out)["changes"]
    assert len(changes) == 2
    assert changes[-1]["command"].startswith("batch ")
    assert len(changes[-1]["changes"]) == 20


def test_one_by_one_each_is_a_change_of_the_history_by_its_own_command(tmp_path: Path) -> None:
    prepare(tmp_path)
    text = f"delete-mail-server --server-name one\ndelete-mail-server --server-name none\n{SET_SECRET}\n"
    assert batch(text, "--batch-continue-on-error", directory=tmp_path).status == 12
    commands = [change["command"] for change in json.loads(run("history", "--output", "json").out)["changes"]]
    assert commands[1:] == ["delete-mail-server --server-name one", SET_SECRET.replace(SECRET, "********")]


SET_SECRET = f"set-mail-server-prop --server-name two --set auth-username:me --set auth-password:{SECRET}"


def test_a_batch_that_disables_and_enables_an_object_says_that_it_is_restarted(tmp_path: Path) -> None:
    run("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h.example.com")
    name = "set-mail-server-prop --server-name one --set"
    did = batch(
        f"{name} enabled:false\n{name} use-start-tls:false\n{name} use-ssl:true\n{name} enabled:true\n",
        directory=tmp_path,
    )
    assert "/mail-server/one: disabled and enabled again by this change" in did.err
    assert "must be disabled and re-enabled" not in did.err + did.out
    did = batch(f"{name} enabled:false\n{name} enabled:true\n", directory=tmp_path)
    assert "/mail-server/one: disabled and enabled again by this change" in did.err


def test_a_restart_alone_is_a_change_of_a_directory_too(directory: str, tmp_path: Path) -> None:
    run("init", "--bare")
    run("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h.example.com")
    lines = [f"set-mail-server-prop --server-name one --set enabled:{value}\n" for value in ("false", "true")]
    assert batch("".join(lines), directory=tmp_path).status == 0
    last = json.loads(run("history", "--output", "json").out)["changes"][-1]
    assert (last["state"], last["changes"][0]["restarted"], last["changes"][0]["properties"]) == ("done", True, {})
    assert json.loads(run("undo", str(last["number"]), "--output", "json").out)["changed"] is False
    assert run("check").status == 0


def test_what_is_valid_only_together_is_one_batch_in_any_order(tmp_path: Path) -> None:
    prepare(tmp_path)
    text = (
        'delete-trust-manager-provider --provider-name "PEM Trust"\n'
        "create-mail-server --server-name new --set enabled:true --set smtp-server:h --set trust-manager-provider:New\n"
        "set-mail-server-prop --server-name one --set trust-manager-provider:New\n"
        "create-trust-manager-provider --provider-name New --type pem --set enabled:true --set pem-directory:.\n"
    )
    done = batch(text, directory=tmp_path)
    assert done.status == 0
    assert [line for line in done.err.splitlines() if ": saved without a test" not in line] == [
        f'  remedy: test-mail-server --server-name "{name}"' for name in ("new", "one")
    ]
    assert run("check").status == 0


def test_an_empty_object_name_is_a_word_and_no_name(tmp_path: Path) -> None:
    prepare(tmp_path)
    done = batch('delete-mail-server --server-name "" --force\n', directory=tmp_path)
    assert names() == ["one", "two"]
    assert done.status in {0, 2, 10}


def test_a_batch_of_a_whole_configuration_makes_it_again(tmp_path: Path) -> None:
    prepare(tmp_path)
    first = (tmp_path / "prepared.batch").read_text()
    before = json.loads(run("export").out)["objects"]
    (tmp_path / "config.ldif").unlink()
    assert batch(first, directory=tmp_path).status == 0
    assert json.loads(run("export").out)["objects"] == before


NASTY = (
    'it\'s "so"',
    "\\&{literal}",
    "C:\\Windows\\",
    "&{user|a b}",
    "  two  blanks",
    "#5",
    "-x",
    "$HOME `id` !1",
    "a,b",
    "é ß",
)


def test_what_is_exported_as_commands_is_a_batch_that_makes_it_again(tmp_path: Path) -> None:
    for number, text in enumerate(NASTY):
        values = {"enabled": True, "smtp-server": "h", "auth-username": text, "auth-password": f"&{{p{number}}}"}
        with open_any() as context:
            context.create("mail-server", f"{text} {number}", values)
    before = json.loads(run("export").out)["objects"]
    exported = run("export", "--format", "commands").out
    (tmp_path / "config.ldif").unlink()
    done = batch(exported, directory=tmp_path)
    assert done.status == 0, done.err
    assert json.loads(run("export").out)["objects"] == before


# -- how it is asked for -------------------------------------------------------------------------------------------


def test_standard_input_is_a_batch() -> None:
    done = process(
        "create-mail-server --server-name one --set enabled:true --set smtp-server:h\nlist-mail-servers -s\n", "-Q"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")
    done = process("set-mail-server-prop --server-name one --set enabled:x\n", "-Q")
    assert (done.returncode, done.stdout) == (10, "")
    assert done.stderr.startswith("error: standard input:1:54, /mail-server/one, enabled: ")


def test_it_is_asked_for_on_either_side_and_in_any_case(tmp_path: Path) -> None:
    prepare(tmp_path)
    file = tmp_path / "changes.batch"
    file.write_text("list-mail-servers")
    for words in (
        ["--BATCHFILEPATH", str(file), "-s"],
        [f"--batchFilePath={file}", "-s"],
        ["-s", f"-F{file}"],
        ["-sF", str(file)],
    ):
        assert run(*words) == Outcome(0, "one\ntwo\n", "")


NO_DIRECTORY = "--bindDn has no effect: the configuration is not in an LDAP directory\n"


@pytest.mark.parametrize("word", ["-F", "--batch"])
def test_a_value_that_looks_like_it_is_no_batch(word: str, tmp_path: Path) -> None:
    prepare(tmp_path)
    for words in (["--BINDDN", word], [f"--bindDn={word}"], [f"-D{word}"]):
        assert run("list-mail-servers", "-s", *words) == Outcome(0, "one\ntwo\n", NO_DIRECTORY)


def test_a_command_beside_it_is_one_too_many(tmp_path: Path) -> None:
    for words in (["list-mail-servers", "--batch"], ["-F", "x", "create-mail-server", "--server-name", "one"]):
        done = run(*words)
        assert (done.status, done.out) == (2, "")
        assert "cannot be combined with a batch: the commands come from the batch" in done.err


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert run("-F", str(tmp_path / "none")) == Outcome(
        2, "", f"error: {tmp_path}/none: the batch cannot be read: no such file or directory\n"
    )


def test_options_of_the_batch_hold_for_its_lines(tmp_path: Path) -> None:
    prepare(tmp_path)
    text = "get-mail-server-prop --server-name one --property smtp-server\n"
    assert batch(text, "-s", directory=tmp_path).out == "smtp-server\tone.example.com\n"
    shown = json.loads(batch(text, "--output", "json", directory=tmp_path).out)["commands"][0]["output"]
    assert shown["properties"]["smtp-server"]["values"] == ["one.example.com"]


def test_a_line_may_repeat_the_connection(tmp_path: Path) -> None:
    prepare(tmp_path)
    url = f"ldif:{tmp_path / 'config.ldif'}"
    assert batch(f"list-mail-servers --url {url}\n", "--url", url, "-s", directory=tmp_path).out == "one\ntwo\n"
    done = batch(f"list-mail-servers --url {url}x\n", "--url", url, "-s", directory=tmp_path)
    assert (done.status, "--url applies to a whole batch" in done.err) == (2, True)


def test_errors_as_json_have_their_place(tmp_path: Path) -> None:
    prepare(tmp_path)
    text = "list-mail-servers\nset-mail-server-prop --server-name one \\\n  --set enabled:maybe\n"
    done = batch(text, "--output", "json", directory=tmp_path)
    error = json.loads(done.err)["error"]
    [problem] = error["diagnostics"]
    assert (done.status, done.out, error["code"], error["exit"]) == (10, "", "invalid-value", 10)
    assert (problem["line"], problem["column"], problem["excerpt"]) == (3, 17, "  --set enabled:maybe")
    assert problem["origin"] == str(tmp_path / "changes.batch")


def test_the_exit_status_is_that_of_the_first_failure(tmp_path: Path) -> None:
    prepare(tmp_path)
    lines = [
        "delete-mail-server --server-name none",
        "set-mail-server-prop --server-name one --set enabled:maybe",
        "create-mail-server --server-name one --set enabled:true --set smtp-server:h",
    ]
    for turn in range(3):
        ordered = [*lines[turn:], *lines[:turn]]
        expected = (12, 10, 13)[turn]
        assert batch("\n".join(ordered), directory=tmp_path).status == expected
        assert batch("\n".join(ordered), "--batch-continue-on-error", directory=tmp_path).status == expected


def test_many_mistakes_are_all_told(tmp_path: Path) -> None:
    prepare(tmp_path)
    lines = [f"set-mail-server-prop --server-name one --set enabled:x{n}\nfrobnicate{n}\n" for n in range(150)]
    done = batch("".join(lines), directory=tmp_path)
    told = [int(line) for line in re.findall(r"(?m)\.batch:(\d+):\d+", done.err)]
    assert told == list(range(1, 301))


# -- on a terminal -------------------------------------------------------------------------------------------------


def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    prepare(tmp_path)
    file = tmp_path / "changes.batch"
    file.write_text("set-mail-server-prop --server-name one --set enabled:false\n" * 30)
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "confobjects.cli", "-F", str(file)]
    running = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=ROOT)
    os.close(child)
    shown = b""
    while True:
        try:
            part = os.read(parent, 1000)
        except OSError:  # the other side has closed
            break
        shown += part
    assert running.wait() == 0
    assert b"planning commands: 30 of 30" in shown
    assert shown.count(b"\n") == 1 + shown.count(b"warning: ")  # what goes on has no line of its own
    assert b"30 commands: 1 done, 29 unchanged, 0 failed." in shown


# -- one by one ----------------------------------------------------------------------------------------------------


def test_what_has_no_chance_is_not_tried(tmp_path: Path) -> None:
    prepare(tmp_path)
    text = f"set-mail-server-prop --server-name one --set auth-username:{'x' * 5000}\ndelete-mail-server --server-name two\n"
    command = [sys.executable, "-m", "confobjects.cli", "--batch", "--batch-continue-on-error"]
    full = (resource.RLIMIT_FSIZE, (4000, 4000))  # as a disk that is full
    done = subprocess.run(
        command,
        input=text,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        preexec_fn=lambda: resource.setrlimit(*full),
    )
    assert (done.returncode, done.stdout) == (31, "2 commands: 0 done, 0 unchanged, 1 failed, 1 not tried.\n")
    assert done.stderr.startswith("error: standard input:1:1")
    assert names() == ["one", "two"]


# -- killed --------------------------------------------------------------------------------------------------------

SERVERS = [f"server-{number}" for number in range(150)]


def _values() -> set[str]:
    with open_any() as context:
        return {server.values["auth-username"][0] for server in context.list("mail-server") if server.name in SERVERS}


def _all_set_to(text: str) -> str:
    return "".join(f"set-mail-server-prop --server-name {name} --set auth-username:{text}\n" for name in SERVERS)


def _killed(text: str, patience: float) -> bool:
    """Run a batch and kill it after so many seconds; tell whether it was still running."""
    command = [sys.executable, "-m", "confobjects.cli", "--batch", "-Q"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=ROOT)
    assert running.stdin is not None
    running.stdin.write(text)
    running.stdin.close()
    try:
        return running.wait(timeout=patience) != 0
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
        return True


def _survives(rounds: int) -> None:
    created = "".join(
        f"create-mail-server --server-name {name} --set enabled:true --set smtp-server:h --set auth-username:none\n"
        for name in SERVERS
    )
    assert process(created).returncode == 0
    begin = time.monotonic()
    assert process(_all_set_to("0"), "-Q").returncode == 0
    whole = time.monotonic() - begin
    dice, before = random.Random(5), {"0"}
    for number in range(1, rounds + 1):
        killed = _killed(_all_set_to(str(number)), dice.uniform(0.3, 1) * whole)
        # The next command that changes something finishes what one on a directory has left, or takes it back.
        assert run("set-mail-server-prop", "--server-name", "last", "--set", f"auth-username:{number}").status == 0
        found = _values()
        assert found in ({str(number)}, before if killed else set())
        before = found
    assert run("check", "-Q").status == 0
    records = json.loads(run("history", "--output", "json").out)["changes"]
    told = [
        record["changes"][0]["properties"]["auth-username"]["after"]
        for record in records[3:]
        if len(record["changes"]) > 1
    ]
    assert [*before] == (told or [["0"]])[-1]


LAST = ("create-mail-server", "--server-name", "last", "--set", "enabled:false", "--set", "smtp-server:h")


def test_a_batch_that_is_killed_was_made_or_not() -> None:
    assert run(*LAST).status == 0
    _survives(times(10))


def test_a_batch_that_is_killed_is_finished_or_taken_back_on_a_directory(directory: str) -> None:
    assert run("init").status == 0
    assert run(*LAST).status == 0
    _survives(times(5))
