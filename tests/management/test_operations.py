"""Operations as data: what was changed can be asked for again, and taken back."""

from __future__ import annotations

import pytest

from confobjects.management import ManagementContext
from confobjects.management.changing.operations import Operation, invert_change, operation_for
from confobjects.mapping.objects import REVISION
from confobjects.objects.changes import ChangeReport, PropertyChanges
from tests.management.test_transactions import DISK, filled
from tests.management.things import snapshot

CHANGES = [
    [Operation("create", "store", ("three",), changes=PropertyChanges(set={"enabled": ["true"], "location": ["/3"]}))],
    [Operation("create", "queue", ("more",), "disk", PropertyChanges(set={"enabled": ["true"], "store": ["two"]}))],
    [Operation("modify", "store", ("one",), changes=PropertyChanges(set={"location": ["/elsewhere"]}))],
    [Operation("modify", "queue", ("guard",), changes=PropertyChanges(reset=["watch"]))],
    [Operation("delete", "consumer", ("jobs", "mail"))],
    [Operation("rename", "store", ("one",), new_name="first")],
    [Operation("delete", "queue", ("guard",)), Operation("delete", "queue", ("jobs",))],
    [
        Operation("rename", "queue", ("jobs",), new_name="tasks"),
        Operation("modify", "queue", ("tasks",), changes=PropertyChanges(set={"store": ["two"]})),
        Operation("delete", "store", ("one",)),
    ],
]


def carried_out(ctx: ManagementContext, operations: list[Operation]) -> ChangeReport:
    with ctx.change() as tx:
        for operation in operations:
            operation.ask(tx)
    return tx.report


def picture(ctx: ManagementContext) -> dict[str, dict[str, tuple[str | bytes, ...]]]:
    """What is stored, apart from how often it was changed and from branches that hold nothing."""
    return {
        dn: {name: values for name, values in attributes.items() if name.lower() != REVISION}
        for dn, attributes in snapshot(ctx).items()
        if any(name.lower().startswith("ds-cfg-") for name in attributes)
    }


def opposite(ctx: ManagementContext, report: ChangeReport) -> list[Operation]:
    """Return the operations that take the changes of a report back, the last one first."""
    return [operation_for(invert_change(change), ctx.registry) for change in reversed(report.changes)]


@pytest.mark.parametrize("operations", CHANGES, ids=lambda ops: "-".join(f"{o.action}-{o.kind}" for o in ops))
def test_what_was_done_can_be_taken_back_and_done_again(operations: list[Operation]) -> None:
    ctx = filled()
    before = picture(ctx)
    report = carried_out(ctx, operations)
    after = picture(ctx)
    assert after != before
    undone = carried_out(ctx, opposite(ctx, report))
    assert picture(ctx) == before
    carried_out(ctx, opposite(ctx, undone))
    assert picture(ctx) == after


@pytest.mark.parametrize("operations", CHANGES[:5], ids=lambda ops: "-".join(f"{o.action}-{o.kind}" for o in ops))
def test_a_report_tells_what_to_ask_for_to_get_the_same(operations: list[Operation]) -> None:
    one, other = filled(), filled()
    report = carried_out(one, operations)
    carried_out(other, [operation_for(change, other.registry) for change in report.changes])
    assert picture(other) == picture(one)


def test_tolerance_leaves_what_is_there_and_misses_nothing_that_is_not() -> None:
    ctx = filled()
    before = snapshot(ctx)
    carried_out(
        ctx,
        [
            Operation(
                "create", "queue", ("jobs",), "disk", PropertyChanges(set={key: ["two"] for key in DISK}), tolerant=True
            ),
            Operation("delete", "store", ("nowhere",), tolerant=True),
        ],
    )
    assert snapshot(ctx) == before
