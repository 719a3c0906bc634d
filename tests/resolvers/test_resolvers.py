"""Where values come from: the order of the sources, and each source."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from confobjects.errors import ExpressionError
from confobjects.expressions import Failed, Found, Need, NotFound
from confobjects.expressions.functions import FUNCTIONS
from confobjects.resolvers import ExpressionFiles, FileFunction, Resolvers, read_env_file, variable_of

TOKEN = Need(None, "smtp.password")


def found(answer: Found | NotFound | Failed) -> tuple[tuple[str, ...], str]:
    assert isinstance(answer, Found), answer
    return answer.texts, answer.origin


def failed(answer: Found | NotFound | Failed) -> str:
    assert isinstance(answer, Failed), answer
    return answer.message


def test_the_first_source_that_has_a_token_wins(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for directory, text in ((one, "from one"), (two, "from two")):
        directory.mkdir()
        (directory / "x.json").write_text(json.dumps({"smtp": {"password": text}}))
    everything = Resolvers(
        define={"smtp.password": "defined"},
        environment={"SMTP_PASSWORD": "from the environment"},
        directories=[str(one), str(two)],
    )
    assert found(everything(TOKEN)) == (("defined",), "definition smtp.password")
    everything.define = {}
    assert found(everything(TOKEN)) == (("from the environment",), "environment variable SMTP_PASSWORD")
    everything.environment = {}
    assert found(everything(TOKEN)) == (("from one",), f"expression file {one / 'x.json'}")
    assert found(Resolvers(directories=[str(two), str(one)])(TOKEN))[0] == ("from two",)


def test_what_was_looked_for_is_said(tmp_path: Path) -> None:
    answer = Resolvers(directories=[str(tmp_path)])(TOKEN)
    assert answer == NotFound(
        ("definition smtp.password", "environment variable SMTP_PASSWORD", f"expression files in {tmp_path}")
    )


@pytest.mark.parametrize(("token", "name"), [("a.b", "A_B"), ("a-b.c", "A_B_C"), ("a1", "A1")])
def test_the_variable_of_a_token(token: str, name: str) -> None:
    assert variable_of(token) == name


def test_every_function_that_needs_the_world_is_provided_for() -> None:
    assert set(Resolvers().functions) == {name for name, function in FUNCTIONS.items() if function.compute is None}


def test_env_takes_the_exact_name() -> None:
    resolvers = Resolvers(environment={"Mixed": "x"})
    assert found(resolvers(Need("env", "Mixed"))) == (("x",), "environment variable Mixed")
    assert isinstance(resolvers(Need("env", "MIXED")), NotFound)


@pytest.mark.parametrize(
    ("data", "token", "texts"),
    [
        ('{"a": {"b": "x"}}', "a.b", ("x",)),
        ('{"a.b": "x"}', "a.b", ("x",)),
        ('{"a": 1.10}', "a", ("1.10",)),
        ('{"a": true}', "a", ("true",)),
        ('{"a": ["x", 2, false]}', "a", ("x", "2", "false")),
        ('{"a": []}', "a", ()),
    ],
)
def test_json_files(tmp_path: Path, data: str, token: str, texts: tuple[str, ...]) -> None:
    (tmp_path / "x.json").write_text(data)
    assert found(ExpressionFiles([str(tmp_path)])(token))[0] == texts


@pytest.mark.parametrize(
    ("text", "token", "value"),
    [
        ("a.b=x", "a.b", "x"),
        ("  a.b : x y ", "a.b", "x y "),
        ("a.b x", "a.b", "x"),
        ("a.b", "a.b", ""),
        ("# c\n! d\n\na.b=\\u00e9\\t|", "a.b", "é\t|"),
        ("a.b=one\\\n   two", "a.b", "onetwo"),
        ("a.b=back\\\\slash", "a.b", "back\\slash"),
        ("a\\ b=x", "a b", "x"),
        ("a.b=\\ud83d\\ude00", "a.b", "😀"),
        ("a.b=1\na.b=2", "a.b", "2"),
    ],
)
def test_properties_files(tmp_path: Path, text: str, token: str, value: str) -> None:
    (tmp_path / "x.properties").write_text(text)
    assert found(ExpressionFiles([str(tmp_path)])(token))[0] == (value,)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"x.json": "{"}, "is not JSON"),
        ({"x.json": "[]"}, "does not contain a JSON object"),
        ({"x.json": '{"a": null}'}, "is null or a structure"),
        ({"x.json": '{"a": {"c": 1}}'}, "is an object"),
        ({"x.json": '{"a": 1, "a": 2}'}, 'the key "a" is given twice'),
        ({"x.json": '{"a": 1}', "y.properties": "a=1"}, "is in two files"),
        ({"x.properties": "\n=x"}, "holds a line without a key (line 2, column 1)"),
        (
            {"x.properties": "b=c\\\n  \\u12"},
            "\\u takes four hexadecimal digits; a backslash itself is written \\\\ (line 2, column 3)",
        ),
        ({"x.json": b"\xff"}, "is not UTF-8"),
    ],
)
def test_wrong_files(tmp_path: Path, files: dict[str, str | bytes], words: str) -> None:
    for name, data in files.items():
        (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    assert words in failed(ExpressionFiles([str(tmp_path)])("a"))


def test_subdirectories_and_other_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "x.json").write_text('{"a": 1}')
    (tmp_path / "x.txt").write_text("a=1")
    assert isinstance(ExpressionFiles([str(tmp_path)])("a"), NotFound)


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    assert "cannot be read" in failed(ExpressionFiles([str(tmp_path / "no")])("a"))


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"pin", "pin"), (b"pin\n", "pin"), (b"pin\r\n", "pin"), (b"pin\n\n", "pin\n"), (b" pin ", " pin "), (b"", "")],
)
def test_the_text_of_a_file(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "a.pin").write_bytes(data)
    assert found(FileFunction(str(tmp_path))("a.pin")) == ((text,), "file a.pin")
    assert found(FileFunction(str(tmp_path))(str(tmp_path / "a.pin")))[0] == (text,)


def test_a_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.pin").write_text("first")
    resolvers = Resolvers(instance_directory=str(tmp_path))
    needs = [Need("file", "a.pin"), Need("file", "absent")]
    before = [resolvers(need) for need in needs]
    for name in ("a.pin", "absent"):
        (tmp_path / name).write_text("second")
    assert [resolvers(need) for need in needs] == before


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    function = FileFunction(str(tmp_path))
    assert isinstance(function("absent"), NotFound)
    assert "is a directory" in failed(function("."))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in failed(function("binary"))
    (tmp_path / "large").write_bytes(b"x" * (1024 * 1024 + 1))
    assert "larger than" in failed(function("large"))
    os.symlink("nowhere", tmp_path / "dangling")
    assert "no such file" in failed(function("dangling"))
    assert "NUL" in failed(function("a\0b"))


def test_a_file_of_variables(tmp_path: Path) -> None:
    path = tmp_path / "prod.env"
    path.write_text("# comment\n\nA=1\nexport B='two words'\nC=\"x=y\"\nD=\n")
    assert read_env_file(str(path)) == {"A": "1", "B": "two words", "C": "x=y", "D": ""}
    path.write_text("A=1\nnot a variable\n")
    with pytest.raises(ExpressionError, match=r"prod\.env:2: expected NAME=VALUE"):
        read_env_file(str(path))


@pytest.mark.parametrize("line", ["{0}", "{0} = 1", "A B={0}", "A-B={0}", "export {0}", "={0}", "\n\n: {0}", "\x85{0}"])
def test_a_broken_line_of_a_file_of_variables_is_not_shown(line: str, tmp_path: Path) -> None:
    path = tmp_path / "prod.env"
    path.write_text(line.format("Kanarien-1!x") + "\n")
    with pytest.raises(ExpressionError) as caught:
        read_env_file(str(path))
    (problem,) = caught.value.diagnostics
    assert problem.line is not None
    assert "Kanarien" not in problem.render() + str(problem.as_json()) + repr(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.properties", "={0}"),
        ("a.properties", "a.b={0}\\u00zz"),
        ("a.properties", "a\\u00zz={0}"),
        ("a.json", '{{"a": "{0}'),
        ("a.json", '{{"a": {0}}}'),
        ("a.json", '["{0}"]'),
        ("a.json", '"{0}"'),
        ("a.json", '{{"a": "{0}", "a": "{0}"}}'),
        ("a.json", '{{"a": "{0}\\q"}}'),
        ("a.json", '{{"a": {{"b": "{0}"}}}}'),
        ("a.json", '{{"a": ["{0}", null]}}'),
    ],
)
def test_a_broken_expression_file_is_not_shown(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text.format("Kanarien-1!x"))
    answer = ExpressionFiles([str(tmp_path)])("a")
    assert isinstance(answer, Failed)
    assert "Kanarien" not in answer.message + repr(answer)
