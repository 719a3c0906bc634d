"""The verdict on a transaction: what is wrong with it, what it defers, and what an administrator has to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Collector, Diagnostic
from confobjects.objects.changes import RequiredAction, required_actions
from confobjects.objects.heirs import heirs
from confobjects.objects.judging import Judge, Judged, User
from confobjects.objects.model import Deferred, ManagedObject

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.changing.outcomes import Outcome
    from confobjects.paths import ManagedObjectPath


class Verdict:
    """Judges the outcomes of a transaction; problems go to its collector."""

    def __init__(self, registry: Registry, judge: Judge, before: Judge, problems: Collector) -> None:
        self.registry = registry
        self.judge_ = judge
        self.before = before
        self.problems = problems
        self.actions: list[RequiredAction] = []
        self.deferred: list[Deferred] = []

    def judge(self, outcomes: Sequence[Outcome]) -> None:
        """Judge every object that will be written or deleted, and what refers to it."""
        judged: dict[ManagedObjectPath, Judged] = {}
        for outcome in outcomes:
            obj = outcome.object
            if obj is None:
                self._deletion(outcome.change.path)
                continue
            if obj.path not in judged:  # renamed and modified, it is judged once
                judged[obj.path] = self._object(obj)
            self._actions(outcome, judged[obj.path])
        self._heirs(outcomes, judged)

    def _heirs(self, outcomes: Sequence[Outcome], judged: Mapping[ManagedObjectPath, Judged]) -> None:
        """Judge the objects that inherit a default that changed; what was wrong with them before is not in the way."""
        changed = {o.object.path: frozenset(o.change.names()) for o in outcomes if o.object is not None}
        for heir in heirs(self.judge_, changed):
            if heir.path not in judged:
                before = self.before.world.find(heir.path)
                known = () if before is None else self._problems_of(self.before, before)
                self.problems.extend(p for p in self._problems_of(self.judge_, heir) if p not in known)

    @staticmethod
    def _problems_of(judge: Judge, obj: ManagedObject) -> tuple[Diagnostic, ...]:
        judged = judge.judge(obj)
        return (*judged.problems, *judge.references(judged), *judge.users_harmed(judged))

    def _object(self, obj: ManagedObject) -> Judged:
        judge = self.judge_
        judged = judge.judge(obj)
        told = {(problem.path, problem.property) for problem in self.problems.errors}
        # A value that was refused is not there: that it is missing besides would only be said twice.
        self.problems.extend(
            p for p in judged.problems if p.code != "missing-mandatory" or (p.path, p.property) not in told
        )
        self.problems.extend(judge.references(judged))
        self.problems.extend(judge.users_harmed(judged))
        self.deferred.extend(judged.deferred)
        definition = obj.definition
        if definition.note:
            self.problems.warning("usage", definition.note, path=str(obj.path))
        if definition.deprecated:
            summary = f"{definition.friendly} is deprecated"
            self.problems.warning("usage", summary, path=str(obj.path), remedy=definition.deprecated)
        return judged

    def _actions(self, outcome: Outcome, judged: Judged) -> None:
        """What an administrator has to do; the object before the change is judged in the world before it."""
        properties = outcome.change.definition.properties
        if outcome.change.action != "modify" or all(
            properties[name].admin_action.kind == "none" for name in outcome.change.names()
        ):
            return  # what follows costs as much as all that came before
        old = self.before.world.find(outcome.source or outcome.change.path)
        was = None if old is None else self.before.enabled(self.before.judge(old))
        now = self.judge_.enabled(judged)
        self.actions.extend(required_actions(outcome.change, enabled_before=was, enabled_after=now))

    def _deletion(self, path: ManagedObjectPath) -> None:
        if self.judge_.world.find(path) is not None:
            return  # another object of that name takes its place
        relation = self.registry.relation(path.relation)
        for user in self.judge_.users(path):
            if not user.sure:
                self.problems.add(self.perhaps_used(user, path))
                continue
            self.problems.error(
                "object-in-use",
                f'the {relation.friendly} "{path.name}" cannot be deleted: {user.object.path} uses it '
                f"({user.property.name})",
                path=str(path),
                remedy=f"change or reset {user.property.name} of {user.object.path} first",
            )

    @staticmethod
    def perhaps_used(user: User, path: ManagedObjectPath) -> Diagnostic:
        """Return the warning that an expression may come to name an object that goes away."""
        return Diagnostic(
            "object-in-use",
            f"{path} may be used by {user.object.path}: its {user.property.name} is an expression",
            path=str(user.object.path),
            property=user.property.name,
            severity="warning",
        )

    def with_fixes(
        self, objects: Iterable[ManagedObject | None], touched: Mapping[ManagedObjectPath, set[str]]
    ) -> Sequence[Diagnostic]:
        """Return the errors, a violated constraint with values that would cure it and that the caller did not set."""
        by_path = {str(obj.path): obj for obj in objects if obj is not None}
        return [
            problem.replace(fix=fix)
            if (obj := by_path.get(problem.path)) is not None
            and (fix := next(self._cures(obj, problem, touched.get(obj.path, set())), None))
            else problem
            for problem in self.problems.errors
        ]

    def _cures(
        self, obj: ManagedObject, problem: Diagnostic, touched: set[str]
    ) -> Iterator[tuple[tuple[str, str], ...]]:
        fixes = [c.fixes for c in obj.definition.constraints if c.name == problem.constraint]
        for fix in (fix for several in fixes for fix in several):
            if touched.isdisjoint(name for name, _ in fix):
                cured = obj.replace(values={**obj.values, **{name: (text,) for name, text in fix}})
                if not self.judge_.judge(cured).errors:
                    yield fix
