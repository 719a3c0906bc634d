"""Errors as HTTP tells them: problem details (RFC 9457) that carry our diagnostics.

Law: the class of an error decides the status. What is none of our errors is answered as 500, says nothing of itself, and is logged.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from starlette.responses import Response

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.texts.visible import escape_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.actions import Say

MEDIA_TYPE: Final = "application/problem+json"


class WebError(ConfobjectsError):
    """A request that is refused before the library is asked. Its code is not one of the command line's."""

    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 400
    headers: Mapping[str, str] = {}


class NotSignedInError(WebError):
    """Nobody has signed in, or the session or token no longer counts."""

    code = "not-signed-in"
    exit_code = 26
    http_status = 401
    headers = {"WWW-Authenticate": 'Bearer realm="confobjects"'}


class NotPermittedError(WebError):
    """The role of the person does not permit it."""

    code = "not-permitted"
    exit_code = 26
    http_status = 403


class PreconditionFailedError(WebError):
    """The object is not what If-Match says: somebody has changed it since it was read."""

    code = "changed-meanwhile"
    http_status = 412


class PreconditionRequiredError(WebError):
    """A change of what exists needs If-Match with the ETag of what was read."""

    code = "if-match-required"
    http_status = 428


class BadQueryError(WebError):
    """The query of the URL cannot be understood."""

    code = "usage"


class PatchTestError(WebError):
    """A test of a JSON Patch fails: the value is another one."""

    code = "patch-test"
    http_status = 409


class BadBodyError(WebError):
    """The body of a request cannot be understood."""

    code = "usage"


class UnsuitableBodyError(WebError):
    """The body of a request is JSON, and says something that cannot be said here."""

    code = "usage"
    http_status = 422


class TooLargeError(WebError):
    """The body of a request is too large."""

    code = "usage"
    http_status = 413


class UnsupportedTypeError(WebError):
    """The body of a request is of another type than the endpoint understands."""

    code = "usage"
    http_status = 415


class NoSuchMethodError(WebError):
    """There is such a route, and this method does nothing there."""

    code = "usage"
    http_status = 405


class BadAddressError(WebError):
    """The path of the URL cannot be understood."""

    code = "usage"


class NoSuchAddressError(WebError):
    """Nothing can have this address: there is no such route, or no such kind of objects."""

    code = "unknown-name"
    http_status = 404


def describe_error(error: ConfobjectsError, say: Say) -> dict[str, Any]:
    """Return an error as problem details. ``say`` words the actions of remedies."""
    first = error.diagnostics[0]
    return {
        "type": f"urn:confobjects:{first.code}",
        "title": first.summary,
        "status": error.http_status,
        "problems": [one.as_json(say) for one in error.diagnostics],
    }


def answer_error(error: ConfobjectsError, say: Say) -> Response:
    """Return the response for an error."""
    text = escape_json(json.dumps(describe_error(error, say), ensure_ascii=False))
    headers = dict(error.headers) if isinstance(error, WebError) else {}
    return Response(text, error.http_status, headers, MEDIA_TYPE)


UNEXPECTED: Final = Diagnostic("internal-error", "the request could not be answered; the log of the server says why")
"""What is told of an error that is none of ours."""
