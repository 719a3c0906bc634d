"""One HTTP request over one connection (RFC 9112), with a limit for its time and for the size of the answer.

h11 turns the request into bytes and bytes into the answer; the connection is the one that mail is sent over, with the
same TLS. Laws: no redirect is followed, no cookie is kept, nothing is cached, and the whole exchange has one deadline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.plan import Timeouts, TlsSettings
from confobjects.oauth.protocol.answers import LARGEST, HttpAnswer
from confobjects.oauth.protocol.requests import FORM, FormRequest
from confobjects.oauth.protocol.settings import ProviderSettings, trouble_with
from confobjects.transport.channel import SmtpChannel
from confobjects.transport.deadline import Deadline
from confobjects.transport.network import Network, connect, resolve
from confobjects.transport.trust import trust_for

if TYPE_CHECKING:
    import h11

TIMEOUTS: Final = Timeouts(connect=10.0, reply=20.0, write=20.0, total=30.0, greeting=10.0)
"""Seconds. The whole exchange, from the look-up of the host to the last byte of the answer, takes the total at most."""

Post = Callable[[ProviderSettings, FormRequest], HttpAnswer]
"""Sends a request and returns the answer. Raises Trouble of stage token, and MailError of stage trust."""


def make_post(network: Network | None = None, timeouts: Timeouts = TIMEOUTS) -> Post:
    """Return the function that sends requests."""

    def post(settings: ProviderSettings, request: FormRequest) -> HttpAnswer:
        return _Exchange(settings, request, network or Network(), timeouts).run()

    return post


class _Exchange:
    """One request and its answer."""

    def __init__(self, settings: ProviderSettings, request: FormRequest, network: Network, timeouts: Timeouts) -> None:
        try:
            import h11
        except ImportError:
            raise trouble_with(settings, "token-not-installed") from None
        self._h11 = h11
        self._settings = settings
        self._request = request
        self._network = network
        self._timeouts = timeouts
        self._deadline = Deadline(timeouts.total)
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST // 4)

    def run(self) -> HttpAnswer:
        """Connect, send, and return the answer. Raises Trouble."""
        channel: SmtpChannel | None = None
        try:
            context = self._find_context()
            channel = self._connect()
            if context is not None:
                channel.start_tls(context, self._request.endpoint.host, b"")
            channel.send(self._make_bytes(), "http")
            return self._receive(channel)
        except Trouble as trouble:
            raise self._as_token_trouble(trouble) from None
        except self._h11.RemoteProtocolError:
            raise self._trouble("token-not-http") from None
        finally:
            if channel is not None:
                channel.close()

    def _find_context(self) -> Any:
        """Return the context of TLS, before any connection is made; None without TLS."""
        if not self._request.endpoint.secure:
            return None
        return trust_for(self._settings.trust, TlsSettings(), server=self._settings.path).context

    def _connect(self) -> SmtpChannel:
        endpoint, limit = self._request.endpoint, self._timeouts.connect
        found = resolve(self._network, endpoint.host, endpoint.port, self._deadline, limit)
        sock, _ = connect(self._network, found, self._deadline, limit)
        return SmtpChannel(sock, self._timeouts, self._deadline)

    def _make_bytes(self) -> bytes:
        request = self._request
        body = b"" if request.method == "GET" else request.body
        content = {} if request.method == "GET" else {"Content-Type": FORM, "Content-Length": str(len(body))}
        headers = {
            "Host": request.endpoint.authority,
            "Accept": "application/json",
            "User-Agent": "confobjects",
            "Connection": "close",
            **content,
            **request.headers,
        }
        events = (
            self._h11.Request(method=request.method, target=request.endpoint.target, headers=list(headers.items())),
            self._h11.Data(data=body),
            self._h11.EndOfMessage(),
        )
        return b"".join(self._connection.send(event) or b"" for event in events)

    def _receive(self, channel: SmtpChannel) -> HttpAnswer:
        head: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._connection.next_event()
            if event is self._h11.NEED_DATA:
                self._connection.receive_data(channel.receive(None, "http"))
            elif isinstance(event, self._h11.Response):
                head = event
            elif isinstance(event, self._h11.Data):
                body += event.data
                if len(body) > LARGEST:
                    raise self._trouble("token-too-large", limit=str(LARGEST // 1024))
            elif isinstance(event, self._h11.EndOfMessage) and head is not None:
                named = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
                return HttpAnswer(head.status_code, named, bytes(body))
            elif not isinstance(event, self._h11.InformationalResponse):
                raise self._trouble("token-not-http")

    # -- failures ----------------------------------------------------------------------------------------------------

    def _trouble(self, kind: str, **facts: Any) -> Trouble:
        return trouble_with(self._settings, kind, endpoint=self._request.endpoint.url, **facts)

    def _as_token_trouble(self, trouble: Trouble) -> Trouble:
        """Return the trouble of stage token for one of the connection."""
        if trouble.stage == "token":
            return trouble
        facts = {
            name: trouble.facts[name] for name in ("message", "limit", "address", "detail") if name in trouble.facts
        }
        if trouble.stage == "tls":
            return self._as_tls_trouble(trouble)
        if "timeout" in trouble.kind.split("-"):
            return self._trouble("token-timeout", **{"limit": f"{self._timeouts.total:g}", **facts})
        if trouble.kind in ("name-unknown", "name-unusable"):
            return self._trouble("token-host-unknown", host=self._request.endpoint.host)
        if trouble.stage == "http":
            return self._trouble("token-not-http")
        return self._trouble("token-unreachable", **{"message": trouble.kind.replace("-", " "), **facts})

    def _as_tls_trouble(self, trouble: Trouble) -> Trouble:
        if trouble.kind == "timeout":
            return self._trouble("token-timeout", limit=trouble.facts.get("limit", ""))
        if trouble.kind == "certificate":
            return self._trouble("token-certificate", message=trouble.facts["message"])
        return self._trouble("token-tls", message=trouble.facts.get("message") or trouble.kind.replace("-", " "))
