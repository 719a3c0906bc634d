"""What every part of the web works with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter

from confobjects.records import Record
from confobjects.web.sources import Sources

if TYPE_CHECKING:
    from confobjects.web.identity.recognition import Identity
    from confobjects.web.served import Served

_LEDGER_USERS: Final = 4
_TESTERS: Final = 4
"""Threads that use the ledger, and tests of mail servers, at the same time."""


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
    unsealed_ledger: bool = False
    """Whether mail is accepted into a ledger that no keys seal."""
    ledger_users: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_LEDGER_USERS))
    testers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_TESTERS))
