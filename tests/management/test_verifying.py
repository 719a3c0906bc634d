"""The last test of an object: it counts until something changes that it was made with, and says nothing about secrets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from confobjects.errors import AccessError
from confobjects.management import ChangeSignature, ManagementContext, StorageWorld
from confobjects.management.documents.comparing import take_snapshot
from confobjects.management.verifying import (
    NEVER,
    UNREADABLE,
    Outcome,
    Standing,
    find_fingerprint,
    judge_verifications,
    note_verification,
)
from confobjects.mapping.verifications import key_of
from confobjects.objects.changes import PropertyChanges
from confobjects.paths import ManagedObjectPath
from confobjects.storage.memory import MemoryStorage
from tests.definitions.documents import builtin, depot
from tests.management.sealing import ONE, TWO, Keys, edit, manage_sealed
from tests.management.things import snapshot

CANARY: Final = "Kanarienvogel-7!x"
NOW: Final = "2026-01-02T03:04:05Z"
SERVER: Final = {
    "enabled": "true",
    "smtp-server": "mx.example.com",
    "auth-username": "a@example.com",
    "auth-password": CANARY,
    "trust-manager-provider": "trust",
    "use-start-tls": "true",
}
SENDER: Final = {"enabled": "true", "from-address": "news@example.com", "mail-server": "one"}
PASSED: Final = Outcome("auth")
FAILED: Final = Outcome("auth", "auth-credentials", "auth")


def sign() -> ChangeSignature:
    return ChangeSignature(NOW, "alice")


def with_signature(ctx: ManagementContext) -> ManagementContext:
    return ManagementContext(ctx.site.replace(sign=sign, machine="web-1", clock=lambda: NOW))


def mail(keys: Keys | None = None, **values: str) -> ManagementContext:
    """Return a configuration with a mail sender, its mail server and the authorities that this trusts."""
    ctx = with_signature(manage_sealed(builtin(), keys or Keys()))
    ctx.create("trust-manager-provider", "trust", {"enabled": True}, type="system")
    ctx.create("trust-manager-provider", "other", {"enabled": True}, type="system")
    ctx.create("mail-server", "one", {**SERVER, **values})
    ctx.create("mail-sender", "news", SENDER)
    return ctx


def note(ctx: ManagementContext, kind: str, name: str, outcome: Outcome = PASSED) -> None:
    assert note_verification(ctx.site, ctx.registry.path_of(kind, name), outcome) is None


def state(ctx: ManagementContext, kind: str = "mail-server", name: str = "one") -> str:
    return ctx.verification(kind, name).state


def set_to(kind: str, name: str, **values: str) -> Callable[[ManagementContext], Any]:
    changes = {prop.replace("_", "-"): [value] for prop, value in values.items()}
    return lambda ctx: ctx.modify(kind, name, PropertyChanges(set=changes))


def test_an_object_was_never_tested_until_it_is() -> None:
    ctx = mail()
    assert ctx.verification("mail-server", "one") == NEVER
    note(ctx, "mail-server", "one")
    found = ctx.verification("mail-server", "one")
    facts = {"state": "passed", "ok": True, "time": NOW, "depth": "auth", "code": "passed"}
    assert found.as_json() == {**facts, "who": "alice", "machine": "web-1"}
    assert state(ctx, "mail-sender", "news") == "never"


def test_a_test_that_failed_is_kept_too_and_the_last_one_counts() -> None:
    ctx = mail()
    for outcome, expected in ((FAILED, "failed"), (PASSED, "passed"), (FAILED, "failed")):
        note(ctx, "mail-server", "one", outcome)
        assert state(ctx) == expected
    record = ctx.verification("mail-server", "ONE").record
    assert record is not None
    assert (record.code, record.stage, record.passed) == ("auth-credentials", "auth", False)


def test_an_object_that_no_check_is_named_for_has_no_record() -> None:
    ctx = mail()
    assert note_verification(ctx.site, ctx.registry.path_of("trust-manager-provider", "trust"), PASSED) is None
    assert ctx.storage.verifications() == {}


# -- what changes ----------------------------------------------------------------------------------------------------

OF_THE_SERVER: dict[str, Callable[[ManagementContext], Any]] = {
    "the host": set_to("mail-server", "one", smtp_server="mx.example.org"),
    "the password": set_to("mail-server", "one", auth_password="another"),
    "a setting": set_to("mail-server", "one", smtp_property="mail.smtp.timeout=7000"),
    "what is trusted": set_to("mail-server", "one", trust_manager_provider="other"),
    "a default": lambda ctx: ctx.modify(
        "mail-server", "one", PropertyChanges(reset=("auth-username", "auth-password"))
    ),
    "the trust manager": set_to("trust-manager-provider", "trust", source="bundled"),
    "a name of what is trusted": lambda ctx: ctx.rename("trust-manager-provider", "trust", "authorities"),
    "an edit by hand": lambda ctx: edit(ctx, "mail-server", "one", "ds-cfg-smtp-server", "mx.example.net"),
    "an edit of what is trusted": lambda ctx: edit(ctx, "trust-manager-provider", "trust", "ds-cfg-source", "bundled"),
}


@pytest.mark.parametrize("outcome", [PASSED, FAILED], ids=["passed", "failed"])
@pytest.mark.parametrize("what", OF_THE_SERVER)
@pytest.mark.parametrize("keys", [(), (ONE,)], ids=["without keys", "with keys"])
def test_a_change_of_what_a_test_depends_on_ends_it(keys: tuple[Any, ...], what: str, outcome: Outcome) -> None:
    ctx = mail(Keys(*keys))
    note(ctx, "mail-server", "one", outcome)
    note(ctx, "mail-sender", "news", outcome)
    OF_THE_SERVER[what](ctx)
    assert state(ctx) == "changed"
    assert state(ctx, "mail-sender", "news") == "changed"
    note(ctx, "mail-server", "one", outcome)
    assert state(ctx) == ("passed" if outcome is PASSED else "failed")


OF_OTHERS: dict[str, Callable[[ManagementContext], Any]] = {
    "a trust manager that is not used": set_to("trust-manager-provider", "other", source="bundled"),
    "another mail server": lambda ctx: ctx.create("mail-server", "two", {**SERVER, "smtp-server": "b.example.com"}),
    "a sender that uses it": set_to("mail-sender", "news", from_name="News"),
}


@pytest.mark.parametrize("what", OF_OTHERS)
def test_a_change_of_anything_else_does_not(what: str) -> None:
    ctx = mail()
    note(ctx, "mail-server", "one")
    OF_OTHERS[what](ctx)
    assert state(ctx) == "passed"


def test_a_reference_in_a_pair_counts() -> None:
    ctx = mail()
    pin = {"enabled": True, "key-store-file": "keys.pem", "key-store-type": "PEM"}
    ctx.create("key-manager-provider", "own", pin, type="file-based")
    set_to("mail-server", "one", smtp_property="confobjects.key-manager-provider=own")(ctx)
    note(ctx, "mail-server", "one")
    assert state(ctx) == "passed"
    set_to("key-manager-provider", "own", key_store_file="others.pem")(ctx)
    assert state(ctx) == "changed"


def test_what_a_default_is_inherited_from_counts() -> None:
    ctx = with_signature(manage_sealed(depot(), Keys()))
    ctx.create("courier", "mule", {})
    ctx.create("messenger", "fox", {"destination": "far:1", "guide": "mule"}, type="generic")
    note(ctx, "messenger", "fox")
    assert state(ctx, "messenger", "fox") == "passed"
    ctx.modify("depot-settings", (), PropertyChanges(set={"batch-size": ["7"]}))
    assert state(ctx, "messenger", "fox") == "changed"


def test_with_a_key_the_same_secret_counts_again_and_another_one_never() -> None:
    ctx = mail(Keys(ONE))
    edit(ctx, "mail-server", "one", "ds-cfg-auth-password", CANARY)  # in the clear, as without keys
    note(ctx, "mail-server", "one")
    edit(ctx, "mail-server", "one", "ds-cfg-auth-password", "another")  # the revision stays
    assert state(ctx) == "changed"
    edit(ctx, "mail-server", "one", "ds-cfg-auth-password", CANARY)
    assert state(ctx) == "passed"


def test_without_a_key_the_revision_stands_for_a_secret() -> None:
    ctx = mail()
    note(ctx, "mail-server", "one")
    for password in ("another", CANARY):
        set_to("mail-server", "one", auth_password=password)(ctx)
        assert state(ctx) == "changed"


@pytest.mark.parametrize("keys", [(), (TWO,)], ids=["none", "another"])
def test_who_has_not_the_key_goes_by_revisions(keys: tuple[Any, ...]) -> None:
    ctx = mail(Keys(ONE))
    note(ctx, "mail-server", "one")
    other = with_signature(manage_sealed(builtin(), Keys(*keys), ctx.storage))
    assert state(other) == "passed"
    set_to("mail-server", "one", auth_username="b@example.com", auth_password=CANARY)(ctx)
    assert state(other) == "changed"


def test_a_key_that_is_no_longer_the_newest_still_compares() -> None:
    ctx = mail(Keys(ONE))
    note(ctx, "mail-server", "one")
    assert state(with_signature(manage_sealed(builtin(), Keys(TWO, ONE), ctx.storage))) == "passed"


def digests_of(text: str) -> Iterator[str]:
    for name in ("md5", "sha1", "sha256", "sha512"):
        yield hashlib.new(name, text.encode()).hexdigest()


@pytest.mark.parametrize("keys", [(), (ONE,)], ids=["without keys", "with keys"])
def test_no_secret_follows_from_a_record(keys: tuple[Any, ...]) -> None:
    """With another secret and the same revisions the record is the same, but for what a key has made of it."""
    kept = []
    for secret in (CANARY, "another"):
        ctx = mail(Keys(*keys), **{"auth-password": secret})
        edit(ctx, "mail-server", "one", "ds-cfg-auth-password", secret)
        note(ctx, "mail-server", "one")
        [text] = ctx.storage.verifications().values()
        assert secret not in text
        assert not any(digest in text for digest in digests_of(secret))
        kept.append(json.loads(text))
    keyed = [one["made_with"].pop("keyed") for one in kept]
    assert kept[0] == kept[1]
    assert (keyed[0] != keyed[1]) is bool(keys)


def test_a_test_counts_for_what_was_there_when_it_began() -> None:
    ctx = mail()
    path = ctx.registry.path_of("mail-server", "one")
    made_with = find_fingerprint(ctx.site, path)
    set_to("mail-server", "one", smtp_server="mx.example.org")(ctx)
    assert note_verification(ctx.site, path, PASSED, made_with) is None
    assert state(ctx) == "changed"


# -- the object goes -------------------------------------------------------------------------------------------------


def test_a_record_is_gone_with_its_object_and_no_undo_brings_it_back() -> None:
    ctx = mail()
    note(ctx, "mail-server", "one")
    note(ctx, "mail-sender", "news")
    ctx.delete("mail-sender", "news")
    assert list(ctx.storage.verifications()) == [key_of(ctx.registry.path_of("mail-server", "one"))]
    [*_, last] = ctx.history()
    ctx.undo(last.number)
    assert state(ctx, "mail-sender", "news") == "never"
    assert state(ctx) == "passed"


def test_a_record_does_not_follow_a_new_name() -> None:
    ctx = mail()
    note(ctx, "mail-server", "one")
    ctx.rename("mail-server", "one", "two")
    assert ctx.storage.verifications() == {}
    assert state(ctx, "mail-server", "two") == "never"
    ctx.rename("mail-server", "two", "one")
    assert state(ctx) == "never"


def test_what_an_object_left_does_not_count_for_a_new_one_of_its_name() -> None:
    ctx = mail()
    note(ctx, "mail-sender", "news")
    [(key, text)] = ctx.storage.verifications().items()
    ctx.delete("mail-sender", "news")
    ctx.storage.keep_verification(key, text)  # as if it could not be removed
    ctx.create("mail-sender", "news", SENDER)
    assert state(ctx, "mail-sender", "news") == "never"


def test_a_dry_run_forgets_nothing() -> None:
    ctx = mail()
    note(ctx, "mail-sender", "news")
    ctx.delete("mail-sender", "news", dry_run=True)
    assert state(ctx, "mail-sender", "news") == "passed"


def test_an_undo_changes_no_record() -> None:
    ctx = mail()
    set_to("mail-server", "one", smtp_server="b.example.com", auth_password=CANARY)(ctx)
    [*_, last] = ctx.history()
    note(ctx, "mail-server", "one")
    before = ctx.storage.verifications()
    ctx.undo(last.number)
    assert ctx.storage.verifications() == before
    assert state(ctx) == "changed"


def test_a_record_is_no_part_of_the_configuration() -> None:
    ctx = mail()
    before = snapshot(ctx), take_snapshot(ctx.site), len(ctx.history())
    revision = ctx.get("mail-server", "one").revision
    note(ctx, "mail-server", "one")
    assert (snapshot(ctx), take_snapshot(ctx.site), len(ctx.history())) == before
    assert ctx.get("mail-server", "one").revision == revision


# -- what cannot be kept or believed ---------------------------------------------------------------------------------


class _ReadOnly(MemoryStorage):
    """A storage whose user may not write records, as one in a directory with access rules."""

    def keep_verification(self, key: str, text: str) -> None:
        raise AccessError("the server does not allow it")

    def forget_verification(self, key: str) -> None:
        raise AccessError("the server does not allow it")


def test_who_may_not_write_records_is_told_and_works_on() -> None:
    ctx = with_signature(manage_sealed(builtin(), Keys(), _ReadOnly()))
    ctx.create("mail-server", "one", {"enabled": "true", "smtp-server": "mx.example.com"})
    told = note_verification(ctx.site, ctx.registry.path_of("mail-server", "one"), PASSED)
    assert told is not None
    assert (told.severity, told.path) == ("warning", "/mail-server/one")
    assert told.summary == "the result of the test was not kept: the server does not allow it"
    ctx.rename("mail-server", "one", "two")
    ctx.delete("mail-server", "two")


@pytest.mark.parametrize("name", ["gone", "x" * 20_000])
def test_what_cannot_be_written_as_a_record_is_told(name: str) -> None:
    ctx = mail()
    if name != "gone":
        ctx.create("mail-server", name, {"enabled": "true", "smtp-server": "mx.example.com"})
    told = note_verification(ctx.site, ctx.registry.path_of("mail-server", name), PASSED)
    assert told is not None
    assert "was not kept" in told.summary
    assert ctx.storage.verifications() == {}


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no record": lambda _: "{",
    "of another object": lambda found: {**found, "path": "/mail-server/two"},
    "of no object": lambda found: {**found, "path": "/nothing/at//all"},
    "of no path": lambda found: {**found, "path": "/mail-server"},
    "from the future": lambda found: {**found, "time": "2027-01-02T03:04:05Z"},
    "of no time": lambda found: {**found, "time": "soon"},
    "too much": lambda found: {**found, "who": "x" * 100_000},
}


@pytest.mark.parametrize("what", LIES)
def test_a_record_that_lies_is_none_and_that_is_said(what: str) -> None:
    ctx = mail()
    note(ctx, "mail-server", "one")
    [(key, text)] = ctx.storage.verifications().items()
    lie = LIES[what](json.loads(text))
    ctx.storage.keep_verification(key, lie if isinstance(lie, str) else json.dumps(lie))
    path = ctx.registry.path_of("mail-server", "one")
    found, [told] = judge_verifications(ctx.site, [path])
    assert found == {path: UNREADABLE}
    assert (told.severity, told.path) == ("warning", "/mail-server/one")
    assert "is not used" in told.summary
    note(ctx, "mail-server", "one")
    assert state(ctx) == "passed"


def test_a_clock_that_is_a_little_ahead_is_believed() -> None:
    ctx = mail()
    note(ctx, "mail-server", "one")
    early = ManagementContext(ctx.site.replace(clock=lambda: "2026-01-01T12:00:00Z"))
    assert state(early) == "passed"


# -- many at once ----------------------------------------------------------------------------------------------------


class _Counting(MemoryStorage):
    """Counts how it is read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.serialises_writers = False  # as a directory: objects are read ahead

    def verifications(self) -> dict[str, str]:
        self.asked.append("all")
        return super().verifications()

    def find_verification(self, key: str) -> str | None:
        self.asked.append("one")
        return super().find_verification(key)

    def read_all(self, names: Any) -> Any:
        self.asked.append("entries")
        return super().read_all(names)


def test_all_records_of_a_list_are_read_at_once_and_what_they_depend_on_level_by_level() -> None:
    counting = _Counting()
    ctx = with_signature(manage_sealed(builtin(), Keys(), counting))
    paths = []
    for number in range(20):
        ctx.create("trust-manager-provider", f"trust{number}", {"enabled": True}, type="system")
        ctx.create("mail-server", f"s{number}", {**SERVER, "trust-manager-provider": f"trust{number}"})
        paths.append(ctx.registry.path_of("mail-server", f"s{number}"))
    counting.asked.clear()
    assert set(judge(ctx, paths)[0].values()) == {NEVER}
    assert counting.asked == ["all"]
    for path in paths:
        note_verification(ctx.site, path, PASSED)
    counting.asked.clear()
    found, told = judge(ctx, paths)
    assert [one.state for one in found.values()] == ["passed"] * 20
    assert told == ()
    assert counting.asked == ["all", "entries", "entries"]
    counting.asked.clear()
    assert judge(ctx, [])[0] == {}
    assert counting.asked == []
    judge(ctx, paths[:1])
    assert counting.asked == ["one"]


def judge(ctx: ManagementContext, paths: list[ManagedObjectPath]) -> tuple[dict[ManagedObjectPath, Standing], Any]:
    world: StorageWorld = ctx.world()
    return judge_verifications(ctx.site, paths, world)
