"""One entry of the ledger that cannot be read keeps no other mail waiting, and is not forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from confobjects.sealing import RingSealer
from confobjects.sealing.ring import Key, Ring
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.operating import count_open, mark_unknown, purge_ended, read_overview
from confobjects.service.rules.settings import MINUTE, Settings
from confobjects.service.rules.states import CANCELLED, RESTORED, Recipient, State
from confobjects.service.sealing import UnreadableError
from confobjects.service.tables import CONTENTS, PARTS, STANDINGS
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
    "moment that cannot be": lambda mail: PARTS.update().where(PARTS.c.mail == mail).values(since=-1),
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


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_it_is_shown_with_what_is_wrong_and_can_be_cancelled_but_not_sent_again(
    ledger: Ledger, spoil: Callable[[str], Any]
) -> None:
    bad, good = ledger.accept(MAIL, SETTINGS), ledger.accept(MAIL, SETTINGS)
    _change(ledger, spoil(bad))
    entry = ledger.find(bad)
    assert (entry.id, entry.state, entry.category, entry.size) == (bad, State.QUEUED, "account", len(MAIL.content))
    assert len(entry.problems) == 1
    assert entry.problems[0].remedy
    with pytest.raises(UnreadableError, match=f"mail {bad} cannot be sent again: "):
        ledger.retry(bad)
    assert ledger.cancel(bad) == 1
    assert ledger.cancel(bad) == 0
    for found in (ledger.find(bad), *ledger.list((State.FAILED,))):
        assert (found.id, found.state, found.parts[0].recipients[0].code) == (bad, State.FAILED, CANCELLED)
    assert not ledger.find(good).problems
    assert [one.held.part.mail for one in Work(ledger, "one").take(10, SETTINGS, {}).deliveries] == [good]
    assert purge_ended(ledger, (State.FAILED,)) == 1


@pytest.mark.parametrize("ended", ["cancelled", "marked"])
def test_what_became_of_it_meanwhile_counts_when_its_key_is_back(url: str, clock: Clock, ended: str) -> None:
    with open_ledger(url, RingSealer(Ring.of(OLD)), clock=clock):
        pass
    with open_ledger(url, RingSealer(Ring.of(LOST, OLD)), clock=clock) as ledger:
        mail = ledger.accept(MAIL, SETTINGS)
    with open_ledger(url, RingSealer(Ring.of(OLD)), clock=clock) as ledger:
        assert LOST.id in str(ledger.find(mail).problems)
        assert (ledger.cancel(mail) if ended == "cancelled" else mark_unknown(ledger)) == 1
    state, code = (State.FAILED, CANCELLED) if ended == "cancelled" else (State.UNKNOWN, RESTORED)
    with open_ledger(url, RingSealer(Ring.of(LOST, OLD)), clock=clock) as ledger:
        found = ledger.find(mail)
        [one] = found.parts[0].recipients
        assert (found.problems, found.state, one) == ((), state, Recipient(MAIL.recipients[0], state, code=code))
        assert not Work(ledger, "one").take(10, SETTINGS, {}).deliveries
        assert ledger.retry(mail) == 1
        [delivery] = Work(ledger, "one").take(10, SETTINGS, {}).deliveries
        assert (delivery.content, delivery.held.part.recipients[0].address) == (MAIL.content, MAIL.recipients[0])


def test_the_parts_that_can_be_read_are_sent_again(ledger: Ledger) -> None:
    mail = ledger.accept(MAIL.replace(recipients=tuple(f"u{n}@x.test" for n in range(150)), category=""), SETTINGS)
    _change(ledger, SPOILED["damaged envelope"](mail).where(PARTS.c.number == 0))
    assert len(ledger.find(mail).unread) == 1
    assert ledger.retry(mail) == 1
    assert ledger.cancel(mail) == 2


def test_what_is_no_number_in_a_file_is_damage(tmp_path: Path) -> None:
    """SQLite keeps any value in any column."""
    with open_ledger(f"sqlite:{tmp_path / 'l.db'}", RingSealer(Ring.of(OLD))) as ledger:
        mails = {
            name: ledger.accept(MAIL, SETTINGS) for name in ("fence", "since", "due", "size", "envelope", "runner")
        }
        for name, mail in mails.items():
            value = "x'00ff'" if name == "runner" else "'soon'"
            _change(ledger, text(f"UPDATE ledger_parts SET {name} = {value} WHERE mail = '{mail}'"))
        _change(ledger, text(f"UPDATE ledger_contents SET content = 7 WHERE mail = '{mails['due']}'"))
        assert all(one.problems for one in ledger.list())
        work = Work(ledger, "one")
        assert set(work.take(10, SETTINGS, {}).unread) == set(mails.values())
        assert not work.take(10, SETTINGS, {}).unread
        assert read_overview(ledger).oldest >= 0
        assert ledger.cancel(mails["fence"]) == 1
        assert mark_unknown(ledger) == len(mails) - 1
        assert purge_ended(ledger) == len(mails)


def test_an_address_that_cannot_be_read_hides_no_other(ledger: Ledger) -> None:
    for one in ("ann@example.com", "bob@example.com"):
        ledger.accept(MAIL.replace(recipients=(one,)), SETTINGS.replace(recipient_limit=3))
    digest = ledger.standings.digest("ann@example.com")
    _change(ledger, STANDINGS.update().where(STANDINGS.c.digest == digest).values(address=b"\1x", uses="x,7"))
    found = {one.address: one.standing.uses for one in ledger.list_standings()}
    assert found.keys() == {"", "bob@example.com"}
    assert found[""] == (7,)


def test_a_state_that_nobody_knows_is_counted_and_can_be_given_up(ledger: Ledger) -> None:
    mails = [ledger.accept(MAIL, SETTINGS) for _ in range(3)]
    for mail in mails[:2]:
        _change(ledger, PARTS.update().where(PARTS.c.mail == mail).values(state="edited"))
    assert ledger.count_states()[State.UNKNOWN] == read_overview(ledger).states[State.UNKNOWN] == 2
    assert ledger.cancel(mails[0]) == 1
    assert (count_open(ledger), mark_unknown(ledger)) == (2, 2)
    assert [one.state for one in ledger.list()] == [State.FAILED, State.UNKNOWN, State.UNKNOWN]


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
