"""Runners: they take mails from the ledger and send them.

Laws: a mail server gets the end of a mail only after the ledger has it on disk that the mail is being sent, and only by
whoever has it. What a server has answered is written before the next mail ends, or kept until the ledger can take it:
until then nothing more is taken. A sender whose login is refused three times in a row stops until its configuration
changes. A runner that is to stop begins no further mail, and gives back what it has not begun.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from confobjects.errors import LedgerError, MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.mail.report import DeliveryReport
from confobjects.records import Record
from confobjects.service.ledger import Ledger
from confobjects.service.rows import Held
from confobjects.service.rules.answers import is_refused_login, read_error, read_report
from confobjects.service.rules.settings import SECOND, Settings
from confobjects.service.rules.states import LEASE, NO_SENDER, Answer, Part, State, Verdict, settle
from confobjects.service.work import Delivery, Settled, Work
from confobjects.transport.outgoing import Outgoing, SendResult

_LOG: Final = logging.getLogger("confobjects.service")

TOGETHER: Final = 64
"""Mails that are taken together for each connection."""

_LOOK: Final = 1.0
"""Seconds after which a runner with nothing to do looks again."""

_CLEAR_UP: Final = 10.0
"""Seconds after which a runner looks for what was lost, and for what was kept long enough."""


class Sender(Protocol):
    """What sends mails: a :class:`~confobjects.transport.mailer.Mailer` does.

    ``description`` says all that its login depends on, secrets as well; the ledger keeps only a keyed digest of it.
    """

    @property
    def description(self) -> str:
        """What the login depends on."""
        ...

    def send_many(
        self, messages: Iterable[Outgoing], *, connections: int, stop: threading.Event
    ) -> Iterable[SendResult]:
        """Send messages; yield the result of each that was begun. ``stop`` says that no further one is to be begun."""
        ...


class Setting(Record):
    """What counts now: the settings of the service, and the senders by their names."""

    settings: Settings
    senders: Mapping[str, Sender]


class Runner:
    """Takes mails and sends them, in one thread. ``read`` returns what counts now; it is called before each taking."""

    def __init__(
        self, ledger: Ledger, read: Callable[[], Setting], *, connections: int = 1, together: int = TOGETHER
    ) -> None:
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self.work = Work(ledger, self.name)
        self._read = read
        self._connections = connections
        self._most = together * connections
        self._digest = ledger.standings.digest
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._due = 0.0
        self._well: set[tuple[str, str]] = set()
        self._settled: list[Settled] = []
        self._unsent: list[Held] = []
        self._outage = _Outage()

    # -- its life ----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Let it come to its end: no further mail is begun. For any thread, and for signal handlers."""
        self._stop.set()
        self._wanted.set()

    def wake(self) -> None:
        """Tell that there may be something to do. For any thread."""
        self._wanted.set()

    def run(self) -> None:
        """Take and send until it is stopped. A ledger that is unavailable is waited for."""
        with self._renew_leases():
            try:
                while not self._stop.is_set():
                    self._work_and_wait()
            finally:
                self._write_last()
        self._leave()

    def _work_and_wait(self) -> None:
        try:
            pause = self.run_once()
        except LedgerError as error:
            self._outage.tell(error)
            pause = _LOOK
        else:
            self._outage.end()
        if pause:
            self._wanted.wait(pause)
            self._wanted.clear()

    def run_once(self) -> float:
        """Take and send once; return the seconds to wait until there may be more. Raises LedgerError."""
        self._write_down()
        setting = self._read()
        self._clear_up(setting.settings)
        prints = {name: self._digest(one.description).hex() for name, one in setting.senders.items()}
        taking = self.work.take(self._most, setting.settings, prints)
        for mail, problem in taking.unread.items():
            _report(logging.ERROR, "unreadable", mail=mail, error=problem.render())
        by_sender: dict[str, list[Delivery]] = {}
        for delivery in taking.deliveries:
            by_sender.setdefault(delivery.held.sender, []).append(delivery)
        for name, deliveries in by_sender.items():
            self._send(name, setting.senders.get(name), prints.get(name, ""), deliveries, setting.settings)
        if taking.next:
            return max(0.0, min(_LOOK, (taking.next - self.work.now()) / SECOND))
        return 0.0 if taking.deliveries else _LOOK

    def _clear_up(self, settings: Settings) -> None:
        if time.monotonic() >= self._due:
            for part in self.work.find_lost():
                _report(logging.WARNING, "unknown", mail=part.mail, code="lease-ended")
            self.work.ledger.purge(settings)
            self._due = time.monotonic() + _CLEAR_UP

    @contextmanager
    def _renew_leases(self) -> Iterator[None]:
        """Renew the leases of what it has, meanwhile, in a thread."""
        over = threading.Event()
        outage = _Outage()

        def renew() -> None:
            while True:
                try:
                    self.work.renew_leases()
                except LedgerError as error:
                    outage.tell(error)
                else:
                    outage.end()
                if over.wait(LEASE / SECOND / 4):
                    return

        thread = threading.Thread(target=renew, name="confobjects-leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _leave(self) -> None:
        """Tell that it has ended. If the ledger cannot take that, it is known when nothing was heard of the runner for a while."""
        with contextlib.suppress(LedgerError):
            self.work.leave()

    def _write_last(self) -> None:
        """Write down what is known. What cannot be written is unknown when its lease has ended."""
        try:
            self._write_down()
        except LedgerError as error:
            _report(logging.ERROR, "outcomes-not-written", number=len(self._settled), error=str(error))

    # -- sending -----------------------------------------------------------------------------------------------------

    def _send(
        self, name: str, sender: Sender | None, fingerprint: str, deliveries: Sequence[Delivery], settings: Settings
    ) -> None:
        batch = _Batch(self, deliveries, settings)
        if sender is None:
            batch.fail_all(Answer(Verdict.LATER, NO_SENDER))
        else:
            for result in sender.send_many(batch.outgoing, connections=self._connections, stop=self._stop):
                batch.conclude(result)
            self._note_login(name, fingerprint, batch)
        self._unsent += batch.untouched
        self._write_down()

    def _note_login(self, name: str, fingerprint: str, batch: _Batch) -> None:
        """Note how the login went, unless the ledger knows that it works."""
        known = (name, fingerprint)
        if batch.login_refused:
            self._well.discard(known)
            if self.work.note_login(name, fingerprint, refused=True):
                _report(logging.ERROR, "sender-stopped", sender=name)
        elif batch.worked and known not in self._well:
            self.work.note_login(name, fingerprint, refused=False)
            self._well.add(known)

    # -- writing -----------------------------------------------------------------------------------------------------

    def begin_sending(self, held: Held, settings: Settings) -> bool | None:
        """Write that a part is being sent, with what is known of others. Return None if the ledger is unavailable."""
        known, self._settled = self._settled, []
        try:
            return self.work.record(known, settings, held).may_send
        except LedgerError as error:
            self._outage.tell(error)
            self._settled = known + self._settled
            return None

    def add_settled(self, settled: Settled) -> None:
        """Keep an outcome until it is written."""
        self._settled.append(settled)

    def give_back(self, held: Held) -> None:
        """Keep what was not sent until it is given back."""
        self._unsent.append(held)

    def _write_down(self) -> None:
        """Write what is known and give back what was not sent. Raises LedgerError; nothing is forgotten."""
        if self._settled:
            self.work.record(self._settled, self._read().settings)
            self._settled = []
        if self._unsent:
            self.work.give_back(self._unsent)
            self._unsent = []


class _Outage:
    """Tells why a ledger is unavailable: the same reason once, until the ledger works again, which it tells too."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, error: LedgerError) -> None:
        """Tell a reason that was not told since the ledger worked."""
        if (reason := str(error)) not in self._told:
            self._told.add(reason)
            _report(logging.ERROR, "ledger-unavailable", error=reason)

    def end(self) -> None:
        """Tell that the ledger works, if it did not."""
        if self._told:
            self._told.clear()
            _report(logging.INFO, "ledger-available")


class _Batch:
    """Mails that are sent together by one sender."""

    def __init__(self, runner: Runner, deliveries: Sequence[Delivery], settings: Settings) -> None:
        self.runner = runner
        self.settings = settings
        self.login_refused = False
        self.worked = False
        self._witnesses = [_Witness(self, one) for one in deliveries]

    @property
    def outgoing(self) -> list[Outgoing]:
        """The mails."""
        return [one.outgoing for one in self._witnesses]

    @property
    def untouched(self) -> list[Held]:
        """The parts that were not begun."""
        return [one.held for one in self._witnesses if not one.ended]

    def begin(self, witness: _Witness) -> bool:
        """Write that a part is being sent; tell whether it may be."""
        leave = self.runner.begin_sending(witness.held, self.settings)
        if leave is not True:
            witness.ended = True
            if leave is None:
                self.runner.give_back(witness.held)
            else:
                _report(logging.WARNING, "lease-lost", mail=witness.held.part.mail)
        return bool(leave)

    def settle(self, witness: _Witness, answers: Mapping[int, Answer]) -> None:
        """Settle a part by the answers for its recipients."""
        if witness.ended:
            return
        witness.ended = True
        part = witness.held.part
        after = settle(part, answers, self.runner.work.now(), self.settings)
        recipients = part.recipients
        delivered = [recipients[n].address for n, one in answers.items() if one.verdict is Verdict.DELIVERED]
        self.runner.add_settled(
            Settled(
                witness.held,
                after,
                refused=tuple(recipients[n].address for n, one in answers.items() if one.of_address),
                reached=tuple(one for one in delivered if one in witness.refused_before),
            )
        )
        _report_outcome(after, answers)

    def conclude(self, result: SendResult) -> None:
        """Take the result of a mail. One that a server has accepted is settled already."""
        witness, error = result.outgoing.witness, result.error
        assert isinstance(witness, _Witness)  # noqa: S101 - the mails are those of the batch
        self.login_refused = self.login_refused or (error is not None and is_refused_login(error))
        self.worked = self.worked or error is None
        if error is not None and not _is_withdrawn(error):
            self.settle(witness, read_error(error, witness.places))

    def fail_all(self, answer: Answer) -> None:
        """Settle every mail by one answer."""
        for witness in self._witnesses:
            self.settle(witness, dict.fromkeys(witness.places, answer))


class _Witness:
    """The witness of one part that is being sent."""

    def __init__(self, batch: _Batch, delivery: Delivery) -> None:
        part = delivery.held.part
        self.held = delivery.held
        self.places = part.in_attempt
        self.refused_before = delivery.refused_before
        self.ended = False
        """Whether nothing more can become of it in this batch."""
        self._batch = batch
        to = tuple(part.recipients[place].address for place in self.places)
        self.outgoing = Outgoing(delivery.content, delivery.held.from_, to, self)

    def may_send(self) -> bool:
        """Tell whether the part may be sent: only if the ledger has it on disk that it is."""
        return self._batch.begin(self)

    def accept(self, make_report: Callable[[], DeliveryReport]) -> None:
        """Settle the part: a server has accepted it."""
        self._batch.settle(self, read_report(make_report(), self.places))


def _is_withdrawn(error: MailError) -> bool:
    return isinstance(error, DeliveryError) and error.diagnosis.code == "withdrawn"


def _report_outcome(part: Part, answers: Mapping[int, Answer]) -> None:
    level = logging.INFO if part.state is State.DELIVERED else logging.WARNING
    if _LOG.isEnabledFor(level):
        code = next((one.code for one in answers.values() if one.code), "")
        _report(level, part.state.value, mail=part.mail, part=part.number, recipients=len(answers), code=code)


def _report(level: int, event: str, **facts: Any) -> None:
    """Write a line of the log, with its facts for a program."""
    said = " ".join(f"{name}={value}" for name, value in facts.items() if value != "")
    _LOG.log(level, "%s %s", event, said, extra={"confobjects": {"event": event, **facts}})


__all__ = ["NO_SENDER", "TOGETHER", "Runner", "Sender", "Setting"]
