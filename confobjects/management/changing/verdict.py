"""The verdict on a transaction: its problems, its deferred checks, and what an administrator has to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Collector, Diagnostic
from confobjects.management.changing.reentry import Given, ReentryRule, describe_dependent
from confobjects.objects.changes import RequiredAction, required_actions
from confobjects.objects.heirs import Changed, Heir, PlaceBefore, changes_value, find_heirs
from confobjects.objects.judging import Judge, Judgement, User
from confobjects.objects.model import DeferredCheck, ManagedObject
from confobjects.paths import ManagedObjectPath

if TYPE_CHECKING:
    from confobjects.actions import Remedy, Verb
    from confobjects.management.changing.outcomes import ObjectOutcome


class Verdict:
    """Judges the outcomes of a transaction; problems go to its collector.

    With ``closely`` it also looks for secrets that are expressions and stay, for whoever has to approve of the change.
    """

    def __init__(  # noqa: PLR0913 - what is judged, and how
        self,
        judge: Judge,
        before: Judge,
        place_before: PlaceBefore,
        problems: Collector,
        given: Given | None = None,
        *,
        closely: bool = False,
    ) -> None:
        self._closely = closely
        self.registry = judge.registry
        self.judge_ = judge
        self.before = before
        self.place_before = place_before
        self.problems = problems
        self.given = {} if given is None else given
        self.actions: list[RequiredAction] = []
        self.deferred: list[DeferredCheck] = []
        self.reused: list[Diagnostic] = []
        """The problems of stored secrets that are kept with another target; some of them are only warnings."""
        self.kept: list[Diagnostic] = []
        """The same with secrets that are expressions, if they were looked for."""

    def judge(self, outcomes: Sequence[ObjectOutcome]) -> None:
        """Judge every object that will be written or deleted, what refers to it, and what follows it."""
        judged: dict[ManagedObjectPath, Judgement] = {}
        places = [(o.source, o.object.path) for o in outcomes if o.source is not None and o.object is not None]
        moved = {old: new for old, new in places if old != new}
        rule = ReentryRule(self.before, self.judge_, self.given, moved)
        self._close_rule = ReentryRule(self.before, self.judge_, self.given, moved, closely=True)
        for outcome in outcomes:
            obj = outcome.object
            if obj is None:
                self._judge_deletion(outcome.change.path)
            elif obj.path not in judged:  # a renamed and modified object is judged once
                judged[obj.path] = self._judge_object(obj)
                if old := self.before.world.find(outcome.source or obj.path):
                    self._note_reused(rule, old, obj)
        found = find_heirs(self.before, self.judge_, self._find_changed(outcomes), self.place_before)
        heirs = {heir.after.path: heir for heir in found}
        for heir in heirs.values():
            if heir.after.path not in judged:
                judged[heir.after.path] = self._judge_heir(heir, rule)
        self._collect_actions(outcomes, heirs, judged)

    def _find_changed(self, outcomes: Sequence[ObjectOutcome]) -> Changed:
        """Return the properties whose values may change for an heir, by the object that they change in.

        An object that comes, goes or moves takes its heirs along, unless they name it by its path.
        """
        registry = self.registry
        found: dict[ManagedObjectPath, frozenset[str]] = {}
        for outcome in (outcome for outcome in outcomes if outcome.object is not None):
            change = outcome.change
            path = change.new_path or change.path
            old = self.before.world.find(outcome.source or change.path)
            is_replaced = old is not None and old.definition is not change.definition  # its defaults may differ, too
            names = change.definition.properties if is_replaced else change.names()
            found[path] = found.get(path, frozenset()).union(names)
        others = [outcome for outcome in outcomes if outcome.change.action != "modify"]
        definitions = {outcome.change.definition.name: outcome.change.definition for outcome in others}
        heirs = registry.heirs_of(frozenset(name for one in definitions.values() for name in one.properties))
        fixed = [prop.default.path for _, prop in heirs if prop.default.kind == "inherited-absolute"]
        places = {registry.parse_path(path) for path in fixed}
        for change in (outcome.change for outcome in others):
            for path in places.intersection({change.path, change.new_path or change.path}):
                found[path] = found.get(path, frozenset()).union(change.definition.properties)
        return found

    def _judge_heir(self, heir: Heir, rule: ReentryRule) -> Judgement:
        """Judge an object with a default that changes; problems it had before do not block the change."""
        known: tuple[Diagnostic, ...] = ()
        if (old := heir.before) is not None:
            here, place = str(heir.after.path), str(old.path)
            known = self._problems_of(self.before, self.before.judge(old))
            known = tuple(p.replace(path=here) if p.path == place else p for p in known)
            self._note_reused(rule, old, heir.after)
        judged = self.judge_.judge(heir.after)
        self.problems.extend(p for p in self._problems_of(self.judge_, judged) if p not in known)
        return judged

    def _note_reused(self, rule: ReentryRule, old: ManagedObject, new: ManagedObject) -> None:
        found = list(rule.find_reused(old, new))
        self.reused.extend((*found, *rule.find_reused_pairs(old, new)))
        self.problems.extend(found)
        dependents = rule.find_dependents(old, new)
        self.reused.extend(describe_dependent(new, one) for one in dependents)
        self.problems.extend(rule.warn_of_dependents(old, new, dependents))
        if self._closely:
            self.kept.extend(self._close_rule.find_all(old, new))

    @staticmethod
    def _problems_of(judge: Judge, judged: Judgement) -> tuple[Diagnostic, ...]:
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

    def _collect_actions(
        self,
        outcomes: Sequence[ObjectOutcome],
        heirs: Mapping[ManagedObjectPath, Heir],
        judged: Mapping[ManagedObjectPath, Judgement],
    ) -> None:
        """Collect what an administrator has to do, for the objects that are changed and for their heirs."""
        created = {outcome.object.path for outcome in outcomes if outcome.object and outcome.change.action == "create"}
        for outcome in outcomes:
            if outcome.object is None or outcome.change.action != "modify":
                continue
            obj = outcome.object
            old = self.before.world.find(outcome.source or outcome.change.path) or obj.replace(values={})
            following = heirs[obj.path].names if obj.path in heirs else ()
            names = dict.fromkeys((*outcome.change.names(), *following))
            self._collect_actions_of(old, judged[obj.path], names, restarted=outcome.change.restarted)
        modified = {outcome.object.path for outcome in outcomes if outcome.object and outcome.change.action == "modify"}
        for path, heir in heirs.items():
            above = (ManagedObjectPath(path.elements[:length]) for length in range(1, len(path.elements) + 1))
            if heir.before is not None and path not in modified and created.isdisjoint(above):
                self._collect_actions_of(heir.before, judged[path], heir.names)

    def _collect_actions_of(
        self, old: ManagedObject, judged: Judgement, names: Iterable[str], *, restarted: bool = False
    ) -> None:
        """Collect the actions of one object; the old object is judged in the world before the change."""
        new = judged.object
        properties = new.definition.properties
        named = [name for name in names if properties[name].admin_action.kind != "none"]
        named = [name for name in named if changes_value(self.before, old, self.judge_, new, name)]
        if not named:
            return  # judging the old object costs as much as everything before
        was = self.before.is_enabled(self.before.judge(old))
        now = self.judge_.is_enabled(judged)
        self.actions.extend(required_actions(new, named, enabled_before=was, enabled_after=now, restarted=restarted))

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
                f"({user.as_words()})",
                path=str(path),
                remedy=self._advise_release(user),
            )

    def _advise_release(self, user: User) -> Remedy:
        """Return how an object lets go of another one: by another value, or by none where it may have none."""
        path, words = user.object.path, f"{user.as_words()} of {user.object.path}"
        if user.reference.name:
            return f"change or remove {words} first"
        if user.property.mandatory or user.property.required_when is not None:
            return f"change {words} first, or delete {path}"
        relation = self.registry.relation(path.relation)
        if len(path.elements) > 1 or relation.kind == "set":
            return f"change or reset {words} first"
        named = (relation.name_option, path.name) if path.name is not None else ()
        verb: Verb = "reset" if named else "reset-single"
        return f"change {words} first, or ", RemedyAction(verb, relation.name, *named, user.property.name)

    @staticmethod
    def describe_possible_use(user: User, path: ManagedObjectPath) -> Diagnostic:
        """Return the warning that an expression may evaluate to the name of an object that is deleted or renamed."""
        return Diagnostic(
            "object-in-use",
            f"{path} may be used by {user.object.path}: its {user.as_words()} is an expression",
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
            and (fix := next(find_fixes(self.judge_, obj, problem, touched.get(obj.path, set())), None))
            else problem
            for problem in self.problems.errors
        ]


def find_fixes(
    judge: Judge,
    obj: ManagedObject,
    problem: Diagnostic,
    touched: Collection[str] = (),
    left: Collection[Diagnostic] = (),
) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the declared fixes of a violated constraint that change none of the ``touched`` properties.

    With each of them the object is valid, but for problems that may be ``left``.
    """
    fixes = [c.fixes for c in obj.definition.constraints if c.name == problem.constraint]
    for fix in (fix for several in fixes for fix in several):
        names = [name for name, _ in fix]
        if not set(names).intersection(touched) and not any(obj.definition.properties[name].is_fixed for name in names):
            cured = obj.replace(values={**obj.values, **{name: (text,) for name, text in fix}})
            if all(error in left for error in judge.judge(cured).errors):
                yield fix
