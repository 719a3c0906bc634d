"""A secret is in no representation of an object of ours: representations get into logs, and into tracebacks of programs.

Every record is looked at as it is made, whoever makes it, so that a new kind of record is held to this without a new test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import confobjects
from confobjects.records import Record
from confobjects.storage.ldap.opening import open_url
from tests.cli.sessions import fresh, run

CANARY = "Kanarienvogel-7!x"
SET = ["set-mail-server-prop", "--server-name", "one"]
PASSWORD = ["--set", f"auth-password:{CANARY}"]
PAIR = ["--set", "smtp-property:mail.smtp.proxy.password=&{proxy.pw}"]
CHANGES = [
    [
        "create-mail-server",
        "--server-name",
        "two",
        "--set",
        "smtp-server:h.example",
        "--set",
        "enabled:true",
        *PASSWORD,
    ],
    [*SET, *PASSWORD, *PAIR],
    [*SET, *PASSWORD, "--set", "enabled:perhaps"],
    [*SET, "--set", f"auth-password:&{{a.b|{CANARY}}}"],
    [*SET, "--set", f"auth-password:&{{Aa|{CANARY}}}"],
    [*SET, "--set", f"smtp-property:mail.smtp.proxy.password={CANARY}"],
    [*SET, "--set", f"port:{CANARY}", "-w", CANARY, f"--define=token={CANARY}"],
    ["list-mail-servers", f"-w{CANARY}", "--keyStorePassword", CANARY],
    ["get-mail-server-prop", "--server-name", "one", "--effective"],
    ["undo"],
    ["diff", "--to", "1"],
    ["history", "show", "1"],
]


@contextmanager
def looking_at_every_record(seen: dict[str, str]) -> Iterator[None]:
    """Note each class of records whose representation has the canary when it is made."""

    def look(frame: FrameType, event: str, _: object) -> None:
        if event != "return" or frame.f_code.co_name != "__init__":
            return
        made: Any = frame.f_locals.get("_self", frame.f_locals.get("self"))
        if isinstance(made, Record):
            count.append(made)
            try:
                shown = repr(made)
            except AttributeError:  # its constructor failed
                return
            if CANARY in shown:
                seen.setdefault(type(made).__qualname__, shown)

    count: list[Record] = []
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert count


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROXY_PW", CANARY)
    with fresh(tmp_path):
        values = ["--set", "enabled:true", "--set", "smtp-server:127.0.0.1:9", "--set", "auth-username:joe"]
        assert run("create-mail-server", "--server-name", "one", *values).status == 0
        yield


@pytest.mark.parametrize("words", CHANGES, ids=lambda words: " ".join(words).replace(CANARY, "SECRET"))
def test_no_record_of_a_command_shows_a_secret(words: list[str]) -> None:
    assert run(*SET, *PASSWORD, *PAIR).status == 0
    seen: dict[str, str] = {}
    with looking_at_every_record(seen):
        run(*words)
    assert not seen


def test_no_record_of_a_batch_shows_a_secret(tmp_path: Path) -> None:
    batch = tmp_path / "a.batch"
    lines = (" ".join(f"'{word}'" for word in words) for words in CHANGES[1:6])
    batch.write_text("\n".join(lines) + f"\nset-mail-server-prop --set auth-password:{CANARY}' \n")
    seen: dict[str, str] = {}
    with looking_at_every_record(seen):
        run("-F", str(batch))
        run("-F", str(batch), "--batch-continue-on-error")
    assert not seen


def test_no_record_of_a_properties_file_shows_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "tools.properties"
    file.write_text(f"bindPassword={CANARY}\nkeyStorePassword={CANARY}\n")
    seen: dict[str, str] = {}
    with looking_at_every_record(seen):
        assert run("list-mail-servers", "--propertiesFilePath", str(file)).status == 0
    assert not seen


def test_no_record_of_a_program_shows_a_secret(tmp_path: Path) -> None:
    assert run(*SET, *PASSWORD, *PAIR).status == 0
    seen: dict[str, str] = {}
    url = f"ldif:{tmp_path}/config.ldif"
    with looking_at_every_record(seen):
        configuration = confobjects.load(url)
        server = configuration["mail-server", "one"]
        with confobjects.open(url) as context:
            changes = confobjects.PropertyChanges(set={"auth-password": [CANARY]})
            context.modify("mail-server", ("one",), changes, dry_run=True)
        confobjects.mailer(url)
    assert server["auth-password"] == CANARY
    assert CANARY in str(server["smtp-property"][0].value)
    assert CANARY not in repr(server)
    assert CANARY not in repr(configuration)
    assert not seen


def test_no_record_of_a_directory_shows_a_secret() -> None:
    seen: dict[str, str] = {}
    with looking_at_every_record(seen):
        storage = open_url(
            "ldaps://localhost:9/dc=x",
            bind_dn="cn=admin",
            bind_password=CANARY,
            trust_store_password=CANARY,
            key_store="k.p12",
            key_store_password=CANARY,
        )
    assert CANARY not in repr(storage)
    assert not seen
