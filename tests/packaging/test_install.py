"""The page on installing is followed in new virtual environments, from a checkout and from a wheel, without a network."""

from __future__ import annotations

import re
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from tests.docs import pages
from tests.packaging.conftest import copy_sources

PAGE = pages.ROOT / "docs" / "guide" / "install.md"
NOT_FOR_USERS = {"test", "dev", "docs", "mutants", "audit"}
OWN = ("confobjects", "__editable__", "pip")


@pytest.fixture
def dependencies(tmp_path: Path) -> Path:
    """Return a folder with everything that the tests' environment has installed, except confobjects and pip."""
    folder = tmp_path / "dependencies"
    folder.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if not path.name.startswith(OWN) and path.suffix != ".pth":
                (folder / path.name).symlink_to(path)
    return folder


def test_the_page_on_installing(checkout: Path, dependencies: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    copy_sources(checkout, home / "confobjects")
    shell = {
        "PYTHONPATH": str(dependencies),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which pip reads as: no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    assert "\n".join(pages.differences(PAGE, home, shell)) == ""
    assert sorted(path.name for path in home.iterdir() if not path.name.startswith(".")) == ["confobjects", "dist"]


def test_the_page_names_every_extra_that_users_can_choose(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == sorted(set(project["optional-dependencies"]) - NOT_FOR_USERS)
