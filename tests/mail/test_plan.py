"""From an object to a plan: security, login, sender, limits, and everything wrong at once."""

from __future__ import annotations

import pytest

from confobjects.errors import MailError
from confobjects.mail.plan import Proxy
from confobjects.mail.planning import plan_delivery
from confobjects.syntaxes.text import NameValue
from tests.servers import mail_server, provider

LOGIN = {"auth_username": "ann", "auth_password": "canary-1"}
ALLOW = "confobjects.allow-insecure="


@pytest.mark.parametrize(
    ("values", "settings", "security"),
    [
        ({}, [], "starttls-required"),
        ({"use_ssl": True}, [], "implicit-tls"),
        ({"use_start_tls": False}, [], "none"),
        ({}, ["mail.smtp.ssl.enable=true"], "implicit-tls"),
        ({}, ["mail.transport.protocol=smtps"], "implicit-tls"),
        ({}, ["mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory"], "implicit-tls"),
        ({"use_start_tls": False}, ["mail.smtp.starttls.required=true"], "starttls-required"),
        ({"use_start_tls": False}, ["mail.smtp.starttls.enable=true"], "starttls-required"),
        ({"use_start_tls": False}, ["mail.smtp.starttls.enable=false"], "none"),
        ({}, ["mail.smtp.starttls.required=false", ALLOW + "opportunistic-starttls"], "starttls-if-offered"),
        ({}, ["mail.smtp.starttls.enable=false", ALLOW + "no-tls"], "none"),
        ({"use_ssl": True}, ["mail.smtp.ssl.enable=false", ALLOW + "no-tls"], "none"),
        ({"use_ssl": True}, ["mail.smtp.starttls.enable=true"], "implicit-tls"),
    ],
)
def test_the_security_follows_the_object_and_its_settings(
    values: dict[str, bool], settings: list[str], security: str
) -> None:
    plan = plan_delivery(mail_server(587, *settings, **values))
    assert plan.security == security


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ({}, "mail.smtp.starttls.enable=false"),
        ({"use_ssl": True}, "mail.smtp.ssl.enable=false"),
        ({}, "mail.smtp.starttls.required=false"),
        ({}, "mail.smtp.ssl.trust=*"),
        ({}, "mail.smtp.ssl.checkserveridentity=false"),
        ({"use_ssl": True}, "mail.smtp.socketFactory.fallback=true"),
    ],
)
def test_nothing_fails_open_without_permission(values: dict[str, bool], setting: str) -> None:
    with pytest.raises(MailError) as caught:
        plan_delivery(mail_server(587, setting, **values))
    assert (caught.value.stage, caught.value.exit_code) == ("plan", 51)
    assert "allow-insecure" in str(caught.value)


def test_a_login_without_tls_is_refused_at_stage_auth() -> None:
    with pytest.raises(MailError) as caught:
        plan_delivery(mail_server(25, use_start_tls=False, **LOGIN))
    assert (caught.value.stage, caught.value.exit_code) == ("auth", 46)
    assert "canary-1" not in str(caught.value)
    plan = plan_delivery(mail_server(25, ALLOW + "login-in-clear", use_start_tls=False, **LOGIN))
    assert plan.login is not None
    assert plan.login.in_clear
    assert len(plan.warnings) == 1


def test_every_problem_is_reported_and_those_of_the_plan_come_first() -> None:
    server = mail_server(
        25, "mail.smtp.prot=1", "mail.smtp.timeout=x", enabled=False, use_start_tls=False, auth_password="canary-2"
    )
    with pytest.raises(MailError) as caught:
        plan_delivery(server)
    assert {d.code for d in caught.value.diagnostics} == {"mail-plan"}
    assert len(caught.value.diagnostics) == 4
    assert all(d.path == "/mail-server/one" for d in caught.value.diagnostics)


def test_settings_override_the_normal_properties_and_say_so() -> None:
    server = mail_server(
        587,
        "mail.smtp.host=other.example",
        "mail.smtps.port=2525",
        "mail.smtp.user=bob",
        "mail.smtp.timeout=1500",
        "mail.smtp.proxy.host=proxy.example:8080",
        "mail.smtp.proxy.user=pu",
        "mail.smtp.proxy.password=canary-3",
        "confobjects.allow-insecure=proxy-login-in-clear",
        **LOGIN,
    )
    plan = plan_delivery(server)
    assert (plan.host, plan.port, plan.timeouts.reply) == ("other.example", 2525, 1.5)
    assert plan.login is not None
    assert plan.login.username == "bob"
    assert plan.proxy == Proxy("http", "proxy.example", 8080, "pu", "canary-3")
    origins = {setting.name: setting.origin for setting in plan.settings}
    assert origins["host"] == "smtp-property mail.smtp.host"
    assert origins["port"] == "smtp-property mail.smtps.port"
    assert origins["security"] == "use-start-tls (stored)"
    assert origins["connectiontimeout"] == "default"
    assert "canary" not in repr(plan) + str(plan.settings)


def test_the_factory_port_counts_where_a_factory_is_set() -> None:
    factory = "mail.smtp.socketFactory.class=javax.net.ssl.SSLSocketFactory"
    both = ["mail.smtp.socketFactory.port=465", "mail.smtp.port=26"]
    assert plan_delivery(mail_server(587, factory, *both)).port == 465
    assert plan_delivery(mail_server(587, *both)).port == 26


@pytest.mark.parametrize(
    ("values", "settings", "sender"),
    [
        ({}, [], None),
        (LOGIN, [], None),
        ({**LOGIN, "auth_username": "ann@example.com"}, [], "ann@example.com"),
        ({**LOGIN, "auth_username": "ann@example.com"}, ["mail.from=x@example.com"], "x@example.com"),
        ({}, ["mail.from=x@example.com", "mail.smtp.from=y@example.com"], "y@example.com"),
        ({}, ["mail.smtp.from=<>"], ""),
    ],
)
def test_the_sender_rule(values: dict[str, str], settings: list[str], sender: str | None) -> None:
    plan = plan_delivery(mail_server(587, *settings, **values))
    assert plan.sender == sender
    assert plan.sender_for("me.example") == ("postmaster@me.example" if sender is None else sender)


@pytest.mark.parametrize(
    ("settings", "host", "name"),
    [
        ([], "", None),
        ([], "laptop", None),
        ([], "localhost.localdomain", None),
        ([], "host.example.com", "host.example.com"),
        (["mail.smtp.localhost=me.example"], "host.example.com", "me.example"),
        (["mail.smtp.localaddress=192.0.2.7"], "host.example.com", "[192.0.2.7]"),
        (["mail.smtp.localaddress=2001:db8::7"], "", "[IPv6:2001:db8::7]"),
    ],
)
def test_the_ehlo_name(settings: list[str], host: str, name: str | None) -> None:
    assert plan_delivery(mail_server(587, *settings), local_host=host).ehlo_name == name


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (
            {"auth_username": "ann"},
            ["mail.smtp.auth=true"],
            "mail.smtp.auth requires a login, but there is no auth-password",
        ),
        ({}, ["mail.smtp.auth=true"], "mail.smtp.auth requires a login, but there is no auth-username"),
        ({"auth_password": "x"}, [], "auth-password is set without auth-username"),
        ({"enabled": False}, [], "the mail server is disabled"),
        (
            {"use_ssl": True, "use_start_tls": True},
            [],
            "use-ssl and use-start-tls are both true, but only one of them can be used",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(values: dict[str, object], settings: list[str], message: str) -> None:
    with pytest.raises(MailError) as caught:
        plan_delivery(mail_server(587, *settings, **values))
    assert [d.summary for d in caught.value.diagnostics] == [message]


def test_a_login_can_be_switched_off_and_its_mechanisms_chosen() -> None:
    assert plan_delivery(mail_server(587, "mail.smtp.auth=false", **LOGIN)).login is None
    chosen = plan_delivery(
        mail_server(587, "mail.smtp.auth.mechanisms=LOGIN", "mail.smtp.auth.plain.disable=true", **LOGIN)
    )
    assert chosen.login is not None
    assert (chosen.login.mechanisms, chosen.login.disabled) == (("LOGIN",), frozenset({"PLAIN"}))


def test_a_mechanism_for_tokens_takes_the_password_for_one() -> None:
    login = {"auth_username": "u", "auth_password": "canary-token"}
    plan = plan_delivery(mail_server(587, "mail.smtp.auth.mechanisms=XOAUTH2", **login))
    assert plan.login is not None
    assert plan.login.token == "canary-token"
    plan = plan_delivery(mail_server(587, "mail.smtp.auth.mechanisms=PLAIN", **login))
    assert plan.login is not None
    assert plan.login.token == ""


def test_a_token_replaces_the_password() -> None:
    plan = plan_delivery(mail_server(587, auth_username="ann"), token="canary-4")
    assert plan.login is not None
    assert plan.login.token == "canary-4"
    assert "canary-4" not in repr(plan) + str(plan.settings)


def test_the_trust_source_holds_the_providers_values_and_hides_its_pin() -> None:
    trust = provider("file-based", trust_store_file="ca.p12", trust_store_pin="canary-5", instance_directory="/i")
    plan = plan_delivery(mail_server(587, trust=trust))
    assert plan.trust.get("trust-store-pin") == "canary-5"
    assert plan.trust.instance_directory == "/i"
    assert "canary-5" not in repr(plan) + str(plan.settings)
    assert "ca.p12" in plan.trust.description


def test_a_disabled_trust_manager_is_refused_only_while_tls_is_used() -> None:
    trust = provider("blind", enabled=False)
    with pytest.raises(MailError) as caught:
        plan_delivery(mail_server(587, trust=trust))
    assert caught.value.diagnostics[0].property == "trust-manager-provider"
    plan_delivery(mail_server(25, trust=trust, use_start_tls=False))


def test_every_honoured_setting_is_listed_once() -> None:
    server = mail_server(587, "mail.smtp.dsn.ret=FULL", "mail.smtp.sendpartial=true")
    plan = plan_delivery(server)
    named = [s.name for s in plan.settings]
    assert {"dsn.ret", "sendpartial"} <= set(named)
    assert len(named) == len(set(named))
    assert (plan.options.ret, plan.options.send_partial) == ("FULL", True)
    assert NameValue("mail.smtp.dsn.ret", "FULL") in server["smtp-property"]
