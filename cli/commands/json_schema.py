"""``json-schema OBJECT``: the JSON Schema of an object, of a whole document, or of what a command prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError, UsageError
from confobjects.reference.jsonschema import document_schema, object_schema

from ..command import make_command
from ..invocation import Invocation
from ..output.json import dumps

if TYPE_CHECKING:
    from confobjects.definitions import Registry

    from ..words.splitting import Words

_HELP = """Print a JSON Schema (2020-12): of an object; with --document, of what export prints and apply reads; with
--shape, of what commands print with --output json; with --meta-schema, of definitions."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["object_"], metavar="[OBJECT]", required=False),
        click.Option(["--document"], is_flag=True, help="The schema of a document of a whole configuration."),
        click.Option(["--meta-schema"], is_flag=True, help="The schema of definitions, for editors."),
        click.Option(["--shape"], metavar="NAME", help="The schema of an output shape: get, list, change, error, …"),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, object_: str | None, document: bool, shape: str | None, meta_schema: bool) -> int:
    if sum((object_ is not None, document, shape is not None, meta_schema)) != 1:
        remedy = "json-schema OBJECT, json-schema --document, json-schema --shape NAME, or json-schema --meta-schema"
        raise UsageError(Diagnostic("usage", "name the schema to print", remedy=remedy))
    if meta_schema:
        from confobjects.definitions.metaschema import build_metaschema

        schema = build_metaschema()
    elif document:
        schema = document_schema(invocation.registry)
    elif shape is not None:
        schema = _find_shape(shape.lower())
    else:
        schema = object_schema(invocation.registry.relation(str(object_).lower()), invocation.registry)
    invocation.say(dumps(schema))
    return 0


def _find_shape(name: str) -> dict[str, Any]:
    from confobjects.reference.outputs import schemas

    known = schemas()
    if name not in known:
        remedy = suggest_name(name, known) or f"known: {', '.join(known)}"
        raise UnknownNameError(Diagnostic("unknown-name", f'there is no output shape "{name}"', remedy=remedy))
    return known[name]
