"""The rules of a mail server that conditions cannot express. The definition in ``mail-server.json`` names them.

Each takes a function from a property's name to its typed values (None while they are not known) and yields what is
wrong. Unknown values pass: they are checked again at startup. Commands that only set a value load this module, so it
imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator

from confobjects.diagnostics import Diagnostic
from confobjects.mail.choices import USER_ROWS, View, check_choices
from confobjects.mail.properties import read_settings
from confobjects.mail.property_table import PROPERTY, key_of


def password_needs_username(view: View) -> Iterator[Diagnostic]:
    """Refuse a password without a user name, wherever the user name is given."""
    if view("auth-password") and _has_username(view) is False:
        yield Diagnostic(
            "constraint-violated",
            "auth-password is set, but there is no auth-username to log in with",
            property="auth-username",
            detail="auth-password is set; auth-username is not set",
        )


def username_without_password(view: View) -> Iterator[Diagnostic]:
    """Warn of a user name without a password: nothing will log in."""
    if view("auth-password") == () and _has_username(view):
        stored = bool(view("auth-username"))
        name = "auth-username" if stored else f"the user name in {PROPERTY}"
        yield Diagnostic(
            "constraint-violated",
            f"{name} is set without auth-password: nothing will log in",
            property="auth-password",
            severity="warning",
            remedy="" if stored else f"Set auth-password, or remove the user name from {PROPERTY}.",
        )


def _has_username(view: View) -> bool | None:
    """Tell whether there is a user name to log in with; None if that is not known."""
    names, entries = view("auth-username"), view(PROPERTY)
    if names or any(key_of(name) in USER_ROWS for name, _ in entries or ()):
        return True
    return None if names is None or entries is None else False


def smtp_properties(view: View) -> Iterator[Diagnostic]:
    """Check every ``smtp-property`` by itself, together with the others, and beside the other properties.

    Each has a known name and a valid value, no name twice, and is not insecure unless that is allowed. What the object
    asks for with its rows goes together: TLS, port, login.
    """
    entries = view(PROPERTY)
    if entries is None:
        return
    settings, problems = read_settings(entries)
    yield from problems
    yield from check_choices(view, settings)
