"""``token``: the tokens that programs call the REST API with."""

from __future__ import annotations

import os
from calendar import timegm
from time import gmtime, strftime, strptime
from typing import TYPE_CHECKING, Any, Final

import click

from confobjects import startup
from confobjects.cli.command import make_command
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.syntaxes.base import ValueSyntaxError
from confobjects.syntaxes.durations import Duration
from confobjects.web.commands.people import (
    open_people,
    people_parameters,
    refuse_name,
    refuse_options,
    require_absent,
    require_name,
    require_present,
    require_role,
    tell_change,
    tell_list,
)
from confobjects.web.identity.credentials import TOKEN_BYTES, Token, digest_token, write_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.cli.invocation import Invocation
    from confobjects.cli.words.splitting import Words
    from confobjects.definitions import Registry
    from confobjects.web.identity.credentials import Credentials

_HELP = """Manage the tokens that programs call the REST API with (Authorization: Bearer TOKEN).

\b
token add NAME --role ROLE  make a token; it is printed only once
token list                  show the tokens, and when each was last used
token revoke NAME           revoke a token; it no longer counts then

\b
Examples:
  token add backup --role reader --expires "90 d"
  token revoke backup

Only digests are kept, in a file beside the configuration that only this user can read. A server that runs uses the file as it is
now."""
_FORM: Final = "%Y-%m-%dT%H:%M:%SZ"


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        *people_parameters(_ACTIONS),
        click.Option(
            ["--expires"], metavar="DURATION", help='How long it counts, such as "90 d"; the default is for ever.'
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(invocation: Invocation, what: str, name: str | None, **options: Any) -> int:
    refuse_options(what, options, ("role", "expires"))
    return _ACTIONS[what](invocation, name, options)


def _add(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    name, role = require_name("token", name), require_role(options["role"])
    now = startup.current_time()
    expires = "" if options["expires"] is None else _find_end(now, options["expires"])
    text = write_token(os.urandom(TOKEN_BYTES))
    token = Token(name, role, digest_token(text), now, expires)

    def add(found: Credentials) -> Credentials:
        require_absent("token", name, found.tokens)
        return found.with_token(token)

    people = open_people(invocation, options["people_file"])
    require_absent("token", name, people.read().tokens)
    if invocation.dry_run:
        tell_change(invocation, {**_describe(token), "text": None}, f"The token {name} would be made.")
        return 0
    people.change(add)
    invocation.remember_change()
    if invocation.form == "json":
        tell_change(invocation, {**_describe(token), "text": text}, "")
        return 0
    if invocation.tells_people:
        invocation.note("This is the token. It is not kept, and never shown again:")
    invocation.say(text)
    return 0


def _find_end(now: str, given: str) -> str:
    """Return when a duration from now ends. Raises UsageError."""
    try:
        seconds: Any = Duration(base_unit="s", lower="1 m", upper="3650 d").parse(given)
    except ValueSyntaxError as error:
        raise UsageError(Diagnostic("usage", f"--expires: {error}", argument="--expires")) from None
    return strftime(_FORM, gmtime(timegm(strptime(now, _FORM)) + seconds))


def _revoke(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    name = require_name("token", name)
    people = open_people(invocation, options["people_file"])
    token: Token = require_present("token", name, people.read().tokens)
    if not invocation.dry_run:
        people.change(lambda now: now.without_token(token.name))
    tell_change(invocation, {"revoked": token.name}, f"The token {token.name} no longer counts.")
    return 0


def _list(invocation: Invocation, name: str | None, options: Mapping[str, Any]) -> int:
    refuse_name(name)
    tokens = open_people(invocation, options["people_file"]).read().tokens.values()
    tell_list(invocation, "tokens", ("name", "role", "made", "expires", "used"), map(_describe_row, tokens))
    return 0


def _describe_row(token: Token) -> dict[str, str]:
    return {name: getattr(token, name) for name in ("name", "role", "made", "expires", "used")}


def _describe(token: Token) -> dict[str, Any]:
    return {"token": token.name, "role": token.role, "expires": token.expires or None}


_ACTIONS: Final = {"add": _add, "list": _list, "revoke": _revoke}
