"""Conditions: the small language of constraints and references, judged with three truth values.

``{"and": [c, …]}`` ``{"or": [c, …]}`` ``{"not": c}`` ``{"implies": [c, c]}`` ``{"is-present": "property"}``
``{"contains": ["property", "value"]}`` and the constants ``true`` and ``false``.

A condition is true, false, or unknown (None) when a property it looks at holds an expression whose value is
not known yet (Kleene's strong logic). The state of the object comes in as a function from a property's name to
its values in normal form, or None when they are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

Values = frozenset[Hashable] | None
View = Callable[[str], Values]
"""Values of a property in normal form (an empty set when it has none), None when they are not known."""
Normal = Callable[[str, str], Hashable]
"""The normal form of a value text of a property."""


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

    def properties(self) -> Iterator[str]:
        """Yield the names of the properties it looks at."""
        return iter(())

    def values(self) -> Iterator[tuple[str, str]]:
        """Yield the (property, value) pairs it compares with."""
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


class Contains(Condition):
    """A property has a value."""

    __slots__ = ("normal", "property", "value")

    def __init__(self, source: Any, property: str, value: str, normal: Hashable) -> None:  # noqa: A002
        super().__init__(source)
        self.property = property
        self.value = value
        self.normal = normal

    def judge(self, view: View) -> bool | None:
        values = view(self.property)
        return None if values is None else self.normal in values

    def properties(self) -> Iterator[str]:
        yield self.property

    def values(self) -> Iterator[tuple[str, str]]:
        yield self.property, self.value

    def as_words(self) -> str:
        return f"{self.property} is {self.value}"


class IsPresent(Condition):
    """A property has any value."""

    __slots__ = ("property",)

    def __init__(self, source: Any, property: str) -> None:  # noqa: A002
        super().__init__(source)
        self.property = property

    def judge(self, view: View) -> bool | None:
        values = view(self.property)
        # An expression whose value is unknown is still a value: unless it evaluates to nothing, it is present.
        return True if values is None else bool(values)

    def properties(self) -> Iterator[str]:
        yield self.property

    def as_words(self) -> str:
        return f"{self.property} is set"


class _Compound(Condition):
    __slots__ = ("parts",)

    def __init__(self, source: Any, parts: tuple[Condition, ...]) -> None:
        super().__init__(source)
        self.parts = parts

    def properties(self) -> Iterator[str]:
        for part in self.parts:
            yield from part.properties()

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

    ``normal`` gives the normal form of a property's value, with which ``contains`` compares.
    """
    if isinstance(source, bool):
        return Constant(source)
    ((keyword, argument),) = source.items()
    if keyword == "contains":
        name, value = argument
        return Contains(source, name, value, normal(name, value))
    if keyword == "is-present":
        return IsPresent(source, argument)
    if keyword == "not":
        return Not(source, (build_condition(argument, normal),))
    return _COMPOUND[keyword](source, tuple(build_condition(part, normal) for part in argument))
