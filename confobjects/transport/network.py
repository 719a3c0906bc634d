"""Reaching a host: names to addresses, addresses to a connected socket.

Several addresses are tried as RFC 8305 (happy eyeballs) describes: families alternate, and the next address is tried if
the last one has not answered for a quarter of a second. Each address has its own limit, so that one that does not
answer cannot use up the time of the others.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.mail.diagnosis import Trouble
from confobjects.records import Record
from confobjects.syntaxes.hosts import ascii_host, bracket_host, is_ipv4, is_ipv6
from confobjects.transport.deadline import Deadline, DeadlineExceeded

if TYPE_CHECKING:
    from confobjects.transport.targets import TargetRule

HEAD_START: Final = 0.25
"""Seconds before the next address is tried in parallel (RFC 8305, section 5)."""


class SocketAddress(Record):
    """One address of a host, as :func:`socket.getaddrinfo` gives it. ``is_named``: the name was named as a target."""

    family: int
    sockaddr: tuple[Any, ...]
    is_named: bool = False

    def __str__(self) -> str:
        return f"{bracket_host(str(self.sockaddr[0]))}:{self.sockaddr[1]}"


def look_up_host(host: str, port: int) -> list[SocketAddress]:
    """Ask the system for the addresses of a host, whose name is ASCII. Raises :class:`socket.gaierror`.

    The name goes as bytes. For a text Python loads a codec, and a process that is forked while a thread does so can
    never load it.
    """
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(SocketAddress(int(family), sockaddr) for family, _, _, _, sockaddr in found))


def begin_connection(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
    """Return a non-blocking socket that is connecting to an address. Raises OSError."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if source is not None:
            sock.bind(source)
        status = sock.connect_ex(address.sockaddr)
        if status not in (0, errno.EINPROGRESS):
            raise OSError(status, _error_text(status))
    except OSError:
        sock.close()
        raise
    return sock


def allow_tunnel(host: str, port: int) -> None:
    """Let a proxy connect to any host in our place."""
    del host, port


class Network(Record):
    """The functions that resolve names and begin connections. Tests replace them; :func:`judge_network` guards them.

    ``tunnel`` is asked before a proxy is to connect to a host. It raises OSError, as the others do. What a server says that does not
    speak our protocol is shown unless ``is_judged``: it may be what somebody wants to read through us.
    """

    lookup: Callable[[str, int], list[SocketAddress]] = look_up_host
    begin: Callable[[SocketAddress, tuple[str, int] | None], socket.socket] = begin_connection
    tunnel: Callable[[str, int], None] = allow_tunnel
    is_judged: bool = False


class TargetRefusedError(PermissionError):
    """A connection that a rule does not allow. ``strerror`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)


def judge_network(rule: TargetRule, network: Network | None = None) -> Network:
    """Return a network that begins only the connections that a rule allows, judged by the address that is connected to.

    Which address a proxy connects to is not known here. So it connects only to targets that were named, and only a proxy
    that was named itself is asked.
    """
    inner = network or Network()

    def look_up(host: str, port: int) -> list[SocketAddress]:
        found = inner.lookup(host, port)
        return [one.replace(is_named=True) for one in found] if rule.names(host, port) else found

    def begin(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        host, port = address.sockaddr[:2]
        if reason := rule.judge(str(host), int(port), is_named=address.is_named):
            raise TargetRefusedError(reason)
        return inner.begin(address, source)

    def tunnel(host: str, port: int) -> None:
        if not rule.names(host, port) or (is_ip(host) and rule.judge(host, port)):
            raise TargetRefusedError("a proxy connects only to what was named as a target")

    return Network(look_up, begin, tunnel, is_judged=True)


def check_tunnel(network: Network, host: str, port: int) -> None:
    """Raise Trouble of stage connect unless a proxy may connect to a host."""
    try:
        network.tunnel(host, port)
    except OSError as error:
        address = f"{bracket_host(host)}:{port}"
        raise Trouble("connect", "target-refused", address=address, message=error.strerror or str(error)) from None


def is_ip(host: str) -> bool:
    """Tell whether a host is an address."""
    return is_ipv4(host) or is_ipv6(host)


class Networks(Record):
    """The networks for the two purposes that there are: mail, and access tokens."""

    mail: Network = Network()
    tokens: Network = Network()


def judge_networks(allowed: frozenset[tuple[str, int]] = frozenset()) -> Networks:
    """Return networks that reach only the ports of their purpose, and the targets that were named."""
    from confobjects.transport.targets import MAIL_PORTS, TOKEN_PORTS, TargetRule

    mail, tokens = (judge_network(TargetRule(ports, allowed)) for ports in (MAIL_PORTS, TOKEN_PORTS))
    return Networks(mail, tokens)


def _error_text(status: int) -> str:
    from os import strerror

    return strerror(status)


def resolve(network: Network, host: str, port: int, deadline: Deadline, limit: float) -> list[SocketAddress]:
    """Return the addresses of a host with alternating families. Raises Trouble of stage resolve."""
    try:
        name = host if is_ipv6(host) else ascii_host(host)
    except UnicodeError:
        words = "a part of it is empty, too long, or cannot be written in ASCII (IDNA 2008)"
        raise Trouble("resolve", "name-unusable", message=words) from None
    try:
        if is_ipv4(name) or is_ipv6(name):
            found = network.lookup(name, port)
        else:
            found = _run_in_time(lambda: network.lookup(name, port), min(limit, deadline.check_time_left()))
    except TimeoutError:
        raise Trouble("resolve", "resolve-timeout", limit=limit) from None
    except DeadlineExceeded as over:
        raise Trouble("resolve", "total-timeout", limit=over.limit) from None
    except OSError as error:
        raise _lookup_trouble(error) from None
    if not found:
        raise Trouble("resolve", "name-unknown")
    return interleave_families(found)


def _lookup_trouble(error: OSError) -> Trouble:
    temporary = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
    unknown = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
    if temporary:
        return Trouble("resolve", "name-temporary")
    if isinstance(error, socket.gaierror) and error.errno in unknown:
        return Trouble("resolve", "name-unknown")
    return Trouble("resolve", "name-unusable", message=error.strerror or str(error))


def _run_in_time(ask: Callable[[], list[SocketAddress]], limit: float) -> list[SocketAddress]:
    """Run a look-up in a thread, to limit its time. Raises TimeoutError; a thread that hangs is abandoned."""
    result: list[list[SocketAddress] | BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            result.append(ask())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            result.append(error)
        done.set()

    threading.Thread(target=run, name="confobjects-resolve", daemon=True).start()
    if not done.wait(limit):
        raise TimeoutError
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def interleave_families(addresses: Sequence[SocketAddress]) -> list[SocketAddress]:
    """Return addresses with alternating families, beginning with that of the first one (RFC 8305, section 4)."""
    first = [a for a in addresses if a.family == addresses[0].family]
    others = [a for a in addresses if a.family != addresses[0].family]
    mixed: list[SocketAddress] = []
    while first or others:
        mixed.extend(group.pop(0) for group in (first, others) if group)
    return mixed


def connect(
    network: Network,
    addresses: Sequence[SocketAddress],
    deadline: Deadline,
    limit: float,
    source: tuple[str, int] | None = None,
) -> tuple[socket.socket, SocketAddress]:
    """Return a connected socket and its address; the first address that answers wins. Raises Trouble."""
    race = _Race(network, addresses, deadline, limit, source)
    try:
        return race.run()
    except DeadlineExceeded as over:
        raise Trouble("connect", "total-timeout", limit=over.limit) from None
    finally:
        race.close()


class _Race:
    """Parallel connection attempts to several addresses."""

    def __init__(
        self,
        network: Network,
        addresses: Sequence[SocketAddress],
        deadline: Deadline,
        limit: float,
        source: tuple[str, int] | None,
    ) -> None:
        self._network = network
        self._waiting = list(addresses)
        self._deadline = deadline
        self._limit = limit
        self._source = source
        self._selector = selectors.DefaultSelector()
        self._running: dict[socket.socket, tuple[SocketAddress, float]] = {}
        self._failures: list[tuple[SocketAddress, OSError]] = []

    def run(self) -> tuple[socket.socket, SocketAddress]:
        while self._waiting or self._running:
            next_start = self._start_next()
            if not self._running:
                break  # each of them failed immediately
            for key, _ in self._selector.select(self._compute_wait(next_start)):
                winner = self._check_arrival(key.data)
                if winner is not None:
                    return winner
            self._expire()
        raise _connect_trouble(self._failures, self._limit)

    def _start_next(self) -> float:
        """Begin with the next address if it is its turn. Return the time of the following turn."""
        while self._waiting and not self._running:
            self._begin_address(self._waiting.pop(0))
        youngest = max((began for _, began in self._running.values()), default=self._deadline.now())
        if self._waiting and self._deadline.now() >= youngest + HEAD_START:
            self._begin_address(self._waiting.pop(0))
            return self._deadline.now() + HEAD_START
        return youngest + HEAD_START

    def _begin_address(self, address: SocketAddress) -> None:
        try:
            sock = self._network.begin(address, self._source)
        except OSError as error:
            self._failures.append((address, error))
            return
        self._running[sock] = (address, self._deadline.now())
        self._selector.register(sock, selectors.EVENT_WRITE, sock)

    def _compute_wait(self, next_start: float) -> float:
        now = self._deadline.now()
        ends = [began + self._limit for _, began in self._running.values()]
        if self._waiting:
            ends.append(next_start)
        return max(0.0, min([self._deadline.check_time_left(), *(end - now for end in ends)]))

    def _check_arrival(self, sock: socket.socket) -> tuple[socket.socket, SocketAddress] | None:
        self._selector.unregister(sock)
        address, _ = self._running.pop(sock)
        status = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if status == 0:
            return sock, address
        sock.close()
        self._failures.append((address, OSError(status, _error_text(status))))
        return None

    def _expire(self) -> None:
        now = self._deadline.now()
        for sock, (address, began) in list(self._running.items()):
            if now >= began + self._limit:
                self._selector.unregister(sock)
                del self._running[sock]
                sock.close()
                self._failures.append((address, TimeoutError(errno.ETIMEDOUT, "timed out")))

    def close(self) -> None:
        """Close all sockets that are still connecting."""
        for sock in self._running:
            with contextlib.suppress(OSError):
                sock.close()
        self._selector.close()


_KINDS: Final = {
    errno.ECONNREFUSED: "connection-refused",
    errno.ETIMEDOUT: "connect-timeout",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "local-address",
    errno.EADDRINUSE: "local-address",
}


def _connect_trouble(failures: Sequence[tuple[SocketAddress, OSError]], limit: float) -> Trouble:
    """Return one trouble for all addresses: the first failure other than a missing route, else the first one."""
    told = [one for one in failures if _KINDS.get(one[1].errno or 0) != "unreachable"]
    address, error = (told or list(failures))[0]
    detail = [f"{one}: {failure.strerror or failure}" for one, failure in failures] if len(failures) > 1 else []
    is_refused = isinstance(error, TargetRefusedError)
    return Trouble(
        "connect",
        "target-refused" if is_refused else _KINDS.get(error.errno or 0, "connect-failed"),
        address=str(address),
        message=error.strerror or str(error),
        limit=f"{limit:g}",
        detail=detail,
    )
