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
from . import GROUPS, SPECIAL

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

    from ..words.splitting import Words

_INTRODUCTION: Final = """\
confobjects: configuration objects in a directory or an LDIF file.

usage: confobjects COMMAND [OPTIONS]
       confobjects [OPTIONS]          at a terminal: menus

Options may come before or after the command; long ones ignore case.
"""
_FOOT: Final = """\
Where: --url ldif:PATH, --url ldap://HOST:PORT/BASE, or $CONFOBJECTS_URL

help COMMAND explains a command, --help-all shows everything, with all options.\
"""
_WIDEST: Final = 100
"""Columns of a page on a terminal that has more, as in the help of a command."""


def build(words: Words) -> click.Command:
    """Return the command that prints the version, or help: a screen, with --help-all everything."""

    def run() -> int:
        if words.has("--version", "-V"):
            print(f"confobjects {confobjects.__version__}")
            return 0
        registry = words.load_definitions("shown")
        if words.has("--help-all"):
            print(make_block_visible(_INTRODUCTION + _format_everything(registry)))
            return 0
        tag = next((word for word in words.rest if word.startswith("--help-")), None)
        if tag is not None:
            print(make_block_visible(_INTRODUCTION + _format_group(registry, tag.removeprefix("--help-"))))
            return 0
        page = make_block_visible(_format_screen(registry))
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


# -- one screen --------------------------------------------------------------------------------------------------


def _format_screen(registry: Registry) -> str:
    """Return the names of all objects and commands, and how to go on."""
    kinds = ", ".join(name for name, _ in _list_kinds(registry))
    lines = [
        *_wrap_lines("confobjects COMMAND [OPTIONS]; at a terminal, without COMMAND: menus"),
        "",
        *_wrap_lines("Objects, each with list-Xs, get-X-prop, create-X, set-X-prop, delete-X:"),
        *_fill(kinds),
        "",
        *(line for heading, rows in _by_group().items() for line in _align([(f"{heading}:", ", ".join(rows))], left=9)),
        "",
        *_wrap_lines(_FOOT),
    ]
    return "\n".join(lines)


def _fill(text: str) -> list[str]:
    """Return a text in indented lines; names are not broken."""
    return textwrap.wrap(
        text, _width(), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False, break_long_words=False
    )


def _wrap_lines(text: str) -> Iterator[str]:
    """Yield the lines of a text, each wrapped at blanks."""
    for line in text.split("\n"):
        yield from textwrap.wrap(line, _width(), break_on_hyphens=False, break_long_words=False) or [""]


def _by_group() -> dict[str, dict[str, str]]:
    """Return the commands that are not verbs of objects, each with its line, by heading."""
    return {heading: {name: row.summary for name, row in SPECIAL.items() if row.group == heading} for heading in GROUPS}


def _list_kinds(registry: Registry) -> list[tuple[str, str]]:
    """Return the objects that are shown without --advanced, each with its synopsis."""
    return [
        (name, registry.definition(relation.target).synopsis)
        for name, relation in sorted(registry.relations().items())
        if not (relation.hidden or registry.definition(relation.target).advanced)
    ]


# -- everything ----------------------------------------------------------------------------------------------------


def _format_everything(registry: Registry) -> str:
    """Return all objects and commands with a line for each, the verbs of every object, and all options."""
    groups = ", ".join(f"--help-{tag}" for tag in sorted(registry.tags()))
    lines = [
        "\nObjects, each with create-X, list-Xs, get-X-prop, set-X-prop, delete-X:",
        *_align(_list_kinds(registry), left=28),
        f"\n  By subject: {groups}.",
    ]
    for heading, rows in _by_group().items():
        lines += [f"\n{heading}:", *_align(rows.items(), left=28)]
    for group in dict.fromkeys(option.group for option in OPTIONS):
        shown = [option for option in OPTIONS if option.group == group and option.help]
        if shown:
            lines += [f"\n{group}:", *_align(map(_explain_option, shown), left=36)]
    return "\n".join([*lines, *_format_verbs(registry.relations().values())])


def _format_group(registry: Registry, tag: str) -> str:
    tags = registry.tags()
    if tag not in tags:
        raise UsageError(f'there is no command group "{tag}"; the groups are: {", ".join(sorted(tags))}')
    relations = [r for r in registry.relations().values() if tag in registry.definition(r.target).tags]
    return "\n".join(["", tags[tag], *_format_verbs(relations)])


def _format_verbs(relations: Iterable[Relation]) -> Iterator[str]:
    for relation in sorted(relations, key=lambda r: r.name):
        if not relation.hidden:
            yield f"\n{relation.friendly_plural}:"
            yield from (f"  {name}" for name in verbs_of(relation).values())


def _explain_option(option: Option) -> tuple[str, str]:
    return " ".join(filter(None, (", ".join(option.usual_spellings), option.value))), option.help


def _width() -> int:
    return min(shutil.get_terminal_size().columns, _WIDEST) - 1


def _align(rows: Iterable[tuple[str, str]], *, left: int) -> Iterator[str]:
    """Yield rows in two columns: the left one that wide, the right one wrapped, below the left text if that is wider."""
    room = max(20, _width() - left - 3)
    for name, text in rows:
        first, *more = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
        fits = len(name) <= left
        yield f"  {name:<{left}} {first}" if fits else f"  {name}"
        yield from (f"{'':{left + 3}}{line}" for line in (more if fits else (first, *more)))
