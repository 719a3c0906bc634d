"""Changes: how set, add, remove and reset change an object, and the report of the result.

Applied in the order reset, set, remove, add (as dsconfig does); ``add`` and ``remove`` start from the current
values, defaults included. Values are stored in canonical form, expressions and secrets exactly as given.

A read-only property has the value that it got when its object was created: a request for the same value changes
nothing, one for another is refused. Writing a singleton that has no stored value creates it.

A mandatory property has a stored value, because the schema of a server may demand its attribute: its own default is
written when the object is created, and when the property is reset. A default that is inherited is not written, so
that the property follows the one it comes from; nor is one with cases, so that it follows the properties that its
conditions look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Collector, Diagnostic, suggest_name
from confobjects.expressions.openers import has_opener
from confobjects.objects.model import DeferredCheck, ManagedObject, Texts
from confobjects.objects.reading import PropertyReader, mask_secret, value_problem
from confobjects.records import Record, as_dict, field
from confobjects.syntaxes import ValueSyntaxError
from confobjects.texts.names import normal_name

if TYPE_CHECKING:
    from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
    from confobjects.paths import ManagedObjectPath

Action = Literal["create", "modify", "delete", "rename"]
SaveTest = Literal["", "tested", "untested", "declined"]
"""Whether a saved object was tested before; ``declined`` says that whoever saved it wanted no test."""
Value = object
"""A value as a caller gives it: text, or the Python value of the property's syntax."""


class PropertyChanges(Record):
    """What a caller wants changed on one object."""

    set: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    add: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    remove: Mapping[str, Sequence[Value]] = field(default_factory=dict)
    reset: Sequence[str] = ()

    def __repr__(self) -> str:
        """Tell which properties are changed; a value may be a secret."""
        parts = (f"{kind} {', '.join(names)}" for kind, names in as_dict(self).items() if names)
        return f"<{'; '.join(parts) or 'no changes'}>"


class ObjectChange(Record):
    """The result of a change for one object: stored texts of each changed property, before and after.

    ``restarted`` tells that the change disables the object and enables it again. ``test`` says of an object that can be
    tested whether it was, before it was saved; empty where nothing was to decide that.
    """

    path: ManagedObjectPath
    action: Action
    definition: ManagedObjectDefinition
    before: Mapping[str, Texts]
    after: Mapping[str, Texts]
    new_path: ManagedObjectPath | None = None
    restarted: bool = False
    test: SaveTest = ""

    def names(self) -> tuple[str, ...]:
        """Return the changed properties in order of declaration."""
        return tuple(
            name for name in self.definition.properties if self.before.get(name, ()) != self.after.get(name, ())
        )

    def __repr__(self) -> str:
        """Tell what changed where; a value may be a secret."""
        return f"<{self.action} {self.path}: {', '.join(self.names()) or 'no values'}>"


class RequiredAction(Record):
    """An administrator action that a change makes necessary."""

    path: ManagedObjectPath
    property: str
    action: str
    synopsis: str


class ChangeReport(Record):
    """Everything a change did, or would do. ``number`` is its number in the history, None where it has none."""

    changes: tuple[ObjectChange, ...]
    admin_actions: tuple[RequiredAction, ...] = ()
    deferred: tuple[DeferredCheck, ...] = ()
    warnings: tuple[Diagnostic, ...] = ()
    number: int | None = None

    @property
    def changed(self) -> bool:
        """Whether anything was, or would be, written."""
        return bool(self.changes)


_MANY = 20
"""How many values a message lists."""


class Changer:
    """Applies property changes to one object, collecting what is wrong with them.

    With ``exact`` a reset leaves a mandatory property without a stored value, as it was before its default was written.
    """

    def __init__(
        self, obj: ManagedObject, reader: PropertyReader, problems: Collector, *, creating: bool, exact: bool = False
    ) -> None:
        self.obj = obj
        self.reader = reader
        self.problems = problems
        self.creating = creating
        self.exact = exact
        self.values: dict[str, Texts] = dict(obj.values)

    def apply(self, changes: PropertyChanges) -> ManagedObject:
        """Return the object as changed; problems are in the collector."""
        replaced = {self.key_of(name) for name in changes.set}
        for name in changes.reset:
            if self.key_of(name) not in replaced:  # reset and set of one property is set
                self._reset(name)
        for name, given in changes.set.items():
            self._set(name, given)
        exclusive = {*replaced, *map(self.key_of, changes.reset)}
        for kind, mapping in (("remove", changes.remove), ("add", changes.add)):
            for name, given in mapping.items():
                if self.key_of(name) in exclusive:
                    self._report_problem(name, f"{kind} cannot be combined with set or reset of the same property")
                elif kind == "add":
                    self._add(name, given)
                else:
                    self._remove(name, given)
        return self.obj.replace(values={name: texts for name, texts in self.values.items() if texts})

    def key_of(self, name: str) -> str:
        """Return the current name of a property; an unknown name in lower case."""
        prop = find_property(self.obj.definition, name)
        return prop.name if prop is not None else name.lower()

    def _report_problem(self, name: str, summary: str, **fields: Any) -> None:
        code = fields.pop("code", "usage")
        self.problems.error(code, summary, path=str(self.obj.path), property=name, **fields)

    def _find_property(self, name: str) -> PropertyDefinition | None:
        """Return the property to change; report it and return None if it may not be changed."""
        properties = self.obj.definition.properties
        prop = find_property(self.obj.definition, name)
        if prop is None:
            friendly = self.obj.definition.friendly
            hint = suggest_name(name, properties) or f"known: {', '.join(properties)}"
            self._report_problem(name, f'{friendly} has no property "{name}"', code="unknown-name", remedy=hint)
            return None
        if prop.is_fixed:
            self._refuse_fixed(prop)
            return None
        if prop.deprecated:
            self.problems.warning(
                "usage",
                f"{prop.name} is deprecated",
                path=str(self.obj.path),
                property=prop.name,
                remedy=prop.deprecated,
            )
        return prop

    def _is_settled(self, prop: PropertyDefinition, wanted: Texts, current: Texts | None = None) -> bool:
        """Tell whether a value is settled, because the object is there; report it if others than those it has are wanted.

        Those it has are the ``current`` ones, or else what is stored.
        """
        if not prop.read_only or self.creating:
            return False
        stored = self.obj.values.get(prop.name, ())
        if not is_same_value(prop, wanted, stored if current is None else current):
            value = ", ".join(mask_secret(prop, text) for text in stored)
            self._report_problem(
                prop.name,
                f"{prop.name} is read-only: it can be set only when the object is created",
                remedy=f"keep its value: {value}" if stored and not prop.sensitive else f"leave {prop.name} out",
            )
        return True

    def _refuse_fixed(self, prop: PropertyDefinition) -> None:
        texts, _ = self.reader.read_default(self.obj, prop)
        value = ", ".join(mask_secret(prop, text) for text in texts)
        problem = describe_fixed(prop).replace(path=str(self.obj.path))
        self.problems.add(problem.replace(detail=f"its value: {value}") if value else problem)

    def _reset(self, name: str) -> None:
        prop = self._find_property(name)
        if prop is None:
            return
        stored = self.obj.values.get(prop.name)
        if self._is_settled(prop, written_default(prop) if stored else ()):
            return
        if prop.mandatory and not self.reader.has_default(self.obj, prop):
            self._report_problem(
                prop.name,
                f"the mandatory property {prop.name} has no default to reset to",
                code="missing-mandatory",
                remedy=("set another value: ", RemedyAction("set", prop.name, "…")),
            )
            return
        self._drop_stored(prop)

    def _drop_stored(self, prop: PropertyDefinition) -> None:
        """Take a stored value away; a mandatory property has its own default stored instead."""
        if self.values.pop(prop.name, None) and not self.exact and (texts := written_default(prop)):
            self.values[prop.name] = texts

    def _set(self, name: str, given: Sequence[Value]) -> None:
        prop = self._find_property(name)
        if prop is None:
            return
        if not given:
            self._reset(name)
            return
        texts = self._to_canonical(prop, given)
        if texts is None or self._is_settled(prop, texts):
            return
        if len(texts) > 1 and not prop.multi_valued:
            # Checked here, not by the judge: two texts may have the same canonical form.
            self._report_problem(
                prop.name,
                f"{prop.name} takes one value, {len(texts)} were given",
                code="invalid-value",
                remedy=("keep one: ", RemedyAction("set", prop.name, mask_secret(prop, texts[-1]))),
            )
            return
        self.values[prop.name] = texts

    def _read_current(self, prop: PropertyDefinition) -> tuple[Texts, str]:
        return self.reader.read_current(self.obj.replace(values=self.values), prop)

    def _add(self, name: str, given: Sequence[Value]) -> None:
        prop = self._find_property(name)
        texts = self._to_canonical(prop, given) if prop is not None else None
        if prop is None or not texts:
            return
        stored = self.obj.values.get(prop.name, ())
        there = {_identity_of(prop, text) for text in stored}
        if self._is_settled(prop, (*stored, *(text for text in texts if _identity_of(prop, text) not in there))):
            return
        now = self.obj.replace(values=self.values)
        if prop.multi_valued and not self.reader.is_decided(now, prop):
            self._report_problem(
                prop.name,
                f"{prop.name} has its default, which startup chooses: nothing can be added to it before",
                code="invalid-value",
                remedy=("set all values: ", RemedyAction("set", prop.name, "…")),
            )
            return
        current, _ = self._read_current(prop)
        keys = {_identity_of(prop, text) for text in current}
        if not prop.multi_valued and current and {_identity_of(prop, text) for text in texts} != keys:
            self._report_problem(
                prop.name,
                f"{prop.name} takes one value and has one: {', '.join(mask_secret(prop, text) for text in current)}",
                code="invalid-value",
                remedy=("replace it: ", RemedyAction("set", prop.name, mask_secret(prop, texts[0]))),
            )
            return
        present = set(current)
        if added := [text for text in texts if text not in present]:
            self.values[prop.name] = (*current, *dict.fromkeys(added)) if prop.multi_valued or not current else current

    def _remove(self, name: str, given: Sequence[Value]) -> None:
        """Remove values, which need not be valid, so that a broken one can be removed."""
        prop = self._find_property(name)
        if prop is None:
            return
        current, origin = self._read_current(prop)
        unwanted = self._find_present(prop, given, current)
        if unwanted is None:
            return
        after = tuple(text for text in current if text not in unwanted)
        if self._is_settled(prop, after, current):
            return
        if after:
            self.values[prop.name] = after
        elif origin != "stored" or (prop.mandatory and not self.reader.has_default(self.obj, prop)):
            self._refuse_emptying(prop, origin)
        elif is_same_value(prop, written_default(prop), current):
            self._refuse_emptying(prop, "default")
        else:
            self._drop_stored(prop)

    def _find_present(self, prop: PropertyDefinition, given: Sequence[Value], current: Texts) -> set[str] | None:
        """Return the current texts that values to remove mean; report each that is not there, and return None then."""
        present, by_identity = set(current), dict[object, str]()
        found, absent = set[str](), list[str]()
        for value in given:
            try:
                wanted = value if isinstance(value, str) else prop.syntax.coerce(value)
            except ValueSyntaxError:
                wanted = str(value)
            if wanted in present:
                found.add(wanted)
                continue
            if not by_identity:
                by_identity = {_identity_of(prop, text): text for text in reversed(current)}
            text = by_identity.get(_identity_of(prop, wanted))
            if text is None:
                absent.append(wanted)
            else:
                found.add(text)
        there = ", ".join(mask_secret(prop, text) for text in current[:_MANY]) or "none"
        more = f" and {len(current) - _MANY} more" if len(current) > _MANY else ""
        for wanted in absent:
            summary = f'{prop.name} has no value "{mask_secret(prop, wanted)}" to remove'
            self._report_problem(prop.name, summary, code="invalid-value", detail=f"its values: {there}{more}")
        return None if absent else found

    def _refuse_emptying(self, prop: PropertyDefinition, origin: str) -> None:
        if origin == "stored":
            summary = f"removing the last value of {prop.name} leaves a mandatory property without one"
            self._report_problem(
                prop.name,
                summary,
                code="missing-mandatory",
                remedy=("set another value: ", RemedyAction("set", prop.name, "…")),
            )
        else:
            summary = f"the values of {prop.name} are its default: they cannot all be removed"
            self._report_problem(
                prop.name,
                summary,
                code="invalid-value",
                remedy=("set others instead: ", RemedyAction("set", prop.name, "…")),
            )

    def _to_canonical(self, prop: PropertyDefinition, given: Iterable[Value]) -> Texts | None:
        """Return the canonical texts of the given values, None when one is wrong."""
        texts = []
        wrong = False
        for value in given:
            text = value if isinstance(value, str) else None
            try:
                text = prop.syntax.coerce(value) if text is None else text
                texts.append(to_canonical(prop, text))
            except ValueSyntaxError as error:
                self.problems.add(value_problem(str(self.obj.path), prop, str(value), error))
                wrong = True
        return None if wrong else tuple(texts)


def describe_fixed(prop: PropertyDefinition) -> Diagnostic:
    """Return the problem of a value that is given for a property that always has its default."""
    summary = f"{prop.name} is read-only and has a default: it is never set"
    return Diagnostic("usage", summary, property=prop.name, remedy=f"leave {prop.name} out")


def find_property(definition: ManagedObjectDefinition, name: str) -> PropertyDefinition | None:
    """Return a property by its name or a former one; names ignore case."""
    key = name.lower()
    found = definition.properties.get(key)
    if found is None:
        found = next((prop for prop in definition.properties.values() if key in prop.renamed_from), None)
    return found


def is_name(prop: PropertyDefinition, value: Value, name: str) -> bool:
    """Tell whether a value that is given for the property that names an object is its name."""
    try:
        text = value if isinstance(value, str) else prop.syntax.coerce(value)
    except ValueSyntaxError:
        text = str(value)
    return normal_name(text) == normal_name(name) or _identity_of(prop, text) == _identity_of(prop, name)


def written_default(prop: PropertyDefinition) -> Texts:
    """Return the values that are written for a property without a value: the defined default of a mandatory one."""
    written = prop.mandatory and not prop.is_fixed
    return tuple(to_canonical(prop, text) for text in prop.default.values) if written else ()


def add_written_defaults(obj: ManagedObject) -> ManagedObject:
    """Return an object as it is created: mandatory properties without a value have their own default."""
    properties = obj.definition.properties.items()
    missing = {
        name: texts for name, prop in properties if (texts := written_default(prop)) and not obj.values.get(name)
    }
    return obj.replace(values={**obj.values, **missing}) if missing else obj


def _identity_of(prop: PropertyDefinition, text: str) -> object:
    """Return a key that texts of the same value share; an expression equals only itself."""
    return text if has_opener(text) else prop.syntax.normal_form(text)


def to_canonical(prop: PropertyDefinition, text: str) -> str:
    """Return a value text as it is stored: expressions as typed, everything else in its syntax's canonical form.

    Raises :class:`~confobjects.syntaxes.ValueSyntaxError`.
    """
    if not text:
        message = "a value may not be empty"
        raise ValueSyntaxError(message)
    if has_opener(text):
        return text
    return prop.syntax.format(prop.syntax.parse(text))


def stored_form(prop: PropertyDefinition, texts: Texts) -> list[str]:
    """Return texts of a property as they are compared between two storages: canonical, sorted, the default for none.

    A text that is not valid stands as it is. Unlike :func:`is_same_value`, this keeps two spellings of a value apart
    where the canonical form does.
    """
    return sorted(_to_stored_text(prop, text) for text in texts or prop.default.values)


def _to_stored_text(prop: PropertyDefinition, text: str) -> str:
    try:
        return to_canonical(prop, text)
    except ValueSyntaxError:
        return text


def is_same_value(prop: PropertyDefinition, texts: Texts, others: Texts) -> bool:
    """Tell whether texts of a property are the same values, in whatever spelling and order; a directory keeps none."""
    if texts == others:
        return True
    keys, wanted = (Counter(_identity_of(prop, text) for text in some) for some in (texts, others))
    return keys == wanted


def required_actions(
    obj: ManagedObject,
    names: Iterable[str],
    *,
    enabled_before: bool | None,
    enabled_after: bool | None,
    restarted: bool = False,
) -> Iterable[RequiredAction]:
    """Yield the administrator actions that changed values of an object need.

    ``names`` are the properties whose current values change: storing a default, or leaving it to the definition, is
    another text and the same value. A component has to be restarted only where it stays enabled through the change: one
    that is disabled takes the new value when it is enabled again, also by the same change (``restarted``).
    """
    stays = enabled_before is not False and enabled_after is not False and not restarted
    for name in names:
        action = obj.definition.properties[name].admin_action
        if action.kind == "none" or (action.kind == "component-restart" and not stays):
            continue
        yield RequiredAction(obj.path, name, action.kind, action.as_sentence())
