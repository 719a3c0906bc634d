"""Which hosts are this machine: what may go there in clear text stays here, whatever a resolver says."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.syntaxes.hosts import is_this_machine


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1"])
def test_what_is_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "localhost.", "a.localhost", "localhost.example.com", "127.0.0.1.example.com", "127.1", "127.0.0.256"),
        *("128.0.0.1", "0.0.0.0", "::", "::2", "::ffff:192.0.2.1", "[::1]", "127.0.0.01", "2130706433"),
    ],
)
def test_what_is_not(host: str) -> None:
    assert not is_this_machine(host)


@given(st.ip_addresses())
def test_addresses_are_judged_as_the_standard_library_does(address: IPv4Address | IPv6Address) -> None:
    assert is_this_machine(str(address)) is address.is_loopback
