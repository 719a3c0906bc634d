"""One connection to one server, secured and logged in: requests in, results out.

The frequent requests are encoded here: logging in with a password, reading and searching, adding, changing and deleting
entries. For all others the client library is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, CannotConnectError, ConfobjectsError, StorageError
from confobjects.storage.ldap import ber
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.ber import RawEntry
from confobjects.storage.ldap.channel import LdapChannel, as_connection_error, check_socket_access, connect
from confobjects.storage.ldap.filters import encode_filter
from confobjects.storage.ldap.login import LdapLogin
from confobjects.storage.ldap.messages import LdapWire
from confobjects.storage.ldap.results import AWAY, NAMES, SUCCESS, LdapResult, error_for_result

PAGE: Final = 1000
_START_TLS: Final = "1.3.6.1.4.1.1466.20037"


class LostError(Exception):
    """The connection is lost. ``error`` is the error to raise; ``sent`` means that the request may have taken effect.

    ``closed`` means that the server ended the connection: if it has not carried out the request, it no longer will.
    """

    def __init__(self, error: ConfobjectsError, *, sent: bool, closed: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.sent = sent
        self.closed = closed


class LdapSession:
    """A connection to a server. :meth:`open` returns one that is ready; requests raise :class:`LostError`."""

    def __init__(self, address: LdapAddress, channel: LdapChannel, deadline: float) -> None:
        self.address = address
        self._channel = channel
        self._deadline = deadline
        self._wire = LdapWire(channel)
        self._library: Any = None
        self._is_secured = False
        self._is_closed = False

    @property
    def _connection(self) -> Any:
        """The client library's connection, for the rare requests."""
        if self._library is None:
            from confobjects.storage.ldap.library import make_connection

            self._library = make_connection(self._channel, self._wire)
            self._library.tls_started = self._is_secured
        return self._library

    @classmethod
    def open(cls, address: LdapAddress, login: LdapLogin, connect_timeout: float, deadline: float) -> LdapSession:
        """Connect, secure and log in.

        Raises :class:`~confobjects.errors.CannotConnectError`, :class:`~confobjects.errors.AccessError`.
        """
        refuse_clear(address, login)
        check_socket_access(address)
        context = None
        if address.scheme == "ldaps" or login.start_tls:
            from confobjects.storage.ldap.trust import build_context

            context = build_context(login.tls)
        channel = connect(address, connect_timeout)
        try:
            session = cls(address, channel, deadline)
            if context is not None:
                session._secure(context, connect_timeout)
            session._log_in(login)
        except LostError as lost:
            channel.close()
            raise lost.error from None
        except BaseException:
            channel.close()
            raise
        return session

    def _secure(self, context: Any, seconds: float) -> None:
        if self.address.scheme == "ldap":
            result = self._ask("StartTLS", lambda: self._connection.extended(_START_TLS))
            if result.code != SUCCESS:
                what = f"{self.address} does not start TLS"
                remedy = "have TLS set up on the server; without it, only a connection on the same machine is safe"
                problem = Diagnostic("cannot-connect", what, detail=result.answer_text, remedy=remedy)
                raise CannotConnectError(problem)
        from confobjects.storage.ldap.trust import negotiate

        negotiate(self._channel, self.address, context, self._wire.unread, seconds)
        self._is_secured = True
        if self._library is not None:
            self._library.tls_started = True

    def _log_in(self, login: LdapLogin) -> None:
        if login.mechanism == "anonymous":
            return
        if login.mechanism == "external":
            from confobjects.storage.ldap.library import bind_externally

            connection = self._connection
            result = self._ask("logging in", lambda: bind_externally(connection))
        else:
            result, _ = self._exchange("logging in", lambda: ber.encode_bind(login.bind_dn, login.password))
        if result.code in AWAY:
            raise CannotConnectError(error_for_result(result, str(self.address)).diagnostics)
        if result.code != SUCCESS:
            raise error_for_result(result, f"{self.address}, logging in{_describe_login(login)}")

    # -- requests ----------------------------------------------------------------------------------------------------

    def check_open(self) -> None:
        """Raise :class:`LostError` if the server has already closed the connection. Nothing has been sent then.

        Call this before a change. A server that was restarted has usually closed the connection long ago.
        """
        self._run_within_deadline("changing an entry", self._channel.check_open)

    def add(self, dn: str, attributes: dict[str, list[bytes]], controls: Iterable[bytes] = ()) -> LdapResult:
        """Add an entry. ``controls`` go with the request, as in the methods below."""
        sent = ber.encode_controls(controls)
        return self._exchange("adding an entry", lambda: ber.encode_add(dn, attributes), sent)[0]

    def modify(
        self, dn: str, modifications: Sequence[tuple[str, str, list[bytes]]], controls: Iterable[bytes] = ()
    ) -> LdapResult:
        """Change an entry; each modification is a kind, an attribute and values, in order."""
        sent = ber.encode_controls(controls)
        return self._exchange("changing an entry", lambda: ber.encode_modify(dn, modifications), sent)[0]

    def delete(self, dn: str, controls: Iterable[bytes] = ()) -> LdapResult:
        """Delete an entry."""
        return self._exchange("deleting an entry", lambda: ber.encode_delete(dn), ber.encode_controls(controls))[0]

    def rename(self, dn: str, rdn: str, parent: str | None, person: str = "") -> LdapResult:
        """Rename an entry, and move it if a parent is given; with the rights of a person if one is given (a DN)."""
        controls = [(ber.PROXIED, True, ber.authorization_id(person))] if person else None
        return self._ask("renaming an entry", lambda: self._connection.modify_dn(dn, rdn, True, parent, controls))

    def read(self, dn: str, attributes: Sequence[str]) -> tuple[LdapResult, RawEntry | None]:
        """Read one entry."""
        result, _ = self._exchange("searching", lambda: ber.encode_read(dn, attributes))
        return result, next(iter(self._wire.entries), None)

    def search_any(
        self, parent: str, pairs: Sequence[tuple[str, str]], attributes: Sequence[str]
    ) -> tuple[LdapResult, list[RawEntry]]:
        """Read the entries right below a parent that have one of some pairs of an attribute and a value."""
        result, _ = self._exchange("searching", lambda: ber.encode_search_any(parent, attributes, ber.ONE_LEVEL, pairs))
        return result, self._wire.entries

    def search_from(
        self, parent: str, name: str, least: int, attributes: Sequence[str]
    ) -> tuple[LdapResult, list[RawEntry]]:
        """Read the entries right below a parent that have a number in an attribute, or a greater one."""
        condition = encode_filter(f"({name}>={least})")
        result, _ = self._exchange("searching", lambda: ber.encode_search(parent, attributes, ber.ONE_LEVEL, condition))
        return result, self._wire.entries

    def search(self, base: str, scope: str, filter_: str, attributes: Sequence[str]) -> Iterator[LdapResult | RawEntry]:
        """Yield the entries found, page by page, and then the result."""
        cookie = b""
        while True:
            result, cookie = self._search(base, scope, filter_, attributes, cookie)
            yield from self._wire.entries
            if result.code != SUCCESS or not cookie:
                yield result
                return

    def _search(
        self, base: str, scope: str, filter_: str, attributes: Sequence[str], cookie: bytes
    ) -> tuple[LdapResult, bytes]:
        """Read one page, and return its result and the cookie of the next one."""
        number = ber.ONE_LEVEL if scope == "one" else ber.SUBTREE
        return self._exchange(
            "searching",
            lambda: ber.encode_search(base, attributes, number, encode_filter(filter_)),
            ber.encode_page(PAGE, cookie),
        )

    # -- requests whose answers come later ---------------------------------------------------------------------------

    def send(self, operation: bytes, controls: bytes = b"") -> int:
        """Send an encoded request, and return its number. Its answers come by :meth:`receive`, in any order."""
        number: int = self._run_within_deadline("watching", lambda: self._wire.send(operation, controls))
        return number

    def receive(self) -> tuple[int, int, bytes, int] | None:
        """Return what :meth:`LdapWire.receive` does. Raises :class:`LostError` after closing the session."""
        try:
            return self._wire.receive()
        except OSError as error:
            lost = as_connection_error(self.address, self._channel.failure or error, "watching", self._deadline)
            self.close()
            raise LostError(lost, sent=True, closed=True) from None
        except ValueError:
            self.close()
            raise LostError(_protocol_error(self.address, "watching"), sent=True) from None

    def give_up(self, step: str) -> LostError:
        """Close the session with a server that does not answer, and return the error for it."""
        self._channel.failure = TimeoutError("timed out")
        self.close()
        return LostError(as_connection_error(self.address, self._channel.failure, step, self._deadline), sent=True)

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._channel.fileno()

    def _exchange(self, step: str, encode: Callable[[], bytes], controls: bytes = b"") -> tuple[LdapResult, bytes]:
        """Carry out one request that is encoded here, as :meth:`_ask` does."""
        (code, dn, text, referrals), cookie = self._run_within_deadline(
            step, lambda: self._wire.exchange(encode(), controls)
        )
        return LdapResult(code, NAMES.get(code, "other"), dn, text, referrals), cookie

    def _ask(self, step: str, request: Callable[[], Any]) -> LdapResult:
        """Carry out one request of the client library. Raises :class:`LostError` after closing the session."""
        self._run_within_deadline(step, request)
        found = self._connection.result
        if not isinstance(found, dict) or not isinstance(found.get("result"), int):
            self.close()
            raise LostError(_protocol_error(self.address, step), sent=self._channel.sent)
        return LdapResult(
            found["result"],
            str(found.get("description", "")),
            str(found.get("dn") or ""),
            str(found.get("message") or ""),
            tuple(found.get("referrals") or ()),
        )

    def _run_within_deadline(self, step: str, request: Callable[[], Any]) -> Any:
        channel = self._channel
        channel.expire(self._deadline)
        try:
            return request()
        except OSError as error:
            cause = channel.failure or error
            self.close()
            closed = isinstance(cause, (ConnectionResetError, BrokenPipeError))
            lost = as_connection_error(self.address, cause, step, self._deadline)
            raise LostError(lost, sent=channel.sent, closed=closed) from None
        except Exception as error:  # noqa: BLE001 - the library's codec may raise anything
            failure = channel.failure
            self.close()
            if failure is None and not channel.sent:
                raise StorageError(f"{self.address}: the request cannot be encoded: {error}") from None
            if failure is None:
                raise LostError(_protocol_error(self.address, step), sent=True) from None
            closed = isinstance(failure, (ConnectionResetError, BrokenPipeError))
            lost = as_connection_error(self.address, failure, step, self._deadline)
            raise LostError(lost, sent=channel.sent, closed=closed) from None

    def close(self) -> None:
        """Unbind, without waiting for an answer, and close the connection."""
        if not self._is_closed and self._channel.failure is None:
            sent = self._channel.sent
            self._channel.expire(min(1.0, self._deadline))
            with suppress(Exception):  # a failed unbind does not matter
                self._wire.unbind()
            self._channel.sent = sent
        self._is_closed = True
        if self._library is not None:
            self._library.closed = True
        self._channel.close()


def _describe_login(login: LdapLogin) -> str:
    return f' as "{login.bind_dn}"' if login.bind_dn else ""


def _protocol_error(address: LdapAddress, step: str) -> CannotConnectError:
    summary = f"{address} sent an answer that is not LDAP ({step})"
    remedy = (
        "check that a directory server listens there; TLS needs ",
        RemedyAction("use-ldaps"),
        " or ",
        RemedyAction("use-starttls"),
    )
    return CannotConnectError(Diagnostic("cannot-connect", summary, remedy=remedy))


def refuse_clear(address: LdapAddress, login: LdapLogin) -> None:
    """Refuse to send a password in clear text over a network. This is checked before connecting.

    Raises :class:`~confobjects.errors.AccessError`.
    """
    if login.mechanism != "simple" or login.start_tls or login.allow_clear_password:
        return
    if address.scheme == "ldap" and not address.is_local:
        raise AccessError(
            Diagnostic(
                "access-refused",
                f"{address}: the password would be sent in clear text over the network",
                remedy=(
                    "use ",
                    RemedyAction("use-starttls"),
                    " or ",
                    RemedyAction("use-ldaps"),
                    "; ",
                    RemedyAction("allow-clear-password"),
                    " sends it anyway",
                ),
            )
        )
