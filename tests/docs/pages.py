"""Pages of the documentation as something to run.

A block marked ``console`` is a session in a shell: lines after ``$`` are typed (``>`` continues one), the other lines
are what is printed, both streams together. A line ``…`` stands for any lines, ``…`` within a line for any words.
All blocks of a page are one session, in one empty directory. A block marked ``python`` is a program; a block marked
``text`` right after it is what it prints. A block that names a file (``json site.json``, ``python site.py``) is written
into it. Other blocks (``sh``, ``json``) are not run. What a page leaves running in the background is killed.

A page that "goes on where [another](other.md) ends" is typed after that one, in the same session: its test runs both.

A page that needs no server is listed in ``test_pages.py``. A page about servers is run by a test of its own, which starts
them and hands over where they are; the page says ``$LDAP_URL``::

    def test_the_page_on_directories(slapd: Slapd, tmp_path: Path) -> None:
        assert pages.differences(GUIDE / "ldap-servers.md", tmp_path, {"LDAP_URL": slapd.url}) == []

``python -m tests.docs.pages PAGE`` writes into a page what its commands print now, and nothing where it agrees; variables
for it are those of the shell. A line that is printed cannot begin with ``$`` and a blank: leave it out with ``…``, or
choose other lines with ``tail`` and ``grep``.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
_FENCE = re.compile(r"^```(\w*)(?: ([\w./-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_GOES_ON = re.compile(r"\bgoes\s+on\s+where\s+\[[^\]]*\]\(([\w.-]+\.md)\)\s+ends")
_MARK = "\x1eend of command\x1e"
_END = "END OF BLOCK"
ANYTHING = "…"
PATIENCE = 600
"""Seconds after which a page that waits for something fails; a loaded machine is slow."""


class Block(NamedTuple):
    """One fenced block: its language, its text, the line it starts in, and the file that it is written into, if any."""

    language: str
    text: str
    line: int
    file: str = ""


class Command(NamedTuple):
    """What is typed, what the page says is printed, and the line of the page. A program is typed into an interpreter,
    a file into ``cat``.
    """

    typed: str
    printed: str
    line: int
    is_block: bool = False


def pages_before(page: Path) -> list[Path]:
    """Return the pages that a page goes on from, the first one first."""
    found = _GOES_ON.search(page.read_text(encoding="utf-8"))
    if found is None:
        return []
    other = page.parent / found[1]
    return [*pages_before(other), other]


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [Block(m[1], m[3], text.count("\n", 0, m.start()) + 1, m[2] or "") for m in _FENCE.finditer(text)]


def commands(found: list[Block]) -> Iterator[Command]:
    """Yield the commands of the console blocks, the files, and the programs, in order."""
    for block, following in zip(found, [*found[1:], Block("", "", 0)], strict=True):
        if block.file:
            yield Command(f"cat > {block.file} {_quote(block)}", "", block.line, is_block=True)
        elif block.language == "console":
            yield from _typed(block)
        elif block.language == "python":
            printed = following.text if following.language == "text" else ""
            yield Command(f"python - {_quote(block)}", printed, block.line, is_block=True)


def _quote(block: Block) -> str:
    return f"<<'{_END}'\n{block.text}{_END}"


def _typed(block: Block) -> Iterator[Command]:
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    line = block.line + 1 + parts[0].count("\n")
    for part in parts[1:]:
        lines = part.splitlines(keepends=True)
        typed = lines.pop(0)
        while lines and lines[0].startswith(("> ", ">\n")):
            typed += lines.pop(0)[1:].removeprefix(" ")
        yield Command(typed, "".join(lines), line)
        line += part.count("\n")


def environment(directory: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a page's session: a home of its own; ``confobjects`` and ``python`` are those of the tests."""
    programs = directory / ".bin"
    programs.mkdir(exist_ok=True)
    for name, arguments in {"confobjects": "-m confobjects.cli ", "python": ""}.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONFOBJECTS_", "XDG_"))}
    path = f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return {
        **kept,
        "PATH": path,
        "HOME": str(directory),
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        **(more or {}),
    }


def session(typed: list[str], directory: Path, env: Mapping[str, str]) -> list[str]:
    """Type commands into one shell and return what each of them prints. What they leave running is killed."""
    script = "".join(f"{command}\nstatus=$?; printf '{_MARK}'; (exit $status)\n" for command in typed)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as output,
        subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-c", script],
            cwd=directory,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as shell,
    ):
        try:
            with suppress(subprocess.TimeoutExpired):
                shell.wait(PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
        output.seek(0)
        text = output.read()
    printed = text.split(_MARK)
    assert len(printed) == len(typed) + 1, f"the shell ended early, or waits in vain:\n{text}"
    return printed[:-1]


def agrees(printed: str, page: str) -> bool:
    """Tell whether what was printed is what a page shows."""
    lines = []
    for line in page.splitlines():
        words = ".*".join(re.escape(part) for part in line.split(ANYTHING))
        lines.append("(?:.*\n)*?" if line.strip() == ANYTHING else f"{words}\n")
    return (
        re.fullmatch("".join(lines), printed if not printed or printed.endswith("\n") else printed + "\n") is not None
    )


def differences(page: Path, directory: Path, more: Mapping[str, str] | None = None) -> list[str]:
    """Run a page, after those that it goes on from; return what is not as they say, each with its line."""
    wanted = [(one, command) for one in (*pages_before(page), page) for command in commands(blocks(one))]
    printed = session([command.typed for _, command in wanted], directory, environment(directory, more))
    return [
        f"{one.name}:{command.line}: $ {command.typed}\nprints\n{now}instead of\n{command.printed}"
        for (one, command), now in zip(wanted, printed, strict=True)
        if not agrees(now, command.printed)
    ]


def rewritten(page: Path, directory: Path, more: Mapping[str, str] | None = None) -> str:
    """Return the text of a page with what its commands print now, where it is not as the page says."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    wanted = list(commands(blocks(page)))
    first = [command.typed for one in pages_before(page) for command in commands(blocks(one))]
    typed = [*first, *(command.typed for command in wanted)]
    printed = session(typed, directory, environment(directory, more))[len(first) :]
    for command, now in reversed(list(zip(wanted, printed, strict=True))):
        if not command.is_block and not agrees(now, command.printed):
            start = command.line - 1 + command.typed.count("\n")
            ended = now if not now or now.endswith("\n") else now + "\n"
            lines[start : start + command.printed.count("\n")] = [ended]
    return "".join(lines)


def main() -> None:
    """Write into the pages named what their commands print; read the difference before you commit it."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            page = Path(name)
            page.write_text(rewritten(page, Path(directory)), encoding="utf-8")


if __name__ == "__main__":
    main()
