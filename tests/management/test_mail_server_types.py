"""The types of mail server beside the generic one: their properties, defaults and rules, as the products document them."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from confobjects.actions import remedy_text
from confobjects.management import ManagementContext
from confobjects.mapping.documents import read
from confobjects.objects.changes import PropertyChanges
from confobjects.reference.jsonschema import DOCUMENT_MARKER, document_schema
from tests.definitions.documents import builtin
from tests.management.things import MAIL, manage, refused, summaries

CANARY = "Kanarienvogel-9!x"
CUSTOM = {**MAIL, "auth-username": "apikey", "auth-password": CANARY}
EXTERNAL = {
    "enabled": "true",
    "smtp-server": "mx.example.com:587",
    "authentication": "username-password",
    "auth-username": "ann@example.com",
    "auth-password": CANARY,
    "use-start-tls": "true",
}
FACTORY = {
    "use-start-tls": "false",
    "socket-factory-class": "javax.net.ssl.SSLSocketFactory",
    "socket-factory-port": "465",
}


def create(type_: str | None, values: dict[str, Any], **more: Any) -> ManagementContext:
    ctx = manage(builtin())
    given = {name: value for name, value in {**values, **more}.items() if value is not None}
    ctx.create("mail-server", "one", given, type=type_)
    return ctx


def current(ctx: ManagementContext, *names: str) -> list[tuple[str, ...]]:
    obj, reader = ctx.get("mail-server", "one"), ctx.site.make_reader()
    return [reader.read_current(obj, obj.definition.properties[name])[0] for name in names]


def test_without_a_type_a_mail_server_is_generic() -> None:
    ctx = create(None, MAIL)
    assert ctx.get("mail-server", "one").definition.name == "mail-server"
    [entry] = [e for e in ctx.storage.search(ctx.storage.base, "sub") if "ds-cfg-smtp-server" in e.attributes]
    assert set(map(str, entry.object_classes)) == {"top", "ds-cfg-mail-server"}


@pytest.mark.parametrize("type_", ["generic", "custom-server", "external-smtp"])
def test_the_type_is_kept_by_the_entry(type_: str) -> None:
    ctx = create(type_, {"generic": MAIL, "custom-server": CUSTOM, "external-smtp": EXTERNAL}[type_])
    again = manage(builtin(), *ctx.storage.search(ctx.storage.base, "sub"))
    relation = builtin().relation("mail-server")
    definition = again.get("mail-server", "one").definition
    assert builtin().short_type_of(definition, relation) == type_


def test_a_document_without_a_type_means_a_generic_one() -> None:
    plain = {"/mail-server/one": {"properties": {"enabled": True, "smtp-server": "mx.example.com"}}}
    typed = {"/mail-server/one": {"type": "generic", **plain["/mail-server/one"]}}
    found, stated = (read({DOCUMENT_MARKER: 1, "objects": objects}, builtin()) for objects in (plain, typed))
    assert (found.objects, found.doubts) == (stated.objects, ())
    assert [state.definition.name for state in found.objects.values()] == ["mail-server"]
    validator = Draft202012Validator(document_schema(builtin()))
    wrong = {"/mail-server/one": {"properties": {**CUSTOM, "authentication": "username-password"}}}
    assert [validator.is_valid({DOCUMENT_MARKER: 1, "objects": objects}) for objects in (plain, typed, wrong)] == [
        True,
        True,
        False,
    ]


def test_the_types_of_a_mail_server() -> None:
    assert list(builtin().types_of(builtin().relation("mail-server"))) == ["custom-server", "external-smtp", "generic"]


# -- custom-server ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "use_ssl"),
    [
        ("mx.example.com", "true"),
        ("mx.example.com:465", "true"),
        ("mx.example.com:2526", "true"),
        ("[2001:db8::1]:587", "false"),
        ("mx.example.com:25", "false"),
        ("mx.example.com:0587", "false"),
        ("mx.example.com:2525", "false"),
    ],
)
def test_the_port_decides_how_tls_is_used(server: str, use_ssl: str) -> None:
    ctx = create("custom-server", CUSTOM, **{"smtp-server": server})
    start_tls = "false" if use_ssl == "true" else "true"
    assert current(ctx, "use-ssl", "use-start-tls") == [(use_ssl,), (start_tls,)]
    assert not {"use-ssl", "use-start-tls"} & ctx.get("mail-server", "one").values.keys()


def test_without_a_port_a_custom_server_is_spoken_to_on_465() -> None:
    prop = builtin().definition("custom-server").properties["smtp-server"]
    assert prop.syntax.parse("mx.example.com").port == 465


@pytest.mark.parametrize("name", ["auth-username", "auth-password", "smtp-server", "enabled"])
def test_what_a_custom_server_must_have(name: str) -> None:
    problems = refused(
        ctx := manage(builtin()),
        lambda: ctx.create("mail-server", "one", {k: v for k, v in CUSTOM.items() if k != name}, type="custom-server"),
    )
    assert ("missing-mandatory", f"the mandatory property {name} has no value") in summaries(problems) or (
        f"the mandatory property {name} has no value" in [problem.summary for problem in problems]
    )


@pytest.mark.parametrize("name", ["use-ssl", "use-start-tls"])
@pytest.mark.parametrize("value", ["true", "false"])
def test_how_tls_is_used_cannot_be_set(name: str, value: str) -> None:
    ctx = manage(builtin())
    [problem] = refused(ctx, lambda: ctx.create("mail-server", "one", {**CUSTOM, name: value}, type="custom-server"))
    assert "read-only" in problem.summary


@pytest.mark.parametrize(
    "row",
    [
        "mail.smtp.starttls.enable=false",
        "mail.smtps.starttls.required=false",
        "mail.smtp.port=25",
        "confobjects.allow-insecure=no-tls",
        "confobjects.allow-insecure=opportunistic-starttls,any-name",
        "confobjects.allow-insecure=login-in-clear",
        "confobjects.allow-insecure=socket-fallback",
    ],
)
def test_no_row_takes_tls_from_a_custom_server(row: str) -> None:
    ctx = manage(builtin())
    values = {**CUSTOM, "smtp-server": "mx.example.com:587", "smtp-property": [row]}
    problems = refused(ctx, lambda: ctx.create("mail-server", "one", values, type="custom-server"))
    assert {problem.property for problem in problems} == {"smtp-property"}


# -- external-smtp ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "problem", "remedy"),
    [
        ({"smtp-server": "mx.example.com"}, '"mx.example.com" has no port', "add its port"),
        ({"authentication": None}, "the mandatory property authentication has no value", "set authentication to …"),
        ({"auth-username": None}, "the mandatory property auth-username has no value", "set auth-username to …"),
        ({"auth-username": "apikey"}, '"apikey" has no "@"', "the type custom-server takes any user name"),
        ({"auth-password": None}, "auth-password is required when authentication is username-password", "set auth-p"),
        (
            {**FACTORY, "socket-factory-port": None},
            "socket-factory-port is required when socket-factory-class is set",
            "set socket-factory-port to …",
        ),
        (
            {**FACTORY, "use-start-tls": "true"},
            "socket-factory-class asks for TLS from the first byte, use-start-tls for STARTTLS, and only one of them can be used",
            "Keep one of the two",
        ),
    ],
)
def test_what_an_external_server_may_not_be(values: dict[str, Any], problem: str, remedy: str) -> None:
    ctx = manage(builtin())
    given = {name: value for name, value in {**EXTERNAL, **values}.items() if value is not None}
    problems = refused(ctx, lambda: ctx.create("mail-server", "one", given, type="external-smtp"))
    [found] = [one for one in problems if one.severity == "error"]
    assert found.summary == problem
    assert remedy in remedy_text(found.remedy)


def test_an_external_server_uses_starttls_only_if_it_is_told_to() -> None:
    ctx = create("external-smtp", EXTERNAL, **{"use-start-tls": None})
    assert current(ctx, "use-ssl", "use-start-tls", "socket-factory-fallback") == [("false",), ("false",), ("true",)]


def test_the_socket_factory_class_decides_about_use_ssl() -> None:
    ctx = create("external-smtp", {**EXTERNAL, **FACTORY})
    assert current(ctx, "use-ssl") == [("true",)]
    assert current(create("external-smtp", EXTERNAL), "use-ssl") == [("false",)]


@pytest.mark.parametrize(
    ("values", "warnings"),
    [
        ({}, []),
        (FACTORY, []),
        ({**FACTORY, "socket-factory-fallback": "false"}, []),
        (
            {**FACTORY, "socket-factory-fallback": "true"},
            [
                "socket-factory-fallback is true, but has no effect: nothing is sent in clear text unless that is allowed"
            ],
        ),
        (
            {"socket-factory-class": "com.example.Sockets", "socket-factory-port": "587"},
            [
                "socket-factory-class names another class than javax.net.ssl.SSLSocketFactory, which has no effect: "
                "no Java runs here"
            ],
        ),
        (
            {"use-start-tls": "false"},
            [
                "a login is configured, but use-start-tls is not true, and socket-factory-class does not ask for TLS: "
                "login without TLS will be refused"
            ],
        ),
    ],
)
def test_what_an_external_server_should_not_be(values: dict[str, Any], warnings: list[str]) -> None:
    ctx = manage(builtin())
    report = ctx.create("mail-server", "one", {**EXTERNAL, **values}, type="external-smtp")
    assert [problem.summary for problem in report.warnings] == warnings
    assert not [problem for problem in report.warnings if "use-ssl" in remedy_text(problem.remedy)]


def test_the_fix_of_two_ways_of_tls_is_offered() -> None:
    ctx = create("external-smtp", EXTERNAL)
    factory = {name: FACTORY[name] for name in ("socket-factory-class", "socket-factory-port")}
    asked = {**factory, "auth-password": CANARY}
    [problem] = refused(ctx, lambda: ctx.modify("mail-server", "one", PropertyChanges(set=asked)))
    assert problem.fix == (("use-start-tls", "false"),)
    assert ctx.modify("mail-server", "one", PropertyChanges(set={**asked, **dict(problem.fix)})).changed


# -- the password again -----------------------------------------------------------------------------------------------

TYPES: dict[str, dict[str, Any]] = {
    "generic": {**MAIL, "auth-username": "ann", "auth-password": CANARY},
    "custom-server": CUSTOM,
    "external-smtp": {**EXTERNAL, **FACTORY},
}
ROW = {"smtp-property": ["mail.smtp.sasl.authorizationid=eve"]}


@pytest.mark.parametrize(
    ("type_", "change", "blamed"),
    [
        *((type_, {"smtp-server": "evil.example:465"}, "smtp-server") for type_ in TYPES),
        *((type_, {"auth-username": "eve@example.com"}, "auth-username") for type_ in TYPES),
        *((type_, {"trust-manager-provider": "blind"}, "trust-manager-provider") for type_ in TYPES),
        *((type_, ROW, "smtp-property") for type_ in TYPES),
        ("generic", {"use-ssl": "true", "use-start-tls": "false"}, "use-ssl and use-start-tls"),
        ("custom-server", {"smtp-server": "mx.example.com:587"}, "smtp-server and use-ssl and use-start-tls"),
        ("external-smtp", {"socket-factory-port": "466"}, "socket-factory-port"),
        ("external-smtp", {"socket-factory-fallback": "false"}, "socket-factory-fallback"),
        ("external-smtp", {"socket-factory-class": "a.B"}, "use-ssl and socket-factory-class"),
    ],
)
def test_the_password_is_given_again_for_another_target(type_: str, change: dict[str, Any], blamed: str) -> None:
    ctx = create(type_, TYPES[type_])
    ctx.create("trust-manager-provider", "blind", {"enabled": "true"}, type="blind")
    asked = PropertyChanges(set=change)
    summary = f"a change of {blamed} needs auth-password to be given again"
    if type_ == "generic":
        report = ctx.modify("mail-server", "one", asked)
        assert summary in [problem.summary for problem in report.warnings]
        assert report.changed
        return
    problems = [p for p in refused(ctx, lambda: ctx.modify("mail-server", "one", asked)) if p.severity == "error"]
    assert [problem.summary for problem in problems] == [summary]
    assert CANARY not in "".join(problem.render() for problem in problems)
    assert ctx.modify("mail-server", "one", asked.replace(set={**change, "auth-password": CANARY})).changed


@pytest.mark.parametrize("type_", sorted(TYPES))
def test_it_is_not_for_what_does_not_say_where_it_goes(type_: str) -> None:
    ctx = create(type_, TYPES[type_])
    for change in ({"smtp-property": ["mail.smtp.timeout=5000"]}, {"enabled": "false"}):
        report = ctx.modify("mail-server", "one", PropertyChanges(set=change))
        assert not [problem for problem in report.warnings if problem.property == "auth-password"]
