"""The rules of ``ldap-schema --acl`` on both servers: what they let whom do, and the warning while they are not there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from subprocess import CalledProcessError
from urllib.parse import quote

import pytest

from confobjects.dn import DN
from confobjects.errors import AccessError
from confobjects.mapping.apart import VERIFICATIONS, place_beside
from confobjects.mapping.followers import FollowerReport, place_of_followers
from confobjects.storage import open_storage
from tests.cli.sessions import Outcome, run
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import SUFFIX, Slapd

NUMBERS = count()
OPERATOR = f"uid=operator,{SUFFIX}"
PASSWORD = "operator canary 2L"
SECRET = "a canary that stays inside"
ADD_OPERATOR = f"""dn: {OPERATOR}
changetype: add
objectClass: account
objectClass: simpleSecurityObject
uid: operator
userPassword: {PASSWORD}
"""
READ_BY_ALL = f"""dn: {SUFFIX}
changetype: modify
{{verb}}: aci
aci: (targetattr="*")(version 3.0; acl "open"; allow (read, search, compare) userdn="ldap:///anyone";)
"""


class Place:
    """A base on a server, and those who log in there."""

    def __init__(self, server: Slapd | Ds389) -> None:
        self.server = server
        self.base = f"cn=access {next(NUMBERS)},{SUFFIX}"
        self.module = openldap if isinstance(server, Slapd) else ds389

    def as_(self, who: str, *command: str) -> Outcome:
        logins = {
            "administrator": (self.module.ROOT_DN, self.module.PASSWORD),
            "operator": (OPERATOR, PASSWORD),
            "reader": (self.module.READER_DN, self.module.READER_PASSWORD),
        }
        login = ("-D", logins[who][0], "-w", logins[who][1]) if who in logins else ()
        return run("--url", self.url, *login, *command)

    @property
    def url(self) -> str:
        return self.server.url + quote(self.base)

    def warnings(self) -> list[str]:
        lines = self.as_("administrator", "check").err.splitlines()
        return [line.replace(self.base, "BASE") for line in lines if "anybody can read" in line]

    def load_rules(self) -> None:
        kind = "openldap" if isinstance(self.server, Slapd) else "389ds"
        made = run("ldap-schema", "--acl", kind, "--baseDN", self.base, "--admin", OPERATOR)
        assert made.status == 0
        self.server.change_configuration(made.out.replace("{N}", "{1}"))


@pytest.fixture(params=["389-ds", "slapd"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A server that shows everything to everybody, as a stock slapd does, and a configuration with secrets on it."""
    if request.param == "slapd":
        with Slapd(schema=(schema_of_everything("openldap"),)) as slapd:
            slapd.ldapmodify(ADD_OPERATOR)
            yield filled(Place(slapd))
        return
    server: Ds389 = request.getfixturevalue("ds389_server")
    server.ldapmodify(ADD_OPERATOR + "\n" + READ_BY_ALL.format(verb="add"))
    try:
        yield filled(Place(server))
    finally:
        server.ldapmodify(f"dn: {OPERATOR}\nchangetype: delete\n\n" + READ_BY_ALL.format(verb="delete"))


def filled(place: Place) -> Place:
    server = ("--set", "enabled:true", "--set", "smtp-server:h", "--set", "auth-username:u")
    for name in ("one", "two"):
        created = place.as_(
            "administrator", "create-mail-server", "--server-name", name, *server, "--set", f"auth-password:{SECRET}"
        )
        assert created.status == 0
    # Now there is an old secret as well, in the history.
    assert place.as_("administrator", "delete-mail-server", "--server-name", "two").status == 0
    assert place.as_("administrator", "create-mail-server", "--server-name", "two", *server).status == 0
    return place


def test_it_is_told_which_secrets_anybody_can_read(place: Place) -> None:
    warnings = place.warnings()
    assert warnings[0] == (
        'warning: anybody can read ds-cfg-auth-password of the entry "cn=one,cn=Mail Servers,BASE" without logging in'
    )
    assert warnings[1].startswith("warning: anybody can read ds-cfg-history-secret of the entry ")
    assert len(warnings) == 2
    made = place.as_("administrator", "init")
    assert made.status == 0
    assert "anybody can read ds-cfg-auth-password" in made.err
    assert "  remedy: load the access rules that `confobjects ldap-schema --acl` prints\n" in made.err


def test_with_the_rules_nobody_can(place: Place) -> None:
    place.load_rules()
    assert place.warnings() == []
    shown = place.server.ldapsearch("-b", SUFFIX, "(objectClass=*)", anonymous=True)
    assert place.base not in shown
    for attribute in ("ds-cfg-auth-password", "ds-cfg-history-secret", "cn"):
        shown = place.server.ldapsearch("-b", SUFFIX, f"({attribute}=*)", attribute, anonymous=True)
        assert place.base not in shown


def test_with_the_rules_a_user_reads_all_but_secrets_and_writes_nothing(place: Place) -> None:
    place.load_rules()
    got = place.as_("reader", "get-mail-server-prop", "--server-name", "one", "-s", "--property", "smtp-server")
    assert got.out == "smtp-server\th\n"
    secret = place.as_("reader", "get-mail-server-prop", "--server-name", "one", "-s", "--property", "auth-password")
    assert secret.out == "auth-password\n"
    assert [line for line in place.as_("reader", "history").out.splitlines() if "create" in line]
    refused = place.as_("reader", "set-mail-server-prop", "--server-name", "one", "--set", "enabled:false")
    assert refused.status == 21


def test_with_the_rules_the_operator_does_everything(place: Place) -> None:
    place.load_rules()
    name = ("--server-name", "one")
    assert place.as_("operator", "set-mail-server-prop", *name, "--set", "auth-password:another canary").status == 0
    assert place.as_("operator", "rename", "mail-server", *name, "--to", "uno").status == 0
    assert place.as_("operator", "delete-mail-server", "--server-name", "uno").status == 0
    undone = place.as_("operator", "history", "--output", "json")
    assert undone.status == 0
    number = undone.out.count('"number"')
    assert place.as_("operator", "undo", "--to", "4").status == 0, number
    got = place.as_("operator", "get-mail-server-prop", *name, "-s", "--property", "auth-password")
    assert got.out == "auth-password\t********\n"
    assert place.as_("operator", "check").status == 0


def test_with_the_rules_services_read_the_definitions_and_only_the_administrator_changes_them(
    place: Place, tmp_path: Path
) -> None:
    place.load_rules()
    token = {"synopsis": "What it shows.", "syntax": "password", "sensitive": True}
    address = {"synopsis": "Where.", "syntax": "host-port", "profile": {"ldap": {"attribute": "ds-cfg-listen-address"}}}
    relation = {"parent": "root", "kind": "instantiable", "branch": "cn=Gateways"}
    door = {
        "name": "gateway",
        "version": 1,
        "synopsis": "A door.",
        "relation": relation,
        "properties": {"host": address},
    }
    file = tmp_path / "gateway.json"
    file.write_text(json.dumps(door), "utf-8")
    refused = place.as_("reader", "definitions", "install", str(file))
    assert refused.status == 21
    assert place.as_("operator", "definitions", "install", str(file)).status == 0
    assert place.as_("operator", "create-gateway", "--gateway-name", "one", "--set", "host:h:1").status == 0
    assert place.as_("reader", "list-gateways", "-s").out == "one\n"
    assert place.as_("reader", "definitions", "show", "gateway").out == json.dumps(door) + "\n"
    file.write_text(json.dumps(door | {"version": 2, "properties": {"host": address, "token": token}}), "utf-8")
    assert place.as_("reader", "definitions", "install", str(file)).status == 21
    made = place.as_("operator", "definitions", "install", str(file))
    assert (made.status, "the server's access rules do not protect ds-cfg-token yet" in made.err) == (0, True)
    with_it = run(
        "ldap-schema",
        "--acl",
        "openldap",
        "--baseDN",
        place.base,
        "--admin",
        OPERATOR,
        "--url",
        place.url,
        "-D",
        OPERATOR,
        "-w",
        PASSWORD,
    )
    assert "ds-cfg-token" in with_it.out.replace("\n ", "")


SECOND = f"uid=second,{SUFFIX}"
ADD_SECOND = ADD_OPERATOR.replace("operator", "second")


@pytest.fixture
def second(place: Place) -> Iterator[str]:
    """The password of a second user who may read."""
    place.server.ldapmodify(ADD_SECOND)
    yield PASSWORD.replace("operator", "second")
    place.server.ldapmodify(f"dn: {SECOND}\nchangetype: delete\n")


def report(name: str, number: int) -> FollowerReport:
    return FollowerReport(name, "host", 1, "2026-01-02T03:04:05Z", number)


def test_with_the_rules_each_service_tells_of_itself_and_only_the_administrator_reads_all(
    place: Place, second: str
) -> None:
    assert f'"{DN.parse(place.base).rdns[0][0][0]}=' in place.as_("administrator", "init").out
    place.load_rules()
    who = {"reader": (place.module.READER_DN, place.module.READER_PASSWORD), "second": (SECOND, second)}
    services = {name: open_storage(place.url, bind_dn=dn, bind_password=word) for name, (dn, word) in who.items()}
    for number in (1, 2):
        for name, storage in services.items():
            storage.tell_follower(report(name, number))
            assert storage.find_follower(name) == report(name, number)
    for name, storage in services.items():
        other = next(one for one in services if one != name)
        with pytest.raises(AccessError):
            storage.tell_follower(report(other, 99))
        assert list(storage.followers()) == [report(name, 2)]
        storage.forget_follower(other)
        assert storage.find_follower(other) is None
    operator = open_storage(place.url, bind_dn=OPERATOR, bind_password=PASSWORD)
    assert list(operator.followers()) == [report("reader", 2), report("second", 2)]
    branch = place_of_followers(DN.parse(place.base))
    assert str(branch) not in place.server.ldapsearch("-b", SUFFIX, "(objectClass=*)", anonymous=True)
    for dn in (f"cn=x,{branch}", f"cn=x,cn=reader,{branch}", f"cn=x,{branch.parent}"):
        with pytest.raises(CalledProcessError):
            place.server.ldapmodify(
                f"dn: {dn}\nchangetype: add\nobjectClass: applicationProcess\ncn: x\n", user=SECOND, password=second
            )
    services["second"].forget_follower("second")
    operator.forget_follower("reader")
    assert list(operator.followers()) == []
    for storage in (operator, *services.values()):
        storage.close()


def test_only_the_administrator_writes_records_of_tests(place: Place) -> None:
    assert "cn=Verifications," in place.as_("administrator", "init").out
    place.load_rules()
    reader, operator = (
        open_storage(place.url, bind_dn=dn, bind_password=word)
        for dn, word in ((place.module.READER_DN, place.module.READER_PASSWORD), (OPERATOR, PASSWORD))
    )
    key, other = "1" * 40, "2" * 40
    operator.keep_verification(key, "x")
    operator.keep_verification(key, "y")
    assert reader.verifications() == operator.verifications() == {key: "y"}
    for name in (key, other):
        with pytest.raises(AccessError):
            reader.keep_verification(name, "a lie")
    with pytest.raises(AccessError):
        reader.forget_verification(key)
    assert operator.verifications() == {key: "y"}
    branch = place_beside(DN.parse(place.base), VERIFICATIONS)
    assert str(branch) not in place.server.ldapsearch("-b", SUFFIX, "(objectClass=*)", anonymous=True)
    operator.forget_verification(key)
    assert operator.verifications() == {}
    for storage in (operator, reader):
        storage.close()


def test_without_the_place_a_service_is_told_who_makes_it(place: Place) -> None:
    place.load_rules()
    storage = open_storage(place.url, bind_dn=place.module.READER_DN, bind_password=place.module.READER_PASSWORD)
    with pytest.raises(AccessError) as caught:
        storage.tell_follower(report("reader", 1))
    (problem,) = caught.value.diagnostics
    assert "let an administrator make it" in problem.render()
    storage.close()
