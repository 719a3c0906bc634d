"""What every part of the web works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from confobjects.records import Record, field
from confobjects.web.serving.hub import Hub

if TYPE_CHECKING:
    from confobjects.web.identity.recognition import Identity
    from confobjects.web.served import Served


class Web(Record):
    """The configuration that is served, how people are recognised, and who hears of changes."""

    served: Served
    identify: Identify
    live: Hub = field(default_factory=Hub)
