"""``watch``: what it tells of a configuration in a file, when it begins, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import confobjects
from confobjects.cli.output.watched import _SENTENCES
from confobjects.cli.watching.logs import log_as_lines
from confobjects.reference.outputs import schemas
from tests.cli.documents import CANARY
from tests.cli.sessions import run
from tests.cli.watchers import Watcher
from tests.docs_check import ROOT
from tests.following.services import FIRST, File

JSON = ("--output", "json")
ONE = "/mail-server/one"


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A configuration with the mail server "one", which is change 1."""
    return File(tmp_path)


def judged(document: dict[str, Any]) -> dict[str, Any]:
    """Hold a document to the form of its event, and return it."""
    form = {"state": "watch-state", "change": "watch-change"}.get(document["event"], "watch-notice")
    jsonschema.Draft202012Validator(schemas()[form]).validate(document)
    return document


def next_change(watcher: Watcher) -> dict[str, Any]:
    return judged(watcher.document("change"))


def test_every_event_has_words_and_stands_in_the_schema_and_in_the_guide() -> None:
    told = set(schemas()["watch-notice"]["properties"]["event"]["enum"])
    guide = (ROOT / "docs" / "guide" / "watch.md").read_text()
    rows = {
        name
        for cell in re.findall(r"(?m)^\| ((?:`[a-z-]+`(?:, )?)+) \|", guide)
        for name in re.findall(r"`([a-z-]+)`", cell)
    }
    assert set(_SENTENCES) == told
    assert told <= rows


def test_sealed_secrets_are_no_problem_and_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_SEAL_KEY_FILE", str(tmp_path / "keys" / "ring"))
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    assert run("seal", "init").status == 0
    File(tmp_path, **{"auth-username": "me", "auth-password": CANARY})
    found = run("watch", "--count", "0", *JSON)
    assert (found.status, found.err) == (0, "")
    assert '"auth-password"' in found.out
    assert CANARY not in found.out


# -- what is told ----------------------------------------------------------------------------------------------------


def test_the_state_is_told_and_then_each_change(file: File) -> None:
    with Watcher(file.url, *JSON) as watcher:
        state = judged(watcher.document())
        assert (state["event"], state["number"], state["waiting"]) == ("state", 1, [])
        (one,) = [obj for obj in state["objects"] if obj["path"] == ONE]
        assert one["properties"]["smtp-server"] == ["first.example.com"]
        file.set(smtp_server="second.example.com")
        found = next_change(watcher)
        assert (found["number"], found["actor"] != "", found["command"], found["restored"]) == (2, True, "api", False)
        sides = {"before": ["first.example.com"], "after": ["second.example.com"]}
        (change,) = found["changes"]
        assert (change["path"], change["kind"], change["type"], change["restarted"]) == (
            ONE,
            "changed",
            "mail-server",
            False,
        )
        assert change["properties"] == {"smtp-server": sides}
        with confobjects.open(file.url) as context:
            assert found["time"] == context.history()[1].signature.time


def test_a_change_of_several_objects_is_one_document(file: File) -> None:
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        with file.change() as tx:
            tx.create("mail-server", "two", {**FIRST, "auth-username": "u", "auth-password": CANARY})
            tx.set("mail-server", "one", {"smtp-server": "x.example.com"})
        found = next_change(watcher)
        assert [(one["kind"], one["path"]) for one in found["changes"]] == [
            ("added", "/mail-server/two"),
            ("changed", ONE),
        ]
        added = found["changes"][0]["properties"]
        assert added["auth-password"] == {"before": [], "after": ["********"]}


def test_an_edit_by_hand_has_no_number(file: File) -> None:
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        file.edit("first.example.com", "hand.example.com")
        found = next_change(watcher)
        assert (found["number"], found["actor"], found["command"]) == (None, "", "")
        assert found["time"]


def test_what_waits_is_told_with_its_action_and_when_it_counts_or_is_taken_back(tmp_path: Path) -> None:
    file = File(tmp_path, **{"use-start-tls": False})
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        file.set(use_ssl=True)
        waits = next_change(watcher)
        assert waits["changes"] == []
        (one,) = waits["waiting"]
        assert (one["path"], one["properties"], one["since"]) == (ONE, ["use-ssl"], 2)
        assert [(a["property"], a["action"]) for a in one["actions"]] == [("use-ssl", "component-restart")]
        file.set(use_ssl=False)
        assert next_change(watcher)["withdrawn"] == [ONE]
        file.set(use_ssl=True)
        assert next_change(watcher)["waiting"] != []
        file.set(enabled=False)
        file.set(enabled=True)
        found = [next_change(watcher), next_change(watcher)]
        changed = {name: sides for one in found for c in one["changes"] for name, sides in c["properties"].items()}
        assert changed["use-ssl"] == {"before": ["false"], "after": ["true"]}
        assert found[-1]["waiting"] == []


def test_an_object_that_one_change_disables_and_enables_is_told(file: File) -> None:
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        with file.change() as tx:
            tx.set("mail-server", "one", {"enabled": False})
            tx.set("mail-server", "one", {"enabled": True})
        (change,) = next_change(watcher)["changes"]
        assert (change["path"], change["restarted"], change["properties"]) == (ONE, True, {})


@pytest.mark.parametrize("form", [JSON, ()], ids=["json", "lines"])
def test_a_file_that_is_replaced_is_told_with_the_object_that_names_it(form: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "store.p12").write_bytes(b"first")
    file = File(tmp_path)
    with file.change() as tx:
        values = {"enabled": True, "trust-store-file": "store.p12"}
        tx.create("trust-manager-provider", "mine", values, type="file-based")
    with Watcher(file.url, *form) as watcher:
        if form:
            watcher.document("state")
        else:
            watcher.err.until(lambda line: "watching" in line)
        (tmp_path / "new").write_bytes(b"second")
        (tmp_path / "new").rename(tmp_path / "store.p12")
        if form:
            (change,) = next_change(watcher)["changes"]
            assert change["properties"] == {"trust-store-file": {"before": ["store.p12"], "after": ["store.p12"]}}
        else:
            said = "-  -  changed /trust-manager-provider/mine: trust-store-file: the content of store.p12"
            assert (watcher.out.next() or "").endswith(said)


def test_problems_come_and_go(file: File) -> None:
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        good = file.path.read_text(encoding="utf-8")
        file.replace(good.replace("first.example.com", "&{nowhere}"))
        problem = judged(watcher.document())
        assert (problem["event"], problem["problems"][0]["path"]) == ("problem", ONE)
        file.replace(good)
        solved = judged(watcher.document())
        assert (solved["event"], solved["problems"]) == ("solved", problem["problems"])


def test_a_restored_configuration_is_told_as_that(file: File) -> None:
    backup = {path: path.read_bytes() for path in (file.path, Path(f"{file.path}.history"))}
    file.set(smtp_server="second.example.com")
    with Watcher(file.url, *JSON) as watcher:
        assert watcher.document("state")["number"] == 2
        for path, data in reversed(backup.items()):
            other = path.with_name("restored")
            other.touch(0o600)
            other.write_bytes(data)
            other.rename(path)
        found = next_change(watcher)
        while not found["restored"]:  # the two files are not replaced at one moment
            found = next_change(watcher)
        assert found["number"] == 1


def test_a_definition_is_told_by_its_version_and_the_parts_that_changed(file: File, tmp_path: Path) -> None:
    given = ROOT / "tests" / "definitions" / "installable" / "service.json"
    newer = tmp_path / "service.json"
    text = given.read_text("utf-8").replace("What opens it.", "What keeps it shut.")
    newer.write_text(text.replace('"version": 1', '"version": 2'), "utf-8")
    where = ("--url", file.url, "--no-prompt")
    with Watcher(file.url, "--count", "3") as watcher:
        watcher.err.until(lambda line: line.startswith("watching"))
        for words in (["install", str(given)], ["install", str(newer)], ["remove", "service"]):
            assert run("definitions", *words, *where).status == 0
        assert watcher.end() == 0
        told = [line.partition(" /installed-definition/")[::2] for line in watcher.out.rest() if "  waits" not in line]
    assert [(head.split()[-1], what) for head, what in told] == [
        ("added", "service: version 1"),
        ("changed", "service: version 2 (it was 1); changed: properties.pin"),
        ("deleted", "service"),
    ]


def test_people_read_lines(file: File) -> None:
    with Watcher(file.url) as watcher:
        assert watcher.err.until(lambda line: "watching" in line) == f"watching {file.url}: 2 objects, change 1"
        file.set(smtp_server="second.example.com", use_ssl=True, use_start_tls=False)
        file.set(auth_username="u", auth_password=CANARY)
        line = watcher.out.next() or ""
        assert line.split("  ")[1] == "2"
        assert line.endswith(
            "waits /mail-server/one: smtp-server, use-ssl, use-start-tls: "
            "The object must be disabled and re-enabled for changes to take effect."
        )
        assert (watcher.out.next() or "").endswith(
            "changed /mail-server/one: auth-password: - -> ********; auth-username: - -> u"
        )


def test_scripts_read_cells(file: File) -> None:
    with Watcher(file.url, "-s") as watcher:
        watcher.err.until(lambda line: "watching" in line)
        file.set(smtp_server="second.example.com")
        cells = (watcher.out.next() or "").split("\t")
        assert (cells[1], cells[3]) == ("2", f"changed {ONE}: smtp-server: first.example.com -> second.example.com")


def test_changes_in_a_row_are_told_once_and_in_order(file: File) -> None:
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        for number in range(100):
            file.set(smtp_server=f"h{number}.example.com")
        found = [next_change(watcher) for _ in range(100)]
        assert [one["number"] for one in found] == list(range(2, 102))
        hosts = [one["changes"][0]["properties"]["smtp-server"]["after"] for one in found]
        assert hosts == [[f"h{number}.example.com"] for number in range(100)]
        assert {json.loads(line)["event"] for line in watcher.out.seen} == {"state", "change"}  # it is no problem


def test_the_log_tells_no_text_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("confobjects.following")
    with log_as_lines(debug=False):
        try:
            raise RuntimeError(CANARY)
        except RuntimeError:
            log.exception("something\nfailed")
        log.warning("plain")
        log.info("nothing")
    log.addHandler(logging.NullHandler())
    told = capsys.readouterr().err.splitlines()
    assert [re.sub(r"^\S+  |\d+\)$", "", line) for line in told] == [
        "log: something\\nfailed (RuntimeError in test_watch.py:",
        "log: plain",
    ]


# -- the start -------------------------------------------------------------------------------------------------------


def test_a_configuration_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with Watcher(f"ldif:{tmp_path / 'later' / 'config.ldif'}", *JSON) as watcher:
        assert judged(watcher.document())["event"] == "problem"
        (tmp_path / "later").mkdir()
        File(tmp_path / "later")
        assert watcher.document("solved")["problems"]
        assert watcher.document()["event"] == "state"


def test_a_configuration_that_does_not_hold_is_waited_for(file: File) -> None:
    file.edit("first.example.com", "&{nowhere}")
    with Watcher(file.url, *JSON) as watcher:
        assert judged(watcher.document())["problems"][0]["code"] == "unresolved-expression"
        file.edit("&{nowhere}", "mended.example.com")
        found = {one["path"]: one["properties"] for one in watcher.document("state")["objects"]}
        assert found["/mail-server/one"]["smtp-server"] == ["mended.example.com"]


def test_the_time_for_the_start_can_be_limited(tmp_path: Path) -> None:
    outcome = run("watch", "--url", f"ldif:{tmp_path / 'nothing.ldif'}", "--timeout", "0")
    assert (outcome.status, outcome.out) == (12, "") or outcome.status == 31
    assert "nothing.ldif" in outcome.err


def test_what_waiting_cannot_mend_ends_at_once(tmp_path: Path) -> None:
    assert run("watch", "--url", "nonsense:x").status == 2
    assert run("watch", "--url", f"ldif:{tmp_path / 'x.ldif'}", "--output", "xml").status == 2
    assert list(tmp_path.iterdir()) == []


# -- the end ---------------------------------------------------------------------------------------------------------


def test_it_ends_after_as_many_changes_as_wanted(file: File) -> None:
    with Watcher(file.url, *JSON, "--count", "2") as watcher:
        watcher.document("state")
        for number in range(3):
            file.set(smtp_server=f"h{number}.example.com")
        assert watcher.end() == 0
        assert [json.loads(line)["number"] for line in watcher.out.rest()] == [2, 3]


def test_without_changes_it_tells_the_state_and_ends(file: File) -> None:
    outcome = run("watch", "--url", file.url, "--count", "0", *JSON)
    assert (outcome.status, outcome.err) == (0, "")
    assert [json.loads(line)["event"] for line in outcome.out.splitlines()] == ["state"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)], ids=str)
def test_a_signal_ends_it(file: File, number: int, status: int) -> None:
    with Watcher(file.url, *JSON) as watcher:
        watcher.document("state")
        assert watcher.end(number) == status
        assert watcher.err.rest() == (["interrupted"] if status else [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait_for_the_start(tmp_path: Path, number: int) -> None:
    with Watcher(f"ldif:{tmp_path / 'nothing.ldif'}", *JSON) as watcher:
        assert watcher.document("problem")
        assert watcher.end(number) == (130 if number == signal.SIGINT else 0)


def test_who_reads_slowly_misses_nothing_and_can_end_it(file: File) -> None:
    reader, writer = os.pipe()
    fcntl(writer, F_SETPIPE_SZ, 4096)
    with Watcher(file.url, *JSON, stdout=writer) as watcher:
        os.close(writer)
        names = [f"s{number}" for number in range(30)]
        with os.fdopen(reader) as stream:
            stream.readline()
            for name in names:  # much more than a pipe takes
                with file.change() as tx:
                    tx.create("mail-server", name, FIRST)
            told = filter(lambda one: one["event"] == "change", map(json.loads, stream))
            found = [next(told)["changes"][0]["path"] for _ in names]
            assert found == [f"/mail-server/{name}" for name in names]
            for name in names:
                with file.change() as tx:
                    tx.delete("mail-server", name)
                    tx.create("mail-server", name, {**FIRST, "auth-username": "x" * 5000})
            assert watcher.end(signal.SIGTERM) == 0


def test_a_reader_that_is_gone_ends_it_without_a_change(file: File) -> None:
    reader, writer = os.pipe()
    with Watcher(file.url, stdout=writer) as watcher:
        os.close(writer)
        watcher.err.until(lambda line: "watching" in line)
        os.close(reader)
        assert watcher.end() == 141
