"""A watch from its start to its end: one thread prints, others hear and run the command."""

from __future__ import annotations

import os
from time import monotonic
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import CommandFailedError, ConfobjectsError
from confobjects.records import Record
from confobjects.storage.file_watch import FileWatch
from confobjects.storage.watching import REAL, Pauses

from .inbox import Inbox
from .logs import log_as_lines
from .opening import FINAL, FollowedPlace, close_soon
from .printing import WatchPrinter
from .program import choose_environment, find_secret_variables
from .repairing import Repairer
from .rounds import Round, RoundObserver
from .runner import ProgramRunner
from .signals import StopRequest, drop_output, stop_on_signals, wait_for_any

if TYPE_CHECKING:
    from confobjects.following import Live

    from ..invocation import Invocation


class WatchOptions(Record):
    """What a watch is to do: the words of a command to run, whether to repair, and when to end.

    ``count`` is the number of change groups to tell, ``timeout`` the seconds for the configuration to be there at the
    start; None means without an end.
    """

    words: tuple[str, ...] = ()
    repair: bool = False
    count: int | None = None
    timeout: float | None = None


class ProgramOutcome(Record):
    """How a run of the command ended: why it failed, None if it did not."""

    failure: Diagnostic | None


class WatchSession:
    """One watch of one configuration."""

    def __init__(self, invocation: Invocation, options: WatchOptions) -> None:
        self._options = options
        self._debug = bool(invocation.options["debug"])
        self._place = FollowedPlace(invocation)
        self._printer = WatchPrinter(invocation, self._place.url)
        self._inbox: Inbox[Round | ProgramOutcome] = Inbox()
        self._repairer = Repairer(self._place.make_storage() if options.repair else None, self._printer)
        self._left = options.count
        self._is_begun = False
        self._failed: Diagnostic | None = None
        self._runner: ProgramRunner | None = None
        if options.words:
            environment = choose_environment(os.environ, set(find_secret_variables(invocation.options)))
            self._runner = ProgramRunner(options.words, environment, self._take_outcome)

    def run(self) -> int:
        """Watch until enough was told or somebody ends it, and return the exit status."""
        try:
            with stop_on_signals(), log_as_lines(debug=self._debug):
                return self._run()
        except StopRequest:
            return 0

    def _run(self) -> int:
        live: Live | None = None
        try:
            live = self._enter()
            self._follow()
            return self._finish()
        finally:
            if self._printer.is_writing:
                drop_output()
            self._inbox.close()
            if self._runner is not None:
                self._runner.stop()
            if live is not None:
                close_soon(live)

    # -- the start -------------------------------------------------------------------------------------------------

    def _enter(self) -> Live:
        """Open the configuration, and return it live; try again while it is not there or does not hold."""
        timeout = self._options.timeout
        end = None if timeout is None else monotonic() + timeout
        pauses = Pauses(REAL)
        with FileWatch([self._place.file] if self._place.file else ()) as files:
            while True:
                live = self._place.make_live()
                live.observe(RoundObserver(live, self._inbox.put))
                try:
                    live.__enter__()
                except FINAL:
                    raise
                except ConfobjectsError as error:
                    now = monotonic()
                    if end is not None and now >= end:
                        raise
                    self._printer.tell_problems("start", error.diagnostics)
                    self._repairer.look()
                    again = now + pauses.next()
                    _pause(files, again if end is None else min(again, end))
                else:
                    self._printer.tell_problems("start", ())
                    return live

    # -- following -------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Tell what comes, until it was enough."""
        while not self._is_done:
            item = self._inbox.take()
            if isinstance(item, Round):
                self._take_round(item)
            elif item is not None:
                self._tell_outcome(item)
            else:
                self._repairer.look()
                wait_for_any([self._inbox.fileno()], self._repairer.due())

    @property
    def _is_done(self) -> bool:
        return self._is_begun and self._left == 0

    def _take_round(self, one: Round) -> None:
        self._repairer.note_change()
        self._printer.tell_hearing(is_stale=one.is_stale)
        self._printer.tell_problems("live", one.problems)
        if one.state is not None:
            self._is_begun = True
            self._printer.tell_state(one.state)
            if self._runner is not None:
                self._runner.start(one.state)
        for group in one.groups[: self._left]:
            self._printer.tell_group(group)
            if self._runner is not None:
                self._runner.add(group)
        if self._left is not None:
            self._left -= min(self._left, len(one.groups))

    # -- the command -----------------------------------------------------------------------------------------------

    def _take_outcome(self, failure: Diagnostic | None) -> None:
        self._inbox.put(ProgramOutcome(failure), waits=False)

    def _tell_outcome(self, outcome: ProgramOutcome) -> None:
        """Tell each failure, and the end of failures."""
        if outcome.failure is not None:
            self._printer.tell_notice("command-failed", outcome.failure)
            self._failed = outcome.failure
        elif self._failed is not None:
            self._printer.tell_notice("solved", self._failed)
            self._failed = None

    def _finish(self) -> int:
        """Let the command be run for all that was told, and return the exit status."""
        if self._runner is None:
            return 0
        while True:
            is_free = self._runner.is_free  # asked first: if it is not, one more outcome comes
            item = self._inbox.take()
            if isinstance(item, ProgramOutcome):
                self._tell_outcome(item)
            elif item is None and is_free:
                break
            elif item is None:
                self._inbox.wait()
        return 0 if self._runner.failure is None else CommandFailedError.exit_code


def _pause(files: FileWatch, until: float) -> None:
    """Wait until a time of the clock, or until one of some files may have changed."""
    while (left := until - monotonic()) > 0 and not files.wait(0):
        due = files.due()
        wait_for_any(files.descriptors(), left if due is None else min(left, due))
