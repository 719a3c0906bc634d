"""The rules of an OAuth 2.0 provider that conditions cannot express. The definition in ``oauth2-provider.json`` names them.

Commands that only set a value load this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.mail.token_hosts import HOSTS, pattern_problem

LONGEST_SECRET: Final = 16_000
"""Characters. The longest secrets that providers give out are far shorter."""

_ENDPOINTS: Final = ("token-endpoint", "authorization-endpoint", "device-authorization-endpoint")


def provider_values(view: Callable[[str], tuple[Any, ...] | None]) -> Iterator[Diagnostic]:
    """Refuse an endpoint with a user name or a letter beyond ASCII, what is no host, and a secret that is too long."""
    for name in _ENDPOINTS:
        for url in view(name) or ():
            authority = url.partition("//")[2].partition("/")[0]
            if "@" in authority or not url.isascii():
                what = "a user name" if "@" in authority else "a letter beyond ASCII"
                yield _problem(name, f"{name} contains {what}", "Use the URL that the provider documents.")
    for pattern in view(HOSTS) or ():
        if problem := pattern_problem(pattern):
            remedy = "Write the name of a host, or *. and a domain for every host below it."
            yield _problem(HOSTS, f"{HOSTS} names no host: {problem}", remedy)
    for secret in view("client-secret") or ():
        if len(secret) > LONGEST_SECRET:
            summary = f"client-secret has {len(secret)} characters, and at most {LONGEST_SECRET} are allowed"
            yield _problem("client-secret", summary, "Set the secret that the provider has given out.")


def _problem(name: str, summary: str, remedy: str) -> Diagnostic:
    return Diagnostic("constraint-violated", summary, property=name, remedy=remedy)
