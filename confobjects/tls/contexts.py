"""TLS contexts of clients. A recipe goes in, a context comes out; equal recipes give the same context.

Nothing else in this project makes a context.
"""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import threading
from collections.abc import Callable
from typing import Final, Literal, TypeVar

from confobjects.records import Record
from confobjects.tls.authorities import load_authorities, make_client_context
from confobjects.tls.forking import hold_while_forking
from confobjects.tls.identities import Identity, load_identity
from confobjects.tls.keystores import OwnKey
from confobjects.tls.sockets import SOCKET
from confobjects.tls.stores import StoreProblem

VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
"""The TLS versions that may be used, by name."""


class Recipe(Record):
    """What a context is made of.

    ``certificates`` (DER) are trusted, and with ``system`` also the operating system's authorities. ``blind`` accepts
    any certificate. ``check_name`` requires the host's name in the certificate. ``versions`` are keys of
    :data:`VERSIONS`, ``suites`` names of the IANA registry (TLS 1.2 only; none: the suites of OpenSSL). ``identity`` is
    the client's own certificate. ``own`` is a context that other code made: only its versions and suites are limited.
    ``state`` is a text for what other fields do not show: the state of the system's store, or the source of ``own``.
    """

    certificates: tuple[bytes, ...] = ()
    system: bool = False
    blind: bool = False
    check_name: bool = True
    versions: tuple[str, ...] = ("TLSv1.2", "TLSv1.3")
    suites: tuple[str, ...] = ()
    identity: Identity | OwnKey | None = None
    own: ssl.SSLContext | None = None
    state: str = ""

    @property
    def fingerprint(self) -> str:
        """A SHA-256 digest of the content, in hexadecimal: equal content gives the same context."""
        settings = (self.system, self.blind, self.check_name, self.versions, self.suites, self.own is None, self.state)
        digest = hashlib.sha256(repr(settings).encode())
        for certificate in sorted(self.certificates):
            digest.update(hashlib.sha256(certificate).digest())
        if self.identity is not None:
            digest.update(b"identity")
            for part in self.identity.contents:
                digest.update(hashlib.sha256(part).digest())
        return digest.hexdigest()


class ContextProblem(Exception):  # noqa: N818 - becomes an error with its path further up
    """A context cannot be made from a recipe. ``part`` is the field that is wrong; the message says why."""

    def __init__(self, part: Literal["certificates", "identity", "suites", "versions"], message: str) -> None:
        super().__init__(message)
        self.part = part


_CONTEXTS: Final[dict[str, ssl.SSLContext]] = {}
_LOCK: Final = hold_while_forking(threading.Lock())
_KEPT: Final = 64

if hasattr(os, "register_at_fork"):
    # A context has locks of its own, inside OpenSSL. One that a thread of the parent held while the process forked is
    # never freed in the child, whose handshakes would wait for it without end. Our own threads are not in OpenSSL while
    # the process forks, but a context that other code made may be used by other code.
    os.register_at_fork(after_in_child=_CONTEXTS.clear)


def context_for(recipe: Recipe) -> ssl.SSLContext:
    """Return the context of a recipe, the same one for the same content. Raises :class:`ContextProblem`."""
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
    context = recipe.own or make_client_context()
    if context.sslsocket_class is ssl.SSLSocket:
        context.sslsocket_class = SOCKET
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
    except ValueError as error:  # a context of other code may support one version only
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
    # A certificate in the store is an anchor even if another one signed it, as in Java.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if recipe.system:
        load_authorities(context)
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
    """Run some work in a new thread and return its result.

    OpenSSL keeps its errors per thread, and Python's ssl takes an old error of other code for its own. A PKCS #11
    module leaves such errors when it is loaded.
    """
    found: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            found.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return found[0]
