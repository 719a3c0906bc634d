"""Every session prints the same on every storage: only what names the place may differ."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.sessions import GOLDEN, fresh, replayed
from tests.servers import ds389
from tests.servers.fixtures import GUARDED

SESSIONS = sorted(path for path in GOLDEN.glob("*.txt") if path.stem != "definitions")
"""Definitions that are installed need a schema of their own; ``tests/storage/test_definitions.py`` installs others."""
NUMBERS = count()
PLACES = (
    (re.compile(r"2> new (file|base entry on) \S+"), "2> new PLACE"),
    (re.compile(r"2> warning: .*: there is no such file: the configuration is empty"), "2> warning: nothing there"),
    (re.compile(r"2> warning: .*: there is no entry .*: the configuration is empty"), "2> warning: nothing there"),
    (re.compile(r"2> error: \S+: there is no such file\n2>   remedy: correct the path"), "2> nothing there"),
    (
        re.compile(r"2> error: \S+: there is no entry .*: the configuration is empty\n2>   remedy: .*"),
        "2> nothing there",
    ),
    (re.compile(r"2> watching \S+: "), "2> watching PLACE: "),
    (re.compile(r",cn=(config|session [^\"]*)\" is not part of"), ',BASE" is not part of'),
    (re.compile(r"2>   remedy: the first change (creates|makes) it.*"), "2>   remedy: the first change makes it"),
    # 389-ds counts both steps of a deletion.
    (re.compile(r"It comes back with: confobjects undo \d+"), "It comes back"),
    (re.compile(r"(?m)^\d+(?=\t\d{4}-\d\d-)"), "NUMBER"),
    (re.compile(r"sqlite:\S+?(?:\.ledger|/ledger/[0-9a-f]{32})(?![\w.])"), "LEDGER"),
)


def without_places(text: str) -> str:
    for pattern, word in PLACES:
        text = pattern.sub(word, text)
    return text


@pytest.fixture(params=["389-ds", "slapd"])
def place(request: pytest.FixtureRequest) -> str:
    """The URL of a configuration that is not there yet; the user who runs the tests is the server's administrator."""
    if request.param == "slapd":
        url, above = request.getfixturevalue("slapd").socket_url, GUARDED
    else:
        url, above = request.getfixturevalue("ds389_server").socket_url, ds389.SUFFIX
    return str(url) + quote(f"cn=session {next(NUMBERS)},{above}")


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_session_prints_the_same_on_a_directory(session: Path, place: str, tmp_path: Path) -> None:
    expected = session.read_text()
    with fresh(tmp_path), pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("CONFOBJECTS_URL", place)
        monkeypatch.setenv("CONFOBJECTS_INSTANCE", str(tmp_path))
        assert without_places(replayed(expected, tmp_path)) == without_places(expected)
