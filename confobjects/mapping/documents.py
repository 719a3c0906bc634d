"""A configuration as one JSON document, and back.

::

    {"confobjects-format": 1, "unlisted-secrets": "none",
     "objects": {"/mail-server/one": {"type": "generic", "properties": {"enabled": true, "smtp-server": "mx:25"}}}}

A document describes each object completely: a missing property has its default. Only secrets may be left open: a
missing one stays as it is, ``null`` says that there is none, and ``secrets`` names those that have a value which the
document does not hold. With ``"unlisted-secrets": "none"`` in its head, a document says that there is none that it neither
holds nor names, as what is written here does. An expression is not a secret unless it holds a literal default; a sealed secret is written as it is stored. The property that names an
object may be stated, with the name in the path as its value.

Law: ``read(write(objects))`` gives the same objects, except for the values of secrets.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from confobjects.definitions.model import HOLDER_KIND
from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import UnknownNameError
from confobjects.expressions.openers import has_opener
from confobjects.objects.changes import describe_fixed, is_name, to_canonical
from confobjects.objects.model import ManagedObject, Texts
from confobjects.objects.reading import is_sealed, mask_secret, value_problem
from confobjects.paths import ROOT, ManagedObjectPath
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError
from confobjects.texts.visible import escape_json

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
    from confobjects.definitions.installed import InstalledText

FORMAT: Final = 1
"""The format of the documents written here; a newer one is refused."""
MARKER: Final = "confobjects-format"
UNLISTED: Final = "unlisted-secrets"
UNLISTED_WORDS: Final = ("kept", "none")
"""What a document says of secrets that it neither holds nor names: they stay as they are (so it is without the word), or there
are none.
"""
Pointer = tuple[str, ...]
"""The keys and indexes on the way to a part of a document."""


class ObjectState(Record):
    """One object as a document or a storage describes it: value texts by property, without the name.

    ``kept`` are secrets that have a value which is not known here, ``silent`` those that are left open.
    """

    path: ManagedObjectPath
    definition: ManagedObjectDefinition
    values: Mapping[str, Texts]
    kept: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Tell which object it is; a value may be a secret."""
        return f"<{self.definition.name} {self.path}: {', '.join(self.values) or 'no values'}>"


Certainty = Literal["wrong", "odd", "other"]
"""Why the reader doubts a part of a document. ``wrong``: it is a mistake. ``odd``: the reader does not know it, and the
schema can say more. ``other``: it is spelled differently from ours, which the schema may allow."""


class Doubt(Record):
    """A part of a document that may be wrong, and the problem to report."""

    pointer: Pointer
    problem: Diagnostic
    certainty: Certainty = "wrong"


class Contents(Record):
    """The objects of a document, and the parts that may be wrong; ``data`` is its JSON."""

    objects: Mapping[ManagedObjectPath, ObjectState]
    keys: Mapping[ManagedObjectPath, str]
    doubts: tuple[Doubt, ...]
    data: Any


def state_of(obj: ManagedObject, registry: Registry) -> ObjectState:
    """Return the state of a stored object, of which everything is known."""
    naming = registry.relation(obj.path.relation).naming_property
    values = {name: texts for name, texts in obj.values.items() if texts and name != naming}
    return ObjectState(obj.path, obj.definition, values)


def drop_masks(state: ObjectState) -> ObjectState:
    """Return a state without the masks for unknown secrets, which are listed as kept."""
    masked = {name for name, texts in state.values.items() if texts == (MASK,)}
    masked = {name for name in masked if state.definition.properties[name].sensitive}
    values = {name: texts for name, texts in state.values.items() if name not in masked}
    return state.replace(values=values, kept=state.kept | masked) if masked else state


def drop_secrets(state: ObjectState) -> ObjectState:
    """Return a state that may be written down: secrets that are neither plain expressions nor sealed are listed as kept."""
    properties = state.definition.properties
    hidden = {
        name
        for name, texts in state.values.items()
        if properties[name].can_hold_secret and any(_is_hidden(properties[name], text) for text in texts)
    }
    return _leave_out(state, hidden)


def drop_sealed(state: ObjectState) -> ObjectState:
    """Return a state without sealed secrets, for a form of it in which they cannot be given."""
    properties = state.definition.properties
    sealed = {name for name, texts in state.values.items() if any(is_sealed(properties[name], text) for text in texts)}
    return _leave_out(state, sealed)


def _leave_out(state: ObjectState, hidden: Collection[str]) -> ObjectState:
    if not hidden:
        return state
    values = {name: texts for name, texts in state.values.items() if name not in hidden}
    return state.replace(values=values, kept=state.kept.union(hidden))


def _is_hidden(prop: PropertyDefinition, text: str) -> bool:
    return mask_secret(prop, text) != text and not is_sealed(prop, text)


# -- writing -----------------------------------------------------------------------------------------------------


def write(states: Iterable[ObjectState], registry: Registry) -> str:
    """Return the document of some objects: sorted by path and property, without secrets."""
    shown = [drop_secrets(state) for state in sort_states(states)]
    is_complete = not any(state.silent for state in shown)
    head: dict[str, Any] = {MARKER: FORMAT}
    if is_complete and any(any(find_absent(state, registry)) for state in shown):
        head[UNLISTED] = "none"
    objects = {str(state.path): _state_to_json(state, registry, with_absent=not is_complete) for state in shown}
    return escape_json(json.dumps({**head, "objects": objects}, indent=2, ensure_ascii=False)) + "\n"


def find_absent(state: ObjectState, registry: Registry) -> Iterator[str]:
    """Yield the secrets that an object does not have, sorted."""
    naming = registry.relation(state.path.relation).naming_property
    for name, prop in sorted(state.definition.properties.items()):
        known = state.values.get(name) or name in state.kept or name in state.silent
        if prop.sensitive and name != naming and not known:
            yield name


def sort_states(states: Iterable[ObjectState]) -> list[ObjectState]:
    """Return states sorted by path: a parent comes first, and names ignore case."""
    return sorted(states, key=lambda state: state.path.sort_key())


def _state_to_json(state: ObjectState, registry: Registry, *, with_absent: bool) -> dict[str, Any]:
    relation = registry.relation(state.path.relation)
    absent = frozenset(find_absent(state, registry) if with_absent else ())
    properties: dict[str, Any] = {}
    for name, prop in sorted(state.definition.properties.items()):
        if texts := state.values.get(name):
            values = [to_json_value(prop, text) for text in texts]
            properties[name] = values if prop.multi_valued else values[0] if len(values) == 1 else values
        elif name in absent:
            properties[name] = None
    made: dict[str, Any] = {"type": registry.short_type_of(state.definition, relation), "properties": properties}
    if state.kept:
        made["secrets"] = sorted(state.kept)
    return made


def to_json_value(prop: PropertyDefinition, text: str) -> Any:
    """Return a stored text as JSON: typed, except for expressions and for texts that do not follow the syntax."""
    if has_opener(text):
        return text
    try:
        return prop.syntax.to_json(prop.syntax.parse(text))
    except ValueSyntaxError:
        return text


# -- reading -----------------------------------------------------------------------------------------------------


def read(data: Any, registry: Registry) -> Contents:
    """Return the contents of a document's JSON. Doubtful parts are reported, and left out if they cannot be used."""
    return _StateReader(registry).read_contents(data)


def find_definitions(text: str, origin: str) -> list[InstalledText]:
    """Return the definitions that the text of a document holds: they have to be known before it is read.

    A text that is no document holds none; that is reported when it is read.
    """
    if f'"/{HOLDER_KIND}/' not in text:
        return []
    from confobjects.definitions.installed import DIGEST, TEXT, InstalledText

    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return []
    objects = data.get("objects") if isinstance(data, dict) else None
    found = []
    for key, item in objects.items() if isinstance(objects, dict) else ():
        _, kind, name = key.split("/", 2) if key.count("/") > 1 else ("", "", "")
        properties = item.get("properties") if isinstance(item, dict) else None
        values = properties if isinstance(properties, dict) else {}
        held, digest = values.get(TEXT), values.get(DIGEST)
        if kind == HOLDER_KIND and isinstance(held, str) and isinstance(digest, str):
            found.append(InstalledText(name, f"{origin}, {key}", held, digest))
    return found


class _StateReader:
    """Reads one document. Parsed values are cached, because most objects share theirs."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.doubts: list[Doubt] = []
        self._texts: dict[tuple[int, type, Any], str | Doubt] = {}
        self._kinds: dict[str, _StateKind] = {}
        self._leaves_open = True

    def read_contents(self, data: Any) -> Contents:
        states: dict[ManagedObjectPath, ObjectState] = {}
        keys: dict[ManagedObjectPath, str] = {}
        objects = data.get("objects") if isinstance(data, dict) else None
        if not isinstance(objects, dict) or not self._check_head(data):
            self._add_oddity((), "this is not a confobjects document")
            return Contents({}, {}, tuple(self.doubts), data)
        self._leaves_open = self._read_unlisted(data)
        for key, item in objects.items():
            state = self._read_state(key, item)
            if state is not None and state.path in keys:
                self._add_doubt(("objects", key), f'the object is already in the document, as "{keys[state.path]}"')
            elif state is not None:
                states[state.path] = state
                keys[state.path] = key
        self._check_parents(states, keys)
        return Contents(states, keys, tuple(self.doubts), data)

    def _check_head(self, data: Mapping[str, Any]) -> bool:
        if type(data.get(MARKER)) is int and data[MARKER] > FORMAT:
            remedy = "read it with the version of confobjects that wrote it, or a newer one"
            self._add_doubt((MARKER,), f"format {data[MARKER]} is newer than this program knows", remedy=remedy)
        return type(data.get(MARKER)) is int and data[MARKER] == FORMAT and data.keys() <= _HEAD

    def _read_unlisted(self, data: Mapping[str, Any]) -> bool:
        """Tell whether the document leaves secrets open that it neither holds nor names."""
        word: object = data.get(UNLISTED, "kept")
        if not isinstance(word, str) or word not in UNLISTED_WORDS:
            self._add_oddity((UNLISTED,), f"this is neither {' nor '.join(UNLISTED_WORDS)}")
        return bool(word != "none")

    def _add_doubt(self, pointer: Pointer, summary: str, code: str = "broken-data", **words: Any) -> None:
        self.doubts.append(Doubt(pointer, Diagnostic(code, summary, **words)))

    def _add_oddity(self, pointer: Pointer, summary: str) -> None:
        self.doubts.append(Doubt(pointer, Diagnostic("broken-data", summary), "odd"))

    def _read_state(self, key: str, item: Any) -> ObjectState | None:
        path = self._read_path(key)
        if path is None:
            return None
        kind = self._kinds.get(path.relation)
        if kind is None:
            kind = self._kinds[path.relation] = _make_kind(path.relation, self.registry)
        if not isinstance(item, dict):
            self._add_oddity(("objects", key), "this is not an object of a document")
            return None
        if not item.keys() <= _OBJECT:
            self._add_oddity(("objects", key), "this is not an object of a document")
        definition = self._read_type(key, item, kind)
        properties = item.get("properties", {})
        if definition is None or not isinstance(properties, dict):
            self._add_oddity(("objects", key), "this is not an object of a document")
            return None
        return self._read_object(key, path, kind, kind.types[definition], item)

    def _read_path(self, key: str) -> ManagedObjectPath | None:
        at = ("objects", key)
        if not key.isprintable():
            self._add_doubt(at, "the path holds a control character")
            return None
        try:
            path = self.registry.parse_path(key)
        except UnknownNameError as error:
            problem = error.diagnostics[0]
            self._add_doubt(at, problem.summary, code="unknown-name", remedy=problem.remedy)
            return None
        except ValueError as error:
            self._add_doubt(at, str(error))
            return None
        if path == ROOT or key[:1] != "/":
            self._add_doubt(at, "an object's path starts at the root", remedy='for example "/mail-server/one"')
            return None
        return path

    def _read_type(self, key: str, item: Mapping[str, Any], kind: _StateKind) -> str | None:
        given = item.get("type")
        if "type" not in item and kind.usual is not None:
            return kind.usual
        if isinstance(given, str) and given in kind.types:
            return given
        self._add_oddity(("objects", key, "type"), "the type is missing or unknown")
        return None

    def _read_object(
        self, key: str, path: ManagedObjectPath, kind: _StateKind, type_: _StateType, item: Mapping[str, Any]
    ) -> ObjectState:
        here = ("objects", key, "properties")
        properties, secrets = item.get("properties", {}), item.get("secrets", [])
        values: dict[str, Texts] = {}
        for name, value in properties.items():
            prop = type_.properties.get(name)
            if name == kind.naming:
                self._check_name(path, type_.definition.properties[name], value, (*here, name))
            elif prop is None:
                self._add_oddity((*here, name), f"there is no property {name} to set")
            elif prop.is_fixed and value is not None:
                self.doubts.append(Doubt((*here, name), describe_fixed(prop).replace(path=str(path))))
            elif value is not None and (texts := self._read_values(str(path), prop, value, (*here, name))):
                values[name] = texts
        kept = frozenset() if secrets == [] else self._read_secrets(key, type_, properties, secrets)
        if not type_.required <= properties.keys():
            self._add_oddity(here, "a property is missing")
        silent = type_.secrets - kept - properties.keys() if self._leaves_open else frozenset[str]()
        return ObjectState(path, type_.definition, values, kept, silent)

    def _check_name(self, path: ManagedObjectPath, prop: PropertyDefinition, value: Any, at: Pointer) -> None:
        """Report a value of the property that names an object, unless it is the name in the path."""
        if not isinstance(value, (str, int)) or not is_name(prop, value, path.name or ""):
            summary = f"{prop.name} is the name of the object, which its path states: it cannot have another value"
            self._add_doubt(at, summary, code="invalid-value", path=str(path), remedy=f"leave {prop.name} out")

    def _read_secrets(self, key: str, type_: _StateType, properties: Mapping[str, Any], given: Any) -> frozenset[str]:
        at = ("objects", key, "secrets")
        if not isinstance(given, list) or not all(isinstance(name, str) and type_.can_keep(name) for name in given):
            self._add_oddity(at, "these are not the names of secrets")
            return frozenset()
        if len(set(given)) < len(given):
            self._add_doubt(at, "a secret is named twice")
        for name in given:
            if name in properties:
                words = f"{name} is listed under secrets as not in the document, but it is in the document"
                self._add_doubt(at, words, remedy="keep one of the two")
        return frozenset(given)

    def _read_values(self, path: str, prop: PropertyDefinition, value: Any, at: Pointer) -> Texts:
        if not prop.multi_valued:
            text = self._read_text(path, prop, value, at)
            return () if text is None else (text,)
        if not isinstance(value, list):
            self._add_doubt(at, f"{prop.name} takes a list of values, this is {kind_of(value)}", code="invalid-value")
            return ()
        texts = [self._read_text(path, prop, item, (*at, str(index))) for index, item in enumerate(value)]
        if len(set(texts)) < len(texts):
            self._add_doubt(at, f"a value of {prop.name} is given twice", code="invalid-value")
        return tuple(text for text in texts if text is not None)

    def _read_text(self, path: str, prop: PropertyDefinition, value: Any, at: Pointer) -> str | None:
        """Return the canonical text of a value; None if there is none, which is reported."""
        if not isinstance(value, (str, int)):
            words = f"{prop.name} takes one value, this is a list" if type(value) is list else ""
            words = words or f"{kind_of(value)} is not a value of {prop.name}"
            self._add_doubt(at, words, code="invalid-value", detail=f"expected: {prop.syntax.expected}")
            return None
        key = (id(prop), type(value), value)
        found = self._texts.get(key)
        if found is None:
            found = self._texts[key] = _text_of(prop, value)
        if isinstance(found, str):
            return found
        self.doubts.append(found.replace(pointer=at, problem=found.problem.replace(path=path)))
        return None if found.certainty == "wrong" else found.problem.value

    def _check_parents(
        self, states: Mapping[ManagedObjectPath, ObjectState], keys: Mapping[ManagedObjectPath, str]
    ) -> None:
        """Report each object below a parent whose type cannot have it."""
        for path in states:
            parent = states.get(path.parent)
            if parent is None:
                continue
            below = [relation.name for relation in self.registry.children(parent.definition.name)]
            if path.relation not in below:
                below_it = self.registry.relation(path.relation).friendly
                words = f"{parent.definition.indefinite} has no {below_it} below it"
                self._add_doubt(("objects", keys[path]), words)


_HEAD: Final = {MARKER, UNLISTED, "objects", "$schema"}
_OBJECT: Final = {"type", "properties", "secrets"}


def _text_of(prop: PropertyDefinition, value: str | int) -> str | Doubt:
    """Return the text of a JSON value, or a doubt: it is wrong, or spelled in a way that the schema may refuse."""
    if prop.sensitive and isinstance(value, str) and MASK in value:
        return Doubt((), describe_mask(prop))
    if isinstance(value, str) and has_opener(value):
        return value
    try:
        text = to_canonical(prop, prop.syntax.coerce(value))
        back = prop.syntax.to_json(prop.syntax.parse(text))
    except ValueSyntaxError as error:
        problem = value_problem("", prop, str(value), error)
        plain = isinstance(value, str)
        return Doubt(
            (), problem if plain else problem.replace(summary=f"{kind_of(value)} is not a value of {prop.name}")
        )
    if type(back) is type(value) and back == value:
        return text
    summary = f"{kind_of(value)} is not how a document writes a value of {prop.name}"
    remedy = "" if prop.sensitive else f"write {json.dumps(back, ensure_ascii=False)}"
    problem = Diagnostic("invalid-value", summary, property=prop.name, value=text, remedy=remedy)
    return Doubt((), problem, "other")


def describe_mask(prop: PropertyDefinition) -> Diagnostic:
    """Return the diagnostic of a secret that a document gives as a mask."""
    return Diagnostic(
        "invalid-value",
        f"{prop.name} is masked: the document does not hold the secret itself",
        property=prop.name,
        value=MASK,
        remedy=f'leave {prop.name} out, which leaves it as it is, or write an expression such as "&{{file:PATH}}"',
    )


class _StateType(Record):
    """What a document may say of objects of one type."""

    definition: ManagedObjectDefinition
    properties: Mapping[str, PropertyDefinition]
    secrets: frozenset[str]
    required: frozenset[str]

    def can_keep(self, name: str) -> bool:
        """Tell whether a property may have a value that is not in a document because it is, or holds, a secret."""
        return name in self.properties and self.properties[name].can_hold_secret


class _StateKind(Record):
    """The types of a relation by their short names, the one of an object that names none, and the property that names it."""

    types: Mapping[str, _StateType]
    usual: str | None
    naming: str


def _make_kind(relation: str, registry: Registry) -> _StateKind:
    known = registry.relation(relation)
    made = {}
    for short, definition in registry.types_of(known).items():
        properties = {name: p for name, p in definition.properties.items() if name != known.naming_property}
        secrets = frozenset(name for name, prop in properties.items() if prop.sensitive)
        required = frozenset(name for name, prop in properties.items() if is_required(prop))
        made[short] = _StateType(definition, properties, secrets, required)
    return _StateKind(made, registry.usual_type(known), known.naming_property)


def is_required(prop: PropertyDefinition) -> bool:
    """Tell whether a document has to give a property: one that needs a value, has no default and holds no secret."""
    return prop.mandatory and prop.default.kind == "undefined" and not prop.can_hold_secret


def kind_of(value: Any) -> str:
    """Return what kind of JSON a value is, in words: the value itself may be a secret."""
    if isinstance(value, bool):
        return "true" if value else "false"
    names: dict[type, str] = {str: "a text", dict: "an object", list: "a list", int: "a number", float: "a number"}
    return names.get(type(value), "null")
