"""Endpoints: the rows that routes, the OpenAPI document and the tests of rights are made from.

Laws of this module:

1. Each endpoint says who may call it. Nobody may call one that says nothing: ``needs`` has no default.
2. An endpoint that changes something is called with a token, or with the CSRF token of a session.
3. An endpoint raises our errors and returns a response; it never makes a response of an error itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request
from starlette.responses import Response

from confobjects.records import Record, field
from confobjects.web.identity.attempts import address_of
from confobjects.web.people import Permission
from confobjects.web.problems import WebError

if TYPE_CHECKING:
    from confobjects.transport.network import Networks
    from confobjects.web.people import Person
    from confobjects.web.site import Web

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Needs = Literal["nobody", "anybody"] | Permission
"""Who may call: ``nobody`` for calls without sign-in (health), ``anybody`` for each signed-in person, else a permission."""


class Call(Record):
    """One request, with the person who makes it (None where no sign-in is needed: nobody is looked for there).

    ``headers`` are what a page about it is sent with besides those of every page.
    """

    request: Request
    web: Web
    person: Person | None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> Person:
        """The person, where the endpoint needs one."""
        if self.person is None:
            raise AssertionError("an endpoint for which nobody signs in has no caller")
        return self.person

    @property
    def networks(self) -> Networks:
        """What connections that are begun for the person may reach."""
        return self.web.targets.networks_for(self.person)

    def begin_test(self) -> None:
        """Count a test that connects to a mail or token server for the person.

        Raises :class:`~confobjects.web.identity.attempts.TooManyAttemptsError` if there were too many.
        """
        try:
            self.web.tests.begin(self.caller.name, address_of(self.request))
        except WebError as error:
            self.headers.update(error.headers)
            raise

    def check_tests(self) -> None:
        """Raise what :meth:`begin_test` raises. No test is counted: it begins later, if it begins."""
        self.web.tests.check(self.caller.name, address_of(self.request))


Answer = Callable[[Call], Awaitable[Response]]


class Endpoint(Record):
    """One endpoint: method, path (as Starlette writes it), who may call it, what answers, and a sentence about it."""

    method: Method
    path: str
    needs: Needs
    answer: Answer
    summary: str

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it: what Starlette is to make of a name is left out."""
        return self.path.replace(":path}", "}")
