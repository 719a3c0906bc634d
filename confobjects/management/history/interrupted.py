"""Changes whose writer died in the middle: found, and finished or taken back. Only a directory has any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.mapping.protocol import Storage


def find_interrupted(storage: Storage) -> Sequence[int]:
    """Return the numbers of the changes whose writer died in the middle."""
    return [one.number for one in storage.moment().unfinished if one.is_abandoned]


def finish_interrupted(storage: Storage) -> Sequence[Diagnostic]:
    """Finish the changes whose writer died, or take them back; return what became of each, as warnings."""
    finish = getattr(storage, "finish_interrupted", None)
    return () if finish is None else finish()
