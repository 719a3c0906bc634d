"""How the mail service is: its ledger and its settings together, what is wrong, and the same as metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from confobjects.records import Record
from confobjects.service.counting import Counted
from confobjects.service.operating import Overview, SeenRunner
from confobjects.service.rules.accepting import Reason
from confobjects.service.rules.exposition import Metric, make_metric
from confobjects.service.rules.health import STUCK_AFTER, Complaint, Finding, Seen, find_stopped, is_alive, judge_health
from confobjects.service.rules.settings import SECOND, Settings
from confobjects.service.rules.states import ENDED, OPEN, State

_REASONS: Final = (Reason.SUPPRESSED, Reason.OVER_QUOTA)


class Status(Record):
    """The state of the service: its ledger, its settings, the senders that are stopped, and what is wrong."""

    overview: Overview
    settings: Settings
    stopped: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def waiting(self) -> int:
        """The parts that are not finished."""
        return sum(self.overview.states[one] for one in OPEN)

    @property
    def runners(self) -> tuple[SeenRunner, ...]:
        """The runners that are alive."""
        return tuple(one for one in self.overview.runners if is_alive(one.heard, self.overview.now))

    def seconds_since(self, moment: int) -> float:
        """Return how long ago a moment was; 0 for none, and for one that is yet to come."""
        return max(0, self.overview.now - moment) / SECOND if moment else 0.0


def make_status(
    overview: Overview,
    settings: Settings,
    fingerprints: Mapping[str, str] | None = None,
    stuck_after: int = STUCK_AFTER,
) -> Status:
    """Return the state of the service.

    ``fingerprints`` are those of the configurations that senders have now, None if they are not known: then a sender that was
    refused often enough counts as stopped.
    """
    logins = overview.logins
    prints = {name: one.fingerprint for name, one in logins.items()} if fingerprints is None else fingerprints
    seen = Seen(
        now=overview.now,
        waiting=sum(overview.states[one] for one in OPEN),
        oldest=overview.oldest,
        overdue=overview.overdue,
        heard=tuple(one.heard for one in overview.runners),
        logins=logins,
        fingerprints=prints,
    )
    return Status(overview, settings, find_stopped(logins, prints), judge_health(seen, settings, stuck_after))


# -- metrics -----------------------------------------------------------------------------------------------------------


def make_metrics(status: Status) -> Iterator[Metric]:
    """Yield the metrics of the service."""
    overview, settings = status.overview, status.settings
    wrong = {one.complaint for one in status.findings}
    yield make_ledger_metric(is_up=True)
    yield make_metric(
        "confobjects_mail_service_enabled", "Whether the mail service accepts mail.", float(settings.enabled)
    )
    yield make_metric(
        "confobjects_mail_service_problem",
        "What is wrong with the mail service: 1 where it is.",
        {one.value: float(one in wrong) for one in Complaint},
        "problem",
    )
    yield make_metric(
        "confobjects_mail_ledger_sealed",
        "Whether the ledger is sealed, by its version.",
        {str(overview.version): float(overview.is_sealed)},
        "version",
    )
    yield from _metrics_of_mails(status)
    yield from _metrics_of_totals(overview)
    yield make_metric("confobjects_mail_runners", "Runners that are alive.", float(len(status.runners)))
    yield make_metric(
        "confobjects_mail_sender_stopped",
        "Whether a sender is stopped because its login was refused.",
        {name: float(name in status.stopped) for name in overview.logins},
        "sender",
    )
    if settings.rate_limit is not None:
        yield make_metric(
            "confobjects_mail_rate_limit", "Mails a minute that are sent at most.", float(settings.rate_limit)
        )


def make_ledger_metric(*, is_up: bool) -> Metric:
    """Return the metric that says whether the ledger can be used. It is the only one while it cannot."""
    return make_metric("confobjects_mail_ledger_up", "Whether the ledger can be used.", float(is_up))


def _metrics_of_mails(status: Status) -> Iterator[Metric]:
    overview = status.overview
    yield make_metric(
        "confobjects_mail_parts",
        "Mails in the ledger by their state; one to more than 100 recipients counts for each 100.",
        {one.value: float(overview.states[one]) for one in State},
        "state",
    )
    yield make_metric(
        "confobjects_mail_oldest_seconds",
        "The age of the oldest mail that is not finished.",
        status.seconds_since(overview.oldest),
    )
    yield make_metric(
        "confobjects_mail_overdue_seconds",
        "For how long the first of the mails that wait could have been sent.",
        status.seconds_since(overview.overdue),
    )
    yield make_metric(
        "confobjects_mail_suppressed_addresses", "Addresses that get no mail.", float(overview.suppressed)
    )


def _metrics_of_totals(overview: Overview) -> Iterator[Metric]:
    totals = {one: overview.totals.get(one, {}) for one in Counted}
    yield make_metric(
        "confobjects_mail_accepted_total", "Mails that were accepted.", float(totals[Counted.ACCEPTED].get("", 0))
    )
    yield make_metric(
        "confobjects_mail_refused_total",
        "Mails that were not accepted because of a recipient.",
        {one.value: float(totals[Counted.REFUSED].get(one.value, 0)) for one in _REASONS},
        "reason",
    )
    yield make_metric(
        "confobjects_mail_ended_total",
        "Mails that came to their end, by how; one that was sent again counts again.",
        {one.value: float(totals[Counted.ENDED].get(one.value, 0)) for one in State if one in ENDED},
        "state",
    )
    yield make_metric(
        "confobjects_mail_attempts_total",
        "Attempts to deliver a mail, by the code of what they found out.",
        {code: float(number) for code, number in sorted(totals[Counted.ATTEMPT].items())},
        "code",
    )


__all__ = ["Status", "make_ledger_metric", "make_metrics", "make_status"]
