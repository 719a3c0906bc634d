"""Record the menus as a picture that moves: ``python -m tests.cli.recording``, or ``make recording``.

A person at a pseudo-terminal is played, and each answer becomes a frame of an SVG. What differs from run to run (the version,
the directory) is left out, so the same menus give the same bytes; ``tests/docs/test_recording.py`` plays them again.
"""

from __future__ import annotations

import re
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from tests.cli.dialogue import dialogue
from tests.docs_check import ROOT

RECORDING: Final = ROOT / "docs" / "recordings" / "menus.svg"
COLUMNS: Final = 96
ROWS: Final = 26
SECONDS: Final = 3
"""How long each frame is shown."""
_ACROSS, _DOWN, _EDGE = 8.4, 18, 12

SCENE: Final = (
    ("Choice: ", "mail server"),
    ("Choice [b]: ", "create"),
    ("Choice [b]: ", "custom"),
    ("Name of the new Mail Server (empty to go back): ", "office"),
    ("Choice [b]: ", "not shown"),
    ("auth-password again: ", "not shown"),
    ("auth-username (? for help, empty to go back): ", "ann"),
    ("Choice [b]: ", "true"),
    ("smtp-server (? for help, empty to go back): ", "mail.example.com:587"),
    ("Choice [f]: ", "f"),
    ("Do it? (yes / no) [yes]: ", "yes"),
    ("Choice [b]: ", "view"),
    ("Choice [b]: ", "1"),
    ("Choice [f]: ", "c"),
    ("Choice [b]: ", "b"),
    ("Choice: ", "c"),
    ("Choice: ", "q"),
)
"""Questions, and what is typed."""


class Frame(NamedTuple):
    """What is on the screen, line by line, and how much at the end of the last line was typed."""

    lines: tuple[str, ...]
    typed: int


def play() -> list[Frame]:
    """Play the scene and return its frames."""
    frames = []
    with tempfile.TemporaryDirectory() as folder:
        where = {"CONFOBJECTS_URL": f"ldif:{folder}/config.ldif", "COLUMNS": str(COLUMNS)}
        with dialogue(environment=where) as person:
            for question, answer in SCENE:
                person.answer(question, answer)
                asked = person.shown.rindex(question) + len(question)
                person.until("\n")
                typed = person.shown[asked:].partition("\n")[0]
                frames.append(_take(person.shown[:asked] + typed, len(typed), folder))
            person.ends()
    return frames


def _take(shown: str, typed: int, folder: str) -> Frame:
    text = re.sub(r"^confobjects \d\S*,", "confobjects,", shown.replace(f"{folder}/", ""))
    return Frame(tuple(line[:COLUMNS] for line in text.split("\n")[-ROWS:]), typed)


def draw(frames: list[Frame]) -> str:
    """Return frames as an SVG that shows one after the other; without animations it shows the first."""
    width, height = round(COLUMNS * _ACROSS + 2 * _EDGE), ROWS * _DOWN + 2 * _EDGE
    share = f"{100 / len(frames):.3f}"
    style = (
        f".f{{animation:f {len(frames) * SECONDS}s step-end infinite}}"
        f"@keyframes f{{0%{{visibility:visible}}{share}%{{visibility:hidden}}}}"
        "text{font:14px 'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#d8dee9;white-space:pre}"
        ".t{fill:#a3be8c;font-weight:bold}"
        "@media (prefers-reduced-motion:reduce){.f{animation:none}}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>The menus: a mail server is made, looked at, and the configuration is checked</title>",
        f"<style>{style}</style>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#2e3440"/>',
        *(_draw_frame(place, frame) for place, frame in enumerate(frames)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _draw_frame(place: int, frame: Frame) -> str:
    state = "hidden" if place else "visible"
    head = f'<g class="f" visibility="{state}" style="animation-delay:{place * SECONDS}s">'
    *before, last = frame.lines
    end = len(last) - frame.typed
    marked = f'{escape(last[:end])}<tspan class="t">{escape(last[end:])}</tspan>'
    rows = [*map(escape, before), marked]
    texts = [
        f'<text x="{_EDGE}" y="{_EDGE + (row + 1) * _DOWN - 5}">{text}</text>' for row, text in enumerate(rows) if text
    ]
    return "\n".join([head, *texts, "</g>"])


if __name__ == "__main__":
    Path(RECORDING).write_text(draw(play()), encoding="utf-8")
    sys.stdout.write(f"{RECORDING}\n")
