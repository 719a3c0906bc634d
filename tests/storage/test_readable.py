"""``check`` tells of a configuration with passwords that other users may read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.sessions import run
from tests.opening import open_any

SECRET = "canary-8Zr"


@pytest.mark.parametrize(
    ("mode", "password", "told"),
    [
        (0o644, SECRET, True),
        (0o640, SECRET, True),
        (0o604, SECRET, True),
        (0o600, SECRET, False),
        (0o644, "&{smtp.password}", False),
        (0o644, f"&{{smtp.password|{SECRET}}}", True),
    ],
)
def test_check_tells_of_a_file_that_others_can_read(tmp_path: Path, mode: int, password: str, told: bool) -> None:
    path = tmp_path / "config.ldif"
    values = {"enabled": "true", "smtp-server": "m.example.com", "auth-username": "ann", "auth-password": password}
    with open_any(f"ldif:{path}") as context, context.change() as transaction:
        transaction.create("trust-manager-provider", "System", {"enabled": "true"}, type="system")
        transaction.create("mail-server", "one", {**values, "trust-manager-provider": "System"})
    path.chmod(mode)
    outcome = run("check", "--url", f"ldif:{path}", "--define", "smtp.password=x")
    assert outcome.status == 0
    assert ("other users of this machine may read this file" in outcome.err) == told
    assert (f"chmod 600 {path}" in outcome.err) == told
    assert SECRET not in outcome.err
