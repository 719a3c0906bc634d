"""Writers that nothing keeps apart: no update is lost, and no two changes stay that do not go together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from multiprocessing import get_context
from typing import Any

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.errors import ChangedMeanwhileError, ConfobjectsError
from confobjects.management import ManagementContext
from confobjects.management.history.records import select_for_object
from confobjects.mapping.entry import Change
from confobjects.objects.changes import PropertyChanges
from confobjects.storage.ldap import LdapStorage
from confobjects.storage.ldap.intents import Intent
from tests.effort import times
from tests.servers import ds389
from tests.servers import slapd as openldap

BASES = (DN.parse(f"cn=writers {number},dc=example,dc=com") for number in count())
"""A base for each test: what writers in a crowd leave on a server is in nobody's way."""
PROCESSES = 16
ROUNDS = times(6)
SETTINGS = (
    "mail.smtp.port",
    "mail.smtp.connectiontimeout",
    "mail.smtp.timeout",
    "mail.smtp.writetimeout",
    "mail.smtp.localport",
    "mail.smtp.submitter",
    "mail.smtp.sasl.authorizationid",
    "mail.smtp.auth.ntlm.domain",
    "mail.smtp.proxy.port",
    "mail.smtp.mailextension",
    "mail.smtp.chunksize",
    "mail.user",
    "confobjects.total-timeout",
    "confobjects.pool.max-connections",
    "confobjects.pool.messages-per-connection",
    "confobjects.pool.idle-timeout",
)
"""As many properties of the transport as there are processes; each takes the number 5000."""

Opener = Callable[[], ManagementContext]


def opener(url: str, dn: str, password: str) -> Opener:
    base = next(BASES)
    return lambda: confobjects.open(url, base=base, bind_dn=dn, bind_password=password)


@pytest.fixture(params=["slapd", "389-ds"])
def reach(request: pytest.FixtureRequest) -> Opener:
    """How to open an empty configuration on a server."""
    if request.param == "slapd":
        return opener(request.getfixturevalue("slapd").url, openldap.ROOT_DN, openldap.PASSWORD)
    return opener(request.getfixturevalue("ds389_server").url, ds389.ROOT_DN, ds389.PASSWORD)


SERVER: dict[str, Any] = {"enabled": True, "smtp-server": "mx.example.com", "use-start-tls": False}


def _write(reach: Opener, number: int) -> None:
    """What one process does: a setting more for the shared object, an object of its own, a property it shares."""
    with reach() as ctx:
        steps: list[Callable[[], Any]] = [
            lambda: ctx.modify(
                "mail-server", "shared", PropertyChanges(add={"smtp-property": f"{SETTINGS[number]}=5000"})
            ),
            lambda: ctx.create("mail-server", f"own {number}", SERVER),
            lambda: ctx.modify("mail-server", f"own {number}", PropertyChanges(set={"auth-username": str(number)})),
        ]
        for step in steps:
            for _ in range(20):  # a caller who is told that someone was faster tries again
                try:
                    step()
                except ChangedMeanwhileError:
                    continue
                break


def test_sixteen_processes_lose_no_update(reach: Opener) -> None:
    with reach() as ctx:
        ctx.create("mail-server", "shared", SERVER)
    processes = [get_context("fork").Process(target=_write, args=(reach, number)) for number in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    with reach() as ctx:
        shared = ctx.get("mail-server", "shared")
        assert sorted(shared.values["smtp-property"]) == sorted(f"{name}=5000" for name in SETTINGS)
        told = select_for_object(ctx.history(), shared.path)  # none is missing, and none that was overtaken is there
        assert [record.changes[-1].action for record in told] == ["create"] + ["modify"] * PROCESSES
        assert shared.revision == told[-1].number
        own = {obj.name: obj.values["auth-username"] for obj in ctx.list("mail-server") if obj.name != "shared"}
        assert own == {f"own {number}": (str(number),) for number in range(PROCESSES)}


def together(*works: tuple[ManagementContext, Callable[[ManagementContext], Any]]) -> list[ConfobjectsError | None]:
    """Let several writers plan, and only then write; return what each was refused with."""
    barrier = threading.Barrier(len(works), timeout=30)
    caught: list[ConfobjectsError | None] = [None] * len(works)

    def run(number: int) -> None:
        ctx, work = works[number]
        storage = ctx.storage
        assert isinstance(storage, LdapStorage)
        make = storage._make_changes

        def meet_and_make(changes: Sequence[Change], intent: Intent | None) -> None:
            storage._make_changes = make  # type: ignore[method-assign]  # only the first commit waits
            barrier.wait()
            make(changes, intent)

        storage._make_changes = meet_and_make  # type: ignore[method-assign]  # put back above
        try:
            work(ctx)
        except ConfobjectsError as error:
            caught[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return caught


@pytest.fixture
def two(reach: Opener) -> Iterator[tuple[ManagementContext, ManagementContext]]:
    with reach() as first, reach() as second:
        for ctx in (first, second):
            assert ctx.storage.read(ctx.storage.base) is None  # connected before the race begins
        yield first, second


def is_valid(ctx: ManagementContext) -> bool:
    judge = ctx.site.make_judge()
    judged = [judge.judge(obj) for obj in ctx.all()]
    return not any(one.errors or [p for p in judge.check_references(one) if p.severity == "error"] for one in judged)


def the_loser(refused: list[ConfobjectsError | None]) -> ConfobjectsError:
    """Return what the one writer who lost was told; there is one."""
    (loser,) = [error for error in refused if error is not None]
    assert loser.exit_code == 22
    return loser


def test_two_writers_of_one_object_that_together_break_a_constraint(
    two: tuple[ManagementContext, ManagementContext],
) -> None:
    first, second = two
    first.create("mail-server", "one", SERVER)
    for _ in range(ROUNDS):
        first.modify("mail-server", "one", PropertyChanges(set={"use-ssl": ["false"], "use-start-tls": ["false"]}))
        refused = together(
            (first, lambda ctx: ctx.modify("mail-server", "one", PropertyChanges(set={"use-ssl": ["true"]}))),
            (second, lambda ctx: ctx.modify("mail-server", "one", PropertyChanges(set={"use-start-tls": ["true"]}))),
        )
        assert is_valid(first)
        assert any("exclude each other" in problem.summary for problem in the_loser(refused).diagnostics)


def test_one_writer_disables_what_another_begins_to_need(two: tuple[ManagementContext, ManagementContext]) -> None:
    first, second = two
    first.create("trust-manager-provider", "trust", {"enabled": True}, type="blind")
    first.create("mail-server", "one", {**SERVER, "use-start-tls": True})
    needs = PropertyChanges(set={"trust-manager-provider": "trust"})
    for _ in range(ROUNDS):
        with first.change() as tx:
            tx.reset("mail-server", "one", ["trust-manager-provider"])
            tx.set("trust-manager-provider", "trust", {"enabled": True})
        refused = together(
            (
                first,
                lambda ctx: ctx.modify("trust-manager-provider", "trust", PropertyChanges(set={"enabled": ["false"]})),
            ),
            (second, lambda ctx: ctx.modify("mail-server", "one", needs)),
        )
        assert is_valid(first)
        assert "was taken back" in str(the_loser(refused))


def test_one_writer_deletes_what_another_begins_to_name(two: tuple[ManagementContext, ManagementContext]) -> None:
    first, second = two
    for _ in range(ROUNDS):
        with first.change() as tx:
            tx.delete("mail-server", "one", force=True)
            tx.delete("trust-manager-provider", "trust", force=True)
        first.create("trust-manager-provider", "trust", {"enabled": True}, type="blind")
        refused = together(
            (first, lambda ctx: ctx.delete("trust-manager-provider", "trust")),
            (second, lambda ctx: ctx.create("mail-server", "one", {**SERVER, "trust-manager-provider": "trust"})),
        )
        assert is_valid(first)
        assert "was taken back" in str(the_loser(refused))
