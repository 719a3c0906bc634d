"""Several addresses are raced as RFC 8305 has it, and each has its own limit."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import Trouble
from confobjects.transport.deadline import Deadline
from confobjects.transport.mailer import Mailer
from confobjects.transport.network import (
    Network,
    SocketAddress,
    begin_connection,
    connect,
    interleave_families,
    resolve,
)
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp
from tests.transport.cases import swallowing

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def four(number: int) -> SocketAddress:
    return SocketAddress(FOUR, (f"192.0.2.{number}", 25))


def six(number: int) -> SocketAddress:
    return SocketAddress(SIX, (f"2001:db8::{number}", 25, 0, 0))


def test_families_alternate_beginning_with_the_first_ones() -> None:
    assert interleave_families([six(1), six(2), six(3), four(1), four(2)]) == [six(1), four(1), six(2), four(2), six(3)]
    assert interleave_families([four(1), six(1)]) == [four(1), six(1)]
    assert interleave_families([]) == []


@given(st.lists(st.builds(lambda kind, number: kind(number), st.sampled_from([four, six]), st.integers(0, 9))))
def test_alternating_loses_and_doubles_nothing(addresses: list[SocketAddress]) -> None:
    mixed = interleave_families(addresses)
    assert sorted(map(str, mixed)) == sorted(map(str, addresses))
    for family in (FOUR, SIX):
        assert [a for a in mixed if a.family == family] == [a for a in addresses if a.family == family]


@contextmanager
def listening(count: int) -> Iterator[list[int]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


def test_an_address_that_swallows_packets_does_not_hold_up_the_next() -> None:
    """One by one, the first address would use up the time that all have together."""
    with swallowing() as silent, FakeSmtp() as fake:

        def lookup(host: str, port: int) -> list[SocketAddress]:
            return [SocketAddress(FOUR, ("127.0.0.1", silent)), SocketAddress(FOUR, ("127.0.0.1", fake.port))]

        patient = ("mail.smtp.connectiontimeout=60000", "confobjects.total-timeout=20000")
        server = mail_server(25, *patient, host="mail.example", use_start_tls=False)
        report = Mailer(server, network=Network(lookup)).send(b"x", to="bob@example.com")
        assert report.address == f"127.0.0.1:{fake.port}"


def test_the_next_address_is_tried_at_once_when_one_fails() -> None:
    clock = [0.0]

    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        if address.sockaddr[1] == 1:
            raise OSError(111, "Connection refused")
        return begin_connection(address, source)

    with listening(1) as (port,):
        addresses = [SocketAddress(FOUR, ("127.0.0.1", 1)), SocketAddress(FOUR, ("127.0.0.1", port))]
        sock, address = connect(Network(begin=start), addresses, Deadline(10, lambda: clock[0]), 5)
        sock.close()
        assert address == addresses[1]
        assert clock == [0.0]


def test_the_first_that_answers_wins_and_the_others_are_closed() -> None:
    begun: list[socket.socket] = []

    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        begun.append(begin_connection(address, source))
        return begun[-1]

    with swallowing() as silent, listening(1) as (port,):
        addresses = [SocketAddress(FOUR, ("127.0.0.1", silent)), SocketAddress(FOUR, ("127.0.0.1", port))]
        sock, address = connect(Network(begin=start), addresses, Deadline(60), 50)
        assert address == addresses[1]
        assert [one.fileno() == -1 for one in begun] == [True, False]
        sock.close()


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([101, 111], "connection-refused"),
        ([111, 113], "connection-refused"),
        ([101, 113], "unreachable"),
        ([110, 101], "connect-timeout"),
    ],
)
def test_of_several_failures_the_one_that_tells_most_is_told(errors: list[int], kind: str) -> None:
    numbers = iter(errors)

    def start(address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        raise OSError(next(numbers), "not today")

    with pytest.raises(Trouble) as caught:
        connect(Network(begin=start), [four(1), six(1)], Deadline(10), 5)
    assert caught.value.kind == kind
    assert caught.value.facts["detail"] == ["192.0.2.1:25: not today", "[2001:db8::1]:25: not today"]


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("mail.example", "mail.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("mail.example.", "mail.example."),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
    ],
)
def test_a_name_is_looked_up_in_ascii(host: str, asked: str) -> None:
    names = []

    def lookup(name: str, port: int) -> list[SocketAddress]:
        names.append(name)
        return [four(port)]

    assert resolve(Network(lookup), host, 5, Deadline(10), 5) == [four(5)]
    assert names == [asked]


def test_what_the_resolver_raises_of_its_own_is_not_hidden() -> None:
    def lookup(host: str, port: int) -> list[SocketAddress]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resolve(Network(lookup), "mail.example", 25, Deadline(10), 5)
