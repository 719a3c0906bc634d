"""The records of this room: an object as stored, and a property as read."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from confobjects.records import Record, field
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition
    from confobjects.diagnostics import Diagnostic
    from confobjects.paths import ManagedObjectPath
    from confobjects.syntaxes import Syntax

Texts = tuple[str, ...]


class ManagedObject(Record):
    """An object as the storage has it: value texts by property, nothing evaluated, no default filled in.

    ``problems`` are those of reading it (what could not be decoded), ``unknown`` the attributes that
    belong to no property: they are kept and reported. ``revision`` counts its changes. ``others`` are values of attributes
    that belong to no property, for a new object that gets them back.
    """

    path: ManagedObjectPath
    definition: ManagedObjectDefinition
    values: Mapping[str, Texts]
    problems: tuple[Diagnostic, ...] = ()
    unknown: tuple[str, ...] = ()
    revision: int = 0
    others: Mapping[str, tuple[str | bytes, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The object's own name, empty for a singleton."""
        return self.path.name or ""

    def __repr__(self) -> str:
        """Tell which object it is and which properties it has; a value may be a secret, and representations get into logs."""
        return f"<{self.definition.name} {self.path}: {', '.join(self.values) or 'no values'}>"


class Evaluation(Record):
    """The result of evaluating one value text.

    ``values`` is None when they are not known yet. ``origins`` say for each value where it came from.
    ``provisional`` values come from defaults that startup may replace: they are checked like others, and
    listed as deferred too.
    """

    values: Texts | None = field(repr=False)
    origins: Texts = ()
    problems: tuple[Diagnostic, ...] = ()
    provisional: bool = False


class Reading:
    """One property of one object as read: its current texts, and their values.

    ``origin`` is ``stored``, ``default`` (with the case that applies, if there are several), ``inherited from PATH``
    or ``none``; ``values`` are the evaluated texts and ``origins`` say of each where it came from. ``typed`` is None if
    a value is wrong or not known yet. ``undecided`` says that startup may choose another case of the default;
    ``deferred`` are then the texts that are possible.
    """

    __slots__ = (
        "_normals",
        "_syntax",
        "deferred",
        "origin",
        "origins",
        "problems",
        "texts",
        "typed",
        "undecided",
        "values",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - a record
        self,
        syntax: Syntax,
        texts: Texts,
        origin: str,
        values: Texts,
        origins: Texts,
        typed: tuple[Any, ...] | None,
        problems: tuple[Diagnostic, ...] = (),
        deferred: Texts = (),
        *,
        undecided: bool = False,
    ) -> None:
        self.texts = texts
        self.origin = origin
        self.values = values
        self.origins = origins
        self.typed = typed
        self.problems = problems
        self.deferred = deferred
        self.undecided = undecided
        self._syntax = syntax
        self._normals: frozenset[Hashable] | None = None

    @property
    def known(self) -> tuple[Any, ...]:
        """The typed values that are known and valid, also where others are not."""
        if self.typed is not None:
            return self.typed
        found = []
        for value in self.values:
            with suppress(ValueSyntaxError):
                found.append(self._syntax.parse(value))
        return tuple(found)

    @property
    def normals(self) -> frozenset[Hashable] | None:
        """The normal forms of the values, None where ``typed`` is. Computed when a condition needs them."""
        if self._normals is None and self.typed is not None:
            self._normals = frozenset([self._syntax.normal_form(value) for value in self.values])
        return self._normals


class DeferredCheck(Record):
    """What could not be judged when it was written; startup judges it.

    ``why`` is ``value``, ``default`` (which of its cases applies; ``text`` has the values that are possible),
    ``required-when`` (whether the condition in ``text`` holds, so that a value is missing) or ``constraint``, whose name
    is the ``text``.
    """

    path: ManagedObjectPath
    property: str
    text: str
    why: str
