"""``family``: the definitions of another product's servers, kept for whoever manages one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import DefinitionError, UsageError

from ..command import make_command
from ..invocation import Invocation
from ..output.progress import show_progress

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.families import Family

    from ..words.splitting import Words

_HELP = """Manage families of definitions: all objects of another product's servers, which confobjects then manages.

\b
family add opendj PATH  make one from an installed OpenDJ server, or from a
                        folder with the XML files of its definitions
family list             show which families are installed
family remove NAME      remove one

A family is named by product and version, and takes the place of the definitions of confobjects itself. --family NAME or the
variable CONFOBJECTS_FAMILY chooses it. Without a choice, a server whose own configuration is managed chooses the family of its
version. To read the jars of an installed server takes a JDK, 11 or later."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Argument(["what"], metavar="add|list|remove", type=click.Choice(sorted(_ACTIONS))),
        click.Argument(["names"], metavar="[PRODUCT PATH|NAME]", nargs=-1),
        click.Option(
            ["--product-version"], metavar="VERSION", help="With add: the version, if XML files do not say it."
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, names: Sequence[str], product_version: str | None) -> int:
    count, missing = _COUNTS[what]
    if len(names) != count:
        raise click.UsageError(missing)
    if product_version and what != "add":
        raise click.UsageError("--product-version belongs to family add")
    return _ACTIONS[what](invocation, names, product_version or "")


def _add(invocation: Invocation, names: Sequence[str], version: str) -> int:
    from confobjects.definitions_loading import load_registry
    from confobjects.families import write_family
    from confobjects.families.adding import make_opendj_family
    from confobjects.families.vendors import OPENDJ

    product, path = names
    if product != OPENDJ:
        remedy = suggest_name(product, [OPENDJ]) or f"known: {OPENDJ}"
        raise UsageError(Diagnostic("usage", f'there are no families of "{product}"', argument=product, remedy=remedy))
    with show_progress(invocation, f"reading the definitions of {path}"):
        family = make_opendj_family(path, version, os.environ)
    if not invocation.dry_run:
        where = write_family(family, os.environ)
        _ = load_registry(family=family.name).documents  # they are checked now, and not by the first command
        invocation.note(f"{where}: use it with --family {family.name}")
    return _tell(invocation, [family])


def _list(invocation: Invocation, _names: Sequence[str], _version: str) -> int:
    from confobjects.families import list_families

    found: list[Family] = []
    problems: list[Diagnostic] = []
    for one in list_families(os.environ):
        if isinstance(one, Exception):
            problems.extend(one.diagnostics)
        else:
            found.append(one)
    _tell(invocation, found, "No family is installed.")
    if problems:
        raise DefinitionError(problems)
    return 0


def _remove(invocation: Invocation, names: Sequence[str], _version: str) -> int:
    from confobjects.families import find_family_path, remove_family

    find_family_path(names[0], os.environ)
    if not invocation.dry_run:
        remove_family(names[0], os.environ)
    invocation.tell_success(f"removed: {names[0]}")
    return 0


def _tell(invocation: Invocation, families: Sequence[Family], none: str = "") -> int:
    rows = [(one.name, one.product, one.version, str(one.count), one.source) for one in families]
    if invocation.form == "json":
        from ..output.json import dumps

        keys = ("name", "product", "version", "objects", "source", "digest")
        facts = [(*row[:3], int(row[3]), row[4], one.digest) for row, one in zip(rows, families, strict=True)]
        invocation.say(dumps({"families": [dict(zip(keys, fact, strict=True)) for fact in facts]}))
    elif invocation.form == "script":
        from ..output.script import format_lines

        invocation.say(format_lines(rows))
    elif not invocation.quiet:
        from ..output.table import format_table

        heading = ("Family", "Product", "Version", "Objects", "Made from")
        invocation.say(format_table(heading, rows) if rows else none)
    return 0


_Action = Callable[[Invocation, Sequence[str], str], int]
_ACTIONS: Final[dict[str, _Action]] = {"add": _add, "list": _list, "remove": _remove}
_COUNTS: Final[dict[str, tuple[int, Any]]] = {
    "add": (2, "name the product and a path: family add opendj PATH"),
    "list": (0, "list takes no name"),
    "remove": (1, "name one family: family remove NAME"),
}
