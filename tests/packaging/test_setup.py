"""The script that prepares the environments: nothing half-made is ever used, nothing finished is made twice.

It runs on a small project with a build backend of its own, so that no package index is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "small"
version = "1"
[project.optional-dependencies]
demo = []
test = []
dev = []
"""

BACKEND = """
import os, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "small-1-py3-none-any.whl"
    metadata = "Metadata-Version: 2.1\\nName: small\\nVersion: 1\\nProvides-Extra: demo\\nProvides-Extra: test\\n"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("small.py", "")
        wheel.writestr("small-1.dist-info/METADATA", metadata)
        wheel.writestr("small-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("small-1.dist-info/RECORD", "")
    return name

build_editable = build_wheel
"""

MAKE_ONCE = """#!/bin/sh
# Makes a virtual environment ("-I -m venv DIRECTORY") as a copy of the first one: making one takes 4 s.
first=%s
test -d "$first" || "%s" "$1" "$2" "$3" "$first" || exit
exec cp -a "$first" "$4"
"""

BROKEN_BACKEND = "raise SystemExit('the build breaks off')"


class Checkout:
    """A small project with the real script in it."""

    def __init__(self, root: Path, script: Path, maker: Path) -> None:
        self.root = root
        self.maker = maker
        self.environment = root / ".venv"
        (root / ".ci").mkdir(parents=True)
        shutil.copy(script, root / ".ci" / "setup.py")
        (root / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        (root / "backend.py").write_text(BACKEND, encoding="utf-8")

    def setup(self, *arguments: str, before: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script as the Makefile does, in an environment of garbage; ``before`` is Python to run first."""
        before = before or f"sys.executable = {str(self.maker)!r}"
        script = str(self.root / ".ci" / "setup.py")
        start = (
            f"import runpy, sys; sys.argv = {[script, *arguments]!r}; {before}\n"
            f"runpy.run_path({script!r}, run_name='__main__')"
        )
        command = [sys.executable, "-I", "-c", start]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON", "COV"))}
        garbage = {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere", "PIP_USER": "1", "PIP_NO_INDEX": "1"}
        environment = {**kept, **garbage, **variables}
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment)

    def stamps(self) -> list[str]:
        return sorted(path.name for path in self.environment.glob(".finished-*"))

    def leave_a_mark(self) -> Path:
        """Put a file into the environment: it is gone when the environment was made again."""
        mark = self.environment / "mark"
        mark.touch()
        return mark


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that makes virtual environments."""
    directory = tmp_path_factory.mktemp("environments")
    program = directory / "make"
    program.write_text(MAKE_ONCE % (directory / "first", sys.executable), encoding="utf-8")
    program.chmod(0o755)
    return program


@pytest.fixture
def small(tmp_path: Path, checkout: Path, maker: Path) -> Checkout:
    return Checkout(tmp_path / "a check out", checkout / ".ci" / "setup.py", maker)


def test_a_finished_environment_is_kept_until_what_it_was_made_from_changes(small: Checkout) -> None:
    first = small.setup("demo")
    assert (first.returncode, first.stdout) == (0, "preparing .venv for demo\n"), first.stderr
    mark = small.leave_a_mark()
    again = small.setup("demo")
    assert (again.returncode, again.stdout, mark.exists()) == (0, "", True)

    more = small.setup("test")
    assert (more.returncode, mark.exists(), small.stamps()) == (0, True, [".finished-demo", ".finished-test"])

    with (small.root / "pyproject.toml").open("a", encoding="utf-8") as stream:
        stream.write("# changed\n")
    changed = small.setup("test")
    assert (changed.returncode, mark.exists(), small.stamps()) == (0, False, [".finished-test"])


def test_a_try_that_broke_off_leaves_no_stamp_and_is_thrown_away(small: Checkout) -> None:
    (small.root / "backend.py").write_text(BROKEN_BACKEND, encoding="utf-8")
    broken = small.setup("demo")
    assert broken.returncode == 1
    assert "setup: pip could not install the required packages" in broken.stderr
    assert small.stamps() == []

    mark = small.leave_a_mark()
    (small.root / "backend.py").write_text(BACKEND, encoding="utf-8")
    mended = small.setup("demo")
    assert (mended.returncode, mark.exists(), small.stamps()) == (0, False, [".finished-demo"]), mended.stderr


def test_without_a_venv_module_the_line_to_type_is_said(small: Checkout) -> None:
    small.environment.mkdir()

    said = small.setup("demo", before="sys.modules['ensurepip'] = None", PATH="/nowhere")  # no apt-get there

    assert said.returncode == 1
    assert said.stderr.startswith(f"setup: {sys.executable} has no venv module")
    assert "\n    sudo apt-get install python3" in said.stderr
    assert not small.environment.exists()


def test_an_environment_that_cannot_be_made_says_why(small: Checkout) -> None:
    said = small.setup("demo", before="sys.executable = '/bin/false'")
    assert (said.returncode, said.stderr) == (1, "setup: .venv could not be made: \n")


def test_a_wrong_target_is_refused(small: Checkout) -> None:
    said = small.setup("nonsense")
    assert (said.returncode, said.stderr) == (1, "setup: usage: setup.py demo|test|dev|bench|mutants|audit|docs\n")
