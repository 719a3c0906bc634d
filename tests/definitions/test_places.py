"""Every problem of a definition has its line, its column and a caret below what it is about."""

from __future__ import annotations

import pytest

from confobjects.definitions.checking import check, parse_documents, place_problems
from confobjects.diagnostics import Diagnostic
from tests.definitions.documents import FAMILY, documents
from tests.definitions.test_bad import BAD, CASES


def problems(name: str) -> tuple[dict[str, str], list[Diagnostic]]:
    path = BAD / name
    files = sorted(path.glob("*.json")) if path.is_dir() else [path.with_suffix(".json")]
    texts = {file.name: file.read_text("utf-8") for file in files}
    found, broken = parse_documents(list(texts.items()))
    return texts, place_problems([*broken, *check(found, documents(FAMILY), incomplete=bool(broken))], texts)


@pytest.mark.parametrize("name", CASES)
def test_it_has_its_place(name: str) -> None:
    texts, found = problems(name)
    for problem in found:
        text = texts[problem.origin]
        assert problem.line is not None
        assert problem.column is not None
        line = (text.split("\n") or [""])[problem.line - 1]
        assert 1 <= problem.column <= len(line) + 1
        if line:
            assert problem.span is not None
            start, end = problem.span
            assert 0 <= start < end
            assert problem.excerpt in line
            assert problem.excerpt[start : start + 1] == line[problem.column - 1 : problem.column]


def place(text: str) -> list[str]:
    found, broken = parse_documents([("d.json", text)])
    return "\n".join(p.render() for p in place_problems([*broken, *check(found)], {"d.json": text})).splitlines()


HEAD = '{"name": "bell", "version": 1, "synopsis": "It rings.", "relation": {"parent": "root", "kind": "set", "branch": "cn=B"},'


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f'{HEAD}\n "propertees": {{}}}}', [' "propertees": {}}', " ^^^^^^^^^^^^"]),
        (
            f'{HEAD}\n "properties": {{\n  "a/b~c": {{"synopsis": "x", "syntax": "string"}}}}}}',
            ['  "a/b~c": {"synopsis": "x", "syntax": "string"}}}', "  ^^^^^^^"],
        ),
        (f'{HEAD}\n "hidden": 3}}', [' "hidden": 3}', "           ^"]),
        (f'{HEAD}\n "hidden": true,\n "hidden": {{"hidden": 1}}}}', [' "hidden": {"hidden": 1}}', " ^^^^^^^^"]),
        ("[\n]", ["[", "^"]),
        ('{"a": ' + "9" * 5000 + "}", ['{"a": ' + "9" * 94, " " * 6 + "^" * 94]),
        ('{"a":\n' * 40 + "1" + "}" * 40, ['{"a":', " ^^^"]),
        (f'{HEAD}\n "shown": 3}}', [' "shown": 3}', "          ^"]),
    ],
)
def test_the_caret_is_below_what_is_wrong(text: str, lines: list[str]) -> None:
    shown = place(text)
    carets = [number for number, line in enumerate(shown) if line.strip() and not line.strip().strip("^")]
    assert [line.removeprefix("  ") for line in shown[carets[0] - 1 : carets[0] + 1]] == lines


def test_of_a_long_line_only_the_part_with_the_mistake_is_shown() -> None:
    text = HEAD + " " * 5000 + '"hidden": 3}'
    (head, excerpt, caret, *_) = place(text)
    assert head.startswith(f"d.json:1:{text.index('3}') + 1}, /hidden: ")
    assert len(excerpt) <= 102
    assert excerpt[caret.index("^")] == "3"
