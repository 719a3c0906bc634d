"""Entries that are known by name are read together: as each alone, and by one search of a directory."""

from __future__ import annotations

from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.management import ManagementContext
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.mapping.protocol import Storage
from confobjects.objects.changes import PropertyChanges
from confobjects.storage import open_storage
from confobjects.storage.ldap import ber, reader
from confobjects.storage.ldap.messages import LdapWire
from confobjects.storage.ldap.together import MOST, group_names
from tests.cli.sessions import run
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.slapd import Slapd
from tests.storage.conftest import BASE

NUMBERS = count()
THERE = ["cn=one", "cn=two", "cn=Mixed Case", r"cn=with\, comma", "cn=straße", "ou=one", "cn=42", "cn=a=b", "cn=(x)*"]
ABSENT = ["cn=three", "ou=two", "cn=straße 2"]
OTHERWISE = ["cn=ONE", "cn=one  ", "CN=one", "cn=mixed  case", "cn=strasse", r"cn=\6fne", "ou=ONE"]


def entry(dn: DN) -> Entry:
    return Entry(dn, {"objectClass": ("top", "branch"), dn.naming_attribute: (dn.name,), "a": ("x",)})


def fill(storage: Storage) -> list[DN]:
    """Add entries below two parents, and return names of entries, present and absent, in many spellings."""
    parents = [BASE.child("cn", "first"), BASE.child("cn", "second")]
    added = [DN.parse(f"{rdn},{parent}") for parent in parents for rdn in THERE]
    with storage.writing():
        storage.commit([AddEntry(entry(dn)) for dn in (BASE, *parents, *added)])
    absent = [DN.parse(f"{rdn},{parent}") for parent in (*parents, BASE.child("cn", "third")) for rdn in ABSENT]
    otherwise = [DN.parse(f"{rdn},{parent}") for parent in parents for rdn in OTHERWISE]
    return [BASE, *added, *absent, *otherwise, *parents]


def test_entries_read_together_are_those_read_alone(storage: Storage) -> None:
    names = fill(storage)
    some = [dn for dn in names if str(dn).startswith(("cn=one,", "ou=one,", "cn=two,", "cn=three,"))]
    for wanted in (names, names[::-1], some, [*some, *some], names[:1], []):
        assert list(storage.read_all(wanted)) == [storage.read(dn) for dn in wanted]
    with storage.writing():
        assert list(storage.read_all(names)) == [storage.read(dn) for dn in names]


def test_more_entries_than_one_search_asks_for(storage: Storage) -> None:
    names = [BASE.child("cn", f"entry {number}") for number in range(2 * MOST + 1)]
    with storage.writing():
        storage.commit([AddEntry(entry(dn)) for dn in (BASE, *names)])
    wanted = [*names, BASE.child("cn", "absent")]
    assert [found and found.dn for found in storage.read_all(wanted)] == [*names, None]


def test_only_names_that_all_servers_read_alike_are_asked_for_together() -> None:
    parent = DN.parse("cn=config")
    simple = [parent.child("cn", f"entry {number}") for number in range(MOST + 3)]
    odd = [parent.child("cn", name) for name in ("a,b", "a+b", "é", "a  b", "x\\y", " a")]
    twice = [parent.child("cn", "same"), parent.child("cn", "SAME")]
    alone = [DN.parse("cn=alone,cn=other")]
    groups = list(group_names([*odd, *simple, *twice, *alone]))
    assert [list(group.names) for group in groups] == [simple[:MOST], simple[MOST:]]
    assert {group.parent for group in groups} == {parent}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each request that is sent to a directory."""
    found: list[int] = []
    number = LdapWire.next_number

    def next_number(self: LdapWire) -> int:
        found.append(0)
        return number(self)

    monkeypatch.setattr(LdapWire, "next_number", next_number)
    return found


@pytest.fixture(params=["389-ds", "slapd"])
def url(request: pytest.FixtureRequest) -> str:
    """A configuration with 40 mail servers on a server."""
    server: Any = request.getfixturevalue("slapd" if request.param == "slapd" else "ds389_server")
    suffix = openldap.SUFFIX if request.param == "slapd" else ds389.SUFFIX
    made = str(server.socket_url) + quote(f"cn=together {next(NUMBERS)},{suffix}")
    with confobjects.open(made) as context, context.change() as tx:
        tx.create("trust-manager-provider", "t", {"enabled": False}, type="blind")
        for number in range(40):
            tx.create("mail-server", f"m{number}", {"enabled": False, "smtp-server": "h"})
    return made


def change(context: ManagementContext, number: int, *, expected: bool) -> None:
    names = [f"m{i}" for i in range(number)]
    with context.change(dry_run=True) as tx:
        if expected:
            tx.expect([context.registry.path_of("mail-server", name) for name in names])
        for name in names:
            tx.set("mail-server", name, {"smtp-server": "other"})
    assert len(tx.report.changes) == number


def test_a_change_of_many_objects_reads_them_by_one_search(url: str, sent: list[int]) -> None:
    with confobjects.open(url) as context:
        change(context, 2, expected=True)  # connects, and asks what kind of server it is
        costs = {}
        for number in (2, 10, 40):
            before = len(sent)
            change(context, number, expected=True)
            costs[number] = len(sent) - before
        assert costs[2] == costs[10] == costs[40]
        before = len(sent)
        change(context, 40, expected=False)
        assert len(sent) - before == costs[40] + 39


def test_a_batch_reads_its_objects_by_one_search(url: str, sent: list[int], tmp_path: Path) -> None:
    costs = []
    for number in (2, 40):
        batch = tmp_path / f"batch {number}"
        lines = [f"set-mail-server-prop --server-name m{i} --set smtp-server:other" for i in range(number)]
        batch.write_text("\n".join([*lines, ""]))
        before = len(sent)
        result = run("--url", url, "--batchFilePath", str(batch), "--no-prompt", "--dry-run")
        assert result.status == 0, result.err
        costs.append(len(sent) - before)
    assert costs[0] == costs[1]


def test_an_undo_of_a_large_change_reads_its_objects_by_one_search(url: str, sent: list[int]) -> None:
    costs = []
    with confobjects.open(url) as context:
        for number in (2, 40):
            with context.change() as tx:
                for i in range(number):
                    tx.set("mail-server", f"m{i}", {"smtp-server": f"changed {number}".replace(" ", "-")})
            before = len(sent)
            context.undo(context.history()[-1].number, dry_run=True)
            costs.append(len(sent) - before)
    assert costs[0] == costs[1]


def test_what_a_size_limit_cuts_off_is_read_alone() -> None:
    schema = openldap.TEST_SCHEMA
    with Slapd(schema=(schema,), size_limit="3", entries=openldap.ENTRIES) as server:
        root: dict[str, Any] = {"bind_dn": openldap.ROOT_DN, "bind_password": openldap.PASSWORD}
        reader: dict[str, Any] = {"bind_dn": openldap.READER_DN, "bind_password": openldap.READER_PASSWORD}
        names = [BASE.child("cn", f"entry {number}") for number in range(10)]
        with closing(open_storage(server.url, base=BASE, **root)) as storage, storage.writing():
            storage.commit([AddEntry(entry(dn)) for dn in (BASE, *names)])
        with closing(open_storage(server.url, base=BASE, **reader)) as storage:
            assert [found and found.dn for found in storage.read_all(names)] == names


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows with each entry that a directory sends."""
    found: list[int] = []
    decode = ber.decode_entry

    def decode_entry(data: bytes, at: int) -> ber.RawEntry:
        found.append(0)
        return decode(data, at)

    monkeypatch.setattr(ber, "decode_entry", decode_entry)
    return found


@pytest.mark.parametrize("words", [["list-mail-servers"], ["list-mail-servers", "--property", "smtp-server"]])
def test_a_list_reads_no_record_of_the_history(url: str, received: list[int], words: list[str]) -> None:
    counts = []
    for number in range(2):
        before = len(received)
        result = run("--url", url, *words)
        assert (result.status, result.err) == (0, ""), result
        assert result.out.count("\n") > 40
        counts.append(len(received) - before)
        with confobjects.open(url) as context:
            for change in range(5):
                context.modify("mail-server", "m0", PropertyChanges(set={"smtp-server": f"h{number}-{change}"}))
    assert counts[0] == counts[1] > 40


def test_a_server_without_the_class_of_records_shows_every_entry(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with confobjects.open(url) as context:
        base = context.storage.base
        known = {str(entry.dn) for entry in context.storage.search(base, "sub", records=False)}
        monkeypatch.setattr(reader, "_NO_RECORDS", "(!(objectClass=ds-cfg-unknown-class))")
        shown = {str(entry.dn) for entry in context.storage.search(base, "sub", records=False)}
        assert len(known) > 40
        assert known <= shown == {str(entry.dn) for entry in context.storage.search(base, "sub")}


def test_a_history_is_judged_by_one_search_of_the_objects_in_it(url: str, sent: list[int], received: list[int]) -> None:
    """Neither the objects that it does not tell of are read for that, nor its records once more."""
    costs = []
    with confobjects.open(url) as context:
        records = len(context.history())
        for first, last in ((0, 10), (10, 20)):
            for i in range(first, last):
                context.modify("mail-server", f"m{i}", PropertyChanges(set={"smtp-server": "other"}))
            before, shown = len(sent), len(received)
            told = context.history()
            costs.append(len(sent) - before)
            assert [record.state for record in told] == ["done"] * (records + last)
            assert len(received) - shown == len(told) + last
    assert costs[0] == costs[1]
