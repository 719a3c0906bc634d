"""A live configuration opens sealed secrets, whatever becomes of the keys meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

import confobjects
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from tests.cli.sessions import run
from tests.following.services import LONG, ONE, File, Told

SECRET = "Kanarienvogel-7!x"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the keys, which seal what is written."""
    path = tmp_path / "keys" / "ring"
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")
    assert run("seal", "init").status == 0
    return path


def sealed_file(folder: Path) -> File:
    file = File(folder, **{"auth-username": "me", "auth-password": SECRET})
    assert SECRET not in (folder / "config.ldif").read_text()
    return file


def test_a_rotation_changes_no_value(tmp_path: Path, keys: Path) -> None:
    file, told = sealed_file(tmp_path), Told()
    with file.live(environment={KEY_FILE_VARIABLE: str(keys)}) as live:
        live.listen()(told)
        assert live[ONE]["auth-password"] == SECRET
        assert run("seal", "rotate", "--drop-old-keys").status == 0
        file.set(auth_username="you")
        assert live.wait_for(confobjects.open().history()[-1].number, LONG)
        assert live[ONE]["auth-password"] == SECRET
        assert not live.problems
        assert [event.properties for event in told.wait(1)] == [("auth-username",)]


def test_keys_that_are_gone_leave_the_secret_until_they_are_back(tmp_path: Path, keys: Path) -> None:
    file = sealed_file(tmp_path)
    away = keys.with_name("away")
    with file.live(environment={KEY_FILE_VARIABLE: str(keys)}) as live:
        keys.rename(away)
        assert live.wait_until(lambda: live.problems, LONG)
        assert live[ONE]["auth-password"] == SECRET
        away.rename(keys)
        assert live.wait_until(lambda: not live.problems, LONG)
        file.set(auth_password=f"{SECRET}2")
        assert live.wait_until(lambda: live[ONE]["auth-password"] == f"{SECRET}2", LONG)


def test_a_mailer_logs_in_with_it(tmp_path: Path, keys: Path) -> None:
    sealed_file(tmp_path)
    mailer = confobjects.mailer(f"ldif:{tmp_path / 'config.ldif'}")
    assert mailer.plan.login is not None
    assert mailer.plan.login.password == SECRET
    assert SECRET not in repr(mailer.plan)
