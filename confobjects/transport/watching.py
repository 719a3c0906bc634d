"""Watching a connection while somebody waits: each stage is told as it happens, and a long silence is looked into.

A test of a mail server and a test mail use it; a program that sends mail does not.
"""

from __future__ import annotations

from typing import Final, Protocol

from confobjects.mail.diagnosis import DeliveryError, Trouble
from confobjects.mail.report import StageTime
from confobjects.transport.probes import examine_silence, explain_error
from confobjects.transport.smtp import Connection

SUSPICIOUS: Final = 3.0
"""Seconds without a greeting after which a second connection looks for the cause."""


class Progress(Protocol):
    """Told of the stages of a test as they happen."""

    def begin(self, stage: str) -> None:
        """A stage begins."""
        ...

    def end(self, time: StageTime) -> None:
        """A stage is over; a stage that ends a failed test may not have been said to begin."""
        ...


class Watch:
    """Watches one connection after another, and tells ``progress`` of their stages."""

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._connection: Connection | None = None
        self._told: list[StageTime] = []  # the stages that were said to be over
        self._looked = False

    def begin(self, connection: Connection) -> None:
        """Watch a connection that is not open yet."""
        self.tell_ended(last=True)
        self._connection, self._told = connection, []
        connection.begin_stage = self._tell_begun
        connection.look_at_silence = (SUSPICIOUS, self._look_at_silence)

    def _tell_begun(self, stage: str) -> None:
        if (
            self._progress is not None and stage != "quit"
        ):  # RSET after a refusal, which may still mark an earlier stage
            self.tell_ended()
            self._progress.begin(stage)

    def tell_ended(self, *, last: bool = False) -> None:
        """Tell of the stages that are over and were not told yet. ``last`` says that no stage will go on."""
        stages = [] if self._connection is None else self._connection.stages[:]
        if not last and stages and stages[-1].stage == "quit":
            stages.pop()  # RSET; QUIT may follow
        if self._progress is not None:
            for one in stages:
                if one not in self._told:
                    self._progress.end(one)
        self._told = stages

    def _look_at_silence(self) -> Trouble | None:
        self._looked = True
        connection = self._connection
        return None if connection is None else examine_silence(connection.plan, connection.network)

    def explain(self, error: DeliveryError, connection: Connection) -> DeliveryError:
        """Return the error with the facts that probes find, without a second look into the same silence."""
        done = ("silent",) if self._looked else ()
        return explain_error(error, connection, done=done)
