"""A row that is said to be honoured changes the plan, one without effect does not: the table keeps its word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from confobjects.mail.plan import DeliveryPlan
from confobjects.mail.planning import plan_delivery
from confobjects.mail.property_table import HONOURED, KEYS, NO_EFFECT, OWN, WEAKNESSES, PropertyRow, row_of, rows
from tests.servers import key_provider, mail_server

LOGIN = {"auth_username": "ann", "auth_password": "x"}
SAMPLES = {
    "address": "192.0.2.9",
    "boolean": "true",
    "count": "3",
    "extensions": "CHUNKING",
    "factory": "javax.net.ssl.SSLSocketFactory",
    "FULL|HDRS": "HDRS",
    "host": "other.example",
    "host-port": "proxy.example:81",
    "hosts": "mx.example",
    "integer": "1",
    "local-name": "client.example",
    "mechanisms": "LOGIN",
    "milliseconds": "1234",
    "name": "the keys",
    "notify": "NEVER",
    "port": "2525",
    "protocols": "TLSv1.3",
    "secret": "secret",
    "sender": "bounce@example.com",
    "size": "4096",
    "smtp|smtps": "smtps",
    "suites": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "text": "word",
    "weaknesses": "no-tls",
}
"""A value of each type that is not the default."""

FALSE = {"ehlo", "auth", "quitwait", "noop.strict", "ssl.checkserveridentity"}
"""Rows that are true by default."""

BESIDE = {
    "socketFactory.port": ("mail.smtp.socketFactory.class=javax.net.SocketFactory",),
    "ssl.socketFactory.port": ("mail.smtp.ssl.socketFactory.class=javax.net.SocketFactory",),
    "proxy.port": ("mail.smtp.proxy.host=p.example",),
    "proxy.user": ("mail.smtp.proxy.host=p.example",),
    "proxy.password": ("mail.smtp.proxy.host=p.example", "mail.smtp.proxy.user=u"),
    "socks.port": ("mail.smtp.socks.host=s.example",),
    "socketFactory.fallback": ("mail.smtp.ssl.enable=true",),
}
"""Settings that a row needs beside it."""

CLEAR = {"starttls.enable", "starttls.required"}
"""Rows that ask for what the object asks for already, unless it asks for nothing."""


def planned(*settings: str, clear: bool) -> DeliveryPlan:
    allowed = f"confobjects.allow-insecure={','.join(WEAKNESSES)}"
    values = {"use_start_tls": False} if clear else {}
    keys = key_provider(key_store_file="keys.p12")
    server = mail_server(587, *settings, allowed, **LOGIN, **values)
    plan = plan_delivery(replace(server, targets={**server.targets, KEYS: keys}))
    return plan.replace(settings=(), warnings=(), overrides={})


def key_of_row(row: PropertyRow) -> str:
    return row.name.removeprefix("mail.smtp.")


def sample(row: PropertyRow) -> str:
    key = key_of_row(row)
    return f"{row.name}={'false' if key in FALSE else SAMPLES[row.type]}"


@pytest.mark.parametrize(
    "row", [row for row in rows() if row.state == HONOURED and row.type != "weaknesses"], ids=lambda row: row.name
)
def test_an_honoured_row_changes_the_plan(row: PropertyRow) -> None:
    key = key_of_row(row)
    beside, clear = BESIDE.get(key, ()), key in CLEAR
    before = planned(*beside, clear=clear)
    after = planned(*beside, sample(row), clear=clear)
    assert before != after
    twin = (
        sample(row).replace("mail.smtp.", "mail.smtps.")
        if key in row.name and row.name.startswith("mail.smtp.")
        else ""
    )
    if twin:
        assert planned(*beside, twin, clear=clear) == after, "both prefixes mean the same"


@pytest.mark.parametrize("row", [row for row in rows() if row.state == NO_EFFECT], ids=lambda row: row.name)
def test_a_row_without_effect_changes_nothing(row: PropertyRow) -> None:
    value = SAMPLES.get(row.type) or row.type.split("|")[0]
    assert planned(f"{row.name}={value}", clear=False) == planned(clear=False)


def test_every_type_has_a_sample() -> None:
    assert {row.type for row in rows() if row.state == HONOURED} <= set(SAMPLES)
    assert all(row_of(f"confobjects.{name}") for name in OWN)
