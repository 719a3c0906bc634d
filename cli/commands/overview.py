"""The command line without a command: help, the list of all commands, the version."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

import confobjects
from confobjects.errors import UsageError

from ..words.names import verbs_of
from ..words.options import OPTIONS
from . import SPECIAL

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation

    from ..words.splitting import Words

_INTRODUCTION = """\
confobjects: configuration objects in a directory or an LDIF file.

usage: confobjects COMMAND [OPTIONS]        options may come before or after the command; long ones ignore case
       confobjects [OPTIONS]                at a terminal: menus
"""


def build(words: Words) -> click.Command:
    """Return the command that prints the version, or help: a page, with --help-all every command."""

    def run() -> int:
        if words.has("--version", "-V"):
            print(f"confobjects {confobjects.__version__}")
            return 0
        registry = words.load_definitions("shown")
        if words.has("--help-all"):
            print(_INTRODUCTION + _format_commands(registry.relations().values()))
            return 0
        tag = next((word for word in words.rest if word.startswith("--help-")), None)
        if tag is not None:
            print(_INTRODUCTION + _format_group(registry, tag.removeprefix("--help-")))
            return 0
        page = _INTRODUCTION + _help_page(registry)
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
    lines.extend(f"  {name:<20} {row.summary}" for name, row in sorted(SPECIAL.items()))
    return "\n".join(lines)


def _help_page(registry: Registry) -> str:
    lines = ["\nObjects, each with create-X, list-Xs, get-X-prop, set-X-prop, delete-X:"]
    for name, relation in sorted(registry.relations().items()):
        definition = registry.definition(relation.target)
        if not (relation.hidden or definition.advanced):
            lines.append(f"  {name:<28} {definition.synopsis}")
    lines.append("\nOther commands:")
    lines.extend(f"  {name:<28} {row.summary}" for name, row in sorted(SPECIAL.items()))
    groups = ", ".join(f"--help-{tag}" for tag in sorted(registry.tags()))
    lines.append(f"\n  --help-all lists every command; by subject: {groups}; COMMAND --help explains one.")
    for group in dict.fromkeys(option.group for option in OPTIONS):
        shown = [option for option in OPTIONS if option.group == group and option.help]
        if shown:
            lines.append(f"\n{group}:")
        for option in shown:
            left = ", ".join(option.usual_spellings) + (f" {option.value}" if option.value else "")
            lines.append(f"  {left:<38} {option.help}" if len(left) < 38 else f"  {left}\n{'':41}{option.help}")
    return "\n".join(lines)
