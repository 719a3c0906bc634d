"""Changes of people of the directory with their own rights there, on slapd and on 389 Directory Server (RFC 4370)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import confobjects
from confobjects.dn import DN
from confobjects.errors import AccessError
from confobjects.web.api.table import ENDPOINTS
from confobjects.web.commands.directory import parse_rule
from confobjects.web.identity.directory import Directory
from confobjects.web.identity.recognition import Identity
from confobjects.web.served import Served
from confobjects.web.site import Web
from tests.cli.sessions import run
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import SUFFIX, Slapd
from tests.web.people import bearer, make_client, make_people

Server = Slapd | Ds389
WORD = "proxied canary 9Q"
BASE = f"ou=proxied,{SUFFIX}"
NAMES = ("console", "weak", "otto", "nele")
"""The login of the console, one that may not act for others, and two operators: the directory lets only the first one write."""


def dn_of(name: str) -> str:
    return f"uid={name},{SUFFIX}"


ADD = "\n".join(
    [
        f"dn: {dn_of(name)}\nchangetype: add\nobjectClass: inetOrgPerson\ncn: {name}\nsn: x\nuid: {name}\n"
        f"userPassword: {WORD}\n"
        for name in NAMES
    ]
    + [
        f"dn: cn=proxied,{SUFFIX}\nchangetype: add\nobjectClass: groupOfNames\ncn: proxied\n"
        f"member: {dn_of('otto')}\nmember: {dn_of('nele')}\n"
    ]
)
REMOVE = "\n".join(f"dn: {name}\nchangetype: delete\n" for name in (*map(dn_of, NAMES), f"cn=proxied,{SUFFIX}"))
WRITERS = " ".join(f'by dn.exact="{dn_of(name)}" write' for name in ("console", "weak", "otto"))
ACCESS = ("to attrs=userPassword by anonymous auth by * none", f"to * {WRITERS} by * read")
POLICY = "dn: cn=config\nchangetype: modify\nreplace: olcAuthzPolicy\nolcAuthzPolicy: to\n"
MAY_ACT = f"dn: {dn_of('console')}\nchangetype: modify\nadd: authzTo\nauthzTo: dn.regex:^uid=[^,]+,{SUFFIX}$\n"


def _rule(name: str, rights: str, *people: str) -> str:
    who = " or ".join(f'userdn="ldap:///{dn_of(one)}"' for one in people)
    return f'aci: (targetattr="*")(version 3.0; acl "{name}"; allow ({rights}) {who};)\n'


RULES = (
    _rule("proxied writers", "all", "console", "weak", "otto")
    + _rule("proxied readers", "read, search, compare", "nele")
    + _rule("proxied login", "proxy", "console")
)


@pytest.fixture(scope="module", params=["slapd", "389-ds"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "slapd":
        with Slapd(schema=(schema_of_everything("openldap"),), access=ACCESS) as slapd:
            slapd.change_configuration(POLICY)
            slapd.ldapmodify(f"{ADD}\n{MAY_ACT}")
            yield slapd
        return
    found: Ds389 = request.getfixturevalue("ds389_server")
    found.ldapmodify(f"{ADD}\ndn: {SUFFIX}\nchangetype: modify\nadd: aci\n{RULES}")
    yield found
    found.ldapmodify(f"{REMOVE}\ndn: {SUFFIX}\nchangetype: modify\ndelete: aci\n{RULES}")


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    module = openldap if isinstance(server, Slapd) else ds389
    found = f"{server.url}{BASE}"
    made = run("--url", found, "-D", module.ROOT_DN, "-w", module.PASSWORD, "init")
    assert made.status == 0, made.err
    return found


Serve = Callable[..., TestClient]


@pytest.fixture
def serve(url: str, tmp_path: Path) -> Iterator[Serve]:
    """Serve the configuration with a login, to people of the directory and of a file."""
    opened: list[Served] = []

    def start(login: str = "console", *, act_as: bool = True) -> TestClient:
        rule = parse_rule(url, SUFFIX, "uid", [f"operator=cn=proxied,{SUFFIX}"])
        served = Served(lambda: confobjects.open(url, bind_dn=dn_of(login), bind_password=WORD), act_as=act_as)
        opened.append(served)
        identity = Identity(make_people(tmp_path / "people"), directory=Directory(served, rule))
        return make_client(Web(served, identity), *ENDPOINTS)

    yield start
    for one in opened:
        one.close()


def sign_in(client: TestClient, name: str) -> None:
    """Sign in, and send the CSRF token from now on."""
    client.cookies.clear()
    found = client.post("/api/v1/session", json={"name": name, "password": WORD})
    assert found.status_code == 201, found.text
    client.headers["X-CSRF-Token"] = found.json()["csrf_token"]


BODY = {"properties": {"enabled": False, "smtp-server": "smtp.example.com"}}


def create(client: TestClient, name: str, **headers: str) -> Any:
    return client.put(f"/api/v1/objects/mail-servers/{name}", json=BODY, headers=headers)


def tag_of(client: TestClient, name: str) -> dict[str, str]:
    return {"If-Match": client.get(f"/api/v1/objects/mail-servers/{name}").headers["etag"]}


def history_of(url: str) -> list[tuple[str, str]]:
    with confobjects.open(url, bind_dn=dn_of("console"), bind_password=WORD) as context:
        return [(record.state, record.signature.actor) for record in context.history()]


def test_what_the_directory_permits_is_done_and_named(url: str, serve: Serve) -> None:
    client = serve()
    sign_in(client, "otto")
    made = create(client, "one")
    assert made.status_code == 201, made.text
    tag = tag_of(client, "one")
    changed = client.patch(
        "/api/v1/objects/mail-servers/one",
        json={"properties": {"smtp-server": "mx.example.com"}},
        headers={**tag, "Content-Type": "application/merge-patch+json"},
    )
    assert changed.status_code == 200, changed.text
    assert client.delete("/api/v1/objects/mail-servers/one", headers=tag_of(client, "one")).status_code == 200
    states = history_of(url)[-3:]
    assert [(state, DN.parse(actor)) for state, actor in states] == [("done", DN.parse(dn_of("otto")))] * 3


def test_what_the_directory_refuses_is_not_done(url: str, serve: Serve) -> None:
    client = serve()
    sign_in(client, "nele")
    dry = client.put("/api/v1/objects/mail-servers/hers?dry-run=true", json=BODY)
    assert dry.status_code in (200, 201), dry.text
    refused = create(client, "hers")
    assert refused.status_code == 403, refused.text
    (problem,) = refused.json()["problems"]
    assert problem["code"] == "access-refused"
    assert "result 50 (insufficientAccessRights)" in problem["detail"]
    assert client.get("/api/v1/objects/mail-servers/hers").status_code == 404
    assert [state for state, actor in history_of(url) if "nele" in actor and state == "done"] == []
    sign_in(client, "otto")  # the connection of the server is used on, with the rights of the next one
    assert create(client, "his").status_code == 201
    sign_in(client, "nele")
    tag = tag_of(client, "his")
    assert client.delete("/api/v1/objects/mail-servers/his", headers=tag).status_code == 403
    sign_in(client, "otto")
    assert client.delete("/api/v1/objects/mail-servers/his", headers=tag).status_code == 200


def test_a_rename_is_judged_as_well(url: str, serve: Serve) -> None:
    from confobjects.storage.ldap import LdapStorage

    client = serve()
    sign_in(client, "otto")
    assert create(client, "old").status_code == 201
    with confobjects.open(url, bind_dn=dn_of("console"), bind_password=WORD) as context:
        assert isinstance(context.storage, LdapStorage)
        with context.storage.acting_as(DN.parse(dn_of("nele"))), pytest.raises(AccessError):
            context.rename("mail-server", "old", "new")
        with context.storage.acting_as(DN.parse(dn_of("otto"))):
            context.rename("mail-server", "old", "new")
            context.delete("mail-server", "new")


def test_without_the_option_the_login_of_the_console_counts(serve: Serve) -> None:
    client = serve(act_as=False)
    sign_in(client, "nele")
    made = create(client, "hers")
    assert made.status_code == 201, made.text
    tag = tag_of(client, "hers")
    assert client.delete("/api/v1/objects/mail-servers/hers", headers=tag).status_code == 200


def test_a_login_that_may_not_act_for_others_changes_nothing(serve: Serve) -> None:
    client = serve("weak")
    sign_in(client, "otto")
    refused = create(client, "none")
    assert refused.status_code == 403, refused.text
    assert client.get("/api/v1/objects/mail-servers/none").status_code == 404


def test_a_token_is_not_taken_for_somebody_of_the_directory(serve: Serve) -> None:
    client = serve()
    client.headers.update(bearer("operator"))
    made = create(client, "tokens")
    assert made.status_code == 201, made.text
    tag = tag_of(client, "tokens")
    assert client.delete("/api/v1/objects/mail-servers/tokens", headers=tag).status_code == 200
