"""The records of this room: an object as stored, a property as read, and the world objects live in."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, Relation
    from confobjects.diagnostics import Diagnostic
    from confobjects.paths import ManagedObjectPath

Texts = tuple[str, ...]


class ManagedObject(NamedTuple):
    """An object as the storage has it: value texts by property, nothing evaluated, no default filled in.

    ``problems`` are those of reading it (what could not be decoded), ``unknown`` the attributes no property
    stands for: they are kept and reported. ``revision`` counts its changes.
    """

    path: ManagedObjectPath
    definition: ManagedObjectDefinition
    values: Mapping[str, Texts]
    problems: tuple[Diagnostic, ...] = ()
    unknown: tuple[str, ...] = ()
    revision: int = 0

    @property
    def name(self) -> str:
        """The object's own name, empty for a singleton."""
        return self.path.name or ""


class World(Protocol):
    """Where other objects are found while one is judged."""

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        """Return the object at a path, None when there is none."""

    def members(self, relation: Relation, parent: ManagedObjectPath) -> Iterable[ManagedObject]:
        """Return the objects of a relation below a parent."""


class Evaluated(NamedTuple):
    """What an evaluator made of one value text.

    ``values`` is None when they are not known yet. ``origins`` say for each value where it came from.
    ``provisional`` values stand on defaults that startup may replace: what they break is refused, and they
    are listed as deferred all the same.
    """

    values: Texts | None
    origins: Texts = ()
    problems: tuple[Diagnostic, ...] = ()
    provisional: bool = False


class Evaluate(Protocol):
    """Evaluates a value text that holds an expression opener."""

    def __call__(self, text: str, *, multi_valued: bool, secret: bool) -> Evaluated:
        """Return the values, without path and property in the problems: the caller adds them."""


class Reading(NamedTuple):
    """One property of one object, read: its current texts, and what they came to.

    ``origin`` is ``stored``, ``default``, ``inherited from PATH`` or ``none``; ``origins`` are those of the
    evaluated values, one for each. ``typed`` and ``normals`` are None while a value is not known, or is wrong.
    """

    texts: Texts
    origin: str
    origins: Texts
    typed: tuple[Any, ...] | None
    normals: frozenset[Hashable] | None
    problems: tuple[Diagnostic, ...] = ()
    deferred: Texts = ()


class Deferred(NamedTuple):
    """A value that could not be judged when it was written; startup will."""

    path: ManagedObjectPath
    property: str
    text: str
    why: str
