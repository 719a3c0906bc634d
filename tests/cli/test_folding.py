"""Sentences at a terminal are folded between words; in a pipe, and where they are there to be copied, they are not."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.cli.output.folding import columns_of, fold_for
from confobjects.cli.output.messages import Message, show
from confobjects.texts.widths import measure
from tests.cli.dialogue import dialogue
from tests.cli.sessions import fresh, run
from tests.cli.test_messages import PRINTED, runs

NARROW = {"COLUMNS": "60"}


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def corpus() -> list[list[str]]:
    """Return everything that the approved sessions and batches print on standard error."""
    return [errors for path in PRINTED for _, errors in runs(path) if errors and errors[0] != "{"]


def test_every_message_of_the_corpora_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    folded = 0
    for errors in corpus():
        text = "\n".join(errors)
        shown = str(fold_for(text, Terminal()))
        assert shown.split() == text.split()
        folded += shown != text
        for line in shown.split("\n"):
            kept = line in errors and (line.lstrip().startswith(("try: ", "help: ")) or is_excerpt(line, errors))
            assert measure(line) <= 59 or len(line.split()) == 1 or kept, line
        copied = [line for line in errors if line.startswith("  try: ")]
        assert [line for line in shown.split("\n") if line.startswith("  try: ")] == copied
    assert folded > 100


def is_excerpt(line: str, errors: list[str]) -> bool:
    return any(one == line and not after.replace("^", "").strip() for one, after in pairwise(errors))


@given(
    st.lists(st.tuples(st.text("ab é語\x1b", max_size=30), st.sampled_from(["", "error", "added"])), max_size=6),
    st.integers(20, 60),
)
def test_parts_keep_their_roles(parts: list[tuple[str, str]], width: int) -> None:
    from confobjects.cli.output.colour import Styled

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        folded = fold_for(Styled.of(parts), Terminal())  # type: ignore[arg-type]
    assert isinstance(folded, Styled)
    assert "".join(text for text, _ in folded.parts) == folded
    letters = [(one, role) for text, role in parts for one in text.replace("\x1b", "\\x1b") if one != " "]
    assert [(one, role) for text, role in folded.parts for one in text if one not in " \n"] == letters


@given(st.text(max_size=200))
def test_what_is_no_terminal_gets_the_text_as_it_is(text: str) -> None:
    assert fold_for(text, io.StringIO()) is text


def test_what_is_exact_is_not_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "word " * 20
    assert show(Message(words, exact=True), Terminal()) == words
    first, second, *_ = (
        show(Message(words, "error"), Terminal()).replace("\x1b[1;31merror:\x1b[0m", "error:").split("\n")
    )
    assert first.startswith("error: word")
    assert second.startswith("    word")


def test_a_terminal_without_a_size_has_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert (columns_of(Terminal()), columns_of(io.StringIO())) == (79, None)


def test_a_refusal_at_a_narrow_terminal_is_not_cut_inside_a_word(tmp_path: Path) -> None:
    command = ("create-mail-server", "--server-name", "one", "--set", "enabled:perhaps", "--set", "smtp-server:h:99999")
    with fresh(tmp_path):
        plain = run(*command)
        with dialogue(*command, "-n", environment=NARROW) as person:
            assert person.ends() == plain.status
    assert person.shown.split() == (plain.out + plain.err).split()
    lines = person.shown.splitlines()
    assert len(lines) > len(plain.err.splitlines())
    assert all(len(line) < 60 or line.startswith("  try: ") for line in lines)


def test_a_sentence_on_standard_output_is_folded_as_well(tmp_path: Path) -> None:
    with fresh(tmp_path):
        name = "a mail server with a name that is longer than most"
        words = ("--server-name", name, "--set", "enabled:true", "--set", "smtp-server:localhost:1", "--no-test")
        assert run("create-mail-server", *words).status == 0
        command = ("test-mail-server", "--server-name", name, "--depth", "resolve")
        assert max(map(len, run(*command).out.splitlines())) > 60
        with dialogue(*command, environment=NARROW) as person:
            assert person.ends() == 0
    assert all(len(line) < 60 for line in person.shown.splitlines())
    assert "The test passed; no mail was sent." in person.shown
