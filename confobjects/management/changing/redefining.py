"""Changes of the definitions that a configuration holds, judged together with the objects that are there.

Laws of this module:

1. A change of the definitions is planned and judged with the definitions that will be stored, and every stored object
   is judged by them. What they break is listed, object by object, and nothing is written. A problem that an object had
   before does not block the change.
2. No object is lost: one that the new definitions do not find any more blocks the change.
3. What protects values may only be given up on purpose: a secret, a mandatory property, a constraint, and what is built
   in.
4. Values follow a property that is renamed, in the same commit, and follow it back when the change is taken back.
   Attributes that no version knows stay.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.definitions.installed import DIGEST, TEXT, InstalledText, merge_installed
from confobjects.definitions.losses import find_affected, find_carried, find_losses, find_successor
from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import Diagnostic
from confobjects.errors import UnknownNameError
from confobjects.paths import ROOT

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.definitions.installed import UnusableDefinition
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.site import Site
    from confobjects.management.world import Overlay, StorageWorld
    from confobjects.mapping.entry import Entry
    from confobjects.objects.judging import Judge, Judgement
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath


_SHOWN: Final = 10


def collect_installed(site: Site, world: Overlay) -> tuple[InstalledText, ...]:
    """Return the installed definitions as they will be, sorted by name."""
    found = world.members(site.registry.relation(HOLDER_KIND), ROOT)
    return tuple(sorted((as_installed(site, obj) for obj in found), key=lambda one: one.name))


def as_installed(site: Site, obj: ManagedObject) -> InstalledText:
    """Return the definition that an object holds."""
    text, digest = (next(iter(obj.values.get(name, ())), "") for name in (TEXT, DIGEST))
    return InstalledText(obj.name, str(site.mapper.dn_of(obj.path)), text, digest, next(iter(obj.problems), None))


class Redefinition:
    """A change from the definitions of one site to others, and the site to plan it with.

    ``target`` are the definitions as they will be. The site to plan with also has those that are removed, and
    ``others`` that steps of the change need, so that the deletion of their objects can be planned.
    """

    def __init__(
        self, before: Site, installed: tuple[InstalledText, ...], others: Iterable[InstalledText] = ()
    ) -> None:
        self.before = before
        self.installed = installed
        self._secrets: dict[str, frozenset[str]] = {}
        self.seen: set[tuple[str, str, str, str]] = set()
        """The keys of the problems that stored objects had when the change was planned."""
        self.target = before.registry.with_installed(installed)
        self._affected = find_affected(before.registry, self.target)
        registry = self._add_removed((*before.registry.installed, *others))
        self.site = before.with_registry(registry, find_carried(before.registry, registry, self._affected))

    def _add_removed(self, others: Iterable[InstalledText]) -> Registry:
        """Return the definitions to plan with; the target alone where the others do not go with it."""
        both = merge_installed(others, self.installed)
        found = self.target.with_installed(both)
        known = {one.installed for one in (*self.before.registry.unusable, *self.target.unusable)}
        return found if all(one.installed in known for one in found.unusable) else self.target

    # -- the verdict -----------------------------------------------------------------------------------------------

    def judge(self, world: Overlay, outcomes: Sequence[ObjectOutcome], *, accept_losses: bool) -> Iterator[Diagnostic]:
        """Yield every problem of the change that comes from the definitions; ``world`` shows the objects as they will be."""
        if unusable := list(self._find_unusable()):
            yield from unusable
            return
        losses = list(find_losses(self.before.registry, self.target, self._affected))
        if losses and not accept_losses:  # nothing is judged by definitions that do not know what is secret
            yield from map(_refuse_loss, losses)
            return
        yield from (loss.replace(severity="warning") for loss in losses)
        below = self.before.open_world()
        stored = [obj for obj in self.before.all_objects(below) if obj.path in below.entries]
        yield from self._find_undefined(outcomes)
        yield from self._find_orphans()
        gone = {outcome.change.path for outcome in outcomes if outcome.object is None}
        moved = {outcome.change.path for outcome in outcomes if outcome.change.action == "rename"}
        left = [
            obj for obj in stored if obj.path not in gone and obj.path not in moved and obj.path.relation != HOLDER_KIND
        ]
        lost = list(self._find_lost(left, world))
        yield from lost
        if not lost:
            touched = {outcome.object.path for outcome in outcomes if outcome.object is not None}
            yield from self._judge_others([obj.path for obj in left if obj.path not in touched], below, world)
            yield from self._find_strangers(left, world)

    def _find_unusable(self) -> Iterator[Diagnostic]:
        known = {one.installed for one in self.before.registry.unusable}
        for one in self.target.unusable:
            if one.installed not in known:
                yield from self._explain_unusable(one)

    def _explain_unusable(self, one: UnusableDefinition) -> Iterator[Diagnostic]:
        unchanged = one.installed in self.before.registry.installed
        for problem in one.problems:
            more = (f'this change takes away what the definition "{one.installed.name}" needs',) if unchanged else ()
            yield problem.replace(more=(*problem.more, *more))

    def _find_undefined(self, outcomes: Iterable[ObjectOutcome]) -> Iterator[Diagnostic]:
        """Yield a problem for each written object that no definition will define."""
        for outcome in outcomes:
            if outcome.object is not None and outcome.object.definition.name not in self.target:
                kind, path = outcome.object.definition.name, outcome.object.path
                yield Diagnostic(
                    "object-in-use", f'the definition "{kind}" is removed, and {path} needs it', path=str(path)
                )

    def _find_orphans(self) -> Iterator[Diagnostic]:
        """Yield a problem for each removed definition that could not be used, so that its objects are not known, but has entries."""
        kept = {one.name for one in self.installed}
        for one in self.before.registry.unusable:
            if one.installed.name in kept:
                continue
            storage = self.before.storage
            found = list(storage.search(storage.base, "sub", f"ds-cfg-{one.installed.name}", ("objectClass",)))
            for entry in found[:_SHOWN]:
                summary = f'the definition "{one.installed.name}" cannot be removed: "{entry.dn}" is an object of it'
                remedy = "install a definition that can be used, and delete its objects first"
                yield Diagnostic("object-in-use", summary, remedy=remedy)

    def _find_lost(self, stored: Iterable[ManagedObject], world: Overlay) -> Iterator[Diagnostic]:
        """Yield a problem for each object that its definition leaves, or that is not found where it is."""
        for obj in stored:
            path, kind = obj.path, obj.definition.name
            if kind not in self.target:
                summary = f'the definition "{kind}" cannot be removed: {path} is an object of it'
                yield Diagnostic("object-in-use", summary, path=str(path), remedy=f"delete {path} first")
                continue
            found = self._find(path, world)
            if found is None or found.definition.name != kind:
                summary = f'the new definition of "{kind}" does not find the object any more'
                remedy = "leave the relation, its branch, the naming attribute and the object class as they are"
                yield Diagnostic("constraint-violated", summary, path=str(path), remedy=remedy)

    @staticmethod
    def _find(path: ManagedObjectPath, world: Overlay) -> ManagedObject | None:
        try:
            return world.find(path) if world.is_written(path) or world.find(path) is not None else None
        except UnknownNameError:
            return None

    def _judge_others(
        self, paths: Iterable[ManagedObjectPath], below: StorageWorld, world: Overlay
    ) -> Iterator[Diagnostic]:
        """Yield the problems that objects have by the new definitions and did not have before."""
        old, new = self.before.make_judge(below), self.site.make_judge(world)
        for path in paths:
            obj, was = world.find(path), below.find(path)
            assert obj is not None  # noqa: S101 - lost objects were reported
            if problems := [problem for problem in _judge_object(new, obj) if problem.severity == "error"]:
                self.seen.update(map(_key_of, problems))
                known = set() if was is None else {_key_of(problem) for problem in _judge_object(old, was)}
                found = (problem for problem in problems if _key_of(problem) not in known)
                yield from (self._hide_secret(problem, obj.definition.name) for problem in found)

    def _hide_secret(self, problem: Diagnostic, kind: str) -> Diagnostic:
        """Return a problem without its value, if that was a secret by the definitions before."""
        if problem.property not in self._former_secrets(kind):
            return problem
        summary = f"the value of {problem.property} does not fit the new definition"
        detail = "it is not shown, because it was a secret"
        return Diagnostic(problem.code, summary, path=problem.path, property=problem.property, detail=detail)

    def _former_secrets(self, kind: str) -> frozenset[str]:
        if kind not in self._secrets:
            before = self.before.registry.definition(kind).properties.values()
            secrets = [prop for prop in before if prop.can_hold_secret or prop.syntax.sensitive]
            after = self.site.registry.definition(kind)
            found = (find_successor(prop, after) for prop in secrets)
            self._secrets[kind] = frozenset(prop.name for prop in found if prop is not None)
        return self._secrets[kind]

    def _find_strangers(self, stored: Iterable[ManagedObject], world: Overlay) -> Iterator[Diagnostic]:
        """Yield a warning for each attribute that had a property before and has none now: it stays in the entry."""
        found: dict[tuple[str, str], list[ManagedObject]] = {}
        for obj in stored:
            now = world.find(obj.path)
            known = {name.lower() for name in obj.unknown}
            for name in () if now is None else now.unknown:
                if name.lower() not in known:
                    found.setdefault((obj.definition.name, name), []).append(obj)
        for (kind, name), holders in found.items():
            summary = (
                f"{name} belongs to no property of {kind} any more: it stays in {_count(holders)}, and is not used"
            )
            yield Diagnostic("usage", summary, path=str(holders[0].path), severity="warning")

    def check_schema(self) -> Iterator[Diagnostic]:
        """Yield what the server lacks for objects of the installed definitions: schema, and rules for new secrets."""
        find_missing = getattr(self.site.storage, "find_missing_schema", None)
        if find_missing is None:
            return
        from confobjects.mapping.ldap_schema import find_secret_attributes

        secrets = {*find_secret_attributes(self.target)}.difference(find_secret_attributes(self.before.registry))
        if secrets:
            summary = f"the server's access rules do not protect {', '.join(sorted(secrets))} yet"
            remedy: Remedy = (RemedyAction("load-access-rules"),)
            yield Diagnostic("access-refused", summary, remedy=remedy, severity="warning")
        if missing := find_missing(*_find_required_schema(self.target)):
            summary = f"the server's schema lacks {', '.join(missing[:_SHOWN])}"
            more = (f"and {len(missing) - _SHOWN} more",) if len(missing) > _SHOWN else ()
            remedy = (RemedyAction("load-schema-of-definitions"),)
            yield Diagnostic("storage-failed", summary, origin=self.site.storage.url, more=more, remedy=remedy)

    # -- what is written besides ---------------------------------------------------------------------------------------

    def find_carried_objects(self, world: Overlay, entries: Mapping[ManagedObjectPath, Entry]) -> list[ManagedObject]:
        """Return the objects that nothing else changes and that hold values under a name they had before."""
        found = []
        for path, entry in entries.items():
            obj = world.find(path) if path not in world.pending and path not in world.moved.values() else None
            if obj is None:
                continue
            former = self.site.mapper.former_attributes(obj.definition)
            if any(name.lower() in former for name in entry.attributes):
                found.append(obj)
        return found

    def describe_carried(self, world: Overlay, entries: Mapping[ManagedObjectPath, Entry]) -> Iterator[Diagnostic]:
        """Yield a warning for each property whose values are stored under another name now."""
        counts: dict[tuple[str, str, str], list[ManagedObject]] = {}
        for obj in self.find_carried_objects(world, entries):
            former = self.site.mapper.former_attributes(obj.definition)
            for name in entries[obj.path].attributes:
                if prop := former.get(name.lower()):
                    counts.setdefault((obj.definition.name, name, prop.name), []).append(obj)
        for (kind, attribute, name), several in counts.items():
            summary = f"{kind}: the values of {attribute} are now those of {name}, in {_count(several)}"
            yield Diagnostic("usage", summary, path=str(several[0].path), property=name, severity="warning")


def judge_again(
    before: Site,
    installed: tuple[InstalledText, ...],
    written: Iterable[ManagedObject | None],
    change: Redefinition | None,
) -> Iterator[Diagnostic]:
    """Yield what is wrong with what was written, by the definitions that are there now.

    If the definitions were changed too, every object is judged; what was known of one when the change was planned does
    not count.
    """
    site = before.with_registry(before.registry.with_installed(installed))
    expected = before.registry if change is None else change.target
    known = {one.installed for one in (*expected.unusable, *before.registry.unusable)}
    yield from (problem for one in site.registry.unusable if one.installed not in known for problem in one.problems)
    judge = site.make_judge(world := site.open_world())
    if change is None:
        paths = [obj.path for obj in written if obj is not None]
        objects = [world.find(path) if path.relation in site.registry.relations() else None for path in paths]
        gone = (
            path for path, obj in zip(paths, objects, strict=True) if path.relation not in site.registry.relations()
        )
        for path in gone:
            yield Diagnostic("object-in-use", f"the definition of {path} is not there any more", path=str(path))
    else:
        objects = [obj for obj in site.all_objects(world) if obj.path in world.entries]
    for obj in objects:
        problems = () if obj is None else _judge_object(judge, obj)
        seen = frozenset() if change is None else change.seen
        yield from (one for one in problems if one.severity == "error" and _key_of(one) not in seen)


def _judge_object(judge: Judge, obj: ManagedObject) -> Iterator[Diagnostic]:
    judged: Judgement = judge.judge(obj)
    yield from judged.problems
    yield from judge.check_references(judged)


def _key_of(problem: Diagnostic) -> tuple[str, str, str, str]:
    return problem.code, problem.path, problem.property, problem.summary


def _refuse_loss(loss: Diagnostic) -> Diagnostic:
    return loss.replace(remedy=("if that is meant, ", RemedyAction("accept-losses")))


def _count(objects: Collection[ManagedObject]) -> str:
    return "1 object" if len(objects) == 1 else f"{len(objects)} objects"


def _find_required_schema(target: Registry) -> tuple[frozenset[str], frozenset[str]]:
    """Return the attributes and the object classes that objects of the installed definitions need, in their spelling."""
    names = [HOLDER_KIND, *(name for name, document in target.documents.items() if document.source == "installed")]
    built = [target.definition(name) for name in names]
    attributes = {prop.attribute for one in built for prop in one.properties.values()}
    attributes.update(name for one in built for name in one.constants)
    attributes.update(r.naming_attribute for r in target.relations().values() if r.target in names)
    return frozenset(attributes), frozenset(name for one in built for name in one.object_classes)
