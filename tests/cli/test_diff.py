"""``diff``: by object and property, between whatever holds a configuration; secrets compared and never shown."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.documents import CANARY, exported, provider, server, small, write
from tests.cli.sessions import fresh, run


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def changed(tmp_path: Path) -> str:
    """A document that differs from the configuration in each way there is."""
    document = exported()
    objects = document["objects"]
    objects["/mail-server/one"]["properties"].update({"enabled": False, "smtp-property": ["mail.smtp.timeout=1"]})
    del objects["/mail-server/two"]
    objects["/trust-manager-provider/blind"]["type"] = "system"
    objects["/trust-manager-provider/new"] = {"type": "blind", "properties": {"enabled": True}}
    return write(tmp_path / "changed.json", document)


def test_the_same_is_no_difference(tmp_path: Path) -> None:
    small()
    file = write(tmp_path / "same.json", exported())
    assert run("diff", file) == (0, "", "There are no differences.\n")
    assert run("diff", file, file, "--unified") == (0, "", "")
    assert json.loads(run("diff", file, "--output", "json").out)["differences"] == []


def test_a_table_says_object_property_before_and_after(tmp_path: Path) -> None:
    small()
    outcome = run("diff", f"ldif:{tmp_path / 'config.ldif'}", changed(tmp_path), "-s")
    assert outcome.status == 1
    assert outcome.out.splitlines() == [
        "/mail-server/one\tenabled\ttrue\tfalse",
        "/mail-server/one\tsmtp-property\t-\tmail.smtp.timeout=1",
        "/mail-server/two\t(type)\tgeneric\t-",
        "/mail-server/two\tauth-password\t&{smtp.password}\t-",
        "/mail-server/two\tauth-username\tann\t-",
        "/mail-server/two\tenabled\ttrue\t-",
        "/mail-server/two\tsmtp-property\tmail.smtp.timeout=5000\t-",
        "/mail-server/two\tsmtp-server\tmx.example.com:25\t-",
        "/trust-manager-provider/blind\t(type)\tblind\tsystem",
        "/trust-manager-provider/new\t(type)\t-\tblind",
        "/trust-manager-provider/new\tenabled\t-\ttrue",
    ]
    table = run("diff", f"ldif:{tmp_path / 'config.ldif'}", changed(tmp_path))
    assert table.status == 1
    assert table.out.splitlines()[0].split(" : ")[0].strip() == "Object"


def test_unified_lines(tmp_path: Path) -> None:
    small()
    outcome = run("diff", changed(tmp_path), "--unified")
    assert outcome.status == 1
    assert outcome.out.splitlines()[:7] == [
        f"--- {tmp_path / 'changed.json'}",
        f"+++ ldif:{tmp_path / 'config.ldif'}",
        "@@ /mail-server/one @@",
        "-enabled: false",
        "+enabled: true",
        "-smtp-property: mail.smtp.timeout=1",
        "@@ /mail-server/two @@",
    ]


def test_json_says_what_becomes_of_each_object(tmp_path: Path) -> None:
    small()
    found = json.loads(run("diff", f"ldif:{tmp_path / 'config.ldif'}", changed(tmp_path), "--output", "json").out)
    assert found["different"] is True
    assert [(item["path"], item["action"]) for item in found["differences"]] == [
        ("/mail-server/one", "modify"),
        ("/mail-server/two", "delete"),
        ("/trust-manager-provider/blind", "modify"),
        ("/trust-manager-provider/new", "create"),
    ]
    assert found["differences"][2]["type"] == {"before": ["blind"], "after": ["system"]}


def test_other_secrets_are_a_difference_and_never_shown(tmp_path: Path) -> None:
    small()
    one = tmp_path / "one.ldif"
    one.write_text((tmp_path / "config.ldif").read_text().replace(CANARY, f"{CANARY}-2"))
    for form in (["-s"], ["--unified"], ["--output", "json"], []):
        outcome = run("diff", f"ldif:{one}", *form)
        assert outcome.status == 1
        assert "********" in outcome.out
        assert "auth-password" in outcome.out
        assert CANARY not in outcome.out + outcome.err
    assert "(another one)" in run("diff", str(one), "--unified").out


def test_a_secret_that_a_document_leaves_out_is_no_difference_but_one_that_is_missing_is(tmp_path: Path) -> None:
    small()
    document = exported()
    assert run("diff", write(tmp_path / "a.json", document)).status == 0
    del document["objects"]["/mail-server/one"]["secrets"]
    assert run("diff", write(tmp_path / "b.json", document)).status == 0
    document["objects"]["/mail-server/one"]["properties"]["auth-password"] = None
    outcome = run("diff", write(tmp_path / "c.json", document), "-s")
    assert (outcome.status, outcome.out) == (1, "/mail-server/one\tauth-password\t-\t********\n")


def test_past_versions(tmp_path: Path) -> None:
    provider("blind")
    server("one")
    assert run("set-mail-server-prop", "--server-name", "one", "--set", "smtp-server:other:26").status == 0
    expected = (1, "/mail-server/one\tsmtp-server\tmx.example.com:25\tother:26\n")
    archived = max((tmp_path / "config.ldif.archive").iterdir())
    for past in ("archive:1", str(archived), "history:2"):
        outcome = run("diff", past, "-s")
        assert (outcome.status, outcome.out) == expected, past
    assert run("diff", "archive:1", "history:2").status == 0
    assert run("diff", "history:3").status == 0
    assert "/trust-manager-provider/blind\t(type)\t-\tblind" in run("diff", "history:0", "history:1", "-s").out


def test_secrets_of_the_past_are_compared(tmp_path: Path) -> None:
    small()
    words = ["--server-name", "one", "--set", f"auth-password:{CANARY}-2"]
    assert run("set-mail-server-prop", *words).status == 0
    outcome = run("diff", "history:2", "-s")
    assert outcome.status == 1
    assert CANARY not in outcome.out + outcome.err


def test_standard_input_is_a_side(monkeypatch: pytest.MonkeyPatch) -> None:
    small()
    text = json.dumps(exported())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run("diff", "-").status == 0


def test_values_in_another_order_or_spelling_are_the_same(tmp_path: Path) -> None:
    server("one", "smtp-property:mail.smtp.timeout=1", "smtp-property:mail.smtp.localhost=x")
    document = exported()
    document["objects"]["/mail-server/one"]["properties"]["smtp-property"].reverse()
    assert run("diff", write(tmp_path / "a.json", document)).status == 0
    file = tmp_path / "b.ldif"
    file.write_text((tmp_path / "config.ldif").read_text().replace("ds-cfg-enabled: true", "ds-cfg-enabled: TRUE"))
    assert run("diff", str(file)).status == 0


@pytest.mark.parametrize(
    ("word", "status", "words"),
    [
        ("nowhere.json", 2, "nowhere.json: it cannot be read: no such file or directory"),
        ("archive:1", 12, "there is no archived version 1: there is none"),
        ("archive:x", 2, "archive:x names no archived version"),
        ("history:x", 2, "history:x names no change"),
        ("history:7", 12, "7"),
        ("ldif:nowhere.ldif", 31, "there is no such file"),
    ],
)
def test_what_is_no_side_is_told(word: str, status: int, words: str) -> None:
    outcome = run("diff", word)
    assert outcome.status == status, outcome.err
    assert words in outcome.err
    assert outcome.out == ""


def test_files_that_are_neither(tmp_path: Path) -> None:
    for name, data, words in (
        ("a", b"\xff\xfe", "the byte 0xff is not part of UTF-8 text"),
        ("b", b"\x1f\x8bnothing", "it cannot be unpacked"),
        ("c", b"hello\n", "c:1"),
        ("d", b"", "this is not JSON"),
    ):
        (tmp_path / name).write_bytes(data)
        outcome = run("diff", str(tmp_path / name))
        assert outcome.status == 31, outcome
        assert words in outcome.err
