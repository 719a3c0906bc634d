"""What cannot be judged while a definition that the configuration holds cannot be used: its objects, and what they may use.

Everything else can be written. A definition that cannot be read is only searched for names: what it mentions may matter
to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Diagnostic

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.definitions.installed import UnusableDefinition
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.world import StorageWorld
    from confobjects.objects.judging import Judge


def find_unjudged(
    registry: Registry, outcomes: Iterable[ObjectOutcome], below: StorageWorld, before: Judge, after: Judge
) -> Iterator[Diagnostic]:
    """Yield a problem for each change that an unusable definition of a registry may forbid."""
    for outcome in outcomes:
        if outcome.change.path.relation == HOLDER_KIND:
            continue
        for one in registry.unusable:
            if _is_of_it(one, outcome, below):
                yield _describe(outcome, one, "is an object of it")
            elif _is_taken_away(outcome, before, after) and _mentions(one, outcome.change.path.relation):
                yield _describe(outcome, one, "may be used by its objects")


def _is_of_it(one: UnusableDefinition, outcome: ObjectOutcome, below: StorageWorld) -> bool:
    """Whether the stored entry of a changed object has the object class of an unusable definition."""
    entry = None if outcome.source is None else below.entries.get(outcome.source)
    if entry is None:
        return False
    known = {name.lower() for name in outcome.change.definition.object_classes}
    strange = (name.lower() for name in entry.object_classes if name.lower() not in known)
    text = one.installed.text.lower()
    return any(name == f"ds-cfg-{one.installed.name.lower()}" or f'"{name}"' in text for name in strange)


def _is_taken_away(outcome: ObjectOutcome, before: Judge, after: Judge) -> bool:
    """Whether others can no longer use an object as before: it is deleted, renamed or disabled."""
    if outcome.object is None or outcome.change.action == "rename":
        return True
    if outcome.source is None or after.is_enabled(after.judge(outcome.object)) is not False:
        return False
    old = before.world.find(outcome.source)
    return old is not None and before.is_enabled(before.judge(old)) is not False


def _mentions(one: UnusableDefinition, name: str) -> bool:
    return f'"{name}"' in one.installed.text


def _describe(outcome: ObjectOutcome, one: UnusableDefinition, why: str) -> Diagnostic:
    path, name = outcome.change.path, one.installed.name
    newer = "use a newer version of this library" if one.reason == "newer" else "install the definition again"
    return Diagnostic(
        "broken-definition",
        f'the change of {path} cannot be judged: it {why}, and the definition "{name}" cannot be used',
        path=str(path),
        detail=one.problems[0].summary,
        remedy=newer,
    )
