"""Reading a property of an object: stored or default, inherited, evaluated, parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions.openers import has_opener
from confobjects.objects.model import Evaluate, Evaluated, ManagedObject, Reading, Texts, World
from confobjects.paths import ManagedObjectPath
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry


def shown(prop: PropertyDefinition, text: str) -> str:
    """Return a value text as it may be shown: masked when the property is sensitive and the text a secret."""
    return MASK if prop.sensitive and not has_opener(text) else text


class Reader:
    """Reads properties of objects in one world, with one evaluator."""

    def __init__(self, registry: Registry, world: World, evaluate: Evaluate) -> None:
        self.registry = registry
        self.world = world
        self.evaluate = evaluate
        # By identity: hashing a whole definition costs more than reading the default again.
        self._defaults: dict[int, Reading] = {}

    def current(self, obj: ManagedObject, prop: PropertyDefinition) -> tuple[Texts, str]:
        """Return the current texts of a property and their origin."""
        stored = obj.values.get(prop.name)
        if stored:
            return stored, "stored"
        return self._default(obj.path, prop, frozenset())

    def default(self, path: ManagedObjectPath, prop: PropertyDefinition) -> tuple[Texts, str]:
        """Return the texts a property has without a stored value, and their origin."""
        return self._default(path, prop, frozenset())

    def _default(self, path: ManagedObjectPath, prop: PropertyDefinition, seen: frozenset[object]) -> tuple[Texts, str]:
        kind = prop.default.kind
        if kind == "defined":
            return prop.default.values, "default"
        if not kind.startswith("inherited"):
            return (), "none"
        source = self._source(path, prop)
        # A chain that comes back to itself has no value: the definitions' check refuses it where it can see it.
        if (source, prop.default.property) in seen or (owner := self.world.find(source)) is None:
            return (), "none"
        ancestor = owner.definition.properties.get(prop.default.property)
        if ancestor is None:
            return (), "none"
        if stored := owner.values.get(ancestor.name):
            return stored, f"inherited from {source}"
        texts, origin = self._default(source, ancestor, seen | {(source, prop.default.property)})
        return texts, origin if origin == "none" or origin.startswith("inherited") else f"inherited from {source}"

    def _source(self, path: ManagedObjectPath, prop: PropertyDefinition) -> ManagedObjectPath:
        if prop.default.kind == "inherited-relative":
            return ManagedObjectPath(path.elements[: -prop.default.offset])
        return parse_path(prop.default.path, self.registry)

    def read(self, obj: ManagedObject, prop: PropertyDefinition) -> Reading:
        """Return a property with its values evaluated and parsed; problems carry path and property."""
        stored = obj.values.get(prop.name)
        if stored:
            return self._reading(obj, prop, stored, "stored")
        if prop.default.kind == "defined":
            known = self._defaults.get(id(prop))
            if known is None:
                known = self._reading(obj, prop, prop.default.values, "default")
                if not known.problems:  # problems name the object, so they are not shared
                    self._defaults[id(prop)] = known
            return known
        texts, origin = self.current(obj, prop)
        if not texts:
            return _NOTHING
        return self._reading(obj, prop, texts, origin)

    def _reading(self, obj: ManagedObject, prop: PropertyDefinition, texts: Texts, origin: str) -> Reading:
        values: list[str] = []
        origins: list[str] = []
        problems: list[Diagnostic] = []
        deferred: list[str] = []
        known = True
        for text in texts:
            if not has_opener(text):
                values.append(text)
                origins.append(origin)
                continue
            result = self._evaluated(obj, prop, text)
            problems.extend(result.problems)
            if result.values is None or result.provisional:
                deferred.append(text)
            if result.values is None:
                known = False
            else:
                values.extend(result.values)
                origins.extend(result.origins or (origin,) * len(result.values))
        typed, normals, wrong = self._parsed(obj, prop, values, origins)
        problems.extend(wrong)
        known = known and not problems
        return Reading(
            texts,
            origin,
            tuple(origins),
            typed if known else None,
            normals if known else None,
            tuple(problems),
            tuple(deferred),
        )

    def _evaluated(self, obj: ManagedObject, prop: PropertyDefinition, text: str) -> Evaluated:
        result = self.evaluate(text, multi_valued=prop.multi_valued, secret=prop.sensitive)
        if not result.problems:
            return result
        placed = tuple(problem.replace(path=str(obj.path), property=prop.name) for problem in result.problems)
        return result._replace(problems=placed)

    def _parsed(self, obj: ManagedObject, prop: PropertyDefinition, values: list[str], origins: list[str]) -> _Parsed:
        syntax = prop.syntax
        try:  # the usual case: everything is right
            typed = tuple([syntax.parse(value) for value in values])
        except ValueSyntaxError:
            return (), frozenset(), [p for v, o in zip(values, origins, strict=True) for p in _wrong(obj, prop, v, o)]
        normals = frozenset([syntax.normal(value) for value in values])
        if len(values) == 1:
            return typed, normals, []
        return typed, normals, list(_together(obj, prop, values))


_Parsed = tuple[tuple[object, ...], "frozenset[object]", list[Diagnostic]]
_NOTHING = Reading((), "none", (), (), frozenset())


def _wrong(obj: ManagedObject, prop: PropertyDefinition, value: str, origin: str) -> list[Diagnostic]:
    try:
        prop.syntax.parse(value)
    except ValueSyntaxError as error:
        return [value_problem(str(obj.path), prop, value, error, origin)]
    return []


def value_problem(
    path: str, prop: PropertyDefinition, value: str, error: ValueSyntaxError, origin: str = "stored"
) -> Diagnostic:
    """Return the diagnostic of a value that does not follow its syntax."""
    came = "" if origin in {"stored", "default", ""} else f"the value came from {origin}"
    said = error.masked() if prop.sensitive else error
    return Diagnostic(
        "invalid-value",
        said.message,
        path=path,
        property=prop.name,
        value=MASK if prop.sensitive else value,
        detail="\n".join(part for part in (f"expected: {said.expected or prop.syntax.expected}", came) if part),
        remedy=said.remedy,
    )


def _together(obj: ManagedObject, prop: PropertyDefinition, values: list[str]) -> list[Diagnostic]:
    """Return what is wrong with several values of one property: more than it takes, or one of them twice."""
    path = str(obj.path)
    if not prop.multi_valued and len(values) > 1:
        return [
            Diagnostic(
                "invalid-value",
                f"{prop.name} takes one value, it has {len(values)}",
                path=path,
                property=prop.name,
                remedy="keep one of them: " + ", ".join(shown(prop, value) for value in values),
            )
        ]
    problems = []
    seen: dict[object, str] = {}
    for value in values:
        key = prop.syntax.key(value)
        if key in seen:
            problems.append(
                Diagnostic(
                    "invalid-value",
                    f"the value {shown(prop, value)!r} repeats {shown(prop, seen[key])!r}",
                    path=path,
                    property=prop.name,
                    value=shown(prop, value),
                    remedy="give each only once",
                )
            )
        seen.setdefault(key, value)
    return problems


def parse_path(text: str, registry: Registry) -> ManagedObjectPath:
    """Return the path a text names, by the relations of a registry.

    Raises :class:`~confobjects.errors.UnknownNameError` for a relation that does not exist, :class:`ValueError`
    where a name is missing.
    """
    words = [word.replace("\0", "/") for word in text.strip("/").replace("//", "\0").split("/") if word]
    path = ManagedObjectPath()
    while words:
        relation = registry.relation(words.pop(0))
        if relation.named and not words:
            message = f'the path "{text}" lacks a name after "{relation.name}"'
            raise ValueError(message)
        path = path.child(relation.name, words.pop(0) if relation.named else None)
    return path
