"""The definitions of the library can be left out, and each can be replaced by one of the same name.

Law: whatever is replaced, what is left is judged with what replaces it, and every problem is told.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from confobjects.builtin_definitions import builtin_directory
from confobjects.definitions.model import HOLDER_KIND
from confobjects.definitions_loading import load_registry
from confobjects.errors import DefinitionError
from tests.cli.sessions import FAMILY, Outcome, fresh, run

OWN = {path.stem: json.loads(path.read_text("utf-8")) for path in Path(builtin_directory()).glob("*.json")}
OWN = {name: data for name, data in OWN.items() if "version" in data}
KINDS = sorted(name for name, data in OWN.items() if "name" in data)


def write(directory: Path, *documents: dict[str, Any]) -> str:
    directory.mkdir(exist_ok=True)
    for number, data in enumerate(documents):
        (directory / f"{number}.json").write_text(json.dumps(data), "utf-8")
    return str(directory)


def bell(**words: Any) -> dict[str, Any]:
    """Return a definition that has nothing to do with those of the library."""
    relation = {"parent": "root", "kind": "instantiable", "branch": "cn=Bells"}
    data = {"name": "bell", "version": 1, "synopsis": "It rings.", "relation": relation, "properties": {}}
    return {**data, **words}


@pytest.mark.parametrize("name", sorted({*OWN} - {HOLDER_KIND}))
def test_each_can_be_replaced(name: str, tmp_path: Path) -> None:
    other = {**OWN[name], "synopsis": "Another one."}
    found = load_registry([write(tmp_path / "d", other)])
    assert set(found.names()) == set(KINDS)
    documents = {**found.documents, **found.packages}
    assert documents[str(other.get("name", other.get("package")))].data["synopsis"] == "Another one."


def test_the_kind_that_holds_definitions_cannot_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="it cannot be replaced"):
        load_registry([write(tmp_path / "d", OWN[HOLDER_KIND])])


def test_those_that_build_on_a_replaced_one_are_judged_with_it(tmp_path: Path) -> None:
    """The subtypes of the library still extend it, and the mail server still refers to it."""
    other = {**OWN["trust-manager-provider"], "properties": {}}
    del other["enabled-when"]
    with pytest.raises(DefinitionError) as caught:
        load_registry([write(tmp_path / "d", other)])
    assert {problem.origin for problem in caught.value.diagnostics} <= {f"{name}.json" for name in OWN} | {
        str(tmp_path / "d" / "0.json")
    }
    assert any("mail-server.json" in problem.origin for problem in caught.value.diagnostics)


def test_two_of_ours_with_one_name_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="declared twice"):
        load_registry([write(tmp_path / "d", bell(), bell())])


@pytest.mark.parametrize("data", [None, 1, [], "x", {"name": 1}, {"name": ["mail-server"]}, {"package": {}}])
def test_a_document_of_a_wrong_shape_replaces_nothing(data: Any, tmp_path: Path) -> None:
    with pytest.raises(DefinitionError):
        load_registry([write(tmp_path / "d", data)])


def test_all_can_be_left_out(tmp_path: Path) -> None:
    assert load_registry(builtin=False).names() == (HOLDER_KIND,)
    assert load_registry([write(tmp_path / "d", bell())], builtin=False).names() == ("bell", HOLDER_KIND)
    with pytest.raises(DefinitionError, match="trust-manager-provider"):
        load_registry([write(tmp_path / "e", bell(extends="trust-manager-provider"))], builtin=False)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path / "d", bell(), {**bell(), "name": "mail-server", "synopsis": "Ours."})
    (tmp_path / "d" / "1.json").write_text(
        json.dumps(bell(name="mail-server", relation={"parent": "root", "kind": "instantiable", "branch": "cn=Ours"})),
        "utf-8",
    )
    return tmp_path


def do(here: Path, *words: str) -> Outcome:
    with fresh(here):
        return run(*words, "--definitions", str(here / "d"), "--noBuiltinDefinitions")


def test_the_commands_are_those_of_the_definitions_in_use(here: Path) -> None:
    assert do(here, "create-bell", "--bell-name", "one").status == 0
    assert do(here, "create-mail-server", "--server-name", "one").status == 0
    assert do(here, "create-trust-manager-provider").status == 2
    listed = do(here, "list-properties")
    assert "trust-manager-provider" not in listed.out
    assert "trust-manager" not in do(here, "--help-all").out
    assert do(here, "check").status == 0
    batch = here / "batch"
    batch.write_text("list-bells\nlist-trust-manager-providers\n", "utf-8")
    assert "list-trust-manager-providers" in do(here, "-F", str(batch)).err


@pytest.mark.parametrize(("value", "known"), [("true", False), ("false", True)])
def test_the_properties_file_may_say_so(here: Path, value: str, known: bool) -> None:
    file = here / "tools.properties"
    file.write_text(f"noBuiltinDefinitions={value}\ndefinitions={FAMILY}\n", "utf-8")
    with fresh(here):
        shown = run("--help-all", "--propertiesFilePath", str(file))
    assert "create-queue" in shown.out
    assert ("create-trust-manager-provider" in shown.out) is known
