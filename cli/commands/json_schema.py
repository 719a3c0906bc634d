"""``json-schema OBJECT``: the JSON Schema of an object, for editors and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from confobjects.reference.jsonschema import object_schema

from ..invocation import Invocation
from ..json_output import dumps
from . import make

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words import Words


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""

    def run(invocation: Invocation, object_: str) -> int:
        relation = invocation.registry.relation(object_.lower())
        invocation.say(dumps(object_schema(relation, invocation.registry)))
        return 0

    help_ = "Print the JSON Schema (2020-12) of an object."
    return make(words, registry, [click.Argument(["object_"], metavar="OBJECT")], run, help_)
