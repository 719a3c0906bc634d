"""The mail service of the configuration and its ledger, for pages.

A configuration that has mistakes elsewhere keeps nobody from the ledger: only what says where it is must be right.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confobjects.cli import mail_ledgers
from confobjects.management.judging import judge_one
from confobjects.service.opening import has_ledger
from confobjects.service.places import KIND
from confobjects.web.pages.starting import start_site

if TYPE_CHECKING:
    from confobjects.management import ManagementContext
    from confobjects.objects.effective import EffectiveObject
    from confobjects.service.ledger import Ledger
    from confobjects.web.sources import Sources


def load_service(sources: Sources, context: ManagementContext) -> EffectiveObject:
    """Return the mail service as a start sees it, whatever is wrong with it."""
    return judge_one(start_site(sources, context), context.get(KIND), sources.instance_directory)[0]


@contextmanager
def open_ledger(service: EffectiveObject) -> Iterator[Ledger | None]:
    """Open the ledger of a mail service as its operator does; None if there is none yet: pages make none. Raises LedgerError."""
    if not has_ledger(service, os.environ):
        yield None
        return
    with mail_ledgers.open_ledger(service) as ledger:
        yield ledger
