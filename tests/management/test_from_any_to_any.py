"""From any of some configurations to any other: what is different, what makes the one the other, and the way back.

Laws, for every ordered pair of configurations:

1. The differences one way are those the other way, with both sides exchanged; of equal ones there are none.
2. Brought about with pruning, the one is the other, except for read-only values of objects that both have: each of these is
   told, and none stops anything. With objects created anew for them, nothing is left out. Again, and nothing is changed; and it
   can be undone.
3. A dry run reports the same and writes nothing.
4. Without pruning, what only the first has stays, and all that the second has is as it has it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from confobjects.errors import ConfobjectsError
from confobjects.management import ManagementContext
from confobjects.management.documents.comparing import Difference, Pair, find_differences, format_unified, take_snapshot
from confobjects.objects.changes import PropertyChanges
from confobjects.paths import ManagedObjectPath
from tests.definitions.documents import depot
from tests.management.test_transactions import filled
from tests.management.things import manage, summaries
from tests.management.things import snapshot as entries

Change = Callable[[ManagementContext], Any]


def nothing() -> ManagementContext:
    return manage(depot())


def settings(ctx: ManagementContext) -> None:
    ctx.modify("depot-settings", (), PropertyChanges(set={"site-name": ["north"], "ticket-key": ["s3cret"]}))


def other_values(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.set("store", "one", {"location": "/else", "limit": "1 gib"})
        tx.set("queue", "guard", {"watch": ["guard", "jobs"], "priority": 3})
        tx.set("consumer", ("jobs", "mail"), {"batch-size": "&{mail.batch|7}"})


def other_type(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.delete("queue", "guard")
        tx.create("queue", "guard", {"enabled": True, "store": "two"}, type="disk")


def other_names(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.rename("queue", "jobs", "work")
        tx.rename("store", "two", "three")


def circle(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.set("store", "one", {"standby": "two"})
        tx.set("store", "two", {"standby": "one"})


def serial(number: int) -> Change:
    """Return a change to a disk queue with a serial number, which is given once for all, and something below it."""

    def change(ctx: ManagementContext) -> None:
        with ctx.change() as tx:
            tx.create("queue", "numbered", {"enabled": True, "store": "two", "serial": number}, type="disk")
            tx.create("consumer", ("numbered", "print"), {"batch-size": number})

    return change


def fewer(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.delete("consumer", ("jobs", "mail"))
        tx.delete("queue", "guard")
        tx.create("depot-codec", "gzip", {"level": 9})


def strict(ctx: ManagementContext) -> None:
    """Choose the type of a singleton, and put something below it."""
    with ctx.change() as tx:
        tx.modify("watchman", (), PropertyChanges(set={"enabled": ["true"], "serial": ["6"]}), type="strict")
        tx.create("lookout", "gate", {"direction": "north"})


def lenient(ctx: ManagementContext) -> None:
    values = {"enabled": ["true"], "patience": ["9 s"], "note-key": ["s3cret"]}
    ctx.modify("watchman", (), PropertyChanges(set=values), type="lenient")


CONFIGURATIONS: dict[str, Callable[[], ManagementContext]] = {
    "nothing": nothing,
    "depot": filled,
    **{
        change.__name__.replace("_", " "): lambda change=change: changed(change)  # type: ignore[misc]
        for change in (settings, other_values, other_type, other_names, circle, fewer, strict, lenient)
    },
    "serial 6": lambda: changed(serial(6)),
    "serial 8": lambda: changed(serial(8)),
}
PAIRS = list(product(CONFIGURATIONS, repeat=2))


def changed(change: Change) -> ManagementContext:
    ctx = filled()
    change(ctx)
    return ctx


def found(one: ManagementContext, other: ManagementContext) -> list[Difference]:
    return list(find_differences(take_snapshot(one.site).objects, take_snapshot(other.site).objects, depot()))


def exchanged(difference: Difference) -> Difference:
    actions: dict[str, Any] = {"create": "delete", "delete": "create", "modify": "modify"}

    def turned(pair: Pair) -> Pair:
        return pair.replace(before=pair.after, after=pair.before)

    types = None if difference.types is None else turned(difference.types)
    pairs = {name: turned(pair) for name, pair in difference.properties.items()}
    if difference.new_path is not None:
        return difference.replace(path=difference.new_path, new_path=difference.path)
    return Difference(difference.path, actions[difference.action], types, pairs)


def in_its_names(difference: Difference, there: list[Difference]) -> Difference:
    """Return a difference with the new names of what is above it: of what both have, differences state those of the second."""
    renames = {one.path: one.new_path for one in there if one.new_path is not None}
    for old, new in renames.items():
        if difference.path.is_below(old):
            path = ManagedObjectPath((*new.elements, *difference.path.elements[len(old.elements) :]))
            return difference.replace(path=path)
    return difference


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_the_differences_there_and_back_are_the_same_exchanged(first: str, second: str) -> None:
    one, other = CONFIGURATIONS[first](), CONFIGURATIONS[second]()
    there, back = found(one, other), found(other, one)
    turned = [in_its_names(exchanged(difference), there) for difference in back]
    assert sorted(turned, key=lambda one: str(one.path)) == sorted(there, key=lambda one: str(one.path))
    assert bool(there) == (first != second)
    assert "s3cret" not in "\n".join(format_unified(there, first, second)) + repr(there)


@pytest.mark.parametrize("recreate", [False, True])
@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_any_configuration_becomes_any_other_and_itself_again(first: str, second: str, recreate: bool) -> None:
    is_serial = {first, second} == {"serial 6", "serial 8"}
    one, other = CONFIGURATIONS[first](), CONFIGURATIONS[second]()
    wanted, before = take_snapshot(other.site).objects, take_snapshot(one.site).objects
    picture = entries(one)
    would = one.apply(wanted, prune=True, recreate=recreate, dry_run=True)
    assert entries(one) == picture
    did = one.apply(wanted, prune=True, recreate=recreate)
    assert would == did.replace(number=None)  # a change that is not made has no number
    assert did.changed == (first != second)
    left = found(one, other)
    assert not any(difference.can_be_applied for difference in left)
    assert (left != []) == (not recreate and is_serial)
    told = [(one.path, one.property) for one in did.warnings if "is read-only: it stays as it is" in one.summary]
    assert told == [(str(one.path), name) for one in left for name in one.properties]
    assert not one.apply(wanted, prune=True, recreate=recreate).changed
    if did.changed and not (recreate and is_serial):  # a number given once for all is not given back
        one.undo(one.history()[-1].number)
        assert list(find_differences(before, take_snapshot(one.site).objects, depot())) == []


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_without_pruning_what_only_the_first_has_stays(first: str, second: str) -> None:
    one, other = CONFIGURATIONS[first](), CONFIGURATIONS[second]()
    there, wanted = dict(take_snapshot(one.site).objects), dict(take_snapshot(other.site).objects)
    before = dict(there)
    one.apply(wanted)
    after = dict(take_snapshot(one.site).objects)
    for path in [*before]:  # what hangs below an object of a type that has no such thing went with it
        lineage = [ManagedObjectPath(path.elements[:length]) for length in range(1, len(path.elements))]
        both = [above for above in lineage if above in wanted and above in there]
        if any(wanted[above].definition is not there[above].definition for above in both):
            del before[path]
    assert set(after) == set(before) | set(wanted)
    left = list(find_differences(after, {**after, **wanted}, depot()))
    assert not any(difference.can_be_applied for difference in left)
    alone = {path: state for path, state in before.items() if path not in wanted}
    assert list(find_differences(alone, {path: after[path] for path in alone}, depot())) == []


# -- what it looks like ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "lines"),
    [
        (
            "settings",
            ["@@ /depot-settings @@", "+site-name: north", "+ticket-key: ********"],
        ),
        (
            "other values",
            [
                "@@ /queue/guard @@",
                "+priority: 3",
                "+watch: guard",
                "@@ /queue/jobs/consumer/mail @@",
                "+batch-size: &{mail.batch|7}",
                "@@ /store/one @@",
                "+limit: 1 gib",
                "-location: /var/one",
                "+location: /else",
            ],
        ),
        (
            "other type",
            [
                "@@ /queue/guard @@",
                "-type: custom-memory",
                "+type: disk",
                "+store: two",
                "-watch: jobs",
                "@@ /queue/guard/journal @@",
                "+type: generic",
                "+keep: 7 d",
            ],
        ),
        (
            "other names",
            [
                "@@ /queue/jobs @@",
                "-name: jobs",
                "+name: work",
                "@@ /store/two @@",
                "-name: two",
                "+name: three",
                "@@ /queue/guard @@",
                "-watch: jobs",
                "+watch: work",
            ],
        ),
        (
            "circle",
            ["@@ /store/one @@", "+standby: two", "@@ /store/two @@", "+standby: one"],
        ),
    ],
)
def test_differences_in_lines(second: str, lines: list[str]) -> None:
    shown = list(format_unified(found(filled(), CONFIGURATIONS[second]()), "a", "b"))
    assert shown == ["--- a", "+++ b", *lines]


def test_of_two_secrets_it_is_told_that_they_are_two_and_no_more() -> None:
    one, other = changed(settings), changed(settings)
    other.modify("depot-settings", (), PropertyChanges(set={"ticket-key": ["another-s3cret"]}))
    assert list(format_unified(found(one, other), "a", "b"))[2:] == [
        "@@ /depot-settings @@",
        "-ticket-key: ********",
        "+ticket-key: ******** (another one)",
    ]


@pytest.mark.parametrize("first", list(CONFIGURATIONS))
def test_what_may_not_be_is_refused_whole_wherever_it_begins(first: str) -> None:
    """A store that is used is disabled in the document: by itself that is no mistake."""
    one, other = CONFIGURATIONS[first](), filled()
    wanted = dict(take_snapshot(other.site).objects)
    store = next(path for path in wanted if str(path) == "/store/one")
    wanted[store] = wanted[store].replace(values={**wanted[store].values, "enabled": ("false",)})
    before = entries(one)
    with pytest.raises(ConfobjectsError) as caught:
        one.apply(wanted)
    assert entries(one) == before
    told = summaries(caught.value.diagnostics)
    assert {code for code, _ in told} == {"constraint-violated"}
    assert any('"one"' in summary for _, summary in told)
