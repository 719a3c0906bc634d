"""Changes as data: one operation somebody asks for, and the operation that takes one back.

Batches, documents that are applied, undo and the menus all make operations and hand them to one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confobjects.objects.changes import Action, ObjectChange, PropertyChanges
from confobjects.records import Record

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.changing.transaction import Transaction
    from confobjects.paths import ManagedObjectPath

_OPPOSITE: Final[dict[Action, Action]] = {
    "create": "delete",
    "delete": "create",
    "modify": "modify",
    "rename": "rename",
}


class Operation(Record):
    """One change to one object, as it is asked for.

    ``names`` are those of the object and the named ones above it, outermost first. ``tolerant`` makes creating what
    is there, or deleting what is not, no mistake. ``bare`` creates an object without the default objects below it.
    ``new_name`` is that of a renamed object.
    """

    action: Action
    kind: str
    names: tuple[str, ...] = ()
    type: str | None = None
    changes: PropertyChanges = PropertyChanges()
    new_name: str = ""
    tolerant: bool = False
    bare: bool = False

    def ask(self, transaction: Transaction) -> None:
        """Ask a transaction for this change. Raises what the transaction's own method raises."""
        if self.action == "create":
            transaction.create(
                self.kind, self.names, self.changes.set, type=self.type, if_absent=self.tolerant, bare=self.bare
            )
        elif self.action == "modify":
            transaction.modify(self.kind, self.names, self.changes)
        elif self.action == "delete":
            transaction.delete(self.kind, self.names, force=self.tolerant)
        else:
            transaction.rename(self.kind, self.names, self.new_name)

    def resolve_path(self, registry: Registry) -> ManagedObjectPath:
        """Return the path of the object. Raises :class:`~confobjects.errors.UnknownNameError`."""
        return registry.path_of(self.kind, self.names)


def operation_for(change: ObjectChange, registry: Registry) -> Operation:
    """Return the operation that makes a change again, where the object is as it was before."""
    relation = registry.relation(change.path.relation)
    here = Operation(change.action, relation.name, change.path.names)
    if change.action == "rename":
        return here.replace(new_name=(change.new_path or change.path).name or "")
    if change.action == "delete" and relation.kind != "singleton":
        return here
    naming = relation.naming_property
    names = [name for name in change.names() if name != naming]
    after = {name: change.after[name] for name in names if change.after.get(name)}
    if change.action == "create" and relation.kind != "singleton":
        type_ = registry.short_type_of(change.definition, relation)
        return here.replace(type=type_, changes=PropertyChanges(set=after), bare=True)
    reset = tuple(name for name in names if not change.after.get(name))
    return here.replace(action="modify", changes=PropertyChanges(set=after, reset=reset))


def invert_change(change: ObjectChange) -> ObjectChange:
    """Return the change that takes another one back: its values and its names exchanged."""
    path, new_path = change.path, change.new_path
    if new_path is not None:
        path, new_path = new_path, path
    return ObjectChange(path, _OPPOSITE[change.action], change.definition, change.after, change.before, new_path)
