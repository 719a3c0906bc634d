"""The typed API: a stub that tells a type checker every property of every kind of object.

``confobjects/objects/typed.pyi`` is for type checkers; the module beside it is empty.
"""

from __future__ import annotations

from collections.abc import Iterator

from confobjects.definitions import PropertyDefinition, Registry, Relation

_HEAD = """\
# generated from the definitions by `python -m tests.docs_check --write`; do not edit
# pyright: reportIncompatibleMethodOverride=false
from typing import Literal, overload

from confobjects.dn import DN as DN
from confobjects.objects.effective import EffectiveObject
from confobjects.syntaxes import HostPort as HostPort
from confobjects.syntaxes import NameValue as NameValue
from confobjects.syntaxes import Unlimited as Unlimited
"""


def render_stub(registry: Registry) -> str:
    """Return the text of the stub."""
    relations = [relation for _, relation in sorted(registry.relations().items())]
    return "\n".join(
        [
            _HEAD,
            *(line for r in relations for line in _render_class(r, registry)),
            *_render_lookups(relations, registry),
        ]
    )


def class_name_of(relation: Relation) -> str:
    """Return the name of the class for a kind of object."""
    return "".join(word.capitalize() for word in relation.name.split("-"))


def _render_class(relation: Relation, registry: Registry) -> Iterator[str]:
    yield f"class {class_name_of(relation)}(EffectiveObject):"
    own = registry.definition(relation.target).properties
    every: dict[str, tuple[PropertyDefinition, bool]] = {}
    for name in registry.subtypes(relation.target):
        for prop in registry.definition(name).properties.values():
            # As its type declares it: a subtype may narrow it.
            declared = registry.definition(prop.declared_by).properties[prop.name]
            every.setdefault(prop.name, (declared, prop.name in own))
    known = [(f'Literal["{name}"]', value_type_of(prop, sure=common)) for name, (prop, common) in sorted(every.items())]
    for index, (key, value) in enumerate(known):
        # The base takes any text as a key, because it knows no kind; a wrong one is an error here.
        narrowed = "  # type: ignore[override]" if index == 0 else ""
        if len(known) > 1:
            yield f"    @overload{narrowed}"
            narrowed = ""
        yield f"    def __getitem__(self, name: {key}) -> {value}: ...{narrowed}"
    if not known:
        yield "    pass"
    yield ""


def value_type_of(prop: PropertyDefinition, *, sure: bool = True) -> str:
    """Return the type of a property's value, with None if the value may be missing."""
    kind = prop.syntax.python_type
    if prop.multi_valued:
        return f"tuple[{kind}, ...]"
    always = sure and (prop.mandatory or prop.default.always_gives_value())
    return kind if always else f"{kind} | None"


def _render_lookups(relations: list[Relation], registry: Registry) -> Iterator[str]:
    yield "class Lookups:"
    for relation in relations:
        names = ["str" for step in registry.lineage(relation) if step.named]
        kind = f'Literal["{relation.name}"]'
        key = f"tuple[{', '.join([kind, *names])}]" if names else kind
        if len(names) > 1:
            key += f" | tuple[{kind}, tuple[{', '.join(names)}]]"
        yield "    @overload"
        yield f"    def __getitem__(self, key: {key}) -> {class_name_of(relation)}: ..."
    yield "    @overload"
    yield "    def __getitem__(self, key: tuple[str, ...] | tuple[str, tuple[str, ...]] | str) -> EffectiveObject: ..."
    for relation in relations:
        yield "    @overload"
        yield f'    def of(self, kind: Literal["{relation.name}"]) -> tuple[{class_name_of(relation)}, ...]: ...'
    yield "    @overload"
    yield "    def of(self, kind: str) -> tuple[EffectiveObject, ...]: ..."
    yield ""
