"""The units that the guide shows are what systemd understands, and the program of the page "Run under systemd" runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.docs import pages
from tests.servers.packages import require

PAGE = pages.ROOT / "docs" / "guide" / "systemd.md"
UNITS = {
    block.text.split("\n")[0].removeprefix("# "): block.text
    for page in (PAGE, PAGE.with_name("mail-service.md"), PAGE.with_name("serving.md"))
    for block in pages.blocks(page)
    if block.language == "ini"
}


def verify(unit: Path) -> str:
    """Return what systemd says about a unit: nothing, if it is right. The exit status does not tell of unknown keys."""
    program = require("systemd-analyze")["systemd-analyze"]
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_LOG_TARGET": "console"}
    words = [program, "verify", "--man=no", str(unit)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    return done.stdout + done.stderr


def test_the_page_on_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert pages.differences(PAGE, tmp_path) == []


@pytest.mark.parametrize("name", UNITS)
def test_the_units_of_the_page_are_right(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text(UNITS[name], encoding="utf-8")
    assert verify(unit) == ""
    assert "Type=notify\n" in UNITS[name]
    unit.write_text(UNITS[name].replace("WatchdogSec=", "WatchdogSecs="), encoding="utf-8")
    assert "WatchdogSecs" in verify(unit), "a mistake is found out"


def test_the_console_has_few_rights_on_its_machine(tmp_path: Path) -> None:
    unit = tmp_path / "confobjects-web.service"
    unit.write_text(UNITS[unit.name], encoding="utf-8")
    program = require("systemd-analyze")["systemd-analyze"]
    words = [program, "security", "--offline=true", "--threshold=20", str(unit)]  # 2.0 of 10
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
