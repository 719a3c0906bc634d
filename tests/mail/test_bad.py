"""The corpus of wrong smtp-property settings: one mistake a file, with exactly what the operator reads.

A file is the settings, one a line, then a blank line, and the expected words. ``python -m tests.mail.test_bad`` writes the
words again; read the difference before you commit it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.cli.words.actions import render
from confobjects.mail.properties import read_settings
from confobjects.mail.property_table import SECRETS, key_of

CORPUS = sorted((Path(__file__).parent.parent / "bad" / "mail").glob("*.txt"))


def said_of(settings: str) -> str:
    _, problems = read_settings(
        [(name, value) for name, _, value in (one.partition("=") for one in settings.split("\n"))]
    )
    return "\n".join(map(render, problems))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_mistake_has_its_words(path: Path) -> None:
    settings, expected = path.read_text().split("\n\n", 1)
    assert said_of(settings) == expected.rstrip("\n")
    _, problems = read_settings([(one.partition("=")[0], one.partition("=")[2]) for one in settings.split("\n")])
    assert any(problem.severity == "error" for problem in problems)
    assert all(problem.property == "smtp-property" for problem in problems)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_not_quoted(name: str) -> None:
    for full in (f"mail.smtp.{name}", f"mail.smtps.{name}"):
        assert key_of(full) == name
        assert "canary" not in said_of(f"{full}=canary\rx")
        assert "canary" not in said_of(f"mail.smtp.{name}=canary-1\nmail.smtps.{name}=canary-2")


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 20


if __name__ == "__main__":
    for path in CORPUS:
        given = path.read_text().split("\n\n", 1)[0]
        path.write_text(f"{given}\n\n{said_of(given)}\n")
