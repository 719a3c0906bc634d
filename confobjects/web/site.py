"""What every part of the web works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.web.identity.recognition import Identity
    from confobjects.web.served import Served


class Web(Record):
    """The configuration that is served, and how people are recognised."""

    served: Served
    identity: Identity
