"""Work is bounded by the size of its input: doubling the input about doubles the steps, counted and not timed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from confobjects.expressions import ExpressionSyntaxError, Failed, Found, Need, NotFound, evaluate, parse
from confobjects.inputs import read_any, read_regular
from confobjects.resolvers import ExpressionFiles
from confobjects.tls import der
from confobjects.tls.stores import StoreProblem, read_pkcs12, read_store_file


class Steps:
    """Counts the lines of Python that a call runs."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, frame: Any, event: str, argument: Any) -> Steps:
        del frame, argument
        self.count += event == "line"
        return self

    def of(self, work: Callable[[], object]) -> int:
        before = sys.gettrace()
        sys.settrace(self)
        try:
            work()
        finally:
            sys.settrace(before)
        return self.count


def assert_linear(work: Callable[[int], Callable[[], object]], size: int) -> None:
    once, twice = work(size), work(2 * size)
    work(1)()  # what is imported late is not counted
    assert Steps().of(twice) <= 2.2 * Steps().of(once) + 200


def parsed(text: str) -> Callable[[], object]:
    def work() -> None:
        with suppress(ExpressionSyntaxError):
            parse(text)

    return work


def evaluated(text: str) -> Callable[[], object]:
    template = parse(text)
    return lambda: evaluate(template, lambda _: NotFound(("nowhere",)))


@pytest.mark.parametrize(
    "work",
    [
        lambda n: parsed("&{a.b}" * n),
        lambda n: parsed("&{" * n),
        lambda n: parsed("&{a.b|" + "x" * n + "}"),
        lambda n: evaluated("&{a.b}" * n),
    ],
    ids=["expressions", "openers", "text", "missing values"],
)
def test_twice_the_input_takes_twice_the_steps(work: Callable[[int], Callable[[], object]]) -> None:
    assert_linear(work, 200)


@pytest.mark.parametrize("leaf", [Found(("x",), "leaf"), NotFound(("nowhere",)), Failed("broken")])
def test_expressions_that_double_are_evaluated_once(leaf: Found | NotFound | Failed) -> None:
    asked: list[str] = []

    def provide(need: Need) -> Found | NotFound | Failed:
        asked.append(need.argument)
        level = int(need.argument.removeprefix("level."))
        below = f"&{{level.{level - 1}}}"
        return leaf if level == 0 else Found((below + below,), "source", literal=False)

    result = evaluate(parse("&{level.16}"), provide)
    assert len(asked) <= 2 * 17
    assert result.values == (("x" * 2**16,) if isinstance(leaf, Found) else None)


def test_a_value_that_grows_without_end_is_an_error() -> None:
    def provide(need: Need) -> Found:
        level = int(need.argument.removeprefix("level."))
        below = f"&{{level.{level - 1}}}"
        return Found((below + below,), "source", literal=False) if level else Found(("x" * 1000,), "leaf")

    result = evaluate(parse("&{level.30}"), provide)
    assert result.values is None
    assert "comes to more than" in result.problems[0].message


# -- expression files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [33, 900, 100_000])
@pytest.mark.parametrize(("start", "end"), [('{"a":', "}"), ("[", "]")])
def test_a_file_that_is_nested_too_deeply_is_an_error(tmp_path: Path, depth: int, start: str, end: str) -> None:
    (tmp_path / "x.json").write_text(start * depth + "1" + end * depth)
    assert isinstance(ExpressionFiles([str(tmp_path)])("a"), Failed)


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/dev/zero", "pipe", "."])
def test_a_store_that_is_no_file_is_an_error(tmp_path: Path, path: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"regular file|directory"):
        read_store_file(str(tmp_path / path))


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 10)
    assert read_regular(str(path), 10)[0] == b"x" * 10
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_regular(str(path), 9)
    with pytest.raises(OSError, match="larger than 100 bytes"):
        read_any("/dev/zero", 100)


def encode(tag: int, *parts: bytes) -> bytes:
    """Return an element of DER."""
    content = b"".join(parts)
    return bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content


def test_a_store_with_too_many_rounds_is_refused_before_they_are_made() -> None:
    rounds = encode(der.INTEGER, (2**31 - 1).to_bytes(4, "big"))
    mac = encode(der.SEQUENCE, encode(der.SEQUENCE), encode(der.OCTETS, b"salt"), rounds)
    algorithm = encode(der.SEQUENCE, encode(der.SEQUENCE, encode(der.OCTETS, b"salt"), rounds))
    version = encode(der.INTEGER, b"\x03")
    inner = encode(der.OCTETS, encode(der.SEQUENCE, algorithm))
    for data in (
        encode(der.SEQUENCE, version, encode(der.SEQUENCE), mac),
        encode(der.SEQUENCE, version, encode(der.SEQUENCE, encode(0xA0, inner))),
    ):
        with pytest.raises(StoreProblem, match="rounds"):
            read_pkcs12(data, "x")
