"""The choice among several servers: one is used while it answers, then the next in order.

Laws: a writer stays with one server while it is healthy, because two servers that replicate to each other may lose
one of two concurrent writes. A request that changes nothing is repeated on the next server; any other request is
repeated only if it was not sent. A request that was sent and whose answer was lost is never sent to another server:
the first one may still carry it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from confobjects.diagnostics import Diagnostic
from confobjects.errors import CannotConnectError
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.login import LdapLogin
from confobjects.storage.ldap.results import AWAY, LdapResult, error_for_result
from confobjects.storage.ldap.session import LdapSession, LostError

_T = TypeVar("_T")


class Servers:
    """The servers of one configuration. Not thread-safe: the storage lets one thread in at a time."""

    def __init__(
        self, addresses: tuple[LdapAddress, ...], login: LdapLogin, *, connect_timeout: float, deadline: float
    ) -> None:
        self.addresses = addresses
        self._choice = addresses
        self.login = login
        self.connect_timeout = connect_timeout
        self.deadline = deadline
        self._session: LdapSession | None = None
        self._next = 0

    @property
    def current(self) -> LdapAddress:
        """The server in use, or the first one to try."""
        return self._choice[self._next]

    def get_session(self, problems: list[Diagnostic] | None = None) -> LdapSession:
        """Return a session that is logged in: the current one, or a new one with the first server that accepts it.

        The problems with the servers before it are added to ``problems``. Raises
        :class:`~confobjects.errors.CannotConnectError` with the problem of each server, or
        :class:`~confobjects.errors.AccessError` of the first server that refused the login.
        """
        if self._session is not None:
            return self._session
        problems = [] if problems is None else problems
        for _ in self._choice:
            try:
                self._session = LdapSession.open(self.current, self.login, self.connect_timeout, self.deadline)
            except CannotConnectError as error:
                problems.extend(error.diagnostics)
                self._advance()
            else:
                return self._session
        raise CannotConnectError(_drop_duplicates(problems))

    def _advance(self) -> None:
        self._session = None
        self._next = (self._next + 1) % len(self._choice)

    @property
    def others(self) -> tuple[LdapAddress, ...]:
        """The other servers, in the order in which they would be tried."""
        turned = self.addresses[self._next + 1 :] + self.addresses[: self._next]
        return tuple(dict.fromkeys(address for address in turned if address != self.current))

    @contextmanager
    def use_only(self, *choice: LdapAddress) -> Iterator[None]:
        """Use only some of the servers inside the block. The one that answered stays in use afterwards.

        The block begins without a session, because the old one belongs to another server or is lost.
        """
        self.close()
        self._choice, self._next = choice, 0
        try:
            yield
        finally:
            there = self.current
            self._choice, self._next = self.addresses, self.addresses.index(there)

    def mark_lost(self) -> None:
        """Drop the lost session. The next request goes to the next server."""
        self._advance()

    def ask(self, request: Callable[[LdapSession], _T]) -> _T:
        """Make a request that changes nothing. If the connection is lost, repeat it on the next server."""
        problems: list[Diagnostic] = []
        for _ in range(len(self._choice) + 1):  # a single server may just have been restarted
            session = self.get_session(problems)
            try:
                answer = request(session)
            except LostError as lost:
                problems.extend(lost.error.diagnostics)
                self._advance()
                continue
            if (result := _result_of(answer)) is not None and result.code in AWAY:
                problems.extend(error_for_result(result, str(session.address)).diagnostics)
                self.close()
                self._advance()
                continue
            return answer
        raise CannotConnectError(_drop_duplicates(problems))

    def attempts(self) -> Iterator[int]:
        """Yield a number for each permitted attempt to write."""
        yield from range(len(self.addresses) + 1)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _drop_duplicates(problems: list[Diagnostic]) -> list[Diagnostic]:
    """Return the problems without duplicates: a server may have been tried twice."""
    return list({problem.summary: problem for problem in problems}.values())


def _result_of(answer: object) -> LdapResult | None:
    if isinstance(answer, LdapResult):
        return answer
    return answer[0] if isinstance(answer, tuple) and answer and isinstance(answer[0], LdapResult) else None
