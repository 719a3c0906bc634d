"""The options of sign-in with the directory of the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import click

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.web.identity.credentials import ROLES
from confobjects.web.identity.directory import DirectoryRule
from confobjects.web.people import Role

_ATTRIBUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII)


def directory_options() -> list[click.Parameter]:
    """Return the options of sign-in with the directory of the configuration."""
    return [
        click.Option(
            ["--people-base"],
            metavar="DN",
            help="Let people sign in with the directory of the configuration: the entry that theirs are below.",
        ),
        click.Option(
            ["--people-attribute"],
            metavar="NAME",
            default="uid",
            show_default=True,
            help="The attribute that has the name they sign in with.",
        ),
        click.Option(
            ["--people-group", "people_groups"],
            metavar="ROLE=DN",
            multiple=True,
            help="The group of a role; can be repeated. Who is in no group cannot sign in.",
        ),
        click.Option(
            ["--people-proxied-authorization", "people_act_as"],
            is_flag=True,
            help="Have the directory judge their changes by their own rights there, too (RFC 4370).",
        ),
    ]


def parse_rule(url: str, base: str, attribute: str, groups: Iterable[str]) -> DirectoryRule:
    """Return the rule that options give; each of ``groups`` is a role, an equals sign and the DN of a group.

    ``url`` is that of the configuration. Raises :class:`~confobjects.errors.UsageError`.
    """
    if not url.lower().startswith("ldap"):
        raise _refuse("--people-base", "people sign in with a directory only if the configuration is in one")
    if _ATTRIBUTE.fullmatch(attribute) is None:
        raise _refuse("--people-attribute", f'"{attribute}" is no name of an attribute')
    found = tuple(map(_parse_group, groups))
    if not found:
        raise _refuse("--people-group", "no group has a role, so nobody could sign in with the directory")
    return DirectoryRule(_parse_dn("--people-base", base), attribute, found)


def _parse_group(text: str) -> tuple[Role, DN]:
    name, _, dn = text.partition("=")
    roles: dict[str, Role] = {one: one for one in ROLES}
    role = roles.get(name.strip().lower())
    if role is None:
        raise _refuse("--people-group", f'"{text}" does not begin with a role and an equals sign')
    return role, _parse_dn("--people-group", dn)


def _parse_dn(option: str, text: str) -> DN:
    try:
        found = DN.parse(text)
    except ValueError as error:
        raise _refuse(option, f'"{text}" is no DN: {error}') from None
    if not found:
        raise _refuse(option, "the DN is empty")
    return found


def _refuse(option: str, summary: str) -> UsageError:
    return UsageError(Diagnostic("usage", summary, argument=option))
