"""What the commands for accounts and tokens share: the file, passwords, and what they print."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects import startup
from confobjects.cli.connection import read_secret
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import NoSuchObjectError, ObjectExistsError, UsageError
from confobjects.web.identity.credentials import ROLES, is_name
from confobjects.web.identity.people_file import PeopleFile, find_people_file

if TYPE_CHECKING:
    from confobjects.cli.invocation import Invocation
    from confobjects.web.people import Role

PEOPLE_FILE_OPTION = "--people-file"


def people_parameters(actions: Iterable[str]) -> list[click.Parameter]:
    """Return the arguments and options that both commands have: which of some actions, and on what name."""
    words = sorted(actions)
    return [
        click.Argument(["what"], metavar="|".join(words), type=click.Choice(words)),
        click.Argument(["name"], metavar="[NAME]", required=False),
        click.Option(["--role"], metavar="ROLE", help=f"What it may do: {', '.join(ROLES[:-1])} or {ROLES[-1]}."),
        click.Option(
            [PEOPLE_FILE_OPTION],
            metavar="PATH",
            help="The file of accounts and tokens, if not beside the configuration.",
        ),
    ]


def refuse_options(what: str, options: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise UsageError for options that were given and belong to ``add``, unless that is what is done."""
    for name in names:
        if options[name] is not None and what != "add":
            raise click.UsageError(f"--{name} goes with add only")


def refuse_name(name: str | None) -> None:
    """Raise UsageError if a name was given where all are listed."""
    if name is not None:
        raise click.UsageError("list takes no name")


def open_people(invocation: Invocation, given: str | None) -> PeopleFile:
    """Return the file of accounts and tokens. See :func:`find_people_file`."""
    url = invocation.place.url
    return PeopleFile(find_people_file(given, url, os.environ), startup.file_of(url))


def require_name(what: str, name: str | None) -> str:
    """Return a name that was given. Raises UsageError without one, and for an impossible one."""
    if name is None:
        raise click.UsageError(f"name the {what}")
    if not is_name(name):
        summary = f'"{name}" cannot be the name of {"an" if what[0] == "a" else "a"} {what}'
        remedy = "take letters, digits and . _ @ + -, at most 64, the first one a letter or a digit"
        raise UsageError(Diagnostic("usage", summary, argument=name, remedy=remedy))
    return name


def require_role(role: str | None) -> Role:
    """Return a role that was given. Raises UsageError without one, and for one that does not exist."""
    if role is None:
        raise click.UsageError(f"--role is missing: {', '.join(ROLES[:-1])} or {ROLES[-1]}")
    roles: dict[str, Role] = {one: one for one in ROLES}
    if (found := roles.get(role.lower())) is None:
        remedy = suggest_name(role, ROLES) or f"the roles are {', '.join(ROLES)}"
        raise UsageError(Diagnostic("usage", f'there is no role "{role}"', argument="--role", remedy=remedy))
    return found


def require_present(what: str, name: str, present: Mapping[str, Any]) -> Any:
    """Return the account or token of a name. Raises NoSuchObjectError."""
    if (found := present.get(name.lower())) is None:
        remedy = suggest_name(name, present)
        raise NoSuchObjectError(
            Diagnostic("no-such-object", f'there is no {what} "{name}"', argument=name, remedy=remedy)
        )
    return found


def require_absent(what: str, name: str, present: Mapping[str, Any]) -> None:
    """Raise ObjectExistsError if there is an account or token of a name."""
    if name.lower() in present:
        remedy = "remove it first, or choose another name"
        summary = f'there is {"an" if what[0] == "a" else "a"} {what} "{name}" already'
        raise ObjectExistsError(Diagnostic("object-exists", summary, argument=name, remedy=remedy))


def read_password(invocation: Invocation, name: str, options: Mapping[str, Any]) -> str:
    """Return a new password: from a file or a variable, else asked for twice without being shown. Raises UsageError."""
    given = read_secret(options, "password")
    if given is not None:
        return given
    if invocation.options["no_prompt"] or not sys.stdin.isatty():
        summary = "a password needs a terminal, and there is none or --no-prompt forbids it"
        remedy = "give it with --password:file PATH or --password:env VARIABLE"
        raise UsageError(Diagnostic("usage", summary, remedy=remedy))
    from getpass import getpass

    try:
        first = getpass(f"Password of {name}: ")
        again = getpass("The same again: ")
    except EOFError:
        raise UsageError(Diagnostic("usage", "no password was given")) from None
    if first != again:
        raise UsageError(Diagnostic("usage", "the two entries differ"))
    return first


def tell_change(invocation: Invocation, document: Mapping[str, Any], sentence: str) -> None:
    """Tell what was changed, or with --dry-run would be."""
    if not invocation.dry_run:
        invocation.remember_change()
    if invocation.form == "json":
        from confobjects.cli.output.json import dumps

        invocation.say(dumps({**document, "dry_run": invocation.dry_run}))
    elif invocation.tells_people:
        invocation.say(f"{sentence}{' (--dry-run: nothing was changed)' if invocation.dry_run else ''}")


def tell_list(invocation: Invocation, name: str, heads: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Print accounts or tokens: a table, lines, or a document with one list."""
    found = list(rows)
    if invocation.form == "json":
        from confobjects.cli.output.json import dumps

        invocation.say(dumps({name: [{head: row[head] or None for head in heads} for row in found]}))
    elif invocation.form == "script":
        from confobjects.cli.output.script import format_lines

        invocation.say(format_lines([row[head] for head in heads] for row in found))
    elif found:
        from confobjects.cli.output.table import format_table

        invocation.say(format_table(heads, [tuple(row[head] or "-" for head in heads) for row in found]))
    elif invocation.tells_people:
        invocation.say(f"There are no {name}.")
