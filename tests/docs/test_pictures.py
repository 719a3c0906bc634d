"""The pictures of the pages are those that the command takes, each with a text for whoever does not see it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.web.browser.screenshots import IMAGES, MOST, PICTURES

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
TAKEN = sorted(name for names in PICTURES.values() for name in names)


def list_pictures(page: Path) -> list[tuple[str, Path]]:
    """Return the pictures of a page: the text of each, and its file."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [(words, (page.parent / place).resolve()) for words, place in _PICTURE.findall(text)]


def test_the_command_takes_the_pictures_that_the_pages_show() -> None:
    shown = {file for page in PAGES for _, file in list_pictures(page) if file.is_relative_to(IMAGES)}
    assert sorted(str(file.relative_to(IMAGES)) for file in shown) == TAKEN
    assert sorted(file.name for file in IMAGES.iterdir()) == TAKEN


@pytest.mark.parametrize("page", [page for page in PAGES if list_pictures(page)], ids=lambda page: page.name)
def test_every_picture_is_there_and_says_what_it_shows(page: Path) -> None:
    for words, file in list_pictures(page):
        assert file.is_file(), file
        assert re.fullmatch(r"[A-Z].{20,}\.", words), f"{file}: {words}"


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_small(name: str) -> None:
    assert 1_000 < (IMAGES / name).stat().st_size < MOST
