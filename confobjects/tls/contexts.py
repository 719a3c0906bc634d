"""TLS contexts of clients: what one is made of goes in, and the same context comes out for the same.

Nothing else in this project makes one.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from collections.abc import Callable
from typing import Final, Literal, TypeVar

from confobjects.records import Record
from confobjects.tls.identities import Identity, load_identity
from confobjects.tls.stores import StoreProblem

VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
"""The versions that may be spoken, by name."""


class Recipe(Record):
    """What a context is made of.

    ``certificates`` (DER) are trusted, and with ``system`` the operating system's authorities; ``blind`` accepts any
    certificate. ``check_name`` looks for the host's name in it. ``versions`` are keys of :data:`VERSIONS`, ``suites``
    names of the IANA registry (TLS 1.2 only; none: those of OpenSSL). ``identity`` is the certificate of our own.
    ``own`` is a context that somebody else made: only versions and suites of it are limited. ``state`` says what the
    other fields cannot: the state of the system's store, or what the context of somebody else was made from.
    """

    certificates: tuple[bytes, ...] = ()
    system: bool = False
    blind: bool = False
    check_name: bool = True
    versions: tuple[str, ...] = ("TLSv1.2", "TLSv1.3")
    suites: tuple[str, ...] = ()
    identity: Identity | None = None
    own: ssl.SSLContext | None = None
    state: str = ""

    @property
    def fingerprint(self) -> str:
        """A digest of the content: equal content, equal context."""
        settings = (self.system, self.blind, self.check_name, self.versions, self.suites, self.own is None, self.state)
        digest = hashlib.sha256(repr(settings).encode())
        for certificate in sorted(self.certificates):
            digest.update(hashlib.sha256(certificate).digest())
        if self.identity is not None:
            digest.update(b"identity")
            for secret in (self.identity.data, self.identity.password.encode()):
                digest.update(hashlib.sha256(secret).digest())
        return digest.hexdigest()


class ContextProblem(Exception):  # noqa: N818 - becomes an error with its path further up
    """A context cannot be made of a recipe: which part of it is at fault, and why."""

    def __init__(self, part: Literal["certificates", "identity", "suites", "versions"], message: str) -> None:
        super().__init__(message)
        self.part = part


_CONTEXTS: Final[dict[str, ssl.SSLContext]] = {}
_LOCK: Final = threading.Lock()
_KEPT: Final = 64


def context_for(recipe: Recipe) -> ssl.SSLContext:
    """Return the context of a recipe, the same one as before for the same content. Raises :class:`ContextProblem`."""
    key = recipe.fingerprint
    with _LOCK:
        context = _CONTEXTS.get(key)
    if context is None:
        made = run_apart(lambda: _make_context(recipe))
        with _LOCK:
            if len(_CONTEXTS) >= _KEPT:
                _CONTEXTS.pop(next(iter(_CONTEXTS)))
            context = _CONTEXTS.setdefault(key, made)
    return context


def _make_context(recipe: Recipe) -> ssl.SSLContext:
    context = recipe.own or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _limit_context(context, recipe)
    if recipe.own is None:
        _set_trust(context, recipe)
    if recipe.identity is not None:
        try:
            load_identity(context, recipe.identity)
        except StoreProblem as problem:
            raise ContextProblem("identity", str(problem)) from None
    return context


def _limit_context(context: ssl.SSLContext, recipe: Recipe) -> None:
    wanted = [VERSIONS[name] for name in recipe.versions]
    try:
        context.minimum_version, context.maximum_version = min(wanted), max(wanted)
    except ValueError as error:  # a context of somebody else may be made for one version only
        raise ContextProblem("versions", str(error)) from None
    if recipe.suites:
        try:
            context.set_ciphers(":".join(map(openssl_name, recipe.suites)))
        except ssl.SSLError:
            raise ContextProblem("suites", "none of them is known") from None


def _set_trust(context: ssl.SSLContext, recipe: Recipe) -> None:
    context.hostname_checks_common_name = False  # RFC 9525 section 2
    if recipe.blind:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = recipe.check_name
    # A certificate in the store is an anchor even when another signed it, as in the Java family.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if recipe.system:
        context.load_default_certs()
    if recipe.certificates:
        try:
            context.load_verify_locations(cadata=b"".join(recipe.certificates))
        except ssl.SSLError as error:
            raise ContextProblem("certificates", error.reason or str(error)) from None


def openssl_name(suite: str) -> str:
    """Return OpenSSL's name of a cipher suite of TLS 1.2; other names are returned as they are.

    ``TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`` -> ``ECDHE-RSA-AES256-GCM-SHA384``.
    """
    if not suite.startswith(("TLS_", "SSL_")) or "_WITH_" not in suite:
        return suite
    exchange, _, cipher = suite[4:].partition("_WITH_")
    cipher = (
        re.sub(r"AES_(\d+)", r"AES\1", cipher)
        .replace("_CBC", "")
        .replace("CHACHA20_POLY1305_SHA256", "CHACHA20_POLY1305")
    )
    return (cipher if exchange == "RSA" else f"{exchange}_{cipher}").replace("_", "-")


T = TypeVar("T")


def run_apart(work: Callable[[], T]) -> T:
    """Work in a thread of its own: OpenSSL keeps errors by thread, and ssl takes those that others left for its own.

    A PKCS #11 module leaves such errors when it is loaded.
    """
    found: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again where the work was asked for
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return found[0]
