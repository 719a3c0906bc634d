"""The rule of what is in effect, as a state machine: begin, advance, restart a component."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.effect.counting import count_changes
from confobjects.effect.digest import change_digest
from confobjects.effect.layers import Layers
from confobjects.effect.model import Event, LiveState, PendingChange, StoredState
from confobjects.effect.telling import Changed, make_events
from confobjects.effect.tracing import Step, find_differing, find_steps, find_touched
from confobjects.effect.trial import Trial, try_changes
from confobjects.effect.world import EvaluatedObject, EvaluatedWorld, Names, evaluate_object
from confobjects.errors import error_for
from confobjects.paths import ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.diagnostics import Diagnostic
    from confobjects.management.history.records import HistoryRecord
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Evaluator

Events = tuple[Event, ...]


# -- what is stored --------------------------------------------------------------------------------------------------


def read_stored(
    registry: Registry,
    evaluate: Evaluator,
    objects: Iterable[ManagedObject],
    *,
    epoch: str = "",
    number: int | None = None,
) -> StoredState:
    """Return the stored state of all objects, each with its own values evaluated."""
    evaluated = {obj.path: evaluate_object(obj, registry, evaluate) for obj in objects}
    return StoredState(epoch, number, Layers(evaluated), None, change_digest("", {}, evaluated))


def update_stored(
    stored: StoredState,
    changes: Mapping[ManagedObjectPath, EvaluatedObject | None],
    *,
    number: int | None = None,
) -> StoredState:
    """Return the stored state after the state given, of which only some objects have been read again (None: gone)."""
    digest = change_digest(stored.digest, stored.objects, changes)
    return StoredState(stored.epoch, number, stored.objects.with_changes(changes), frozenset(changes), digest)


# -- the state machine -----------------------------------------------------------------------------------------------


def begin(
    registry: Registry, evaluate: Evaluator, stored: StoredState, history: Iterable[HistoryRecord] = ()
) -> LiveState:
    """Return the state of a new process: everything that is stored is in effect.

    ``history`` should have the record of the number of the stored state, if there is one.

    Raises one :class:`~confobjects.errors.ConfobjectsError` with every problem if the stored state does not hold.
    """
    trial = try_changes(EvaluatedWorld(registry), evaluate, stored.objects)
    if trial.findings:
        raise error_for(_collect_problems(trial))
    world = trial.adopt()
    judged = Layers({path: judged for path, judged in trial.judged.items() if judged is not None})
    return LiveState(
        registry,
        evaluate,
        stored.epoch,
        stored.number,
        world,
        world,
        judged,
        digest=stored.digest,
        last=_find_record(history, stored.number),
    )


def advance(
    state: LiveState,
    stored: StoredState,
    history: Iterable[HistoryRecord] = (),
    restarted: Collection[ManagedObjectPath] = (),
) -> tuple[LiveState, Events]:
    """Return the state in effect after another look at the storage, and what it tells.

    ``history`` are the records from the number of the state on; older and newer ones do no harm. ``restarted`` are the
    objects whose component says that it was restarted: what waited for that until now counts.

    A stored state that does not hold changes nothing: the last good one stays in effect, and ``problems`` say why.
    """
    state, events = restart(state, restarted) if restarted else (state, ())
    known = tuple(history)
    if is_restored(state, stored, known):
        state, more = _restore(state, stored, known)
    else:
        state, more = _follow(state, stored, known)
    return state, (*events, *more)


def is_restored(state: LiveState, stored: StoredState, history: Iterable[HistoryRecord] = ()) -> bool:
    """Tell whether a storage was set back to an earlier state, or replaced by another one.

    It was if its epoch is another one, its number is lower, or the change of the state's own number is another one: who
    restores a backup and goes on from there gives the same numbers to other changes.
    """
    if state.epoch and stored.epoch and state.epoch != stored.epoch:
        return True
    if state.number is not None and stored.number is not None and stored.number < state.number:
        return True
    before, now = state.last, _find_record(history, state.number)
    return before is not None and now is not None and _tell_apart(before) != _tell_apart(now)


def _find_record(history: Iterable[HistoryRecord], number: int | None) -> HistoryRecord | None:
    """Return the record of a change that was made; that of an edit by hand says nothing about it."""
    return next((one for one in history if one.number == number and one.state == "done"), None)


def _remember_record(state: LiveState, history: Iterable[HistoryRecord]) -> LiveState:
    """Return a state with the record of its number; one that was seen once stays known."""
    found = _find_record(history, state.number)
    if found is None and state.last is not None and state.last.number == state.number:
        found = state.last
    return state.replace(last=found)


def _tell_apart(one: HistoryRecord) -> tuple[object, ...]:
    return one.signature, one.changes, one.undoes


def restart(state: LiveState, paths: Collection[ManagedObjectPath]) -> tuple[LiveState, Events]:
    """Return the state after the components of some objects were restarted, and what it tells.

    What waits for the restart of one of them counts, unless it waits for something else too.
    """
    before = state
    numbers = [one.number for one in state.pending if one.path in paths and one.number is not None]
    state = state.replace(pending=tuple(_release(one, paths) for one in state.pending))
    return _count(state, before, paths, Changed(), max(numbers, default=None))


def _release(one: PendingChange, paths: Collection[ManagedObjectPath]) -> PendingChange:
    return one.replace(released=one.properties) if one.path in paths else one


def _follow(state: LiveState, stored: StoredState, history: Sequence[HistoryRecord]) -> tuple[LiveState, Events]:
    """Go through the steps from the last stored state that held; steps to a state that does not hold are joined."""
    events: list[Event] = []
    joined: list[Step] = []
    trial: Trial | None = None
    is_ahead = False
    for step in find_steps(state, stored, history):
        joined.append(step)
        trial = _try_stored(state, step, joined)
        if not trial.findings:
            state, more = _take(state, trial, joined)
            events.extend(more)
            joined = []
            is_ahead = True
    if joined and trial is not None:
        doubted = frozenset(path for step in joined for path in step.touched)
        digest = "" if is_ahead else state.digest
        state = state.replace(problems=_collect_problems(trial), doubted=doubted, digest=digest)
        return _remember_record(state, history), tuple(events)
    state = state.replace(number=stored.number, problems=(), doubted=frozenset())
    state = state.replace(epoch=stored.epoch or state.epoch, digest=stored.digest)
    return _remember_record(state, history), tuple(events)


def _try_stored(state: LiveState, step: Step, joined: Iterable[Step]) -> Trial:
    """Judge the stored state after some steps."""
    paths = dict.fromkeys(path for one in joined for path in one.touched)
    return try_changes(state.stored, state.evaluate, {path: step.objects.get(path) for path in paths})


def _restore(state: LiveState, stored: StoredState, history: Iterable[HistoryRecord]) -> tuple[LiveState, Events]:
    """Compare all that is in effect with a state that was restored; its history says nothing about the way to it."""
    paths = dict.fromkeys((*state.stored.objects, *state.effect.objects, *stored.objects))
    touched = find_touched(state.stored.objects, stored.objects, paths)
    trial = try_changes(state.stored, state.evaluate, {path: stored.objects.get(path) for path in touched})
    if trial.findings:
        return state.replace(problems=_collect_problems(trial), doubted=None), ()
    step = Step(None, stored.objects, find_touched(state.effect.objects, stored.objects, paths))
    fresh = state.replace(pending=(), problems=(), doubted=frozenset(), epoch=stored.epoch, number=stored.number)
    fresh = _remember_record(fresh.replace(digest=stored.digest, last=None), history)
    fresh, events = _take(fresh, trial, [step])
    return fresh, tuple(event.replace(restored=True) for event in events)


def _collect_problems(trial: Trial) -> tuple[Diagnostic, ...]:
    return tuple(problem for one in trial.findings for problem in one.problems)


def _take(state: LiveState, trial: Trial, steps: Sequence[Step]) -> tuple[LiveState, Events]:
    """Take a stored state that holds, after some steps; return what is in effect then, and what is told."""
    before = state
    pending: dict[ManagedObjectPath, list[PendingChange]] = {}
    for one in state.pending:
        pending.setdefault(one.path, []).append(one)
    state = state.replace(stored=trial.adopt())
    for step in steps:
        for path, names in step.touched.items():
            pending[path] = _add_pending(state, pending.get(path, ()), step, path, names)
        for path in step.restarted:
            pending[path] = [one.replace(released=one.properties) for one in pending.get(path, ())]
    touched = dict.fromkeys(path for step in steps for path in (*step.touched, *step.restarted))
    number = steps[-1].number
    state = state.replace(
        pending=tuple(one for several in pending.values() for one in several),
        number=state.number if number is None else number,
    )
    again = {path for step in steps for path in step.restarted}
    return _count(state, before, (*trial.judged, *touched), Changed(touched, again), number)


def _count(
    state: LiveState,
    before: LiveState,
    active: Iterable[ManagedObjectPath],
    changed: Changed,
    number: int | None,
) -> tuple[LiveState, Events]:
    """Let pending changes count, and return what is told of all that has happened since a state before."""
    counted, told = count_changes(state, active)
    if not counted.pending:
        counted = counted.replace(effect=counted.stored)  # they are equal: keep only one
    replaced = {one.path for one in state.pending if one.whole} - {one.path for one in counted.pending}
    return counted, make_events(before, counted, changed.replace(told=told, replaced=replaced), number)


def _add_pending(
    state: LiveState, known: Iterable[PendingChange], step: Step, path: ManagedObjectPath, names: Names | None
) -> list[PendingChange]:
    """Return the pending changes of an object after a step that touches some properties of it; None is the object as such.

    What the step changes waits together with all changes of the same properties that wait already. What is in effect
    anyway no longer waits.
    """
    differing = find_differing(state.effect.objects.get(path), state.stored.objects.get(path))
    left = [one for one in (_prune(one, differing) for one in known) if one is not None]
    whole = differing is None or (names is None and bool(differing))
    new = PendingChange(path, frozenset() if names is None else names, whole, step.number, step.number)
    added = _prune(new, differing)
    if added is None:
        return left
    joined = [one for one in left if whole or one.whole or not one.properties.isdisjoint(added.properties)]
    merged = PendingChange(
        path,
        added.properties.union(*(one.properties for one in joined)),
        whole or any(one.whole for one in joined),
        joined[0].since if joined else step.number,
        step.number,
        frozenset[str]().union(*(one.released for one in joined)) - added.properties,
    )
    return [*(one for one in left if not any(one is other for other in joined)), merged]


def _prune(one: PendingChange, differing: Names | None) -> PendingChange | None:
    """Return a pending change with only what differs between the storage and what is in effect; None if nothing does."""
    if differing is None:
        return one
    if one.whole:
        return one if differing else None
    properties = one.properties & differing
    return one.replace(properties=properties) if properties else None
