"""The page on installing is followed in new virtual environments, from a checkout and from a wheel, without a network."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.docs import pages
from tests.packaging.conftest import copy_sources, installing

PAGE = pages.ROOT / "docs" / "guide" / "install.md"
NOT_FOR_USERS = {"test", "dev", "docs", "mutants", "audit"}


def test_the_page_on_installing(checkout: Path, dependencies: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    copy_sources(checkout, home / "confobjects")
    assert "\n".join(pages.differences(PAGE, home, installing(dependencies))) == ""
    assert sorted(path.name for path in home.iterdir() if not path.name.startswith(".")) == ["confobjects", "dist"]


def test_the_page_names_every_extra_that_users_can_choose(checkout: Path) -> None:
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert named == sorted(set(project["optional-dependencies"]) - NOT_FOR_USERS)
