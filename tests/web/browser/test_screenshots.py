"""The command that takes the pictures of the guide works."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from tests.servers.certificates import Authority
from tests.servers.postfix import Postfix
from tests.web.browser.screenshots import MOST, PICTURES, take_all


def test_every_picture_is_taken(browser: Browser, relay: Postfix, relay_authority: Authority, tmp_path: Path) -> None:
    take_all(browser, relay, relay_authority, tmp_path)
    taken = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert sorted(taken) == sorted(name for names in PICTURES.values() for name in names)
    assert all(data[8:12] == b"WEBP" and len(data) < MOST for data in taken.values())
