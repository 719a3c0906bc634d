"""Which files of tests begin first: those that take longest, so that no process begins one when the others are done."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).resolve().parent

LONG: Final = (
    "storage/test_canary_in_outputs.py",
    "service/test_guide.py",
    "cli/test_output_shapes.py",
    "cli/test_followers_running.py",
    "storage/test_followers.py",
    "cli/test_batch.py",
    "service/test_commands.py",
    "storage/test_sealing.py",
    "storage/ldap/test_fail_over.py",
    "packaging/test_setup.py",
)
"""Files that take longer than 20 seconds, the longest first."""
_RANKS: Final = {TESTS / name: rank for rank, name in enumerate(LONG)}


def rank(file: Path) -> int:
    """Return the place of a file: those that are not long share the last one."""
    return _RANKS.get(file, len(LONG))


def put_long_files_first(tests: list[pytest.Item]) -> None:
    """Sort the tests that were found by their files. The tests of one file keep their order, and so do files that are not long."""
    tests.sort(key=lambda test: rank(test.path))
