"""The mail servers of a configuration, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from confobjects.actions import RemedyAction
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
        raise MailError([_as_unknown(name, there) for name in unknown])
    servers = [there[name.lower()] for name in wanted] or [one for one in there.values() if one["enabled"]]
    if not servers:
        remedy = "Create a mail server, or enable one."
        raise MailError(Diagnostic("mail-plan", "no mail server is enabled", remedy=remedy))
    return servers


def _as_unknown(name: str, there: Mapping[str, Any]) -> Diagnostic:
    known = [server.name for server in there.values()]
    return Diagnostic("mail-plan", f'there is no mail server "{name}"', remedy=suggest_name(name, known))


class ServerSource(Protocol):
    """Mail servers that may change while they are used."""

    def read(self) -> object:
        """Return the state of now: the same object until something has changed. It is asked for every message."""
        ...

    def choose(self, state: Any) -> list[Any]:
        """Return the mail servers to use in a state, in the order in which they are tried.

        Raises :class:`~confobjects.errors.MailError` of stage plan if there is none.
        """
        ...


class FollowedServers:
    """The mail servers of a configuration that is kept true: with these names, in that order, or every enabled one.

    ``read`` returns the configuration in effect. A named mail server that is disabled, or not there yet, is left out.
    """

    def __init__(self, read: Callable[[], HasObjects], names: Iterable[str] = ()) -> None:
        self.read = read
        self._names = {name.lower(): name for name in names}

    def choose(self, state: HasObjects) -> list[Any]:
        """Return the mail servers that are enabled in a state. Raises MailError of stage plan if there is none."""
        there = {server.name.lower(): server for server in state.of(KIND)}
        if not self._names:
            return servers_of(state)
        found = [there[key] for key in self._names if key in there and there[key]["enabled"]]
        if not found:
            raise MailError([_as_unusable(name, there.get(key), there) for key, name in self._names.items()])
        return found


def _as_unusable(name: str, server: Any, there: Mapping[str, Any]) -> Diagnostic:
    if server is None:
        return _as_unknown(name, there)
    enable = ("Set ", RemedyAction("assign", "enabled", "true"), ".")
    return Diagnostic("mail-plan", "the mail server is disabled", path=server.path, property="enabled", remedy=enable)
