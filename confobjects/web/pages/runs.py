"""Runs: tests, saves that are tested first, and consents that are waited for; each seen by whoever began it.

Laws of this module:

1. A run belongs to the person who began it. Nobody else finds it, and it is forgotten after :data:`KEPT` seconds.
2. A run is changed in the event loop only.
3. Whoever begins one counts it first (:meth:`~confobjects.web.endpoints.Call.begin_test`): nothing here limits how many there are.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from anyio import to_thread

from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.records import Record
from confobjects.web.problems import UNEXPECTED

if TYPE_CHECKING:
    from anyio import CapacityLimiter

    from confobjects.mail.report import StageTime

LOG: Final = logging.getLogger("confobjects.web")
KEPT: Final = 900.0
_MOST: Final = 500
"""Runs that are kept."""


class Stage:
    """A stage of a test: its name, and its time in milliseconds and whether it succeeded once it is over."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.milliseconds: float | None = None
        self.ok: bool | None = None


class RunKind(Record):
    """What a run is of: the first part of its address, and the template of how it stands."""

    place: str
    template: str


class Run:
    """One run: its stages so far, and its result once it is over. It is told of its stages in another thread."""

    def __init__(self, kind: RunKind, person: str, facts: dict[str, Any]) -> None:
        self.key = secrets.token_urlsafe(16)
        self.kind = kind
        self.person = person
        self.facts = facts
        self.begun = time.monotonic()
        self.stages: list[Stage] = []
        self.result: Any = None
        self.error: ConfobjectsError | None = None
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    @property
    def address(self) -> str:
        """The address of its page."""
        return f"/{self.kind.place}/{self.key}"

    async def wait(self, seconds: float) -> None:
        """Wait until something changes, at most so long."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    def tell(self) -> None:
        """Wake up whoever waits."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    # -- told by the thread of the test --------------------------------------------------------------------------------

    def begin(self, stage: str) -> None:
        """A stage begins."""
        self._loop.call_soon_threadsafe(self._begin, stage)

    def end(self, time: StageTime) -> None:
        """A stage is over."""
        self._loop.call_soon_threadsafe(self._end, time)

    def note(self, **facts: Any) -> None:
        """Something is to be shown."""
        self._loop.call_soon_threadsafe(self._note, facts)

    def _note(self, facts: dict[str, Any]) -> None:
        self.facts.update(facts)
        self.tell()

    def _begin(self, name: str) -> None:
        self.stages.append(Stage(name))
        self.tell()

    def _end(self, one: StageTime) -> None:
        if not self.stages or self.stages[-1].name != one.stage or self.stages[-1].ok is not None:
            self.stages.append(Stage(one.stage))
        self.stages[-1].milliseconds, self.stages[-1].ok = one.milliseconds, one.ok
        self.tell()


Work = Callable[[Run], Awaitable[Any]]
"""Carries a run out, and returns its result."""


def in_thread(work: Callable[[Run], Any], limiter: CapacityLimiter) -> Work:
    """Return what does some work in a thread, of which there are only so many."""

    async def carry_out(run: Run) -> Any:
        return await to_thread.run_sync(work, run, limiter=limiter, abandon_on_cancel=True)

    return carry_out


class Runs:
    """The runs of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[str, Run] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, kind: RunKind, person: str, facts: dict[str, Any], work: Work) -> Run:
        """Begin a run, and return it."""
        self._forget_old(self._clock())
        run = Run(kind, person, facts)
        self._found[run.key] = run
        task = asyncio.create_task(self._carry_out(run, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def find(self, kind: RunKind, key: str, person: str) -> Run:
        """Return a run of a person. Raises NoSuchObjectError."""
        self._forget_old(self._clock())
        run = self._found.get(key)
        if run is None or run.person != person or run.kind is not kind:
            raise NoSuchObjectError("this is not known: it is over for long, or somebody else began it")
        return run

    def _forget_old(self, now: float) -> None:
        for key, run in list(self._found.items()):
            if now - run.begun <= KEPT and len(self._found) < _MOST:
                return
            del self._found[key]

    async def _carry_out(self, run: Run, work: Work) -> None:
        try:
            run.result = await work(run)
        except ConfobjectsError as error:
            run.error = error
        except Exception:
            LOG.exception("a run could not be carried out")
            run.error = ConfobjectsError(UNEXPECTED)
        finally:
            run.is_over = True
            run.tell()


RUNS: Final = Runs()
"""The runs of this process."""
