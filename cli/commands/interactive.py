"""No command at a terminal: interactive mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..invocation import Invocation
from . import make

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    return make(words, registry, [], _run, "Configure at a terminal, by menus.")


def _run(invocation: Invocation) -> int:
    from ..equivalents import Recorder  # noqa: PLC0415 - a mistake in the options needs none of it
    from ..interactive.session import Session  # noqa: PLC0415 - as above
    from ..interactive.terminal import Terminal  # noqa: PLC0415 - as above

    recorder = Recorder(invocation, always=True)
    with invocation.open() as context:
        return Session(invocation, context, Terminal(), recorder).run()
