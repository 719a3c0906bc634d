"""What listeners are told: one object in effect before and after a change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.effect import Event, Waiting
from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.effect.model import Kind
    from confobjects.management.site import ChangeSignature
    from confobjects.objects.judging import Judgement


class LiveEvent(Record):
    """What a change does to one object in effect. The fields are those of :class:`~confobjects.effect.model.Event`.

    ``before`` and ``after`` are objects as the configuration in effect has them. When a file has changed that a value
    names (a trust store), both are the same, and ``properties`` are those with the path. ``signature`` says who made the
    change of the history that is told, and when; None where that is not known.
    """

    kind: Kind
    path: ManagedObjectPath
    before: EffectiveObject | None = field(repr=False)
    after: EffectiveObject | None = field(repr=False)
    properties: tuple[str, ...]
    waiting: tuple[Waiting, ...] = ()
    number: int | None = None
    restored: bool = False
    signature: ChangeSignature | None = None
    restarted: bool = False


def make_live_event(
    event: Event, old: EffectiveConfiguration, new: EffectiveConfiguration, signature: ChangeSignature | None = None
) -> LiveEvent:
    """Return an event between two configurations as listeners are told it."""
    return LiveEvent(
        event.kind,
        event.path,
        _make_object(event.before, old),
        _make_object(event.after, new),
        event.properties,
        event.waiting,
        event.number,
        event.restored,
        signature,
        event.restarted,
    )


def _make_object(judged: Judgement | None, configuration: EffectiveConfiguration) -> EffectiveObject | None:
    return None if judged is None else EffectiveObject(judged, configuration)
