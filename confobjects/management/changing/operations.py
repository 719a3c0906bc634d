"""Changes as data: one requested operation, and the operation that takes it back.

Batches, documents that are applied, undo and the menus all make operations and hand them to one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from confobjects.objects.changes import Action, ObjectChange, PropertyChanges
from confobjects.records import Record, field

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.changing.transaction import Transaction
    from confobjects.mapping.entry import Values
    from confobjects.paths import ManagedObjectPath

_OPPOSITE: Final[dict[Action, Action]] = {
    "create": "delete",
    "delete": "create",
    "modify": "modify",
    "rename": "rename",
}


class Operation(Record):
    """One requested change to one object.

    ``names`` are the names of the object and of the named objects above it, outermost first. ``type`` is the type of an
    object that is created, or that a singleton is to have. With ``tolerant`` it is no
    error to create an object that exists, or to delete one that does not. With ``bare`` an object is created without
    the default objects below it. With ``exact`` the stored values become those given, and no default is written.
    ``new_name`` is the name after a rename. ``unstated`` are secrets among the values that whoever asks does not give:
    they are those of the object that is replaced. ``others`` are values of the entry of an object that is created, of
    attributes that belong to none of its properties.
    """

    action: Action
    kind: str
    names: tuple[str, ...] = ()
    type: str | None = None
    changes: PropertyChanges = PropertyChanges()
    new_name: str = ""
    tolerant: bool = False
    bare: bool = False
    exact: bool = False
    unstated: tuple[str, ...] = ()
    others: Mapping[str, Values] = field(default_factory=dict)

    def ask(self, transaction: Transaction) -> None:
        """Request this change in a transaction. Raises what the transaction's method raises."""
        if self.action == "create":
            transaction.create(
                self.kind,
                self.names,
                self.changes.set,
                type=self.type,
                if_absent=self.tolerant,
                bare=self.bare,
                exact=self.exact,
                unstated=self.unstated,
                others=self.others,
            )
        elif self.action == "modify":
            transaction.modify(
                self.kind, self.names, self.changes, type=self.type, exact=self.exact, unstated=self.unstated
            )
        elif self.action == "delete":
            transaction.delete(self.kind, self.names, force=self.tolerant, exact=self.exact)
        else:
            transaction.rename(self.kind, self.names, self.new_name)

    def resolve_path(self, registry: Registry) -> ManagedObjectPath:
        """Return the path of the object. Raises :class:`~confobjects.errors.UnknownNameError`."""
        return registry.path_of(self.kind, self.names)


def operation_for(change: ObjectChange, registry: Registry) -> Operation:
    """Return the operation that repeats a change on an object in its state before the change."""
    relation = registry.relation(change.path.relation)
    here = Operation(change.action, relation.name, change.path.names, exact=True)
    if change.action == "rename":
        return here.replace(new_name=(change.new_path or change.path).name or "")
    unwritten = registry.unwritten_type(relation)
    if change.action == "delete" and change.definition is not unwritten:
        return here
    naming = relation.naming_property
    names = [name for name in change.names() if name != naming]
    after = {name: change.after[name] for name in names if change.after.get(name)}
    if change.action == "create" and change.definition is not unwritten:
        here = here.replace(type=registry.short_type_of(change.definition, relation))
    if change.action == "create" and relation.kind != "singleton":
        return here.replace(changes=PropertyChanges(set=after), bare=True)
    reset = tuple(name for name in names if not change.after.get(name))
    return here.replace(action="modify", changes=PropertyChanges(set=after, reset=reset))


def invert_change(change: ObjectChange) -> ObjectChange:
    """Return the inverse of a change: the values and paths before and after it are swapped."""
    path, new_path = change.path, change.new_path
    if new_path is not None:
        path, new_path = new_path, path
    return ObjectChange(path, _OPPOSITE[change.action], change.definition, change.after, change.before, new_path)
