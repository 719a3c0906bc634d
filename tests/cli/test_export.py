"""``export``: documents in three forms, without secrets, the same every time."""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from tests.cli.documents import CANARY, exported, provider, server, small
from tests.cli.sessions import FAMILY, fresh, run


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def test_a_document_holds_every_object_by_path_with_typed_values() -> None:
    small()
    assert exported() == {
        "confobjects-format": 1,
        "objects": {
            "/mail-server/one": {
                "type": "generic",
                "properties": {
                    "auth-username": "joe",
                    "enabled": True,
                    "smtp-server": "mx.example.com:25",
                    "trust-manager-provider": "blind",
                },
                "secrets": ["auth-password"],
            },
            "/mail-server/two": {
                "type": "generic",
                "properties": {
                    "auth-password": "&{smtp.password}",
                    "auth-username": "ann",
                    "enabled": True,
                    "smtp-property": ["mail.smtp.timeout=5000"],
                    "smtp-server": "mx.example.com:25",
                },
            },
            "/trust-manager-provider/blind": {"type": "blind", "properties": {"enabled": True}},
        },
    }


def test_secrets_that_are_not_there_are_said_to_be_none_once_for_all() -> None:
    server("one")
    found = exported()
    assert found["unlisted-secrets"] == "none"
    assert "null" not in json.dumps(found)
    words = ("--server-name", "one", "--set", "auth-username:joe", "--set", "auth-password:&{smtp.password}")
    assert run("set-mail-server-prop", *words).status == 0
    assert "unlisted-secrets" not in exported()


def test_an_expression_with_a_literal_default_is_a_secret() -> None:
    server("one", "auth-username:joe", f"auth-password:&{{smtp.password|{CANARY}}}")
    one = exported()["objects"]["/mail-server/one"]
    assert "auth-password" not in one["properties"]
    assert one["secrets"] == ["auth-password"]


def test_the_order_is_that_of_paths_and_names_whatever_came_first() -> None:
    for name in ("b", "C", "a"):
        server(name)
    provider("z")
    found = exported()["objects"]
    assert list(found) == ["/mail-server/a", "/mail-server/b", "/mail-server/C", "/trust-manager-provider/z"]
    assert all(list(item["properties"]) == sorted(item["properties"]) for item in found.values())


@pytest.mark.parametrize("form", ["json", "ldif", "commands"])
def test_no_form_shows_a_secret(form: str, tmp_path: Path) -> None:
    small()
    outcome = run("export", "--format", form)
    assert outcome.status == 0
    assert CANARY not in outcome.out + outcome.err
    assert "auth-password" in outcome.out + outcome.err
    assert run("export", "--format", form, "--output-file", str(tmp_path / "x")) == (0, "", outcome.err)
    assert (tmp_path / "x").read_text() == outcome.out


def test_a_new_file_is_for_its_owner_alone_and_an_old_one_keeps_its_rights(tmp_path: Path) -> None:
    small()
    new, old = tmp_path / "new.json", tmp_path / "old.json"
    old.write_text("old")
    old.chmod(0o644)
    for path in (new, old):
        assert run("export", "--output-file", str(path)).status == 0
        json.loads(path.read_text())
    assert [stat.S_IMODE(os.stat(path).st_mode) for path in (new, old)] == [0o600, 0o644]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    small()
    outcome = run("export", "--output-file", str(tmp_path / "no" / "such" / "x.json"))
    assert outcome.status in {21, 31}
    assert str(tmp_path / "no") in outcome.err


def test_the_schema_that_is_printed_takes_what_is_exported() -> None:
    small()
    schema = json.loads(run("json-schema", "--document").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(exported())


def test_the_commands_make_the_same_configuration_elsewhere(tmp_path: Path) -> None:
    provider("with 'quotes' and \\ blanks")
    server("a", "smtp-property:mail.smtp.from=a@b.example", "trust-manager-provider:with 'quotes' and \\ blanks")
    server("b", "auth-username:&{user|x}", "auth-password:&{smtp.password}")
    before = exported()
    lines = run("export", "--format", "commands").out.splitlines()
    with fresh(tmp_path / "elsewhere"):
        for line in lines:
            if not line.startswith("#"):
                outcome = run(*shlex.split(line))
                assert outcome.status == 0, (line, outcome.err)
        assert exported() == before


def test_the_commands_are_a_batch(tmp_path: Path) -> None:
    provider('it\'s "q" \\ #b')
    server("a", "auth-username:\\&{no}x", "auth-password:&{a.b}", 'trust-manager-provider:it\'s "q" \\ #b')
    server("b  c", "auth-username:a\\\\&{q|z}", "auth-password:${a.b}")
    before = exported()
    file = tmp_path / "commands"
    assert run("export", "--format", "commands", "--output-file", str(file)).status == 0
    with fresh(tmp_path / "elsewhere"):
        outcome = run("-F", str(file), "--no-prompt")
        assert outcome.status == 0, outcome.err
        assert exported() == before


def test_the_ldif_is_a_configuration(tmp_path: Path) -> None:
    provider("p")
    server("a/b ß", "trust-manager-provider:p")
    file = tmp_path / "copy.ldif"
    file.write_text(run("export", "--format", "ldif").out)
    assert exported("--url", f"ldif:{file}") == exported()
    assert "ds-cfg-revision" not in file.read_text()


def test_objects_below_others_come_after_them_and_their_defaults_are_replaced(tmp_path: Path) -> None:
    known = ["--definitions", str(FAMILY)]
    made = run("create-store", "--store-name", "s", "--set", "enabled:true", "--set", "location:/s", *known)
    assert made.status == 0, made.err
    words = ["--queue-name", "q", "--type", "disk", "--set", "enabled:true", "--set", "store:s"]
    assert run("create-queue", *words, *known).status == 0
    assert run("set-journal-prop", "--queue-name", "q", "--set", "keep:3 d", *known).status == 0
    before = exported(*known)
    assert before["objects"]["/queue/q/journal"]["properties"] == {"keep": 3}
    lines = [line for line in run("export", "--format", "commands", *known).out.splitlines() if line[:1] != "#"]
    with fresh(tmp_path / "elsewhere"):
        for line in lines:
            outcome = run(*shlex.split(line), *known)
            assert outcome.status == 0, (line, outcome.err)
        assert exported(*known) == before


def test_a_broken_object_is_exported_as_far_as_it_goes_and_told(tmp_path: Path) -> None:
    small()
    file = tmp_path / "config.ldif"
    file.write_text(
        file.read_text().replace("cn=blind,cn=Trust Manager Providers,cn=config\n", "cn=x,cn=elsewhere\n", 2)
    )
    outcome = run("export")
    assert outcome.status == 31
    assert "/mail-server/two" in json.loads(outcome.out)["objects"]


def test_an_empty_configuration_is_an_empty_document() -> None:
    outcome = run("export")
    assert json.loads(outcome.out) == {"confobjects-format": 1, "objects": {}}
    assert "there is no such file" in outcome.err


def test_a_device_or_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    server("one")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        done = run("export", "--output-file", str(pipe))
        assert (done.status, done.err) == (0, "")
        assert os.read(reader, 1 << 16).decode() == run("export").out
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
