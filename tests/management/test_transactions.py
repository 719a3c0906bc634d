"""Transactions over the job depot: judged as a whole, seen by themselves, written in one go or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.management import ManagementContext
from confobjects.mapping.entry import Entry, Modification, ModifyEntry
from confobjects.objects.changes import ChangeReport, PropertyChanges
from tests.definitions.documents import depot
from tests.management.things import manage, refused, snapshot, summaries

QUEUES = "cn=Queues,cn=config"
DISK = {"enabled": "true", "store": "one"}


def filled() -> ManagementContext:
    """Two stores, a disk queue with a journal and a consumer with two retry rules, and a queue that watches it."""
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("store", "one", {"enabled": True, "location": "/var/one"})
        tx.create("store", "two", {"enabled": True, "location": "/var/two"})
        tx.create("queue", "jobs", DISK, type="disk")
        tx.create("consumer", ("jobs", "mail"), {})
        tx.create("queue", "guard", {"enabled": True, "watch": ["jobs"]}, type="custom-memory")
    return ctx


def actions(report: ChangeReport) -> list[tuple[str, str]]:
    return [(change.action, str(change.path)) for change in report.changes]


# -- writing, and not writing -----------------------------------------------------------------------------------------


def test_default_objects_come_with_their_parent() -> None:
    names = [str(obj.path) for obj in filled().all()]
    assert "/queue/jobs/journal" in names
    assert "/queue/jobs/consumer/mail/retry-rule/at once" in names
    assert "/queue/jobs/consumer/mail/retry-rule/later" in names


def test_a_default_object_may_state_its_naming_property() -> None:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.modify("watchman", (), PropertyChanges(set={"enabled": ["true"]}), type="strict")
        tx.create("lookout", "gate", {})
    lantern = ctx.get("lantern", ("gate", "mx.example.com:25"))
    assert dict(lantern.values) == {"address": ("mx.example.com:25",), "colour": ("white",)}


@pytest.mark.parametrize(
    "change",
    [
        PropertyChanges(set={"location": ["/var/one"]}),
        PropertyChanges(reset=["limit"]),
        PropertyChanges(set={"Enabled": ["TRUE"]}),
        PropertyChanges(),
    ],
)
def test_nothing_changed_is_nothing_written(change: PropertyChanges) -> None:
    ctx = filled()
    before = snapshot(ctx)
    reports: list[ChangeReport] = []
    ctx.listen(reports.append)
    report = ctx.modify("store", "one", change)
    assert not report.changed
    assert snapshot(ctx) == before
    assert reports == []


def test_there_and_back_in_one_change_is_nothing() -> None:
    ctx = filled()
    before = snapshot(ctx)
    with ctx.change() as tx:
        tx.set("store", "one", {"location": "/else"})
        tx.set("store", "one", {"location": "/var/one"})
        tx.create("store", "three", {"enabled": True, "location": "/"})
        tx.delete("store", "three")
        tx.rename("queue", "jobs", "work")
        tx.rename("queue", "work", "jobs")
    assert not tx.report.changed
    assert snapshot(ctx) == before


def test_a_dry_run_reports_and_writes_nothing() -> None:
    ctx = filled()
    before = snapshot(ctx)
    report = ctx.modify("store", "one", PropertyChanges(set={"location": "/else"}), dry_run=True)
    assert actions(report) == [("modify", "/store/one")]
    assert report.changes[0].names() == ("location",)
    assert snapshot(ctx) == before


def test_a_change_counts_the_revision_and_listeners_hear_of_it() -> None:
    ctx = filled()
    reports: list[ChangeReport] = []
    ctx.listen(reports.append)
    report = ctx.modify("store", "one", PropertyChanges(set={"location": "/else"}))
    assert snapshot(ctx)["cn=one,cn=Stores,cn=Depot,cn=config"]["ds-cfg-revision"] == ("2",)
    assert reports == [report]


def test_an_exception_in_the_block_writes_nothing_and_lets_go_of_the_storage() -> None:
    ctx = filled()
    before = snapshot(ctx)

    def interrupted() -> None:
        with ctx.change() as tx:
            tx.delete("queue", "guard")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert snapshot(ctx) == before
    ctx.delete("queue", "guard")


# -- seen by itself, judged as a whole --------------------------------------------------------------------------------


def test_a_change_sees_what_it_has_done() -> None:
    ctx = filled()
    with ctx.change() as tx:
        tx.create("store", "three", {"enabled": False, "location": "/3"})
        tx.set("store", "THREE", {"enabled": True})
        tx.set("queue", "jobs", {"store": "three"})
        tx.delete("store", "one")
        tx.create("store", "one", {"enabled": True, "location": "/again"})
    assert ctx.get("queue", "jobs").values["store"] == ("three",)
    assert ctx.get("store", "one").values["location"] == ("/again",)


def test_two_changes_may_be_right_together_that_are_wrong_alone() -> None:
    ctx = filled()
    off = PropertyChanges(set={"enabled": "false"})
    refused(ctx, lambda: ctx.modify("store", "one", off))
    refused(
        ctx, lambda: ctx.modify("queue", "jobs", PropertyChanges(set={"priority": "10", "time-to-live": "unlimited"}))
    )
    with ctx.change() as tx:
        tx.modify("store", "one", off)  # wrong until the next line
        tx.modify("queue", "jobs", off)
    assert ctx.get("store", "one").values["enabled"] == ("false",)


def test_two_changes_may_be_wrong_together_that_are_right_alone() -> None:
    ctx = filled()
    ctx.modify("queue", "jobs", PropertyChanges(set={"enabled": "false"}))
    ctx.modify("store", "one", PropertyChanges(set={"enabled": "false"}))
    ctx.modify("store", "one", PropertyChanges(set={"enabled": "true"}))

    def both() -> None:
        with ctx.change() as tx:
            tx.set("store", "one", {"enabled": "false"})
            tx.set("queue", "jobs", {"enabled": "true"})

    problems = refused(ctx, both)
    assert {problem.path for problem in problems} == {"/store/one", "/queue/jobs"}


def test_every_problem_of_a_change_is_told() -> None:
    ctx = filled()

    def many() -> None:
        with ctx.change() as tx:
            tx.create("store", "one", {"enabled": True, "location": "/"})
            tx.create("store", "bad", {"enabled": "perhaps", "colour": "red"})
            tx.set("queue", "jobs", {"store": "nowhere", "priority": "99"})
            tx.delete("depot-settings")

    assert summaries(refused(ctx, many)) == [
        ("object-exists", 'there is a Store "one" already'),
        ("invalid-value", '"perhaps" is neither true nor false'),
        ("unknown-name", 'Store has no property "colour"'),
        ("invalid-value", "99 is too large"),
        ("usage", "depot-settings cannot be deleted: there is always one"),
        ("missing-mandatory", "the mandatory property location has no value"),
        ("constraint-violated", 'store names the Store "nowhere", which does not exist'),
    ]


def test_other_broken_objects_are_not_in_the_way() -> None:
    broken = Entry(DN.parse("cn=b,cn=Stores,cn=Depot,cn=config"), _store(("perhaps",)))
    ctx = manage(depot(), *_branches(), broken)
    ctx.create("store", "fine", {"enabled": True, "location": "/"})
    assert [obj.name for obj in ctx.list("store")] == ["b", "fine"]


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_ignore_case_and_surplus_blanks() -> None:
    ctx = filled()
    ctx.create("store", "  The  Third ", {"enabled": True, "location": "/"})
    assert ctx.get("store", "the third").name == "The  Third"
    refused(ctx, lambda: ctx.create("store", "THE THIRD", {"enabled": True, "location": "/"}))


@pytest.mark.parametrize("name", ["a/b", "a,b", "a+b", 'a"b', "#a", "a=b", "ä ö", "a\\b", "<a>", "a;b", "\u202ex"])
def test_any_name_that_can_be_printed_comes_back(name: str) -> None:
    ctx = filled()
    if not name.isprintable():
        refused(ctx, lambda: ctx.create("store", name, {"enabled": True, "location": "/"}))
        return
    ctx.create("store", name, {"enabled": True, "location": "/"})
    ctx.modify("queue", "jobs", PropertyChanges(set={"store": name}))
    assert ctx.get("store", name).name == name
    assert ctx.get("queue", "jobs").values["store"] == (name,)
    refused(ctx, lambda: ctx.delete("store", name))


def test_an_object_is_named_by_its_naming_property() -> None:
    ctx = filled()
    assert ctx.get("consumer", ("jobs", "mail")).values["channel"] == ("mail",)
    assert summaries(refused(ctx, lambda: ctx.create("consumer", ("jobs", "x"), {"Channel": "y"}))) == [
        ("usage", "channel is the name of the Consumer: it cannot be set to another value")
    ]
    assert summaries(
        refused(ctx, lambda: ctx.modify("consumer", ("jobs", "mail"), PropertyChanges(set={"channel": "y"})))
    ) == [("usage", "channel is the name of /queue/jobs/consumer/mail: it can be changed only by renaming")]
    assert [code for code, _ in summaries(refused(ctx, lambda: ctx.create("consumer", ("jobs", "1x y"), {})))] == [
        "invalid-value"
    ]


@pytest.mark.parametrize("stated", ["mail", "MAIL", ["mail"], " mail "])
def test_a_change_may_state_the_name_as_a_property(stated: Any) -> None:
    ctx = filled()
    before = snapshot(ctx)
    report = ctx.modify("consumer", ("jobs", "mail"), PropertyChanges(set={"Channel": stated}))
    assert not report.changed
    assert snapshot(ctx) == before


@pytest.mark.parametrize("stated", ["x", "X", ["x"], " x "])
def test_a_creation_may_state_the_name_as_a_property(stated: object) -> None:
    ctx = filled()
    report = ctx.create("consumer", ("jobs", "x"), {"Channel": stated, "batch-size": 3})
    assert report.changed
    assert ctx.get("consumer", ("jobs", "x")).values == {"channel": ("x",), "batch-size": ("3",)}
    for wrong in (["x", "y"], None, "y"):
        assert refused(ctx, lambda wrong=wrong: ctx.create("consumer", ("jobs", "z"), {"channel": wrong}))  # type: ignore[misc]


def test_an_object_of_a_set_is_named_by_its_type() -> None:
    ctx = filled()
    ctx.create("depot-codec", "GZIP", {"level": 9})
    codec = ctx.get("depot-codec", "gzip")
    assert (codec.name, codec.definition.name) == ("gzip", "gzip-codec")
    refused(ctx, lambda: ctx.create("depot-codec", "gzip", {}))
    refused(ctx, lambda: ctx.create("depot-codec", "zip", {}))
    refused(ctx, lambda: ctx.create("depot-codec", "plain", {}, type="gzip"))
    refused(ctx, lambda: ctx.rename("depot-codec", "gzip", "plain"))


@pytest.mark.parametrize(
    ("call", "code", "summary"),
    [
        (lambda c: c.get("store", "on"), "no-such-object", 'there is no Store "on"'),
        (lambda c: c.get("stores", "one"), "unknown-name", 'there is no object "stores"'),
        (lambda c: c.get("consumer", "mail"), "unknown-name",
         "consumer takes the name of the Queue, the name of the Consumer; given: mail"),
        (lambda c: c.get("consumer", ("jbs", "mail")), "no-such-object", 'there is no Queue "jbs"'),
        (lambda c: c.list("consumer", "jbs"), "no-such-object", 'there is no Queue "jbs"'),
        (lambda c: c.get("journal", "guard"), "no-such-object", "there is no Journal"),
        (lambda c: c.create("queue", "q", DISK), "usage", "a Queue needs a type"),
        (lambda c: c.create("queue", "q", DISK, type="disc"), "unknown-name", 'there is no type "disc" of Queue'),
        (lambda c: c.create("consumer", ("nobody", "x"), {}), "no-such-object", 'there is no Queue "nobody"'),
        (lambda c: c.delete("store", "three"), "no-such-object", 'there is no Store "three"'),
        (lambda c: c.rename("depot-settings", (), "x"), "usage", "depot-settings has no name to change"),
        (lambda c: c.rename("store", "one", "TWO"), "object-exists", 'there is a Store "two" already'),
        (lambda c: c.create("store", "a\tb", {"enabled": True, "location": "/"}), "invalid-value",
         "the name of the Store holds a control character"),
        (lambda c: c.create("store", " ", {}), "unknown-name", "the name of the Store is empty"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_told(call: Any, code: str, summary: str) -> None:
    ctx = filled()
    assert summaries(refused(ctx, lambda: call(ctx))) == [(code, summary)]


def test_the_nearest_name_is_offered() -> None:
    ctx = filled()
    assert refused(ctx, lambda: ctx.get("store", "on"))[0].remedy == 'did you mean "one"?'
    assert refused(ctx, lambda: ctx.create("queue", "q", DISK, type="disc"))[0].remedy == 'did you mean "disk"?'


# -- deleting ---------------------------------------------------------------------------------------------------------


def test_deleting_takes_the_whole_tree_below() -> None:
    ctx = filled()
    ctx.delete("queue", "guard")
    report = ctx.delete("queue", "jobs")
    assert actions(report)[-1] == ("delete", "/queue/jobs")
    assert len(report.changes) == 5
    assert sorted(snapshot(ctx)) == sorted(
        ["cn=config", QUEUES, "cn=Depot,cn=config", "cn=Stores,cn=Depot,cn=config"]
        + [f"cn={name},cn=Stores,cn=Depot,cn=config" for name in ("one", "two")]
    )


def test_deleting_twice_is_an_error_unless_forced() -> None:
    ctx = filled()
    ctx.delete("queue", "guard")
    refused(ctx, lambda: ctx.delete("queue", "guard"))
    assert not ctx.delete("queue", "guard", force=True).changed


def test_what_is_referred_to_is_not_deleted_unless_its_users_go_too() -> None:
    ctx = filled()
    assert [code for code, _ in summaries(refused(ctx, lambda: ctx.delete("queue", "jobs")))] == ["object-in-use"]
    with ctx.change() as tx:
        tx.delete("queue", "jobs")
        tx.set("queue", "guard", {"watch": ()})
    assert [obj.name for obj in ctx.list("queue")] == ["guard"]


def test_an_optional_object_can_go_and_come_back() -> None:
    ctx = filled()
    ctx.delete("journal", "jobs")
    refused(ctx, lambda: ctx.get("journal", "jobs"))
    ctx.create("journal", "jobs", {"keep": "3 d"})
    assert ctx.get("journal", "jobs").values == {"keep": ("3 d",)}


def test_delete_and_create_may_change_the_type() -> None:
    ctx = filled()
    with ctx.change() as tx:
        tx.delete("queue", "jobs")
        tx.create("queue", "jobs", {"enabled": True}, type="custom-memory")
        tx.create("consumer", ("jobs", "mail"), {"batch-size": 7})
    assert ctx.get("queue", "jobs").definition.name == "memory-queue"
    assert ctx.get("consumer", ("jobs", "mail")).values["batch-size"] == ("7",)
    assert "cn=Journal,cn=jobs,cn=Queues,cn=config" not in snapshot(ctx)


# -- renaming ---------------------------------------------------------------------------------------------------------


def test_references_and_children_follow_a_rename() -> None:
    ctx = filled()
    report = ctx.rename("queue", "jobs", "Work")
    assert actions(report) == [("rename", "/queue/jobs"), ("modify", "/queue/guard")]
    assert ctx.get("queue", "guard").values["watch"] == ("Work",)
    assert ctx.get("consumer", ("work", "mail")).values["channel"] == ("mail",)
    assert ctx.get("journal", "work").values == {"keep": ("7 d",)}
    refused(ctx, lambda: ctx.get("queue", "jobs"))


def test_a_name_may_change_its_case_only() -> None:
    ctx = filled()
    ctx.rename("store", "one", "One")
    assert ctx.get("store", "one").name == "One"
    assert ctx.get("queue", "jobs").values["store"] == ("One",)


def test_renames_and_other_changes_mix() -> None:
    ctx = filled()
    with ctx.change() as tx:
        tx.rename("queue", "jobs", "a")
        tx.rename("queue", "a", "b")
        tx.set("queue", "b", {"priority": 5})
        tx.rename("consumer", ("b", "mail"), "post")
        tx.set("consumer", ("b", "post"), {"batch-size": 3})
        tx.create("queue", "jobs", DISK, type="disk")
        tx.create("consumer", ("jobs", "mail"), {})
        tx.rename("store", "two", "three")
        tx.rename("store", "one", "two")
    assert ctx.get("queue", "b").values["priority"] == ("5",)
    assert ctx.get("queue", "b").values["store"] == ("two",)
    assert ctx.get("consumer", ("b", "post")).values == {"channel": ("post",), "batch-size": ("3",)}
    assert ctx.get("queue", "guard").values["watch"] == ("b",)
    assert ctx.get("consumer", ("jobs", "mail")).values == {"channel": ("mail",)}
    assert ctx.get("store", "two").values["location"] == ("/var/one",)
    assert ctx.get("store", "three").values["location"] == ("/var/two",)


def test_a_renamed_object_can_be_deleted_in_the_same_change() -> None:
    ctx = filled()
    with ctx.change() as tx:
        tx.rename("queue", "guard", "watchman")
        tx.delete("queue", "watchman")
    assert actions(tx.report) == [("delete", "/queue/guard")]
    assert [obj.name for obj in ctx.list("queue")] == ["jobs"]


def test_an_object_that_refers_to_itself_can_be_renamed() -> None:
    ctx = filled()
    ctx.modify("queue", "jobs", PropertyChanges(set={"watch": ["jobs", "guard"]}))
    ctx.rename("queue", "jobs", "work")
    assert ctx.get("queue", "work").values["watch"] == ("work", "guard")
    assert len(ctx.list("queue")) == 2


def test_names_cannot_be_exchanged_in_one_change() -> None:
    ctx = filled()

    def exchange() -> None:
        with ctx.change() as tx:
            tx.rename("store", "one", "between")
            tx.rename("store", "two", "one")
            tx.rename("store", "between", "two")

    (problem,) = refused(ctx, exchange)
    assert problem.summary.endswith("cannot be exchanged in one change")
    assert problem.remedy


# -- expressions ------------------------------------------------------------------------------------------------------


def test_an_expression_may_come_to_name_an_object() -> None:
    ctx = filled()
    report = ctx.modify("queue", "jobs", PropertyChanges(set={"store": "&{depot.store}"}))
    assert [(d.property, d.text) for d in report.deferred if d.why == "value"] == [("store", "&{depot.store}")]
    warnings = ctx.delete("store", "two").warnings
    assert [w.summary for w in warnings] == ["/store/two may be used by /queue/jobs: its store is an expression"]


def test_the_default_of_an_expression_counts_as_a_reference() -> None:
    ctx = filled()
    refused(ctx, lambda: ctx.modify("queue", "jobs", PropertyChanges(set={"store": "&{depot.store|nowhere}"})))
    ctx.modify("queue", "jobs", PropertyChanges(set={"store": "&{depot.store|two}"}))
    assert [code for code, _ in summaries(refused(ctx, lambda: ctx.delete("store", "two")))] == ["object-in-use"]
    (problem,) = refused(ctx, lambda: ctx.rename("store", "two", "three"))
    assert problem.summary == "/store/two cannot be renamed: /queue/jobs names it in an expression (store)"
    with ctx.change() as tx:
        tx.set("queue", "jobs", {"store": "one"})
        tx.rename("store", "two", "three")


def test_what_a_default_breaks_is_refused_and_what_is_not_known_is_deferred() -> None:
    ctx = filled()
    (problem,) = refused(ctx, lambda: ctx.modify("queue", "jobs", PropertyChanges(set={"priority": "&{p|25x}"})))
    assert problem.property == "priority"
    report = ctx.modify("queue", "jobs", PropertyChanges(set={"priority": "&{p}", "time-to-live": "unlimited"}))
    assert [(d.property, d.text, d.why) for d in report.deferred] == [
        ("priority", "&{p}", "value"),
        ("", "urgent-or-patient", "constraint"),
    ]
    refused(ctx, lambda: ctx.modify("queue", "jobs", PropertyChanges(set={"priority": "&{p|10}"})))


def test_a_deferred_secret_is_masked() -> None:
    ctx = filled()
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"ticket-key": "pre-CANARY-&{key}"}))
    assert [d.text for d in report.deferred] == ["********"]


# -- constraints, defaults and singletons -----------------------------------------------------------------------------


def test_a_function_judges_what_conditions_cannot_say() -> None:
    ctx = filled()
    values = {**DISK, "serial": "7"}
    (problem,) = refused(ctx, lambda: ctx.create("queue", "odd", values, type="disk"))
    assert (problem.summary, problem.remedy, problem.path) == (
        "the serial number 7 is odd",
        "Choose an even one.",
        "/queue/odd",
    )
    ctx.create("queue", "even", {**DISK, "serial": "8"}, type="disk")


def test_a_constraint_offers_the_fix_that_helps() -> None:
    ctx = filled()
    change = PropertyChanges(set={"time-to-live": "unlimited", "priority": "10"})
    assert refused(ctx, lambda: ctx.modify("queue", "jobs", change))[0].fix == ()
    ctx.modify("queue", "jobs", PropertyChanges(set={"priority": "10"}))
    change = PropertyChanges(set={"time-to-live": "unlimited"})
    assert refused(ctx, lambda: ctx.modify("queue", "jobs", change))[0].fix == (("priority", "9"),)


def origins(ctx: ManagementContext, kind: str, name: Any) -> dict[str, tuple[tuple[str, ...], str]]:
    reader, obj = ctx.site.make_reader(), ctx.get(kind, name)
    return {prop.name: reader.read_current(obj, prop) for prop in obj.definition.properties.values()}


def test_defaults_are_inherited_along_a_chain_until_someone_has_a_value() -> None:
    ctx = filled()
    consumer = ("jobs", "mail")
    assert origins(ctx, "consumer", consumer)["prefetch"] == (("50",), "inherited from /depot-settings")
    ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": ["40"]}))
    assert origins(ctx, "consumer", consumer)["prefetch"] == (("40",), "inherited from /depot-settings")
    ctx.modify("queue", "jobs", PropertyChanges(set={"batch-size": ["30"]}))
    assert origins(ctx, "consumer", consumer)["prefetch"] == (("30",), "inherited from /queue/jobs")
    ctx.modify("consumer", consumer, PropertyChanges(set={"batch-size": ["20"]}))
    assert origins(ctx, "consumer", consumer)["prefetch"] == (("20",), "inherited from /queue/jobs/consumer/mail")
    ctx.modify("consumer", consumer, PropertyChanges(set={"prefetch": ["10"]}))
    assert origins(ctx, "consumer", consumer)["prefetch"] == (("10",), "stored")
    rule = origins(ctx, "retry-rule", ("jobs", "mail", "later"))
    assert rule["give-up"] == (("1 d",), "inherited from /queue/jobs")
    assert rule["pause"] == (("30 s",), "default")
    assert origins(ctx, "queue", "jobs")["watch"] == ((), "none")


def test_inherited_values_are_not_written() -> None:
    ctx = filled()
    ctx.modify("consumer", ("jobs", "mail"), PropertyChanges(set={"prefetch": ["10"]}))
    assert ctx.get("consumer", ("jobs", "mail")).values == {"channel": ("mail",), "prefetch": ("10",)}


def test_a_singleton_is_there_before_it_is_written() -> None:
    ctx = manage(depot())
    assert ctx.get("depot-settings").values == {}
    assert snapshot(ctx) == {}
    report = ctx.modify("depot-settings", (), PropertyChanges(set={"site-name": "north"}))
    assert actions(report) == [("modify", "/depot-settings")]
    assert [(a.property, a.action) for a in report.admin_actions] == [("site-name", "server-restart")]
    assert snapshot(ctx)["cn=config"]["ds-cfg-site-name"] == ("north",)


def test_the_entry_of_a_singleton_may_be_there_before_it() -> None:
    ctx = filled()  # which made the base
    ctx.modify("depot-settings", (), PropertyChanges(set={"site-name": "north"}))
    entry = snapshot(ctx)["cn=config"]
    assert entry["ds-cfg-site-name"] == ("north",)
    assert set(entry["objectClass"]) == {"top", "ds-cfg-branch", "ds-cfg-depot-settings"}
    assert len(ctx.list("queue")) == 2


def test_warnings_come_with_what_is_written() -> None:
    ctx = filled()
    report = ctx.create("queue", "m", {"enabled": True}, type="custom-memory")
    assert [w.summary for w in report.warnings] == ["Jobs of this queue do not outlive a restart."]
    report = ctx.create("queue", "mirror", {**DISK, "mirror": "/b", "sync-interval": "1 s"}, type="mirrored-disk")
    assert [w.summary for w in report.warnings] == ["sync-interval is deprecated", "Mirrored Disk Queue is deprecated"]


# -- broken and unknown -----------------------------------------------------------------------------------------------


def _store(enabled: tuple[str, ...], **more: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    attributes = {"objectClass": ("top", "ds-cfg-store"), "cn": ("b",), "ds-cfg-enabled": enabled}
    return {**attributes, "ds-cfg-location": ("/b",), **{k.replace("_", "-"): v for k, v in more.items()}}


def _branches() -> list[Entry]:
    names = ("cn=config", "cn=Depot,cn=config", "cn=Stores,cn=Depot,cn=config", QUEUES)
    dns = [DN.parse(name) for name in names]
    return [Entry(dn, {"objectClass": ("top", "ds-cfg-branch"), "cn": (dn.name,)}) for dn in dns]


def test_a_broken_object_is_repaired_by_the_values_that_were_wrong() -> None:
    dn = DN.parse("cn=b,cn=Stores,cn=Depot,cn=config")
    ctx = manage(depot(), *_branches(), Entry(dn, _store(("perhaps", "true"), ds_cfg_standby=("cn=x,cn=y",))))
    assert [p.property for p in ctx.get("store", "b").problems] == ["standby"]
    problems = refused(ctx, lambda: ctx.modify("store", "b", PropertyChanges(set={"location": "/c"})))
    assert {problem.property for problem in problems} == {"enabled", "standby"}
    refused(ctx, lambda: ctx.modify("store", "b", PropertyChanges(set={"enabled": "true"})))
    refused(ctx, lambda: ctx.modify("store", "b", PropertyChanges(set={"enabled": "true"}, add={"standby": ["b"]})))
    ctx.modify("store", "b", PropertyChanges(remove={"enabled": ["perhaps"]}, reset=["standby"]))
    assert ctx.get("store", "b").values == {"enabled": ("true",), "location": ("/b",)}


def test_unknown_attributes_are_kept_and_former_names_rewritten_on_the_next_write() -> None:
    attributes = {
        "objectClass": ("top", "depot-queue", "ds-cfg-memory-queue", "extensibleObject"),
        "cn": ("q",),
        "ds-cfg-enabled": ("true",),
        "ds-cfg-rank": ("3",),
        "x-note": ("kept", "as it is"),
    }
    dn = DN.parse(f"cn=q,{QUEUES}")
    ctx = manage(depot(), *_branches(), Entry(dn, attributes))
    queue = ctx.get("queue", "q")
    assert (queue.values["priority"], queue.unknown) == (("3",), ("x-note",))
    assert not ctx.modify("queue", "q", PropertyChanges(set={"priority": "3"})).changed
    assert "ds-cfg-rank" in snapshot(ctx)[str(dn)]
    ctx.modify("queue", "q", PropertyChanges(set={"enabled": "false"}))
    entry = snapshot(ctx)[str(dn)]
    assert entry["ds-cfg-priority"] == ("3",)
    assert "ds-cfg-rank" not in entry
    assert entry["x-note"] == ("kept", "as it is")
    assert entry["objectClass"] == attributes["objectClass"]


def test_somebody_else_in_between_is_noticed() -> None:
    """The revision is swapped: what was read is what is changed."""
    ctx = filled()
    key = DN.parse("cn=one,cn=Stores,cn=Depot,cn=config")

    def overtaken() -> None:
        with ctx.change() as tx:
            tx.set("store", "one", {"location": "/mine"})
            ctx.storage.commit([ModifyEntry(key, [Modification("replace", "ds-cfg-revision", ["9"])])])

    with pytest.raises(ConfobjectsError) as caught:
        overtaken()
    assert caught.value.code == "changed-meanwhile"
    assert ctx.get("store", "one").values["location"] == ("/var/one",)


def test_a_view_reads_each_object_once() -> None:
    """What is found first stays, also where it is listed after somebody has changed it."""
    ctx = filled()
    world = ctx.world()
    path = ctx.registry.path_of("store", "one")
    found, entry = world.find(path), world.entries[path]
    with ctx.storage.writing():
        ctx.storage.commit([ModifyEntry(entry.dn, [Modification("replace", "ds-cfg-revision", ["9"])])])
    assert found in world.members(ctx.registry.relation("store"), path.parent)
    assert (world.find(path), world.entries[path]) == (found, entry)


# -- inherited defaults -----------------------------------------------------------------------------------------------


def test_a_change_is_refused_when_an_heir_of_the_value_cannot_live_with_it() -> None:
    """A consumer takes ahead what it takes at once: what its queue hands out at once, at last what the depot does."""
    ctx = filled()
    wrong = refused(ctx, lambda: ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": [450]})))
    assert [(p.code, p.path, p.property) for p in wrong] == [
        ("invalid-value", "/queue/jobs/consumer/mail", "prefetch"),
    ]
    assert ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": [400]})).changed


def test_an_heir_with_a_value_of_its_own_or_broken_before_is_not_in_the_way() -> None:
    ctx = filled()
    with ctx.change() as tx:
        tx.set("consumer", ("jobs", "mail"), {"prefetch": 7})
    assert ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": [450]})).changed
    broken = ModifyEntry(
        DN.parse("cn=jobs,cn=Queues,cn=config"), [Modification("add", "ds-cfg-time-to-live", ("soon",))]
    )
    with ctx.storage.writing():
        ctx.storage.commit([broken])
    assert ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": [440]})).changed
