"""The options of sign-in with OpenID Connect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.inputs import SMALL, read_any
from confobjects.texts.visible import make_visible
from confobjects.web.identity.credentials import ROLES

if TYPE_CHECKING:
    from confobjects.web.identity.openid import OpenIdRule
    from confobjects.web.people import Role

SCOPES: Final = ("profile", "email")
"""What is asked for besides ``openid``: what a person is called."""


def openid_options() -> list[click.Parameter]:
    """Return the options of sign-in with OpenID Connect."""
    return [
        click.Option(
            ["--openid-issuer"],
            metavar="URL",
            help="Let people sign in with OpenID Connect: the issuer, as the provider names itself.",
        ),
        click.Option(
            ["--openid-client-id"], metavar="ID", default="", help="What this server is called at the provider."
        ),
        click.Option(
            ["--openid-client-secret-file"],
            metavar="PATH",
            default="",
            help="The file with its secret; none for a public client.",
        ),
        click.Option(
            ["--openid-scope", "openid_scopes"],
            metavar="NAME",
            multiple=True,
            help="A scope to ask for besides openid, profile and email; can be repeated.",
        ),
        click.Option(
            ["--openid-role-claim"],
            metavar="NAME",
            default="groups",
            show_default=True,
            help="The claim of the ID token that gives roles, or a JSON Pointer to it, such as /realm_access/roles.",
        ),
        click.Option(
            ["--openid-role", "openid_roles"],
            metavar="ROLE=VALUE",
            multiple=True,
            help="The value of the claim that gives a role; can be repeated. Who has no such value cannot sign in.",
        ),
        click.Option(
            ["--openid-ca-file"],
            metavar="PATH",
            default="",
            help="The certificates that the provider is trusted by (PEM); none: those of the operating system.",
        ),
    ]


TOGETHER: Final = tuple(
    (option, name, "--openid-issuer", "openid_issuer")
    for option, name in (
        ("--openid-client-id", "openid_client_id"),
        ("--openid-client-secret-file", "openid_client_secret_file"),
        ("--openid-scope", "openid_scopes"),
        ("--openid-role", "openid_roles"),
        ("--openid-ca-file", "openid_ca_file"),
    )
)
"""Options that belong to that of the issuer."""


def parse_openid(given: Mapping[str, Any]) -> OpenIdRule | None:
    """Return the rule that options give, by their names as parameters; None without an issuer. Raises UsageError."""
    issuer, client_id, secret_file = (given[f"openid_{one}"] for one in ("issuer", "client_id", "client_secret_file"))
    if issuer is None:
        return None
    from confobjects.oauth.openid import OpenIdClient, parse_issuer, trust_file
    from confobjects.web.identity.openid import OpenIdRule

    try:
        parse_issuer(issuer)
    except ValueError:
        _refuse("--openid-issuer", f'"{make_visible(issuer)}" is no issuer: that is an https URL without a query')
    if not client_id:
        _refuse("--openid-client-id", "--openid-issuer needs --openid-client-id")
    if not given["openid_roles"]:
        _refuse("--openid-role", "no value of the claim gives a role, so nobody could sign in with OpenID Connect")
    client = OpenIdClient(
        issuer,
        client_id,
        _read_secret(secret_file) if secret_file else "",
        tuple(dict.fromkeys((*SCOPES, *given["openid_scopes"]))),
    )
    if given["openid_ca_file"]:
        client = client.replace(trust=trust_file(given["openid_ca_file"]))
    return OpenIdRule(client, _parse_claim(given["openid_role_claim"]), tuple(map(_parse_role, given["openid_roles"])))


def _parse_claim(text: str) -> tuple[str, ...]:
    """Return the keys that lead to a claim: a name, or a JSON Pointer (RFC 6901)."""
    if not text.startswith("/"):
        return (text,)
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in text[1:].split("/"))


def _parse_role(text: str) -> tuple[Role, str]:
    name, _, value = text.partition("=")
    roles: dict[str, Role] = {one: one for one in ROLES}
    role = roles.get(name.strip().lower())
    if role is None or not value:
        _refuse("--openid-role", f'"{make_visible(text)}" is no role, an equals sign and a value')
    return role, value


def _read_secret(path: str) -> str:
    try:
        secret = read_any(path, SMALL).decode().strip()
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or "it is not UTF-8").lower()
        _refuse("--openid-client-secret-file", f"the secret of the client cannot be read: {reason}", path)
    if not secret:
        _refuse("--openid-client-secret-file", "the file with the secret of the client is empty", path)
    return secret


def _refuse(option: str, summary: str, origin: str = "") -> NoReturn:
    raise UsageError(Diagnostic("usage", summary, argument=option, origin=origin))
