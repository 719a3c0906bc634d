"""What every part of the web works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from anyio import CapacityLimiter

from confobjects.records import Record, field
from confobjects.web.identity.attempts import TESTS, Attempts
from confobjects.web.serving.hub import Hub
from confobjects.web.sources import Sources
from confobjects.web.targets import Targets

if TYPE_CHECKING:
    from confobjects.web.identity.recognition import Identity
    from confobjects.web.served import Served

_LEDGER_USERS: Final = 4
_TESTERS: Final = 4
_WAITERS: Final = 16


Measure = Callable[[], Awaitable[str]]
"""Returns what the process counts of itself, in the text format of Prometheus."""


async def measure_nothing() -> str:
    """Return no metrics."""
    return ""


class Web(Record):
    """What every part of the web is given.

    ``served`` is the configuration, ``identity`` recognises people, ``live`` tells of changes, ``measure`` counts what the
    process does, ``targets`` are what may be connected to for whom, and ``sources`` are where the values of expressions come
    from. ``tests`` counts the tests of mail servers. ``unsealed_ledger`` says whether mail is accepted into a ledger that no
    keys seal. ``ledger_users`` and ``testers`` limit the threads that use the ledger, and those that test mail servers,
    ``waiters`` those that wait for somebody to consent.
    """

    served: Served
    identity: Identity
    live: Hub = field(default_factory=Hub)
    measure: Measure = measure_nothing
    targets: Targets = Targets()
    sources: Sources = Sources()
    tests: Attempts = field(default_factory=lambda: Attempts(limit=TESTS))
    unsealed_ledger: bool = False
    ledger_users: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_LEDGER_USERS))
    testers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_TESTERS))
    waiters: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(_WAITERS))
