"""The certificate of the process: how it is opened, and what is said of it when it ends, or soon will."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError
from confobjects.mail.expiry import Period, find_next, judge_periods
from confobjects.tls.serving import ServerCertificate, UnusableCertificateError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


class ExpiryTeller:
    """Tells when a certificate has ended, ends soon, or does not count yet: once each, until something else is to be said."""

    def __init__(self, tell: Callable[[str], object], clock: Callable[[], float] = time) -> None:
        self._tell = tell
        self._clock = clock
        self._judged: Certificate | None = None
        self._next: float | None = None

    def __call__(self, certificate: Certificate) -> None:
        """Look at the certificate that is shown now."""
        now = self._clock()
        if certificate is self._judged and (self._next is None or now < self._next):
            return
        begin, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        periods = (Period("the certificate of this server", "", "", begin, end),)
        self._judged, self._next = certificate, find_next(periods, now)
        for problem in judge_periods(periods, now):
            self._tell(f"{problem.summary}: {problem.remedy}")


def open_certificate(certificate: str, key: str, tell: Callable[[str], object]) -> ServerCertificate:
    """Return the certificate in some files, the key in the same one unless another one is given. Raises UsageError.

    ``tell`` is told what is wrong with it later on.
    """
    try:
        return ServerCertificate(certificate, key or certificate, tell, judge=ExpiryTeller(tell))
    except UnusableCertificateError as error:
        remedy = "" if key else "name the file of the key as well, if it is another one"
        summary = f"the certificate and its key cannot be used: {error}"
        raise UsageError(Diagnostic("usage", summary, origin=error.path, remedy=remedy)) from None


__all__ = ["ExpiryTeller", "open_certificate"]
