"""The TLS context of a connection, from its options: which certificates it trusts, and its own certificate."""

from __future__ import annotations

import ssl

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.channel import LdapChannel, as_connection_error
from confobjects.storage.ldap.login import Tls
from confobjects.tls.authorities import read_system_state
from confobjects.tls.contexts import ContextProblem, Recipe, context_for
from confobjects.tls.identities import Identity, read_identity
from confobjects.tls.stores import StoreProblem, read_store_file
from confobjects.tls.wrapping import ClearTextError, wrap


def build_context(tls: Tls) -> ssl.SSLContext:
    """Return the TLS context. Raises :class:`~confobjects.errors.UsageError` for files that cannot be used."""
    recipe = _make_recipe(tls).replace(identity=_read_identity(tls))
    try:
        return context_for(recipe)
    except ContextProblem as problem:
        raise _as_error(tls, problem) from None


def negotiate(
    channel: LdapChannel, address: LdapAddress, context: ssl.SSLContext, unread: bytes, seconds: float
) -> None:
    """Negotiate TLS within some seconds. ``unread`` holds the bytes that were received but not used yet.

    Raises :class:`~confobjects.errors.CannotConnectError`.
    """
    channel.expire(seconds)
    try:
        channel.secure(lambda sock: wrap(sock, context, address.host, unread=unread))
    except (OSError, ValueError, ClearTextError) as error:  # ValueError: an invalid host name
        raise as_connection_error(address, error, "negotiating TLS", seconds) from None


def _make_recipe(tls: Tls) -> Recipe:
    if tls.trust_all:
        return Recipe(blind=True)
    if not tls.trust_store:
        return Recipe(system=True, state=read_system_state())
    try:
        return Recipe(read_store_file(tls.trust_store, password=tls.trust_store_password))
    except OSError as error:
        raise _trust_store_error(tls.trust_store, error.strerror or str(error)) from None
    except StoreProblem as problem:
        raise _trust_store_error(tls.trust_store, str(problem)) from None


def _read_identity(tls: Tls) -> Identity | None:
    if not tls.key_store:
        return None
    try:
        return read_identity(tls.key_store, tls.key_store_password)
    except OSError as error:
        raise _key_store_error(tls.key_store, error.strerror or str(error)) from None


def _as_error(tls: Tls, problem: ContextProblem) -> UsageError:
    if problem.part == "identity":
        return _key_store_error(tls.key_store or "", str(problem))
    return _trust_store_error(tls.trust_store or "", str(problem))


def _trust_store_error(path: str, reason: str) -> UsageError:
    remedy = "give a PEM file, or a PKCS #12 or Java key store and its password"
    summary = f"the trust store cannot be used: {reason}"
    return UsageError(Diagnostic("usage", summary, origin=path, remedy=remedy))


def _key_store_error(path: str, reason: str) -> UsageError:
    remedy = "give a PEM file, or a PKCS #12 file and its password"
    return UsageError(Diagnostic("usage", f"the key store cannot be used: {reason}", origin=path, remedy=remedy))
