"""The records of this room: what is stored, what is in effect, what waits, and what is told about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from confobjects.effect.layers import Layers
from confobjects.effect.trial import Involved
from confobjects.effect.world import EvaluatedObject, EvaluatedWorld, Names
from confobjects.objects.changes import RequiredAction
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.judging import Judgement
    from confobjects.objects.protocols import Evaluator

Kind = Literal["added", "changed", "deleted"]
Paths = frozenset[ManagedObjectPath]


class StoredState(Record):
    """What is stored at one moment: every object with its own values evaluated.

    ``epoch`` names the life of the storage: another one means that it was made anew or restored. ``number`` is that of
    the last change in its history, None without a history. ``changed`` are the objects that may differ from those of
    the state before; None means any. ``digest`` stands for what is stored, secrets aside (:mod:`confobjects.effect.digest`).
    """

    epoch: str
    number: int | None
    objects: Layers[ManagedObjectPath, EvaluatedObject] = field(repr=False)
    changed: Paths | None = None
    digest: str = ""


class PendingChange(Record):
    """Changes of one object that count together, and do not count yet.

    ``whole`` is set where the object as such comes, goes or is replaced. ``since`` and ``number`` are the first and the
    last change of the history that it consists of, None for an edit by hand. ``released`` are properties whose component
    has been restarted since. ``actions`` are what the change itself waits for, ``against`` is what it collides with.
    """

    path: ManagedObjectPath
    properties: Names
    whole: bool
    since: int | None
    number: int | None
    released: Names = frozenset()
    actions: tuple[RequiredAction, ...] = ()
    against: Involved = field(default_factory=dict)


class Waiting(Record):
    """What waits of one object: a change of properties, or the object as such, and the actions that it waits for.

    The actions may be those of other objects that it would collide with. ``since`` is the number of the change that
    waits, None for an edit by hand.
    """

    path: ManagedObjectPath
    kind: Kind
    properties: tuple[str, ...]
    actions: tuple[RequiredAction, ...]
    since: int | None


class Event(Record):
    """What a change does to one object in effect.

    ``before`` and ``after`` are the object in effect, None where there is none. ``properties`` are those whose values in
    effect differ, ``waiting`` is what waits of the object afterwards. A change that only waits is told too: then before
    and after are the same, and ``kind`` is what waits. ``number`` is that of the change in the history, None for an edit
    by hand; events of one change follow each other. ``restored`` tells that the storage went back to an earlier state,
    or was replaced. ``restarted`` tells that the object, enabled before and after, was disabled and enabled in between.
    """

    kind: Kind
    path: ManagedObjectPath
    before: Judgement | None = field(repr=False)
    after: Judgement | None = field(repr=False)
    properties: tuple[str, ...]
    waiting: tuple[Waiting, ...] = ()
    number: int | None = None
    restored: bool = False
    restarted: bool = False


class LiveState(Record):
    """What is in effect, and everything that decides what will be.

    ``judged`` has the objects in effect, each with its readings; ``effect`` is the world that they make up. ``stored`` is
    the last stored state that holds; ``epoch``, ``number`` and ``digest`` are its own, ``last`` is the record of that number,
    if it was seen. The digest is empty where it is not known. ``problems`` say why the state that is stored now does
    not hold; they are empty if it does. ``doubted`` are objects that may differ from ``stored``, None for any.
    """

    registry: Registry = field(repr=False)
    evaluate: Evaluator = field(repr=False)
    epoch: str
    number: int | None
    stored: EvaluatedWorld = field(repr=False)
    effect: EvaluatedWorld = field(repr=False)
    judged: Layers[ManagedObjectPath, Judgement] = field(repr=False)
    pending: tuple[PendingChange, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    doubted: Paths | None = frozenset()
    digest: str = ""
    last: HistoryRecord | None = field(default=None, repr=False)


Before = Mapping[ManagedObjectPath, "Judgement | None"]
"""Objects as they were in effect."""
