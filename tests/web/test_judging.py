"""What each role may change: on every way that a change can come, and for every property and value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

import confobjects
from confobjects.definitions import ManagedObjectDefinition, Registry
from confobjects.definitions.model import HOLDER_KIND
from confobjects.errors import ConstraintError
from confobjects.management import ManagementContext
from confobjects.management.approving import ProposedChange
from confobjects.management.changing.operations import Operation
from confobjects.management.changing.trying import try_changes, try_operations
from confobjects.management.documents.comparing import take_snapshot
from confobjects.objects.changes import Action, ObjectChange, PropertyChanges
from confobjects.paths import ManagedObjectPath
from confobjects.web.identity.credentials import ROLES
from confobjects.web.judging import is_expression, make_approval
from confobjects.web.people import Person, Role
from confobjects.web.problems import NotPermittedError
from confobjects.web.served import Served
from tests.definitions.documents import builtin, depot
from tests.management.test_definitions import install
from tests.management.things import snapshot

LOWER: list[Role] = [role for role in ROLES if role != "administrator"]
NEVER: list[Role] = [role for role in ROLES if role not in ("operator", "administrator")]


def person(role: Role) -> Person:
    return Person(f"somebody-{role}", role, "account")


def acting(context: ManagementContext, role: Role) -> ManagementContext:
    """The same configuration in the hands of a person of a role."""
    return ManagementContext(context.site.replace(approve=make_approval(person(role))))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ManagementContext]:
    """Mail servers with and without parts for administrators, and what they use."""
    with confobjects.open(f"ldif:{tmp_path / 'config.ldif'}") as made:
        with made.change() as tx:
            tx.create("trust-manager-provider", "System", {"enabled": True}, type="system")
            tx.create(
                "trust-manager-provider",
                "Store",
                {"enabled": True, "trust-store-file": "trust.pem"},
                type="file-based",
            )
            tx.create("mail-server", "plain", {"enabled": True, "smtp-server": "mx.example.com"})
            tx.create(
                "mail-server",
                "login",
                {
                    "enabled": True,
                    "smtp-server": "mx.example.com",
                    "auth-username": "u",
                    "auth-password": "&{file:secrets/pin}",
                    "smtp-property": ["mail.smtp.timeout=1000", "confobjects.allow-insecure=login-in-clear"],
                },
            )
            tx.create(
                "mail-server",
                "literal",
                {"enabled": True, "smtp-server": "mx.example.com", "auth-username": "u", "auth-password": "a word"},
            )
        yield made


def refuse(context: ManagementContext, role: Role, call: Callable[[ManagementContext], Any]) -> NotPermittedError:
    """Return the error of what a role may not do. Nothing may be written then."""
    before = snapshot(context)
    with pytest.raises(NotPermittedError) as caught:
        call(acting(context, role))
    assert snapshot(context) == before
    assert (caught.value.http_status, caught.value.exit_code) == (403, 26)
    return caught.value


Change = Callable[[ManagementContext], Any]


def modify(name: str, kind: str = "mail-server", **changes: Any) -> Change:
    return lambda ctx: ctx.modify(kind, name, PropertyChanges(**changes))


FREE: Mapping[str, Change] = {
    "a value": modify("plain", set={"smtp-server": ["smtp.example.com"]}),
    "another value beside parts for administrators": modify("login", set={"enabled": ["false"]}),
    "another pair beside one for administrators": modify(
        "login", add={"smtp-property": ["mail.smtp.writetimeout=2000"]}
    ),
    "an object": lambda ctx: ctx.create("mail-server", "new", {"enabled": True, "smtp-server": "mx.example.com"}),
    "a secret of their own": modify("plain", set={"auth-username": ["u"], "auth-password": ["x"]}),
    "a secret again": modify("literal", set={"smtp-server": ["other.example.com"], "auth-password": ["a word"]}),
    "a deletion": lambda ctx: ctx.delete("mail-server", "plain"),
    "a rename beside parts for administrators": lambda ctx: ctx.rename("mail-server", "login", "signed-in"),
    "what looks like an expression": modify("plain", set={"auth-username": [r"\&{user}"]}),
}
RESERVED: Mapping[str, tuple[str, Change]] = {
    "an expression": ("auth-username", modify("plain", set={"auth-username": ["&{user}"]})),
    "an expression within a text": ("auth-username", modify("plain", set={"auth-username": ["a-&{env:HOME}-b"]})),
    "an expression instead of one": ("auth-password", modify("login", set={"auth-password": ["&{file:/etc/shadow}"]})),
    "a literal instead of an expression": ("auth-password", modify("login", set={"auth-password": ["mine"]})),
    "no expression": ("auth-password", modify("login", reset=("auth-password",))),
    "an expression in a name of a pair": (
        "smtp-property",
        modify("plain", set={"smtp-property": ["&{x|mail.smtp.timeout}=1000"]}),
    ),
    "an insecure setting": (
        "smtp-property",
        modify("plain", set={"smtp-property": ["confobjects.allow-insecure=any-name"]}),
    ),
    "a further insecure setting": (
        "smtp-property",
        modify("login", set={"smtp-property": ["confobjects.allow-insecure=login-in-clear,any-name"]}),
    ),
    "an insecure setting with blanks": (
        "smtp-property",
        modify("plain", set={"smtp-property": [" confobjects.allow-insecure =any-name"]}),
    ),
    "no insecure setting": ("smtp-property", modify("login", reset=("smtp-property",))),
    "a path": (
        "trust-store-file",
        modify("Store", "trust-manager-provider", set={"trust-store-file": ["/etc/passwd"]}),
    ),
    "an object with a path": (
        "trust-store-file",
        lambda ctx: ctx.create(
            "trust-manager-provider", "new", {"enabled": True, "trust-store-file": "x"}, type="file-based"
        ),
    ),
    "the deletion of a path": ("trust-store-file", lambda ctx: ctx.delete("trust-manager-provider", "Store")),
    "an object that trusts everybody": (
        "",
        lambda ctx: ctx.create("trust-manager-provider", "new", {"enabled": True}, type="blind"),
    ),
    "where an expression goes": (
        "auth-password",
        modify("login", set={"smtp-server": ["other.example.com"]}),
    ),
    "how an expression is protected": (
        "auth-password",
        modify("login", set={"use-start-tls": ["false"], "use-ssl": ["true"]}),
    ),
    "the database of the mail service": (
        "ledger",
        lambda ctx: ctx.modify("mail-service", (), PropertyChanges(set={"ledger": ["sqlite:/tmp/x"]})),
    ),
}


@pytest.mark.parametrize("change", FREE.values(), ids=FREE)
def test_an_operator_changes_what_is_free(context: ManagementContext, change: Change) -> None:
    assert change(acting(context, "operator")).changed


@pytest.mark.parametrize(("name", "change"), RESERVED.values(), ids=RESERVED)
def test_an_operator_does_not_change_what_is_for_administrators(
    context: ManagementContext, name: str, change: Change
) -> None:
    error = refuse(context, "operator", change)
    assert name in [problem.property for problem in error.diagnostics]
    assert all("operator" in one.summary and one.remedy == "ask an administrator" for one in error.diagnostics)
    assert "shadow" not in str(error)
    assert change(acting(context, "administrator")).changed


@pytest.mark.parametrize("role", NEVER)
@pytest.mark.parametrize("change", [*FREE.values(), *(one for _, one in RESERVED.values())])
def test_others_change_nothing(context: ManagementContext, role: Role, change: Change) -> None:
    assert role in str(refuse(context, role, change))


def test_an_operator_gives_a_stored_secret_again(context: ManagementContext) -> None:
    for changes in ({"smtp-server": ["other.example.com"]}, {"use-start-tls": ["false"]}):
        with pytest.raises(ConstraintError, match="auth-password to be given again"):
            acting(context, "operator").modify("mail-server", "literal", PropertyChanges(set=changes))
    assert context.get("mail-server", "literal").values["smtp-server"] == ("mx.example.com",)


# -- every way -------------------------------------------------------------------------------------------------------

PRESS = {
    "name": "press",
    "version": 1,
    "synopsis": "Prints.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Presses"},
}
PATH = {"trust-store-file": ["other.pem"]}


def _dry_run(ctx: ManagementContext) -> None:
    ctx.modify("trust-manager-provider", "Store", PropertyChanges(set=PATH), dry_run=True)


def _try(ctx: ManagementContext) -> None:
    try_changes(ctx.site, "trust-manager-provider", "Store", PropertyChanges(set=PATH))


def _try_several(ctx: ManagementContext) -> None:
    try_operations(
        ctx.site,
        [
            Operation("modify", "mail-server", ("plain",), changes=PropertyChanges(set={"enabled": ["false"]})),
            Operation("modify", "trust-manager-provider", ("Store",), changes=PropertyChanges(set=PATH)),
        ],
    )


def _apply(ctx: ManagementContext) -> None:
    wanted = dict(take_snapshot(ctx.site, ctx.world()).objects)
    path = ctx.registry.path_of("trust-manager-provider", "Store")
    wanted[path] = wanted[path].replace(values={**wanted[path].values, "trust-store-file": ("other.pem",)})
    ctx.apply(wanted)


def _prune(ctx: ManagementContext) -> None:
    there = take_snapshot(ctx.site, ctx.world()).objects
    gone = ctx.registry.path_of("mail-server", "plain")
    ctx.apply({path: state for path, state in there.items() if path != gone}, prune=True)


def _install(ctx: ManagementContext) -> None:
    install(ctx, PRESS)


def _reach_it_by_a_rename(ctx: ManagementContext) -> None:
    """Put an object without parts for administrators into the place of one that has some."""
    with ctx.change() as tx:
        tx.delete("mail-server", "login")
        tx.rename("mail-server", "plain", "login")


def _create_it_again(ctx: ManagementContext) -> None:
    with ctx.change() as tx:
        tx.delete("mail-server", "login")
        tx.create("mail-server", "login", {"enabled": True, "smtp-server": "mx.example.com"})


WAYS: Sequence[Change] = (
    _dry_run,
    _try,
    _try_several,
    _apply,
    _prune,
    _install,
    _reach_it_by_a_rename,
    _create_it_again,
)


@pytest.mark.parametrize("role", LOWER)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_a_change_is_judged(context: ManagementContext, way: Change, role: Role) -> None:
    refuse(context, role, way)
    way(acting(context, "administrator"))


@pytest.mark.parametrize("role", LOWER)
def test_definitions_are_removed_by_administrators_only(context: ManagementContext, role: Role) -> None:
    install(context, PRESS)
    refuse(context, role, lambda ctx: ctx.delete(HOLDER_KIND, "press"))
    acting(context, "administrator").delete(HOLDER_KIND, "press")


@pytest.mark.parametrize("role", LOWER)
def test_an_undo_is_judged_as_the_change_that_it_makes(context: ManagementContext, role: Role) -> None:
    context.modify("trust-manager-provider", "Store", PropertyChanges(set=PATH))
    number = context.history()[-1].number
    refuse(context, role, lambda ctx: ctx.undo(number))
    refuse(context, role, lambda ctx: ctx.undo_to(number - 1))
    refuse(context, role, lambda ctx: ctx.undo(number, dry_run=True))
    assert acting(context, "administrator").undo(number).changed


@pytest.mark.parametrize("name", [name for name in FREE if "secret" not in name])  # the history has no secrets
def test_who_may_make_a_change_may_take_it_back(context: ManagementContext, name: str) -> None:
    change = FREE[name]
    before = take_snapshot(context.site, context.world()).objects
    number = change(acting(context, "operator")).number
    assert acting(context, "operator").undo(number).changed
    assert take_snapshot(context.site, context.world()).objects == before


# -- what is served --------------------------------------------------------------------------------------------------


def test_the_history_names_who_made_a_change(tmp_path: Path) -> None:
    served = Served(lambda: confobjects.open(f"ldif:{tmp_path / 'config.ldif'}"))
    change = FREE["an object"]
    anyio.run(served.change, person("operator"), "console", change)
    for role in NEVER:
        with pytest.raises(NotPermittedError):
            anyio.run(served.change, person(role), "console", lambda ctx: ctx.delete("mail-server", "new"))
    (record,) = anyio.run(served.read, lambda ctx: ctx.history())
    assert (record.signature.actor, record.signature.command) == ("somebody-operator", "console")
    with pytest.raises(AssertionError):
        anyio.run(served.read, lambda ctx: ctx.delete("mail-server", "new", dry_run=True))
    assert len(anyio.run(served.read, lambda ctx: ctx.list("mail-server"))) == 1
    served.close()


# -- every property, every value ---------------------------------------------------------------------------------------

REGISTRIES: Mapping[str, Registry] = {"builtin": builtin(), "depot": depot()}
PLACES = [
    (registry, definition.name, name)
    for registry, found in REGISTRIES.items()
    for definition in found
    for name in definition.properties
]
TEXTS = (
    "x",
    "y",
    "confobjects.allow-insecure=any-name",
    "allow.open=1",
    "mail.smtp.timeout=1",
    "&{a}",
    "$<b>",
    "a${c|d}",
    "&{file:e}",
    "&{sealed:k:AAAA}",
    "&{sealed:k:AAAA|&{f}}",
    r"\&{g}",
    "&{",
    "{h}",
)
EXPRESSIONS = ("&{a}", "$<b>", "a${c|d}", "&{file:e}", "&{sealed:k:AAAA|&{f}}", "&{")


def expected_reserved(registry: Registry, kind: str, name: str, texts: Sequence[str]) -> Counter[str]:
    """The values that are for administrators, from the JSON of the definitions alone."""
    spec, _ = registry.collect_specs(kind)[name]
    syntax = spec["syntax"] if isinstance(spec["syntax"], str) else spec["syntax"]["type"]
    mark = spec.get("administrator-only", False)
    names = mark if isinstance(mark, list) else ()
    whole = mark is True or syntax in ("path", "class-name")
    return Counter(text for text in texts if whole or text in EXPRESSIONS or text.partition("=")[0] in names)


def is_of_a_reserved_kind(registry: Registry, kind: str) -> bool:
    return any(registry.documents[one].data.get("administrator-only") for one in (*registry.parents(kind), kind))


@st.composite
def object_changes(draw: st.DrawFn) -> tuple[str, str, str, ObjectChange]:
    registry, kind, name = draw(st.sampled_from(PLACES))
    definition: ManagedObjectDefinition = REGISTRIES[registry].definition(kind)
    values = st.lists(st.sampled_from(TEXTS), max_size=3).map(tuple)
    action: Action = draw(st.sampled_from(("create", "modify", "delete")))
    before = {} if action == "create" else {name: draw(values)}
    after = {} if action == "delete" else {name: draw(values)}
    return registry, kind, name, ObjectChange(ManagedObjectPath(((kind, "a"),)), action, definition, before, after)


@given(object_changes(), st.sampled_from(ROLES))
def test_every_value_of_every_property_is_judged_by_what_it_is(
    made: tuple[str, str, str, ObjectChange], role: Role
) -> None:
    registry, kind, name, change = made
    found = REGISTRIES[registry]
    before, after = (
        expected_reserved(found, kind, name, texts.get(name, ())) for texts in (change.before, change.after)
    )
    is_free = before == after and not is_of_a_reserved_kind(found, kind)
    allowed = role == "administrator" or (role == "operator" and is_free)
    approve, proposed = make_approval(person(role)), ProposedChange((change,))
    if allowed:
        approve(proposed)
        return
    with pytest.raises(NotPermittedError) as caught:
        approve(proposed)
    told = "".join(problem.summary for problem in caught.value.diagnostics)
    assert not any(text in told for text in EXPRESSIONS)


@given(object_changes(), object_changes())
def test_changes_together_are_permitted_only_if_each_is_or_they_cancel_out(
    one: tuple[str, str, str, ObjectChange], other: tuple[str, str, str, ObjectChange]
) -> None:
    first, second = one[3], other[3].replace(path=ManagedObjectPath(((other[1], "b"),)))

    def allows(*changes: ObjectChange) -> bool:
        try:
            make_approval(person("operator"))(ProposedChange(changes))
        except NotPermittedError:
            return False
        return True

    assert allows(first, second) == (allows(first) and allows(second))


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_an_expression(text: str) -> None:
    assert is_expression(text) == (text in EXPRESSIONS)


def test_what_leads_out_of_the_configuration_is_for_administrators() -> None:
    """The kinds and properties that the shipped definitions leave to administrators, so that a change of it is seen."""
    found = {
        f"{definition.name}.{prop.name}" + "".join(f" {name}" for name in sorted(prop.administrator_names))
        for definition in builtin()
        for prop in definition.properties.values()
        if (prop.administrator_only or prop.administrator_names) and prop.declared_by == definition.name
    }
    assert found == {
        "custom-trust-manager-provider.provider-class",
        "file-based-key-manager-provider.key-store-file",
        "file-based-trust-manager-provider.trust-store-file",
        "mail-server.smtp-property confobjects.allow-insecure",
        "mail-service.ledger",
        "oauth2-provider.allowed-mail-host",
        "pem-trust-manager-provider.pem-directory",
        "pkcs11-trust-manager-provider.pkcs11-provider-arg",
    }
    kinds = {definition.name for definition in builtin() if definition.administrator_only}
    assert kinds == {"blind-trust-manager-provider", HOLDER_KIND}
