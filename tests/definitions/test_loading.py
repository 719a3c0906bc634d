"""The definitions of the library are read once in a process, for each set of code that the environment allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.definitions.allowance import ALLOW_CODE_VARIABLE
from confobjects.definitions_loading import load_registry
from confobjects.errors import UsageError

FAMILY = Path(__file__).parent / "family"


def test_the_own_definitions_are_read_once() -> None:
    own = load_registry()
    assert load_registry() is own
    assert own.with_installed(()) is own
    assert load_registry(builtin=False) is not own


def test_definitions_in_directories_are_read_each_time(tmp_path: Path) -> None:
    for name in ("codec", "watchman"):
        (tmp_path / f"{name}.json").write_text((FAMILY / f"{name}.json").read_text())
        assert name in load_registry([str(tmp_path)]).names()
        assert name not in load_registry().names()


def test_what_the_environment_allows_is_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_registry()
    monkeypatch.setenv(ALLOW_CODE_VARIABLE, "module:elsewhere")
    assert load_registry().allowed.has_module("elsewhere")
    assert not before.allowed.has_module("elsewhere")
    monkeypatch.setenv(ALLOW_CODE_VARIABLE, "elsewhere")
    with pytest.raises(UsageError):
        load_registry()
