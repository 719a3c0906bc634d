"""The command line without a command: help, the list of all commands, the version."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import click

import confobjects
from confobjects.errors import UsageError
from confobjects.texts.visible import make_block_visible

from ..words.names import verbs_of
from ..words.options import OPTIONS, Option
from . import SPECIAL

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

    from ..words.splitting import Words

_INTRODUCTION = """\
confobjects: configuration objects in a directory or an LDIF file.

usage: confobjects COMMAND [OPTIONS]
       confobjects [OPTIONS]          at a terminal: menus

Options may come before or after the command; long ones ignore case.
"""
_WIDEST: Final = 100
"""Columns of a page on a terminal that has more, as in the help of a command."""


def build(words: Words) -> click.Command:
    """Return the command that prints the version, or help: a page, with --help-all every command."""

    def run() -> int:
        if words.has("--version", "-V"):
            print(f"confobjects {confobjects.__version__}")
            return 0
        registry = words.load_definitions("shown")
        if words.has("--help-all"):
            print(make_block_visible(_INTRODUCTION + _format_commands(registry.relations().values())))
            return 0
        tag = next((word for word in words.rest if word.startswith("--help-")), None)
        if tag is not None:
            print(make_block_visible(_INTRODUCTION + _format_group(registry, tag.removeprefix("--help-"))))
            return 0
        page = make_block_visible(_INTRODUCTION + _help_page(registry))
        if words.has("--help", "-H", "-?"):
            print(page)
            return 0
        print(page, file=sys.stderr)
        if "-h" in words.rest:
            print("\n-h is the host name, as in dsconfig; for help use --help", file=sys.stderr)
        return 2

    # Without a command there is nothing to check the words against.
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command("confobjects", callback=run, context_settings=anything, add_help_option=False)


def _format_group(registry: Registry, tag: str) -> str:
    tags = registry.tags()
    if tag not in tags:
        raise UsageError(f'there is no command group "{tag}"; the groups are: {", ".join(sorted(tags))}')
    relations = [r for r in registry.relations().values() if tag in registry.definition(r.target).tags]
    return f"\n{tags[tag]}\n{_format_commands(relations)}"


def _format_commands(relations: Iterable[Relation]) -> str:
    lines = []
    for relation in sorted(relations, key=lambda r: r.name):
        if not relation.hidden:
            lines.append(f"\n{relation.friendly_plural}")
            lines.extend(f"  {name}" for name in verbs_of(relation).values())
    lines.append("\nOther commands")
    lines.extend(_align(((name, row.summary) for name, row in sorted(SPECIAL.items())), left=28))
    return "\n".join(lines)


def _help_page(registry: Registry) -> str:
    kinds = [
        (name, registry.definition(relation.target).synopsis)
        for name, relation in sorted(registry.relations().items())
        if not (relation.hidden or registry.definition(relation.target).advanced)
    ]
    groups = ", ".join(f"--help-{tag}" for tag in sorted(registry.tags()))
    lines = [
        "\nObjects, each with create-X, list-Xs, get-X-prop, set-X-prop, delete-X:",
        *_align(kinds, left=28),
        "\nOther commands:",
        *_align(((name, row.summary) for name, row in sorted(SPECIAL.items())), left=28),
        f"\n  COMMAND --help explains a command, --help-all lists them all.\n  By subject: {groups}.",
    ]
    for group in dict.fromkeys(option.group for option in OPTIONS):
        shown = [option for option in OPTIONS if option.group == group and option.help]
        if shown:
            lines += [f"\n{group}:", *_align(map(_explain_option, shown), left=36)]
    return "\n".join(lines)


def _explain_option(option: Option) -> tuple[str, str]:
    return " ".join(filter(None, (", ".join(option.usual_spellings), option.value))), option.help


def _align(rows: Iterable[tuple[str, str]], *, left: int) -> Iterator[str]:
    """Yield rows in two columns: the left one that wide, the right one wrapped, below the left text if that is wider."""
    room = min(shutil.get_terminal_size().columns, _WIDEST) - left - 4
    for name, text in rows:
        first, *more = textwrap.wrap(text, max(20, room)) or [""]
        fits = len(name) <= left
        yield f"  {name:<{left}} {first}" if fits else f"  {name}"
        yield from (f"{'':{left + 3}}{line}" for line in (more if fits else (first, *more)))
