"""Broken documents: each file of ``tests/bad/documents`` holds one mistake, with its exact message.

``python -m tests.cli.test_bad_documents`` writes the messages again; read the difference before you commit it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli.sessions import fresh, run

BAD = Path(__file__).resolve().parent.parent / "bad" / "documents"
FILES = {path.stem: path for pattern in ("*.json", "*.ldif") for path in BAD.glob(pattern)}
CASES = sorted(FILES)
CANARY = "Kanarien"


def said(name: str, directory: Path) -> str:
    """What ``apply`` says of a document, and its exit status."""
    document = directory / FILES[name].name
    document.write_bytes(FILES[name].read_bytes())
    document.chmod(0o600)  # another warning is not the subject here
    with fresh(directory):
        outcome = run("apply", str(document), "--prune")
    assert outcome.out == ""
    assert not (directory / "config.ldif").exists()
    return outcome.err.replace(f"{directory}/", "") + f"= {outcome.status}\n"


@pytest.mark.parametrize("name", CASES)
def test_the_mistake_is_told_exactly(name: str, tmp_path: Path) -> None:
    assert said(name, tmp_path) == (BAD / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_message_has_its_place_and_short_lines(name: str) -> None:
    text = (BAD / f"{name}.txt").read_text("utf-8")
    file = FILES[name].name
    assert text.startswith(f"error: {file}")
    assert text.count(file) == 1 or name in {"several", "ldif-several"}
    assert CANARY not in text
    assert max(map(len, text.splitlines())) < 300 or name == "ldif-object-class-of-no-type"  # it lists the types
    if name not in {"json-nested-too-deeply", "json-not-a-number"}:
        assert text.startswith(f"error: {file}:")


def test_every_message_has_its_document() -> None:
    assert {path.stem for path in BAD.glob("*.txt")} == set(CASES)


if __name__ == "__main__":
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            (BAD / f"{case}.txt").write_text(said(case, Path(folder)), "utf-8")
            sys.stdout.write(f"{case}\n")
