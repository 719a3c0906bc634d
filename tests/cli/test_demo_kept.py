"""``demo --keep``: what it prints lets a shell follow pages of the guide as written, and nothing is left of it."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from confobjects.cli import guide_servers
from tests.docs import pages

GUIDE = pages.ROOT / "docs" / "guide"
NEEDS = {
    "mail-service.md": ("SUBMISSION", "CA"),
    "services.md": ("SUBMISSION", "CA"),
    "mail-queue.md": ("SMTP_PORT",),
    "coming-from-pingone.md": ("SMTPS", "PASSWORD", "CA"),
    "coming-from-zuora.md": ("SMTPS", "SUBMISSION", "PASSWORD", "CA"),
}
"""Pages that say nothing of their servers' own words, and the variables they use."""
SET_BY_SHELLS = {"HOME", "XDG_STATE_HOME"}


class Kept(NamedTuple):
    """A demonstration that goes on, and what it said."""

    process: subprocess.Popen[str]
    said: str
    file: Path
    variables: Mapping[str, str]


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    command = [sys.executable, "-m", "confobjects.cli", "demo", "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=pages.ROOT) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("export DS389_TLS_PORT="):
                break
        place = re.search(r"^# In another shell: \. (\S+) ", said, re.MULTILINE)
        assert place, said
        file = Path(place[1])
        words = (shlex.split(line) for line in file.read_text(encoding="utf-8").splitlines())
        try:
            yield Kept(process, said, file, dict(assignment.split("=", 1) for _, assignment in words))
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def test_the_variables_are_printed_and_in_a_file_that_is_private(kept: Kept) -> None:
    assert "# Done:" in kept.said
    assert kept.said.endswith(kept.file.read_text(encoding="utf-8"))
    assert kept.file.stat().st_mode & 0o777 == 0o600
    sourced = subprocess.run(
        ["sh", "-c", f'. "{kept.file}"; printenv SUBMISSION'], capture_output=True, text=True, check=True
    )
    assert sourced.stdout.strip() == kept.variables["SUBMISSION"]


def test_every_variable_that_a_page_explains_is_told_of(kept: Kept) -> None:
    explained = set()
    for page in GUIDE.glob("*.md"):
        explained |= set(re.findall(r"`\$([A-Z][A-Z0-9_]*)`", page.read_text(encoding="utf-8")))
    told = {*kept.variables, *re.findall(r"\$([A-Z_]+)", kept.said)}
    assert len(explained) > 5
    assert explained - told - SET_BY_SHELLS == set()


@pytest.mark.parametrize("name", NEEDS)
def test_a_page_can_be_followed(name: str, kept: Kept, tmp_path: Path) -> None:
    facts = {variable: kept.variables[variable] for variable in NEEDS[name]}
    assert "\n".join(pages.differences(GUIDE / name, tmp_path, facts)) == ""


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(guide_servers, "_SYSTEM", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert guide_servers.list_missing()[0] == (
        "ldap-servers.md starts slapd, which is not installed; on Debian: apt-get install slapd ldap-utils"
    )


def test_at_a_signal_it_ends_and_leaves_nothing(kept: Kept) -> None:
    os.kill(kept.process.pid, signal.SIGTERM)
    assert kept.process.wait(30) == 0
    assert not kept.file.parent.exists()
    for name in ("SUBMISSION", "SMTPS", "CLEAR", "SMTP_PORT"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(kept.variables[name])), timeout=5)
