"""The rule of what is in effect, on mail servers and trust manager providers."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.effect import list_waiting, make_configuration
from tests.effect.services import Service, commit, mail, setting

ONE = "/mail-server/one"
PROVIDER = "/trust-manager-provider/p"
RESTART = (ONE, "use-ssl", "component-restart")


def set_one(service: Service, **values: Any) -> None:
    commit(service.ctx, setting("mail-server", "one", **values))


def test_a_change_without_an_action_counts_at_once() -> None:
    service = mail()
    set_one(service, smtp_server="other.example.com:2525")
    (event,) = service.look()
    assert service.value(ONE, "smtp-server") == ("other.example.com:2525",)
    assert (event.kind, str(event.path), event.properties, event.waiting, event.number) == (
        "changed",
        ONE,
        ("smtp-server",),
        (),
        2,
    )
    assert event.before is not None
    assert event.after is not None
    assert event.before.readings["smtp-server"].values == ("smtp.example.com",)
    assert event.after.readings["smtp-server"].values == ("other.example.com:2525",)
    assert service.look() == ()


def test_a_change_that_needs_a_component_restart_waits_for_it_with_the_sentence_of_the_operator() -> None:
    service = mail(use_start_tls=False)
    set_one(service, use_ssl=True)
    (event,) = service.look()
    assert (event.kind, event.properties, event.number, event.before) == ("changed", (), 2, event.after)
    assert service.value(ONE, "use-ssl") == ("false",)
    (waiting,) = event.waiting
    assert list_waiting(service.state) == (waiting,)
    assert (str(waiting.path), waiting.kind, waiting.properties, waiting.since) == (ONE, "changed", ("use-ssl",), 2)
    (action,) = waiting.actions
    assert action.synopsis == "The object must be disabled and re-enabled for changes to take effect."
    assert service.look() == ()


def test_an_object_that_is_disabled_and_enabled_is_told_as_restarted_with_nothing_waiting() -> None:
    service = mail()
    commit(
        service.ctx,
        setting("mail-server", "one", enabled=False),
        setting("mail-server", "one", enabled=True),
    )
    (event,) = service.look()
    assert (event.kind, event.properties, event.number, event.restarted) == ("changed", (), 2, True)
    assert (event.before, event.waiting) == (event.after, ())
    assert service.look() == ()
    for enabled in (False, True):
        set_one(service, enabled=enabled)
    events = service.look()
    assert [(one.properties, one.number, one.restarted) for one in events] == [
        (("enabled",), 3, False),
        (("enabled",), 4, False),
    ]


def test_from_start_tls_to_tls_in_one_commit_all_of_it_waits() -> None:
    service = mail()
    set_one(service, use_ssl=True, use_start_tls=False, smtp_server="smtp.example.com:465")
    service.look()
    assert service.value(ONE, "use-ssl") == ("false",)
    assert service.value(ONE, "use-start-tls") == ("true",)
    assert service.value(ONE, "smtp-server") == ("smtp.example.com",)
    assert service.waiting() == [(ONE, "changed", ("smtp-server", "use-ssl", "use-start-tls"), (RESTART,), 2)]
    (event,) = service.restart_component(ONE)
    assert event.properties == ("smtp-server", "use-ssl", "use-start-tls")
    assert (event.number, event.waiting) == (2, ())
    assert service.value(ONE, "use-ssl") == ("true",)
    assert service.waiting() == []


def test_from_tls_to_start_tls_in_two_commits_the_second_waits_for_the_first() -> None:
    service = mail(use_ssl=True, use_start_tls=False)
    set_one(service, use_ssl=False)
    service.look()
    set_one(service, use_start_tls=True)
    (event,) = service.look()
    assert (service.value(ONE, "use-ssl"), service.value(ONE, "use-start-tls")) == (("true",), ("false",))
    assert service.waiting() == [
        (ONE, "changed", ("use-ssl",), (RESTART,), 2),
        (ONE, "changed", ("use-start-tls",), (RESTART,), 3),
    ]
    assert event.properties == ()
    set_one(service, smtp_server="other.example.com")  # what has nothing to do with it counts
    service.look()
    assert service.value(ONE, "smtp-server") == ("other.example.com",)
    (event,) = service.restart_component(ONE)
    assert (event.properties, service.waiting()) == (("use-ssl", "use-start-tls"), [])


def test_from_start_tls_to_tls_in_two_commits_the_first_counts() -> None:
    service = mail()
    set_one(service, use_start_tls=False)
    service.look()
    set_one(service, use_ssl=True)
    service.look()
    assert (service.value(ONE, "use-ssl"), service.value(ONE, "use-start-tls")) == (("false",), ("false",))
    assert service.waiting() == [(ONE, "changed", ("use-ssl",), (RESTART,), 3)]


def test_a_change_of_a_value_that_waits_waits_with_it() -> None:
    service = mail()
    set_one(service, use_ssl=True, use_start_tls=False)
    set_one(service, use_start_tls=False, auth_username="me")
    set_one(service, smtp_server="a.example.com", use_ssl=None, use_start_tls=None)  # what waited is taken back
    service.look()
    assert service.waiting() == []
    assert service.value(ONE, "smtp-server") == ("a.example.com",)
    assert service.value(ONE, "auth-username") == ("me",)


def test_a_provider_cannot_be_disabled_in_effect_while_the_old_use_ssl_needs_it() -> None:
    service = mail(provider=True, use_ssl=True, use_start_tls=False)
    set_one(service, use_ssl=False)
    service.look()
    commit(service.ctx, setting("trust-manager-provider", "p", enabled=False))
    (event,) = service.look()
    assert (event.kind, str(event.path), event.properties) == ("changed", PROVIDER, ())
    assert service.value(PROVIDER, "enabled") == ("true",)
    assert service.waiting() == [
        (ONE, "changed", ("use-ssl",), (RESTART,), 3),
        (PROVIDER, "changed", ("enabled",), (RESTART,), 4),
    ]
    events = service.restart_component(ONE)
    assert [(str(one.path), one.properties) for one in events] == [(ONE, ("use-ssl",)), (PROVIDER, ("enabled",))]
    assert service.value(PROVIDER, "enabled") == ("false",)


def test_a_waiting_reference_keeps_its_old_target_in_effect_even_a_deleted_one() -> None:
    service = mail(provider=True, use_start_tls=False)
    set_one(service, use_ssl=True, trust_manager_provider=None)
    service.look()
    commit(service.ctx, lambda tx: tx.delete("trust-manager-provider", "p"))
    (event,) = service.look()
    assert (event.kind, event.after is not None, event.properties) == ("deleted", True, ())
    assert service.value(ONE, "trust-manager-provider") == ("p",)
    assert PROVIDER in service
    assert service.waiting() == [
        (ONE, "changed", ("trust-manager-provider", "use-ssl"), (RESTART,), 3),
        (PROVIDER, "deleted", (), (RESTART,), 4),
    ]
    events = service.restart_component(ONE)
    assert [(one.kind, str(one.path)) for one in events] == [("changed", ONE), ("deleted", PROVIDER)]
    assert PROVIDER not in service


def test_what_collides_counts_as_soon_as_it_no_longer_collides() -> None:
    service = mail(provider=True, use_ssl=True, use_start_tls=False)
    set_one(service, use_ssl=False)
    commit(service.ctx, setting("trust-manager-provider", "p", enabled=False))
    service.look()
    assert service.value(PROVIDER, "enabled") == ("true",)
    set_one(service, trust_manager_provider=None)
    service.look()
    assert service.value(PROVIDER, "enabled") == ("false",)
    assert service.waiting() == [(ONE, "changed", ("use-ssl",), (RESTART,), 3)]


def test_disabled_and_enabled_again_is_found_in_the_history_not_by_comparing_states() -> None:
    service = mail(use_start_tls=False)
    set_one(service, use_ssl=True)
    service.look()
    set_one(service, enabled=False)
    set_one(service, enabled=True)
    events = service.look()
    assert service.value(ONE, "use-ssl") == ("true",)
    assert service.waiting() == []
    assert [one.number for one in events] == [3, 4]


@pytest.mark.parametrize("order", [("use", "off", "on"), ("off", "use", "on"), ("off", "on", "use")])
def test_only_what_was_changed_before_it_was_enabled_again_counts(order: tuple[str, ...]) -> None:
    service = mail(use_start_tls=False)
    steps: dict[str, dict[str, Any]] = {"use": {"use_ssl": True}, "off": {"enabled": False}, "on": {"enabled": True}}
    for step in order:
        set_one(service, **steps[step])
    service.look()
    assert service.value(ONE, "use-ssl") == (("false",) if order[-1] == "use" else ("true",))


def test_a_disabled_object_takes_every_value_as_the_operator_is_told() -> None:
    service = mail(use_start_tls=False)
    set_one(service, enabled=False, use_ssl=True)
    service.look()
    assert (service.value(ONE, "enabled"), service.value(ONE, "use-ssl")) == (("false",), ("true",))
    assert service.waiting() == []


@pytest.mark.parametrize("first", [True, False])
def test_a_batch_that_disables_and_enables_counts(first: bool) -> None:
    service = mail(use_start_tls=False)
    use = setting("mail-server", "one", use_ssl=True)
    off, on = (setting("mail-server", "one", enabled=value) for value in (False, True))
    commit(service.ctx, *((use, off, on) if first else (off, use, on)))
    (event,) = service.look()
    assert (event.number, event.properties, event.waiting) == (2, ("use-ssl",), ())


def test_what_waits_counts_with_a_later_batch_that_disables_and_enables() -> None:
    service = mail(use_start_tls=False)
    set_one(service, use_ssl=True)
    service.look()
    off, on = (setting("mail-server", "one", enabled=value) for value in (False, True))
    commit(service.ctx, off, on)
    (event,) = service.look()
    assert (event.number, event.properties, event.waiting) == (3, ("use-ssl",), ())


def test_programs_see_one_consistent_state_with_the_old_targets_of_references() -> None:
    service = mail(provider=True, use_start_tls=False)
    set_one(service, use_ssl=True, trust_manager_provider=None, smtp_server="new.example.com")
    commit(service.ctx, lambda tx: tx.delete("trust-manager-provider", "p"))
    service.look()
    before = make_configuration(service.state, "/etc/mail")
    service.restart_component(ONE)
    after = make_configuration(service.state, "/etc/mail")
    target = before["mail-server", "one"].reference("trust-manager-provider")
    assert target is not None
    assert (target.path, target.type) == (PROVIDER, "blind-trust-manager-provider")
    assert before["mail-server", "one"]["smtp-server"].host == "smtp.example.com"
    assert (PROVIDER in [one.path for one in before], PROVIDER in [one.path for one in after]) == (True, False)
    assert after["mail-server", "one"].reference("trust-manager-provider") is None
    assert after["mail-server", "one"]["smtp-server"].host == "new.example.com"
    assert [one.path for one in after] == ["/mail-server/one", "/mail-service"]
