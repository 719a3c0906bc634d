"""Options of a connection that are wrong: told before anybody is connected to, and without the password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.cli.words.options import OPTIONS, Option
from tests.cli.sessions import fresh, run
from tests.docs_check import ROOT

LIST = ["list-mail-servers"]
NOWHERE = ["-h", "127.0.0.1", "-p", "1", "--baseDN", "cn=x", "-n"]
"""A directory on a port where nobody listens."""
CANARY = "Kanarienvogel-6!x"


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def _words_of(option: Option) -> tuple[str, ...]:
    return (option.name, re.sub("_(env|file)$", "", option.name), *option.usual_spellings)


def test_every_option_is_read_somewhere_or_said_to_have_no_effect() -> None:
    """Its name or a spelling stands in a module beside the table; ``:env`` and ``:file`` belong to what stands before them."""
    modules = [path for path in (ROOT / "cli").rglob("*.py") if path.name != "options.py"]
    text = "".join(path.read_text(encoding="utf-8") for path in modules)
    lost = [
        option.name
        for option in OPTIONS
        if not option.unused and not any(f'"{word}"' in text for word in _words_of(option))
    ]
    assert lost == []


def test_a_nickname_is_said_to_have_no_effect() -> None:
    done = run(*LIST, "-N", "server-cert")
    assert done.status == 0
    assert "--certNickname has no effect: the certificate is the one of the only key in the key store\n" in done.err


WRONG = [
    (["--connectTimeout", "soon"], '--connectTimeout takes a number of milliseconds from 1 to 3600000, not "soon"\n'),
    (["--connectTimeout", "0"], '--connectTimeout takes a number of milliseconds from 1 to 3600000, not "0"\n'),
    (["--connectTimeout", "-5"], '--connectTimeout takes a number of milliseconds from 1 to 3600000, not "-5"\n'),
    (["--connectTimeout", "²"], '--connectTimeout takes a number of milliseconds from 1 to 3600000, not "²"\n'),
    (["--baseDN", "nonsense"], '--baseDN takes a DN, not "nonsense": '),
    (
        ["-o", "mech=PLAIN"],
        'the SASL mechanism "PLAIN" is not supported\n  remedy: use -o mech=EXTERNAL\n',
    ),
    (
        ["-o", f"password={CANARY}"],
        'the SASL option "password" is not supported\n  remedy: use -o mech=EXTERNAL\n',
    ),
    (["-o", CANARY], "the SASL option without a name and a value is not supported\n"),
    (
        ["-D", "cn=a", "--bindPassword:env", "LOST_PIN"],
        'there is no environment variable "LOST_PIN"\n',
    ),
    (
        ["-D", "cn=a", "--bindPassword:env", CANARY],
        "--bindPassword:env takes the name of an environment variable, and this is not one\n",
    ),
    (
        ["-K", "key.pem", "--keyStorePassword:env", CANARY],
        "--keyStorePassword:env takes the name of an environment variable, and this is not one\n",
    ),
    (["-D", "cn=a", "-j", "/no/such/pin"], "/no/such/pin: the secret cannot be read: No such file or directory\n"),
    (["-D", "cn=a", "--bindPassword:file", "/dev"], "/dev: the secret cannot be read: Is a directory\n"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[" ".join(options)[:40] for options, _ in WRONG])
@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
def test_what_is_wrong_with_a_connection_is_told_before_it_is_made(options: list[str], said: str, before: bool) -> None:
    place = [*NOWHERE[:4], *NOWHERE[6:]] if "--baseDN" in options else NOWHERE
    words = [*options, *LIST, *place] if before else [*LIST, *place, *options]
    done = run(*words)
    said = f"error: {said}"
    assert (done.status, done.out, done.err[: len(said)]) == (2, "", said)
    assert CANARY not in done.err


def test_a_password_in_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_bytes(b"\xff\xfe")
    done = run(*LIST, *NOWHERE, "-D", "cn=a", "-j", str(pin))
    assert (done.status, done.err) == (2, f"error: {pin}: the secret cannot be read: it is not UTF-8 text\n")


@pytest.mark.parametrize(
    "given",
    [
        ["-w", CANARY],
        [f"-w{CANARY}"],
        [f"-nw{CANARY}"],
        [f"--bindPassword={CANARY}"],
        ["--bindPassword:env", "BIND_PIN"],
        ["-j", "{dir}/pin"],
    ],
    ids=["apart", "glued", "with another", "equals", "variable", "file"],
)
@pytest.mark.parametrize("form", [[], ["--output", "json"], ["--debug"]], ids=["table", "json", "debug"])
def test_a_directory_that_is_not_there_is_told_without_the_password(
    given: list[str], form: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIND_PIN", CANARY)
    (tmp_path / "pin").write_text(f"{CANARY}\n")
    words = [word.replace("{dir}", str(tmp_path)) for word in given]
    done = run(*LIST, *NOWHERE, "--allowClearPassword", "-D", "cn=admin", *words, *form)
    assert (done.status, done.out) == (20, "")
    assert "127.0.0.1" in done.err
    assert CANARY not in done.err


def test_a_dash_for_the_password_asks_for_it_and_is_no_password() -> None:
    refused = run("list-mail-servers", "--url", "ldap://127.0.0.1:1/dc=x", "-D", "cn=one", "-w", "-", "-n")
    assert refused.status == 2
    assert refused.err.startswith(
        "error: -w - asks for the password, and there is no terminal or --no-prompt forbids it\n"
    )
    assert "on the command line" not in refused.err
