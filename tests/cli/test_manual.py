"""The manual pages: one for each command, which say what the help says, and which groff prints without a warning."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from confobjects.cli import manual
from confobjects.cli.commands import command_names
from confobjects.cli.words.options import OPTIONS
from tests.definitions.documents import builtin
from tests.servers.packages import require


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("manual") / "man1"
    manual.main(str(directory))
    return directory


def show(*files: Path) -> str:
    """Return pages as a terminal shows them; a warning fails."""
    command = [require("groff")["groff"], "-man", "-Tutf8", "-ww", "-P-cbou", *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_every_command_has_a_page(written: Path) -> None:
    names = {f"confobjects-{name}.1" for name in command_names(builtin())}
    assert len(names) > 60
    assert {file.name for file in written.iterdir()} == {"confobjects.1", *names}


def test_every_page_is_printed_without_a_warning(written: Path) -> None:
    for file in sorted(written.iterdir()):
        assert "SYNOPSIS" in show(file), file


def test_pages_say_what_the_help_says(written: Path) -> None:
    overview = " ".join(show(written / "confobjects.1").split())
    assert [o.spellings[-1] for o in OPTIONS if o.help and o.spellings[-1] not in overview] == []
    page = " ".join(show(written / "confobjects-create-mail-server.1").split())
    for part in ("--server-name NAME", "Mandatory: enabled, smtp-server", "--server-name 'My Mail Server' \\"):
        assert part in page


@pytest.mark.parametrize("text", [".so /etc/passwd", "'s a \\n b", "it's `a`-\\fB", "„é…“"])
def test_foreign_text_is_printed_as_it_is(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.1"
    page.write_text(f".TH A 1\n.SH NAME\na \\- b\n.SH TEXT\n{manual._escape(text)}\n", encoding="ascii")
    assert text in show(page)
