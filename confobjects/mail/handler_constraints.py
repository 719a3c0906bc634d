"""The rules of handlers that conditions cannot express: what their templates may hold. Their definitions name them.

Unknown values pass: they are checked again at startup. Commands that only set a value load this module, so it imports
nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.mail.templates import TemplateProblem, Vocabulary, check_body, check_subject

View = Callable[[str], tuple[Any, ...] | None]
"""From a property's name to its typed values, None while they are not known."""
Check = Callable[[str, Vocabulary], Iterable[TemplateProblem]]


class TypesView(Protocol):
    """What the rule about types of alerts needs of :class:`~confobjects.objects.judging.TypedView`."""

    def __call__(self, name: str, /) -> tuple[Any, ...] | None: ...
    def has_default(self, name: str, /) -> bool:
        """Tell whether a property has no value of its own."""
        ...


ALERT_BODY: Final = Vocabulary(
    frozenset({"alert-type", "alert-id", "alert-message", "alert-object", "alert-host", "alert-time", "alert-details"})
)
"""The placeholders of the body of an alert."""
ALERT_SUBJECT: Final = Vocabulary(ALERT_BODY.names - {"alert-details"})
NOTIFICATION: Final = Vocabulary(
    frozenset({"notification-type", "notification-message", "notification-user-dn"}),
    frozenset({"notification-property", "notification-user-attr"}),
)
"""The placeholders of the subject and the text about an account."""


def alert_templates(view: View) -> Iterator[Diagnostic]:
    """Refuse templates of an alert handler that cannot be filled."""
    for text in view("message-subject") or ():
        yield from _as_problems("message-subject", "", check_subject(text, ALERT_SUBJECT))
    for text in view("message-body") or ():
        yield from _as_problems("message-body", "", check_body(text, ALERT_BODY))


def alert_types(view: TypesView) -> Iterator[Diagnostic]:
    """Warn of types of alerts that somebody has enabled and disabled: they are not told."""
    enabled, name = "enabled-alert-type", "disabled-alert-type"
    if view.has_default(enabled):
        return
    for found in sorted(set(view(enabled) or ()) & set(view(name) or ())):
        summary = f"{found} is not told: it is among {name}"
        yield Diagnostic("constraint-violated", summary, property=name, remedy=f"Remove it from {name}.")


def notification_templates(view: View) -> Iterator[Diagnostic]:
    """Refuse templates of a notification handler that cannot be filled, and two of the same event."""
    yield from _check_events("message-subject", view("message-subject") or (), check_subject)
    yield from _check_events("message-template", view("message-template") or (), check_body)


def _check_events(name: str, values: Iterable[str], check: Check) -> Iterator[Diagnostic]:
    seen = set[str]()
    for value in values:
        event, _, text = value.partition(":")
        if event in seen:
            summary, remedy = f"{name} has two values for {event}", "Remove one of them."
            yield Diagnostic("constraint-violated", summary, property=name, remedy=remedy)
        seen.add(event)
        yield from _as_problems(name, event, check(text, NOTIFICATION))


def _as_problems(name: str, event: str, problems: Iterable[TemplateProblem]) -> Iterator[Diagnostic]:
    where = f"in the text for {event}, " if event else ""
    for one in problems:
        yield Diagnostic("constraint-violated", where + one.summary, property=name, remedy=one.remedy)
