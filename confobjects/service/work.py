"""What runners read from the ledger and write to it: parts that they take, send, settle and give back.

Laws: a part is in one runner at a time; whoever writes to a part that has a new fencing number is told so, and writes
nothing. What a runner has found out and what it is about to send are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, literal_column, or_, select, text

from confobjects.diagnostics import Diagnostic
from confobjects.records import Record, field
from confobjects.service.counting import Counted
from confobjects.service.ledger import CHANGED, GUARDED, Ledger, is_row_of
from confobjects.service.prepared import Prepared
from confobjects.service.rows import Held, as_changes, read_row
from confobjects.service.rules.pacing import Login, count_refused_login, grant, is_stopped
from confobjects.service.rules.quotas import Standing, count_refusal, forget_refusals
from confobjects.service.rules.settings import MINUTE, Settings
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
_LATER: Final = MINUTE
"""Milliseconds after which one that could not be read is tried again."""

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
    pace does not matter. ``unread`` are mails that cannot be read, and why: they are put off, and keep nobody else waiting.
    """

    deliveries: tuple[Delivery, ...]
    next: int = 0
    unread: Mapping[str, Diagnostic] = field(default_factory=dict)


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


class _Round:
    """One taking, in its transaction, and what could not be read in it."""

    def __init__(self, connection: Connection, now: int, settings: Settings) -> None:
        self.connection = connection
        self.now = now
        self.settings = settings
        self.unread: dict[str, Diagnostic] = {}

    def put_off(self, part: Part, why: Diagnostic) -> None:
        """Put off a part that cannot be read, as it stands: if its key comes back, it is sent. Its row is locked."""
        self.unread[part.mail] = why
        due = self.now + min(_LATER, self.settings.horizon)
        changed = {"state": State.QUEUED.value, "fence": part.fence + 1, "due": due, "lease": 0, "runner": ""}
        self.connection.execute(PARTS.update().where(is_row_of(part)).values(**changed))


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
        round_ = _Round(connection, now, settings)
        found = list(self._choose(round_, most, stopped)) if most else []
        contents = self._read_contents(round_, found)
        found = [one for one in found if one.part.mail in contents]
        if found and settings.rate_limit is not None:
            connection.execute(PACE.update().values(free=following))
        taken = [one.replace(part=self._take_one(connection, one, now, settings)) for one in found]
        before = self._find_refused(connection, taken)
        deliveries = tuple(Delivery(one, contents[one.part.mail], before) for one in taken)
        return Taking(deliveries, following, round_.unread)

    @staticmethod
    def _find_stopped(connection: Connection, fingerprints: Mapping[str, str]) -> Sequence[str]:
        logins = {row.sender: Login(row.fingerprint, row.refused) for row in connection.execute(select(LOGINS))}
        return [one for one, login in logins.items() if is_stopped(login, fingerprints.get(one, ""))]

    def _choose(self, round_: _Round, most: int, stopped: Sequence[str]) -> Iterator[Held]:
        """Yield parts that may be taken, and that nobody else is taking: those of lost runners first."""
        connection, now, settings = round_.connection, round_.now, round_.settings
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
                if held.problem is not None:
                    round_.put_off(held.part, held.problem)
                    continue
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

    def _read_contents(self, round_: _Round, found: Sequence[Held]) -> Mapping[str, bytes]:
        """Return the contents of mails; those that cannot be read are put off."""
        contents, problems = self.ledger.read_contents(round_.connection, {one.part.mail for one in found})
        for one in found:
            if (problem := problems.get(one.part.mail)) is not None:
                round_.put_off(one.part, problem)
        return contents

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
            return [after for row in rows.mappings().all() if (after := self._lapse(connection, row, now)) is not None]

        return self.ledger.perform(work)

    def _lapse(self, connection: Connection, row: RowMapping, now: int) -> Part | None:
        """End a part whose lease has ended as unknown; return it, None if that does not count."""
        held = read_row(row, self.ledger.cover)
        if not can_lapse(held.part, now):
            return None
        after = lapse(held.part, now)
        return after if self.ledger.write_change(connection, held, after) else None

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
