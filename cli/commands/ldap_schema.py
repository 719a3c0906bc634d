"""``ldap-schema``: the LDAP schema of the definitions, what an older one lacks, and access rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.inputs import MEDIUM, read_any
from confobjects.mapping import ldap_schema

from ..command import make_command
from ..invocation import Invocation

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mapping.ldap_roles import AccessRoles

    from ..words.splitting import Words

_HELP = """Print the LDAP schema of the definitions, as LDIF.

--format openldap is an entry for ldapadd to cn=config; --format rfc4512 is a schema file for 389 Directory Server
and others. --upgrade FILE prints what an installed, older schema lacks. --acl prints access rules that let only the
administrator read secrets; with --operators, --readers and --service they are
the roles of people and services.

\b
Example:
  ldap-schema --acl openldap --baseDN ou=config,dc=example,dc=com
    --admin cn=admin,dc=example,dc=com
    --operators cn=operators,dc=example,dc=com
    --service mail-sender:uid=mailer,dc=example,dc=com"""


def build(words: Words, registry: Registry) -> click.Command:
    """Return the command."""
    parameters: list[click.Parameter] = [
        click.Option(
            ["--format", "form"], default="openldap", metavar="|".join(ldap_schema.FORMATS), help="The format."
        ),
        click.Option(["--upgrade"], metavar="FILE", help="An older schema: print what it lacks."),
        click.Option(["--acl"], metavar="|".join(ldap_schema.SERVERS), help="Print access rules for a server."),
        click.Option(["--admin"], metavar="DN", help="The DN that may read and write everything (with --acl)."),
        click.Option(
            ["--operators"], metavar="DN", help="The group that changes objects and reads no secrets (with --acl)."
        ),
        click.Option(["--readers"], metavar="DN", help="The group that reads all but secrets (with --acl)."),
        click.Option(
            ["--service", "services"],
            metavar="KIND,…:DN",
            multiple=True,
            help="A service, and the kinds that it reads with their secrets; can be repeated (with --acl).",
        ),
    ]
    return make_command(words, registry, parameters, _run, _HELP)


def _run(
    invocation: Invocation, form: str, upgrade: str | None, acl: str | None, admin: str | None, **roles: Any
) -> int:
    if acl is not None:
        base = _parse_dn("--baseDN", invocation.options["basedn"])
        text = ldap_schema.format_access_rules(
            invocation.registry, acl.lower(), base, _parse_dn("--admin", admin), _read_roles(**roles)
        )
        invocation.say(text)
        return 0
    schema = ldap_schema.build_schema(invocation.registry)
    if upgrade is None:
        invocation.say(ldap_schema.as_ldif(schema, form.lower()))
        return 0
    text = ldap_schema.upgrade(schema, _read_schema(upgrade), form.lower(), upgrade)
    invocation.say(text)
    if not text:
        invocation.note("the installed schema is complete")
    return 0


def _read_roles(operators: str | None, readers: str | None, services: Sequence[str]) -> AccessRoles:
    from confobjects.mapping.ldap_roles import AccessRoles

    found = []
    for one in services:
        kinds, _, dn = one.partition(":")
        found.append((_parse_dn("--service", dn), tuple(kind.strip() for kind in kinds.split(","))))
    return AccessRoles(
        None if operators is None else _parse_dn("--operators", operators),
        None if readers is None else _parse_dn("--readers", readers),
        tuple(found),
    )


def _parse_dn(option: str, text: str | None) -> DN:
    if not text:
        raise UsageError(Diagnostic("usage", f"access rules need {option} DN"))
    try:
        return DN.parse(text)
    except ValueError as error:
        raise UsageError(Diagnostic("usage", f'{option} takes a DN, not "{text}": {error}')) from None


def _read_schema(path: str) -> str:
    try:
        return read_any(path, MEDIUM).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(Diagnostic("usage", f"the schema cannot be read: {reason}", origin=path)) from None
