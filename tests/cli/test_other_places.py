"""``diff`` and ``apply`` with another place: one that a properties file names, and values that belong to each place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.documents import CANARY, server
from tests.cli.sessions import fresh, run

PLACE = "smtp-server"


@pytest.fixture(autouse=True)
def _own_file(tmp_path: Path) -> Iterator[None]:
    with fresh(tmp_path):
        yield


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Another place, with another host, another password and a provider more, as a properties file names it."""
    server("one", "auth-username:joe", f"auth-password:{CANARY}")
    (tmp_path / "other.ldif").write_bytes((tmp_path / "config.ldif").read_bytes())
    words = ("--set", f"{PLACE}:here.example.com:26", "--set", f"auth-password:{CANARY}-2")
    assert run("set-mail-server-prop", "--server-name", "one", *words).status == 0
    file = tmp_path / "other.properties"
    file.write_text(f"configFile={tmp_path / 'other.ldif'}\nbindPassword={CANARY}\n")
    file.chmod(0o600)
    make = ("create-trust-manager-provider", "--provider-name", "blind", "--type", "blind", "--set", "enabled:true")
    assert run(*make, "--configFile", str(tmp_path / "other.ldif")).status == 0
    return f"properties:{file}"


def test_two_places_are_compared_and_no_secret_is_shown(other: str) -> None:
    outcome = run("diff", other, "-s")
    assert (outcome.status, outcome.err) == (1, "")
    assert outcome.out.splitlines() == [
        '/mail-server/one\tauth-password\t********\t"******** (another one)"',
        "/mail-server/one\tsmtp-server\tmx.example.com:25\there.example.com:26",
        "/trust-manager-provider/blind\t(type)\tblind\t-",
        "/trust-manager-provider/blind\tenabled\ttrue\t-",
    ]
    assert run("diff", other, other).status == 0


@pytest.mark.parametrize("name", [PLACE, f"mail-server.{PLACE}", f"Mail-Server.{PLACE.upper()}"])
def test_what_belongs_to_each_place_is_neither_compared_nor_changed(other: str, name: str) -> None:
    assert PLACE not in run("diff", other, "--leave", name).out
    assert run("apply", other, "--leave", name, "--no-test").status == 0
    found = run("diff", other, "-s")
    assert (found.status, found.out) == (1, f"/mail-server/one\t{PLACE}\tmx.example.com:25\there.example.com:26\n")
    assert run("diff", other, "--leave", name).status == 0
    assert run("apply", other, "--leave", name, "--dry-run").status == 0


def test_an_object_that_is_created_takes_all_values(other: str) -> None:
    assert run("delete-mail-server", "--server-name", "one").status == 0
    assert f"{PLACE}\tmx.example.com:25" in run("diff", other, "-s", "--leave", PLACE).out
    assert run("apply", other, "--leave", PLACE, "--no-test").status == 0
    assert run("diff", other).status == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smtp-sever", 'there is no property "smtp-sever"\n  remedy: did you mean "smtp-server"?'),
        ("mail-server.envelope", 'the objects of mail-server have no property "envelope"'),
        ("mail-sever.enabled", 'did you mean "mail-server"?'),
    ],
)
@pytest.mark.parametrize("command", ["diff", "apply"])
def test_a_property_that_there_is_not_is_refused(command: str, name: str, said: str, other: str) -> None:
    refused = run(command, other, "--leave", name)
    assert refused.status == 2
    assert said in refused.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bindDN=cn=admin\n", "this properties file does not say where the configuration is"),
        ("hostnam=x\n", "hostname"),
        ("url=ldif:a\nhostname=b\n", "exclude each other"),
        (None, "the properties file cannot be read"),
    ],
)
def test_a_file_that_names_no_place_is_refused(text: str | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "x.properties").write_text(text)
    refused = run("diff", f"properties:{tmp_path / 'x.properties'}")
    assert refused.status == 2
    assert said in refused.err
