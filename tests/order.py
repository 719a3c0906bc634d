"""Which files of tests begin first: those that take longest, so that no process begins one when the others are done."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).resolve().parent

LONG: Final = (
    "storage/test_canary_in_outputs.py",
    "service/test_commands.py",
    "cli/test_demo_kept.py",
    "docs/test_pages.py",
    "web/browser/test_product_flows.py",
    "web/browser/test_everybody.py",
    "packaging/test_install.py",
    "packaging/test_readme.py",
    "cli/test_followers_running.py",
    "storage/ldap/test_guide.py",
    "storage/ldap/test_fail_over.py",
    "storage/test_sealing.py",
    "cli/test_batch.py",
    "cli/test_output_shapes.py",
    "storage/test_followers.py",
    "packaging/test_setup.py",
    "web/browser/test_screenshots.py",
)
"""Files that take longer than 15 seconds, the longest first."""
_RANKS: Final = {TESTS / name: rank for rank, name in enumerate(LONG)}


def rank(file: Path) -> int:
    """Return the place of a file: those that are not long share the last one."""
    return _RANKS.get(file, len(LONG))


def put_long_files_first(tests: list[pytest.Item]) -> None:
    """Sort the tests that were found by their files: the long ones, then those with most tests. Each file keeps its order."""
    sizes = Counter(test.path for test in tests)
    tests.sort(key=lambda test: (rank(test.path), -sizes[test.path]))
