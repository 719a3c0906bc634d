"""``account``: the local accounts that people sign in with."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects import startup
from confobjects.cli.command import make_command
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.web.commands.people import (
    open_people,
    people_parameters,
    read_password,
    refuse_name,
    refuse_options,
    require_absent,
    require_name,
    require_present,
    require_role,
    tell_change,
    tell_list,
)
from confobjects.web.identity.credentials import Account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.cli.invocation import Invocation
    from confobjects.cli.words.splitting import Words
    from confobjects.definitions import Registry
    from confobjects.web.identity.credentials import Credentials

_HELP = """Manage the local accounts that people sign in to the console and the REST API with.

\b
account add NAME --role ROLE  make an account; its password is asked for
account list                  show the accounts
account password NAME         give it another password; its sessions end
account remove NAME           remove an account; its sessions are over then

Passwords are kept as Argon2 hashes, in a file beside the configuration that only this user can read. A server that runs uses the file
as it is now."""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        *people_parameters(_ACTIONS),
        click.Option(["--password:file", "password_file"], metavar="PATH", help="The file that holds the password."),
        click.Option(
            ["--password:env", "password_env"], metavar="VARIABLE", help="The variable that holds the password."
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, name: str | None, **options: Any) -> int:
    refuse_options(what, options, ("role",))
    if options["password_file"] is not None and options["password_env"] is not None:
        raise click.UsageError("--password:file and --password:env exclude each other: each gives the password")
    return _ACTIONS[what](invocation, name, options)


def _add(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    name, role = require_name("account", name), require_role(options["role"])
    people = open_people(invocation, options["people_file"])
    require_absent("account", name, people.read().accounts)
    hashed = _hash(name, read_password(invocation, name, options))

    def add(now: Credentials) -> Credentials:
        require_absent("account", name, now.accounts)
        return now.with_account(Account(name, role, hashed, startup.current_time()))

    if not invocation.dry_run:
        people.change(add)
    tell_change(invocation, {"account": name, "change": "added"}, f"{name} may sign in, with the role {role}.")
    return 0


def _change_password(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    given = require_name("account", name)
    people = open_people(invocation, options["people_file"])
    account: Account = require_present("account", given, people.read().accounts)
    hashed = _hash(account.name, read_password(invocation, account.name, options))

    def change(now: Credentials) -> Credentials:
        there: Account = require_present("account", account.name, now.accounts)
        return now.with_account(there.replace(password=hashed, changed=startup.current_time()))

    if not invocation.dry_run:
        people.change(change)
    tell_change(invocation, {"account": account.name, "change": "password"}, f"{account.name} has a new password.")
    return 0


def _remove(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    given = require_name("account", name)
    people = open_people(invocation, options["people_file"])
    account: Account = require_present("account", given, people.read().accounts)
    if not invocation.dry_run:
        people.change(lambda now: now.without_account(account.name))
    tell_change(invocation, {"account": account.name, "change": "removed"}, f"{account.name} may no longer sign in.")
    return 0


def _list(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    refuse_name(name)
    accounts = open_people(invocation, options["people_file"]).read().accounts.values()
    rows = ({"name": one.name, "role": one.role, "changed": one.changed} for one in accounts)
    tell_list(invocation, "accounts", ("name", "role", "changed"), rows)
    return 0


def _hash(name: str, password: str) -> str:
    if find_spec("argon2") is None:
        summary = "accounts cannot be used: the Python package for their passwords is not installed"
        raise UsageError(Diagnostic("usage", summary, remedy='install it: pip install "confobjects[web]"'))
    from confobjects.web.identity.passwords import hash_password

    return hash_password(name, password)


_ACTIONS: Final = {"add": _add, "list": _list, "password": _change_password, "remove": _remove}
