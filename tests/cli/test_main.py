"""The command line as a process and at its edges: secrets, prompts, pipes, signals, broken files, other users."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli.main import main
from tests.cli.sessions import Outcome, fresh, run
from tests.docs_check import ROOT

CANARY = "Kanarienvogel-7!x"
CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9"]
NAME = ["--server-name", "one"]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "confobjects.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_a_process_ends_with_the_status_of_its_error() -> None:
    assert process(*CREATE, stdin=subprocess.DEVNULL).returncode == 0
    assert process("get-mail-server-prop", "--server-name", "two").returncode == 12
    done = process("list-mail-servers", "-s")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n", "")


def in_shell(command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell line in which ``confobjects`` is this one."""
    line = f'confobjects() {{ "{sys.executable}" -m confobjects.cli "$@"; }}; {command}'
    environ = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", line], capture_output=True, cwd=ROOT, check=False, env=environ)


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("confobjects list-mail-servers <&-", 0),
        ("confobjects list-mail-servers >&-", 0),
        ("confobjects list-mail-servers <&- >&- 2>&-", 0),
        ("confobjects --batch <&-", 0),
        ("confobjects --batch -v <<< list-mail-servers 2>&-", 0),
        ("confobjects apply - <&-", 31),
        ("confobjects <&-", 2),
        ("confobjects set-mail-server-prop --server-name one --set-prompt auth-password <&-", 2),
        ("confobjects set-mail-server-prop --server-name one --set use-start-tls:false --displayCommand 2>&-", 0),
        ("confobjects get-mail-server-prop --server-name two 2>&-", 12),
        ("confobjects get-mail-server-prop --server-name two >&-", 12),
    ],
)
def test_a_closed_stream_is_as_one_of_nothing(command: str, status: int, tmp_path: Path) -> None:
    assert run(*CREATE).status == 0
    done = in_shell(command)
    assert done.returncode == status, done
    assert b"internal error" not in done.stderr
    assert (tmp_path / "config.ldif").read_text().startswith("version: 1\n")


@pytest.mark.parametrize("command", ["list-mail-servers", "export", "history --output json", "--help-all"])
def test_output_that_cannot_be_written_is_said(command: str) -> None:
    assert run(*CREATE).status == 0
    done = in_shell(f"confobjects {command} >/dev/full")
    assert (done.returncode, done.stderr) == (31, b"error: the output cannot be written: no space left on device\n")


@pytest.mark.parametrize("more", ["--output json", "--verbose"])
def test_a_change_whose_result_cannot_be_written_is_said_to_be_made(more: str, tmp_path: Path) -> None:
    words = shlex.join(CREATE)
    done = in_shell(f"confobjects {words} {more} >/dev/full")
    expected = b"the change was made, but the output cannot be written: no space left on device\n"
    assert (done.returncode, done.stderr[-len(expected) :]) == (31, expected)
    assert "ds-cfg-mail-server" in (tmp_path / "config.ldif").read_text()
    copied = in_shell(f"confobjects copy ldif:{tmp_path / 'config.ldif'} ldif:{tmp_path / 'copy.ldif'} >/dev/full")
    assert copied.stderr.endswith(expected)
    done = in_shell(f"confobjects {words} {more} --if-absent >/dev/full")
    assert b"the change was made" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "utf-8"])
def test_results_for_a_program_are_utf_8_whatever_the_locale(encoding: str) -> None:
    name = "Süd \N{GLOBE WITH MERIDIANS}"
    assert run("create-mail-server", "--server-name", name, *CREATE[3:]).status == 0
    for form in ("table", "json", "tsv"):
        done = in_shell(f"confobjects list-mail-servers --output {form}", PYTHONIOENCODING=encoding)
        assert done.returncode == 0
        assert name in done.stdout.decode("utf-8")


@pytest.mark.parametrize("odd", ["\x1b[31m", "\x9b2J", "\N{RIGHT-TO-LEFT OVERRIDE}", "\r"])
def test_nothing_typed_or_stored_acts_upon_a_terminal(odd: str) -> None:
    assert run(*CREATE, "--set", f"auth-username:{odd}x").status == 0
    told = [
        run("get-mail-server-prop", "--server-name", f"a{odd}"),
        run("get-mail-server-prop", *NAME),
        run("get-mail-server-prop", *NAME, "--property", odd),
        run("set-mail-server-prop", *NAME, "--set", f"{odd}:x"),
        run("create-mail-server", "--server-name", f"a{odd}b", *CREATE[3:]),
        run("list-mail-servers", "--url", f"ldif{odd}:x"),
        run("describe", odd),
        run(f"list{odd}"),
    ]
    for done in told:
        assert odd not in done.out + done.err


def test_ctrl_c_while_the_program_is_loaded_is_told_in_a_word() -> None:
    code = (
        "import sys\n"
        "class Pressed:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'confobjects.cli.running':\n"
        "            raise KeyboardInterrupt\n"
        "from confobjects.cli.main import process\n"
        "sys.meta_path.insert(0, Pressed())\n"
        "sys.exit(process())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize(("output", "status"), [("", 12), (" > /dev/full", 31)])
def test_what_was_to_run_at_the_exit_of_the_interpreter_runs(output: str, status: int) -> None:
    code = (
        "import atexit, sys; atexit.register(print, 'ended', file=sys.stderr); "
        "from confobjects.cli.main import process; sys.exit(process())"
    )
    arguments = "--version" if output else "get-mail-server-prop --server-name two --script-friendly"
    done = in_shell(f'"{sys.executable}" -c "{code}" {arguments}{output}')
    assert (done.returncode, done.stdout) == (status, b"")
    assert done.stderr.endswith(b"ended\n")


@pytest.mark.parametrize("command", ["get-mail-server-prop", "delete-mail-server", "graph", "create-mail-server"])
def test_a_name_that_is_no_text_is_refused(command: str) -> None:
    name = ["/mail-server/a\udcff"] if command == "graph" else ["--server-name", "a\udcff"]
    done = run(command, *name, *(CREATE[3:] if command == "create-mail-server" else ()))
    assert done.status == 2
    assert "is not valid UTF-8" in done.err


def test_a_reader_that_goes_away_is_no_error_of_ours() -> None:
    command = f"{sys.executable} -m confobjects.cli --help-all | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in {"0", "141"}


def test_a_full_pipe_that_breaks_gives_141(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "confobjects.cli", "--help-all"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_ctrl_c_while_asking_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "confobjects.cli",
        *CREATE,
        "--set",
        "auth-username:u",
        "--set-prompt",
        "auth-password",
    ]
    asking = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=ROOT, start_new_session=True)
    os.close(child)
    shown = b""
    while b"auth-password:" not in shown:
        shown += os.read(parent, 1000)
    assert _interrupted(asking) == 130
    shown = _rest(parent)
    assert b"interrupted" in shown
    assert b"Traceback" not in shown
    assert not (tmp_path / "config.ldif").exists()


def _interrupted(asking: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C until it is heard: Python loses a signal that comes between its last look and the read."""
    while True:
        os.kill(asking.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return asking.wait(timeout=5)


def test_a_password_asked_for_is_not_shown(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "confobjects.cli",
        *CREATE,
        "--set",
        "auth-username:u",
        "--set-prompt",
        "auth-password",
    ]
    asking = subprocess.Popen(command, stdin=child, stdout=child, stderr=child, cwd=ROOT, start_new_session=True)
    os.close(child)
    shown = b""
    while b"auth-password:" not in shown:
        shown += os.read(parent, 1000)
    os.write(parent, CANARY.encode() + b"\n")
    shown += _rest(parent)
    assert asking.wait() == 0
    assert CANARY.encode() not in shown
    assert CANARY in (tmp_path / "config.ldif").read_text()


def _rest(terminal: int) -> bytes:
    found = b""
    while True:
        try:
            part = os.read(terminal, 1000)
        except OSError:  # the other side has closed
            return found
        if not part:
            return found
        found += part


def test_a_secret_comes_from_a_file_or_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pin").write_text(f" {CANARY} \n")
    monkeypatch.setenv("THE_PIN", CANARY)
    assert run(*CREATE, "--set", "auth-username:u", "--set-file", f"auth-password:{tmp_path / 'pin'}").status == 0
    assert f"ds-cfg-auth-password:: {_base64(f' {CANARY} ')}" in (tmp_path / "config.ldif").read_text()
    assert run("set-mail-server-prop", *NAME, "--set-env", "auth-password:THE_PIN").status == 0
    assert f"ds-cfg-auth-password: {CANARY}" in (tmp_path / "config.ldif").read_text()


def _base64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


EVERYTHING = [
    ["get-mail-server-prop", *NAME],
    ["get-mail-server-prop", *NAME, "--advanced", "--effective", "--origin"],
    ["get-mail-server-prop", *NAME, "--output", "json"],
    ["get-mail-server-prop", *NAME, "-s", "--record"],
    ["list-mail-servers", "--property", "auth-password"],
    ["list-mail-servers", "--property", "auth-password", "--output", "json"],
    ["list-mail-servers", "--property", "auth-password", "--output", "tsv"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:{CANARY}2", "--dry-run"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:{CANARY}2", "--dry-run", "--output", "json"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:{CANARY}", "--set", "use-ssl:true"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:{CANARY}", "--set", "use-ssl:true", "--output", "json"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:{CANARY}", "--set", "use-ssl:x", "--debug"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:&{{{CANARY}}}"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:&{{x.y|{CANARY}"],
    ["set-mail-server-prop", *NAME, "--remove", f"auth-password:{CANARY}3"],
    ["set-mail-server-prop", *NAME, "--add", f"auth-password:{CANARY}3"],
    ["set-mail-server-prop", *NAME, "--set", f"auth-password:{CANARY}", "--set", f"auth-password:{CANARY}"],
    ["set-mail-server-prop", *NAME, "--reset", f"auth-password:{CANARY}"],
    ["delete-mail-server", *NAME, "--dry-run"],
    ["delete-mail-server", *NAME, "--dry-run", "--output", "json"],
    ["rename", "mail-server", *NAME, "--to", "two", "--dry-run", "--output", "json"],
    ["check"],
    ["check", "--output", "json"],
    ["describe", "mail-server", "auth-password"],
    ["send-test-email", *NAME, "--to", "a@example.com", "-v", "--debug"],
]


@pytest.mark.parametrize("command", EVERYTHING, ids=" ".join)
def test_no_output_shows_a_secret(command: list[str]) -> None:
    made = run(
        *CREATE, "--set", "auth-username:u", "--set", f"auth-password:{CANARY}", "--set", "smtp-server:127.0.0.1:9"
    )
    assert made.status == 10  # two values of smtp-server: the refusal shows none of them in clear either
    assert CANARY not in made.out + made.err
    assert run(*CREATE, "--set", "auth-username:u", "--set", f"auth-password:{CANARY}").status == 0
    done = run(*command)
    assert "Traceback" not in done.err or "--debug" in command
    assert CANARY not in done.out + done.err


def test_a_command_offered_instead_hides_the_password() -> None:
    refused = run(*CREATE, "--set", "auth-username:u", "--set", f"auth-password:{CANARY}", "--set", "use-ssl:true")
    assert refused.status == 11
    assert "--set-prompt auth-password --set use-ssl:true --set use-start-tls:false" in refused.err


def test_the_command_offered_instead_works() -> None:
    refused = run(*CREATE, "--set", "use-ssl:true")
    offered = next(line.strip().removeprefix("try: ") for line in refused.err.splitlines() if "try: " in line)
    import shlex

    assert run(*shlex.split(offered)[1:]).status == 0


# -- storages that cannot be used ----------------------------------------------------------------------------------------


def no_traceback(outcome: Outcome | subprocess.CompletedProcess[str]) -> str:
    words = outcome.err if isinstance(outcome, Outcome) else outcome.stderr
    assert "Traceback" not in words
    assert "internal error" not in words
    return words


def test_a_broken_file_is_refused_with_its_line_and_left_alone(tmp_path: Path) -> None:
    run(*CREATE)
    file = tmp_path / "config.ldif"
    broken = file.read_text() + "\ndn: cn=x,cn=config\nno colon here\n"
    file.write_text(broken)
    lines = len(broken.splitlines())
    for command in (["list-mail-servers"], ["set-mail-server-prop", *NAME, "--set", "enabled:false"]):
        done = run(*command)
        assert done.status == 31
        assert f"{file}:{lines}" in no_traceback(done)
    assert file.read_text() == broken


def test_an_object_broken_by_hand_shows_what_it_can_and_may_be_mended(tmp_path: Path) -> None:
    run(*CREATE)
    file = tmp_path / "config.ldif"
    file.write_text(file.read_text().replace("ds-cfg-enabled: true", "ds-cfg-enabled: perhaps"))
    done = run("get-mail-server-prop", *NAME, "-s", "--property", "enabled", "--property", "smtp-server")
    assert (done.status, done.out) == (31, "enabled\tperhaps\nsmtp-server\t127.0.0.1:9\n")
    assert '"perhaps" is neither true nor false' in done.err
    assert run("check").status == 10
    assert run("list-mail-servers", "-s").out == "one\n"
    assert run("set-mail-server-prop", *NAME, "--set", "auth-username:u").status == 10
    assert run("set-mail-server-prop", *NAME, "--set", "enabled:true").status == 0
    assert run("get-mail-server-prop", *NAME).status == 0


def test_a_read_only_storage_is_said_to_another_user(tmp_path: Path) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user, with setpriv (util-linux)")
    run(*CREATE)
    folder = Path(os.environ["CONFOBJECTS_URL"].removeprefix("ldif:")).parent
    home = Path("/tmp") / f"confobjects-read-only-{os.getpid()}"
    shutil.copytree(folder, home)
    try:
        (home / "config.ldif").chmod(0o444)
        home.chmod(0o555)
        url = ["--url", f"ldif:{home / 'config.ldif'}"]
        code = f"import sys; sys.path[:0] = {sys.path!r}; from confobjects.cli.main import main; sys.exit(main())"
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", code]
        command = [*as_nobody, *url, "set-mail-server-prop", *NAME, "--set", "enabled:false"]
        plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, env=plain)
        if "Permission denied" in done.stderr and done.returncode not in {21, 31}:
            pytest.skip("the interpreter is not readable by another user")
        assert done.returncode in {21, 31}
        assert str(home) in no_traceback(done)
    finally:
        home.chmod(0o755)
        shutil.rmtree(home)


def test_a_path_that_is_a_directory_is_said(tmp_path: Path) -> None:
    done = run("--url", f"ldif:{tmp_path}", "list-mail-servers")
    assert done.status in {21, 31}
    assert str(tmp_path) in no_traceback(done)


def test_our_own_mistake_is_admitted_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from confobjects.management import ManagementContext

    def wrong(*arguments: object, **options: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(ManagementContext, "list", wrong)
    done = run("list-mail-servers")
    assert done.status == 70
    assert "internal error: RuntimeError" in done.err
    assert "report" in done.err
    assert CANARY not in done.err
    assert "Traceback" in run("list-mail-servers", "--debug").err


# -- options -------------------------------------------------------------------------------------------------------------


def test_options_of_dsconfig_that_mean_nothing_here_are_accepted_and_say_so() -> None:
    done = run(*CREATE, "--trustStoreType", "JKS", "--noPropertiesFile", "--trustAll", "-n")
    assert done.status == 0
    assert "--trustStoreType has no effect: the type of a store is detected from its content" in done.err


def test_options_of_a_connection_that_is_not_made_say_so() -> None:
    done = run("list-mail-servers", "--baseDN", "dc=example,dc=com", "-D", "cn=admin", "-Q")
    assert (done.status, done.err) == (0, "")
    done = run(*CREATE, "--useStartTLS", "-D", "cn=admin")
    assert done.status == 0
    assert "--bindDn, --useStartTls have no effect: the configuration is not in an LDAP directory\n" in done.err


def test_the_storage_named_by_an_option_beats_the_environment(tmp_path: Path) -> None:
    other = tmp_path / "other.ldif"
    run(*CREATE, "--url", f"ldif:{other}")
    assert other.exists()
    assert not (tmp_path / "config.ldif").exists()
    assert run("list-mail-servers", "-s", "--offline", "--configFile", str(other)).out == "one\n"


def test_the_platform_s_file_is_used_when_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFOBJECTS_URL")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    done = run(*CREATE)
    file = tmp_path / "xdg" / "confobjects" / "config.ldif"
    assert f"new file {file}" in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("CONFOBJECTS_URL", "ldif:unused")


@pytest.mark.parametrize(
    ("typed", "missing"),
    [(["describe"], "the argument OBJECT"), (["explain"], "the argument TEXT"), (["get-mail-server-prop"], "the option --server-name")],
    ids=" ".join,
)  # fmt: skip
def test_what_is_missing_is_named_as_the_help_names_it(typed: list[str], missing: str) -> None:
    done = run(*typed)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"error: {missing} is missing\n")
    assert missing.rpartition(" ")[2] in run(*typed, "--help").out


def test_quiet_says_only_what_is_wrong() -> None:
    assert run(*CREATE, "-Q", "--set", "auth-username:u") == (0, "", "")
    assert run("delete-mail-server", *NAME, "--quiet") == (0, "", "")
    assert run("delete-mail-server", *NAME, "--quiet").err


def test_an_environment_of_another_machine_can_be_checked(tmp_path: Path) -> None:
    run(*CREATE, "--set", "auth-username:u", "--set", "auth-password:&{smtp.password}")
    (tmp_path / "prod.env").write_text("SMTP_PASSWORD=x\n")
    assert run("check").status == 30
    assert run("check", "--env-file", str(tmp_path / "prod.env")).status == 0
    assert run("check", "--env-file", str(tmp_path / "no.env")).status == 30


def test_arguments_that_are_not_text_are_refused() -> None:
    done = run(*CREATE, "--set", "auth-username:\udcff")
    assert done.status in {2, 10}
    no_traceback(done)


# -- completion ----------------------------------------------------------------------------------------------------------


def complete(*words: str) -> list[str]:
    return run("completion", "bash", "--at", str(len(words)), "--", "confobjects", *words).out.splitlines()


def test_completion() -> None:
    run(*CREATE)
    run("create-mail-server", "--server-name", "other one", "--set", "enabled:false", "--set", "smtp-server:h")
    assert complete("list-m") == ["list-mail-senders", "list-mail-servers"]
    assert complete("get-mail-server-prop", "--server-name", "") == ["one", "other one"]
    assert complete("set-mail-server-prop", "--set", "use") == ["use-ssl:", "use-start-tls:"]
    assert complete("set-mail-server-prop", "--set", "use-ssl:") == ["use-ssl:false", "use-ssl:true"]
    assert complete("create-trust-manager-provider", "--type", "") == [
        "blind",
        "custom",
        "file-based",
        "ldap",
        "pem",
        "pkcs11",
        "system",
    ]
    assert "--server-name" in complete("get-mail-server-prop", "--se")
    assert complete("describe", "trust") == ["trust-manager-provider"]
    assert complete("get-mail-server-prop", "--property", "smtp") == ["smtp-property", "smtp-server"]


def test_completion_in_a_real_shell(tmp_path: Path) -> None:
    program = tmp_path / "confobjects"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m confobjects.cli "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(confobjects completion bash)"; COMP_WORDS=(confobjects list-tr); COMP_CWORD=1; _confobjects; '
        'echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "list-trust-manager-providers"


# -- mail ----------------------------------------------------------------------------------------------------------------


def test_the_demonstration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    story = capsys.readouterr().out
    for part in ("TLSv1.", "logged in with", "envelope: demo@example.com -> operator@example.com", "Done:",
                 'From: "Operations" <demo@example.com>', ": delivered : ",
                 "envelope: demo@example.com -> user@example.com", "Subject: Your order"):  # fmt: skip
        assert part in story
    assert "(exit status 11)" in story
    assert "the test failed: nothing was saved" in story
    assert "(exit status 46)" in story


@pytest.fixture
def mail_server(tmp_path: Path) -> Iterator[object]:
    from confobjects.cli.demo_server import DemoServer

    with DemoServer(str(tmp_path), "demo", CANARY) as server:
        run("create-trust-manager-provider", "--provider-name", "CA", "--type", "pem", "--set", "enabled:true",
            "--set", "pem-directory:authorities")  # fmt: skip
        run(*CREATE[:5], "--set", f"smtp-server:localhost:{server.port}", "--set", "auth-username:demo", "--set",
            "auth-password:&{smtp.password}", "--set", "trust-manager-provider:CA")  # fmt: skip
        yield server


SEND = ["send-test-email", *NAME, "--to", "a@example.com", "--from", "b@example.com"]


def test_a_test_mail_arrives(mail_server: object) -> None:
    done = run(*SEND, "--define", f"smtp.password={CANARY}", "--output", "json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["security"].startswith("TLSv1.")
    assert len(mail_server.mailbox.messages) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ([], 46),
        (["--reset", "trust-manager-provider"], 42),
        (["--set", "smtp-server:127.0.0.1:1"], 41),
        (["--set", "smtp-server:no-such-host.invalid"], 40),
        (["--set", "enabled:false"], 51),
    ],
)
def test_a_test_mail_that_fails_tells_the_stage(mail_server: object, change: list[str], status: int) -> None:
    if change:
        assert run("set-mail-server-prop", *NAME, *change).status == 0
    done = run(*SEND, "--define", f"smtp.password={CANARY}wrong", "-v")
    assert done.status == status, done.err
    assert "remedy:" in done.err
    assert CANARY not in no_traceback(done)


def test_what_a_test_mail_met_is_said_once(mail_server: object) -> None:
    weak = "smtp-property:confobjects.allow-insecure=any-name"
    assert run("set-mail-server-prop", *NAME, "--set", weak, "--set", "smtp-server:127.0.0.1:1").status == 0
    words = process(*SEND, "--define", "smtp.password=x").stderr
    assert words.count("warning: ") == words.count("allow-insecure names any-name") == 1
    assert words.count("nothing accepts connections") == 1
    silent = process(*SEND, "--define", "smtp.password=x", "--output", "json", "-Q").stderr
    assert json.loads(silent)["error"]["exit"] == 41


def test_a_test_mail_that_fails_tells_a_program_what_was_said(mail_server: object) -> None:
    done = run(*SEND, "--define", f"smtp.password={CANARY}wrong", "--output", "json")
    report = json.loads(done.out)
    assert [one["stage"] for one in report["stages"] if not one["ok"]] == ["auth"]
    assert any(line.startswith("S: 535") for line in report["transcript"])
    assert json.loads(done.err)["error"]["exit"] == done.status == 46
    assert CANARY not in done.out + done.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_is_written_where_the_shell_looks_for_it(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
    printed = run("completion", shell)
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    for words in ((shell,), ()):  # the second time there is a file already
        done = run("completion", *words, "--install")
        assert done.status == 0
        path = Path(done.out.removeprefix("written: ").strip())
        assert path.is_relative_to(tmp_path)
        assert path.read_text() == printed.out


def test_a_completion_for_a_shell_that_is_not_known_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHELL", "/bin/dash")
    assert run("completion").err.startswith("error: the shell is not named: one of bash, fish, zsh\n")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file" / "x"))
    (tmp_path / "file").write_text("")
    refused = run("completion", "bash", "--install")
    assert (refused.status, "internal" in refused.err) == (31, False)
