"""The state of the property editor: an object's values while somebody edits them. Pure: every step returns a new state.

The words are dsconfig's: *reset* returns a property to its default (or to no value), *revert* to its value when the
editing began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.expressions.openers import has_opener
from confobjects.objects.changes import PropertyChanges, to_canonical
from confobjects.records import Record, field
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
    from confobjects.definitions.conditions import Values
    from confobjects.objects.model import Texts

KEEP: Final = "keep"
CHANGE: Final = "change"
ADD: Final = "add"
REMOVE: Final = "remove"
RESET: Final = "reset"
REVERT: Final = "revert"


class Draft(Record):
    """An object being edited.

    ``original`` are the stored value texts by property when the editing began, ``values`` those now, ``defaults``
    the values of properties without one, and ``undecided`` the properties whose default startup chooses. ``naming`` is
    the property that names the object, which is not edited. ``unwritten`` is a singleton without stored values: its
    first values create it. ``restated`` are secrets that were given again, also with the text they had, because others
    change with which they travel.
    """

    definition: ManagedObjectDefinition
    original: Mapping[str, Texts] = field(repr=False)
    values: Mapping[str, Texts] = field(repr=False)
    defaults: Mapping[str, Texts] = field(default_factory=dict, repr=False)
    creating: bool = False
    unwritten: bool = False
    naming: str = ""
    undecided: frozenset[str] = frozenset()
    restated: frozenset[str] = frozenset()

    # -- looking ---------------------------------------------------------------------------------------------------

    def property_named(self, name: str) -> PropertyDefinition:
        """Return a property of the object's type."""
        return self.definition.properties[name]

    def properties(self, *, advanced: bool) -> list[PropertyDefinition]:
        """Return the properties to show: mandatory ones first, then by name; a changed one is always shown."""
        shown = [
            prop
            for name, prop in self.definition.properties.items()
            if not prop.hidden and name != self.naming and (advanced or not prop.advanced or self.is_changed(name))
        ]
        return sorted(shown, key=lambda prop: (not prop.mandatory, prop.name))

    def missing_properties(self) -> list[PropertyDefinition]:
        """Return the properties that need a value and have neither one nor a default, in order of declaration."""
        return [
            prop
            for name, prop in self.definition.properties.items()
            if name != self.naming and not self.current_texts(name) and name not in self.undecided and self._needs(prop)
        ]

    def _needs(self, prop: PropertyDefinition) -> bool:
        """Whether a property needs a value beside the present values of the others."""
        needed = prop.required_when
        if prop.is_fixed:  # no value can be given
            return False
        return prop.mandatory or (needed is not None and needed.judge(self._read_normals) is True)

    def _read_normals(self, name: str) -> Values:
        """Return the normal forms of the current values, None where one is known only at startup."""
        texts = self.current_texts(name)
        if name == self.naming or name in self.undecided or any(map(has_opener, texts)):
            return None
        try:
            return frozenset(self.property_named(name).syntax.normal_form(text) for text in texts)
        except ValueSyntaxError:
            return None  # a stored value that is wrong

    def current_texts(self, name: str) -> Texts:
        """Return the current texts of a property, its default where it has none of its own."""
        return self.values.get(name) or self.defaults.get(name, ())

    def is_default(self, name: str) -> bool:
        """Tell whether a property has no value of its own."""
        return not self.values.get(name)

    def is_changed(self, name: str) -> bool:
        """Tell whether a property was changed."""
        return self.values.get(name, ()) != self.original.get(name, ())

    @property
    def dirty(self) -> bool:
        """Whether leaving the editor would lose changes."""
        return self.creating or self.has_edits

    @property
    def has_edits(self) -> bool:
        """Whether there is a value that differs from those in the beginning."""
        return any(map(self.is_changed, {*self.values, *self.original}))

    def actions(self, name: str) -> list[str]:
        """Return the actions that a property allows now, the harmless ones first."""
        prop = self.property_named(name)
        found = [KEEP]
        if prop.is_fixed or (prop.read_only and not (self.creating or self.unwritten)):
            return found
        own, current = self.values.get(name, ()), self.current_texts(name)
        if prop.multi_valued:
            found += [ADD] if not self._has_all_values(prop) else []
            found += [CHANGE, REMOVE] if current else []
        else:
            found.append(CHANGE)
        without = not prop.mandatory or bool(self.defaults.get(name)) or name in self.undecided
        if own and without:
            found.append(RESET)
        if self.is_changed(name) and (self.original.get(name) or without):
            found.append(REVERT)
        return found

    def _has_all_values(self, prop: PropertyDefinition) -> bool:
        """Tell whether a property has every possible value."""
        choices = prop.syntax.choices()
        return bool(choices) and len(self.current_texts(prop.name)) >= len(choices)

    # -- editing ---------------------------------------------------------------------------------------------------

    def with_values(self, name: str, texts: Sequence[str]) -> Draft:
        """Return the draft with new values of a property; none is a reset. Raises ValueSyntaxError for an invalid one."""
        prop = self.property_named(name)
        clean = tuple(to_canonical(prop, text) for text in texts)
        seen: dict[object, str] = {}
        for text in clean:
            key = text if has_opener(text) else prop.syntax.key(text)
            if key in seen:
                again = "the value" if prop.sensitive else f'"{text}"'
                raise ValueSyntaxError(f"{again} is there already")
            seen[key] = text
        values = {**self.values, name: clean}
        restated = self.restated | {name} if prop.re_entry is not None else self.restated
        return self.replace(values={key: texts for key, texts in values.items() if texts}, restated=restated)

    def add_value(self, name: str, text: str) -> Draft:
        """Return the draft with one value more. Raises ValueSyntaxError for an invalid or duplicate one."""
        return self.with_values(name, (*self.current_texts(name), text))

    def replace_value(self, name: str, old: str, new: str) -> Draft:
        """Return the draft with one value in place of another. Raises ValueSyntaxError as above."""
        return self.with_values(name, [new if text == old else text for text in self.current_texts(name)])

    def remove_values(self, name: str, texts: Sequence[str]) -> Draft:
        """Return the draft without some values; without any, the property is reset."""
        left = tuple(text for text in self.current_texts(name) if text not in texts)
        return self.replace(values=_with_texts(self.values, name, left))

    def reset(self, name: str) -> Draft:
        """Return the draft with a property's default, or with nothing where it has none."""
        return self.replace(values=_with_texts(self.values, name, ()))

    def revert(self, name: str) -> Draft:
        """Return the draft with a property as it was when the editing began."""
        values = _with_texts(self.values, name, self.original.get(name, ()))
        return self.replace(values=values, restated=self.restated - {name})

    # -- the changes -------------------------------------------------------------------------------------------------

    def changes(self) -> PropertyChanges:
        """Return the changes: set, add, remove and reset, with as few values as possible."""
        given: dict[str, Texts] = {}
        added: dict[str, Texts] = {}
        removed: dict[str, Texts] = {}
        reset: list[str] = []
        for name in self._changed_names():
            before, after = self.original.get(name, ()), self.values.get(name, ())
            more = tuple(text for text in after if text not in before)
            less = tuple(text for text in before if text not in after)
            kept = tuple(text for text in before if text in after)
            if not after:
                reset.append(name)
            elif kept and (*kept, *more) == after and not self.property_named(name).sensitive:
                added |= {name: more} if more else {}
                removed |= {name: less} if less else {}
            else:
                given[name] = after
        return PropertyChanges(given, added, removed, tuple(reset))

    def _changed_names(self) -> Iterator[str]:
        restated = {name for name in self.restated if self.values.get(name)}
        return (name for name in self.definition.properties if self.is_changed(name) or name in restated)


def _with_texts(values: Mapping[str, Texts], name: str, texts: Texts) -> dict[str, Texts]:
    return {key: value for key, value in {**values, name: texts}.items() if value}
