"""Try changes of a world: judge what changes, what inherits from it and what refers to it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.effect.world import (
    EvaluatedObject,
    EvaluatedWorld,
    HeldJudge,
    Names,
    find_heirs,
    find_links,
    has_parent,
    is_same_reading,
    trace_sources,
)
from confobjects.management.judging import find_problems
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Constraint, PropertyDefinition, Reference
    from confobjects.objects.judging import Judgement
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import Evaluator

Involved = Mapping[ManagedObjectPath, Names | None]
"""What a problem comes from: properties by object. None is the whole object."""


class Finding(Record):
    """What is wrong with an object after some changes, and what it comes from."""

    path: ManagedObjectPath
    involved: Involved
    problems: tuple[Diagnostic, ...] = ()


class Trial(Record):
    """A world with some changes: the judgement of each object that changed or inherits from one (None: it is gone),
    and what is wrong.
    """

    judge: HeldJudge
    judged: Mapping[ManagedObjectPath, Judgement | None]
    findings: tuple[Finding, ...]

    def adopt(self) -> EvaluatedWorld:
        """Return the world with the changes, and with their links."""
        return self.judge.held.with_links(
            {
                path: frozenset() if judged is None else find_links(self.judge, judged)
                for path, judged in self.judged.items()
            }
        )


def try_changes(
    world: EvaluatedWorld, evaluate: Evaluator, changes: Mapping[ManagedObjectPath, EvaluatedObject | None]
) -> Trial:
    """Judge a world with some objects changed; None stands for one that is gone."""
    judge = HeldJudge(world.with_objects(changes), evaluate)
    changed = {path: _find_changed_names(world.objects.get(path), new) for path, new in changes.items()}
    heirs = find_heirs(judge.held, changed)
    judged: dict[ManagedObjectPath, Judgement | None] = {}
    for path in dict.fromkeys((*changes, *heirs)):
        obj = judge.held.find(path)
        judged[path] = None if obj is None else judge.judge(obj)
    names = {path: changed.get(path, frozenset()) | heirs.get(path, frozenset()) for path in judged}
    findings = [*_check_judged(judge, judged.values()), *_check_others(world, judge, judged, names)]
    return Trial(judge, judged, tuple(findings))


def _find_changed_names(old: EvaluatedObject | None, new: EvaluatedObject | None) -> Names:
    """Return the properties whose own values differ; all of them for an object that comes, goes or is of another type."""
    if old is None or new is None or old.object.definition is not new.object.definition:
        several = [one.object.definition.properties for one in (old, new) if one is not None]
        return frozenset(name for properties in several for name in properties)
    names = {**old.readings, **new.readings}
    return frozenset(name for name in names if not is_same_reading(old.readings.get(name), new.readings.get(name)))


def _check_judged(judge: HeldJudge, several: Iterable[Judgement | None]) -> Iterator[Finding]:
    for judged in several:
        if judged is None:
            continue
        if errors := [problem for problem in find_problems(judge, judged) if problem.severity == "error"]:
            yield Finding(judged.object.path, _find_involved(judge, judged, errors), tuple(errors))
        if not has_parent(judge.held, judged.object):
            yield _describe_orphan(judged.object)


def _describe_orphan(obj: ManagedObject) -> Finding:
    problem = Diagnostic("broken-data", "the object above it is not there", path=str(obj.path))
    return Finding(obj.path, {obj.path: None, obj.path.parent: None}, (problem,))


def _check_others(
    before: EvaluatedWorld,
    judge: HeldJudge,
    judged: Mapping[ManagedObjectPath, Judgement | None],
    names: Mapping[ManagedObjectPath, Names],
) -> Iterator[Finding]:
    """Check the objects that refer to a changed one or are below it, and have not changed themselves."""
    told: set[ManagedObjectPath] = set(judged)
    for path in judged:
        for user, name in before.find_followers(("use", path, "")):
            obj = judge.held.find(user)
            if user not in told and obj is not None and _may_break(judge, obj, name, path, names[path]):
                told.add(user)
                yield from _check_judged(judge, [judge.judge(obj)])
        if _is_replaced(before, judge.held, path):
            for child, _ in before.find_followers(("child", path, "")):
                obj = judge.held.find(child)
                if child not in judged and obj is not None and not has_parent(judge.held, obj):
                    yield _describe_orphan(obj)


def _is_replaced(before: EvaluatedWorld, now: EvaluatedWorld, path: ManagedObjectPath) -> bool:
    old, new = before.find(path), now.find(path)
    return old is not None and (new is None or new.definition is not old.definition)


def _may_break(judge: HeldJudge, user: ManagedObject, name: str, path: ManagedObjectPath, changed: Names) -> bool:
    """Tell whether a reference may break with the change of some properties of its target, or a constraint that looks at it."""
    target = judge.held.find(path)
    if target is None or any(name in one.looks_at for one in user.definition.constraints):
        return True
    return any(
        reference.relation == path.relation
        and reference.target_enabled is not None
        and not changed.isdisjoint(reference.target_enabled.properties())
        and not judge.is_enough(target, reference)
        for reference in user.definition.properties[name].references
    )


# -- what a problem comes from ---------------------------------------------------------------------------------------


def _find_involved(judge: HeldJudge, judged: Judgement, problems: Iterable[Diagnostic]) -> Involved:
    found: dict[ManagedObjectPath, Names | None] = {}
    for problem in problems:
        for place, name in _find_places(judge, judged, problem):
            add_involved(judge.held, found, place, name)
    return found


def add_involved(
    world: EvaluatedWorld, found: dict[ManagedObjectPath, Names | None], path: ManagedObjectPath, name: str | None
) -> None:
    """Add a property (None: the whole object) to what a problem comes from, with what its value is inherited from."""
    if name is None:
        found[path] = None
        return
    for place, source in trace_sources(world, path, name):
        known = found.get(place, frozenset())
        found[place] = None if known is None else known | {source}


def _find_places(
    judge: HeldJudge, judged: Judgement, problem: Diagnostic
) -> Iterator[tuple[ManagedObjectPath, str | None]]:
    """Yield the properties that a problem of an object comes from; None for any property of an object."""
    path, definition = judged.object.path, judged.object.definition
    if problem.code == "unresolved-expression" and definition.enabled_when is not None:
        yield from ((path, name) for name in definition.enabled_when.properties())
    prop = definition.properties.get(problem.property)
    if problem.constraint:
        rule = next(one for one in definition.constraints if one.name == problem.constraint)
        names: Iterable[str] = definition.properties if rule.condition is None else rule.condition.properties()
        yield from ((path, name) for name in names)
        yield from _find_places_looked_at(judge, judged, rule)
    elif prop is None or (problem.code == "missing-mandatory" and prop.required_when is None):
        yield path, None  # whether a value is needed may depend on any other
    else:
        yield path, prop.name
        if problem.code == "missing-mandatory" and prop.required_when is not None:
            yield from ((path, name) for name in prop.required_when.properties())
        for reference in prop.references:
            yield from _find_places_of_reference(judge, judged, prop, reference)


def _find_places_looked_at(
    judge: HeldJudge, judged: Judgement, rule: Constraint
) -> Iterator[tuple[ManagedObjectPath, str]]:
    """Yield every property of the objects that a constraint looks at."""
    for prop in (judged.object.definition.properties[name] for name in rule.looks_at):
        for reference in prop.references:
            for target in judge.find_targets(judged, prop, reference):
                if (obj := judge.held.find(target)) is not None:
                    yield from ((target, name) for name in obj.definition.properties)


def _find_places_of_reference(
    judge: HeldJudge, judged: Judgement, prop: PropertyDefinition, reference: Reference
) -> Iterator[tuple[ManagedObjectPath, str | None]]:
    if reference.needed_when is not None:
        yield from ((judged.object.path, name) for name in reference.needed_when.properties())
    for target in judge.find_targets(judged, prop, reference):
        if judge.held.find(target) is None:
            yield target, None
        elif reference.target_enabled is not None:
            yield from ((target, name) for name in reference.target_enabled.properties())
