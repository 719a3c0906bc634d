"""The table of servers: a missing one is said with the line that installs it, and no package starts a daemon."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.servers import packages
from tests.servers.packages import SERVERS, Server, locate, main, require

ABSENT = Server("absent", ("absent-server", "absent-tools"), {"daemon": "no-such-daemon-anywhere"}, used_by="no test")
PRESENT = Server("present", ("sh",), {"shell": "sh", "null": "/dev/nul*"}, used_by="this test")


@pytest.fixture(autouse=True)
def _two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "SERVERS", {"absent": ABSENT, "present": PRESENT})
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("CONFOBJECTS_REQUIRE_SERVERS", raising=False)
    monkeypatch.delenv("CONFOBJECTS_INSTALL_SERVERS", raising=False)
    monkeypatch.setattr(shutil, "which", _which_without_apt)


def _which_without_apt(name: str, path: str | None = None) -> str | None:
    """Find programs as always, except the one that would install something."""
    found = [os.path.join(place, name) for place in (path or os.defpath).split(os.pathsep)]
    return None if name == "apt-get" else next(filter(os.path.exists, found), None)


@pytest.mark.parametrize("server", list(SERVERS.values()), ids=list(SERVERS))
def test_every_row_says_what_is_needed(server: Server) -> None:
    assert server.packages
    assert server.probes
    assert (ROOT / server.used_by.split()[0]).exists()


def test_a_server_that_is_here_gives_absolute_paths() -> None:
    paths = require("present")
    assert paths == {"shell": locate(PRESENT)["shell"], "null": "/dev/null"}
    assert all(os.path.isabs(path) for path in paths.values())


def test_a_missing_server_skips_the_test_and_says_the_line() -> None:
    with pytest.raises(
        pytest.skip.Exception, match=r"install it with: sudo apt-get install .*absent-server absent-tools"
    ):
        require("absent")


@pytest.mark.parametrize("variable", ["CI", "CONFOBJECTS_REQUIRE_SERVERS"])
def test_where_servers_are_required_a_missing_one_fails(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "true")
    with pytest.raises(pytest.fail.Exception, match=r"absent is not installed \(daemon not found\)"):
        require("absent")


@pytest.mark.skipif(os.geteuid() != 0, reason="it takes root to stop being root")
def test_a_server_that_only_root_can_start_is_refused_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    row = Server("guarded", ("sh",), {"shell": "sh"}, used_by="this test", needs_root=True)
    monkeypatch.setattr(packages, "SERVERS", {"guarded": row})
    assert require("guarded")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.skip.Exception, match="sudo make test"):
        require("guarded")


def test_the_set_up_says_what_is_here_and_what_is_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == (
        "absent: skipped: no test; daemon not found. To install it: "
        "sudo apt-get install --no-install-recommends absent-server absent-tools\n"
        "present: here\n"
    )


def test_the_set_up_fails_where_servers_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert main(["absent"]) == 1
    assert main(["present"]) == 0
    assert main(["unheard-of"]) == 2


@pytest.mark.parametrize(
    ("arguments", "some"),
    [
        ([], False),
        (["-x", "--cov", "--cov-report=term:skip-covered"], False),
        (["tests"], False),
        (["tests/servers"], True),
        (["-x", "tests/servers/test_packages.py::test_it"], True),
        (["-k", "postfix"], True),
        (["-kpostfix"], True),
        (["--lf"], True),
    ],
)
def test_arguments_of_pytest_that_choose_some_tests(
    arguments: list[str], some: bool, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    assert packages.chooses(arguments) is some


def test_for_some_of_the_tests_nothing_is_prepared(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(checkout)
    assert main(["--for", "tests/syntaxes"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["--for", "-x"]) == 0
    assert "present: here\n" in capsys.readouterr().out


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "policy-rc.d"
    monkeypatch.setattr(packages, "POLICY", str(path))
    return path


@pytest.mark.parametrize("wanted", [True, False])
def test_what_a_chosen_test_asks_for_is_installed_then_and_in_view(
    wanted: bool, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, programs, views = tmp_path / "daemon", tmp_path / "programs", list[str]()
    programs.mkdir()
    for name, does in {"apt-get": f"echo once >> {daemon}", "apt-cache": "echo Candidate: 1"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(shutil, "which", lambda name, path=None: name)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "SERVERS", {"late": Server("late", ("late",), {"daemon": str(daemon)}, "this test")})

    @contextlib.contextmanager
    def in_view() -> Iterator[None]:
        views.append("seen")
        yield

    monkeypatch.setattr(packages, "in_view", in_view)
    if wanted:
        monkeypatch.setenv("CONFOBJECTS_INSTALL_SERVERS", "1")
        assert require("late") == require("late") == {"daemon": str(daemon)}
        assert (daemon.read_text(encoding="utf-8"), views) == ("once\n", ["seen"])
    else:
        with pytest.raises(pytest.skip.Exception, match="late is not installed"):
            require("late")
        assert not daemon.exists()


def test_no_service_may_start_meanwhile_and_the_policy_is_gone_after_an_error(policy: Path) -> None:
    with contextlib.suppress(ZeroDivisionError), packages.no_daemons():
        assert subprocess.run([policy], check=False).returncode == 101  # invoke-rc.d: action not allowed
        raise ZeroDivisionError
    assert not policy.exists()


def test_a_policy_of_somebody_else_stays(policy: Path) -> None:
    policy.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    with packages.no_daemons():
        assert policy.read_text(encoding="utf-8") == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_a_policy_that_a_killed_run_left_behind_is_removed(policy: Path) -> None:
    policy.write_text(packages.POLICY_TEXT, encoding="utf-8")
    with packages.no_daemons():
        assert policy.exists()
    assert not policy.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_takes_the_policy_away(number: signal.Signals, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    code = (
        "import sys\nfrom tests.servers import packages\n"
        f"packages.POLICY = {str(policy)!r}\n"
        "with packages.no_daemons():\n    print('there', flush=True)\n    sys.stdin.read()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout
    assert child.stdout.readline() == b"there\n"
    assert policy.exists()
    child.send_signal(number)
    child.communicate()
    assert child.returncode != 0
    assert not policy.exists()
