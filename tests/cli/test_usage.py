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
