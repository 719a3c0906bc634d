"""Sign-in with the directory that holds the configuration, on slapd and on 389 Directory Server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import confobjects
from confobjects.dn import DN
from confobjects.errors import AccessError, CannotConnectError, UsageError
from confobjects.storage.ldap import open_url
from confobjects.storage.ldap.people import DirectoryPeople, escape_value
from confobjects.storage.ldap.session import LdapSession
from confobjects.web.commands.directory import parse_rule
from confobjects.web.identity.directory import Directory, DirectoryRule, sign_in
from confobjects.web.identity.endpoints import ENDPOINTS
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.served import Served
from confobjects.web.site import Web
from tests.servers import ds389, slapd
from tests.servers.ds389 import Ds389
from tests.servers.slapd import SUFFIX, Slapd
from tests.web.people import PASSWORD, make_client, make_people

Server = Slapd | Ds389
PEOPLE = f"ou=staff,{SUFFIX}"
SECRET = "staff canary 7T"
STRANGE = "s(t*r)a\\nge"
"""A name that would change a filter in which it stands as it is."""


def _add_people(server: Server) -> None:
    entries = [f"dn: {PEOPLE}\nchangetype: add\nobjectClass: organizationalUnit\nou: staff\n"]
    entries.extend(_describe(f"uid={name},{PEOPLE}", name) for name in ("oscar", "ada", "nora", "twin"))
    entries.append(_describe(f"cn=other,{PEOPLE}", "twin"))
    entries.append(_describe(f"cn=strange,{PEOPLE}", STRANGE))
    groups = {"operators": ("oscar", "ada"), "administrators": ("ada",)}
    for group, members in groups.items():
        lines = "".join(f"member: uid={member},{PEOPLE}\n" for member in members)
        entries.append(f"dn: cn={group},{PEOPLE}\nchangetype: add\nobjectClass: groupOfNames\ncn: {group}\n{lines}")
    entries.append(
        f"dn: cn=readers,{PEOPLE}\nchangetype: add\nobjectClass: groupOfUniqueNames\ncn: readers\n"
        f"uniqueMember: uid=oscar,{PEOPLE}\nuniqueMember: cn=strange,{PEOPLE}\nuniqueMember: uid=twin,{PEOPLE}\n"
    )
    server.ldapmodify("\n".join(entries))


def _describe(dn: str, name: str) -> str:
    cn = "cn: x\n" if dn.startswith("uid") else f"cn: {dn[3:].partition(',')[0]}\n"
    return f"dn: {dn}\nchangetype: add\nobjectClass: inetOrgPerson\n{cn}sn: x\nuid: {name}\nuserPassword: {SECRET}\n"


@pytest.fixture(scope="module", params=["slapd", "ds389_server"])
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    _add_people(found)
    return found


RULE = parse_rule(
    "ldap://x",
    PEOPLE,
    "uid",
    [f"{role}=cn={role}s,{PEOPLE}" for role in ("reader", "operator", "administrator")],
)


@pytest.fixture
def served(server: Server) -> Iterator[Served]:
    user, password = (slapd.ROOT_DN, slapd.PASSWORD) if isinstance(server, Slapd) else (ds389.ROOT_DN, ds389.PASSWORD)
    made = Served(lambda: confobjects.open(f"{server.url}ou=web,{SUFFIX}", bind_dn=user, bind_password=password))
    yield made
    made.close()


def enter(served: Served, name: str, password: str = SECRET, rule: DirectoryRule = RULE) -> Any:
    return anyio.run(served.read, lambda context: sign_in(context, rule, name, password))


@pytest.mark.parametrize(
    ("name", "dn", "role"),
    [
        ("oscar", f"uid=oscar,{PEOPLE}", "operator"),
        ("OSCAR", f"uid=oscar,{PEOPLE}", "operator"),
        ("ada", f"uid=ada,{PEOPLE}", "administrator"),
        (STRANGE, f"cn=strange,{PEOPLE}", "reader"),
    ],
)
def test_who_is_in_a_group_has_its_role(served: Served, name: str, dn: str, role: str) -> None:
    found = enter(served, name)
    assert (DN.parse(found.name), found.role, found.way) == (DN.parse(dn), role, "directory")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("oscar", "wrong"),
        ("oscar", ""),
        ("oscar", " "),
        ("nora", SECRET),  # in no group
        ("twin", SECRET),  # two have the name
        ("nobody", SECRET),
        ("*", SECRET),
        ("osca*", SECRET),
        ("oscar)(uid=*", SECRET),
        ("", SECRET),
        ("oscar\0", SECRET),
        (f"uid=oscar,{PEOPLE}", SECRET),
    ],
)
def test_anybody_else_is_nobody(served: Served, name: str, password: str) -> None:
    assert enter(served, name, password) is None


def test_an_empty_password_is_not_sent(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError

    assert enter(served, "oscar") is not None  # the configuration stays open
    monkeypatch.setattr(LdapSession, "open", refuse)
    monkeypatch.setattr(DirectoryPeople, "find", lambda *_: DN.parse(f"uid=oscar,{PEOPLE}"))
    assert enter(served, "oscar", "") is None
    with open_url("ldap://127.0.0.1:1/dc=x").people() as people:
        assert not people.accepts(DN.parse(f"uid=oscar,{PEOPLE}"), "")
        assert not people.accepts(DN.of(), "x")


def test_a_person_of_the_directory_has_a_session(served: Served, server: Server, tmp_path: Path) -> None:
    identity = Identity(make_people(tmp_path / "people"), directory=Directory(served, RULE))
    client = make_client(Web(served, identity), *ENDPOINTS)

    def try_to(name: str, password: str) -> int:
        return client.post("/api/v1/session", json={"name": name, "password": password}).status_code

    assert try_to("oscar", "") == 401
    assert try_to("oscar", "wrong") == 401
    assert try_to("nobody", SECRET) == 401
    assert try_to("operator", SECRET) == 401
    assert try_to("operator", PASSWORD) == 201  # a local account is one beside the directory
    assert try_to("oscar", SECRET) == 201
    found = client.get("/api/v1/session").json()
    assert (found["way"], found["role"], SECRET in str(found)) == ("directory", "operator", False)


def test_a_session_does_not_outlive_its_role(served: Served, server: Server, tmp_path: Path) -> None:
    seconds = 0.0
    identity = Identity(PeopleFile(str(tmp_path / "p")), directory=Directory(served, RULE), clock=lambda: seconds)
    client = make_client(Web(served, identity), *ENDPOINTS)
    server.ldapmodify(_describe(f"uid=brief,{PEOPLE}", "brief") + "\n" + _change_group("operators", "add"))
    assert client.post("/api/v1/session", json={"name": "brief", "password": SECRET}).status_code == 201
    assert client.get("/api/v1/session").json()["role"] == "operator"
    server.ldapmodify(_change_group("operators", "delete") + "\n" + _change_group("administrators", "add"))
    seconds = 299.0
    assert client.get("/api/v1/session").json()["role"] == "operator"
    seconds = 301.0
    assert client.get("/api/v1/session").json()["role"] == "administrator"
    server.ldapmodify(f"dn: uid=brief,{PEOPLE}\nchangetype: delete\n")  # the group still names the entry
    seconds = 602.0
    assert client.get("/api/v1/session").status_code == 401
    server.ldapmodify(_change_group("administrators", "delete"))


def _change_group(group: str, verb: str) -> str:
    return f"dn: cn={group},{PEOPLE}\nchangetype: modify\n{verb}: member\nmember: uid=brief,{PEOPLE}\n"


def test_a_directory_that_is_away_signs_nobody_in(tmp_path: Path) -> None:
    away = Served(lambda: confobjects.open("ldap://127.0.0.1:1/dc=x", bind_dn="cn=a", bind_password="b"))
    with pytest.raises(CannotConnectError):
        enter(away, "oscar")
    client = make_client(
        Web(away, Identity(PeopleFile(str(tmp_path / "p")), directory=Directory(away, RULE))), *ENDPOINTS
    )
    found = client.post("/api/v1/session", json={"name": "oscar", "password": SECRET})
    assert found.status_code in (502, 503)
    assert SECRET not in found.text


def test_a_password_does_not_cross_a_network_in_clear_text() -> None:
    storage = open_url("ldap://192.0.2.1/dc=x")
    with storage.people() as people, pytest.raises(AccessError, match="clear text"):
        people.accepts(DN.parse("cn=a"), "b")


@pytest.mark.parametrize(
    ("url", "base", "attribute", "groups", "told"),
    [
        ("ldif:x", PEOPLE, "uid", ["reader=cn=a"], "only if the configuration is in one"),
        ("ldap://x", "nonsense", "uid", ["reader=cn=a"], "is no DN"),
        ("ldap://x", "", "uid", ["reader=cn=a"], "the DN is empty"),
        ("ldap://x", PEOPLE, "uid)(x", ["reader=cn=a"], "no name of an attribute"),
        ("ldap://x", PEOPLE, "uid", [], "no group has a role"),
        ("ldap://x", PEOPLE, "uid", ["boss=cn=a"], "does not begin with a role"),
        ("ldap://x", PEOPLE, "uid", ["reader"], "the DN is empty"),
    ],
)
def test_a_wrong_rule_is_refused(url: str, base: str, attribute: str, groups: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_rule(url, base, attribute, groups)


def test_a_value_of_a_filter_has_no_special_characters() -> None:
    assert escape_value("aZ9") == "aZ9"
    assert escape_value("*()\\\0é=,") == r"\2a\28\29\5c\00\c3\a9\3d\2c"
