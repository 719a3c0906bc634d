"""Alert handlers at work: beside the runners of a mail service, they look for what is wrong, and tell it by mail.

Laws: a handler counts as it is in effect: its enabling, disabling and every change count from the next look. An alert is
due until its mail is accepted. It goes through no sender that is stopped. Mail of alerts is no reason for an alert. What
fails here ends neither the service nor the other handlers.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, NotAcceptedError, UsageError
from confobjects.following.groups import group_events
from confobjects.mail.alerts import CATEGORY, Alert, AlertHandler, AlertType, make_alert_mail, read_alert_handler
from confobjects.management.followers import AskedChange, judge_followers
from confobjects.service.claims import claim_alerts, give_back_alerts, read_logins, read_queue
from confobjects.service.opening import KIND as SERVICE
from confobjects.service.opening import list_senders
from confobjects.service.refusing import word_refusal
from confobjects.service.rules.accepting import judge_service
from confobjects.service.rules.alerts import Memory, find_due, mark_told, note, observe
from confobjects.service.rules.findings import (
    Queue,
    choose_sender,
    find_changed,
    find_problems,
    find_refused,
    find_silent,
    find_stuck,
    find_waiting,
    format_time,
)
from confobjects.service.rules.health import find_stopped
from confobjects.service.several import Notified, accept_each
from confobjects.startup import current_time

if TYPE_CHECKING:
    from email.message import EmailMessage

    from confobjects.following import Listener, Live, LiveEvent
    from confobjects.mapping.protocol import Storage
    from confobjects.objects.effective import EffectiveObject
    from confobjects.service.serving import MailService

LOG: Final = logging.getLogger("confobjects.service")

KIND: Final = "alert-handler"

READERS: Final[Mapping[str, Callable[[Any], AlertHandler]]] = {"smtp-alert-handler": read_alert_handler}
"""What reads the handlers of a type, and of those that extend it."""

LOOK: Final = 10.0
"""Seconds after which it is looked again, unless something wakes it."""

_CHANGES: Final = AlertType.CONFIGURATION_CHANGED.value
"""The key of all changes together: they are told no more often than any other alert."""

_MOST_CHANGES: Final = 100
"""Changes that a handler remembers until they are told."""


def read_handler(obj: EffectiveObject) -> AlertHandler:
    """Return what an alert handler says. Raises UsageError for a type that nothing is known of."""
    read = next((READERS[one] for one in obj.types if one in READERS), None)
    if read is None:
        summary = f"nothing is known of alert handlers of the type {obj.type}"
        raise UsageError(Diagnostic("usage", summary, path=obj.path))
    return read(obj)


def make_test_mail(handler: AlertHandler) -> EmailMessage:
    """Return a mail such as a handler tells alerts by, which says that nothing is wrong."""
    type_ = min(handler.types, default=AlertType.CONFIGURATION_PROBLEM)
    message = "this is a test: nothing is wrong"
    alert = Alert(type_, "test", message, (f"the Alert Handler {handler.path} was asked for it",), handler.path)
    return make_alert_mail(handler, (alert,), socket.gethostname(), format_time(time.time_ns() // 1_000_000))


class _Handler:
    """A handler in effect, what it remembers, and what has happened since it told that last."""

    def __init__(self, handler: AlertHandler) -> None:
        self.handler = handler
        self.memory: Memory = {}
        self.happened: deque[Alert] = deque(maxlen=_MOST_CHANGES)
        self.said: tuple[Diagnostic, ...] = ()


class _Seen:
    """What a look has found, for all handlers."""

    def __init__(self, now: int, alerts: Iterable[Alert], queue: Queue, stopped: Sequence[str]) -> None:
        self.now = now
        self.alerts = tuple(alerts)
        self.queue = queue
        self.stopped = stopped

    def find(self, handler: AlertHandler) -> dict[str, Alert]:
        """Return the alerts that a handler tells, by their keys."""
        every = (*self.alerts, *find_stuck(self.queue, self.now, handler.stuck_after))
        return {_key_of(one): one for one in every if one.type in handler.types}


def _key_of(alert: Alert) -> str:
    return f"{alert.type}\0{alert.key}"


class Alerts:
    """The alert handlers of a live configuration. It runs beside the runners of a mail service, in a thread of its own."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._reports: Storage | None = None
        self._silent: tuple[Alert, ...] = ()
        self._said: tuple[str, ...] = ()
        self._service: MailService | None = None
        self._lock = threading.Lock()
        self._handlers: dict[str, _Handler] = {}
        self._listener: Listener | None = None
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._host = socket.gethostname()

    # -- its life ----------------------------------------------------------------------------------------------------

    def start(self, service: MailService) -> None:
        """Begin to look, in a thread."""
        self.join(service)
        self._thread = threading.Thread(target=self._run, name="confobjects-alerts", daemon=True)
        self._thread.start()

    def join(self, service: MailService) -> None:
        """Take the handlers that are in effect, and hear of what becomes of them."""
        self._service = service
        self._live.observe(self._note_changes)
        self._listener = self._live.component(KIND, lambda: _Component(self))

    def stop(self) -> None:
        """End: what is due then is told by whoever looks next."""
        self._stop.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        if self._listener is not None:
            self._listener.remove()
        if self._reports is not None:
            self._reports.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wanted.clear()
            try:
                self.look()
                self._said = ()
            except ConfobjectsError as error:
                self._warn(error)
            except Exception:  # a mistake of ours must not end the mail service
                LOG.exception("alerts could not be looked for")
            self._wanted.wait(LOOK)

    def _warn(self, error: ConfobjectsError) -> None:
        """Log why nothing can be looked for; the same is logged once."""
        said, self._said = self._said, tuple(one.code for one in error.diagnostics)
        if self._said != said:
            LOG.warning("alerts cannot be looked for: %s", error)

    # -- what it hears -------------------------------------------------------------------------------------------------

    def put(self, obj: EffectiveObject) -> None:
        """Take a handler as it is in effect now. What it remembers stays."""
        try:
            handler = read_handler(obj)
        except UsageError as error:
            LOG.warning("%s", error)
            return
        with self._lock:
            self._handlers.setdefault(obj.path, _Handler(handler)).handler = handler
        self._wanted.set()

    def drop(self, path: str) -> None:
        """Forget a handler."""
        with self._lock:
            self._handlers.pop(path, None)

    def _note_changes(self, events: Sequence[LiveEvent]) -> None:
        changed = tuple(find_changed(group_events(events)))
        with self._lock:
            for one in self._handlers.values():
                one.happened.extend(changed)
        self._wanted.set()

    # -- looking -------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look once, and tell what is due. Raises LedgerError, and whatever reading the reports raises."""
        with self._lock:
            handlers = tuple(self._handlers.values())
        if not handlers or self._service is None:
            return
        seen = self._see(self._service)
        for one in handlers:
            self._attend(self._service, one, seen)

    def _see(self, service: MailService) -> _Seen:
        ledger, live = service.ledger, self._live
        digest = ledger.standings.digest
        prints = {name: digest(one.description).hex() for name, one in service.setting.senders.items()}
        stopped = find_stopped(read_logins(ledger), prints)
        ending = frozenset(live.ending)
        others = [one for one in live.problems if one not in ending]
        alerts = (
            *find_problems(live.ending, AlertType.CERTIFICATE_ENDING),
            *find_problems(others, AlertType.CONFIGURATION_PROBLEM),
            *find_waiting(live.waiting),
            *self._find_silent(),
            *find_refused(stopped),
        )
        return _Seen(ledger.database.now(), alerts, read_queue(ledger, CATEGORY), stopped)

    def _find_silent(self) -> tuple[Alert, ...]:
        """Return the alerts of services that are not heard of; what was found last, if their reports cannot be read."""
        try:
            if self._reports is None:
                self._reports = self._live.open_reports()
            found = () if self._reports is None else self._reports.followers()
        except ConfobjectsError as error:
            self._warn(error)
            return self._silent
        self._silent = tuple(find_silent(judge_followers(found, AskedChange(None), None, current_time()).silent))
        return self._silent

    def _attend(self, service: MailService, one: _Handler, seen: _Seen) -> None:
        handler, repeat_after = one.handler, one.handler.repeat_after
        present = seen.find(handler)
        happened = self._take_happened(one)
        memory = observe(one.memory, present, seen.now, repeat_after)
        one.memory = note(memory, _CHANGES, seen.now, repeat_after) if happened else memory
        due = set(find_due(one.memory, seen.now, repeat_after))
        for type_ in AlertType:
            alerts = [alert for key, alert in present.items() if key in due and alert.type is type_]
            if alerts:
                self._tell(service, one, alerts, seen)
        if happened and _CHANGES in due:
            self._tell(service, one, happened, seen)

    def _take_happened(self, one: _Handler) -> tuple[Alert, ...]:
        """Return what has happened and is not told yet; what the handler does not tell is forgotten."""
        with self._lock:
            if AlertType.CONFIGURATION_CHANGED not in one.handler.types:
                one.happened.clear()
            return tuple(one.happened)

    # -- telling -------------------------------------------------------------------------------------------------------

    def _tell(self, service: MailService, one: _Handler, alerts: Sequence[Alert], seen: _Seen) -> None:
        """Tell those of some alerts of one type that nobody else has told."""
        ledger, handler = service.ledger, one.handler
        try:
            sender = _choose_sender(service, handler, seen)
        except NotAcceptedError as error:  # nothing is claimed, and so nothing is written, as long as that lasts
            self._complain(one, alerts[0], error)
            return
        names = {alert: f"{handler.path}\0{_key_of(alert)}" for alert in alerts}
        found = claim_alerts(ledger, names.values(), handler.repeat_after)
        for alert, name in names.items():
            if (moment := found[name]) is not None:
                self._conclude(one, alert, moment)
        ours = [alert for alert, name in names.items() if found[name] is None]
        if not ours:
            return
        try:
            refused = self._send(service, handler, ours, sender, seen.now)
        except ConfobjectsError as error:
            give_back_alerts(ledger, [names[alert] for alert in ours])
            self._complain(one, ours[0], error)
            return
        if refused:
            self._complain(one, ours[0], NotAcceptedError(refused), " to everybody")
        else:
            one.said = ()
        for alert in ours:
            self._conclude(one, alert, seen.now)

    def _conclude(self, one: _Handler, alert: Alert, moment: int) -> None:
        """Remember that an alert was told, by this handler or by another machine."""
        is_change = alert.type is AlertType.CONFIGURATION_CHANGED
        one.memory = mark_told(one.memory, (_CHANGES if is_change else _key_of(alert),), moment)
        with self._lock:
            if alert in one.happened:
                one.happened.remove(alert)

    def _send(
        self, service: MailService, handler: AlertHandler, alerts: Sequence[Alert], sender: str | None, now: int
    ) -> Sequence[Diagnostic]:
        """Have a mail accepted; return why some recipients do not get it. Raises ConfobjectsError if nobody does."""
        message = make_alert_mail(handler, alerts, self._host, format_time(now))
        told = _accept_for_some(service, message, handler.recipients, sender)
        for made in told.accepted:
            facts = {"event": "alert", "code": str(alerts[0].type), "path": handler.path, "mail": made}
            LOG.info("alert %s %s", alerts[0].type, made, extra={"confobjects": facts})
        return told.refused

    def _complain(self, one: _Handler, alert: Alert, error: ConfobjectsError, whom: str = "") -> None:
        """Log that an alert cannot be told, or not to everybody; the same is logged once."""
        if one.said == error.diagnostics:
            return
        one.said = error.diagnostics
        problem = error.diagnostics[0].code  # its words may have an address, which is sealed in the ledger
        facts = {"event": "alert-not-told", "code": str(alert.type), "path": one.handler.path, "problem": problem}
        words = "%s: an alert (%s) cannot be told%s now: %s"
        LOG.error(words, one.handler.path, alert.type, whom, error, extra={"confobjects": facts})


def _choose_sender(service: MailService, handler: AlertHandler, seen: _Seen) -> str | None:
    """Return the sender of alerts, None for that of the service. Raises NotAcceptedError if no mail would be accepted."""
    setting = service.setting
    candidates = (handler.sender, *list_senders(service.configuration[SERVICE]))
    sender = choose_sender(candidates, seen.stopped, setting.senders)
    if sender is None and set(candidates) & set(seen.stopped):
        raise NotAcceptedError("every Mail Sender that the handler or the mail service names is stopped")
    settings = setting.settings if sender is None else setting.settings.replace(sender=sender)
    if refusals := judge_service(settings):
        raise NotAcceptedError([word_refusal(one) for one in refusals])
    return sender


def _accept_for_some(
    service: MailService, message: EmailMessage, recipients: Sequence[str], sender: str | None
) -> Notified:
    """Have a mail accepted; if it is not for all recipients, then for each of them who may get it.

    Raises ConfobjectsError if nobody gets it.
    """
    send = partial(service.send, message, category=CATEGORY, sender=sender)
    try:
        return Notified((send(to=recipients),))
    except NotAcceptedError:
        if len(recipients) <= 1:
            raise
    return accept_each(partial(send, to=one) for one in recipients)


class _Component:
    """The component of one alert handler."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts
        self._path = ""

    def start(self, obj: EffectiveObject) -> None:
        """Begin to tell."""
        self._path = obj.path
        self._alerts.put(obj)

    def change(self, event: LiveEvent) -> None:
        """Go on with other values."""
        if event.after is not None:
            self._alerts.put(event.after)

    def stop(self) -> None:
        """Tell nothing more."""
        self._alerts.drop(self._path)


__all__ = ["KIND", "LOOK", "READERS", "Alerts", "make_test_mail", "read_handler"]
