"""What real directories refuse, through the command line: exit code, words and remedy, and nothing half written."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from confobjects.mapping.ldap_schema import as_ldif, build_schema
from tests.cli.sessions import FAMILY, Outcome, run
from tests.definitions.documents import builtin
from tests.servers import ds389
from tests.servers import slapd as openldap
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import ENTRIES, SUFFIX, TEST_SCHEMA, Slapd

NUMBERS = count()
MAIL_SERVER = ("--set", "enabled:true", "--set", "smtp-server:h")
Server = Slapd | Ds389


@pytest.fixture(autouse=True)
def _no_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFOBJECTS_BIND_PASSWORD", raising=False)


def new_base() -> str:
    return f"cn=refusals {next(NUMBERS)},{SUFFIX}"


def at(server: Server, base: str, *who: str) -> tuple[str, ...]:
    """The options that reach a base on a server, as its administrator unless somebody else logs in."""
    module = openldap if isinstance(server, Slapd) else ds389
    login = who or ("-D", module.ROOT_DN, "-w", module.PASSWORD)
    return ("--url", server.url + quote(base), *login)


def reader(server: Server) -> tuple[str, ...]:
    """The login of a user who may read and not write."""
    if isinstance(server, Slapd):
        return ("-D", openldap.READER_DN, "-w", openldap.READER_PASSWORD)
    return ("-D", ds389.READER_DN, "-w", ds389.READER_PASSWORD)


def create(name: str, place: tuple[str, ...]) -> Outcome:
    return run("create-mail-server", "--server-name", name, *MAIL_SERVER, *place)


def told(outcome: Outcome) -> tuple[int, str]:
    """What was refused, without the places, which differ from run to run."""
    assert outcome.status
    assert "Traceback" not in outcome.err
    text = re.sub(r"ldap://127\.0\.0\.1:\d+", "HOST", outcome.err)
    text = re.sub(r"^warning: the value of --bindPassword is on the command line, .*\n", "", text)
    text = re.sub(r"cn=refusals \d+,dc=example,dc=com", "BASE", text)
    return outcome.status, re.sub(r"^warning: the password .*\n(  remedy: .*\n)?", "", text)


def everything(server: Server, base: str) -> str:
    """All that lies on a server at and below a base, but for notes of what came to nothing."""
    try:
        entries = server.ldapsearch("-b", base).split("\n\n")
        return "\n\n".join(entry for entry in entries if "ds-cfg-history-state: void" not in entry)
    except subprocess.CalledProcessError as error:
        if error.returncode != 32:
            raise
        return ""


@pytest.fixture(params=["389-ds", "slapd"])
def server(request: pytest.FixtureRequest) -> Server:
    """A server that tests share."""
    found: Server = request.getfixturevalue({"389-ds": "ds389_server", "slapd": "slapd"}[request.param])
    return found


SHARED: dict[str, tuple[Callable[[Server], tuple[str, ...]], int, str]] = {
    "a base on another server": (
        lambda server: at(server, "dc=other,dc=org"),
        12,
        'HOST: the server does not hold the base "dc=other,dc=org"\n  the server says: result WORDS\n'
        "  remedy: correct the base (--baseDN DN, or the end of the URL): this server holds dc=example,dc=com\n",
    ),
    "a base below nothing": (
        lambda server: at(server, f"ou=a,ou=b,{SUFFIX}"),
        12,
        'HOST: the parent of "ou=a,ou=b,dc=example,dc=com" does not exist: "ou=b,dc=example,dc=com"\n'
        '  the server says: result 32 (noSuchObject), at "dc=example,dc=com"\n'
        "  remedy: create that entry first, or correct the DN\n",
    ),
    "a base that is no DN": (
        lambda server: (*at(server, ""), "--baseDN", "here"),
        2,
        '--baseDN takes a DN, not "here": WORDS\n',
    ),
    "no base": (
        lambda server: at(server, ""),
        2,
        "HOST needs a base DN\n"
        "  remedy: name the base of the configuration: --baseDN DN, or at the end of the URL; "
        "this server holds dc=example,dc=com\n",
    ),
    "a wrong password": (
        lambda server: at(server, new_base(), at(server, "")[2], at(server, "")[3], "-w", "wrong canary"),
        21,
        'HOST, logging in as "ADMIN": the server refused the login: the bind DN or the password is wrong\n'
        "  the server says: result 49 (invalidCredentials)\n"
        "  remedy: correct the bind DN (-D) and the password (-j FILE)\n",
    ),
    "nobody logged in": (
        lambda server: at(server, new_base(), "--connectTimeout", "5000"),
        21,
        'HOST: the entry "BASE" was not added: WORDS\n  remedy: log in WORDS\n',
    ),
    "a user without rights": (
        lambda server: at(server, new_base(), *reader(server)),
        21,
        'HOST: the entry "BASE" was not added: the user has no right to do this\n'
        "  the server says: result 50 (insufficientAccessRights), WORDS\n"
        "  remedy: log in as a user with the rights (-D), or change the server's access rules\n",
    ),
}


@pytest.mark.parametrize("case", SHARED)
def test_what_a_server_refuses(server: Server, case: str) -> None:
    place, code, words = SHARED[case]
    status, text = told(create("one", place(server)))
    assert status == code
    admin = openldap.ROOT_DN if isinstance(server, Slapd) else ds389.ROOT_DN
    pattern = "error: " + re.escape(words.replace("ADMIN", admin)).replace("WORDS", "[^\n]+(\n[^\n]+)?")
    assert re.fullmatch(pattern, text), text


def test_a_user_who_may_only_read_changes_nothing(server: Server) -> None:
    base = new_base()
    assert create("one", at(server, base)).status == 0
    before = everything(server, base)
    place = at(server, base, *reader(server))
    assert run("get-mail-server-prop", "--server-name", "one", "--property", "smtp-server", "-s", *place).out == (
        "smtp-server\th\n"
    )
    for command in (
        ("create-mail-server", "--server-name", "two", *MAIL_SERVER),
        ("set-mail-server-prop", "--server-name", "one", "--set", "use-start-tls:false"),
        ("rename", "mail-server", "--server-name", "one", "--to", "two"),
        ("delete-mail-server", "--server-name", "one"),
    ):
        status, text = told(run(*command, *place))
        assert status == 21
        assert "the user has no right to do this" in text
        assert everything(server, base) == before


NEW_TYPE: dict[str, Any] = {
    "$schema": "managed-object.schema.json",
    "name": "gadget",
    "version": 1,
    "synopsis": "An object that the server's schema does not know.",
    "description": "An object that the server's schema does not know.",
    "relation": {"parent": "root", "kind": "instantiable", "branch": "cn=Gadgets"},
    "profile": {"ldap": {"object-class": "ds-cfg-gadget"}, "cli": {"list": ["size"]}},
    "properties": {"size": {"synopsis": "How big it is.", "syntax": "integer", "mandatory": True}},
}
SCHEMA_REMEDY = (
    "  remedy: load the schema that `confobjects ldap-schema` prints; --upgrade shows what an older one lacks\n"
)


def test_a_schema_older_than_the_definitions(server: Server, tmp_path: Path) -> None:
    (tmp_path / "gadget.json").write_text(json.dumps(NEW_TYPE))
    base = new_base()
    place = (*at(server, base), "--definitions", str(tmp_path))
    assert create("one", place).status == 0
    before = everything(server, base)
    status, text = told(run("create-gadget", "--gadget-name", "g", "--set", "size:1", *place))
    assert status == 31
    assert "the server's schema does not allow the entry as it would be" in text or "lacks an object class" in text
    assert text.endswith(SCHEMA_REMEDY.removeprefix("  remedy: "))
    assert everything(server, base) == before  # the branch, which it does allow, is taken back


def test_the_server_hears_of_the_newer_definitions(server: Server, tmp_path: Path) -> None:
    """What --upgrade prints for the schema that is installed is taken by the server, and then the object is."""
    newer = {**NEW_TYPE, "name": f"widget-{next(NUMBERS)}"}
    newer["relation"] = {"parent": "root", "kind": "instantiable", "branch": "cn=Widgets"}
    newer["profile"] = {"ldap": {"object-class": f"ds-cfg-{newer['name']}"}, "cli": {"list": ["size"]}}
    (tmp_path / "newer.json").write_text(json.dumps(newer))
    place = (*at(server, new_base()), "--definitions", str(tmp_path), "--definitions", str(FAMILY))
    installed = tmp_path / "installed.ldif"
    form = "openldap" if isinstance(server, Slapd) else "rfc4512"
    installed.write_text(server.installed_schema())
    made = run("ldap-schema", "--format", form, "--upgrade", str(installed), *place)
    assert made.status == 0
    assert newer["name"] in made.out
    assert "ds-cfg-mail-server" not in made.out  # what is there already is left alone
    server.change_configuration(made.out)
    command = (f"create-{newer['name']}", f"--{newer['name'].rpartition('-')[2]}-name", "g", "--set", "size:1")
    outcome = run(*command, *place)
    assert outcome.status == 0, outcome.err
    installed.write_text(server.installed_schema())
    again = run("ldap-schema", "--format", form, "--upgrade", str(installed), *place)
    assert (again.status, again.out) == (0, "")
    assert again.err.endswith("the installed schema is complete\n")


def test_a_schema_with_the_same_names_and_other_identifiers_is_not_added_again(server: Server, tmp_path: Path) -> None:
    """Whoever gave our names identifiers of their own is offered what differs, under those identifiers."""
    form = "openldap" if isinstance(server, Slapd) else "rfc4512"
    elements = build_schema(builtin())
    known = {element.text.split()[1] for element in (*elements.attribute_types, *elements.object_classes)}
    text = as_ldif(elements, form).replace("\n ", "")
    for number, identifier in enumerate(sorted(known)):
        text = text.replace(identifier, f"1.3.6.1.4.1.99999.{number}")
    installed = tmp_path / "installed.ldif"
    installed.write_text(text)
    made = run("ldap-schema", "--format", form, "--upgrade", str(installed))
    assert (made.status, made.out) == (0, "")
    installed.write_text(text.replace("NAME 'ds-cfg-smtp-server' ", "NAME ( 'DS-CFG-SMTP-Server' 'other' ) DESC 'x' "))
    made = run("ldap-schema", "--format", form, "--upgrade", str(installed))
    changed = [
        line.partition(": ")[0] for line in made.out.replace("\n ", "").splitlines() if "1.3.6.1.4.1.99999" in line
    ]
    names = {"openldap": "olcAttributeTypes", "rfc4512": "attributeTypes"}
    assert changed == [names[form]] * 2
    assert "2.25." not in made.out


# -- servers of a kind of their own ------------------------------------------------------------------------------------


def own(**options: object) -> Slapd:
    return Slapd(**{"schema": (TEST_SCHEMA, schema_of_everything("openldap")), **options})  # type: ignore[arg-type]


def filled(base: str) -> str:
    """The entries of a configuration with one mail server, as slapadd takes them."""
    return f"""{ENTRIES}
dn: {base}
objectClass: top
objectClass: ds-cfg-branch
cn: {base.partition(",")[0].partition("=")[2]}

dn: cn=Mail Servers,{base}
objectClass: top
objectClass: ds-cfg-branch
cn: Mail Servers

dn: cn=one,cn=Mail Servers,{base}
objectClass: top
objectClass: ds-cfg-mail-server
cn: one
ds-cfg-enabled: true
ds-cfg-smtp-server: h
ds-cfg-revision: 1
"""


CHANGES = (
    ("create-mail-server", "--server-name", "two", *MAIL_SERVER),
    ("set-mail-server-prop", "--server-name", "one", "--set", "use-start-tls:false"),
    ("rename", "mail-server", "--server-name", "one", "--to", "two"),
    ("delete-mail-server", "--server-name", "one"),
)


UNWILLING = "look at what the server says; if it takes no changes at all, give the URL of one that does"
READ_ONLY = "give the URL of a server that accepts writes"


def refuses_every_write(server: Server, base: str, status: int, words: str, remedy: str) -> None:
    before = everything(server, base)
    assert run("list-mail-servers", "-s", *at(server, base)).out == "one\n"
    for command in CHANGES:
        got, text = told(run(*command, *at(server, base)))
        assert got == status
        assert words in text
        assert f"  remedy: {remedy}\n" in text
        assert everything(server, base) == before


def test_a_read_only_database() -> None:
    base = new_base()
    with own(read_only=True, entries=filled(base)) as server:
        refuses_every_write(server, base, 11, "the server refuses this change\n  the server says: result 53", UNWILLING)


def test_a_replica_that_refers_to_its_provider() -> None:
    base = new_base()
    with own(update_ref="ldap://127.0.0.1:1", entries=filled(base)) as server:
        refuses_every_write(server, base, 21, "this server does not accept writes and refers to another\n", READ_ONLY)


def test_a_read_only_389_ds(ds389_server: Ds389) -> None:
    base = new_base()
    assert create("one", at(ds389_server, base)).status == 0
    backend = "dn: cn=userRoot,cn=ldbm database,cn=plugins,cn=config\nchangetype: modify\nreplace: nsslapd-readonly\n"
    ds389_server.change_configuration(f"{backend}nsslapd-readonly: on\n")
    try:
        refuses_every_write(
            ds389_server, base, 11, "the server refuses this change\n  the server says: result 53", UNWILLING
        )
    finally:
        ds389_server.change_configuration(f"{backend}nsslapd-readonly: off\n")


def test_a_directory_that_the_server_only_refers_to() -> None:
    base = new_base()
    entries = f"{ENTRIES}\ndn: {base}\nobjectClass: referral\nobjectClass: extensibleObject\ncn: x\nref: ldap://other.example.com/{base}\n"
    with own(entries=entries.replace("cn: x", f"cn: {base.partition(',')[0].partition('=')[2]}")) as server:
        for command in (("list-mail-servers",), CHANGES[0]):
            status, text = told(run(*command, *at(server, base)))
            assert status == 20
            assert "the server does not hold it and refers to ldap://other.example.com/" in text
            assert "  remedy: give the URL of the server that holds the configuration; referrals are not follow" in text


@pytest.fixture
def crowded(server: Server) -> Iterator[tuple[Server, str]]:
    """A server that shows two entries to anybody but the administrator, and a base with more."""
    base = new_base()
    limited = own(size_limit="2") if isinstance(server, Slapd) else None
    used: Server = server if limited is None else limited.__enter__()
    try:
        for name in ("one", "two", "three"):
            assert create(name, at(used, base)).status == 0
        if isinstance(used, Ds389):
            used.limit(2)
        yield used, base
    finally:
        if limited is not None:
            limited.__exit__(None, None, None)
        else:
            server.limit(-1)  # type: ignore[union-attr]  # the other kind was left above


def test_a_size_limit_never_passes_for_the_whole(crowded: tuple[Server, str]) -> None:
    server, base = crowded
    place = at(server, base, *reader(server))
    for command in (("list-mail-servers",), ("check",), ("export",)):
        status, text = told(run(*command, *place))
        assert status == 31
        assert "the server's size limit was reached: it holds more entries than it shows" in text
        assert "  remedy: raise the server's limit for this user, or log in as one with a higher limit\n" in text
    assert run("list-mail-servers", "-s", *at(server, base)).out == "one\nthree\ntwo\n"


def test_no_schema_at_all() -> None:
    base = new_base()
    with own(schema=()) as server:
        for command in (("init",), CHANGES[0]):
            status, text = told(run(*command, *at(server, base)))
            assert status == 31
            assert 'the entry "BASE" was not added: the server\'s schema lacks an object class' in text
            assert text.endswith(SCHEMA_REMEDY)
        assert not everything(server, base)


def test_an_attribute_that_the_installed_schema_lacks(tmp_path: Path) -> None:
    base = new_base()
    older = without("ds-cfg-smtp-property", schema_of_everything("openldap"))
    with own(schema=(older,)) as server:
        assert create("one", at(server, base)).status == 0
        before = everything(server, base)
        change = ("set-mail-server-prop", "--server-name", "one", "--set", "smtp-property:mail.smtp.timeout=1")
        status, text = told(run(*change, *at(server, base)))
        assert status == 31
        assert "the server's schema lacks an attribute: it is missing or outdated" in text
        assert text.endswith(SCHEMA_REMEDY)
        assert everything(server, base) == before
        (tmp_path / "older.ldif").write_text(server.installed_schema())
        made = run("ldap-schema", "--definitions", str(FAMILY), "--upgrade", str(tmp_path / "older.ldif"))
        server.change_configuration(made.out)
        assert run(*change, *at(server, base)).status == 0


def without(attribute: str, schema: str) -> str:
    """A schema as an older version had it."""
    lines = [line for line in schema.replace("\n ", "").splitlines() if f"NAME '{attribute}'" not in line]
    return re.sub(rf" \$ {attribute}(?=[ )])|{attribute} \$ ", "", "\n".join(lines)) + "\n"


# -- entries broken by hand ----------------------------------------------------------------------------------------------


def broken(base: str) -> str:
    return f"""dn: cn=bad,cn=Mail Servers,{base}
changetype: add
objectClass: top
objectClass: ds-cfg-mail-server
cn: bad
ds-cfg-enabled: perhaps

dn: cn=odd,cn=Mail Servers,{base}
changetype: add
objectClass: top
objectClass: server
cn: odd
"""


def test_entries_broken_by_hand(server: Server) -> None:
    base = new_base()
    place = at(server, base)
    assert create("one", place).status == 0
    server.ldapmodify(broken(base))
    listed = run("list-mail-servers", "-s", *place)
    assert (listed.status, listed.out) == (0, "bad\none\n")
    status, text = told(run("get-mail-server-prop", "--server-name", "bad", *place))
    assert (status, text) == (
        31,
        'error: /mail-server/bad, enabled: "perhaps" is neither true nor false\n  expected: true or false\n',
    )
    status, text = told(run("get-mail-server-prop", "--server-name", "odd", *place))
    assert status == 31
    assert (
        text
        == "error: /mail-server/odd: the entry is not of type Mail Server: it lacks the object class ds-cfg-mail-server\n"
    )
    status, text = told(run("check", *place))
    assert status == 10
    assert '/mail-server/bad, enabled: "perhaps" is neither true nor false' in text
    others = run("set-mail-server-prop", "--server-name", "one", "--set", "use-start-tls:false", *place)
    assert others.status == 0
    cured = run("set-mail-server-prop", "--server-name", "bad", *MAIL_SERVER, *place)
    assert cured.status == 0
    assert run("delete-mail-server", "--server-name", "odd", *place).status == 31, "it is no mail server"
    server.ldapmodify(f"dn: cn=odd,cn=Mail Servers,{base}\nchangetype: delete\n")
    assert run("check", *place).status == 0
