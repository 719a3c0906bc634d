"""The typed API: a stub that tells a type checker every kind of object, its properties and their values.

``confobjects/objects/typed.pyi`` is for type checkers; the module beside it is empty. What a program opens, loads and follows
has the classes ``Typed…`` there, which take known kinds and properties only; the classes that they extend take any text.
"""

from __future__ import annotations

from collections.abc import Iterator

from confobjects.definitions import PropertyDefinition, Registry, Relation

_HEAD = """\
# generated from the definitions by `python -m tests.docs_check --write`; do not edit
# pyright: reportIncompatibleMethodOverride=false
import builtins
from collections.abc import Sequence
from typing import Literal, TypedDict, overload

from confobjects.dn import DN as DN
from confobjects.following.configuration import Live
from confobjects.management.changing.transaction import Transaction
from confobjects.management.changing.trials import OpenTests
from confobjects.management.context import ManagementContext
from confobjects.management.world import StorageWorld
from confobjects.objects.changes import ChangeReport, PropertyChanges
from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
from confobjects.objects.model import ManagedObject
from confobjects.paths import Name
from confobjects.syntaxes import HostPort as HostPort
from confobjects.syntaxes import NameValue as NameValue
from confobjects.syntaxes import Unlimited as Unlimited
"""

_LIVE = """\
class TypedLive(TypedLookups, Live):  # type: ignore[misc]
    @property
    def configuration(self) -> TypedConfiguration: ...
"""

_MODIFY = """\
    def modify(self, kind: Kind, name: Name, changes: PropertyChanges, *, type: str | None = None{more}) -> {result}: ...  # type: ignore[override]
    def delete(self, kind: Kind, name: Name = (), *, force: bool = False{more_of_deletion}) -> {result}: ...  # type: ignore[override]
    def rename(self, kind: Kind, name: Name, new_name: str{more_of_renaming}) -> {result}: ...  # type: ignore[override]
"""

_CONTEXT = """\
    def change(self, *, dry_run: bool = False, accept_losses: bool = False, tests: OpenTests | None = None) -> TypedTransaction: ...  # type: ignore[override]
    def get(self, kind: Kind, name: Name = (), world: StorageWorld | None = None) -> ManagedObject: ...  # type: ignore[override]
    def list(self, kind: Kind, parents: Name = (), world: StorageWorld | None = None, *, properties: Sequence[str] | None = None) -> builtins.list[ManagedObject]: ...  # type: ignore[override]
"""


def render_stub(registry: Registry) -> str:
    """Return the text of the stub."""
    relations = [relation for _, relation in sorted(registry.relations().items())]
    return "\n".join(
        [
            _HEAD,
            *(line for r in relations for line in _render_class(r, registry)),
            *(line for r in relations for line in _render_values(r, registry)),
            f"Kind = {_literal(relation.name for relation in relations)}",
            "",
            *_render_lookups("Lookups", relations, registry, is_open=True),
            *_render_lookups("TypedLookups", relations, registry, is_open=False),
            "class TypedConfiguration(TypedLookups, EffectiveConfiguration): ...  # type: ignore[misc]",
            "",
            _LIVE,
            *_render_transaction(relations),
            *_render_context(relations),
        ]
    )


def class_name_of(relation: Relation) -> str:
    """Return the name of the class for a kind of object."""
    return "".join(word.capitalize() for word in relation.name.split("-"))


def _find_properties(relation: Relation, registry: Registry) -> list[tuple[PropertyDefinition, bool]]:
    """Return the properties of all types of a kind, sorted, and of each whether all types have it."""
    own = registry.definition(relation.target).properties
    every: dict[str, tuple[PropertyDefinition, bool]] = {}
    for name in registry.subtypes(relation.target):
        for prop in registry.definition(name).properties.values():
            # As its type declares it: a subtype may narrow it.
            declared = registry.definition(prop.declared_by).properties[prop.name]
            every.setdefault(prop.name, (declared, prop.name in own))
    return [found for _, found in sorted(every.items())]


def _render_class(relation: Relation, registry: Registry) -> Iterator[str]:
    yield f"class {class_name_of(relation)}(EffectiveObject):"
    known = [
        (f'Literal["{prop.name}"]', value_type_of(prop, sure=common))
        for prop, common in _find_properties(relation, registry)
    ]
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


def _render_values(relation: Relation, registry: Registry) -> Iterator[str]:
    """Yield what a program may give to objects of a kind: values by property, names of properties, types."""
    name = class_name_of(relation)
    given = [prop for prop, _ in _find_properties(relation, registry) if not prop.is_fixed]
    values = ", ".join(f'"{prop.name}": {given_type_of(prop)}' for prop in given)
    yield f'{name}Values = TypedDict("{name}Values", {{{values}}}, total=False)'
    yield f"{name}Property = {_literal(prop.name for prop in given)}"
    types = {text for short, found in registry.types_of(relation).items() for text in (short, found.name)}
    yield f"{name}Type = {_literal(sorted(types))}"
    yield ""


def _literal(texts: Iterator[str] | list[str]) -> str:
    quoted = ", ".join(f'"{text}"' for text in texts)
    return f"Literal[{quoted}]" if quoted else "str"


def value_type_of(prop: PropertyDefinition, *, sure: bool = True) -> str:
    """Return the type of a property's value, with None if the value may be missing."""
    kind = prop.syntax.python_type
    if prop.multi_valued:
        return f"tuple[{kind}, ...]"
    always = sure and (prop.mandatory or prop.default.always_gives_value())
    return kind if always else f"{kind} | None"


def given_type_of(prop: PropertyDefinition) -> str:
    """Return the type of what a program may give as a property's value: any text, which may be an expression; None resets."""
    kind = prop.syntax.python_type
    one = "str" if kind == "str" or kind.startswith("Literal[") else f"{kind} | str"
    return f"Sequence[{one}] | {one} | None" if prop.multi_valued else f"{one} | None"


def _render_lookups(name: str, relations: list[Relation], registry: Registry, *, is_open: bool) -> Iterator[str]:
    """Yield a class with the look-ups of an effective configuration. An open one takes any text as a kind, too."""
    yield f"class {name}:"
    keys, kinds = [], []
    for relation in relations:
        names = ["str" for step in registry.lineage(relation) if step.named]
        kind = f'Literal["{relation.name}"]'
        key = f"tuple[{', '.join([kind, *names])}]" if names else kind
        if len(names) > 1:
            key += f" | tuple[{kind}, tuple[{', '.join(names)}]]"
        keys.append((key, class_name_of(relation)))
        kinds.append((kind, class_name_of(relation)))
    if is_open:
        keys.append(("tuple[str, ...] | tuple[str, tuple[str, ...]] | str", "EffectiveObject"))
        kinds.append(("str", "EffectiveObject"))
    yield from _overload([f"__getitem__(self, key: {key}) -> {value}" for key, value in keys])
    yield from _overload([f"of(self, kind: {kind}) -> tuple[{value}, ...]" for kind, value in kinds])
    yield ""


def _render_transaction(relations: list[Relation]) -> Iterator[str]:
    yield "class TypedTransaction(Transaction):"
    more = "if_absent: bool = False, bare: bool = False, exact: bool = False"
    yield from _overload([f"create({_creation_of(r)}, {more}) -> None" for r in relations], narrows=True)
    yield from _overload([f"set({_values_of(r)}) -> None" for r in relations], narrows=True)
    yield from _overload(
        [f"reset({_object_of(r)}, properties: Sequence[{class_name_of(r)}Property]) -> None" for r in relations],
        narrows=True,
    )
    yield _MODIFY.format(result="None", more="", more_of_deletion="", more_of_renaming="")


def _render_context(relations: list[Relation]) -> Iterator[str]:
    yield "class TypedContext(ManagementContext):"
    tested, more = "dry_run: bool = False, tests: OpenTests | None = None", ", dry_run: bool = False"
    yield from _overload([f"create({_creation_of(r)}, {tested}) -> ChangeReport" for r in relations], narrows=True)
    yield _MODIFY.format(
        result="ChangeReport", more=f", {tested}", more_of_deletion=more, more_of_renaming=f", *{more}"
    ).rstrip("\n")
    yield _CONTEXT


def _object_of(relation: Relation) -> str:
    return f'self, kind: Literal["{relation.name}"], name: Name'


def _values_of(relation: Relation) -> str:
    return f"{_object_of(relation)}, values: {class_name_of(relation)}Values"


def _creation_of(relation: Relation) -> str:
    return f"{_values_of(relation)}, *, type: {class_name_of(relation)}Type | None = None"


def _overload(signatures: list[str], *, narrows: bool = False) -> Iterator[str]:
    """Yield a method with these signatures. It narrows what the base takes if that takes any text."""
    ignored = "  # type: ignore[override]" if narrows else ""
    for index, signature in enumerate(signatures):
        if len(signatures) > 1:
            yield f"    @overload{ignored if index == 0 else ''}"
        yield f"    def {signature}: ...{ignored if len(signatures) == 1 else ''}"
