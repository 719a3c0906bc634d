"""What a remedy asks for, in the words of the command line and for a caller in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from confobjects.actions import PLAIN, Remedy, RemedyAction, Verb, plain, remedy_text
from confobjects.cli.commands import SPECIAL
from confobjects.cli.words.actions import WORDS, as_json, render, word
from confobjects.cli.words.options import OPTIONS
from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError
from confobjects.mail.envelope import make_envelope
from confobjects.mail.failures import TABLE, Failure
from confobjects.storage.ldap.opening import open_url
from confobjects.storage.ldap.results import LdapResult, error_for_result
from tests.cli.sessions import run

SAID = {
    RemedyAction("set", "port", "{25}"): ("--set port:{25}", "set port to {25}"),
    RemedyAction("assign", "port", "{25}"): ("port:{25}", "port to {25}"),
    RemedyAction("add", "port", "{25}"): ("port:{25}", "{25} to port"),
    RemedyAction("setting", "smtp-property", "a.b"): ("smtp-property:a.b=…", "a.b in smtp-property"),
    RemedyAction("create", "queue", "queue-name", "a b"): (
        'create it first (create-queue --queue-name "a b" …)',
        'create the queue "a b" first',
    ),
    RemedyAction("change", "queue"): ("change it with set-queue-prop", "change it"),
    RemedyAction("reset", "queue", "queue-name", "a b", "store"): (
        "reset it: set-queue-prop --queue-name 'a b' --reset store",
        "reset it",
    ),
    RemedyAction("reset-single", "depot-settings", "store"): (
        "reset it: set-depot-settings-prop --reset store",
        "reset it",
    ),
    RemedyAction("switch", "queue", "queue-name", "a b", "enabled", "false"): (
        "set-queue-prop --queue-name 'a b' --set enabled:false",
        "set its enabled to false",
    ),
    RemedyAction("switch-single", "depot-settings", "enabled", "true"): (
        "set-depot-settings-prop --set enabled:true",
        "set its enabled to true",
    ),
    RemedyAction("list", "queues", "queue"): ("list-queues", 'list("queue")'),
    RemedyAction("check"): ("run check, which names all", "the warnings of load() name all"),
    RemedyAction("choose-type", "disk, memory"): (
        "--type with one of: disk, memory",
        "give one of these types: disk, memory",
    ),
    RemedyAction("replace"): ("let the copy replace it (--force)", "let the copy replace it (replace=True)"),
    RemedyAction("recreate"): ("create the object anew (--recreate)", "create the object anew (recreate=True)"),
    RemedyAction("seal-all"): ("confobjects seal init", "reseal()"),
    RemedyAction("abandon-sealed"): ("confobjects seal init --abandon-sealed", "reseal(abandon=True)"),
    RemedyAction("accept-losses"): ("install it with --force", "let the change give it up (accept_losses=True)"),
    RemedyAction("authorize", "a b"): (
        'run authorize-oauth2-provider --provider-name "a b"',
        'let somebody consent for the provider "a b" (Consent)',
    ),
    RemedyAction("see-waiting"): ("mail-queue list --state queued", "list() of the ledger"),
    RemedyAction("lift-suppression", "a@b.c"): ("mail-quota lift a@b.c", 'lift_suppression("a@b.c")'),
    RemedyAction("reset-quota", "a@b.c"): ("mail-quota reset a@b.c", 'reset_quota("a@b.c")'),
    RemedyAction("resume-sender", "one"): ("mail-service resume one", 'forget_refused_logins("one")'),
    RemedyAction("test-mail", "mail-server", "server-name", "a b"): (
        'test-mail-server --server-name "a b"',
        'check_server of the mail-server "a b"',
    ),
    RemedyAction("save-untested"): ("--no-test saves it without a test", "save it without a test (tests=None)"),
    RemedyAction("give-values"): ("--define TOKEN=VALUE or --env-file FILE", "define or environment"),
    RemedyAction("undo", "7"): ("undo 7", "undo(7)"),
    RemedyAction("undo-to", "3"): ("undo --to 3", "undo_to(3)"),
    RemedyAction("show-change", "3"): ("history show 3", "the record of change 3"),
    RemedyAction("export-ldif"): ("export --format ldif prints", "an export as LDIF shows"),
    RemedyAction("initialise"): ("`confobjects init`", "initialising the storage"),
    RemedyAction("finish-interrupted"): ("confobjects watch --repair", "finish_interrupted() of its storage"),
    RemedyAction("load-schema"): (
        "load the schema that `confobjects ldap-schema` prints; --upgrade shows what an older one lacks",
        "load the LDAP schema of these definitions into the server, or what an older one lacks of it",
    ),
    RemedyAction("load-newest-schema"): (
        "load the newest schema (ldap-schema, or with --upgrade what an older one lacks), then run init",
        "load the newest LDAP schema into the server, then initialise the storage",
    ),
    RemedyAction("load-schema-of-definitions"): (
        "load what it lacks first: confobjects ldap-schema --definitions DIR --upgrade SCHEMA",
        "load the LDAP schema of these definitions into the server first",
    ),
    RemedyAction("load-access-rules"): (
        "load the access rules that `confobjects ldap-schema --acl` prints",
        "load the access rules that belong to the LDAP schema",
    ),
    RemedyAction("log-in"): ("log in (-D DN and -j FILE)", "log in (bind_dn and bind_password)"),
    RemedyAction("use-ldaps"): ("ldaps:// (-Z)", "ldaps://"),
    RemedyAction("use-starttls"): ("StartTLS (-q)", "StartTLS (start_tls)"),
    RemedyAction("allow-clear-password"): ("--allowClearPassword", "allow_clear_password"),
    RemedyAction("give-base"): ("--baseDN DN", "base"),
    RemedyAction("give-bind-dn"): ("-D", "bind_dn"),
    RemedyAction("give-bind-password"): ("-j FILE", "bind_password"),
    RemedyAction("give-connect-timeout"): ("--connectTimeout", "connect_timeout"),
    RemedyAction("give-definitions"): ("--definitions", "definitions"),
    RemedyAction("add-family", "opendj"): (
        "confobjects family add opendj PATH, with the directory of an installed server of that version",
        "add the family of its definitions (opendj) with confobjects.families",
    ),
    RemedyAction("remove-family", "opendj-5.0.3"): (
        "confobjects family remove opendj-5.0.3",
        'remove_family("opendj-5.0.3")',
    ),
    RemedyAction("give-family", "opendj-5.0.3"): ("--family opendj-5.0.3", 'family="opendj-5.0.3"'),
    RemedyAction("give-product-version"): ("--product-version VERSION", "version"),
    RemedyAction("give-instance"): ("--instancePath", "instance"),
    RemedyAction("give-trust-store"): ("--trustStorePath FILE", "trust_store"),
    RemedyAction("give-sender"): ("--from", "the sender given with the message"),
    RemedyAction("give-recipients"): ("--to", "to"),
    RemedyAction("allow-unsealed"): ("--unsealed-ledger", "unsealed=True"),
    RemedyAction("give-dkim-selector"): ("--dkim-selector", "selector"),
    RemedyAction("give-spf-include"): ("--spf-include", "include"),
}


@pytest.mark.parametrize(("action", "texts"), SAID.items(), ids=lambda item: getattr(item, "verb", ""))
def test_an_action_has_the_words_of_its_face(action: RemedyAction, texts: tuple[str, str]) -> None:
    assert (word(action), plain(action)) == texts


def test_every_action_has_a_row_in_both_tables_and_above() -> None:
    assert list(WORDS) == list(PLAIN) == list(get_args(Verb)) == [action.verb for action in SAID]


_OWN = {
    "--reset",
    "--set",
    "--type",
    "--to",
    "--from",
    "--force",
    "--recreate",
    "--format",
    "--upgrade",
    "--acl",
    "--repair",
    "--state",
    "--{1}",
    "--provider",
    "--unsealed",
    "--abandon",
    "--dkim",
    "--spf",
    "--product",
    "--no",
    "--env",
}
"""Options of single commands, and those that name an object, up to their first hyphen."""


def test_the_options_are_those_of_the_command_line() -> None:
    spellings = {spelling for option in OPTIONS for spelling in option.spellings} | _OWN
    said = {option for text in WORDS.values() for option in re.findall(r"(?<![\w}])--?[A-Za-z{}\d]+", text)}
    assert said <= spellings
    commands = {name for text in WORDS.values() for name in re.findall(r"`?confobjects ([a-z-]+)", text)}
    assert commands == {"family", "init", "ldap-schema", "seal", "watch"}
    assert {*commands, "undo", "history", "export"} <= SPECIAL.keys()


def test_text_around_actions_stays_as_it_is() -> None:
    remedy: Remedy = ("keep one ({}): ", RemedyAction("set", "port", "25"), ".")
    assert remedy_text(remedy) == "keep one ({}): set port to 25."
    assert remedy_text("{} --x") == "{} --x"


def test_a_problem_is_printed_in_the_words_of_its_face() -> None:
    problem = Diagnostic("usage", "wrong", remedy=("set another value: ", RemedyAction("set", "port", "…")))
    assert problem.render() == str(ConfobjectsError(problem)) == "wrong\n  remedy: set another value: set port to …"
    assert render(problem) == "wrong\n  remedy: set another value: --set port:…"
    assert problem.as_json()["remedy"] == "set another value: set port to …"
    assert as_json(problem)["remedy"] == "set another value: --set port:…"


def _ldap(code: int) -> Callable[[], Any]:
    def fail() -> None:
        raise error_for_result(LdapResult(code, ""), "reading")

    return fail


def _failures() -> Iterator[Any]:
    yield pytest.param(lambda: make_envelope("a@b.example", ()), id="no recipient")
    yield pytest.param(lambda: open_url("ldap://cn=x@localhost/"), id="a user in the URL")
    yield pytest.param(lambda: open_url("ldap://localhost/", bind_password="x"), id="no bind DN")
    yield pytest.param(lambda: open_url("ldap://localhost/", bind_dn="cn=x"), id="no password")
    yield pytest.param(lambda: open_url("ldaps://localhost/", start_tls=True), id="StartTLS within TLS")
    yield from (pytest.param(_ldap(code), id=f"LDAP result {code}") for code in (7, 8, 13, 17, 48, 49, 50))


@pytest.mark.parametrize("fail", list(_failures()))
def test_a_caller_in_python_reads_nothing_of_the_command_line(fail: Callable[[], Any]) -> None:
    with pytest.raises(ConfobjectsError) as caught:
        fail()
    assert "remedy: " in str(caught.value)
    assert not re.search(r"(?<!\w)--?[A-Za-z]", str(caught.value))


PAIRS = {"set", "assign", "add", "setting"}
"""The actions with a property and a value."""


@pytest.mark.parametrize(("code", "row"), TABLE.items())
def test_a_failure_of_mail_is_worded_by_each_face(code: str, row: Failure) -> None:
    """Where the command line writes ``PROPERTY:VALUE``, a caller in Python reads words."""
    del code
    in_python, on_the_command_line = remedy_text(row.remedy), remedy_text(row.remedy, word)
    assert not re.search(r"[a-z]-[a-z]+:\S", in_python)
    typed = [action for action in row.remedy if isinstance(action, RemedyAction) and action.verb in PAIRS]
    for action in typed:
        assert f"{action.arguments[0]}:{action.arguments[1]}" in on_the_command_line
        assert all(argument in in_python for argument in action.arguments)
    assert bool(typed) == bool(re.search(r"[a-z]-[a-z]+:\S", on_the_command_line))


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_command_line_prints_its_own_words(form: str) -> None:
    words = ["--url", "memory:", "create-mail-server", "--server-name", "one", "--set", "enabled:true", "--dry-run"]
    outcome = run(*words, "--output", form)
    assert outcome.status == 11
    assert "--set smtp-server:" in outcome.err
