"""Reading a property of an object: stored or default, inherited, evaluated, parsed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions.openers import has_opener
from confobjects.objects.model import Evaluation, ManagedObject, Reading, Texts
from confobjects.paths import ManagedObjectPath
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.objects.protocols import Evaluator, World

_MOST_SHARED: Final = 4096
_LONGEST_SHARED: Final = 64
"""How many readings are remembered for other objects, and how many characters their texts may have."""


def mask_secret(prop: PropertyDefinition, text: str) -> str:
    """Return a value text as it may be shown: secrets masked, expressions for secrets without their defaults."""
    if not prop.sensitive:
        at = prop.syntax.find_secret(text) if prop.syntax.secret_names else None
        return text if at is None else text[:at] + mask_text(text[at:])
    return mask_text(text)


def mask_text(text: str) -> str:
    """Return a secret as it may be shown: a mask, or its expression without the default."""
    if not has_opener(text):
        return MASK
    from confobjects.expressions import ExpressionSyntaxError, parse

    try:
        return parse(text).as_masked()
    except ExpressionSyntaxError:
        return MASK


class PropertyReader:
    """Reads properties of objects in one world, with one evaluator."""

    def __init__(self, registry: Registry, world: World, evaluate: Evaluator) -> None:
        self.registry = registry
        self.world = world
        self.evaluate = evaluate
        # By identity: hashing a whole definition costs more than reading the default again.
        self._defaults: dict[int, Reading] = {}
        self._shared: dict[tuple[int, Texts], Reading] = {}

    def read_current(self, obj: ManagedObject, prop: PropertyDefinition) -> tuple[Texts, str]:
        """Return the current texts of a property and their origin."""
        stored = obj.values.get(prop.name)
        if stored:
            return stored, "stored"
        return self.read_default(obj, prop)

    def read_default(self, obj: ManagedObject, prop: PropertyDefinition) -> tuple[Texts, str]:
        """Return the texts a property of an object has without a stored value, and their origin."""
        if prop.default.kind == "defined":
            return prop.default.values, "default"
        if not prop.default.kind.startswith("inherited"):
            return (), "none"
        for owner, source in self.trace_inheritance(obj, prop):
            if stored := owner.values.get(source.name):
                return stored, f"inherited from {owner.path}"
            if source.default.kind == "defined":
                return source.default.values, f"inherited from {owner.path}"
        return (), "none"

    def trace_inheritance(
        self, obj: ManagedObject, prop: PropertyDefinition
    ) -> Iterator[tuple[ManagedObject, PropertyDefinition]]:
        """Yield the objects and properties a default is inherited from, nearest first, up to one with a value."""
        seen: set[object] = set()
        owner: ManagedObject | None = obj
        while owner is not None and prop.default.kind.startswith("inherited"):
            name = prop.default.property
            owner = self._find_owner(owner, prop)
            if owner is None or name not in owner.definition.properties or (owner.path, name) in seen:
                return  # no such object, or a circular chain
            seen.add((owner.path, name))
            prop = owner.definition.properties[name]
            yield owner, prop
            if owner.values.get(name):
                return

    def _find_owner(self, obj: ManagedObject, prop: PropertyDefinition) -> ManagedObject | None:
        """Return the object a default is inherited from; for the object itself, the state being read."""
        if prop.default.kind == "inherited-absolute":
            path = self.registry.parse_path(prop.default.path)
        else:
            path = ManagedObjectPath(obj.path.elements[: len(obj.path.elements) - prop.default.offset])
        return obj if path == obj.path else self.world.find(path)

    def read(self, obj: ManagedObject, prop: PropertyDefinition) -> Reading:
        """Return a property with its values evaluated and parsed; problems carry path and property."""
        stored = obj.values.get(prop.name)
        if stored:
            return self._shared.get((id(prop), stored)) or self._read_stored(obj, prop, stored)
        if prop.default.kind.startswith("inherited"):
            return self._read_texts(obj, prop, *self.read_default(obj, prop))
        known = self._defaults.get(id(prop))
        if known is None:
            known = self._read_texts(obj, prop, *self.read_default(obj, prop))
            if not known.problems:  # problems name the object, so they are not shared
                self._defaults[id(prop)] = known
        return known

    def _read_stored(self, obj: ManagedObject, prop: PropertyDefinition, texts: Texts) -> Reading:
        """Return a property read from stored texts. Short ones are remembered: many objects have the same."""
        reading = self._read_texts(obj, prop, texts, "stored")
        if prop.syntax.secret_names:
            reading = self._refuse_clear_secrets(obj, prop, reading)
        is_fixed = (
            reading.values is texts and not reading.problems
        )  # no expression, which may have another value next time
        if is_fixed and len(texts) == 1 and len(texts[0]) <= _LONGEST_SHARED and len(self._shared) < _MOST_SHARED:
            self._shared[id(prop), texts] = reading
        return reading

    def _refuse_clear_secrets(self, obj: ManagedObject, prop: PropertyDefinition, reading: Reading) -> Reading:
        """Refuse secrets in clear text in values that are shown."""
        clear = tuple(
            _describe_clear_secret(obj, prop, text) for text in reading.texts if mask_secret(prop, text) != text
        )
        if not clear:
            return reading
        r = reading
        return Reading(prop.syntax, r.texts, r.origin, r.values, r.origins, None, (*r.problems, *clear), r.deferred)

    def _read_texts(self, obj: ManagedObject, prop: PropertyDefinition, texts: Texts, origin: str) -> Reading:
        if any(map(has_opener, texts)):
            return self._read_expressions(obj, prop, texts, origin)
        origins = (origin,) * len(texts)
        typed, problems = self._parse_values(obj, prop, texts, origins)
        return Reading(prop.syntax, texts, origin, texts, origins, None if problems else typed, problems)

    def _read_expressions(self, obj: ManagedObject, prop: PropertyDefinition, texts: Texts, origin: str) -> Reading:
        values: list[str] = []
        origins: list[str] = []
        problems: list[Diagnostic] = []
        deferred: list[str] = []
        known = True
        for text in texts:
            result = self._evaluate_text(obj, prop, text) if has_opener(text) else Evaluation((text,))
            problems.extend(result.problems)
            if result.values is None or result.provisional:
                deferred.append(text)
            if result.values is None:
                known = False
            else:
                values.extend(result.values)
                origins.extend(result.origins or (origin,) * len(result.values))
        typed, wrong = self._parse_values(obj, prop, tuple(values), tuple(origins))
        known = known and not problems and not wrong
        return Reading(
            prop.syntax,
            texts,
            origin,
            tuple(values),
            tuple(origins),
            typed if known else None,
            (*problems, *wrong),
            tuple(deferred),
        )

    def _evaluate_text(self, obj: ManagedObject, prop: PropertyDefinition, text: str) -> Evaluation:
        result = self.evaluate(text, multi_valued=prop.multi_valued, secret=prop.sensitive)
        if not result.problems:
            return result
        placed = tuple(problem.replace(path=str(obj.path), property=prop.name) for problem in result.problems)
        return result.replace(problems=placed)

    def _parse_values(self, obj: ManagedObject, prop: PropertyDefinition, values: Texts, origins: Texts) -> _Parsed:
        syntax = prop.syntax
        try:  # the usual case: everything is right
            typed = tuple([syntax.parse(value) for value in values])
        except ValueSyntaxError:
            wrong = (p for v, o in zip(values, origins, strict=True) for p in _check_value(obj, prop, v, o))
            return (), tuple(wrong)
        return typed, () if len(values) < 2 else tuple(_check_values(obj, prop, values))


def _describe_clear_secret(obj: ManagedObject, prop: PropertyDefinition, text: str) -> Diagnostic:
    name = text[: prop.syntax.find_secret(text)].rstrip("=")
    return Diagnostic(
        "invalid-value",
        f"the value of {name} is a secret, but is given in clear text",
        path=str(obj.path),
        property=prop.name,
        value=f"{name}={MASK}",
        remedy=f"give it as an expression without a default: '{name}=&{{{name}}}' or '{name}=&{{file:secrets/pin}}'",
    )


_Parsed = tuple[tuple[object, ...], tuple[Diagnostic, ...]]


def _check_value(obj: ManagedObject, prop: PropertyDefinition, value: str, origin: str) -> list[Diagnostic]:
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
    said = error.as_masked() if prop.sensitive else error
    return Diagnostic(
        "invalid-value",
        said.message,
        path=path,
        property=prop.name,
        value=MASK if prop.sensitive else mask_secret(prop, value),
        detail=f"expected: {said.expected or prop.syntax.expected}",
        more=(came,) if came else (),
        remedy=said.remedy,
    )


def _check_values(obj: ManagedObject, prop: PropertyDefinition, values: Texts) -> list[Diagnostic]:
    """Return what is wrong with several values of one property: more than it takes, or one of them twice."""
    path = str(obj.path)
    if not prop.multi_valued and len(values) > 1:
        return [
            Diagnostic(
                "invalid-value",
                f"{prop.name} takes one value, but has {len(values)}",
                path=path,
                property=prop.name,
                remedy="keep one of them: " + ", ".join(mask_secret(prop, value) for value in values),
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
                    f"the value {mask_secret(prop, value)!r} repeats {mask_secret(prop, seen[key])!r}",
                    path=path,
                    property=prop.name,
                    value=mask_secret(prop, value),
                    remedy="give each only once",
                )
            )
        seen.setdefault(key, value)
    return problems
