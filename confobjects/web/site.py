"""What every part of the web works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request

from confobjects.records import Record, field
from confobjects.web.serving.hub import Hub
from confobjects.web.targets import Targets

if TYPE_CHECKING:
    from confobjects.web.identity.recognition import Identity
    from confobjects.web.served import Served


Measure = Callable[[], Awaitable[str]]
"""Returns what the process counts of itself, in the text format of Prometheus."""


async def measure_nothing() -> str:
    """Return no metrics."""
    return ""


class Web(Record):
    """The configuration that is served, how people are recognised, who hears of changes, what the process counts, and what
    may be connected to.
    """

    served: Served
    identify: Identify
    live: Hub = field(default_factory=Hub)
    measure: Measure = measure_nothing
    targets: Targets = Targets()
