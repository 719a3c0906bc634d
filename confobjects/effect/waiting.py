"""Say what waits, and for which actions: those of a change itself, and of all that it collides with."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from confobjects.effect.counting import touches
from confobjects.effect.model import Kind, LiveState, PendingChange, Waiting
from confobjects.objects.changes import RequiredAction
from confobjects.paths import ManagedObjectPath


def list_waiting(state: LiveState, paths: Container[ManagedObjectPath] | None = None) -> tuple[Waiting, ...]:
    """Return what is stored and not in effect, of some objects or of all; sorted by path."""
    by_path: dict[ManagedObjectPath, list[int]] = {}
    for index, one in enumerate(state.pending):
        by_path.setdefault(one.path, []).append(index)
    found = [
        _describe_pending(state, one, _join_actions(state.pending, by_path, index))
        for index, one in enumerate(state.pending)
        if paths is None or one.path in paths
    ]
    return tuple(sorted(found, key=lambda one: (one.path.sort_key(), one.since or 0, one.properties)))


def _describe_pending(state: LiveState, one: PendingChange, actions: tuple[RequiredAction, ...]) -> Waiting:
    kind: Kind = "changed"
    if one.whole and one.path not in state.effect.objects:
        kind = "added"
    elif one.whole and one.path not in state.stored.objects:
        kind = "deleted"
    found = state.stored.find(one.path)
    names = () if found is None or kind != "changed" else found.definition.properties
    return Waiting(one.path, kind, tuple(name for name in names if name in one.properties), actions, one.since)


def _join_actions(
    pending: Sequence[PendingChange], by_path: Mapping[ManagedObjectPath, Sequence[int]], index: int
) -> tuple[RequiredAction, ...]:
    """Return the actions that a pending change waits for, itself or with what it collides with, in any number of steps."""
    reached = [index]
    for at in reached:
        against = pending[at].against
        near = (other for path in against for other in by_path.get(path, ()))
        reached.extend(other for other in near if other not in reached and touches(pending[other], against))
    return tuple(dict.fromkeys(action for at in reached for action in pending[at].actions))
