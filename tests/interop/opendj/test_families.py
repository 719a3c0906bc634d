"""The family of an installed OpenDJ: from its jars, and as the server itself chooses it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from confobjects.conversion.opendj import convert
from confobjects.conversion.opendj_xml import read_facts
from confobjects.families import Family, find_family
from tests.cli.sessions import Outcome, run
from tests.conversion.reading import SERVER_SET, read_folder
from tests.servers.opendj import ROOT_DN, VERSION, OpenDj

NAME = f"opendj-{VERSION}"


@pytest.fixture(scope="module", autouse=True)
def _data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="module")
def family(opendj: OpenDj) -> Family:
    """The family that the command makes of the server's own jars."""
    added = run("family", "add", "opendj", str(opendj.home))
    assert added.status == 0, added.err
    return find_family(NAME, os.environ)


def ask(opendj: OpenDj, *words: str) -> Outcome:
    """Run a command of ours on the server's own configuration."""
    login = ("-D", ROOT_DN, "-j", str(opendj.password_file), "-P", str(opendj.authority_file), "-n")
    return run(*words, "--url", opendj.tls_url, *login)


def test_without_its_family_the_server_is_named_and_what_to_type(opendj: OpenDj) -> None:
    refused = ask(opendj, "list-backends")
    assert refused.status == 31
    assert f"this server is OpenDJ Server {VERSION}, and the family of its definitions is not installed" in refused.err
    assert "confobjects family add opendj PATH" in refused.err


def test_the_jars_have_all_kinds(family: Family) -> None:
    documents = [json.loads(text) for text in family.texts.values()]
    assert family.count == 198
    assert sum(len(one.get("properties", ())) for one in documents) == 711
    assert sum(len(one["relation"].get("default-objects", ())) for one in documents if "relation" in one) == 13


def test_the_server_chooses_its_family(opendj: OpenDj, family: Family) -> None:
    listed = ask(opendj, "list-backends", "-s")
    assert listed.status == 0, listed.err
    theirs = opendj.dsconfig("list-backends", "-s").split()
    assert [line.split("\t")[0] for line in listed.out.splitlines()] == theirs


@pytest.mark.parametrize(
    "words",
    [
        ("get-global-configuration-prop",),
        ("get-backend-prop", "--backend-name", "userRoot"),
        ("get-connection-handler-prop", "--handler-name", "LDAPS Connection Handler"),
        ("get-password-policy-prop", "--policy-name", "Default Password Policy"),
        ("get-backend-index-prop", "--backend-name", "userRoot", "--index-name", "cn"),
        ("get-log-publisher-prop", "--publisher-name", "File-Based Access Logger"),
    ],
)
def test_values_are_those_of_its_own_command(words: tuple[str, ...], opendj: OpenDj, family: Family) -> None:
    ours = ask(opendj, *words, "-s")
    assert ours.status == 0, ours.err
    assert ours.out.splitlines() == opendj.dsconfig(*words, "-s").splitlines()


def test_elsewhere_on_the_server_definitions_are_ours(opendj: OpenDj) -> None:
    listed = ask(opendj, "list-mail-servers", "--baseDN", "dc=example,dc=com")
    assert (listed.status, listed.out) == (0, "")


def test_all_objects_of_the_server_are_right(opendj: OpenDj, family: Family) -> None:
    checked = ask(opendj, "check")
    assert checked.status == 0, checked.err
    assert checked.out.startswith("158 objects: 0 errors, ")
    assert "trust-store-file" not in checked.err  # it is on the server, not here


def test_another_family_than_the_servers_is_told(opendj: OpenDj, family: Family) -> None:
    from confobjects.families import write_family

    write_family(family.replace(name="opendj-1.0.0", version="1.0.0"), os.environ)
    told = ask(opendj, "list-backends", "--family", "opendj-1.0.0")
    assert told.status == 0
    assert f"this server is OpenDJ Server {VERSION}, and opendj-1.0.0 is not the family" in told.err


@pytest.mark.skipif(not SERVER_SET.is_dir(), reason=f"the XML definitions of a server are not at {SERVER_SET}")
def test_jars_and_xml_files_give_equal_definitions(family: Family) -> None:
    """The files are of a later version. Apart from what differs between these, compiling loses the units of integers."""
    facts, _ = read_facts(read_folder(SERVER_SET), "5.2.0")
    written = convert(facts)
    compiled = {name: json.loads(text) for name, text in family.texts.items()}
    assert written.keys() == compiled.keys()
    different = {place for name in written for place in find_differences(written[name], compiled[name], name)}
    assert {place for place in different if not place.endswith(("/unit-synopsis", "/syntax"))} == {
        "global/relation/synopsis",  # compiled with the name that follows from the relation's
        "http-basic-authorization-mechanism/properties/identity-mapper/synopsis",
        "http-oauth2-authorization-mechanism/properties/identity-mapper/synopsis",
        "ldap-pass-through-authentication-policy/properties/mapped-search-filter-template/description",
    }
    assert len(different) == 11


def find_differences(one: Any, other: Any, place: str) -> Iterator[str]:
    """Yield where two definitions differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted(one.keys() | other.keys()):
            yield from find_differences(one.get(key), other.get(key), f"{place}/{key}")
    elif one != other:
        yield place


@pytest.mark.parametrize("how", ["a JDK is not here", "a jar that others can write"])
def test_what_cannot_be_read_is_told(how: str, opendj: OpenDj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = opendj.home
    if how == "a JDK is not here":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        place = tmp_path
        (tmp_path / "opendj-config.jar").write_bytes(b"")
        (tmp_path / "opendj-config.jar").chmod(0o666)
    refused = run("family", "add", "opendj", str(place))
    assert refused.status == 2
    words = "which is not here" if how == "a JDK is not here" else "others can write this file, so its code is not run"
    assert words in refused.err
