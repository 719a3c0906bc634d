"""Every session in tests/golden/cli prints exactly what it printed when it was read and approved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sessions import GOLDEN, fresh, replayed

SESSIONS = sorted(GOLDEN.glob("*.txt"))


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_a_session_prints_what_is_expected(session: Path, tmp_path: Path) -> None:
    expected = session.read_text()
    with fresh(tmp_path):
        assert replayed(expected, tmp_path) == expected


def test_no_session_shows_a_canary() -> None:
    for session in SESSIONS:
        printed = [line for line in session.read_text().splitlines() if not line.startswith(("$", "#"))]
        assert not [line for line in printed if "canary" in line], session
