"""The history in a directory: killed at every request, recovered, hidden from readers, absent from older schemas."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import confobjects
from confobjects.actions import RemedyAction
from confobjects.dn import DN
from confobjects.errors import (
    AccessError,
    ChangedMeanwhileError,
    ConfobjectsError,
    NoSuchObjectError,
    ObjectExistsError,
)
from confobjects.management import ManagementContext
from confobjects.management.documents.copying import find_exposed, initialise
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    apply,
    rename_entry,
)
from confobjects.mapping.journal import WRITER
from confobjects.mapping.ldap_schema import as_ldif, build_schema, format_access_rules, upgrade
from confobjects.objects.changes import PropertyChanges
from confobjects.storage.ldap import LdapStorage, plans, writers
from confobjects.storage.ldap.truth import StoredRecord, judge_records
from tests.definitions.documents import builtin
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd

BASE = DN.parse("cn=journal,dc=example,dc=com")
NAMES = ("one", "two", "three")
SERVER: dict[str, Any] = {"enabled": True, "smtp-server": "mx.example.com", "auth-username": "0"}
CANARY = "Kanarienvogel-7!x"

Opener = Callable[[], ManagementContext]


def opener(server: Slapd, user: str = openldap.ROOT_DN, password: str = openldap.PASSWORD, **options: Any) -> Opener:
    return lambda: confobjects.open(server.url, base=BASE, bind_dn=user, bind_password=password, **options)


@pytest.fixture
def reach(slapd: Slapd) -> Opener:
    """How to open a configuration of three mail servers, with a history of one change."""
    made = opener(slapd)
    with made() as ctx, ctx.storage.writing():
        for entry in sorted(ctx.storage.search(BASE, "sub"), key=lambda entry: -len(entry.dn)):
            ctx.storage.commit([DeleteEntry(entry.dn)])
    with made() as ctx, ctx.change() as tx:
        for name in NAMES:
            tx.create("mail-server", name, SERVER)
    return made


def usernames(ctx: ManagementContext) -> dict[str, str]:
    return {obj.name: obj.values["auth-username"][0] for obj in ctx.list("mail-server")}


def together(ctx: ManagementContext, text: str = "new") -> None:
    with ctx.change() as tx:
        for name in NAMES:
            tx.set("mail-server", name, {"auth-username": text, "auth-password": f"{CANARY} {text}"})


def next_change(ctx: ManagementContext) -> list[str]:
    """What the next command that changes something does, and what it says."""
    ctx.modify("mail-server", "one", PropertyChanges(set={"smtp-property": "mail.smtp.timeout=1000"}))
    ctx.modify("mail-server", "one", PropertyChanges(reset=["smtp-property"]))
    return [warning.summary for warning in ctx.storage.warnings]


def test_a_history_that_others_make_is_noticed_with_the_moment(reach: Opener, slapd: Slapd) -> None:
    found = slapd.ldapsearch("-b", str(BASE), "(objectClass=*)", "1.1")
    names = sorted(re.findall("(?m)^dn: (.*)$", found), key=len, reverse=True)
    slapd.ldapmodify("".join(f"dn: {name}\nchangetype: delete\n\n" for name in names))
    with reach() as reader, reach() as other:
        assert reader.storage.history() == []
        assert reader.storage.moment().last is None
        other.create("mail-server", "one", SERVER)
        assert reader.storage.moment().last == 1
        assert [one.number for one in reader.storage.history()] == [1]


def test_the_report_of_a_change_says_its_number(reach: Opener) -> None:
    change = PropertyChanges(set={"auth-username": "new"})
    with reach() as ctx:
        assert ctx.modify("mail-server", "one", change, dry_run=True).number is None
        report = ctx.modify("mail-server", "one", change)
        assert report.number == ctx.history()[-1].number == 2
        assert ctx.modify("mail-server", "one", change).number is None


def killed_at(reach: Opener, request: int, work: Callable[[ManagementContext], None], *, before: bool) -> bool:
    """Do some work in a process that kills itself before or after one of its writes; return whether it came to that."""

    def run() -> None:
        make, first, count = LdapStorage._carry_out, before, 0

        def carry_out(self: LdapStorage, change: Change, before: Entry | None) -> None:
            nonlocal count
            count += 1
            if count == request and first:
                os.kill(os.getpid(), signal.SIGKILL)
            make(self, change, before)
            if count == request:
                os.kill(os.getpid(), signal.SIGKILL)

        LdapStorage._carry_out = carry_out  # type: ignore[method-assign]  # in this process only
        with reach() as ctx:
            work(ctx)

    process = get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


# -- killed at every request -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [True, False])
def test_a_change_of_several_is_whole_or_not_there_wherever_its_writer_dies(reach: Opener, before: bool) -> None:
    outcomes = []
    for request in range(1, 20):
        if not killed_at(reach, request, lambda ctx, n=request: together(ctx, str(n)), before=before):  # type: ignore[misc]  # a default of a lambda
            break
        with reach() as ctx:
            said = next_change(ctx)
            (value,) = set(usernames(ctx).values())
            happened = value == str(request)
            told = [
                record for record in ctx.history() if record.changes[-1].after.get("auth-username") == (str(request),)
            ]
            assert [record.state for record in told] == ["done"] * happened
            outcomes.append((happened, [text.partition("; it was ")[2].partition(":")[0] for text in said]))
    begun = [(True, ["finished"])] * 3
    if before:  # the record, three entries, the mark
        assert outcomes == [(False, []), (False, ["taken back"]), *begun]
    else:
        assert outcomes == [(False, ["taken back"]), *begun, (True, [])]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    "work",
    [
        lambda ctx: ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": "new"})),
        lambda ctx: ctx.create("mail-server", "four", SERVER),
        lambda ctx: ctx.rename("mail-server", "one", "four"),
        lambda ctx: ctx.delete("mail-server", "one"),
    ],
    ids=["modify", "create", "rename", "delete"],
)
def test_a_change_of_one_is_told_as_it_happened(
    reach: Opener, work: Callable[[ManagementContext], None], before: bool
) -> None:
    with reach() as ctx:
        start = usernames(ctx)
    request = 0
    for request in range(1, 10):
        if not killed_at(reach, request, work, before=before):
            break
        with reach() as ctx:
            ctx.modify("mail-server", "two", PropertyChanges(set={"enabled": [str(request % 2 == 0).lower()]}))
            records = [record for record in ctx.history() if str(record.changes[0].path) != "/mail-server/two"][1:]
            happened = usernames(ctx) != start
            assert [record.state for record in records] == ["done"] * happened
            if happened:
                break
    assert request > 1
    with reach() as ctx:
        ctx.undo_to(ctx.history()[0].number)
        assert usernames(ctx) == start


def test_what_cannot_be_finished_is_taken_back(reach: Opener, slapd: Slapd) -> None:
    assert killed_at(reach, 3, together, before=False)  # the first two of three are changed
    slapd.ldapmodify(
        f"dn: cn=three,cn=Mail Servers,{BASE}\nchangetype: modify\nreplace: ds-cfg-revision\nds-cfg-revision: 900\n"
    )
    with reach() as ctx:
        assert set(usernames(ctx).values()) == {"0", "new"}
        (said,) = next_change(ctx)
        assert said == "change 2 was interrupted; it was taken back: it could not be finished, or had not begun"
        assert set(usernames(ctx).values()) == {"0"}
        assert 2 not in [record.number for record in ctx.history()]


def test_a_writer_that_lives_is_waited_for_and_not_taken_for_dead(reach: Opener) -> None:
    with reach() as writer, reach() as other:
        storage = writer.storage
        assert isinstance(storage, LdapStorage)
        make = storage._carry_out
        met: list[Any] = []

        def meet(change: Change, before: Entry | None) -> None:
            if isinstance(change, ModifyEntry) and "cn=two" in str(change.dn) and not met:
                met.append([(record.number, record.state) for record in other.history()])
                with pytest.raises(ChangedMeanwhileError) as caught:
                    other.modify("mail-server", "one", PropertyChanges(set={"enabled": ["false"]}))
                met.append(caught.value.diagnostics[0].summary)
            make(change, before)

        other.storage.pause = lambda turn: None  # type: ignore[method-assign]  # the writer waits for us here
        storage._carry_out = meet  # type: ignore[method-assign]  # as above
        together(writer)
        assert met == [
            [(1, "done"), (2, "pending")],
            "another change to this entry (number 2) is not finished",
        ]
        assert usernames(other) == dict.fromkeys(NAMES, "new")


def test_a_writer_that_has_met_others_looks_before_it_takes_a_number(
    reach: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two change objects of their own in turn, so the number that each of them expects is always taken already."""
    refused: list[DN] = []
    make, turns = LdapStorage._carry_out, 10

    def carry_out(self: LdapStorage, change: Change, before: Entry | None) -> None:
        try:
            make(self, change, before)
        except ObjectExistsError:
            assert isinstance(change, AddEntry)
            refused.append(change.entry.dn)
            raise

    monkeypatch.setattr(LdapStorage, "_carry_out", carry_out)
    with reach() as one, reach() as two:
        for turn in range(turns):
            one.modify("mail-server", "one", PropertyChanges(set={"auth-username": f"a{turn}"}))
            two.modify("mail-server", "two", PropertyChanges(set={"auth-username": f"b{turn}"}))
    assert 0 < len(refused) <= turns  # every second one; without a look, nearly all


def test_an_undo_that_was_overtaken_looks_again(reach: Opener) -> None:
    with reach() as ctx, reach() as other:
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": "first"}))
        storage = ctx.storage
        assert isinstance(storage, LdapStorage)
        make = storage._make_changes

        def overtaken(*arguments: Any) -> None:
            storage._make_changes = make  # type: ignore[method-assign]  # once
            other.modify("mail-server", "one", PropertyChanges(set={"auth-username": "second"}))
            make(*arguments)

        storage._make_changes = overtaken  # type: ignore[method-assign,assignment]  # put back above
        with pytest.raises(ConfobjectsError) as caught:
            ctx.undo(2)
        assert caught.value.exit_code == 22
        assert "touches the same values" in str(caught.value)
        assert usernames(ctx)["one"] == "second"


def test_a_plan_is_gone_when_it_is_carried_out_and_secrets_are_in_protected_attributes(
    reach: Opener, slapd: Slapd
) -> None:
    assert killed_at(reach, 2, together, before=False)
    text = slapd.ldapsearch("-b", f"cn=2,cn=History,{BASE}", "*")
    assert "ds-cfg-history-plan:" in text
    with reach() as ctx:
        next_change(ctx)
        together(ctx, "newer")
    text = slapd.ldapsearch("-b", f"cn=History,{BASE}", "*")
    assert "ds-cfg-history-plan:" not in text
    secret = [line for line in text.splitlines() if CANARY in line]
    assert secret
    assert all(line.startswith("ds-cfg-history-secret: ") for line in secret)


def test_the_oldest_records_go(slapd: Slapd, reach: Opener) -> None:
    with opener(slapd, history=10)() as ctx:
        for number in range(70):
            ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": f"user {number}"}))
        numbers = [record.number for record in ctx.history()]
        assert numbers == list(range(55, 72))  # pruned at the 64th
        assert all(record.state == "done" for record in ctx.history())
        ctx.undo_to(numbers[0])
        with pytest.raises(NoSuchObjectError) as caught:
            ctx.undo_to(3)
        assert "the history has the changes 55 to 72" in str(caught.value)


def test_who_has_not_looked_for_long_takes_no_number_that_was_removed_meanwhile(slapd: Slapd, reach: Opener) -> None:
    few = opener(slapd, history=10)
    with few() as ctx, few() as other:
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": "new"}))
        for number in range(70):
            other.modify("mail-server", "two", PropertyChanges(set={"auth-username": f"user {number}"}))
        assert other.history()[0].number > 3  # which is free
        assert ctx.create("mail-server", "four", SERVER).number == other.history()[-1].number == 73


def test_numbers_that_are_left_out_for_a_higher_revision_are_not_taken_later(slapd: Slapd, reach: Opener) -> None:
    slapd.ldapmodify(
        f"dn: cn=two,cn=Mail Servers,{BASE}\nchangetype: modify\nreplace: ds-cfg-revision\nds-cfg-revision: 50\n"
    )
    with reach() as ctx, reach() as other:
        assert ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": "new"})).number == 2
        assert other.modify("mail-server", "two", PropertyChanges(set={"auth-username": "new"})).number == 51
        assert ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": "newer"})).number == 52
        assert [record.number for record in ctx.history()] == [1, 2, 51, 52]


# -- who may read it -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[Slapd]:
    """A server with our access rules."""
    registry = builtin()
    text = format_access_rules(registry, "openldap", BASE, DN.parse(openldap.ROOT_DN))
    rules = [line.partition("}")[2] for line in text.splitlines() if line.startswith("olcAccess: {")]
    rules.append("to * by anonymous auth by users read")
    with Slapd(schema=(openldap.TEST_SCHEMA, as_ldif(build_schema(registry), "openldap")), access=rules) as server:
        yield server


def test_old_secrets_are_hidden_from_readers(guarded: Slapd) -> None:
    with opener(guarded)() as ctx:
        ctx.create("mail-server", "one", {**SERVER, "auth-password": CANARY})
        ctx.modify("mail-server", "one", PropertyChanges(set={"auth-password": ["new"], "enabled": [False]}))
        assert ctx.history()[1].kept == ({"auth-password": (CANARY,)},)
        assert find_exposed(ctx.site) == []
    with opener(guarded, openldap.READER_DN, openldap.READER_PASSWORD)() as ctx:
        assert [record.number for record in ctx.history()] == [1, 2]
        assert ctx.history()[1].kept == ()
        with pytest.raises(AccessError):
            ctx.undo(2)


def test_an_open_server_is_told_of(reach: Opener) -> None:
    with reach() as ctx:
        together(ctx)
        together(ctx, "newer")
        summaries = [warning.summary for warning in find_exposed(ctx.site)]
    assert any("ds-cfg-history-secret" in summary and "cn=History" in summary for summary in summaries)


@pytest.mark.parametrize("user", ["writer", "reader"])
def test_a_history_that_was_made_anew_has_another_epoch(guarded: Slapd, user: str) -> None:
    names = {"writer": (openldap.ROOT_DN, openldap.PASSWORD), "reader": (openldap.READER_DN, openldap.READER_PASSWORD)}
    epochs = []
    for _ in range(2):
        with opener(guarded)() as ctx:
            with ctx.storage.writing():
                for entry in sorted(ctx.storage.search(BASE, "sub"), key=lambda entry: -len(entry.dn)):
                    ctx.storage.commit([DeleteEntry(entry.dn)])
            ctx.create("mail-server", "one", SERVER)
        with opener(guarded, *names[user])() as ctx:
            epochs.append(ctx.storage.moment().epoch)
    assert len({"", *epochs}) == 3


# -- older schemas ---------------------------------------------------------------------------------------------------


def test_a_directory_that_does_not_know_the_history_is_changed_without() -> None:
    newest = as_ldif(build_schema(builtin()), "openldap")
    older = "".join(line for line in newest.splitlines(keepends=True) if "ds-cfg-history" not in line)
    assert older != newest
    with Slapd(schema=(openldap.TEST_SCHEMA, older)) as server:
        with opener(server)() as ctx:
            ctx.create("mail-server", "one", SERVER)
            assert ctx.storage.search(BASE.child("cn", "History"), "sub") == []
            with pytest.raises(NoSuchObjectError) as caught:
                ctx.history()
            assert initialise(ctx.site)[-1:] != [BASE.child("cn", "History")]
        (problem,) = caught.value.diagnostics
        assert problem.summary == f'the directory keeps no history: there is no entry "cn=History,{BASE}"'
        assert problem.remedy == (RemedyAction("load-newest-schema"),)
        lacking = upgrade(build_schema(builtin()), older, "openldap").replace("{N}", "{4}")
        server.ldapmodify(lacking, user="cn=admin,cn=config")
        with opener(server)() as ctx:
            assert initialise(ctx.site)[-1] == BASE.child("cn", "History")
            ctx.modify("mail-server", "one", PropertyChanges(set={"enabled": ["false"]}))
            assert [record.state for record in ctx.history()] == ["done"]


# -- the parts -------------------------------------------------------------------------------------------------------

ONE, TWO, SUB = BASE.child("cn", "one"), BASE.child("cn", "two"), BASE.child("cn", "one").child("cn", "sub")


def told(number: int, state: str, *steps: str) -> StoredRecord:
    return StoredRecord(number, state, steps, Entry(ONE, {}))


def at_work(number: int, *steps: str) -> StoredRecord:
    return StoredRecord(number, "written", steps, Entry(ONE, {WRITER: ("me",)}))


def step(kind: str, before: int, dn: DN = ONE, *new: DN) -> str:
    names = ", ".join(f'"{name}"' for name in (dn, *new))
    return f'["{kind}", {before}, {names}]'


@pytest.mark.parametrize(
    ("records", "revisions", "expected"),
    [
        pytest.param([told(5, "written", step("modify", 4))], {ONE: 5}, ["done"], id="it has the revision"),
        pytest.param([told(5, "written", step("modify", 4))], {ONE: 4}, ["void"], id="it has the old revision"),
        pytest.param([told(5, "written", step("add", 0))], {}, ["void"], id="never added"),
        pytest.param([told(5, "written", step("modify", 4))], {}, ["unclear"], id="deleted by other means"),
        pytest.param(
            [told(5, "written", step("modify", 4)), told(6, "written", step("modify", 5))],
            {ONE: 6},
            ["done", "done"],
            id="a later one began from it",
        ),
        pytest.param(
            [told(5, "written", step("modify", 4)), told(6, "written", step("modify", 4))],
            {ONE: 6},
            ["void", "done"],
            id="a later one began where it began",
        ),
        pytest.param(
            [told(5, "written", step("modify", 4)), told(6, "written", step("modify", 4))],
            {ONE: 5},
            ["done", "void"],
            id="an earlier one was faster",
        ),
        pytest.param(
            [
                told(5, "written", step("modify", 4)),
                told(6, "written", step("modify", 4)),
                told(7, "written", step("modify", 5)),
            ],
            {ONE: 7},
            ["done", "void", "done"],
            id="both, long ago",
        ),
        pytest.param(
            [told(5, "written", step("modify", 4)), told(6, "done", step("delete", 5))],
            {},
            ["done", "done"],
            id="deleted since",
        ),
        pytest.param(
            [
                told(5, "written", step("modify", 4, SUB)),
                told(6, "done", step("rename", 3, ONE, TWO)),
            ],
            {TWO.child("cn", "sub"): 5},
            ["done", "done"],
            id="what is above it was renamed since",
        ),
        pytest.param([at_work(5, step("modify", 4))], {ONE: 4}, ["pending"], id="not made yet"),
        pytest.param([at_work(5, step("add", 0))], {}, ["pending"], id="not added yet"),
        pytest.param([at_work(5, step("modify", 4))], {ONE: 5}, ["done"], id="made, its writer does not know yet"),
        pytest.param([at_work(5, step("add", 0))], {ONE: 3}, ["void"], id="another one has added it"),
        pytest.param(
            [at_work(5, step("modify", 4)), at_work(6, step("modify", 4))],
            {ONE: 6},
            ["void", "done"],
            id="another one was faster",
        ),
        pytest.param(
            [at_work(5, step("modify", 4)), at_work(6, step("modify", 4))],
            {ONE: 4},
            ["pending", "pending"],
            id="one of both will be faster",
        ),
        pytest.param(
            [told(3, "written", step("add", 0)), told(4, "done", step("delete", 3)), at_work(5, step("add", 0))],
            {},
            ["done", "done", "pending"],
            id="not added again yet",
        ),
        pytest.param([told(5, "intent", step("modify", 4))], {ONE: 5}, ["pending"], id="a plan"),
        pytest.param([told(5, "void", step("modify", 4))], {ONE: 5}, ["void"], id="taken back"),
        pytest.param([told(5, "what", "nonsense")], {}, ["unclear"], id="nonsense"),
    ],
)
def test_what_records_and_revisions_say(
    records: list[StoredRecord], revisions: dict[DN, int], expected: list[str]
) -> None:
    states = judge_records(records, revisions.get, lambda record: bool(record.entry.get(WRITER)))
    assert [states[record.number] for record in records] == expected


values = st.lists(st.text(max_size=5) | st.binary(max_size=5), min_size=1, max_size=3).map(tuple)
attributes = st.dictionaries(st.sampled_from(["a", "b", "d;binary"]), values, max_size=3)
dns = st.sampled_from([ONE, TWO, SUB])
changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda dn, found: AddEntry(Entry(dn, found)), dns, attributes),
    st.builds(DeleteEntry, dns),
    st.builds(RenameEntry, dns, dns),
    st.builds(
        lambda dn, found: ModifyEntry(dn, [Modification("replace", name, them) for name, them in found.items()]),
        dns,
        attributes,
    ),
)


def stored(step: plans.PlannedChange) -> tuple[Change, Entry | None]:
    return step.change, None if step.before is None else AddEntry(step.before).entry


@given(st.lists(st.builds(plans.PlannedChange, changes, st.none() | st.builds(Entry, dns, attributes)), max_size=4))
def test_a_plan_comes_back_from_its_text(plan: list[plans.PlannedChange]) -> None:
    back = plans.from_text(plans.unpack_text(plans.pack_text(plans.as_text(plan))))
    assert [stored(step) for step in back] == [stored(step) for step in plan]


@given(st.text() | st.integers(1, 3).map(lambda count: os.urandom(count * 400_000).hex()))
def test_a_text_comes_back_from_its_values_in_any_order(text: str) -> None:
    assert plans.unpack_text(reversed(plans.pack_text(text))) == text


def test_the_entries_of_a_plan_are_forecast_through_its_own_changes() -> None:
    there = {ONE: Entry(ONE, {"cn": ("one",), "a": ("1",)}), SUB: Entry(SUB, {"cn": ("sub",), "a": ("2",)})}
    new, below = BASE.child("cn", "new"), BASE.child("cn", "new").child("cn", "sub")
    put = [Modification("replace", "a", ["3"])]
    plan: list[Change] = [
        RenameEntry(ONE, new),
        ModifyEntry(below, put),
        ModifyEntry(below, put),
        ModifyEntry(new, put),
        AddEntry(Entry(ONE, {"cn": ("one",)})),
        DeleteEntry(below),
        DeleteEntry(ONE),
    ]
    found = plans.forecast(plan, lambda change: there.get(change.dn) if not isinstance(change, AddEntry) else None)
    moved = rename_entry(there[ONE], new)
    sub = Entry(below, there[SUB].attributes)
    after = apply(sub, put)
    assert [step.before for step in found] == [there[ONE], sub, after, moved, None, after, Entry(ONE, {"cn": ("one",)})]


def test_a_writer_is_known_by_its_name() -> None:
    own = writers.make_name(1000.0)
    assert writers.is_alive(own, 1000.0 + writers.LEASE - 1)
    assert not writers.is_alive(own, 1000.0 + writers.LEASE + 1)
    machine, number, began, until = own.split()
    assert not writers.is_alive(f"{machine} {number} {began}0 {until}", 1000.0)  # another process of that number
    assert writers.is_alive(f"elsewhere {number} {began}0 {until}", 1000.0)  # nobody here can tell
    process = get_context("fork").Process(target=int)
    process.start()
    name = own.replace(f" {number} {began} ", f" {process.pid} {writers._start_time(process.pid or 0)} ")
    process.join()
    assert not writers.is_alive(name, 1000.0)
    for nonsense in ("", "a b c", "a b c d", f"{machine} x {began} {until}"):
        assert not writers.is_alive(nonsense, 1000.0)


def test_no_other_error_than_ours_leaves_a_broken_record(reach: Opener, slapd: Slapd) -> None:
    assert killed_at(reach, 2, together, before=False)
    slapd.ldapmodify(
        f"dn: cn=2,cn=History,{BASE}\nchangetype: modify\nreplace: ds-cfg-history-plan\nds-cfg-history-plan: 0000:[1]\n"
    )
    with reach() as ctx:
        next_change(ctx)
        assert [record.number for record in ctx.history()][:1] == [1]
    slapd.ldapmodify(
        f"dn: cn=1,cn=History,{BASE}\nchangetype: modify\nreplace: ds-cfg-history-text\nds-cfg-history-text: 0000:x\n"
    )
    with reach() as ctx:
        assert ctx.history()[0].state == "unclear"
        with pytest.raises(ConfobjectsError):
            ctx.undo(1)
