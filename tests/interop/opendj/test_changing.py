"""The configuration of OpenDJ, changed by its rules: nothing of ours is left there, and its own command sees the same."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.dn import DN
from confobjects.errors import (
    CannotConnectError,
    ChangedMeanwhileError,
    ConfobjectsError,
    ConstraintError,
    InvalidValueError,
)
from confobjects.management import ManagementContext
from confobjects.management.restarting import find_waiting
from confobjects.mapping.entry import Change, Entry, Modification, ModifyEntry
from confobjects.storage.ldap.foreign import ForeignStorage
from tests.management.foreign import change, run_child
from tests.servers.opendj import PASSWORD, ROOT_DN, OpenDj

FEW = Path(__file__).parent / "few"
CONFIG = DN.parse("cn=config")
GLOBAL = "global-configuration"
MAPPER = {"enabled": True}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this user for the state of servers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def connect(url: str, **options: Any) -> ManagementContext:
    return confobjects.open(url, definitions=[str(FEW)], bind_dn=ROOT_DN, bind_password=PASSWORD, **options)


@pytest.fixture
def ctx(opendj: OpenDj) -> Iterator[ManagementContext]:
    """The configuration, found without a base; afterwards it is as it was."""
    with connect(opendj.url) as opened:
        yield opened
        opened.undo_to(0)


def look(server: OpenDj, attribute: str, dn: str = "cn=config") -> list[str]:
    lines = server.ldapsearch("-b", dn, "-s", "base", attribute).splitlines()
    return [line.partition(": ")[2] for line in lines if line.lower().startswith(f"{attribute}:")]


def put(server: OpenDj, attribute: str, value: str) -> None:
    """Change the configuration by other means."""
    server.ldapmodify(f"dn: cn=config\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")


def list_mappers(server: OpenDj) -> list[str]:
    lines = server.ldapsearch("-b", "cn=Identity Mappers,cn=config", "-s", "one", "cn").splitlines()
    return [line.removeprefix("cn: ") for line in lines if line.startswith("cn: ")]


def test_what_is_changed_is_what_its_own_command_reads(opendj: OpenDj, ctx: ManagementContext) -> None:
    change(ctx, lambda tx: tx.set(GLOBAL, (), {"lookthrough-limit": 77, "smtp-server": ["one:25", "two:25"]}))
    words = ("--property", "lookthrough-limit", "--property", "smtp-server", "-s")
    told = opendj.dsconfig("get-global-configuration-prop", *words)
    assert told.split() == ["lookthrough-limit", "77", "smtp-server", "one:25", "two:25"]
    opendj.dsconfig("set-global-configuration-prop", "--set", "lookthrough-limit:78")
    assert ctx.get(GLOBAL).values["lookthrough-limit"] == ("78",)
    with pytest.raises(ConstraintError, match="has another value of lookthrough-limit"):
        ctx.undo(1)
    put(opendj, "ds-cfg-lookthrough-limit", "77")


def test_objects_of_several_kinds_come_and_go_and_come_back(opendj: OpenDj, ctx: ManagementContext) -> None:
    index = ("userRoot", "description")
    change(
        ctx,
        lambda tx: tx.create("identity-mapper", "Ours", MAPPER, type="exact-match"),
        lambda tx: tx.create("backend-index", index, {"index-type": ["equality", "presence"]}),
    )
    told = opendj.dsconfig("get-backend-index-prop", "--backend-name", "userRoot", "--index-name", "description", "-s")
    assert "index-type\tequality\tpresence" in told
    assert "Ours" in list_mappers(opendj)
    change(ctx, lambda tx: tx.delete("identity-mapper", "Ours"), lambda tx: tx.delete("backend-index", index))
    assert "Ours" not in list_mappers(opendj)
    ctx.undo(2)
    assert "Ours" in list_mappers(opendj)


def test_an_undo_puts_back_what_no_definition_knows(opendj: OpenDj, ctx: ManagementContext) -> None:
    dn = "cn=Whole,cn=Identity Mappers,cn=config"
    change(ctx, lambda tx: tx.create("identity-mapper", "Whole", MAPPER, type="exact-match"))
    opendj.ldapmodify(
        f"dn: {dn}\nchangetype: modify\nadd: ds-cfg-match-base-dn\nds-cfg-match-base-dn: dc=example,dc=com\n"
    )
    before = sorted(opendj.ldapsearch("-b", dn, "-s", "base").splitlines())
    change(ctx, lambda tx: tx.delete("identity-mapper", "Whole"))
    ctx.undo(2)
    assert sorted(opendj.ldapsearch("-b", dn, "-s", "base").splitlines()) == before
    assert "ds-cfg-match-base-dn: dc=example,dc=com" in before


def test_nothing_of_ours_is_written_there(opendj: OpenDj, ctx: ManagementContext) -> None:
    change(ctx, lambda tx: tx.create("identity-mapper", "Ours", MAPPER, type="exact-match"))
    told = opendj.ldapsearch("-b", "cn=config", "(|(objectClass=ds-cfg-history)(ds-cfg-revision=*))", "1.1")
    assert told == ""
    assert "ds-cfg-revision" not in opendj.ldapsearch("-b", "cn=Ours,cn=Identity Mappers,cn=config", "*", "+")


def test_a_stale_change_is_refused_by_the_assertion(opendj: OpenDj, ctx: ManagementContext) -> None:
    stale = [
        Modification("delete", "ds-cfg-size-limit", ["3"]),
        Modification("add", "ds-cfg-size-limit", ["4"]),
    ]
    with ctx.storage.writing(), pytest.raises(ChangedMeanwhileError, match=r"result 122 \(assertionFailed\)"):
        ctx.storage.commit([ModifyEntry(CONFIG, stale)])
    absent = [Modification("add", "ds-cfg-size-limit", ["4"])]
    with ctx.storage.writing(), pytest.raises(ChangedMeanwhileError, match=r"result 122 \(assertionFailed\)"):
        ctx.storage.commit([ModifyEntry(CONFIG, absent)])
    assert look(opendj, "ds-cfg-size-limit") == ["1000"]


def test_of_two_clients_at_once_both_changes_stay(
    opendj: OpenDj, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(opendj.url) as one:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        with connect(opendj.url) as other:
            with one.change() as tx:
                tx.set(GLOBAL, (), {"size-limit": 900})
                change(other, lambda asked: asked.set(GLOBAL, (), {"lookthrough-limit": 4000}))
            assert (look(opendj, "ds-cfg-size-limit"), look(opendj, "ds-cfg-lookthrough-limit")) == (["900"], ["4000"])
            one.undo_to(0)
            other.undo_to(0)


_ADD_ONES = """
from tests.interop.opendj.test_changing import *
with connect({url!r}) as ctx:
    for _ in range(5):
        def ask(tx):
            tx.consider(lambda: tx.set(GLOBAL, (), {{"size-limit": int(
                tx.world.find(tx.registry.path_of(GLOBAL)).values["size-limit"][0]) + 1}}))
        for attempt in range(50):
            try:
                change(ctx, ask)
                break
            except ChangedMeanwhileError:
                pass
"""


def test_of_many_writers_none_loses_a_change(opendj: OpenDj, tmp_path: Path) -> None:
    """8 writers, each with a state of its own as on 8 machines, add 1 to a number 5 times each."""
    children = []
    for number in range(8):
        line, environment = run_child(_ADD_ONES.format(url=opendj.url), tmp_path / str(number))
        children.append(subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True))
    told = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0] * 8, told
    assert look(opendj, "ds-cfg-size-limit") == [str(1000 + 8 * 5)]
    put(opendj, "ds-cfg-size-limit", "1000")


def test_a_refusal_has_the_words_of_the_server_and_nothing_stays(opendj: OpenDj, ctx: ManagementContext) -> None:
    wrong = {**MAPPER, "java-class": "org.example.Nothing"}
    with pytest.raises(ConstraintError) as caught:
        change(
            ctx,
            lambda tx: tx.set(GLOBAL, (), {"size-limit": 99}),
            lambda tx: tx.create("identity-mapper", "Wrong", wrong, type="exact-match"),
        )
    assert 'The value "org.example.Nothing" is not a valid value' in caught.value.diagnostics[0].detail
    assert look(opendj, "ds-cfg-size-limit") == ["1000"]
    assert ctx.history() == []


def test_what_the_server_would_refuse_or_garble_is_not_sent(ctx: ManagementContext) -> None:
    with pytest.raises(ConstraintError, match="does not rename entries of its configuration"):
        change(ctx, lambda tx: tx.rename("identity-mapper", "Exact Match", "Other"))
    with pytest.raises(InvalidValueError, match="cannot be an expression"):
        change(ctx, lambda tx: tx.set("identity-mapper", "Exact Match", {"enabled": "&{on:true}"}))
    with pytest.raises(ConfobjectsError, match="is the name of"):
        change(ctx, lambda tx: tx.set("backend", "userRoot", {"backend-id": "other"}))
    step = Modification("add", "description", [b"\xff"])
    with ctx.storage.writing(), pytest.raises(InvalidValueError, match="is not UTF-8 text"):
        ctx.storage.commit([ModifyEntry(CONFIG, [step])])
    assert ctx.history() == []


def test_a_server_that_restarts_in_the_middle_of_a_batch_loses_nothing(
    opendj: OpenDj, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = count()
    original = ForeignStorage._carry_out

    def restart(storage: ForeignStorage, step: Change, before: Entry | None) -> None:
        if next(steps) == 1:
            opendj.kill()
            opendj.start()
        original(storage, step, before)

    monkeypatch.setattr(ForeignStorage, "_carry_out", restart)
    with connect(opendj.url, deadline=60.0) as ctx:
        change(
            ctx,
            lambda tx: tx.set(GLOBAL, (), {"size-limit": 55}),
            lambda tx: tx.create("identity-mapper", "Late", MAPPER, type="exact-match"),
        )
        assert look(opendj, "ds-cfg-size-limit") == ["55"]
        assert "Late" in list_mappers(opendj)
        ctx.undo_to(0)


def test_a_server_that_is_gone_leaves_a_change_that_is_looked_after(
    opendj: OpenDj, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not repeated: what was made of it is taken back."""
    steps = count()
    original = ForeignStorage._carry_out

    def stop(storage: ForeignStorage, step: Change, before: Entry | None) -> None:
        if next(steps) == 1:
            opendj.kill()
        original(storage, step, before)

    with connect(opendj.url, deadline=1.0) as ctx:
        monkeypatch.setattr(ForeignStorage, "_carry_out", stop)
        with pytest.raises(CannotConnectError, match="is not finished"):
            change(
                ctx,
                lambda tx: tx.set(GLOBAL, (), {"size-limit": 66}),
                lambda tx: tx.create("identity-mapper", "Lost", MAPPER, type="exact-match"),
            )
        opendj.start()
        assert look(opendj, "ds-cfg-size-limit") == ["66"]
        assert change(ctx, lambda tx: tx.set(GLOBAL, (), {"lookthrough-limit": 6000})) == 2
        assert look(opendj, "ds-cfg-size-limit") == ["1000"]
        assert "Lost" not in list_mappers(opendj)
        assert [(one.number, one.state) for one in ctx.history()] == [(2, "done")]
        ctx.undo(2)


def test_what_waits_for_a_restart_ends_with_one(opendj: OpenDj) -> None:
    with connect(opendj.url) as ctx:
        change(ctx, lambda tx: tx.set(GLOBAL, (), {"time-limit": "50 seconds"}))
        assert [one.property for one in find_waiting(ctx.site)] == ["time-limit"]
        time.sleep(1.1)
        opendj.stop()
        opendj.start()
        assert find_waiting(ctx.site) == ()
        ctx.undo(1)


@pytest.mark.parametrize("kind", ["JKS", "PKCS12", "BCFKS"])
def test_the_connection_trusts_what_a_store_of_java_holds(opendj: OpenDj, tmp_path: Path, kind: str) -> None:
    store = tmp_path / "trust"
    words = ("-importcert", "-noprompt", "-alias", "authority", "-file", str(opendj.authority_file))
    place = ("-keystore", str(store), "-storetype", kind, "-storepass", "changeit")
    jar = opendj.home / "lib" / "org.bouncycastle.bc-fips.jar"
    name = "org.bouncycastle.jcajce.provider.BouncyCastleFipsProvider"
    provider = ("-providername", "BCFIPS", "-providerclass", name, "-providerpath", str(jar)) if kind == "BCFKS" else ()
    subprocess.run(["keytool", *words, *place, *provider], check=True, capture_output=True)
    with connect(opendj.tls_url, trust_store=str(store), trust_store_password="changeit") as ctx:
        assert ctx.get(GLOBAL).values["size-limit"] == ("1000",)


def test_the_certificate_of_its_own_set_up_names_no_host_and_is_refused(opendj: OpenDj) -> None:
    with (
        pytest.raises(CannotConnectError, match="not valid for 'localhost'"),
        connect(opendj.admin_url, trust_store=str(opendj.admin_trust_store)),
    ):
        pass
    with connect(opendj.admin_url, trust_all=True) as ctx:
        assert ctx.get(GLOBAL).values["size-limit"] == ("1000",)
