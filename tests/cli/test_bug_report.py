"""Our own mistakes: said as such, with their place, without a word of the error, which may hold a secret."""

from __future__ import annotations

import json

import jsonschema
import pytest

from confobjects.cli import running
from confobjects.reference.outputs import schemas
from tests.cli.documents import CANARY
from tests.cli.sessions import run


@pytest.fixture(autouse=True)
def _broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(_words: object) -> object:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(running, "resolve", resolve)


def test_it_is_told_with_its_place_and_without_its_words() -> None:
    outcome = run("list-mail-servers")
    assert (outcome.status, outcome.out) == (70, "")
    assert outcome.err.startswith("error: internal error: RuntimeError in test_bug_report.py:")
    assert CANARY not in outcome.err


def test_as_json_it_has_the_form_of_every_error() -> None:
    outcome = run("list-mail-servers", "--output", "json")
    document = json.loads(outcome.err)
    jsonschema.Draft202012Validator(schemas()["error"]).validate(document)
    assert (document["error"]["code"], document["error"]["exit"], outcome.status) == ("internal-error", 70, 70)
    assert CANARY not in outcome.err


def test_the_traceback_is_shown_when_it_is_asked_for() -> None:
    assert "Traceback" in run("list-mail-servers", "--debug").err
