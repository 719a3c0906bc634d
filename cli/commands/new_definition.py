"""``new-definition NAME``: a file to start from, for whoever writes a definition."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ObjectExistsError, UsageError

from ..command import make_command
from ..invocation import Invocation
from ..words.quoting import quote_word

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Write a definition to start from into NAME.json: it is correct as it is, and comments say what its parts are for.

Change it, then judge it with definitions check, and install it with definitions install. Editors complete and check the file
with the schema that json-schema --meta-schema prints."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["name"], metavar="NAME"),
        click.Option(["--output-file"], metavar="PATH", help="Another file than NAME.json; - prints the definition."),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, name: str, output_file: str | None) -> int:
    from confobjects.reference.starting import write_starting_definition

    _check_name(name, invocation.registry)
    text = write_starting_definition(name)
    if output_file == "-":
        invocation.say(text, exact=True)
        return 0
    path = output_file or f"{name}.json"
    if os.path.lexists(path):
        summary = "there is such a file already"
        raise ObjectExistsError(
            Diagnostic("object-exists", summary, origin=path, remedy="choose another one (--output-file)")
        )
    if not invocation.dry_run:
        from confobjects.storage.files import translate_errors

        with translate_errors("write the file", path), open(path, "x", encoding="utf-8") as file:
            file.write(text)
    invocation.note(f"{path}: change it, then: confobjects definitions check {quote_word(path)}")
    return 0


def _check_name(name: str, registry: Registry) -> None:
    from confobjects.definitions.reserved import RESERVED_NAMES
    from confobjects.definitions.reviewing import is_name

    if not is_name(name):
        remedy = "a name is made of lower-case letters, digits and single hyphens, a letter first"
        raise UsageError(
            Diagnostic("usage", f'"{name}" cannot be the name of a definition', argument=name, remedy=remedy)
        )
    if name in RESERVED_NAMES or name in registry:
        why = "it is reserved" if name in RESERVED_NAMES else "there is one already"
        remedy = "choose another name"
        raise UsageError(
            Diagnostic("usage", f'"{name}" cannot be the name of a new definition: {why}', argument=name, remedy=remedy)
        )
