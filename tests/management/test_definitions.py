"""Definitions that the configuration holds: read by whoever opens it, changed with the objects that are there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from confobjects.definitions import DefinitionDocument, checking, reviewing
from confobjects.definitions.installed import DIGEST, TEXT, as_stored, digest_of
from confobjects.definitions.metaschema import NEWEST
from confobjects.definitions.model import HOLDER_KIND
from confobjects.definitions_loading import load_registry, refuse_code
from confobjects.diagnostics import Diagnostic
from confobjects.errors import (
    BrokenDataError,
    ConstraintError,
    DefinitionError,
    InvalidValueError,
    ObjectInUseError,
)
from confobjects.management import ManagementContext, Site, installing
from confobjects.management.judging import judge_all
from confobjects.mapping.entry import AddEntry, DeleteEntry
from confobjects.mapping.installed import read_installed
from confobjects.objects.changes import ChangeReport
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.objects.model import ManagedObject
from tests.management.things import manage, refused, snapshot

HOST = {"synopsis": "Where it listens.", "syntax": {"type": "host-port", "default-port": 7}, "mandatory": True}
PIN = {"synopsis": "Opens it.", "syntax": "password", "sensitive": True}
RELATION = {"parent": "root", "kind": "instantiable", "branch": "cn=Services"}
SERVICE: dict[str, Any] = {
    "name": "service",
    "version": 1,
    "synopsis": "A service.",
    "relation": RELATION,
    "properties": {"host": HOST, "pin": PIN},
    "constraints": [
        {"name": "pin-needed", "synopsis": "A service needs a pin.", "condition": {"is-present": "pin"}},
    ],
}


def text_of(data: Any) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)


def values_of(text: str) -> dict[str, str]:
    stored = as_stored(text)
    return {TEXT: stored, DIGEST: digest_of(stored)}


def install(ctx: ManagementContext, *several: dict[str, Any], **options: Any) -> ChangeReport:
    """Install definitions, in one change, as they would be given in files."""
    with ctx.change(**options) as tx:
        for data in several:
            name = data.get("name") or data.get("package") or ""
            if tx.world.find(ctx.registry.path_of(HOLDER_KIND, name)) is None:
                tx.create(HOLDER_KIND, name, values_of(text_of(data)))
            else:
                tx.set(HOLDER_KIND, name, values_of(text_of(data)))
    return tx.report


def reopen(ctx: ManagementContext) -> ManagementContext:
    """Return a context as somebody else opens it, who has no definitions of their own."""
    registry = load_registry().with_installed(read_installed(ctx.storage))
    refuse_code(registry)
    return ManagementContext(Site.of(registry, ctx.storage, evaluate_defaults))


@pytest.fixture
def ctx() -> ManagementContext:
    """A context with the definition of a service, and one service."""
    made = manage(load_registry())
    install(made, SERVICE)
    made.create("service", "one", {"host": "a:1", "pin": "secret-pin"})
    return made


def test_who_opens_the_configuration_knows_the_objects(ctx: ManagementContext) -> None:
    other = reopen(ctx)
    assert other.get("service", "one").values["host"] == ("a:1",)
    assert other.registry.documents["service"].source == "installed"
    configuration, problems = judge_all(other.site, ".")
    assert problems == ()
    assert configuration["service", "one"]["host"].port == 1
    assert configuration.warnings == ()


def test_a_configuration_without_any_is_not_loaded_again() -> None:
    registry = load_registry()
    assert registry.with_installed(()) is registry
    assert read_installed(manage(registry).storage) == ()


def test_the_directory_of_a_developer_wins_then_what_is_installed_then_what_is_built_in(
    ctx: ManagementContext, tmp_path: Any
) -> None:
    newer = SERVICE | {"version": 9}
    (tmp_path / "service.json").write_text(text_of(newer), "utf-8")
    registry = load_registry([str(tmp_path)]).with_installed(read_installed(ctx.storage))
    assert (registry.documents["service"].data["version"], registry.documents["service"].source) == (9, "directory")
    mail = json.loads(text_of(load_registry().documents["mail-server"].data)) | {"version": 7}
    install(ctx, mail, accept_losses=True)
    document = reopen(ctx).registry.documents["mail-server"]
    assert (document.data["version"], document.source) == (7, "installed")


# -- what a newer version breaks -------------------------------------------------------------------------------------


def test_what_a_newer_version_breaks_is_told_by_object_property_and_value(ctx: ManagementContext) -> None:
    ctx.create("service", "two", {"host": "b:2", "pin": "x"})
    newer = SERVICE | {"properties": {"host": HOST | {"syntax": {"type": "integer", "lower": 1}}, "pin": PIN}}
    with pytest.raises(InvalidValueError) as caught:
        install(ctx, newer)
    told = [(problem.path, problem.property, problem.value) for problem in caught.value.diagnostics]
    assert told == [("/service/one", "host", "a:1"), ("/service/two", "host", "b:2")]
    refused(ctx, lambda: install(ctx, newer))


def test_a_problem_that_was_there_before_does_not_block(ctx: ManagementContext) -> None:
    entry = ctx.storage.read(ctx.site.mapper.dn_of(ctx.registry.path_of("service", "one")))
    assert entry is not None
    broken = type(entry)(entry.dn, {**entry.attributes, "ds-cfg-host": ("a:x",)})
    other = manage(
        load_registry(), *(e for e in ctx.storage.search(ctx.storage.base, "sub") if e.dn != entry.dn), broken
    )
    assert install(reopen(other), SERVICE | {"version": 2}).changed


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"properties": {"host": HOST, "pin": PIN | {"sensitive": False, "syntax": "string"}}},
            "pin is no longer a secret",
        ),
        ({"properties": {"host": HOST}, "constraints": []}, "pin is a secret, and the new version does not have it"),
        ({"properties": {"host": HOST | {"mandatory": False}, "pin": PIN}}, "host is no longer mandatory"),
        ({"constraints": []}, 'the constraint "pin-needed" is gone'),
        (
            {"constraints": [SERVICE["constraints"][0] | {"severity": "warning"}]},
            'the constraint "pin-needed" only warns',
        ),
        (
            {"constraints": [SERVICE["constraints"][0] | {"condition": True}]},
            'the constraint "pin-needed" demands something else',
        ),
    ],
)
def test_what_protects_values_is_given_up_only_on_purpose(
    ctx: ManagementContext, change: dict[str, Any], told: str
) -> None:
    problems = refused(ctx, lambda: install(ctx, SERVICE | change))
    assert told in [problem.summary for problem in problems]
    report = install(ctx, SERVICE | change, accept_losses=True)
    assert told in [problem.summary for problem in report.warnings]


@pytest.mark.parametrize(
    ("mark", "kept", "told"),
    [
        (True, ["a"], "option is no longer for administrators only"),
        (["a", "b"], ["b"], "these values of option are no longer for administrators only: a"),
    ],
)
def test_what_is_for_administrators_is_given_up_only_on_purpose(
    ctx: ManagementContext, mark: Any, kept: Any, told: str
) -> None:
    option = {"synopsis": "An option.", "syntax": "name-value", "multi-valued": True}
    marked = SERVICE | {"administrator-only": True}

    def with_mark(found: dict[str, Any], mark: Any) -> dict[str, Any]:
        return found | {"properties": SERVICE["properties"] | {"option": option | {"administrator-only": mark}}}

    install(ctx, with_mark(marked, mark))
    (problem,) = refused(ctx, lambda: install(ctx, with_mark(marked, kept)))
    assert problem.summary == told
    (problem,) = refused(ctx, lambda: install(ctx, with_mark(SERVICE, mark)))
    assert problem.summary == "its objects are no longer for administrators only"
    install(ctx, with_mark(marked, True))


def test_a_built_in_kind_is_replaced_only_on_purpose(ctx: ManagementContext) -> None:
    mail = json.loads(text_of(load_registry().documents["mail-server"].data)) | {"version": 7}
    (problem,) = refused(ctx, lambda: install(ctx, mail))
    assert problem.summary == 'it replaces the built-in definition "mail-server"'


def test_a_secret_is_not_told_by_a_version_that_does_not_know_it(ctx: ManagementContext) -> None:
    shown = {"synopsis": "A number.", "syntax": "integer"}
    newer = SERVICE | {"properties": {"host": HOST, "number": shown | {"renamed-from": ["pin"]}}, "constraints": []}
    with pytest.raises(InvalidValueError) as caught:
        install(ctx, newer, accept_losses=True)
    assert "secret-pin" not in str(caught.value)
    assert "number" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"relation": RELATION | {"branch": "cn=Others"}},
        {"relation": RELATION | {"name": "daemon"}},
        {"profile": {"ldap": {"object-class": "ds-cfg-daemon"}}},
        {"abstract": True},
        {"profile": {"ldap": {"naming-attribute": "ou"}}},
    ],
)
def test_no_object_is_lost(ctx: ManagementContext, change: dict[str, Any]) -> None:
    problems = refused(ctx, lambda: install(ctx, SERVICE | change, accept_losses=True))
    assert {problem.path for problem in problems} == {"/service/one"}


def test_a_definition_with_objects_is_not_removed(ctx: ManagementContext) -> None:
    with pytest.raises(ObjectInUseError) as caught:
        ctx.delete(HOLDER_KIND, "service")
    assert [problem.path for problem in caught.value.diagnostics] == ["/service/one"]
    with ctx.change() as tx:
        tx.delete("service", "one")
        tx.delete(HOLDER_KIND, "service")
    assert "service" not in ctx.registry
    ctx.undo(ctx.history()[-1].number)
    assert ctx.get("service", "one").values == {"host": ("a:1",), "pin": ("secret-pin",)}


def test_what_another_definition_needs_is_not_taken_away(ctx: ManagementContext) -> None:
    special = {"name": "special-service", "version": 1, "synopsis": "One of its own.", "extends": "service"}
    install(ctx, special)
    ctx.delete("service", "one")
    problems = refused(ctx, lambda: ctx.delete(HOLDER_KIND, "service"))
    assert [problem.code for problem in problems] == ["broken-definition"]
    assert "special-service" in problems[0].more[0]


# -- values follow their property ------------------------------------------------------------------------------------


def renamed() -> dict[str, Any]:
    return SERVICE | {"version": 2, "properties": {"address": HOST | {"renamed-from": ["host"]}, "pin": PIN}}


def test_values_follow_a_renamed_property_in_the_same_commit_and_back(ctx: ManagementContext) -> None:
    before = snapshot(ctx)
    entry = "cn=one,cn=Services,cn=config"
    report = install(ctx, renamed())
    assert snapshot(ctx)[entry]["ds-cfg-address"] == ("a:1",)
    assert "ds-cfg-host" not in snapshot(ctx)[entry]
    assert [(w.path, w.property) for w in report.warnings] == [("/service/one", "address")]
    assert len(ctx.history()) == 3  # the service, the definition, its newer version
    ctx.undo(3)
    after = snapshot(ctx)
    for entry_before, entry_after in ((before[dn], after[dn]) for dn in before):
        assert {**entry_before, "ds-cfg-revision": ()} == {**entry_after, "ds-cfg-revision": ()}
    ctx.undo(4)
    assert ctx.get("service", "one").values["address"] == ("a:1",)


def test_a_value_changed_after_the_renaming_follows_it_back(ctx: ManagementContext) -> None:
    install(ctx, renamed())
    number = ctx.history()[-1].number
    ctx.create("service", "two", {"address": "b:2", "pin": "x"})
    with ctx.change() as tx:
        tx.set("service", "one", {"address": "c:3"})
    ctx.undo(number)
    assert [obj.values["host"] for obj in ctx.list("service")] == [("c:3",), ("b:2",)]


def test_attributes_that_no_version_knows_stay(ctx: ManagementContext) -> None:
    newer = SERVICE | {"properties": {"host": HOST, "pin": PIN, "label": {"synopsis": "A label.", "syntax": "string"}}}
    install(ctx, newer)
    with ctx.change() as tx:
        tx.set("service", "one", {"label": "kept"})
    report = install(ctx, SERVICE)
    assert "ds-cfg-label belongs to no property of service any more" in report.warnings[0].summary
    with ctx.change() as tx:
        tx.set("service", "one", {"host": "z:9"})
    install(ctx, newer)
    assert ctx.get("service", "one").values["label"] == ("kept",)


def test_undo_takes_back_definitions_and_objects_over_several_changes(ctx: ManagementContext) -> None:
    install(ctx, renamed())
    ctx.delete("service", "one")
    ctx.delete(HOLDER_KIND, "service")
    with pytest.raises(ConstraintError, match="has no property address"):  # the definition that has it comes between
        ctx.undo_to(2)
    for number in (5, 4, 3):
        ctx.undo(number)
    assert ctx.get("service", "one").values["host"] == ("a:1",)
    for number in (2, 1):
        ctx.undo(number)
    assert snapshot(ctx).keys() == {"cn=config", "cn=Definitions,cn=config", "cn=Services,cn=config"}


# -- what an installed definition may not do ---------------------------------------------------------------------------


def with_attribute(name: str) -> dict[str, Any]:
    prop = {"synopsis": "A label.", "syntax": "string", "profile": {"ldap": {"attribute": name}}}
    return SERVICE | {"properties": SERVICE["properties"] | {"label": prop}}


LIBERTIES: dict[str, Any] = {
    "code in a constraint": SERVICE
    | {"constraints": [{"name": "x", "synopsis": "X.", "function": "subprocess:getoutput"}]},
    "code in a view": SERVICE | {"views": [{"name": "x", "synopsis": "X.", "function": "os:system"}]},
    "a branch of ours": SERVICE | {"relation": RELATION | {"branch": "cn=History"}},
    "a branch below one of ours": SERVICE | {"relation": RELATION | {"branch": "cn=x, CN=definitions"}},
    "no branch": SERVICE | {"relation": {"parent": "root", "kind": "instantiable"}},
    "an attribute of the standard": with_attribute("userPassword"),
    "an attribute of a server": with_attribute("nsslapd-rootdn"),
    "an attribute of ours": with_attribute("ds-cfg-definition"),
    "an attribute of the history": with_attribute("ds-cfg-history-secret"),
    "an attribute of followers": with_attribute("ds-cfg-follower-report"),
    "a class of the standard": SERVICE | {"profile": {"ldap": {"object-class": "person"}}},
    "a class of ours": SERVICE | {"profile": {"ldap": {"object-class": "ds-cfg-branch"}}},
    "a constant of the standard": SERVICE | {"profile": {"ldap": {"constants": {"aci": ["x"]}}}},
    "a command as name": SERVICE | {"name": "history"},
    "a command as relation": SERVICE | {"relation": RELATION | {"name": "export"}},
    "a command as plural": SERVICE | {"relation": RELATION | {"plural": "properties"}},
    "below our kind": SERVICE | {"relation": {"parent": HOLDER_KIND, "kind": "instantiable", "branch": "cn=Services"}},
    "a newer word": SERVICE | {"sings": True},
    "a newer version": SERVICE | {"requires": "999.1"},
    "not an object": [],
}


@pytest.mark.parametrize("liberty", LIBERTIES)
def test_it_is_refused_when_it_is_installed_and_left_out_where_it_is_stored(liberty: str) -> None:
    made = manage(load_registry())
    data = LIBERTIES[liberty]
    text = text_of(data)
    name = data["name"] if isinstance(data, dict) else "list"
    with pytest.raises(DefinitionError) as caught:
        made.create(HOLDER_KIND, name, values_of(text))
    assert caught.value.exit_code == 31
    assert all(problem.line for problem in caught.value.diagnostics) or "newer" in liberty
    assert snapshot(made) == {}
    store_by_hand(made, name, text)
    registry = load_registry().with_installed(read_installed(made.storage))
    (unusable,) = registry.unusable
    assert unusable.installed.name == name
    assert name not in registry
    if unusable.reason == "code":
        with pytest.raises(DefinitionError):
            reopen(made)
    else:
        reopen(made).create("mail-server", "m", {"enabled": True, "smtp-server": "mx"})  # the rest goes on


def store_by_hand(made: ManagementContext, name: str, text: str, digest: str = "") -> None:
    """Store a definition with another tool: without judging it."""
    path = made.registry.path_of(HOLDER_KIND, name)
    definition = made.registry.definition(HOLDER_KIND)
    obj = ManagedObject(path, definition, {TEXT: (text,), DIGEST: (digest or digest_of(text),)})
    with made.storage.writing():
        there = {entry.dn for entry in made.storage.search(made.storage.base, "sub")}
        scaffold = [AddEntry(entry) for entry in made.site.mapper.scaffold(path) if entry.dn not in there]
        made.storage.commit([*scaffold, AddEntry(made.site.mapper.encode(obj))])


@pytest.mark.parametrize("damage", ["digest", "json", "name"])
def test_a_damaged_definition_is_told_and_the_rest_goes_on(ctx: ManagementContext, damage: str) -> None:
    text = text_of(SERVICE | {"name": "other", "relation": RELATION | {"branch": "cn=Others"}})
    if damage == "digest":
        store_by_hand(ctx, "other", text, digest_of("something else"))
    elif damage == "json":
        store_by_hand(ctx, "other", text[:-1])
    else:
        store_by_hand(ctx, "another", text)
    other = reopen(ctx)
    (unusable,) = other.registry.unusable
    assert unusable.problems[0].origin.endswith(",cn=Definitions,cn=config")
    configuration, problems = judge_all(other.site, ".")
    assert problems == ()
    assert [warning.origin for warning in configuration.warnings] == [unusable.installed.origin]
    with other.change() as tx:
        tx.set("service", "one", {"host": "z:9"})
    other.delete(HOLDER_KIND, unusable.installed.name)
    assert other.registry.unusable == ()


def test_one_definition_that_breaks_another_does_not_take_the_others_along(ctx: ManagementContext) -> None:
    store_by_hand(ctx, "twin", text_of(SERVICE | {"name": "twin"}))  # in the same branch
    registry = load_registry().with_installed(read_installed(ctx.storage))
    assert "mail-server" in registry
    assert {one.installed.name for one in registry.unusable} >= {"twin"}


def test_what_the_process_allows_is_asked_at_each_opening(
    ctx: ManagementContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"name": "x", "synopsis": "X.", "function": "tests.definitions.functions:nothing"}
    monkeypatch.setenv("CONFOBJECTS_ALLOW_CODE", "module:tests.definitions.functions")
    install(manage(load_registry()), SERVICE)
    made = manage(load_registry())
    install(made, SERVICE | {"constraints": [rule]})
    assert "service" in reopen(made).registry
    monkeypatch.delenv("CONFOBJECTS_ALLOW_CODE")
    with pytest.raises(DefinitionError, match=r"tests\.definitions\.functions:nothing"):
        reopen(made)


@pytest.mark.parametrize("opener", ["&{", "$<", "${"])
def test_a_text_of_a_definition_is_never_an_expression(opener: str) -> None:
    made = manage(load_registry())
    synopsis = f"Reads {opener}env:X}} as it is."
    install(made, SERVICE | {"synopsis": synopsis})
    assert reopen(made).registry.definition("service").synopsis == synopsis
    assert judge_all(made.site, ".")[1] == ()


def test_another_writer_changed_the_definitions_meanwhile(ctx: ManagementContext) -> None:
    other = reopen(ctx)
    install(ctx, renamed())
    with pytest.raises(ConstraintError):  # judged by the definitions that are there now
        other.create("service", "two", {"address": "b:2"})
    other.create("service", "two", {"address": "b:2", "pin": "x"})
    assert "address" in other.registry.definition("service").properties


def test_the_shape_of_what_is_installed_is_looked_at_once(
    ctx: ManagementContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    seen: list[str] = []
    look = checking.check_shape

    def note(document: DefinitionDocument) -> Iterator[Diagnostic]:
        seen.append(document.data["name"])
        return look(document)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for module in (checking, reviewing):
        monkeypatch.setattr(module, "check_shape", note)
    others = [
        SERVICE | {"name": name, "relation": RELATION | {"branch": f"cn={name}"}, "synopsis": "Looked at once."}
        for name in ("bell", "gong")
    ]
    given = [reviewing.read_given(f"{one['name']}.json", text_of(one))[0] for one in others]
    with ctx.change(expected=[one for one in given if one is not None]) as tx:
        installing.install(tx, [one for one in given if one is not None])
    assert {"bell", "gong"} <= set(ctx.registry.documents)
    assert [name for name in seen if name != "service"] == ["bell", "gong"]


def test_a_requirement_up_to_this_version_is_met() -> None:
    made = manage(load_registry())
    install(made, SERVICE | {"requires": NEWEST})
    assert "service" in made.registry


def mail_server_that_extends() -> Iterator[dict[str, Any]]:
    yield {"name": "pool-mail-server", "version": 1, "synopsis": "A pool.", "extends": "mail-server"}


def test_a_type_of_a_built_in_kind_can_be_installed() -> None:
    made = manage(load_registry())
    install(made, *mail_server_that_extends())
    made.create("mail-server", "m", {"enabled": True, "smtp-server": "mx"}, type="pool")
    assert reopen(made).get("mail-server", "m").definition.name == "pool-mail-server"
    with pytest.raises((BrokenDataError, ObjectInUseError)):
        made.delete(HOLDER_KIND, "pool-mail-server")


# -- what a definition that cannot be used keeps from being judged -----------------------------------------------------


def using_mail(**words: Any) -> dict[str, Any]:
    relay = {"synopsis": "Its server.", "syntax": {"type": "aggregation", "relation": "mail-server"}}
    return SERVICE | {"properties": SERVICE["properties"] | {"relay": relay}} | words


@pytest.fixture
def newer(ctx: ManagementContext) -> ManagementContext:
    """A context whose service uses a mail server, and has a definition that a newer version has written."""
    install(ctx, using_mail())
    for name in ("used", "other"):
        ctx.create("mail-server", name, {"enabled": True, "smtp-server": "mx"})
    ctx.create("trust-manager-provider", "ca", {"enabled": True}, type="blind")
    with ctx.change() as tx:
        tx.set("service", "one", {"relay": "used"})
    with ctx.storage.writing():
        ctx.storage.commit([DeleteEntry(ctx.site.mapper.dn_of(ctx.registry.path_of(HOLDER_KIND, "service")))])
    store_by_hand(ctx, "service", text_of(using_mail(requires="99.0", sings=True)))
    return reopen(ctx)


def test_an_older_package_reads_what_it_knows_and_writes_what_it_can_judge(newer: ManagementContext) -> None:
    (unusable,) = newer.registry.unusable
    assert unusable.reason == "newer"
    assert "needs confobjects 99.0" in unusable.problems[0].summary
    assert len(newer.list("mail-server")) == 2
    newer.create("mail-server", "third", {"enabled": True, "smtp-server": "mx"})
    with newer.change() as tx:
        tx.set("mail-server", "used", {"smtp-server": "my"})
    newer.delete("trust-manager-provider", "ca")


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tx.delete("mail-server", "used"),
        lambda tx: tx.delete("mail-server", "other"),  # nobody knows whether it is used
        lambda tx: tx.rename("mail-server", "used", "renamed"),
        lambda tx: tx.set("mail-server", "used", {"enabled": False}),
    ],
)
def test_what_it_cannot_judge_is_refused(newer: ManagementContext, change: Any) -> None:
    def make() -> None:
        with newer.change() as tx:
            change(tx)

    (problem,) = refused(newer, make)
    assert (problem.code, problem.path[:13]) == ("broken-definition", "/mail-server/")


def test_an_object_of_an_unusable_type_is_not_changed_as_one_of_the_type_above(ctx: ManagementContext) -> None:
    (pool,) = mail_server_that_extends()
    install(ctx, pool)
    ctx.create("mail-server", "m", {"enabled": True, "smtp-server": "mx"}, type="pool")
    with ctx.storage.writing():
        ctx.storage.commit([DeleteEntry(ctx.site.mapper.dn_of(ctx.registry.path_of(HOLDER_KIND, "pool-mail-server")))])
    store_by_hand(ctx, "pool-mail-server", text_of(pool | {"requires": "99.0"}))
    other = reopen(ctx)

    def change() -> None:
        with other.change() as tx:
            tx.set("mail-server", "m", {"smtp-server": "my"})

    (problem,) = refused(other, change)
    assert "it is an object of it" in problem.summary
