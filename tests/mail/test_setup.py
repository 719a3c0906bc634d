"""The guided set-up of mail without anybody who is guided: what a preset comes to, what is asked, what can mend a failure."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mail.diagnosis import STAGES
from confobjects.mail.presets import PRESETS, START_TLS_PORTS, MailPreset, find_include, security_of
from confobjects.mail.setup import ADDRESS, FROM, PASSWORD, PROVIDER, TRUST, USER, MailSetup
from confobjects.mail.token_hosts import HOSTS

ANN = "ann@example.com"


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_is_complete(preset: MailPreset) -> None:
    source = urlsplit(preset.source)
    assert (source.scheme, "." in source.netloc) == ("https", True)
    assert preset.password or preset.grants, "there is some way to log in"
    assert bool(preset.grants) == bool(preset.scope) == bool(preset.endpoint)
    assert preset.port not in preset.other_ports
    assert all(1 <= port <= 65_535 for port in (preset.port, *preset.other_ports))
    for text in (preset.note, preset.limits):
        assert not text or text.endswith("."), "it is a sentence"


def test_what_to_include_in_spf_is_known_by_the_host() -> None:
    assert find_include("SMTP.Gmail.com.") == "_spf.google.com"
    assert find_include("smtp.sendgrid.net") == find_include("mx.example.com") == ""


def test_presets_are_in_alphabetical_order_and_enough() -> None:
    assert list(PRESETS) == sorted(PRESETS)
    assert len(PRESETS) >= 12


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_what_a_preset_comes_to(preset: MailPreset) -> None:
    setup = MailSetup(preset, region="eu-central-1", server={USER: (ANN,), PASSWORD: ("x",)})
    for port in (preset.port, *preset.other_ports):
        one = setup if port == preset.port else setup.with_value("mail-server", ADDRESS, f"{setup.address[0]}:{port}")  # type: ignore[index]  # it has an address
        assert (one.server_type, one.way) == ("custom-server", security_of(port))
        assert one.server_values()[ADDRESS][0].endswith(f":{port}")
        assert "{" not in one.server_values()[ADDRESS][0]
        assert list(one.questions()) == []


def test_what_is_asked_depends_on_what_is_known() -> None:
    def asked(setup: MailSetup, stored: frozenset[str] = frozenset()) -> list[str]:
        return [question.property for question in setup.questions(stored)]

    assert asked(MailSetup()) == [ADDRESS, USER, PASSWORD, FROM]
    assert asked(MailSetup(login="none")) == [ADDRESS, FROM]
    assert asked(MailSetup(login="oauth2")) == [ADDRESS, USER, PROVIDER, FROM]
    assert asked(MailSetup(PRESETS["sendgrid"])) == [PASSWORD, FROM], "everybody has the same user name"
    assert asked(MailSetup(PRESETS["google"], server={USER: (ANN,)})) == [PASSWORD], "the login is the address"
    assert asked(MailSetup(PRESETS["amazon-ses"]))[0] == ADDRESS, "the host is not known without a region"
    assert asked(MailSetup(), frozenset({ADDRESS, USER, PASSWORD, FROM})) == []


@pytest.mark.parametrize(
    "texts", [("mx.example.com:x",), ("mx.example.com", "other.example.com"), ("&{mail.host}",), ("",)]
)
def test_an_address_that_cannot_be_read_is_left_as_it_is(texts: tuple[str, ...]) -> None:
    """Whoever saves it says what is wrong with it, or evaluates it; nothing of it is left out."""
    for preset in (None, PRESETS["sendgrid"]):
        setup = MailSetup(preset, server={ADDRESS: texts})
        assert (setup.address, setup.server_values()[ADDRESS]) == (None, texts)


def test_an_unusual_way_of_tls_takes_a_type_that_can_state_it() -> None:
    usual = MailSetup(server={ADDRESS: ("mx.example.com:465",)})
    other = usual.replace(security="start-tls")
    assert (usual.server_type, other.server_type) == ("custom-server", "generic")
    assert other.server_values()["use-start-tls"] == ("true",)
    assert other.server_values()["use-ssl"] == ("false",)
    assert usual.replace(security="ssl").server_type == "custom-server"
    chosen = MailSetup(server={ADDRESS: ("mx.example.com:2500",), "use-start-tls": ("true",)})
    assert (chosen.way, chosen.server_type) == ("start-tls", "generic")


@pytest.mark.parametrize(("port", "way"), [(587, "start-tls"), (465, "ssl")])
def test_tokens_take_the_type_that_knows_a_provider(port: int, way: str) -> None:
    setup = MailSetup(login="oauth2", server={ADDRESS: (f"mx.example.com:{port}",), USER: (ANN,), PROVIDER: ("p",)})
    values = setup.server_values()
    assert (setup.server_type, setup.way, values["authentication"]) == ("external-smtp", way, ("oauth2",))
    assert (values.get("use-start-tls") == ("true",)) is (way == "start-tls")
    assert (values.get("socket-factory-port") == (str(port),)) is (way == "ssl")


@pytest.mark.parametrize(
    ("stage", "blamed", "first"),
    [
        ("auth", PASSWORD, "give the user name and the password again"),
        ("tls", TRUST, "choose whom to trust (a trust manager provider)"),
        ("trust", "", "choose whom to trust (a trust manager provider)"),
        ("tls", ADDRESS, "use STARTTLS on this port"),
        ("connect", ADDRESS, "use STARTTLS on this port"),
        ("resolve", ADDRESS, "give the address of the mail server again"),
    ],
)
def test_the_likeliest_remedy_comes_first(stage: str, blamed: str, first: str) -> None:
    setup = MailSetup(server={ADDRESS: ("mx.example.com:465",)})
    assert next(setup.remedies(stage, blamed)).label == first


@given(
    st.sampled_from(STAGES),
    st.sampled_from(["", ADDRESS, USER, PASSWORD, TRUST, "smtp-property"]),
    st.sampled_from([None, *PRESETS.values()]),
    st.sampled_from(["password", "oauth2", "none"]),
    st.sampled_from([(), ("mx.example.com:25",), ("[2001:db8::1]:2465",), ("&{mail.host}",)]),
)
def test_after_any_failure_something_can_be_done(stage, blamed, preset, login, address) -> None:  # type: ignore[no-untyped-def]  # drawn
    setup = MailSetup(preset, login=login, server={ADDRESS: address} if address else {})
    remedies = list(setup.remedies(stage, blamed))
    assert remedies[-1].setup == setup, "the last one is to test again"
    for remedy in remedies[:-1]:
        assert remedy.ask or remedy.setup != setup, f"{remedy.label} changes something"
        if remedy.setup.address is not None and not remedy.ask:
            port = remedy.setup.address[1]
            said = "STARTTLS" if remedy.setup.way == "start-tls" else "TLS from the first byte"
            assert said in remedy.label
            assert remedy.setup.server_type != "custom-server" or (port in START_TLS_PORTS) == (said == "STARTTLS")
    assert len({remedy.label for remedy in remedies}) == len(remedies)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_provider_that_is_made_for_a_preset_gives_tokens_to_its_host_only(preset: MailPreset) -> None:
    expected = {PROVIDER: {HOSTS: (preset.host,)}} if preset.grants else {}
    assert MailSetup(preset, login="oauth2").begin_with() == expected
    assert MailSetup(login="oauth2", server={ADDRESS: ("smtp.x.test:587",)}).begin_with() == {}
