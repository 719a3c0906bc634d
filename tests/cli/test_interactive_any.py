"""Whatever somebody types into the menus, in whatever order, nothing breaks and what is stored is valid."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.cli.dialogue import dialogue
from tests.cli.sessions import FAMILY, fresh, run

CLEAR = "\x15"
NUMBERS = [str(number) for number in range(1, 10)]
WORDS = [
    "",
    "",
    "?",
    "?1",
    "y",
    "yes",
    "n",
    "true",
    "one",
    "other",
    "h:25",
    "x=1",
    "&{a|b}",
    "&{a",
    "10 s",
    "1 2",
    "cn=x",
]
ANSWERS = [*NUMBERS, "1", "2", "2", "3", "f", "f", "f", "a", "b", "c", "d", *WORDS]
"""No ``q``: it would end most sessions at their beginning."""


@pytest.mark.parametrize("seed", range(6))
def test_any_answers_leave_a_valid_configuration(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    family = ["--definitions", str(FAMILY)]
    with fresh(tmp_path), dialogue(*family, *(["--advanced"] if seed % 2 else [])) as person:
        for _ in range(120):
            assert person.asked()
            person.type(f"{CLEAR}{chance.choice(ANSWERS)}\n")
            person.until("\n")
        while person.process.poll() is None and person.asked():
            person.type(f"{CLEAR}\x04")
            person.until("\n")
        assert person.ends() == 0
        assert "Traceback" not in person.shown
        assert "internal error" not in person.shown
        assert run("check", *family).status == 0
