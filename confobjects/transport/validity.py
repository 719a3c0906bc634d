"""Reading from when until when the certificates are valid that objects refer to; :mod:`confobjects.mail.expiry` judges it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from confobjects.mail.expiry import STORES, Period
from confobjects.mail.plan import TrustSource, trust_source_of
from confobjects.transport.certificates import read_certificate
from confobjects.transport.keys import KEY_LOADERS, read_own_key
from confobjects.transport.providers import load_material
from confobjects.transport.store_errors import trust_error_for

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveObject

_MOST_CERTIFICATES: Final = 1000
_LONGEST_NAME: Final = 200


def read_store(obj: EffectiveObject) -> tuple[Period, ...]:
    """Return the periods of the certificates in the store of an object, whose type is one of :data:`STORES`.

    Raises :class:`~confobjects.errors.MailError`, with object and property, for a store that cannot be read.
    """
    source = trust_source_of(obj)
    found = []
    for certificate, place in list(_find_certificates(source))[:_MOST_CERTIFICATES]:
        try:
            parsed = read_certificate(certificate)
            subject = parsed.subject.rfc4514_string()
            begin, end = parsed.not_valid_before_utc.timestamp(), parsed.not_valid_after_utc.timestamp()
        except ValueError:
            summary, advice = f"a certificate in {place} is damaged", "Export the certificate again."
            raise trust_error_for(source, summary, advice, STORES[obj.type], "trust-store-damaged") from None
        short = subject if len(subject) <= _LONGEST_NAME else f"{subject[:_LONGEST_NAME]}…"
        found.append(Period(f"the certificate {short} in {place}", obj.path, STORES[obj.type], begin, end))
    return tuple(found)


def _find_certificates(source: TrustSource) -> Iterable[tuple[bytes, str]]:
    """Return the certificates that a provider has, each with its place."""
    if source.type in KEY_LOADERS:
        own, place = read_own_key(source)
        return [(own.chain[0], place)]
    material = load_material(source)
    return zip(material.certificates, material.places, strict=True)
