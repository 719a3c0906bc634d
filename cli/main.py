"""The entry points. What they run is in ``running``, imported while the garbage collector is off.

A cold command makes thousands of objects that all live until it ends. Collecting garbage took 6 of its 63 milliseconds,
and taking the interpreter apart at its exit 4 more.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (by default the process's own) and return its exit status."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        from .running import run

        return run(argv)
    finally:
        if collecting:
            gc.enable()


def process() -> int:
    """Run the process's command line as the last thing the process does, and return its exit status."""
    _ensure_streams()
    try:
        status = _run_as_named()
    except KeyboardInterrupt:  # too early for the handler in ``running``
        sys.stderr.write("interrupted\n")
        return 130
    if threading.active_count() == 1:
        _end_now(status)
    return status


def _run_as_named() -> int:
    """Run what the name says that the process was started by: a link may be called ``sendmail`` or ``dsconfig``."""
    name = os.path.basename(sys.argv[0])
    if name == "sendmail":
        from .sendmail import run_as_sendmail

        return run_as_sendmail(main, sys.argv[1:])
    if name == "dsconfig":
        os.environ["CONFOBJECTS_COMPAT"] = name
    return main()


def _end_now(status: int) -> None:
    """End the process without taking the interpreter apart. Returns if output is left that cannot be written."""
    atexit._run_exitfuncs()  # noqa: SLF001 - the only way to run what the exit of the interpreter would run
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _ensure_streams() -> None:
    """Make the standard streams usable for every character.

    A closed stream is replaced by an empty one; otherwise the next file opened would take its place. Output to a file or a
    program is UTF-8 in every locale, like all documents; a terminal shows escapes for characters that it cannot show.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open until the end
    if sys.stdout.encoding.lower() not in {"utf-8", "utf8"}:
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        else:
            sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    # If both streams go to one place, results and remarks keep their order.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
