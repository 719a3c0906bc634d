"""Configurations of any size, in the form the library itself writes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.harness import BenchmarkError, environment, program

NAME = "benchmark-original"
VARIABLES = {"BENCHMARK_PASSWORD": "never-sent-anywhere"}
"""The source of the expression in every object."""

VALUES = {
    "enabled": "true",
    "smtp-server": "mail.example.com:587",
    "auth-username": "robot",
    "auth-password": "&{benchmark.password}",
    "smtp-property": "mail.smtp.timeout=5000",
}


def write(directory: Path, objects: int) -> Path:
    """Write an LDIF file with this many mail servers, each with an expression, and return its path.

    The command line creates the first one. The others are copies of its entry, so that the form is always current.
    """
    file = directory / f"{objects}.ldif"
    _create_original(file, directory)
    blocks = file.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    [original] = [block for block in blocks if block.lower().startswith(f"dn: cn={NAME},")]
    with file.open("w", encoding="utf-8") as text:  # piece by piece: a child's memory begins with that of this process
        text.write("\n\n".join(blocks) + "\n")
        text.writelines("\n" + original.replace(NAME, f"server-{number}") + "\n" for number in range(objects - 1))
    return file


def _create_original(file: Path, directory: Path) -> None:
    values = [word for name, value in VALUES.items() for word in ("--set", f"{name}:{value}")]
    command = [program("confobjects"), "create-mail-server", "--url", f"ldif:{file}", "--server-name", NAME, *values]
    done = subprocess.run(
        [*command, "--no-prompt"],
        capture_output=True,
        text=True,
        check=False,
        env=environment(str(directory)),
        cwd=directory,
    )
    if done.returncode:
        raise BenchmarkError(done.stdout + done.stderr)
