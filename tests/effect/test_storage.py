"""What the storage says: edits by hand, restored storages, states that do not hold, secrets that nobody may read."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.diagnostics import Diagnostic
from confobjects.effect import Event, advance, begin, evaluate_object, read_stored, update_stored
from confobjects.effect.model import LiveState, StoredState
from confobjects.effect.trial import try_changes
from confobjects.errors import ExpressionError
from confobjects.expressions import Found, NotFound
from confobjects.management.history.records import HistoryRecord, read_records
from confobjects.objects.evaluating import evaluate_defaults, make_evaluator
from tests.definitions.documents import builtin, depot
from tests.effect.services import MAIL_SERVER, Service, commit, judge_everything, mail, manage, setting

ONE = "/mail-server/one"


def edit(service: Service, path: str, **values: str | None) -> StoredState:
    """The stored state after an edit by hand of one object, with the number of the last change."""
    stored = service.stored()
    where = service.path(path)
    obj = stored.objects[where].object
    texts = {**obj.values, **{name.replace("_", "-"): () if v is None else (v,) for name, v in values.items()}}
    changed = obj.replace(values={name: several for name, several in texts.items() if several})
    made = evaluate_object(changed, service.ctx.registry, service.evaluate)
    return stored.replace(objects=stored.objects.with_changes({where: made}))


def see(service: Service, stored: StoredState, history: list[HistoryRecord] | None = None) -> tuple[Event, ...]:
    service.state, events = advance(
        service.state, stored, read_records(service.ctx.site) if history is None else history
    )
    assert judge_everything(service.state) == []
    return events


def test_an_edit_by_hand_has_no_number() -> None:
    service = mail(use_start_tls=False)
    (event,) = see(service, edit(service, ONE, smtp_server="hand.example.com", use_ssl="true"))
    assert (event.number, event.properties, event.restored) == (None, (), False)
    assert [one.since for one in event.waiting] == [None]
    (event,) = service.restart_component(ONE)
    assert (event.number, event.properties) == (None, ("smtp-server", "use-ssl"))


def test_an_edit_by_hand_between_changes_is_told_apart_from_them() -> None:
    service = mail()
    commit(service.ctx, setting("mail-server", "one", auth_username="me"))
    events = see(service, edit(service, ONE, smtp_server="hand.example.com"))
    assert [(one.number, one.properties) for one in events] == [(None, ("smtp-server",)), (2, ("auth-username",))]


@pytest.mark.parametrize("how", ["a lower number", "another epoch"])
def test_a_restored_storage_is_compared_in_full_and_told_as_restored(how: str) -> None:
    service = mail(use_start_tls=False)
    old = service.stored()
    commit(service.ctx, setting("mail-server", "one", smtp_server="new.example.com"))
    commit(service.ctx, setting("mail-server", "one", use_ssl=True))
    service.look()
    assert len(service.waiting()) == 1
    restored = old if how == "a lower number" else old.replace(epoch="second", number=9)
    (event,) = see(service, restored)
    assert (event.restored, event.number, event.kind, event.properties) == (True, None, "changed", ("smtp-server",))
    assert service.value(ONE, "smtp-server") == ("smtp.example.com",)
    assert service.waiting() == []  # what waited is not stored any more
    assert (service.state.epoch, service.state.number) == (restored.epoch, restored.number)
    assert see(service, restored) == ()


def test_what_waits_is_what_a_restored_storage_holds() -> None:
    service = mail(use_start_tls=False)
    old = service.stored()
    commit(service.ctx, setting("mail-server", "one", use_ssl=True))
    service.look()
    action = (ONE, "use-ssl", "component-restart")
    (event,) = see(service, service.stored().replace(epoch="second", number=1))
    assert (event.restored, event.properties) == (True, ())
    assert service.waiting() == [(ONE, "changed", ("use-ssl",), (action,), None)]
    assert see(service, old) == ()
    assert service.waiting() == []


def test_a_backup_from_which_others_went_on_is_a_restored_storage_although_its_number_is_higher() -> None:
    service = mail()
    commit(service.ctx, setting("mail-server", "one", smtp_server="lost.example.com"))
    service.look()
    stored, records = service.stored(), read_records(service.ctx.site)
    other = mail()
    for host in ("second", "third"):
        commit(other.ctx, setting("mail-server", "one", smtp_server=f"{host}.example.com"))
    (event,) = see(service, other.stored(), read_records(other.ctx.site))
    assert (event.restored, event.number, event.properties) == (True, None, ("smtp-server",))
    assert service.state.number == 3
    assert see(service, other.stored(), read_records(other.ctx.site)) == ()
    (event,) = see(service, stored, records)
    assert event.restored


def test_a_restored_storage_that_does_not_hold_is_still_a_restored_one_when_it_is_mended() -> None:
    service, other = mail(), mail()
    for one, host in ((service, "lost"), (other, "second"), (other, "third")):
        commit(one.ctx, setting("mail-server", "one", smtp_server=f"{host}.example.com"))
    service.look()
    history = read_records(other.ctx.site)
    assert see(service, edit(other, ONE, enabled="maybe"), history) == ()
    assert service.state.problems != ()
    (event,) = see(service, other.stored(), history)
    assert (event.restored, event.number) == (True, None)


def test_an_epoch_that_is_not_known_is_no_other_one() -> None:
    service = mail()
    service.epoch = ""
    commit(service.ctx, setting("mail-server", "one", auth_username="me"))
    (event,) = service.look()
    assert (event.restored, event.number, service.state.epoch) == (False, 2, "first")
    service.epoch = "second"
    commit(service.ctx, setting("mail-server", "one", auth_username="you"))
    assert [one.restored for one in service.look()] == [True]


def test_the_digest_is_of_what_is_stored_whatever_the_way_to_it_and_holds_no_secret() -> None:
    service, other = mail(), mail()
    first = service.state.digest
    assert first == other.state.digest != ""
    for host in ("a.example.com", "b.example.com"):
        commit(service.ctx, setting("mail-server", "one", smtp_server=host))
        service.look()
    commit(other.ctx, setting("mail-server", "one", smtp_server="b.example.com"))
    other.look()
    assert service.state.digest == other.state.digest == Service(service.ctx).state.digest != first
    for one, password in ((service, "secret"), (other, "another")):
        commit(one.ctx, setting("mail-server", "one", auth_username="me", auth_password=password))
        one.look()
    assert service.state.digest == other.state.digest
    commit(service.ctx, setting("mail-server", "one", auth_password=None))
    service.look()
    assert service.state.digest != other.state.digest


def test_the_digest_of_equal_names_and_of_values_in_another_order_is_the_same() -> None:
    registry = builtin()
    obj = next(one for one in mail().ctx.site.all_objects() if str(one.path) == ONE)
    several = ("mail.smtp.timeout=1", "mail.smtp.quitwait=true")

    def digest(name: str, texts: tuple[str, ...]) -> str:
        made = obj.replace(path=registry.path_of("mail-server", (name,)), values={**obj.values, "smtp-property": texts})
        return read_stored(registry, evaluate_defaults, [made]).digest

    assert digest("one", several) == digest("ONE", several[::-1]) != digest("two", several)


def test_the_digest_belongs_to_the_number() -> None:
    service = mail()
    commit(service.ctx, setting("mail-server", "one", auth_username="me"))
    service.look()
    digest = service.state.digest
    see(service, edit(service, ONE, enabled="maybe"))
    assert (service.state.number, service.state.digest) == (2, digest)
    commit(service.ctx, setting("mail-server", "one", auth_username="you"))
    commit(service.ctx, setting("mail-server", "one", enabled=False))
    stored = service.stored()
    where = service.path(ONE)
    broken = stored.objects[where].object.replace(values={**stored.objects[where].object.values, "enabled": ("maybe",)})
    changed = {where: evaluate_object(broken, service.ctx.registry, service.evaluate)}
    see(service, update_stored(stored, changed, number=4).replace(changed=None))
    assert service.state.problems != ()
    assert (service.state.number, service.state.digest) in {(2, digest), (3, "")}
    service.look()
    assert (service.state.number, service.state.digest) == (4, service.stored().digest)


def test_a_change_that_is_still_being_made_explains_nothing() -> None:
    service = mail()
    commit(service.ctx, setting("mail-server", "one", smtp_server="c.example.com"))
    records = [one.replace(state="unclear") if one.number == 2 else one for one in read_records(service.ctx.site)]
    (event,) = see(service, service.stored(), records)
    assert (event.number, event.properties) == (None, ("smtp-server",))


def test_a_restored_storage_does_not_pass_over_a_restart() -> None:
    service = mail(use_start_tls=False)
    commit(service.ctx, setting("mail-server", "one", use_ssl=True))
    restored = service.stored().replace(epoch="second", number=1)
    (event,) = see(service, restored)
    assert (event.restored, event.properties) == (True, ())
    assert service.value(ONE, "use-ssl") == ("false",)


def test_a_state_that_does_not_hold_leaves_the_last_good_one_in_effect_until_it_is_mended() -> None:
    service = mail(use_start_tls=False)
    kept = service.state.judged
    commit(service.ctx, setting("mail-server", "one", auth_username="me"))
    assert see(service, edit(service, ONE, use_ssl="true", use_start_tls="true", enabled="maybe")) == ()
    assert {one.property for one in service.state.problems} >= {"enabled"}
    assert {one.constraint for one in service.state.problems} >= {"ssl-or-start-tls"}
    commit(service.ctx, setting("mail-server", "one", smtp_server="new.example.com"))
    assert see(service, edit(service, ONE, auth_password="&{lost}", enabled="maybe")) == ()
    assert (service.state.judged, service.state.number) == (kept, 1)
    assert [(one.number, one.properties) for one in service.look()] == [(2, ("auth-username",)), (3, ("smtp-server",))]
    assert service.state.problems == ()


def test_a_process_does_not_begin_with_a_state_that_does_not_hold() -> None:
    service = mail()
    commit(service.ctx, setting("mail-server", "one", smtp_server="&{lost}", auth_username="&{gone}"))
    with pytest.raises(ExpressionError) as caught:
        Service(service.ctx, make_evaluator(lambda _: NotFound()))
    assert len(caught.value.diagnostics) >= 2


def test_a_restart_during_a_state_that_does_not_hold_is_found_when_it_is_mended() -> None:
    service = mail(use_start_tls=False)
    commit(service.ctx, setting("mail-server", "one", use_ssl=True))
    service.look()
    commit(service.ctx, setting("mail-server", "one", enabled=False))
    broken = edit(service, ONE, smtp_server="not a host")
    see(service, broken)
    commit(service.ctx, setting("mail-server", "one", enabled=True))
    broken = edit(service, ONE, smtp_server="not a host")
    see(service, broken)
    assert service.state.problems != ()
    service.look()
    assert service.state.problems == ()
    assert service.value(ONE, "use-ssl") == ("true",)


def test_without_a_history_the_count_of_disablings_tells_of_a_restart() -> None:
    registry = builtin()
    obj = next(one for one in mail(use_start_tls=False).ctx.site.all_objects() if str(one.path) == ONE)
    changed = obj.replace(values={**obj.values, "use-ssl": ("true",)})

    def stored(one: Any, disablings: int | None) -> StoredState:
        made = evaluate_object(one, registry, evaluate_defaults, disablings=disablings)
        base = read_stored(registry, evaluate_defaults, [])
        return base.replace(objects=base.objects.with_changes({one.path: made}))

    def value(state: LiveState) -> tuple[str, ...]:
        return state.judged[obj.path].readings["use-ssl"].values

    state = begin(registry, evaluate_defaults, stored(obj, 4))
    state, _ = advance(state, stored(changed, 4))
    assert value(state) == ("false",)
    again, _ = advance(state, stored(changed, 5))
    assert value(again) == ("true",)
    at_once, _ = advance(begin(registry, evaluate_defaults, stored(obj, 4)), stored(changed, 5))
    assert value(at_once) == ("true",)
    _, (event,) = advance(begin(registry, evaluate_defaults, stored(obj, 4)), stored(obj, 5))
    assert (event.properties, event.restarted) == ((), True)
    no_count, _ = advance(state, stored(changed, None))
    assert value(no_count) == ("false",)


def test_a_value_in_effect_stays_what_it_was_whatever_its_expression_gives_later() -> None:
    words = {"tls": "false", "host": "a.example.com"}

    def provide(need: Any) -> Found | NotFound:
        return Found((words[str(need)],), "file f") if str(need) in words else NotFound()

    ctx = manage(builtin())
    with ctx.change() as tx:
        tx.create(
            "mail-server",
            "one",
            {**MAIL_SERVER, "use-ssl": "&{tls}", "use-start-tls": False, "smtp-server": "&{host}"},
        )
    service = Service(ctx, make_evaluator(provide))
    words["tls"] = "true"
    (event,) = service.look()
    assert (event.number, event.properties, len(event.waiting)) == (None, (), 1)
    assert service.value(ONE, "use-ssl") == ("false",)
    words["host"] = "b.example.com"
    (event,) = service.look()
    assert (event.number, event.properties) == (None, ("smtp-server",))
    assert service.value(ONE, "use-ssl") == ("false",)
    (event,) = service.restart_component(ONE)
    assert event.after is not None
    assert event.after.readings["use-ssl"].values == ("true",)
    assert event.after.readings["use-ssl"].origins == ("file f",)


@pytest.mark.parametrize("kept", [True, False])
def test_old_secrets_come_from_the_protected_place_or_what_was_known_at_first_stays(kept: bool) -> None:
    service = mail(auth_username="me", auth_password="first", use_start_tls=False)
    commit(service.ctx, setting("mail-server", "one", auth_password="second"))
    commit(service.ctx, setting("mail-server", "one", auth_password="third", use_ssl=True))
    records = read_records(service.ctx.site)
    service.state, events = advance(
        service.state, service.stored(), records if kept else [one.replace(kept=()) for one in records]
    )
    assert service.value(ONE, "auth-password") == (("second",) if kept else ("first",))
    assert "********" not in str([one.after and one.after.readings["auth-password"].values for one in events])
    service.restart_component(ONE)
    assert service.value(ONE, "auth-password") == ("third",)


def test_nothing_that_is_printed_holds_a_secret() -> None:
    service = mail(auth_username="me", auth_password="canary")
    commit(service.ctx, setting("mail-server", "one", auth_password="canary2", use_ssl=True, use_start_tls=False))
    events = service.look()
    for printed in (
        service.state,
        service.stored(),
        events,
        service.state.pending,
        *service.state.stored.objects.values(),
    ):
        assert "canary" not in repr(printed)


def test_an_object_that_is_deleted_and_created_again_starts_with_all_its_values() -> None:
    service = mail(use_start_tls=False)
    commit(service.ctx, lambda tx: tx.delete("mail-server", "one"))
    values = {**MAIL_SERVER, "use-start-tls": False, "use-ssl": True}
    commit(service.ctx, lambda tx: tx.create("mail-server", "one", values))
    assert [(one.kind, one.number) for one in service.look()] == [("deleted", 2), ("added", 3)]
    assert service.value(ONE, "use-ssl") == ("true",)


def test_an_object_that_replaces_one_whose_deletion_waits_is_told_as_another_one() -> None:
    service = mail(provider=True, use_start_tls=False)
    commit(service.ctx, setting("mail-server", "one", use_ssl=True, trust_manager_provider=None))
    commit(service.ctx, lambda tx: tx.delete("trust-manager-provider", "p"))
    service.look()
    assert [one[:2] for one in service.waiting()] == [(ONE, "changed"), ("/trust-manager-provider/p", "deleted")]
    commit(service.ctx, lambda tx: tx.create("trust-manager-provider", "p", {"enabled": True}, type="system"))
    events = service.look()
    assert [(one.kind, one.number, one.before is None, one.after is None) for one in events] == [
        ("deleted", 5, False, True),
        ("added", 5, True, False),
    ]
    assert service.waiting() == [
        (ONE, "changed", ("trust-manager-provider", "use-ssl"), ((ONE, "use-ssl", "component-restart"),), 3)
    ]


def test_server_restart_and_other_actions_count_for_the_next_process() -> None:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("store", "s", {"enabled": True, "location": "/s"})
        tx.create("queue", "q", {"enabled": True, "store": "s"}, type="disk")
    service = Service(ctx)
    commit(ctx, setting("depot-settings", (), site_name="other"))
    commit(ctx, setting("queue", "q", spill_store="s"))
    commit(ctx, setting("queue", "q", enabled=False))
    commit(ctx, setting("queue", "q", enabled=True))
    service.look()
    assert service.waiting() == [
        ("/depot-settings", "changed", ("site-name",), (("/depot-settings", "site-name", "server-restart"),), 2),
        ("/queue/q", "changed", ("spill-store",), (("/queue/q", "spill-store", "other"),), 3),
    ]
    assert service.look("/queue/q", "/depot-settings") == ()
    assert Service(ctx).value("/queue/q", "spill-store") == ("s",)


def test_an_action_is_needed_only_where_the_value_changes() -> None:
    service = mail(use_start_tls=False)
    commit(service.ctx, setting("mail-server", "one", use_ssl=False))  # it is by default
    assert service.look() == ()
    assert service.waiting() == []


def test_a_derived_value_is_never_one_that_it_had_neither_before_nor_has_in_the_storage() -> None:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("queue", "q", {"enabled": True, "batch-size": 60}, type="custom-memory")
    service = Service(ctx)
    commit(ctx, setting("depot-settings", (), batch_size=60, site_name="other"))
    commit(ctx, setting("queue", "q", batch_size=None))
    service.look()
    assert service.value("/depot-settings", "batch-size") == ("50",)
    assert service.value("/queue/q", "batch-size") == ("60",)  # it would be 50
    action = ("/depot-settings", "site-name", "server-restart")
    assert service.waiting() == [
        ("/depot-settings", "changed", ("site-name", "batch-size"), (action,), 2),
        ("/queue/q", "changed", ("batch-size",), (action,), 3),
    ]


def test_a_default_with_cases_follows_what_is_in_effect() -> None:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("courier", "mule", {"road": "open"})
    service = Service(ctx)
    commit(ctx, setting("courier", "mule", road="tunnel"))
    service.look()
    assert [service.value("/courier/mule", name) for name in ("gate", "lamps")] == [("9",), ("front", "rear")]
    commit(ctx, setting("courier", "mule", road=None))
    commit(ctx, setting("depot-settings", (), batch_size=60))
    service.look()
    assert [service.value("/courier/mule", name) for name in ("gate", "lamps")] == [("1",), ("front",)]
    # lamps follow the batch size of the settings, which will wait, so that the reset of the own one waits as well
    commit(ctx, setting("courier", "mule", batch_size=50))
    service.look()
    assert service.value("/courier/mule", "lamps") == ("rear",)
    commit(ctx, setting("depot-settings", (), batch_size=50, site_name="other"))
    commit(ctx, setting("courier", "mule", batch_size=None))
    service.look()
    assert service.value("/depot-settings", "batch-size") == ("60",)
    assert service.value("/courier/mule", "lamps") == ("rear",)
    assert {one[0] for one in service.waiting()} == {"/depot-settings", "/courier/mule"}


def test_a_missing_value_comes_from_what_requires_it() -> None:
    ctx = manage(depot())
    with ctx.change() as tx:
        tx.create("messenger", "fox", {"destination": "far:1", "bearer": "Ann", "watchword": "w"})
    state = Service(ctx).state
    path = depot().path_of("messenger", "fox")
    held = state.effect.objects[path]
    readings = {name: reading for name, reading in held.readings.items() if name != "watchword"}
    values = {name: texts for name, texts in held.object.values.items() if name != "watchword"}
    without = held.replace(object=held.object.replace(values=values), readings=readings)
    [finding] = try_changes(state.effect, state.evaluate, {path: without}).findings
    assert [problem.property for problem in finding.problems] == ["watchword"]
    assert finding.involved == {path: frozenset({"watchword", "bearer"})}


def test_a_change_of_what_waits_already_waits_with_it() -> None:
    service = mail(use_start_tls=False)
    commit(service.ctx, setting("mail-server", "one", use_ssl=True, smtp_server="b.example.com:465"))
    commit(service.ctx, setting("mail-server", "one", smtp_server="c.example.com:465", auth_username="me"))
    service.look()
    assert [(one[2], one[4]) for one in service.waiting()] == [(("auth-username", "smtp-server", "use-ssl"), 2)]


def test_an_object_that_reading_finds_broken_is_seen_although_its_values_are_the_same() -> None:
    service = mail()
    stored = service.stored()
    where = service.path(ONE)
    held = stored.objects[where]
    problem = Diagnostic("broken-data", "two entries have this name", path=ONE)
    broken = held.replace(object=held.object.replace(problems=(problem,)))
    assert see(service, stored.replace(objects=stored.objects.with_changes({where: broken}))) == ()
    assert list(service.state.problems) == [problem]
    assert see(service, stored) == ()
    assert list(service.state.problems) == []


def test_values_of_the_past_are_those_that_were_seen_then() -> None:
    words = {"host": "a.example.com"}

    def provide(need: Any) -> Found | NotFound:
        return Found((words[str(need)],), "file f") if str(need) in words else NotFound()

    ctx = manage(builtin())
    with ctx.change() as tx:
        tx.create("mail-server", "one", {**MAIL_SERVER, "smtp-server": "&{host}"})
    service = Service(ctx, make_evaluator(provide))
    words["host"] = "b.example.com"
    commit(ctx, setting("mail-server", "one", smtp_server="c.example.com"))
    (event,) = service.look()
    assert (event.number, event.properties) == (2, ("smtp-server",))


def test_an_object_that_was_changed_and_then_deleted_by_hand_is_deleted() -> None:
    service = mail()
    commit(service.ctx, setting("mail-server", "one", smtp_server="c.example.com"))
    stored = service.stored()
    gone = stored.replace(objects=stored.objects.with_changes({service.path(ONE): None}))
    (event,) = see(service, gone)
    assert (event.kind, event.number, event.after) == ("deleted", None, None)
    assert service.state.number == 2


# -- constraints that look at another object ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/oauth2-provider/p", ONE])
def test_a_constraint_that_looks_at_another_object_holds_whichever_of_them_is_edited(path: str) -> None:
    service = mail()
    provider = {
        "enabled": True,
        "grant-type": "client-credentials",
        "token-endpoint": "https://login.example/token",
        "client-id": "c",
        "client-secret": "s",
        "allowed-mail-host": "smtp.example.com",
    }
    server = {
        **MAIL_SERVER,
        "smtp-server": "smtp.example.com:587",
        "auth-username": "a@x.test",
        "authentication": "oauth2",
        "oauth2-provider": "p",
        "use-start-tls": True,
    }
    with service.ctx.change() as tx:
        tx.delete("mail-server", "one")
        tx.create("oauth2-provider", "p", provider)
        tx.create("mail-server", "one", server, type="external-smtp")
    service.look()
    is_provider = path != ONE
    values = {"allowed_mail_host": "other.example"} if is_provider else {"smtp_server": "evil.test:587"}
    see(service, edit(service, path, **values))
    assert service.value("/oauth2-provider/p", "allowed-mail-host") == ("smtp.example.com",)
    assert service.value(ONE, "smtp-server") == ("smtp.example.com:587",)
    see(service, edit(service, "/oauth2-provider/p", allowed_mail_host="*.example.com"))
    assert service.value("/oauth2-provider/p", "allowed-mail-host") == ("*.example.com",)
