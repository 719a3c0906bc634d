"""What the process counts of itself, as metrics of Prometheus. The names and labels are ours: no text of a client is among them."""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import TYPE_CHECKING

from anyio import to_thread

from confobjects.service.rules.exposition import Metric, Sample, format_metrics, make_metric
from confobjects.web.serving.states import find_state

if TYPE_CHECKING:
    from confobjects.service.serving import MailService
    from confobjects.web.serving.accepting import Door
    from confobjects.web.serving.guarding import Guard
    from confobjects.web.serving.hub import Hub


class Instruments:
    """Where the numbers are: what guards the application, who is connected, and who hears of changes."""

    def __init__(self, guard: Guard, door: Door, hub: Hub) -> None:
        self._guard = guard
        self._door = door
        self._hub = hub
        self._began = time()

    async def measure(self, service: MailService | None) -> str:
        """Return the metrics as text, with those of a mail service that runs in the process."""
        own = format_metrics(self._make_metrics())
        if service is None:
            return own
        from confobjects.service.metrics_file import read_metrics

        return own + await to_thread.run_sync(read_metrics, service)

    def _make_metrics(self) -> Iterator[Metric]:
        counts = self._guard.counts.items()
        samples = (Sample(float(n), (("method", method), ("status", str(status)))) for (method, status), n in counts)
        yield Metric("confobjects_web_requests_total", "Requests that were answered.", "counter", tuple(samples))
        yield make_metric(
            "confobjects_web_request_seconds_total",
            "Seconds from the heads of requests to the ends of their answers, event streams included.",
            self._guard.seconds,
        )
        yield make_metric("confobjects_web_connections", "Connections that are open.", float(self._door.number))
        yield make_metric(
            "confobjects_web_connections_refused_total",
            "Connections that were not accepted because of the limits, or because of where they come from.",
            float(self._door.refused),
        )
        yield make_metric("confobjects_web_started_seconds", "When the process began, as Unix time.", self._began)
        yield from self._make_live_metrics()

    def _make_live_metrics(self) -> Iterator[Metric]:
        hub = self._hub
        status = hub.status
        yield make_metric("confobjects_web_ready", "Whether it is ready.", float(find_state(hub) == "ready"))
        yield make_metric("confobjects_web_event_streams", "Event streams that are open.", float(hub.number))
        yield make_metric(
            "confobjects_web_event_streams_restarted_total",
            "How often the reader of an event stream was too slow, and had to start again.",
            float(hub.resets),
        )
        yield make_metric(
            "confobjects_web_change", "The number of the last change that was looked at.", float(status["number"] or 0)
        )
        yield make_metric(
            "confobjects_web_waiting", "Objects with changes that are not in effect yet.", float(len(status["waiting"]))
        )
        yield make_metric(
            "confobjects_web_problems", "What is wrong with the configuration.", float(len(status["problems"]))
        )


__all__ = ["Instruments"]
