"""Startup: every object evaluated and judged, every problem told at once, every value with its origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects import ConfobjectsError
from confobjects.objects.effective import EffectiveConfiguration
from tests.definitions.documents import FAMILY

BASE = """dn: cn=config
objectClass: top
objectClass: ds-cfg-branch
cn: config

dn: cn=Mail Servers,cn=config
objectClass: top
objectClass: ds-cfg-branch
cn: Mail Servers

dn: cn=Trust Manager Providers,cn=config
objectClass: top
objectClass: ds-cfg-branch
cn: Trust Manager Providers

"""


def server(name: str, **attributes: str | list[str]) -> str:
    lines = [
        f"dn: cn={name},cn=Mail Servers,cn=config",
        "objectClass: top",
        "objectClass: ds-cfg-mail-server",
        f"cn: {name}",
    ]
    given: dict[str, str | list[str]] = {"enabled": "true", "smtp_server": "mx.example.com", **attributes}
    for key, values in given.items():
        lines.extend(
            f"ds-cfg-{key.replace('_', '-')}: {value}" for value in ([values] if isinstance(values, str) else values)
        )
    return "\n".join(lines) + "\n\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.ldif"


def load(file: Path, *entries: str, env: dict[str, str] | None = None, **options: object) -> EffectiveConfiguration:
    file.write_text(BASE + "".join(entries), "utf-8")
    return confobjects.load(f"ldif:{file}", environment=env or {}, **options)  # type: ignore[arg-type]


def problems(file: Path, *entries: str, env: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfobjectsError) as caught:
        load(file, *entries, env=env)
    return [(problem.path, problem.property, problem.code) for problem in caught.value.diagnostics]


def test_values_are_typed_and_have_their_origin(file: Path) -> None:
    (file.parent / "pin").write_text("s3cret\n", "utf-8")
    config = load(
        file,
        server(
            "one",
            smtp_server="&{smtp.host}:&{smtp.port|25}",
            auth_username="&{user|postmaster}",
            auth_password="&{file:pin}",
            smtp_property=["mail.smtp.from=&{env:FROM}"],
        ),
        env={"SMTP_HOST": "mx.example.org", "FROM": "a@example.org"},
        define={"user": "ann"},
    )
    one = config["mail-server", "ONE"]
    assert (one["smtp-server"].host, one["smtp-server"].port) == ("mx.example.org", 25)
    assert one["auth-username"] == "ann"
    assert one["auth-password"] == "s3cret"
    assert one["smtp-property"][0].value == "a@example.org"
    assert one["use-ssl"] is False
    assert one["trust-manager-provider"] is None
    assert one.origin("use-ssl") == "default"
    assert one.origin("enabled") == "stored"
    assert one.origin("trust-manager-provider") == "none"
    assert "SMTP_HOST" in one.origin("smtp-server")
    assert "pin" in one.origin("auth-password")
    assert one.is_secret("auth-password")
    assert "s3cret" not in repr(one)
    assert one.path == "/mail-server/one"
    assert one.instance_directory == str(file.parent)


def test_a_mail_server_without_a_port_is_spoken_to_on_587(file: Path) -> None:
    one = load(file, server("one", smtp_server="mx.example.org"))["mail-server", "one"]
    assert (one["smtp-server"].host, one["smtp-server"].port) == ("mx.example.org", 587)
    assert confobjects.Mailer(one).plan.port == 587


def test_references_lead_to_objects(file: Path) -> None:
    trust = (
        "dn: cn=all,cn=Trust Manager Providers,cn=config\nobjectClass: top\nobjectClass: ds-cfg-trust-manager-provider\n"
        "objectClass: ds-cfg-blind-trust-manager-provider\ncn: all\nds-cfg-enabled: true\n\n"
    )
    named = server("one", trust_manager_provider="cn=ALL,cn=Trust Manager Providers,cn=config")
    config = load(file, trust, named, server("two", trust_manager_provider="&{trust}"), env={"TRUST": "all"})
    for name in ("one", "two"):
        provider = config["mail-server", name].reference("trust-manager-provider")
        assert provider is not None
        assert (provider.kind, provider.type) == ("trust-manager-provider", "blind-trust-manager-provider")
    paths = ["/mail-server/one", "/mail-server/two", "/mail-service", "/trust-manager-provider/all"]
    assert [obj.path for obj in config] == paths
    assert len(config.of("mail-server")) == 2


def test_every_problem_of_every_object_is_told_at_once(file: Path) -> None:
    found = problems(
        file,
        server("a", enabled="perhaps", use_ssl="true"),
        server("b", smtp_server="&{smtp.host}", auth_password="&{pw}", auth_username="u"),
        server("c", trust_manager_provider="cn=nobody,cn=Trust Manager Providers,cn=config"),
        server("d", trust_manager_provider="cn=x,cn=elsewhere"),
        server("e", smtp_server=["a.example", "b.example"]),
    )
    assert found == [
        ("/mail-server/a", "enabled", "invalid-value"),
        ("/mail-server/a", "", "constraint-violated"),
        ("/mail-server/b", "auth-password", "unresolved-expression"),
        ("/mail-server/b", "smtp-server", "unresolved-expression"),
        ("/mail-server/c", "trust-manager-provider", "constraint-violated"),
        ("/mail-server/d", "trust-manager-provider", "broken-data"),
        ("/mail-server/e", "smtp-server", "invalid-value"),
    ]


def test_the_evaluated_value_has_to_follow_syntax_and_constraints(file: Path) -> None:
    one = server("one", use_ssl="&{ssl}", smtp_server="h:&{port}")
    assert load(file, one, env={"SSL": "false", "PORT": "25"})["mail-server", "one"]["smtp-server"].port == 25
    assert problems(file, one, env={"SSL": "true", "PORT": "25"}) == [("/mail-server/one", "", "constraint-violated")]
    assert problems(file, one, env={"SSL": "maybe", "PORT": "25"}) == [("/mail-server/one", "use-ssl", "invalid-value")]
    with pytest.raises(ConfobjectsError) as caught:
        load(file, one, env={"SSL": "false", "PORT": "99999"})
    (problem,) = caught.value.diagnostics
    assert "PORT" in " ".join(problem.detail_lines())


def test_what_nothing_resolves_stops_an_enabled_object_and_warns_of_a_disabled_one(file: Path) -> None:
    assert problems(file, server("one", smtp_server="&{smtp.host}")) == [
        ("/mail-server/one", "smtp-server", "unresolved-expression")
    ]
    config = load(file, server("one", enabled="false", smtp_server="&{smtp.host}"))
    assert config["mail-server", "one"].get("smtp-server") is None
    assert [(w.property, w.code, w.severity) for w in config.warnings] == [
        ("smtp-server", "unresolved-expression", "warning")
    ]


def test_an_expression_may_come_to_no_value_at_all(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "values.json").write_text('{"queue": {"watch": []}}', "utf-8")
    config = load(
        tmp_path / "config.ldif",
        "dn: cn=Queues,cn=config\nobjectClass: top\nobjectClass: ds-cfg-branch\ncn: Queues\n\n"
        "dn: cn=q,cn=Queues,cn=config\nobjectClass: top\nobjectClass: depot-queue\nobjectClass: ds-cfg-memory-queue\n"
        "cn: q\nds-cfg-enabled: true\nds-cfg-watch: &{queue.watch}\n\n",
        definitions=[str(FAMILY)],
        expression_directories=[str(tmp_path / "d")],
    )
    assert config["queue", "q"]["watch"] == ()


def test_a_missing_file_is_refused_unless_it_may_be_missing(file: Path) -> None:
    with pytest.raises(ConfobjectsError) as caught:
        confobjects.load(f"ldif:{file}", environment={})
    assert str(file) in caught.value.diagnostics[0].render()
    empty = confobjects.load(f"ldif:{file}", environment={}, missing_ok=True)
    assert [obj.path for obj in empty] == ["/mail-service"]
    assert not file.exists()


def test_unknown_attributes_warn(file: Path) -> None:
    config = load(file, server("one", colour="red"))
    assert [w.summary for w in config.warnings] == [
        "the attribute ds-cfg-colour belongs to no property: it is kept and not used"
    ]


def test_an_unknown_attribute_of_many_objects_warns_once(file: Path) -> None:
    config = load(file, server("one", colour="red"), server("two", colour="blue", shape="round"), server("three"))
    assert [(w.path, w.summary) for w in config.warnings] == [
        (
            "/mail-server/one",
            "the attribute ds-cfg-colour belongs to no property in 2 objects: it is kept and not used",
        ),
        ("/mail-server/two", "the attribute ds-cfg-shape belongs to no property: it is kept and not used"),
    ]


def test_singletons_are_loaded_with_their_defaults(file: Path) -> None:
    config = load(file, definitions=[str(FAMILY)])
    assert config["depot-settings"]["batch-size"] == 50
    assert config["depot-settings"].path == "/depot-settings"


def test_what_is_not_there_is_told_with_the_nearest(file: Path) -> None:
    config = load(file, server("one"))
    mistyped: Any = "enabld"  # a type checker refuses the text itself
    with pytest.raises(ConfobjectsError) as caught:
        config["mail-server", "on"]
    assert caught.value.diagnostics[0].remedy == 'did you mean "/mail-server/one"?'
    with pytest.raises(ConfobjectsError) as caught:
        config["mail-server", "one"][mistyped]
    assert caught.value.diagnostics[0].remedy == 'did you mean "enabled"?'
    assert config["mail-server", "one"].get("enabld", 7) == 7
    assert config["mail-server", "one"].get("auth-username", "nobody") == "nobody"


def test_definitions_that_cannot_be_read_are_all_told(tmp_path: Path, file: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"name": "\xff"}')
    (tmp_path / "b.json").write_text("{", "utf-8")
    (tmp_path / "c.json").write_text('{"nam": "c"}', "utf-8")
    with pytest.raises(ConfobjectsError) as caught:
        load(file, definitions=[str(tmp_path), str(tmp_path / "nowhere")])
    assert {Path(problem.origin).name for problem in caught.value.diagnostics} == {
        "a.json",
        "b.json",
        "c.json",
        "nowhere",
    }
    assert caught.value.exit_code == 31


def test_what_is_written_is_what_is_loaded(file: Path) -> None:
    with confobjects.open(f"ldif:{file}", environment={}) as ctx:
        ctx.create("mail-server", "one", {"enabled": True, "smtp-server": "mx.example.com:25", "use-start-tls": False})
    one = confobjects.load(f"ldif:{file}", environment={})["mail-server", "one"]
    assert one.texts("smtp-server") == ("mx.example.com:25",)
    assert one["enabled"] is True
    assert one["use-start-tls"] is False
