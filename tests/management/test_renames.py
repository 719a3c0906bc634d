"""What is taken for a renamed object, and what is not."""

from __future__ import annotations

import pytest

from confobjects import PropertyChanges
from confobjects.management import ManagementContext
from confobjects.management.documents import renames
from confobjects.management.documents.comparing import States, find_differences, take_snapshot
from confobjects.mapping.documents import drop_secrets
from tests.definitions.documents import builtin, depot
from tests.management.things import manage


def stores(**places: str) -> ManagementContext:
    ctx = manage(depot())
    for name, place in places.items():
        ctx.create("store", name, {"enabled": True, "location": place})
    return ctx


def states(ctx: ManagementContext) -> States:
    return take_snapshot(ctx.site).objects


def shown(one: ManagementContext, other: ManagementContext) -> list[tuple[str, str, str]]:
    found = find_differences(states(one), states(other), one.registry)
    return [(item.action, str(item.path), str(item.new_path or "")) for item in found]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": "/1"}, {"b": "/1"}, [("rename", "/store/a", "/store/b")]),
        ({"a": "/1"}, {"b": "/2"}, [("delete", "/store/a", ""), ("create", "/store/b", "")]),
        (
            {"a": "/1", "b": "/1"},
            {"c": "/1"},
            [("delete", "/store/a", ""), ("delete", "/store/b", ""), ("create", "/store/c", "")],
        ),
        (
            {"a": "/1"},
            {"b": "/1", "c": "/1"},
            [("delete", "/store/a", ""), ("create", "/store/b", ""), ("create", "/store/c", "")],
        ),
        (
            {"a": "/1", "b": "/2"},
            {"c": "/2", "d": "/1"},
            [("rename", "/store/a", "/store/d"), ("rename", "/store/b", "/store/c")],
        ),
        ({"a": "/1"}, {"a": "/1", "b": "/1"}, [("create", "/store/b", "")]),
    ],
)
def test_only_what_is_certain_is_a_rename(
    one: dict[str, str], other: dict[str, str], expected: list[tuple[str, str, str]]
) -> None:
    assert shown(stores(**one), stores(**other)) == expected


def test_what_is_below_is_compared_under_the_new_name() -> None:
    one, other = (stores(s="/1") for _ in range(2))
    for ctx, name, size in ((one, "a", 7), (other, "b", 8)):
        ctx.create("queue", name, {"enabled": True, "store": "s"}, type="disk")
        ctx.create("consumer", (name, "mail"), {"batch-size": size})
        ctx.create("consumer", (name, "same"), {"batch-size": 1})
    assert shown(one, other) == [("rename", "/queue/a", "/queue/b"), ("modify", "/queue/b/consumer/mail", "")]


def test_a_secret_that_a_document_leaves_out_is_no_other_one() -> None:
    one, other = manage(builtin()), manage(builtin())
    for ctx, name in ((one, "a"), (other, "b")):
        values = {"enabled": True, "smtp-server": "h", "auth-username": "u", "auth-password": "canary"}
        ctx.create("mail-server", name, values)
    document = {path: drop_secrets(state) for path, state in states(other).items()}
    [found] = find_differences(states(one), document, builtin())
    assert (found.action, str(found.path), str(found.new_path)) == ("rename", "/mail-server/a", "/mail-server/b")
    other.modify("mail-server", ("b",), PropertyChanges(set={"auth-password": ["another canary"]}))
    assert [item.action for item in find_differences(states(one), states(other), builtin())] == ["delete", "create"]


def test_among_very_many_none_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renames, "_MOST", 1)
    one, other = stores(a="/1", b="/2"), stores(c="/1", d="/2")
    assert {action for action, _, _ in shown(one, other)} == {"create", "delete"}


def test_an_apply_renames_and_keeps_what_the_document_does_not_hold() -> None:
    ctx, other = manage(builtin()), manage(builtin())
    for each, name in ((ctx, "a"), (other, "b")):
        values = {"enabled": True, "smtp-server": "h", "auth-username": "u", "auth-password": "canary"}
        each.create("mail-server", name, values)
        sender = {"enabled": True, "mail-server": name, "from-address": "a@example.com"}
        each.create("mail-sender", "s", sender)
    document = {path: drop_secrets(state) for path, state in states(other).items()}
    would = ctx.apply(document, prune=True, dry_run=True)
    assert [(one.action, str(one.path)) for one in would.changes] == [
        ("rename", "/mail-server/a"),
        ("modify", "/mail-sender/s"),
    ]
    ctx.apply(document, prune=True)
    assert list(find_differences(states(ctx), states(other), builtin())) == []
    assert ctx.get("mail-server", "b").values["auth-password"] == ("canary",)
    assert not ctx.apply(document, prune=True).changed
    ctx.undo(ctx.history()[-1].number)
    assert ctx.get("mail-sender", "s").values["mail-server"] == ("a",)


def test_what_an_expression_names_is_created_anew() -> None:
    ctx, other = stores(a="/1"), stores(b="/1")
    ctx.create("store", "z", {"enabled": True, "location": "/z", "standby": "&{standby|a}"})
    other.create("store", "z", {"enabled": True, "location": "/z", "standby": "b"})
    report = ctx.apply(states(other), prune=True)
    assert {(one.action, str(one.path)) for one in report.changes} == {
        ("create", "/store/b"),
        ("delete", "/store/a"),
        ("modify", "/store/z"),
    }


def test_a_storage_that_renames_nothing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ctx = stores(a="/1")
    monkeypatch.setattr(ctx.storage, "is_foreign", True)
    report = ctx.apply(states(stores(b="/1")), prune=True)
    assert [one.summary for one in report.warnings if one.path == "/store/a"] == [
        "this looks like /store/b: this server renames nothing, so that one is created anew, and this one deleted"
    ]
    assert list(find_differences(states(stores(b="/1")), states(ctx), depot())) == []
