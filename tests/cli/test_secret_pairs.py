"""A secret in a value that is a pair, such as a proxy's password: stored as an expression only, and never shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.definitions_loading import load_registry
from confobjects.mail.property_table import REFERENCES, SECRETS, key_of, rows
from tests.cli.sessions import Outcome, fresh, run

CANARY = "Kanarienvogel-8!x"
NAME = "mail.smtp.proxy.password"
SERVER = ["--server-name", "one"]
SET = ["set-mail-server-prop", *SERVER, "--set"]


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PROXY_PW", CANARY)
    with fresh(tmp_path):
        made = run("create-mail-server", *SERVER, "--set", "enabled:true", "--set", "smtp-server:h.example")
        assert made.status == 0
        yield


def without_canary(*words: str) -> Outcome:
    outcome = run(*words)
    assert CANARY not in outcome.out + outcome.err
    return outcome


def test_the_definition_names_all_secrets_of_the_table() -> None:
    syntax = load_registry().definition("mail-server").properties["smtp-property"].syntax
    assert {key_of(name) for name in syntax.secret_names} == SECRETS
    assert len(syntax.secret_names) == 2 * len(SECRETS)  # mail.smtp. and mail.smtps.


def test_the_definition_names_all_references_of_the_table() -> None:
    found = load_registry().definition("mail-server").properties["smtp-property"].pair_references
    assert {one.name: one.relation for one in found} == REFERENCES
    assert {row.name for row in rows() if row.type == "name"} == set(REFERENCES)


def test_the_table_masks_every_row_whose_value_is_a_secret() -> None:
    assert {key_of(row.name) for row in rows() if row.type == "secret"} == SECRETS


@pytest.mark.parametrize("value", [CANARY, f"&{{proxy.pw|{CANARY}}}", f"{CANARY}&{{proxy.pw}}"])
def test_in_clear_it_is_refused(value: str, tmp_path: Path) -> None:
    before = (tmp_path / "config.ldif").read_bytes()
    done = without_canary(*SET, f"smtp-property:{NAME}={value}")
    assert (done.status, done.out) == (10, "")
    assert f"the value of {NAME} is a secret, but is given in clear text" in done.err
    assert f"{NAME}=&{{{NAME}}}" in done.err
    assert (tmp_path / "config.ldif").read_bytes() == before
    batch = tmp_path / "a.batch"
    batch.write_text(" ".join([*SET, f'"smtp-property:{NAME}={value}"']) + "\n")
    refused = without_canary("-F", str(batch))
    assert (refused.status, f"{NAME}=********" in refused.err) == (10, True)


@pytest.mark.parametrize("wrong", [f"{NAME}:{CANARY}", f"x {NAME} {CANARY}"])
def test_written_wrongly_it_is_not_repeated(wrong: str) -> None:
    assert without_canary(*SET, f"smtp-property:{wrong}").status == 10


def test_as_an_expression_it_is_shown_and_its_value_never_is(tmp_path: Path) -> None:
    expression = f"{NAME}=&{{proxy.pw}}"
    more = ["--set", "smtp-property:mail.smtp.proxy.host=p.example"]
    done = without_canary(*SET, f"smtp-property:{expression}", *more, "--displayCommand")
    assert done.status == 0, done.err
    assert expression in done.out + done.err
    shown = without_canary("get-mail-server-prop", *SERVER, "--advanced", "--property", "smtp-property")
    assert expression in shown.out
    for form in ("table", "json", "tsv"):
        effective = without_canary("get-mail-server-prop", *SERVER, "--effective", "--advanced", "--output", form)
        assert effective.status == 0
        assert f"{NAME}=********" in effective.out
    document = json.loads(without_canary("export").out)
    assert expression in json.dumps(document)
    for words in (
        ["check"],
        ["history"],
        ["history", "show", "2"],
        ["export", "--format", "commands"],
        ["diff", f"ldif:{tmp_path / 'config.ldif'}", f"ldif:{tmp_path / 'none.ldif'}"],
        ["test-mail-server", *SERVER, "--depth", "resolve", "-v"],
        ["set-mail-server-prop", *SERVER, "--remove", f"smtp-property:{NAME}={CANARY}"],
    ):
        without_canary(*words)
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert CANARY.encode() not in file.read_bytes(), file


def test_by_hand_in_clear_it_is_masked_and_told(tmp_path: Path) -> None:
    assert run(*SET, f"smtp-property:{NAME}=&{{proxy.pw}}").status == 0
    file = tmp_path / "config.ldif"
    file.write_text(file.read_text().replace("&{proxy.pw}", CANARY))
    shown = without_canary("get-mail-server-prop", *SERVER, "--advanced")
    assert f"{NAME}=********" in shown.out
    checked = without_canary("check")
    assert (checked.status, "is given in clear text" in checked.err + checked.out) == (10, True)
