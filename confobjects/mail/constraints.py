"""The rules of a mail server that conditions cannot express. The definition in ``mail-server.json`` names them.

Each takes a view from a property's name to its typed values (None while they are not known) and yields what is wrong.
Unknown values pass: they are checked again at startup. Commands that only set a value load this module, so it
imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.mail.choices import USER_ROWS, View, check_choices, choose_host
from confobjects.mail.kinds import GENERIC, kind_of
from confobjects.mail.properties import SOCKET_FALLBACK, allow_weakness, read_setting, read_settings
from confobjects.mail.property_table import PROPERTY, SECRETS, key_of
from confobjects.mail.token_hosts import HOSTS, is_allowed, refuse_host


class RowView(Protocol):
    """What the rules about rows need of :class:`~confobjects.objects.judging.TypedView`."""

    @property
    def types(self) -> tuple[str, ...]:
        """The type of the object, and those that it extends, its own first."""
        ...

    def __call__(self, name: str, /) -> tuple[Any, ...] | None: ...
    def has_default(self, name: str, /) -> bool:
        """Tell whether a property has no value of its own."""
        ...

    def known(self, name: str, /) -> tuple[Any, ...]:
        """Return the typed values that are known."""
        ...

    def open_texts(self, name: str, /) -> tuple[str, ...]:
        """Return the texts whose values are not known."""
        ...


class TargetView(View, Protocol):
    """What a rule needs that looks at other objects, of :class:`~confobjects.objects.judging.TypedView`."""

    def targets(self, name: str, /) -> Iterator[Callable[[str], tuple[Any, ...] | None]]:
        """Yield what is seen of the objects that a property refers to."""
        ...


def password_needs_username(view: View) -> Iterator[Diagnostic]:
    """Refuse a password without a user name, wherever the user name is given; other types demand both anyway."""
    if _may_lack_login(view) and view("auth-password") and _has_username(view) is False:
        yield Diagnostic(
            "constraint-violated",
            "auth-password is set, but there is no auth-username to log in with",
            property="auth-username",
            detail="auth-password is set; auth-username is not set",
        )


def username_without_password(view: View) -> Iterator[Diagnostic]:
    """Warn of a user name without a password: nothing will log in; other types demand both anyway."""
    if _may_lack_login(view) and view("auth-password") == () and _has_username(view):
        stored = bool(view("auth-username"))
        name = "auth-username" if stored else f"the user name in {PROPERTY}"
        yield Diagnostic(
            "constraint-violated",
            f"{name} is set without auth-password: nothing will log in",
            property="auth-password",
            severity="warning",
            remedy="" if stored else f"Set auth-password, or remove the user name from {PROPERTY}.",
        )


def _may_lack_login(view: View) -> bool:
    return kind_of(view.types).name == GENERIC


def _has_username(view: View) -> bool | None:
    """Tell whether there is a user name to log in with; None if that is not known."""
    names, entries = view("auth-username"), view(PROPERTY)
    if names or any(key_of(name) in USER_ROWS for name, _ in entries or ()):
        return True
    return None if names is None or entries is None else False


def socket_fallback(view: RowView) -> Iterator[Diagnostic]:
    """Warn of a fallback to clear text that is asked for and not allowed: it has no effect."""
    name, entries = "socket-factory-fallback", view(PROPERTY)
    if view.has_default(name) or view(name) != (True,) or entries is None:
        return
    settings, _ = read_settings(entries)
    if not settings.allows(SOCKET_FALLBACK):
        yield Diagnostic(
            "constraint-violated",
            f"{name} is true, but has no effect: nothing is sent in clear text unless that is allowed",
            property=name,
            severity="warning",
            remedy=("Reset it; or, for tests only, add ", allow_weakness(SOCKET_FALLBACK), "."),
        )


def token_host_allowed(view: TargetView) -> Iterator[Diagnostic]:
    """Refuse a mail server that may not get the access tokens of the provider that it names."""
    rows, names, ways = view(PROPERTY), view("oauth2-provider"), view("authentication")
    if rows is None or not names or "oauth2" not in (ways or ()):
        return
    host = choose_host(view, read_settings(rows, kind_of(view.types).never)[0])
    for provider in view.targets("oauth2-provider") if host is not None else ():
        allowed = provider(HOSTS)
        if host is not None and allowed and not is_allowed(host.value, allowed):
            yield refuse_host(host.value, allowed, names[0])


def smtp_properties(view: RowView) -> Iterator[Diagnostic]:
    """Check every ``smtp-property`` by itself, together with the others, and beside the other properties.

    Each has a known name and a valid value, no name twice, and is not insecure unless that is allowed. What the object
    asks for with its rows goes together: TLS, port, login.
    """
    entries = view(PROPERTY)
    if entries is None:
        entries, open_texts = view.known(PROPERTY), view.open_texts(PROPERTY)
        if not open_texts:
            return  # a value is wrong, and that is told already
        # The value of a secret is always an expression, and no other row depends on it.
        if not all(key_of(text.partition("=")[0].strip()) in SECRETS for text in open_texts):
            for name, value in entries:
                yield from read_setting(name, value)[1]
            return
    settings, problems = read_settings(entries, kind_of(view.types).never)
    yield from problems
    yield from check_choices(view, settings)
