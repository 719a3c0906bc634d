"""What a server with a schema of its own would refuse, or store as something else: it is refused before anything is sent.

Such a server reads its values itself. So an expression of ours is only a text to it, one of its own is none of ours, and it
opens no sealed secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from confobjects.diagnostics import Diagnostic
from confobjects.expressions.openers import SEALED, has_opener
from confobjects.objects.model import Evaluation

if TYPE_CHECKING:
    from confobjects.management.changing.outcomes import ObjectOutcome
    from confobjects.mapping.entry import Entry, Values
    from confobjects.objects.changes import ObjectChange
    from confobjects.objects.model import ManagedObject

_FREE: Final = frozenset(("aci", "class-name", "name-value", "password", "path", "string"))
"""The syntaxes that any text may have on a server."""


def leave_alone(text: str, *, multi_valued: bool, secret: bool, contexts: Sequence[bytes] = ()) -> Evaluation:  # noqa: ARG001
    """Return that the value of a text is not known: the server evaluates it."""
    return Evaluation(None)


def find_refusals(outcomes: Iterable[ObjectOutcome]) -> Iterator[Diagnostic]:
    """Yield a problem for each change that the server would refuse, or that it would store as something else."""
    for outcome in outcomes:
        change = outcome.change
        if change.action == "rename":
            summary = f"{change.path} cannot be renamed: this server does not rename entries of its configuration"
            remedy = "create a new object, change what refers to the old one, and delete it"
            yield Diagnostic("constraint-violated", summary, path=str(change.path), remedy=remedy)
        elif outcome.object is not None:
            yield from _find_expressions(change)


def _find_expressions(change: ObjectChange) -> Iterator[Diagnostic]:
    for name in change.names():
        new = [text for text in change.after.get(name, ()) if text not in change.before.get(name, ())]
        prop = change.definition.properties[name]
        for text in filter(has_opener, new):
            if SEALED in text:
                what, remedy = "a sealed secret: this server cannot open it", "give the secret itself"
            elif prop.reference is not None or prop.syntax.name not in _FREE:
                what = f"an expression: this server reads its values itself, and takes {prop.syntax.expected} here"
                remedy = "give the value"
            else:
                continue
            yield Diagnostic(
                "invalid-value", f"{name} cannot be {what}", path=str(change.path), property=name, remedy=remedy
            )


def find_others(entry: Entry, obj: ManagedObject) -> dict[str, Values]:
    """Return the values of an entry that belong to no property of its object: attributes, and object classes."""
    known = {name.lower() for name in obj.definition.object_classes}
    classes = tuple(name for name in entry.object_classes if name.lower() not in known)
    others = {name: entry.get(name) for name in obj.unknown}
    return {**others, "objectClass": classes} if classes else others
