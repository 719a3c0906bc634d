"""The words of the command line stand in the command line: no other room names its options and commands.

A remedy names an action (``confobjects/actions.py``), which each face words. The reference is exempt: it describes the
command line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from confobjects.cli.commands import SPECIAL
from confobjects.cli.words.options import OPTIONS
from tests.architecture.tree import Source, sources

EXEMPT: Final = {"cli", "reference"}
COMMANDS: Final = "|".join(sorted(name for name in SPECIAL if "-" in name))
SHORT: Final = "|".join(re.escape(name) for option in OPTIONS for name in option.spellings if len(name) == 2)
OPTION: Final = rf"(?:^|[\s(\"'`])--[A-Za-z]|(?:^|[\s(])(?:{SHORT})(?=[\s,;.)]|$)"
COMMAND: Final = (
    rf"\b(?:set|get|list|create|delete)-(?:[a-z]|$)|(?<![/\w])(?:{COMMANDS})\b|\bconfobjects (?:{'|'.join(SPECIAL)})\b"
)
WORDS: Final = re.compile(f"{OPTION}|{COMMAND}")


def words_of_the_command_line(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string below ``tree`` that names an option or a command, docstrings apart."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        if WORDS.search(node.value):
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "source", [source for source in sources() if source.room not in EXEMPT], ids=lambda source: source.path
)
def test_no_room_below_names_an_option_or_a_command(source: Source) -> None:
    assert list(words_of_the_command_line(source.tree)) == []


@pytest.mark.parametrize(
    "text",
    [
        '"set another value: --set port:25"',
        '"--allowClearPassword sends it"',
        '"give more time (--connectTimeout)"',
        '"log in as a user with the rights (-D)"',
        '"give it in a file (-j FILE)"',
        '"leave out -q"',
        'f"change it with set-{kind}-prop"',
        '"create-queue makes one"',
        '"load what ldap-schema prints"',
        '"the first change makes it, as does `confobjects init`"',
    ],
)
def test_words_of_the_command_line_are_found(text: str) -> None:
    assert list(words_of_the_command_line(ast.parse(f"x = {text}")))


@pytest.mark.parametrize(
    "text",
    [
        '"| --- | --- |"',
        '"a-b"',
        '"set use-ssl to false"',
        '"xn--"',
        '"reset-all"',
        '"-"',
        '"give-base"',
        '"offset-x", "https://json-schema.org/"',
    ],
)
def test_other_words_are_none(text: str) -> None:
    assert not list(words_of_the_command_line(ast.parse(f'"""--set of a docstring"""\nx = {text}')))
