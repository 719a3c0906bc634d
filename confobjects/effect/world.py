"""Objects whose own values are evaluated, and what depends on which of them.

An object keeps the readings of its own values, so that a value stays what it was when it came into effect, whatever its
expression gives later. What an object takes from others (inherited defaults) is read in the world it stands in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from confobjects.effect.layers import Layers
from confobjects.expressions.openers import has_opener
from confobjects.objects.judging import Judge, Judgement
from confobjects.objects.model import ManagedObject, Reading
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry, Relation
    from confobjects.objects.protocols import Evaluator

Names = frozenset[str]
"""Names of properties."""
Link = tuple[Literal["use", "heir", "child"], ManagedObjectPath, str]
"""What others depend on: an object that is referred to, a property that defaults come from, or a parent."""
Follower = tuple[ManagedObjectPath, str]
"""Who depends on it, and through which property."""
Links = frozenset[tuple[Link, Follower]]


class EvaluatedObject(Record):
    """An object with the readings of its own values: the stored ones, and defaults with an expression.

    ``disablings`` counts how often the object has been disabled, if its storage keeps count.
    """

    object: ManagedObject
    readings: Mapping[str, Reading]
    disablings: int | None = None

    def __repr__(self) -> str:
        """Tell which object it is, without its values."""
        return f"<evaluated {self.object!r}>"


def evaluate_object(
    obj: ManagedObject,
    registry: Registry,
    evaluate: Evaluator,
    *,
    known: Mapping[str, Reading] | None = None,
    disablings: int | None = None,
) -> EvaluatedObject:
    """Return an object with its own values evaluated; problems are in the readings. ``known`` are used as they are."""
    reader = PropertyReader(registry, EvaluatedWorld(registry), evaluate)
    given = {} if known is None else known
    properties = obj.definition.properties.items()
    return EvaluatedObject(
        obj,
        {name: given.get(name) or reader.read(obj, prop) for name, prop in properties if has_own_value(obj, prop)},
        disablings,
    )


def has_own_value(obj: ManagedObject, prop: PropertyDefinition) -> bool:
    """Tell whether an object keeps the reading of a property: it has a stored value, or a default with an expression."""
    return bool(obj.values.get(prop.name)) or any(map(has_opener, prop.default.values))


def is_same_reading(one: Reading | None, other: Reading | None) -> bool:
    """Tell whether two readings are of the same texts, with the same values. None is no value."""
    if one is None or other is None or one is other:
        return one is other
    return one.texts == other.texts and one.values == other.values


class EvaluatedWorld:
    """Evaluated objects by path, and the links between them. A world never changes."""

    __slots__ = ("_followers", "_links", "objects", "registry")

    def __init__(self, registry: Registry, objects: Layers[ManagedObjectPath, EvaluatedObject] | None = None) -> None:
        self.registry = registry
        self.objects: Layers[ManagedObjectPath, EvaluatedObject] = Layers() if objects is None else objects
        self._links: Layers[ManagedObjectPath, Links] = Layers()
        self._followers: Layers[Link, Layers[Follower, bool]] = Layers()

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        """Return the object at a path, None when there is none."""
        found = self.objects.get(path)
        return None if found is None else found.object

    def members(self, relation: Relation, parent: ManagedObjectPath) -> Iterator[ManagedObject]:
        """Yield the objects of a relation below a parent."""
        for path, _ in self.find_followers(("child", parent, "")):
            if path.relation == relation.name and (found := self.find(path)) is not None:
                yield found

    def find_followers(self, link: Link) -> Iterable[Follower]:
        """Return who depends on an object or a property."""
        found: Layers[Follower, bool] | None = self._followers.get(link)
        return () if found is None else found

    def with_objects(self, changes: Mapping[ManagedObjectPath, EvaluatedObject | None]) -> EvaluatedWorld:
        """Return the world with some objects changed, None for those that are gone. Its links are still the old ones."""
        made = EvaluatedWorld(self.registry, self.objects.with_changes(changes))
        made._links, made._followers = self._links, self._followers
        return made

    def with_links(self, changes: Mapping[ManagedObjectPath, Links]) -> EvaluatedWorld:
        """Return the world with the links from some objects replaced."""
        touched: dict[Link, dict[Follower, bool | None]] = {}
        for path, links in changes.items():
            old = self._links.get(path, frozenset())
            for link, follower in old - links:
                touched.setdefault(link, {}).setdefault(follower, None)
            for link, follower in links - old:
                touched.setdefault(link, {})[follower] = True
        made = EvaluatedWorld(self.registry, self.objects)
        made._links = self._links.with_changes({path: links or None for path, links in changes.items()})
        made._followers = self._followers.with_changes({link: self._change(link, of) for link, of in touched.items()})
        return made

    def _change(self, link: Link, changes: Mapping[Follower, bool | None]) -> Layers[Follower, bool] | None:
        before: Layers[Follower, bool] = self._followers.get(link) or Layers()
        return before.with_changes(changes) or None


class HeldReader(PropertyReader):
    """Reads properties in a world of evaluated objects; the values that an object keeps are not evaluated again."""

    def __init__(self, world: EvaluatedWorld, evaluate: Evaluator) -> None:
        super().__init__(world.registry, world, evaluate)
        self._objects = world.objects
        self._path = ROOT  # the object that was read last, and what it keeps
        self._readings: Mapping[str, Reading] = {}

    def read(self, obj: ManagedObject, prop: PropertyDefinition) -> Reading:
        """Return a property: the reading that the object keeps, or what its default is here."""
        if (own := self._find_own(obj.path, prop.name)) is not None:
            return own
        if prop.default.kind.startswith("inherited"):
            for owner, source in self.trace_inheritance(obj, prop):
                if (found := self._find_own(owner.path, source.name)) is not None:
                    return self._take_over(obj, prop, found, owner)
        return super().read(obj, prop)

    def _find_own(self, path: ManagedObjectPath, name: str) -> Reading | None:
        if path is not self._path:  # mostly one property after the other of the same object
            found = self._objects.get(path)
            self._path, self._readings = path, {} if found is None else found.readings
        return self._readings.get(name)

    def _take_over(self, obj: ManagedObject, prop: PropertyDefinition, found: Reading, owner: ManagedObject) -> Reading:
        """Return what a property takes from a reading of another object: its values, under the property's own syntax."""
        origin = f"inherited from {owner.path}"
        origins = tuple(origin if one in {"stored", "default"} else one for one in found.origins)
        typed, wrong = self._parse_values(obj, prop, found.values, origins)
        came = tuple(problem.replace(path=str(obj.path), property=prop.name) for problem in found.problems)
        problems = (*came, *(problem for problem in wrong if problem not in came))
        known = None if problems or found.typed is None else typed
        return Reading(prop.syntax, found.texts, origin, found.values, origins, known, problems, found.deferred)


class HeldJudge(Judge):
    """Judges the objects of a world of evaluated objects."""

    def __init__(self, world: EvaluatedWorld, evaluate: Evaluator) -> None:
        super().__init__(world.registry, world, evaluate)
        self.held = world
        self.reader = HeldReader(world, evaluate)


# -- links -----------------------------------------------------------------------------------------------------------


def find_links(judge: Judge, judged: Judgement) -> Links:
    """Return what an object depends on: its parent, what it refers to, and what its defaults come from, one step each."""
    path = judged.object.path
    found: list[tuple[Link, Follower]] = [(("child", path.parent, ""), (path, ""))]
    for prop in judged.object.definition.properties.values():
        for reference in prop.references:
            targets = judge.find_targets(judged, prop, reference)
            found.extend((("use", target, ""), (path, prop.name)) for target in targets)
        sources = find_sources(judge.registry, path, prop)
        found.extend((("heir", *source), (path, prop.name)) for source in sources)
    return frozenset(found)


def find_sources(
    registry: Registry, path: ManagedObjectPath, prop: PropertyDefinition
) -> Iterator[tuple[ManagedObjectPath, str]]:
    """Yield the paths and properties that the default of an object's property depends on, one step each."""
    default = prop.default
    if default.kind == "inherited-absolute":
        yield registry.parse_path(default.path), default.property
    elif default.kind == "inherited-relative":
        yield ManagedObjectPath(path.elements[: len(path.elements) - default.offset]), default.property
    elif default.kind == "cases":
        yield from ((path, name) for name in sorted(default.looks_at()))


def trace_sources(world: EvaluatedWorld, path: ManagedObjectPath, name: str) -> Iterator[tuple[ManagedObjectPath, str]]:
    """Yield a property of an object and those that its value depends on, in any number of steps, nearest first."""
    places = {(path, name): None}
    waiting = [(path, name)]
    for at, source in waiting:
        yield at, source
        found = world.objects.get(at)
        if found is None or source in found.readings or source not in found.object.definition.properties:
            continue
        for place in find_sources(world.registry, at, found.object.definition.properties[source]):
            if place not in places:
                places[place] = None
                waiting.append(place)


def find_heirs(world: EvaluatedWorld, changed: Mapping[ManagedObjectPath, Names]) -> dict[ManagedObjectPath, Names]:
    """Return the properties whose defaults follow some properties, in any number of steps."""
    found: dict[ManagedObjectPath, set[str]] = {}
    waiting = [(path, name) for path, names in changed.items() for name in names]
    for path, name in waiting:
        for heir, prop in world.find_followers(("heir", path, name)):
            held = world.objects.get(heir)
            if held is None or prop in held.readings or prop in found.get(heir, ()):
                continue
            found.setdefault(heir, set()).add(prop)
            waiting.append((heir, prop))
    return {path: frozenset(names) for path, names in found.items()}


def has_parent(world: EvaluatedWorld, obj: ManagedObject) -> bool:
    """Tell whether the parent of an object is there, and of a type that has such objects below it."""
    parent = obj.path.parent
    if parent == ROOT:
        return True
    above = world.find(parent)
    return above is not None and above.definition.is_a(world.registry.relation(obj.path.relation).parent)
