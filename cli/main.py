"""The entry points. What they run is in ``running``, imported while the garbage collector rests.

A cold command makes thousands of objects that all live until it ends; looking through them for garbage took 6 of its
63 milliseconds while it ran, and 7 more when the interpreter went.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (by default the process's own) and return its exit status."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        from .running import run  # noqa: PLC0415 - see above

        return run(argv)
    finally:
        if collecting:
            gc.enable()


def process() -> int:
    """Run the process's command line as the last thing the process does, and return its exit status."""
    status = main()
    gc.freeze()  # the interpreter looks for garbage once more when it ends; what is frozen it leaves alone
    return status
