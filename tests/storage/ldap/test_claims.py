"""A writer that dies at any request stops nobody, and no change that was acknowledged is missing afterwards."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from multiprocessing import get_context
from typing import Any

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.errors import ChangedMeanwhileError, ObjectExistsError
from confobjects.management import ManagementContext
from confobjects.management.documents.copying import find_risks
from confobjects.mapping.entry import AddEntry, Change, Entry, Modification, ModifyEntry
from confobjects.mapping.journal import BRANCH, NUMBER
from confobjects.mapping.ldap_schema import as_ldif, build_schema
from confobjects.objects.changes import PropertyChanges
from confobjects.storage.ldap import LdapStorage, claims
from confobjects.storage.ldap.reader import kind_of
from tests.definitions.documents import builtin
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389

BASES = (DN.parse(f"cn=claims {number},dc=example,dc=com") for number in count())
SERVER: dict[str, Any] = {"enabled": True, "smtp-server": "mx.example.com", "auth-username": "0"}
ONE = "cn=one,cn=Mail Servers"

Opener = Callable[..., ManagementContext]


def opener(url: str, dn: str, password: str) -> Opener:
    base = next(BASES)
    return lambda **options: confobjects.open(url, base=base, bind_dn=dn, bind_password=password, **options)


@pytest.fixture
def on_389(ds389_server: Ds389) -> Opener:
    """How to open a configuration of one mail server on the server that needs claims."""
    return filled(opener(ds389_server.url, ds389.ROOT_DN, ds389.PASSWORD))


@pytest.fixture(params=["slapd", "389-ds"])
def reach(request: pytest.FixtureRequest) -> Opener:
    """How to open a configuration of one mail server on a server."""
    if request.param == "389-ds":
        made: Opener = request.getfixturevalue("on_389")
        return made
    return filled(opener(request.getfixturevalue("slapd").url, openldap.ROOT_DN, openldap.PASSWORD))


def filled(reach: Opener) -> Opener:
    with reach() as ctx:
        ctx.create("mail-server", "one", SERVER)
    return reach


def change(ctx: ManagementContext, text: str) -> None:
    ctx.modify("mail-server", "one", PropertyChanges(set={"auth-username": text}))


def username(ctx: ManagementContext) -> str:
    return str(ctx.get("mail-server", "one").values["auth-username"][0])


def killed_at(reach: Opener, request: int, text: str, *, before: bool) -> bool:
    """Change the object in a process that kills itself before or after one of its writes; tell if it came to that."""

    def run() -> None:
        send, first, done = LdapStorage._send, before, count(1)

        def send_or_die(self: LdapStorage, change: Change, before: Entry | None) -> None:
            number = next(done)
            if number == request and first:
                os.kill(os.getpid(), signal.SIGKILL)
            try:
                send(self, change, before)
            finally:
                if number == request:
                    os.kill(os.getpid(), signal.SIGKILL)

        LdapStorage._send = send_or_die  # type: ignore[assignment, method-assign]  # in this process only
        with reach() as ctx:
            change(ctx, text)

    process = get_context("fork").Process(target=run)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def check_true(ctx: ManagementContext) -> list[str]:
    """Check that each change in the history begins where the last one ended, and return what they set."""
    told = [record for record in ctx.history() if record.changes[-1].action == "modify"]
    assert {record.state for record in told} <= {"done"}
    values = ["0", *(record.changes[-1].after["auth-username"][0] for record in told)]
    assert [record.changes[-1].before["auth-username"][0] for record in told] == values[:-1]
    assert username(ctx) == values[-1]
    return values[1:]


@pytest.mark.parametrize("before", [True, False])
def test_the_next_writer_goes_on_wherever_one_dies(reach: Opener, before: bool) -> None:
    request = 0
    for request in range(1, 20):
        if not killed_at(reach, request, f"dead {request}", before=before):
            break
        with reach() as ctx:
            change(ctx, f"next {request}")
            assert check_true(ctx)[-1] == f"next {request}"
    assert request > 2


@pytest.mark.parametrize("before", [True, False])
def test_the_next_writer_goes_on_wherever_one_dies_that_went_on(on_389: Opener, before: bool) -> None:
    request = 0
    for request in range(1, 20):
        assert killed_at(on_389, 1, "dead", before=False)  # it has claimed the revision, and no more
        if not killed_at(on_389, request, f"dead {request}", before=before):
            break
        with on_389() as ctx:
            change(ctx, f"next {request}")
            assert check_true(ctx)[-1] == f"next {request}"
    assert request > 6


def test_who_was_passed_over_replaces_nothing(on_389: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that stops between its claim and its change finds that another has gone on, and begins again."""
    monkeypatch.setattr(claims, "_PATIENCE", 0.0)
    send = LdapStorage._send
    stopped: list[Change] = []
    with on_389() as slow, on_389() as other:

        def stop(self: LdapStorage, what: Change, before: Entry | None) -> None:
            if self is slow.storage and not stopped and claims.swap_of(what) is not None:
                stopped.append(what)
                change(other, "other")
                assert username(other) == "other"
            send(self, what, before)

        monkeypatch.setattr(LdapStorage, "_send", stop)
        change(slow, "slow")
        assert len(stopped) == 1
        assert check_true(slow) == ["other", "slow"]


def test_a_slow_change_that_is_acknowledged_and_not_there_is_made_again(
    on_389: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_PATIENCE", 0.0)
    send = LdapStorage._send
    lost: list[Change] = []

    def lose(self: LdapStorage, what: Change, before: Entry | None) -> None:
        if not lost and claims.swap_of(what) is not None:
            lost.append(what)
        else:
            send(self, what, before)

    monkeypatch.setattr(LdapStorage, "_send", lose)
    with on_389() as ctx:
        change(ctx, "new")
        assert len(lost) == 1
        assert check_true(ctx) == ["new"]


def test_a_claim_that_moves_is_waited_for(on_389: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_PATIENCE", 1e9)
    monkeypatch.setattr(LdapStorage, "pause", lambda self, turn: None)
    with on_389() as holder, on_389() as other:
        dn = DN.parse(f"{ONE},{holder.storage.base}")
        entry = holder.storage.read(dn)
        assert entry is not None
        assert isinstance(holder.storage, LdapStorage)
        old = entry.get("ds-cfg-revision")
        swap = ModifyEntry(
            dn, [Modification("delete", "ds-cfg-revision", old), Modification("add", "ds-cfg-revision", ["9999"])]
        )
        with holder.storage.writing(), holder.storage._holding(swap), pytest.raises(ChangedMeanwhileError):
            change(other, "other")
        change(holder, "holder")  # it made no change with its claim, which its own process may pass over
        assert username(other) == "holder"


def test_who_has_met_a_claim_looks_before_adding_one(on_389: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a writer begins again, one addition is refused: the server pays dearly for each."""
    monkeypatch.setattr(claims, "_PATIENCE", 1e9)
    pauses: list[int] = []
    monkeypatch.setattr(LdapStorage, "pause", lambda self, turn: pauses.append(turn))
    send = LdapStorage._send
    refused: list[Change] = []

    def note(self: LdapStorage, what: Change, before: Entry | None) -> None:
        try:
            send(self, what, before)
        except ObjectExistsError:
            refused.append(what)
            raise

    monkeypatch.setattr(LdapStorage, "_send", note)
    with on_389() as holder, on_389() as other:
        assert isinstance(holder.storage, LdapStorage)
        dn = DN.parse(f"{ONE},{holder.storage.base}")
        for turn in range(3):
            entry = holder.storage.read(dn)
            assert entry is not None
            steps = [
                Modification("delete", "ds-cfg-revision", entry.get("ds-cfg-revision")),
                Modification("add", "ds-cfg-revision", ["9999"]),
            ]
            with (
                holder.storage.writing(),
                holder.storage._holding(ModifyEntry(dn, steps)),
                pytest.raises(ChangedMeanwhileError),
            ):
                change(other, "other")
            change(holder, f"holder {turn}")
    assert len(pauses) > 3
    assert sum(isinstance(what, AddEntry) and "claim-" in str(what.entry.dn) for what in refused) <= 2


def test_a_change_that_is_taken_back_leaves_the_entry_free(on_389: Opener) -> None:
    with on_389() as ctx:
        ctx.create("mail-server", "two", SERVER)
        storage = ctx.storage
        assert isinstance(storage, LdapStorage)
        two, gone = DN.parse(f"cn=two,cn=Mail Servers,{storage.base}"), DN.parse(f"cn=gone,{storage.base}")
        for _ in range(3):
            entry = storage.read(two)
            assert entry is not None
            old = entry.get("ds-cfg-revision")
            number = str(int(str(old[0])) + 1000)
            swap = [Modification("delete", "ds-cfg-revision", old), Modification("add", "ds-cfg-revision", [number])]
            with storage.writing(), pytest.raises(confobjects.errors.NoSuchObjectError):
                storage.commit([ModifyEntry(two, swap), ModifyEntry(gone, swap)])
            again = storage.read(two)
            assert again is not None
            assert again.get("ds-cfg-revision") == old
        ctx.modify("mail-server", "two", PropertyChanges(set={"auth-username": "free"}))
        records = [record for record in ctx.history() if record.changes[-1].action == "modify"]
        assert len(records) == 1


def test_old_claims_are_removed(on_389: Opener) -> None:
    with on_389(history=10) as ctx:
        branch = ctx.storage.base.child(*BRANCH)

        def claims_of() -> list[str]:
            return [str(e.dn) for e in ctx.storage.search(branch) if str(e.dn).startswith("cn=claim-")]

        change(ctx, "first")
        first = set(claims_of())
        with ctx.storage.writing():  # as if other changes had been made meanwhile
            ctx.storage.commit([ModifyEntry(branch, [Modification("replace", NUMBER, ["1000"])])])
        with confobjects.open(
            ctx.storage.url, base=ctx.storage.base, bind_dn=ds389.ROOT_DN, bind_password=ds389.PASSWORD, history=10
        ) as late:
            for number in range(64):
                change(late, str(number))
        assert first
        assert not first.intersection(claims_of())
        assert claims_of()


@pytest.fixture(scope="module")
def without_history() -> Iterator[Ds389]:
    """A 389 Directory Server whose schema is older than the history."""
    newest = as_ldif(build_schema(builtin()), "rfc4512")
    older = "".join(line for line in newest.splitlines(keepends=True) if "ds-cfg-history" not in line)
    with Ds389(schema=(older,)) as server:
        yield server


def test_a_server_that_may_lose_updates_is_told_of(without_history: Ds389, reach: Opener) -> None:
    with filled(opener(without_history.url, ds389.ROOT_DN, ds389.PASSWORD))() as ctx:
        told = find_risks(ctx.site)
        assert ["may lose one of two changes" in warning.summary for warning in told] == [True]
    with reach() as ctx:
        assert find_risks(ctx.site) == []


def test_a_server_without_the_indexes_of_the_history_is_told_of(ds389_server: Ds389) -> None:
    """Only to whom it shows its indexes. The indexes are put back for the other tests."""
    index = "cn=%s,cn=index,cn=userRoot,cn=ldbm database,cn=plugins,cn=config"
    number, state = ds389.HISTORY_INDEXES
    gone: list[str] = []

    def find_told(dn: str = ds389.ROOT_DN, password: str = ds389.PASSWORD) -> list[str]:
        with filled(opener(ds389_server.url, dn, password))() as ctx:
            return [warning.summary.partition(":")[0] for warning in find_risks(ctx.site)]

    assert find_told() == []
    try:
        ds389_server.ldapmodify(f"dn: {index % state}\nchangetype: delete\n")
        gone.append(state)
        assert find_told() == [f"the database userroot has no index for {state}"]
        ds389_server.ldapmodify(f"dn: {index % number}\nchangetype: delete\n")
        gone.append(number)
        assert find_told() == [f"the database userroot has no index for {number} and {state}"]
        with filled(opener(ds389_server.url, ds389.ROOT_DN, ds389.PASSWORD))() as ctx:
            base = ctx.storage.base
        reader: dict[str, Any] = {"bind_dn": ds389.READER_DN, "bind_password": ds389.READER_PASSWORD}
        with confobjects.open(ds389_server.url, base=base, **reader) as ctx:
            assert find_risks(ctx.site) == []
    finally:
        if gone:
            ds389_server.index_history(*gone)
    assert find_told() == []


MASKED = f"uid=masked,{ds389.SUFFIX}"
MASKED_PASSWORD = "masked canary 3W"


def hide_vendor(server: Ds389) -> None:
    """Add a user who may change everything, and to whom the server does not tell what it is."""
    server.ldapmodify(
        f"dn: {MASKED}\nchangetype: add\nobjectClass: account\nobjectClass: simpleSecurityObject\n"
        f"uid: masked\nuserPassword: {MASKED_PASSWORD}\n\n"
        f'dn: {ds389.SUFFIX}\nchangetype: modify\nadd: aci\naci: (targetattr="*")(version 3.0; acl "masked"; '
        f'allow (all) userdn="ldap:///{MASKED}";)\n\n'
        'dn:\nchangetype: modify\nadd: aci\naci: (targetattr="vendorName || vendorVersion")(version 3.0; acl "hidden"; '
        f'deny (all) userdn="ldap:///{MASKED}";)\n'
    )


def test_a_server_that_hides_its_kind_gets_claims(ds389_server: Ds389) -> None:
    hide_vendor(ds389_server)
    with filled(opener(ds389_server.url, MASKED, MASKED_PASSWORD))() as ctx:
        assert isinstance(ctx.storage, LdapStorage)
        assert {"vendorname", "vendorversion"}.isdisjoint(ctx.storage._read_root()[1])
        change(ctx, "first")
        branch = ctx.storage.base.child(*BRANCH)
        assert any(str(entry.dn).startswith("cn=claim-") for entry in ctx.storage.search(branch))
        assert find_risks(ctx.site) == []


def test_a_server_that_hides_its_kind_is_told_of_without_a_history(without_history: Ds389) -> None:
    hide_vendor(without_history)
    with filled(opener(without_history.url, MASKED, MASKED_PASSWORD))() as ctx:
        told = [warning.summary for warning in find_risks(ctx.site)]
        assert [summary.startswith("this server does not tell this user what kind it is") for summary in told] == [True]


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ({}, "unknown"),
        ({"objectclass": [b"top"]}, "unknown"),
        ({"objectclass": [b"top"], "vendorname": [b""]}, "unknown"),
        ({"objectclass": [b"top", b"OpenLDAProotDSE"]}, "safe"),
        ({"objectclass": [b"top"], "vendorname": [b"389 Project"]}, "lossy"),
        ({"objectclass": [b"top"], "vendorversion": [b"389-Directory/2.3.1"]}, "lossy"),
        ({"objectclass": [b"top"], "vendorname": [b"Red Hat, Inc."]}, "lossy"),
        ({"objectclass": [b"top", b"ds-root-dse"], "vendorname": [b"Open Identity Platform Community."]}, "safe"),
    ],
)
def test_only_a_server_that_says_what_it_is_counts_as_safe(root: dict[str, list[bytes]], kind: str) -> None:
    assert kind_of(root) == kind
