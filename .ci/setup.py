"""Make the virtual environment that a target of the Makefile needs: ``setup.py demo|test|dev|bench|mutants|audit|docs``.

Laws:

1. Only the standard library is used, and every Python since 3.7 can read this script: an old one must be able to look
   for a newer one.
2. A stamp, written last, shows that an environment is complete and what it was made from. If the stamp is missing or
   does not match, the environment is deleted and made again. So an interrupted run does no harm.
3. Packages come from where pip is configured to look; this script sets no index.
4. As root on Debian, a missing ``venv`` module is installed; other users see the command to type.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from typing import NoReturn

OLDEST = (3, 11)
NEWER = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

DIRECTORIES = {
    "demo": ".venv",
    "test": ".venv",
    "dev": ".venv",
    "bench": ".venv-bench",
    "mutants": ".venv-mutants",
    "audit": ".venv-audit",
    "docs": ".venv-docs",
}
"""The environment of each target. Benchmarks have their own: a cold start is measured as a user sees it, installed
from a wheel and without the ``.pth`` files that an editable install, coverage and setuptools leave behind. So has
mutation testing, and the site of the documentation, whose packages nothing else needs."""

EXTRAS = {
    "demo": ("demo",),
    "test": ("test",),
    "dev": ("dev",),
    "bench": ("postgresql", "web"),
    "mutants": ("mutants",),
    "audit": ("audit",),
    "docs": ("docs",),
}

FORGET = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE")
"""Variables that make pip or Python use places outside the new environment."""


class SetupError(Exception):
    """The environment cannot be made; the text says why, and what to type."""


def main(arguments: list[str]) -> None:
    """Make the environment for one target, unless it already exists."""
    if len(arguments) != 1 or arguments[0] not in EXTRAS:
        raise SetupError("usage: setup.py " + "|".join(EXTRAS))
    if sys.version_info < OLDEST:
        run_with_newer(arguments)
    target = arguments[0]
    for name in FORGET:
        os.environ.pop(name, None)
    os.chdir(ROOT)
    # If two runs start in one checkout, the second waits and then finds the stamp.
    with open("pyproject.toml", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = Environment(DIRECTORIES[target])
        if target not in environment.finished():
            environment.make(target)
        if target == "bench":
            environment.install_as_released()


def run_with_newer(arguments: list[str]) -> NoReturn:
    """Start this script again with a Python that is new enough; never returns."""
    found = "Python " + ".".join(map(str, sys.version_info[:3]))
    if os.environ.get("PYTHON"):
        raise SetupError(f"PYTHON={os.environ['PYTHON']} is {found}; 3.11 or later is needed")
    probe = f"import sys; sys.exit(sys.version_info < {OLDEST!r})"
    for name in NEWER:
        path = shutil.which(name)
        if path and subprocess.call([path, "-I", "-c", probe], stderr=subprocess.DEVNULL) == 0:
            os.execv(path, [path, "-I", os.path.abspath(__file__), *arguments])
    raise SetupError(f"python3 is {found} and no later one was found; name one: make PYTHON=/path/to/python3.11")


class Environment:
    """One virtual environment below the checkout, and its stamps."""

    def __init__(self, directory: str) -> None:
        """Take the directory, relative to the checkout."""
        self.directory = directory
        self.python = os.path.join(directory, "bin", "python")

    def finished(self) -> set[str]:
        """Return the targets for which this environment is complete and matches the current checkout."""
        return {target for target in EXTRAS if self._read(target) == digest()}

    def make(self, target: str) -> None:
        """Prepare the environment so that ``target`` can run."""
        targets = sorted(self.finished() | {target})
        print(f"preparing {self.directory} for {' and '.join(targets)}", flush=True)
        if targets == [target]:
            self._create()
        # Until the new packages are installed, the environment is complete for no target.
        for name in EXTRAS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._stamp(name))
        extras = sorted({extra for name in targets for extra in EXTRAS[name]})
        # Editable, so that the checkout itself runs; "compat" writes a plain path where the default writes an import
        # hook, which costs every cold start a few milliseconds.
        requirement = f".[{','.join(extras)}]" if extras else "."
        editable = [] if target == "bench" else ["--config-settings", "editable_mode=compat", "--editable"]
        self._pip("install", *editable, requirement)
        for name in targets:
            self._write(name)

    def install_as_released(self) -> None:
        """Install the checkout as it is now, from a wheel, and remove what a user's environment does not have."""
        shutil.rmtree("build", ignore_errors=True)  # otherwise setuptools would ship deleted modules
        self._pip("install", "--no-deps", "--force-reinstall", ".")
        if os.path.exists(os.path.join(self.directory, "bin", "pip")):
            subprocess.run([self.python, "-I", "-m", "pip", "--quiet", "uninstall", "--yes", "setuptools"], check=False)

    def _stamp(self, target: str) -> str:
        return os.path.join(self.directory, ".finished-" + target)

    def _read(self, target: str) -> str | None:
        try:
            with open(self._stamp(target), encoding="ascii") as stream:
                return stream.read()
        except (OSError, ValueError):
            return None

    def _write(self, target: str) -> None:
        unfinished = self._stamp(target) + ".new"
        with open(unfinished, "w", encoding="ascii") as stream:
            stream.write(digest())
        os.replace(unfinished, self._stamp(target))

    def _create(self) -> None:
        self._remove()
        if not has_venv_module() and not self._install_venv_module():
            raise SetupError(
                f"{sys.executable} has no venv module, which Debian keeps in a package of its own; install it with:\n"
                f"    sudo apt-get install {venv_package()}"
            )
        made = subprocess.run(
            [sys.executable, "-I", "-m", "venv", self.directory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )
        if made.returncode:
            self._remove()
            raise SetupError(f"{self.directory} could not be made: {made.stdout.strip()}")

    def _remove(self) -> None:
        try:
            if os.path.islink(self.directory) or os.path.isfile(self.directory):
                os.unlink(self.directory)
            elif os.path.isdir(self.directory):
                shutil.rmtree(self.directory)
        except OSError as error:
            raise SetupError(f"{self.directory} is not complete and cannot be removed: {error}") from None

    def _install_venv_module(self) -> bool:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            return False
        sys.path.insert(0, ROOT)
        from tests.servers.packages import apt_install  # for Pythons that can run the project

        return apt_install([venv_package()])

    def _pip(self, *arguments: str) -> None:
        command = [self.python, "-I", "-m", "pip", "--quiet", "--no-input", "--disable-pip-version-check"]
        command.extend(arguments)
        # A pip configuration that says "user = true" would make pip refuse.
        command.insert(command.index("install") + 1, "--no-user")
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:
            raise SetupError(
                "pip could not install the required packages; its messages are above. Run make again to retry"
            )


def digest() -> str:
    """Return the fingerprint of the inputs of an environment."""
    parts = [sys.implementation.name, repr(tuple(sys.version_info)), sys.executable, ROOT]
    state = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape"))
    for name in ("pyproject.toml", os.path.join(".ci", "setup.py")):
        with open(os.path.join(ROOT, name), "rb") as stream:
            state.update(stream.read())
    return state.hexdigest()


def has_venv_module() -> bool:
    """Tell whether this Python can make environments. Debian includes ``venv`` but removes ``ensurepip``."""
    return bool(importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"))


def venv_package() -> str:
    """Return the Debian package that completes this interpreter."""
    own = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    return "python3-venv" if os.path.realpath("/usr/bin/python3").endswith(own) else own + "-venv"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        sys.exit(f"setup: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
