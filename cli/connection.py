"""Turns LDAP connection options into storage options; secrets come from a file, the environment or a prompt."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import UsageError
from confobjects.inputs import SMALL, read_any
from confobjects.startup import STATE_URL_VARIABLE
from confobjects.storage import is_directory

from .words.numbers import read_option
from .words.options import OPTIONS

ASKS: Final = "-"
"""The value of ``--bindPassword`` that says: ask for it."""
PASSWORD_VARIABLE: Final = "CONFOBJECTS_BIND_PASSWORD"  # noqa: S105 - its name, not a password


def storage_options(options: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the storage options for a URL, from the options of a command line; for a file only its base.

    Raises :class:`~confobjects.errors.UsageError` for invalid values.
    """
    if not is_directory(url):
        in_file = options["basedn"] and url.partition(":")[0].lower() == "ldif"
        return {"base": _parse_dn(options["basedn"])} if in_file else {}
    found: dict[str, Any] = {
        "bind_dn": options["binddn"] or "",
        "start_tls": bool(options["usestarttls"]),
        "trust_all": bool(options["trustall"]),
        "trust_store": options["truststorepath"],
        "trust_store_password": read_secret(options, "truststorepassword") or "",
        "key_store": options["keystorepath"],
        "key_store_password": read_secret(options, "keystorepassword") or "",
        "allow_clear_password": bool(options["allowclearpassword"]),
        "mechanism": _parse_mechanism(options["sasloption"]),
        "server_schema": bool(options["server_schema"]),
        "state_url": options["state_url"] or os.environ.get(STATE_URL_VARIABLE) or "",
    }
    if options["basedn"]:
        found["base"] = _parse_dn(options["basedn"])
    if options["connecttimeout"] is not None:
        found["connect_timeout"] = read_option("--connectTimeout", "MILLISECONDS", options["connecttimeout"]) / 1000
    if found["mechanism"] in {"", "simple"} and (found["bind_dn"] or read_secret(options, "bindpassword")):
        found["bind_password"] = _read_password(options)
    return found


def _read_password(options: Mapping[str, Any]) -> str:
    password = read_secret(options, "bindpassword") or os.environ.get(PASSWORD_VARIABLE)
    if options["bindpassword"] == ASKS:
        if options["no_prompt"] or not sys.stdin.isatty():
            summary = "-w - asks for the password, and there is no terminal or --no-prompt forbids it"
            remedy = "-j FILE or --bindPassword:env VARIABLE gives it"
            raise UsageError(Diagnostic("usage", summary, argument="--bindPassword", remedy=remedy))
        password = None
    if password is None and not options["no_prompt"] and sys.stdin.isatty():
        from getpass import getpass

        try:
            password = getpass(f"Password of {options['binddn']}: ")
        except EOFError:
            raise UsageError(Diagnostic("usage", "no password was given")) from None
    return password or ""


def read_secret(options: Mapping[str, Any], name: str) -> str | None:
    """Return a secret given directly, in an environment variable or in a file; None when it is not given."""
    if options.get(name) is not None:
        return str(options[name])
    variable = options.get(f"{name}_env")
    if variable is not None:
        if variable not in os.environ:
            raise UsageError(_variable_problem(name, variable))
        return os.environ[variable]
    path = options.get(f"{name}_file") or options.get(f"{name}file")
    if path is None:
        return None
    try:
        return read_any(path, SMALL).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(Diagnostic("usage", f"the secret cannot be read: {reason}", origin=str(path))) from None


def _variable_problem(option: str, variable: str) -> Diagnostic:
    """Return a problem that does not repeat the text: it may be a password given instead of a variable."""
    if variable.isidentifier():
        return Diagnostic("usage", f'there is no environment variable "{variable}"')
    spelling = next((o.spellings[-1] for o in OPTIONS if o.name == f"{option}_env"), f"--{option}:env")
    return Diagnostic("usage", f"{spelling} takes the name of an environment variable, and this is not one")


def _parse_mechanism(given: tuple[str, ...]) -> str:
    for item in given:
        name, _, value = item.partition("=")
        if name.strip().lower() != "mech" or value.strip().upper() != "EXTERNAL":
            remedy = "use -o mech=EXTERNAL"
            raise UsageError(Diagnostic("usage", f"{_describe_option(name, value)} is not supported", remedy=remedy))
    return "external" if given else ""


def _describe_option(name: str, value: str) -> str:
    """Name a SASL option; the value of any but the mechanism may be a password."""
    if name.strip().lower() == "mech" and value:
        return f'the SASL mechanism "{value}"'
    return f'the SASL option "{name}"' if value else "the SASL option without a name and a value"


def _parse_dn(text: str) -> DN:
    try:
        return DN.parse(text)
    except ValueError as error:
        raise UsageError(Diagnostic("usage", f'--baseDN takes a DN, not "{text}": {error}')) from None
