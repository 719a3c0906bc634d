"""Login mechanisms (SASL, RFC 4422) without a socket: challenges in, responses out; and the choice of one.

Laws: there is one attempt with one mechanism, because more attempts after a refusal lock accounts; only an access token
that is refused is replaced once, by a new one. User names and passwords are UTF-8. What a server sends is checked: SCRAM verifies the server's signature, and refuses a nonce that
does not begin with ours, an iteration count that is too low or too high, and extensions that are mandatory.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from confobjects.mail.plan import SmtpLogin


class LoginProblem(Exception):  # noqa: N818 - a refusal of ours, in words
    """The login cannot go on; the message says why and contains no secret. ``kind`` is a stable word."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Mechanism(Protocol):
    """One login."""

    initial: bytes | None
    """The response that goes with the AUTH command, None when the server speaks first."""

    prompted: bool
    """Whether a challenge is a prompt for people, whose text does not matter."""

    def respond(self, challenge: bytes) -> bytes:
        """Return the response to a challenge. Raises :class:`LoginProblem`."""
        ...

    def verify_server(self) -> None:
        """The server accepts the login: raise :class:`LoginProblem` if it has not proved that it knows the password."""
        ...


class _SingleResponse:
    """A mechanism with one response."""

    prompted = False

    def __init__(self, response: bytes, *, on_error: bytes | None = None) -> None:
        self.initial: bytes | None = response
        self._on_error = on_error

    def respond(self, challenge: bytes) -> bytes:
        del challenge
        if self._on_error is None:
            raise LoginProblem("unexpected-challenge", "the server asks for more than this mechanism sends")
        return self._on_error

    def verify_server(self) -> None:
        """Nothing is left to prove."""


def _refuse_nul(login: SmtpLogin) -> None:
    if "\0" in login.username + login.password + login.authorization_id:
        raise LoginProblem("unusable-credentials", "the user name or the password contains a NUL character")


def make_plain(login: SmtpLogin, nonce: str) -> Mechanism:
    """PLAIN (RFC 4616)."""
    del nonce
    _refuse_nul(login)
    return _SingleResponse(f"{login.authorization_id}\0{login.username}\0{login.password}".encode())


class _LoginMechanism:
    """LOGIN: the server asks for the user name, then for the password. Some servers do not code their prompts."""

    prompted = True

    def __init__(self, login: SmtpLogin) -> None:
        self.initial: bytes | None = None
        self._answers = [login.username.encode(), login.password.encode()]

    def respond(self, challenge: bytes) -> bytes:
        del challenge  # its words differ between servers, its order does not
        if not self._answers:
            raise LoginProblem("unexpected-challenge", "the server asks for more than user name and password")
        return self._answers.pop(0)

    def verify_server(self) -> None:
        """Nothing is left to prove."""


def make_login(login: SmtpLogin, nonce: str) -> Mechanism:
    """LOGIN: no RFC describes it, but many servers offer it."""
    del nonce
    return _LoginMechanism(login)


class _CramMd5:
    prompted = False

    def __init__(self, login: SmtpLogin) -> None:
        self.initial: bytes | None = None
        self._login = login

    def respond(self, challenge: bytes) -> bytes:
        digest = hmac.new(self._login.password.encode(), challenge, hashlib.md5).hexdigest()
        return f"{self._login.username} {digest}".encode()

    def verify_server(self) -> None:
        """Nothing is left to prove: with CRAM-MD5 the server proves nothing."""


def make_cram_md5(login: SmtpLogin, nonce: str) -> Mechanism:
    """CRAM-MD5 (RFC 2195): the password is not sent, but the digest can be attacked offline."""
    del nonce
    return _CramMd5(login)


_FEWEST_ITERATIONS: Final = 4096
_MOST_ITERATIONS: Final = 600_000
"""Servers use 4096 to some ten thousand; more would only keep this client busy."""


class _Scram:
    """SCRAM (RFC 5802, RFC 7677), without channel binding."""

    prompted = False

    def __init__(self, login: SmtpLogin, digest: str, nonce: str) -> None:
        user = login.username.replace("=", "=3D").replace(",", "=2C")
        authorization = login.authorization_id.replace("=", "=3D").replace(",", "=2C")
        self._header = f"n,{f'a={authorization}' if authorization else ''},"
        self._bare = f"n={user},r={nonce}"
        self._nonce = nonce
        self._digest = digest
        self._password = _prepare_password(login.password)
        self._signature = b""
        self._proved = False
        self.initial: bytes | None = (self._header + self._bare).encode()

    def respond(self, challenge: bytes) -> bytes:
        fields = _parse_fields(challenge)
        if self._signature:
            self._check_signature(fields)
            return b""
        if "m" in fields:  # RFC 5802, section 5.1
            raise LoginProblem("unknown-extension", "the server requires an extension of SCRAM that is not known")
        nonce, salt, count = fields.get("r", ""), fields.get("s", ""), fields.get("i", "")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise LoginProblem("server-not-genuine", "the server's nonce does not begin with ours")
        if not (count.isdecimal() and count.isascii() and _FEWEST_ITERATIONS <= int(count[:9]) <= _MOST_ITERATIONS):
            raise LoginProblem("server-not-genuine", "the server asks for an unsafe number of iterations")
        final = f"c={b64encode(self._header.encode()).decode()},r={nonce}"
        message = f"{self._bare},{challenge.decode('utf-8', 'replace')},{final}".encode()
        return f"{final},p={self._compute_proof(_decode_base64(salt), int(count), message)}".encode()

    def _compute_proof(self, salt: bytes, count: int, message: bytes) -> str:
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, salt, count)
        client_key = hmac.digest(salted, b"Client Key", self._digest)
        stored_key = hashlib.new(self._digest, client_key).digest()
        signature = hmac.digest(stored_key, message, self._digest)
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._digest), message, self._digest)
        return b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()

    def _check_signature(self, fields: dict[str, str]) -> None:
        if "e" in fields:
            raise LoginProblem("refused", f"the server refused the login: {fields['e']}")
        if not hmac.compare_digest(_decode_base64(fields.get("v", "")), self._signature):
            raise LoginProblem("server-not-genuine", "the server does not know the password: its signature is wrong")
        self._proved = True

    def verify_server(self) -> None:
        if not self._proved:
            raise LoginProblem("server-not-genuine", "the server accepted without proving that it knows the password")


def _prepare_password(password: str) -> bytes:
    """Prepare a password by the main step of SASLprep (RFC 4013): compatibility composition (NFKC)."""
    if password.isascii():
        return password.encode()
    from unicodedata import normalize

    return normalize("NFKC", password).encode()


def _parse_fields(message: bytes) -> dict[str, str]:
    parts = message.decode("utf-8", "replace").split(",")
    return {part[0]: part[2:] for part in parts if part[1:2] == "="}


def _decode_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise LoginProblem("server-not-genuine", "the server sent a value that is not base64") from None


def make_scram_sha_1(login: SmtpLogin, nonce: str) -> Mechanism:
    """SCRAM-SHA-1 (RFC 5802)."""
    return _Scram(login, "sha1", nonce)


def make_scram_sha_256(login: SmtpLogin, nonce: str) -> Mechanism:
    """SCRAM-SHA-256 (RFC 7677)."""
    return _Scram(login, "sha256", nonce)


def make_xoauth2(login: SmtpLogin, nonce: str) -> Mechanism:
    """XOAUTH2 of Google and Microsoft. The server refuses with a challenge, which needs an empty response."""
    del nonce
    return _SingleResponse(f"user={login.username}\x01auth=Bearer {login.token}\x01\x01".encode(), on_error=b"")


def make_oauthbearer(login: SmtpLogin, nonce: str) -> Mechanism:
    """OAUTHBEARER (RFC 7628)."""
    del nonce
    user = login.username.replace("=", "=3D").replace(",", "=2C")
    return _SingleResponse(f"n,a={user},\x01auth=Bearer {login.token}\x01\x01".encode(), on_error=b"\x01")


def make_external(login: SmtpLogin, nonce: str) -> Mechanism:
    """EXTERNAL (RFC 4422, appendix A): the TLS client certificate says who logs in."""
    del nonce
    return _SingleResponse(login.authorization_id.encode())


MECHANISMS: Final[dict[str, Callable[[SmtpLogin, str], Mechanism]]] = {
    "OAUTHBEARER": make_oauthbearer,
    "XOAUTH2": make_xoauth2,
    "PLAIN": make_plain,
    "LOGIN": make_login,
    "SCRAM-SHA-256": make_scram_sha_256,
    "SCRAM-SHA-1": make_scram_sha_1,
    "CRAM-MD5": make_cram_md5,
    "EXTERNAL": make_external,
}
"""Name -> the function that begins one login, from the credentials and a fresh nonce."""

TOKEN: Final = ("XOAUTH2", "OAUTHBEARER")
UNDER_TLS: Final = ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5")
IN_CLEAR: Final = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
"""The order without TLS, where a login without TLS is allowed: mechanisms that do not send the password come first."""


def mechanisms_for(login: SmtpLogin, *, tls: bool) -> tuple[str, ...]:
    """Return the mechanisms a login may use, in order of preference: the operator's own list, or the default.

    By default a token comes before a password if there are both.
    """
    if login.mechanisms:
        return login.mechanisms
    names: tuple[str, ...] = TOKEN if login.token else ()
    if login.password or not login.token:
        names += UNDER_TLS if tls else IN_CLEAR
    return tuple(name for name in names if name not in login.disabled)


def choose_mechanism(login: SmtpLogin, offered: Sequence[str], *, tls: bool) -> str | None:
    """Return the mechanism to use: the first usable one that the server offers, None if there is none."""
    return next((name for name in mechanisms_for(login, tls=tls) if name in offered), None)
