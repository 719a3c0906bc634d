"""``demo --keep``: what it prints lets a shell follow pages of the guide as written, and nothing is left of it."""

from __future__ import annotations

import mailbox
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from confobjects.cli import guide_servers
from tests.docs import pages

GUIDE = pages.ROOT / "docs" / "guide"
NEEDS = {
    "mail.md": ("SUBMISSION", "CA"),
    "testing-mail.md": ("SUBMISSION", "CLEAR", "CA", "DNS"),
    "backup.md": ("SUBMISSION", "CA", "TOKENS", "REFRESH_TOKEN"),
    "mail-service.md": ("SUBMISSION", "CA"),
    "services.md": ("SUBMISSION", "CA"),
    "python.md": ("SUBMISSION", "CA"),
    "mail-queue.md": ("SMTP_PORT",),
    "coming-from-pingone.md": ("SMTPS", "PASSWORD", "CA"),
    "coming-from-zuora.md": ("SMTPS", "SUBMISSION", "PASSWORD", "CA"),
}
"""Pages that talk to the servers, and the variables they use."""
ARRIVES = {
    "backup.md": Counter(["ann@example.com", "bob@example.com", "cid@example.com"]),  # nobody got a mail twice
}
"""Who gets mail by what a page does."""
SET_BY_SHELLS = {"HOME", "PATH", "PWD", "XDG_STATE_HOME"}
YOURS = {"opendj.md": {"LOGIN"}, "server-configurations.md": {"EXAMPLES"}, "serving.md": {"TOKEN"}}
"""What a page calls the reader's own, as "`$NAME` is"."""
_USED = re.compile(r"\$\{?([A-Z][A-Z0-9_]*)")
_EXPLAINED = re.compile(r"`\$([A-Z][A-Z0-9_]*)`")
_SET = re.compile(r"""(?:^|[\s;&"])([A-Z][A-Z0-9_]*)=""")


class Kept(NamedTuple):
    """A demonstration that goes on, and what it said."""

    process: subprocess.Popen[str]
    said: str
    file: Path
    variables: Mapping[str, str]


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    command = [sys.executable, "-m", "confobjects.cli", "demo", "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=pages.ROOT) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("export DS389_TLS_PORT="):
                break
        place = re.search(r"^# In another shell: \. (\S+) ", said, re.MULTILINE)
        assert place, said
        file = Path(place[1])
        words = (shlex.split(line) for line in file.read_text(encoding="utf-8").splitlines())
        try:
            yield Kept(process, said, file, dict(assignment.split("=", 1) for _, assignment in words))
        finally:
            with suppress(ProcessLookupError):
                process.kill()


def test_the_variables_are_printed_and_in_a_file_that_is_private(kept: Kept) -> None:
    assert "# Done:" in kept.said
    assert kept.said.endswith(kept.file.read_text(encoding="utf-8"))
    assert kept.file.stat().st_mode & 0o777 == 0o600
    sourced = subprocess.run(
        ["sh", "-c", f'. "{kept.file}"; printenv SUBMISSION'], capture_output=True, text=True, check=True
    )
    assert sourced.stdout.strip() == kept.variables["SUBMISSION"]


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.name)
def test_every_variable_of_a_page_is_told_of_or_set_on_the_page(page: Path, kept: Kept) -> None:
    text, yours = page.read_text(encoding="utf-8"), YOURS.get(page.name, set())
    typed = "\n".join(block.text for block in pages.blocks(page) if block.language in ("console", "sh"))
    assert [name for name in yours if f"`${name}` is" not in text] == []
    used = {*_USED.findall(typed), *_EXPLAINED.findall(text)}
    assert used - set(_SET.findall(typed)) - {*kept.variables} - SET_BY_SHELLS - yours == set()


@pytest.mark.parametrize("name", NEEDS)
def test_a_page_can_be_followed(name: str, kept: Kept, tmp_path: Path) -> None:
    facts = {variable: kept.variables[variable] for variable in NEEDS[name]}
    before = count_mails(kept)
    assert "\n".join(pages.differences(GUIDE / name, tmp_path, facts)) == ""
    arrived = count_mails(kept) - before
    assert ARRIVES.get(name, arrived) == arrived


def count_mails(kept: Kept) -> Counter[str]:
    """Return how many mails for whom are in the mailbox."""
    return Counter(mail["To"] for mail in mailbox.Maildir(kept.variables["MAILBOX"]))


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(guide_servers, "_SYSTEM", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert guide_servers.list_missing()[0] == (
        "ldap-servers.md starts slapd, which is not installed; on Debian: apt-get install slapd ldap-utils"
    )


def test_at_a_signal_it_ends_and_leaves_nothing(kept: Kept) -> None:
    os.kill(kept.process.pid, signal.SIGTERM)
    assert kept.process.wait(30) == 0
    assert not kept.file.parent.exists()
    for name in ("SUBMISSION", "SMTPS", "CLEAR", "SMTP_PORT"):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(kept.variables[name])), timeout=5)
