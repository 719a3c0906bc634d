"""A secret in every sensitive property and every option that takes one: what is said of strays, of files that are not
ours, and what claims hold never repeats it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

import confobjects
from confobjects.cli.words.options import OPTIONS, SECRET_OPTIONS
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.management import ManagementContext
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.mapping.objects import BRANCH_CLASS
from confobjects.objects.changes import PropertyChanges
from confobjects.storage.ldap.records import CLAIM
from tests.cli.sessions import run
from tests.definitions.documents import builtin
from tests.opening import open_any
from tests.servers import ds389
from tests.servers.ds389 import Ds389
from tests.storage.ldap.test_claims import opener
from tests.storage.test_own_files import MADE, change

CANARY: Final = "canary-Zq81"
OBJECTS: Final = {
    "mail-server": {"enabled": "true", "smtp-server": "h", "auth-username": "u"},
    "custom-server": {"enabled": "false", "smtp-server": "h", "auth-username": "u"},
    "external-smtp": {
        "enabled": "false",
        "smtp-server": "h:587",
        "auth-username": "u@example.com",
        "authentication": "username-password",
    },
    "oauth2-provider": {
        "enabled": "true",
        "grant-type": "refresh-token",
        "token-endpoint": "https://127.0.0.1:1/token",
        "client-id": "c",
    },
    "file-based-trust-manager-provider": {"enabled": "true", "trust-store-file": "x.p12"},
    "ldap-trust-manager-provider": {"enabled": "true", "base-dn": "cn=x"},
    "pkcs11-trust-manager-provider": {"enabled": "false", "pkcs11-provider-arg": "/x.so"},
    "file-based-key-manager-provider": {"enabled": "false", "key-store-file": "x.p12"},
}
"""The types with sensitive properties, and what else an object of each needs."""
NAMES: Final = {"mail-server": "one", "oauth2-provider": "one", "file-based-key-manager-provider": "keys"}
"""Names of their objects that are not the short names of the types."""


def sensitive_properties() -> Iterator[tuple[str, str]]:
    """Yield the type and the name of each sensitive property."""
    for definition in builtin():
        if not definition.abstract:
            for prop in definition.properties.values():
                if prop.sensitive:
                    yield definition.name, prop.name


def fill(context: ManagementContext) -> list[Entry]:
    """Create an object of each type with a secret in every sensitive property; return their entries."""
    made: dict[str, dict[str, str]] = {}
    for kind, name in sensitive_properties():
        made.setdefault(kind, dict(OBJECTS[kind]))[name] = CANARY
    for kind, values in made.items():
        definition = builtin().definition(kind)
        relation = builtin().relation_of(definition.top)
        short = builtin().short_type_of(definition, relation)
        context.create(relation.name, NAMES.get(kind, short), values, type=short)
    with context.storage.writing():
        found = context.storage.search(context.storage.base, "sub")
        return [entry for entry in found if CANARY in str(dict(entry.attributes))]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A configuration with a secret in every sensitive property, and in strays of every kind."""
    made = f"ldif:{tmp_path / 'config.ldif'}"
    with open_any(made) as context:
        entries = fill(context)
        assert len(entries) == len(OBJECTS)
        base = context.storage.base
        places = {f"cn=odd,{entry.dn}": entry for entry in entries}
        for number, entry in enumerate(entries[:2]):  # more would not all be named
            for above in ("cn=Mail Servers", "cn=Trust Manager Providers", "cn=Widgets"):
                places[f"cn=odd {number},{above},{base}"] = entry
                places[f"cn=odd device {number},{above},{base}"] = Entry(
                    entry.dn, {**entry.attributes, "objectClass": ("top", "device")}
                )
        branch = Entry(DN.parse(f"cn=Widgets,{base}"), {"objectClass": ("top", BRANCH_CLASS), "cn": ("Widgets",)})
        strays = [
            Entry(dn, {**entry.attributes, "cn": (dn.name,)})
            for dn, entry in ((DN.parse(text), entry) for text, entry in places.items())
        ]
        with context.storage.writing():
            context.storage.commit(list(map(AddEntry, [branch, *strays])))
    path = tmp_path / "config.ldif"
    path.write_text(f"{path.read_text()}\ndn: dc=odd\nobjectClass: domain\ndc: odd\nds-cfg-auth-password: {CANARY}\n")
    return made


COMMANDS: Final = {
    "check": ["check"],
    "list": ["list-mail-servers"],
    "list providers": ["list-trust-manager-providers"],
    "get": ["get-mail-server-prop", "--server-name", "one"],
    "export": ["export"],
    "export as LDIF": ["export", "--format", "ldif"],
    "apply": ["apply", "--prune", "--dry-run", "{nothing}"],
    "diff": ["diff", "{nothing}"],
    "copy": ["copy", "{url}", "memory:"],
    "delete": ["delete-mail-server", "--server-name", "one", "--force"],
    "delete a stray": ["delete-mail-server", "--server-name", "odd device 0"],
    "change": ["set-mail-server-prop", "--server-name", "one", "--set", "use-ssl:maybe"],
    "history": ["history"],
    "history show": ["history", "show", "1"],
    "undo": ["undo", "1", "--dry-run"],
}


@pytest.mark.parametrize(
    "form", [[], ["--output", "json"], ["-v", "--displayCommand", "--debug"]], ids=["", "json", "long"]
)
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_what_is_said_of_strays_holds_no_secret(url: str, tmp_path: Path, command: list[str], form: list[str]) -> None:
    (tmp_path / "nothing.json").write_text(json.dumps({}))
    words = [word.format(url=url, nothing=tmp_path / "nothing.json") for word in command]
    outcome = run(*words, "--url", url, "-n", *form)
    assert outcome.out + outcome.err
    assert CANARY not in outcome.out + outcome.err


def test_every_kind_of_stray_is_told(url: str) -> None:
    said = run("check", "--url", url).err
    for place in ("cn=odd,cn=one", "cn=odd device 0,cn=Mail Servers", "cn=odd 0,cn=Widgets", "dc=odd"):
        assert place in said
    warnings = [*confobjects.load(url).warnings]
    assert any("cn=odd" in str(warning) for warning in map(Diagnostic.render, warnings))
    assert CANARY not in "".join(f"{warning.render()}{warning.as_json()}{warning!r}" for warning in warnings)


CREDENTIALS: Final = [option for option in OPTIONS if option.name in SECRET_OPTIONS]


@pytest.mark.parametrize("place", [0, -1], ids=["first spelling", "last spelling"])
@pytest.mark.parametrize("ending", [".lock", ".history", ".archive", ".commands"])
@pytest.mark.parametrize(("make", "words"), MADE.values(), ids=MADE)
def test_what_is_said_of_a_file_that_is_not_ours_holds_no_secret(
    tmp_path: Path, make: Callable[[Path], object], words: str, ending: str, place: int
) -> None:
    path = tmp_path / "config.ldif"
    recorded = tmp_path / "config.ldif.commands"
    if ending == ".archive":
        change(f"ldif:{path}", "first")  # the second change is the first to archive anything
    make(tmp_path / f"config.ldif{ending}")
    values = [word for name, value in OBJECTS["mail-server"].items() for word in ("--set", f"{name}:{value}")]
    create = ["create-mail-server", "--server-name", "one", *values, "--set", f"auth-password:{CANARY}"]
    credentials = [word for option in CREDENTIALS for word in (option.spellings[place], CANARY)]
    connection = ["--url", f"ldif:{path}", *credentials, "--commandFilePath", str(recorded), "-n", "--displayCommand"]
    outcome = run(*create, *connection)
    assert outcome.status != 0
    assert (words if ending != ".archive" else "not a file of ours") in outcome.err
    assert CANARY not in outcome.out + outcome.err
    for file in (recorded, tmp_path / "other"):
        assert not file.is_file() or CANARY not in file.read_text()


def test_every_option_that_takes_a_secret_is_given() -> None:
    assert {option.name for option in CREDENTIALS} == SECRET_OPTIONS


def test_claims_hold_no_secret(ds389_server: Ds389) -> None:
    reach = opener(ds389_server.url, ds389.ROOT_DN, ds389.PASSWORD)
    with reach() as context:
        context.create("mail-server", "one", {**OBJECTS["mail-server"], "auth-password": CANARY})
        context.modify("mail-server", "one", PropertyChanges(set={"auth-password": (f"{CANARY}-2",)}))
        with context.storage.writing():
            found = context.storage.search(context.storage.base, "sub")
    claims = [entry for entry in found if entry.dn.name.startswith(CLAIM)]
    assert claims
    for entry in claims:
        said = f"{entry.dn} {dict(entry.attributes)}"
        assert CANARY not in said
        assert ds389.PASSWORD not in said
