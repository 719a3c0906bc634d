"""What dsconfig says of a change that was made: little."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from confobjects.management.changing.operations import Operation
    from confobjects.objects.changes import ChangeReport

    from ..invocation import Invocation

_DONE: Final = {"create": "created", "modify": "modified", "delete": "deleted"}
_WIDTH: Final = 79


def describe_change(invocation: Invocation, operation: Operation, report: ChangeReport | None) -> str:
    """Return the sentence on an operation, with the empty line before it; empty if dsconfig says nothing.

    It tells of deletions, also of one that was not needed, and of all other changes with ``--verbose`` only.
    """
    registry = invocation.registry
    path = operation.resolve_path(registry)
    changes = () if report is None else report.changes
    change = next((one for one in changes if one.path == path), None)
    is_deletion = operation.action == "delete"
    told = is_deletion or (invocation.verbose and change is not None)
    if invocation.quiet or invocation.dry_run or not told or operation.action not in _DONE:
        return ""
    friendly = registry.relation(operation.kind).friendly
    if change is not None and not is_deletion:
        friendly = change.definition.friendly
    return "\n" + fill(f"The {friendly} was {_DONE[operation.action]} successfully", _WIDTH, break_long_words=False)
