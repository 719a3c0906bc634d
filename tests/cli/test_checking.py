"""``check`` counts what it found, looks at what values point to, and can be strict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import fresh, run

OWN = """{"name": "printer", "version": 1, "synopsis": "A printer.", "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Printers"},
 "profile": {"ldap": {"object-class": "ds-cfg-printer"}}, "enabled-when": {"contains": ["enabled", "true"]},
 "properties": {"enabled": {"synopsis": "Whether it prints.", "syntax": "boolean", "mandatory": true},
  "spool": {"synopsis": "Where pages wait.", "syntax": "path", "multi-valued": true}}}"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "printer.json").write_text(OWN)
    monkeypatch.setenv("CONFOBJECTS_DEFINITIONS", str(tmp_path / "definitions"))
    with fresh(tmp_path):
        yield tmp_path


def make(name: str, spool: str, *, enabled: str = "true") -> None:
    words = ["--printer-name", name, "--set", f"enabled:{enabled}", "--set", f"spool:{spool}"]
    assert run("create-printer", *words).status == 0


def test_a_check_ends_with_what_it_found() -> None:
    assert run("check").out == "1 object: 0 errors, 1 warning\n"  # there is no file yet
    make("one", "nowhere")
    shown = run("check")
    assert (shown.status, shown.out) == (0, "2 objects: 0 errors, 1 warning\n")
    assert shown.err == "warning: /printer/one, spool: nowhere does not exist\n"


def test_a_check_with_errors_ends_with_their_number(place: Path) -> None:
    make("one", "nowhere")
    file = place / "config.ldif"
    file.write_text(file.read_text().replace("ds-cfg-enabled: true", "ds-cfg-enabled: perhaps"))
    shown = run("check")
    assert (shown.status, shown.out) == (10, "2 objects: 1 error, 0 warnings\n")
    assert "/printer/one, enabled:" in shown.err
    assert run("check", "-Q").out == ""
    assert run("check", "-Q").status == 10


def test_a_strict_check_fails_on_a_warning() -> None:
    make("one", "nowhere")
    assert run("check", "--strict").status == 1
    assert run("check", "--strict", "--output", "json").status == 1
    assert run("check", "--strict", "--no-files").status == 0


def test_relative_and_absolute_paths_are_looked_at_where_the_configuration_is(place: Path) -> None:
    (place / "here").mkdir()
    make("one", "here")
    make("two", str(place / "here"))
    assert run("check").err == ""
    make("three", str(place / "there"))
    assert run("check").err == f"warning: /printer/three, spool: {place / 'there'} does not exist\n"


def test_files_of_a_disabled_object_and_of_another_machine_are_left_out(place: Path) -> None:
    make("off", "nowhere", enabled="false")
    make("on", "nowhere")
    (place / "env").write_text("NAME=value\n")
    (place / "env").chmod(0o600)
    assert run("check").out == "3 objects: 0 errors, 1 warning\n"
    for option in (["--no-files"], ["--env-file", str(place / "env")]):
        assert run("check", *option).out == "3 objects: 0 errors, 0 warnings\n"
