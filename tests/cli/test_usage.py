"""Command lines that click cannot take apart: told in our words, and without what may be a secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.sessions import fresh, run

CANARY = "Kanarienvogel-7!x"
CREATE = ["create-mail-server", "--server-name", "one", "--set", "enabled:true"]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


@pytest.mark.parametrize(
    "apart", [["--set", "auth-password", CANARY], ["--set", "auth-username:Ann", CANARY], [CANARY]]
)
def test_words_that_belong_to_no_option_are_not_repeated(apart: list[str]) -> None:
    done = run(*CREATE, *apart)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("there are words that belong to no option\n")
    assert "--set PROPERTY:VALUE" in done.err
    assert CANARY not in done.err


def test_an_option_is_not_taken_for_the_value_of_another() -> None:
    done = run("get-mail-server-prop", "--server-name", "--output", "table")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("--server-name has no value: --output follows it\n  remedy: --server-name NAME\n")


def test_where_no_secret_can_be_meant_they_are_repeated() -> None:
    assert "(x y)" in run("list-mail-servers", "x", "y").err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["get-mail-server", "--server-name", "one"], "get-mail-server-prop"),
        (["describe", "mail"], "mail-server"),
        (["list-mail-server"], "list-mail-servers"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_beginning_of_one_name_alone_means_that_name(typed: list[str], meant: str) -> None:
    assert f'did you mean "{meant}"?' in run(*typed).err


@pytest.mark.parametrize(
    "wrong",
    [
        ["set-mail-server-prop", "--server-name", "one", "--set", f"auth-password={CANARY}"],
        ["set-mail-server-prop", "--server-name", "one", "--set", CANARY],
        ["set-mail-server-prop", "--server-name", "one", "--set-prompt", f"auth-password:{CANARY}"],
        ["set-mail-server-prop", "--server-name", "one", "--set-file", f"auth-password:{CANARY}"],
        ["set-mail-server-prop", "--server-name", "one", "--set-env", f"auth-password:{CANARY}"],
        ["--set", f"auth-password:{CANARY}"],
        ["list-mail-servers", "-h", "localhost", "-D", "cn=x", "--bindPassword:env", CANARY],
        ["list-mail-servers", "-h", "localhost", "-o", f"password={CANARY}"],
        ["list-mail-servers", "-h", "localhost", "-o", CANARY],
        ["list-mail-servers", "--url", f"ldap://localhost/cn=x????bindname=cn=x,x-bindpw={CANARY}"],
    ],
    ids=lambda words: " ".join(words[-2:]),
)
@pytest.mark.parametrize("form", [[], ["--output", "json"]], ids=["table", "json"])
def test_what_may_be_a_secret_in_the_wrong_place_is_not_repeated(wrong: list[str], form: list[str]) -> None:
    done = run(*wrong, *form)
    assert (done.status, done.out) == (2, "")
    assert CANARY not in done.err


def test_what_cannot_be_a_secret_is_repeated() -> None:
    change = ["set-mail-server-prop", "--server-name", "one"]
    assert "did you mean use-ssl:true?" in run(*change, "--set", "use-ssl=true").err
    assert '"use-ssl" has no colon' in run(*change, "--set", "use-ssl").err
    assert "lost.txt cannot be read" in run(*change, "--set-file", "auth-username:lost.txt").err
    assert "LOST_VARIABLE" in run(*change, "--set-env", "auth-password:LOST_VARIABLE").err


def test_a_secret_that_is_explained_is_not_repeated() -> None:
    broken = run("explain", "--secret", f"&{{{CANARY}")
    assert broken.status == 10
    assert CANARY not in broken.err
    for form in ("table", "json"):
        done = run("explain", "--secret", f"&{{mail.password|{CANARY}}}", "--output", form)
        assert done.status == 0
        assert "&{mail.password|********}" in done.out
        assert CANARY not in done.out + done.err
