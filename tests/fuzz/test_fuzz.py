"""Whatever is read, only our own errors come of it, and the work stays in proportion to its size.

``make test`` tries a few inputs for each target, ``make fuzz`` many. Work is counted in executed lines of Python, never by the clock;
an input that takes too many is stopped and reported, so that a loop without an end fails, too.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zlib
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.storage.ldap import plans
from tests.fuzz.targets import NOTE, TARGETS, Target

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
STEPS = 100_000
"""Lines for an input of no size."""
STEPS_PER_BYTE = 600


class TooManyStepsError(BaseException):
    """An input took more lines than its size allows. No reader may catch it."""


def count_steps(work: Callable[[], Any], most: int) -> int:
    """Return how many lines of this project a call executes. Raises :class:`TooManyStepsError` beyond ``most``."""
    steps = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        if event == "call":
            return trace if "confobjects" in frame.f_code.co_filename or "/cli/" in frame.f_code.co_filename else None
        steps += 1
        if steps > most:
            raise TooManyStepsError(steps)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return steps


def try_input(target: Target, data: bytes) -> int:
    """Read an input and return the steps; any error that is none of the target's own comes out."""

    def work() -> None:
        with contextlib.suppress(*target.errors):
            target.read(data)

    return count_steps(work, STEPS + STEPS_PER_BYTE * len(data))


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Samples with parts cut out, doubled and replaced by what means something to the reader, and any bytes."""
    piece = st.sampled_from([*target.pieces, *target.samples]) | st.binary(max_size=6)

    @st.composite
    def mutated(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(target.samples))
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(data)))
            end = draw(st.integers(start, min(len(data), start + 20)))
            data = data[:start] + draw(piece) * draw(st.sampled_from([1, 1, 1, 2, 40])) + data[end:]
        return data

    return mutated() | st.lists(piece, max_size=12).map(b"".join)


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    found = TARGETS[request.param]
    for sample in found.samples:  # what is read once, such as the definitions, is not counted
        with contextlib.suppress(*found.errors):
            found.read(sample)
    return found


def test_only_own_errors_and_work_in_proportion(target: Target) -> None:
    @settings(max_examples=EXAMPLES)
    @given(inputs(target))
    def check(data: bytes) -> None:
        try_input(target, data)

    check()


def test_twice_the_input_is_about_twice_the_work(target: Target) -> None:
    for piece in (*target.pieces, *target.samples):
        once, twice = (try_input(target, piece * number) for number in (60, 120))
        assert twice <= 3 * once + 2000, (piece, once, twice)


FOUND: list[tuple[str, bytes]] = [
    ("notes", NOTE.replace("[1]", "[1e999]").encode()),
    ("notes", b"[" * 100_000),
    ("plans", b'["modify", 1e999, "cn=x"]'),
    ("plans", b'["modify", 1, 5]'),
    ("plans", b'["rename", 1, "cn=x", {}]'),
    ("plans", b"[" * 100_000),
    ("plans", b'[[{"modify":5,"steps":[]},null]]'),
    ("plans", b"[[5,null]]"),
    ("plans", b'[[{"delete":"cn=x"},{"dn":"cn=x","attributes":[]}]]'),
]
"""Inputs that once caused an error which was none of the reader's own."""


@pytest.mark.parametrize(("name", "data"), FOUND, ids=lambda value: str(value[:40]))
def test_what_was_found_stays_mended(name: str, data: bytes) -> None:
    try_input(TARGETS[name], data)


def test_a_small_value_does_not_unpack_to_a_huge_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "MOST_UNPACKED", 1 << 20)
    packed = b"0000z" + zlib.compress(b"[]" + b" " * (1 << 21))
    assert len(packed) < 5000
    with pytest.raises(ValueError, match="too long"):
        plans.unpack_text([packed])
    text = "[]" + " " * 5000
    assert plans.unpack_text(plans.pack_text(text)) == text


def test_a_loop_without_an_end_is_found() -> None:
    def loop() -> None:
        from confobjects.dn import DN

        while True:
            DN.parse("cn=x")

    with pytest.raises(TooManyStepsError):
        count_steps(loop, 10_000)
