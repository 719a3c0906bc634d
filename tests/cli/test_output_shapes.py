"""Everything printed as JSON has the form that its schema says: in the approved sessions, and in a run of each command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import confobjects
from confobjects.cli.commands import SPECIAL
from confobjects.cli.words.names import verbs_of
from confobjects.definitions_loading import load_registry
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.mail.report import DeliveryReport, RecipientResult, Route, StageTime
from confobjects.mapping.followers import WaitingChange
from confobjects.reference.jsonschema import document_schema
from confobjects.reference.outputs import schemas
from confobjects.sealing.ring import Ring
from confobjects.sealing.ring_file import KeyFile, create_ring, make_key
from confobjects.service.ledger import Mail
from confobjects.service.opening import open_ledger_of
from confobjects.service.rules.settings import Settings
from tests.cli.documents import CANARY, provider, server, small, tell
from tests.cli.sessions import FAMILY, GOLDEN, INSTALLABLE, Outcome, fresh, run
from tests.conversion.reading import BAKERY
from tests.docs_check import ROOT
from tests.servers.dns import DnsServer

OTHERWISE = {
    "completion": "a script for a shell",
    "demo": "a story",
    "export": "a document of a configuration",
    "graph": "a picture",
    "json-schema": "a JSON Schema",
    "ldap-schema": "LDIF",
    "new-definition": "a definition in a file",
}
"""The commands whose output is a document of its own, with and without ``--output json``."""
MEANWHILE = {"watch-change", "watch-notice"}
"""The forms that are printed while something else happens: ``tests/cli/test_watch.py`` holds them to their schemas."""
KNOWN = ["--definitions", str(FAMILY)]
SERVICE = str(INSTALLABLE / "service.json")


@cache
def validators() -> dict[str, Any]:
    return {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas().items()}


def forms_of(command: str) -> list[str]:
    """The forms that a command prints, by what their schemas say."""
    verbs = {
        name: verb for r in load_registry([str(FAMILY)]).relations().values() for verb, name in verbs_of(r).items()
    }
    general = {"create": "create-X", "list": "list-Xs", "get": "get-X-prop", "set": "set-X-prop", "delete": "delete-X"}
    word = general[verbs[command]] if command in verbs else command
    return [name for name, schema in schemas().items() if word in schema["x-commands"]]


def judge(command: str, outcome: Outcome) -> str:
    """Hold what a command printed to a form of it, and return that form's name."""
    if outcome.out:
        document = json.loads(outcome.out)
        fitting = [name for name in forms_of(command) if validators()[name].is_valid(document)]
        assert len(fitting) == 1, [*map(str, validators()[forms_of(command)[0]].iter_errors(document)), document]
        return fitting[0]
    assert outcome.status
    text = outcome.err[re.search(r"(?m)^\{", outcome.err).start() :]  # type: ignore[union-attr]
    document = json.loads(text)
    validators()["error"].validate(document)
    assert document["error"]["exit"] == outcome.status
    assert document["error"]["code"] == document["error"]["diagnostics"][0]["code"]
    return "error"


# -- the schemas themselves ----------------------------------------------------------------------------------------


def test_the_schemas_are_schemas_and_are_shipped() -> None:
    for name, schema in schemas().items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert json.loads((ROOT / "schemas" / "output" / f"{name}.json").read_text()) == schema
        assert json.loads(run("json-schema", "--shape", name).out) == schema
        assert f"\n## {name}\n" in (ROOT / "docs" / "reference" / "output.md").read_text()


def test_every_command_has_a_form_or_prints_something_else() -> None:
    assert sorted(OTHERWISE) == sorted(name for name in SPECIAL if not forms_of(name))


def test_a_schema_that_is_asked_for_wrongly() -> None:
    assert run("json-schema").status == 2
    assert run("json-schema", "mail-server", "--document").status == 2
    assert 'did you mean "change"?' in run("json-schema", "--shape", "chnge").err


# -- the approved sessions -----------------------------------------------------------------------------------------


def printed(session: Path) -> Iterator[tuple[str, Outcome]]:
    """Yield the commands of a session that print JSON, with what they print."""
    for block in re.split(r"(?m)^(?=\$ )", session.read_text()):
        line, _, rest = block.partition("\n")
        words = shlex.split(line.removeprefix("$ "))
        if "--output" not in words or words[words.index("--output") + 1] != "json":
            continue
        lines = [text for text in rest.splitlines() if not text.startswith("#")]
        status = next((int(text[2:]) for text in lines if re.fullmatch(r"= \d+", text)), 0)
        lines = [text for text in lines if not re.fullmatch(r"= \d+", text)]
        out = "\n".join(text for text in lines if not text.startswith("2>"))
        err = "\n".join(text[3:] for text in lines if text.startswith("2>"))
        command = next(w for before, w in pairwise(words) if not w.startswith("-") and before != "--definitions")
        yield command, Outcome(status, out.strip(), err)


@pytest.mark.parametrize("session", sorted(GOLDEN.glob("*.txt")), ids=lambda path: path.stem)
def test_what_the_sessions_print_has_its_form(session: Path) -> None:
    for command, outcome in printed(session):
        judge(command, outcome)


def test_the_sessions_hold_json() -> None:
    found = {judge(command, outcome) for session in GOLDEN.glob("*.txt") for command, outcome in printed(session)}
    assert {"change", "check", "error", "explain", "get", "list", "list-properties"} <= found


# -- a run of each command -----------------------------------------------------------------------------------------

RUNS: dict[str, list[list[str]]] = {
    "accepted": [
        ["send-mail", "--to", "a@example.com", "--subject", "x", "--unsealed-ledger"],
        ["send-mail", "--to", "a@example.com", "--subject", "x", "--dry-run"],
        ["test-alert-handler", "--handler-name", "ops", "--unsealed-ledger"],
    ],
    "account-change": [
        ["account", "add", "alice", "--role", "operator", "--password:file", "{password}", "--dry-run"],
        ["account", "add", "alice", "--role", "operator", "--password:file", "{password}"],
        ["account", "password", "amy", "--password:file", "{password}"],
        ["account", "remove", "amy"],
    ],
    "accounts": [["account", "list"]],
    "batch": [
        ["-F", "{batch}", "--no-prompt"],
        ["--batchFilePath", "{batch}", "--no-prompt", "--dry-run"],
        ["-F", "{half}", "--no-prompt", "--batch-continue-on-error"],
    ],
    "change": [
        ["create-mail-server", "--server-name", "n", "--set", "enabled:true", "--set", "smtp-server:h"],
        [
            "create-mail-server",
            "--server-name",
            "one",
            "--if-absent",
            "--set",
            "enabled:true",
            "--set",
            "smtp-server:h",
        ],
        ["set-mail-server-prop", "--server-name", "one", "--set", "use-ssl:true", "--set", "use-start-tls:false"],
        ["set-mail-server-prop", "--server-name", "one", "--set", "auth-username:&{user}"],
        ["set-depot-settings-prop", "--set", "site-name:x", *KNOWN],
        ["delete-mail-server", "--server-name", "two", "--dry-run"],
        ["rename", "mail-server", "--server-name", "one", "--to", "other"],
        [
            "configure-mail",
            "--no-test",
            *("--preset", "sendgrid", "--set", "auth-password:&{p|x}", "--set", "from-address:a@example.com"),
        ],
        ["apply", "{document}"],
        ["apply", "{document}", "--prune", "--dry-run"],
        ["definitions", "install", SERVICE],
        ["definitions", "check", SERVICE],
        ["undo", "8", "--dry-run"],
        ["undo", "--to", "0"],
    ],
    "check": [["check"]],
    "copy": [["copy", "{url}", "ldif:{dir}/copy.ldif"]],
    "families": [
        ["family", "list"],
        ["family", "add", "opendj", str(BAKERY), "--product-version", "1.0.0", "--dry-run"],
    ],
    "definitions": [["definitions", "list", "-v"], ["definitions", "list", *KNOWN]],
    "describe": [["describe", "mail-server", "use-ssl"], ["describe", "queue", "store", *KNOWN]],
    "describe-object": [["describe", "mail-server"], ["describe", "queue", "--advanced", *KNOWN]],
    "diff": [["diff", "{document}"], ["diff", "history:0"], ["diff", "history:0", "history:1"]],
    "explain": [["explain", "a&{b|c}"], ["explain", "plain"]],
    "followers": [["followers"]],
    "followers-forget": [["followers", "--forget", "gone"], ["followers", "--forget", "gone", "--dry-run"]],
    "get": [
        ["get-mail-server-prop", "--server-name", "one", "--advanced"],
        ["get-mail-server-prop", "--server-name", "one", "--effective"],
        ["get-depot-settings-prop", *KNOWN],
    ],
    "history": [["history"], ["history", "--limit", "1"], ["history", "show", "1"]],
    "init": [["init"]],
    "list": [["list-mail-servers"], ["list-trust-manager-providers"], ["list-stores", *KNOWN]],
    "mail-presets": [["configure-mail", "--list-presets"]],
    "list-properties": [["list-properties"], ["list-properties", *KNOWN]],
    "mail": [["mail-queue", "show", "{mail}"]],
    "mail-queue": [["mail-queue", "list"], ["mail-queue", "list", "--state", "failed", "--limit", "1"]],
    "mail-queue-change": [
        ["mail-queue", "retry", "{mail}"],
        ["mail-queue", "cancel", "{mail}", "--dry-run"],
        ["mail-queue", "retry", "--all-failed"],
    ],
    "mail-queue-mark": [["mail-queue", "mark-unknown", "--dry-run"], ["mail-queue", "mark-unknown", "--force"]],
    "mail-queue-purge": [["mail-queue", "purge", "--force"], ["mail-queue", "purge", "--dry-run"]],
    "mail-quota": [["mail-quota", "show", "a@example.com"], ["mail-quota", "show", "b@example.com"]],
    "mail-quota-change": [["mail-quota", "reset", "a@example.com"], ["mail-quota", "lift", "a@example.com"]],
    "mail-quotas": [["mail-quota", "list"]],
    "mail-service": [["mail-service", "status"]],
    "mail-service-resume": [["mail-service", "resume", "news"], ["mail-service", "resume", "news", "--dry-run"]],
    "run-mail-service": [["run-mail-service", "--dry-run"]],
    "serve": [["serve", "--listen", "127.0.0.1:0", "--dry-run"]],
    "seal": [["seal", "init"], ["seal", "rotate", "--drop-old-keys"], ["seal", "rotate", "--dry-run"]],
    "seal-status": [["seal", "status"]],
    "test": [
        ["test-mail-server", "--server-name", "closed"],
        ["test-mail-server", "--sender-name", "news", "--resolver", "{resolver}"],
    ],
    "test-provider": [["test-oauth2-provider", "--provider-name", "none"]],
    "token-added": [
        ["token", "add", "backup", "--role", "reader", "--expires", "90 d"],
        ["token", "add", "backup", "--role", "reader", "--dry-run"],
    ],
    "token-revoked": [["token", "revoke", "old"], ["token", "revoke", "old", "--dry-run"]],
    "tokens": [["token", "list"]],
    "watch-state": [["watch", "--count", "0"]],
    "send": [["send-test-email", "--server-name", "closed", "--to", "a@example.com"]],
    "error": [
        ["create-mail-server", "--server-name", "one", "--set", "enabled:true", "--set", "smtp-server:h"],
        [
            "create-mail-server",
            "--server-name",
            "x",
            "--set",
            "enabled:perhaps",
            "--set",
            "auth-password:Kanarienvogel-7!x",
        ],
        ["create-mail-server", "--server-name", "x"],
        ["create-mail-server"],
        ["set-mail-server-prop", "--server-name", "one", "--set", "use-ssl:true"],
        ["set-mail-server-prop", "--server-name", "one", "--set", "use-ssl=true"],
        ["get-mail-server-prop", "--server-name", "nobody"],
        ["delete-trust-manager-provider", "--provider-name", "blind"],
        ["list-mail-servers", "--property", "x"],
        ["list-mail-servers", "--no-such-option"],
        ["list-mail-servers", "--url", "nonsense:x"],
        ["list-properties", "--property", "x"],
        ["describe", "nonsense"],
        ["diff", "nowhere"],
        ["apply", "{broken}"],
        ["-F", "{half}", "--no-prompt"],
        ["explain", "&{a"],
        ["graph", "nonsense"],
        ["history", "show", "99"],
        ["undo", "99"],
        ["nonsense"],
        ["copy", "{url}", "nonsense"],
        ["json-schema", "nonsense"],
        ["rename", "mail-server", "--server-name", "nobody", "--to", "x"],
        ["test-mail-server", "--server-name", "nobody"],
        ["test-oauth2-provider", "--provider-name", "nobody"],
        ["authorize-oauth2-provider", "--provider-name", "nobody"],
        ["send-test-email", "--server-name", "nobody", "--to", "a@example.com"],
        ["configure-mail", "--preset", "nowhere"],
        ["configure-mail", "--preset", "brevo"],
        ["send-mail", "--to", "a@example.com", "--subject", "x"],
        ["test-alert-handler", "--handler-name", "nobody", "--unsealed-ledger"],
        ["run-mail-service", "--timeout", "0", "--url", "ldif:nowhere"],
        ["serve", "--listen", "nowhere"],
        ["account", "remove", "nobody"],
        ["account", "add", "alice", "--role", "king", "--password:file", "{password}"],
        ["token", "revoke", "nobody"],
        ["token", "add", "old", "--role", "reader"],
        ["check", "--env-file", "nowhere"],
        ["followers", "--forget", "nobody"],
        ["mail-queue", "show", "nothing"],
        ["mail-queue", "purge"],
        ["mail-service", "status", "--stuck-after", "soon"],
        ["set-mail-server-prop", "--server-name", "one", "--set", "enabled:false", "--wait", "0"],
    ],
}


def accept_mails(url: str) -> str:
    """Put a mail that waits and one that has failed into the ledger; return the id of the first."""
    with open_ledger_of(confobjects.load(url, define={"p": "x"})["mail-service"], {}, unsealed=True) as ledger:
        settings = Settings(sender="news")
        kept = ledger.accept(Mail(b"Subject: x\r\n\r\n", "me@example.com", ("a@example.com",), "account"), settings)
        ledger.cancel(ledger.accept(Mail(b"Subject: y\r\n\r\n", "me@example.com", ("b@example.com",)), settings))
    return kept


def prepared(directory: Path) -> dict[str, str]:
    """Make a configuration, and return what the braces in the runs stand for."""
    small()
    server("closed", "use-start-tls:false")
    assert run("set-mail-server-prop", "--server-name", "closed", "--set", "smtp-server:127.0.0.1:1").status == 0
    sender = ["--set", "enabled:true", "--set", "from-address:news@example.com", "--set", "mail-server:closed"]
    assert run("create-mail-sender", "--sender-name", "news", *sender).status == 0
    assert run("set-mail-server-prop", "--server-name", "two", "--set", "auth-password:&{p|x}").status == 0
    provider = ("enabled:true", "grant-type:client-credentials", "token-endpoint:http://127.0.0.1:1/", "client-id:c")
    values = [word for one in (*provider, "client-secret:&{p|x}") for word in ("--set", one)]
    assert run("create-oauth2-provider", "--provider-name", "none", *values).status == 0
    assert run("set-mail-service-prop", "--set", "enabled:true", "--set", "sender:news").status == 0
    told = ("--type", "smtp", "--set", "enabled:true", "--set", "recipient-address:ops@example.com")
    assert run("create-alert-handler", "--handler-name", "ops", *told).status == 0
    document = directory / "document.json"
    document.write_text(run("export").out.replace("5000", "6000"))
    batch, half = directory / "batch.txt", directory / "half.txt"
    lines = [
        "set-mail-server-prop --server-name two --set enabled:false",
        "list-mail-servers",
        "get-mail-server-prop --server-name one",
    ]
    batch.write_text("\n".join([*lines, lines[0], ""]))
    half.write_text("\n".join([*lines, "delete-mail-server --server-name nobody", ""]))
    broken = directory / "broken.json"
    broken.write_text(document.read_text().replace("true", '"yes"', 1))
    password = directory / "password"
    password.write_text("correct horse battery\n")
    amy = ("account", "add", "amy", "--role", "reader", "--password:file", str(password))
    assert run(*amy).status == run("token", "add", "old", "--role", "sender").status == 0
    waiting = WaitingChange("/mail-server/one", "changed", ("use-ssl",), ("component-restart",))
    tell("web-1", 3, waiting)
    create_ring(KeyFile(str(directory / "keys" / "ring")), Ring.of(make_key("2026-11-28")))
    tell("gone", None, time="2026-01-01T12:00:00Z")
    return {
        "batch": str(batch),
        "half": str(half),
        "document": str(document),
        "broken": str(broken),
        "password": str(password),
        "dir": str(directory),
        "url": f"ldif:{directory / 'config.ldif'}",
    }


@pytest.mark.parametrize(
    ("form", "words"), [(form, words) for form, several in RUNS.items() for words in several], ids=lambda x: str(x)[:60]
)
def test_a_run_prints_its_form(form: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh(tmp_path), DnsServer({}) as resolver:
        places = prepared(tmp_path) | {"resolver": f"127.0.0.1:{resolver.port}"}
        if words[0].startswith("mail-"):
            places["mail"] = accept_mails(places["url"])
        if words[0] == "seal":
            monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "keys" / "ring"))
        filled = [re.sub(r"\{(\w+)\}", lambda match: places.get(match[1], match[0]), word) for word in words]
        outcome = run(*filled, "--output", "json")
    assert judge("--batch" if words[0][:1] == "-" else words[0], outcome) == form
    assert CANARY not in outcome.out + outcome.err


def test_every_command_is_run() -> None:
    ran = {words[0] for several in RUNS.values() for words in several}
    assert set(SPECIAL) - set(OTHERWISE) <= ran


def test_every_form_is_printed() -> None:
    assert set(schemas()) == set(RUNS) | MEANWHILE


def test_a_delivery_has_its_form() -> None:
    report = DeliveryReport(
        Route("/mail-server/one", "h", 25),
        recipients=(
            RecipientResult("a@example.com", None),
            RecipientResult("b@example.com", accepted=True, reply="250"),
        ),
        stages=(StageTime("resolve", 0.25, ok=True),),
    )
    validators()["send"].validate(report.as_json())


def test_a_document_and_its_schema_are_json(tmp_path: Path) -> None:
    with fresh(tmp_path):
        provider("p")
        document = json.loads(run("export", "--output", "json").out)
        schema = json.loads(run("json-schema", "--document").out)
    assert schema == document_schema(load_registry())
    jsonschema.Draft202012Validator(schema).validate(document)
