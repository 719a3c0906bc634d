"""``rename OBJECT --…-name NAME --to NEW``: rename an object and update the references to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..command import make_command
from ..invocation import Invocation
from ..needed import NeededOption
from ..performing import Operation, perform
from ..words.names import name_options, take_names

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command; the name options are those of the object it is asked for."""
    relations = registry.relations()
    kind = next((word.lower() for word in words.rest if word.lower() in relations), None)
    # Without a known object every option is accepted and none is needed, so that the unknown object is what is reported.
    # Objects of several kinds may be named by the same option.
    kinds = relations if kind is None else (kind,)
    names = {option.opts[0]: option for one in kinds for option in name_options(relations[one], registry)}
    if kind is None:
        names = {spelling: click.Option([*option.opts, option.name], hidden=True) for spelling, option in names.items()}
    parameters: list[click.Parameter] = [
        click.Argument(["object_"], metavar="OBJECT"),
        *names.values(),
        NeededOption(["--to"], metavar="NAME", help="The new name."),
    ]

    def run(invocation: Invocation, object_: str, to: str, **values: Any) -> int:
        relation = invocation.registry.relation(object_.lower())
        old = take_names(relation, invocation.registry, values)
        operation = Operation("rename", relation.name, old, new_name=to)
        return perform(invocation, operation, f'The {relation.friendly} "{old[-1] if old else ""}" is now "{to}".')

    help_ = (
        "Rename an object; the references to it are updated.\n\nExample: rename mail-server --server-name one --to two"
    )
    return make_command(words, registry, parameters, run, help_)
