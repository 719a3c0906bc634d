"""A service under test: a real configuration in memory, with its history, and a live state that looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confobjects.definitions import Registry
from confobjects.effect import Event, LiveState, StoredState, advance, begin, list_waiting, read_stored, restart
from confobjects.effect.trial import try_changes
from confobjects.effect.world import EvaluatedWorld
from confobjects.management import ChangeSignature, ManagementContext, Site
from confobjects.management.history.records import read_records
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.judging import Judgement
from confobjects.objects.protocols import Evaluator
from confobjects.paths import ManagedObjectPath
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin, depot

Picture = dict[ManagedObjectPath, tuple[str, dict[str, Any]]]
"""The type and the values of each object; values in normal form, of properties that have any."""


def manage(registry: Registry) -> ManagementContext:
    return ManagementContext(
        Site.of(registry, MemoryStorage(), evaluate_defaults, lambda: ChangeSignature("now", "me", "test"))
    )


class Service:
    """A process that runs on a configuration."""

    def __init__(self, ctx: ManagementContext, evaluate: Evaluator = evaluate_defaults) -> None:
        self.ctx = ctx
        self.evaluate = evaluate
        self.epoch = "first"
        self.state: LiveState = begin(ctx.registry, evaluate, self.stored())
        self.told: list[Event] = []

    def stored(self) -> StoredState:
        records = read_records(self.ctx.site)
        number = records[-1].number if records else 0
        objects = self.ctx.site.all_objects()
        return read_stored(self.ctx.registry, self.evaluate, objects, epoch=self.epoch, number=number)

    def look(self, *restarted: str) -> tuple[Event, ...]:
        """Look at the storage; components of some objects say that they were restarted."""
        paths = [self.path(one) for one in restarted]
        self.state, events = advance(self.state, self.stored(), read_records(self.ctx.site), paths)
        self.told.extend(events)
        return events

    def restart_component(self, path: str) -> tuple[Event, ...]:
        self.state, events = restart(self.state, [self.path(path)])
        self.told.extend(events)
        return events

    def path(self, text: str) -> ManagedObjectPath:
        return self.ctx.registry.parse_path(text)

    def value(self, path: str, name: str) -> tuple[str, ...]:
        """The values in effect of a property."""
        return self.state.judged[self.path(path)].readings[name].values

    def __contains__(self, path: str) -> bool:
        return self.path(path) in self.state.judged

    def waiting(self) -> list[tuple[str, str, tuple[str, ...], tuple[tuple[str, str, str], ...], int | None]]:
        return [
            (
                str(one.path),
                one.kind,
                one.properties,
                tuple((str(a.path), a.property, a.action) for a in one.actions),
                one.since,
            )
            for one in list_waiting(self.state)
        ]


def picture_of(judged: Mapping[ManagedObjectPath, Judgement | None]) -> Picture:
    return {path: describe(one) for path, one in judged.items() if one is not None}


def describe(judged: Judgement) -> tuple[str, dict[str, Any]]:
    values = {name: one.normals or one.texts for name, one in judged.readings.items() if one.texts}
    return judged.object.definition.name, values


def in_effect(state: LiveState) -> Picture:
    return picture_of(state.judged)


def judge_everything(state: LiveState) -> list[str]:
    """What is wrong with what is in effect, when every object is judged anew."""
    trial = try_changes(EvaluatedWorld(state.registry), state.evaluate, state.effect.objects)
    wrong = [str(problem) for one in trial.findings for problem in one.problems]
    if picture_of(trial.judged) != in_effect(state):
        wrong.append("a value in effect is not what its object gives")
    return wrong


def replay(first: Picture, events: Iterable[Event]) -> Picture:
    """Apply what was told to the first state in effect."""
    found = dict(first)
    for one in events:
        before = found.pop(one.path, None)
        assert before == (None if one.before is None else describe(one.before))
        if one.after is not None:
            found[one.path] = describe(one.after)
    return found


MAIL_SERVER = {"enabled": True, "smtp-server": "smtp.example.com"}


def mail(*, provider: bool = False, **values: Any) -> Service:
    """A service with the mail server "one", changes 1 or 2; with a provider "p" that trusts any certificate."""
    ctx = manage(builtin())
    given: dict[str, Any] = {**MAIL_SERVER, **{name.replace("_", "-"): value for name, value in values.items()}}
    if provider:
        with ctx.change() as tx:
            tx.create("trust-manager-provider", "p", {"enabled": True}, type="blind")
        given["trust-manager-provider"] = "p"
    with ctx.change() as tx:
        tx.create("mail-server", "one", given)
    return Service(ctx)


def commit(ctx: ManagementContext, *calls: Callable[[Any], Any]) -> None:
    """Make one change of the history."""
    with ctx.change() as tx:
        for call in calls:
            call(tx)


def setting(kind: str, name: Any, **values: Any) -> Callable[[Any], Any]:
    """A request to set properties, whose names are given with underscores; None resets."""
    given = {key.replace("_", "-"): () if value is None else value for key, value in values.items()}
    return lambda tx: tx.set(kind, name, given)


__all__ = ["depot"]
