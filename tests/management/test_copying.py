"""Copying a configuration to another storage, and preparing an empty one: what is written, in which order, and when not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.errors import (
    ChangedMeanwhileError,
    ConfobjectsError,
    ConstraintError,
    InvalidValueError,
    ObjectExistsError,
    StorageError,
)
from confobjects.management import ManagementContext, Site
from confobjects.management.documents.copying import CopyReport, copy, initialise
from confobjects.mapping.entry import AddEntry, Change, Entry, Modification, ModifyEntry
from confobjects.mapping.journal import Note
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import depot
from tests.management.test_transactions import filled
from tests.management.things import snapshot

BASE = DN.parse("cn=depot,dc=example")
ALL = 8
"""Objects of the depot that is copied: two stores, two queues, and what comes below those."""


class Watched(MemoryStorage):
    """Memory that remembers its commits, and in which somebody may do something just before the next ones."""

    def __init__(self, base: DN = BASE) -> None:
        super().__init__(base=base)
        self.commits: list[list[str]] = []
        self.before: list[Callable[[], Any]] = []
        self.pauses = 0

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        if self.before:
            self.before.pop(0)()
        self.commits.append([str(c.entry.dn if isinstance(c, AddEntry) else c.dn) for c in changes])
        return super().commit(changes, record)

    def pause(self, turn: int) -> None:
        self.pauses += 1


def empty(storage: MemoryStorage | None = None) -> ManagementContext:
    return ManagementContext(Site.of(depot(), storage or Watched(), evaluate_defaults))


def objects(ctx: ManagementContext) -> dict[str, dict[str, Any]]:
    world = ctx.world()
    return {str(obj.path): dict(obj.values) for obj in ctx.all(world) if obj.path in world.entries}


def counts(report: CopyReport) -> tuple[int, int, int]:
    return report.created, report.replaced, report.same


def put(ctx: ManagementContext, kind: str, name: str, *steps: Modification) -> None:
    """Change an entry by other means than ours."""
    with ctx.storage.writing():
        ctx.storage.commit([ModifyEntry(ctx.site.mapper.dn_of(ctx.registry.path_of(kind, name)), steps)])


def refusal(kind: type[ConfobjectsError], call: Callable[[], Any]) -> list[tuple[str | None, str]]:
    with pytest.raises(kind) as caught:
        call()
    return [(problem.path, problem.summary) for problem in caught.value.diagnostics]


# -- everything arrives ------------------------------------------------------------------------------------------------


def test_everything_arrives_below_another_base_in_one_change_of_the_history() -> None:
    source, target = filled(), empty()
    assert counts(copy(source.site, target.site)) == (ALL, 0, 0)
    assert objects(target) == objects(source)
    assert all(dn.endswith(str(BASE)) for dn in snapshot(target))
    (record,) = target.history()
    assert {change.action for change in record.changes} == {"create"}
    assert len(record.changes) == ALL


def test_the_report_says_the_number_of_the_last_change() -> None:
    source, target = filled(), empty()
    assert copy(source.site, target.site, dry_run=True).number is None
    assert copy(source.site, target.site).number == 1
    assert copy(source.site, target.site).number is None
    target.delete("store", "two")
    assert copy(source.site, target.site).number == 3


SETTINGS = PropertyChanges(set={"site-name": "east"})


@pytest.mark.parametrize("order", ["settings first", "others first", "prepared", "together"])
def test_an_object_may_arrive_in_an_entry_that_is_there_already(order: str) -> None:
    """The settings of the depot are kept in the base, which other objects, or ``init``, may have made before."""
    settings, others, target = empty(), filled(), empty()
    settings.modify("depot-settings", (), SETTINGS)
    if order == "settings first":
        sources = [settings, others]
    else:
        sources = [others, settings]
    if order == "together":
        others.modify("depot-settings", (), SETTINGS)
        sources = [others]
    if order == "prepared":
        initialise(target.site)
    expected: dict[str, dict[str, Any]] = {}
    for source in sources:
        copy(source.site, target.site)
        expected |= objects(source)
    assert objects(target) == expected
    assert "/depot-settings" in expected
    base = target.storage.read(BASE)
    assert base is not None
    assert base.get("ds-cfg-site-name") == ("east",)
    for source in sources:  # nothing is left to be done
        report = copy(source.site, target.site)
        assert (report.created, report.replaced) == (0, 0)


def test_an_object_comes_after_what_it_hangs_below_and_refers_to() -> None:
    source, target = filled(), empty()
    source.modify("store", "one", PropertyChanges(set={"standby": "two"}))
    copy(source.site, target.site)
    assert isinstance(target.storage, Watched)
    (commit,) = target.storage.commits
    order = [dn.removesuffix(f",{BASE}") for dn in commit]
    for first, then in (
        ("cn=two,cn=Stores,cn=Depot", "cn=one,cn=Stores,cn=Depot"),
        ("cn=one,cn=Stores,cn=Depot", "cn=jobs,cn=Queues"),
        ("cn=jobs,cn=Queues", "cn=guard,cn=Queues"),
        ("cn=jobs,cn=Queues", "depot-channel=mail,cn=Consumers,cn=jobs,cn=Queues"),
    ):
        assert order.index(first) < order.index(then)


def test_objects_that_refer_to_each_other_in_a_circle_arrive_as_well() -> None:
    source, target = filled(), empty()
    source.modify("store", "one", PropertyChanges(set={"standby": "two"}))
    source.modify("store", "two", PropertyChanges(set={"standby": "one"}))
    assert counts(copy(source.site, target.site)) == (ALL, 0, 0)
    assert objects(target) == objects(source)


def test_many_objects_are_written_in_parts_and_progress_is_told() -> None:
    source, target = empty(MemoryStorage()), empty()
    with source.change() as tx:
        for number in range(230):
            tx.create("store", f"store {number}", {"enabled": True, "location": "/x"})
    told: list[tuple[int, int]] = []
    copy(source.site, target.site, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 230), (100, 230), (200, 230), (230, 230)]
    assert [len(record.changes) for record in target.history()] == [100, 100, 30]


def test_a_dry_run_counts_and_writes_nothing() -> None:
    source, target = filled(), empty()
    assert counts(copy(source.site, target.site, dry_run=True)) == (ALL, 0, 0)
    assert snapshot(target) == {}


# -- what is there already ---------------------------------------------------------------------------------------------


def test_copied_again_nothing_is_written() -> None:
    source, target = filled(), empty()
    copy(source.site, target.site)
    before = snapshot(target)
    assert counts(copy(source.site, target.site)) == (0, 0, ALL)
    assert snapshot(target) == before
    assert len(target.history()) == 1


def test_a_copy_that_stopped_half_way_goes_on() -> None:
    source, target = filled(), empty()
    target.create("store", "one", {"enabled": True, "location": "/var/one"})
    assert counts(copy(source.site, target.site)) == (ALL - 1, 0, 1)
    assert objects(target) == objects(source)


def test_values_in_another_order_are_equal() -> None:
    source, target = filled(), empty()
    source.modify("queue", "guard", PropertyChanges(set={"watch": ["jobs", "guard"]}))
    copy(source.site, target.site)
    source.modify("queue", "guard", PropertyChanges(set={"watch": ["guard", "jobs"]}))
    assert counts(copy(source.site, target.site)) == (0, 0, ALL)


def test_what_differs_is_refused_object_by_object_and_nothing_is_written() -> None:
    source, target = filled(), empty()
    for name in ("one", "two"):
        target.create("store", name, {"enabled": True, "location": "/else"})
    before = snapshot(target)
    assert refusal(ObjectExistsError, lambda: copy(source.site, target.site)) == [
        ("/store/one", "the target holds another object of that name"),
        ("/store/two", "the target holds another object of that name"),
    ]
    assert snapshot(target) == before


def test_what_differs_is_replaced_when_asked_and_counts_as_a_change() -> None:
    source, target = filled(), empty()
    target.create("store", "one", {"enabled": False, "location": "/else", "limit": "7 kib"})
    assert counts(copy(source.site, target.site, replace=True)) == (ALL - 1, 1, 0)
    assert objects(target) == objects(source)
    assert target.get("store", "one").revision == 2
    (change,) = [c for c in target.history()[-1].changes if str(c.path) == "/store/one"]
    assert change.action == "modify"
    assert change.before == {"enabled": ("false",), "location": ("/else",), "limit": ("7 kib",)}
    target.undo(2)
    assert objects(target) == {"/store/one": {"enabled": ("false",), "location": ("/else",), "limit": ("7 kib",)}}


def test_an_object_of_another_type_is_replaced_and_told_as_one_that_goes_and_one_that_comes() -> None:
    source, target = filled(), empty()
    target.create("queue", "jobs", {"enabled": True}, type="custom-memory")
    copy(source.site, target.site, replace=True)
    assert objects(target) == objects(source)
    told = [c.action for c in target.history()[-1].changes if str(c.path) == "/queue/jobs"]
    assert told == ["delete", "create"]


def test_what_only_the_target_has_stays() -> None:
    source, target = filled(), empty()
    target.create("store", "three", {"enabled": True, "location": "/3"})
    assert counts(copy(source.site, target.site)) == (ALL, 0, 0)
    assert target.get("store", "three").values["location"] == ("/3",)


# -- what is not copied, or not as it is -------------------------------------------------------------------------------


def test_a_broken_source_is_refused_whole() -> None:
    source, target = filled(), empty()
    put(source, "store", "one", Modification("replace", "ds-cfg-enabled", ["perhaps"]))
    assert refusal(InvalidValueError, lambda: copy(source.site, target.site))[0] == (
        "/store/one",
        '"perhaps" is neither true nor false',
    )
    assert snapshot(target) == {}


def test_a_source_whose_references_lead_nowhere_is_refused_whole() -> None:
    source, target = filled(), empty()
    put(source, "queue", "jobs", Modification("replace", "ds-cfg-store", ["cn=gone,cn=Stores,cn=Depot,cn=config"]))
    assert refusal(ConstraintError, lambda: copy(source.site, target.site)) == [
        ("/queue/jobs", 'store names the Store "gone", which does not exist')
    ]
    assert snapshot(target) == {}


def test_attributes_that_belong_to_no_property_are_copied_with_a_warning() -> None:
    source, target = filled(), empty()
    put(source, "store", "one", Modification("add", "x-colour", ["red", "blue"]))
    report = copy(source.site, target.site)
    assert [(w.path, w.summary) for w in report.warnings] == [
        ("/store/one", "the attribute x-colour belongs to no property: it is copied as it is")
    ]
    entry = target.storage.read(target.site.mapper.dn_of(target.registry.path_of("store", "one")))
    assert entry is not None
    assert entry.get("x-colour") == ("red", "blue")


# -- others who write there --------------------------------------------------------------------------------------------


def test_what_somebody_writes_meanwhile_is_planned_again() -> None:
    source, storage = filled(), Watched()
    target = empty(storage)
    initialise(target.site)
    dn = target.site.mapper.dn_of(target.registry.path_of("store", "one"))
    same = target.site.mapper.encode(source.get("store", "one"))
    storage.before = [lambda: storage._tree.apply([AddEntry(Entry(dn, same.attributes))])]
    assert counts(copy(source.site, target.site)) == (ALL - 1, 0, 1)
    assert storage.pauses == 1
    assert objects(target) == objects(source)


def test_who_keeps_being_in_the_way_is_told_in_the_end() -> None:
    source, storage = filled(), Watched()
    target = empty(storage)
    dn = target.site.mapper.dn_of(target.registry.path_of("store", "one"))

    def busy() -> None:
        raise ChangedMeanwhileError(f'the entry "{dn}" was changed by someone else meanwhile')

    storage.before = [busy] * 9
    assert refusal(ChangedMeanwhileError, lambda: copy(source.site, target.site)) == [
        ("", f'the entry "{dn}" was changed by someone else meanwhile')
    ]
    assert storage.pauses == 3
    assert snapshot(target) == {}


class _Forgetful(Watched):
    """Memory from which somebody takes a value away as soon as it is written."""

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        number = super().commit(changes, record)
        for entry in self.search(self.base, "sub", "ds-cfg-store"):
            self._tree.apply([ModifyEntry(entry.dn, [Modification("replace", "ds-cfg-location", ["/lost"])])])
        return number


def test_what_does_not_read_back_as_it_was_written_is_told() -> None:
    source, target = filled(), empty(_Forgetful())
    assert refusal(StorageError, lambda: copy(source.site, target.site)) == [
        ("/store/one", "the object was copied, but what was read back differs from what was written"),
        ("/store/two", "the object was copied, but what was read back differs from what was written"),
    ]


# -- an empty one ------------------------------------------------------------------------------------------------------


def test_the_base_and_the_branches_are_made_once() -> None:
    target = empty()
    assert str(initialise(target.site, dry_run=True)[0]) == str(BASE)
    assert snapshot(target) == {}
    made = [str(dn) for dn in initialise(target.site)]
    assert sorted(made) == sorted(snapshot(target))
    assert f"cn=Stores,cn=Depot,{BASE}" in made
    assert made.index(f"cn=Depot,{BASE}") < made.index(f"cn=Stores,cn=Depot,{BASE}")
    assert initialise(target.site) == []
    assert objects(target) == {}
    assert target.history() == []


def test_objects_that_are_there_are_left_alone() -> None:
    target = filled()
    before = snapshot(target)
    made = initialise(target.site)
    assert made
    after = snapshot(target)
    assert {dn: after[dn] for dn in before} == before
    assert set(after) - set(before) == {str(dn) for dn in made}
