"""The octets of requests and answers: what the client library makes of them is what we meant, and nothing else gets out."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.protocol.rfc4511 import LDAPMessage
from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]  # only ldap3 needs it

from confobjects.dn import DN
from confobjects.errors import CannotConnectError
from confobjects.mapping.entry import Entry
from confobjects.storage import open_storage
from confobjects.storage.ldap import ber
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.channel import LdapChannel
from confobjects.storage.ldap.session import LdapSession, LostError
from tests.servers import fake_ldap
from tests.servers.fake_ldap import SEARCH, FakeLdap, answer

OCTETS = st.one_of(st.binary(max_size=300), st.sampled_from([b"", b"x" * 127, b"x" * 128, b"x" * 70_000]))
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,200}(;binary)?", fullmatch=True)
DNS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "delete", "replace"]), NAMES, st.lists(OCTETS, max_size=3)), max_size=3
)


def understood(data: bytes) -> Any:
    """What the library's ASN.1 decoder makes of a message."""
    message, rest = decoder.decode(data, asn1Spec=LDAPMessage())
    assert rest == b""
    return message


@given(number=st.integers(1, 2**31 - 1), dn=DNS, steps=STEPS)
def test_a_change_is_what_was_meant(number: int, dn: str, steps: Sequence[tuple[str, str, list[bytes]]]) -> None:
    message = understood(ber.encode_message(number, ber.encode_modify(dn, steps)))
    request = message["protocolOp"]["modifyRequest"]
    assert int(message["messageID"]) == number
    assert bytes(request["object"]).decode() == dn
    assert [
        (
            str(change["operation"]),
            bytes(change["modification"]["type"]).decode(),
            [bytes(value) for value in change["modification"]["vals"]],
        )
        for change in request["changes"]
    ] == steps


@given(number=st.integers(1, 2**31 - 1), dn=DNS, names=st.lists(NAMES, max_size=4))
def test_a_read_is_what_was_meant(number: int, dn: str, names: list[str]) -> None:
    request = understood(ber.encode_message(number, ber.encode_read(dn, names)))["protocolOp"]["searchRequest"]
    assert bytes(request["baseObject"]).decode() == dn
    assert (int(request["scope"]), int(request["derefAliases"])) == (0, 0)
    assert (int(request["sizeLimit"]), int(request["timeLimit"]), bool(request["typesOnly"])) == (0, 0, False)
    assert bytes(request["filter"]["present"]) == b"objectClass"
    assert [bytes(name).decode() for name in request["attributes"]] == names


@given(dn=DNS, attributes=st.dictionaries(NAMES, st.lists(st.text(max_size=200), max_size=3), max_size=4))
def test_an_entry_is_what_was_sent(dn: str, attributes: dict[str, list[str]]) -> None:
    texts = {name: [text.encode("utf-8", "replace").decode() for text in values] for name, values in attributes.items()}
    data = fake_ldap.entry(5, dn, texts)
    assert ber.size_of(data, 0) == len(data)
    number, kind, at = ber.decode_head(data)
    assert (number, kind) == (5, ber.ENTRY)
    assert ber.decode_entry(data, at) == (
        dn,
        {name: [text.encode() for text in values] for name, values in texts.items()},
    )


@given(st.binary(max_size=80))
def test_nothing_but_a_wrong_value_comes_of_nonsense(data: bytes) -> None:
    for read in (lambda: ber.size_of(data, 0), lambda: ber.decode_head(data), lambda: ber.decode_entry(data, 0), lambda: ber.decode_result(data, 0)):  # fmt: skip
        try:
            read()
        except (ValueError, IndexError):
            continue


@given(noise=st.binary(min_size=2, max_size=60))
def test_nonsense_from_a_server_is_told_as_such(noise: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        session = LdapSession(LdapAddress("ldap", "h", 389), LdapChannel(ours), 5.0)
        theirs.sendall(noise)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(LostError) as caught:
            session.read("cn=x", ["cn"])
        assert isinstance(caught.value.error, CannotConnectError)
        assert caught.value.sent


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_an_answer_may_come_in_pieces(size: int) -> None:
    one = DN.parse("cn=one,dc=com")
    values = [f"{number}" * 50 for number in range(100)]

    def in_pieces(peer: fake_ldap.Peer) -> None:
        data = fake_ldap.entry(peer.message, str(one), {"x": values}) + fake_ldap.result(peer)
        for start in range(0, len(data), size):
            peer.send(data[start : start + size])

    with FakeLdap({SEARCH: in_pieces}) as server:
        storage = open_storage(server.url, base=one.parent)
        assert storage.read(one) == Entry(one, {"x": tuple(values)})
        storage.close()


def test_a_search_that_finds_nothing() -> None:
    with FakeLdap({SEARCH: answer(32)}) as server:
        storage = open_storage(server.url, base=DN.parse("dc=com"))
        assert list(storage.search(DN.parse("cn=x,dc=com"), "sub")) == []
        storage.close()
