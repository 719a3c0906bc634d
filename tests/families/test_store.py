"""Families on disk: ours alone, whole, and not believed when somebody else could have written them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from confobjects.definitions_loading import load_registry
from confobjects.errors import DefinitionError, StorageError, UnknownNameError
from confobjects.families import (
    Family,
    family_directory,
    find_family,
    list_families,
    remove_family,
    write_family,
)
from confobjects.families.store import list_names, make_family
from tests.conversion.reading import BAKERY, convert_files, read_folder

DOCUMENTS = convert_files(read_folder(BAKERY))
FAMILY = make_family("opendj", "1.0.0", "/opt/bakery", DOCUMENTS)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_DATA_HOME": str(tmp_path / "data")}


def test_what_is_written_is_read(environment: dict[str, str]) -> None:
    path = Path(write_family(FAMILY, environment))
    assert find_family("opendj-1.0.0", environment) == FAMILY.replace(path=str(path))
    assert {name: json.loads(text) for name, text in FAMILY.texts.items()} == DOCUMENTS
    assert json.loads(path.read_text("utf-8"))["definitions"] == list(DOCUMENTS.values())
    assert list_names(environment) == ["opendj-1.0.0"]


def test_only_this_user_reads_it(environment: dict[str, str]) -> None:
    path = Path(write_family(FAMILY, environment))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [name for name in os.listdir(path.parent) if name != path.name] == []


def test_a_newer_one_takes_its_place(environment: dict[str, str]) -> None:
    write_family(FAMILY, environment)
    other = make_family("opendj", "1.0.0", "/opt/other", {"/opendj": DOCUMENTS["/opendj"]})
    path = write_family(other, environment)
    assert find_family("opendj-1.0.0", environment) == other.replace(path=path)


def test_it_is_in_the_users_data_directory() -> None:
    assert family_directory({"HOME": "/home/one"}) == "/home/one/.local/share/confobjects/families"
    assert family_directory({"HOME": "/home/one", "XDG_DATA_HOME": "/data"}) == "/data/confobjects/families"
    assert family_directory({"HOME": "/home/one", "XDG_DATA_HOME": "data"}).startswith("/home/one/")


@pytest.mark.parametrize("name", ["opendj-1.0.1", "../opendj-1.0.0", "/etc/passwd", "", "opendj", ".opendj-1.0.0"])
def test_an_unknown_name_is_refused(name: str, environment: dict[str, str]) -> None:
    write_family(FAMILY, environment)
    for call in (find_family, remove_family):
        with pytest.raises(UnknownNameError) as caught:
            call(name, environment)
        assert "opendj-1.0.0" in str(caught.value)


def test_a_removed_one_is_gone(environment: dict[str, str]) -> None:
    write_family(FAMILY, environment)
    remove_family("opendj-1.0.0", environment)
    assert list(list_families(environment)) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('"synopsis": "A Clock."', '"synopsis": "A clock."'),
        ('"version": "1.0.0"', '"version": 1'),
        ('"confobjects-family": 1', '"confobjects-family": 2'),
        ('"name": "opendj-1.0.0"', '"name": "opendj-1.0.1"'),
        ("]}", "]"),
        ("{", "["),
    ],
)
def test_a_changed_file_is_not_believed(good: str, bad: str, environment: dict[str, str]) -> None:
    path = Path(write_family(FAMILY, environment))
    text = path.read_text("utf-8")
    assert good in text
    path.write_text(text.replace(good, bad, 1), "utf-8")
    if bad == '"version": 1':  # of the family: the digest is that of the definitions
        assert find_family("opendj-1.0.0", environment).version == 1  # type: ignore[comparison-overlap]
        return
    with pytest.raises(DefinitionError, match="is damaged, or was changed by hand"):
        find_family("opendj-1.0.0", environment)
    assert [type(one) for one in list_families(environment)] == [DefinitionError]


def test_a_file_that_others_could_have_made_is_refused(environment: dict[str, str]) -> None:
    path = Path(write_family(FAMILY, environment))
    path.chmod(0o644)
    with pytest.raises(StorageError, match="others have rights to it"):
        find_family("opendj-1.0.0", environment)
    path.chmod(0o600)
    kept = path.rename(path.with_name("kept"))
    path.symlink_to(kept)
    with pytest.raises(StorageError, match="it is a symbolic link"):
        find_family("opendj-1.0.0", environment)


def test_a_directory_that_others_write_takes_no_family(environment: dict[str, str]) -> None:
    path = Path(write_family(FAMILY, environment))
    path.parent.chmod(0o777)
    with pytest.raises(StorageError, match="others can write it"):
        write_family(FAMILY, environment)


def test_it_takes_the_place_of_what_is_built_in(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", environment["XDG_DATA_HOME"])
    write_family(FAMILY, environment)
    registry = load_registry(family="opendj-1.0.0")
    assert set(registry.names()) == {name for name in DOCUMENTS if name[0] != "/"} | {"installed-definition"}
    assert registry.family == "opendj-1.0.0"
    assert {document.source for document in registry.packages.values()} == {"family"}
    assert registry.definition("ldap-oven").friendly == "Stone Oven"


def test_a_directory_of_definitions_wins(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", environment["XDG_DATA_HOME"])
    write_family(FAMILY, environment)
    directory = tmp_path / "own"
    directory.mkdir()
    (directory / "clock.json").write_text(json.dumps({**DOCUMENTS["clock"], "synopsis": "Mine."}), "utf-8")
    registry = load_registry([str(directory)], family="opendj-1.0.0")
    assert registry.definition("clock").synopsis == "Mine."
    assert registry.replaced == {"clock": "family"}


def test_a_family_with_mistakes_or_code_is_refused(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", environment["XDG_DATA_HOME"])
    rule = {"name": "code", "synopsis": "Code.", "function": "subprocess:getoutput"}
    for clock, words in (
        ({"extends": "nothing"}, 'there is no definition "nothing" to extend'),
        ({"constraints": [rule]}, "subprocess"),
    ):
        write_family(_with_clock(clock), environment)
        for _ in range(2):  # also when something is remembered
            with pytest.raises(DefinitionError, match=words):
                load_registry(family="opendj-1.0.0").names()


def _with_clock(more: Mapping[str, object]) -> Family:
    return make_family("opendj", "1.0.0", "-", {**DOCUMENTS, "clock": {**DOCUMENTS["clock"], **more}})
