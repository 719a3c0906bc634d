"""The TLS options of a connection: which certificates it trusts, and its own certificate."""

from __future__ import annotations

import ssl

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.records import Record, field
from confobjects.tls.authorities import read_system_state
from confobjects.tls.contexts import ContextProblem, Recipe, context_for
from confobjects.tls.identities import Identity, read_identity
from confobjects.tls.stores import StoreProblem, read_store_file


class Tls(Record):
    """The options of TLS. ``trust_store`` is a file of trusted certificates in any format of
    :data:`~confobjects.tls.stores.FORMATS`. ``key_store`` is a PEM or PKCS #12 file with the client's certificate
    and key.
    """

    trust_all: bool = False
    trust_store: str | None = None
    trust_store_password: str = field(default="", repr=False)
    key_store: str | None = None
    key_store_password: str = field(default="", repr=False)

    def build_context(self) -> ssl.SSLContext:
        """Return the TLS context. Raises :class:`~confobjects.errors.UsageError` for files that cannot be used."""
        recipe = self._make_recipe().replace(identity=self._read_identity())
        try:
            return context_for(recipe)
        except ContextProblem as problem:
            raise self._as_error(problem) from None

    def _make_recipe(self) -> Recipe:
        if self.trust_all:
            return Recipe(blind=True)
        if not self.trust_store:
            return Recipe(system=True, state=read_system_state())
        try:
            return Recipe(read_store_file(self.trust_store, password=self.trust_store_password))
        except OSError as error:
            raise _trust_store_error(self.trust_store, error.strerror or str(error)) from None
        except StoreProblem as problem:
            raise _trust_store_error(self.trust_store, str(problem)) from None

    def _read_identity(self) -> Identity | None:
        if not self.key_store:
            return None
        try:
            return read_identity(self.key_store, self.key_store_password)
        except OSError as error:
            raise _key_store_error(self.key_store, error.strerror or str(error)) from None

    def _as_error(self, problem: ContextProblem) -> UsageError:
        if problem.part == "identity":
            return _key_store_error(self.key_store or "", str(problem))
        return _trust_store_error(self.trust_store or "", str(problem))


def _trust_store_error(path: str, reason: str) -> UsageError:
    remedy = "give a PEM file, or a PKCS #12 or Java key store and its password"
    summary = f"the trust store cannot be used: {reason}"
    return UsageError(Diagnostic("usage", summary, origin=path, remedy=remedy))


def _key_store_error(path: str, reason: str) -> UsageError:
    remedy = "give a PEM file, or a PKCS #12 file and its password"
    return UsageError(Diagnostic("usage", f"the key store cannot be used: {reason}", origin=path, remedy=remedy))
