"""What ``apply --prune`` deletes, shown to a person at a terminal who has to say so in a word before it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ChangedMeanwhileError
from confobjects.texts.visible import make_visible

from .terminal import QuitRequest, Terminal

if TYPE_CHECKING:
    from confobjects.definitions import Registry
    from confobjects.management.changing.operations import Operation
    from confobjects.management.documents.applying import See
    from confobjects.management.documents.comparing import States
    from confobjects.objects.changes import ChangeReport, ObjectChange

_WORD: Final = "delete"


def ask_for_pruning(apply: Callable[..., ChangeReport], wanted: States, registry: Registry) -> See | None:
    """Show what goes if a document is applied, and ask; return what lets nothing else go, None if it is to stay.

    ``apply`` applies it, with ``dry_run`` and ``see`` as :meth:`ManagementContext.apply` takes them. Raises what it raises.
    """
    planned: list[Operation] = []
    report = apply(dry_run=True, see=planned.extend)
    gone = [change for change in report.changes if _goes(change, wanted)]
    if gone and not _is_accepted(gone):
        return None
    expected = _list_losses(planned, wanted, registry)

    def require_no_other(operations: Sequence[Operation]) -> None:
        if not _list_losses(operations, wanted, registry) <= expected:
            summary = "another object would be deleted than those that were shown: nothing was changed"
            raise ChangedMeanwhileError(Diagnostic("changed-meanwhile", summary, remedy="try again"))

    return require_no_other


def _goes(change: ObjectChange, wanted: States) -> bool:
    """Tell whether an object that is not in the document is deleted, or loses its values."""
    return change.path not in wanted and change.action in {"delete", "modify"}


def _list_losses(operations: Sequence[Operation], wanted: States, registry: Registry) -> set[str]:
    """Return the paths of the objects that some operations delete or change though they are not in the document."""
    paths = {operation.resolve_path(registry) for operation in operations}
    return {str(path) for path in paths if path not in wanted}


def _is_accepted(gone: Sequence[ObjectChange]) -> bool:
    terminal = Terminal()
    terminal.say("These objects are not in the file:\n")
    for change in gone:
        effect = "is deleted" if change.action == "delete" else "goes back to its defaults"
        terminal.say(f"  {make_visible(str(change.path))} {effect}")
    try:
        answer = terminal.ask(f'\nTo go on, type "{_WORD}": ')
    except QuitRequest:
        return False
    return answer.strip().casefold() == _WORD
