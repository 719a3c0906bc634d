"""The words of the command line stand in the command line: no other room names its options and commands, and none writes
``PROPERTY:VALUE``, the form of a value there.

A remedy names an action (``confobjects/actions.py``), which each face words. The reference is exempt: it describes the
command line; and so are the words that no kind may take.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from confobjects.cli.commands import SPECIAL
from confobjects.cli.words.options import OPTIONS
from confobjects.definitions_loading import load_registry
from tests.architecture.tree import Source, sources

EXEMPT: Final = ("cli", "reference", "web.commands")
RESERVED: Final = {
    "confobjects/definitions/reserved.py",
    "confobjects/web/api/openapi/kinds.py",
    "confobjects/web/api/openapi/links.py",
    "confobjects/web/api/openapi/rows.py",
}
"""Modules that name commands on purpose: one reserves their names, the others name operations."""
_KINDS: Final = load_registry().relations()
"""Kinds of objects, which any room may name. One of them is the name of a command as well."""
COMMANDS: Final = "|".join(sorted(name for name in SPECIAL if "-" in name and name not in _KINDS))
SHORT: Final = "|".join(re.escape(name) for option in OPTIONS for name in option.spellings if len(name) == 2)
OPTION: Final = rf"(?:^|[\s(\"'`])--[A-Za-z]|(?:^|[\s(])(?:{SHORT})(?=[\s,;.)]|$)"
COMMAND: Final = (
    rf"\b(?:set|get|list|create|delete)-(?:[a-z]|$)|(?<![/\w])(?:{COMMANDS})\b|\bconfobjects (?:{'|'.join(SPECIAL)})\b"
)
WORDS: Final = re.compile(f"{OPTION}|{COMMAND}")


def is_exempt(source: Source) -> bool:
    """Whether a module belongs to the command line, or describes it."""
    place = source.module.removeprefix("confobjects.")
    return any(place == one or place.startswith(f"{one}.") for one in EXEMPT)


def words_of_the_command_line(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string below ``tree`` that names an option or a command, docstrings apart."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        if WORDS.search(node.value):
            yield node.lineno, node.value


PROPERTIES: Final = "|".join(map(re.escape, sorted(load_registry().property_names())))
ASSIGNMENT: Final = re.compile(rf"(?<![\w:/&{{-])(?:[a-z][a-z0-9]*(?:-[a-z0-9]+)+|{PROPERTIES}):(?=[^\s/])|\0:[a-z]")
"""A property or another word with a hyphen, or a value that is put in, with a colon and a value right behind it."""


def assignments(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of each string below ``tree`` that gives a value to a property as the command line does.

    ``\\0`` stands for a value that is put in; a constant that is put in counts as the name of a property.
    """
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in docstrings:
            continue
        text = _text_of(node)
        if ASSIGNMENT.search(text):
            yield node.lineno, text  # type: ignore[attr-defined]  # every node with text has a line


def _text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text_of, node.values))
    if isinstance(node, ast.FormattedValue):
        constant = isinstance(node.value, ast.Name) and node.value.id.isupper()
        return "some-property" if constant else "\0"
    return ""


@pytest.mark.parametrize(
    "source",
    [source for source in sources() if not is_exempt(source) and source.path not in RESERVED],
    ids=lambda source: source.path,
)
def test_no_room_below_names_an_option_or_a_command(source: Source) -> None:
    assert list(words_of_the_command_line(source.tree)) == []


@pytest.mark.parametrize(
    "source", [source for source in sources() if not is_exempt(source)], ids=lambda source: source.path
)
def test_no_room_below_gives_a_value_in_the_form_of_the_command_line(source: Source) -> None:
    assert list(assignments(source.tree)) == []


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


@pytest.mark.parametrize(
    "text",
    [
        '"Set use-ssl:true."',
        '"the port speaks TLS from the first byte (use-ssl:true)"',
        '"set enabled:true"',
        '"add smtp-property:mail.smtp.from=x"',
        'f"Correct or remove {PROPERTY}:{name}"',
        'f"Set {used}:false"',
        'f"set trust-store-type:{found}"',
    ],
)
def test_assignments_are_found(text: str) -> None:
    assert list(assignments(ast.parse(f"x = {text}")))


@pytest.mark.parametrize(
    "text",
    [
        '"set use-ssl to true"',
        'f"{host}:{port}"',
        'f"{file}:{line}: {reason}"',
        'f"{name}:{newline}"',
        '"use-ssl: expected a boolean"',
        '"ldif:config.ldif", "memory:", "https://example.com", "xn--a"',
    ],
)
def test_what_is_no_assignment_is_not_found(text: str) -> None:
    assert not list(assignments(ast.parse(f'"""set use-ssl:true"""\nx = {text}')))
