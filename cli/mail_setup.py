"""A set-up of mail: the operations that it comes to, and its test before anything is saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.diagnostics import Diagnostic
from confobjects.errors import UsageError, error_for
from confobjects.mail.saving import SERVICE_KIND
from confobjects.mail.setup import SENDER_KIND, SERVER_KIND, USED, MailSetup
from confobjects.management.changing.operations import Operation
from confobjects.objects.changes import PropertyChanges
from confobjects.records import Record
from confobjects.service.tokens import find_tokens

from .effective_objects import evaluate_object
from .mail_tests import MailTestRun
from .output.stages import show_stages

if TYPE_CHECKING:
    from confobjects.management import ManagementContext

    from .invocation import Invocation


class SetupPlan(Record):
    """A set-up and the names of its objects; ``for_service`` makes the mail service use the sender, ``before`` is what comes first."""

    setup: MailSetup
    server: str
    sender: str
    for_service: bool = False
    before: tuple[Operation, ...] = ()


def find_stored(context: ManagementContext, plan: SetupPlan) -> frozenset[str]:
    """Return the properties that the objects of a plan have stored values of."""
    world = context.world()
    found = (
        world.find(context.registry.path_of(kind, name))
        for kind, name in ((SERVER_KIND, plan.server), (SENDER_KIND, plan.sender))
    )
    return frozenset(name for obj in found if obj is not None for name, texts in obj.values.items() if texts)


def make_operations(context: ManagementContext, plan: SetupPlan) -> tuple[Operation, ...]:
    """Return the operations of a plan: objects that exist are changed, others created.

    Raises UsageError if a mail server of that name has another type.
    """
    setup = plan.setup
    operations = [
        *plan.before,
        _make_operation(context, SERVER_KIND, plan.server, setup.server_values(), setup.server_type),
        _make_operation(context, SENDER_KIND, plan.sender, setup.sender_values(plan.server)),
    ]
    if plan.for_service:
        service = context.get(SERVICE_KIND, ())
        used = {USED: ("true",)} if service.values.get(USED) == ("false",) else {}
        changes = PropertyChanges(set={"sender": (plan.sender,), **used})
        operations.append(Operation("modify", SERVICE_KIND, (), changes=changes))
    return tuple(operations)


def _make_operation(
    context: ManagementContext, kind: str, name: str, values: dict[str, tuple[str, ...]], type_: str | None = None
) -> Operation:
    changes = PropertyChanges(set=values)
    obj = context.world().find(context.registry.path_of(kind, name))
    if obj is None:
        return Operation("create", kind, (name,), type_, changes)
    relation = context.registry.relation(kind)
    found = context.registry.short_type_of(obj.definition, relation)
    if type_ is not None and found != type_:
        summary = f'there is {relation.indefinite} "{obj.name}" of the type {found} already, and this needs one of the type {type_}'
        remedy = f"give another name with --server-name, or delete it first (delete-{kind})"
        raise UsageError(Diagnostic("usage", summary, path=str(obj.path), remedy=remedy))
    return Operation("modify", kind, obj.path.names, changes=changes)


def try_plan(invocation: Invocation, context: ManagementContext, plan: SetupPlan) -> MailTestRun:
    """Test the mail server and the sender of a plan with values that are not saved.

    Raises what saving them would raise, and what a start would.
    """
    from confobjects.mail.senders import read_sender
    from confobjects.management.changing.trying import try_operations
    from confobjects.transport.check import check_server

    world = try_operations(context.site, make_operations(context, plan))
    obj = world.find(context.registry.path_of(SENDER_KIND, plan.sender))
    assert obj is not None  # noqa: S101 - it was just made
    found, problems = evaluate_object(invocation, context, obj, world)
    if problems:
        raise error_for(problems)
    sender = read_sender(found)
    if invocation.tells_people:
        invocation.say_sentences(f"Testing {sender.server.path} with values that are not saved, up to the login.")
    with show_stages(invocation) as timeline:
        result = check_server(sender.server, sender=sender, unsaved=True, tokens=find_tokens, progress=timeline)
    return MailTestRun(sender.server, result)


def require_test(invocation: Invocation, *, passed: bool = True) -> None:
    """Have what is saved tested at that moment, whatever the mail service says; not if the test before it did not pass."""
    from .save_tests import open_tests

    if not invocation.options["no_test"]:
        open_tests(invocation).choice = "always" if passed else "never"
