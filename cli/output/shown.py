"""Values for output: masked, in units, typed for programs. No layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import UsageError
from confobjects.expressions.openers import has_opener
from confobjects.objects.reading import mask_secret, mask_value
from confobjects.records import Record
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry
    from confobjects.objects.model import ManagedObject
    from confobjects.objects.reading import PropertyReader


def summarise_check(number: int, what: str, warnings: int, errors: int = 0) -> str:
    """Return the line that ends a check: how many things were checked, and what was found."""
    counts = ((number, what), (errors, "error"), (warnings, "warning"))
    checked, *found = (f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts)
    return f"{checked}: {', '.join(found)}"


class Units(Record):
    """The units asked for, and whether values are for scripts (exact) or for people."""

    size: str = ""
    time: str = ""
    exact: bool = False


class ShownProperty(Record):
    """One property of one object for output, with secrets masked; ``undecided`` if only startup knows its default."""

    property: PropertyDefinition
    values: tuple[str, ...]
    origin: str
    typed: tuple[Any, ...]
    undecided: bool = False


def show(
    obj: ManagedObject, prop: PropertyDefinition, reader: PropertyReader, units: Units, *, effective: bool
) -> ShownProperty:
    """Return a property's current values, or its effective ones, with secrets masked."""
    if effective:
        reading = reader.read(obj, prop)
        texts: Sequence[str] = [mask_value(prop, prop.syntax.format(value)) for value in reading.typed or ()]
        if reading.typed is None:
            texts = reading.texts
        origin = ", ".join(dict.fromkeys(reading.origins)) or reading.origin
        if prop.sensitive:
            return ShownProperty(prop, (MASK,) * len(texts), origin, (MASK,) * len(texts))
    else:
        texts, origin = reader.read_current(obj, prop)
    return _show_texts(prop, texts, origin, units, undecided=not texts and not reader.is_decided(obj, prop))


class ListDisplay:
    """Shows the current values of many objects. Equal values of one property are shown once."""

    def __init__(self, reader: PropertyReader, units: Units) -> None:
        self._reader = reader
        self._units = units
        self._shown: dict[tuple[int, Sequence[str], str, bool], ShownProperty] = {}

    def show(self, obj: ManagedObject, prop: PropertyDefinition) -> ShownProperty:
        """Return a property's current values, with secrets masked."""
        texts, origin = self._reader.read_current(obj, prop)
        undecided = not texts and not self._reader.is_decided(obj, prop)
        key = (id(prop), texts, origin, undecided)  # by identity: the definitions outlive the list
        found = self._shown.get(key)
        if found is None:
            found = self._shown[key] = _show_texts(prop, texts, origin, self._units, undecided=undecided)
        return found


def _show_texts(
    prop: PropertyDefinition, texts: Sequence[str], origin: str, units: Units, *, undecided: bool
) -> ShownProperty:
    values, typed = [], []
    for text in texts:
        plain, value = _show_text(prop, text, units)
        values.append(plain)
        typed.append(value)
    return ShownProperty(prop, tuple(values), origin, tuple(typed), undecided)


def _show_text(prop: PropertyDefinition, text: str, units: Units) -> tuple[str, Any]:
    if prop.sensitive or has_opener(text):
        hidden = mask_secret(prop, text)
        return hidden, hidden
    text = mask_secret(prop, text)
    try:
        value = prop.syntax.parse(text)
    except ValueSyntaxError:
        return text, text  # broken: shown as it is stored, and reported as well
    return prop.syntax.display(value, units.size, units.time, units.exact), prop.syntax.to_json(value)


def choose_properties(
    definition: ManagedObjectDefinition, named: Iterable[str], registry: Registry, *, advanced: bool
) -> list[PropertyDefinition]:
    """Return the properties to show: the named ones, else all but hidden ones; advanced ones only on request."""
    if named:
        return [registry.property(definition, name) for name in dict.fromkeys(n.lower() for n in named)]
    return [p for _, p in sorted(definition.properties.items()) if not p.hidden and (advanced or not p.advanced)]


def units_of(size: str | None, time: str | None, *, exact: bool) -> Units:
    """Return the units asked for. Raises UsageError for one that does not exist."""
    if size:
        from confobjects.syntaxes.sizes import SIZE_UNITS

        _check_unit("--unit-size", size, SIZE_UNITS)
    if time:
        from confobjects.syntaxes.durations import TIME_UNITS

        _check_unit("--unit-time", time, TIME_UNITS)
    return Units((size or "").lower(), (time or "").lower(), exact)


def _check_unit(option: str, unit: str, units: Iterable[str]) -> None:
    names = list(units)
    if unit.lower() not in names:
        raise UsageError(
            Diagnostic(
                "usage",
                f'{option}: there is no unit "{unit}"',
                argument=option,
                remedy=f"one of: {', '.join(names)}",
            )
        )
