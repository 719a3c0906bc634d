"""For whom connections are judged, and what whoever runs the process may name."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from confobjects.errors import UsageError
from confobjects.transport.network import Network, SocketAddress
from confobjects.web.people import PERMISSIONS, Person
from confobjects.web.targets import Targets, parse_target


def reaches(network: Network, address: str, port: int) -> bool:
    """Tell whether a connection is begun. Nothing answers: it is closed at once."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        network.begin(SocketAddress(family, (address, port)), None).close()
    except PermissionError:
        return False
    except OSError:
        return True
    return True


@pytest.mark.parametrize("role", PERMISSIONS)
def test_only_administrators_reach_everything(role: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        person = Person("x", role, "account")
        usual, named = Targets(), Targets(frozenset({("127.0.0.1", port)}))
        for purpose in ("mail", "tokens"):
            assert reaches(getattr(usual.networks_for(person), purpose), "127.0.0.1", port) is (role == "administrator")
            assert reaches(getattr(named.networks_for(person), purpose), "127.0.0.1", port)
            assert not reaches(getattr(named.networks_for(None), purpose), "127.0.0.1", port + 1 if port < 65535 else 1)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Relay.Example.com:2526", ("relay.example.com", 2526)),
        ("127.0.0.1:25", ("127.0.0.1", 25)),
        ("[::ffff:127.0.0.1]:25", ("127.0.0.1", 25)),
        ("[2001:DB8:0::1]:25", ("2001:db8::1", 25)),
    ],
)
def test_a_target_is_a_host_and_a_port(text: str, target: tuple[str, int]) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["", "x", ":25", "x:", "x:0", "x:65536", "x:a", "::1:25", "[x]:25", "[]:25"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)
