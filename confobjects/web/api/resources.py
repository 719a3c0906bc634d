"""Objects as JSON: what is answered, what is asked for, and the changes that lead from one to the other. Pure.

::

    {"object": "mail-server", "name": "one", "path": "/mail-server/one",
     "type": "generic", "properties": {"enabled": true, "smtp-server": ["mx:25"]}}

``properties`` are those that are stored. Only ``type`` and ``properties`` can be changed; the rest may be stated as it is.

Laws of this module:

1. A secret is answered as a mask, and the mask is refused as a value. A secret that a body leaves out stays as it is; ``null`` is none.
2. A member, a type or a property that is not known is refused, and so is a property that is spelled differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import MASK, Diagnostic, suggest_name
from confobjects.errors import InvalidValueError, UnknownNameError
from confobjects.mapping.documents import describe_mask, kind_of, to_json_value
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.reading import mask_secret
from confobjects.records import Record
from confobjects.texts.visible import make_visible
from confobjects.web.api.patching import Hidden, Pointer, is_equal
from confobjects.web.problems import UnsuitableBodyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath

_STATED: Final = ("object", "name", "path")
_CHANGED: Final = ("type", "properties")
_SHOWN: Final = 60


class Wanted(Record):
    """What a body asks an object to be: its type, None for the one it has, and values by property."""

    type: str | None
    properties: Mapping[str, Any]

    def __repr__(self) -> str:
        """Tell which properties are given; a value may be a secret."""
        return f"<{self.type}: {', '.join(self.properties)}>"


class Given(Record):
    """What is asked of a transaction. ``unstated`` are the properties with secrets that are only kept."""

    changes: PropertyChanges
    unstated: tuple[str, ...] = ()


# -- what goes out -------------------------------------------------------------------------------------------------------


def describe_object(obj: ManagedObject, registry: Registry) -> dict[str, Any]:
    """Return an object as it is answered: what is stored, secrets masked."""
    return {**_head_of(obj.path), **_write(obj, registry, _write_shown)}


def write_document(obj: ManagedObject, registry: Registry) -> dict[str, Any]:
    """Return what can be changed of an object, as patches change it: with each secret as :class:`Hidden`."""
    return _write(obj, registry, _write_hidden)


def _head_of(path: ManagedObjectPath) -> dict[str, Any]:
    return {"object": path.relation, "name": path.name or "", "path": str(path)}


def _write(obj: ManagedObject, registry: Registry, write: Any) -> dict[str, Any]:
    relation = registry.relation(obj.path.relation)
    properties: dict[str, Any] = {}
    for name, prop in obj.definition.properties.items():
        texts = obj.values.get(name)
        if texts and name != relation.naming_property:
            values = [write(prop, text) for text in texts]
            properties[name] = values if prop.multi_valued or len(values) > 1 else values[0]
    return {"type": registry.short_type_of(obj.definition, relation), "properties": properties}


def _write_shown(prop: PropertyDefinition, text: str) -> Any:
    shown = mask_secret(prop, text)
    return to_json_value(prop, text) if shown == text else shown


def _write_hidden(prop: PropertyDefinition, text: str) -> Any:
    return Hidden(text) if mask_secret(prop, text) != text else to_json_value(prop, text)


# -- what comes in -------------------------------------------------------------------------------------------------------


def read_wanted(body: Any, path: ManagedObjectPath | None = None) -> Wanted:
    """Return what a body asks for; with a path it may state what the path says.

    Raises :class:`~confobjects.web.problems.UnsuitableBodyError`.
    """
    if not isinstance(body, dict):
        raise UnsuitableBodyError(f"an object is described by a JSON object, this is {kind_of(body)}")
    stated = {} if path is None else _head_of(path)
    for name, value in body.items():
        if name in stated:
            if value != stated[name]:
                raise UnsuitableBodyError(f'"{name}" is not what the address says: leave it out')
        elif name not in _CHANGED:
            hint = suggest_name(name, _CHANGED) or f"known: {', '.join((*_CHANGED, *stated))}"
            summary = f'"{make_visible(name[:_SHOWN])}" is no member that can be changed'
            raise UnsuitableBodyError(Diagnostic("usage", summary, remedy=hint))
    type_, properties = body.get("type"), body.get("properties", {})
    if type_ is not None and not isinstance(type_, str):
        raise UnsuitableBodyError(f'"type" is a text, this is {kind_of(type_)}')
    if not isinstance(properties, dict):
        raise UnsuitableBodyError(f'"properties" is a JSON object, this is {kind_of(properties)}')
    return Wanted(type_, properties)


def choose_definition(
    wanted: Wanted, obj: ManagedObject | None, relation: Relation, registry: Registry, names: Sequence[str]
) -> ManagedObjectDefinition | None:
    """Return the definition of the object that is asked for; None where a type has to be given, and is not.

    An object of a set is named by its type.

    Raises :class:`~confobjects.errors.UnknownNameError`.
    """
    types = registry.types_of(relation)
    if wanted.type is not None:
        if wanted.type not in types:
            hint = suggest_name(wanted.type, types) or f"one of: {', '.join(types)}"
            summary = f'there is no type "{make_visible(wanted.type[:_SHOWN])}" of {relation.friendly}'
            raise UnknownNameError(Diagnostic("unknown-name", summary, remedy=hint))
        return types[wanted.type]
    if obj is not None:
        return obj.definition
    usual = names[-1].lower() if relation.kind == "set" else registry.usual_type(relation)
    return None if usual is None else types.get(usual)


def read_replacement(wanted: Wanted, obj: ManagedObject | None, definition: ManagedObjectDefinition) -> Given:
    """Return what makes an object as a body describes it as a whole; a property that it leaves out gets its default.

    Raises :class:`~confobjects.errors.InvalidValueError` and :class:`~confobjects.errors.UnknownNameError`.
    """
    given = {name: value for name, value in wanted.properties.items() if value is not None}
    stored = {} if obj is None else obj.values
    nothing = [name for name, value in wanted.properties.items() if value is None and name in stored]
    unsaid = [
        name
        for name, texts in stored.items()
        if name in definition.properties
        and name not in wanted.properties
        and not _is_kept(definition.properties[name], texts)
    ]
    return _read_given(wanted.properties, given, [*nothing, *unsaid], definition)


def _is_kept(prop: PropertyDefinition, texts: tuple[str, ...]) -> bool:
    """Whether a body that leaves a property out leaves it as it is: a secret, or what holds one."""
    return prop.sensitive or any(mask_secret(prop, text) != text for text in texts)


def read_patched(wanted: Wanted, before: Mapping[str, Any], definition: ManagedObjectDefinition) -> Given:
    """Return what leads from the properties before a patch to those after it. Raises as :func:`read_replacement`."""
    after = {name: value for name, value in wanted.properties.items() if value is not None}
    given = {name: value for name, value in after.items() if name not in before or not _is_same(before[name], value)}
    gone = [name for name in before if name not in after]
    return _read_given(wanted.properties, given, gone, definition)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, Hidden) or isinstance(other, Hidden):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return is_equal(one, other)


def _read_given(
    named: Mapping[str, Any], given: Mapping[str, Any], reset: list[str], definition: ManagedObjectDefinition
) -> Given:
    problems = [problem for name in named if (problem := _judge_name(name, definition)) is not None]
    if problems:
        raise UnknownNameError(problems)
    wrong = [problem for name, value in given.items() for problem in _judge_value(definition.properties[name], value)]
    if wrong:
        raise InvalidValueError(wrong)
    values = {name: _read_values(value) for name, value in given.items()}
    kept = tuple(name for name, value in given.items() if isinstance(value, list) and any(map(_is_hidden, value)))
    return Given(PropertyChanges(set=values, reset=tuple(reset)), kept)


def _is_hidden(value: Any) -> bool:
    return isinstance(value, Hidden)


def _read_values(value: Any) -> tuple[Any, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(item.text if isinstance(item, Hidden) else item for item in items)


def _judge_name(name: str, definition: ManagedObjectDefinition) -> Diagnostic | None:
    if name in definition.properties:
        return None
    hint = suggest_name(name, definition.properties) or f"known: {', '.join(definition.properties)}"
    shown = make_visible(name[:_SHOWN])
    summary = f'{definition.friendly} has no property "{shown}"'
    return Diagnostic("unknown-name", summary, property=shown, remedy=hint)


def _judge_value(prop: PropertyDefinition, value: Any) -> list[Diagnostic]:
    if isinstance(value, list) != prop.multi_valued:
        many = "a list of values" if prop.multi_valued else "one value"
        return [_describe_kind(prop, f"{prop.name} takes {many}, this is {_kind(value)}")]
    items = value if isinstance(value, list) else [value]
    wrong = [item for item in items if not isinstance(item, (str, int, Hidden))]
    if wrong:
        return [_describe_kind(prop, f"{_kind(wrong[0])} is not a value of {prop.name}")]
    return [describe_mask(prop) for item in items if isinstance(item, str) and _has_mask(prop, item)][:1]


def _kind(value: Any) -> str:
    return "a text" if isinstance(value, Hidden) else kind_of(value)


def _describe_kind(prop: PropertyDefinition, summary: str) -> Diagnostic:
    return Diagnostic("invalid-value", summary, property=prop.name, detail=f"expected: {prop.syntax.expected}")


def _has_mask(prop: PropertyDefinition, text: str) -> bool:
    at = prop.find_secret(text)
    return at is not None and MASK in text[slice(*at)]


def leads_to_secret(at: Pointer, definition: ManagedObjectDefinition) -> bool:
    """Tell whether a JSON Pointer into a document leads to a secret, or to what can hold one."""
    properties = definition.properties
    if len(at) < 2:
        return at in {(), ("properties",)} and any(prop.can_hold_secret for prop in properties.values())
    return at[0] == "properties" and at[1] in properties and properties[at[1]].can_hold_secret
