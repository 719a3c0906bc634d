"""Runs: tests of objects that are under way or over, each seen by whoever began it.

Laws of this module:

1. A run belongs to the person who began it. Nobody else finds it, and it is forgotten after :data:`KEPT` seconds.
2. Runs and the tests of the API are made by the same number of threads, and no more than :data:`PER_PERSON` runs are begun by
   one person within :data:`~confobjects.web.identity.attempts.WINDOW` seconds.
3. A run is changed in the event loop only.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from anyio import to_thread

from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.web.identity.attempts import Counts
from confobjects.web.problems import UNEXPECTED, WebError

if TYPE_CHECKING:
    from anyio import CapacityLimiter

    from confobjects.mail.report import StageTime

LOG: Final = logging.getLogger("confobjects.web")
KEPT: Final = 900.0
PER_PERSON: Final = 60
_MOST: Final = 500
"""Runs that are kept."""


class TooManyTestsError(WebError):
    """Somebody has begun too many tests."""

    code: ClassVar[str] = "too-many-attempts"
    http_status: ClassVar[int] = 429


class Stage:
    """A stage of a test: its name, and its time in milliseconds and whether it succeeded once it is over."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.milliseconds: float | None = None
        self.ok: bool | None = None


class Run:
    """One test: its stages so far, and its result once it is over. It is told of its stages in another thread."""

    def __init__(self, person: str, facts: dict[str, Any]) -> None:
        self.key = secrets.token_urlsafe(16)
        self.person = person
        self.facts = facts
        self.begun = time.monotonic()
        self.stages: list[Stage] = []
        self.result: Any = None
        self.error: ConfobjectsError | None = None
        self.is_over = False
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

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

    def _begin(self, name: str) -> None:
        self.stages.append(Stage(name))
        self.tell()

    def _end(self, one: StageTime) -> None:
        if not self.stages or self.stages[-1].name != one.stage or self.stages[-1].ok is not None:
            self.stages.append(Stage(one.stage))
        self.stages[-1].milliseconds, self.stages[-1].ok = one.milliseconds, one.ok
        self.tell()


class Runs:
    """The runs of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: OrderedDict[str, Run] = OrderedDict()
        self._counts = Counts(PER_PERSON)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, person: str, facts: dict[str, Any], work: Callable[[Run], Any], limiter: CapacityLimiter) -> Run:
        """Begin a test, whose work is done in one of a number of threads, and return it. Raises TooManyTestsError."""
        now = self._clock()
        if (wait := self._counts.find_wait(person, now)) > 0:
            error = TooManyTestsError("there were too many tests; try again later")
            error.headers = {"Retry-After": str(int(wait) + 1)}
            raise error
        self._counts.add(person, now)
        self._forget_old(now)
        run = Run(person, facts)
        self._found[run.key] = run
        task = asyncio.create_task(self._carry_out(run, work, limiter))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return run

    def find(self, key: str, person: str) -> Run:
        """Return a run of a person. Raises NoSuchObjectError."""
        self._forget_old(self._clock())
        run = self._found.get(key)
        if run is None or run.person != person:
            raise NoSuchObjectError("this test is not known: it is over for long, or somebody else began it")
        return run

    def _forget_old(self, now: float) -> None:
        for key, run in list(self._found.items()):
            if now - run.begun <= KEPT and len(self._found) < _MOST:
                return
            del self._found[key]

    async def _carry_out(self, run: Run, work: Callable[[Run], Any], limiter: CapacityLimiter) -> None:
        try:
            run.result = await to_thread.run_sync(work, run, limiter=limiter, abandon_on_cancel=True)
        except ConfobjectsError as error:
            run.error = error
        except Exception:
            LOG.exception("a test could not be carried out")
            run.error = ConfobjectsError(UNEXPECTED)
        finally:
            run.is_over = True
            run.tell()


RUNS: Final = Runs()
"""The runs of this process."""
