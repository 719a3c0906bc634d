"""The command ``family``, and the ways to choose a family."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.sessions import Outcome, run
from tests.conversion.reading import BAKERY

NAME = "opendj-1.0.0"
ADD = ("family", "add", "opendj", str(BAKERY), "--product-version", "1.0.0")
SHOW = ("list-properties", "-c", "clock", "-s")


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CONFOBJECTS_URL", f"ldif:{tmp_path / 'config.ldif'}")


def add() -> Outcome:
    added = run(*ADD)
    assert added.status == 0, added.err
    return added


def test_a_family_is_added_listed_and_removed() -> None:
    assert run("family", "list").out == "No family is installed.\n"
    assert f"use it with --family {NAME}" in add().err
    assert run("family", "list", "-s").out == f"{NAME}\topendj\t1.0.0\t6\t{BAKERY}\n"
    (listed,) = json.loads(run("family", "list", "--output", "json").out)["families"]
    assert (listed["name"], listed["objects"], len(listed["digest"])) == (NAME, 6, 64)
    assert run("family", "remove", NAME).status == 0
    assert run("family", "list").out == "No family is installed.\n"


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    assert run(*ADD, "--dry-run").status == 0
    assert not (tmp_path / "data").exists()
    add()
    assert run("family", "remove", NAME, "--dry-run").status == 0
    assert NAME in run("family", "list").out


@pytest.mark.parametrize("how", ["option", "variable", "properties file"])
def test_a_family_is_chosen(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add()
    words: tuple[str, ...] = ()
    if how == "option":
        words = ("--family", NAME)
    elif how == "variable":
        monkeypatch.setenv("CONFOBJECTS_FAMILY", NAME)
    else:
        file = tmp_path / "tools.properties"
        file.write_text(f"family={NAME}\n", "utf-8")
        words = ("--propertiesFilePath", str(file))
    shown = run("describe", "ldap-oven", *words)
    assert shown.status == 0, shown.err
    assert "Stone Oven" in shown.out
    assert run("list-mail-servers", *words).status == 2
    assert run("describe", "ldap-oven").status == (0 if how == "variable" else 2)


def test_of_several_families_the_last_one_counts() -> None:
    add()
    assert run(*SHOW, "--family", "nothing", f"--family={NAME}").status == 0
    assert run(*SHOW, f"--family={NAME}", "--family", "nothing").status != 0


def test_objects_of_a_family_are_managed() -> None:
    add()
    words = ("--family", NAME)
    made = run("create-oven", "--name", "one", "--type", "custom", "--set", "enabled:true", "--set", "time:30 m",
               "--set", "java-class:org.example.Oven", *words)  # fmt: skip
    assert made.status == 0, made.err
    shown = run("get-oven-prop", "--name", "one", "--property", "fuel", "-s", *words)
    assert shown.out == "fuel\twood\tgas\n"
    refused = run("set-oven-prop", "--name", "one", "--reset", "time", "--set", "fuel:wood", *words)
    assert refused.status == 11
    assert "An Oven that is enabled has a time, or two fuels and no smoke." in refused.err
    listed = json.loads(run("definitions", "list", "-v", "--output", "json", *words).out)["definitions"]
    clock = {"name": "clock", "source": "family", "origin": f"{NAME}/clock", "version": "1", "state": "used"}
    assert clock in listed


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("family", "add", "opendij", str(BAKERY)), 2, 'did you mean "opendj"?'),
        (("family", "add", "opendj", str(BAKERY)), 2, "give it: --product-version VERSION"),
        ((*ADD[:-1], "one"), 2, '"one" is not a version'),
        (
            ("family", "add", "opendj", str(BAKERY / "none"), "--product-version", "1.0.0"),
            2,
            "No such file or directory",
        ),
        (("family", "add", "opendj", os.devnull, "--product-version", "1.0.0"), 2, "Not a directory"),
        (("family", "add", "opendj"), 2, "family add opendj PATH"),
        (("family", "list", "more"), 2, "list takes no name"),
        (("family", "remove", "opendj-9.9.9"), 2, f'did you mean "{NAME}"?'),
        (("family", "list", "--product-version", "1"), 2, "--product-version belongs to family add"),
        ((*SHOW, "--family", "opendj-9.9.9"), 2, 'there is no family "opendj-9.9.9"'),
    ],
)
def test_a_mistake_is_told(words: tuple[str, ...], status: int, said: str) -> None:
    add()
    refused = run(*words)
    assert refused.status == status
    assert said in refused.err


def test_a_wrong_file_is_shown_with_its_line_and_a_caret(tmp_path: Path) -> None:
    for path in BAKERY.glob("*.xml"):
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(b"adm:boolean", b"adm:bolean"))
    refused = run("family", "add", "opendj", str(tmp_path), "--product-version", "1.0.0")
    assert refused.status == 31
    assert refused.err.splitlines() == [
        f'error: {tmp_path}/OvenConfiguration.xml:48:17: the element "bolean" does not stand in "syntax"',
        "      <adm:syntax><adm:bolean/></adm:syntax>",
        "                  ^^^^^^^^^^^^",
        '  remedy: did you mean "boolean"?',
    ]


def test_a_variable_that_names_no_family_does_not_lock_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_FAMILY", NAME)
    assert run("list-mail-servers").status == 2
    assert run("family", "list").status == 0
    add()
    assert run("describe", "clock").status == 0
