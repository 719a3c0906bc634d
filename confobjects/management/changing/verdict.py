"""The verdict on a transaction: its problems, its deferred checks, and what an administrator has to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.diagnostics import Collector, Diagnostic
from confobjects.objects.changes import RequiredAction, is_same_value, required_actions
from confobjects.objects.heirs import find_heirs
from confobjects.objects.judging import Judge, Judgement, User
from confobjects.objects.model import DeferredCheck, ManagedObject

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.paths import ManagedObjectPath


class Verdict:
    """Judges the outcomes of a transaction; problems go to its collector."""

    def __init__(self, registry: Registry, judge: Judge, before: Judge, problems: Collector) -> None:
        self.registry = registry
        self.judge_ = judge
        self.before = before
        self.problems = problems
        self.actions: list[RequiredAction] = []
        self.deferred: list[DeferredCheck] = []

    def judge(self, outcomes: Sequence[ObjectOutcome]) -> None:
        """Judge every object that will be written or deleted, and what refers to it."""
        judged: dict[ManagedObjectPath, Judgement] = {}
        for outcome in outcomes:
            obj = outcome.object
            if obj is None:
                self._judge_deletion(outcome.change.path)
                continue
            if obj.path not in judged:  # a renamed and modified object is judged once
                judged[obj.path] = self._judge_object(obj)
            self._collect_actions(outcome, judged[obj.path])
        self._judge_heirs(outcomes, judged)

    def _judge_heirs(self, outcomes: Sequence[ObjectOutcome], judged: Mapping[ManagedObjectPath, Judgement]) -> None:
        """Judge the objects that inherit a changed default; problems they had before do not block the change."""
        changed = {o.object.path: frozenset(o.change.names()) for o in outcomes if o.object is not None}
        for heir in find_heirs(self.judge_, changed):
            if heir.path not in judged:
                before = self.before.world.find(heir.path)
                known = () if before is None else self._problems_of(self.before, before)
                self.problems.extend(p for p in self._problems_of(self.judge_, heir) if p not in known)

    @staticmethod
    def _problems_of(judge: Judge, obj: ManagedObject) -> tuple[Diagnostic, ...]:
        judged = judge.judge(obj)
        return (*judged.problems, *judge.check_references(judged), *judge.check_users(judged))

    def _judge_object(self, obj: ManagedObject) -> Judgement:
        judge = self.judge_
        judged = judge.judge(obj)
        told = {(problem.path, problem.property) for problem in self.problems.errors}
        # A refused value is not set: reporting it as missing too would repeat the problem.
        self.problems.extend(
            p for p in judged.problems if p.code != "missing-mandatory" or (p.path, p.property) not in told
        )
        self.problems.extend(judge.check_references(judged))
        self.problems.extend(judge.check_users(judged))
        self.deferred.extend(judged.deferred)
        definition = obj.definition
        if definition.note:
            self.problems.warning("usage", definition.note, path=str(obj.path))
        if definition.deprecated:
            summary = f"{definition.friendly} is deprecated"
            self.problems.warning("usage", summary, path=str(obj.path), remedy=definition.deprecated)
        return judged

    def _collect_actions(self, outcome: ObjectOutcome, judged: Judgement) -> None:
        """Collect what an administrator has to do; the old object is judged in the world before the change."""
        properties = outcome.change.definition.properties
        named = [name for name in outcome.change.names() if properties[name].admin_action.kind != "none"]
        if outcome.change.action != "modify" or not named or outcome.object is None:
            return  # judging the old object costs as much as everything before
        old = self.before.world.find(outcome.source or outcome.change.path)
        names = [name for name in named if self._changes_value(old, outcome.object, properties[name])]
        if not names:
            return
        was = None if old is None else self.before.is_enabled(self.before.judge(old))
        now = self.judge_.is_enabled(judged)
        self.actions.extend(required_actions(outcome.change, names, enabled_before=was, enabled_after=now))

    def _changes_value(self, old: ManagedObject | None, new: ManagedObject, prop: PropertyDefinition) -> bool:
        """Tell whether the current value of a property changes, whether it is stored, a default or inherited."""
        before, _ = self.before.reader.read_current(old or new.replace(values={}), prop)
        after, _ = self.judge_.reader.read_current(new, prop)
        return not is_same_value(prop, before, after)

    def _judge_deletion(self, path: ManagedObjectPath) -> None:
        if self.judge_.world.find(path) is not None:
            return  # another object of that name takes its place
        relation = self.registry.relation(path.relation)
        for user in self.judge_.users(path):
            if not user.sure:
                self.problems.add(self.describe_possible_use(user, path))
                continue
            self.problems.error(
                "object-in-use",
                f'the {relation.friendly} "{path.name}" cannot be deleted: {user.object.path} uses it '
                f"({user.property.name})",
                path=str(path),
                remedy=f"change or reset {user.property.name} of {user.object.path} first",
            )

    @staticmethod
    def describe_possible_use(user: User, path: ManagedObjectPath) -> Diagnostic:
        """Return the warning that an expression may evaluate to the name of an object that is deleted or renamed."""
        return Diagnostic(
            "object-in-use",
            f"{path} may be used by {user.object.path}: its {user.property.name} is an expression",
            path=str(user.object.path),
            property=user.property.name,
            severity="warning",
        )

    def suggest_fixes(
        self, objects: Iterable[ManagedObject | None], touched: Mapping[ManagedObjectPath, set[str]]
    ) -> Sequence[Diagnostic]:
        """Return the errors; a violated constraint carries values that would fix it and that the caller did not set."""
        by_path = {str(obj.path): obj for obj in objects if obj is not None}
        return [
            problem.replace(fix=fix)
            if (obj := by_path.get(problem.path)) is not None
            and (fix := next(self._find_fixes(obj, problem, touched.get(obj.path, set())), None))
            else problem
            for problem in self.problems.errors
        ]

    def _find_fixes(
        self, obj: ManagedObject, problem: Diagnostic, touched: set[str]
    ) -> Iterator[tuple[tuple[str, str], ...]]:
        fixes = [c.fixes for c in obj.definition.constraints if c.name == problem.constraint]
        for fix in (fix for several in fixes for fix in several):
            if touched.isdisjoint(name for name, _ in fix):
                cured = obj.replace(values={**obj.values, **{name: (text,) for name, text in fix}})
                if not self.judge_.judge(cured).errors:
                    yield fix
