"""Controls: how each property of an object is shown and asked for on a form.

Laws of this module:

1. A syntax has its control from :data:`CONTROLS`, and a test finds a syntax without one.
2. What a form was given and sends back unchanged is no change, whatever the control does to it.
3. The text of a secret is never in a control.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.expressions.openers import has_opener
from confobjects.objects.reading import mask_secret
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition, Registry
    from confobjects.objects.model import ManagedObject, Texts
    from confobjects.objects.reading import PropertyReader
    from confobjects.web.pages.forms import Form

_SPARE: Final = 1
"""Empty rows of a property that takes several values; a button adds more."""


class Choice(Record):
    """One of the values that are offered, and what it means."""

    value: str
    label: str


class Control(Record):
    """How values of a syntax are asked for: the template's word for it, the values that are offered, attributes of the input."""

    kind: str
    choices: tuple[Choice, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()


class Row(Record):
    """One value of a property on a form: its text, or the name and value of a pair. ``hidden``: it is a stored secret."""

    text: str = ""
    name: str = ""
    value: str = ""
    hidden: bool = False


class Field(Record):
    """One property on a form.

    ``rows`` are its values; ``expression`` is the expression in place of a value that is chosen. ``placeholder`` is what
    counts without a value, and ``origin`` where that comes from. ``given`` says that a secret is stored or was typed,
    ``required`` that the other values on the form demand one.
    """

    prop: PropertyDefinition
    control: Control
    rows: tuple[Row, ...]
    expression: str = ""
    placeholder: str = ""
    origin: str = ""
    given: str = ""
    links: tuple[Choice, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    fixed: bool = False
    changed: bool = False
    required: bool = False

    @property
    def name(self) -> str:
        """The name of the property."""
        return self.prop.name

    @property
    def may_be_empty(self) -> bool:
        """Whether a choice can be left out, so that the default counts."""
        return not self.prop.mandatory or bool(self.placeholder)


# -- the table ---------------------------------------------------------------------------------------------------------

Names = Callable[[str], Sequence[str]]
"""Gives the names of the objects of a relation."""


def _choose(prop: PropertyDefinition, _names: Names) -> Control:
    return Control("choice", tuple(Choice(value, synopsis) for value, synopsis in prop.syntax.choices()))


def _number(prop: PropertyDefinition, _names: Names) -> Control:
    syntax: Any = prop.syntax
    limits = (("min", str(syntax.lower)), *((("max", str(syntax.upper)),) if syntax.upper is not None else ()))
    return Control("text", attributes=(("inputmode", "numeric"), *((f"data-{k}", v) for k, v in limits)))


def _text(*attributes: tuple[str, str]) -> Callable[[PropertyDefinition, Names], Control]:
    return lambda _prop, _names: Control("text", attributes=attributes)


def _refer(prop: PropertyDefinition, names: Names) -> Control:
    found = names(prop.reference.relation) if prop.reference is not None else ()
    return Control("choice", tuple(Choice(name, "") for name in found))


def _plain(kind: str) -> Callable[[PropertyDefinition, Names], Control]:
    return lambda _prop, _names: Control(kind)


_CODE: Final = (("spellcheck", "false"), ("autocapitalize", "none"), ("autocomplete", "off"))

CONTROLS: Final[Mapping[str, Callable[[PropertyDefinition, Names], Control]]] = {
    "aci": _text(*_CODE),
    "aggregation": _refer,
    "attribute-type": _text(*_CODE),
    "boolean": _choose,
    "class-name": _text(*_CODE),
    "dn": _text(*_CODE),
    "duration": _text(*_CODE),
    "enumeration": _choose,
    "host-port": _text(("inputmode", "url"), *_CODE),
    "integer": _number,
    "ip-address": _text(*_CODE),
    "ip-address-mask": _text(*_CODE),
    "mail-address": _text(("inputmode", "email"), *_CODE),
    "name-value": _plain("pairs"),
    "oid": _text(*_CODE),
    "password": _plain("secret"),
    "path": _text(*_CODE),
    "size": _text(*_CODE),
    "string": _text(("autocomplete", "off")),
    "url": _text(("inputmode", "url"), *_CODE),
}
"""The control of each syntax. A sensitive property has that of a password, whatever its syntax."""


def make_control(prop: PropertyDefinition, names: Names) -> Control:
    """Return the control of a property."""
    return CONTROLS["password" if prop.sensitive else prop.syntax.name](prop, names)


# -- from an object to fields ------------------------------------------------------------------------------------------


class FieldMaker:
    """Makes the fields of one object, from its texts: those that are stored, or those that were typed."""

    def __init__(self, obj: ManagedObject, reader: PropertyReader, registry: Registry, *, creating: bool) -> None:
        self._obj = obj
        self._reader = reader
        self._registry = registry
        self._creating = creating
        self._known: dict[str, Sequence[str]] = {}

    def make(  # noqa: PLR0913 - how it is shown, all by keyword
        self,
        prop: PropertyDefinition,
        texts: Texts,
        *,
        typed: bool = False,
        problems: tuple[Diagnostic, ...] = (),
        more: bool = False,
        required: bool = False,
    ) -> Field:
        """Return the field of a property with some texts, as they may be shown."""
        control = make_control(prop, self._list_names)
        placeholder, origin = self._describe_default(prop)
        return Field(
            prop,
            control,
            self._make_rows(prop, control, texts, more=more),
            expression=_find_expression(control, texts),
            placeholder=placeholder,
            origin=origin,
            given=("typed" if typed else "stored") if texts and control.kind == "secret" else "",
            problems=problems,
            fixed=prop.is_fixed or (prop.read_only and not self._creating),
            changed=typed,
            required=required,
        )

    def _make_rows(self, prop: PropertyDefinition, control: Control, texts: Texts, *, more: bool) -> tuple[Row, ...]:
        if control.kind == "secret":
            return tuple(Row(text=mask_secret(prop, text), hidden=True) for text in texts)
        rows = tuple(_make_row(prop, control, text) for text in texts)
        spare = (_SPARE + more if prop.multi_valued else 0) or not rows
        return (*rows, *((Row(),) * int(spare)))

    def _list_names(self, relation: str) -> Sequence[str]:
        if relation not in self._known:
            found = self._registry.relation(relation)
            world = self._reader.world
            members = getattr(world, "members", None)
            objects = members(found, self._obj.path.parent.__class__()) if members else ()
            self._known[relation] = sorted((one.name for one in objects), key=str.casefold)
        return self._known[relation]

    def _describe_default(self, prop: PropertyDefinition) -> tuple[str, str]:
        """Return what counts without a value, and where it comes from."""
        without = self._obj.replace(values={n: t for n, t in self._obj.values.items() if n != prop.name})
        texts, origin = self._reader.read_default(without, prop)
        if texts:
            return ", ".join(mask_secret(prop, text) for text in texts), _word_origin(origin)
        if prop.default.kind == "alias":
            return prop.default.sentence, ""
        return "", ""


def _word_origin(origin: str) -> str:
    """Return where a default comes from, with the case that gives it, if there is a condition."""
    where, _, case = origin.removesuffix(")").partition(" (")
    return where if case in {"", "otherwise"} else f"{where}, because {case}"


def _make_row(prop: PropertyDefinition, control: Control, text: str) -> Row:
    shown = mask_secret(prop, text)
    if control.kind != "pairs":
        return Row(text=shown)
    name, _, value = shown.partition("=")
    hidden = shown != text and MASK in shown
    return Row(text=shown, name=name, value="" if hidden else value, hidden=hidden)


def _find_expression(control: Control, texts: Texts) -> str:
    return next((text for text in texts if has_opener(text)), "") if control.kind == "choice" else ""


# -- from a form to texts ----------------------------------------------------------------------------------------------


def read_field(form: Form, prop: PropertyDefinition, stored: Texts) -> Texts | None:
    """Return the texts that a form has for a property, () for none; None where it says nothing of it, or keeps a secret.

    ``stored`` are the texts of the object: a secret in a pair that the form keeps is taken from there.
    """
    if f"there:{prop.name}" not in form:
        return None
    control = CONTROLS["password" if prop.sensitive else prop.syntax.name]
    if control is CONTROLS["password"]:
        return _read_secret(form, prop)
    if prop.syntax.name == "name-value":
        return _read_pairs(form, prop, stored)
    expression = form.first(f"expression:{prop.name}")
    if expression.strip():
        others = [text for text in form.all(f"value:{prop.name}") if text] if prop.multi_valued else []
        return (*others, expression)
    return tuple(text for text in form.all(f"value:{prop.name}") if text)


def _read_secret(form: Form, prop: PropertyDefinition) -> Texts | None:
    typed = form.first(f"value:{prop.name}")
    if typed:
        return (typed,)
    return () if form.first(f"remove:{prop.name}") else None


def _read_pairs(form: Form, prop: PropertyDefinition, stored: Texts) -> Texts:
    kept = {text.partition("=")[0]: text for text in stored if mask_secret(prop, text) != text}
    found = list[str]()
    for name, value in zip(form.all(f"name:{prop.name}"), form.all(f"value:{prop.name}"), strict=False):
        if name and not value and name in kept:
            found.append(kept[name])
        elif name or value:
            found.append(f"{name}={value}")
    return tuple(found)


def choose_fields(properties: Iterable[PropertyDefinition]) -> list[PropertyDefinition]:
    """Return the properties that a form shows: those that must have a value first, in the order of their declaration."""
    shown = [prop for prop in properties if not prop.hidden and (not prop.deprecated)]
    return sorted(shown, key=lambda prop: (prop.advanced, prop.is_fixed, not prop.mandatory))
