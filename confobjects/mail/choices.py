"""What a mail server object and its ``smtp-property`` rows ask for together: TLS, host, port, user name.

A row overrides the property that means the same. Each choice says which of the two decided, so that a failure can blame
what was typed. The rules of the object use this when a value is set, the planner before a connection is made. Commands
that only set a value load this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.mail.kinds import CUSTOM, Kind, kind_of
from confobjects.mail.properties import Setting, SmtpSettings, make_problem, refuse_weakness
from confobjects.mail.property_table import KEYS, PROPERTY
from confobjects.records import Record


class View(Protocol):
    """From the name of a property to its typed values: none if it has none, None while they are not known."""

    @property
    def types(self) -> tuple[str, ...]:
        """The type of the object, and those that it extends, its own first."""
        ...

    def __call__(self, name: str, /) -> tuple[Any, ...] | None: ...


USER_ROWS: Final = ("user", "mail.user")


class Choice(Record):
    """One decision: its value, the name of the object's property for it, and the row that decided instead."""

    value: Any
    name: str
    setting: Setting | None = None

    @property
    def cause(self) -> str:
        """What was typed to get this value, for a message."""
        return f"{self.name} is true" if self.setting is None else f"{self.setting.name}={self.setting.text}"


def choose_host(view: View, smtp: SmtpSettings) -> Choice | None:
    """Return the host to connect to, None if it is not known."""
    if setting := smtp.get("host", "mail.host"):
        return Choice(setting.value, "smtp-server", setting)
    servers = view("smtp-server")
    return Choice(servers[0].host, "smtp-server") if servers else None


def choose_port(view: View, smtp: SmtpSettings) -> Choice | None:
    """Return the port to connect to, None if it is not known."""
    for prefix in ("ssl.socketFactory", "socketFactory"):
        if f"{prefix}.class" in smtp and (setting := smtp.get(f"{prefix}.port")):
            return Choice(setting.value, "smtp-server", setting)
    if kind_of(view.types).factory:  # its port comes before both others, as in JavaMail
        ports = view("socket-factory-port")
        if ports is None or ports:
            return None if ports is None else Choice(ports[0], "socket-factory-port")
    if setting := smtp.get("port"):
        return Choice(setting.value, "smtp-server", setting)
    servers = view("smtp-server")
    return Choice(servers[0].port, "smtp-server") if servers else None


def choose_username(view: View, smtp: SmtpSettings) -> Choice | None:
    """Return the user name to log in with, empty if there is none; None if it is not known."""
    if setting := smtp.get(*USER_ROWS):
        return Choice(setting.value, "auth-username", setting)
    names = view("auth-username")
    return None if names is None else Choice(names[0] if names else "", "auth-username")


def choose_security(view: View, smtp: SmtpSettings) -> tuple[Choice, Diagnostic | None] | None:
    """Return the protection of the connection, and the error if a row switches it off; None if it is not known."""
    choice = _protect(view, smtp)
    off = None if choice is None else _find_switched_off(choice, smtp)
    if choice is None or off is None:
        return None if choice is None else (choice, None)
    if smtp.allows("no-tls"):
        return Choice("none", choice.name, off), None
    cause = f"{off.name}={off.text} while {choice.cause}"
    return choice, refuse_weakness(smtp, cause, "no-tls", off.text, _remedy_for_off(view, choice))


def _remedy_for_off(view: View, choice: Choice) -> tuple[str | RemedyAction, ...]:
    """Return what to do about a row that switches off what is asked for."""
    if choice.setting is not None:
        return ("Remove one of them",)
    if choice.name not in kind_of(view.types).settable:
        return ("Remove it",)
    return "Remove it, or set ", RemedyAction("assign", choice.name, "false"), " as well to send without TLS"


def choose_own_security(view: View) -> Choice | None:
    """Return the protection that the object asks for without its rows, None if it is not known."""
    ssl, start_tls = view("use-ssl"), view("use-start-tls")
    if ssl is None or start_tls is None:
        return None
    if True in ssl:
        return Choice("implicit-tls", "use-ssl")
    return Choice("starttls-required" if True in start_tls else "none", "use-start-tls")


def _protect(view: View, smtp: SmtpSettings) -> Choice | None:
    """Return the protection that is asked for, whatever else switches it off."""
    if implicit := _find_implicit_setting(smtp):
        return Choice("implicit-tls", "use-ssl", implicit)
    own = choose_own_security(view)
    return own if own is None or own.value == "implicit-tls" else _apply_starttls(own, smtp)


def _find_implicit_setting(smtp: SmtpSettings) -> Setting | None:
    for key, value in (
        ("ssl.enable", True),
        ("mail.transport.protocol", "smtps"),
        ("mail.transport.protocol.rfc822", "smtps"),
        ("socketFactory.class", "tls"),
        ("ssl.socketFactory.class", "tls"),
    ):
        setting = smtp.get(key)
        if setting is not None and setting.value == value:
            return setting
    return None


def _apply_starttls(own: Choice, smtp: SmtpSettings) -> Choice:
    required, enable = smtp.get("starttls.required"), smtp.get("starttls.enable")
    if required is not None and required.value:
        return Choice("starttls-required", own.name, required)
    if own.value == "none" and (enable is None or not enable.value):
        return own
    if required is not None and smtp.allows("opportunistic-starttls"):
        return Choice("starttls-if-offered", own.name, required)
    if own.value == "none" and enable is not None:
        return Choice("starttls-required", own.name, enable)
    return own


def _find_switched_off(choice: Choice, smtp: SmtpSettings) -> Setting | None:
    setting = smtp.get({"implicit-tls": "ssl.enable", "starttls-required": "starttls.enable"}.get(choice.value, ""))
    return setting if setting is not None and setting.value is False else None


# -- what does not go together -----------------------------------------------------------------------------------------


def check_choices(view: View, smtp: SmtpSettings) -> Iterator[Diagnostic]:
    """Yield an error if a row switches TLS off, and a warning for what is refused later or has no effect."""
    kind = kind_of(view.types)
    found, username = choose_security(view, smtp), choose_username(view, smtp)
    if found is not None:
        security, problem = found
        if problem is not None:
            yield problem
        yield from _check_port(kind, security, choose_port(view, smtp))
        yield from _check_protection(kind, security, username, smtp)
        keys = smtp.get(KEYS)
        if keys is not None and security.value == "none":
            yield _warn(f"{keys.name} has no effect without TLS", keys, "Remove it, or use TLS.")
    if kind.name == CUSTOM:
        yield from _refuse_port_rows(smtp)
    host, trusted = choose_host(view, smtp), smtp.get("ssl.trust")
    if host is not None and trusted is not None and not is_named(host.value, trusted.value):
        summary = f"{trusted.name} does not name {host.value}, so that each connection to it will be refused"
        yield _warn(summary, trusted, f"Add {host.value} to it, or remove it and use a trust manager provider.")
    auth = smtp.get("auth")
    if auth is not None and auth.value and username is not None and not username.value and not _is_external(smtp):
        yield _warn(f"{auth.name} requires a login, but there is no auth-username", auth, "Set auth-username.")


def is_named(host: str, names: tuple[str, ...]) -> bool:
    """Tell whether a host is one of the names of ``ssl.trust``. ``*`` is every host; case and script do not matter."""
    from confobjects.syntaxes.hosts import ascii_host, normal_host

    return "*" in names or normal_host(ascii_host(host)) in [normal_host(ascii_host(name)) for name in names]


def _is_external(smtp: SmtpSettings) -> bool:
    return "EXTERNAL" in smtp.value_of("auth.mechanisms", ())


def _refuse_port_rows(smtp: SmtpSettings) -> Iterator[Diagnostic]:
    """Refuse a row that gives another port: the port in the property decides how TLS is used."""
    for key in ("port", "socketFactory.port", "ssl.socketFactory.port"):
        if setting := smtp.get(key):
            summary = f"{setting.name} gives another port than smtp-server, whose port decides how TLS is used"
            remedy = "Remove it, and put the port into smtp-server."
            yield make_problem(summary, setting.text, remedy, code="constraint-violated")


def _check_protection(
    kind: Kind, security: Choice, username: Choice | None, smtp: SmtpSettings
) -> Iterator[Diagnostic]:
    logs_in = username is not None and bool(username.value)
    if username is not None and logs_in and security.value == "none" and not smtp.allows("login-in-clear"):
        ways = "neither use-ssl nor use-start-tls is true"
        if kind.factory:
            ways = "use-start-tls is not true, and socket-factory-class does not ask for TLS"
        asked = ways if security.setting is None else f"{security.cause} is set"
        yield Diagnostic(
            "constraint-violated",
            f"a login is configured, but {asked}: login without TLS will be refused",
            property=_blamed(username),
            remedy=kind.to_tls,
            severity="warning",
        )
    plain = smtp.get("ehlo")
    if plain is not None and not plain.value:
        if security.value == "starttls-required":
            yield _warn(f"{plain.name}=false leaves no STARTTLS, but {security.cause}", plain, "Remove one of them.")
        elif logs_in and not smtp.allows("login-optional"):
            yield _warn(f"{plain.name}=false leaves no login, but one is configured", plain, "Remove one of them.")
    fallback = smtp.get("socketFactory.fallback")
    if fallback is not None and fallback.value and security.value != "implicit-tls":
        yield _warn(f"{fallback.name} has no effect without TLS from the first byte", fallback, "Remove it.")


def _blamed(choice: Choice) -> str:
    return choice.name if choice.setting is None else PROPERTY


def _warn(summary: str, setting: Setting, remedy: str) -> Diagnostic:
    return make_problem(summary, setting.text, remedy, code="constraint-violated", warning=True)


_OTHER_PORTS: Final = {
    (465, "starttls-required"): (587, "465 is the port for TLS from the first byte"),
    (587, "implicit-tls"): (465, "587 is the port for STARTTLS"),
}
"""Port and protection that do not suit each other: the other port, and the reason."""


def _check_port(kind: Kind, security: Choice, port: Choice | None) -> Iterator[Diagnostic]:
    """Warn when the port suits another protection than the one chosen (RFC 8314, section 3.3)."""
    found = None if port is None else _OTHER_PORTS.get((port.value, security.value))
    if port is None or found is None:
        return
    other, fact = found
    typed = security.setting
    if typed is not None:
        change: tuple[str | RemedyAction, ...] = ("Remove ", RemedyAction("setting", PROPERTY, typed.name))
    else:
        change = kind.to_starttls if security.value == "implicit-tls" else kind.to_implicit
    yield Diagnostic(
        "constraint-violated",
        f"{security.cause}, but {fact}",
        property=_blamed(port),
        value=str(port.value) if port.setting is None else port.setting.text,
        remedy=(*change, f", or use port {other} if the server listens there."),
        severity="warning",
    )
