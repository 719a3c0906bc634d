"""What may be connected to in the name of people who may not decide that: by the address, in whatever form it comes."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport import network as networks
from confobjects.transport.check import check_server
from confobjects.transport.mailer import Mailer
from confobjects.transport.network import Network, SocketAddress, judge_network, judge_networks
from confobjects.transport.targets import MAIL_PORTS, TOKEN_PORTS, TargetRule, list_forms, normalize_host
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp
from tests.transport.sending import CLEAR, mails

RULE: Final = TargetRule()
NAMED: Final = TargetRule(
    allowed=frozenset({("127.0.0.1", 2526), ("relay.example.com", 2526), ("169.254.169.254", 25)})
)

NEVER: Final = [
    "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "100.100.100.200",
    "168.63.129.16", "192.0.0.192", "::", "fe80::1", "fe80::1%lo", "febf::1", "ff02::1", "fd00:ec2::254", "fd20:ce::254",
    "::ffff:169.254.169.254", "::ffff:0:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::1",
    "2001:0:102:304:0:0:5601:5601", "2001:db8::5efe:169.254.169.254", "2001:db8::200:5efe:169.254.169.254", "::ffff:0.0.0.0",
]  # fmt: skip
LOOPBACK: Final = [
    "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::ffff:0:127.0.0.1",
    "2001:db8::5efe:127.0.0.1", "64:ff9b:1::127.0.0.1",
]  # fmt: skip
USUAL: Final = [
    "192.0.2.7",
    "10.1.2.3",
    "192.168.0.1",
    "2001:db8::7",
    "fd12::7",
    "::ffff:192.0.2.7",
    "64:ff9b::192.0.2.7",
]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("port", [25, 80, 443])
def test_some_addresses_are_never_connected_to_whoever_names_them(address: str, port: int) -> None:
    for rule in (
        RULE,
        NAMED,
        TargetRule(TOKEN_PORTS),
        RULE.replace(allowed=frozenset({(normalize_host(address), port)})),
    ):
        assert rule.judge(address, port)
        assert rule.judge(address, port, is_named=True)


@pytest.mark.parametrize("address", LOOPBACK)
def test_this_machine_is_connected_to_only_if_it_was_named(address: str) -> None:
    assert RULE.judge(address, 25)
    assert not RULE.judge(address, 25, is_named=True)
    assert NAMED.judge(address, 25)


def test_an_address_that_was_named_counts_in_its_mapped_form_too() -> None:
    assert not NAMED.judge("127.0.0.1", 2526)
    assert not NAMED.judge("::ffff:127.0.0.1", 2526)
    assert NAMED.judge("127.0.0.2", 2526)


@pytest.mark.parametrize("address", USUAL)
def test_others_are_connected_to_at_the_ports_of_the_purpose(address: str) -> None:
    assert {port for port in range(1, 3000) if not RULE.judge(address, port)} == MAIL_PORTS
    assert {port for port in (25, 80, 443, 8443) if not TargetRule(TOKEN_PORTS).judge(address, port)} == {443}


@pytest.mark.parametrize(
    "text", ["", "relay.example.com", "1.2.3", "127.1", "0x7f.1", "2130706433", "1.2.3.4.5", ":::1"]
)
def test_what_is_no_address_is_not_connected_to(text: str) -> None:
    assert RULE.judge(text, 25)


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_no_form_of_an_address_is_judged_better_than_the_address(inner: ipaddress.IPv4Address, port: int) -> None:
    number, text = int(inner), str(inner)
    judged = RULE.judge(text, port)
    forms = (
        f"::ffff:{text}",
        f"::ffff:0:{text}",
        f"64:ff9b::{text}",
        f"64:ff9b:1::{text}",
        f"2001:db8::5efe:{text}",
        f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1",
        f"2001:0:{number >> 16:x}:{number & 0xFFFF:x}::",
        f"2001:0:102:304::{number >> 16 ^ 0xFFFF:x}:{number & 0xFFFF ^ 0xFFFF:x}",
    )
    for form in forms:
        assert inner in tuple(list_forms(form))
        if judged:
            assert RULE.judge(form, port), form


@given(st.ip_addresses(), st.integers(1, 65535))
def test_what_is_connected_to_is_at_a_port_of_the_purpose_and_global_enough(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    if not RULE.judge(str(address), port):
        assert port in MAIL_PORTS
        for is_special in (address.is_loopback, address.is_link_local, address.is_multicast, address.is_unspecified):
            assert not is_special


# -- connections -------------------------------------------------------------------------------------------------------


class Resolver:
    """Names that resolve to other addresses each time, and the addresses that were connected to."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.begun: list[str] = []
        self.network = Network(self._look_up, self._begin)

    def _look_up(self, host: str, port: int) -> list[SocketAddress]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [SocketAddress(socket.AF_INET, (answer, port))]

    def _begin(self, address: SocketAddress, source: tuple[str, int] | None) -> socket.socket:
        self.begun.append(str(address.sockaddr[0]))
        return networks.begin_connection(address, source)


def test_what_a_name_resolves_to_is_judged_and_nothing_is_connected_to() -> None:
    resolver = Resolver("127.0.0.1")
    server = mail_server(25, host="relay.example.com", **CLEAR)
    with pytest.raises(DeliveryError) as caught:
        Mailer(server, network=judge_network(RULE, resolver.network), explain=True).send(
            mails(1)[0].message, "a@x.test", "b@x.test"
        )
    assert caught.value.diagnosis.code == "target-refused"
    assert resolver.begun == []


def test_a_name_that_resolves_to_another_address_later_gains_nothing() -> None:
    """The address that was judged is the one that is connected to: nothing is looked up in between."""
    with FakeSmtp() as fake:
        rule = TargetRule(frozenset({fake.port}))
        resolver = Resolver("192.0.2.1", "127.0.0.1")
        judged = judge_network(rule, resolver.network)
        first = judged.lookup("relay.example.com", fake.port)
        assert [str(one) for one in first] == [f"192.0.2.1:{fake.port}"]
        second = judged.lookup("relay.example.com", fake.port)
        with pytest.raises(PermissionError):
            judged.begin(second[0], None)
        assert (resolver.begun, fake.connections) == ([], 0)


def test_a_target_that_was_named_by_its_name_is_connected_to() -> None:
    with FakeSmtp() as fake:
        resolver = Resolver("127.0.0.1")
        server = mail_server(fake.port, host="Relay.example.com", **CLEAR)
        allowed = frozenset({("relay.example.com", fake.port)})
        result = check_server(server, network=judge_network(TargetRule(allowed=allowed), resolver.network))
        assert result.ok
        other = mail_server(fake.port, host="other.example.com", **CLEAR)
        result = check_server(other, network=judge_network(TargetRule(allowed=allowed), resolver.network))
        assert (result.ok, fake.connections) == (False, 1)


BANNERS: Final = [b"SSH-2.0-s3cret\r\n", b"-ERR s3cret\r\n", b"HTTP/1.1 400 s3cret\r\n\r\n", b"s3cret " * 900 + b"\r\n"]


@pytest.mark.parametrize("banner", BANNERS)
def test_what_is_no_mail_server_is_not_read_out(banner: bytes) -> None:
    with FakeSmtp({"banner": banner}) as fake:
        server = mail_server(fake.port, **CLEAR)
        allowed = frozenset({("127.0.0.1", fake.port)})
        hidden = check_server(server, network=judge_networks(allowed).mail)
        shown = check_server(server)
    assert (hidden.ok, shown.ok) == (False, False)
    assert "s3cret" not in repr(hidden.as_json())
    assert "s3cret" in repr(shown.as_json())


def test_a_proxy_connects_only_to_what_was_named() -> None:
    with FakeSmtp() as fake:
        settings = ("mail.smtp.proxy.host=127.0.0.1", f"mail.smtp.proxy.port={fake.port}")
        server = mail_server(25, *settings, host="relay.example.com", **CLEAR)
        proxy = ("127.0.0.1", fake.port)
        for allowed in ((), (proxy,), (("relay.example.com", 25),)):
            result = check_server(server, network=judge_networks(frozenset(allowed)).mail)
            assert not result.ok
            assert fake.connections == 0
        check_server(server, network=judge_networks(frozenset({proxy, ("relay.example.com", 25)})).mail)
        assert fake.connections > 0
