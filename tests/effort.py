"""How much the tests that act at random do. ``make test`` does what finds most faults; ``make endurance`` does a multiple of it."""

from __future__ import annotations

import os
from typing import Final

VARIABLE: Final = "CONFOBJECTS_EFFORT"


def times(number: int) -> int:
    """Return how often to do something that ``make test`` does so many times."""
    return max(1, round(number * float(os.environ.get(VARIABLE, "1"))))
