"""The log of the library while a watch runs: lines on standard error, without what an error says."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confobjects import startup
from confobjects.texts.visible import make_visible

from ..output.messages import write


class LogLines(logging.Handler):
    """Writes each record as one line, of what ``change`` makes of its text.

    Of an error it tells only the type and the place: its text may hold a secret.
    """

    def __init__(self, change: Callable[[str], str] = str) -> None:
        super().__init__(logging.WARNING)
        self._change = change

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        line = f"{startup.current_time()}  log: {self._change(record.getMessage())}"
        error = None if record.exc_info is None else record.exc_info[1]
        if error is not None:
            place = traceback.extract_tb(error.__traceback__)[-1:]
            where = "".join(f" in {frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in place)
            line += f" ({type(error).__name__}{where})"
        write(f"{make_visible(line)}\n")


@contextmanager
def log_as_json(*, is_sealed: bool) -> Iterator[None]:
    """Have the log of the library written as lines of JSON on standard error, with what goes well as well.

    ``is_sealed`` leaves out whatever may name a person.
    """
    from confobjects.service.logs import JsonFormatter

    log = logging.getLogger("confobjects")
    handler, before = logging.StreamHandler(sys.stderr), log.level
    handler.setFormatter(JsonFormatter(is_sealed=is_sealed))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.setLevel(before)
        log.removeHandler(handler)


@contextmanager
def log_as_lines(*, debug: bool, change: Callable[[str], str] = str) -> Iterator[None]:
    """Have the log of the library written as lines, of what ``change`` makes of its texts.

    With ``debug`` it is written as it is otherwise, with tracebacks.
    """
    log = logging.getLogger("confobjects")
    handler = LogLines(change)
    if not debug:
        log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
