"""Requests to the endpoints of a provider: forms, and who the client is."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote, urlencode

from confobjects.oauth.protocol.assertions import client_assertion, grant_assertion
from confobjects.oauth.protocol.settings import Endpoint, ProviderSettings, trouble_with
from confobjects.records import Record, field

FORM: Final = "application/x-www-form-urlencoded"
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CLIENT_JWT: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"


class FormRequest(Record):
    """One request: where to, the headers besides those of every request, and the fields of the form, which a GET does not have."""

    endpoint: Endpoint
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    method: Literal["GET", "POST"] = "POST"

    @property
    def body(self) -> bytes:
        """The form, encoded."""
        return urlencode(self.fields).encode("ascii")

    @property
    def signed(self) -> bool:
        """Whether an assertion is part of it, which is valid only if the clocks of both sides agree."""
        return "assertion" in self.fields or "client_assertion" in self.fields


class Moment(Record):
    """When a request is made (seconds since 1970), and a text that no other request has."""

    now: float
    unique: str


def make_grant_fields(settings: ProviderSettings, refresh_token: str, moment: Moment) -> dict[str, str]:
    """Return the fields of the grant. ``refresh_token`` is the newest one. Raises Trouble of stage token."""
    scope = {"scope": " ".join(settings.scope)} if settings.scope else {}
    if settings.grant == "client-credentials":
        return {"grant_type": "client_credentials", **scope}
    if settings.grant == "jwt-bearer":
        return {"grant_type": _JWT_BEARER, "assertion": grant_assertion(settings, moment.now, moment.unique), **scope}
    if not refresh_token:
        raise trouble_with(settings, "token-consent-missing")
    return {"grant_type": "refresh_token", "refresh_token": refresh_token, **scope}


def make_token_request(settings: ProviderSettings, fields: Mapping[str, str], moment: Moment) -> FormRequest:
    """Return the request for a token, with the client's authentication. Raises Trouble of stage token."""
    return _authenticate(settings, FormRequest(settings.token_endpoint, {}, fields), moment)


def _authenticate(settings: ProviderSettings, request: FormRequest, moment: Moment) -> FormRequest:
    """Add who the client is (RFC 6749, section 2.3). A client without a secret only names itself."""
    if settings.authentication == "private-key-jwt":
        own = {"client_assertion_type": _CLIENT_JWT, "client_assertion": client_assertion(settings, *_values(moment))}
        return request.replace(fields={**request.fields, "client_id": settings.client_id, **own})
    if not settings.secret:
        named = {"client_id": settings.client_id} if settings.client_id else {}
        return request.replace(fields={**request.fields, **named})
    if settings.authentication == "post":
        own = {"client_id": settings.client_id, "client_secret": settings.secret}
        return request.replace(fields={**request.fields, **own})
    # Form coding (RFC 6749, section 2.3.1) with %20 in place of "+", which every decoder takes for a blank.
    pair = f"{quote(settings.client_id, safe='')}:{quote(settings.secret, safe='')}"
    return request.replace(headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})


def _values(moment: Moment) -> tuple[float, str]:
    return moment.now, f"{moment.unique}-client"


# -- consent -----------------------------------------------------------------------------------------------------------


def challenge_of(verifier: str) -> str:
    """Return the challenge S256 of a code verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


_OFFLINE: Final = "offline_access"
"""The scope by which OpenID Connect asks for a refresh token."""

_ASK_FOR_REFRESH: Final = {"access_type": "offline", "prompt": "consent"}
"""How Google is asked for a refresh token; where a scope asks for it, a second consent could need an administrator."""


def make_consent_url(settings: ProviderSettings, redirect: str, state: str, verifier: str) -> str:
    """Return the URL that a person opens to consent. Raises Trouble of stage token."""
    asked = {} if _OFFLINE in settings.scope else _ASK_FOR_REFRESH
    return make_authorization_url(settings, redirect, state, verifier, asked)


def make_authorization_url(
    settings: ProviderSettings, redirect: str, state: str, verifier: str, asked: Mapping[str, str]
) -> str:
    """Return the URL of an authorization request with a code as its answer (RFC 6749, section 4.1.1, and RFC 7636).

    ``asked`` are further parameters. Raises Trouble of stage token.
    """
    if settings.authorization_endpoint is None:
        raise trouble_with(
            settings, "token-endpoint-unusable", name="authorization-endpoint", property="authorization-endpoint"
        )
    url = settings.authorization_endpoint.url
    fields = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect,
        **({"scope": " ".join(settings.scope)} if settings.scope else {}),
        "state": state,
        "code_challenge": challenge_of(verifier),
        "code_challenge_method": "S256",
        **asked,
    }
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"


def make_code_fields(code: str, redirect: str, verifier: str) -> dict[str, str]:
    """Return the fields that exchange an authorization code for tokens."""
    return {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}


def make_device_request(settings: ProviderSettings, moment: Moment) -> FormRequest:
    """Return the request for a user code (RFC 8628, section 3.1). Raises Trouble of stage token."""
    if settings.device_endpoint is None:
        raise trouble_with(
            settings,
            "token-endpoint-unusable",
            name="device-authorization-endpoint",
            property="device-authorization-endpoint",
        )
    fields = {"client_id": settings.client_id, **({"scope": " ".join(settings.scope)} if settings.scope else {})}
    return _authenticate(settings, FormRequest(settings.device_endpoint, {}, fields), moment)


def make_device_fields(device_code: str) -> dict[str, str]:
    """Return the fields that ask whether the person has consented (RFC 8628, section 3.4)."""
    return {"grant_type": DEVICE_CODE, "device_code": device_code}
