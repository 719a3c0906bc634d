"""The manner of dsconfig, for scripts and eyes that depend on it: ``--compat dsconfig``, or a link named ``dsconfig``.

``defaults`` are the options that nobody gave, ``statuses`` the exit statuses, ``objects`` and ``tables`` what ``get`` and
``list`` print, ``changes`` and ``batch`` what is said of changes.

Laws of this room:

1. It is chosen in one place, here; outside of this room an :class:`~confobjects.cli.invocation.Invocation` says whether it is.
2. It changes how results look, and nothing else: what is read, refused and written is the same, and messages keep their words.
3. A secret is masked, and a character that is not printable is an escape, whatever dsconfig does.
"""

from __future__ import annotations

import os
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError

DSCONFIG: Final = "dsconfig"
"""The only manner there is, and the name of the program that implies it."""
VARIABLE: Final = "CONFOBJECTS_COMPAT"


def is_wanted(given: str | None) -> bool:
    """Tell whether the manner of dsconfig is wanted: by the value of ``--compat``, or by the environment without one.

    Raises :class:`~confobjects.errors.UsageError` for a manner that does not exist.
    """
    wanted = os.environ.get(VARIABLE) if given is None else given
    if not wanted and given is None:
        return False
    if wanted == DSCONFIG:
        return True
    source = VARIABLE if given is None else "--compat"
    raise UsageError(Diagnostic("usage", f'{source} takes {DSCONFIG}, not "{wanted}"', argument=source))
