"""Telling what a service runs: the thread that writes its report, and removes it at the end.

Laws of this module:

1. The thread and its storage are its own: a server that hangs delays signs of life and nothing else.
2. A report is written when what it says changes, at most once a second, otherwise every 20 seconds.
3. Nothing is raised. What fails is one problem, and is tried again after pauses that grow.
4. A name that another living service has is left to it, and that is the problem.
5. A service that ends on purpose removes its report. That of a killed one stays, and grows old.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from time import gmtime, strftime, time
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.following.rivals import Rival
from confobjects.mapping.followers import TIME_FORMAT, FollowerReport, WaitingChange, check_follower_name
from confobjects.records import Record
from confobjects.storage import is_directory, open_storage
from confobjects.storage.watching import Pauses, WakePipe

if TYPE_CHECKING:
    from confobjects.effect import Waiting
    from confobjects.mapping.protocol import Storage, Timing

LOG = logging.getLogger("confobjects.following")

OFTEN: Final = 1.0
"""Seconds between two reports, at least."""
SELDOM: Final = 20.0
"""Seconds between two reports that say the same."""
_CLOSING: Final = 5.0
"""Seconds for the last request, at most; a server that hangs does not keep a service from ending."""
_MOST_LINES: Final = 1000
"""What waits, and problems, of one report; the bound of its characters may leave fewer."""
_LONGEST_LINE: Final = 500


class Facts(Record):
    """What a report tells: the last change that all listeners were told of, what waits, and what is wrong."""

    number: int | None
    waiting: tuple[Waiting, ...]
    problems: tuple[Diagnostic, ...]


class Teller:
    """Tells the facts of one service under its name.

    ``find_facts`` is called in the thread of the teller, as is ``wake`` when :attr:`problems` have changed.
    """

    def __init__(
        self, name: str, storage: Storage, find_facts: Callable[[], Facts], wake: Callable[[], None], timing: Timing
    ) -> None:
        self._storage = storage
        self._find_facts = find_facts
        self._wake_others = wake
        self._timing = timing
        self._pauses = Pauses(timing)
        self._frame = FollowerReport(name, socket.gethostname(), os.getpid(), "", None)
        self._rival = Rival(self._frame.host, self._frame.process, _is_gone)
        self._told: FollowerReport | None = None
        self._due = timing.now()
        """When the next report may be written, whatever it says."""
        self._again = self._due
        """When one that says the same has to be."""
        self._problem: Diagnostic | None = None
        self._is_closing = False
        self._pipe = WakePipe()
        self._thread = Thread(target=self._run, name="confobjects-follower", daemon=True)

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """Why the report is not written, as one problem; empty while it is."""
        problem = self._problem
        return () if problem is None else (problem,)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def wake(self) -> None:
        """Say that the facts may have changed; any thread may call this."""
        self._pipe.wake()

    def close(self) -> None:
        """Remove the report, and tell no more. It waits for a server no longer than a few seconds, and once."""
        if self._is_closing:
            return
        self._is_closing = True
        self.wake()
        if self._thread.ident is None:
            self._pipe.close()
        else:
            self._thread.join(_CLOSING)

    def close_copies(self) -> None:
        """Close the copies of descriptors that a fork has made."""
        self._pipe.close_copies()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self.step()
            self._attempt(self._forget)
        finally:
            self._pipe.close()
            with suppress(ConfobjectsError):
                self._storage.close()

    def step(self) -> None:
        """Write the report if it is due, else wait until it may be."""
        self._attempt(self._act)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something. What fails becomes the problem, and is due again after a pause."""
        try:
            action()
        except ConfobjectsError as error:
            self._fail(error.diagnostics[0])
        except Exception:  # a mistake of ours must not end the signs of life
            LOG.exception("the follower %s could not tell what it runs", self._frame.name)
            self._fail(Diagnostic("internal-error", "see the log"))
            self._wait(self._due)

    def _wait(self, until: float) -> None:
        """Wait until a time, or until something may have changed."""
        self._timing.wait((self._pipe.fileno(),), until - self._timing.now())
        self._pipe.drain()

    def _act(self) -> None:
        if self._timing.now() < self._due:
            self._wait(self._due)
            return
        report = self._make_report()
        if report == self._told and self._timing.now() < self._again:
            self._wait(self._again)
        else:
            self._tell(report)

    def _fail(self, cause: Diagnostic) -> None:
        summary = f'the follower "{self._frame.name}" could not tell what it runs: {cause.summary}'
        self._note_problem(cause.replace(summary=summary))
        self._due = self._again = self._timing.now() + max(OFTEN, self._pauses.next())

    def _note_problem(self, problem: Diagnostic | None) -> None:
        if self._problem == problem:
            return
        self._problem = problem
        if problem is not None:
            LOG.warning("%s", problem.render())
        self._wake_others()

    def _make_report(self) -> FollowerReport:
        """Return the report without its time."""
        facts = self._find_facts()
        waiting, problems = facts.waiting[:_MOST_LINES], facts.problems[:_MOST_LINES]
        return self._frame.replace(
            number=facts.number,
            waiting=tuple(map(_as_change, waiting)),
            problems=tuple(map(_as_line, problems)),
            more=len(facts.waiting) - len(waiting) + len(facts.problems) - len(problems),
        )

    def _tell(self, report: FollowerReport) -> None:
        found = self._storage.find_follower(report.name)
        clock, now = time(), self._timing.now()
        rival = self._rival.find(found, now, clock)
        if rival is not None:
            self._note_problem(_describe_rival(rival))
            self._due = self._again = now + SELDOM
            return
        self._storage.tell_follower(report.replace(time=strftime(TIME_FORMAT, gmtime(clock))))
        self._rival.note_told()
        self._told = report
        self._note_problem(None)
        self._due, self._again = now + OFTEN, now + SELDOM
        self._pauses.reset()

    def _forget(self) -> None:
        if self._told is None:
            return
        found = self._storage.find_follower(self._frame.name)
        if found is not None and (found.host, found.process) == (self._frame.host, self._frame.process):
            self._storage.forget_follower(self._frame.name)


def _as_change(one: Waiting) -> WaitingChange:
    actions = tuple(dict.fromkeys(action.action for action in one.actions))
    return WaitingChange(str(one.path), one.kind, one.properties, actions)


def _as_line(problem: Diagnostic) -> str:
    place = problem.describe_place()
    line = f"{place}: {problem.summary}" if place else problem.summary
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"


def _describe_rival(rival: FollowerReport) -> Diagnostic:
    summary = (
        f'another service tells under the name of the follower "{rival.name}": '
        f"process {rival.process} on {rival.host}; this one does not tell what it runs"
    )
    return Diagnostic("object-exists", summary, remedy="give each service a name of its own")


def _is_gone(report: FollowerReport) -> bool:
    """Tell whether the process of a report ran on this machine, and is not there any more."""
    if report.host != socket.gethostname() or not 0 < report.process < 1 << 31:
        return False
    try:
        os.kill(report.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


# -- opening -----------------------------------------------------------------------------------------------------------

_OF_CONFIGURATION: Final = frozenset(("base", "find_base", "server_schema", "state_url", "tolerant"))


def prepare_telling(
    name: str, url: str, state_url: str, options: Mapping[str, Any]
) -> Callable[[Callable[[], Facts], Callable[[], None], Timing], Teller]:
    """Return what makes the teller of a service, with the storage that its reports are written to.

    Raises :class:`~confobjects.errors.UsageError` for a wrong name or place. Nothing is sent yet.
    """
    checked, storage = check_follower_name(name), open_state(url, state_url, options)
    return lambda find_facts, wake, timing: Teller(checked, storage, find_facts, wake, timing)


def open_state(url: str, state_url: str, options: Mapping[str, Any]) -> Storage:
    """Open the storage that reports are written to: that of the configuration at ``url``, unless another one is given.

    ``options`` are those of the configuration; another place of the same kind gets them too, except for the base.
    Raises :class:`~confobjects.errors.UsageError`. Nothing is sent yet.
    """
    if not state_url:
        return open_storage(url, **{name: value for name, value in options.items() if name != "tolerant"})
    is_alike = _kind_of(state_url) == _kind_of(url)
    kept = {name: value for name, value in options.items() if is_alike and name not in _OF_CONFIGURATION}
    return open_storage(state_url, **kept)


def _kind_of(url: str) -> str:
    return "ldap" if is_directory(url) else url.partition(":")[0].lower()
