"""TLS contexts for trust manager providers; :mod:`confobjects.tls` makes them.

Every new connection loads the trust again, so that a change takes effect with the next one. The context is the
same as long as its content is.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.plan import TlsSettings, TrustSource
from confobjects.records import Record
from confobjects.tls.contexts import ContextProblem, context_for
from confobjects.tls.keystores import OwnKey
from confobjects.transport.certificates import read_certificate
from confobjects.transport.keys import key_error_for, load_own_key
from confobjects.transport.providers import Material, load_material
from confobjects.transport.store_errors import trust_error_for


class Trust(Record):
    """A context and what it was made from. Two connections with the same ``fingerprint`` have the same trust.

    ``own`` is the client's own key with its certificate, if it has one.
    """

    context: ssl.SSLContext
    material: Material
    fingerprint: str
    own: OwnKey | None = None

    @property
    def own_subject(self) -> str:
        """The subject of the client's own certificate, empty without one."""
        return "" if self.own is None else read_certificate(self.own.chain[0]).subject.rfc4514_string()

    def find_expired(self, now: str) -> list[str]:
        """Return the trusted certificates that have expired at a time (``YYYYMMDDHHMMSSZ``), with their places."""
        found = []
        for certificate, place in zip(self.material.certificates, self.material.places, strict=True):
            with suppress(ValueError):  # one that cannot be read names no date
                parsed = read_certificate(certificate)
                end = parsed.not_valid_after_utc
                if end.strftime("%Y%m%d%H%M%SZ") < now:
                    found.append(f"{parsed.subject.rfc4514_string()} in {place} (until {end:%Y-%m-%d})")
        return found


def trust_for(
    source: TrustSource,
    settings: TlsSettings,
    *,
    keys: TrustSource | None = None,
    unchecked: bool = False,
    server: str = "",
) -> Trust:
    """Return the trust for connections with a provider and some settings. ``server`` is the path of the mail server.

    ``keys`` is the provider of the client's own certificate. ``unchecked`` accepts any certificate, whatever the
    provider trusts: the host is one of ``ssl.trust``. Raises :class:`~confobjects.errors.MailError` of stage trust.
    """
    material = Material(blind=True) if unchecked else load_material(source)
    own = None if keys is None else load_own_key(keys)
    recipe = material.make_recipe(settings).replace(identity=own)
    try:
        return Trust(context_for(recipe), material, recipe.fingerprint, own)
    except ContextProblem as problem:
        if problem.part == "identity" and keys is not None:
            raise key_error_for(keys, f"its key cannot be used: {problem}", "Use another key.") from None
        raise _as_error(problem, source, settings, material, server) from None


def _as_error(
    problem: ContextProblem, source: TrustSource, settings: TlsSettings, material: Material, server: str
) -> MailError:
    if problem.part == "versions":
        names = " and ".join(settings.versions)
        summary = f"the context of {source.get('provider-class')} cannot be limited to {names}: {problem}"
        return trust_error_for(source, summary, "Make the context with ssl.PROTOCOL_TLS_CLIENT.", "provider-class")
    if problem.part == "suites":
        return MailError(
            Diagnostic(
                "mail-plan",
                f"mail.smtp.ssl.ciphersuites names no cipher suite that is known: {', '.join(settings.suites)}",
                path=server,
                property="smtp-property",
                remedy="Use names of the IANA registry, such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.",
            )
        )
    summary = f"a certificate in {material.places[0]} cannot be read: {problem}"
    return trust_error_for(source, summary, "Export the certificates again.", "trust-manager-provider")
