"""Values that are given once and for all: what a document says of them changes no object that is there.

A read-only property has its value from the creation of its object: the number of a server, the file that it writes its
process number to. A document that comes from elsewhere has the value of elsewhere. To bring that about, the object would have
to be deleted and created anew, which nobody asks for by applying a document. Other properties belong to a place as well, a port or a
path, and only people know which: they are named.

Law of this module: after settling, no object that stays differs from the wanted one in a read-only property, or in a named one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import UnknownNameError
from confobjects.management.documents.comparing import States
from confobjects.management.documents.differing import differs
from confobjects.objects.reading import mask_secret
from confobjects.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from confobjects.definitions import Registry
    from confobjects.management.documents.comparing import Difference
    from confobjects.mapping.documents import ObjectState
    from confobjects.paths import ManagedObjectPath


class OwnProperties(Record):
    """Properties whose values belong to each place: neither compared nor changed in objects that are there.

    Each is the name of a kind of objects and that of the property; the kind is empty if it is meant in all kinds.
    """

    names: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def parse(cls, texts: Iterable[str], registry: Registry) -> OwnProperties:
        """Return the properties that texts name: ``PROPERTY`` or ``KIND.PROPERTY``.

        Raises :class:`~confobjects.errors.UnknownNameError` for a kind or a property that there is not.
        """
        return cls(frozenset(_parse(text.strip().lower(), registry) for text in texts))

    def have(self, path: ManagedObjectPath, name: str) -> bool:
        """Tell whether a property of an object is one of these."""
        return ("", name) in self.names or (path.relation, name) in self.names

    def leave_out(self, found: Iterable[Difference]) -> Iterator[Difference]:
        """Yield differences without these properties of objects that both sides have."""
        for one in found:
            if one.action != "modify":
                yield one
                continue
            pairs = {name: pair for name, pair in one.properties.items() if not self.have(one.path, name)}
            if pairs or one.types is not None:
                yield one.replace(properties=pairs)


def _parse(text: str, registry: Registry) -> tuple[str, str]:
    kind, dot, name = text.rpartition(".")
    known = {name for definition in registry for name in definition.properties}
    if dot:
        kind = registry.relation(kind).name
        known = {name for one in registry.types_of(registry.relation(kind)).values() for name in one.properties}
    if name not in known:
        whose = f"the objects of {kind} have" if dot else "there is"
        remedy = suggest_name(name, known)
        raise UnknownNameError(Diagnostic("unknown-name", f'{whose} no property "{name}"', remedy=remedy))
    return kind, name


NO_PROPERTIES = OwnProperties()


def settle(
    wanted: States, there: States, registry: Registry, own: OwnProperties = NO_PROPERTIES, *, recreate: bool = False
) -> tuple[States, list[Diagnostic]]:
    """Return wanted objects with the values that those that are there keep, and a warning for each read-only value that is
    not used. With ``recreate`` read-only values are those wanted.
    """
    staying = {path: there[path] for path in wanted if path in there}
    replaced = {path for path, have in staying.items() if _is_replaced(have, wanted[path], registry)}
    settled = dict(wanted)
    warnings: list[Diagnostic] = []
    for path, have in staying.items():
        state = wanted[path]
        if have.definition is not state.definition or _is_below(path, replaced):
            continue
        names = [n for n in _find_settled(have, state, own) if not recreate or own.have(path, n)]
        if names:
            settled[path] = _take(have, state, names)
            told = [name for name in names if name in state.values and not own.have(path, name)]
            warnings.extend(_describe(have, state, name, registry) for name in told)
    return settled, warnings


def _is_replaced(have: ObjectState, state: ObjectState, registry: Registry) -> bool:
    return have.definition is not state.definition and registry.relation(state.path.relation).kind != "singleton"


def _is_below(path: ManagedObjectPath, replaced: set[ManagedObjectPath]) -> bool:
    return bool(replaced) and any(path.is_below(other) for other in replaced)


def _find_settled(have: ObjectState, state: ObjectState, own: OwnProperties) -> list[str]:
    properties = have.definition.properties
    names = {*have.values, *state.values, *state.kept}
    settled = (name for name in names if properties[name].read_only or own.have(state.path, name))
    return sorted(name for name in settled if differs(have, state, name))


def _take(have: ObjectState, state: ObjectState, names: list[str]) -> ObjectState:
    """Return a wanted state with the values that an object has of some properties."""
    others = {name: texts for name, texts in state.values.items() if name not in names}
    own = {name: have.values[name] for name in names if name in have.values}
    return state.replace(values={**others, **own}, kept=state.kept.difference(names))


def _describe(have: ObjectState, state: ObjectState, name: str, registry: Registry) -> Diagnostic:
    prop = have.definition.properties[name]
    now = ", ".join(mask_secret(prop, text) for text in have.values.get(name, ())) or "no value"
    summary = f"{name} is read-only: it stays as it is ({now})"
    is_single = registry.relation(state.path.relation).kind == "singleton"
    remedy = "" if is_single else (RemedyAction("recreate"),)
    return Diagnostic("usage", summary, path=str(state.path), property=name, remedy=remedy, severity="warning")
