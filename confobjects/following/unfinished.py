"""Changes that are not whole: a service must not see half of one.

A directory makes a change of several entries one after the other; its record tells from before the first until after the
last that it is not whole. Nothing that is stored meanwhile comes into effect. Once the change is finished or taken back, it is
heard of like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ChangedMeanwhileError, StorageError
from confobjects.management.history.records import HistoryRecord, revert_record

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.mapping.journal import Moment
    from confobjects.objects.model import ManagedObject
    from confobjects.paths import ManagedObjectPath


class BeingWrittenError(ChangedMeanwhileError):
    """A writer is in the middle of a change. That is no problem: the change is heard of when it is whole."""


def require_whole(moment: Moment) -> None:
    """Raise an error if a change is not whole: :class:`BeingWrittenError` while its writer lives.

    Raises :class:`~confobjects.errors.StorageError`, with each change, if its writer has died.
    """
    dead = [one.number for one in moment.unfinished if one.is_abandoned]
    if dead:
        raise StorageError([_describe_abandoned(number) for number in dead])
    for one in moment.unfinished:
        raise BeingWrittenError(
            Diagnostic("changed-meanwhile", f"change {one.number} is being written", remedy="repeat this later")
        )


def is_abandoned(moment: Moment) -> bool:
    """Tell whether nobody is at work on the changes that are not whole."""
    return all(one.is_abandoned for one in moment.unfinished)


def _describe_abandoned(number: int) -> Diagnostic:
    return Diagnostic(
        "storage-failed",
        f"change {number} was interrupted, and may be stored in part: what was stored before it stays in effect",
        remedy=("any change finishes it first, or takes it back; so does ", RemedyAction("finish-interrupted")),
    )


def take_back(
    objects: Iterable[ManagedObject | None], history: Sequence[HistoryRecord], number: int, registry: Registry
) -> dict[ManagedObjectPath, ManagedObject]:
    """Return the objects as they were before a change that was made in part, or not at all.

    Raises :class:`~confobjects.errors.StorageError` if this user may not read the old secrets that this takes.
    """
    found = {obj.path: obj for obj in objects if obj is not None}
    for one in reversed(history):
        if one.number >= number and one.state != "edited":
            if any(texts is None for index in range(len(one.changes)) for _, texts in one.old_texts(index)):
                raise StorageError(_describe_abandoned(number))
            revert_record(found, one, registry)
    return found
