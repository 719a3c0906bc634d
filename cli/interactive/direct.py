"""One object at a terminal, for a command that was typed without what it needs: the editor, and what a creation lacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..output.equivalents import Recorder
from .editing import ObjectEditor
from .session import InteractiveSession
from .terminal import BackRequest, QuitRequest, Terminal

if TYPE_CHECKING:
    from confobjects.definitions import Registry, Relation
    from confobjects.management.changing.operations import Operation

    from ..invocation import Invocation
    from ..mail_tests import MailTestRun


def is_incomplete(relation: Relation, registry: Registry, creation: Operation) -> bool:
    """Tell whether a creation gives no value to a mandatory property that has no default. One of an unknown type is refused."""
    named = creation.names[-1] if relation.kind == "set" else registry.usual_type(relation)
    definition = registry.types_of(relation).get(creation.type or named or "")
    if definition is None or creation.tolerant:
        return False
    return any(
        prop.mandatory and not prop.is_fixed and not prop.default.always_gives_value()
        for name, prop in definition.properties.items()
        if not creation.changes.set.get(name)
    )


def complete_creation(invocation: Invocation, relation: Relation, operation: Operation) -> int:
    """Ask for the values that a creation lacks, show the plan, and create the object when it is accepted."""
    with _open_session(invocation) as session:
        ObjectEditor(session).complete(relation, operation)
    return 0


def edit_object(invocation: Invocation, relation: Relation, names: tuple[str, ...]) -> int:
    """Show an object in the editor until the change is accepted or given up."""
    with _open_session(invocation) as session:
        ObjectEditor(session).edit(relation, session.context.get(relation.name, names))
    return 0


def trust_server(invocation: Invocation, run: MailTestRun) -> bool:
    """Offer to trust the certificate that a mail server has shown, and tell whether it is trusted now."""
    from .trusting import offer_trust

    with _open_session(invocation) as session:
        if offer_trust(session, run.server, run.result):
            return True
    return False


@contextmanager
def _open_session(invocation: Invocation) -> Iterator[InteractiveSession]:
    """Open the configuration for somebody at a terminal, who may leave or go back: then nothing is done."""
    with invocation.open_for_change() as context:
        try:
            yield InteractiveSession(invocation, context, Terminal(), Recorder(invocation, always=True))
        except (BackRequest, QuitRequest):
            invocation.note("nothing was done")
