"""Answers of a provider: a token, the codes for another device, or the cause of a failure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

from confobjects.mail.diagnosis import Trouble
from confobjects.mail.dialogue import coded_forms
from confobjects.mail.transcript import Transcript
from confobjects.oauth.protocol.requests import FormRequest
from confobjects.oauth.protocol.settings import ProviderSettings, trouble_with
from confobjects.records import Record, field
from confobjects.texts.visible import make_visible

LARGEST: Final = 256 * 1024
"""Bytes of an answer that are read. Tokens of large organisations take some ten thousand."""

_UNKNOWN_LIFETIME: Final = 600
_LONGEST_LIFETIME: Final = 30 * 24 * 3600
_SKEW: Final = 60
"""Seconds by which the clocks may differ."""

_MOST_WORDS: Final = 300
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,65536}")


class HttpAnswer(Record):
    """An answer: its status, its headers by their names in lower case, and its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Token(Record):
    """An access token, from ``begin`` to ``expires`` (seconds since 1970); ``refresh`` is the refresh token that came with it."""

    access: str = field(repr=False)
    expires: float
    scope: str = ""
    refresh: str = field(default="", repr=False)
    begin: float = 0.0


class DeviceCodes(Record):
    """What a person enters where, and how often to ask: seconds between two questions, and the end (since 1970)."""

    device_code: str = field(repr=False)
    user_code: str
    url: str
    complete_url: str
    interval: float
    expires: float


class Pending(Exception):  # noqa: N818 - no failure
    """The person has not consented yet. ``slower`` says that the client asks too often."""

    def __init__(self, *, slower: bool) -> None:
        super().__init__()
        self.slower = slower


def read_token(settings: ProviderSettings, request: FormRequest, answer: HttpAnswer, now: float) -> Token:
    """Return the token of an answer. Raises Trouble of stage token, and :class:`Pending`."""
    document = read_document(settings, request, answer, now)
    access, kind = document.get("access_token"), document.get("token_type")
    if not isinstance(access, str) or _TOKEN.fullmatch(access) is None:
        raise trouble_with(settings, "token-missing")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise trouble_with(settings, "token-not-bearer", type=_shorten(kind))
    scope, refresh = document.get("scope"), document.get("refresh_token")
    return Token(
        access,
        now + _read_seconds(document.get("expires_in"), _UNKNOWN_LIFETIME),
        make_visible(scope) if isinstance(scope, str) else " ".join(settings.scope),
        refresh if isinstance(refresh, str) and _TOKEN.fullmatch(refresh) else "",
        now,
    )


def read_device_codes(settings: ProviderSettings, request: FormRequest, answer: HttpAnswer, now: float) -> DeviceCodes:
    """Return the codes for another device (RFC 8628, section 3.2). Raises Trouble of stage token."""
    document = read_document(settings, request, answer, now)
    url = document.get("verification_uri") or document.get("verification_url")  # Google's older name
    texts = [document.get("device_code"), document.get("user_code"), url]
    if not all(isinstance(text, str) and text for text in texts):
        raise trouble_with(settings, "token-codes-missing")
    device_code, user_code, page = map(str, texts)
    complete = document.get("verification_uri_complete")
    return DeviceCodes(
        device_code,
        make_visible(user_code),
        make_visible(page),
        make_visible(complete) if isinstance(complete, str) else "",
        min(60.0, _read_seconds(document.get("interval"), 5)),
        now + min(3600.0, _read_seconds(document.get("expires_in"), _UNKNOWN_LIFETIME)),
    )


def _read_seconds(value: Any, otherwise: float) -> float:
    """Return a number of seconds. Some providers write it as a text; what is no number at all counts as not given."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - not a number
        return otherwise
    return float(max(0, min(value, _LONGEST_LIFETIME)))


# -- failures ----------------------------------------------------------------------------------------------------------


def read_document(
    settings: ProviderSettings, request: FormRequest, answer: HttpAnswer, now: float
) -> Mapping[str, Any]:
    """Return the JSON object of a successful answer. Raises Trouble of stage token, and :class:`Pending`."""
    endpoint = request.endpoint.url
    if answer.status in (301, 302, 303, 307, 308):
        raise trouble_with(settings, "token-redirected", endpoint=endpoint)
    document = _parse_object(answer.body)
    if document is not None and isinstance(document.get("error"), str):
        raise _as_trouble(settings, request, answer, document, now)
    if answer.status in (429, 500, 502, 503, 504):
        raise trouble_with(settings, "token-unavailable", endpoint=endpoint, status=answer.status)
    if answer.status in (404, 405, 410):
        raise trouble_with(settings, "token-endpoint-unknown", endpoint=endpoint, status=answer.status)
    if document is None:
        kind = _shorten(answer.headers.get("content-type", "")) or "no type"
        raise trouble_with(settings, "token-not-json", endpoint=endpoint, status=answer.status, type=kind)
    if answer.status != 200:
        raise trouble_with(settings, "token-refused", error=f"HTTP {answer.status}", said="")
    return document


def _parse_object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


_CODES: Final = {
    "invalid_client": "token-invalid-client",
    "invalid_grant": "token-invalid-grant",
    "invalid_scope": "token-invalid-scope",
    "invalid_resource": "token-invalid-scope",
    "invalid_target": "token-invalid-scope",
    "unauthorized_client": "token-unauthorized-client",
    "unsupported_grant_type": "token-unsupported-grant",
    "interaction_required": "token-invalid-grant",
    "consent_required": "token-invalid-grant",
    "access_denied": "token-denied",
    "expired_token": "token-codes-expired",
    "server_error": "token-unavailable",
    "temporarily_unavailable": "token-unavailable",
}
"""The word of a provider (RFC 6749 section 5.2, RFC 8628 section 3.5, RFC 8707) -> the code of the failure."""

_SAID: Final = (
    # What Microsoft's numbers mean: learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
    # Keycloak calls a client with a wrong secret unauthorized.
    (re.compile(r"AADSTS(7000222|700027[0-9]?)\b|invalid client credentials", re.IGNORECASE), "token-invalid-client"),
    (re.compile(r"AADSTS700024\b|\biat\b.{0,40}\bexp\b|reasonable timeframe", re.IGNORECASE), "token-clock"),
    (re.compile(r"AADSTS(50027|700212|700213)\b|\baudience\b|\baud\b", re.IGNORECASE), "token-audience"),
    (re.compile(r"AADSTS(1002012|70011|28002|28003|500011)\b"), "token-invalid-scope"),
)
"""What the words of a provider say more exactly than its code. The first pattern that fits counts."""
_VAGUE: Final = frozenset({"token-invalid-client", "token-invalid-grant", "token-refused", "token-unauthorized-client"})
"""The failures that may be others, by the words of a provider or by the clock."""


def _as_trouble(
    settings: ProviderSettings, request: FormRequest, answer: HttpAnswer, document: Mapping[str, Any], now: float
) -> Trouble:
    error = str(document["error"])
    if error in ("authorization_pending", "slow_down"):
        raise Pending(slower=error == "slow_down")
    description = document.get("error_description")
    said = description if isinstance(description, str) else ""
    mask = _hide_secrets(settings, request).mask
    facts: dict[str, Any] = {
        "endpoint": request.endpoint.url,
        "error": _shorten(mask(error)),
        "said": f": {_shorten(mask(said))}" if said else "",
        "client": settings.client_id,
        "scope": " ".join(settings.scope) or "none",
        "grant": settings.grant,
        "status": answer.status,
    }
    skew = _find_skew(answer, now)
    code = _CODES.get(error, "token-refused")
    if code in _VAGUE:
        if request.signed and abs(skew) > _SKEW:
            code = "token-clock"
        else:
            code = next((found for pattern, found in _SAID if pattern.search(said[:_MOST_WORDS])), code)
    if code == "token-invalid-grant" and settings.grant == "jwt-bearer":
        code = "token-invalid-assertion"
    if code == "token-clock":
        behind = "behind" if skew > 0 else "ahead"
        facts["difference"] = f" (this one is {abs(skew):.0f} s {behind})" if abs(skew) > _SKEW else ""
    return trouble_with(settings, code, **facts)


_SECRET_FIELDS: Final = frozenset(
    {"assertion", "client_assertion", "client_secret", "code", "code_verifier", "device_code", "refresh_token"}
)


def _hide_secrets(settings: ProviderSettings, request: FormRequest) -> Transcript:
    """Return what masks every secret of a request, in each form in which the provider could repeat it."""
    sent = [value for name, value in request.fields.items() if name in _SECRET_FIELDS]
    hiding = Transcript()
    for secret in filter(None, (settings.secret, settings.refresh_token, *request.headers.values(), *sent)):
        hiding.hide(*coded_forms(secret))
    return hiding


def _find_skew(answer: HttpAnswer, now: float) -> float:
    """Return by how many seconds our clock is behind that of the provider; 0 if it does not say its time."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp() - now
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _shorten(value: Any) -> str:
    text = make_visible(value if isinstance(value, str) else "")
    return text if len(text) <= _MOST_WORDS else f"{text[:_MOST_WORDS]}…"
