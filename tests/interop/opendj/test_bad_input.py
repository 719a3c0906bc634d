"""What is wrong with a server or with a command, on a real OpenDJ: a clear word for each, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from confobjects.mapping.entry import Change, Entry
from confobjects.storage.ldap.foreign import ForeignStorage
from tests.cli.sessions import Outcome, run
from tests.interop.opendj.test_changing import list_mappers, look
from tests.servers.opendj import ROOT_DN, SUFFIX, OpenDj

MAPPERS = "cn=Identity Mappers,cn=config"
EXACT = f"cn=Exact Match,{MAPPERS}"
OPERATOR = f"uid=operator,{SUFFIX}"
_OPERATOR_PASSWORD = "operator canary 5V"
_SCHEMA = """\
dn: cn=schema
changetype: modify
{verb}: attributeTypes
attributeTypes: ( 2.25.77.1 NAME 'ds-cfg-by-hand' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )

dn: cn=schema
changetype: modify
{verb}: objectClasses
objectClasses: ( 2.25.77.2 NAME 'ds-cfg-by-hand-identity-mapper' SUP ds-cfg-identity-mapper STRUCTURAL MAY ds-cfg-by-hand )
objectClasses: ( 2.25.77.3 NAME 'by-hand' SUP top AUXILIARY MAY ds-cfg-by-hand )
"""
_KNOWN = f"dn: {EXACT}\nchangetype: modify\nadd: objectClass\nobjectClass: by-hand\n-\nadd: ds-cfg-by-hand\nds-cfg-by-hand: one\nds-cfg-by-hand: two\n"
_UNKNOWN = f"""\
dn: cn=By Hand,{MAPPERS}
changetype: add
objectClass: top
objectClass: ds-cfg-identity-mapper
objectClass: ds-cfg-by-hand-identity-mapper
cn: By Hand
ds-cfg-enabled: false
ds-cfg-by-hand: kept
ds-cfg-java-class: org.opends.server.extensions.ExactMatchIdentityMapper
"""


@pytest.fixture(scope="module", autouse=True)
def _family(opendj: OpenDj, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        assert run("family", "add", "opendj", str(opendj.home)).status == 0
        yield


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def extended(opendj: OpenDj) -> Iterator[OpenDj]:
    """The server with a schema that somebody has extended by hand, and an object that uses it; afterwards without."""
    opendj.ldapmodify(_SCHEMA.format(verb="add"))
    opendj.ldapmodify(_KNOWN)
    yield opendj
    opendj.ldapmodify(
        f"dn: {EXACT}\nchangetype: modify\ndelete: objectClass\nobjectClass: by-hand\n-\ndelete: ds-cfg-by-hand\n"
    )
    classes, types = _SCHEMA.format(verb="delete").split("\n\n")[::-1]
    opendj.ldapmodify(f"{classes}\n\n{types}\n")


def ask(server: OpenDj, *words: str, user: str = ROOT_DN, password: Path | None = None) -> Outcome:
    login = ("-D", user, "-j", str(password or server.password_file), "-P", str(server.authority_file), "-n")
    return run(*words, "--url", server.tls_url, *login)


def read(server: OpenDj, dn: str) -> list[str]:
    return sorted(server.ldapsearch("-b", dn, "-s", "base").splitlines())


# -- what the family does not know ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("set-identity-mapper-prop", "--mapper-name", "Exact Match", "--set", "no-such:1"),
            '/identity-mapper/Exact Match, no-such: Exact Match Identity Mapper has no property "no-such"\n'
            "  remedy: known: enabled, java-class, match-attribute, match-base-dn\n",
        ),
        (
            ("create-identity-mapper", "--mapper-name", "X", "--type", "no-such", "--set", "enabled:true"),
            'there is no type "no-such" of Identity Mapper\n  remedy: one of: custom, exact-match, regular-expression\n',
        ),
        (("list-no-such-things",), 'there is no command "list-no-such-things"; confobjects help lists them\n'),
    ],
)
def test_a_word_that_the_family_does_not_know_is_named_with_those_it_knows(
    opendj: OpenDj, words: tuple[str, ...], told: str
) -> None:
    before = read(opendj, EXACT)
    refused = ask(opendj, *words)
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.removeprefix("error: ").startswith(told)
    assert read(opendj, EXACT) == before
    assert "X" not in list_mappers(opendj)


def test_attributes_that_no_definition_has_are_told_and_kept_by_every_change(extended: OpenDj) -> None:
    before = read(extended, EXACT)
    name = ("--mapper-name", "Exact Match")
    told = f"/identity-mapper/{name[1]}: the attribute ds-cfg-by-hand belongs to no property: it is kept\n"
    assert told in ask(extended, "check").err
    for words in ("--set match-attribute:cn", "--add match-attribute:mail", "--reset match-attribute"):
        assert ask(extended, "set-identity-mapper-prop", *name, *words.split()).status == 0
        assert {"ds-cfg-by-hand: one", "ds-cfg-by-hand: two", "objectClass: by-hand"} < set(read(extended, EXACT))
    assert ask(extended, "undo", "--to", "0").status == 0
    assert read(extended, EXACT) == before
    assert "by-hand" not in ask(extended, "history", "show", "1").out


def test_an_object_of_a_class_that_the_family_does_not_know_is_one_of_the_kind_it_extends(extended: OpenDj) -> None:
    """It is shown, its known properties can be changed, and a deletion can be taken back with all that it had."""
    extended.ldapmodify(_UNKNOWN)
    dn, name = f"cn=By Hand,{MAPPERS}", ("--mapper-name", "By Hand")
    before = read(extended, dn)
    assert "By Hand            : custom             : false\n" in ask(extended, "list-identity-mappers").out
    assert ask(extended, "delete-identity-mapper", *name).status == 0
    assert "By Hand" not in list_mappers(extended)
    assert ask(extended, "undo", "1").status == 0
    assert read(extended, dn) == before
    assert ask(extended, "delete-identity-mapper", *name).status == 0


# -- who may not change it ---------------------------------------------------------------------------------------------


@pytest.fixture
def operator(opendj: OpenDj, tmp_path: Path) -> Iterator[Path]:
    """The file with the password of a user who may see the configuration, and not change it."""
    opendj.ldapmodify(
        f"dn: {OPERATOR}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: operator\ncn: operator\nsn: operator\n"
        f"userPassword: {_OPERATOR_PASSWORD}\nds-privilege-name: config-read\nds-privilege-name: bypass-acl\n"
    )
    path = tmp_path / "operator"
    path.touch(0o600)
    path.write_text(f"{_OPERATOR_PASSWORD}\n", encoding="utf-8")
    yield path
    opendj.ldapmodify(f"dn: {OPERATOR}\nchangetype: delete\n")


def test_a_user_who_may_only_read_is_told_so_and_nothing_is_kept(opendj: OpenDj, operator: Path) -> None:
    assert ask(opendj, "list-backends", user=OPERATOR, password=operator).status == 0
    words = ("set-global-configuration-prop", "--set", "size-limit:77")
    refused = ask(opendj, *words, user=OPERATOR, password=operator)
    assert refused.status == 21
    assert 'the entry "cn=config" was not changed: the user has no right to do this\n' in refused.err
    assert "You do not have sufficient privileges to perform modify operations" in refused.err
    assert "remedy: log in as a user with the rights (-D), or change the server's access rules" in refused.err
    assert look(opendj, "ds-cfg-size-limit") == ["1000"]
    assert ask(opendj, "history", user=OPERATOR, password=operator).out == "There are no changes.\n"


def test_a_server_whose_data_take_no_changes_still_takes_those_of_its_configuration(opendj: OpenDj) -> None:
    """Its writability mode is about the data: nobody is locked out of the configuration that turns it off again."""
    mode = ("set-global-configuration-prop", "--set")
    assert ask(opendj, *mode, "writability-mode:disabled").status == 0
    try:
        assert ask(opendj, *mode, "size-limit:78").status == 0
    finally:
        assert ask(opendj, "undo", "--to", "0").status == 0
    assert look(opendj, "ds-cfg-size-limit") == ["1000"]


# -- a server that goes away -------------------------------------------------------------------------------------------


def test_a_server_that_is_stopped_and_started_in_the_middle_of_a_batch_loses_nothing(
    opendj: OpenDj, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    steps = count()
    original = ForeignStorage._carry_out

    def restart(storage: ForeignStorage, step: Change, before: Entry | None) -> None:
        if next(steps) == 1:
            opendj.stop()
            opendj.start()
        original(storage, step, before)

    lines = (
        "set-global-configuration-prop --set size-limit:55",
        "create-identity-mapper --mapper-name Late --type exact-match --set enabled:true",
        "set-global-configuration-prop --set lookthrough-limit:4055",
    )
    (tmp_path / "batch").write_text("\n".join([*lines, ""]), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(ForeignStorage, "_carry_out", restart)
        done = ask(opendj, "-F", str(tmp_path / "batch"))
    assert done.status == 0, done.err
    assert next(steps) > 1
    assert (look(opendj, "ds-cfg-size-limit"), look(opendj, "ds-cfg-lookthrough-limit")) == (["55"], ["4055"])
    assert "Late" in list_mappers(opendj)
    assert len(ask(opendj, "history", "-s").out.splitlines()) == 1
    assert ask(opendj, "undo", "1").status == 0
    assert "Late" not in list_mappers(opendj)


# -- what waits for a restart ------------------------------------------------------------------------------------------


def test_each_command_tells_what_waits_and_ends_with_the_restart(opendj: OpenDj) -> None:
    name, where = "db-checkpointer-bytes-interval", ("--backend-name", "userRoot")
    late = ask(opendj, "set-backend-prop", *where, "--set", f"{name}:1mb", "--wait", "1")
    waits = (
        f"/backend/userRoot, {name}: the server does not use the value of {name} yet: "
        "it counts once the server has been restarted"
    )
    assert late.status == 23
    assert "change 1 is saved; after 1 s it is in effect on 0 of 1" in late.err
    assert f"waits for a restart ({name} of /backend/userRoot)" in late.err
    assert waits in ask(opendj, "get-backend-prop", *where).err
    assert waits in ask(opendj, "check").err
    assert f"waits for a restart ({name} of /backend/userRoot)" in ask(opendj, "followers").out
    at_once = ask(opendj, "set-global-configuration-prop", "--set", "size-limit:1001", "--wait", "30")
    assert (at_once.status, at_once.err) == (0, "change 2 in effect on 1 of 1\n")
    time.sleep(1.1)  # the server tells its start to the second
    opendj.stop()
    opendj.start()
    assert waits not in ask(opendj, "get-backend-prop", *where).err + ask(opendj, "check").err
    assert ask(opendj, "followers").out.endswith("change 2 in effect on 1 of 1.\n")
    assert ask(opendj, "undo", "--to", "0").status == 0
