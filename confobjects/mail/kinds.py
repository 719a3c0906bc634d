"""The types of mail server: what each allows, and how it is told which TLS to use.

Remedies follow the type: what is set in one of them follows from another property in the next, or must not be done at
all. Commands that only set a value load this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.records import Record, field

Parts = tuple[str | RemedyAction, ...]

GENERIC: Final = "mail-server"
CUSTOM: Final = "custom-server"
EXTERNAL: Final = "external-smtp"

SOCKET_FACTORY: Final = "javax.net.ssl.SSLSocketFactory"
"""The Java class that means TLS from the first byte."""

CLEAR: Final = frozenset({"no-tls", "opportunistic-starttls", "socket-fallback", "login-in-clear"})
"""The weaknesses with which something may go in clear text."""


class Kind(Record):
    """A type of mail server.

    ``to_starttls`` and ``to_implicit`` say how to change to each way of TLS, ``to_tls`` how to one of them. ``settable`` are
    the properties that choose and are set by hand, ``never`` the weaknesses that the type never allows. ``factory`` tells
    whether it has the properties of a socket factory. ``remedies`` replace those of failures
    (:mod:`confobjects.mail.failures`), by code: the property to blame, and what to do.
    """

    name: str
    to_starttls: Parts
    to_implicit: Parts
    to_tls: Parts
    settable: frozenset[str]
    never: frozenset[str] = frozenset()
    factory: bool = False
    remedies: Mapping[str, tuple[str, Remedy]] = field(default_factory=dict)


_SSL: Final = RemedyAction("assign", "use-ssl", "true")
_NO_SSL: Final = RemedyAction("assign", "use-ssl", "false")
_STARTTLS: Final = RemedyAction("assign", "use-start-tls", "true")
_NO_STARTTLS: Final = RemedyAction("assign", "use-start-tls", "false")
_FACTORY: Final = RemedyAction("assign", "socket-factory-class", SOCKET_FACTORY)
_FACTORY_PORT: Final = RemedyAction("assign", "socket-factory-port", "465")

_BY_PORT: Final = (
    "Check the port: on 25, 587 and 2525 this type of mail server uses STARTTLS, on any other port TLS from the first byte. "
    "A server that does otherwise takes the type generic, which can say how."
)
_BY_FACTORY: Final[Parts] = ("set ", _NO_STARTTLS, ", ", _FACTORY, " and ", _FACTORY_PORT)
_NO_FACTORY: Final[Parts] = ("reset socket-factory-class and socket-factory-port, and set ", _STARTTLS)
_TO_TLS: Final[Parts] = ("Set ", _STARTTLS, ", or for TLS from the first byte ", *_BY_FACTORY, ".")

_ASK: Final = "Ask the operator of the mail server"
_TAMPERING: Final = " If the server offered STARTTLS before, someone may be tampering with the connection."
_BLOCKED: Final = "Check whether the server blocks this machine. "
_SAFER: Final = "Check the network path to the server; TLS from the first byte ({}) is safer. No mail was sent."
_AT_PROXY: Final = "ask its operator: TLS may end at a proxy in front of the server."

KINDS: Final = {
    GENERIC: Kind(
        GENERIC,
        to_starttls=("Set ", _NO_SSL, " and ", _STARTTLS),
        to_implicit=("Set ", _NO_STARTTLS, " and ", _SSL),
        to_tls=("Set use-start-tls (or use-ssl) to true.",),
        settable=frozenset({"use-ssl", "use-start-tls"}),
    ),
    CUSTOM: Kind(
        CUSTOM,
        to_starttls=("Put the port 587 into smtp-server",),
        to_implicit=("Put the port 465 into smtp-server",),
        to_tls=(_BY_PORT,),
        settable=frozenset(),
        never=CLEAR,
        remedies={
            "not-a-tls-port": ("smtp-server", _BY_PORT),
            "tls-port-without-tls": ("smtp-server", _BY_PORT),
            "tls-timeout": ("smtp-server", _BY_PORT),
            "silent": ("smtp-server", _BY_PORT),
            "closed-before-banner": ("smtp-server", _BLOCKED + _BY_PORT),
            "starttls-not-offered": ("smtp-server", _BY_PORT + _TAMPERING),
            "starttls-unavailable": ("smtp-server", f"{_ASK} to check its certificate and key."),
            "starttls-refused": ("smtp-server", f"{_ASK}."),
            "bytes-before-tls": ("smtp-server", _SAFER.format("port 465")),
            "tls-not-seen": ("smtp-server", f"Use the server's STARTTLS port (587), or {_AT_PROXY}"),
            "auth-in-clear": ("smtp-server", _BY_PORT),
            "auth-needs-tls": ("smtp-server", _BY_PORT),
            "tls-required": ("smtp-server", _BY_PORT),
        },
    ),
    EXTERNAL: Kind(
        EXTERNAL,
        to_starttls=("Reset socket-factory-class and socket-factory-port, and set ", _STARTTLS),
        to_implicit=("Set ", *_BY_FACTORY[1:]),
        to_tls=_TO_TLS,
        settable=frozenset({"use-start-tls"}),
        factory=True,
        remedies={
            "not-a-tls-port": (
                "socket-factory-class",
                ("If this port uses STARTTLS, ", *_NO_FACTORY, "; else use the server's TLS port (465)."),
            ),
            "tls-port-without-tls": (
                "socket-factory-class",
                ("For TLS from the first byte ", *_BY_FACTORY, "; or use the server's STARTTLS port (587)."),
            ),
            "tls-timeout": (
                "smtp-server",
                "Check that the port speaks TLS; port 587 usually needs use-start-tls, port 465 socket-factory-class.",
            ),
            "silent": (
                "smtp-server",
                ("Check the port. If it speaks TLS from the first byte, ", *_BY_FACTORY, "."),
            ),
            "closed-before-banner": (
                "smtp-server",
                (f"{_BLOCKED}If the port speaks TLS from the first byte, ", *_BY_FACTORY, "."),
            ),
            "starttls-not-offered": (
                "use-start-tls",
                (
                    "Check the port (587 usually offers it). If the port speaks TLS from the first byte, ",
                    *_BY_FACTORY,
                    f".{_TAMPERING}",
                ),
            ),
            "bytes-before-tls": ("use-start-tls", _SAFER.format("socket-factory-class")),
            "tls-not-seen": (
                "socket-factory-class",
                ("Use the server's STARTTLS port and ", *_NO_FACTORY, f", or {_AT_PROXY}"),
            ),
            "auth-in-clear": ("use-start-tls", _TO_TLS),
            "auth-needs-tls": ("use-start-tls", _TO_TLS),
        },
    ),
}
"""The types by the names of their definitions."""


def kind_of(types: Iterable[str]) -> Kind:
    """Return the kind of an object by its type and those that this extends, its own first."""
    return next((KINDS[name] for name in types if name in KINDS), KINDS[GENERIC])
