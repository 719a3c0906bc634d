"""One build of the wheel and the source distribution, shared by the tests that look into them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "confobjects", "cli", "schemas")
OWN = ("confobjects", "__editable__", "pip")


@dataclass(frozen=True, slots=True)
class Built:
    """Where the two files are."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def built(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build the source distribution, and the wheel from it: so the one must hold all that the other needs.

    From a copy, because setuptools writes beside the sources and would ship what an earlier build left there.
    """
    source = tmp_path_factory.mktemp("source")
    output = tmp_path_factory.mktemp("dist")
    copy_sources(checkout, source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = output.glob("*.whl")
    [sdist] = output.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def dependencies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that the tests' environment has installed, except confobjects and pip."""
    folder = tmp_path_factory.mktemp("dependencies")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if not path.name.startswith(OWN) and path.suffix != ".pth":
                (folder / path.name).symlink_to(path)
    return folder


def installing(dependencies: Path) -> dict[str, str]:
    """Return the variables of a shell in which pip installs confobjects without a network."""
    return {
        "PYTHONPATH": str(dependencies),
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # which pip reads as: no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def copy_sources(checkout: Path, target: Path) -> None:
    """Copy what the library is built from into a folder, which is made."""
    target.mkdir(parents=True, exist_ok=True)
    for name in BUILT_FROM:
        _copy(checkout / name, target / name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)
