"""``watch --exec``: what a command gets, what becomes of one that fails, hangs or leaves others behind."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from pathlib import Path
from threading import Condition
from typing import Any

import pytest

from confobjects.cli.watching.program import ProgramRun, choose_environment, split_command
from confobjects.cli.watching.runner import ProgramRunner
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from tests.cli.documents import CANARY
from tests.cli.sessions import run
from tests.cli.watchers import LONG, Pipe, Watcher
from tests.following.services import File

JSON = ("--output", "json")
ONE = "/mail-server/one"
STATE: dict[str, Any] = {"event": "state", "number": 1, "objects": [], "waiting": []}


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A configuration with the mail server "one", which is change 1 and has a secret."""
    return File(tmp_path, **{"auth-username": "u", "auth-password": CANARY})


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    return Pipe(tmp_path)


def shell(script: str, *arguments: object) -> str:
    """A command that runs a script of the shell, as one argument."""
    return shlex.join(["sh", "-c", script, *map(str, arguments)])


# -- its words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("true", ("true",)),
        ("a 'b c' \"d e\" f\\ g", ("a", "b c", "d e", "f g")),
        (
            "a $HOME *.py `b` ~ | c > d; e & f # g",
            ("a", "$HOME", "*.py", "`b`", "~", "|", "c", ">", "d;", "e", "&", "f", "#", "g"),
        ),
        ("a ''", ("a", "")),
    ],
)
def test_a_command_is_split_as_a_shell_does_it_and_not_expanded(text: str, words: tuple[str, ...]) -> None:
    assert split_command(text) == words


@pytest.mark.parametrize("text", ["", " ", "\n", "''", '"" a', "a 'b", 'a "b', "a \\", "a b\0c"])
def test_a_command_that_is_none_is_refused_before_anything_is_opened(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        split_command(text)
    outcome = run("watch", "--url", f"ldif:{tmp_path / 'nothing.ldif'}", "--exec", text)
    assert (outcome.status, outcome.out) == (2, "")
    assert "--exec" in outcome.err


def test_no_shell_runs_it(file: File, pipe: Pipe) -> None:
    script = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
    command = f"{shlex.join([sys.executable, '-c', script, str(pipe.path)])} $HOME *  'a  b' ; exit"
    with Watcher(file.url, "--exec", command):
        assert pipe.read() == "['$HOME', '*', 'a  b', ';', 'exit']"


# -- what it gets ----------------------------------------------------------------------------------------------------


def test_it_gets_the_state_and_then_each_change(file: File, pipe: Pipe) -> None:
    with Watcher(file.url, *JSON, "--exec", shell('cat > "$0"', pipe.path)) as watcher:
        state = json.loads(pipe.read())
        assert state == watcher.document("state")
        (one,) = (found for found in state["objects"] if found["path"] == ONE)
        assert (one["path"], one["properties"]["auth-password"]) == (ONE, ["********"])
        file.set(smtp_server="second.example.com")
        assert json.loads(pipe.read()) == watcher.document("change")


def test_changes_that_come_meanwhile_are_joined(file: File, tmp_path: Path, pipe: Pipe) -> None:
    gate = Pipe(tmp_path, "gate")
    command = shell('cat > "$0"; read line < "$1"', pipe.path, gate.path)
    with Watcher(file.url, *JSON, "--exec", command) as watcher:
        assert json.loads(pipe.read())["event"] == "state"
        for number in range(100):
            file.set(smtp_server=f"h{number}.example.com")
        for _ in range(100):
            watcher.document("change")
        runs: list[Any] = []
        while sum(run["joined"] for run in runs) < 100:
            gate.write()
            runs.append(json.loads(pipe.read()))
        assert (len(runs) <= 2, runs[-1]["number"]) == (
            True,
            101,
        )  # the last change may be printed before it waits for a run
        sides = [one["properties"]["smtp-server"] for run in runs for one in run["changes"]]
        assert (sides[0]["before"], sides[-1]["after"]) == (["first.example.com"], ["h99.example.com"])
        assert len(sides) == len(runs)
        gate.write()


def test_no_secret_gets_out(file: File, pipe: Pipe, tmp_path: Path) -> None:
    places = {"CONFOBJECTS_BIND_PASSWORD": CANARY, "CONFOBJECTS_URL": f"ldif:{CANARY}", "LC_PIN": CANARY, "PIN": CANARY}
    own = ("--bindPassword:env", "LC_PIN", "--define", f"secret={CANARY}")
    command = shell('{ cat; env; tr "\\0" "\\n" < /proc/$$/environ; } > "$0"; echo printed', pipe.path)
    with Watcher(file.url, *JSON, *own, "--count", "2", "--exec", command, env=places) as watcher:
        found = pipe.read()
        file.set(auth_password=f"{CANARY} new", auth_username="w")
        found += pipe.read()
        file.set(smtp_server="second.example.com")
        found += pipe.read()
        assert watcher.end() == 0
        told = "\n".join([*watcher.out.rest(), *watcher.err.rest()])
    assert found.count("PATH=") >= 2
    assert CANARY not in found + told
    assert "CONFOBJECTS" not in found
    assert "printed" in told.splitlines()
    assert not any(line == "printed" for line in watcher.out.seen)


def test_only_what_every_program_needs_is_passed_on() -> None:
    needed = {"PATH": "p", "HOME": "h", "LANG": "l", "LC_ALL": "a", "TZ": "t"}
    ours = dict.fromkeys(
        ("CONFOBJECTS_URL", "confobjects_url", "LDAPTLS_KEY", "PASSWORD", "LD_PRELOAD", "PYTHONPATH"), "x"
    )
    assert choose_environment({**needed, **ours}, ()) == needed
    assert choose_environment({"LC_ALL": "a", "TZ": "t"}, ("LC_ALL", "TZ")) == {}


@pytest.mark.parametrize("command", ["true", shell("exec 0<&-"), shell("head -c 1 > /dev/null")])
def test_one_that_does_not_read_is_no_failure(command: str, file: File) -> None:
    with file.change() as tx:
        for number in range(300):  # more than a pipe takes
            tx.create("mail-server", f"s{number}", {"enabled": True, "smtp-server": f"h{number}.example.com"})
    with Watcher(file.url, *JSON, "--count", "0", "--exec", command) as watcher:
        assert watcher.end() == 0
        assert watcher.err.rest() == []
        assert [json.loads(line)["event"] for line in watcher.out.rest()] == ["state"]


# -- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (shell("exit 3"), 'the command "sh" ended with exit code 3'),
        (shell("kill -SEGV $$"), 'the command "sh" was ended by the signal SIGSEGV'),
        ("no-such-command x", 'the command "no-such-command" cannot be started: no such file or directory'),
        ("/", 'the command "/" cannot be started: permission denied'),
    ],
)
def test_a_failure_is_told(command: str, said: str, file: File) -> None:
    outcome = run("watch", "--url", file.url, "--count", "0", *JSON, "--exec", command)
    state, failure = map(json.loads, outcome.out.splitlines())
    assert (state["event"], failure["event"], outcome.status) == ("state", "command-failed", 60)
    (problem,) = failure["problems"]
    assert (problem["code"], problem["summary"]) == ("command-failed", said)


def test_a_failure_is_retried_with_the_next_change(file: File, tmp_path: Path, pipe: Pipe) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    command = shell('cat > "$0"; test ! -e "$1"', pipe.path, broken)
    with Watcher(file.url, *JSON, "--exec", command) as watcher:
        assert json.loads(pipe.read())["event"] == "state"
        watcher.document("command-failed")
        file.set(smtp_server="second.example.com")
        state = json.loads(pipe.read())  # nothing was taken yet: it gets the state again, as it is now
        assert (state["event"], state["number"]) == ("state", 2)
        assert state["objects"][0]["properties"]["smtp-server"] == ["second.example.com"]
        watcher.document("command-failed")
        broken.unlink()
        file.set(smtp_server="third.example.com")
        assert json.loads(pipe.read())["objects"][0]["properties"]["smtp-server"] == ["third.example.com"]
        watcher.document("solved")
        broken.touch()
        file.set(smtp_server="fourth.example.com")
        assert json.loads(pipe.read())["joined"] == 1
        watcher.document("command-failed")
        broken.unlink()
        file.set(smtp_server="fifth.example.com")
        found = json.loads(pipe.read())
        assert found["joined"] == 2
        sides = {"before": ["third.example.com"], "after": ["fifth.example.com"]}
        assert found["changes"][0]["properties"]["smtp-server"] == sides


def test_after_the_last_change_a_failure_is_told_while_the_next_run_goes_on(file: File, pipe: Pipe) -> None:
    command = shell('read line < "$0"; exit "$line"', pipe.path)
    with Watcher(file.url, *JSON, "--count", "1", "--exec", command) as watcher:
        watcher.document("state")
        file.set(smtp_server="second.example.com")
        watcher.document("change")
        pipe.write("3\n")
        watcher.document("command-failed")
        pipe.write("0\n")
        watcher.document("solved")
        assert watcher.end() == 0


class Outcomes:
    """What a runner tells, for a test to wait for."""

    def __init__(self) -> None:
        self._condition = Condition()
        self.told: list[Diagnostic | None] = []

    def __call__(self, failure: Diagnostic | None) -> None:
        with self._condition:
            self.told.append(failure)
            self._condition.notify_all()

    def wait(self, number: int) -> list[Diagnostic | None]:
        with self._condition:
            assert self._condition.wait_for(lambda: len(self.told) >= number, LONG)
            return list(self.told)


STUBBORN = """
import os, signal, sys, time
pipe = open(sys.argv[1], "w")
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
os.fork()
pipe.write("x")
pipe.flush()
signal.pause()
"""
"""Two processes that ignore every request to end, and hold a pipe."""


def test_one_that_takes_too_long_is_stopped(pipe: Pipe) -> None:
    outcomes = Outcomes()
    runner = ProgramRunner(["sh", "-c", 'read line < "$0"', str(pipe.path)], os.environ, outcomes, limit=0.1)
    runner.start(STATE)
    (failure,) = outcomes.wait(1)
    assert failure is not None
    assert failure.summary == 'the command "sh" was stopped: it took more than 0.1 s'
    assert runner.failure == failure
    runner.stop()


def test_stopping_is_by_force_in_the_end_and_for_all_that_it_started(pipe: Pipe) -> None:
    running = ProgramRun([sys.executable, "-c", STUBBORN, str(pipe.path)], "", os.environ, Condition())
    with pipe.path.open() as reader:
        assert reader.read(2) == "xx"
        running.stop(grace=0.1)
        assert reader.read() == ""  # nobody holds the pipe any more
    with pytest.raises(ProcessLookupError):
        os.kill(running._process.pid, 0)


def test_a_grandchild_that_holds_everything_does_not_hold_us(pipe: Pipe) -> None:
    outcomes = Outcomes()
    words = ["sh", "-c", 'cat < "$0" & exit 0', str(pipe.path)]
    runner = ProgramRunner(words, os.environ, outcomes)
    runner.start(STATE)
    assert outcomes.wait(1) == [None]
    runner.stop()
    pipe.write()  # the grandchild is left alone, and ends now


def test_ending_stops_the_command(file: File, pipe: Pipe) -> None:
    with Watcher(file.url, *JSON, "--exec", shlex.join([sys.executable, "-c", STUBBORN, str(pipe.path)])) as watcher:
        with pipe.path.open() as reader:
            assert reader.read(2) == "xx"
            watcher.process.send_signal(signal.SIGTERM)
            reader.read()  # ends when none of them is there any more
        assert watcher.end() == 0
        assert [json.loads(line)["event"] for line in watcher.out.rest()] == ["state"]
