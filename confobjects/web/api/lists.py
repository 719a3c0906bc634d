"""Lists of objects: filtered, searched, sorted, in parts.

A part ends with a cursor, which is the place of its last object in the order: what is created or deleted meanwhile neither hides
nor repeats another object.

Law: no value that is or can hold a secret decides what a list has in it, or in which order.
"""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import InvalidValueError, UnknownNameError
from confobjects.expressions.openers import has_opener
from confobjects.mapping.documents import to_json_value
from confobjects.objects.reading import value_problem
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError
from confobjects.texts.names import normal_name
from confobjects.texts.visible import make_visible
from confobjects.web.addresses import Addresses
from confobjects.web.api.resources import describe_object
from confobjects.web.app import API
from confobjects.web.problems import BadQueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from confobjects.definitions import PropertyDefinition, Registry, Relation
    from confobjects.management import StorageWorld
    from confobjects.management.context import ManagementContext
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.reading import PropertyReader
    from confobjects.web.addresses import Place
    from confobjects.web.api.answers import Query

LIST_PARAMETERS: Final = (("search", "type", "sort", "limit", "cursor", "properties"), ("filter",))
"""The parameters of a list, and those of them that may be repeated."""
MOST: Final = 1000
_USUAL: Final = 100
_SHOWN: Final = 60
Key = tuple[Any, ...]


class Filter(Record):
    """A condition on a property: that it has a value, or, with one, that this is among its values."""

    name: str
    value: str | None = None


class Order(Record):
    """A property to sort by; objects without a value come last."""

    name: str
    descending: bool = False


class Wishes(Record):
    """What is asked of a list."""

    filters: tuple[Filter, ...] = ()
    search: str = ""
    type: str = ""
    order: tuple[Order, ...] = ()
    limit: int = _USUAL
    after: tuple[Key, ...] | None = None
    properties: tuple[str, ...] | None = None

    @property
    def need_names_only(self) -> bool:
        """Whether the names of the objects tell which of them are in the list, and in which order."""
        return not (self.filters or self.search or self.type or self.order)


def read_wishes(query: Query, place: Place, registry: Registry) -> Wishes:
    """Return what a query asks of a list.

    Raises :class:`~confobjects.web.problems.BadQueryError`, :class:`~confobjects.errors.UnknownNameError` and
    :class:`~confobjects.errors.InvalidValueError`.
    """
    known = _Known(place.relation, registry)
    filters = tuple(known.read_filter(text) for text in query.texts("filter"))
    order = tuple(known.read_order(word) for word in query.text("sort").split(",") if word)
    chosen = tuple(name for name in query.text("properties").split(",") if name)
    for name in chosen:
        known.find(name)
    type_ = query.text("type")
    if type_ and type_ not in (types := registry.types_of(place.relation)):
        summary = f'there is no type "{make_visible(type_[:_SHOWN])}" of {place.relation.friendly}'
        hint = suggest_name(type_, types) or f"one of: {', '.join(types)}"
        raise UnknownNameError(Diagnostic("unknown-name", summary, remedy=hint))
    after = read_cursor(query.text("cursor"), order) if query.text("cursor") else None
    limit = query.number("limit", _USUAL, 1, MOST)
    return Wishes(filters, query.text("search"), type_, order, limit, after, chosen or None)


class _Known:
    """The properties that the types of a kind have."""

    def __init__(self, relation: Relation, registry: Registry) -> None:
        self._friendly = relation.friendly
        self._properties: dict[str, list[PropertyDefinition]] = {}
        for definition in registry.concrete_types(relation.target):
            for name, prop in definition.properties.items():
                self._properties.setdefault(name, []).append(prop)

    def find(self, name: str) -> list[PropertyDefinition]:
        """Return the property in each type that has it. Raises :class:`~confobjects.errors.UnknownNameError`."""
        found = self._properties.get(name)
        if found is None:
            hint = suggest_name(name, self._properties) or f"known: {', '.join(self._properties)}"
            summary = f'{self._friendly} has no property "{make_visible(name[:_SHOWN])}"'
            raise UnknownNameError(Diagnostic("unknown-name", summary, remedy=hint))
        return found

    def _find_public(self, name: str, purpose: str) -> list[PropertyDefinition]:
        found = self.find(name)
        if any(prop.can_hold_secret for prop in found):
            raise BadQueryError(f"{name} is or can hold a secret: nothing is {purpose} by it")
        return found

    def read_filter(self, text: str) -> Filter:
        """Return a filter: ``PROPERTY``, or ``PROPERTY:VALUE``."""
        name, separator, value = text.partition(":")
        found = self._find_public(name, "filtered")
        if not separator:
            return Filter(name)
        wrong = [problem for prop in found if (problem := _judge(prop, value)) is not None]
        if len(wrong) == len(found):
            raise InvalidValueError(wrong[:1])
        return Filter(name, value)

    def read_order(self, word: str) -> Order:
        """Return an order: ``PROPERTY``, or ``-PROPERTY`` for the largest first."""
        name = word.removeprefix("-")
        self._find_public(name, "sorted")
        return Order(name, word != name)


def _judge(prop: PropertyDefinition, text: str) -> Diagnostic | None:
    if has_opener(text):
        return None
    try:
        prop.syntax.parse(text)
    except ValueSyntaxError as error:
        return value_problem("", prop, text, error)
    return None


# -- cursors -------------------------------------------------------------------------------------------------------------


def _write_cursor(keys: Sequence[Key], order: Sequence[Order]) -> str:
    text = json.dumps([_words_of(order), keys], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def read_cursor(text: str, order: Sequence[Order]) -> tuple[Key, ...]:
    """Return the place in an order that a cursor holds. Raises :class:`~confobjects.web.problems.BadQueryError`."""
    try:
        padded = text + "=" * (-len(text) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8", "surrogatepass"))
    except (ValueError, binascii.Error, RecursionError):
        raise BadQueryError("the cursor cannot be understood: it is the one of an answer, or none") from None
    match found:
        case [list(words), list(keys)] if words == _words_of(order) and len(keys) == len(order) + 1:
            read = tuple(_read_key(key) for key in keys)
            if None not in read:
                return tuple(key for key in read if key is not None)
    raise BadQueryError("the cursor belongs to a list in another order")


def _read_key(key: Any) -> Key | None:
    match key:
        case [0 | 2 as kind, int(number), str(text)] if not isinstance(number, bool) and isinstance(kind, int):
            return (kind, number, text)
        case [1, 0, str(text)]:
            return (1, 0, text)
    return None


def _words_of(order: Sequence[Order]) -> list[str]:
    return [f"-{one.name}" if one.descending else one.name for one in order]


# -- the list ------------------------------------------------------------------------------------------------------------


def describe_list(context: ManagementContext, place: Place, wishes: Wishes) -> dict[str, Any]:
    """Return one part of a list. Where the names tell which part that is, only its objects are read."""
    world = context.world()
    part = _cut_by_names(context, world, place, wishes) if wishes.need_names_only else None
    if part is None:
        part = _cut_by_values(context, world, place, wishes)
    answer = {
        "object": place.relation.name,
        "total": part.total,
        "items": [_describe_item(obj, context.registry, wishes) for obj in part.objects],
    }
    if part.last is not None:
        answer["cursor"] = _write_cursor(part.last, wishes.order)
    return answer


class _Part(Record):
    """A part of a list: how many objects the list has, those of the part, and the place of the last one if others follow."""

    total: int
    objects: Sequence[ManagedObject]
    last: Sequence[Key] | None


def _cut_by_names(context: ManagementContext, world: StorageWorld, place: Place, wishes: Wishes) -> _Part | None:
    """Return a part of all objects in the order of their names; None where names are not enough."""
    names = context.list_names(place.relation.name, place.names, world)
    if names is None:
        return None
    first = 0 if wishes.after is None else bisect_right(names, wishes.after[-1], key=_key_of_name)
    shown = names[first : first + wishes.limit]
    objects = context.find_some(place.relation.name, place.names, shown, world)
    is_last = first + len(shown) >= len(names)
    return _Part(len(names), objects, None if is_last else [_key_of_name(shown[-1])])


def _cut_by_values(context: ManagementContext, world: StorageWorld, place: Place, wishes: Wishes) -> _Part:
    """Return a part of the objects that have what is asked for: each of them is looked at."""
    listing = _Listing(context.site.make_reader(world), wishes)
    found = context.list(place.relation.name, place.names, world)
    fitting = sorted(
        ((listing.key_of(obj), obj) for obj in found if listing.takes(obj, place.relation, context.registry)),
        key=lambda pair: pair[0],
    )
    after = None if wishes.after is None else listing.turn(wishes.after)
    rest = fitting if after is None else [pair for pair in fitting if pair[0] > after]
    part = [obj for _, obj in rest[: wishes.limit]]
    return _Part(len(fitting), part, listing.plain_keys(part[-1]) if len(rest) > len(part) else None)


def _describe_item(obj: ManagedObject, registry: Registry, wishes: Wishes) -> dict[str, Any]:
    found = describe_object(obj, registry)
    if wishes.properties is not None:
        found["properties"] = {name: v for name, v in found["properties"].items() if name in wishes.properties}
    return {**found, "address": f"{API}/objects/{Addresses.of(registry).write_path(obj.path)}"}


def _key_of_name(name: str) -> Key:
    return (1, 0, normal_name(name))


class _Descending:
    """A key whose order is turned round."""

    __slots__ = ("key",)

    def __init__(self, key: Key) -> None:
        self.key = key

    def __lt__(self, other: _Descending) -> bool:
        return other.key < self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class _Listing:
    """Which objects a list has in it, and their order."""

    def __init__(self, reader: PropertyReader, wishes: Wishes) -> None:
        self._reader = reader
        self._wishes = wishes
        self._search = wishes.search.casefold()

    def takes(self, obj: ManagedObject, relation: Relation, registry: Registry) -> bool:
        wishes = self._wishes
        if wishes.type and registry.short_type_of(obj.definition, relation) != wishes.type:
            return False
        return all(self._fits(obj, one) for one in wishes.filters) and self._is_found(obj)

    def _fits(self, obj: ManagedObject, one: Filter) -> bool:
        prop = obj.definition.properties.get(one.name)
        if prop is None or prop.can_hold_secret:
            return False
        texts, _ = self._reader.read_current(obj, prop)
        return bool(texts) if one.value is None else _has_value(prop, texts, one.value)

    def _is_found(self, obj: ManagedObject) -> bool:
        if not self._search or self._search in obj.name.casefold():
            return True
        properties = obj.definition.properties
        return any(
            self._search in text.casefold()
            for name, texts in obj.values.items()
            if not properties[name].can_hold_secret
            for text in texts
        )

    def plain_keys(self, obj: ManagedObject) -> list[Key]:
        """Return the place of an object in the order, as a cursor holds it."""
        return [*(self._read_key(obj, one.name) for one in self._wishes.order), _key_of_name(obj.name)]

    def key_of(self, obj: ManagedObject) -> tuple[Any, ...]:
        return self.turn(tuple(self.plain_keys(obj)))

    def turn(self, keys: Sequence[Key]) -> tuple[Any, ...]:
        """Return keys as they are compared. Whoever has no value comes last, in both directions."""
        turned: Iterable[Any] = (
            (key[0] == _NONE, _Descending(key) if one.descending else key)
            for one, key in zip(self._wishes.order, keys, strict=False)
        )
        return (*turned, keys[-1])

    def _read_key(self, obj: ManagedObject, name: str) -> Key:
        prop = obj.definition.properties.get(name)
        texts = () if prop is None or prop.can_hold_secret else self._reader.read_current(obj, prop)[0]
        if prop is None or not texts:
            return (_NONE, 0, "")
        value = to_json_value(prop, texts[0])
        return (0, int(value), "") if isinstance(value, int) else (1, 0, str(value).casefold())


_NONE: Final = 2


def _has_value(prop: PropertyDefinition, texts: Sequence[str], value: str) -> bool:
    if value in texts:
        return True
    if has_opener(value):
        return False
    try:
        wanted = prop.syntax.normal_form(prop.syntax.format(prop.syntax.parse(value)))
    except ValueSyntaxError:
        return False
    return any(not has_opener(text) and prop.syntax.normal_form(text) == wanted for text in texts)
