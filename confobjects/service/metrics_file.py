"""The metrics of a mail service that runs, in a file: for the textfile collector of Prometheus' node exporter.

Laws: whoever reads the file finds it whole. It is as old as the last round, and goes when the service ends in order, so that
nobody reads for long what was true once. What keeps it from being written keeps no mail from being sent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.service.operating import read_overview, try_writing
from confobjects.service.rules.exposition import format_metrics
from confobjects.service.status import make_ledger_metric, make_metrics, make_status

if TYPE_CHECKING:
    from confobjects.service.serving import MailService

_LOG: Final = logging.getLogger("confobjects.service")

PERIOD: Final = 15.0
"""Seconds from one writing to the next."""


class MetricsFile:
    """Writes the metrics beside the runners of a service. ``wait`` waits for a number of seconds, or until it is told to end."""

    def __init__(self, path: str, *, wait: Callable[[threading.Event, float], bool] = threading.Event.wait) -> None:
        self._path = os.path.abspath(path)
        self._wait = wait
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._said = 0

    def start(self, service: MailService) -> None:
        """Write the file, and again every :data:`PERIOD` seconds. Raises UsageError if it cannot be written."""
        try:
            self._check_place()
            self._write(read_metrics(service))
        except OSError as error:
            summary = f"the file for metrics cannot be written: {(error.strerror or 'it is no file').lower()}"
            raise UsageError(Diagnostic("usage", summary, argument=self._path, origin=self._path)) from None
        self._thread = threading.Thread(target=self._go_on, args=(service,), name="confobjects-metrics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and remove the file."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            with contextlib.suppress(OSError):
                os.unlink(self._path)

    def _go_on(self, service: MailService) -> None:
        while not self._wait(self._over, PERIOD):
            try:
                self._write(read_metrics(service))
                self._said = 0
            except OSError as error:
                self._tell(error)

    def _tell(self, error: OSError) -> None:
        """Say once why the file cannot be written."""
        if error.errno != self._said:
            self._said = error.errno or 0
            facts = {"event": "metrics-not-written", "error": error.strerror or type(error).__name__}
            _LOG.warning("metrics-not-written error=%s", facts["error"], extra={"confobjects": facts})

    def _check_place(self) -> None:
        """Raise OSError if there is something at the path that is no file, such as a device."""
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(self._path).st_mode):
                raise OSError

    def _write(self, text: str) -> None:
        directory, name = os.path.split(self._path)
        temporary = os.path.join(directory, f".{name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # left by a process of that number
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, self._path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def read_metrics(service: MailService) -> str:
    """Return the metrics of a mail service as text. Of a ledger that cannot be used it says only that."""
    try:
        ledger, setting = service.ledger, service.setting
        digest = ledger.standings.digest
        prints = {name: digest(one.description).hex() for name, one in setting.senders.items()}
        try_writing(ledger)
        status = make_status(read_overview(ledger), setting.settings, prints)
    except ConfobjectsError:  # the service itself tells why the ledger, or the configuration, cannot be used
        return format_metrics([make_ledger_metric(is_up=False)])
    return format_metrics(make_metrics(status))


__all__ = ["PERIOD", "MetricsFile", "read_metrics"]
