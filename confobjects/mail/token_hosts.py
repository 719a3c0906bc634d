"""Which mail servers the access tokens of an OAuth 2.0 provider may be sent to.

Whoever may create mail servers could otherwise have the tokens of any provider sent to a host of their choice. Commands
that only set a value load this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic

HOSTS: Final = "allowed-mail-host"
"""The property of a provider that lists the hosts."""

BELOW: Final = "*."
"""What a pattern begins with that stands for every host below a domain."""


def is_allowed(host: str, patterns: Iterable[str]) -> bool:
    """Tell whether a host is one of some hosts, or below a domain of them; case, script and a dot at the end do not matter."""
    found = _as_compared(host)
    for pattern in patterns:
        domain = _as_compared(pattern.removeprefix(BELOW))
        if found.endswith(f".{domain}") if pattern.startswith(BELOW) else found == domain:
            return True
    return False


def refuse_host(host: str, patterns: Iterable[str], provider: str) -> Diagnostic:
    """Return the problem of a mail server whose host may not get the tokens of a provider, which is given by its name."""
    return Diagnostic(
        "constraint-violated",
        f'the access tokens of the OAuth 2.0 Provider "{provider}" may not be sent to {host}',
        property="oauth2-provider",
        detail=f"its {HOSTS}: {', '.join(patterns)}",
        remedy=(
            "Use a mail server of this provider. Only if the host may have its tokens, add ",
            RemedyAction("add", HOSTS, host),
            f" of /oauth2-provider/{provider}.",
        ),
    )


def pattern_problem(pattern: str) -> str:
    """Return what is wrong with a host or a pattern of hosts, empty if nothing is."""
    from confobjects.syntaxes.hosts import host_problem, is_ipv6

    name = pattern.removeprefix(BELOW)
    if is_ipv6(pattern):
        return ""
    if name.removesuffix(".").rpartition(".")[2].isdigit() and name != pattern:
        return "an IP address has no hosts below it"
    return host_problem(name)


def _as_compared(host: str) -> str:
    from confobjects.syntaxes.hosts import ascii_host, normal_host

    return normal_host(ascii_host(host.removesuffix(".")))


__all__ = ["BELOW", "HOSTS", "is_allowed", "pattern_problem", "refuse_host"]
