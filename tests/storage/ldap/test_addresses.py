"""A host with several addresses: one that swallows what is sent to it does not keep us from the next."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.errors import CannotConnectError
from confobjects.storage import open_storage
from tests.servers.fake_ldap import FakeLdap

BASE = DN.parse("cn=config,dc=example,dc=com")


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that answers no more: its queue of connections is full, and nobody takes any out of it."""
    with ExitStack() as stack:
        listener = stack.enter_context(closing(socket.socket()))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        place = listener.getsockname()
        for _ in range(6):  # one fills it; how many more a system lets in is its own affair
            caller = stack.enter_context(closing(socket.socket()))
            caller.setblocking(False)
            caller.connect_ex(place)
        yield place


def resolve_to(monkeypatch: pytest.MonkeyPatch, *places: tuple[str, int]) -> None:
    """Have the system's resolver find these addresses, whatever is asked for."""
    found: list[Any] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_an_address_that_hangs_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch, black_hole: tuple[str, int]
) -> None:
    with FakeLdap() as server:
        resolve_to(monkeypatch, black_hole, black_hole, ("127.0.0.1", server.port))
        storage = open_storage("ldap://dual.example.com", base=BASE, connect_timeout=0.6, deadline=5.0)
        assert storage.read(BASE) is None
        storage.close()
        assert server.requests


def test_when_every_address_hangs_the_time_is_up(monkeypatch: pytest.MonkeyPatch, black_hole: tuple[str, int]) -> None:
    resolve_to(monkeypatch, black_hole, black_hole)
    storage = open_storage("ldap://dual.example.com", base=BASE, connect_timeout=0.3, deadline=5.0)
    with pytest.raises(CannotConnectError) as caught:
        storage.read(BASE)
    assert caught.value.diagnostics[0].summary == "ldap://dual.example.com:389 did not answer within 0.3 s (connecting)"
