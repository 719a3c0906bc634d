"""Interactive mode, which starts at a terminal if there is no command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    return make_command(words, registry, [], _run, "Configure at a terminal, with menus.")


def _run(invocation: Invocation) -> int:
    from ..interactive.menus import Menus
    from ..interactive.session import InteractiveSession
    from ..interactive.terminal import Terminal
    from ..output.equivalents import Recorder

    recorder = Recorder(invocation, always=True)
    with invocation.open() as context:
        return Menus(InteractiveSession(invocation, context, Terminal(), recorder)).run()
