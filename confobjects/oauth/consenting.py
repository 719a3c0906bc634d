"""The consent of a person: in a web browser on this machine, or on any other device.

Laws: the redirect is taken on a port of loopback only (RFC 8252); an answer with another state is not used; the code is
exchanged with the verifier whose digest the browser has carried (RFC 7636). Every wait has an end.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from confobjects.mail.diagnosis import Trouble, diagnose
from confobjects.oauth.http import Post, make_post
from confobjects.oauth.protocol.answers import DeviceCodes, Pending, Token, read_device_codes, read_token
from confobjects.oauth.protocol.requests import (
    Moment,
    make_code_fields,
    make_consent_url,
    make_device_fields,
    make_device_request,
    make_token_request,
)
from confobjects.oauth.protocol.settings import ProviderSettings, trouble_with
from confobjects.texts.visible import make_visible

PATIENCE: Final = 300.0
"""Seconds that a person has to consent in a web browser."""

_SLOWER: Final = 5.0
"""Seconds that are added to the interval when the client asks too often (RFC 8628, section 3.5)."""

_PAGE: Final = "<!doctype html><meta charset=utf-8><title>confobjects</title><p>{}</p>"

Clock = Callable[[], float]


class Consent:
    """Leads a person through a consent, and returns the tokens that come of it. All methods raise Trouble of stage token.

    ``clock`` is the time in seconds since 1970, ``sleep`` waits for a number of seconds, ``post`` sends requests.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        post: Post | None = None,
        clock: Clock = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._post = post or make_post()
        self._clock = clock
        self._sleep = sleep

    def by_browser(
        self, tell: Callable[[str], None], *, host: str = "127.0.0.1", port: int = 0, patience: float = PATIENCE
    ) -> Token:
        """Return the tokens after a consent in a web browser on this machine.

        ``tell`` is called with the URL to open. The browser comes back to ``host``, which means this machine, and to
        ``port``; 0 is any port. ``patience`` is the number of seconds for the consent.
        """
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        with _receiving(self._settings, state, host, port) as receiver:
            tell(make_consent_url(self._settings, receiver.redirect, state, verifier))
            answer = receiver.await_answer(patience)
        if "code" not in answer:
            words = make_visible(answer.get("error_description", "") or answer.get("error", ""))[:300]
            raise trouble_with(self._settings, "token-denied", said=f": {words}" if words else "")
        return self.exchange_code(answer["code"], receiver.redirect, verifier)

    def exchange_code(self, code: str, redirect: str, verifier: str) -> Token:
        """Return the tokens for the code of a consent, which a browser has brought to ``redirect``."""
        return self._exchange(make_code_fields(code, redirect, verifier))

    def by_device(self, tell: Callable[[DeviceCodes], None]) -> Token:
        """Return the tokens after a consent on another device (RFC 8628). ``tell`` is called with the codes to show."""
        moment = self._begin_moment()
        request = make_device_request(self._settings, moment)
        codes = read_device_codes(self._settings, request, self._post(self._settings, request), moment.now)
        tell(codes)
        interval = codes.interval
        while True:
            self._sleep(interval)
            if self._clock() >= codes.expires:
                raise trouble_with(self._settings, "token-codes-expired")
            try:
                return self._exchange(make_device_fields(codes.device_code))
            except Pending as pending:
                interval += _SLOWER if pending.slower else 0.0
            except Trouble as trouble:
                if not diagnose(trouble, {}).retry:
                    raise
                interval = min(2 * interval, 60.0)

    def _exchange(self, fields: Mapping[str, str]) -> Token:
        moment = self._begin_moment()
        request = make_token_request(self._settings, fields, moment)
        token = read_token(self._settings, request, self._post(self._settings, request), moment.now)
        if not token.refresh:
            raise trouble_with(self._settings, "token-no-refresh")
        return token

    def _begin_moment(self) -> Moment:
        return Moment(self._clock(), secrets.token_urlsafe(24))


# -- the way back from the browser -------------------------------------------------------------------------------------


class _Receiver:
    """Waits for the browser on a port of loopback."""

    def __init__(self, settings: ProviderSettings, state: str, host: str, port: int) -> None:
        self._settings = settings
        self._state = state
        self._answers: SimpleQueue[Mapping[str, str]] = SimpleQueue()
        self._was_wrong = False
        try:
            self.server = _LocalServer(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise trouble_with(settings, "token-redirect-port", port=port, message=error.strerror or "") from None
        self.server.take = self.take
        self.redirect = f"http://{host}:{self.server.server_port}/"

    def take(self, answer: Mapping[str, str]) -> bool:
        """Take what a browser has brought. Tell whether it is the answer that is waited for."""
        if not hmac.compare_digest(answer.get("state", "").encode(), self._state.encode()):
            self._was_wrong = True
            return False
        self._answers.put(answer)
        return True

    def await_answer(self, patience: float) -> Mapping[str, str]:
        """Return the fields that the browser has brought. Raises Trouble."""
        try:
            return self._answers.get(timeout=patience)
        except Empty:
            kind = "token-state" if self._was_wrong else "token-consent-timeout"
            raise trouble_with(self._settings, kind, limit=f"{patience:g}") from None


class _LocalServer(ThreadingHTTPServer):
    daemon_threads = True
    take: Callable[[Mapping[str, str]], bool]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is no failure."""


class _Handler(BaseHTTPRequestHandler):
    timeout = 10.0

    def do_GET(self) -> None:
        """Take the answer, and tell the person that the browser is done."""
        parts = urlsplit(self.path)
        fields = dict(parse_qsl(parts.query, keep_blank_values=True))
        if parts.path != "/" or not {"code", "error"} & fields.keys():
            self._tell(404, "There is nothing here.")
        elif isinstance(self.server, _LocalServer) and self.server.take(fields):
            self._tell(200, "Thank you. You can close this window and go back to the terminal.")
        else:
            self._tell(400, "This answer belongs to another question, and is not used.")

    def _tell(self, status: int, words: str) -> None:
        body = _PAGE.format(words).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Log nothing: the line would have the code in it."""


@contextlib.contextmanager
def _receiving(settings: ProviderSettings, state: str, host: str, port: int) -> Iterator[_Receiver]:
    receiver = _Receiver(settings, state, host, port)
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.server.server_close()
