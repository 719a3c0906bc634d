"""The mail servers of a configuration, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Protocol

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import MailError

KIND: Final = "mail-server"


class HasObjects(Protocol):
    """The part of a configuration that is needed here."""

    def of(self, kind: str) -> Iterable[Any]:
        """Return the objects of a kind, sorted by path."""
        ...


def servers_of(configuration: HasObjects, names: Iterable[str] = ()) -> list[Any]:
    """Return the mail servers with these names, in that order; without names every enabled one, sorted by name.

    Raises :class:`~confobjects.errors.MailError` of stage plan if a name is unknown or no server is enabled.
    """
    there = {server.name.lower(): server for server in configuration.of(KIND)}
    wanted = list(names)
    unknown = [name for name in wanted if name.lower() not in there]
    if unknown:
        known = [server.name for server in there.values()]
        raise MailError(
            [
                Diagnostic("mail-plan", f'there is no mail server "{name}"', remedy=suggest_name(name, known))
                for name in unknown
            ]
        )
    servers = [there[name.lower()] for name in wanted] or [one for one in there.values() if one["enabled"]]
    if not servers:
        remedy = "Create a mail server, or enable one."
        raise MailError(Diagnostic("mail-plan", "no mail server is enabled", remedy=remedy))
    return servers
