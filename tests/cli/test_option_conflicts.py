"""Options that exclude each other: one test for each row of the table, and what is no conflict."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from confobjects.cli.words.options import CONFLICTS, OPTIONS, Conflict, Option, conflict_among, rivals
from tests.cli.sessions import fresh, run

VALUES = {"TOKEN=VALUE": "a=b", "NAME=VALUE": "mech=EXTERNAL", "table|json|tsv": "json", "PORT": "1"}
BY_NAME = {option.name: option for option in OPTIONS}


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


def typed(option: Option, spelling: str) -> list[str]:
    return [spelling] if option.value is None else [spelling, VALUES.get(option.value, "x")]


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda c: " - ".join("/".join(side) for side in c.sides))
def test_the_sides_of_a_row_exclude_each_other(conflict: Conflict) -> None:
    for one, other in combinations(conflict.sides, 2):
        for name in one:
            for second in other:
                first, then = BY_NAME[name], BY_NAME[second]
                done = run("list-mail-servers", *typed(then, then.spellings[-1]), *typed(first, first.spellings[0]))
                words = f"error: {first.spellings[-1]} and {then.spellings[-1]} exclude each other: {conflict.why}\n"
                assert (done.status, done.out, done.err) == (2, "", words)


def test_options_of_one_side_go_together(tmp_path: Path) -> None:
    assert conflict_among({"hostname", "port", "usessl", "truststorepath", "truststorepassword"}) == ""
    file = tmp_path / "config.ldif"
    assert run("list-mail-servers", "--offline", "--configFile", str(file)).status == 0


def test_what_an_option_excludes_excludes_it() -> None:
    for name in BY_NAME:
        assert name not in set(rivals(name))
        assert all(name in set(rivals(other)) for other in rivals(name))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("--quiet", "--verbose"),
        ("--script-friendly", "--verbose"),
        ("--propertiesFilePath", "--noPropertiesFile"),
        ("--trustAll", "--trustStorePath"),
        ("--bindPassword", "--bindPasswordFile"),
        ("--bindPassword", "--bindPassword:file"),
        ("--useSsl", "--useStartTls"),
    ],
)
def test_the_conflicts_of_dsconfig_are_all_there(one: str, other: str) -> None:
    names = {option.spellings[-1]: option.name for option in OPTIONS}
    assert conflict_among({names[one], names[other]})


def test_quiet_and_no_prompt_go_together_and_quiet_alone_asks_nothing() -> None:
    assert run("list-mail-servers", "-Q", "-n") == (0, "", "")
    assert run("list-mail-servers", "-Q") == (0, "", "")


def test_offline_means_the_file_even_where_the_environment_names_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFOBJECTS_URL", "ldap://127.0.0.1:1/cn=config")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    done = run("list-mail-servers", "--offline")
    assert done.status == 0
    assert str(tmp_path / "confobjects" / "config.ldif") in done.err


@pytest.mark.parametrize("option", ["-U", "--trustStorePasswordFile", "-u", "--keyStorePasswordFile", "-j"])
def test_a_password_may_come_from_a_file_in_the_ancestor_s_spelling(option: str) -> None:
    server = ["-h", "127.0.0.1", "-p", "1", "-Z", "--baseDN", "cn=x", "-D", "cn=admin"]
    done = run("list-mail-servers", *server, option, "/no/such/file", "-n")
    assert (done.status, done.err) == (
        2,
        "error: /no/such/file: the secret cannot be read: No such file or directory\n",
    )
