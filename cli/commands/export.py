"""``export``: the whole configuration as a document, as LDIF, or as the commands that create it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from confobjects.definitions.model import HOLDER_KIND
from confobjects.errors import error_for
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.documents.exporting import OmittedSecret, find_omitted, format_ldif, plan_creation
from confobjects.management.strays import find_strays
from confobjects.mapping.documents import write

from ..command import make_command
from ..invocation import Invocation
from ..words.command_line import line_of

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.management import ManagementContext
    from confobjects.management.documents.comparing import States

    from ..words.splitting import Words

_HELP = """Print the whole configuration: as a JSON document (which apply takes), as LDIF, or as commands.

Secrets are left out unless they are expressions. A document names the secrets it leaves out, and apply does not change them."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(
            ["--format", "format_"],
            type=click.Choice(["json", "ldif", "commands"]),
            default="json",
            metavar="json|ldif|commands",
            help="The form; the default is json.",
        ),
        click.Option(
            ["--output-file"], metavar="PATH", help="Write to a file; a new file is readable by its owner only."
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, format_: str, output_file: str | None) -> int:
    with invocation.open() as context:
        world = context.world()
        found = take_snapshot(context.site, world)
        text = _render_text(context, found.objects, format_).rstrip("\n") + "\n"
        strays = find_strays(context.site, world)
        invocation.warn([*context.storage.warnings, *(stray for stray in strays if stray.severity == "warning")])
    problems = [*found.problems, *(stray for stray in strays if stray.severity == "error")]
    missing = find_omitted(found.objects)
    if missing and format_ == "ldif":
        count = f"{len(missing)} secret{'' if len(missing) == 1 else 's'}"
        invocation.note(f"{count} left out: {', '.join(map(_describe_secret, missing))}")
    if output_file is None:
        invocation.say(text, exact=True)
    else:
        _save(text, output_file)
    if problems:
        raise error_for(problems)
    return 0


def _render_text(context: ManagementContext, states: States, format_: str) -> str:
    if format_ == "json":
        return write(states.values(), context.registry)
    if format_ == "ldif":
        return format_ldif(states, context.site.mapper)
    defined = sorted(path.name or "" for path in states if path.relation == HOLDER_KIND)
    states = {path: state for path, state in states.items() if path.relation != HOLDER_KIND}
    lines = [line_of(operation, context.registry, _keep_text) for operation in plan_creation(states, context.registry)]
    absent = [
        f"# left out, because it is a secret: {_describe_secret(secret)}"
        for secret in find_omitted(states, sealed=False)
    ]
    needed = [f"# install its definition first (definitions export, definitions install): {name}" for name in defined]
    return "\n".join(["# for confobjects --batch", *needed, *absent, *lines])


def _keep_text(_prop: PropertyDefinition, text: str) -> str:
    """Secrets other than expressions are removed already."""
    return text


def _describe_secret(secret: OmittedSecret) -> str:
    return f"{secret.property} of {secret.path}"


def _save(text: str, path: str) -> None:
    from confobjects.storage.files import translate_errors
    from confobjects.storage.replacing import Replacement

    target = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):  # a pipe, /dev/stdout
        with translate_errors("write the file", path), open(path, "wb") as file:
            file.write(text.encode())
        return
    with Replacement(target, text.encode()) as replacement:
        replacement.take_place()
