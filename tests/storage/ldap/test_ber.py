"""The octets of requests and answers: what the client library makes of them is what we meant, and nothing else gets out."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3 import DEREF_NEVER, LEVEL, SUBTREE
from ldap3.operation.search import search_operation
from ldap3.protocol.rfc4511 import LDAPMessage
from ldap3.utils.conv import escape_filter_chars
from pyasn1.codec.ber import decoder, encoder  # type: ignore[import-untyped]  # only ldap3 needs it

from confobjects.dn import DN
from confobjects.errors import CannotConnectError
from confobjects.mapping.entry import Entry
from confobjects.storage import open_storage
from confobjects.storage.ldap import ber
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.channel import LdapChannel
from confobjects.storage.ldap.filters import encode_filter
from confobjects.storage.ldap.session import LdapSession, LostError
from tests.servers import fake_ldap
from tests.servers import slapd as openldap
from tests.servers.fake_ldap import SEARCH, FakeLdap, answer
from tests.servers.slapd import Slapd

OCTETS = st.one_of(st.binary(max_size=300), st.sampled_from([b"", b"x" * 127, b"x" * 128, b"x" * 70_000]))
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,200}(;binary)?", fullmatch=True)
DNS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
PAIRS = st.lists(st.tuples(NAMES, DNS.map(str.strip).filter(bool)), min_size=1, max_size=9)
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


@given(dn=DNS, attributes=st.dictionaries(NAMES, st.lists(OCTETS, min_size=1, max_size=3), max_size=4))
def test_an_addition_is_what_was_meant(dn: str, attributes: dict[str, list[bytes]]) -> None:
    request = understood(ber.encode_message(1, ber.encode_add(dn, attributes)))["protocolOp"]["addRequest"]
    assert bytes(request["entry"]).decode() == dn
    found = {bytes(one["type"]).decode(): [bytes(value) for value in one["vals"]] for one in request["attributes"]}
    assert found == attributes


@given(dn=DNS)
def test_a_deletion_is_what_was_meant(dn: str) -> None:
    request = understood(ber.encode_message(1, ber.encode_delete(dn)))["protocolOp"]["delRequest"]
    assert bytes(request).decode() == dn


VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=9).map(str.strip)  # the library strips them as well
ITEMS = st.one_of(
    st.builds("({}=*)".format, NAMES),
    st.builds("({}{}{})".format, NAMES, st.sampled_from(["=", ">=", "<="]), VALUES.map(escape_filter_chars)),
)
FILTERS = st.recursive(
    ITEMS,
    lambda inner: st.one_of(
        st.builds("(!{})".format, inner),
        st.builds("({}{})".format, st.sampled_from("&|"), st.lists(inner, min_size=1, max_size=3).map("".join)),
    ),
    max_leaves=4,
)


@given(dn=DNS, text=FILTERS, scope=st.sampled_from([ber.ONE_LEVEL, ber.SUBTREE]))
def test_a_search_is_what_was_meant(dn: str, text: str, scope: int) -> None:
    level = LEVEL if scope == ber.ONE_LEVEL else SUBTREE
    meant = search_operation(dn, text, level, DEREF_NEVER, ("cn",), 0, 0, False, False, False)
    assert ber.encode_search(dn, ("cn",), scope, encode_filter(text)) == encoder.encode(meant)


@given(size=st.integers(1, 10_000), cookie=OCTETS)
def test_a_page_of_a_search_is_what_was_meant(size: int, cookie: bytes) -> None:
    request = ber.encode_search("dc=x", ("cn",), ber.SUBTREE, encode_filter("(objectClass=*)"))
    (control,) = understood(ber.encode_message(7, request + ber.encode_page(size, cookie)))["controls"]
    assert bytes(control["controlType"]).decode() == ber.PAGED
    asked, rest = decoder.decode(bytes(control["controlValue"]))
    assert (int(asked[0]), bytes(asked[1]), rest) == (size, cookie, b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "()",
        "a=b",
        "(a=b",
        "(a=b)c",
        "(a=b))",
        "(a~=b)",
        "(a=b*)",
        "(a>=*)",
        "(a=\\4)",
        "(=b)",
        "(&)",
        "(!)",
        "(!(a=b)(c=d))",
        "(&(a=b)",
        "(&a=b)",
        "(a=\x00)",
        " (a=b)",
    ],
)
def test_no_octets_come_of_what_is_no_filter(text: str) -> None:
    with pytest.raises(ValueError, match="filter"):
        encode_filter(text)


@given(dn=DNS, names=st.lists(NAMES, min_size=1, max_size=3), pairs=PAIRS)
def test_a_search_for_one_of_several_values_is_what_was_meant(
    dn: str, names: list[str], pairs: list[tuple[str, str]]
) -> None:
    condition = "".join(f"({name}={escape_filter_chars(value)})" for name, value in pairs)
    meant = search_operation(dn, f"(|{condition})", LEVEL, DEREF_NEVER, names, 0, 0, False, False, False)
    assert ber.encode_search_any(dn, names, ber.ONE_LEVEL, pairs) == encoder.encode(meant)


@given(dn=DNS, password=DNS)
def test_a_login_is_what_was_meant(dn: str, password: str) -> None:
    request = understood(ber.encode_message(1, ber.encode_bind(dn, password)))["protocolOp"]["bindRequest"]
    assert (int(request["version"]), bytes(request["name"]).decode()) == (3, dn)
    assert bytes(request["authentication"]["simple"]).decode() == password


@given(cookie=OCTETS, critical=st.sampled_from([b"", b"\x01\x01\x00", b"\x01\x01\xff"]), others=st.integers(0, 2))
def test_the_cookie_of_the_next_page_is_found(cookie: bytes, critical: bytes, others: int) -> None:
    tlv = fake_ldap.tlv
    value = tlv(0x30, tlv(0x02, b"\x00") + tlv(0x04, cookie))
    other = tlv(0x30, tlv(0x04, b"1.2.3") + tlv(0x04, b"?"))
    page = tlv(0x30, tlv(0x04, ber.PAGED.encode()) + critical + tlv(0x04, value))
    done = tlv(0x65, tlv(0x0A, b"\x00") + tlv(0x04, b"") + tlv(0x04, b""))
    message = tlv(0x30, tlv(0x02, b"\x05") + done + tlv(0xA0, other * others + page))
    assert ber.decode_cookie(message, ber.decode_head(message)[2]) == cookie
    plain = tlv(0x30, tlv(0x02, b"\x05") + done)
    assert ber.decode_cookie(plain, ber.decode_head(plain)[2]) == b""


def test_a_list_does_not_load_the_client_library(slapd: Slapd) -> None:
    work = (
        "import sys, confobjects\n"
        "with confobjects.open(sys.argv[1], bind_dn=sys.argv[2], bind_password=sys.argv[3]) as ctx:\n"
        "    list(ctx.list('mail-server'))\n"
        "assert 'ldap3' not in sys.modules\n"
    )
    words = [f"{slapd.url}cn=nothing,{openldap.SUFFIX}", openldap.ROOT_DN, openldap.PASSWORD]
    subprocess.run([sys.executable, "-c", work, *words], check=True)


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


READERS: dict[str, Callable[[bytes], Any]] = {
    "size": lambda data: ber.size_of(data, 0),
    "head": ber.decode_head,
    "entry": lambda data: ber.decode_entry(data, 0),
    "result": lambda data: ber.decode_result(data, 0),
    "cookie": lambda data: ber.decode_cookie(data, 0),
}


@pytest.mark.parametrize("name", READERS)
@given(data=st.binary(max_size=80))
def test_nothing_but_its_own_error_comes_of_nonsense(name: str, data: bytes) -> None:
    with contextlib.suppress(ber.MessageError):
        READERS[name](data)


@given(dn=DNS, texts=st.dictionaries(NAMES, st.lists(st.text(max_size=200), max_size=3), max_size=4))
def test_an_entry_that_is_cut_short_is_refused(dn: str, texts: dict[str, list[str]]) -> None:
    data = fake_ldap.entry(5, dn, texts)
    at = ber.decode_head(data)[2]
    for end in range(len(data)):
        with pytest.raises(ber.MessageError):
            ber.decode_entry(data[:end], at)


def test_a_result_below_zero_is_one() -> None:
    """OpenDJ sends it: an enumerated value is an integer with a sign (X.690 section 8.4)."""
    tlv = fake_ldap.tlv
    data = tlv(0x30, tlv(0x02, b"\x05") + tlv(0x67, tlv(0x0A, b"\xff") + 2 * tlv(0x04, b"")))
    assert ber.decode_result(data, ber.decode_head(data)[2])[0] == -1


@given(dn=st.text(max_size=200), said=st.text(max_size=200), urls=st.lists(st.text(max_size=40), max_size=3))
def test_a_result_that_is_cut_short_is_refused(dn: str, said: str, urls: list[str]) -> None:
    tlv = fake_ldap.tlv
    referral = tlv(0xA3, b"".join(tlv(0x04, url.encode("utf-8", "replace")) for url in urls)) if urls else b""
    texts = [text.encode("utf-8", "replace") for text in (dn, said)]
    done = tlv(0x65, tlv(0x0A, b"\x0a") + b"".join(tlv(0x04, text) for text in texts) + referral)
    data = tlv(0x30, tlv(0x02, b"\x05") + done)
    at = ber.decode_head(data)[2]
    assert ber.decode_result(data, at)[0] == 10
    for end in range(len(data)):
        with pytest.raises(ber.MessageError):
            ber.decode_result(data[:end], at)


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
