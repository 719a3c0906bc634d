"""A draft: the objects as some requests leave them, and what is to be known of these requests to judge the result."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Collector, Diagnostic, suggest_name
from confobjects.errors import NoSuchObjectError, error_for
from confobjects.management.world import Overlay, describe_absence
from confobjects.objects.changes import is_name
from confobjects.objects.reading import PropertyReader
from confobjects.paths import ROOT, ManagedObjectPath, Name
from confobjects.texts.visible import make_visible

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, Registry, Relation
    from confobjects.definitions.conditions import View
    from confobjects.management.site import Site
    from confobjects.objects.model import ManagedObject

Given = Mapping[str, Any]
"""Property values as a caller gives them: one value, or a sequence of them, by property name."""


class Draft:
    """The objects of a site with the changes that were requested so far.

    ``below`` is the storage as it is, ``world`` the objects as they will be, ``problems`` those of the requests. By path of
    an object: ``touched`` are the properties that requests name, ``given`` those of them that are given in full,
    ``followed`` the references that only follow the new name of an object.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.below = site.open_world()
        self.world = Overlay(self.below)
        self.reader = PropertyReader(site.registry, self.world, site.evaluator)
        self.problems = Collector()
        self.touched: dict[ManagedObjectPath, set[str]] = {}
        self.given: dict[ManagedObjectPath, set[str]] = {}
        self.followed: dict[ManagedObjectPath, set[str]] = {}

    @property
    def registry(self) -> Registry:
        """The definitions that count for the requests."""
        return self.site.registry

    # -- finding -------------------------------------------------------------------------------------------------

    def find_existing(self, kind: str, name: Name) -> ManagedObject:
        """Return an object. Raises :class:`~confobjects.errors.NoSuchObjectError`."""
        path = self.registry.path_of(kind, name)
        obj = self.world.find(path)
        if obj is None:
            raise NoSuchObjectError(describe_absence(self.registry, self.world, path))
        return obj

    def descendants(self, obj: ManagedObject) -> Iterator[ManagedObject]:
        """Yield what is stored below an object, deepest first."""
        for relation in self.registry.children(obj.definition.name):
            for child in self.world.members(relation, obj.path):
                yield from self.descendants(child)
                if self.world.is_written(child.path):
                    yield child

    def find_type(self, relation: Relation, type_: str | None) -> ManagedObjectDefinition:
        """Return a type of a relation by its short or full name, or its usual one. Raises an error for another name."""
        types = self.registry.types_of(relation)
        if type_ is None:
            if usual := self.registry.usual_type(relation):
                return types[usual]
            remedy = (RemedyAction("choose-type", ", ".join(types)),)
            raise error_for([Diagnostic("usage", f"{relation.indefinite} needs a type", remedy=remedy)])
        found = types.get(type_.lower()) or next((d for d in types.values() if d.name == type_), None)
        if found is None:
            hint = suggest_name(type_, types) or f"one of: {', '.join(types)}"
            summary = f'there is no type "{type_}" of {relation.friendly}'
            raise error_for([Diagnostic("unknown-name", summary, argument=type_, remedy=hint)])
        return found

    def make_path(self, kind: str, name: Name, relation: Relation) -> ManagedObjectPath | None:
        """Return the path for a new name, without blanks around it; report an invalid name and return None."""
        path = self.registry.path_of(kind, name)
        if path.name is None:
            return path
        clean, wrong = path.name.strip(), ""
        if not clean.isprintable():
            wrong = f"the name of the {relation.friendly} holds a control character"
        elif relation.naming_property:
            prop = self.registry.definition(relation.target).properties[relation.naming_property]
            try:
                clean = prop.syntax.format(clean)
            except ValueError as error:
                wrong = str(error)
        if wrong:
            naming = relation.naming_property
            above = str(path.parent) if path.parent.elements else ""
            self.problems.error("invalid-value", wrong, path=above, property=naming, value=make_visible(clean))
            return None
        return path.parent.child(path.relation, clean)

    def follow_parent(self, path: ManagedObjectPath) -> ManagedObjectPath:
        """Return the path of a new object with the names above it as they are stored.

        Raises an error if the object above it does not exist, or is of a type that cannot have such an object below it.
        """
        if path.parent == ROOT:
            return path
        above = self.world.find(path.parent)
        if above is None:
            raise NoSuchObjectError(describe_absence(self.registry, self.world, path.parent))
        relation = self.registry.relation(path.relation)
        if relation not in self.registry.children(above.definition.name):
            summary = f"{above.path} is {above.definition.indefinite}: it cannot have {relation.indefinite} below it"
            raise error_for([Diagnostic("constraint-violated", summary, path=str(path))])
        return above.path.child(*path.elements[-1])

    # -- changing ------------------------------------------------------------------------------------------------

    def put(self, obj: ManagedObject, names: Iterable[str]) -> None:
        """Let an object be as it is given; ``names`` are the properties that a request names."""
        touched = {name.lower() for name in names}
        self._note_restart(obj, touched)
        self.world.put(obj)
        self.touched.setdefault(obj.path, set()).update(touched)

    def note_given(self, obj: ManagedObject, names: Iterable[str], unstated: Collection[str]) -> None:
        """Note which properties a request gives in full: a secret among them is known to whoever asks."""
        self.given.setdefault(obj.path, set()).update(name for name in names if name not in unstated)

    def _note_restart(self, obj: ManagedObject, names: Container[str]) -> None:
        """Note an object that a change of some properties disables, or enables again after that."""
        condition, old = obj.definition.enabled_when, self.world.find(obj.path)
        if condition is None or old is None or not any(name in names for name in condition.properties()):
            return
        was, will = (condition.judge(self._make_view(side)) for side in (old, obj))
        if was and will is False and obj.path not in self.world.started:
            self.world.stopped.add(obj.path)
        elif was is False and will:
            (self.world.restarted if obj.path in self.world.stopped else self.world.started).add(obj.path)

    def _make_view(self, obj: ManagedObject) -> View:
        return lambda name: self.reader.read(obj, obj.definition.properties[name]).normals


def gives_another_name(
    definition: ManagedObjectDefinition, naming: str, path: ManagedObjectPath, values: Given
) -> bool:
    """Tell whether values hold one of the property that names an object which is not its name."""
    prop = definition.properties[naming] if naming else None
    return prop is not None and any(
        given.lower() == naming and [is_name(prop, one, path.name or "") for one in as_values(value)] != [True]
        for given, value in values.items()
    )


def describe_existing(relation: Relation, existing: ManagedObject) -> Diagnostic:
    """Return the problem of a name that another object has already."""
    return Diagnostic(
        "object-exists",
        f'there is {relation.indefinite} "{existing.name}" already',
        path=str(existing.path),
        remedy=(RemedyAction("change", relation.name), ", or choose another name"),
    )


def as_values(value: Any) -> tuple[Any, ...]:
    """Return the values given for one property as a tuple: none for None, one for a text or another single value."""
    if value is None:
        return ()
    if isinstance(value, (list, tuple, set, frozenset)):  # a record, such as host and port, is one value of a syntax
        return tuple(value)
    return (value,)
