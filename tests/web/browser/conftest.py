"""A real browser in front of a real ``serve``: Debian's Chromium, driven as a person does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.opening import open_any
from tests.servers.packages import require
from tests.web.browser.person import Visitor
from tests.web.people import make_people
from tests.web.serving import ServeProcess


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for a file: Playwright has an event loop in this thread, with which no other file gets one."""
    program = require("chromium")["chromium"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def url(distrustful_place: Path) -> str:
    """The URL of a configuration that knows one authority, on a machine that trusts none."""
    found = f"ldif:{distrustful_place / 'config.ldif'}"
    with open_any(found) as context, context.change() as tx:
        values = {"enabled": True, "trust-store-file": str(distrustful_place / "ca.pem")}
        tx.create("trust-manager-provider", "Our CA", values, type="file-based")
    make_people(distrustful_place / "config.ldif.people")
    return found


@pytest.fixture
def console(url: str) -> Iterator[ServeProcess]:
    """The console of that configuration, as a process of its own."""
    with ServeProcess(url) as running:
        yield running.wait_for_start()
        assert running.end() == 0


@pytest.fixture
def visitor(browser: Browser, console: ServeProcess) -> Iterator[Visitor]:
    """Somebody who has just opened the console."""
    with Visitor(browser, f"http://127.0.0.1:{console.port}") as found:
        yield found
