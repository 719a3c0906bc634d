"""Reading a property of an object: stored or default, inherited, evaluated, parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions.openers import SEALED, has_opener
from confobjects.objects.model import Evaluation, ManagedObject, Reading, Texts
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.definitions.conditions import Values
    from confobjects.definitions.model import DefaultCase
    from confobjects.objects.protocols import Evaluator, World

_MOST_SHARED: Final = 4096
_LONGEST_SHARED: Final = 64
"""How many readings are remembered for other objects, and how many characters their texts may have."""


def mask_secret(prop: PropertyDefinition, text: str) -> str:
    """Return a value text as it may be shown: secrets masked, expressions for secrets without their defaults."""
    span = prop.find_secret(text)
    return text if span is None else text[: span[0]] + mask_text(text[slice(*span)]) + text[span[1] :]


def mask_value(prop: PropertyDefinition, text: str) -> str:
    """Return an effective value text as it may be shown: secrets masked, also those that look like an expression."""
    span = prop.find_secret(text)
    return text if span is None else text[: span[0]] + MASK + text[span[1] :]


def mask_text(text: str) -> str:
    """Return a secret as it may be shown: a mask, or its expression without the default."""
    return _mask_expression(text) if has_opener(text) else MASK


@lru_cache(maxsize=256)  # many objects hold the same text
def _mask_expression(text: str) -> str:
    from confobjects.expressions import ExpressionSyntaxError, parse

    try:
        return parse(text).as_masked()
    except ExpressionSyntaxError:
        return MASK


class DefaultChoice(Record):
    """The texts that a default gives, and where they come from: ``source``, and ``case`` if it has several.

    While startup may still choose another case, it is not ``decided``; ``possible`` are the texts of all cases that may
    apply. The texts are then those that the defaults in expressions lead to, or none.
    """

    texts: Texts
    source: str
    case: str = ""
    decided: bool = True
    possible: Texts = ()

    @property
    def origin(self) -> str:
        """Where the texts come from, with the case that applies."""
        return f"{self.source} ({self.case})" if self.case else self.source


_Place = tuple[ManagedObjectPath, str]
"""The path of an object and the name of a property."""
_Choices = Mapping[_Place, DefaultChoice]


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
        if prop.default.kind == "defined":  # the usual case
            return prop.default.values, _DEFAULT
        choice = self.choose_default(obj, prop)
        return (choice.texts if choice.decided else ()), choice.origin

    def has_default(self, obj: ManagedObject, prop: PropertyDefinition) -> bool:
        """Tell whether a property of an object has a value without a stored one, even if it is not known which."""
        choice = self.choose_default(obj, prop)
        return bool(choice.texts) or not choice.decided

    def is_decided(self, obj: ManagedObject, prop: PropertyDefinition) -> bool:
        """Tell whether the current value of a property is known: it is not the default of a case that startup chooses."""
        return bool(obj.values.get(prop.name)) or self.choose_default(obj, prop).decided

    def choose_default(self, obj: ManagedObject, prop: PropertyDefinition) -> DefaultChoice:
        """Return what the default of a property of an object gives."""
        if prop.default.kind == "defined":
            return DefaultChoice(prop.default.values, _DEFAULT)
        if prop.default.kind == "cases":
            return self._choose_in_order(obj, prop)
        source = self._find_source(obj, prop) if prop.default.property else None
        if source is None:
            return _NO_DEFAULT
        return self._choose_in_order(obj, prop) if _has_cases(*source) else self._choose_inherited(*source, {})

    def _choose_in_order(self, obj: ManagedObject, prop: PropertyDefinition) -> DefaultChoice:
        """Choose the defaults that a case depends on first, without recursion: a chain of them may be long."""
        choices: dict[_Place, DefaultChoice] = {}
        entered: set[_Place] = set()
        waiting = [(obj, prop)]
        while waiting:
            owner, at = waiting[-1]
            place = (owner.path, at.name)
            if place not in entered:
                entered.add(place)
                needed = self._find_open_needs(owner, at)
                waiting.extend((o, p) for o, p in needed if (o.path, p.name) not in entered)
                continue
            waiting.pop()
            if place not in choices:
                choices[place] = self._choose(owner, at, choices)
        return choices[obj.path, prop.name]

    def _find_open_needs(
        self, obj: ManagedObject, prop: PropertyDefinition
    ) -> Iterator[tuple[ManagedObject, PropertyDefinition]]:
        """Yield the properties that a default follows and that follow a case themselves."""
        if prop.default.kind == "cases":
            for name in sorted(prop.default.looks_at()):
                if self._follows_case(obj, obj.definition.properties[name]):
                    yield obj, obj.definition.properties[name]
        elif (source := self._find_source(obj, prop)) is not None and _has_cases(*source):
            yield source

    def _follows_case(self, obj: ManagedObject, prop: PropertyDefinition) -> bool:
        """Whether the value of a property is the default of a case, its own or an inherited one."""
        if obj.values.get(prop.name):
            return False
        source = (obj, prop) if prop.default.kind == "cases" else self._find_source(obj, prop)
        return source is not None and _has_cases(*source)

    def _find_source(
        self, obj: ManagedObject, prop: PropertyDefinition
    ) -> tuple[ManagedObject, PropertyDefinition] | None:
        """Return the last object and property on the way of an inherited default; None without one."""
        sources = [*self.trace_inheritance(obj, prop)]
        return sources[-1] if sources else None

    def _choose(self, obj: ManagedObject, prop: PropertyDefinition, choices: _Choices) -> DefaultChoice:
        if prop.default.kind == "cases":
            return self._choose_case(obj, prop, choices)
        source = self._find_source(obj, prop)
        return _NO_DEFAULT if source is None else self._choose_inherited(*source, choices)

    @staticmethod
    def _choose_inherited(owner: ManagedObject, source: PropertyDefinition, choices: _Choices) -> DefaultChoice:
        """Return what a property of another object gives: its stored texts, or those of its own default."""
        here = f"inherited from {owner.path}"
        if stored := owner.values.get(source.name):
            return DefaultChoice(stored, here)
        if source.default.kind == "cases":
            found = choices.get((owner.path, source.name))
            return DefaultChoice((), here, decided=False) if found is None else found.replace(source=here)
        return DefaultChoice(source.default.values, here) if source.default.values else _NO_DEFAULT

    def _choose_case(self, obj: ManagedObject, prop: PropertyDefinition, choices: _Choices) -> DefaultChoice:
        """Return the texts of the first case that holds, if startup cannot choose another one."""
        looked = {name: self._look_at(obj, name, choices) for name in prop.default.looks_at()}
        sure = {n: None if r is None or r.deferred or r.undecided else r.normals for n, r in looked.items()}
        possible = _select_cases(prop.default.cases, sure.__getitem__)
        texts = {case.values for case in possible}
        words = " or ".join(case.as_words() for case in possible)
        if len(texts) == 1:
            return DefaultChoice(texts.pop(), _DEFAULT, words)
        expected = {n: None if r is None else r.normals for n, r in looked.items()}
        guessed = {case.values for case in _select_cases(prop.default.cases, expected.__getitem__)}
        every = tuple(dict.fromkeys(text for case in possible for text in case.values))
        probable = guessed.pop() if len(guessed) == 1 else ()
        return DefaultChoice(probable, _DEFAULT, "decided at startup", decided=False, possible=every)

    def _look_at(self, obj: ManagedObject, name: str, choices: _Choices) -> Reading | None:
        """Return a property that a case depends on; None where the definitions go round in a circle."""
        prop = obj.definition.properties[name]
        if not self._follows_case(obj, prop):
            return self.read(obj, prop)
        choice = choices.get((obj.path, name))
        return None if choice is None else self._read_choice(obj, prop, choice)

    def trace_sources(
        self, obj: ManagedObject, prop: PropertyDefinition
    ) -> Iterator[tuple[ManagedObject, PropertyDefinition]]:
        """Yield every object and property on which the default of a property depends, in any number of steps."""
        told: set[_Place] = set()
        waiting = [(obj, prop)]
        while waiting:
            owner, at = waiting.pop()
            if owner.values.get(at.name):
                continue
            properties = owner.definition.properties
            beside = ((owner, properties[name]) for name in sorted(at.default.looks_at()))
            for source in (*beside, *self.trace_inheritance(owner, at)):
                place = (source[0].path, source[1].name)
                if place not in told:
                    told.add(place)
                    waiting.append(source)
                    yield source

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
        if prop.default.kind == "cases" or prop.default.kind.startswith("inherited"):
            return self._read_choice(obj, prop, self.choose_default(obj, prop))  # follows others: never shared
        known = self._defaults.get(id(prop))
        if known is None:
            known = self._read_texts(obj, prop, *self.read_default(obj, prop))
            if not known.problems:  # problems name the object, so they are not shared
                self._defaults[id(prop)] = known
        return known

    def _read_stored(self, obj: ManagedObject, prop: PropertyDefinition, texts: Texts) -> Reading:
        """Return a property read from stored texts. Short ones are remembered: many objects have the same."""
        reading = self._read_texts(obj, prop, texts, "stored")
        if prop.syntax.has_secret_parts and not prop.sensitive:
            reading = self._refuse_clear_secrets(obj, prop, reading)
        is_fixed = (
            reading.values is texts and not reading.problems
        )  # no expression, which may have another value next time
        if is_fixed and len(texts) == 1 and len(texts[0]) <= _LONGEST_SHARED and len(self._shared) < _MOST_SHARED:
            self._shared[id(prop), texts] = reading
        return reading

    def _read_choice(self, obj: ManagedObject, prop: PropertyDefinition, choice: DefaultChoice) -> Reading:
        if choice.decided:
            return self._read_texts(obj, prop, choice.texts, choice.origin)
        if not choice.texts:
            return Reading(prop.syntax, (), choice.origin, (), (), None, (), choice.possible, undecided=True)
        r = self._read_texts(obj, prop, choice.texts, choice.origin)
        return Reading(
            prop.syntax, r.texts, r.origin, r.values, r.origins, r.typed, r.problems, choice.possible, undecided=True
        )

    def _refuse_clear_secrets(self, obj: ManagedObject, prop: PropertyDefinition, reading: Reading) -> Reading:
        """Refuse secrets in clear text in values that are shown. A sealed one is masked, and not in clear text."""
        clear = tuple(
            _describe_clear_secret(obj, prop, text)
            for text in reading.texts
            if mask_secret(prop, text) != text and not is_sealed(prop, text)
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
        if SEALED in text:
            result = self._evaluate_sealed(obj, prop, text)
        else:
            result = self.evaluate(text, multi_valued=prop.multi_valued, secret=prop.sensitive)
        if not result.problems:
            return result
        placed = tuple(problem.replace(path=str(obj.path), property=prop.name) for problem in result.problems)
        return result.replace(problems=placed)

    def _evaluate_sealed(self, obj: ManagedObject, prop: PropertyDefinition, text: str) -> Evaluation:
        """Return the value of a text in which a sealed secret is, or something that is written like one."""
        from confobjects.objects.sealed import contexts_of, parse_sealed

        owner, source = self._find_place(obj, prop, text)
        sealed = parse_sealed(source, text)
        if sealed is None:  # it has no value: the function refuses it
            return self.evaluate(text, multi_valued=prop.multi_valued, secret=prop.sensitive)
        start, end = source.find_secret(text) or (0, len(text))
        contexts = contexts_of(owner, source, text, sealed.bound)
        result = self.evaluate(text[start:end], multi_valued=False, secret=True, contexts=contexts)
        if result.values is None:
            return result
        return result.replace(values=tuple(text[:start] + value + text[end:] for value in result.values))

    def _find_place(
        self, obj: ManagedObject, prop: PropertyDefinition, text: str
    ) -> tuple[ManagedObject, PropertyDefinition]:
        """Return the object and the property that a text of a property is stored in: others if it is inherited."""
        if text not in obj.values.get(prop.name, ()):
            for owner, source in self.trace_inheritance(obj, prop):
                if text in owner.values.get(source.name, ()):
                    return owner, source
        return obj, prop

    def _parse_values(self, obj: ManagedObject, prop: PropertyDefinition, values: Texts, origins: Texts) -> _Parsed:
        syntax = prop.syntax
        try:  # the usual case: everything is right
            typed = tuple([syntax.parse(value) for value in values])
        except ValueSyntaxError:
            wrong = (p for v, o in zip(values, origins, strict=True) for p in _check_value(obj, prop, v, o))
            return (), tuple(wrong)
        return typed, () if len(values) < 2 else tuple(_check_values(obj, prop, values))


_DEFAULT = "default"
_NO_DEFAULT = DefaultChoice((), "none")


def _has_cases(obj: ManagedObject, prop: PropertyDefinition) -> bool:
    """Whether a property of an object has no stored value and a default with cases."""
    return prop.default.kind == "cases" and not obj.values.get(prop.name)


def _select_cases(cases: Iterable[DefaultCase], view: Callable[[str], Values]) -> list[DefaultCase]:
    """Return the cases of which one applies: those that are not known not to hold, up to the first that holds."""
    found = []
    for case in cases:
        holds = True if case.when is None else case.when.judge(view)
        if holds is not False:
            found.append(case)
        if holds:
            break
    return found


def is_sealed(prop: PropertyDefinition, text: str) -> bool:
    """Tell whether a text of a property is a sealed secret."""
    if SEALED not in text:
        return False
    from confobjects.objects.sealed import parse_sealed

    return parse_sealed(prop, text) is not None


def _describe_clear_secret(obj: ManagedObject, prop: PropertyDefinition, text: str) -> Diagnostic:
    what, remedy = prop.syntax.describe_secret(text)
    return Diagnostic(
        "invalid-value",
        f"{what} is a secret, but is given in clear text",
        path=str(obj.path),
        property=prop.name,
        value=mask_value(prop, text),
        remedy=remedy,
    )


_Parsed = tuple[tuple[object, ...], tuple[Diagnostic, ...]]


def _check_value(obj: ManagedObject, prop: PropertyDefinition, value: str, origin: str) -> list[Diagnostic]:
    try:
        prop.syntax.parse(value)
    except ValueSyntaxError as error:
        return [value_problem(str(obj.path), prop, value, error, origin)]
    return []


def value_problem(
    path: str, prop: PropertyDefinition, value: str, error: ValueSyntaxError, origin: str = ""
) -> Diagnostic:
    """Return the diagnostic of a value that does not follow its syntax."""
    came = "" if origin in {"stored", "default", ""} else f"the value came from {origin}"
    said = error.as_masked() if prop.sensitive else error
    return Diagnostic(
        "invalid-value",
        said.message,
        path=path,
        property=prop.name,
        value=mask_value(prop, value),
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
                remedy="keep one of them: " + ", ".join(mask_value(prop, value) for value in values),
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
                    f"the value {mask_value(prop, value)!r} repeats {mask_value(prop, seen[key])!r}",
                    path=path,
                    property=prop.name,
                    value=mask_value(prop, value),
                    remedy="give each only once",
                )
            )
        seen.setdefault(key, value)
    return problems
