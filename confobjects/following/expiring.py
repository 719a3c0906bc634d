"""What objects in effect refer to that ends by itself: certificates in stores, and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from confobjects.errors import MailError
from confobjects.mail.expiry import ENTRIES, Period, find_next, find_tokens, has_store, judge_periods

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.objects.effective import EffectiveObject

_LOOK_AT_CLOCK: Final = 3600.0
"""Seconds after which the time of day is looked at again, at most: somebody may have set the clock."""


class Expiring:
    """The periods of validity behind the objects in effect, and what is wrong with them as time goes by.

    ``clock`` returns the time of day, in seconds since 1970. A store is read when its object or its file has changed; one
    whose certificates are entries is among those to :attr:`read_again` with each look.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._periods: dict[str, tuple[Period, ...]] = {}
        self._unread: dict[str, tuple[Diagnostic, ...]] = {}
        self._entries: set[str] = set()
        self._has_secrets: dict[str, bool] = {}
        self._next: float | None = None
        self._judged_at = 0.0
        self.problems: tuple[Diagnostic, ...] = ()

    @property
    def read_again(self) -> Iterable[str]:
        """The paths of the objects whose stores are not files."""
        return tuple(self._entries)

    def follow(self, path: str, obj: EffectiveObject | None) -> None:
        """Take an object as it is in effect now, None if it is there no longer. Its store is read."""
        self._periods.pop(path, None)
        self._unread.pop(path, None)
        self._entries.discard(path)
        if obj is None or not self._may_end(obj) or obj.is_enabled is False:
            return
        stored: tuple[Period, ...] = ()
        if has_store(obj):
            from confobjects.transport.validity import read_store

            try:
                stored = read_store(obj)
            except MailError as error:
                self._unread[path] = error.diagnostics
            if obj.type == ENTRIES:
                self._entries.add(path)
        if periods := (*stored, *find_tokens(obj)):
            self._periods[path] = periods

    def _may_end(self, obj: EffectiveObject) -> bool:
        if obj.type not in self._has_secrets:
            self._has_secrets[obj.type] = any(obj.is_secret(name) for name in obj)
        return has_store(obj) or self._has_secrets[obj.type]

    def judge(self) -> None:
        """Work out what is wrong now."""
        self._judged_at = now = self._clock()
        periods = [period for several in self._periods.values() for period in several]
        unread = (problem for several in self._unread.values() for problem in several)
        self.problems = (*unread, *judge_periods(periods, now))
        self._next = find_next(periods, now)

    def renew(self) -> None:
        """Work out what is wrong if something else is wrong now than when that was done last."""
        now = self._clock()
        if now < self._judged_at or (self._next is not None and now >= self._next):
            self.judge()

    def due(self) -> float | None:
        """Return the seconds until :meth:`renew` has to be called, None for never."""
        if not self._periods:
            return None
        until = _LOOK_AT_CLOCK if self._next is None else self._next - self._clock()
        return min(_LOOK_AT_CLOCK, max(0.0, until))
