"""The thread that keeps a live configuration true: it hears, looks, and has the audience told."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from threading import Condition, Event, Thread, current_thread
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.following.unfinished import BeingWrittenError
from confobjects.storage.watching import Pauses

if TYPE_CHECKING:
    from confobjects.following.audience import Audience
    from confobjects.following.current import Current
    from confobjects.following.hearing import Heard, Hearing
    from confobjects.mapping.protocol import Timing
    from confobjects.paths import ManagedObjectPath

LOG = logging.getLogger("confobjects.following")

_FORKED = Diagnostic(
    "usage",
    "this process was made by a fork: it hears of no change",
    remedy="open a live configuration of its own in each process",
)
_LOST = Diagnostic("internal-error", "the live configuration could not follow a change", remedy="see the log")


class LiveLoop:
    """The thread, and what other threads ask of it. ``told`` is the last change of which everybody was told."""

    def __init__(self, hearing: Hearing, current: Current, audience: Audience, timing: Timing) -> None:
        self.hearing = hearing
        self.current = current
        self._audience = audience
        self._pauses = Pauses(timing)
        self._requests: deque[Callable[[], None]] = deque()
        self._restarts: dict[ManagedObjectPath, None] = {}
        self._unread: tuple[Diagnostic, ...] = ()
        self._looks_again = False
        self._changed = Condition()
        self._is_closing = False
        self._process = os.getpid()
        self._thread = Thread(target=self._run, name="confobjects-live", daemon=True)
        self.told = current.state.number
        hearing.watch_files(current.files)

    # -- for other threads ---------------------------------------------------------------------------------------------

    @property
    def problems(self) -> tuple[Diagnostic, ...]:
        """What is wrong with what is stored, with reading it, and with hearing of it."""
        forked = () if self.is_own_process else (_FORKED,)
        return (*forked, *self._unread, *self.current.problems, *self.hearing.watch.problems)

    @property
    def is_own_process(self) -> bool:
        """Whether the thread is in this process: a fork leaves it in the other one."""
        return self._process == os.getpid()

    @property
    def is_running(self) -> bool:
        """Whether changes are followed."""
        return self.is_own_process and not self._is_closing

    @property
    def is_telling(self) -> bool:
        """Whether the caller is called by the thread: a listener, a component, an observer."""
        return current_thread() is self._thread

    def perform(self, action: Callable[[], None]) -> None:
        """Do something in the thread, and wait until it is done. Raises UsageError if the thread has ended."""
        if self.is_telling:
            action()
            return
        done = Event()

        def perform() -> None:
            try:
                action()
            finally:
                done.set()

        with self._changed:
            if not self.is_running:
                raise UsageError("the live configuration is closed")
            self._requests.append(perform)
        self.hearing.wake()
        done.wait()

    def ask_restart(self, path: ManagedObjectPath) -> None:
        """Let what waits for the restart of an object's component count. Called in the thread."""
        self._restarts[path] = None

    def wait_until(self, holds: Callable[[], object], timeout: float | None) -> bool:
        """Wait until something holds, the time is over, or the thread ends, and return whether it holds."""
        if self.is_telling:
            raise UsageError("a listener cannot wait for what happens after it has returned")
        with self._changed:
            self._changed.wait_for(lambda: holds() or not self.is_running, timeout)
            return bool(holds())

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following, and wait for the thread unless the caller is called by it."""
        self._is_closing = True
        self.hearing.wake()
        if not self.is_telling and self._thread.ident is not None:
            self._thread.join()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._is_closing:
                self._act_and_recover()
                with self._changed:
                    self.told = self.current.state.number
                    self._changed.notify_all()
                self._audience.wake_teller()
        finally:
            self._end()

    def _act_and_recover(self) -> None:
        try:
            self._act(self.hearing.wait(self.current.expiring.due()))
            self._audience.tell_observers()
        except Exception:  # a mistake of ours must not end the service; what was heard is looked at again
            LOG.exception("the live configuration could not follow a change")
            self._look_again((_LOST,))

    def _act(self, heard: Heard) -> None:
        """Do what is to be done: what other threads ask for, and a look at the storage."""
        current = self.current
        current.reader.note(heard.notice)
        current.reader.forget(heard.files)
        while self._requests:
            self._requests.popleft()()
        if self._is_closing:
            return
        current.expiring.renew()
        if heard.notice is not None or heard.files or self._looks_again:
            self._look()
        self._audience.tell(current.find_replaced(heard.files))
        while self._restarts:
            paths, self._restarts = tuple(self._restarts), {}
            self._audience.tell(current.restart(paths))

    def _look(self) -> None:
        try:
            events = self.current.look()
        except ConfobjectsError as error:
            self._look_again(() if isinstance(error, BeingWrittenError) else error.diagnostics)
            return
        finally:
            self.hearing.watch_files(self.current.files)
        self._unread, self._looks_again = (), False
        self._pauses.reset()
        self._audience.tell(events)

    def _look_again(self, problems: tuple[Diagnostic, ...]) -> None:
        self._unread, self._looks_again = problems, True
        self.hearing.come_back(self._pauses.next())

    def _end(self) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        while self._requests:
            self._requests.popleft()()
        self._audience.finish()
