"""The types of mail server: what each plans, what it never does, and remedies that can be followed in it."""

from __future__ import annotations

import itertools
import ssl
from typing import Any

import pytest

from confobjects.actions import RemedyAction, remedy_text
from confobjects.definitions_loading import load_registry
from confobjects.errors import MailError
from confobjects.mail.constraints import smtp_properties
from confobjects.mail.diagnosis import Trouble, diagnose
from confobjects.mail.failures import TABLE
from confobjects.mail.kinds import CLEAR, CUSTOM, EXTERNAL, KINDS, SOCKET_FACTORY, kind_of
from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.mail.property_table import HONOURED, OWN, WEAKNESSES, row_of, rows
from confobjects.tls.contexts import VERSIONS, Recipe, context_for
from tests.mail.test_honoured import BESIDE, key_of_row, planned, sample
from tests.mail.test_properties import View
from tests.servers import Given, mail_server

LOGIN = {"auth_username": "ann@example.com", "auth_password": "canary-1"}
ALLOW_ALL = f"confobjects.allow-insecure={','.join(sorted(WEAKNESSES))}"
TLS = {"implicit-tls", "starttls-required"}


def custom(port: int, *settings: str) -> Given:
    starttls = port in {25, 587, 2525}
    return mail_server(port, *settings, type=CUSTOM, use_ssl=not starttls, use_start_tls=starttls, **LOGIN)


def external(*settings: str, **values: Any) -> Given:
    given = {"socket_factory_class": None, "socket_factory_port": None, "socket_factory_fallback": True, **values}
    is_factory = given["socket_factory_class"] == SOCKET_FACTORY
    facts = {"use_ssl": is_factory, "use_start_tls": False, "authentication": "username-password"}
    return mail_server(587, *settings, type=EXTERNAL, **{**facts, **LOGIN, **given})


FACTORY = {"socket_factory_class": SOCKET_FACTORY, "socket_factory_port": 465}
WEAK_ROWS = [
    "mail.smtp.starttls.enable=false",
    "mail.smtp.starttls.required=false",
    "mail.smtp.ssl.enable=false",
    "mail.smtp.ssl.enable=true",
    "mail.smtp.socketFactory.fallback=true",
    "mail.smtp.socketFactory.class=javax.net.SocketFactory",
    "mail.transport.protocol=smtp",
    "mail.smtp.ehlo=false",
    ALLOW_ALL,
]


@pytest.mark.parametrize("port", [25, 587, 2525, 465, 8025])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_custom_server_never_sends_in_clear(port: int, number: int) -> None:
    """Whatever rows it has together: there is no plan, or one that is protected and stays so."""
    for settings in itertools.combinations(WEAK_ROWS, number):
        try:
            plan = plan_delivery(custom(port, *settings))
        except MailError:
            continue
        assert plan.security in TLS
        assert not plan.options.fall_back_to_clear
        assert plan.login is not None
        assert not plan.login.in_clear


@pytest.mark.parametrize("port", [587, 465])
def test_nothing_is_older_than_tls_1_2_whatever_a_custom_server_allows(port: int) -> None:
    """Neither what is used without a setting, nor what a setting can name."""
    usual = context_for(Recipe(blind=True, versions=plan_delivery(custom(port)).tls.versions))
    assert usual.minimum_version is ssl.TLSVersion.TLSv1_2
    assert set(VERSIONS) == {"TLSv1.2", "TLSv1.3"}
    for version in ("TLSv1.1", "TLSv1", "SSLv3", "TLSv1.1 TLSv1.3"):
        with pytest.raises(MailError):
            plan_delivery(custom(port, f"mail.smtp.ssl.protocols={version}"))


@pytest.mark.parametrize("weakness", sorted(CLEAR))
def test_what_leads_to_clear_text_cannot_be_allowed_for_a_custom_server(weakness: str) -> None:
    with pytest.raises(MailError) as caught:
        plan_delivery(custom(465, f"confobjects.allow-insecure={weakness}"))
    [problem] = caught.value.diagnostics
    assert f"names {weakness}, which this type of mail server never allows" in problem.summary
    assert remedy_text(problem.remedy) == "Remove it."


def test_the_rows_of_a_custom_server_are_refused_without_advice_to_allow_them() -> None:
    for row in ("mail.smtp.starttls.enable=false", "mail.smtp.starttls.required=false"):
        with pytest.raises(MailError) as caught:
            plan_delivery(custom(587, row))
        assert "allow-insecure" not in str(caught.value)
        assert all(remedy_text(problem.remedy) == "Remove it." for problem in caught.value.diagnostics)


@pytest.mark.parametrize("row", ["mail.smtp.port=2525", "mail.smtps.port=25", "mail.smtp.socketFactory.port=465"])
def test_a_custom_server_has_its_port_in_one_place(row: str) -> None:
    rows_ = [tuple(row.split("=", 1)), ("mail.smtp.socketFactory.class", SOCKET_FACTORY)]
    view = View({**dict.fromkeys(custom(465), ()), "use-ssl": (True,), "smtp-property": tuple(rows_)})
    view.types = (CUSTOM, "mail-server")
    found = [problem.summary for problem in smtp_properties(view) if problem.severity == "error"]
    assert found == [f"{row.partition('=')[0]} gives another port than smtp-server, whose port decides how TLS is used"]


@pytest.mark.parametrize(
    ("values", "settings", "port", "security"),
    [
        (FACTORY, [], 465, "implicit-tls"),
        (FACTORY, ["mail.smtp.port=2465"], 465, "implicit-tls"),
        ({"socket_factory_port": 2465, "use_start_tls": True}, [], 2465, "starttls-required"),
        ({"use_start_tls": True}, [], 587, "starttls-required"),
        ({}, ["confobjects.allow-insecure=login-in-clear"], 587, "none"),
        ({"socket_factory_class": "a.b.C"}, ["confobjects.allow-insecure=login-in-clear"], 587, "none"),
    ],
)
def test_the_socket_factory_decides(values: dict[str, Any], settings: list[str], port: int, security: str) -> None:
    plan = plan_delivery(external(*settings, **values))
    assert (plan.port, plan.security, plan.sender) == (port, security, "ann@example.com")
    assert not plan.options.fall_back_to_clear


def test_without_tls_an_external_server_gets_no_login() -> None:
    with pytest.raises(MailError) as caught:
        plan_delivery(external())
    assert (caught.value.stage, caught.value.exit_code) == ("auth", 46)
    assert "use-ssl" not in remedy_text(caught.value.diagnostics[0].remedy)


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("allowed", [True, False])
def test_the_fallback_to_clear_text_has_to_be_allowed(*, asked: bool, allowed: bool) -> None:
    settings = ["confobjects.allow-insecure=socket-fallback"] if allowed else []
    plan = plan_delivery(external(*settings, **FACTORY, socket_factory_fallback=asked))
    assert plan.options.fall_back_to_clear is (asked and allowed)
    [said] = [one.value for one in plan.settings if one.name == "fallback"]
    assert said == {
        (True, True): "clear text",
        (True, False): "none: smtp-property does not allow socket-fallback",
    }.get((asked, allowed), "none")


# -- remedies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("code", sorted(code for code in TABLE if not code.startswith("token-")))  # of a provider
def test_a_remedy_can_be_followed_in_its_type(kind: str, code: str) -> None:
    """It names no property that the type lacks, and asks to set none that has its value from others."""
    properties = load_registry().definition(kind).properties
    trouble = Trouble("banner" if code == "not-smtp" else "connect", code)
    found = diagnose(trouble, {"host": "mail.example", "port": 1, "address": "192.0.2.1:1", "kind": kind})
    assert remedy_text(found.remedy).endswith(".")
    assert found.property in {"", *properties}
    assert not properties[found.property].is_fixed if found.property else True
    parts = [found.remedy] if isinstance(found.remedy, str) else found.remedy
    for part in parts:
        if isinstance(part, RemedyAction) and part.verb == "assign":
            assert not properties[part.arguments[0]].is_fixed
        elif isinstance(part, str):
            assert not [name for name in ("use-ssl", "use-start-tls") if name in part and properties[name].is_fixed]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_says_how_its_properties_are_set(kind: str) -> None:
    properties = load_registry().definition(kind).properties
    choosing = {name for name in ("use-ssl", "use-start-tls") if not properties[name].is_fixed}
    assert KINDS[kind].settable == choosing
    assert KINDS[kind].factory == ("socket-factory-class" in properties)
    assert KINDS[kind].remedies.keys() <= TABLE.keys()


def test_a_type_of_ones_own_is_of_the_kind_that_it_extends() -> None:
    assert kind_of(("our-relay", CUSTOM, "mail-server")).never == CLEAR
    assert kind_of(("our-relay", "mail-server")) is KINDS["mail-server"]


# -- what a secret travels with ---------------------------------------------------------------------------------------


def redirects(before: DeliveryPlan, after: DeliveryPlan) -> bool:
    names = ("host", "port", "security", "login", "trust", "tls", "proxy")
    changed = any(getattr(before, name) != getattr(after, name) for name in names)
    return changed or before.options.fall_back_to_clear != after.options.fall_back_to_clear


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_password_travels_with_every_row_that_says_where_as_whom_or_how_protected(kind: str) -> None:
    rule = load_registry().definition(kind).properties["auth-password"].re_entry
    assert rule is not None
    assert rule.severity == ("warning" if kind == "mail-server" else "error")
    [travel] = [one for one in rule.travels if one.property == "smtp-property"]
    for row in rows():
        if row.state != HONOURED:
            continue
        if row.type == "weaknesses":
            wanted = True
        else:
            key = key_of_row(row)
            before, beside = planned(*BESIDE.get(key, ()), clear=True), BESIDE.get(key, ())
            # What protects less may also be without effect beside what a plan has: TLS, a proxy.
            wanted = redirects(before, planned(*beside, sample(row), clear=True))
            wanted = wanted or redirects(planned(*beside, clear=False), planned(*beside, sample(row), clear=False))
        for name in (row.name, row.name.replace("mail.smtp.", "mail.smtps.")):
            assert travel.includes(name) is wanted, name
    assert not [name for name in OWN if name != "allow-insecure" and travel.includes(f"confobjects.{name}")]
    assert row_of("confobjects.allow-insecure") is not None


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_password_travels_with_every_property_that_says_so(kind: str) -> None:
    definition = load_registry().definition(kind)
    rule = definition.properties["auth-password"].re_entry
    assert rule is not None
    expected = set(definition.properties) - {
        "enabled",
        "auth-password",
        "oauth2-provider",
    }  # with that no password is sent
    assert {one.property for one in rule.travels} == expected
