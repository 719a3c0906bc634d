"""What every part of the web works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from confobjects.records import Record
from confobjects.web.sources import Sources

if TYPE_CHECKING:
    from confobjects.web.identity.recognition import Identity
    from confobjects.web.served import Served


Measure = Callable[[], Awaitable[str]]
"""Returns what the process counts of itself, in the text format of Prometheus."""


async def measure_nothing() -> str:
    """Return no metrics."""
    return ""


class Web(Record):
    """The configuration that is served, how people are recognised, and where the values of expressions come from."""

    served: Served
    identity: Identity
    sources: Sources = Sources()
