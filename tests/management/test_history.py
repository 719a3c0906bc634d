"""The history of a configuration and undo: what is recorded, what is masked, what is taken back and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from confobjects.actions import remedy_text
from confobjects.diagnostics import MASK
from confobjects.errors import AccessError, ConfobjectsError, ConstraintError, NoSuchObjectError
from confobjects.management import ChangeSignature, ManagementContext, Site
from confobjects.management.history.records import find_undone, record_of, select_for_object
from confobjects.management.history.undoing import find_effective
from confobjects.mapping.entry import Modification, ModifyEntry
from confobjects.mapping.journal import Note, NotedChange
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.paths import ManagedObjectPath
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin
from tests.management.test_transactions import filled

CANARY = "Kanarienvogel-7!x"
ONE = ManagedObjectPath([("mail-server", "one")])
VALUES: dict[str, Any] = {"enabled": True, "smtp-server": "h:25"}


class _Clock:
    def __init__(self) -> None:
        self.seconds = 0

    def __call__(self) -> ChangeSignature:
        self.seconds += 1
        return ChangeSignature(f"2027-01-01T00:00:{self.seconds:02d}Z", "alice", f"command {self.seconds}")


@pytest.fixture
def ctx() -> ManagementContext:
    return ManagementContext(Site.of(builtin(), MemoryStorage(), evaluate_defaults, _Clock()))


def create(ctx: ManagementContext, name: str = "one", **more: Any) -> None:
    ctx.create("mail-server", name, {**VALUES, **{key.replace("_", "-"): value for key, value in more.items()}})


def change(ctx: ManagementContext, name: str = "one", **values: Any) -> None:
    given = {key.replace("_", "-"): value for key, value in values.items()}
    ctx.modify("mail-server", name, PropertyChanges(set=given))


def replace(ctx: ManagementContext) -> None:
    ctx.delete("mail-server", "one")
    create(ctx)


def values(ctx: ManagementContext, name: str = "one") -> dict[str, Any]:
    return dict(ctx.get("mail-server", name).values)


def refusal(kind: type[ConfobjectsError], call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        call()
    return caught.value.diagnostics[0].summary, remedy_text(caught.value.diagnostics[0].remedy)


# -- what is recorded ------------------------------------------------------------------------------------------------


def test_a_record_says_who_when_by_what_and_what_came_of_it(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=False)
    first, second = ctx.history()
    assert (first.number, second.number) == (1, 2)
    assert second.signature == ChangeSignature("2027-01-01T00:00:02Z", "alice", "command 2")
    (made,) = first.changes
    assert (made.path, made.action, made.type) == (ONE, "create", "mail-server")
    (made,) = second.changes
    assert (made.before, made.after) == ({"enabled": ("true",)}, {"enabled": ("false",)})
    assert first.state == second.state == "done"


def test_a_program_that_says_nothing_is_recorded_as_such() -> None:
    ctx = ManagementContext(Site.of(builtin(), MemoryStorage(), evaluate_defaults))
    create(ctx)
    assert ctx.history()[0].signature == ChangeSignature("", "", "api")


def test_what_is_refused_not_changed_or_tried_only_is_not_recorded(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=True)
    ctx.modify("mail-server", "one", PropertyChanges(set={"enabled": ["false"]}), dry_run=True)
    with pytest.raises(ConfobjectsError):
        change(ctx, smtp_server="no host")
    assert [record.number for record in ctx.history()] == [1]


def test_several_changes_of_one_transaction_are_one_record(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.create("trust-manager-provider", "t", {"enabled": True}, type="blind")
        tx.create("mail-server", "one", {**VALUES, "trust-manager-provider": "t", "use-start-tls": True})
    (record,) = ctx.history()
    assert [str(item.path) for item in record.changes] == ["/trust-manager-provider/t", "/mail-server/one"]
    ctx.undo(1)
    assert [str(obj.path) for obj in ctx.all()] == ["/mail-service"], "which is there in any case"


def test_the_records_of_an_object_follow_its_names(ctx: ManagementContext) -> None:
    create(ctx)
    create(ctx, "other")
    ctx.rename("mail-server", "one", "two")
    change(ctx, "two", enabled=False)
    create(ctx)
    two = ManagedObjectPath([("mail-server", "two")])
    assert [record.number for record in select_for_object(ctx.history(), two)] == [1, 3, 4]
    assert [record.number for record in select_for_object(ctx.history(), ONE)] == [1, 3, 5]  # whoever had the name


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_what_a_record_shows(ctx: ManagementContext) -> None:
    create(ctx, auth_username="u", auth_password=CANARY)
    change(ctx, auth_password=f"{CANARY} 2")
    change(ctx, auth_password="&{smtp.password|" + CANARY + "}")
    ctx.delete("mail-server", "one")
    storage = ctx.storage
    assert isinstance(storage, MemoryStorage)
    for noted, record in zip(storage.history(), ctx.history(), strict=True):
        assert CANARY not in noted.text
        assert CANARY not in repr(noted) + repr(record) + repr(Note(noted.text, noted.secret))
    _, second, third, last = ctx.history()
    assert second.changes[0].before == second.changes[0].after == {"auth-password": (MASK,)}
    assert second.changes[0].secrets == ("auth-password",)
    assert second.kept == ({"auth-password": (CANARY,)},)
    assert third.changes[0].after != {"auth-password": (MASK,)}  # which expression it is may be seen
    assert dict(last.old_texts(0))["auth-password"] == ("&{smtp.password|" + CANARY + "}",)


def test_a_new_secret_is_not_kept_before_it_is_old(ctx: ManagementContext) -> None:
    create(ctx, auth_username="u", auth_password=CANARY)
    assert not any(CANARY in noted.secret for noted in ctx.storage.history())


def test_undo_gives_old_secrets_back(ctx: ManagementContext) -> None:
    create(ctx, auth_username="u", auth_password=CANARY)
    before = values(ctx)
    change(ctx, auth_password="new")
    ctx.delete("mail-server", "one")
    ctx.undo(3)
    assert values(ctx)["auth-password"] == ("new",)
    ctx.undo(2)
    assert values(ctx) == before
    assert ctx.as_of(2)[ONE].values["auth-password"] == ("new",)


class _NoSecrets(MemoryStorage):
    """A storage whose protected place this user may not read."""

    def history(self, since: int = 0) -> list[NotedChange]:
        return [noted.replace(secret="") for noted in super().history(since)]


def test_undo_without_the_old_secret_is_refused_and_names_the_property() -> None:
    ctx = ManagementContext(Site.of(builtin(), _NoSecrets(), evaluate_defaults))
    create(ctx, auth_username="u", auth_password=CANARY)
    change(ctx, auth_password="new", enabled=False)
    with pytest.raises(AccessError) as caught:
        ctx.undo(2)
    (problem,) = caught.value.diagnostics
    assert (problem.path, problem.property) == ("/mail-server/one", "auth-password")
    assert "the old value of auth-password is not in the history" in problem.summary
    assert values(ctx)["auth-password"] == ("new",)
    assert ctx.as_of(1)[ONE].values["auth-password"] == (MASK,)
    ctx.undo_to(2)  # nothing needs it
    with pytest.raises(AccessError):
        ctx.undo_to(1)


# -- undo ------------------------------------------------------------------------------------------------------------


def test_an_undo_is_a_change_and_can_be_undone(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=False)
    report = ctx.undo(2)
    assert [(str(item.path), item.action) for item in report.changes] == [("/mail-server/one", "modify")]
    assert values(ctx)["enabled"] == ("true",)
    assert ctx.history()[-1].undoes == (2,)
    assert find_undone(ctx.history()) == {2: 3}
    ctx.undo(3)
    assert values(ctx)["enabled"] == ("false",)
    assert find_undone(ctx.history()) == {3: 4}


def test_what_was_taken_back_is_not_taken_back_again(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=False)
    ctx.undo(2)
    expected = ("change 2 was already taken back by change 3", "undo(3) makes it again")
    assert refusal(ConstraintError, lambda: ctx.undo(2)) == expected


def test_a_dry_run_of_an_undo_changes_and_records_nothing(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=False)
    assert ctx.undo(2, dry_run=True).changed
    assert ctx.undo_to(0, dry_run=True).changed
    assert values(ctx)["enabled"] == ("false",)
    assert len(ctx.history()) == 2


def test_later_changes_of_other_values_stay(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=False)
    change(ctx, auth_username="u")
    ctx.undo(2)
    assert (values(ctx)["enabled"], values(ctx)["auth-username"]) == (("true",), ("u",))


@pytest.mark.parametrize(
    ("later", "touching"),
    [
        (lambda ctx: change(ctx, enabled=True), "change 3 touches"),
        (lambda ctx: ctx.rename("mail-server", "one", "two"), "change 3 touches"),
        (lambda ctx: ctx.delete("mail-server", "one"), "change 3 touches"),
        (replace, "changes 3 and 4 touch"),
    ],
)
def test_later_changes_of_the_same_values_are_shown(
    ctx: ManagementContext, later: Callable[[ManagementContext], Any], touching: str
) -> None:
    create(ctx)
    change(ctx, enabled=False)
    later(ctx)
    summary, remedy = refusal(ConstraintError, lambda: ctx.undo(2))
    assert summary == f"change 2 cannot be taken back alone: {touching} the same values"
    assert remedy == "undo_to(1) takes them back as well, or undo them one by one, the last first"


def close_jobs(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.delete("queue", "guard")  # which watches it
        tx.delete("queue", "jobs")


@pytest.mark.parametrize(
    "later",
    [
        close_jobs,
        lambda ctx: ctx.rename("queue", "jobs", "work"),
    ],
    ids=["deleted", "renamed"],
)
@pytest.mark.parametrize(
    "first",
    [
        lambda ctx: ctx.modify("consumer", ("jobs", "mail"), PropertyChanges(set={"batch-size": ["7"]})),
        lambda ctx: ctx.delete("consumer", ("jobs", "mail")),
        lambda ctx: ctx.create("consumer", ("jobs", "print"), {}),
        lambda ctx: ctx.rename("consumer", ("jobs", "mail"), "post"),
    ],
    ids=["modified", "deleted", "created", "renamed"],
)
def test_a_later_change_of_a_parent_is_shown(
    first: Callable[[ManagementContext], Any], later: Callable[[ManagementContext], Any]
) -> None:
    ctx = filled()
    number = ctx.history()[-1].number
    first(ctx)
    later(ctx)
    summary, remedy = refusal(ConstraintError, lambda: ctx.undo(number + 1))
    assert summary == (f"change {number + 1} cannot be taken back alone: change {number + 2} touches the same values")
    assert remedy.startswith(f"undo_to({number}) takes them back as well")
    ctx.undo_to(number)
    assert ctx.get("consumer", ("jobs", "mail")).values.get("batch-size") is None


@pytest.mark.parametrize(
    "later",
    [
        lambda ctx: ctx.create("consumer", ("jobs", "print"), {}),
        lambda ctx: ctx.modify("consumer", ("jobs", "mail"), PropertyChanges(set={"batch-size": ["7"]})),
        lambda ctx: ctx.delete("consumer", ("jobs", "mail")),
    ],
    ids=["created", "modified", "deleted"],
)
def test_the_creation_of_an_object_below_which_something_changed_is_not_undone_alone(
    later: Callable[[ManagementContext], Any],
) -> None:
    ctx = filled()
    later(ctx)
    assert ctx.history()[-1].number == 2
    summary, _ = refusal(ConstraintError, lambda: ctx.undo(1))
    assert summary == "change 1 cannot be taken back alone: change 2 touches the same values"


def test_a_later_change_of_a_parent_s_own_values_is_not_in_the_way() -> None:
    ctx = filled()
    ctx.modify("consumer", ("jobs", "mail"), PropertyChanges(set={"batch-size": ["7"]}))
    ctx.modify("queue", "jobs", PropertyChanges(set={"priority": ["3"]}))
    ctx.undo(2)
    assert ctx.get("consumer", ("jobs", "mail")).values.get("batch-size") is None
    assert ctx.get("queue", "jobs").values["priority"] == ("3",)


def test_a_later_change_that_was_taken_back_is_not_in_the_way(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, enabled=False)
    change(ctx, enabled=True)
    ctx.undo(3)
    assert list(find_effective(ctx.history(), 2)) == []
    ctx.undo(2)
    assert values(ctx)["enabled"] == ("true",)


def test_the_creation_of_an_object_that_changed_since_is_not_undone_alone(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, auth_username="u")
    summary, _ = refusal(ConstraintError, lambda: ctx.undo(1))
    assert summary == "change 1 cannot be taken back alone: change 2 touches the same values"


def test_an_undo_is_judged_as_any_change(ctx: ManagementContext) -> None:
    ctx.create("trust-manager-provider", "t", {"enabled": True}, type="blind")
    create(ctx, trust_manager_provider="t", use_start_tls=True)
    summary, remedy = refusal(ConfobjectsError, lambda: ctx.undo(1))
    assert "/mail-server/one uses it" in summary
    assert remedy == "change trust-manager-provider of /mail-server/one first, or reset it"


def put(ctx: ManagementContext, attribute: str, value: str) -> None:
    """Change an entry behind the back of the history."""
    dn = ctx.site.mapper.dn_of(ONE)
    with ctx.storage.writing():
        ctx.storage.commit([ModifyEntry(dn, [Modification("replace", attribute, [value])])])


def test_values_that_somebody_edited_since_are_not_overwritten(ctx: ManagementContext) -> None:
    create(ctx)
    change(ctx, smtp_server="i:25")
    put(ctx, "ds-cfg-smtp-server", "edited:25")
    for undo in (lambda: ctx.undo(2), lambda: ctx.undo_to(1)):
        summary, remedy = refusal(ConstraintError, undo)
        assert summary == (
            "change 2 cannot be taken back: the object has another value of smtp-server, because of a change that is not in "
            "the history"
        )
        assert remedy.startswith("the storage was edited by other means")
    assert values(ctx)["smtp-server"] == ("edited:25",)


def test_the_same_value_in_another_spelling_is_no_edit(ctx: ManagementContext) -> None:
    """Servers spell values of their configuration as they like."""
    create(ctx)
    change(ctx, use_start_tls=False)
    put(ctx, "ds-cfg-use-start-tls", "FALSE")
    ctx.undo(2)
    assert "use-start-tls" not in values(ctx)


@pytest.mark.parametrize("state", ["pending", "unclear", "edited"])
def test_what_is_not_known_to_have_happened_is_not_taken_back(state: Any) -> None:
    class Interrupted(MemoryStorage):
        def history(self, since: int = 0) -> list[NotedChange]:
            return [noted.replace(state=state) for noted in super().history(since)]

    ctx = ManagementContext(Site.of(builtin(), Interrupted(), evaluate_defaults))
    create(ctx)
    summary, _ = refusal(ConstraintError, lambda: ctx.undo(1))
    assert summary.startswith("change 1 is" if state != "unclear" else "change 1 was interrupted")
    if state != "edited":
        refusal(ConstraintError, lambda: ctx.undo_to(0))


def test_a_number_that_is_none(ctx: ManagementContext) -> None:
    assert refusal(NoSuchObjectError, lambda: ctx.undo(1)) == ("there is no change 1", "the history is empty")
    create(ctx)
    change(ctx, enabled=False)
    there = ("there is no change 9", "the history has the changes 1 to 2")
    assert refusal(NoSuchObjectError, lambda: ctx.undo(9)) == there
    assert refusal(NoSuchObjectError, lambda: ctx.undo_to(9)) == there
    assert refusal(NoSuchObjectError, lambda: ctx.as_of(9)) == there


# -- broken notes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"time":"t"}',
        '{"time":"t","actor":"a","command":"c","changes":[1]}',
        '{"time":"t","actor":"a","command":"c","changes":[{"path":[["mail-server","x"]],"action":"explode","type":"x",'
        '"before":{},"after":{}}]}',
        '{"time":"t","actor":"a","command":"c","changes":[{"path":[["mail-server","x"]],"action":[],"type":"x",'
        '"before":{},"after":{}}]}',
    ],
    ids=lambda text: text[:80],
)
def test_a_note_that_cannot_be_read_is_shown_as_unclear(text: str) -> None:
    record = record_of(NotedChange(3, "done", text))
    assert (record.number, record.state, record.changes) == (3, "unclear", ())
