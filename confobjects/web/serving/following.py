"""The live configuration of the process: one at a time, opened again when it cannot be read or when its definitions have changed.

Laws: there is one live configuration, whatever number of people listen. A configuration that does not hold ends nothing: it is
looked at again when its file changes, and after pauses. What is told has neither a secret nor a value
that an expression has found in a file, a variable or a token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from confobjects import startup
from confobjects.cli.output.watched import describe_group, describe_waiting, describe_withdrawal
from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import AccessError, ConfobjectsError, DefinitionError, UsageError
from confobjects.following.groups import group_events
from confobjects.storage.file_watch import FileWatch
from confobjects.storage.watching import LONGEST_PAUSE, REAL, Pauses, WakePipe
from confobjects.web.serving.events import Round, StreamEvent, is_about, make_event, make_id, make_status

if TYPE_CHECKING:
    from confobjects.following import Live, LiveEvent
    from confobjects.objects.effective import EffectiveObject

LOG: Final = logging.getLogger("confobjects.web")

PATIENCE: Final = 2.0
"""Seconds that a server which does not answer may keep the process from ending."""
_FINAL: Final = (AccessError, DefinitionError, UsageError)
"""What trying again does not mend, and what may lock an account."""
_OWN_ORIGINS: Final = ("stored", "default", "inherited", "none")

Tell = Callable[[Round, bool], object]
"""Is told a round; and whether everybody has to start again, because other definitions count than before."""


class Follower:
    """Keeps a live configuration open in a thread of its own, and tells its rounds in the thread of that configuration.

    ``make_live`` makes one that has not been entered, ``file`` is the path of the configuration, empty if it is no file. ``renew`` is
    called as soon as it is known that the stored definitions are others. ``run`` returns what runs with each live configuration.
    """

    def __init__(
        self,
        make_live: Callable[[], Live],
        tell: Tell,
        renew: Callable[[], object],
        file: str = "",
        run: Callable[[Live], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._make_live = make_live
        self._run_with = run
        self._tell = tell
        self._renew = renew
        self._file = file
        self._pipe = WakePipe()
        self._is_over = False
        self._has_other_definitions = Event()
        self._was_followed = False
        self._absence: tuple[Diagnostic, ...] = ()
        self._live: Live | None = None
        self._logged: frozenset[Diagnostic] = frozenset()
        self._is_deaf = False
        self._thread = Thread(target=self._run, name="confobjects-follow", daemon=True)

    @property
    def live(self) -> Live | None:
        """The live configuration, None while there is none."""
        return self._live

    def start(self) -> None:
        """Begin to follow. What goes wrong is told as the state, and raises nothing."""
        self._thread.start()

    def ask_end(self) -> None:
        """Let it end. Any thread may call this."""
        self._is_over = True
        self._pipe.wake()

    def stop(self, patience: float = PATIENCE) -> None:
        """End, and close the live configuration; a server that does not answer is waited for no longer than some seconds."""
        self.ask_end()
        if self._thread.ident is not None:
            self._thread.join(patience)

    # -- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        pauses = Pauses(REAL)
        with FileWatch([self._file] if self._file else ()) as files:
            while not self._is_over:
                try:
                    self._follow()
                    pauses.reset()
                except ConfobjectsError as error:
                    self._tell_absence(error.diagnostics)
                    self._pause(files, LONGEST_PAUSE if isinstance(error, _FINAL) else pauses.next())
                except Exception:  # a mistake of ours must not end it
                    LOG.exception("the configuration could not be followed")
                    self._pause(files, LONGEST_PAUSE)
                finally:
                    self._live = None

    def _follow(self) -> None:
        """Tell of a live configuration until other definitions count, or the end."""
        self._has_other_definitions.clear()
        live = self._make_live()
        live.observe(_Narrator(live, lambda round_, is_first: self._take(live, round_, is_first)))
        with live, self._run_with(live):
            self._absence = ()
            while not self._is_over and not self._has_other_definitions.is_set():
                REAL.wait((self._pipe.fileno(),), None)
                self._pipe.drain()

    def _take(self, live: Live, round_: Round, is_first: bool) -> None:
        self._live = live  # before it is told: whoever hears of a state asks what it is
        self._log_state(live)
        if is_about(live.waiting, HOLDER_KIND) and not self._has_other_definitions.is_set():
            self._has_other_definitions.set()
            self._renew()
            self._pipe.wake()
        self._tell(round_, is_first and self._was_followed)
        self._was_followed = True

    def _log_state(self, live: Live) -> None:
        """Log what is wrong with the configuration when it is new, and that it is heard again after it was not."""
        problems, is_deaf = dict.fromkeys(live.problems), live.stale is not None
        log_problems([one for one in problems if one not in self._logged])
        if self._is_deaf and not is_deaf:
            LOG.warning("changes of the configuration are heard again")
        self._logged, self._is_deaf = frozenset(problems), is_deaf

    def _tell_absence(self, problems: Sequence[Diagnostic]) -> None:
        if not self._is_over and problems != self._absence:
            self._absence = tuple(problems)
            log_problems(problems)
            status = make_status("", number=None, problems=problems, is_followed=False)
            self._tell(Round((), status), False)

    def _pause(self, files: FileWatch, seconds: float) -> None:
        """Wait for some seconds, until the file may have changed, or until somebody wakes it."""
        end = REAL.now() + seconds
        while not self._is_over and not files.wait(0) and (left := end - REAL.now()) > 0:
            due = files.due()
            REAL.wait((self._pipe.fileno(), *files.descriptors()), left if due is None else min(left, due))
            if self._pipe.drain():
                return


def log_problems(problems: Sequence[Diagnostic]) -> None:
    """Log what is wrong."""
    for one in problems:
        place = one.describe_place()
        LOG.warning("%s", f"{place}: {one.summary}" if place else one.summary)


class _Narrator:
    """Makes rounds of what one live configuration tells, and says which is the first. It is called in the thread that tells listeners."""

    def __init__(self, live: Live, take: Callable[[Round, bool], object]) -> None:
        self._live = live
        self._take = take
        self._told: StreamEvent | None = None
        self._waiting: dict[str, None] = {}

    def __call__(self, events: Sequence[LiveEvent]) -> None:
        """Take what listeners were told since the last time; nothing the first time, when the state is told."""
        is_first = self._told is None
        changes = () if is_first else tuple(make_event("change", one) for one in self._describe(events))
        status = self._make_status()
        if changes or status != self._told:
            self._told = status
            self._take(Round(changes, status), is_first)

    def _make_status(self) -> StreamEvent:
        live = self._live
        waiting = live.waiting
        self._waiting = dict.fromkeys(str(one.path) for one in waiting)
        return make_status(
            make_id(live.number, live.digest),
            number=live.number,
            waiting=[describe_waiting(one) for one in waiting],
            problems=(*live.problems, *live.configuration.warnings),
            is_stale=live.stale is not None,
        )

    def _describe(self, events: Sequence[LiveEvent]) -> Iterator[dict[str, object]]:
        heard, number, told = startup.current_time(), self._live.number, {str(event.path) for event in events}
        for group in group_events(events):
            yield describe_group(group, heard, number, show_texts)
        waiting = {str(one.path) for one in self._live.waiting}
        withdrawn = [path for path in self._waiting if path not in waiting and path not in told]
        if withdrawn:
            yield describe_withdrawal(number, withdrawn, heard)


def show_texts(obj: EffectiveObject, name: str) -> list[str]:
    """Return the values of a property as people may see them who may not see what expressions find."""
    texts = obj.masked_texts(name)
    return list(texts) if obj.origin(name).startswith(_OWN_ORIGINS) else [MASK] * len(texts)
