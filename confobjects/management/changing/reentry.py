"""Secrets that have to be given again: a stored one is not used with another target.

Who may change an object need not know the secrets in it. If such a change could send a stored secret to another host, under another
name or with less protection, it would give the secret away. So a property says with which others its secret
travels (``re-entry``).

Laws of this module:

1. If the current value of one of those properties changes while a secret stays, the change is refused, or is made with a warning
   where the definition says so. It is not if the same change gives the secret again.
2. It makes no difference how the value changes: in the object, by a default that follows another property, in an object that it is
   inherited from, by a document or by an undo.
3. Of pairs, the definition may name those with which the secret travels; one whose name is not known is one of them.
4. Nothing is tested with a stored secret within a pair while another pair of its group changes.
5. A secret that is only an expression need not be given again, and neither is a new or another one kept. Looked at closely, it
   counts as any other: for somebody who may change an object, but not the expressions in it.
6. If one of those properties names another object, the secret travels with that object, too: a change of its type, or of the current
   value of one of its properties, is made with a warning that names the enabled objects whose stored secrets it
   concerns. Its own secrets, and the properties that say whether it is enabled, do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.expressions.openers import has_opener
from confobjects.objects.changes import is_same_value
from confobjects.objects.heirs import changes_value
from confobjects.objects.reading import mask_secret
from confobjects.syntaxes import ValueSyntaxError

if TYPE_CHECKING:
    from confobjects.definitions import PropertyDefinition
    from confobjects.definitions.model import Travel
    from confobjects.objects.judging import Judge, User
    from confobjects.objects.model import ManagedObject, Texts
    from confobjects.objects.reading import PropertyReader
    from confobjects.paths import ManagedObjectPath

Given = Mapping["ManagedObjectPath", set[str]]
"""The properties whose values a change gives in full, by object."""
Dependent = tuple["ManagedObject", "PropertyDefinition"]
"""An object, and its property that holds a secret."""
_NAMED: Final = 10


class ReentryRule:
    """Judges the objects of one change; ``moved`` are the new paths of renamed objects by the old ones.

    With ``closely`` secrets that are expressions count, too.
    """

    def __init__(
        self,
        before: Judge,
        after: Judge,
        given: Given,
        moved: Mapping[ManagedObjectPath, ManagedObjectPath],
        *,
        closely: bool = False,
    ) -> None:
        self._closely = closely
        self.before = before
        self.after = after
        self.given = given
        self.moved = moved
        self._sources = {new: old for old, new in moved.items()}
        self._carriers: dict[str, bool] = {}

    def find_reused(self, old: ManagedObject, new: ManagedObject) -> Iterator[Diagnostic]:
        """Yield a problem for each secret of an object that stays while a property changes with which it travels."""
        for prop in new.definition.properties.values():
            rule = prop.re_entry
            if rule is None or prop.name not in old.definition.properties or not self._stays(old, new, prop):
                continue
            changed = [travel.property for travel in rule.travels if self._is_redirected(old, new, travel)]
            if changed:
                yield _describe_reuse(new, prop, changed)

    def find_reused_pairs(self, old: ManagedObject, new: ManagedObject) -> Iterator[Diagnostic]:
        """Yield a problem for each secret within a pair that stays while another pair of its group changes.

        The group of ``a.proxy.password`` is ``a.proxy.*``: it says where the secret goes, and as whom. Such a change can be
        saved; only a test would use the secret before somebody has looked at the change.
        """
        for prop in new.definition.properties.values():
            if not prop.syntax.secret_names or prop.name not in old.definition.properties:
                continue
            if prop.name in self.given.get(new.path, ()):
                continue
            was, now = (
                judge.reader.read_current(obj, prop)[0] for judge, obj in ((self.before, old), (self.after, new))
            )
            for secret in (text for text in now if text in was and self._is_kept_secret(prop, text)):
                name = prop.syntax.key(secret)
                if _select_group(prop, was, name) != _select_group(prop, now, name):
                    yield _describe_reused_pair(new, prop, str(name))

    def find_dependents(self, old: ManagedObject, new: ManagedObject) -> Sequence[Dependent]:
        """Return the stored secrets of other objects that travel with an object which changes, and stay."""
        if not self._carries(new.path.relation) or not self._find_changes(old, new):
            return ()
        found: dict[tuple[ManagedObjectPath, str], Dependent] = {}
        for user in self.after.users(new.path):
            before = self.before.world.find(self._sources.get(user.object.path, user.object.path))
            if before is None or before.definition.name != user.object.definition.name:
                continue
            for prop in user.object.definition.properties.values():
                if _travels_with(prop, user) and self._stays(before, user.object, prop):
                    found[user.object.path, prop.name] = user.object, prop
        return tuple(found.values())

    def find_all(self, old: ManagedObject, new: ManagedObject) -> Iterator[Diagnostic]:
        """Yield a problem for each secret that stays, also in objects that name the changed one."""
        yield from self.find_reused(old, new)
        yield from self.find_reused_pairs(old, new)
        yield from (describe_dependent(new, one) for one in self.find_dependents(old, new))

    def warn_of_dependents(
        self, old: ManagedObject, new: ManagedObject, found: Sequence[Dependent]
    ) -> Iterator[Diagnostic]:
        """Yield a warning that names at most ten of the secrets, if objects that are or may be enabled have some."""
        judge = self.after
        used = (one for one in found if judge.is_enabled(judge.judge(one[0])) is not False)
        named = [f"{prop.name} of {obj.path}" for obj, prop in islice(used, _NAMED + 1)]
        if named:
            more = " and others" if len(named) > _NAMED else ""
            yield Diagnostic(
                "constraint-violated",
                f"a change of {' and '.join(self._find_changes(old, new))} affects where stored secrets go, or how they are "
                f"protected: {', '.join(named[:_NAMED])}{more}",
                path=str(new.path),
                remedy="if it is not meant for them, take it back, and make another object for what needs it",
                severity="warning",
            )

    def _carries(self, relation: str) -> bool:
        """Tell whether a secret travels with a property that names objects of a relation."""
        if relation not in self._carriers:
            registry = self.after.registry
            self._carriers[relation] = any(
                prop.re_entry is not None and any(travel.property == named.name for travel in prop.re_entry.travels)
                for declaring, named in registry.users(relation)
                for subtype in registry.subtypes(declaring)
                for prop in registry.definition(subtype).properties.values()
            )
        return self._carriers[relation]

    def _find_changes(self, old: ManagedObject, new: ManagedObject) -> list[str]:
        """Return what changes of an object that other objects name: its type, or properties."""
        if old.definition.name != new.definition.name:
            return ["the type"]
        enabling = new.definition.enabled_when
        ignored = frozenset(() if enabling is None else enabling.properties())
        return [
            prop.name
            for prop in new.definition.properties.values()
            if not prop.sensitive
            and prop.name not in ignored
            and changes_value(self.before, old, self.after, new, prop.name)
        ]

    def _stays(self, old: ManagedObject, new: ManagedObject, prop: PropertyDefinition) -> bool:
        """Whether a secret that counts is there before and after the change, which does not give it."""
        owner, texts = _find_stored(self.after.reader, new, prop)
        _, before = _find_stored(self.before.reader, old, prop)
        if owner is None or owner[1] in self.given.get(owner[0], ()):
            return False
        return any(text in before and self._is_kept_secret(prop, text) for text in texts)

    def _is_kept_secret(self, prop: PropertyDefinition, text: str) -> bool:
        """Whether a value is a secret, or has one in it: a literal one, or, looked at closely, any."""
        return mask_secret(prop, text) != text or (self._closely and prop.find_secret(text) is not None)

    def _is_redirected(self, old: ManagedObject, new: ManagedObject, travel: Travel) -> bool:
        prop = new.definition.properties[travel.property]
        if prop.name not in old.definition.properties:
            return True
        if not changes_value(self.before, old, self.after, new, prop.name):
            return False
        if travel.names and self._is_beside(old, new, travel, prop):
            return False
        if not prop.references or not self.moved:
            return True
        was, now = (
            {self._resolve(prop, text) for text in select_pairs(travel, prop, judge.reader.read_current(obj, prop)[0])}
            for judge, obj in ((self.before, old), (self.after, new))
        )
        return {(pair, path and self.moved.get(path, path), text) for pair, path, text in was} != now

    def _resolve(self, prop: PropertyDefinition, text: str) -> tuple[str, ManagedObjectPath | None, str]:
        """Return what a value means: the object that it names with the name of the pair, or else the value itself."""
        for reference in prop.references:
            if (name := reference.select_name(text)) is not None:
                base = self.after.registry.parse_path(reference.parent)
                return reference.name, base.child(reference.relation, name), ""
        return "", None, text

    def _is_beside(self, old: ManagedObject, new: ManagedObject, travel: Travel, prop: PropertyDefinition) -> bool:
        """Whether only such pairs of a property change as the secret does not travel with."""
        sides = ((self.before.reader, old, old.definition.properties[prop.name]), (self.after.reader, new, prop))
        if not all(reader.is_decided(obj, one) for reader, obj, one in sides):
            return False
        was, now = (select_pairs(travel, one, reader.read_current(obj, one)[0]) for reader, obj, one in sides)
        try:
            return is_same_value(prop, was, now)
        except ValueSyntaxError:
            return False


def _travels_with(secret: PropertyDefinition, user: User) -> bool:
    """Whether a secret of an object travels with the property, or the pair of it, by which the object uses another."""
    rule = secret.re_entry
    return rule is not None and any(
        travel.property == user.property.name and (not travel.names or travel.includes(user.reference.name))
        for travel in rule.travels
    )


def describe_dependent(target: ManagedObject, dependent: Dependent) -> Diagnostic:
    """Return the problem that a test would use a stored secret with an object that changes."""
    obj, prop = dependent
    return Diagnostic(
        "constraint-violated",
        f"a change of {target.path} needs {prop.name} to be given again",
        path=str(obj.path),
        property=prop.name,
        detail="the stored secret could be sent elsewhere, or with less protection",
        remedy=("in the same change ", RemedyAction("set", prop.name, "…")),
        severity="warning",
    )


def select_pairs(travel: Travel, prop: PropertyDefinition, texts: Texts) -> Texts:
    """Return the pairs that a secret travels with, and those whose names are not known, as in expressions."""
    if not travel.names:
        return texts
    names = [(prop.syntax.key(text), text) for text in texts]
    return tuple(text for name, text in names if not isinstance(name, str) or has_opener(name) or travel.includes(name))


def _select_group(prop: PropertyDefinition, texts: Texts, name: object) -> frozenset[str]:
    """Return the pairs that have a name of the same group as another pair, and those whose names are not known."""
    group = f"{str(name).rpartition('.')[0]}."
    names = [(prop.syntax.key(text), text) for text in texts]
    return frozenset(
        text
        for key, text in names
        if key != name and (not isinstance(key, str) or has_opener(key) or key.startswith(group))
    )


def _describe_reused_pair(obj: ManagedObject, prop: PropertyDefinition, name: str) -> Diagnostic:
    group = name.rpartition(".")[0]
    return Diagnostic(
        "constraint-violated",
        f"a change of {prop.name} {group}.* needs {name} to be given again",
        path=str(obj.path),
        property=prop.name,
        detail="the stored secret could be sent elsewhere, or under another name",
        remedy=("give ", RemedyAction("setting", prop.name, name), " again, with all other values of it"),
    )


def _find_stored(
    reader: PropertyReader, obj: ManagedObject, prop: PropertyDefinition
) -> tuple[tuple[ManagedObjectPath, str] | None, Texts]:
    """Return where the current texts of a property are stored, in the object or where it inherits them, and the texts."""
    if stored := obj.values.get(prop.name):
        return (obj.path, prop.name), stored
    for owner, source in reader.trace_inheritance(obj, prop):
        if stored := owner.values.get(source.name):
            return (owner.path, source.name), stored
    return None, ()


def _describe_reuse(obj: ManagedObject, prop: PropertyDefinition, changed: list[str]) -> Diagnostic:
    assert prop.re_entry is not None  # noqa: S101 - asked of such properties only
    return Diagnostic(
        "constraint-violated",
        f"a change of {' and '.join(changed)} needs {prop.name} to be given again",
        path=str(obj.path),
        property=prop.name,
        detail="the stored secret could be sent elsewhere, under another name or with less protection",
        remedy=("in the same change ", RemedyAction("set", prop.name, "…")),
        severity=prop.re_entry.severity,
    )
