"""Opening the configuration that is served: with the options of the command line, as often as it is needed."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from confobjects import startup
from confobjects.cli.watching.opening import FINAL, FollowedPlace
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.management import ManagementContext
from confobjects.storage.ldif_file import SharedVersion
from confobjects.storage.watching import REAL, Pauses

if TYPE_CHECKING:
    from confobjects.cli.invocation import Invocation


class ServedPlace(FollowedPlace):
    """Where the configuration is, and how to open it: for management, or live. A password is asked for once.

    A file is in memory once, however often it is opened.
    """

    def __init__(self, invocation: Invocation) -> None:
        super().__init__(invocation)
        if self.file:
            self.reading = {**self.options, "version": SharedVersion()}

    def open_context(self) -> ManagementContext:
        """Open it for management. Raises what :func:`confobjects.open` raises."""
        known = self._invocation.definitions
        opened = startup.read_configuration(self.url, known, loaded=self.registry, **self.reading)
        return startup.manage(opened, lambda: "web")

    def wait_for_it(self, timeout: float | None, tell: Callable[[tuple[Diagnostic, ...]], None]) -> None:
        """Return when it can be opened. Raises the error after ``timeout`` seconds, and one that waiting cannot mend.

        ``tell`` is called with the problems, whenever they are others.
        """
        pauses, told = Pauses(REAL), tuple[Diagnostic, ...]()
        end = None if timeout is None else monotonic() + timeout
        while True:
            try:
                self.open_context().close()
            except FINAL:
                raise
            except ConfobjectsError as error:
                left = None if end is None else end - monotonic()
                if left is not None and left <= 0:
                    raise
                if error.diagnostics != told:
                    told = error.diagnostics
                    tell(told)
                pause = pauses.next()
                REAL.wait((), pause if left is None else min(left, pause))
            else:
                return
