"""The configuration of a server with a schema of its own: changed by its rules, and nothing of ours is left there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from confobjects.dn import DN
from confobjects.errors import (
    ChangedMeanwhileError,
    ConfobjectsError,
    ConstraintError,
    InvalidValueError,
    StorageError,
)
from confobjects.management.documents.copying import initialise
from confobjects.management.history.interrupted import find_interrupted, finish_interrupted
from confobjects.mapping.entry import Change, Entry, Modification, ModifyEntry
from confobjects.storage.ldap.foreign import ForeignStorage
from tests.management.foreign import (
    EXAMPLES,
    Managed,
    change,
    manage_ds389,
    manage_slapd,
    run_child,
    set_to,
    value_of,
)
from tests.servers.ds389 import Ds389
from tests.servers.slapd import Slapd

MAPPING = {"regex": "^(.*)$", "base-dn-template": "dc=example", "filter-template": "(cn=\\1)"}
CONFIG = DN.parse("cn=config")


@pytest.fixture(scope="module")
def own_slapd() -> Iterator[Slapd]:
    with Slapd() as running:
        yield running


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of this user for the state of servers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture(params=["389-ds", "slapd"])
def managed(request: pytest.FixtureRequest) -> Iterator[Managed]:
    if request.param == "slapd":
        made = manage_slapd(request.getfixturevalue("own_slapd"))
    else:
        made = manage_ds389(request.getfixturevalue("ds389_server"))
    yield made
    made.clear(made.attribute)


# -- changes, history and undo -------------------------------------------------------------------------------------------


def test_a_change_its_history_and_its_undo_leave_the_server_as_it_was(managed: Managed) -> None:
    before = managed.entries("base")
    with managed.open() as ctx:
        assert change(ctx, set_to({managed.setting: 77})) == 1
        assert managed.find(managed.attribute) == ["77"]
        assert change(ctx, lambda tx: tx.reset("server-settings", (), [managed.setting])) == 2
        assert managed.find(managed.attribute) == [managed.usual] * bool(managed.usual)
        ctx.undo(2)
        assert value_of(ctx, managed.setting) == ("77",)
        ctx.undo(1)
        told = [(one.number, one.state, one.undoes) for one in ctx.history()]
    assert told == [(1, "done", ()), (2, "done", ()), (3, "done", (2,)), (4, "done", (1,))]
    if managed.usual:  # it is written now, as it was in effect before
        managed.clear(managed.attribute)
    assert managed.entries("base") == before


def test_nothing_of_ours_is_written_there(managed: Managed) -> None:
    with managed.open() as ctx:
        change(ctx, set_to({managed.setting: 5}))
        assert initialise(ctx.site) == []
        assert ctx.storage.warnings == []
    assert "ds-cfg" not in managed.entries("base")


def test_the_state_lies_in_a_file_of_this_user_that_tells_the_server(managed: Managed, state: Path) -> None:
    with managed.open() as ctx:
        change(ctx, set_to({managed.setting: 6}))
    files = sorted(path.name for path in (state / "confobjects" / "servers").iterdir())
    stem = re.escape(f"ldap-127.0.0.1-{managed.server.port}-cn=config-")
    assert re.fullmatch(rf"{stem}[0-9a-f]{{8}}\.ldif", files[0])
    assert files == [files[0] + tail for tail in ("", ".history", ".lock")]
    assert all((state / "confobjects" / "servers" / name).stat().st_mode & 0o777 == 0o600 for name in files)


def test_a_deleted_object_comes_back_with_what_no_definition_knows(ds389_server: Ds389) -> None:
    managed = manage_ds389(ds389_server)
    dn = "cn=whole,cn=mapping,cn=sasl,cn=config"
    extra = "add: objectClass\nobjectClass: extensibleObject\n-\nadd: description\ndescription: not of ours\n"
    with managed.open() as ctx:
        change(ctx, lambda tx: tx.create("sasl-mapping", "whole", MAPPING))
        managed.edit(f"dn: {dn}\nchangetype: modify\n{extra}")
        before = sorted(managed.server.ldapsearch_as(managed.user, "-b", dn).splitlines())
        change(ctx, lambda tx: tx.delete("sasl-mapping", "whole"))
        ctx.undo(2)
        assert sorted(managed.server.ldapsearch_as(managed.user, "-b", dn).splitlines()) == before
        change(ctx, lambda tx: tx.delete("sasl-mapping", "whole"))


# -- operational attributes ----------------------------------------------------------------------------------------------


def add_property(folder: Path, managed: Managed, kind: str, name: str, attribute: str, **more: object) -> Path:
    """Copy the definitions of a server and add a property to a kind; return where they lie."""
    copy = Path(shutil.copytree(EXAMPLES / managed.family, folder / managed.family))
    document = json.loads((copy / f"{kind}.json").read_text())
    spec = {"synopsis": "What is operational.", "syntax": "string", "profile": {"ldap": {"attribute": attribute}}}
    document["properties"][name] = {**spec, **more}
    (copy / f"{kind}.json").write_text(json.dumps(document))
    return copy


def test_a_property_in_an_operational_attribute_is_read_changed_and_put_back(
    ds389_server: Ds389, tmp_path: Path
) -> None:
    """Its rules of access are such a one there, and a client may write them: a search for all attributes leaves them out."""
    managed = manage_ds389(ds389_server)
    managed.definitions = add_property(tmp_path, managed, "sasl-mapping", "rules", "aci", **{"multi-valued": True})
    first, second = (f'(targetattr="*")(version 3.0; acl "{one}"; allow (read) userdn="ldap:///self";)' for one in "ab")
    dn = "cn=guarded,cn=mapping,cn=sasl,cn=config"
    with managed.open() as ctx:

        def rules() -> tuple[str, ...]:
            return ctx.get("sasl-mapping", "guarded").values.get("rules", ())

        change(ctx, lambda tx: tx.create("sasl-mapping", "guarded", {**MAPPING, "rules": [first]}))
        assert rules() == (first,)
        assert [one.values.get("rules") for one in ctx.list("sasl-mapping") if one.path.name == "guarded"] == [(first,)]
        change(ctx, lambda tx: tx.set("sasl-mapping", "guarded", {"rules": [second]}))
        assert rules() == (second,)
        assert managed.find("aci", dn) == [second]
        ctx.undo(2)
        assert managed.find("aci", dn) == [first]
        change(ctx, lambda tx: tx.delete("sasl-mapping", "guarded"))
        ctx.undo(4)
        assert rules() == (first,)
        assert managed.find("aci", dn) == [first]
        change(ctx, lambda tx: tx.delete("sasl-mapping", "guarded"))


def test_of_the_operational_attributes_only_those_of_properties_are_read(managed: Managed, tmp_path: Path) -> None:
    more = {"read-only": True}
    managed.definitions = add_property(tmp_path, managed, "server-settings", "last-changed", "modifyTimestamp", **more)
    managed.put(managed.attribute, "50")
    with managed.open() as ctx:
        found = ctx.get("server-settings")
        (stamp,) = managed.find("modifyTimestamp")
        assert found.values["last-changed"] == (stamp,)
        assert not {name.lower() for name in found.unknown} & {"creatorsname", "modifiersname", "createtimestamp"}
        number = change(ctx, set_to({managed.setting: 77}))
        assert number is not None
        ctx.undo(number)  # what the server writes by itself is neither expected nor put back
        assert managed.find(managed.attribute) == ["50"]


def test_objects_of_two_types_are_created_and_deleted(own_slapd: Slapd) -> None:
    managed = manage_slapd(own_slapd)
    with managed.open() as ctx:
        change(ctx, lambda tx: tx.create("database", "{2}monitor", {}, type="monitor"))
        assert managed.find("olcDatabase", "olcDatabase={2}monitor,cn=config") == ["{2}monitor"]
        change(ctx, lambda tx: tx.set("database", "{1}mdb", {"size-limit": "123", "time-limit": "5"}))
        ctx.undo(2)
        change(ctx, lambda tx: tx.delete("database", "{2}monitor"))
        assert [path.name for path in (one.path for one in ctx.list("database"))] == [
            "{-1}frontend",
            "{0}config",
            "{1}mdb",
        ]


# -- another place for the state -----------------------------------------------------------------------------------------


def test_the_state_can_lie_in_a_file_of_its_own(managed: Managed, state: Path, tmp_path: Path) -> None:
    place = f"ldif:{tmp_path / 'beside.ldif'}"
    with managed.open(state_url=place) as ctx:
        change(ctx, set_to({managed.setting: 8}))
    with managed.open(state_url=place) as ctx:
        assert [one.number for one in ctx.history()] == [1]
    assert not state.exists()


def test_the_state_can_lie_in_a_directory_that_has_our_schema(ds389_server: Ds389) -> None:
    """It is logged in to as the server is: here it is another part of the same one."""
    managed = manage_ds389(ds389_server)
    place = f"{ds389_server.url}cn=state,dc=example,dc=com"
    with managed.open(state_url=place) as ctx:
        assert change(ctx, set_to({managed.setting: 9})) == 1
        ctx.undo(1)
        assert [one.state for one in ctx.history()] == ["done", "done"]
        assert ctx.storage.moment().unfinished == ()
        assert change(ctx, lambda tx: tx.reset("server-settings", (), [managed.setting])) == 3


def test_the_state_of_another_server_is_refused(own_slapd: Slapd, ds389_server: Ds389, tmp_path: Path) -> None:
    place = f"ldif:{tmp_path / 'shared.ldif'}"
    one, other = manage_slapd(own_slapd), manage_ds389(ds389_server)
    with one.open(state_url=place) as ctx:
        change(ctx, set_to({one.setting: 3}))
    with other.open(state_url=place) as ctx, pytest.raises(StorageError, match="this is the state of another server"):
        change(ctx, set_to({other.setting: 3}))
    assert other.find(other.attribute) == [other.usual]


# -- writers that meet ---------------------------------------------------------------------------------------------------


def test_a_stale_change_is_refused_and_has_no_effect(managed: Managed) -> None:
    """389 Directory Server puts a value into effect that it then refuses, so it must not get to see it."""
    managed.put(managed.attribute, "30")
    stale = [Modification("delete", managed.attribute, ["20"]), Modification("add", managed.attribute, ["40"])]
    with managed.open() as ctx, ctx.storage.writing(), pytest.raises(ChangedMeanwhileError):
        ctx.storage.commit([ModifyEntry(CONFIG, stale)])
    assert managed.find(managed.attribute) == ["30"]


def test_a_value_where_none_was_expected_is_not_overwritten(managed: Managed) -> None:
    managed.put(managed.attribute, "30")
    with managed.open() as ctx, ctx.storage.writing(), pytest.raises(ConfobjectsError):
        ctx.storage.commit([ModifyEntry(CONFIG, [Modification("add", managed.attribute, ["40"])])])
    assert managed.find(managed.attribute) == ["30"]


_ADD_ONES = """
from confobjects.errors import ChangedMeanwhileError
from tests.management.foreign import *
server = {server}
managed = manage_{kind}(server)
with managed.open() as ctx:
    for _ in range({rounds}):
        def ask(tx):
            tx.consider(lambda: tx.set("server-settings", (), {{managed.setting: int(
                tx.world.find(tx.registry.path_of("server-settings")).values[managed.setting][0]) + 1}}))
        for attempt in range(50):
            try:
                change(ctx, ask)
                break
            except ChangedMeanwhileError:
                pass
"""


def test_of_many_writers_none_loses_a_change(managed: Managed, tmp_path: Path) -> None:
    """8 writers add 1 to a number. On slapd each has a state of its own, as on 8 machines; 389-ds cannot keep those apart."""
    managed.put(managed.attribute, "1000")
    is_slapd = isinstance(managed.server, Slapd)
    made = f"{type(managed.server).__name__}(port={managed.server.port})"
    kind = "slapd" if is_slapd else "ds389"
    code = _ADD_ONES.format(server=made, kind=kind, rounds=5)
    children = []
    for number in range(8):
        line, environment = run_child(code, tmp_path / (str(number) if is_slapd else "shared"))
        children.append(subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, text=True))
    told = [child.communicate()[1] for child in children]
    assert [child.returncode for child in children] == [0] * 8, told
    assert managed.find(managed.attribute) == [str(1000 + 8 * 5)]


# -- what is refused before it is sent -----------------------------------------------------------------------------------


def test_a_new_name_is_refused_before_anything_is_sent(ds389_server: Ds389) -> None:
    with manage_ds389(ds389_server).open() as ctx:
        change(ctx, lambda tx: tx.create("sasl-mapping", "old", MAPPING))
        with pytest.raises(ConstraintError, match="this server does not rename entries of its configuration"):
            change(ctx, lambda tx: tx.rename("sasl-mapping", "old", "new"))
        change(ctx, lambda tx: tx.delete("sasl-mapping", "old"))
        assert [one.number for one in ctx.history()] == [1, 2]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("&{idle:60}", "cannot be an expression: this server reads its values itself, and takes "),
        ("&{sealed:AAAA}", "cannot be a sealed secret: this server cannot open it"),
    ],
)
def test_an_expression_is_refused_where_the_server_would_refuse_it(managed: Managed, value: str, problem: str) -> None:
    with managed.open() as ctx, pytest.raises(InvalidValueError, match=problem):
        change(ctx, set_to({managed.setting: value}))


def test_what_the_server_has_in_the_form_of_an_expression_is_left_alone(ds389_server: Ds389) -> None:
    with manage_ds389(ds389_server).open() as ctx:
        change(ctx, lambda tx: tx.create("sasl-mapping", "own", {**MAPPING, "regex": "&{server.own} ${1}"}))
        change(ctx, lambda tx: tx.set("sasl-mapping", "own", {"priority": 7}))
        assert ctx.get("sasl-mapping", "own").values["regex"] == ("&{server.own} ${1}",)
        change(ctx, lambda tx: tx.delete("sasl-mapping", "own"))


def test_bytes_that_are_no_text_are_not_sent(managed: Managed) -> None:
    step = Modification("add", "description", [b"\xff\xfe"])
    with managed.open() as ctx, ctx.storage.writing(), pytest.raises(InvalidValueError, match="is not UTF-8 text"):
        ctx.storage.commit([ModifyEntry(CONFIG, [step])])


def test_a_read_only_property_is_refused(managed: Managed) -> None:
    name = "pid-file" if isinstance(managed.server, Slapd) else "version"
    with managed.open() as ctx, pytest.raises(ConfobjectsError, match="is read-only"):
        change(ctx, set_to({name: "/other"}))


def test_a_refusal_has_the_words_of_the_server(ds389_server: Ds389) -> None:
    with manage_ds389(ds389_server).open() as ctx:
        with pytest.raises(ConstraintError) as caught:
            change(ctx, set_to({"max-descriptors": 999_999_999}))
        assert ctx.history() == []
    assert "maximum file descriptors must range from 1 to" in caught.value.diagnostics[0].detail


# -- a writer that dies, a server that restarts --------------------------------------------------------------------------

_DIE = """
import os
from tests.management.foreign import *
from confobjects.storage.ldap.foreign import ForeignStorage
steps = iter(range({steps}))
def die(original):
    def run(self, *args, **kwargs):
        if next(steps, None) is None:
            os._exit(9)
        return original(self, *args, **kwargs)
    return run
ForeignStorage.{method} = die(ForeignStorage.{method})
with manage_slapd(Slapd(port={port})).open() as ctx:
    change(ctx, set_to({{"write-timeout": 41}}), lambda tx: tx.set("database", "{{1}}mdb", {{"size-limit": "41"}}))
"""


def die(server: Slapd | Ds389, state: Path, *, steps: int = 0, method: str = "_carry_out") -> None:
    line, environment = run_child(_DIE.format(port=server.port, steps=steps, method=method), state)
    assert subprocess.run(line, env=environment, check=False).returncode == 9


def look(managed: Managed) -> tuple[list[str], list[str]]:
    return managed.find("olcWriteTimeout"), managed.find("olcSizeLimit", "olcDatabase={1}mdb,cn=config")


@pytest.fixture
def calm(own_slapd: Slapd) -> Iterator[Managed]:
    made = manage_slapd(own_slapd)
    yield made
    made.clear("olcWriteTimeout")
    made.edit("dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcSizeLimit\nolcSizeLimit: unlimited\n")


@pytest.mark.parametrize("steps", [0, 1])
def test_a_change_made_in_part_is_taken_back(calm: Managed, state: Path, steps: int) -> None:
    die(calm.server, state, steps=steps)
    assert look(calm) == (["41"] * steps, ["unlimited"])
    with calm.open() as ctx:
        assert [(one.number, one.state) for one in ctx.history()] == [(1, "pending")]
        assert find_interrupted(ctx.storage) == [1]
        (told,) = finish_interrupted(ctx.storage)
        assert told.summary.startswith("change 1 was interrupted: ")
        assert look(calm) == ([], ["unlimited"])
        assert ctx.history() == []
        assert change(ctx, set_to({"write-timeout": 5})) == 2


def test_a_change_that_was_made_and_not_closed_is_not_repeated(calm: Managed, state: Path) -> None:
    die(calm.server, state, method="_close")
    assert look(calm) == (["41"], ["41"])
    with calm.open() as ctx:
        assert [one.summary for one in finish_interrupted(ctx.storage)] == ["change 1 was interrupted: it was made"]
        assert [(one.number, one.state) for one in ctx.history()] == [(1, "done")]


def test_what_others_have_changed_since_is_left_as_it_is(calm: Managed, state: Path) -> None:
    die(calm.server, state, method="_close")
    calm.put("olcWriteTimeout", "99")
    with calm.open() as ctx:
        assert change(ctx, lambda tx: tx.set("server-settings", (), {"idle-timeout": 3600})) == 2
        assert look(calm) == (["99"], ["41"])
        assert [(one.number, one.state) for one in ctx.history()] == [(1, "unclear"), (2, "done")]
        with pytest.raises(ConstraintError, match="it is not known whether it was made"):
            ctx.undo(1)


def test_a_server_that_restarts_in_the_middle_of_a_change_loses_nothing(
    calm: Managed, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, steps = calm.server, count()
    original = ForeignStorage._carry_out

    def restart(storage: ForeignStorage, step: Change, before: Entry | None) -> None:
        if next(steps) == 1:
            server.process.kill()
            server.process.wait()
            server.start()
        original(storage, step, before)

    monkeypatch.setattr(ForeignStorage, "_carry_out", restart)
    with calm.open() as ctx:
        change(ctx, set_to({"write-timeout": 7}), lambda tx: tx.set("database", "{1}mdb", {"size-limit": "7"}))
        assert look(calm) == (["7"], ["7"])
        assert [(one.number, one.state) for one in ctx.history()] == [(1, "done")]


def test_the_examples_are_what_the_guide_names() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} >= {"389-ds", "openldap"}
