"""What a server tells of changes, message by message, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.protocol.rfc4511 import LDAPMessage
from pyasn1.codec.ber import decoder  # type: ignore[import-untyped]  # only ldap3 needs it

from confobjects.dn import DN
from confobjects.mapping import journal as names
from confobjects.mapping.protocol import Notice
from confobjects.storage.ldap import ber
from confobjects.storage.ldap.filters import encode_filter
from confobjects.storage.ldap.hearing import HistoryFollower, PersistentEar, SyncEar, SyncMemory
from confobjects.storage.watching import NoticeCollector
from tests.servers.fake_ldap import tlv

ONE = "cn=one,dc=example"
TWO = "cn=two,dc=example"
PRESENT, ADDED, MODIFIED, DELETED = 0, 1, 2, 3


def octets(value: bytes) -> bytes:
    return tlv(0x04, value)


def sequence(*parts: bytes) -> bytes:
    return tlv(0x30, b"".join(parts))


def entry(dn: str, control: str, value: bytes) -> tuple[int, bytes, int]:
    body = tlv(0x64, octets(dn.encode()) + sequence())
    controls = tlv(0xA0, sequence(octets(control.encode()), tlv(0x01, b"\xff"), octets(value)))
    return place(tlv(0x02, b"\x01") + body + controls)


def place(content: bytes) -> tuple[int, bytes, int]:
    message = tlv(0x30, content)
    _, kind, at = ber.decode_head(message)
    return kind, message, at


def changed(dn: str, state: int, unique: bytes = b"1" * 16, cookie: bytes = b"") -> tuple[int, bytes, int]:
    value = sequence(tlv(0x0A, bytes([state])), octets(unique), octets(cookie) if cookie else b"")
    return entry(dn, ber.SYNC_STATE, value)


def info(value: bytes, name: str = ber.SYNC_INFO) -> tuple[int, bytes, int]:
    return place(tlv(0x02, b"\x01") + tlv(0x79, tlv(0x80, name.encode()) + tlv(0x81, value)))


DONE = info(tlv(0xA1, octets(b"c1")))


@pytest.fixture
def collector() -> NoticeCollector:
    return NoticeCollector()


@pytest.fixture
def memory() -> SyncMemory:
    return SyncMemory()


def named(*dns: str) -> Notice:
    return Notice(tuple(DN.parse(dn) for dn in dns))


def begun(memory: SyncMemory, collector: NoticeCollector, *messages: tuple[int, bytes, int]) -> SyncEar:
    """Return an ear after a refresh with some messages."""
    ear = SyncEar(memory, collector)
    for message in messages:
        assert not ear.take(*message)
        assert collector.take() is None
    assert ear.take(*DONE)
    assert collector.take() == Notice()
    return ear


@given(st.binary(max_size=300))
def test_the_requests_are_critical_and_say_what_is_meant(cookie: bytes) -> None:
    for controls, kind, content in (
        (ber.encode_sync(cookie), ber.SYNC_REQUEST, [3, *([cookie] if cookie else [])]),
        (ber.encode_persistent(), ber.PERSISTENT, [15, True, True]),
    ):
        found = understood(
            ber.encode_message(
                1, ber.encode_search("dc=x", ("1.1",), ber.SUBTREE, encode_filter("(objectClass=*)")) + controls
            )
        )
        (control,) = found["controls"]
        assert str(control["controlType"]) == kind
        assert control["criticality"]
        value, rest = decoder.decode(bytes(control["controlValue"]))
        assert rest == b""
        assert [value[number] for number in range(len(value))] == content


def understood(data: bytes) -> Any:
    message, rest = decoder.decode(data, asn1Spec=LDAPMessage())
    assert rest == b""
    return message


def test_nothing_is_told_before_the_refresh_is_over(memory: SyncMemory, collector: NoticeCollector) -> None:
    begun(memory, collector, changed(ONE, ADDED), changed(TWO, ADDED, b"2" * 16, b"c0"), info(tlv(0x80, b"c0")))
    assert memory.cookie == b"c1"
    assert memory.places.keys() == {b"1" * 16, b"2" * 16}
    assert SyncEar(memory, collector).controls() == ber.encode_sync(b"c1")


def test_a_refresh_in_two_parts_is_over_with_the_second(memory: SyncMemory, collector: NoticeCollector) -> None:
    not_yet = info(tlv(0xA2, tlv(0x01, b"\x00")))
    begun(memory, collector, changed(ONE, PRESENT), not_yet)


@pytest.mark.parametrize("state", [ADDED, MODIFIED, DELETED])
def test_a_change_is_told_by_name(memory: SyncMemory, collector: NoticeCollector, state: int) -> None:
    ear = begun(memory, collector, changed(ONE, ADDED))
    assert ear.take(*changed(ONE, state, cookie=b"c2"))
    assert collector.take() == named(ONE)
    assert memory.cookie == b"c2"
    assert bool(memory.places) == (state != DELETED)


def test_a_bare_cookie_tells_nothing(memory: SyncMemory, collector: NoticeCollector) -> None:
    ear = begun(memory, collector)
    for message in (info(tlv(0x80, b"c2")), info(b"anything", "1.2.3")):
        ear.take(*message)
        assert collector.take() is None
    assert memory.cookie == b"c2"


@pytest.mark.parametrize("state", [MODIFIED, DELETED])
def test_another_name_is_a_change_of_everything(memory: SyncMemory, collector: NoticeCollector, state: int) -> None:
    ear = begun(memory, collector, changed(ONE, ADDED))
    ear.take(*changed(TWO, state))
    assert collector.take() == Notice()
    ear.take(*changed(ONE, MODIFIED, b"9" * 16))  # never heard of
    assert collector.take() == Notice()


def test_entries_that_are_gone_are_forgotten(memory: SyncMemory, collector: NoticeCollector) -> None:
    for number in range(6):
        memory.places[bytes([number]) * 16] = number
    ids = tlv(0x31, octets(b"\x00" * 16) + octets(b"\x01" * 16))
    gone = info(tlv(0xA3, tlv(0x01, b"\xff") + tlv(0x31, octets(b"\x02" * 16))))
    begun(memory, collector, gone)
    assert memory.places.keys() == {bytes([number]) * 16 for number in (0, 1, 3, 4, 5)}
    ear = SyncEar(memory, collector)
    ear.take(*info(tlv(0xA3, ids)))
    ear.take(*info(tlv(0xA2, b"")))
    assert memory.places.keys() == {bytes([number]) * 16 for number in (0, 1)}


@pytest.mark.parametrize(("kind", "notice"), [(1, named(ONE)), (2, named(ONE)), (4, named(ONE)), (8, Notice())])
def test_a_persistent_search_tells_names(collector: NoticeCollector, kind: int, notice: Notice) -> None:
    ear = PersistentEar(collector)
    ear.take(*entry(ONE, ber.ENTRY_CHANGE, sequence(tlv(0x0A, bytes([kind])))))
    assert collector.take() == notice


def test_an_entry_that_says_nothing_of_its_change_is_a_change_of_everything(collector: NoticeCollector) -> None:
    PersistentEar(collector).take(*entry(ONE, "1.2.3", b""))
    assert collector.take() == Notice()
    PersistentEar(collector).take(*entry("no name", ber.ENTRY_CHANGE, sequence(tlv(0x0A, b"\x04"))))
    assert collector.take() == Notice()


# -- the history -------------------------------------------------------------------------------------------------------


def record(number: int, state: str = "written", *steps: tuple[Any, ...]) -> ber.RawEntry:
    values = {names.NUMBER: [str(number).encode()], names.STATE: [state.encode()]}
    values[names.STEP] = [json.dumps(step).encode() for step in steps or (("modify", 0, ONE),)]
    return f"cn={number},cn=History,dc=example", values


def look(follower: HistoryFollower, collector: NoticeCollector, *found: ber.RawEntry) -> Notice | None:
    floor = follower.floor
    follower.take([raw for raw in found if int(raw[1][names.NUMBER][0]) >= floor])
    return collector.take()


def test_a_record_is_told_when_it_is_new_and_once_more(collector: NoticeCollector) -> None:
    follower = HistoryFollower(collector)
    follower.begin(16)
    assert look(follower, collector, record(15)) is None
    for number in (17, 19):
        assert look(follower, collector, record(number)) == named(ONE)
        assert look(follower, collector, record(number)) == named(ONE)
        assert look(follower, collector, record(number)) is None


def test_a_commit_is_told_until_it_is_finished(collector: NoticeCollector) -> None:
    follower = HistoryFollower(collector)
    steps = (("add", 0, ONE), ("delete", 3, TWO))
    for _ in range(3):
        assert look(follower, collector, record(5, "intent", *steps)) == named(ONE, TWO)
        assert follower.floor == 5
    assert look(follower, collector, record(5, "done", *steps), record(6)) == named(ONE, TWO)
    assert look(follower, collector, record(5, "done", *steps), record(6)) == named(ONE)
    assert follower.floor == 7


@pytest.mark.parametrize("steps", [(("rename", 0, ONE, TWO),), (("modify", 0, ONE), ("modify",)), (("x", "y", "z"),)])
def test_a_record_of_unknown_reach_is_a_change_of_everything(
    collector: NoticeCollector, steps: tuple[tuple[Any, ...], ...]
) -> None:
    assert look(HistoryFollower(collector), collector, record(1, "done", *steps)) == Notice()


@pytest.mark.parametrize("state", ["claim", "fence"])
def test_what_is_no_change_is_not_told(collector: NoticeCollector, state: str) -> None:
    follower = HistoryFollower(collector)
    assert look(follower, collector, record(1, state)) is None
    assert follower.floor == 1
