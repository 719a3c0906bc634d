"""Changes whose writer died in the middle: found, and finished or taken back. Only a directory has any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.mapping.protocol import Storage


def find_unfinished(storage: Storage) -> dict[int, bool]:
    """Return the numbers of the changes that are not finished, each with whether its writer is dead."""
    find = getattr(storage, "find_unfinished", None)
    return {} if find is None else find()


def finish_interrupted(storage: Storage) -> Sequence[Diagnostic]:
    """Finish the changes whose writer is dead, or take them back; return what became of each, as warnings."""
    finish = getattr(storage, "finish_interrupted", None)
    return () if finish is None else finish()
