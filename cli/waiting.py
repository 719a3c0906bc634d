"""``--wait``: after a change, wait until every follower that is alive has it in effect.

Laws of this module:

1. What can be refused is refused before the change is made. Whatever happens after it, the user reads that it is saved.
2. A follower counts while it is alive. One that falls silent, or ends, while the command waits is named.
3. The wait is bounded, and so are the looks: the pauses between them grow. There is a look at the end.
4. A server whose own configuration was changed is one of the followers, although it reports nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from confobjects import startup
from confobjects.diagnostics import Diagnostic
from confobjects.errors import (
    INTERRUPTED,
    CannotConnectError,
    ChangedMeanwhileError,
    ConfobjectsError,
    NotInEffectError,
    StorageError,
)
from confobjects.management.followers import AskedChange, FollowersVerdict, judge_followers, places_of
from confobjects.storage.watching import REAL

from .output.followers import describe_change, describe_each, show_foreign, summarise
from .output.messages import Message, tell
from .output.progress import Progress, show_progress

if TYPE_CHECKING:
    from confobjects.management.site import Site
    from confobjects.mapping.followers import FollowerReport
    from confobjects.mapping.protocol import Storage, Timing

    from .invocation import Invocation, SavedChange

_PASSING: Final = (CannotConnectError, StorageError, ChangedMeanwhileError)
"""The errors of a look after which the next one may succeed."""
_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.5)
"""Seconds between the first looks."""
LONGEST_PAUSE: Final = 2.0
"""Seconds between two looks, at most."""


def perform_and_wait(invocation: Invocation, perform: Callable[[], int | None], *, told: bool) -> int:
    """Carry out a command, and wait until what it has changed is in effect. Return the exit status.

    ``told`` says that the command line itself asks for it. Raises :class:`~confobjects.errors.NotInEffectError`.
    """
    with ExitStack() as stack:
        elsewhere = invocation.open_state()
        if elsewhere is not None:
            stack.enter_context(closing(elsewhere))
        try:
            status = perform() or 0
            if invocation.saved:
                sys.stdout.flush()
                return ChangeWait(invocation, elsewhere, stack, REAL).conclude(status)
        except KeyboardInterrupt:
            if not invocation.saved:
                raise
            tell(Message(f"interrupted: {describe_change(_join_changes(invocation.saved).number)} is saved"))
            return INTERRUPTED
    if told:
        invocation.note("nothing was changed: there is nothing to wait for")
    return status


def make_pauses() -> Iterator[float]:
    """Yield the seconds between looks."""
    return chain(_PAUSES, repeat(LONGEST_PAUSE))


class ChangeWait:
    """The wait of one command for what it has changed."""

    def __init__(self, invocation: Invocation, elsewhere: Storage | None, stack: ExitStack, timing: Timing) -> None:
        self._invocation = invocation
        self._elsewhere = elsewhere
        self._stack = stack
        self._timing = timing
        self._storage: Storage | None = None
        self._site: Site | None = None
        self._remarks: Sequence[str] = ()
        """What is said of a server beside what it waits for."""
        self._asked = _join_changes(invocation.saved)
        self._newest = self._asked.number
        self._counted: dict[str, None] = {}
        """The names of the followers that were alive at some look."""

    def conclude(self, status: int) -> int:
        """Wait, say what came of it, and return the exit status: that of the command, if it is not 0.

        Raises :class:`~confobjects.errors.NotInEffectError`.
        """
        try:
            with show_progress(self._invocation, "waiting for the followers") as progress:
                verdict = self._wait(progress)
        except ConfobjectsError as error:
            problem = self._problem("whether it is in effect cannot be found out")
            failed = NotInEffectError([problem, *error.diagnostics])
        else:
            if not verdict.lacking:
                self._invocation.note("; ".join([summarise(verdict), *self._describe_ended(verdict)]))
                return status
            failed = self._failure(verdict)
        if not status:
            raise failed
        self._invocation.warn(failed.diagnostics)
        return status

    def _wait(self, progress: Progress) -> FollowersVerdict:
        end = self._timing.now() + self._invocation.wait
        pauses = make_pauses()
        while True:
            left = end - self._timing.now()
            try:
                verdict = self._look()
            except _PASSING:
                if left <= 0:
                    raise
            else:
                self._counted.update((one.name, None) for one in verdict.alive)
                count = f"{len(verdict.in_effect)} of {len(verdict.alive)}"
                progress.show(f"waiting: in effect on {count} followers; {max(0, int(left))} s left")
                if not verdict.lacking or left <= 0 or self._asked.number is None:
                    return verdict
            self._timing.wait((), min(next(pauses), max(left, 0)))

    def _look(self) -> FollowersVerdict:
        servers = tuple(self._report_server())
        self._remarks = [problem for one in servers for problem in one.problems]
        reports = [*servers, *self._reports.followers()]
        numbers = [one.number for one in reports if one.number is not None]
        if self._newest is not None and max(numbers, default=0) > self._newest:
            self._newest = max([self._newest, *(one.number for one in self._configuration.history(self._newest))])
        return judge_followers(reports, self._asked, self._newest, startup.current_time())

    def _report_server(self) -> Iterable[FollowerReport]:
        """Return what a server would report that uses the configuration itself."""
        if not self._configuration.is_foreign or self._site is None:
            return ()
        from confobjects.management.restarting import report_server

        return report_server(self._site)

    @property
    def _reports(self) -> Storage:
        return self._configuration if self._elsewhere is None else self._elsewhere

    @property
    def _configuration(self) -> Storage:
        if self._storage is None:
            url = self._invocation.saved[-1].url
            options = self._invocation.storage_options(url)
            opened = startup.read_configuration(url, self._invocation.registry, tolerant=True, **options)
            self._storage = self._stack.enter_context(closing(opened.storage))
            self._site = startup.manage(opened, str).site
        return self._storage

    # -- what is said ------------------------------------------------------------------------------------------------

    def _problem(self, text: str) -> Diagnostic:
        saved = describe_change(self._asked.number)
        return Diagnostic("not-in-effect", f"{saved} is saved; {text}", remedy="look again: confobjects followers")

    def _failure(self, verdict: FollowersVerdict) -> NotInEffectError:
        count = f"{len(verdict.in_effect)} of {len(verdict.alive)}"
        first = self._problem(f"after {self._invocation.wait} s it is in effect on {count}")
        lines = [*describe_each(verdict.lacking, verdict), *describe_each(verdict.silent, verdict)]
        lines.extend(self._remarks)
        lines.extend(self._describe_ended(verdict))
        return NotInEffectError([first.replace(more=tuple(lines))])

    def _describe_ended(self, verdict: FollowersVerdict) -> Iterator[str]:
        """Yield what is said of followers that were alive and report no longer."""
        there = {one.name for one in verdict.followers}
        ended = [name for name in self._counted if name not in there]
        yield from (f"{show_foreign(name)} has ended" for name in ended[:20])


def _join_changes(saved: list[SavedChange]) -> AskedChange:
    """Return what is waited for after some changes: the last of them, wherever one was made."""
    numbers = [one.number for one in saved]
    number = None if None in numbers else max(one for one in numbers if one is not None)
    if any(one.changes is None for one in saved):
        return AskedChange(number)
    return AskedChange(number, places_of(change for one in saved for change in one.changes or ()))
