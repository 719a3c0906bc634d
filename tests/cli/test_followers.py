"""``followers``: who has the newest change in effect, and the report of a service that is gone is removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects import startup
from confobjects.mapping.followers import WaitingChange
from tests.cli.documents import provider, server, tell
from tests.cli.sessions import fresh, run

SSL = WaitingChange("/mail-server/one", "changed", ("use-ssl",), ("server-restart",))


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A configuration of three changes, the last one to use-ssl."""
    monkeypatch.delenv(startup.STATE_URL_VARIABLE, raising=False)
    with fresh(tmp_path):
        provider("blind")
        server("one")
        values = ("--set", "use-ssl:true", "--set", "use-start-tls:false")
        assert run("set-mail-server-prop", "--server-name", "one", *values).status == 0
        yield tmp_path


def test_nobody_listens() -> None:
    assert run("followers") == (0, "nobody listens.\n", "")
    assert run("followers", "-s") == (0, "", "")
    assert json.loads(run("followers", "--output", "json").out) == {
        "change": 3,
        "alive": 0,
        "in_effect": 0,
        "followers": [],
    }


def test_the_newest_change_is_what_counts() -> None:
    tell("web-1", 3)
    tell("web-2", 3, SSL)
    tell("web-3", 3, SSL.replace(properties=("smtp-server",)))
    tell("web-4", 3, time="2027-01-01T11:58:20Z")
    assert run("followers").out.splitlines()[-1] == (
        "change 3 in effect on 2 of 3; web-2 waits for a restart (use-ssl of /mail-server/one); "
        "web-4 not heard of for 100 s."
    )
    assert run("followers", "-s").out.splitlines() == [
        "web-1\tin-effect\t3\t0\thost\t4711\t",
        "web-2\twaiting\t3\t0\thost\t4711\twaits for a restart (use-ssl of /mail-server/one)",
        "web-3\tin-effect\t3\t0\thost\t4711\t",
        "web-4\tsilent\t3\t100\thost\t4711\t",
    ]


def test_a_report_that_cannot_be_read_is_told_and_can_be_removed(place: Path) -> None:
    tell("web-1", 3)
    file = place / "config.ldif.followers" / "web-2.json"
    file.write_text('{"number": -1}', encoding="utf-8")
    file.chmod(0o600)
    sentence = "change 3 in effect on 1 of 1; web-2 has a report that cannot be read"
    assert run("followers").out.splitlines()[-1] == f"{sentence}."
    assert run("followers", "--forget", "web-2") == (0, 'The report of "web-2" was removed.\n', "")
    assert not file.exists()


def test_an_edit_by_hand_may_have_been_made_anywhere(place: Path) -> None:
    file = place / "config.ldif"
    file.write_text(file.read_text() + "# by hand\n")
    newest = json.loads(run("history", "--output", "json").out)["changes"][-1]
    assert newest["state"] == "edited"
    tell("web-1", newest["number"], SSL.replace(path="/mail-server/two"))
    assert run("followers").out.splitlines()[-1] == (
        f"change {newest['number']} in effect on 0 of 1; web-1 waits for a restart (use-ssl of /mail-server/two)."
    )


def test_before_the_first_change(tmp_path: Path) -> None:
    empty = f"ldif:{tmp_path / 'empty.ldif'}"
    tell("web-1", 0, url=empty)
    tell("web-2", 7, url=empty)
    assert run("followers", "--url", empty).out.splitlines()[-1] == (
        "change 0 in effect on 1 of 2; web-2 reports change 7, and the newest is 0: "
        "its report is wrong, or the configuration was restored."
    )


def test_the_report_of_who_is_gone_is_removed() -> None:
    tell("web-1", 3)
    tell("web-2", 3, time="2027-01-01T11:00:00Z")
    assert run("followers", "--forget", "web-2", "--dry-run") == (0, 'The report of "web-2" would be removed.\n', "")
    assert run("followers", "--forget", "WEB-2") == (0, 'The report of "web-2" was removed.\n', "")
    assert [line.split("\t")[0] for line in run("followers", "-s").out.splitlines()] == ["web-1"]
    found = run("followers", "--forget", "web-2")
    assert (found.status, found.err) == (12, 'error: there is no follower "web-2"\n  remedy: did you mean "web-1"?\n')


@pytest.mark.parametrize("time", ["2027-01-01T11:59:00Z", "2027-01-01T12:00:00Z", "2027-01-01T12:00:40Z"])
def test_the_report_of_who_is_alive_stays(time: str) -> None:
    tell("web-1", 3, time=time)
    found = run("followers", "--forget", "web-1")
    assert found.status == 14
    assert found.err.startswith('error: the follower "web-1" is alive: it was heard of ')
    assert f"its last sign of life is from {time}, by its own clock" in found.err
    assert len(run("followers", "-s").out.splitlines()) == 1


@pytest.mark.parametrize("name", ["", " web", "\x1b[31m", "x" * 101])
def test_a_name_that_no_follower_has(name: str) -> None:
    assert run("followers", "--forget", name).status == 2


def test_reports_are_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = f"ldif:{tmp_path / 'state.ldif'}"
    tell("here", 3)
    tell("there", 2, url=state, time="2027-01-01T11:00:00Z")
    assert [line.split("\t")[0] for line in run("followers", "-s", "--state-url", state).out.splitlines()] == ["there"]
    monkeypatch.setenv(startup.STATE_URL_VARIABLE, state)
    assert run("followers", "--forget", "there").status == 0
    assert run("followers").out == "nobody listens.\n"
    assert "here" in run("followers", "--state-url", f"ldif:{tmp_path / 'config.ldif'}").out


def test_what_is_reported_does_nothing_to_a_terminal() -> None:
    tell("web-1", 2, SSL.replace(path="/\x1b[31m\n"), problems=("\x1b]0;x\x07\nweb-9 \u202e",))
    for options in ([], ["-s"], ["--output", "json"]):
        assert run("followers", *options).out.replace("\n", "").replace("\t", "").isprintable()


def test_completion() -> None:
    assert "followers" in run("completion", "bash", "--at", "1", "--", "confobjects", "fol").out.split()
    offered = run("completion", "bash", "--at", "2", "--", "confobjects", "followers", "--").out.split()
    assert {"--forget", "--state-url"} <= set(offered)
    offered = run("completion", "bash", "--at", "2", "--", "confobjects", "set-mail-server-prop", "--w").out.split()
    assert offered == ["--wait"]
    tell("web-1", 3)
    tell("db", 3)
    names = run("completion", "bash", "--at", "3", "--", "confobjects", "followers", "--forget", "w").out.split()
    assert names == ["web-1"]
