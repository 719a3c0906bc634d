"""What a user installs is the whole library, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

from confobjects.builtin_definitions import METASCHEMA_FILE
from confobjects.cli.commands import command_names
from confobjects.definitions_loading import load_registry
from tests.packaging.conftest import Built

PARSED = "confobjects/parsed_definitions.py"
LINKED = ("confobjects/cli/", "confobjects/schemas/")
PAGES = {"confobjects.1", *(f"confobjects-{name}.1" for name in command_names(load_registry()))}
OWN_VARIABLES = ("CONFOBJECTS_", "COV", "PYTHON")


def _shipped(checkout: Path) -> set[str]:
    """Names below site-packages of every file the library consists of."""
    found = set()
    for folder, package in (
        ("confobjects", "confobjects"),
        ("cli", "confobjects/cli"),
        ("schemas", "confobjects/schemas"),
    ):
        for path in (checkout / folder).rglob("*"):
            relative = path.relative_to(checkout / folder)
            linked = folder == "confobjects" and relative.parts[0] in {"cli", "schemas"}
            if path.is_file() and not linked and "__pycache__" not in relative.parts:
                found.add(f"{package}/{relative.as_posix()}")
    return found


def test_the_wheel_holds_every_file_of_the_library_and_no_other(built: Built, checkout: Path) -> None:
    names = {name for name in zipfile.ZipFile(built.wheel).namelist() if ".dist-info/" not in name}
    pages = {f"{_name_of(built)}.data/data/share/man/man1/{name}" for name in PAGES}
    assert names == {*_shipped(checkout), PARSED, *pages}


def _name_of(built: Built) -> str:
    return "-".join(built.wheel.name.split("-")[:2])


def test_the_wheel_has_the_definitions_as_a_module(built: Built, checkout: Path) -> None:
    scope: dict[str, Any] = {}
    exec(zipfile.ZipFile(built.wheel).read(PARSED), scope)
    files = [path for path in (checkout / "schemas").glob("*.json") if path.name != METASCHEMA_FILE]
    assert scope["parse"]() == {path.name: json.loads(path.read_bytes()) for path in files}
    assert list(scope["parse"]()) == sorted(scope["parse"]())
    assert scope["parse"]() is not scope["parse"]()
    assert not (checkout / PARSED).exists()  # it would be out of date some day


def test_the_wheel_says_what_it_is(built: Built) -> None:
    archive = zipfile.ZipFile(built.wheel)
    [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    headers = HeaderParser().parsestr(archive.read(metadata).decode("utf-8"))
    assert headers["Name"] == "confobjects"
    assert headers["License-Expression"] == "MIT"
    assert headers["Requires-Python"] == ">=3.11"
    assert set(headers.get_all("Provides-Extra") or ()) == {
        "bundled",
        "demo",
        "dns",
        "oauth",
        "pkcs11",
        "postgresql",
        "service",
        "test",
        "dev",
        "mutants",
        "audit",
        "docs",
        "web",
    }
    lines = headers.get_all("Requires-Dist") or ()
    required = {re.split(r"[<>=!~; ]", line)[0] for line in lines if "extra ==" not in line}
    assert required == {"click", "cryptography", "google-re2", "idna", "jsonschema", "ldap3", "pyasn1", "wcwidth"}
    assert any(name.endswith("/licenses/LICENSE") for name in archive.namelist())
    [points] = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
    assert "confobjects = confobjects.cli.main:process" in archive.read(points).decode("utf-8")


def test_the_source_distribution_holds_what_the_wheel_is_built_from(built: Built, checkout: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    sources = {name.removeprefix("confobjects/") if name.startswith(LINKED) else name for name in _shipped(checkout)}
    assert {"pyproject.toml", "README.md", "LICENSE", *sources} <= names


@pytest.fixture(scope="module")
def elsewhere(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a new virtual environment, in a path with a blank, that holds the wheel.

    Its dependencies are those of the environment the tests run in, put last on the path: no network is needed, and a
    confobjects found there would come second.
    """
    place = tmp_path_factory.mktemp("some where") / "venv"
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", place], check=True)
    python = place / "bin" / "python"
    install = ["--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(built.wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, env=_environment())
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = subprocess.run([python, "-I", "-c", query], capture_output=True, text=True, check=True).stdout.strip()
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(packages, "dependencies.pth").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    return place


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)}


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=_environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_installed_library_is_the_one_that_runs(elsewhere: Path, tmp_path: Path) -> None:
    code = "import confobjects, confobjects.cli, confobjects.schemas as s; print(confobjects.__file__, s.__file__)"
    for place in _run(elsewhere / "bin" / "python", "-c", code, cwd=tmp_path).split(".py"):
        assert not place.strip() or place.strip().startswith(str(elsewhere))


def test_the_console_script_and_the_module_run_from_anywhere(elsewhere: Path, tmp_path: Path) -> None:
    import confobjects

    script = _run(elsewhere / "bin" / "confobjects", "--version", cwd=tmp_path)
    module = _run(elsewhere / "bin" / "python", "-m", "confobjects.cli", "--version", cwd=tmp_path)
    assert script == module
    assert confobjects.__version__ in script


def test_the_installed_commands_find_their_definitions(elsewhere: Path, tmp_path: Path) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    name = ["--url", url, "--server-name", "one", "--no-prompt"]
    script = elsewhere / "bin" / "confobjects"
    values = ["--set", "enabled:true", "--set", "smtp-server:mail.example.com"]
    _run(script, "create-mail-server", *name, *values, cwd=tmp_path)
    shown = _run(script, "get-mail-server-prop", *name, "--property", "smtp-server", "-s", cwd=tmp_path)
    assert shown.split() == ["smtp-server", "mail.example.com"]
    code = "import sys; from confobjects.cli.main import main; main(sys.argv[1:]); print('json' in sys.modules)"
    get = ["get-mail-server-prop", *name, "--quiet"]
    assert _run(elsewhere / "bin" / "python", "-c", code, *get, cwd=tmp_path).splitlines()[-1] == "False"


def test_the_manual_pages_are_installed_where_man_looks(elsewhere: Path, tmp_path: Path) -> None:
    """Which is beside the folder of programs, if that is on the path (man-db, manpath(5))."""
    folder = elsewhere / "share" / "man" / "man1"
    assert {path.name for path in folder.iterdir()} == PAGES
    assert (folder / "confobjects.1").read_text("ascii").startswith('.TH "CONFOBJECTS" 1')
    if shutil.which("man"):
        path = f"{elsewhere / 'bin'}{os.pathsep}{os.environ['PATH']}"
        found = subprocess.run(
            ["man", "-w", "confobjects"], capture_output=True, text=True, check=False, env={"PATH": path}, cwd=tmp_path
        )
        assert found.stdout.strip() == str(folder / "confobjects.1"), found.stderr


def test_the_installed_package_is_typed(elsewhere: Path, tmp_path: Path) -> None:
    code = "import confobjects, os; print(os.path.exists(os.path.join(confobjects.__path__[0], 'py.typed')))"
    assert _run(elsewhere / "bin" / "python", "-c", code, cwd=tmp_path) == "True\n"
