"""The recording of the menus shows the menus as they are."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.cli.recording import COLUMNS, RECORDING, ROWS, SCENE, Frame, draw, play
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return play()


def test_the_recording_is_what_the_menus_show_now(frames: list[Frame]) -> None:
    """Otherwise: make recording."""
    assert draw(frames) == RECORDING.read_text(encoding="utf-8")


def test_each_answer_is_a_frame_and_each_line_fits(frames: list[Frame]) -> None:
    assert len(frames) == len(SCENE)
    assert all(len(frame.lines) <= ROWS and max(map(len, frame.lines)) <= COLUMNS for frame in frames)
    assert "not shown" not in " ".join(frames[5].lines[-1:]), "a secret is not echoed"


def test_it_is_a_picture_that_a_page_shows() -> None:
    """Without a script, and with nothing from elsewhere: as a picture of a page it may have neither."""
    text = RECORDING.read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "title",
        "style",
        "rect",
        "g",
        "text",
        "tspan",
    }
    assert "url(" not in text
    assert "](docs/recordings/menus.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")
