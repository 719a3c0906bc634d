"""Laws of the history, over any sequence of transactions.

1. Applied backwards, the history gives the objects as they were after every change, to the last value.
2. Undoing everything leads back to the beginning, and undoing that leads to the end; an undo to any change leads there.
3. The changes of the history, made again in an empty storage, give the same objects.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from confobjects.errors import ConfobjectsError
from confobjects.management import ChangeSignature, ManagementContext, Site
from confobjects.management.changing.operations import operation_for
from confobjects.management.history.records import rebuild_each, record_of
from confobjects.management.history.undoing import plan_undo
from confobjects.objects.changes import ObjectChange
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot
from tests.laws.test_engine import run, transactions

Picture = dict[Any, Any]


def manage() -> ManagementContext:
    ctx = ManagementContext(
        Site.of(depot(), MemoryStorage(), evaluate_defaults, lambda: ChangeSignature("now", "me", "test"))
    )
    with ctx.change() as tx:
        tx.create("store", "a", {"enabled": True, "location": "/a"})
        tx.create("queue", "a", {"enabled": True, "store": "a"}, type="disk")
    return ctx


def picture_of(objects: Any) -> Picture:
    """What objects say; one that says nothing but its defaults is as good as none."""
    return {
        obj.path.elements: (obj.definition.name, dict(obj.values))
        for obj in objects
        if obj.values or obj.path.name is not None
    }


def now(ctx: ManagementContext) -> Picture:
    world = ctx.world()
    return picture_of(obj for obj in ctx.all(world) if obj.path in world.entries)


def after_each(ctx: ManagementContext, plans: list[list[Any]]) -> dict[int, Picture]:
    """Carry out plans; return what there was after each change that was made, by its number."""
    pictures = {1: now(ctx)}
    for plan in plans:
        did = run(ctx, plan, dry_run=False)
        if not isinstance(did, ConfobjectsError) and did.changed:
            pictures[len(ctx.history())] = now(ctx)
    return pictures


@settings(max_examples=60)
@given(transactions)
@example([[("delete", "journal", ["A"])]])  # below an object that is stored as "a"
def test_applied_backwards_the_history_gives_every_moment(plans: list[list[Any]]) -> None:
    ctx = manage()
    pictures = after_each(ctx, plans)
    assert sorted(pictures) == [record.number for record in ctx.history()]
    for number, picture in pictures.items():
        assert picture_of(ctx.as_of(number).values()) == picture
    assert picture_of(ctx.as_of(0).values()) == {}
    every = rebuild_each(ctx.site, range(len(ctx.history()) + 1))
    assert {n: picture_of(objects.values()) for n, objects in every.items()} == {
        n: picture_of(ctx.as_of(n).values()) for n in every
    }


@settings(max_examples=60)
@given(transactions, st.data())
def test_undo_leads_to_any_moment_and_back(plans: list[list[Any]], data: st.DataObject) -> None:
    ctx = manage()
    pictures = after_each(ctx, plans)
    last = max(pictures)
    goal = data.draw(st.sampled_from([0, *pictures]))
    report = ctx.undo_to(goal)
    assert now(ctx) == pictures.get(goal, {})
    if report.changed:
        assert ctx.history()[-1].undoes == tuple(number for number in pictures if number > goal)
        ctx.undo(last + 1)
        assert now(ctx) == pictures[last]


@settings(max_examples=60)
@given(transactions)
def test_undone_one_by_one_the_beginning_is_there_again(plans: list[list[Any]]) -> None:
    ctx = manage()
    pictures = after_each(ctx, plans)
    for number in sorted(pictures, reverse=True):
        ctx.undo(number)
        assert now(ctx) == pictures.get(number - 1, {})


@settings(max_examples=60)
@given(transactions)
@example([[("create", "depot-settings", [], {}, None)]])  # there is always one
def test_made_again_the_history_gives_the_present(plans: list[list[Any]]) -> None:
    ctx = manage()
    after_each(ctx, plans)
    again = ManagementContext(Site.of(depot(), MemoryStorage(), evaluate_defaults))
    for noted in ctx.storage.history():
        record = record_of(noted)
        with again.change() as tx:
            for change in record.changes:
                definition = ctx.registry.definition(change.type)
                made = ObjectChange(
                    change.path, change.action, definition, change.before, change.after, change.new_path
                )
                operation_for(made, ctx.registry).ask(tx)
    assert now(again) == now(ctx)
    assert all(list(plan_undo(record, ctx.registry)) for record in ctx.history())
