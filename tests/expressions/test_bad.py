"""The corpus of wrong expressions: one mistake a file, with exactly what the operator reads.

A file is the text, a blank line, and the expected words.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from confobjects.resolvers import Resolvers

CORPUS = sorted((Path(__file__).parent.parent / "bad" / "expressions").glob("*.txt"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_mistake_has_its_words(path: Path) -> None:
    text, expected = path.read_text().split("\n\n", 1)
    result = make_evaluator(Resolvers())(text, multi_valued=False, secret=False)
    assert result.values is None
    assert "\n".join(problem.render() for problem in result.problems) == expected.rstrip("\n")


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_a_secret_is_not_quoted(path: Path) -> None:
    text = path.read_text().split("\n\n", 1)[0]
    result = make_evaluator(Resolvers())(text, multi_valued=False, secret=True)
    assert all(text not in problem.render() for problem in result.problems if len(text) > 8)


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 10


def test_when_writing_only_wrong_spelling_counts() -> None:
    assert evaluate_defaults("&{a.b}", multi_valued=False, secret=False).problems == ()
    assert evaluate_defaults("&{A}", multi_valued=False, secret=False).problems
    assert evaluate_defaults("&{a.b|x}", multi_valued=False, secret=False).values == ("x",)
    assert evaluate_defaults("&{a.b|x}", multi_valued=False, secret=False).provisional
