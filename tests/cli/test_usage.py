"""Command lines that click cannot take apart: told in our words, and without what may be a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.definitions_loading import load_registry
from tests.cli.sessions import FAMILY, definitions_read_once, fresh, run
from tests.definitions.documents import builtin
from tests.docs_check import ROOT

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
    assert done.err.startswith("error: some words do not belong to an option\n")
    assert "--set PROPERTY:VALUE" in done.err
    assert CANARY not in done.err


def test_an_option_is_not_taken_for_the_value_of_another() -> None:
    done = run("get-mail-server-prop", "--server-name", "--output", "table")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("error: --server-name has no value: --output follows it\n  remedy: --server-name NAME\n")


def test_where_no_secret_can_be_meant_they_are_repeated() -> None:
    assert "(x y)" in run("list-mail-servers", "x", "y").err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["get-mail-server", "--server-name", "one"], "get-mail-server-prop"),
        (["describe", "trust"], "trust-manager-provider"),
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


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        (["rename", "nosuch", "--server-name", "one", "--to", "b"], 2, 'there is no object "nosuch"'),
        (["rename", "nosuch", "--provider-name", "one", "--to", "b"], 2, 'there is no object "nosuch"'),
        (["list-properties", "--property", "use-ssl", "--property", "nope"], 2, 'there is no property "nope"'),
        ([*CREATE, "--auth-password", CANARY], 2, "a property is set with --set auth-password:VALUE"),
        (["history", "show", "x"], 2, "NUMBER takes a whole number from 1 to 1000000000\n"),
        (["history", "--limit", "0"], 2, "--limit takes a whole number from 1 to 1000000000\n"),
        (["list-mail-servers", "--define", "foo"], 2, "--define takes TOKEN=VALUE, and one has no equals sign"),
        (["-h", "-v", "list-mail-servers"], 2, "for help use --help"),
        (["list-mail-servers", "--url", "ldap://127.0.0.1:1", "-o", "mech=GSSAPI"], 2, 'the SASL mechanism "GSSAPI"'),
        (["list-mail-servers", "--url", "ldap://127.0.0.1:1", "-o", f"mech{CANARY}"], 2, "without a name and a value"),
        (["list-custom-servers"], 2, "; custom-server is a type of Mail Server: list-mail-servers\n"),
        (["set-external-smtp-prop"], 2, "; external-smtp is a type of Mail Server: set-mail-server-prop\n"),
        (["describe", "Login User Name"], 2, "remedy: perhaps a property: describe mail-server auth-username\n"),
        (["describe", "SMTP User Name"], 2, "another product's word; here: describe mail-server auth-username\n"),
        (["describe", "users > reset counter"], 2, "another product's word; here: mail-quota reset ADDRESS\n"),
        (
            ["describe", "SMTP SocketFactory Port"],
            2,
            "perhaps a property: describe external-smtp socket-factory-port\n",
        ),
        (["describe", "SMTP Enable StartTLS"], 2, "here: describe mail-server use-start-tls\n"),
        (["describe", "Our Mail Server"], 2, 'remedy: did you mean "mail-server"?\n'),
        (["describe", "nonsense"], 2, "remedy: known: "),
        (["describe", "Enabled"], 2, "remedy: for the property of that name: describe OBJECT enabled\n"),
        (["describe", "Use  SSL"], 2, "remedy: for the property of that name: describe mail-server use-ssl\n"),
    ],
)
def test_what_is_meant_is_guessed(typed: list[str], status: int, told: str) -> None:
    done = run(*typed)
    assert (done.status, done.out) == (status, "")
    assert told in done.err
    assert CANARY not in done.err


def test_a_command_that_names_a_type_in_place_of_its_kind_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFOBJECTS_DEFINITIONS", str(FAMILY))
    registry = load_registry([str(FAMILY)])
    relations = [one for one in registry.relations().values() if one.kind != "singleton" and not one.hidden]
    tried = 0
    with definitions_read_once():
        for relation in relations:
            for short, definition in registry.types_of(relation).items():
                if definition.name == relation.name:
                    continue
                told = run(f"create-{definition.name}")
                assert (told.status, told.out) == (2, "")
                command, option, value = told.err.splitlines()[0].rpartition(": ")[2].split()
                assert (command, value) == (f"create-{relation.name}", short)
                assert f" {option} " in run(command, "--help").out
                tried += 1
    assert tried > 15


def test_an_object_is_described_by_its_name_for_people() -> None:
    for definition in builtin():
        if definition.hidden:
            continue
        described = run("describe", definition.name)
        assert (described.status, run("describe", definition.friendly.upper())) == (0, described), definition.name


def test_a_property_that_is_named_as_a_form_names_it_is_found() -> None:
    names = {prop.name for definition in builtin() for prop in definition.properties.values() if not prop.hidden}
    assert len(names) > 50
    for name in sorted(names - set(builtin().relations()) - {"generic"}):
        told = run("describe", name.replace("-", " ").title())
        assert told.status == 2, name
        for line in told.err.splitlines()[1].partition(": for the property of that name: ")[2].split(" or "):
            words = line.replace("OBJECT", "mail-server").split()
            assert run(*words).status == 0, line


def test_a_type_without_properties_of_its_own_is_no_mistake() -> None:
    done = run("list-properties", "--type", "blind")
    assert (done.status, "--inherited" in done.err) == (0, True)


@pytest.mark.parametrize(
    "words",
    [
        ["set-mail-server-prop", "--server-name", "one", "--set-file", "auth-password:/dev/zero"],
        ["list-mail-servers", "--url", "ldap://127.0.0.1:1", "-D", "cn=x", "-j", "/dev/zero"],
        ["list-mail-servers", "--propertiesFilePath", "/dev/zero"],
    ],
)
def test_a_file_that_does_not_end_is_not_read_to_its_end(words: list[str]) -> None:
    done = run(*words)
    assert (done.status, "it is larger than 1,048,576 bytes" in done.err) == (2, True)


def test_a_directory_without_definitions_is_told(tmp_path: Path) -> None:
    done = run("list-mail-servers", "--definitions", str(tmp_path))
    assert (done.status, "there is no *.json in this directory" in done.err) == (31, True)


def test_a_working_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = (
        f"cd {gone} && rmdir {gone} && exec {sys.executable} -m confobjects.cli list-mail-servers --url ldif:x.ldif"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the working directory does not exist\n  remedy: ")
    assert "--instancePath" in done.stderr


def test_a_trust_store_may_be_given_as_in_older_examples(tmp_path: Path) -> None:
    place = ["--hostname", "127.0.0.1", "--port", "1", "--useSsl", "--usePkcs12TrustStore", f"{tmp_path}/none.p12"]
    done = run("list-mail-servers", *place)
    assert f"{tmp_path}/none.p12: the trust store cannot be used" in done.err
