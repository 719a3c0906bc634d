"""The mail server: its eight properties fact by fact, and each of its rules with the refusal and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from confobjects.actions import remedy_text
from confobjects.cli.words.actions import word
from confobjects.mail.property_table import KEYS
from confobjects.management import ManagementContext
from confobjects.management.history.undoing import plan_undo
from confobjects.objects.changes import ChangeReport, PropertyChanges
from tests.definitions.documents import builtin
from tests.management.things import MAIL, manage, refused, snapshot, summaries

RESTART = "The object must be disabled and re-enabled for changes to take effect."

# As the PingDS 8.1 Mail Server reference gives them: default, a word of the allowed values, multi-valued, required,
# administrator action, advanced, read-only.
FACTS: dict[str, tuple[Any, ...]] = {
    "auth-password": ("alias", "text", False, False, "None.", False, False),
    "auth-username": ("alias", "text", False, False, "None.", False, False),
    "enabled": ("undefined", "true or false", False, True, "None.", False, False),
    "smtp-server": ("undefined", "587", False, True, "None.", False, False),
    "trust-manager-provider": (
        "alias",
        "trust-manager-provider",
        False,
        False,
        "None. A change takes effect at once",
        False,
        False,
    ),
    "use-ssl": ("false", "true or false", False, False, RESTART, False, False),
    "use-start-tls": ("true", "true or false", False, False, "None.", False, False),
    "smtp-property": ("alias", "equals sign", True, False, "None.", True, False),
}


def test_the_mail_server_has_exactly_eight_properties() -> None:
    assert set(builtin().definition("mail-server").properties) == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_the_nine_facts_of_each_property(name: str) -> None:
    prop = builtin().definition("mail-server").properties[name]
    default, allowed, multi_valued, required, action, advanced, read_only = FACTS[name]
    assert prop.synopsis.endswith(".")
    assert prop.default.kind == default if default in {"alias", "undefined"} else prop.default.values == (default,)
    assert bool(prop.default.sentence) == (default == "alias")
    assert allowed in prop.syntax.describe().lower()
    assert prop.multi_valued is multi_valued
    assert prop.mandatory is required
    assert prop.admin_action.as_sentence().startswith(action)
    assert prop.advanced is advanced
    assert prop.read_only is read_only
    assert prop.sensitive is (name == "auth-password")


def test_the_mail_server_depends_on_trust_manager_providers() -> None:
    users = [(declaring, prop.name) for declaring, prop in builtin().users("trust-manager-provider")]
    assert ("mail-server", "trust-manager-provider") in users


@pytest.mark.parametrize(
    ("values", "problem", "remedy"),
    [
        ({"use-ssl": "true"}, "use-ssl and use-start-tls exclude each other, and both are true", "use-start-tls to false"),
        ({"auth-password": "x"}, "auth-password is set, but there is no auth-username to log in with", "Set auth-username"),
        ({"trust-manager-provider": "nobody"},
         'trust-manager-provider names the Trust Manager Provider "nobody", which does not exist',
         'create the trust-manager-provider "nobody" first'),
        ({"enabled": ()}, "the mandatory property enabled has no value", "set enabled to …"),
        ({"smtp-server": ()}, "the mandatory property smtp-server has no value", "set smtp-server to …"),
        ({"smtp-property": ["mail.smtp.from=a@b.example", "mail.smtp.from=c@d.example"]}, "repeats", "only once"),
    ],
)  # fmt: skip
def test_what_a_mail_server_may_not_be(values: dict[str, Any], problem: str, remedy: str) -> None:
    ctx = manage(builtin())
    values = {key: value for key, value in {**MAIL, **values}.items() if value != ()}
    problems = refused(ctx, lambda: ctx.create("mail-server", "one", values))
    assert len(problems) == 1
    assert problem in problems[0].summary
    assert remedy in remedy_text(problems[0].remedy)
    assert problems[0].path == "/mail-server/one"


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"auth-username": "u"}, "auth-username is set without auth-password: nothing will log in"),
        ({"smtp-server": "mx.example.com:465"}, "use-start-tls is true, but 465 is the port for TLS from the first byte"),
        ({"use-ssl": "true", "use-start-tls": "false"}, "use-ssl is true, but 587 is the port for STARTTLS"),
        ({"auth-username": "u", "auth-password": "p", "use-start-tls": "false"},
         "a login is configured, but neither use-ssl nor use-start-tls is true: login without TLS will be refused"),
    ],
)  # fmt: skip
def test_what_a_mail_server_should_not_be(values: dict[str, Any], warning: str) -> None:
    ctx = manage(builtin())
    report = ctx.create("mail-server", "one", {**MAIL, **values})
    assert [problem.summary for problem in report.warnings] == [warning]
    assert report.warnings[0].remedy


def test_a_plain_mail_server_has_no_warning() -> None:
    assert manage(builtin()).create("mail-server", "one", MAIL).warnings == ()


@pytest.mark.parametrize(
    ("stored", "change", "fix"),
    [
        ({}, {"use-ssl": "true"}, (("use-start-tls", "false"),)),
        ({"use-ssl": "true", "use-start-tls": "false"}, {"use-start-tls": "true"}, (("use-ssl", "false"),)),
        ({}, {"use-ssl": "true", "use-start-tls": "true"}, ()),
    ],
)
def test_the_fix_leaves_alone_what_was_set(stored: dict[str, str], change: dict[str, str], fix: Any) -> None:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, **stored})
    problems = refused(ctx, lambda: ctx.modify("mail-server", "one", PropertyChanges(set=change)))
    assert [problem.fix for problem in problems] == [fix]
    if fix:
        ctx.modify("mail-server", "one", PropertyChanges(set={**change, **dict(fix)}))


def test_the_state_a_rule_was_judged_on_is_told() -> None:
    ctx = manage(builtin())
    (problem,) = refused(ctx, lambda: ctx.create("mail-server", "one", {**MAIL, "use-ssl": "true"}))
    assert problem.detail == "use-ssl is true; use-start-tls is true by default"


def test_a_trust_manager_in_use_is_kept_from_both_ends() -> None:
    ctx = manage(builtin())
    ctx.create("trust-manager-provider", "pem", {"enabled": "true", "pem-directory": "ca"}, type="pem")
    ctx.create("mail-server", "one", {**MAIL, "trust-manager-provider": "PEM"})
    disabled = refused(
        ctx, lambda: ctx.modify("trust-manager-provider", "pem", PropertyChanges(set={"enabled": "false"}))
    )
    assert summaries(disabled) == [
        (
            "constraint-violated",
            'the PEM Trust Manager Provider "pem" cannot be disabled: /mail-server/one needs it (trust-manager-provider)',
        )
    ]
    assert "disable /mail-server/one first" in disabled[0].remedy
    deleted = refused(ctx, lambda: ctx.delete("trust-manager-provider", "pem"))
    assert summaries(deleted) == [
        (
            "object-in-use",
            'the Trust Manager Provider "pem" cannot be deleted: /mail-server/one uses it (trust-manager-provider)',
        )
    ]


def test_a_key_manager_in_use_is_kept_from_both_ends() -> None:
    ctx = manage(builtin())
    keys = {"enabled": "true", "key-store-file": "own.p12"}
    ctx.create("key-manager-provider", "keys", keys, type="file-based")
    ctx.create("mail-server", "one", {**MAIL, "smtp-property": ["mail.smtp.timeout=&{no.x}", f"{KEYS}=Keys"]})
    off = PropertyChanges(set={"enabled": ["false"]})
    disabled = refused(ctx, lambda: ctx.modify("key-manager-provider", "keys", off))
    deleted = refused(ctx, lambda: ctx.delete("key-manager-provider", "keys"))
    assert summaries((*disabled, *deleted)) == [
        (
            "constraint-violated",
            f'the File Based Key Manager Provider "keys" cannot be disabled: /mail-server/one needs it (smtp-property {KEYS})',
        ),
        (
            "object-in-use",
            f'the Key Manager Provider "keys" cannot be deleted: /mail-server/one uses it (smtp-property {KEYS})',
        ),
    ]
    missing = refused(ctx, lambda: ctx.create("mail-server", "two", {**MAIL, "smtp-property": [f"{KEYS}=other"]}))
    assert summaries(missing) == [
        ("constraint-violated", f'smtp-property {KEYS} names the Key Manager Provider "other", which does not exist')
    ]
    ctx.rename("key-manager-provider", "keys", "client")
    assert ctx.get("mail-server", "one").values["smtp-property"] == ("mail.smtp.timeout=&{no.x}", f"{KEYS}=client")
    ctx.modify("mail-server", "one", off)
    ctx.modify("key-manager-provider", "client", off)


@pytest.mark.parametrize(
    ("server", "allowed"),
    [
        ({"enabled": "true"}, False),
        ({"enabled": "false"}, True),
        ({"enabled": "true", "use-start-tls": "false"}, True),
        ({"enabled": "true", "use-start-tls": "false", "use-ssl": "true"}, False),
    ],
)
def test_a_disabled_trust_manager_serves_only_who_does_not_need_it(server: dict[str, str], allowed: bool) -> None:
    """The same answer whichever of the two is written last."""
    one = manage(builtin())
    one.create("trust-manager-provider", "t", {"enabled": "false"}, type="blind")
    values = {**MAIL, **server, "trust-manager-provider": "t"}
    other = manage(builtin())
    other.create("trust-manager-provider", "t", {"enabled": "true"}, type="blind")
    other.create("mail-server", "one", values)
    off = PropertyChanges(set={"enabled": "false"})
    if allowed:
        one.create("mail-server", "one", values)
        other.modify("trust-manager-provider", "t", off)
        assert {dn: {k: v for k, v in e.items() if k != "ds-cfg-revision"} for dn, e in snapshot(one).items()} == {
            dn: {k: v for k, v in e.items() if k != "ds-cfg-revision"} for dn, e in snapshot(other).items()
        }
    else:
        (problem,) = refused(one, lambda: one.create("mail-server", "one", values))
        assert problem.summary == 'trust-manager-provider names "t", which is disabled'
        told = "enable /trust-manager-provider/t first: {}, or name an enabled one"
        assert remedy_text(problem.remedy) == told.format("set its enabled to true")
        command = "set-trust-manager-provider-prop --provider-name t --set enabled:true"
        assert remedy_text(problem.remedy, word) == told.format(command)
        refused(other, lambda: other.modify("trust-manager-provider", "t", off))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [("true", "true", True), ("false", "false", False), ("true", "false", False), ("false", "true", False)],
)
def test_a_restart_is_asked_for_only_where_the_object_stays_enabled(before: str, after: str, told: bool) -> None:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, "enabled": before, "use-start-tls": "false"})
    report = ctx.modify("mail-server", "one", PropertyChanges(set={"use-ssl": "true", "enabled": after}))
    assert [(a.property, a.action, a.synopsis) for a in report.admin_actions] == (
        [("use-ssl", "component-restart", RESTART)] if told else []
    )


def toggle(ctx: ManagementContext, *steps: dict[str, str]) -> ChangeReport:
    with ctx.change() as tx:
        for values in steps:
            tx.set("mail-server", "one", values)
    return tx.report


OFF, ON, TLS = {"enabled": "false"}, {"enabled": "true"}, {"use-ssl": "true"}


@pytest.mark.parametrize(
    ("steps", "restarted"),
    [
        ((OFF, TLS, ON), True),
        ((TLS, OFF, ON), True),
        ((OFF, ON, TLS), True),
        ((OFF, ON), True),
        ((OFF, ON, OFF, ON), True),
        ((TLS,), False),
        ((ON, TLS), False),
        ((OFF, TLS), False),
    ],
)
def test_a_change_that_disables_and_enables_again_restarts_the_object(
    steps: tuple[dict[str, str], ...], restarted: bool
) -> None:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, "use-start-tls": "false"})
    report = toggle(ctx, *steps)
    (change,) = report.changes
    assert change.restarted is restarted
    assert ctx.history()[-1].changes[0].restarted is restarted
    asked = TLS in steps and OFF not in steps
    assert [action.property for action in report.admin_actions] == (["use-ssl"] if asked else [])


def test_a_restart_alone_is_a_change_that_leaves_nothing_to_take_back() -> None:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, "use-start-tls": "false"})
    before = snapshot(ctx)["cn=one,cn=Mail Servers,cn=config"]
    assert toggle(ctx, OFF, ON).changed
    record = ctx.history()[-1]
    assert (record.number, record.changes[0].names, record.changes[0].restarted) == (2, (), True)
    after = snapshot(ctx)["cn=one,cn=Mail Servers,cn=config"]
    assert after.pop("ds-cfg-revision") != before.pop("ds-cfg-revision", ())
    assert after == before
    assert list(plan_undo(record, ctx.registry)) == []
    assert not ctx.undo(2).changed


@pytest.mark.parametrize("steps", [(ON,), (ON, OFF, ON)])
def test_enabling_what_was_disabled_before_the_change_restarts_nothing(steps: tuple[dict[str, str], ...]) -> None:
    ctx = manage(builtin())
    ctx.create("mail-server", "one", {**MAIL, "use-start-tls": "false", **OFF})
    (change,) = toggle(ctx, *steps).changes
    assert not change.restarted
    assert not toggle(ctx, ON).changed


def test_the_official_example_is_accepted_as_typed() -> None:
    ctx = manage(builtin())
    ctx.create("trust-manager-provider", "JVM Trust Manager", {"enabled": "true"}, type="system")
    ctx.create(
        "mail-server",
        "SMTP server",
        {
            "enabled": "true",
            "auth-username": "mail.user",
            "auth-password": "password",
            "smtp-server": "smtp.example.com:587",
            "trust-manager-provider": "JVM Trust Manager",
            "use-start-tls": "true",
        },
    )
    entry = snapshot(ctx)["cn=SMTP server,cn=Mail Servers,cn=config"]
    assert entry["ds-cfg-trust-manager-provider"] == ("cn=JVM Trust Manager,cn=Trust Manager Providers,cn=config",)
    assert entry["objectClass"] == ("top", "ds-cfg-mail-server")
    assert ctx.get("mail-server", "smtp  SERVER").values["smtp-server"] == ("smtp.example.com:587",)
