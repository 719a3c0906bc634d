"""The page of the guide on directories: its servers are made from nothing, and it says what happens."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT
from tests.servers import processes
from tests.servers.certificates import Authority
from tests.servers.packages import require

PAGE = ROOT / "docs" / "guide" / "ldap-servers.md"


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that the server's own user may enter; a server that a failing page left behind is stopped."""
    require("slapd")
    require("389-ds")
    made = processes.memory_directory("guide")
    made.chmod(0o755)
    yield made
    for file in made.glob("*/pid"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    processes.remove(made)


def test_the_page_on_directories(place: Path, ldap_authority: Authority) -> None:
    (place / "ca.pem").write_bytes(ldap_authority.pem)
    ldap_authority.issue("localhost", "127.0.0.1").write(place, "server")
    ports = {name: str(processes.free_port()) for name in ("SLAPD_PORT", "DS389_PORT", "DS389_TLS_PORT")}
    assert pages.differences(PAGE, place, ports) == []
