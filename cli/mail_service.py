"""What the commands of the mail service share, and the service as a process: its start, what it tells, its end."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from time import monotonic
from typing import TYPE_CHECKING, Final

import click

from confobjects import startup
from confobjects.errors import CannotConnectError, ConfobjectsError, StorageError
from confobjects.records import Record
from confobjects.service.places import KIND

if TYPE_CHECKING:
    from email.message import Message

    from confobjects.diagnostics import Diagnostic
    from confobjects.following import Live
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.service.ledger import Mail
    from confobjects.service.serving import Attendant

    from .invocation import Invocation
    from .watching.opening import FollowedPlace

_LOG: Final = logging.getLogger("confobjects.service")


def unsealed_option() -> click.Option:
    """Return the option that allows a ledger without seals."""
    return click.Option(
        ["--unsealed-ledger"], is_flag=True, help="Open the ledger without keys: what it holds can be read by others."
    )


# -- a mail that is handed in ------------------------------------------------------------------------------------------


class HandedIn(Record):
    """A mail as it is handed in. Without recipients its headers say who gets it."""

    message: Message | bytes
    recipients: tuple[str, ...] | None
    category: str
    sender: str | None


def submit(
    invocation: Invocation, configuration: EffectiveConfiguration, handed_in: HandedIn, *, unsealed: bool
) -> int:
    """Hand a mail in, and say that it was accepted; return the exit status. Raises NotAcceptedError and LedgerError."""
    from confobjects.service.opening import open_ledger_of
    from confobjects.service.submitting import choose_settings, make_mail

    settings = choose_settings(configuration, handed_in.sender)
    mail = make_mail(configuration, settings, handed_in.message, handed_in.recipients, handed_in.category)
    made = None
    if not invocation.dry_run:
        with open_ledger_of(configuration[KIND], os.environ, unsealed=unsealed) as ledger:
            made = ledger.accept(mail, settings)
    _print_accepted(invocation, made, mail)
    return 0


def _print_accepted(invocation: Invocation, made: str | None, mail: Mail) -> None:
    number = len(mail.recipients)
    if invocation.form == "json":
        from .output.json import dumps

        invocation.say(dumps({"id": made, "sender": mail.sender, "from": mail.from_, "recipients": number}))
        return
    to = mail.recipients[0] if number == 1 else f"{number} recipients"
    if made is None:
        invocation.say_sentences(f"would accept a mail from {mail.from_} to {to}")
    elif invocation.form == "script":
        invocation.say(made)
    elif invocation.tells_people:
        invocation.say_sentences(f"accepted as {made}: from {mail.from_} to {to}")


# -- the service as a process ------------------------------------------------------------------------------------------


class ServiceOptions(Record):
    """How the service runs: the number of runners, whether the ledger may be unsealed, the seconds for the configuration to be
    there at the start (None means without an end), and whether the log is JSON.
    """

    runners: int = 4
    unsealed: bool = False
    timeout: float | None = None
    logs_json: bool = False


class ServiceSession:
    """One run of the mail service. ``beside`` runs beside its runners."""

    def __init__(self, invocation: Invocation, options: ServiceOptions, beside: Sequence[Attendant] = ()) -> None:
        from .watching.opening import FollowedPlace

        self._invocation = invocation
        self._options = options
        self._beside = beside
        self._place: FollowedPlace = FollowedPlace(invocation)

    def run(self) -> int:
        """Serve until somebody ends it, and return the exit status."""
        from .watching.opening import close_soon
        from .watching.signals import StopRequest, stop_on_signals

        with self._log(), stop_on_signals():
            try:
                live = self._enter()
            except (StopRequest, KeyboardInterrupt):
                return 0
            try:
                self._serve(live)
            finally:
                close_soon(live)
        return 0

    def _log(self) -> AbstractContextManager[None]:
        from confobjects.service.logs import hide_addresses

        from .watching.logs import log_as_json, log_as_lines

        is_sealed = not self._options.unsealed or _has_keys()
        if self._options.logs_json:
            return log_as_json(is_sealed=is_sealed)
        debug = bool(self._invocation.options["debug"])
        return log_as_lines(debug=debug, change=hide_addresses if is_sealed else str)

    def _tell_start(self, ledger: str) -> None:
        """Say that the service runs."""
        if self._options.logs_json:
            _LOG.info("started", extra={"confobjects": {"event": "started", "ledger": ledger}})
        else:
            self._invocation.note(f"the mail service runs with {ledger}")

    # -- the start -------------------------------------------------------------------------------------------------

    def _enter(self) -> Live:
        """Open the configuration, and return it live; try again while it cannot be reached or read."""
        from confobjects.storage.watching import REAL, Pauses

        from .watching.opening import FINAL

        timeout, pauses = self._options.timeout, Pauses(REAL)
        end = None if timeout is None else monotonic() + timeout
        told: tuple[Diagnostic, ...] = ()
        while True:
            live = self._place.make_live(tells=True)
            try:
                live.__enter__()
            except FINAL:
                raise
            except (CannotConnectError, StorageError) as error:
                left = None if end is None else end - monotonic()
                if left is not None and left <= 0:
                    raise
                if error.diagnostics != told:
                    told = error.diagnostics
                    _log_problems(told)
                pause = pauses.next()
                REAL.wait((), pause if left is None else min(left, pause))
            else:
                return live

    # -- serving ---------------------------------------------------------------------------------------------------

    def _serve(self, live: Live) -> None:
        from confobjects.service.alerting import Alerts
        from confobjects.service.serving import PATIENCE, MailService

        from .watching.signals import StopRequest

        options, beside = self._options, (*self._beside, Alerts(live))
        service = MailService(
            lambda: live.configuration, unsealed=options.unsealed, runners=options.runners, beside=beside
        )
        with service:
            try:
                service.start()
                live.observe(_ProblemLog(live))
                live.notify_systemd()
                self._tell_start(service.ledger.database.name)
                service.run()
            except (StopRequest, KeyboardInterrupt):
                if not service.close(PATIENCE):
                    _LOG.warning("a mail was still being sent after %g s: what became of it is unknown", PATIENCE)


def _has_keys() -> bool:
    """Tell whether there are keys, which the ledger is sealed with then. Those that cannot be read count."""
    try:
        return startup.SealingKeys(os.environ)() is not None
    except ConfobjectsError:
        return True


class _ProblemLog:
    """Logs what is wrong with the configuration, when it is new."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._told: frozenset[Diagnostic] = frozenset()
        self(())

    def __call__(self, _: object) -> None:
        """Look at the problems of now."""
        problems = dict.fromkeys(self._live.problems)
        _log_problems([one for one in problems if one not in self._told])
        self._told = frozenset(problems)


def _log_problems(problems: Sequence[Diagnostic]) -> None:
    for one in problems:
        place = one.describe_place()
        _LOG.warning("%s", f"{place}: {one.summary}" if place else one.summary)
