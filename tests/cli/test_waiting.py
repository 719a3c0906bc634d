"""``--wait``: a command that changes something ends when every follower has it in effect, or says which has not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from confobjects import startup
from confobjects.cli import waiting
from confobjects.cli.commands import SPECIAL
from confobjects.cli.waiting import LONGEST_PAUSE, make_pauses
from confobjects.cli.words.names import verbs_of
from confobjects.cli.words.numbers import LONGEST_WAIT
from confobjects.definitions_loading import load_registry
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.mapping.followers import WaitingChange
from confobjects.mapping.protocol import Timing
from confobjects.storage import open_storage
from tests.cli.dialogue import dialogue
from tests.cli.documents import provider, server, tell
from tests.cli.sessions import INSTALLABLE, Outcome, fresh, run
from tests.cli.test_output_shapes import validators

SSL = WaitingChange("/mail-server/one", "changed", ("use-ssl",), ("component-restart",))
SET = (
    "set-mail-server-prop",
    "--server-name",
    "one",
    "--set",
    "use-ssl:true",
    "--set",
    "use-start-tls:false",
    "--no-test",
)
SERVICE = str(INSTALLABLE / "service.json")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration of two changes: a trust manager provider, and a mail server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(startup.STATE_URL_VARIABLE, raising=False)
    with fresh(tmp_path):
        provider("blind")
        server("one")
        yield tmp_path


class FakeTime:
    """Time that passes only by waiting. What happens meanwhile is done at the end of each pause."""

    def __init__(self, *happens: Callable[[], None]) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self._happens = list(happens)

    def wait(self, descriptors: Sequence[int], seconds: float | None) -> None:
        assert not descriptors
        assert seconds is not None
        self.pauses.append(seconds)
        self.now += seconds
        if self._happens:
            self._happens.pop(0)()


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeTime]:
    """Let the commands of a test wait by a time of their own."""

    def use(*happens: Callable[[], None]) -> FakeTime:
        made = FakeTime(*happens)
        monkeypatch.setattr(waiting, "REAL", Timing(lambda: made.now, made.wait, lambda low, _: low))
        return made

    return use


def ran(outcome: Outcome) -> tuple[int, str]:
    return outcome.status, outcome.err


# -- how it ends -----------------------------------------------------------------------------------------------------


def test_nobody_listens() -> None:
    assert ran(run(*SET, "--wait", "30")) == (0, _restart() + "nobody listens\n")


def _restart() -> str:
    return "".join(
        f"/mail-server/one, use-ssl: {text}\n"
        for text in ["The object must be disabled and re-enabled for changes to take effect."]
    )


def test_all_have_it_in_effect() -> None:
    tell("web-1", 3)
    tell("web-2", 3, SSL.replace(path="/mail-server/two"))
    tell("web-3", 2, time="2027-01-01T11:00:00Z")
    found = run(*SET, "--wait", "30")
    assert ran(found) == (0, _restart() + "change 3 in effect on 2 of 2; web-3 not heard of for 60 min\n")


def test_it_waits_until_the_last_has_it_in_effect(passing: Callable[..., FakeTime]) -> None:
    tell("web-1", 2)
    tell("web-2", 3)
    time = passing(lambda: None, lambda: tell("web-1", 3, SSL), lambda: tell("web-1", 3))
    assert ran(run(*SET, "--wait", "30")) == (0, _restart() + "change 3 in effect on 2 of 2\n")
    assert time.pauses == [0.1, 0.2, 0.4]


def test_it_says_who_does_not_have_it_in_effect(passing: Callable[..., FakeTime]) -> None:
    time = passing()
    tell("web-1", 3)
    tell("web-2", 3, SSL)
    tell("web-3", 2)
    tell("web-4", 2, time="2027-01-01T11:58:20Z")
    tell("web-5", 9)
    found = run(*SET, "--wait", "10")
    assert found.out == ""
    assert ran(found) == (
        23,
        _restart() + "error: change 3 is saved; after 10 s it is in effect on 1 of 4\n"
        "  web-2 waits for the object to be disabled and enabled again (use-ssl of /mail-server/one)\n"
        "  web-3 is at change 2\n"
        "  web-5 reports change 9, and the newest is 3: its report is wrong, or the configuration was restored\n"
        "  web-4 not heard of for 100 s\n"
        "  remedy: look again: confobjects followers\n",
    )
    assert sum(time.pauses) == 10
    assert "use-ssl  : true" in run("get-mail-server-prop", "--server-name", "one", "--property", "use-ssl").out


def test_as_json_the_change_is_printed_and_the_error_too(passing: Callable[..., FakeTime]) -> None:
    passing()
    tell("web-1", 2)
    found = run(*SET, "--wait", "10", "--output", "json")
    assert found.status == 23
    validators()["change"].validate(json.loads(found.out))
    validators()["error"].validate(json.loads(found.err))
    assert json.loads(found.out)["changed"]
    error = json.loads(found.err)["error"]
    assert (error["code"], error["exit"]) == ("not-in-effect", 23)
    assert error["diagnostics"][0]["detail"] == "web-1 is at change 2"


def test_a_later_change_of_somebody_else_is_no_lie(passing: Callable[..., FakeTime]) -> None:
    def change() -> None:
        assert run("delete-trust-manager-provider", "--provider-name", "blind").status == 0
        tell("web-1", 4)

    tell("web-1", 2)
    passing(change)
    assert ran(run(*SET, "--wait", "30")) == (0, _restart() + "change 3 in effect on 1 of 1\n")


@pytest.fixture
def clock(place: Path) -> Iterator[pytest.MonkeyPatch]:
    """Sets the clock, and sets it back before the place does: else the clock of the place would stay for other tests."""
    assert place.is_dir()
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.mark.parametrize("how", ["falls silent", "ends"])
def test_who_is_gone_counts_no_longer_and_is_named(
    how: str, passing: Callable[..., FakeTime], clock: pytest.MonkeyPatch
) -> None:
    def fall_silent() -> None:
        clock.setattr(startup, "current_time", lambda: "2027-01-01T12:01:01Z")
        tell("web-1", 3, time="2027-01-01T12:01:00Z")

    def end() -> None:
        storage = open_storage("ldif:config.ldif")
        storage.forget_follower("web-2")
        storage.close()

    tell("web-1", 3)
    tell("web-2", 2)
    passing(fall_silent if how == "falls silent" else end)
    words = "web-2 not heard of for 61 s" if how == "falls silent" else "web-2 has ended"
    assert ran(run(*SET, "--wait", "60")) == (0, _restart() + f"change 3 in effect on 1 of 1; {words}\n")


def test_reports_that_cannot_be_read_are_told_when_the_time_is_over(
    passing: Callable[..., FakeTime], place: Path
) -> None:
    tell("web-1", 2)

    def replace_directory() -> None:
        folder = place / "config.ldif.followers"
        folder.rename(place / "kept")
        folder.symlink_to("kept")

    time = passing(replace_directory)
    found = run(*SET, "--wait", "5")
    assert found.status == 23
    assert "change 3 is saved; whether it is in effect cannot be found out" in found.err
    assert sum(time.pauses) <= 5


def test_ctrl_c_while_it_waits_says_that_the_change_is_saved(passing: Callable[..., FakeTime]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    passing(interrupt)
    tell("web-1", 2)
    assert ran(run(*SET, "--wait", "60")) == (130, _restart() + "interrupted: change 3 is saved\n")


def test_ctrl_c_at_a_terminal() -> None:
    tell("web-1", 2, time="2999-01-01T00:00:00Z")
    with dialogue(*SET, "--wait", "3600") as person:
        person.until(_restart().strip())
        assert person.interrupted() == 130
    assert "interrupted: change 3 is saved" in person.shown


def test_ctrl_c_before_anything_is_changed_says_no_more_than_that() -> None:
    with dialogue("--wait", "60") as person:
        person.until("Choice: ")
        assert person.interrupted() == 130
    assert "is saved" not in person.shown


@pytest.mark.parametrize("seconds", [1, 7, LONGEST_WAIT])
def test_the_looks_are_bounded(seconds: int, passing: Callable[..., FakeTime]) -> None:
    time = passing()
    tell("web-1", 2)
    assert run(*SET, "--wait", str(seconds)).status == 23
    assert sum(time.pauses) == pytest.approx(seconds)
    assert sorted(time.pauses[:-1]) == time.pauses[:-1]
    assert len(time.pauses) <= seconds / LONGEST_PAUSE + 5
    assert next(make_pauses()) < LONGEST_PAUSE


def test_interactive_mode_waits_at_its_end() -> None:
    tell("web-1", 3, time="2999-01-01T00:00:00Z")
    with dialogue("--wait", "30") as person:
        person.answer("Choice: ", "mail server")
        person.answer("Choice [b]: ", "delete")
        person.answer("Choice [b]: ", "1")
        person.answer("Do it? (yes / no) [no]: ", "yes")
        assert "in effect" not in person.answer("Choice [b]: ", "q")
        person.until("Goodbye.")
        person.until("change 3 in effect on 1 of 1")
        assert person.ends() == 0


# -- what it waits for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["0", "3601", "-1", "1.5", "x", "", "1" * 5000, "٣"])
def test_a_wrong_time_is_refused_before_anything_is_changed(given: str) -> None:
    found = run(*SET, f"--wait={given}")
    assert found.status == 2
    assert found.err.startswith("error: --wait takes a number of seconds from 1 to 3600, not ")
    assert len(run("history", "-s").out.splitlines()) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("set-mail-server-prop", "--server-name", "one", "--set", "enabled:true"),
        (*SET, "--dry-run"),
        ("list-mail-servers",),
        ("init",),
        ("definitions", "list"),
        ("apply", "same.json"),
        ("undo", "2", "--dry-run"),
    ],
    ids=" ".join,
)
def test_what_changes_nothing_waits_for_nothing(
    words: tuple[str, ...], place: Path, passing: Callable[..., FakeTime]
) -> None:
    time = passing()
    (place / "same.json").write_text(run("export").out)
    tell("web-1", 0)
    found = run(*words, "--wait", "60")
    assert found.status == 0 or "--dry-run" in words
    assert found.err.endswith("nothing was changed: there is nothing to wait for\n")
    assert time.pauses == []


def test_a_default_of_the_properties_file_waits_as_well(place: Path) -> None:
    options = place / "tools.properties"
    options.write_text("wait=30\n")
    file = ("--propertiesFilePath", str(options))
    assert run(*SET, *file).err.endswith("nobody listens\n")
    assert run("list-mail-servers", "-s", *file) == (0, "one\n", "")
    options.write_text("wait=4000\n")
    assert "takes a number of seconds from 1 to 3600" in run(*SET, *file).err


def test_the_history_does_not_record_how_long_was_waited() -> None:
    run("--wait=30", *SET)
    run("delete-mail-server", "--server-name", "one", "--wait", "30", "--state-url", "ldif:other.ldif")
    lines = run("history", "-s").out.splitlines()
    assert lines[-2].endswith("\tset-mail-server-prop --server-name one --set use-ssl:true --set use-start-tls:false")
    assert lines[-1].endswith("\tdelete-mail-server --server-name one")


def test_followers_may_report_elsewhere(passing: Callable[..., FakeTime], monkeypatch: pytest.MonkeyPatch) -> None:
    passing()
    tell("here", 3)
    tell("there", 2, url="ldif:other.ldif")
    found = run(*SET, "--wait", "5", "--state-url", "ldif:other.ldif")
    assert found.status == 23
    assert "there is at change 2" in found.err
    monkeypatch.setenv(startup.STATE_URL_VARIABLE, "ldif:other.ldif")
    tell("there", 4, url="ldif:other.ldif")
    assert run("delete-mail-server", "--server-name", "one", "--wait", "5").err.endswith("4 in effect on 1 of 1\n")


def test_a_wrong_state_url_is_refused_before_anything_is_changed() -> None:
    found = run(*SET, "--wait", "5", "--state-url", "nonsense:x")
    assert found.status == 2
    assert len(run("history", "-s").out.splitlines()) == 2


# -- every command that changes --------------------------------------------------------------------------------------

CHANGING: dict[str, list[str]] = {
    "create-mail-server": ["--server-name", "two", "--set", "enabled:true", "--set", "smtp-server:mx"],
    "set-mail-server-prop": list(SET[1:]),
    "delete-mail-server": ["--server-name", "one"],
    "rename": ["mail-server", "--server-name", "one", "--to", "two"],
    "apply": ["document.json"],
    "configure-mail": [
        *("--server-name", "one", "--no-login", "--no-test"),
        *("--set", "smtp-server:mx:25", "--set", "from-address:a@example.com"),
    ],
    "copy": ["ldif:config.ldif", "ldif:copy.ldif"],
    "definitions": ["install", SERVICE],
    "undo": ["2"],
    "seal": ["init"],
    "--batch": ["-F", "batch.txt"],
    "--batch-continue-on-error": ["-F", "batch.txt", "--batch-continue-on-error"],
    "definitions remove": ["definitions", "remove", "service"],
}
READING = {
    "account", "check", "completion", "demo", "describe", "diff", "explain", "export", "family", "followers", "graph", "history", "init",
    "json-schema", "ldap-schema", "list-properties", "mail-queue", "mail-quota", "mail-service", "new-definition", "run-mail-service", "send-mail", "send-test-email", "serve", "test-alert-handler", "test-mail-server",
    "test-oauth2-provider",
    "token", "watch",
}  # fmt: skip
"""Commands that change no object."""
ELSEWHERE = {"authorize-oauth2-provider"}
"""Commands that need a server of their own: tests/oauth/test_consent.py."""


def test_every_command_is_known_to_change_objects_or_not() -> None:
    assert set(SPECIAL) == READING | ELSEWHERE | {name for name in CHANGING if name in SPECIAL}
    verbs = verbs_of(load_registry().relation("mail-server"))
    assert {verbs[verb] for verb in ("create", "set", "delete")} <= CHANGING.keys()


@pytest.mark.parametrize("command", CHANGING)
def test_every_command_that_changes_waits(
    command: str, place: Path, passing: Callable[..., FakeTime], monkeypatch: pytest.MonkeyPatch
) -> None:
    passing()
    if command == "seal":
        assert (
            run(
                "set-mail-server-prop", "--server-name", "one", "--set", "auth-username:u", "--set", "auth-password:x"
            ).status
            == 0
        )
        monkeypatch.setenv(KEY_FILE_VARIABLE, str(place / "keys" / "ring"))
    (place / "document.json").write_text(run("export").out.replace('"enabled": true', '"enabled": false', 1))
    (place / "batch.txt").write_text(" ".join(SET[:-1]) + "\n")
    if command == "definitions remove":
        assert run("definitions", "install", SERVICE).status == 0
    for url in ("ldif:config.ldif", "ldif:copy.ldif"):
        tell("web-1", 0, url=url)
    words = [*([] if " " in command or command[:1] == "-" else [command]), *CHANGING[command]]
    found = run(*words, "--wait", "5", "--no-prompt")
    number = json.loads(run("history", "--output", "json").out)["changes"][-1]["number"]
    assert found.status == 23, found
    assert f"change {1 if command == 'copy' else number} is saved; after 5 s it is in effect on 0 of 1\n" in found.err
    assert number == (4 if command in {"definitions remove", "seal"} else 2 if command == "copy" else 3)


def test_a_batch_that_fails_in_part_waits_and_ends_as_it_would(place: Path, passing: Callable[..., FakeTime]) -> None:
    time = passing()
    tell("web-1", 0)
    lines = [" ".join(SET[:-1]), "delete-mail-server --server-name nobody"]
    (place / "batch.txt").write_text("\n".join([*lines, ""]))
    found = run("-F", "batch.txt", "--batch-continue-on-error", "--wait", "5")
    assert found.status == 12
    assert sum(time.pauses) == 5
    assert "warning: change 3 is saved; after 5 s it is in effect on 0 of 1\n" in found.err


def test_a_line_of_a_batch_does_not_wait(place: Path) -> None:
    (place / "batch.txt").write_text(" ".join([*SET[:-1], "--wait", "5"]) + "\n")
    found = run("-F", "batch.txt")
    assert found.status == 2
    assert "--wait applies to a whole batch" in found.err
