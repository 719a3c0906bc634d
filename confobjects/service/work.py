"""What runners read from the ledger and write to it: parts that they take, send, settle and give back.

Laws: a part is in one runner at a time; whoever writes to a part that has a new fencing number is told so, and writes
nothing. What a runner has found out and what it is about to send are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, or_, select, text

from confobjects.records import Record, field
from confobjects.service.counting import Counted
from confobjects.service.ledger import CHANGED, GUARDED, Ledger
from confobjects.service.prepared import Prepared
from confobjects.service.rows import Held, as_changes, read_row
from confobjects.service.rules.pacing import Login, count_refused_login, grant, is_stopped
from confobjects.service.rules.quotas import Standing, count_refusal, forget_refusals
from confobjects.service.rules.settings import Settings
from confobjects.service.rules.states import (
    HELD,
    LEASE,
    Part,
    State,
    begin_sending,
    can_be_taken,
    can_lapse,
    give_back,
    lapse,
    take,
)
from confobjects.service.tables import CONTENTS, HOLDS, LOGINS, PACE, PARTS, RUNNERS, WAITS

MOST_BYTES_TAKEN: Final = 32 << 20
"""The size of the mails that a runner takes together, unless it is a single one."""

_GROUP: Final = 500

DELIVERED: Final = "delivered"
"""What an attempt is counted as that found nothing wrong."""

_P = PARTS.c
_HELD: Final = or_(*(_P.state == literal_column(f"'{one}'") for one in sorted(HELD)))
_SEND: Final = PARTS.update().where(GUARDED & _HELD).values(state=State.SENDING.value, lease=bindparam("until"))
_SETTLE: Final = PARTS.update().where(GUARDED).values({name: bindparam(name) for name in CHANGED})
_GIVE_BACK: Final = _SETTLE.where(_HELD)
_NOT_DELIVERED: Final = (
    select(_P.number).where((_P.mail == bindparam("of")) & (_P.state != State.DELIVERED.value)).exists()
)
_REMOVE_CONTENT: Final = Prepared(CONTENTS.delete().where((CONTENTS.c.mail == bindparam("of")) & ~_NOT_DELIVERED))
_SEND_NOW: Final = Prepared(_SEND)
_SETTLE_NOW: Final = Prepared(_SETTLE)
_IS_ALIVE: Final = Prepared(
    text(
        "INSERT INTO ledger_runners (name, began, heard) VALUES (:name, :now, :now) "
        "ON CONFLICT (name) DO UPDATE SET heard = excluded.heard"
    )
)


class Delivery(Record):
    """A part that was taken, with the content of its mail, and those of its recipients that were refused before."""

    held: Held
    content: bytes
    refused_before: frozenset[str] = frozenset()


class Taking(Record):
    """What a runner has taken, and when there may be more: the moment of the next mail that the pace allows, 0 if the
    pace does not matter.
    """

    deliveries: tuple[Delivery, ...]
    next: int = 0


class Settled(Record):
    """A part before and after an attempt, the addresses that were refused for good, and those that were reached after they had been
    refused before.
    """

    held: Held
    after: Part
    refused: tuple[str, ...] = ()
    reached: tuple[str, ...] = ()


class Recorded(Record):
    """Which of the outcomes count, and whether the part that is to be sent may be sent."""

    counts: tuple[bool, ...] = field(default_factory=tuple)
    may_send: bool = True


class Work:
    """The side of a ledger that runners use. ``runner`` is the name of one."""

    def __init__(self, ledger: Ledger, runner: str) -> None:
        self.ledger = ledger
        self.runner = runner
        self._now = ledger.database.now

    def now(self) -> int:
        """Return the time by the clock of the ledger."""
        return self._now()

    # -- taking ------------------------------------------------------------------------------------------------------

    def take(self, most: int, settings: Settings, fingerprints: Mapping[str, str]) -> Taking:
        """Take parts that are due, at most ``most``, and as many as the pace allows.

        ``fingerprints`` are those of the configurations of senders: nothing is taken for a sender that is stopped.
        """
        return self.ledger.perform(lambda connection: self._take(connection, most, settings, fingerprints))

    def _take(self, connection: Connection, most: int, settings: Settings, fingerprints: Mapping[str, str]) -> Taking:
        now, following = self._now(connection), 0
        if settings.rate_limit is not None:
            free = connection.execute(select(PACE.c.free).with_for_update()).scalar_one()
            granted = grant(free, now, settings.rate_limit, most)
            most, following = granted.number, granted.next
        stopped = self._find_stopped(connection, fingerprints)
        found = list(self._choose(connection, most, now, settings, stopped)) if most else []
        if found and settings.rate_limit is not None:
            connection.execute(PACE.update().values(free=following))
        taken = [one.replace(part=self._take_one(connection, one, now, settings)) for one in found]
        return Taking(tuple(self._add_contents(connection, taken)), following)

    @staticmethod
    def _find_stopped(connection: Connection, fingerprints: Mapping[str, str]) -> Sequence[str]:
        logins = {row.sender: Login(row.fingerprint, row.refused) for row in connection.execute(select(LOGINS))}
        return [one for one, login in logins.items() if is_stopped(login, fingerprints.get(one, ""))]

    def _choose(
        self, connection: Connection, most: int, now: int, settings: Settings, stopped: Sequence[str]
    ) -> Iterator[Held]:
        """Yield parts that may be taken, and that nobody else is taking: those of lost runners first."""
        far = now + settings.horizon
        wanted: tuple[ColumnElement[bool], ...] = (
            HOLDS & (_P.state == State.TAKEN.value) & ((_P.lease <= now) | (_P.lease > now + 2 * LEASE)),
            WAITS & (_P.due > far),
            WAITS & (_P.due <= now),
        )
        size = 0
        for condition in wanted:
            rows = select(PARTS).where(condition).order_by(_P.due, _P.mail).limit(most)
            if stopped:
                rows = rows.where(_P.sender.not_in(stopped))
            for row in connection.execute(rows.with_for_update(skip_locked=True)).mappings().all():
                held = read_row(row, self.ledger.cover)
                size += held.size
                if most == 0 or (size > MOST_BYTES_TAKEN and size > held.size):
                    return
                if can_be_taken(held.part, now, settings):
                    most -= 1
                    yield held

    def _take_one(self, connection: Connection, held: Held, now: int, settings: Settings) -> Part:
        taken = take(held.part, self.runner, now, settings)
        self.ledger.write_change(connection, held, taken)
        return taken

    def _add_contents(self, connection: Connection, taken: Sequence[Held]) -> Iterator[Delivery]:
        mails = sorted({one.part.mail for one in taken})
        contents = dict[str, bytes]()
        for at in range(0, len(mails), _GROUP):
            wanted = select(CONTENTS).where(CONTENTS.c.mail.in_(mails[at : at + _GROUP]))
            for row in connection.execute(wanted):
                contents[row.mail] = self.ledger.cover.get(bytes(row.content), row.mail)
        before = self._find_refused(connection, taken)
        return (Delivery(one, contents[one.part.mail], before) for one in taken)

    def _find_refused(self, connection: Connection, taken: Sequence[Held]) -> frozenset[str]:
        """Return the addresses, of those that are in an attempt, that were refused before."""
        addresses = [one.part.recipients[place].address for one in taken for place in one.part.in_attempt]
        found = self.ledger.standings.read(connection, addresses)
        return frozenset(address for address, standing in found.items() if standing.refusals)

    # -- sending -----------------------------------------------------------------------------------------------------

    def record(self, settled: Sequence[Settled], settings: Settings, sending: Held | None = None) -> Recorded:
        """Write the outcomes of attempts, and that a part is *sending*, before the mail server can have all of it.

        An outcome does not count, and nothing may be sent, if somebody else has the part by now.
        """

        def work(connection: Connection) -> Recorded:
            may_send = sending is None or self._begin_sending(connection, sending)
            counts = tuple(self._settle(connection, one) for one in settled)
            reached = [address for one in settled for address in one.reached]
            refused = [address for one in settled for address in one.refused]
            if reached or refused:
                self._judge_addresses(connection, reached, refused, settings)
            return Recorded(counts, may_send)

        return self.ledger.perform(work)

    def _begin_sending(self, connection: Connection, held: Held) -> bool:
        after = begin_sending(held.part, self._now())
        return _SEND_NOW.execute(connection, _guard(held.part) | {"until": after.lease}).rowcount == 1

    def _settle(self, connection: Connection, one: Settled) -> bool:
        changes = as_changes(one.held.replace(part=one.after), self.ledger.cover)
        counts = _SETTLE_NOW.execute(connection, _guard(one.held.part) | changes).rowcount == 1
        if counts and one.after.state is State.DELIVERED:
            _REMOVE_CONTENT.execute(connection, {"of": one.after.mail})
        if counts:
            self._count(one)
        return counts

    def _count(self, one: Settled) -> None:
        """Count an attempt, once for each thing that it found out, and the part if it has ended."""
        pairs = zip(one.held.part.recipients, one.after.recipients, strict=True)
        found = {
            after.code or DELIVERED
            for before, after in pairs
            if before.state != after.state or before.tries != after.tries
        }
        for code in found:
            self.ledger.counts.add(Counted.ATTEMPT, code)
        if one.after.ended:
            self.ledger.counts.add(Counted.ENDED, one.after.state.value)

    def _judge_addresses(
        self, connection: Connection, reached: Sequence[str], refused: Sequence[str], settings: Settings
    ) -> None:
        """Count refusals, and forget those of addresses that a mail reached."""
        standings, addresses = self.ledger.standings, (*reached, *refused)
        before = standings.read(connection, addresses)
        if not refused and not any(one.refusals for one in before.values()):
            return
        standings.lock(connection)
        before, now = standings.read(connection, addresses), self._now(connection)
        after: dict[str, Standing] = dict(before)
        for address in set(reached) & after.keys():
            after[address] = forget_refusals(after[address])
        for address in set(refused) & after.keys():
            after[address] = count_refusal(after[address], now, settings)
        standings.write(connection, before, after, now)

    def give_back(self, held: Sequence[Held]) -> int:
        """Give back parts that were not sent; return how many the runner still had."""

        def work(connection: Connection) -> int:
            now = self._now(connection)
            return sum(self._give_back_one(connection, one, give_back(one.part, now)) for one in held)

        return self.ledger.perform(work)

    def _give_back_one(self, connection: Connection, held: Held, after: Part) -> bool:
        changes = as_changes(held.replace(part=after), self.ledger.cover)
        return connection.execute(_GIVE_BACK, _guard(held.part) | changes).rowcount == 1

    # -- leases ------------------------------------------------------------------------------------------------------

    def renew_leases(self) -> int:
        """Renew the lease of everything that the runner has, and tell that it is alive; return how many parts it has."""

        def work(connection: Connection) -> int:
            now = self._now(connection)
            _IS_ALIVE.execute(connection, {"name": self.runner, "now": now})
            mine = PARTS.update().where(HOLDS & (_P.runner == self.runner) & _HELD)
            return connection.execute(mine.values(lease=now + LEASE)).rowcount

        return self.ledger.perform(work)

    def leave(self) -> None:
        """Tell that the runner has come to its end."""
        self.ledger.perform(
            lambda connection: connection.execute(RUNNERS.delete().where(RUNNERS.c.name == self.runner))
        )

    def find_lost(self) -> Sequence[Part]:
        """Find parts that were *sending* when their lease ended, whoever had them. They are unknown from now on."""

        def work(connection: Connection) -> Sequence[Part]:
            now = self._now(connection)
            over = HOLDS & (_P.state == State.SENDING.value) & ((_P.lease <= now) | (_P.lease > now + 2 * LEASE))
            rows = connection.execute(select(PARTS).where(over).limit(_GROUP).with_for_update(skip_locked=True))
            held = [read_row(row, self.ledger.cover) for row in rows.mappings().all()]
            lost = [(one, lapse(one.part, now)) for one in held if can_lapse(one.part, now)]
            return [after for one, after in lost if self.ledger.write_change(connection, one, after)]

        return self.ledger.perform(work)

    # -- senders -----------------------------------------------------------------------------------------------------

    def note_login(self, sender: str, fingerprint: str, *, refused: bool) -> bool:
        """Note how the login of a sender went; return whether the sender is stopped now."""

        def work(connection: Connection) -> bool:
            row = connection.execute(select(LOGINS).where(LOGINS.c.sender == sender).with_for_update()).first()
            before = None if row is None else Login(row.fingerprint, row.refused)
            after = count_refused_login(before, fingerprint) if refused else None
            if after == before:
                return False
            connection.execute(LOGINS.delete().where(LOGINS.c.sender == sender))
            if after is not None:
                values = {"sender": sender, "fingerprint": after.fingerprint, "refused": after.refused}
                connection.execute(LOGINS.insert().values(**values))
            return is_stopped(after, fingerprint)

        return self.ledger.perform(work)


def _guard(part: Part) -> dict[str, Any]:
    return {"of": part.mail, "at": part.number, "held": part.fence}


__all__ = ["DELIVERED", "MOST_BYTES_TAKEN", "Delivery", "Recorded", "Settled", "Taking", "Work"]
