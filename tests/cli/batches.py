"""Batch files with exactly what they print: ``NAME.batch`` beside ``NAME.txt``, run on the same small configuration.

A first line ``# options: …`` gives further words of the command line, and ``NAME.properties`` the profile variables. ``python -m tests.cli.batches`` writes the texts
again; read the difference before you commit it.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path

from tests.cli.sessions import fresh, run, shown

TESTS = Path(__file__).parent.parent
BAD = sorted((TESTS / "bad" / "batch").glob("*.batch"))
GOOD = sorted((TESTS / "golden" / "batch").glob("*.batch"))
PREPARED = """\
create-trust-manager-provider --provider-name "PEM Trust" --type pem --set enabled:true --set pem-directory:.
create-trust-manager-provider --provider-name Spare --type pem --set enabled:true --set pem-directory:.
create-mail-server --server-name one --set enabled:true --set smtp-server:one.example.com \\
    --set trust-manager-provider:"PEM Trust"
create-mail-server --server-name two --set enabled:false --set smtp-server:two.example.com:25 \\
    --set use-start-tls:false
"""
SECRET = "hunter2"
"""No text may hold it."""


def prepare(directory: Path) -> None:
    """Make the configuration that every batch begins with."""
    file = directory / "prepared.batch"
    file.write_text(PREPARED)
    (directory / "secret.pin").write_text(f"{SECRET}\n")
    done = run("-F", str(file), "-Q")
    assert (done.status, done.out) == (0, ""), done


def replayed(path: Path, directory: Path) -> str:
    """Return what a batch prints."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    first = text.partition("\n")[0]
    options = shlex.split(first.removeprefix("# options:")) if first.startswith("# options:") else []
    file = directory / path.name
    file.write_bytes(path.read_bytes().replace(b"{dir}", str(directory).encode()))
    file.chmod(0o600)  # a warning of a file that others can read is not the subject here
    outcome = run("-F", str(file), *options, *_variables(path, directory))
    return "\n".join(shown(outcome, directory)) + "\n"


def _variables(path: Path, directory: Path) -> list[str]:
    """Return the option for the profile variables beside a batch, if there are any."""
    beside = path.with_suffix(".properties")
    if not beside.exists():
        return []
    file = directory / beside.name
    file.write_bytes(beside.read_bytes())
    file.chmod(0o600)
    return ["--profile-variables", str(file)]


if __name__ == "__main__":
    for one in (*BAD, *GOOD):
        with tempfile.TemporaryDirectory() as folder, fresh(Path(folder)):
            prepare(Path(folder))
            one.with_suffix(".txt").write_text(replayed(one, Path(folder)))
            sys.stdout.write(f"{one}\n")
