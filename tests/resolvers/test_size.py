"""What is read from a path has a limit. What the work on it costs is measured in ``tests/laws/test_bounded_work.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.expressions import Failed
from confobjects.inputs import read_any, read_regular
from confobjects.resolvers import ExpressionFiles


@pytest.mark.parametrize("depth", [33, 900])
@pytest.mark.parametrize(("start", "end"), [('{"a":', "}"), ("[", "]")])
def test_a_file_that_is_nested_too_deeply_is_an_error(tmp_path: Path, depth: int, start: str, end: str) -> None:
    (tmp_path / "x.json").write_text(start * depth + "1" + end * depth)
    assert isinstance(ExpressionFiles([str(tmp_path)])("a"), Failed)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"x" * 10)
    assert read_regular(str(path), 10)[0] == b"x" * 10
    with pytest.raises(OSError, match="larger than 9 bytes"):
        read_regular(str(path), 9)
    with pytest.raises(OSError, match="larger than 100 bytes"):
        read_any("/dev/zero", 100)
