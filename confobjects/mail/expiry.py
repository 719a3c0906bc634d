"""When certificates and tokens begin and cease to be valid, and what is said of it at a time.

:mod:`confobjects.transport.validity` reads the certificates. Judging is a pure function of the periods of validity and of the
time, in seconds since 1970. A problem says when, not how long it is until then: so it stays the same until :func:`find_next`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic, Severity
from confobjects.errors import MailError
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveObject

SOON: Final = 14 * 86400.0
"""Seconds before the end of a period in which it is a problem that it ends."""
ENTRIES: Final = "ldap-trust-manager-provider"
"""The type of object whose certificates are entries of the storage."""
STORES: Final = {
    "file-based-trust-manager-provider": "trust-store-file",
    "pem-trust-manager-provider": "pem-directory",
    "file-based-key-manager-provider": "key-store-file",
    ENTRIES: "base-dn",
}
"""Type of object -> the property that says where its certificates are. The operating system looks after its own, and a
token may have to be waited for."""
_MOST_PROBLEMS: Final = 10
_LONGEST_TOKEN: Final = 1 << 16
_FIRST: Final = -62135596800.0
_LAST: Final = 253402300799.0
"""The times that a date can say: from the year 1 to the year 9999."""


class Period(Record):
    """A period of validity: of what, of which property of an object, and from when until when; None without a limit."""

    name: str
    path: str
    property: str
    begin: float | None
    end: float | None
    code: str = "mail-trust"


# -- tokens ------------------------------------------------------------------------------------------------------------


def find_tokens(obj: EffectiveObject) -> Iterator[Period]:
    """Yield the periods of the tokens among the secrets of an object."""
    for name in obj:
        if not obj.is_secret(name):
            continue
        for text in obj.texts(name):
            if (limits := read_token_limits(text)) is not None:
                yield Period("the token", obj.path, name, *limits, code="mail-auth")


def read_token_limits(text: str) -> tuple[float | None, float | None] | None:
    """Return from when until when a JSON Web Token is valid (RFC 7519, nbf and exp); None for any other text."""
    parts = text.split(".")
    if len(parts) != 3 or len(text) > _LONGEST_TOKEN:
        return None
    head, claims = (_decode_part(part) for part in parts[:2])
    if head is None or claims is None or "alg" not in head:
        return None
    return _find_time(claims, "nbf"), _find_time(claims, "exp")


def _decode_part(part: str) -> dict[str, Any] | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _find_time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    seconds = float(min(max(value, _FIRST), _LAST))
    return None if isnan(seconds) else seconds


# -- what is said of it ------------------------------------------------------------------------------------------------


def judge_periods(periods: Iterable[Period], now: float) -> tuple[Diagnostic, ...]:
    """Return what is wrong at a time: what has ended, what is not valid yet, and what ends soon.

    Of each property only the first few are told one by one.
    """
    found: dict[tuple[str, str], list[Diagnostic]] = {}
    for period in sorted(periods, key=lambda one: _LAST if one.end is None else one.end):
        problem = _judge(period, now)
        if problem is not None:
            found.setdefault((period.path, period.property), []).append(problem)
    return tuple(problem for several in found.values() for problem in _shorten(several))


def _judge(period: Period, now: float) -> Diagnostic | None:
    if period.end is not None and now >= period.end:
        return _describe(period, f"has ended on {_format_time(period.end)}", "error")
    if period.begin is not None and now < period.begin:
        return _describe(period, f"is not valid before {_format_time(period.begin)}", "error")
    if period.end is not None and now >= period.end - SOON:
        return _describe(period, f"ends on {_format_time(period.end)}", "warning")
    return None


def _describe(period: Period, what: str, severity: Severity) -> Diagnostic:
    return Diagnostic(
        period.code,
        f"{period.name} {what}",
        path=period.path,
        property=period.property,
        remedy="replace it in time" if severity == "warning" else "replace it, or correct the clock of this machine",
        severity=severity,
    )


def _shorten(problems: list[Diagnostic]) -> list[Diagnostic]:
    if len(problems) <= _MOST_PROBLEMS:
        return problems
    *first, last = problems[:_MOST_PROBLEMS]
    return [*first, last.replace(more=(f"and {len(problems) - _MOST_PROBLEMS} more",))]


def _format_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def find_next(periods: Iterable[Period], now: float) -> float | None:
    """Return the first time after now at which something else is said, None if there is none."""
    turns = (
        turn
        for one in periods
        for turn in (one.begin, one.end, None if one.end is None else one.end - SOON)
        if turn is not None and turn > now
    )
    return min(turns, default=None)


def has_store(obj: EffectiveObject) -> bool:
    """Tell whether an object has a store of certificates that can be read here: a family may have types of the same names."""
    return obj.type in STORES and not obj.is_foreign


def find_expiring(
    objects: Iterable[EffectiveObject], now: float, read_store: Callable[[EffectiveObject], tuple[Period, ...]]
) -> Iterator[Diagnostic]:
    """Yield what is wrong with the stores and tokens of enabled objects: what ends, and what cannot be read.

    ``read_store`` is :func:`confobjects.transport.validity.read_store`; it is called for objects that have a store.
    """
    for obj in objects:
        if obj.is_enabled is False:
            continue
        stored: tuple[Period, ...] = ()
        try:
            stored = read_store(obj) if has_store(obj) else ()
        except MailError as error:
            yield from error.diagnostics
        yield from judge_periods((*stored, *find_tokens(obj)), now)
