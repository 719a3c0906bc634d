"""The long files of tests begin first, in a run of one process and in one of many."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.order import LONG, TESTS, rank


@pytest.mark.parametrize("name", LONG)
def test_a_long_file_exists(name: str) -> None:
    assert (TESTS / name).is_file()


def test_no_file_is_named_twice() -> None:
    assert len(set(LONG)) == len(LONG)


def test_this_run_has_the_order(request: pytest.FixtureRequest) -> None:
    files = list(dict.fromkeys(test.path for test in request.session.items))
    assert [rank(file) for file in files] == sorted(map(rank, files))
    sizes = Counter(test.path for test in request.session.items)
    others = [sizes[file] for file in files if rank(file) == len(LONG)]
    assert others == sorted(others, reverse=True)


def test_the_processes_of_a_run_keep_the_order(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getoption("loadscopereorder") is False
