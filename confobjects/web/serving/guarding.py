"""What stands around the application: who may ask for what host, how large a body may be, the headers of every answer, the log.

Laws: nothing reaches the application for a host that is not in the list. Every answer has the headers of :data:`HEADERS`, whatever
made it; only how long it may be kept is for the answer to say, and nothing is kept that says nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from confobjects.actions import plain
from confobjects.errors import ConfobjectsError
from confobjects.records import Record
from confobjects.web.app import LARGEST as LARGEST_HERE
from confobjects.web.app import PERSON
from confobjects.web.problems import UNEXPECTED, WebError, answer_error
from confobjects.web.serving.access_log import Served, Write
from confobjects.web.serving.hosts import parse_host
from confobjects.web.serving.listening import Network
from confobjects.web.serving.protocol import LARGEST_HEAD
from confobjects.web.serving.proxies import Forwarded, read_forwarded

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG: Final = logging.getLogger("confobjects.web")

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of the body of a request."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The Content-Security-Policy: everything from here, nothing inline, in no frame."""

HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""What every answer has. Under ``no-referrer``, browsers send ``Origin: null`` with the forms of our own pages (Fetch, 3.2), and
sign-in could not tell them from those of others.
"""
_SECURE: Final = (b"strict-transport-security", b"max-age=31536000")
_NOT_KEPT: Final = (b"cache-control", b"no-store")
_OURS: Final = frozenset(name for name, _ in (*HEADERS, _SECURE))
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


class BadRequestError(WebError):
    """What was sent is no request that can be answered."""

    code: ClassVar[str] = "bad-request"
    http_status: ClassVar[int] = 400
    headers = {"Connection": "close"}


class MisdirectedError(WebError):
    """The request is for a host that is not served here."""

    code: ClassVar[str] = "misdirected"
    http_status: ClassVar[int] = 421
    headers = {"Connection": "close"}


class TooLargeError(WebError):
    """The body of the request is too large."""

    code: ClassVar[str] = "too-large"
    http_status: ClassVar[int] = 413
    headers = {"Connection": "close"}


class HeadTooLargeError(WebError):
    """The target and the headers of the request are too large together."""

    code: ClassVar[str] = "head-too-large"
    http_status: ClassVar[int] = 431
    headers = {"Connection": "close"}


class EncodedError(WebError):
    """The body of the request is compressed, or encoded in another way."""

    code: ClassVar[str] = "encoded"
    http_status: ClassVar[int] = 415
    headers = {"Connection": "close", "Accept-Encoding": "identity"}


class Rules(Record):
    """What is let in: the hosts to answer for, the proxies that are believed, and the bytes of a body."""

    hosts: frozenset[str]
    proxies: tuple[Network, ...] = ()
    largest: int = LARGEST


class Guard:
    """The application behind the rules. ``counts`` has the number of requests for each method and status."""

    def __init__(self, app: ASGIApp, rules: Rules, write: Write) -> None:
        self._app = app
        self._rules = rules
        self._write = write
        self.counts: Counter[tuple[str, int]] = Counter()
        self.seconds = 0.0
        """How long all requests have taken together."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        answering = _Answering(scope, receive, send, self._rules)
        try:
            await answering.run(self._app)
        finally:
            method = str(scope["method"])
            self.counts[(method if method in _METHODS else "other", answering.status)] += 1
            answered = answering.describe()
            self.seconds += answered.milliseconds / 1000
            self._write(answered)


class _Answering:
    """The answer to one request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, rules: Rules) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._rules = rules
        self._began = perf_counter()
        self._read = 0
        self._size = 0
        self.status = 0
        """The status of the answer; 0 as long as there is none."""

    async def run(self, app: ASGIApp) -> None:
        try:
            self._judge(self._forward())
            await app(self._scope, self._take, self._give)
        except ConfobjectsError as error:
            await self._refuse(error)
        except Exception:
            LOG.exception("a request could not be answered")
            await self._refuse(ConfobjectsError(UNEXPECTED))

    def describe(self) -> Served:
        """Return what the log says of it."""
        scope, client = self._scope, self._scope["client"]
        path = scope.get("raw_path", b"").decode("latin-1")
        spent = 1000 * (perf_counter() - self._began)
        person = scope.get(PERSON, "")
        return Served(client[0] if client else "", person, scope["method"], path, self.status, self._size, spent)

    # -- what comes in -----------------------------------------------------------------------------------------------

    def _forward(self) -> Sequence[bytes]:
        """Let what a proxy says of the request count, and return its Host headers."""
        scope, headers = self._scope, self._scope["headers"]
        hosts = [value for name, value in headers if name == b"host"]
        if self._rules.proxies and len(hosts) == 1:
            client = scope["client"] or ("", 0)
            seen = Forwarded(client[0], scope["scheme"], hosts[0].decode("latin-1"))
            counts = read_forwarded(seen, headers, self._rules.proxies)
            hosts = [counts.host.encode("latin-1")]
            scope["client"], scope["scheme"] = (counts.client, client[1]), counts.scheme
            scope["headers"] = [*((n, v) for n, v in headers if n != b"host"), (b"host", hosts[0])]
        return hosts

    def _judge(self, hosts: Sequence[bytes]) -> None:
        """Raise WebError unless the application may be asked."""
        scope = self._scope
        if not scope.get("raw_path", b"").startswith(b"/"):
            raise BadRequestError("the target of the request is no path")
        host = parse_host(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        if host is None:
            raise BadRequestError("the request names no host, or several")
        if host not in self._rules.hosts:
            raise MisdirectedError("this host is not served here")
        self._judge_headers()

    def _judge_headers(self) -> None:
        """Raise WebError for a head that is too large, and for a body whose length or meaning two programs could see differently."""
        scope = self._scope
        size, found = len(scope["raw_path"]) + len(scope["query_string"]), dict[bytes, bytes]()
        for name, value in scope["headers"]:
            size += len(name) + len(value) + 4
            found[name] = value
        if size > LARGEST_HEAD:
            raise HeadTooLargeError(f"target and headers are larger than {LARGEST_HEAD:,} bytes")
        if b"transfer-encoding" in found and (b"content-length" in found or scope["http_version"] == "1.0"):
            raise BadRequestError("it is not clear where the body ends")  # RFC 9112, section 6.1
        if found.get(b"content-encoding", b"identity").lower() != b"identity":
            raise EncodedError("an encoded body is not understood")
        self._require_size(int(found.get(b"content-length", b"0")))

    def _require_size(self, size: int) -> None:
        most = min(self._rules.largest, self._scope.get(LARGEST_HERE, self._rules.largest))
        if size > most:
            raise TooLargeError(f"the body of the request is larger than {most:,} bytes")

    async def _take(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            self._require_size(self._read)
        return message

    # -- what goes out -----------------------------------------------------------------------------------------------

    async def _give(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": self._add_headers(message.get("headers", ()))}
        else:
            self._size += len(message.get("body", b""))
        await self._send(message)

    def _add_headers(self, given: Any) -> list[tuple[bytes, bytes]]:
        kept = [(name, value) for name, value in given if name.lower() not in _OURS]
        secure = (_SECURE,) if self._scope["scheme"] == "https" else ()
        has_said = any(name.lower() == b"cache-control" for name, _ in kept)
        return [*kept, *HEADERS, *secure, *(() if has_said else (_NOT_KEPT,))]

    async def _refuse(self, error: ConfobjectsError) -> None:
        """Answer with an error, unless the answer has begun: then it is broken off."""
        if self.status:
            raise ConnectionAbortedError from error
        await answer_error(error, plain)(self._scope, self._receive, self._give)
