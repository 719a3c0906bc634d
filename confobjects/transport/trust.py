"""TLS contexts from what a trust manager provider trusts.

Laws: TLS 1.2 at least; names as RFC 9525 has them (no common name); a certificate in the store is trusted whether
it is a root, an intermediate or the server's own. A context is kept as long as its content is the same; every TLS
negotiation asks anew, so a change counts from the next one on.
"""

from __future__ import annotations

import re
import ssl
import threading
from typing import Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import MailError
from confobjects.mail.plan import TlsSettings, TrustSource
from confobjects.records import Record
from confobjects.transport.providers import Material, apart, load, unusable


class Trust(Record):
    """A context and what it was made of. ``fingerprint`` tells whether a connection was made under the same trust."""

    context: ssl.SSLContext
    material: Material
    fingerprint: str

    def expired(self, now: str) -> list[str]:
        """Return the trusted certificates that had expired at a time (``YYYYMMDDHHMMSSZ``), with their places."""
        from cryptography import x509

        found = []
        for certificate, place in zip(self.material.certificates, self.material.places, strict=True):
            parsed = x509.load_der_x509_certificate(certificate)
            end = parsed.not_valid_after_utc
            if end.strftime("%Y%m%d%H%M%SZ") < now:
                found.append(f"{parsed.subject.rfc4514_string()} in {place} (until {end:%Y-%m-%d})")
        return found


_CONTEXTS: dict[tuple[str, TlsSettings, bool], ssl.SSLContext] = {}
_CONTEXTS_LOCK: Final = threading.Lock()
_KEPT: Final = 64


def trust_for(source: TrustSource, settings: TlsSettings, *, unchecked: bool = False) -> Trust:
    """Return the trust for connections under a provider and some settings.

    ``unchecked`` leaves the certificate unchecked whatever the provider says (the host is one of ``ssl.trust``). Raises
    :class:`~confobjects.errors.MailError` of stage trust.
    """
    material = Material(blind=True) if unchecked else load(source)
    key = (material.fingerprint, settings, unchecked)
    with _CONTEXTS_LOCK:
        context = _CONTEXTS.get(key)
    if context is None:
        context = apart(lambda: _context(source, material, settings))
        with _CONTEXTS_LOCK:
            if len(_CONTEXTS) >= _KEPT:
                _CONTEXTS.pop(next(iter(_CONTEXTS)))
            _CONTEXTS[key] = context
    return Trust(context, material, f"{material.fingerprint} {settings}")


def _context(source: TrustSource, material: Material, settings: TlsSettings) -> ssl.SSLContext:
    context = material.context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        _limit_versions(context, settings)
    except ValueError as error:  # a context of others may be made for one version only
        advice = "Make the context with ssl.PROTOCOL_TLS_CLIENT."
        summary = f"the context of {source.get('provider-class')} cannot be limited to {_names(settings)}: {error}"
        raise unusable(source, summary, advice, "provider-class") from None
    if settings.suites:
        _limit_suites(source, context, settings)
    if material.context is not None:
        return context
    context.hostname_checks_common_name = False  # RFC 9525, section 2
    if material.blind:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = settings.check_name
    # A certificate in the store is an anchor even when another signed it, as in the Java family.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if material.system:
        context.load_default_certs()
    if material.certificates:
        try:
            context.load_verify_locations(cadata=b"".join(material.certificates))
        except ssl.SSLError as error:
            raise unusable(
                source,
                f"a certificate in {material.places[0]} cannot be read: {error.reason or error}",
                "Export the certificates again.",
                "trust-manager-provider",
            ) from None
    return context


def _names(settings: TlsSettings) -> str:
    return " and ".join(settings.versions)


def _limit_versions(context: ssl.SSLContext, settings: TlsSettings) -> None:
    versions = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
    wanted = [versions[name] for name in settings.versions]
    context.minimum_version, context.maximum_version = min(wanted), max(wanted)


def _limit_suites(source: TrustSource, context: ssl.SSLContext, settings: TlsSettings) -> None:
    try:
        context.set_ciphers(":".join(map(openssl_name, settings.suites)))
    except ssl.SSLError:
        raise MailError(
            Diagnostic(
                "mail-plan",
                f"none of these cipher suites is known: {', '.join(settings.suites)}",
                path=source.path,
                property="smtp-property",
                remedy="Use names of the IANA registry, such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384.",
            )
        ) from None


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
