"""Commands on the configuration of a server with a schema of its own: what waits for a restart, what is told, and compared."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, run
from tests.cli.watchers import LONG, CommandProcess
from tests.management.foreign import EXAMPLES, Managed, manage_ds389, manage_slapd
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

Command = Callable[..., Outcome]
_MONITOR = """\
dn: cn=module{0},cn=config
changetype: modify
add: olcModuleLoad
olcModuleLoad: back_monitor

dn: olcDatabase={2}monitor,cn=config
changetype: add
objectClass: olcDatabaseConfig
objectClass: olcMonitorConfig
olcDatabase: {2}monitor
olcAccess: to * by dn.exact=cn=admin,cn=config read
"""


@pytest.fixture(scope="module")
def own_slapd() -> Iterator[Slapd]:
    with Slapd() as running:
        manage_slapd(running).edit(_MONITOR)
        yield running


@pytest.fixture(scope="module")
def own_ds389() -> Iterator[Ds389]:
    with Ds389() as running:
        yield running


@pytest.fixture(params=["389-ds", "slapd"])
def managed(request: pytest.FixtureRequest) -> Managed:
    if request.param == "slapd":
        return manage_slapd(request.getfixturevalue("own_slapd"))
    return manage_ds389(request.getfixturevalue("own_ds389"))


@pytest.fixture
def command(managed: Managed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return as_operator(managed)


def as_operator(managed: Managed) -> Command:
    """Return what runs a command line as the administrator of a server, with the definitions for it."""
    return lambda *given: run(*as_words(managed), *given)


def as_words(managed: Managed) -> tuple[str, ...]:
    """Return the global options of such a command line."""
    login = ("-D", managed.user, "--bindPassword:file", str(password_file(managed)))
    return ("--url", managed.url, *login, "--definitions", str(EXAMPLES / managed.family))


def password_file(managed: Managed) -> Path:
    """Return a file with the password of the administrator, which only this user may read."""
    path = managed.server.root / "operator.password"
    if not path.exists():
        path.touch(0o600)
        path.write_text(managed.password, encoding="utf-8")
    return path


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def restart(server: Slapd | Ds389) -> None:
    time.sleep(1.1)  # servers tell their start to the second
    server.process.terminate()
    server.process.wait()
    server.start()


def test_what_waits_for_a_restart_is_told_until_the_server_was_restarted(managed: Managed, command: Command) -> None:
    name = "listener-threads" if isinstance(managed.server, Slapd) else "max-descriptors"
    assert command("set-server-settings-prop", "--set", f"{name}:1024").status == 0
    waits = f"warning: /server-settings, {name}: the server does not use the value of {name} yet"
    assert waits in command("get-server-settings-prop").err
    assert waits in command("check").err
    assert f"waits for a restart ({name} of /server-settings)" in command("followers").out
    (report,) = json.loads(command("followers", "--output", "json").out)["followers"]
    assert (report["name"], report["state"]) == (managed.url, "waiting")
    restart(managed.server)
    assert command("get-server-settings-prop").err == ""
    assert waits not in command("check").err
    assert command("followers").out.endswith("change 1 in effect on 1 of 1.\n")


def test_a_command_that_waits_counts_the_server_itself(managed: Managed, command: Command) -> None:
    """What needs no action is in effect when the server has answered; what needs a restart waits for one."""
    done = command("set-server-settings-prop", "--set", f"{managed.setting}:33", "--wait", "30")
    assert (done.status, done.err.splitlines()[-1]) == (0, "change 1 in effect on 1 of 1")
    name = "listener-threads" if isinstance(managed.server, Slapd) else "max-descriptors"
    late = command("set-server-settings-prop", "--set", f"{name}:256", "--wait", "1")
    assert late.status == 23
    assert "change 2 is saved; after 1 s it is in effect on 0 of 1" in late.err
    assert f"{managed.url} waits for a restart ({name} of /server-settings)" in late.err
    again = command("set-server-settings-prop", "--set", f"{managed.setting}:34", "--wait", "30")
    assert (again.status, again.err.splitlines()[-1]) == (0, "change 3 in effect on 1 of 1")
    assert command("undo", "--to", "0").status == 0


def test_a_command_that_waits_ends_when_the_server_was_restarted(managed: Managed, command: Command) -> None:
    name = "listener-threads" if isinstance(managed.server, Slapd) else "max-descriptors"
    words = ("set-server-settings-prop", "--set", f"{name}:1000", "--wait", "60")
    with CommandProcess(*as_words(managed), *words) as waiting:
        wait_until(lambda: f"{name} of /server-settings" in command("followers").out)
        restart(managed.server)
        assert waiting.err.until(lambda line: "in effect" in line) == "change 1 in effect on 1 of 1"
        assert waiting.process.wait(60) == 0
    assert command("undo", "1").status == 0


def test_a_server_that_does_not_tell_its_start_may_have_been_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Slapd() as server:
        command = as_operator(manage_slapd(server))
        late = command("set-server-settings-prop", "--set", "listener-threads:2", "--wait", "1")
        unsure = "this server does not tell when it was started, so it may have been restarted since"
        assert late.status == 23
        assert unsure in late.err
        assert unsure in command("followers").out


def test_files_of_the_machine_of_the_server_are_not_looked_for_here(
    own_slapd: Slapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    command = as_operator(manage_slapd(own_slapd))
    file = Path(command("get-server-settings-prop", "--property", "pid-file", "-s").out.strip().partition("\t")[2])
    away = file.rename(file.with_name("away"))
    try:
        assert str(file) not in command("check").err
    finally:
        away.rename(file)


def test_what_is_taken_back_waits_for_nothing(managed: Managed, command: Command) -> None:
    name = "listener-threads" if isinstance(managed.server, Slapd) else "max-descriptors"
    command("set-server-settings-prop", "--set", f"{name}:512")
    assert "warning" in command("get-server-settings-prop").err
    assert command("undo", "1").status == 0
    assert command("get-server-settings-prop").err == ""


def test_what_no_definition_knows_is_counted_for_each_object(managed: Managed, command: Command) -> None:
    told = [line for line in command("check").err.splitlines() if "/server-settings: the attribute" in line]
    assert len(told) == 1
    assert told[0].endswith("to no property: they are kept")


def test_a_batch_is_one_change(managed: Managed, command: Command, tmp_path: Path) -> None:
    lines = [f"set-server-settings-prop --set {managed.setting}:{number}" for number in (11, 12)]
    (tmp_path / "batch").write_text("\n".join([*lines, ""]), encoding="utf-8")
    assert command("-F", str(tmp_path / "batch")).status == 0
    assert managed.find(managed.attribute) == ["12"]
    assert command("undo", "1").status == 0


def test_two_servers_are_compared_and_made_alike(
    own_slapd: Slapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    here = as_operator(manage_slapd(own_slapd))
    with Slapd() as other:
        there = as_operator(manage_slapd(other))
        assert there("set-server-settings-prop", "--set", "write-timeout:44").status == 0
        assert "write-timeout" in here("diff", manage_slapd(other).url).out
        assert there("export", "--output-file", str(tmp_path / "there.json")).status == 0
    applied = here("apply", str(tmp_path / "there.json"))
    assert applied.status == 0
    told = "/server-settings, pid-file: pid-file is read-only: it stays as it is"  # each server sets it itself
    assert told in applied.err
    assert manage_slapd(own_slapd).find("olcWriteTimeout") == ["44"]
    left = here("diff", str(tmp_path / "there.json"), "-s")
    own = [line for line in left.out.splitlines() if line.startswith("/server-settings\t")]
    assert [(line.split("\t")[1], line.split("\t")[4]) for line in own] == [("pid-file", "read-only")]
    assert here("undo", "1").status == 0
    assert manage_slapd(own_slapd).find("olcWriteTimeout") == []


def test_a_server_that_takes_no_changes_says_so_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with Slapd() as server:
        managed = manage_slapd(server)
        command = as_operator(managed)
        managed.edit(
            "dn: olcDatabase={0}config,cn=config\nchangetype: modify\nreplace: olcReadOnly\nolcReadOnly: TRUE\n"
        )
        refused = command("set-server-settings-prop", "--set", "write-timeout:3")
        assert refused.status != 0
        assert "the server refuses this change" in refused.err
        assert "operation restricted" in refused.err
        assert managed.find("olcWriteTimeout") == []
        assert command("history").out == "There are no changes.\n"


def test_a_server_of_389_ds_whose_data_take_no_changes_still_takes_those_of_its_configuration(
    own_ds389: Ds389, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its switch is about the data. The configuration goes on taking changes, so that the switch can be taken back."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    managed = manage_ds389(own_ds389)
    command = as_operator(managed)
    managed.put("nsslapd-readonly", "on")
    try:
        with pytest.raises(subprocess.CalledProcessError):  # its data take none
            managed.edit("dn: dc=example,dc=com\nchangetype: modify\nreplace: description\ndescription: x\n")
        assert command("set-server-settings-prop", "--set", f"{managed.setting}:91").status == 0
        assert managed.find(managed.attribute) == ["91"]
    finally:
        managed.put("nsslapd-readonly", "off")
        assert command("undo", "1").status == 0


@pytest.mark.parametrize("way", ["389-ds", "slapd"])
def test_watch_tells_what_others_change_on_a_server(
    way: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    server = request.getfixturevalue("own_ds389" if way == "389-ds" else "own_slapd")
    managed = manage_ds389(server) if way == "389-ds" else manage_slapd(server)
    command = as_operator(managed)
    with CommandProcess(*as_words(managed), "watch", "--count", "2", "-s") as watcher:
        watcher.err.until(lambda line: line.startswith(f"watching {managed.url}: "))
        managed.put(managed.attribute, "92")
        by_hand = watcher.out.until(lambda line: line)
        assert command("set-server-settings-prop", "--set", f"{managed.setting}:93").status == 0
        by_us = watcher.out.until(lambda line: line)
        assert watcher.process.wait(LONG) == 0
    told = [line.split("\t")[1:] for line in (by_hand, by_us)]
    number = [(cells[0], cells[-1].partition(" -> ")[2]) for cells in told]
    assert number == [("-", "92"), ("1", "93")], told
    assert command("undo", "1").status == 0


def test_an_environment_names_the_place_of_the_state(
    managed: Managed, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFOBJECTS_STATE_URL", f"ldif:{tmp_path / 'chosen.ldif'}")
    assert command("set-server-settings-prop", "--set", f"{managed.setting}:21").status == 0
    assert (tmp_path / "chosen.ldif.history").exists()
    assert not (tmp_path / "state").exists()
    assert command("undo", "1").status == 0


def test_a_server_is_copied_from_and_not_copied_into(managed: Managed, command: Command, tmp_path: Path) -> None:
    place = f"ldif:{tmp_path / 'copy.ldif'}"
    assert command("copy", managed.url, place).status == 0
    refused = command("copy", place, managed.url)
    assert refused.status == 2
    assert "nothing is copied into the configuration of a server" in refused.err
