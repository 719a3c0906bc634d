"""A file that a command line names, that holds a secret in the open, and that other users may read, causes a warning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.sessions import fresh, run

CANARY: Final = "Kanarienvogel-7!x"
CREATE: Final = "create-mail-server --server-name one --set enabled:true --set smtp-server:mx --set auth-username:joe"
SERVER: Final = {"enabled": True, "smtp-server": "mx:25", "auth-username": "joe"}


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def properties(secret: str) -> tuple[str, list[str]]:
    return f"bindPassword={secret}\n" if secret else "hostname=h\n", ["list-mail-servers", "--propertiesFilePath"]


def own_properties(secret: str) -> tuple[str, list[str]]:
    text, words = properties(secret)
    return f"confobjects.{text}", words


def batch(*line: str) -> Callable[[str], tuple[str, list[str]]]:
    """Return what makes a batch with a secret in one of its lines."""

    def make(secret: str) -> tuple[str, list[str]]:
        words = " ".join(f"'{word.format(secret)}'" for word in line) if secret else ""
        return f"# a comment\n{CREATE} \\\n  {words}\n", ["--no-prompt", "-F"]

    return make


def document(secret: str) -> tuple[str, list[str]]:
    values = {**SERVER, "auth-password": secret} if secret else SERVER
    objects = {"/mail-server/one": {"properties": values}}
    return json.dumps({"confobjects-format": 1, "objects": objects}), ["apply"]


def compared(secret: str) -> tuple[str, list[str]]:
    return document(secret)[0], ["diff"]


def ldif(secret: str) -> tuple[str, list[str]]:
    run("init")
    assert run(*CREATE.split(" ")).status == 0
    text = run("export", "--format", "ldif").out
    found = text.replace("ds-cfg-auth-username: joe\n", f"ds-cfg-auth-username: joe\nds-cfg-auth-password: {secret}\n")
    assert (found != text) == bool(secret) or not secret
    return found if secret else text, ["apply"]


MAKERS: Final = {
    "properties": properties,
    "own properties": own_properties,
    "a batch": batch("--set", "auth-password:{}"),
    "a batch, in one word": batch("--set=AUTH-PASSWORD:{}"),
    "a batch, added": batch("--add", "auth-password:{}"),
    "a batch, in a value": batch("--set", "smtp-property:mail.smtp.proxy.password={}"),
    "a batch, to log in": batch("-w", "{}"),
    "a batch, in one short word": batch("-w{}"),
    "a batch, for a store": batch("--trustStorePassword={}"),
    "a document": document,
    "a compared document": compared,
    "an LDIF document": ldif,
}
EXPRESSIONS: Final = ("properties", "own properties", "a batch, to log in", "a batch, in one short word")
"""Where an expression is no expression, but the password itself."""


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604, 0o644, 0o622])
@pytest.mark.parametrize("secret", [CANARY, "&{smtp.pin}", f"&{{smtp.pin|{CANARY}}}", ""])
@pytest.mark.parametrize("maker", MAKERS)
def test_it_is_warned_of(tmp_path: Path, maker: str, secret: str, mode: int) -> None:
    text, words = MAKERS[maker](secret)
    path = tmp_path / "given"
    path.write_text(text)
    path.chmod(mode)
    outcome = run(*words, str(path))
    assert outcome.status != 70, outcome
    option = maker in {*EXPRESSIONS, "a batch, for a store"}
    holds = CANARY in secret or (option and bool(secret))
    warning = f"warning: {path}: this file holds a password, and other users can read it\n  remedy: chmod 600 {path}\n"
    assert outcome.err.count(warning) == (holds and bool(mode & 0o044)), outcome
    assert CANARY not in outcome.out + outcome.err
    assert run(*words, str(path), "-Q").err.count(warning) == 0


def test_a_pipe_is_no_file_that_others_read(tmp_path: Path) -> None:
    import os
    import threading

    path = tmp_path / "pipe"
    os.mkfifo(path, 0o644)
    text, words = document(CANARY)
    writer = threading.Thread(target=path.write_text, args=(text,))
    writer.start()
    outcome = run(*words, str(path))
    writer.join()
    assert "this file holds" not in outcome.err
    assert outcome.status == 0
