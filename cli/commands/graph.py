"""``graph``: objects and their references as a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import NoSuchObjectError, UsageError
from confobjects.management.graphing import build_graph
from confobjects.management.world import describe_absence
from confobjects.reference.graph import Graph, as_dot, as_mermaid

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.paths import ManagedObjectPath

    from ..words.splitting import Words

_HELP = """Print the objects and their references as a graph: for Graphviz, for Mermaid, or as an SVG image.

OBJECT is a kind (mail-server) or a path (/mail-server/one): those objects, what they need, and what uses them.
Disabled objects and references to missing objects look different."""


def _draw_svg(found: Graph) -> str:
    from confobjects.reference.graph_svg import as_svg

    return as_svg(found)


_FORMATS: Final[dict[str, Callable[[Graph], str]]] = {"dot": as_dot, "mermaid": as_mermaid, "svg": _draw_svg}


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["objects"], metavar="[OBJECT…]", nargs=-1),
        click.Option(
            ["--format", "format_"],
            type=click.Choice(list(_FORMATS)),
            default="dot",
            metavar="|".join(_FORMATS),
            help="The form; the default is dot.",
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, objects: Sequence[str], format_: str) -> int:
    kinds = [invocation.registry.relation(word.lower()).name for word in objects if "/" not in word]
    paths = [_parse_path(invocation.registry, word) for word in objects if "/" in word]
    with invocation.open() as context:
        world = context.world()
        for path in paths:
            if world.find(path) is None:
                raise NoSuchObjectError(describe_absence(invocation.registry, world, path))
        found = build_graph(context.site, kinds, paths)
        invocation.warn(context.storage.warnings)
    invocation.say(_FORMATS[format_](found))
    return 0


def _parse_path(registry: Registry, text: str) -> ManagedObjectPath:
    try:
        return registry.parse_path(text)
    except ValueError as error:
        raise UsageError(Diagnostic("usage", str(error), remedy='for example "/mail-server/one"')) from None
