"""What every test may rely on: the same world on every machine.

No test sees the developer's own configuration, and Hypothesis looks for the same examples in every run of CI.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.order import put_long_files_first
from tests.servers import packages

ROOT = Path(__file__).resolve().parent.parent

pytest_plugins = ["tests.servers.fixtures"]

# No deadline: a test never judges by the clock, and a loaded machine is no bug.
settings.register_profile("developer", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("developer"), derandomize=True, database=None)
# Mutation testing asks only whether a test fails: looking for the smallest example would take most of its time.
settings.register_profile("mutants", parent=settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate])
settings.load_profile("ci" if os.environ.get("CI") else "developer")

# A run that was started in the background ignores what a terminal sends, and so would every process it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Where nothing may be compiled once and for all, each process that a test starts compiles all modules, and each run of pytest
# all tests, which takes a third of a minute.
sys.dont_write_bytecode = False

# The tests' own definitions name functions of these modules; some modules load the definitions when they are imported.
os.environ["CONFOBJECTS_ALLOW_CODE"] = "module:tests.definitions.functions,module:tests.objects.probes"

FOREIGN = ("CONFOBJECTS_", "SMTP_", "MAIL_", "XDG_")
"""Variables that begin so would change what the library or the command line finds."""


@pytest.fixture(scope="session", autouse=True)
def _same_world_everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    keep = {"CONFOBJECTS_REQUIRE_SERVERS", "CONFOBJECTS_INSTALL_SERVERS", "CONFOBJECTS_ALLOW_CODE"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) and name not in keep:
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        # Nobody needs what a test has written after a power failure. Tests of the command line waited for the disk for half of their time.
        patch.setattr(os, "fsync", os.fstat)

        for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
            patch.delenv(name, raising=False)
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Let a server that is installed for a test be told of in the terminal."""
    capture = config.pluginmanager.getplugin("capturemanager")
    packages.in_view = getattr(capture, "global_and_fixture_disabled", packages.in_view)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long files begin first."""
    put_long_files_first(items)


def pytest_collection_finish() -> None:
    """Leave the tests that were found alone: looking for garbage among 20,000 of them takes a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def checkout() -> Path:
    """Return the directory that holds ``pyproject.toml``."""
    return ROOT
