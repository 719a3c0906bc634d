"""The rules of a mail server that conditions cannot express. The definition in ``mail-server.json`` names them.

Each takes a function from a property's name to its typed values (None while they are not known) and yields what is
wrong. Unknown values pass: they are checked again at startup. Commands that only set a value load this module, so it
imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from confobjects.diagnostics import Diagnostic
from confobjects.mail.properties import read_settings
from confobjects.mail.property_table import PROPERTY

View = Callable[[str], "tuple[Any, ...] | None"]


def _is_true(view: View, name: str) -> bool:
    return (view(name) or (None,))[0] is True


def port_and_tls(view: View) -> Iterator[Diagnostic]:
    """Warn when the port suits another TLS mode than the one configured (RFC 8314, section 3.3)."""
    servers = view("smtp-server")
    if not servers:
        return
    server = servers[0]
    if server.port == 465 and _is_true(view, "use-start-tls"):
        yield _port_mismatch(server, "use-start-tls", "465 is the port for TLS from the first byte", "use-ssl")
    elif server.port == 587 and _is_true(view, "use-ssl"):
        yield _port_mismatch(server, "use-ssl", "587 is the port for STARTTLS", "use-start-tls")


def _port_mismatch(server: Any, used: str, fact: str, better: str) -> Diagnostic:
    other = 587 if server.port == 465 else 465
    return Diagnostic(
        "constraint-violated",
        f"{used} is true, but {fact}",
        property="smtp-server",
        value=str(server),
        remedy=f"Set {used}:false and {better}:true, or use port {other} if the server listens there.",
        severity="warning",
    )


def smtp_properties(view: View) -> Iterator[Diagnostic]:
    """Check every ``smtp-property``: its name, its value, no name twice, nothing insecure unless it is allowed."""
    entries = view(PROPERTY)
    if not entries:
        return
    _, problems = read_settings(entries)
    yield from problems
