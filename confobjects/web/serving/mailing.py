"""The runners of the mail service in the process that serves: with each live configuration, from its beginning to its end.

Law: what keeps the mail service from running is logged and tried again; the console goes on, for there it is mended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Self

from confobjects.errors import ConfobjectsError
from confobjects.storage.watching import REAL, Pauses

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.service.serving import MailService

LOG: Final = logging.getLogger("confobjects.service")


class MailRunner:
    """Runs a mail service in a thread, while it is used as a context manager. ``make`` makes one that has not been entered."""

    def __init__(self, make: Callable[[], MailService]) -> None:
        self._make = make
        self._over = Event()
        self._thread = Thread(target=self._run, name="confobjects-mail", daemon=True)
        self.service: MailService | None = None
        """The mail service, None while it does not run."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ask_end()
        self._thread.join()

    def ask_end(self) -> None:
        """Begin no further mail; leaving the context waits for those that are being sent."""
        self._over.set()
        if (service := self.service) is not None:
            service.stop()

    def _run(self) -> None:
        pauses, told = Pauses(REAL), tuple["Diagnostic", ...]()
        while not self._over.is_set():
            try:
                self._serve()
            except ConfobjectsError as error:
                if error.diagnostics != told:
                    told = error.diagnostics
                    LOG.log(logging.ERROR, "the mail service does not run: %s", error)
            except Exception:  # a mistake of ours must not end it
                LOG.exception("the mail service does not run")
            else:
                continue
            self._over.wait(pauses.next())

    def _serve(self) -> None:
        from confobjects.service.serving import PATIENCE

        service = self._make()
        with service:
            service.start()
            self.service = service
            LOG.info("started", extra={"confobjects": {"event": "started", "ledger": service.ledger.database.name}})
            try:
                self._over.wait()
            finally:
                self.service = None
                if not service.close(PATIENCE):
                    LOG.warning("a mail was still being sent after %g s: what became of it is unknown", PATIENCE)


__all__ = ["MailRunner"]
