"""Wherever a command takes a number from outside, what only looks like one is refused or passed over, and is no bug."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from confobjects.storage.archives import directory_of, list_archives
from tests.cli.sessions import fresh, run

ODD: Final = {
    "superscript": "²",
    "arabic": "٣",
    "long": "9" * 5000,
    "signed": "+1",
    "negative": "-1",
    "with an underline": "1_0",
    "infinite": "Infinity",
    "exponent": "1e999",
    "empty": "",
}
SERVER: Final = ["--server-name", "one"]
WORDS: Final = [
    ["diff", "history:{}"],
    ["diff", "archive:{}"],
    ["history", "show", "{}"],
    ["history", "--limit", "{}"],
    ["undo", "{}"],
    ["undo", "--to={}"],
    ["list-mail-servers", "--url", "ldap://127.0.0.1:{}/cn=config"],
    ["list-mail-servers", "--url", "ldap://[::1]:{}/cn=config"],
    ["list-mail-servers", "--hostname", "127.0.0.1", "--port={}"],
    ["list-mail-servers", "--url", "ldap://127.0.0.1:1/cn=config", "--connectTimeout={}"],
    ["set-mail-server-prop", *SERVER, "--set", "smtp-server:h:{}"],
    ["set-mail-server-prop", *SERVER, "--set", "smtp-server:[::1]:{}"],
    ["set-mail-server-prop", *SERVER, "--set", "smtp-property:mail.smtp.timeout={}"],
    ["set-mail-server-prop", *SERVER, "--set", "smtp-property:mail.smtp.port={}"],
    ["test-mail-server", *SERVER, "--depth", "{}"],
    ["explain", "&{{a|{}}}"],
    ["completion", "bash", "--at={}"],
]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        made = run("create-mail-server", *SERVER, "--set", "enabled:true", "--set", "smtp-server:127.0.0.1:1")
        assert made.status == 0, made
        yield


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("words", WORDS, ids=lambda words: " ".join(words)[:60])
def test_on_the_command_line(words: list[str], odd: str) -> None:
    outcome = run(*(word.format(odd) for word in words), "-n")
    assert outcome.status != 70, outcome.err[-2000:]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", ["port", "connectTimeout"])
def test_in_a_properties_file(tmp_path: Path, name: str, odd: str) -> None:
    path = tmp_path / "a.properties"
    path.write_text(f"{name}={odd}\n")
    outcome = run("list-mail-servers", "--propertiesFilePath", str(path))
    assert outcome.status == 2, outcome
    assert f"{path}:1:" in outcome.err


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_as_the_width_of_the_terminal(odd: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", odd)
    assert run("list-mail-servers").status == 0


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_as_a_revision(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "config.ldif"
    text = path.read_text()
    assert "ds-cfg-revision: 1\n" in text
    path.write_text(text.replace("ds-cfg-revision: 1\n", f"ds-cfg-revision: {odd}\n" if odd else ""))
    other = f"ldif:{tmp_path / 'other.ldif'}"
    assert run("copy", f"ldif:{path}", other).status == 0
    assert run("set-mail-server-prop", *SERVER, "--set", "smtp-server:127.0.0.1:2").status == 0
    for words in (["check"], ["list-mail-servers"], ["copy", other, f"ldif:{path}", "--force"], ["undo", "2"]):
        assert run(*words).status != 70, words


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_in_the_name_of_an_archive(tmp_path: Path, odd: str) -> None:
    assert run("set-mail-server-prop", *SERVER, "--set", "smtp-server:127.0.0.1:2").status == 0
    path = str(tmp_path / "config.ldif")
    Path(directory_of(path), f"config.ldif.{odd[:200]}.gz").write_bytes(b"")
    assert len(list_archives(path)) == 2
    assert run("set-mail-server-prop", *SERVER, "--set", "smtp-server:127.0.0.1:3").status == 0
    assert run("diff", "archive:1").status in {1, 31}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_in_a_document(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "a.json"
    for number in (odd, json.dumps(odd)):
        for text in (
            f'{{"confobjects-format": {number}, "objects": {{}}}}',
            f'{{"confobjects-format": 1, "objects": {{"/mail-server/x": {{"properties": {{"priority": {number}}}}}}}}}',
            f'{{"confobjects-format": 1, "objects": {{"/mail-server/x": {number}}}}}',
        ):
            path.write_text(text)
            outcome = run("apply", str(path))
            assert outcome.status not in {0, 70}, outcome
    for head in (f"#confobjects-format: {odd}", f"# confobjects-format: {odd}", f"version: {odd}"):
        path.write_text(f"{head}\ndn: cn=config\nobjectClass: top\ncn: config\n")
        assert run("apply", str(path)).status != 70


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_in_a_definition(tmp_path: Path, odd: str) -> None:
    directory = tmp_path / "definitions"
    directory.mkdir()
    for number in (odd, json.dumps(odd)):
        for place in ("version", "lower"):
            version = number if place == "version" else "1"
            lower = number if place == "lower" else "0"
            (directory / "thing.json").write_text(
                f'{{"name": "thing", "version": {version}, "synopsis": "A thing.",'
                '"relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Things"}, "properties": {"size":'
                f'{{"synopsis": "Its size.", "syntax": {{"type": "integer", "lower": {lower}}}}}}}}}'
            )
            outcome = run("list-things", "--definitions", str(directory))
            assert outcome.status not in {0, 70} or odd == "-1", outcome.err[-1500:]
