"""Tests of what is saved: asked for by a transaction, made by whoever can reach what the objects are about.

Laws of this module:

1. What is tested is what will be saved: the values as they were judged, before the lock is taken in which they are written.
2. A stored secret is never used with another target, also where a change that keeps it is only warned of: such a change is
   not tested, so it is refused.
3. If what was tested, or anything it depends on, is changed by somebody else during the test, nothing is saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from confobjects.actions import RemedyAction, as_parts
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ChangedMeanwhileError, error_for
from confobjects.objects.reading import mask_value
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.management.site import Site
    from confobjects.objects.changes import SaveTest
    from confobjects.objects.judging import Judge
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.protocols import World
    from confobjects.objects.reading import PropertyReader
    from confobjects.paths import ManagedObjectPath


class TestDecision(Record):
    """What becomes of some objects that are saved. ``tested`` are those to be tested first, ``tests`` what to note of each."""

    __test__ = False  # pytest would otherwise collect it because of its name

    tests: Mapping[ManagedObjectPath, SaveTest]
    tested: tuple[ManagedObject, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()


class SaveTester(Protocol):
    """Decides which of the saved objects are tested, and tests them."""

    def decide(self, site: Site, world: World, saved: Sequence[ManagedObject]) -> TestDecision:
        """Return what becomes of objects that can be tested, in a world where they are saved. It connects nowhere."""
        ...

    def test(self, site: Site, world: World, tested: Sequence[ManagedObject]) -> TestDecision:
        """Test objects as they will be, and return what was tested. Raises one error with every failure."""
        ...

    def keep(self, site: Site, paths: Iterable[ManagedObjectPath]) -> Iterator[Diagnostic]:
        """Keep the results of tested objects, which are saved now; yield a warning for each that cannot be kept."""
        ...


OpenTests = Callable[["Site"], SaveTester]
"""Makes the tester of a change; it is called only if an object is saved that can be tested."""


def find_saved(
    outcomes: Sequence[ObjectOutcome],
    reader: PropertyReader,
    touched: Mapping[ManagedObjectPath, set[str]],
    followed: Mapping[ManagedObjectPath, set[str]],
) -> Iterator[ManagedObject]:
    """Yield the saved objects that can be tested and are, or may be, enabled.

    ``touched`` are the properties that the change names: any other secret is only sealed again, and is what it was.
    ``followed`` are references that only follow the new name of an object: they lead where they did before.
    """
    for outcome in outcomes:
        obj = outcome.object
        if obj is None or obj.definition.verification is None or outcome.change.action not in ("create", "modify"):
            continue
        named = touched.get(obj.path, set())
        changed = {n for n in outcome.change.names() if n in named or not obj.definition.properties[n].can_hold_secret}
        if outcome.change.action == "modify" and changed <= followed.get(obj.path, set()):
            continue
        if may_be_enabled(reader, obj):
            yield obj


def may_be_enabled(reader: PropertyReader, obj: ManagedObject) -> bool:
    """Tell whether an object is enabled, or may be once its expressions are evaluated."""
    condition, properties = obj.definition.enabled_when, obj.definition.properties
    return condition is None or condition.judge(lambda name: reader.read(obj, properties[name]).normals) is not False


def find_depended(judge: Judge, objects: Sequence[ManagedObject]) -> list[ManagedObject]:
    """Return objects and all that they refer to, as far as they exist."""
    found = {obj.path: obj for obj in objects}
    waiting = list(objects)
    for obj in waiting:
        judged = judge.judge(obj)
        for prop in obj.definition.properties.values():
            for reference in prop.references:
                for path in judge.find_targets(judged, prop, reference):
                    target = judge.world.find(path)
                    if target is not None and target.path not in found:
                        found[target.path] = target
                        waiting.append(target)
    return list(found.values())


def describe_state(judge: Judge, obj: ManagedObject, stored: ManagedObject | None) -> Any:
    """Return what tells the state that an object was tested in from another one.

    ``stored`` is the object in the storage: the secrets of the change itself are the same whenever it is planned again, but
    may be sealed anew.
    """
    reader = judge.reader
    current = {
        name: tuple(mask_value(prop, text) for text in reader.read_current(obj, prop)[0])
        for name, prop in obj.definition.properties.items()
        if not prop.sensitive
    }
    return obj.definition.name, None if stored is None else stored.values, current


def refuse_reused(reused: Sequence[Diagnostic], depended: Sequence[ManagedObject]) -> None:
    """Raise one error with every stored secret that a test of some objects would use with another target."""
    paths = {str(obj.path) for obj in depended}
    found = [problem for problem in reused if problem.path in paths]
    if found:
        also = ("; a test would use the stored one. ", RemedyAction("save-untested"))
        raise error_for(
            problem.replace(severity="error", remedy=(*as_parts(problem.remedy), *also)) for problem in found
        )


def refuse_changed(path: ManagedObjectPath) -> NoReturn:
    """Raise that an object is not what was tested."""
    summary = "the object, or one it depends on, was changed by someone else while it was tested: nothing was saved"
    remedy = "look at the objects as they are now, and repeat the change if it is still wanted"
    raise ChangedMeanwhileError(Diagnostic("changed-meanwhile", summary, path=str(path), remedy=remedy))
