"""The choice among several servers: one is used as long as it answers, then the next in order.

Laws: whoever writes stays with one server while it is healthy (two that replicate to each other may lose one of two
writes that meet); a request that cannot change anything is repeated on the next server, any other only when it was
not sent. What was sent to one server, and whose answer was lost, is never sent to another: that one may carry it out
yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from confobjects.diagnostics import Diagnostic
from confobjects.errors import CannotConnectError
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.results import AWAY, LdapResult, error_for_result
from confobjects.storage.ldap.session import LdapLogin, LdapSession, LostError

_T = TypeVar("_T")


class Servers:
    """The servers of one configuration. Not safe for threads: the storage lets one in at a time."""

    def __init__(
        self, addresses: tuple[LdapAddress, ...], login: LdapLogin, *, connect_timeout: float, deadline: float
    ) -> None:
        self.addresses = addresses
        self._choice = addresses
        self.login = login
        self.connect_timeout = connect_timeout
        self._deadline = deadline
        self._session: LdapSession | None = None
        self._next = 0

    @property
    def current(self) -> LdapAddress:
        """The server in use, or the first to be tried."""
        return self._choice[self._next]

    def get_session(self, problems: list[Diagnostic] | None = None) -> LdapSession:
        """Return a session that is logged in, the one there is or a new one with the first server that takes it.

        What the servers before it did is added to ``problems``.
        Raises :class:`~confobjects.errors.CannotConnectError` with what each server did,
        :class:`~confobjects.errors.AccessError` of the first that refused the login.
        """
        if self._session is not None:
            return self._session
        problems = [] if problems is None else problems
        for _ in self._choice:
            try:
                self._session = LdapSession.open(self.current, self.login, self.connect_timeout, self._deadline)
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
        """The servers besides the one in use, in the order in which they would be tried."""
        turned = self.addresses[self._next + 1 :] + self.addresses[: self._next]
        return tuple(dict.fromkeys(address for address in turned if address != self.current))

    @contextmanager
    def use_only(self, *choice: LdapAddress) -> Iterator[None]:
        """Have nothing but some of the servers asked for a while. The one that answered is the one in use afterwards.

        It begins without a session: what was there belongs to another server, or is gone.
        """
        self.close()
        self._choice, self._next = choice, 0
        try:
            yield
        finally:
            there = self.current
            self._choice, self._next = self.addresses, self.addresses.index(there)

    def mark_lost(self) -> None:
        """Take note that the session is gone; the next request goes to the next server."""
        self._advance()

    def ask(self, request: Callable[[LdapSession], _T]) -> _T:
        """Make a request that changes nothing, on the next server if one is lost over it."""
        problems: list[Diagnostic] = []
        for _ in range(len(self._choice) + 1):  # the only server may just have been started again
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
        """Yield a number for each time a write may be tried in all."""
        yield from range(len(self.addresses) + 1)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._session is not None:
            self._session.close()
            self._session = None


def _drop_duplicates(problems: list[Diagnostic]) -> list[Diagnostic]:
    """What was said, each sentence once: a server may have been asked again."""
    return list({problem.summary: problem for problem in problems}.values())


def _result_of(answer: object) -> LdapResult | None:
    if isinstance(answer, LdapResult):
        return answer
    return answer[0] if isinstance(answer, tuple) and answer and isinstance(answer[0], LdapResult) else None
