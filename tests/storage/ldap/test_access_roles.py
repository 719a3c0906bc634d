"""The roles of ``ldap-schema --acl`` on both servers: what each of them lets whom do, tried by logging in as each."""

from __future__ import annotations

from collections.abc import Iterator
from subprocess import CalledProcessError

import pytest

import confobjects
from confobjects.errors import AccessError, ConfobjectsError
from tests.cli.sessions import Outcome, run
from tests.servers.ds389 import Ds389
from tests.servers.fixtures import schema_of_everything
from tests.servers.slapd import SUFFIX, Slapd
from tests.storage.ldap.test_access import READ_BY_ALL, SECRET, Place, filled

ROLES = ("oscar", "ruth", "mailer", "stranger")
"""An operator, a reader, a service for mail senders, and somebody without a role."""
WORD = "role canary 5X"


def _dn(name: str) -> str:
    return f"uid={name},{SUFFIX}"


def _add_people() -> str:
    people = [
        f"dn: {_dn(name)}\nchangetype: add\nobjectClass: account\nobjectClass: simpleSecurityObject\n"
        f"uid: {name}\nuserPassword: {WORD}\n"
        for name in ROLES
    ]
    groups = [
        f"dn: cn={group},{SUFFIX}\nchangetype: add\nobjectClass: groupOfNames\ncn: {group}\nmember: {_dn(member)}\n"
        for group, member in (("operators", "oscar"), ("readers", "ruth"))
    ]
    return "\n".join((*people, *groups))


def _remove_people() -> str:
    names = (*map(_dn, ROLES), *(f"cn={group},{SUFFIX}" for group in ("operators", "readers")))
    return "\n".join(f"dn: {name}\nchangetype: delete\n" for name in names)


class RolePlace(Place):
    """A configuration on a server, with the rules of the roles."""

    def as_role(self, name: str, *command: str) -> Outcome:
        return run("--url", self.url, "-D", _dn(name), "-w", WORD, *command)

    def load_roles(self) -> None:
        kind = "openldap" if isinstance(self.server, Slapd) else "389ds"
        roles = ("--operators", f"cn=operators,{SUFFIX}", "--readers", f"cn=readers,{SUFFIX}")
        service = ("--service", f"mail-sender:{_dn('mailer')}")
        made = run(
            "ldap-schema", "--acl", kind, "--baseDN", self.base, "--admin", self.module.ROOT_DN, *roles, *service
        )
        assert made.status == 0, made.err
        self.server.change_configuration(made.out.replace("{N}", "{1}"))


@pytest.fixture(params=["389-ds", "slapd"], scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[RolePlace]:
    if request.param == "slapd":
        with Slapd(schema=(schema_of_everything("openldap"),)) as slapd:
            slapd.ldapmodify(_add_people())
            yield _fill(RolePlace(slapd))
        return
    server: Ds389 = request.getfixturevalue("ds389_server")
    server.ldapmodify(_add_people() + "\n" + READ_BY_ALL.format(verb="add"))
    try:
        yield _fill(RolePlace(server))
    finally:
        server.ldapmodify(_remove_people() + "\n" + READ_BY_ALL.format(verb="delete"))


def _fill(place: RolePlace) -> RolePlace:
    filled(place)
    for command in (
        ("init",),
        (
            "create-trust-manager-provider",
            "--provider-name",
            "Store",
            "--type",
            "file-based",
            "--set",
            "enabled:false",
            "--set",
            "trust-store-file:a.pem",
        ),
        ("create-trust-manager-provider", "--provider-name", "Blind", "--type", "blind", "--set", "enabled:false"),
        (
            "create-mail-sender",
            "--sender-name",
            "shop",
            "--set",
            "enabled:true",
            "--set",
            "from-address:shop@example.com",
            "--set",
            "mail-server:one",
        ),
        (
            "create-alert-handler",
            "--handler-name",
            "Ops",
            "--type",
            "smtp",
            "--set",
            "enabled:true",
            "--set",
            "recipient-address:ops@example.com",
            "--set",
            "sender:shop",
        ),
    ):
        made = place.as_("administrator", *command)
        assert made.status == 0, made.err
    place.load_roles()
    return place


def _get(place: RolePlace, who: str, prop: str) -> str:
    return place.as_role(who, "get-mail-server-prop", "--server-name", "one", "-s", "--property", prop).out


def test_an_operator_changes_objects_and_reads_no_secret(place: RolePlace) -> None:
    name = ("--server-name", "one")
    assert place.as_role("oscar", "set-mail-server-prop", *name, "--set", "use-start-tls:true").status == 0
    assert _get(place, "oscar", "smtp-server") == "smtp-server\th\n"
    assert _get(place, "oscar", "auth-password") == "auth-password\n"
    server = ("--set", "enabled:false", "--set", "smtp-server:h")
    made = place.as_role("oscar", "create-mail-server", "--server-name", "new", *server)
    assert made.status == 0, made.err
    assert place.as_role("oscar", "delete-mail-server", "--server-name", "new").status == 0
    shown = place.as_role("oscar", "history", "--output", "json").out
    assert "delete-mail-server" in shown
    assert SECRET not in shown


def test_an_operator_writes_a_secret_without_reading_it(place: RolePlace) -> None:
    changed = place.as_role(
        "oscar",
        "create-mail-server",
        "--server-name",
        "hers",
        "--set",
        "enabled:true",
        "--set",
        "smtp-server:h",
        "--set",
        "auth-username:u",
        "--set",
        "auth-password:hers",
    )
    assert changed.status == 0, changed.err
    told = place.as_(
        "administrator", "get-mail-server-prop", "--server-name", "hers", "-s", "--property", "auth-password"
    )
    assert told.out == "auth-password\t********\n"
    login = ("--set", "auth-username:u", "--set", "auth-password:another")
    changed = place.as_role("oscar", "set-mail-server-prop", "--server-name", "hers", *login)
    assert changed.status == 0, changed.err
    assert "another" in place.server.ldapsearch("-b", f"cn=hers,cn=Mail Servers,{place.base}", "ds-cfg-auth-password")
    assert place.as_("administrator", "delete-mail-server", "--server-name", "hers").status == 0


@pytest.mark.parametrize(
    "command",
    [
        ("set-trust-manager-provider-prop", "--provider-name", "Store", "--set", "trust-store-file:/etc/passwd"),
        ("set-trust-manager-provider-prop", "--provider-name", "Blind", "--set", "enabled:true"),
        ("create-trust-manager-provider", "--provider-name", "x", "--type", "blind", "--set", "enabled:true"),
        (
            "create-trust-manager-provider",
            "--provider-name",
            "x",
            "--type",
            "file-based",
            "--set",
            "enabled:true",
            "--set",
            "trust-store-file:/etc/passwd",
        ),
    ],
)
def test_an_operator_does_not_write_what_is_for_administrators(place: RolePlace, command: tuple[str, ...]) -> None:
    refused = place.as_role("oscar", *command)
    assert refused.status == AccessError.exit_code, refused.out + refused.err


def test_a_reader_reads_no_secret_and_writes_nothing(place: RolePlace) -> None:
    assert _get(place, "ruth", "smtp-server") == "smtp-server\th\n"
    assert _get(place, "ruth", "auth-password") == "auth-password\n"
    refused = place.as_role("ruth", "set-mail-server-prop", "--server-name", "one", "--set", "auth-username:x")
    assert refused.status == AccessError.exit_code


def test_a_service_reads_its_kinds_with_their_secrets_and_nothing_else(place: RolePlace) -> None:
    config = confobjects.load(place.url, bind_dn=_dn("mailer"), bind_password=WORD)
    assert config["mail-sender", "shop"]["from-address"] == "shop@example.com"
    assert config["mail-server", "one"]["auth-password"] == SECRET
    found = place.server.ldapsearch("-b", place.base, "(objectClass=*)", "1.1")
    assert "cn=Ops," in found
    with confobjects.open(place.url, bind_dn=_dn("mailer"), bind_password=WORD) as ctx:
        assert [obj.name for obj in ctx.list("mail-server")] == ["one", "two"]
        assert ctx.list("alert-handler") == []
        with pytest.raises(ConfobjectsError):
            ctx.delete("mail-sender", "shop")


def test_who_has_no_role_reads_nothing(place: RolePlace) -> None:
    with confobjects.open(place.url, bind_dn=_dn("stranger"), bind_password=WORD) as ctx:
        assert ctx.list("mail-server") == []
    assert place.base not in place.server.ldapsearch("-b", SUFFIX, "(cn=*)", anonymous=True)


def test_an_operator_does_not_change_the_rules(place: RolePlace) -> None:
    if isinstance(place.server, Slapd):
        change = "dn: cn=config\nchangetype: modify\nreplace: olcLogLevel\nolcLogLevel: 1\n"
    else:
        rule = f'(targetattr="*")(version 3.0; acl "mine"; allow (all) userdn="ldap:///{_dn("oscar")}";)'
        change = f"dn: {place.base}\nchangetype: modify\nadd: aci\naci: {rule}\n"
    with pytest.raises(CalledProcessError):
        place.server.ldapmodify(change, user=_dn("oscar"), password=WORD)
