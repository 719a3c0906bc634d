"""What pyproject.toml says about the packages is what the tree holds."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

import pytest

from confobjects.definitions.metaschema import NEWEST
from tests.architecture.tree import ROOT, project


def _real_packages() -> dict[str, Path]:
    """Dotted name of every folder below ``confobjects``, through the links, that holds a file of ours."""
    found = {}
    for folder, below, files in os.walk(ROOT / "confobjects", followlinks=True):
        below[:] = [name for name in below if name != "__pycache__"]
        if any(not name.endswith((".pyc", ".pyo")) for name in files):
            found[".".join(Path(folder).relative_to(ROOT).parts)] = Path(folder)
    return found


def test_the_packages_listed_are_the_packages_there_are() -> None:
    assert sorted(project()["tool"]["setuptools"]["packages"]) == sorted(_real_packages())


@pytest.mark.parametrize("name", sorted(_real_packages()))
def test_every_package_says_its_law_first(name: str) -> None:
    first = (_real_packages()[name] / "__init__.py").read_text(encoding="utf-8")
    assert first.startswith('"""')


@pytest.mark.parametrize("name", ["cli", "schemas"])
def test_a_linked_package_is_a_relative_link_to_the_folder_it_is_mapped_to(name: str) -> None:
    link = ROOT / "confobjects" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../{name}"
    assert project()["tool"]["setuptools"]["package-dir"][f"confobjects.{name}"] == name


def test_schemas_stay_flat_but_for_those_of_outputs() -> None:
    folders = [path.name for path in (ROOT / "schemas").iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert folders == ["output"]


@pytest.mark.parametrize("name", sorted(_real_packages()))
def test_every_file_beside_the_modules_is_shipped(name: str) -> None:
    data = project()["tool"]["setuptools"]["package-data"]
    patterns = ["*.py", *data["*"], *data.get(name, [])]
    files = [path.name for path in _real_packages()[name].iterdir() if path.is_file() and path.suffix != ".pyc"]
    assert [file for file in files if not any(fnmatch.fnmatch(file, pattern) for pattern in patterns)] == []


def test_the_version_is_said_the_same_in_the_code() -> None:
    import confobjects

    assert confobjects.__version__ == project()["project"]["version"]
    assert confobjects.__version__ == NEWEST
