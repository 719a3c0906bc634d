"""Values that are given once and for all: what a document says of them changes no object that is there.

A read-only property has its value from the creation of its object: the number of a server, the file that it writes its
process number to. A document that comes from elsewhere has the value of elsewhere. To bring that about, the object would have
to be deleted and created anew, which nobody asks for by applying a document.

Law of this module: after settling, no object that stays differs from the wanted one in a read-only property.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.management.documents.comparing import States, differs
from confobjects.objects.reading import mask_secret

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mapping.documents import ObjectState
    from confobjects.paths import ManagedObjectPath


def settle(wanted: States, there: States, registry: Registry) -> tuple[States, list[Diagnostic]]:
    """Return wanted objects with the read-only values of those that are there, and a warning for each value that is not used."""
    staying = {path: there[path] for path in wanted if path in there}
    replaced = {path for path, have in staying.items() if _is_replaced(have, wanted[path], registry)}
    settled = dict(wanted)
    warnings: list[Diagnostic] = []
    for path, have in staying.items():
        state = wanted[path]
        if have.definition is not state.definition or _is_below(path, replaced):
            continue
        if names := _find_settled(have, state):
            settled[path] = _take(have, state, names)
            warnings.extend(_describe(have, state, name, registry) for name in names if name in state.values)
    return settled, warnings


def _is_replaced(have: ObjectState, state: ObjectState, registry: Registry) -> bool:
    return have.definition is not state.definition and registry.relation(state.path.relation).kind != "singleton"


def _is_below(path: ManagedObjectPath, replaced: set[ManagedObjectPath]) -> bool:
    return bool(replaced) and any(path.is_below(other) for other in replaced)


def _find_settled(have: ObjectState, state: ObjectState) -> list[str]:
    properties = have.definition.properties
    names = {*have.values, *state.values, *state.kept}
    return sorted(name for name in names if properties[name].read_only and differs(have, state, name))


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
