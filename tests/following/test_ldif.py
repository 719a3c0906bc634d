"""A service that follows an LDIF file hears of whatever happens to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from confobjects.definitions.installed import DIGEST, TEXT, digest_of
from confobjects.definitions.model import HOLDER_KIND
from confobjects.errors import ConfobjectsError, UsageError
from tests.following.services import LONG, ONE, File, Told, shorten

HOST = ("smtp-server",)


def test_a_change_is_in_effect_when_it_is_told(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        first = live.configuration
        seen = []

        @live.listen("mail-server")
        def look(event: object) -> None:
            seen.append(live[ONE]["smtp-server"].host)

        live.listen()(told)
        file.set(smtp_server="second.example.com")
        assert live.wait_for(2, LONG)
        assert shorten(told.events) == [("changed", "/mail-server/one", HOST, 2)]
        (event,) = told.events
        assert event.before is not None
        assert event.after is not None
        assert event.before["smtp-server"].host == first[ONE]["smtp-server"].host == "first.example.com"
        assert seen == [event.after["smtp-server"].host] == ["second.example.com"]
        assert (live.number, live.waiting, live.problems, live.stale) == (2, (), (), None)
        assert look.name.endswith("look")


def test_objects_come_and_go(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        live.listen()(told)
        with file.change() as tx:
            tx.create("mail-server", "two", {"enabled": True, "smtp-server": "two.example.com"})
        with file.change() as tx:
            tx.delete("mail-server", "two")
        assert live.wait_for(3, LONG)
        assert [(one.kind, one.number) for one in told.events] == [("added", 2), ("deleted", 3)]
        assert ONE in live
        assert ("mail-server", "two") not in live


def test_a_hundred_changes_in_a_row_are_told_once_and_in_order(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        live.listen()(told)
        for number in range(100):
            file.set(smtp_server=f"h{number}.example.com")
        assert live.wait_for(101, LONG)
        hosts = [None if one.after is None else one.after["smtp-server"].host for one in told.events]
        assert hosts == [f"h{number}.example.com" for number in range(100)]
        assert [one.number for one in told.events] == list(range(2, 102))


def test_an_edit_by_hand_has_no_number(tmp_path: Path) -> None:
    file, told = File(tmp_path), Told()
    with file.live() as live:
        live.listen()(told)
        file.edit("first.example.com", "hand.example.com")
        assert shorten(told.wait(1)) == [("changed", "/mail-server/one", HOST, None)]


@pytest.mark.parametrize("damage", ["no LDIF at all", "", "removed", "a value"])
def test_a_file_that_does_not_hold_leaves_the_last_good_state_until_it_is_mended(tmp_path: Path, damage: str) -> None:
    file, told = File(tmp_path), Told()
    text = file.path.read_text(encoding="utf-8")
    with file.live(missing_ok=True) as live:
        live.listen()(told)
        if damage == "removed":
            file.path.unlink()
        elif damage == "a value":
            file.edit("first.example.com", "first example com:port")
        else:
            file.replace(damage)
        assert live.wait_until(lambda: live.problems, LONG)
        assert live[ONE]["smtp-server"].host == "first.example.com"
        file.replace(text.replace("first.example.com", "mended.example.com"))
        assert [one.properties for one in told.wait(1)] == [HOST]
        assert live.problems == ()
        file.set(smtp_server="later.example.com")
        assert [one.properties for one in told.wait(2)] == [HOST, HOST]


def test_what_cannot_be_loaded_raises_what_load_raises(tmp_path: Path) -> None:
    file = File(tmp_path)
    live = file.live()
    with pytest.raises(UsageError):
        _ = live.configuration
    file.replace("nothing")
    with pytest.raises(ConfobjectsError), live:
        pass


def test_other_definitions_are_a_problem_and_count_for_the_next_process(tmp_path: Path) -> None:
    file = File(tmp_path)
    text = json.dumps(
        {
            "name": "gateway",
            "version": 1,
            "synopsis": "A door.",
            "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Gateways"},
            "properties": {"note": {"synopsis": "What is behind it.", "syntax": "string"}},
        }
    )
    with file.live() as live:
        with file.change() as tx:
            tx.create(HOLDER_KIND, "gateway", {TEXT: text, DIGEST: digest_of(text)})
        assert live.wait_for(2, LONG)
        assert [(one.code, one.severity) for one in live.problems] == [("broken-definition", "warning")]
        file.set(smtp_server="second.example.com")
        assert live.wait_for(3, LONG)
        assert live[ONE]["smtp-server"].host == "second.example.com"
    with file.live() as live:
        assert live.problems == ()
        assert not live.configuration.warnings
        assert live.configuration.of("gateway") == ()
