"""One entry of the ledger that cannot be read keeps no other mail waiting, and is not forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Key, Ring
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.operating import mark_unknown
from confobjects.service.rules.settings import MINUTE, Settings
from confobjects.service.rules.states import State
from confobjects.service.tables import CONTENTS, PARTS
from confobjects.service.work import Work
from tests.service.conftest import Clock

OLD, LOST = Key(b"1" * 32, "2026-11-28"), Key(b"2" * 32, "2026-11-29")
SETTINGS: Final = Settings(sender="one", recipient_limit=None)
MAIL: Final = Mail(b"Subject: hello\r\n\r\nbody\r\n", "me@example.com", ("ann@example.com",), "account")


@pytest.fixture
def ledger(url: str, clock: Clock) -> Iterator[Ledger]:
    with open_ledger(url, RingSealer(Ring.of(OLD)), clock=clock) as opened:
        yield opened


def _spoil_envelope(mail: str, value: bytes) -> Any:
    return PARTS.update().where(PARTS.c.mail == mail).values(envelope=value)


def _spoil_content(mail: str, value: bytes) -> Any:
    return CONTENTS.update().where(CONTENTS.c.mail == mail).values(content=value)


SPOILED: Final[Mapping[str, Callable[[str], Any]]] = {
    "envelope of a lost key": lambda mail: _spoil_envelope(mail, b"\1" + LOST.id.encode() + b":AAAA"),
    "damaged envelope": lambda mail: _spoil_envelope(mail, b"\1" + OLD.id.encode() + b":AAAA"),
    "envelope edited by hand": lambda mail: _spoil_envelope(mail, b"\0[1]"),
    "empty envelope": lambda mail: _spoil_envelope(mail, b""),
    "content of a lost key": lambda mail: _spoil_content(mail, b"\1" + LOST.id.encode() + b":AAAA"),
    "damaged content": lambda mail: _spoil_content(mail, b"\1" + OLD.id.encode() + b":AAAA"),
    "no content": lambda mail: CONTENTS.delete().where(CONTENTS.c.mail == mail),
}


def _change(ledger: Ledger, statement: Any) -> None:
    ledger.perform(lambda connection: connection.execute(statement).rowcount)


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_others_are_taken_and_it_is_tried_again_later(
    ledger: Ledger, clock: Clock, spoil: Callable[[str], Any]
) -> None:
    bad, good = ledger.accept(MAIL, SETTINGS), ledger.accept(MAIL, SETTINGS)
    _change(ledger, spoil(bad))
    work = Work(ledger, "one")
    taking = work.take(10, SETTINGS, {})
    assert [one.held.part.mail for one in taking.deliveries] == [good]
    assert list(taking.unread) == [bad]
    assert not work.take(10, SETTINGS, {}).unread
    clock.now += MINUTE
    assert list(work.take(10, SETTINGS, {}).unread) == [bad]


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_it_is_listed_and_can_be_marked(ledger: Ledger, spoil: Callable[[str], Any]) -> None:
    mails = [ledger.accept(MAIL, SETTINGS) for _ in range(2)]
    _change(ledger, spoil(mails[0]))
    assert [one.id for one in ledger.list()] == mails
    assert mark_unknown(ledger) == 2
    assert [one.state for one in ledger.list()] == [State.UNKNOWN] * 2
    assert not Work(ledger, "one").take(10, SETTINGS, {}).deliveries


def test_a_state_that_nobody_knows_is_listed_as_unknown(ledger: Ledger) -> None:
    mails = [ledger.accept(MAIL, SETTINGS) for _ in range(2)]
    _change(ledger, PARTS.update().where(PARTS.c.mail == mails[0]).values(state="edited"))
    assert [one.state for one in ledger.list()] == [State.UNKNOWN, State.QUEUED]


def test_many_of_them_leave_room_for_others(ledger: Ledger) -> None:
    for _ in range(5):
        _change(ledger, SPOILED["envelope of a lost key"](ledger.accept(MAIL, SETTINGS)))
    good = ledger.accept(MAIL, SETTINGS)
    taken = [work for _ in range(3) for work in Work(ledger, "one").take(2, SETTINGS, {}).deliveries]
    assert [one.held.part.mail for one in taken] == [good]


def test_it_is_sent_when_its_key_is_back(url: str, clock: Clock) -> None:
    with open_ledger(url, RingSealer(Ring.of(OLD)), clock=clock):
        pass
    with open_ledger(url, RingSealer(Ring.of(LOST, OLD)), clock=clock) as ledger:
        mail = ledger.accept(MAIL, SETTINGS)
    with open_ledger(url, RingSealer(Ring.of(OLD)), clock=clock) as ledger:
        assert list(Work(ledger, "one").take(10, SETTINGS, {}).unread) == [mail]
    clock.now += MINUTE
    with open_ledger(url, RingSealer(Ring.of(LOST, OLD)), clock=clock) as ledger:
        assert [one.content for one in Work(ledger, "two").take(10, SETTINGS, {}).deliveries] == [MAIL.content]


@pytest.mark.parametrize("code", ["envelope of a lost key", "envelope edited by hand"])
def test_one_that_was_being_sent_is_unknown_when_its_lease_has_ended(ledger: Ledger, clock: Clock, code: str) -> None:
    bad, _ = ledger.accept(MAIL, SETTINGS), ledger.accept(MAIL, SETTINGS)
    work = Work(ledger, "one")
    for one in work.take(10, SETTINGS, {}).deliveries:
        assert work.record((), SETTINGS, one.held).may_send
    _change(ledger, SPOILED[code](bad))
    clock.now += 2 * MINUTE
    assert len(work.find_lost()) == 2
    assert [one.state for one in ledger.list()] == [State.UNKNOWN] * 2
    assert not work.find_lost()
