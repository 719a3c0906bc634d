"""Colours: who gets them, and that they change nothing else."""

from __future__ import annotations

import io
import re
from itertools import product
from pathlib import Path

import pytest

from confobjects.cli.output.colour import CHOICES, Palette, Styled, join_lines
from tests.cli.sessions import Outcome, fresh, run

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
CREATE = ("create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h", "--no-test")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("variables", "at_a_terminal", "elsewhere"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),  # no-color.org: "when present and not an empty string"
        ({"CLICOLOR": "0"}, False, False),
        ({"CLICOLOR": "1"}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"CLICOLOR_FORCE": "1", "CLICOLOR": "0"}, True, True),
        ({"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True, True),
    ],
)
def test_who_gets_colours(variables: dict[str, str], at_a_terminal: bool, elsewhere: bool) -> None:
    streams = (Terminal(), io.StringIO())
    assert [Palette().reaches(one, variables) for one in streams] == [at_a_terminal, elsewhere]
    assert all(Palette("always").reaches(one, variables) for one in streams)
    for choice, stream in product(CHOICES, streams):
        assert not Palette("never").reaches(stream, variables)
        assert not Palette(choice, for_program=True).reaches(stream, variables)


RUNS = [
    ("list-mail-servers",),
    ("get-mail-server-prop", "--server-name", "one"),
    ("set-mail-server-prop", "--server-name", "one", "--set", "enabled:false", "--dry-run", "--no-test"),
    ("set-mail-server-prop", "--server-name", "one", "--set", "enabled:x"),
    ("set-mail-server-prop", "--server-name", "one", "--set", "auth-username:a", "--no-test", "--dry-run"),
    ("diff", "history:1", "history:2"),
    ("diff", "history:1", "history:2", "--unified"),
    ("history",),
    ("check",),
    ("nonsense",),
    ("list-properties", "-t", "mail-server"),
    ("configure-mail", "--list-presets"),
]


def prepare() -> None:
    assert run(*CREATE).status == 0
    change = ("set-mail-server-prop", "--server-name", "one", "--set", "smtp-server:other", "--no-test")
    assert run(*change).status == 0


@pytest.mark.parametrize("command", RUNS, ids=" ".join)
def test_colours_change_nothing_else(command: tuple[str, ...], tmp_path: Path) -> None:
    with fresh(tmp_path):
        prepare()
        plain = run(*command)
        coloured = run(*command, "--color", "always")
        assert run(*command, "--color=never") == run(*command, "--color=auto") == plain
        assert "\x1b" not in plain.out + plain.err
        assert Outcome(coloured.status, *(_COLOUR.sub("", text) for text in coloured[1:])) == plain
        assert _COLOUR.search(coloured.out + coloured.err) is not None or command == ("check",)


@pytest.mark.parametrize("command", [*RUNS[:5], RUNS[8], RUNS[9]], ids=" ".join)
@pytest.mark.parametrize("form", [("-s",), ("--output", "json"), ("--output=tsv",)], ids=" ".join)
def test_output_for_programs_has_no_colour(command: tuple[str, ...], form: tuple[str, ...], tmp_path: Path) -> None:
    with fresh(tmp_path):
        prepare()
        done = run(*command, *form, "--color", "always")
        assert "\x1b" not in done.out + done.err


def test_foreign_text_stays_visible_in_colours(tmp_path: Path) -> None:
    with fresh(tmp_path):
        assert run(*CREATE, "--set", "auth-username:\x1b[31mred\u202e", "--color", "always").status in (0, 11)
        listed = run("list-mail-servers", "--property", "auth-username", "--color", "always")
        refused = run("get-mail-server-prop", "--server-name", "\x1b[31m", "--color", "always")
    for done in (listed, refused):
        assert "\x1b" not in _COLOUR.sub("", done.out + done.err)
        assert "\x1b[31mred" not in done.out + done.err
    assert "\\x1b[31m" in refused.err


def test_an_unknown_choice_is_refused(tmp_path: Path) -> None:
    with fresh(tmp_path):
        done = run("list-mail-servers", "--color", "blue")
    assert (done.status, done.err) == (2, 'error: --color takes auto, always or never, not "blue"\n')


def test_joined_lines_keep_their_roles() -> None:
    text = join_lines([Styled.of([("a", "heading"), ("b", "")]), "c"])
    assert text == "ab\nc"
    assert Palette("always").paint(text, io.StringIO()) == "\x1b[1ma\x1b[0mb\nc"
    assert Palette("always").paint(Styled.of([("\x1b[0m", "error")]), io.StringIO()) == "\x1b[1;31m\\x1b[0m\x1b[0m"
