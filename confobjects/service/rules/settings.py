"""The settings of the mail service, as it uses them: durations in milliseconds."""

from __future__ import annotations

from typing import Final

from confobjects.records import Record

SECOND: Final = 1000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class Settings(Record):
    """What the configuration says of the mail service.

    ``sender`` is the name of what sends new mail; None if nothing does. ``rate_limit`` is in mails a minute, None
    without a limit. A recipient gets at most ``recipient_limit`` mails of the ``limited_categories`` within
    ``recipient_window``. After ``suppress_after`` permanent refusals in a row it gets no mail at all; None: nobody is
    suppressed. An attempt that failed is repeated after the durations of ``retry``, which ascend, the last of them again and
    again, until a mail is as old as ``expire``. What is known of a mail that has come to its end is kept for ``retention``.
    """

    sender: str | None = None
    enabled: bool = True
    rate_limit: int | None = None
    recipient_limit: int | None = 3
    recipient_window: int = DAY
    limited_categories: frozenset[str] = frozenset({"account"})
    suppress_after: int | None = 3
    retry: tuple[int, ...] = (MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR)
    expire: int = 5 * DAY
    retention: int = 30 * DAY

    def delay_after(self, tries: int) -> int:
        """Return the milliseconds from a failed attempt to the next one, where ``tries`` attempts have failed."""
        return self.retry[min(max(tries, 1), len(self.retry)) - 1]

    @property
    def horizon(self) -> int:
        """The furthest moment from now at which a mail can be due: what is later was planned by another clock."""
        return 2 * max(self.retry)


__all__ = ["DAY", "HOUR", "MINUTE", "SECOND", "Settings"]
