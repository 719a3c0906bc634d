"""No command, in any form of output, says a secret that a configuration holds, in whatever storage and in whatever place.

The secrets are in every sensitive property of the definitions of confobjects and of one that the configuration holds, and in
strays of every kind: in branches and below objects, below unknown branches, among the definitions, the history and what
running services report.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import confobjects
from confobjects.cli.commands import SPECIAL
from confobjects.cli.words.names import verbs_of
from confobjects.definitions.model import OWN_BRANCHES
from confobjects.dn import DN
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.mapping.apart import FOLLOWERS
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.mapping.objects import BRANCH_CLASS
from tests.cli.sessions import INSTALLABLE, Outcome, run
from tests.definitions.documents import builtin
from tests.storage.test_canary import CANARY, OBJECTS, fill
from tests.storage.test_strays import make_url

SERVICE: Final = str(INSTALLABLE / "service.json")
NEWER: Final = str(INSTALLABLE / "newer.json")
SIGNS: Final = (CANARY, base64.b64encode(CANARY.encode()).decode().rstrip("="), CANARY.encode().hex())
"""A secret as it is, and as a file or a protocol may hold it."""

ONE: Final = ["--server-name", "one"]
P: Final = ["--provider-name", "one"]
VALUES: Final = ["--set", "enabled:true", "--set", "smtp-server:127.0.0.1:1", "--set", "auth-username:u"]
TOKENS: Final = [
    *("--set", "enabled:true", "--set", "grant-type:client-credentials"),
    *("--set", "token-endpoint:https://127.0.0.1:1/token", "--set", "client-id:c"),
]
SENDER: Final = ["--set", "enabled:true", "--set", "from-address:n@example.com", "--set", "mail-server:one"]
ALERTS: Final = ["--handler-name", "ops"]
ALERT: Final = ["--set", "enabled:true", "--set", "recipient-address:ops@example.com"]
NOTICE: Final = ["--set", "enabled:true", "--set", "message-template:password-reset:It was reset."]
READING: Final = [
    ["get-alert-handler-prop", *ALERTS],
    ["list-alert-handlers"],
    ["test-alert-handler", *ALERTS, "--unsealed-ledger"],
    ["get-account-status-notification-handler-prop", *ALERTS],
    ["list-account-status-notification-handlers"],
    ["get-mail-service-prop"],
    ["account", "list"],
    ["token", "list"],
    ["check"],
    ["configure-mail", "--list-presets"],
    ["completion", "bash"],
    ["copy", "{url}", "memory:"],
    ["definitions", "list"],
    ["definitions", "show", "service"],
    ["definitions", "check", NEWER],
    ["definitions", "check"],
    ["definitions", "export", "{dir}/exported"],
    ["definitions", "install", NEWER, "--dry-run"],
    ["definitions", "remove", "service", "--dry-run"],
    ["describe", "mail-server"],
    ["describe", "service", "pin"],
    ["diff", "{nothing}"],
    ["diff", "{nothing}", "--unified"],
    ["diff", "history:0"],
    ["diff", "{other}"],
    ["explain", "&{a.b}"],
    ["export"],
    ["export", "--format", "ldif"],
    ["export", "--format", "commands"],
    ["get-mail-server-prop", *ONE],
    ["get-mail-server-prop", *ONE, "--effective", "--origin"],
    ["get-mail-server-prop", *ONE, "--property", "auth-password", "-E"],
    ["get-mail-server-prop", "--server-name", "odd device 0"],
    ["get-key-manager-provider-prop", "--provider-name", "keys", "--effective"],
    ["get-trust-manager-provider-prop", "--provider-name", "ldap"],
    ["get-oauth2-provider-prop", *P],
    ["list-oauth2-providers"],
    ["test-oauth2-provider", *P],
    ["authorize-oauth2-provider", *P],
    ["get-service-prop", "--service-name", "s"],
    ["graph"],
    ["graph", "--format", "svg"],
    ["watch", "--count", "0", "--timeout", "0", "--exec", "cat"],
    ["followers"],
    ["history"],
    ["history", "show", "1"],
    ["history", "show", "2"],
    ["json-schema", "mail-server"],
    ["json-schema", "--document"],
    ["ldap-schema"],
    ["list-mail-servers", "--property", "auth-password"],
    ["list-mail-servers"],
    ["list-key-manager-providers", "--property", "key-store-pin"],
    ["list-trust-manager-providers"],
    ["list-services", "--property", "pin"],
    ["list-properties"],
    ["mail-queue", "list"],
    ["mail-quota", "list"],
    ["mail-service", "status"],
    ["mail-service", "status", "--format", "prometheus"],
    ["new-definition", "thing", "--output-file", "-"],
    ["get-mail-sender-prop", "--sender-name", "news"],
    ["list-mail-senders"],
    ["run-mail-service", "--dry-run"],
    ["send-mail", "--to", "a@example.com", "--subject", "x", "--unsealed-ledger"],
    ["send-test-email", *ONE, "--to", "a@example.com"],
    ["test-mail-server", "--sender-name", "news", "--resolver", "127.0.0.1:1"],
    ["serve", "--listen", "127.0.0.1:0", "--dry-run"],
    ["test-mail-server", *ONE],
    ["undo", "1", "--dry-run"],
    ["undo", "--to", "0", "--dry-run"],
    ["no-such-command"],
]
CHANGING: Final = [
    ["apply", "{other}", "--prune", "--dry-run"],
    ["apply", "{other}"],
    ["create-alert-handler", *ALERTS, "--type", "smtp", *ALERT],
    ["set-alert-handler-prop", *ALERTS, "--set", "recipient-address:x"],
    ["delete-alert-handler", *ALERTS],
    ["create-account-status-notification-handler", *ALERTS, "--type", "smtp", *NOTICE],
    ["set-account-status-notification-handler-prop", *ALERTS, "--set", "message-template:x"],
    ["delete-account-status-notification-handler", *ALERTS],
    ["set-mail-service-prop", "--set", "rate-limit:1"],
    ["configure-mail", "--preset", "brevo", "--set", "auth-username:u", "--set", f"auth-password:{CANARY}"],
    [
        *("configure-mail", "--preset", "brevo", "--no-test", "--set", "from-address:a@example.com"),
        *("--set", "auth-username:u", "--set", f"auth-password:{CANARY}"),
    ],
    ["create-mail-server", *ONE, *VALUES],
    ["create-mail-sender", "--sender-name", "news", *SENDER],
    ["set-mail-sender-prop", "--sender-name", "news", "--set", "from-address:x"],
    ["delete-mail-sender", "--sender-name", "news"],
    ["create-mail-server", "--server-name", "new", *VALUES, "--set", f"auth-password:{CANARY}"],
    ["create-mail-server", "--server-name", "odd device 0", *VALUES, "--set", f"auth-password:{CANARY}"],
    [
        "create-key-manager-provider",
        "--provider-name",
        "new",
        "--type",
        "file-based",
        "--set",
        f"key-store-pin:{CANARY}",
    ],
    ["create-trust-manager-provider", "--provider-name", "ldap", "--type", "ldap"],
    ["create-service", "--service-name", "t", "--set", "host:h", "--set", f"pin:{CANARY}"],
    ["set-mail-server-prop", *ONE, "--set", "use-ssl:maybe"],
    ["set-mail-server-prop", *ONE, "--set", "smtp-server:127.0.0.1:2", "--set", f"auth-password:{CANARY}"],
    ["set-mail-server-prop", *ONE, "--remove", f"auth-password:{CANARY}"],
    ["set-key-manager-provider-prop", "--provider-name", "keys", "--set", f"key-store-pin:{CANARY}x"],
    ["set-trust-manager-provider-prop", "--provider-name", "ldap", "--add", f"bind-password:{CANARY}"],
    ["create-oauth2-provider", *P, *TOKENS],
    ["create-oauth2-provider", "--provider-name", "new", *TOKENS, "--set", f"client-secret:{CANARY}"],
    ["set-oauth2-provider-prop", *P, "--set", "client-id:other"],
    ["set-oauth2-provider-prop", *P, "--set", "client-id:other", "--set", f"client-secret:{CANARY}"],
    ["delete-oauth2-provider", "--provider-name", "new"],
    ["set-service-prop", "--service-name", "s", "--reset", "pin"],
    ["rename", "mail-server", *ONE, "--to", "other"],
    ["rename", "service", "--service-name", "t", "--to", "u"],
    ["-F", "{batch}"],
    ["-F", "{batch}", "--batch-continue-on-error"],
    ["delete-mail-server", "--server-name", "other"],
    ["delete-mail-server", "--server-name", "odd device 0"],
    ["delete-key-manager-provider", "--provider-name", "keys"],
    ["delete-trust-manager-provider", "--provider-name", "ldap", "--force"],
    ["delete-service", "--service-name", "s"],
    ["definitions", "remove", "service", "--force"],
    ["init"],
    ["copy", "{url}", "ldif:{dir}/copy.ldif"],
    ["history"],
    ["history", "show", "3"],
    ["undo", "2"],
]
WITH_KEYS: Final = [
    ["seal", "init"],
    ["seal", "status"],
    ["check"],
    ["set-mail-server-prop", "--server-name", "other", "--set", f"auth-password:{CANARY}"],
    ["export"],
    ["export", "--format", "ldif"],
    ["diff", "history:0"],
    ["history"],
    ["get-mail-server-prop", "--server-name", "other", "--effective", "--origin"],
    ["seal", "rotate", "--drop-old-keys"],
    ["seal", "status"],
    ["undo", "--to", "0", "--dry-run"],
]
"""Run with keys, after all others."""
FORMS: Final = {
    "table": [],
    "json": ["--output", "json"],
    "tsv": ["--output", "tsv"],
    "script": ["-s"],
    "long": ["-v", "--displayCommand", "--debug", "--advanced"],
    "recorded": ["--commandFilePath", "{dir}/commands"],
}
WITHOUT_A_CONFIGURATION: Final = {"demo": "it makes its own", "family": "it is about files of this machine"}


def make_strays(entries: list[Entry], base: DN) -> Iterator[Entry]:
    """Yield copies of entries with secrets in every place that is not theirs."""
    branches = ["cn=Services", "cn=Widgets", "cn=a,cn=Widgets", "=".join(FOLLOWERS), *OWN_BRANCHES]
    for branch in branches:
        dn = DN.parse(f"{branch},{base}")
        yield Entry(dn, {"objectClass": ("top", BRANCH_CLASS), "cn": (dn.name,)})
    places = ["cn=Mail Servers", "cn=Trust Manager Providers", "cn=Key Manager Providers", *branches]
    for number, entry in enumerate(entries):
        odd = Entry(entry.dn, {**entry.attributes, "objectClass": ("top", "device", "extensibleObject")})
        for above in places:
            yield named(f"cn=odd {number},{above},{base}", entry)
            yield named(f"cn=odd device {number},{above},{base}", odd)
        yield named(f"cn=odd,{entry.dn}", entry)
        yield named(f"cn=odd device,{entry.dn}", odd)


def named(text: str, entry: Entry) -> Entry:
    dn = DN.parse(text)
    return Entry(dn, {**entry.attributes, "cn": (dn.name,)})


def read_secrets(context: confobjects.ManagementContext) -> list[Entry]:
    with context.storage.writing():
        found = context.storage.search(context.storage.base, "sub")
        return [entry for entry in found if CANARY in str(dict(entry.attributes)) and "History" not in str(entry.dn)]


def fill_everywhere(url: str) -> None:
    with confobjects.open(url) as context:
        fill(context)
    known = url.startswith("ldif:")  # the schema of a server does not know the definition
    assert run("--url", url, "definitions", "install", SERVICE).status == (0 if known else 31)
    made = run("--url", url, "create-service", "--service-name", "s", "--set", "host:h", "--set", f"pin:{CANARY}")
    assert (made.status == 0) == known, made
    with confobjects.open(url) as context:
        entries = read_secrets(context)
        assert len(entries) == len(OBJECTS) + known
        base = context.storage.base
        with context.storage.writing():
            there = {entry.dn.normal for entry in context.storage.search(base, "sub")}
            strays = {entry.dn.normal: entry for entry in make_strays(entries, base)}
            context.storage.commit([AddEntry(entry) for key, entry in strays.items() if key not in there])


def made_places(url: str, directory: Path) -> dict[str, str]:
    """Return what the braces in the commands stand for."""
    server = {"enabled": True, "smtp-server": "127.0.0.1:1", "auth-username": "v", "auth-password": CANARY}
    other = {"confobjects-format": 1, "objects": {"/mail-server/one": {"properties": server}}}
    lines = [
        "list-mail-servers",
        "get-mail-server-prop --server-name other",
        f"set-mail-server-prop --server-name other --set smtp-server:127.0.0.1:3 --set auth-password:{CANARY}",
        f"set-service-prop --service-name s --set pin:{CANARY} --set host",
        f"create-mail-server --server-name x --set enabled:yes --set auth-password:{CANARY}",
    ]
    for name, text in (
        ("nothing", '{"confobjects-format": 1, "objects": {}}'),
        ("other", json.dumps(other)),
        ("batch", "\n".join(lines)),
    ):
        (directory / name).write_text(text)
    return {
        "url": url,
        "dir": str(directory),
        **{name: str(directory / name) for name in ("nothing", "other", "batch")},
    }


def _fill(words: list[str], places: dict[str, str]) -> list[str]:
    return [re.sub(r"\{(\w+)\}", lambda found: places.get(found[1], found[0]), word) for word in words]


def says_nothing(words: list[str], outcome: Outcome) -> None:
    assert outcome.status != 70, (words, outcome)
    said = outcome.out + outcome.err
    assert not any(sign in said for sign in SIGNS), (words, said)


CASES: Final = [
    *(("ldif", form) for form in FORMS),
    *((kind, form) for kind in ("389-ds", "slapd") for form in ("json", "long")),  # what says most of a directory
]


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_no_command_says_a_secret(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = make_url(request, kind, tmp_path)
    fill_everywhere(url)
    places = made_places(url, tmp_path)
    spoken = 0
    for words in [*READING, *CHANGING]:
        filled = _fill([*words, *FORMS[form]], places)
        outcome = run("--url", url, *filled, "-n")
        says_nothing(filled, outcome)
        spoken += bool(outcome.out or outcome.err)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys" / "ring"))
    for words in WITH_KEYS:
        says_nothing([*words, *FORMS[form]], run("--url", url, *words, *_fill(FORMS[form], places), "-n"))
    assert spoken > len(READING)
    recorded = tmp_path / "commands"
    assert not recorded.is_file() or CANARY not in recorded.read_text()
    for warning in confobjects.load(url).warnings:
        assert CANARY not in f"{warning.render()}{warning.as_json()}{warning!r}"


def test_every_command_is_run() -> None:
    ran = {words[0] for words in [*READING, *CHANGING, *WITH_KEYS]}
    assert set(SPECIAL) - set(WITHOUT_A_CONFIGURATION) <= ran
    for relation in builtin().relations().values():
        if not relation.hidden and relation.name != "definition":
            assert set(verbs_of(relation).values()) <= ran, relation.name
