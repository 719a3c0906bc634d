"""The ledger: mails that are accepted, and what became of them.

Laws: a mail is accepted when it is on disk, and not before. Everything that changes a part of a mail is a rule of
:mod:`confobjects.service.rules.states`, written under a guard: the part must still be as the rule saw it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConstraintError, LedgerError, MailError, NoSuchObjectError, NotAcceptedError
from confobjects.mail.envelope import make_envelope
from confobjects.records import Record, field
from confobjects.sealing import KEY_FILE_VARIABLE
from confobjects.service.counting import Counted, Counts
from confobjects.service.databases import PATIENCE, Clock, Database, lock_until_end
from confobjects.service.prepared import Prepared
from confobjects.service.refusing import word_refusal
from confobjects.service.rows import Held, as_changes, as_row, read_row, read_state
from confobjects.service.rules.accepting import count_mail, is_limited, judge_recipients, judge_service
from confobjects.service.rules.quotas import Standing, forget_refusals, reset_uses
from confobjects.service.rules.settings import DAY, Settings
from confobjects.service.rules.states import (
    Part,
    State,
    can_be_cancelled,
    can_be_retried,
    cancel,
    make_part,
    retry,
    split_recipients,
    worst_of,
)
from confobjects.service.sealing import OF_DAMAGED, Cover, Digester, Sealer, UnreadableError
from confobjects.service.standings import Known, Standings
from confobjects.service.tables import CONTENTS, FACTS, HAS_ENDED, LOGINS, PARTS, RUNNERS, bring_up_to_date
from confobjects.service.together import GroupWriter
from confobjects.texts.visible import make_visible

MOST_BYTES: Final = 64 << 20
"""The largest mail that is accepted."""

_GROUP: Final = 1000
"""Rows that are removed or listed at a time."""

_TRIES: Final = 5
"""Transactions in a row that a change of keys may spoil."""

DIGEST_KEY: Final = "digest-key"
_OPENING: Final = 0x6C656466
"""The advisory lock of PostgreSQL of whoever opens a ledger."""

_P = PARTS.c
GUARDED: Final = (_P.mail == bindparam("of")) & (_P.number == bindparam("at")) & (_P.fence == bindparam("held"))
"""The part that a change is for, if nobody else has changed it since."""

CHANGED: Final = ("state", "since", "fence", "due", "began", "lease", "runner", "ended", "code", "envelope")
_CHANGE: Final = (
    PARTS.update().where(GUARDED & (_P.state == bindparam("was"))).values({name: bindparam(name) for name in CHANGED})
)


_ADD_PART: Final = Prepared(PARTS.insert())
_ADD_CONTENT: Final = Prepared(CONTENTS.insert())


class _KeyChangedError(Exception):
    """Another key seals now than at the beginning of a transaction."""


class Mail(Record):
    """A mail to accept: its content with CRLF line ends, its envelope, its category, and the name of what sends it."""

    content: bytes
    from_: str
    recipients: tuple[str, ...]
    category: str = ""
    sender: str | None = None


class Entry(Record):
    """A mail in the ledger: its state and its parts.

    ``unread`` says, by their numbers, why parts cannot be read: each of them has one recipient without an address.
    ``text_problem`` says why the text cannot be read, as far as somebody still needs it and it was looked at.
    """

    id: str
    state: State
    sender: str
    category: str
    size: int
    from_: str
    parts: tuple[Part, ...]
    unread: Mapping[int, Diagnostic] = field(default_factory=dict)
    text_problem: Diagnostic | None = None

    @property
    def accepted(self) -> int:
        """When it was accepted; 0 if that cannot be read."""
        return min((one.accepted for one in self.parts if one.accepted), default=0)

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Why it cannot be read as a whole: each reason once."""
        text = () if self.text_problem is None else (self.text_problem,)
        return tuple(dict.fromkeys((*self.unread.values(), *text)))


class Ledger:
    """A ledger that is open. Thread-safe. Every method raises LedgerError if the database fails."""

    def __init__(self, database: Database, cover: Cover, digester: Digester) -> None:
        self.database = database
        self.cover = cover
        self.standings = Standings(cover, digester)
        self.counts = Counts()
        self._writer = GroupWriter(self._write)
        self.perform = self._writer.perform

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection to the database."""
        self.database.close()

    def _write(self, work: Callable[[Connection], None]) -> None:
        """Carry out a work in a transaction, which also takes what the work has counted.

        It is repeated if the key that seals has changed meanwhile: what is written with an old one after a rotation has looked
        for it could be read by nobody once that is dropped.
        """

        def counted(connection: Connection) -> None:
            self.counts.begin()
            key = self.cover.key_id
            work(connection)
            self.counts.write(connection)
            if self.cover.key_id != key:
                raise _KeyChangedError

        for _ in range(_TRIES):
            try:
                return self.database.write(counted)
            except _KeyChangedError:
                continue
        raise LedgerError(Diagnostic("ledger-unavailable", "the keys of the ledger change all the time"))

    # -- accepting ---------------------------------------------------------------------------------------------------

    def accept(self, mail: Mail, settings: Settings) -> str:
        """Accept a mail: return its id once it is on disk. Raises NotAcceptedError with every reason."""
        if refusals := judge_service(settings):
            raise NotAcceptedError([word_refusal(one) for one in refusals])
        sender = mail.sender or settings.sender or ""
        from_, addresses = _check_envelope(mail)
        made = _make_id(self.database.now())
        parts = [make_part(made, n, some, 0) for n, some in enumerate(split_recipients(addresses))]
        held = [Held(one, from_, sender, mail.category, len(mail.content)) for one in parts]

        def seal() -> tuple[list[dict[str, Any]], dict[str, Any]]:
            content = {"mail": made, "content": self.cover.put(mail.content, made)}
            return [as_row(one, self.cover) for one in held], content

        sealed = seal()

        def write(connection: Connection) -> None:
            rows, content = sealed if self.cover.is_current(sealed[1]["content"]) else seal()
            now = self.database.now(connection)
            self._count_mail(connection, addresses, mail.category, now, settings)
            moment = {"accepted": now, "since": now, "due": now}
            if len(rows) == 1:
                _ADD_PART.execute(connection, rows[0] | moment)
            else:
                connection.execute(PARTS.insert(), [row | moment for row in rows])
            _ADD_CONTENT.execute(connection, content)
            self.counts.add(Counted.ACCEPTED)

        self.perform(write)
        return made

    def _count_mail(
        self, connection: Connection, addresses: Sequence[str], category: str, now: int, settings: Settings
    ) -> None:
        """Count a mail for its recipients. Raises NotAcceptedError before anything is written."""
        limited = is_limited(category, settings)
        if limited:
            self.standings.lock(connection)
        before = self.standings.read(connection, addresses)
        if refusals := judge_recipients(before, category, now, settings):
            for reason in {one.reason for one in refusals}:
                self.counts.add(Counted.REFUSED, reason.value)
            raise NotAcceptedError([word_refusal(one) for one in refusals])
        if limited:
            after = {one: count_mail(standing, category, now, settings) for one, standing in before.items()}
            self.standings.write(connection, before, after, now)

    # -- what is there -----------------------------------------------------------------------------------------------

    def list(
        self, states: Sequence[State] = (), most: int = _GROUP, after: str = "", *, sender: str = ""
    ) -> Sequence[Entry]:
        """Return the mails with a part in one of some states, all without any, in the order of their acceptance.

        At most ``most`` of them, after the one with an id, and only those of a sender if one is named. Texts are not looked at.
        """
        wanted = select(_P.mail).where(_P.mail > after).distinct().order_by(_P.mail).limit(most)
        if sender:
            wanted = wanted.where(_P.sender == sender)
        if states:
            wanted = wanted.where(_P.state.in_([one.value for one in states]))
        with self.database.read() as connection:
            wanted_parts = select(PARTS).where(_P.mail.in_(wanted)).order_by(_P.mail, _P.number)
            found = (read_row(row, self.cover) for row in connection.execute(wanted_parts).mappings())
            return tuple(_as_entry(list(some)) for _, some in itertools.groupby(found, lambda one: one.part.mail))

    def find(self, mail: str) -> Entry:
        """Return a mail, and see whether its text can be read. Raises NoSuchObjectError if the ledger does not know its id."""
        with self.database.read() as connection:
            return self._with_text(connection, _as_entry(self._find_parts(connection, mail)))

    def _find_parts(self, connection: Connection, mail: str, *, lock: bool = False) -> Sequence[Held]:
        wanted = select(PARTS).where(_P.mail == mail).order_by(_P.number)
        rows = connection.execute(wanted.with_for_update() if lock else wanted).mappings()
        found = [read_row(row, self.cover) for row in rows]
        if not found:
            raise NoSuchObjectError(f"the ledger knows no mail {mail}")
        return found

    def _with_text(self, connection: Connection, entry: Entry) -> Entry:
        """Return a mail with what is wrong with its text. That of a delivered mail is not there, and nobody needs it."""
        if entry.state is State.DELIVERED:
            return entry
        return entry.replace(text_problem=self.read_contents(connection, {entry.id})[1].get(entry.id))

    def read_contents(
        self, connection: Connection, mails: Collection[str]
    ) -> tuple[Mapping[str, bytes], Mapping[str, Diagnostic]]:
        """Return the texts of mails that can be read, and why the others cannot."""
        contents, problems = dict[str, bytes](), {one: _describe_missing_text(one) for one in mails}
        wanted = sorted(mails)
        for at in range(0, len(wanted), _GROUP):
            for row in connection.execute(select(CONTENTS).where(CONTENTS.c.mail.in_(wanted[at : at + _GROUP]))):
                try:
                    contents[row.mail] = self.cover.get(row.content, row.mail)
                    del problems[row.mail]
                except UnreadableError as error:
                    problems[row.mail] = error.diagnostics[0]
        return contents, problems

    def count_states(self) -> Mapping[State, int]:
        """Return how many parts are in each state."""
        with self.database.read() as connection:
            return count_parts(connection)

    def list_standings(self) -> Sequence[Known]:
        """Return the addresses that were counted, refused or suppressed."""
        with self.database.read() as connection:
            return tuple(self.standings.list(connection))

    # -- what an operator does ---------------------------------------------------------------------------------------

    def retry(self, mail: str) -> int:
        """Send a mail again to whoever did not get it; return the number of parts. Those being sent stay as they are.

        Raises UnreadableError if the mail cannot be read; if only some of its parts cannot, these stay as they are.
        """

        def work(connection: Connection) -> int:
            found = self._find_parts(connection, mail, lock=True)
            chosen = judge_retry(self._with_text(connection, _as_entry(found)))
            return self._change(connection, [one for one in found if one.part in chosen], retry)

        return self.perform(work)

    def cancel(self, mail: str) -> int:
        """Cancel what waits of a mail; return the number of parts. What is being sent is not stopped."""

        def work(connection: Connection) -> int:
            now = self.database.now(connection)
            found = self._find_parts(connection, mail, lock=True)
            return self._change(connection, [one for one in found if can_be_cancelled(one.part, now)], cancel)

        return self.perform(work)

    def _change(self, connection: Connection, chosen: Iterable[Held], change: Callable[[Part, int], Part]) -> int:
        now = self.database.now(connection)
        return sum(self.write_change(connection, one, change(one.part, now)) for one in chosen)

    def write_change(self, connection: Connection, held: Held, after: Part) -> bool:
        """Write a part that a rule has changed. Return False if somebody else has changed it since it was read.

        The row of a part that cannot be read is locked by the caller: no number in it is to be relied on.
        """
        before = held.part
        changes = as_changes(held.replace(part=after), self.cover)
        if held.problem is None:
            guard = {"of": before.mail, "at": before.number, "held": before.fence, "was": before.state.value}
            done = connection.execute(_CHANGE, guard | changes)
        else:
            done = connection.execute(PARTS.update().where(is_row_of(before)).values(**changes))
        counts = done.rowcount == 1
        if counts and after.ended:
            self.counts.add(Counted.ENDED, after.state.value)
        return counts

    def reset_quota(self, address: str) -> bool:
        """Let a recipient's quota begin again; return whether it had been used.

        Raises ConstraintError for a suppressed address: it gets no mail whatever its quota is.
        """
        return self._change_standing(address, lambda before: judge_reset(address, before))

    def lift_suppression(self, address: str) -> bool:
        """Send to a suppressed address again; return whether it was suppressed, or refused before."""
        return self._change_standing(address, forget_refusals)

    def forget_refused_logins(self, sender: str) -> bool:
        """Let a sender log in again that is stopped; return whether a login of it was refused."""
        return self.perform(
            lambda connection: connection.execute(LOGINS.delete().where(LOGINS.c.sender == sender)).rowcount > 0
        )

    def _change_standing(self, address: str, change: Callable[[Standing], Standing]) -> bool:
        def work(connection: Connection) -> bool:
            self.standings.lock(connection)
            before = self.standings.read(connection, (address,))
            after = {address: change(before[address])}
            self.standings.write(connection, before, after, self.database.now(connection))
            return after != before

        return self.perform(work)

    def purge(self, settings: Settings) -> int:
        """Remove what has ended and was kept long enough; return the number of parts. The rest of a call is left to the next."""

        def work(connection: Connection) -> int:
            now = self.database.now(connection)
            old = HAS_ENDED & (_P.ended <= now - settings.retention)
            found = connection.execute(select(_P.mail, _P.number).where(old).limit(_GROUP)).all()
            for mail, number in found:
                connection.execute(PARTS.delete().where((_P.mail == mail) & (_P.number == number)))
            self.remove_contents(connection, {mail for mail, _ in found})
            self.standings.forget(connection, now - max(settings.retention, settings.recipient_window))
            connection.execute(RUNNERS.delete().where(RUNNERS.c.heard < now - DAY))
            return len(found)

        return self.perform(work)

    @staticmethod
    def remove_contents(connection: Connection, mails: set[str]) -> None:
        """Remove the contents of mails of which every part that is left was delivered."""
        for mail in mails:
            others = select(_P.number).where((_P.mail == mail) & (_P.state != State.DELIVERED.value))
            connection.execute(CONTENTS.delete().where((CONTENTS.c.mail == mail) & ~others.exists()))


def is_row_of(part: Part) -> ColumnElement[bool]:
    """Return the condition for the row of a part, whoever has changed it since."""
    return (_P.mail == part.mail) & (_P.number == part.number)


def count_parts(connection: Connection) -> Mapping[State, int]:
    """Return how many parts are in each state."""
    found = dict.fromkeys(State, 0)
    for state, number in connection.execute(select(_P.state, func.count()).group_by(_P.state)):
        found[read_state(state)] += number
    return found


def judge_retry(entry: Entry) -> Sequence[Part]:
    """Return the parts of a mail that are sent again if an operator wants it. Raises UnreadableError if none of them can be read."""
    wanted = [one for one in entry.parts if can_be_retried(one)]
    whole = [] if entry.text_problem is not None else [one for one in wanted if one.number not in entry.unread]
    if wanted and not whole:
        problems = [
            one.replace(summary=f"mail {entry.id} cannot be sent again: {one.summary}") for one in entry.problems
        ]
        raise UnreadableError(problems)
    return whole


def judge_reset(address: str, standing: Standing) -> Standing:
    """Return the standing of an address with a quota that begins again. Raises ConstraintError if it is suppressed."""
    if standing.suppressed:
        summary = f"{make_visible(address)} is suppressed, and gets no mail whatever its quota is"
        lift = RemedyAction("lift-suppression", make_visible(address))
        remedy = ("Correct the address where mail is sent to it, or lift the suppression: ", lift)
        raise ConstraintError(Diagnostic("constraint-violated", summary, argument=address, remedy=remedy))
    return reset_uses(standing)


_COUNTER: Final = itertools.count()


def _make_id(now: int) -> str:
    """Return a new id. Those that a process makes are in the order in which it made them, unless its clock is put back."""
    return f"{now:012x}{next(_COUNTER) & 0xFFFF:04x}{secrets.token_hex(4)}"


def _check_envelope(mail: Mail) -> tuple[str, tuple[str, ...]]:
    """Return the sender and the recipients in the form of the wire. Raises NotAcceptedError."""
    if len(mail.content) > MOST_BYTES:
        raise NotAcceptedError(f"the mail has {len(mail.content)} bytes, more than {MOST_BYTES}")
    try:
        envelope = make_envelope(mail.from_, mail.recipients)
    except MailError as error:
        raise NotAcceptedError(error.diagnostics) from None
    return envelope.sender, envelope.recipients


def _describe_missing_text(mail: str) -> Diagnostic:
    return Diagnostic("ledger-unavailable", f"the text of the mail {mail} is missing in the ledger", remedy=OF_DAMAGED)


def _as_entry(group: Sequence[Held]) -> Entry:
    first, parts = group[0], tuple(one.part for one in group)
    from_ = next((one.from_ for one in group if one.problem is None), "")
    unread = {one.part.number: one.problem for one in group if one.problem is not None}
    state = worst_of(one.state for one in parts)
    return Entry(first.part.mail, state, first.sender, first.category, first.size, from_, parts, unread)


# -- opening -----------------------------------------------------------------------------------------------------------


def open_ledger(
    url: str,
    sealer: Sealer | None = None,
    *,
    unsealed: bool = False,
    patience: float = PATIENCE,
    clock: Clock | None = None,
) -> Ledger:
    """Open the ledger of a URL; make it, if there is none.

    ``sealer`` seals what names persons. Without one, ``unsealed`` must say that this is wanted. ``patience`` is the
    number of seconds to wait for a ledger that another program has locked. Raises UsageError for a wrong URL, and
    LedgerError.
    """
    if sealer is None and not unsealed:
        summary = "there are no keys to seal the ledger with"
        detail = "it holds texts of mails, and addresses of persons"
        remedy = (
            "Make keys (",
            RemedyAction("seal-all"),
            f") and name their file in {KEY_FILE_VARIABLE}, or say that it may be unsealed (",
            RemedyAction("allow-unsealed"),
            ").",
        )
        raise LedgerError(Diagnostic("ledger-unavailable", summary, detail=detail, remedy=remedy))
    database, cover = Database(url, patience=patience, clock=clock), Cover(sealer)
    try:
        database.create_file()
        key = database.write(lambda connection: _prepare(connection, cover))
    except BaseException:
        database.close()
        raise
    return Ledger(database, cover, Digester(key))


def _prepare(connection: Connection, cover: Cover) -> bytes:
    """Bring a ledger up to date; return the key of its digests."""
    lock_until_end(connection, _OPENING)
    bring_up_to_date(connection)
    found = connection.execute(select(FACTS.c.value).where(FACTS.c.name == DIGEST_KEY)).scalar()
    if found is None:
        key = secrets.token_bytes(32)
        connection.execute(FACTS.insert().values(name=DIGEST_KEY, value=cover.put(key, DIGEST_KEY)))
        return key
    key = cover.get(bytes(found), DIGEST_KEY)
    if cover.is_sealing and not Cover.is_sealed(bytes(found)):
        sealed = cover.put(key, DIGEST_KEY)
        connection.execute(FACTS.update().where(FACTS.c.name == DIGEST_KEY).values(value=sealed))
    return key


__all__ = [
    "CHANGED",
    "DIGEST_KEY",
    "GUARDED",
    "MOST_BYTES",
    "Entry",
    "Ledger",
    "Mail",
    "count_parts",
    "is_row_of",
    "judge_reset",
    "judge_retry",
    "open_ledger",
]
