"""The order of writing: a change that stops anywhere leaves every reference where it leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from confobjects.definitions_loading import load_registry
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, NoSuchObjectError
from confobjects.management import ManagementContext, Site
from confobjects.management.changing.operations import Operation
from confobjects.mapping.entry import Change, Entry
from confobjects.objects.changes import PropertyChanges
from confobjects.objects.evaluating import evaluate_defaults
from confobjects.storage.memory import MemoryStorage
from tests.management.test_transactions import filled

REGISTRY = load_registry()
PROVIDERS = ("A", "B", "C", "D")
SERVERS = ("one", "two", "three")


def context(entries: Sequence[Entry]) -> ManagementContext:
    return ManagementContext(Site.of(REGISTRY, MemoryStorage(entries), evaluate_defaults))


def provider(name: str, enabled: str) -> Operation:
    values = {"enabled": [enabled], "pem-directory": ["."]}
    return Operation("create", "trust-manager-provider", (name,), "pem", PropertyChanges(set=values))


def server(name: str, enabled: str, trusts: str) -> Operation:
    values = {"enabled": [enabled], "smtp-server": ["h"], "trust-manager-provider": [trusts]}
    return Operation("create", "mail-server", (name,), changes=PropertyChanges(set=values))


FLAGS = st.sampled_from(["true", "false"])
OF_PROVIDERS = st.sampled_from(PROVIDERS)
OPERATIONS = st.one_of(
    st.builds(provider, OF_PROVIDERS, FLAGS),
    st.builds(server, st.sampled_from(SERVERS), FLAGS, OF_PROVIDERS),
    st.builds(lambda name: Operation("delete", "trust-manager-provider", (name,), tolerant=True), OF_PROVIDERS),
    st.builds(lambda name: Operation("delete", "mail-server", (name,), tolerant=True), st.sampled_from(SERVERS)),
    st.builds(
        lambda name, flag: Operation(
            "modify", "trust-manager-provider", (name,), changes=PropertyChanges(set={"enabled": [flag]})
        ),
        OF_PROVIDERS,
        FLAGS,
    ),
    st.builds(
        lambda name, flag, trusts: Operation(
            "modify",
            "mail-server",
            (name,),
            changes=PropertyChanges(set={"enabled": [flag], "trust-manager-provider": [trusts]}),
        ),
        st.sampled_from(SERVERS),
        FLAGS,
        OF_PROVIDERS,
    ),
)


def planned(ctx: ManagementContext, operations: Sequence[Operation]) -> list[Change]:
    """The storage operations of a change that is not carried out; none for one that is refused."""
    try:
        with ctx.change(dry_run=True) as tx:
            for operation in operations:
                with suppress(NoSuchObjectError):
                    operation.ask(tx)
            changes = tx.build_changes(tx.plan())
    except ConfobjectsError:
        return []
    return changes


def wrong(ctx: ManagementContext) -> Iterator[Diagnostic]:
    world = ctx.world()
    judge = ctx.site.make_judge(world)
    for obj in ctx.all(world):
        yield from judge.check_references(judge.judge(obj))


def make(ctx: ManagementContext, changes: Sequence[Change]) -> None:
    with ctx.storage.writing():
        ctx.storage.commit(changes)


@st.composite
def starts(draw: st.DrawFn) -> list[Entry]:
    """A configuration in which everything is as it should be."""
    ctx = context([])
    operations = [provider(name, draw(FLAGS)) for name in draw(st.sets(OF_PROVIDERS))]
    operations += [server(name, draw(FLAGS), draw(OF_PROVIDERS)) for name in draw(st.sets(st.sampled_from(SERVERS)))]
    for operation in operations:
        make(ctx, planned(ctx, [operation]))
    return list(ctx.storage.search(ctx.storage.base, "sub"))


@settings(max_examples=300)
@given(starts(), st.lists(OPERATIONS, min_size=2, max_size=8))
@example([], [server("one", "true", "A"), server("two", "true", "B"), provider("B", "true"), provider("A", "true")])
def test_every_part_of_a_change_keeps_references_valid(start: list[Entry], operations: list[Operation]) -> None:
    ctx = context(start)
    changes = planned(ctx, operations)
    for change in changes:
        make(ctx, [change])
        assert list(wrong(ctx)) == []


BEFORE = [provider("A", "true"), provider("B", "false"), server("one", "true", "A"), server("two", "false", "B")]


def changed(kind: str, name: str, **values: str) -> Operation:
    given = {key.replace("_", "-"): [value] for key, value in values.items()}
    return Operation("modify", kind, (name,), changes=PropertyChanges(set=given))


TPM = "trust-manager-provider"
PLANS = {
    "what is deleted goes last": (
        [
            Operation("delete", TPM, ("A",)),
            changed("mail-server", "one", trust_manager_provider="C"),
            provider("C", "true"),
        ],
        ["create C", "modify one", "delete A"],
    ),
    "what is enabled comes first": (
        [changed("mail-server", "two", enabled="true"), changed(TPM, "B", enabled="true")],
        ["modify B", "modify two"],
    ),
    "what is disabled goes last": (
        [changed(TPM, "A", enabled="false"), changed("mail-server", "one", enabled="false")],
        ["modify one", "modify A"],
    ),
    "both at once": (
        [
            changed(TPM, "A", enabled="false"),
            changed("mail-server", "one", trust_manager_provider="B"),
            changed(TPM, "B", enabled="true"),
        ],
        ["modify B", "modify one", "modify A"],
    ),
    "with its users": (
        [Operation("delete", TPM, ("A",)), Operation("delete", "mail-server", ("one",))],
        ["delete one", "delete A"],
    ),
    "else as it was asked for": (
        [
            changed("mail-server", "two", use_ssl="false"),
            changed("mail-server", "one", use_ssl="false"),
            provider("C", "true"),
        ],
        ["modify two", "modify one", "create C"],
    ),
    "what makes room comes first": (
        [
            Operation("delete", TPM, ("A",)),
            Operation("create", TPM, ("A",), "blind", PropertyChanges(set={"enabled": ["true"]})),
            changed("mail-server", "one", use_ssl="false"),
        ],
        ["delete A", "create A", "modify one"],
    ),
    "a name that is freed is taken": (
        [Operation("delete", "mail-server", ("one",)), Operation("rename", "mail-server", ("two",), new_name="one")],
        ["delete one", "rename two"],
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_the_order(name: str) -> None:
    operations, expected = PLANS[name]
    ctx = context([])
    make(ctx, planned(ctx, BEFORE))
    with ctx.change() as tx:
        for operation in operations:
            operation.ask(tx)
    assert [f"{change.action} {change.path.name}" for change in tx.report.changes] == expected


def test_what_lies_below_comes_after_and_goes_before() -> None:
    ctx = filled()
    with ctx.change() as tx:
        tx.create("queue", "new", {"enabled": "true", "store": "three"}, type="disk")
        tx.create("consumer", ("new", "mail"), {})
        tx.create("store", "three", {"enabled": True, "location": "/var/three"})
        tx.delete("queue", "guard")
        tx.delete("queue", "jobs")
        tx.delete("store", "one")
    paths = [str(change.path) for change in tx.report.changes]
    assert paths.index("/store/three") < paths.index("/queue/new") < paths.index("/queue/new/consumer/mail")
    assert paths.index("/queue/jobs/consumer/mail") < paths.index("/queue/jobs") < paths.index("/store/one")
    assert paths.index("/queue/guard") < paths.index("/queue/jobs")


def test_a_circle_of_references_is_written_all_the_same() -> None:
    ctx = filled()
    with ctx.change() as tx:
        for name, other in (("left", "right"), ("right", "left")):
            tx.create("queue", name, {"enabled": True, "watch": [other]}, type="custom-memory")
    assert [str(change.path) for change in tx.report.changes] == ["/queue/left", "/queue/right"]
