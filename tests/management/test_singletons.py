"""Singletons with types. Laws, whatever the type was before:

1. A singleton of an abstract type exists once its type has been chosen; one of a concrete type always exists.
2. Given another type, it keeps the values that both types have, and the objects below it; nothing is lost in silence.
3. Undo gives back the type and the values.
"""

from __future__ import annotations

import pytest

from confobjects.definitions import DefinitionDocument, Registry
from confobjects.dn import DN
from confobjects.errors import NoSuchObjectError
from confobjects.management import ManagementContext
from confobjects.management.documents.comparing import find_differences, take_snapshot
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.objects.changes import PropertyChanges
from tests.definitions.documents import FAMILY, depot, documents
from tests.management.things import manage, refused, snapshot, summaries

STRICT = {"enabled": ["true"], "known-job": ["print", "mail"], "serial": ["6"]}
LENIENT = {"enabled": ["false"], "note-key": ["s3cret"]}


def watched(registry: Registry | None = None) -> ManagementContext:
    ctx = manage(registry or depot())
    ctx.modify("watchman", (), PropertyChanges(set=STRICT), type="strict")
    return ctx


def without_abstract() -> Registry:
    """Return the second family with a watchman of a concrete type that has subtypes."""
    found = []
    for document in documents(FAMILY):
        data = {key: value for key, value in document.data.items() if key != "abstract"}
        found.append(DefinitionDocument(document.origin, data) if data.get("name") == "watchman" else document)
    return Registry(found)


def test_it_exists_once_its_type_is_chosen() -> None:
    ctx = manage(depot())
    with pytest.raises(NoSuchObjectError):
        ctx.get("watchman")
    problems = refused(ctx, lambda: ctx.modify("watchman", (), PropertyChanges(set={"enabled": ["true"]})))
    assert summaries(problems) == [("usage", "a Watchman needs a type")]
    report = ctx.modify("watchman", (), PropertyChanges(set=STRICT), type="strict")
    assert [(change.action, change.definition.name) for change in report.changes] == [("create", "strict-watchman")]
    assert ctx.get("watchman").values["patience"] == ("5 s",)


def test_a_concrete_one_always_exists_and_may_be_of_a_subtype() -> None:
    ctx = manage(without_abstract())
    assert ctx.get("watchman").definition.name == "watchman"
    report = ctx.modify("watchman", (), PropertyChanges(set=STRICT), type="strict")
    assert [change.action for change in report.changes] == ["create"]
    ctx.undo(ctx.history()[-1].number)
    assert ctx.get("watchman").definition.name == "watchman"


@pytest.mark.parametrize("given", ["strict", "STRICT", "strict-watchman", None])
def test_its_own_type_changes_nothing_but_what_is_given(given: str | None) -> None:
    ctx = watched()
    report = ctx.modify("watchman", (), PropertyChanges(set={"patience": ["7 s"]}), type=given)
    assert [(change.action, change.names()) for change in report.changes] == [("modify", ("patience",))]


def test_an_unknown_type_is_refused() -> None:
    ctx = watched()
    problems = refused(ctx, lambda: ctx.modify("watchman", (), PropertyChanges(), type="strikt"))
    assert summaries(problems) == [("unknown-name", 'there is no type "strikt" of Watchman')]


@pytest.mark.parametrize("registry", [depot(), without_abstract()])
def test_another_type_keeps_what_both_have(registry: Registry) -> None:
    ctx = watched(registry)
    before = take_snapshot(ctx.site).objects
    ctx.modify("watchman", (), PropertyChanges(set={"note-key": ["s3cret"]}), type="lenient")
    obj = ctx.get("watchman")
    assert obj.definition.name == "lenient-watchman"
    assert dict(obj.values) == {"enabled": ("true",), "patience": ("5 s",), "note-key": ("s3cret",)}
    assert obj.unknown == ()
    ctx.undo(ctx.history()[-1].number)
    assert list(find_differences(before, take_snapshot(ctx.site).objects, registry)) == []
    assert ctx.get("watchman").definition.name == "strict-watchman"


def test_without_its_type_an_undone_first_change_leaves_nothing() -> None:
    ctx = watched()
    ctx.undo(ctx.history()[-1].number)
    assert [obj for obj in ctx.all() if obj.path.relation == "watchman"] == []
    assert not any("Watchman" in dn for dn in snapshot(ctx))


def test_objects_that_the_other_type_cannot_have_below_it_are_not_lost() -> None:
    ctx = watched()
    ctx.create("lookout", "gate", {})
    problems = refused(ctx, lambda: ctx.modify("watchman", (), PropertyChanges(set=LENIENT), type="lenient"))
    words = "/watchman cannot be a Lenient Watchman while /watchman/lookout/gate is below it"
    assert ("constraint-violated", words) in summaries(problems)


def test_resetting_one_that_was_never_written_changes_nothing() -> None:
    ctx = manage(depot())
    before = snapshot(ctx)
    report = ctx.modify("depot-settings", (), PropertyChanges(reset=("site-name",)))
    assert not report.changed
    assert report.changes == ()
    assert snapshot(ctx) == before
    assert list(ctx.history()) == []


def test_creating_one_without_values_changes_nothing() -> None:
    ctx = manage(depot())
    before = snapshot(ctx)
    assert not ctx.create("depot-settings", (), {}).changed
    assert snapshot(ctx) == before
    assert list(ctx.history()) == []
    assert ctx.create("depot-settings", (), {"site-name": "north"}).changed
    assert ctx.get("depot-settings").values == {"site-name": ("north",)}


def test_nothing_is_created_below_a_type_that_cannot_have_it() -> None:
    ctx = manage(depot())
    ctx.modify("watchman", (), PropertyChanges(set=LENIENT), type="lenient")
    problems = refused(ctx, lambda: ctx.create("lookout", "gate", {}))
    words = "/watchman is a Lenient Watchman: it cannot have a Look-Out below it"
    assert summaries(problems) == [("constraint-violated", words)]


def test_entries_of_others_below_it_are_not_lost() -> None:
    ctx = watched()
    other = Entry(DN.parse("cn=foreign,cn=Watchman,cn=config"), {"objectClass": ("top", "device"), "cn": ("foreign",)})
    with ctx.storage.writing():
        ctx.storage.commit([AddEntry(other)])
    problems = refused(ctx, lambda: ctx.modify("watchman", (), PropertyChanges(set=LENIENT), type="lenient"))
    assert [problem.code for problem in problems] == ["constraint-violated"]


def posts_everywhere() -> Registry:
    """Return the second family with watch posts below every watchman."""
    found = []
    for document in documents(FAMILY):
        data = dict(document.data)
        if data.get("name") == "watch-post":
            data["relation"] = {**data["relation"], "parent": "watchman"}
        found.append(DefinitionDocument(document.origin, data))
    return Registry(found)


def test_objects_below_it_stay() -> None:
    registry = posts_everywhere()
    ctx = watched(registry)
    ctx.create("lookout", "gate", {"direction": "north"})
    before = take_snapshot(ctx.site).objects
    ctx.modify("watchman", (), PropertyChanges(set=LENIENT), type="lenient")
    assert ctx.get("lookout", "gate").values == {"direction": ("north",)}
    ctx.undo(ctx.history()[-1].number)
    assert list(find_differences(before, take_snapshot(ctx.site).objects, registry)) == []


def test_an_object_with_a_name_keeps_its_type() -> None:
    ctx = manage(depot())
    ctx.create("queue", "q", {"enabled": True}, type="custom-memory")
    problems = refused(ctx, lambda: ctx.modify("queue", "q", PropertyChanges(), type="disk"))
    assert [problem.code for problem in problems] == ["usage"]
