"""The judge: checks an object by itself, and together with the other objects.

By itself: every value follows its syntax, mandatory properties have values, constraints hold. With others: what it
refers to exists and is enabled where that is needed, and so is it for the objects that refer to it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from confobjects.actions import Remedy, RemedyAction, Verb
from confobjects.definitions.allowance import load_function
from confobjects.definitions.conditions import adapt_condition, operand_words, select_parts, split_operand
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.expressions.openers import has_opener
from confobjects.objects.model import DeferredCheck, ManagedObject, Reading
from confobjects.objects.reading import PropertyReader, mask_secret
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Constraint, PropertyDefinition, Reference, Registry
    from confobjects.definitions.conditions import Condition, Values
    from confobjects.objects.protocols import Evaluator, World


class Judgement(Record):
    """An object with every property read, and every problem found."""

    object: ManagedObject
    readings: Mapping[str, Reading]
    problems: tuple[Diagnostic, ...]
    deferred: tuple[DeferredCheck, ...]

    def normal_values(self, name: str) -> Values:
        """Return the normal forms of a property's values, None when they are not known."""
        return self.readings[name].normals

    def typed_values(self, name: str) -> tuple[Any, ...] | None:
        """Return the typed values of a property, None when they are not known."""
        return self.readings[name].typed

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The problems that are errors."""
        return tuple(problem for problem in self.problems if problem.severity == "error")


class User(Record):
    """An object that refers to another, through which property and which of its references.

    ``sure`` is False when only an expression may evaluate to that name; ``needs`` tells whether the user needs its
    target enabled (None when that is not known).
    """

    object: ManagedObject
    property: PropertyDefinition
    reference: Reference
    sure: bool
    needs: bool | None

    def as_words(self) -> str:
        """Return the property, with the name of the pair if it is one, for a message."""
        return self.reference.as_words(self.property.name)


class TypedView:
    """What a constraint in Python sees of an object: called with a property's name, it returns the typed values.

    They are None while one of them is not known; :meth:`known` and :meth:`open_texts` tell the parts.
    """

    __slots__ = ("_judge", "_judged", "_looks_at")

    def __init__(self, judged: Judgement, judge: Judge, looks_at: tuple[str, ...] = ()) -> None:
        self._judged = judged
        self._judge = judge
        self._looks_at = looks_at

    def __call__(self, name: str) -> tuple[Any, ...] | None:
        return self._judged.typed_values(name)

    @property
    def types(self) -> tuple[str, ...]:
        """The type of the object, and those that it extends, its own first."""
        return self._judged.object.definition.types

    def has_default(self, name: str) -> bool:
        """Tell whether a property has no value of its own."""
        return not self._judged.object.values.get(name)

    def known(self, name: str) -> tuple[Any, ...]:
        """Return the typed values of a property that are known and valid."""
        return self._judged.readings[name].known

    def open_texts(self, name: str) -> tuple[str, ...]:
        """Return the stored texts of a property whose values are not known, as expressions."""
        return self._judged.readings[name].deferred

    def targets(self, name: str) -> Iterator[TypedValues]:
        """Yield what is seen of the objects that a property refers to, as far as they are there.

        Raises KeyError unless the constraint says that it looks at them: otherwise a change of them would not be judged.
        """
        if name not in self._looks_at:
            raise KeyError(name)
        yield from self._judge.see_targets(self._judged, name)


TypedValues = Callable[[str], tuple[Any, ...] | None]
"""From the name of a property to its typed values, None while one of them is not known."""

ConstraintFunction = Callable[[TypedView], Iterable[Diagnostic]]
"""A constraint in Python: given the view of an object, it yields what is wrong."""


class Judge:
    """Judges objects of one world with one evaluator; the world must not change meanwhile."""

    def __init__(self, registry: Registry, world: World, evaluate: Evaluator) -> None:
        self.registry = registry
        self.world = world
        self.reader = PropertyReader(registry, world, evaluate)
        self._functions: dict[str, ConstraintFunction] = {}
        self._uses: dict[str, _Uses] = {}
        self._targets: dict[tuple[int, str], _Target] = {}
        self._conditions: dict[tuple[int, str], Condition] = {}

    # -- an object by itself -------------------------------------------------------------------------------------

    def judge(self, obj: ManagedObject) -> Judgement:
        """Judge an object by itself: values, mandatory properties, constraints."""
        reader = self.reader
        readings = {name: reader.read(obj, prop) for name, prop in obj.definition.properties.items()}
        judged = Judgement(obj, readings, (), ())
        problems = list(obj.problems)
        deferred: list[DeferredCheck] = []
        for found in (_check_values(judged), _check_conditional(judged), self._check_constraints(judged)):
            for one in found:
                if isinstance(one, DeferredCheck):
                    deferred.append(one)
                else:
                    problems.append(one)
        return judged.replace(problems=tuple(problems), deferred=tuple(deferred))

    def _check_constraints(self, judged: Judgement) -> Iterator[Diagnostic | DeferredCheck]:
        for constraint in judged.object.definition.constraints:
            if constraint.function:
                yield from self._check_by_function(judged, constraint)
            elif constraint.condition is not None and not (holds := constraint.condition.judge(judged.normal_values)):
                if holds is False:
                    yield _describe_violation(judged, constraint, constraint.condition)
                elif constraint.severity != "warning":
                    yield DeferredCheck(judged.object.path, "", constraint.name, "constraint")

    def _check_by_function(self, judged: Judgement, constraint: Constraint) -> Iterator[Diagnostic]:
        for problem in self._load_function(constraint.function)(TypedView(judged, self, constraint.looks_at)):
            severity = "warning" if constraint.severity == "warning" else problem.severity
            remedy = problem.remedy or constraint.remedy
            path = str(judged.object.path)
            yield problem.replace(path=path, remedy=remedy, severity=severity, constraint=constraint.name)

    def _load_function(self, name: str) -> ConstraintFunction:
        function = self._functions.get(name)
        if function is None:
            function = self._functions[name] = load_function(name, "a constraint", self.registry.allowed)
        return function

    def is_enabled(self, judged: Judgement) -> bool | None:
        """Tell whether an object is enabled (None if not known); without such a state it always is."""
        condition = judged.object.definition.enabled_when
        return True if condition is None else condition.judge(judged.normal_values)

    # -- what it refers to ---------------------------------------------------------------------------------------

    def find_targets(
        self, judged: Judgement, prop: PropertyDefinition, reference: Reference
    ) -> tuple[ManagedObjectPath, ...]:
        """Return the paths a reference of a property names; those in values that are not known are left out."""
        return self._target_paths(reference, judged.readings[prop.name].known)

    def see_targets(self, judged: Judgement, name: str) -> Iterator[TypedValues]:
        """Yield what a constraint sees of the objects that a property refers to."""
        for reference in judged.object.definition.properties[name].references:
            for named in dict.fromkeys(_select_names(reference, judged.readings[name].known)):
                if (obj := self._find_target(reference, named).object) is not None:
                    yield self._see(obj)

    def _see(self, obj: ManagedObject) -> TypedValues:
        return lambda name: self.reader.read(obj, obj.definition.properties[name]).typed

    def check_references(self, judged: Judgement) -> Iterator[Diagnostic]:
        """Yield what is wrong with an object's references."""
        for prop in judged.object.definition.properties.values():
            for reference in prop.references:
                yield from self._check_reference(judged, prop, reference)

    def _check_reference(
        self, judged: Judgement, prop: PropertyDefinition, reference: Reference
    ) -> Iterator[Diagnostic]:
        reading = judged.readings[prop.name]
        # One value too many is no reference; among several, each that is known is one.
        for name in _select_names(reference, reading.known if prop.multi_valued else reading.typed or ()):
            target = self._find_target(reference, name)
            if target.object is None:
                yield self._describe_missing_target(judged, prop, reference, target.path)
            elif target.enabled is False:
                needed = True if reference.needed_when is None else reference.needed_when.judge(judged.normal_values)
                if needed:
                    yield self._describe_disabled_target(judged, prop, target.object, reference)

    def _find_target(self, reference: Reference, name: str) -> _Target:
        """Return the target of a reference. Cached, because many objects refer to the same few."""
        key = (id(reference), name)
        found = self._targets.get(key)
        if found is None:
            path = self._path_of(reference, name)
            obj = self.world.find(path)
            condition = reference.target_enabled
            enabled = None if obj is None or condition is None else self._judge_target(obj, condition)
            found = self._targets[key] = _Target(path, obj, enabled)
        return found

    def _describe_missing_target(
        self, judged: Judgement, prop: PropertyDefinition, reference: Reference, path: ManagedObjectPath
    ) -> Diagnostic:
        relation = self.registry.relation(path.relation)
        there = sorted(member.name for member in self.world.members(relation, path.parent))
        if len(there) > _MANY:
            known = suggest_name(path.name or "", there) or f"there are {len(there)} others"
        else:
            known = f"there are: {', '.join(there)}" if there else f"there is no {relation.friendly} yet"
        return Diagnostic(
            "constraint-violated",
            f'{reference.as_words(prop.name)} names the {relation.friendly} "{path.name}", which does not exist',
            path=str(judged.object.path),
            property=prop.name,
            value=reference.write_name(path.name or ""),
            detail=known,
            remedy=(
                RemedyAction("create", relation.name, relation.name_option, path.name or ""),
                ", or name an existing one",
            ),
        )

    def _make_view(self, obj: ManagedObject) -> Callable[[str], Values]:
        """Return a view that reads only the properties it is asked for: a target is not judged as a whole."""
        return lambda name: self.reader.read(obj, obj.definition.properties[name]).normals

    def _judge_target(self, obj: ManagedObject, condition: Condition) -> bool | None:
        """Judge the condition of a reference on its target."""
        return self._adapt(condition, obj).judge(self._make_view(obj))

    def _adapt(self, condition: Condition, target: ManagedObject) -> Condition:
        """Return the condition of a reference as one on the type of a target, which may have narrowed syntaxes. Cached."""
        if not target.definition.ancestors:
            return condition
        key = (id(condition), target.definition.name)
        adapted = self._conditions.get(key)
        if adapted is None:
            adapted = self._conditions[key] = adapt_condition(condition, target.definition.syntaxes)
        return adapted

    def find_demands(
        self, obj: ManagedObject, relations: Container[str]
    ) -> Iterator[tuple[Reference, ManagedObjectPath, bool]]:
        """Yield what an object refers to in some relations: how, the path, and whether it must be enabled."""
        for prop in obj.definition.properties.values():
            for reference in prop.references:
                if reference.relation in relations:
                    for path in self._target_paths(reference, self.reader.read(obj, prop).known):
                        yield reference, path, self._needs_enabled(obj, reference) is not False

    def is_enough(self, obj: ManagedObject, reference: Reference) -> bool:
        """Tell whether an object counts as enabled for a reference to it, as an unknown state does."""
        condition = reference.target_enabled
        return condition is None or self._judge_target(obj, condition) is not False

    # -- what refers to it ---------------------------------------------------------------------------------------

    def users(self, path: ManagedObjectPath) -> Iterator[User]:
        """Yield the objects that refer to the one at a path, or may. All references of a relation are read at once."""
        uses = self._uses.get(path.relation)
        if uses is None:
            uses = self._uses[path.relation] = self._read_uses(path.relation)
        for obj, prop, reference in uses.sure.get(path, ()):
            yield User(obj, prop, reference, sure=True, needs=self._needs_enabled(obj, reference))
        for obj, prop, reference, targets in uses.perhaps:
            if path not in targets:
                yield User(obj, prop, reference, sure=False, needs=None)

    def _read_uses(self, relation: str) -> _Uses:
        uses = _Uses({}, [])
        for declaring, declared in self.registry.users(relation):
            for obj in self.instances(declaring):
                prop = obj.definition.properties[declared.name]
                reading = self.reader.read(obj, prop)
                for reference in prop.references:
                    if reference.relation == relation:
                        self._note_use(uses, obj, prop, reference, reading)
        return uses

    def _note_use(
        self, uses: _Uses, obj: ManagedObject, prop: PropertyDefinition, reference: Reference, reading: Reading
    ) -> None:
        targets = self._target_paths(reference, reading.known)
        for path in dict.fromkeys(targets):
            uses.sure.setdefault(path, []).append((obj, prop, reference))
        if any(map(reference.may_name, reading.deferred)):
            uses.perhaps.append((obj, prop, reference, targets))

    def _target_paths(self, reference: Reference, values: Iterable[Any]) -> tuple[ManagedObjectPath, ...]:
        return tuple(self._path_of(reference, name) for name in _select_names(reference, values))

    def _path_of(self, reference: Reference, name: str) -> ManagedObjectPath:
        return self.registry.parse_path(reference.parent).child(reference.relation, name)

    def _needs_enabled(self, obj: ManagedObject, reference: Reference) -> bool | None:
        if reference.target_enabled is None:
            return False
        return True if reference.needed_when is None else reference.needed_when.judge(self._make_view(obj))

    def instances(self, type_name: str) -> Iterator[ManagedObject]:
        """Yield every object of a type or its descendants, wherever it is in the tree."""
        top = (*self.registry.parents(type_name), type_name)[0]
        for obj in all_members(self.registry, self.world, self.registry.relation_of(top).name):
            if obj.definition.is_a(type_name):
                yield obj

    def check_users(self, judged: Judgement) -> Iterator[Diagnostic]:
        """Yield what is wrong with objects that refer to this one: what needs it enabled, and constraints that look at it."""
        yield from self._check_needs(judged)
        if self.registry.is_looked_at(judged.object.path.relation):
            yield from self._check_lookers(judged)

    def _check_lookers(self, judged: Judgement) -> Iterator[Diagnostic]:
        """Yield the errors of constraints of other objects that look at this one."""
        for user in self.users(judged.object.path):
            looking = [one.name for one in user.object.definition.constraints if user.property.name in one.looks_at]
            if user.sure and looking:
                yield from (one for one in self.judge(user.object).errors if one.constraint in looking)

    def _check_needs(self, judged: Judgement) -> Iterator[Diagnostic]:
        """Yield a problem for each object that needs this one enabled while it is not."""
        path = judged.object.path
        references = [one for _, prop in self.registry.users(path.relation) for one in prop.references]
        enabled = [
            self._adapt(one.target_enabled, judged.object).judge(judged.normal_values)
            for one in references
            if one.relation == path.relation and one.target_enabled is not None
        ]
        if False not in enabled:
            return  # no user has to be checked
        for user in self.users(path):
            reference = user.reference
            if not (user.sure and user.needs) or reference.target_enabled is None:
                continue
            if self._adapt(reference.target_enabled, judged.object).judge(judged.normal_values) is False:
                yield Diagnostic(
                    "constraint-violated",
                    f'the {judged.object.definition.friendly} "{path.name}" cannot be disabled: {user.object.path} '
                    f"needs it ({user.as_words()})",
                    path=str(path),
                    argument=path.name or "",
                    detail=_explain_need(path, user.object.path, reference.needed_when),
                    more=_own_words(reference),
                    remedy=self._advise_disabling(user),
                )

    def _advise_disabling(self, user: User) -> Remedy:
        """Return how a user no longer needs an object: disabled itself, if that lets go, or with another one."""
        path, switch, needed_when = user.object.path, user.object.definition.enabled_when, user.reference.needed_when
        if switch is None or needed_when is None or set(switch.properties()).isdisjoint(needed_when.properties()):
            return f"change {user.as_words()} of {path} to another object first"
        how = self._word_switch(user.object, switch, on=False)
        return f"disable {path} first", *how, f", or change its {user.as_words()} to another object"

    def _describe_disabled_target(
        self, judged: Judgement, prop: PropertyDefinition, target: ManagedObject, reference: Reference
    ) -> Diagnostic:
        path, switch = target.path, reference.target_enabled
        how = () if switch is None else self._word_switch(target, self._adapt(switch, target), on=True)
        return Diagnostic(
            "constraint-violated",
            f'{reference.as_words(prop.name)} names "{path.name}", which is disabled',
            path=str(judged.object.path),
            property=prop.name,
            value=reference.write_name(path.name or ""),
            detail=_explain_need(path, judged.object.path, reference.needed_when),
            more=_own_words(reference),
            remedy=(f"enable {path} first", *how, ", or name an enabled one"),
        )

    def _word_switch(
        self, obj: ManagedObject, condition: Condition, *, on: bool
    ) -> tuple[str, RemedyAction] | tuple[()]:
        """Return how to make a condition on one boolean property of an object true or false; nothing for any other."""
        names, path = set(condition.properties()), obj.path
        relation = self.registry.relation(path.relation)
        if len(names) != 1 or len(path.elements) > 1 or relation.kind == "set":
            return ()
        (name,) = names
        syntax = obj.definition.properties[name].syntax
        if syntax.value_type != "bool":
            return ()
        values = {text: frozenset([syntax.normal_form(text)]) for text in ("true", "false")}
        named = (relation.name_option, path.name) if path.name is not None else ()
        verb: Verb = "switch" if named else "switch-single"
        for text, normal in values.items():
            if condition.judge(dict.fromkeys(names, normal).get) is on:
                return ": ", RemedyAction(verb, relation.name, *named, name, text)
        return ()


class _Target(Record):
    """What a reference names; ``enabled`` is None where that is not known or does not matter."""

    path: ManagedObjectPath
    object: ManagedObject | None
    enabled: bool | None


class _Uses(Record):
    """The references to objects of one relation: known ones, and expressions that may still evaluate to one."""

    sure: dict[ManagedObjectPath, list[tuple[ManagedObject, PropertyDefinition, Reference]]]
    perhaps: list[tuple[ManagedObject, PropertyDefinition, Reference, tuple[ManagedObjectPath, ...]]]


def _select_names(reference: Reference, values: Iterable[Any]) -> list[str]:
    """Return what typed values give as names of objects."""
    found = [reference.select_name(str(value)) for value in values]
    return [name for name in found if name is not None]


_MANY = 20
"""How many names a message lists."""


def all_members(registry: Registry, world: World, relation_name: str) -> Iterator[ManagedObject]:
    """Yield every object of a relation, below all parents it can have."""
    chain = registry.lineage(registry.relation(relation_name))
    parents: list[ManagedObjectPath] = [ROOT]
    for above in chain[:-1]:
        parents = [obj.path for parent in parents for obj in world.members(above, parent)]
    for parent in parents:
        yield from world.members(chain[-1], parent)


def _describe_violation(judged: Judgement, constraint: Constraint, condition: Condition) -> Diagnostic:
    return Diagnostic(
        "constraint-violated",
        constraint.synopsis,
        path=str(judged.object.path),
        property=constraint.property,
        detail="" if constraint.severity == "warning" else _describe_state(judged, condition),
        remedy=constraint.remedy,
        severity="warning" if constraint.severity == "warning" else "error",
        constraint=constraint.name,
    )


def _defer_reading(obj: ManagedObject, prop: PropertyDefinition, reading: Reading) -> Iterator[DeferredCheck]:
    """Yield what startup will know of a property: each value, or which case of its default applies."""
    shown = [mask_secret(prop, text) for text in reading.deferred]
    if reading.undecided:
        yield DeferredCheck(obj.path, prop.name, " or ".join(shown), "default")
    else:
        yield from (DeferredCheck(obj.path, prop.name, text, "value") for text in shown)


def _is_reported(obj: ManagedObject, name: str) -> bool:
    """Whether reading the object has already reported a problem with the property."""
    return any(problem.property == name for problem in obj.problems)


def _describe_missing_value(obj: ManagedObject, prop: PropertyDefinition) -> Diagnostic:
    return Diagnostic(
        "missing-mandatory",
        f"the mandatory property {prop.name} has no value",
        path=str(obj.path),
        property=prop.name,
        detail=f"expected: {prop.syntax.expected}",
        remedy=_find_remedy_of_missing(prop),
    )


def _find_remedy_of_missing(prop: PropertyDefinition) -> Remedy:
    if prop.is_fixed:
        return f"give {prop.default.property} a value: {prop.name} is read-only and inherits it"
    return (RemedyAction("set", prop.name, "…"),)


def _check_values(judged: Judgement) -> Iterator[Diagnostic | DeferredCheck]:
    """Yield what is wrong with each property by itself."""
    obj = judged.object
    for name, reading in judged.readings.items():
        prop = obj.definition.properties[name]
        yield from reading.problems
        if reading.deferred:
            yield from _defer_reading(obj, prop, reading)
        # An expression may evaluate to no value.
        if prop.mandatory and reading.typed == () and not _is_reported(obj, name):
            yield _describe_missing_value(obj, prop)


def _check_conditional(judged: Judgement) -> Iterator[Diagnostic | DeferredCheck]:
    """Yield the properties without a value that are required under a condition which holds, or is not known."""
    obj = judged.object
    for name, prop in obj.definition.properties.items():
        needed = prop.required_when
        if needed is None or prop.mandatory or judged.readings[name].typed != () or _is_reported(obj, name):
            continue
        if (holds := needed.judge(judged.normal_values)) is None:
            yield DeferredCheck(obj.path, name, needed.as_words(), "required-when")
        elif holds:
            yield _describe_required_value(judged, prop, needed)


def _describe_required_value(judged: Judgement, prop: PropertyDefinition, needed: Condition) -> Diagnostic:
    return Diagnostic(
        "missing-mandatory",
        f"{prop.name} is required when {needed.as_words()}",
        path=str(judged.object.path),
        property=prop.name,
        detail=f"expected: {prop.syntax.expected}; {_describe_state(judged, needed)}",
        remedy=_find_remedy_of_missing(prop),
    )


def _describe_state(judged: Judgement, condition: Condition) -> str:
    """Name the values the condition was judged on, and where they come from."""
    return "; ".join(dict.fromkeys(_describe_operand(judged, operand) for operand in condition.operands()))


def _describe_operand(judged: Judgement, operand: str) -> str:
    """Name the values of a property, or of a part of them unless an expression or a secret hides it."""
    name, part = split_operand(operand)
    reading = judged.readings[name]
    prop = judged.object.definition.properties[name]
    if reading.undecided:
        return f"{name} is decided at startup"
    shown = [mask_secret(prop, text) for text in reading.texts]
    if part and not prop.sensitive and shown == list(reading.texts) and not any(map(has_opener, shown)):
        normals = map(prop.syntax.normal_form, reading.texts)
        shown = [str(found) for normal in normals for found in select_parts([normal], part)]
    else:
        operand = name
    value = ", ".join(shown) or "not set"
    if prop.sensitive:
        value = "set" if reading.texts else "not set"
    by_default = prop.default.always_gives_value() and not judged.object.values.get(name)
    return f"{operand_words(operand)} is {value}" + (" by default" if by_default else "")


def _explain_need(path: ManagedObjectPath, owner: ManagedObjectPath, needed_when: Condition | None) -> str:
    """Return when an object must be enabled; the condition looks at its owner, which refers to the object."""
    if needed_when is None:
        return f"{path} must always be enabled"
    return f"{path} must be enabled while this holds for {owner}: {needed_when.as_words()}"


def _own_words(reference: Reference) -> tuple[str, ...]:
    """Return what a definition itself says of its rule about enabled targets."""
    return (reference.synopsis,) if reference.synopsis else ()
