"""The mail service as programs see it: it accepts mail, and delivers it with runners in threads of their own.

Laws: whoever gets an id may forget the mail. Changes of the configuration count from the next mail on. A runner that
fails is replaced; what it was sending is as if it had been killed. The end waits no longer than it is told to: what is still
being sent then is unknown, as after a kill.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from email.message import Message
from typing import TYPE_CHECKING, Final, Protocol, Self

from confobjects.diagnostics import Diagnostic
from confobjects.errors import LedgerError, UsageError
from confobjects.service.current import CurrentSetting
from confobjects.service.ledger import Ledger
from confobjects.service.opening import KIND, find_ledger_url, open_ledger_of
from confobjects.service.runner import Runner, Setting
from confobjects.service.submitting import choose_settings, make_mail, make_text_message

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.service.several import Notified
    from confobjects.transport.network import Networks


LOG: Final = logging.getLogger("confobjects.service")

RUNNERS: Final = 4
"""Runners that work on one ledger in a process, by default."""

PATIENCE: Final = 30.0
"""Seconds that the end waits for mails that are being sent."""

_LOOK: Final = 1.0
"""Seconds after which it is looked whether the configuration names another ledger."""


class Attendant(Protocol):
    """What runs beside the runners of a mail service, such as what is asked how it does."""

    def start(self, service: MailService, /) -> object:
        """Begin: the ledger is open, and the runners have been started. What it raises stops the service."""
        ...

    def stop(self) -> object:
        """End. The runners still run."""
        ...


class MailService:
    """The mail service of a configuration. Use it in a ``with`` statement. Thread-safe.

    ``read`` returns the configuration in effect; ``opened`` is entered before it is first called, and left at the end.
    ``beside`` is started by :meth:`start`, after the runners. ``networks`` are what it may connect to, by default anything.
    """

    def __init__(  # noqa: PLR0913 - what it works with, by keyword
        self,
        read: Callable[[], EffectiveConfiguration],
        *,
        opened: AbstractContextManager[object] | None = None,
        environment: Mapping[str, str] | None = None,
        unsealed: bool = False,
        runners: int = RUNNERS,
        beside: Sequence[Attendant] = (),
        networks: Networks | None = None,
    ) -> None:
        if runners < 1:
            raise UsageError("a mail service has at least one runner")
        self._read = read
        self._opened = opened
        self._current = CurrentSetting(read, networks)
        self._ledgers = _CurrentLedger(read, os.environ if environment is None else environment, unsealed=unsealed)
        self._number = runners
        self._beside = beside
        self._open = ExitStack()
        self._crew: _Crew | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._process = 0

    def __repr__(self) -> str:
        state = "not entered yet" if not self._process else "closed" if self._is_closed else "open"
        return f"<the mail service, {state}>"

    # -- its life ----------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Open the configuration and the ledger. Raises what :func:`confobjects.load` raises, and LedgerError."""
        with ExitStack() as opened:
            if self._opened is not None:
                opened.enter_context(self._opened)
            opened.enter_context(self._current)
            opened.enter_context(self._ledgers)
            self._ledgers.read()
            self._open = opened.pop_all()
        self._process = os.getpid()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self, patience: float = PATIENCE) -> bool:
        """Stop, wait for what is being sent, and close everything. Return whether all of it came to its end in time.

        Closing twice is no error: the second time nothing is waited for.
        """
        if self._is_closed:
            return self._crew is None or self._crew.wait(0.0)
        self._is_closed = True
        self.stop()
        until = time.monotonic() + patience
        for one in reversed(self._beside if self._thread is not None else ()):
            _stop_quietly(one)
        if self._thread is not None:
            self._thread.join(patience)
        has_ended = self._crew is None or self._crew.wait(until)
        self._open.close()
        return has_ended

    def _require_open(self) -> None:
        """Raise UsageError unless the service is open, and in the process that has opened it: a fork has no threads."""
        if not self._process or self._is_closed:
            raise UsageError('enter the mail service first: "with confobjects.mail_service(url) as service:"')
        if self._process != os.getpid():
            remedy = "open a mail service of its own in each process"
            raise UsageError(
                Diagnostic("usage", "this process was made by a fork: the mail service is not its own", remedy=remedy)
            )

    def start(self) -> None:
        """Begin to deliver, in threads of its own. Raises what those beside the runners raise."""
        self._require_open()
        if self._thread is not None:
            raise UsageError("a mail service is started once")
        self._crew = self._make_crew(self._ledgers.read())
        self._thread = threading.Thread(target=self._look_after, name="confobjects-mail-service", daemon=True)
        self._thread.start()
        for one in self._beside:
            one.start(self)

    def run(self) -> None:
        """Deliver until somebody calls :meth:`stop`."""
        if self._thread is None:
            self.start()
        self._stop.wait()

    def stop(self) -> None:
        """Let it come to its end: no further mail is begun. For any thread, and for signal handlers."""
        self._stop.set()
        if self._crew is not None:
            self._crew.stop()

    # -- what it works with ------------------------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """The ledger that the configuration in effect names. Raises LedgerError if it cannot be opened."""
        return self._ledgers.read()

    @property
    def setting(self) -> Setting:
        """What counts now."""
        return self._current.read()

    @property
    def configuration(self) -> EffectiveConfiguration:
        """The configuration in effect."""
        return self._read()

    # -- accepting ---------------------------------------------------------------------------------------------------

    def send(  # noqa: PLR0913 - what is sent and how, all but the message by keyword
        self,
        message: Message | bytes | None = None,
        *,
        to: str | Iterable[str] | None = None,
        subject: str = "",
        body: str = "",
        category: str = "",
        sender: str | None = None,
    ) -> str:
        """Accept a mail; return its id once it is on disk. It is delivered by whoever runs the service.

        ``message`` is an :class:`email.message.EmailMessage`, or bytes (RFC 5322); without one a text is made of
        ``subject`` and ``body``. Without ``to`` the headers of the message say who gets it. ``sender`` is the name of a
        mail sender in place of the one that is active. Raises NotAcceptedError with every reason, NoSuchObjectError for
        an unknown sender, UsageError for what is no category, and LedgerError if the ledger cannot take it.
        """
        self._require_open()
        recipients = None if to is None else (to,) if isinstance(to, str) else tuple(to)
        if message is None:
            message = make_text_message(recipients or (), subject, body)
        configuration = self._read()
        settings = choose_settings(configuration, sender)
        mail = make_mail(configuration, settings, message, recipients, category)
        made = self._ledgers.read().accept(mail, settings)
        if self._crew is not None:
            self._crew.wake()
        return made

    def notify_account(self, event: str, address: str | None, values: Mapping[str, str] | None = None) -> Notified:
        """Have the enabled account status notification handlers tell what has become of an account.

        ``event`` is one such as ``password-reset``, ``address`` the mail address of the user, None if it is not known;
        ``values`` are put into the templates by their names. Each mail is accepted or refused by itself, and both are told.
        Raises UsageError for an unknown event; if there were mails and none was accepted NotAcceptedError, or LedgerError.
        """
        from confobjects.service.notifying import notify_account

        return notify_account(self, event, address, values)

    # -- delivering --------------------------------------------------------------------------------------------------

    def _make_crew(self, ledger: Ledger) -> _Crew:
        return _Crew(ledger, self._current.read, self._number)

    def _look_after(self) -> None:
        """See to it that the runners are those of the ledger that the configuration in effect names."""
        told: object = None
        while not self._stop.wait(_LOOK):
            try:
                ledger = self._ledgers.read()
            except (LedgerError, UsageError) as error:
                if error.diagnostics != told:
                    told = error.diagnostics
                    LOG.log(logging.ERROR, "the ledger cannot be opened: %s", error)
                continue
            told, crew = None, self._crew
            if crew is not None and crew.ledger is not ledger:
                crew.stop()
                crew.wait(time.monotonic() + PATIENCE)
                self._crew = self._make_crew(ledger)
        if self._crew is not None:
            self._crew.stop()


class _Crew:
    """Runners on one ledger, each in a thread. A runner that fails is replaced."""

    def __init__(self, ledger: Ledger, read: Callable[[], Setting], number: int) -> None:
        self.ledger = ledger
        self._read = read
        self._stop = threading.Event()
        self._runners = [Runner(ledger, read) for _ in range(number)]
        self._turns = itertools.cycle(range(number))
        self._threads = [
            threading.Thread(target=self._run, args=(place,), name=f"confobjects-runner-{place}", daemon=True)
            for place in range(number)
        ]
        for thread in self._threads:
            thread.start()

    def _run(self, place: int) -> None:
        while not self._stop.is_set():
            try:
                self._runners[place].run()
            except Exception:  # a mistake of ours must not end the service; its leases end by themselves
                LOG.exception("a runner failed, and another one takes its place")
                self._runners[place] = Runner(self.ledger, self._read)
                self._stop.wait(_LOOK)

    def wake(self) -> None:
        """Tell one of them that there is something to do."""
        self._runners[next(self._turns)].wake()

    def stop(self) -> None:
        """Let all of them come to their end."""
        self._stop.set()
        for one in self._runners:
            one.stop()

    def wait(self, until: float) -> bool:
        """Wait until a moment of ``time.monotonic`` for their end; return whether all have ended."""
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


class _CurrentLedger:
    """The ledger that the configuration in effect names. Those of before stay open until the end: somebody may use them."""

    def __init__(
        self, read: Callable[[], EffectiveConfiguration], environment: Mapping[str, str], *, unsealed: bool
    ) -> None:
        self._read = read
        self._environment = environment
        self._unsealed = unsealed
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._seen: object = None
        self._url = ""
        self._ledger: Ledger | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self) -> Ledger:
        """Return the ledger. Raises LedgerError and UsageError if it cannot be opened."""
        configuration = self._read()
        ledger = self._ledger
        if ledger is not None and self._seen is configuration:
            return ledger
        with self._lock:
            configuration = self._read()
            service: EffectiveObject = configuration[KIND]
            url = find_ledger_url(service, self._environment)
            if self._ledger is None or url != self._url:
                opened = open_ledger_of(service, self._environment, unsealed=self._unsealed)
                self._ledger = self._open.enter_context(opened)
                self._url = url
            self._seen = configuration
            return self._ledger


def _stop_quietly(one: Attendant) -> None:
    try:
        one.stop()
    except Exception:  # the mail that is being sent comes first
        LOG.exception("%s could not be stopped", type(one).__name__)


__all__ = ["PATIENCE", "RUNNERS", "Attendant", "MailService"]
