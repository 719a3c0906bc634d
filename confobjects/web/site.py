"""What every part of the web works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.requests import Request

from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.web.people import Person
    from confobjects.web.served import Served

Identify = Callable[[Request], Awaitable["Person | None"]]
"""Finds out who makes a request: by its token or its session. None for nobody.

Raises :class:`~confobjects.web.problems.NotSignedInError` for a token that does not count, and
:class:`~confobjects.web.problems.NotPermittedError` for a change that a session asks for without its CSRF token.
"""


class Web(Record):
    """The configuration that is served, and how people are recognised."""

    served: Served
    identify: Identify
