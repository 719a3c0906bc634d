"""The client's own certificates, from key manager providers. One loader per type in :data:`KEY_LOADERS`.

Law: a key store that is missing, wrong, exposed or out of date is an error with its path, before any connection is made.
A server would only say that it does not accept the client.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from confobjects.actions import Remedy
from confobjects.diagnostics import find_nearest
from confobjects.mail.diagnosis import TrustError
from confobjects.mail.plan import TrustSource
from confobjects.tls.keystores import OwnKey, read_key_store
from confobjects.tls.stores import StoreProblem
from confobjects.transport.certificates import read_certificate
from confobjects.transport.store_errors import KEY_STORE, error_for_store, error_for_unreadable, trust_error_for

_FILE: Final = "key-store-file"


def load_own_key(source: TrustSource) -> OwnKey:
    """Return the key of a provider, whose certificate is valid now. Raises MailError of stage trust."""
    own, place = read_own_key(source)
    certificate, now = read_certificate(own.chain[0]), datetime.now(UTC)
    subject = certificate.subject.rfc4514_string()
    if now > certificate.not_valid_after_utc:
        summary = f"the certificate {subject} in {place} has expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
        advice = "Replace it in the key store; check this machine's clock as well."
        raise key_error_for(source, summary, advice, reason="own-certificate-expired")
    if now < certificate.not_valid_before_utc:
        summary = (
            f"the certificate {subject} in {place} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
        )
        raise key_error_for(source, summary, "Check this machine's clock.", reason="own-certificate-not-yet-valid")
    return own


def read_own_key(source: TrustSource) -> tuple[OwnKey, str]:
    """Return the key of a provider, valid or not, and where it is. Raises MailError of stage trust."""
    loader = KEY_LOADERS.get(source.type)
    if loader is None:
        near = find_nearest(source.type, KEY_LOADERS)
        summary = f"key manager providers of type {source.type} cannot be used for mail"
        advice = f'did you mean "{near}"?' if near else f"Use one of: {', '.join(KEY_LOADERS)}."
        raise key_error_for(source, summary, advice, "")
    return loader(source)


def key_error_for(
    source: TrustSource, summary: str, advice: Remedy, name: str = _FILE, reason: str = "key-unusable"
) -> TrustError:
    """Return the error of a provider whose key cannot be used. ``name`` is the property to change."""
    return trust_error_for(source, summary, advice, name, reason)


def load_key_file(source: TrustSource) -> tuple[OwnKey, str]:
    """Return the key in one key store file."""
    path = os.path.join(source.instance_directory, source.get(_FILE))
    kind, pin, alias = (source.get(name) or "" for name in ("key-store-type", "key-store-pin", "key-alias"))
    try:
        return read_key_store(path, kind, pin, alias), path
    except OSError as error:
        raise error_for_unreadable(source, KEY_STORE, path, error) from None
    except StoreProblem as problem:
        raise error_for_store(source, KEY_STORE, path, problem) from None


KEY_LOADERS: Final[dict[str, Callable[[TrustSource], tuple[OwnKey, str]]]] = {
    "file-based-key-manager-provider": load_key_file,
}
"""Type of key manager provider -> its loader, which returns the key and where it is."""
