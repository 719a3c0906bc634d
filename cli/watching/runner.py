"""Runs a command of the user for each change: one at a time, and what comes meanwhile is joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Condition, Thread
from typing import Any

from confobjects.diagnostics import Diagnostic

from ..output.watched import Document, dump_line
from .joining import JoinedChanges, JoinedState
from .program import GRACE, LIMIT, ProgramRun, describe_exit, describe_failure, describe_start

Joined = JoinedState | JoinedChanges


class ProgramRunner:
    """A thread that runs a command with what has changed since its last success, first with the whole state.

    ``tell`` is called in that thread with each failure, and with None after each success, before the runner is free. ``limit`` and ``grace`` are
    seconds: how long a run may take, and how long it may take to stop.
    """

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        tell: Callable[[Diagnostic | None], Any],
        *,
        limit: float = LIMIT,
        grace: float = GRACE,
    ) -> None:
        self._words = words
        self._environment = environment
        self._tell = tell
        self._limit = limit
        self._grace = grace
        self._condition = Condition()
        self._waiting: Joined | None = None
        """What no run has been given yet, or none with success."""
        self._is_due = False
        self._is_busy = False
        self._is_stopping = False
        self._thread = Thread(target=self._run, name="confobjects-commands", daemon=True)
        self.failure: Diagnostic | None = None
        """Why the last run failed; None if it did not."""

    def start(self, state: Document) -> None:
        """Begin, with the whole state."""
        self._waiting = JoinedState(state)
        self._is_due = True
        self._thread.start()

    def add(self, change: Document) -> None:
        """Have the command run for a change group: at once, or joined with others as soon as it is free."""
        with self._condition:
            if self._waiting is None:
                self._waiting = JoinedChanges(change)
            else:
                self._waiting.add(change)
            self._is_due = True
            self._condition.notify_all()

    @property
    def is_free(self) -> bool:
        """Whether the command has been run for everything, and all that became of it is told."""
        with self._condition:
            return not (self._is_due or self._is_busy)

    def stop(self) -> None:
        """Stop the command, if it is running, and run it no more."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (joined := self._take()) is not None:
            failure = self._run_once(joined.as_document())
            with self._condition:
                self.failure = failure
                if failure is not None:
                    self._give_back(joined)
                if not self._is_stopping:
                    self._tell(failure)
                self._is_busy = False

    def _take(self) -> Joined | None:
        """Wait until there is something to run the command for, and return it; None when it is to be run no more."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_due or self._is_stopping)
            if self._is_stopping:
                return None
            joined, self._waiting = self._waiting, None
            self._is_due, self._is_busy = False, True
            return joined

    def _give_back(self, joined: Joined) -> None:
        """Keep what a run that failed was given, for the next one."""
        if self._waiting is not None:
            joined.add(self._waiting.as_document())
        self._waiting = joined

    def _run_once(self, document: Document) -> Diagnostic | None:
        """Run the command, and return why it failed; None if it did not, or was stopped on request."""
        try:
            run = ProgramRun(self._words, f"{dump_line(document)}\n", self._environment, self._condition)
        except (OSError, ValueError) as error:
            return describe_failure(self._words, describe_start(error))
        with self._condition:
            self._condition.wait_for(lambda: run.has_ended or self._is_stopping, self._limit)
        if run.has_ended:
            code = run.reap()
            return describe_failure(self._words, describe_exit(code)) if code else None
        run.stop(self._grace)
        return describe_failure(self._words, f"was stopped: it took more than {self._limit:g} s")
