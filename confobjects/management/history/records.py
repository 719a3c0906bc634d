"""The history of a configuration: each change as a record, and a record as a note that a storage keeps.

Laws of this module:

1. A record says what a change did to objects, in values before and after; applied backwards it gives the objects
   before the change.
2. A record's own fields hold no secret: values of sensitive properties are masked there. The old texts are in
   ``kept``: a storage keeps it in its protected place, and nothing prints it.
3. Nothing here reads the clock or the user: the caller passes a :class:`ChangeSignature`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, get_args

from confobjects.diagnostics import MASK, Diagnostic
from confobjects.errors import NoSuchObjectError
from confobjects.management.site import ChangeSignature
from confobjects.mapping.journal import Note, NotedChange, State
from confobjects.objects.changes import Action, ObjectChange, SaveTest
from confobjects.objects.model import ManagedObject, Texts
from confobjects.objects.reading import mask_secret
from confobjects.paths import ManagedObjectPath
from confobjects.records import Record, as_dict

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.site import Site

Values = Mapping[str, Texts]


def sign_change(site: Site) -> ChangeSignature:
    """Return who makes a change through a site, now."""
    return site.sign() if site.sign is not None else ChangeSignature()


class RecordedChange(Record):
    """What a change did to one object: masked texts of each changed property, before and after.

    ``type`` is the name of the object's definition, ``secrets`` the properties whose texts are masked. ``restarted``
    tells that the change disabled the object and enabled it again, ``test`` whether it was tested before it was saved.
    """

    path: ManagedObjectPath
    action: Action
    type: str
    before: Values
    after: Values
    new_path: ManagedObjectPath | None = None
    secrets: tuple[str, ...] = ()
    restarted: bool = False
    test: SaveTest = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The changed properties."""
        return tuple(dict.fromkeys((*self.before, *self.after)))

    @property
    def paths(self) -> tuple[ManagedObjectPath, ...]:
        """The paths of the object, before and after."""
        return (self.path,) if self.new_path is None else (self.path, self.new_path)


class HistoryRecord(Record):
    """One change of the history. ``undoes`` are the numbers of the changes that it takes back.

    ``kept`` holds, for each object of ``changes``, the old texts of its secrets; it is empty for a user who may not
    read the protected place.
    """

    number: int
    state: State
    signature: ChangeSignature
    changes: tuple[RecordedChange, ...] = ()
    undoes: tuple[int, ...] = ()
    kept: tuple[Values, ...] = ()

    def __repr__(self) -> str:
        """Return which change it is, without values: they may be secrets."""
        return f"<change {self.number}: {self.state}>"

    def old_texts(self, index: int) -> Iterator[tuple[str, Texts | None]]:
        """Yield the texts that the properties of a changed object had before, None for a missing secret."""
        change = self.changes[index]
        kept = self.kept[index] if index < len(self.kept) else {}
        for name in change.names:
            texts: Texts | None = change.before.get(name, ())
            if texts and name in change.secrets:
                texts = kept.get(name)
            yield name, texts

    def old_others(self, index: int) -> Values:
        """Return the values that a deleted object had in attributes that belong to no property."""
        kept = self.kept[index] if index < len(self.kept) else {}
        return {name.removeprefix(_OTHER): texts for name, texts in kept.items() if name.startswith(_OTHER)}


# -- writing notes ---------------------------------------------------------------------------------------------------


def note_of(
    changes: Sequence[ObjectChange],
    signature: ChangeSignature,
    undoes: Sequence[int] = (),
    find_others: Callable[[ManagedObjectPath], Mapping[str, Sequence[str | bytes]]] | None = None,
) -> Note:
    """Return the note of some changes, with the secrets kept separately.

    ``find_others`` returns the values of an object's entry that belong to none of its properties: those of a deleted object
    are kept with its secrets, because nobody knows what they are.
    """
    text: dict[str, Any] = as_dict(signature)
    if undoes:
        text["undoes"] = list(undoes)
    text["changes"] = [_change_to_json(change) for change in changes]
    kept = [_collect_secrets(change) for change in changes]
    for change, secrets in zip(changes, kept, strict=True):
        if change.action == "delete" and find_others is not None:
            secrets.update(_name_others(find_others(change.path)))
    return Note(_dump_json(text), _dump_json(kept) if any(kept) else "")


def _dump_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _change_to_json(change: ObjectChange) -> dict[str, Any]:
    found: dict[str, Any] = {"path": change.path.elements, "action": change.action, "type": change.definition.name}
    if change.new_path is not None:
        found["new_path"] = change.new_path.elements
    names = change.names()
    for side, values in (("before", change.before), ("after", change.after)):
        found[side] = {name: _mask_texts(change, name, values[name]) for name in names if values.get(name)}
    secrets = [name for name in names if _is_masked(change, name)]
    if secrets:
        found["secrets"] = secrets
    if change.restarted:
        found["restarted"] = True
    if change.test:
        found["test"] = change.test
    return found


def _mask_texts(change: ObjectChange, name: str, texts: Texts) -> list[str]:
    prop = change.definition.properties[name]
    return [mask_secret(prop, text) for text in texts]


def _is_masked(change: ObjectChange, name: str) -> bool:
    sides = (change.before.get(name, ()), change.after.get(name, ()))
    return any(_mask_texts(change, name, texts) != list(texts) for texts in sides)


def _name_others(others: Mapping[str, Sequence[str | bytes]]) -> dict[str, Texts]:
    """Return values of attributes by names that no property has. Values that are no text are left out."""
    found = {name: tuple(value for value in values if isinstance(value, str)) for name, values in others.items()}
    return {f"{_OTHER}{name}": texts for name, texts in found.items() if texts}


_OTHER: Final = "attribute "
"""How the names of attributes that belong to no property begin among the kept texts."""


def _collect_secrets(change: ObjectChange) -> dict[str, Texts]:
    return {
        name: change.before[name] for name in change.names() if change.before.get(name) and _is_masked(change, name)
    }


# -- reading notes ---------------------------------------------------------------------------------------------------


def record_of(noted: NotedChange) -> HistoryRecord:
    """Return the record in a noted change; one that cannot be read has no changes, and its state is ``unclear``."""
    if noted.state == "edited":
        return HistoryRecord(noted.number, "edited", ChangeSignature(noted.when, "", ""))
    try:
        text = json.loads(noted.text)
        signature = ChangeSignature(str(text["time"]), str(text["actor"]), str(text["command"]))
        changes = tuple(_read_change(item) for item in text["changes"])
        undoes = tuple(int(number) for number in text.get("undoes", ()))
        kept = tuple(_read_texts(item) for item in json.loads(noted.secret)) if noted.secret else ()
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return HistoryRecord(noted.number, "unclear", ChangeSignature("", "", ""))
    return HistoryRecord(noted.number, noted.state, signature, changes, undoes, kept)


def _read_change(item: Mapping[str, Any]) -> RecordedChange:
    new_path = _read_path(item["new_path"]) if "new_path" in item else None
    secrets = tuple(item.get("secrets", ()))
    before, after = _read_texts(item["before"]), _read_texts(item["after"])
    if item["action"] not in get_args(Action):
        raise ValueError(item["action"])
    restarted = item.get("restarted") is True
    test = item.get("test", "")
    if test not in get_args(SaveTest):
        raise ValueError(test)
    return RecordedChange(
        _read_path(item["path"]), item["action"], str(item["type"]), before, after, new_path, secrets, restarted, test
    )


def _read_path(elements: Iterable[Sequence[str | None]]) -> ManagedObjectPath:
    return ManagedObjectPath([(str(relation), name) for relation, name in elements])


def _read_texts(item: Mapping[str, Sequence[str]]) -> dict[str, Texts]:
    return {str(name): tuple(map(str, texts)) for name, texts in item.items()}


# -- queries ---------------------------------------------------------------------------------------------------------


def read_records(site: Site) -> list[HistoryRecord]:
    """Return the history of a site's storage, the oldest change first.

    Raises :class:`~confobjects.errors.NoSuchObjectError` where the storage keeps none.
    """
    return [record_of(noted) for noted in site.storage.history()]


def read_record(site: Site, number: int) -> HistoryRecord:
    """Return the record of a number, in less time the newer it is. Raises as :func:`find_record` and :func:`read_records`."""
    noted = site.storage.history(number - 1) if number > 0 else ()
    if noted and noted[0].number == number:
        return record_of(noted[0])
    return find_record(read_records(site), number)


def find_record(found: Iterable[HistoryRecord], number: int) -> HistoryRecord:
    """Return the record of a number. Raises :class:`~confobjects.errors.NoSuchObjectError`."""
    numbers = []
    for one in found:
        if one.number == number:
            return one
        numbers.append(one.number)
    there = f"the history has the changes {numbers[0]} to {numbers[-1]}" if numbers else "the history is empty"
    raise NoSuchObjectError(Diagnostic("no-such-object", f"there is no change {number}", remedy=there))


def find_undone(found: Sequence[HistoryRecord]) -> dict[int, int]:
    """Return, for each change that is taken back now, the number of the change that took it back."""
    result: dict[int, int] = {}
    for one in reversed(found):
        if one.number not in result and one.state == "done":
            result.update((number, one.number) for number in one.undoes)
    return result


def select_for_object(found: Sequence[HistoryRecord], path: ManagedObjectPath) -> list[HistoryRecord]:
    """Return the records that touch an object or one below it, under every name it had; the oldest first."""
    result = []
    for one in reversed(found):
        place = path
        touches = False
        for change in reversed(one.changes):
            moved = change.new_path
            touches = touches or change.path.is_within(place) or (moved is not None and moved.is_within(place))
            if change.action == "rename" and change.new_path is not None:
                place = move_path(place, change.new_path, change.path)
        path = place
        if touches:
            result.append(one)
    return result[::-1]


def move_path(path: ManagedObjectPath, old: ManagedObjectPath, new: ManagedObjectPath) -> ManagedObjectPath:
    """Return a path after the object at ``old`` has moved to ``new``."""
    if path == old or path.is_below(old):
        return ManagedObjectPath((*new.elements, *path.elements[len(old.elements) :]))
    return path


Objects = dict[ManagedObjectPath, ManagedObject]


def rebuild_as_of(site: Site, number: int) -> Objects:
    """Return the stored objects as they were right after a change; 0 is the time before the first one that is kept.

    The changes since then are applied backwards to what is stored now. An edit by hand is not reverted, because what it
    did is not known. A missing secret is masked. Raises :class:`~confobjects.errors.NoSuchObjectError`,
    and :class:`~confobjects.errors.UnknownNameError` when the definitions no longer know an object.
    """
    return rebuild_each(site, (number,))[number]


def rebuild_each(site: Site, numbers: Iterable[int]) -> dict[int, Objects]:
    """Return what :func:`rebuild_as_of` does for several changes, by number; what is the same after two of them is one object.

    The less was changed since the oldest of them, the less time it takes.
    """
    wanted = sorted(set(numbers), reverse=True)
    found = [record_of(noted) for noted in site.storage.history(max(0, wanted[-1] - 1))]
    for number in wanted:
        if number and all(one.number != number for one in found):
            find_record(read_records(site), number)
    world = site.open_world()
    objects = {obj.path: obj for obj in site.all_objects(world) if obj.path in world.entries}
    made: dict[int, Objects] = {}
    for number in wanted:
        while found and found[-1].number > number:
            revert_record(objects, found.pop(), site.registry)
        made[number] = dict(objects)
    return made


def revert_record(objects: Objects, one: HistoryRecord, registry: Registry) -> None:
    """Take one change back in a set of objects."""
    for index in reversed(range(len(one.changes))):
        change = one.changes[index]
        old = {name: (MASK,) if texts is None else texts for name, texts in one.old_texts(index)}
        if change.action == "rename" and change.new_path is not None:
            _move_objects(objects, change.new_path, change.path)
        elif change.action == "create":
            objects.pop(change.path, None)
            continue
        obj = objects.get(change.path)
        if obj is None:
            obj = ManagedObject(change.path, registry.definition(change.type), {})
        values = {name: texts for name, texts in {**obj.values, **old}.items() if texts}
        if not values and registry.unwritten_type(registry.relation(change.path.relation)) is obj.definition:
            objects.pop(change.path, None)  # as it was before its first entry
            continue
        objects[change.path] = obj.replace(values=values)


def _move_objects(objects: Objects, old: ManagedObjectPath, new: ManagedObjectPath) -> None:
    for path in [path for path in objects if path == old or path.is_below(old)]:
        obj = objects.pop(path)
        place = move_path(path, old, new)
        objects[place] = obj.replace(path=place)
