"""The verdict on a transaction: what is wrong with it, what it defers, and what an administrator has to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Collector, Diagnostic
from confobjects.objects.changes import RequiredAction, required_actions
from confobjects.objects.judging import Judge, User
from confobjects.objects.model import Deferred, ManagedObject

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.commit import Outcome
    from confobjects.management.world import StorageWorld
    from confobjects.paths import ManagedObjectPath


class Verdict:
    """Judges the outcomes of a transaction; problems go to its collector."""

    def __init__(self, registry: Registry, judge: Judge, before: StorageWorld, problems: Collector) -> None:
        self.registry = registry
        self.judge_ = judge
        self.before = before
        self.problems = problems
        self.actions: list[RequiredAction] = []
        self.deferred: list[Deferred] = []

    def judge(self, outcomes: Iterable[Outcome]) -> None:
        """Judge every object that will be written or deleted, and what refers to it."""
        for outcome in outcomes:
            if outcome.object is None:
                self._deletion(outcome.change.path)
            else:
                self._object(outcome, outcome.object)

    def _object(self, outcome: Outcome, obj: ManagedObject) -> None:
        judge = self.judge_
        judged = judge.judge(obj)
        self.problems.extend(judged.problems)
        self.problems.extend(judge.references(judged))
        self.problems.extend(judge.users_harmed(judged))
        self.deferred.extend(judged.deferred)
        definition = obj.definition
        if definition.note:
            self.problems.warning("usage", definition.note, path=str(obj.path))
        if definition.deprecated:
            summary = f"{definition.friendly} is deprecated"
            self.problems.warning("usage", summary, path=str(obj.path), remedy=definition.deprecated)
        if outcome.change.action == "modify" and (old := self.before.find(outcome.source)) is not None:
            was = judge.enabled(judge.judge(old))
            self.actions.extend(
                required_actions(outcome.change, enabled_before=was, enabled_after=judge.enabled(judged))
            )

    def _deletion(self, path: ManagedObjectPath) -> None:
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
        fixes = [c.fixes for c in obj.definition.constraints if c.synopsis == problem.summary]
        for fix in (fix for several in fixes for fix in several):
            if touched.isdisjoint(name for name, _ in fix):
                cured = obj._replace(values={**obj.values, **{name: (text,) for name, text in fix}})
                if not self.judge_.judge(cured).errors:
                    yield fix
