"""``init``: create the base and the branches of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects.management.documents.copying import find_exposed, find_risks, initialise
from confobjects.texts.visible import make_visible

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Create the base and the branches of a configuration, unless they exist.

On a directory it also warns if a secret can be read without logging in, or if the server may lose changes."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    return make_command(words, registry, [], _run, _HELP)


def _run(invocation: Invocation) -> int:
    with invocation.open() as context:
        made = initialise(context.site, dry_run=invocation.dry_run)
        if made and not invocation.dry_run:
            invocation.remember_change()
        found = [*find_exposed(context.site), *find_risks(context.site)]
    if invocation.form == "json":
        from ..output.json import dumps
        from ..words.actions import as_json

        entries = [str(dn) for dn in made]
        warnings = [as_json(warning) for warning in found]
        invocation.say(dumps({"changed": bool(made), "entries": entries, "warnings": warnings}))
        return 0
    invocation.warn(found)
    if not invocation.quiet:
        verb = "would be created" if invocation.dry_run else "created"
        lines = [f'the entry "{dn}" {"was " if verb == "created" else ""}{verb}' for dn in made]
        invocation.say("\n".join(map(make_visible, lines)) or "everything exists already")
    return 0
