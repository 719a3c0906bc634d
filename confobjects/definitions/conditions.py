"""Conditions: the small language of constraints and references, judged with three truth values.

``{"and": [c, …]}`` ``{"or": [c, …]}`` ``{"not": c}`` ``{"implies": [c, c]}`` ``{"is-present": "property"}``
``{"contains": ["property", "value"]}`` and the constants ``true`` and ``false``. In place of a property may stand a
part of its value, which the syntax of the property names: ``{"contains": ["smtp-server.port", "587"]}``. A value
without that part has no value there.

A condition is true, false, or unknown (None) when a property it looks at holds an expression whose value is
not known yet (Kleene's strong logic). The state of the object comes in as a function from a property's name to
its values in normal form, or None when they are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confobjects.syntaxes import Syntax

Values = frozenset[Hashable] | None
View = Callable[[str], Values]
"""Values of a property in normal form (an empty set when it has none), None when they are not known."""
Normal = Callable[[str, str], Hashable]
"""The normal form of a value text of a property, or of a part (``smtp-server.port``)."""


def split_operand(operand: str) -> tuple[str, str]:
    """Return the property that a condition looks at, and the part of its value (empty for the whole value)."""
    name, _, part = operand.partition(".")  # the name of a property has no dot
    return name, part


def operand_words(operand: str) -> str:
    """Return what a condition looks at as a phrase for people."""
    name, part = split_operand(operand)
    return f"the {part} of {name}" if part else name


def syntax_of(operand: str, syntaxes: Mapping[str, Syntax]) -> Syntax | None:
    """Return the syntax of what a condition looks at; None if there is no such property or part."""
    name, part = split_operand(operand)
    found = syntaxes.get(name)
    if found is None or not part:
        return found
    return found.part_syntax(part) if part in found.parts else None


def select_parts(normals: Iterable[Hashable], part: str) -> frozenset[Hashable]:
    """Return the normal forms of a part of some values, given in normal form; a value may lack it."""
    found = (getattr(normal, part, None) for normal in normals)
    return frozenset(normal for normal in found if normal not in (None, ""))


class Condition:
    """A node of a condition; immutable, compared by the JSON it was made from."""

    __slots__ = ("source",)

    def __init__(self, source: Any) -> None:
        self.source = source

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self.source == other.source

    def __hash__(self) -> int:
        return hash(repr(self.source))

    def judge(self, view: View) -> bool | None:
        """Return the truth of the condition, None when it is not known."""
        raise NotImplementedError

    def operands(self) -> Iterator[str]:
        """Yield what it looks at: properties, and parts of values (``smtp-server.port``)."""
        return iter(())

    def properties(self) -> Iterator[str]:
        """Yield the names of the properties it looks at."""
        return (split_operand(operand)[0] for operand in self.operands())

    def values(self) -> Iterator[tuple[str, str]]:
        """Yield the (operand, value) pairs it compares with."""
        return iter(())

    def as_words(self) -> str:
        """Return the condition as a phrase for people."""
        raise NotImplementedError


class Constant(Condition):
    """Always or never."""

    __slots__ = ()

    def judge(self, view: View) -> bool | None:  # noqa: ARG002 - the same call for every node
        return bool(self.source)

    def as_words(self) -> str:
        return "always" if self.source else "never"


class _Look(Condition):
    """Looks at the values of one property, or at a part of each of them."""

    __slots__ = ("operand", "part", "property")

    def __init__(self, source: Any, operand: str) -> None:
        super().__init__(source)
        self.operand = operand
        self.property, self.part = split_operand(operand)

    def operands(self) -> Iterator[str]:
        yield self.operand

    def look(self, view: View) -> Values:
        """Return the values it is about, in normal form; None when they are not known."""
        values = view(self.property)
        return select_parts(values, self.part) if self.part and values is not None else values


class Contains(_Look):
    """A property, or a part of it, has a value."""

    __slots__ = ("normal", "value")

    def __init__(self, source: Any, operand: str, value: str, normal: Hashable) -> None:
        super().__init__(source, operand)
        self.value = value
        self.normal = normal

    def judge(self, view: View) -> bool | None:
        values = self.look(view)
        return None if values is None else self.normal in values

    def values(self) -> Iterator[tuple[str, str]]:
        yield self.operand, self.value

    def as_words(self) -> str:
        return f"{operand_words(self.operand)} is {self.value}"


class IsPresent(_Look):
    """A property, or a part of it, has any value."""

    __slots__ = ()

    def judge(self, view: View) -> bool | None:
        values = self.look(view)
        if values is None:
            # An expression whose value is unknown is still a value: unless it evaluates to nothing, it is present.
            # Whether that value will have the part is not known.
            return None if self.part else True
        return bool(values)

    def as_words(self) -> str:
        return f"{operand_words(self.operand)} is set"


class _Compound(Condition):
    __slots__ = ("parts",)

    def __init__(self, source: Any, parts: tuple[Condition, ...]) -> None:
        super().__init__(source)
        self.parts = parts

    def operands(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.operands()

    def values(self) -> Iterator[tuple[str, str]]:
        for part in self.parts:
            yield from part.values()

    def _join_parts(self, word: str) -> str:
        return f" {word} ".join(f"({p.as_words()})" if isinstance(p, _Compound) else p.as_words() for p in self.parts)


class And(_Compound):
    """Every part holds."""

    __slots__ = ()

    def judge(self, view: View) -> bool | None:
        return _conjoin(part.judge(view) for part in self.parts)

    def as_words(self) -> str:
        return self._join_parts("and")


class Or(_Compound):
    """One part holds."""

    __slots__ = ()

    def judge(self, view: View) -> bool | None:
        return _negate(_conjoin(_negate(part.judge(view)) for part in self.parts))

    def as_words(self) -> str:
        return self._join_parts("or")


class Not(_Compound):
    """The part does not hold."""

    __slots__ = ()

    def judge(self, view: View) -> bool | None:
        return _negate(self.parts[0].judge(view))

    def as_words(self) -> str:
        return f"not ({self.parts[0].as_words()})"


class Implies(_Compound):
    """Where the first part holds, so does the second."""

    __slots__ = ()

    def judge(self, view: View) -> bool | None:
        first, second = self.parts
        return _negate(_conjoin((first.judge(view), _negate(second.judge(view)))))

    def as_words(self) -> str:
        return f"if {self.parts[0].as_words()} then {self.parts[1].as_words()}"


def _negate(value: bool | None) -> bool | None:
    return None if value is None else not value


def _conjoin(values: Iterable[bool | None]) -> bool | None:
    unknown = False
    for value in values:
        if value is False:
            return False
        unknown = unknown or value is None
    return None if unknown else True


_COMPOUND: dict[str, type[_Compound]] = {"and": And, "or": Or, "implies": Implies}


def build_condition(source: Any, normal: Normal) -> Condition:
    """Build a condition from JSON that the meta-schema accepts.

    ``normal`` gives the normal form of a value of a property or a part, with which ``contains`` compares.
    """
    if isinstance(source, bool):
        return Constant(source)
    ((keyword, argument),) = source.items()
    if keyword == "contains":
        operand, value = argument
        return Contains(source, operand, value, normal(operand, value))
    if keyword == "is-present":
        return IsPresent(source, argument)
    if keyword == "not":
        return Not(source, (build_condition(argument, normal),))
    return _COMPOUND[keyword](source, tuple(build_condition(part, normal) for part in argument))


def adapt_condition(condition: Condition, syntaxes: Mapping[str, Syntax]) -> Condition:
    """Return a condition on objects of a type as one on those of a subtype, given the syntaxes of its properties."""

    def normalise(operand: str, text: str) -> Hashable:
        syntax = syntax_of(operand, syntaxes)
        assert syntax is not None  # noqa: S101 - the subtype has what the type has
        return syntax.normal_form(text)

    return build_condition(condition.source, normalise)
