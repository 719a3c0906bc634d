"""Text from outside cannot speak for us: no output acts on a terminal, and no value, name or answer begins a line.

Hostile text stands in every property and name that takes it, in what servers answer and in certificates.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from confobjects.cli.interactive.choosing import Menu, Search, number_choices
from confobjects.diagnostics import Diagnostic
from confobjects.mail.diagnosis import Trouble, diagnose
from confobjects.storage.ldap.results import LdapResult
from confobjects.transport.certificates import describe
from tests.cli.sessions import Outcome, fresh, run

EVIL = "x\n  remedy: run evil\rtwo\x1b[2J\x07\x7f\x85\x9b31m\u2028\u2029\u202eright\u2066\u200b\u061c\ufeffend"
FORGED = ("  remedy: run evil", "two", "right")
"""How a line would begin that a value had begun."""
SERVER = ["--server-name", "one"]
SET = ["set-mail-server-prop", *SERVER]


def harmless(text: str) -> str:
    """Return an output after a look at it."""
    for line in text.split("\n"):
        assert line.replace("\t", "").isprintable(), ascii(line)
        assert not line.startswith(FORGED), ascii(line)
    return text


def harmless_run(*words: str) -> Outcome:
    outcome = run(*words)
    harmless(outcome.out)
    harmless(outcome.err)
    assert outcome.status != 70, outcome
    return outcome


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        values = ["--set", "enabled:true", "--set", "smtp-server:h.example:25"]
        assert run("create-mail-server", *SERVER, *values).status == 0
        yield


@pytest.fixture
def stored() -> None:
    """Hostile text in the one property that takes any text."""
    assert harmless_run(*SET, "--set", f"auth-username:{EVIL}", "--set", "auth-password:&{a.b}").status == 0


READING = [
    ["get-mail-server-prop", *SERVER],
    ["get-mail-server-prop", *SERVER, "--effective", "--advanced"],
    ["get-mail-server-prop", *SERVER, "--property", "auth-username", "-s"],
    ["list-mail-servers", "--property", "auth-username"],
    ["history"],
    ["history", "show", "2"],
    ["diff", "--to", "1"],
    ["diff", "0"],
    ["diff", "0", "--unified"],
    ["undo", "2", "--dry-run"],
    ["undo", "--to", "0", "--dry-run"],
    ["export"],
    ["export", "--format", "ldif"],
    ["graph"],
    ["graph", "--format", "mermaid"],
    ["graph", "--format", "svg"],
    ["check"],
    ["explain", EVIL],
    ["explain", f"&{{a.b|{EVIL}}}"],
    ["describe", EVIL],
    [EVIL],
    ["list-mail-servers", EVIL],
    [f"--{EVIL}"],
    ["list-mail-servers", "--url", f"ldif:{EVIL}"],
    ["list-mail-servers", "--definitions", EVIL],
    ["-F", EVIL],
    ["apply", EVIL],
    ["list-mail-servers", "--propertiesFilePath", EVIL],
    ["get-mail-server-prop", "--server-name", EVIL],
    ["delete-mail-server", "--server-name", EVIL],
    ["rename", "mail-server", *SERVER, "--to", EVIL],
    ["list-properties", "--type", EVIL],
    ["json-schema", "--shape", EVIL],
]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("form", [[], ["--output", "json"], ["--output", "tsv"], ["-s"], ["-v"]], ids=" ".join)
@pytest.mark.parametrize("words", READING, ids=lambda words: ascii(" ".join(words))[:40])
def test_an_output_is_harmless(words: list[str], form: list[str]) -> None:
    outcome = harmless_run(*words, *form)
    if "json" in form and outcome.out and words[0] != "graph" and "ldif" not in words:
        json.loads(outcome.out)


CHANGING = [
    [*SET, "--set", f"auth-username:{EVIL}2"],
    [*SET, "--set", f"smtp-server:{EVIL}"],
    [*SET, "--set", f"enabled:{EVIL}"],
    [*SET, "--set", f"smtp-property:{EVIL}"],
    [*SET, "--set", f"smtp-property:mail.smtp.x={EVIL}"],
    [*SET, "--set", f"{EVIL}:x"],
    [*SET, "--set", f"trust-manager-provider:{EVIL}"],
    [*SET, "--set", f"sender:&{{a.b|{EVIL}}}"],
    [*SET, "--set", "use-ssl:true", "--set", f"auth-username:{EVIL}"],
    [*SET, "--remove", f"smtp-property:{EVIL}"],
    ["create-mail-server", "--server-name", EVIL, "--set", "enabled:true", "--set", "smtp-server:h"],
]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("form", [[], ["--output", "json"], ["--displayCommand"], ["--dry-run"]], ids=" ".join)
@pytest.mark.parametrize("words", CHANGING, ids=lambda words: ascii(" ".join(words))[:70])
def test_what_is_said_of_a_change_is_harmless(words: list[str], form: list[str], tmp_path: Path) -> None:
    harmless_run(*words, *form)
    batch = tmp_path / "a.batch"
    batch.write_text(" ".join("'" + word.replace("'", "'\"'\"'") + "'" for word in words) + "\n")
    harmless_run("-F", str(batch), *(form if form != ["--displayCommand"] else ["-v", "--displayCommand"]))


def test_a_document_is_compared_and_applied_without_harm(tmp_path: Path) -> None:
    harmless_run(*SET, "--set", f"auth-username:{EVIL}", "--set", "auth-password:&{a.b}")
    document = tmp_path / "a.json"
    document.write_text(harmless_run("export").out)
    assert json.loads(document.read_text())["objects"]["/mail-server/one"]["properties"]["auth-username"] == EVIL
    assert run("undo", "2").status == 0
    for form in ([], ["--output", "json"], ["-s"], ["--displayCommand"]):
        assert "x\\n  remedy: run evil\\r" in harmless_run("apply", str(document), "--dry-run", *form).out or form
        assert harmless_run("diff", str(document), *form).status == 1
    assert harmless_run("apply", str(document), "--displayCommand").status == 0
    assert json.loads(harmless_run("export").out) == json.loads(document.read_text())


def test_a_file_of_commands_makes_the_same_change_again(tmp_path: Path) -> None:
    record = tmp_path / "record.batch"
    text = "one\x1b[2J\x9b\u202etwo"
    assert harmless_run(
        *SET, "--set", f"auth-username:{text}", "--set", "auth-password:&{a.b}", "--commandFilePath", str(record)
    )
    assert run("undo", "2").status == 0
    assert harmless_run("-F", str(record)).status == 0
    found = json.loads(harmless_run("get-mail-server-prop", *SERVER, "--output", "json").out)
    assert found["properties"]["auth-username"]["values"] == [text]


def test_a_name_written_by_other_means_is_shown_without_harm(tmp_path: Path) -> None:
    import base64

    file = tmp_path / "config.ldif"
    name = base64.b64encode(EVIL.replace("\n", " ").encode()).decode()
    dn = base64.b64encode(f"cn={EVIL.replace(chr(10), ' ')},cn=Mail Servers,cn=config".encode()).decode()
    text = file.read_text()
    head, rest = text.split("dn: cn=one", 1)
    assert "cn: one\n" in rest
    file.write_text(head + f"dn:: {dn}\n" + rest.split("\n", 1)[1].replace("cn: one\n", f"cn:: {name}\n"))
    for words in (
        ["list-mail-servers"],
        ["check"],
        ["export"],
        ["history"],
        ["diff", "0"],
        ["diff", "0", "--unified"],
        ["graph"],
    ):
        for form in ([], ["--output", "json"], ["-s"]):
            harmless_run(*words, *form)


# -- what servers say --------------------------------------------------------------------------------------------------


def rendered(problem: Diagnostic) -> list[str]:
    json.dumps(problem.as_json())
    return harmless(problem.render()).split("\n")


def test_each_part_of_a_message_is_one_line() -> None:
    problem = Diagnostic(
        "usage", EVIL, path=EVIL, property=EVIL, origin=EVIL, detail=EVIL, more=(EVIL, EVIL), remedy=EVIL
    )
    assert len(rendered(problem)) == 5
    assert problem.as_json()["detail"].count("\n") == 2
    assert len(rendered(problem.replace(excerpt=EVIL, span=(0, 3)))) == 7


def test_the_answer_of_a_directory_is_one_line() -> None:
    result = LdapResult(53, "unwillingToPerform", EVIL, EVIL, (EVIL, EVIL))
    assert len(rendered(Diagnostic("storage-failed", "no", detail=result.answer_text))) == 2


def test_what_a_mail_server_and_its_certificate_say_is_one_line_each() -> None:
    facts: dict[str, Any] = {
        "detail": [EVIL, EVIL],
        "names": EVIL,
        "issuer": EVIL,
        "host": EVIL,
        "message": EVIL,
        "offered": EVIL,
    }
    for kind in ("tls-name", "auth-no-common-mechanism", "refused", "timeout"):
        diagnosis = diagnose(Trouble("tls", kind, None, **facts), {"host": EVIL, "port": 25})
        assert len(rendered(diagnosis.as_diagnostic(EVIL))) <= 4


def test_a_certificate_with_line_breaks_in_its_names_is_one_line() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x\n  remedy: run evil\x1b\u202e")])
    now = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(1)).sign(
        key, hashes.SHA256()
    )
    facts = str(describe(made.public_bytes(Encoding.DER)))
    assert "run evil" in facts
    assert len(rendered(Diagnostic("mail-tls", "no", detail="one", more=(f"certificate 1: {facts}",)))) == 3


# -- menus -------------------------------------------------------------------------------------------------------------


def test_a_menu_has_one_line_for_each_entry() -> None:
    menu = Menu(EVIL, "", number_choices([EVIL, EVIL], [1, 2]), number_choices([EVIL], [3]))
    harmless("\n".join(menu.lines(200)))
    assert len(menu.lines(200)) == 8
    assert len(Search((EVIL, EVIL)).lines(10, 200)) == 4
