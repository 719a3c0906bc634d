"""What a mailer reports about its deliveries: counters, and a log record for each.

Records go to the logger ``confobjects.mail``. Their attribute ``confobjects`` contains the facts as a dict. Neither
contains a secret: the server's words are already masked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError, TrustError
from confobjects.mail.report import DeliveryReport
from confobjects.records import Record
from confobjects.tls.forking import hold_while_forking

if TYPE_CHECKING:
    from confobjects.diagnostics import Diagnostic
    from confobjects.transport.fleets import PlannedServers
    from confobjects.transport.many import DeliveryAccount

_LOG: Final = logging.getLogger("confobjects.mail")
_LOG.addHandler(logging.NullHandler())  # without a handler, Python would print errors to standard error


class Counters(Record):
    """The counters of a mailer since it was made.

    Messages: ``delivered`` and ``failed``; ``unknown`` are those of the failed that may have been delivered. Recipients
    of delivered messages: ``recipients`` were accepted, ``refused`` were not. ``bytes`` of delivered messages;
    ``connections`` that were opened; ``retries`` over a new connection; ``failed_over``: messages delivered by another
    mail server than the first.
    """

    delivered: int = 0
    failed: int = 0
    unknown: int = 0
    recipients: int = 0
    refused: int = 0
    bytes: int = 0
    connections: int = 0
    retries: int = 0
    failed_over: int = 0


_LOCK: Final = hold_while_forking(threading.Lock())
"""Held while counters change: one for all mailers, because it has to be known when a process forks."""


class DeliveryLog:
    """Counts and logs. Thread-safe."""

    def __init__(self) -> None:
        self._counters = Counters()
        self._logged: tuple[Diagnostic, ...] = ()

    @property
    def counters(self) -> Counters:
        """The counters as they are now."""
        return self._counters

    def count_connection(self) -> None:
        """Count a connection that was opened."""
        with _LOCK:
            self._counters = self._counters.replace(connections=self._counters.connections + 1)

    def count_retries(self, messages: int = 1) -> None:
        """Count messages that are sent again because the connection failed before they were sent."""
        with _LOCK:
            self._counters = self._counters.replace(retries=self._counters.retries + messages)

    def log_problems(self, planned: PlannedServers) -> None:
        """Log the warnings of plans that will be used, and why mail servers are left out, as far as they are new."""
        found = (*(warning for plan in planned.plans for warning in plan.warnings), *planned.problems)
        for problem in found:
            if problem not in self._logged:
                _LOG.warning("%s", problem.render(), extra={"confobjects": problem.as_json()})
        self._logged = found

    def record_delivery(self, report: DeliveryReport, failures: Sequence[MailError] = ()) -> DeliveryReport:
        """Count and log a delivery. Return its report with the failures of the mail servers that were tried before."""
        if failures:
            report = report.replace(failed_over=tuple(failure_code_of(error) for error in failures))
        taken = len([one for one in report.recipients if one.accepted])
        self._count_deliveries(1, taken, len(report.recipients) - taken, report.size, int(bool(failures)))
        if _LOG.isEnabledFor(logging.INFO):
            self._log_delivery(report)
        return report

    def record_deliveries(self, accounts: Collection[DeliveryAccount]) -> None:
        """Count and log messages that the first mail server accepted."""
        asked, taken, size = 0, 0, 0
        for account in accounts:
            outcome = account.outcome
            asked += len(outcome.recipients)
            taken += len([1 for _, reply in outcome.recipients if reply.code < 300])
            size += outcome.size
        self._count_deliveries(len(accounts), taken, asked - taken, size, 0)
        if _LOG.isEnabledFor(logging.INFO):
            for account in accounts:
                self._log_delivery(account.make_report())

    def _count_deliveries(self, messages: int, taken: int, refused: int, size: int, failed_over: int) -> None:
        with _LOCK:
            before = self._counters
            self._counters = before.replace(
                delivered=before.delivered + messages,
                recipients=before.recipients + taken,
                refused=before.refused + refused,
                bytes=before.bytes + size,
                failed_over=before.failed_over + failed_over,
            )

    def _log_delivery(self, report: DeliveryReport) -> None:
        taken = len([one for one in report.recipients if one.accepted])
        facts = {
            "event": "delivered",
            "server": report.server,
            "host": report.host,
            "sender": report.sender,
            "recipients": taken,
            "refused": len(report.recipients) - taken,
            "size": report.size,
            "message_id": report.message_id,
            "reply": report.reply,
            "ms": round(sum(stage.milliseconds for stage in report.stages), 3),
            "failed_over": list(report.failed_over),
        }
        name = report.message_id or f"{report.size} bytes"
        _LOG.info("delivered %s through %s: %s", name, report.server, report.reply, extra={"confobjects": facts})

    def record_failures(self, failures: Sequence[MailError]) -> MailError:
        """Count and log a failure. Return the error to raise: the first mail server's, with all diagnostics.

        An error that leaves the outcome unknown comes first, because it matters most.
        """
        unknown = next((one for one in failures if isinstance(one, DeliveryError) and one.unknown), None)
        first = unknown or failures[0]
        others = [one for error in failures if error is not first for one in error.diagnostics]
        # One failure to connect may affect many messages: the diagnostics of the others are added once.
        first.diagnostics = (*first.diagnostics, *(one for one in others if one not in first.diagnostics))
        self.record_failure(first, len(failures))
        return first

    def record_failure(self, error: MailError, tried: int = 1) -> None:
        """Count and log a failure. Several messages may have the same one."""
        delivery = error if isinstance(error, DeliveryError) else None
        with _LOCK:
            before = self._counters
            unknown = before.unknown + int(delivery is not None and delivery.unknown)
            self._counters = before.replace(failed=before.failed + 1, unknown=unknown)
        facts: dict[str, Any] = {
            "event": "unknown" if delivery is not None and delivery.unknown else "failed",
            "server": error.diagnostics[0].path,
            "code": failure_code_of(error),
            "stage": error.stage,
            "retryable": delivery is not None and delivery.retryable,
            "reply": delivery.diagnosis.reply if delivery is not None else "",
            "servers_tried": tried,
        }
        _LOG.error("%s", error.diagnostics[0].render(), extra={"confobjects": facts})


def failure_code_of(error: MailError) -> str:
    """Return the stable code of a failure."""
    if isinstance(error, TrustError):
        return error.reason
    return error.diagnosis.code if isinstance(error, DeliveryError) else error.diagnostics[0].code


__all__ = ["Counters", "DeliveryLog", "failure_code_of"]
