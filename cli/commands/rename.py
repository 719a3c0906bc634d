"""``rename OBJECT --…-name NAME --to NEW``: another name for an object; what refers to it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..invocation import Invocation
from ..performing import Operation, perform
from . import make
from .objects import name_options, names_of

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command; the name options are those of the object it is asked for."""
    kind = next((word.lower() for word in words.rest if word.lower() in registry.relations()), None)
    names = name_options(registry.relations()[kind], registry) if kind is not None else []
    parameters: list[click.Parameter] = [
        click.Argument(["object_"], metavar="OBJECT"),
        *names,
        click.Option(["--to"], metavar="NAME", required=True, help="The new name."),
    ]

    def run(invocation: Invocation, object_: str, to: str, **values: Any) -> int:
        relation = invocation.registry.relation(object_.lower())
        old = names_of(relation, invocation.registry, values)
        operation = Operation("rename", relation.name, old, new_name=to)
        return perform(invocation, operation, f'The {relation.friendly} "{old[-1] if old else ""}" is now "{to}".')

    help_ = "Give an object another name; objects that refer to it are changed with it.\n\nExample: rename mail-server --server-name one --to two"
    return make(words, registry, parameters, run, help_)
