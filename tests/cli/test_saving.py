"""Saving a mail server or a mail sender: tested first, warned of or neither, as the mail service or the command line says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest

import confobjects
from confobjects import PropertyChanges
from confobjects.actions import remedy_text
from confobjects.cli.words.quoting import quote_word
from confobjects.definitions_loading import load_registry
from confobjects.errors import ChangedMeanwhileError, ConstraintError, MailError
from confobjects.expressions.seals import KEY_FILE_VARIABLE
from confobjects.savetests import CHECKS
from confobjects.transport import check
from tests.cli.dialogue import dialogue
from tests.cli.sessions import Outcome, fresh, run
from tests.opening import open_any
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.fixtures import GUARDED
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix
from tests.servers.processes import open_directory
from tests.servers.slapd import Slapd

CANARY = "canary-Wq81"
ONE = ("--server-name", "one")
CLEAR = ("--set", "use-start-tls:false")
INSECURE = "smtp-property:confobjects.allow-insecure=login-in-clear"
LOGIN = ("--set", "auth-username:ann", "--set", f"auth-password:{CANARY}", "--set", INSECURE)
BAD_LOGIN = {"AUTH": b"535 5.7.8 wrong\r\n", "auth": b"535 5.7.8 wrong\r\n"}
MAY_FAIL = "saved without a test: sending mail may fail"
UNTESTED = f'warning: /mail-server/one: {MAY_FAIL}\n  remedy: test-mail-server --server-name "one"\n'
NUMBERS = count()


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty configuration in a file of its own."""
    monkeypatch.chdir(tmp_path)
    with fresh(tmp_path):
        yield tmp_path


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    """A mail server that lets everybody in."""
    with FakeSmtp() as started:
        yield started


@pytest.fixture
def refusing() -> Iterator[FakeSmtp]:
    """A mail server that lets nobody in."""
    with FakeSmtp(BAD_LOGIN) as started:
        yield started


def policy(value: str, *more: str) -> None:
    assert run("set-mail-service-prop", "--set", f"save-policy:{value}", *more).status == 0


def create(port: int, *more: str, name: str = "one", enabled: str = "true") -> Outcome:
    address = f"smtp-server:127.0.0.1:{port}"
    values = ("--set", f"enabled:{enabled}", "--set", address, *CLEAR)
    return run("create-mail-server", "--server-name", name, *values, *more)


def change(*more: str, name: str = "one") -> Outcome:
    return run("set-mail-server-prop", "--server-name", name, *more)


def names() -> list[str]:
    return run("list-mail-servers", "-s").out.split()


def noted() -> list[str]:
    """Return what the history says of tests, of each change."""
    records = json.loads(run("history", "--output", "json").out)["changes"]
    return [next((one["test"] for one in record["changes"] if "test" in one), "") for record in records]


# -- the policy ------------------------------------------------------------------------------------------------------


def test_a_save_without_a_test_is_warned_of_and_connects_nowhere(fake: FakeSmtp) -> None:
    saved = create(fake.port)
    assert (saved.status, saved.out) == (0, "")
    assert saved.err.endswith(UNTESTED)
    assert change("--set", "smtp-property:mail.smtp.timeout=90000").err == UNTESTED
    assert fake.connections == 0
    assert noted() == ["untested", "untested"]


def test_the_warning_is_not_for_scripts_nor_for_the_quiet_and_programs_read_it(fake: FakeSmtp) -> None:
    assert create(fake.port, "-Q") == Outcome(0, "", "")
    assert change("--set", "smtp-property:mail.smtp.timeout=90000", "-s") == Outcome(0, "", "")
    found = json.loads(change("--reset", "smtp-property", "--output", "json").out)
    assert [warning["remedy"] for warning in found["warnings"]] == ['test-mail-server --server-name "one"']
    assert [one["test"] for one in found["changes"]] == ["untested"]


def test_every_warning_says_that_sending_may_fail_to_people_and_to_programs(fake: FakeSmtp, place: Path) -> None:
    """The warning that PingOne documents is about mail that may not be sent, not about a missing test."""
    lines = (
        f"create-mail-server --server-name {number} --type generic --set enabled:true "
        f"--set smtp-server:127.0.0.1:{fake.port} --set use-start-tls:false\n"
        for number in range(12)
    )
    (place / "many.batch").write_text("".join(lines))
    done = run("-F", "many.batch")
    told = [line for line in done.err.splitlines() if line.startswith("warning: ")]
    assert (done.status, len(told), told[-1:]) == (0, 11, [f"warning: 2 more were {MAY_FAIL}"])
    assert all(line.endswith(MAY_FAIL) for line in told)
    with open_any(f"ldif:{place}/config.ldif") as context:
        values = {"enabled": True, "smtp-server": f"127.0.0.1:{fake.port}", "use-start-tls": False}
        report = context.create("mail-server", "python", values, tests=confobjects.save_tests())
    [warning] = report.warnings
    assert (warning.summary, warning.path, warning.severity) == (MAY_FAIL, "/mail-server/python", "warning")
    assert remedy_text(warning.remedy) == 'check_server of the mail-server "python"'
    assert fake.connections == 0


def test_a_save_without_a_test_says_that_it_is_saved_to_whoever_wants_to_know(fake: FakeSmtp) -> None:
    created = create(fake.port, "--verbose").out
    assert 'Configuration saved. The Mail Server "one" was created.\n' in created
    changed = change("--set", "smtp-property:mail.smtp.timeout=90000", "--verbose").out
    assert 'Configuration saved. The Mail Server "one" was changed.\n' in changed
    assert (
        "Configuration saved"
        not in change("--set", "smtp-property:mail.smtp.timeout=80000", "--verbose", "--dry-run").out
    )


def test_the_policy_save_says_nothing(fake: FakeSmtp) -> None:
    policy("save")
    create(fake.port)
    assert change("--set", "smtp-property:mail.smtp.timeout=90000") == Outcome(0, "", "")
    assert (fake.connections, noted()[-1]) == (0, "untested")


def test_what_works_is_saved_and_it_says_what_was_tested(fake: FakeSmtp) -> None:
    policy("test")
    saved = create(fake.port, *LOGIN)
    lines = saved.out.splitlines()
    assert saved.status == 0
    assert lines[0] == "Testing /mail-server/one with unsaved values (depth auth), before it is saved."
    assert [line.split()[0] for line in lines if line.endswith("  ok")][-2:] == ["auth", "quit"]
    assert (
        lines[-1]
        == f"Configuration saved: /mail-server/one was tested (depth auth, connected to 127.0.0.1:{fake.port}, "
        "logged in with PLAIN)."
    )
    assert names() == ["one"]
    assert "MAIL" not in fake.verbs
    assert noted() == ["", "tested"]


def test_what_does_not_work_is_not_saved(refusing: FakeSmtp) -> None:
    policy("test")
    refused = create(refusing.port, *LOGIN)
    assert refused.status == 46
    assert CANARY not in refused.out + refused.err
    assert "Configuration saved" not in refused.out + refused.err
    first, *_, unsaved, remedy, line = refused.err.splitlines()[1:]  # the first one warns of the typed password
    assert first.startswith("error: /mail-server/one, auth-password: ")
    assert unsaved == "error: the test failed: nothing was saved"
    assert remedy == "  remedy: --no-test saves it without a test"
    assert line.startswith("  try: confobjects create-mail-server --server-name one")
    assert line.endswith(f"--set {INSECURE} --no-test")
    assert (names(), noted()) == ([], [""])
    assert create(refusing.port, *LOGIN, "--no-test").status == 0
    assert noted() == ["", "declined"]
    assert "create /mail-server/one, not tested by --no-test\n" in run("history", "show", "2").out


def test_the_status_and_the_diagnosis_are_those_of_the_stage() -> None:
    policy("test")
    with FakeSmtp({"EHLO": b"550 no\r\n", "HELO": b"550 no\r\n"}) as fake:
        assert create(fake.port).status == 44
    assert create(fake.port).status == 41  # nobody listens there any more
    found = json.loads(create(fake.port, "--output", "json").err)["error"]
    assert (found["code"], found["exit"]) == ("mail-connect", 41)
    assert found["diagnostics"][-1]["summary"] == "the test failed: nothing was saved"


def test_the_options_decide_otherwise(fake: FakeSmtp, refusing: FakeSmtp) -> None:
    assert create(fake.port, "--test").out.splitlines()[-1].startswith("Configuration saved: ")
    assert change("--set", f"smtp-server:127.0.0.1:{refusing.port}", *LOGIN, "--test").status == 46
    policy("test")
    assert change("--set", f"smtp-server:127.0.0.1:{refusing.port}", *LOGIN, "--no-test").status == 0
    assert create(fake.port, "--test", "--no-test", name="two").status == 2
    tried = [line for line in change("--reset", "smtp-property", "--test").err.splitlines() if "try:" in line]
    assert tried == [f"  try: confobjects set-mail-server-prop {' '.join(ONE)} --reset smtp-property --no-test"]


def test_the_depth_is_that_of_the_mail_service(refusing: FakeSmtp) -> None:
    policy("test", "--set", "test-depth:ehlo")
    assert "(depth ehlo, connected to" in create(refusing.port, *LOGIN).out
    assert "AUTH" not in refusing.verbs


def test_a_disabled_object_is_not_tested(refusing: FakeSmtp) -> None:
    policy("test")
    assert create(refusing.port, *LOGIN, enabled="false").status == 0
    assert change("--add", "smtp-property:mail.smtp.timeout=60001").status == 0
    policy("save")
    policy("warn-untested")
    assert "saved without a test" not in change("--add", "smtp-property:mail.smtp.connectiontimeout=60002").err
    assert (refusing.connections, noted()) == (0, [""] * 6)
    policy("test")
    assert change("--set", "enabled:true").status == 46


def test_a_dry_run_tests_only_if_it_is_asked_to(fake: FakeSmtp, refusing: FakeSmtp) -> None:
    policy("test")
    assert create(refusing.port, *LOGIN, "--dry-run").status == 0
    assert refusing.connections == 0
    assert create(refusing.port, *LOGIN, "--dry-run", "--test").status == 46
    assert create(fake.port, *LOGIN, "--dry-run", "--test").status == 0
    assert (fake.connections, names()) == (1, [])


def test_an_option_without_effect_is_told(fake: FakeSmtp) -> None:
    create(fake.port, enabled="false")
    told = "--test has no effect: nothing was saved that can be tested\n"
    assert run("list-mail-servers", "--test").err == told
    assert run("delete-mail-server", *ONE, "--test").err == told


# -- whatever saves --------------------------------------------------------------------------------------------------


def sender(server: str = "one", *more: str) -> Outcome:
    values = ("--set", "enabled:true", "--set", "from-address:news@example.com", "--set", f"mail-server:{server}")
    return run("create-mail-sender", "--sender-name", "news", *values, *more)


def test_a_sender_is_tested_with_its_mail_server(fake: FakeSmtp, refusing: FakeSmtp) -> None:
    create(fake.port, *LOGIN)
    create(refusing.port, *LOGIN, name="other")
    assert sender("one", "--dry-run").status == 0
    warned = sender().err
    assert warned == (f'warning: /mail-sender/news: {MAY_FAIL}\n  remedy: test-mail-server --sender-name "news"\n')
    policy("test")
    moved = run("set-mail-sender-prop", "--sender-name", "news", "--set", "mail-server:other")
    assert moved.status == 46
    named = run("set-mail-sender-prop", "--sender-name", "news", "--set", "from-name:News")
    assert "Configuration saved: /mail-sender/news was tested" in named.out
    assert "  note: the DMARC policy of example.com applies to mail from news@example.com" in named.out
    assert "  note: 127.0.0.1 has to allow ann to send as news@example.com (relaying)" in named.out


def test_in_a_batch_everything_is_tested_before_anything_is_saved(
    fake: FakeSmtp, refusing: FakeSmtp, place: Path
) -> None:
    def line(name: str, port: int, enabled: str = "true") -> str:
        words = ["create-mail-server", "--server-name", name, "--set", f"enabled:{enabled}"]
        words += ["--set", f"smtp-server:127.0.0.1:{port}", *CLEAR, *LOGIN]
        return " ".join(map(quote_word, words)) + "\n"

    news = "create-mail-sender --sender-name news --set enabled:true --set from-address:a@b.c --set mail-server:good\n"
    batch = place / "batch"
    batch.write_text(line("good", fake.port) + news + line("off", 1, "false") + line("bad", refusing.port))
    policy("test")
    refused = run("-F", str(batch))
    assert (refused.status, names()) == (46, [])
    assert f"{batch}:4:" in refused.err
    assert fake.connections == 1  # the server and its sender are one test
    single = run("-F", str(batch), "--batch-continue-on-error")
    assert (single.status, names()) == (46, ["good", "off"])
    assert [line.split()[2] for line in single.out.splitlines() if line.startswith("Configuration saved: ")] == [
        "/mail-server/good",
        "/mail-sender/news",
    ]
    assert run("-F", str(batch), "--batch-continue-on-error", "--no-test").status == 13  # two are there
    assert "bad" in names()
    batch.write_text(f"set-mail-server-prop {' '.join(ONE)} --set enabled:true --no-test\n")
    assert "--no-test applies to a whole batch" in run("-F", str(batch)).err


def test_apply_copy_and_undo_test_what_they_save(refusing: FakeSmtp, place: Path) -> None:
    create(refusing.port, *LOGIN)
    document, copied = place / "document.ldif", f"ldif:{place}/copy.ldif"
    document.write_text(run("export", "--format", "ldif").out)
    policy("test")
    assert change("--set", "enabled:false").status == 0
    assert run("apply", str(document)).status == 46
    assert run("undo", "3").status == 46
    assert run("undo", "3", "--no-test").status == 0
    assert noted() == ["untested", "", "", "declined"]
    copying = ("copy", f"ldif:{place}/config.ldif", copied)
    assert run(*copying).status == 46
    assert run("list-mail-servers", "--url", copied, "-s").out == ""
    refusing.script = {**refusing.script, "AUTH": b"235 2.7.0 ok\r\n"}
    assert run(*copying).status == 0
    history = json.loads(run("history", "--output", "json", "--url", copied).out)
    assert "tested" in [one.get("test") for one in history["changes"][0]["changes"]]
    assert change("--set", "enabled:false").status == 0
    applied = run("apply", str(document))
    assert "Configuration saved: /mail-server/one was tested" in applied.out
    assert run("undo", "5").status == 11  # a later change touched it
    assert run("undo", "--to", "4").status == 0
    assert noted()[-2:] == ["tested", ""]


def test_a_rename_tests_nothing(fake: FakeSmtp) -> None:
    create(fake.port)
    sender()
    policy("test")
    renamed = run("rename", "mail-server", *ONE, "--to", "two")
    assert (renamed.status, renamed.out, renamed.err) == (0, "", "")
    assert fake.connections == 0


def test_a_rename_tests_nothing_where_it_seals_a_secret_again(
    fake: FakeSmtp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret is bound to the name of its object, and to what it travels with; it is still the same."""
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(place / "keys"))
    assert run("seal", "init").status == 0
    run("create-trust-manager-provider", "--provider-name", "t", "--type", "system", "--set", "enabled:true")
    values = ("--set", "use-start-tls:true", "--set", "trust-manager-provider:t", "--set", f"auth-password:{CANARY}")
    address = ("--set", f"smtp-server:127.0.0.1:{fake.port}", "--set", "auth-username:ann", "--set", "enabled:true")
    assert run("create-mail-server", *ONE, *address, *values, "--no-test").status == 0
    silent = Outcome(0, "", "")
    assert run("rename", "trust-manager-provider", "--provider-name", "t", "--to", "u") == silent
    assert run("rename", "mail-server", *ONE, "--to", "two") == silent
    policy("test")
    assert run("rename", "trust-manager-provider", "--provider-name", "u", "--to", "v") == silent
    assert run("rename", "mail-server", "--server-name", "two", "--to", "one") == silent
    assert fake.connections == 0
    change("--set", "auth-password:another")
    assert fake.connections, "a secret that is given is a change"


def test_a_sealed_secret_without_keys_asks_for_the_keys(
    fake: FakeSmtp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(place / "keys"))
    assert run("seal", "init").status == 0
    assert create(fake.port, *LOGIN, "--no-test").status == 0
    monkeypatch.delenv(KEY_FILE_VARIABLE)
    refused = change("--add", "smtp-property:mail.smtp.timeout=7000", "--test")
    assert (refused.status, fake.connections) == (30, 0)
    assert f"  remedy: let {KEY_FILE_VARIABLE} name the file of the keys" in refused.err
    assert "--define" not in refused.err, "no value that is given takes the place of a sealed one"


def test_a_change_of_what_a_server_refers_to_does_not_test_it(refusing: FakeSmtp) -> None:
    run("create-trust-manager-provider", "--provider-name", "t", "--type", "blind", "--set", "enabled:true")
    create(refusing.port, "--set", "trust-manager-provider:t")
    policy("test")
    set_ = ["set-trust-manager-provider-prop", "--provider-name", "t", "--set", "enabled:false"]
    assert run(*set_).status == 0
    assert refusing.connections == 0


def test_interactive_mode_asks_whether_to_save_what_does_not_work(refusing: FakeSmtp) -> None:
    create(refusing.port, *LOGIN, enabled="false")
    policy("test")
    with dialogue() as person:
        person.answer("Choice: ", "mail server")
        person.answer("Choice [b]: ", "view")
        person.answer("Choice [b]: ", "1")
        person.answer("Choice [f]: ", "enabled")
        person.answer("Choice [1]: ", "2")
        person.answer("Choice [b]: ", "true")
        for answer in ("", "yes"):
            person.answer("Choice [f]: ", "f")
            person.answer("Do it? (yes / no) [yes]: ", "")
            person.until("the test failed: nothing was saved")
            assert noted() == ["", ""]
            person.answer("Save it without a test? (yes / no) [no]: ", answer)
        person.until('Configuration saved. The Mail Server "one" was changed.')
        person.answer("Choice [b]: ", "q")
        assert person.ends() == 0
    assert noted() == ["", "", "declined"]


# -- expressions -----------------------------------------------------------------------------------------------------


def test_a_test_uses_the_environment_or_the_file_in_its_place(
    fake: FakeSmtp, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy("test")
    values = ("--set", "auth-username:&{mail.user}", "--set", "auth-password:&{mail.password}", "--set", INSECURE)
    refused = create(fake.port, *values)
    assert (refused.status, fake.connections, names()) == (30, 0, [])
    assert refused.err.count("give the value with --define TOKEN=VALUE or --env-file FILE; --no-test saves it") == 2
    (place / "env").write_text(f"MAIL_USER=ann\nMAIL_PASSWORD={CANARY}\n")
    saved = create(fake.port, *values, "--env-file", str(place / "env"))
    assert (saved.status, "logged in with PLAIN" in saved.out) == (0, True)
    assert CANARY not in saved.out + saved.err + (place / "config.ldif").read_text()
    assert run("test-mail-server", *ONE).status == 30
    assert run("test-mail-server", *ONE, "--env-file", str(place / "env")).status == 0
    assert run("send-test-email", *ONE, "--to", "a@example.com", "--env-file", str(place / "env")).status == 0
    monkeypatch.setenv("MAIL_USER", "bob")
    monkeypatch.setenv("MAIL_PASSWORD", CANARY)
    assert change("--add", "smtp-property:mail.smtp.timeout=9000").status == 0
    assert run("check", "--env-file", str(place / "none")).status == 30


# -- stored secrets --------------------------------------------------------------------------------------------------


def test_a_stored_secret_is_not_sent_to_another_server(fake: FakeSmtp, refusing: FakeSmtp) -> None:
    create(fake.port, *LOGIN)
    for option in ("--test", ""):
        policy("warn-untested" if option else "test")
        refused = change("--set", f"smtp-server:127.0.0.1:{refusing.port}", *filter(None, [option]))
        assert (refused.status, refusing.connections) == (11, 0)
        assert "a change of smtp-server needs auth-password to be given again" in refused.err
        assert "--no-test saves it without a test" in refused.err
    assert change("--set", f"smtp-server:127.0.0.1:{refusing.port}", "--no-test").status == 0
    assert refusing.connections == 0


# -- other writers ---------------------------------------------------------------------------------------------------


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something in the middle of every test."""
    real = check.check_server

    def tested(*args: object, **options: object) -> object:
        act()
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "check_server", tested)


@pytest.fixture(params=["file", "slapd"])
def url(request: pytest.FixtureRequest, place: Path) -> str:
    """The URL of an empty configuration."""
    if request.param == "file":
        return f"ldif:{place}/other.ldif"
    server: Slapd = request.getfixturevalue("slapd")
    return str(server.socket_url) + quote(f"cn=saving {next(NUMBERS)},{GUARDED}")


SERVER = {
    "enabled": "true",
    "use-start-tls": "false",
    "smtp-property": "confobjects.allow-insecure=no-tls,login-in-clear",
}


def test_nobody_waits_for_a_test(url: str, fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others write while a test runs; what they do with other objects changes nothing."""
    tests = confobjects.save_tests("always")
    address = {"smtp-server": f"127.0.0.1:{fake.port}"}

    def write() -> None:
        with open_any(url) as other:
            other.create("trust-manager-provider", f"t{next(NUMBERS)}", {"enabled": "true"}, type="blind")
            other.create("mail-server", f"other {next(NUMBERS)}", {**SERVER, "smtp-server": "x"})

    with open_any(url) as context:
        meanwhile(monkeypatch, write)
        report = context.create("mail-server", "one", {**SERVER, **address}, tests=tests)
        assert [one.test for one in report.changes] == ["tested"]
        standing = context.verification("mail-server", "one")
        assert (standing.state, standing.record.depth if standing.record else "") == ("passed", "auth")
        assert "one" in [one.name for one in context.list("mail-server")]


@pytest.mark.parametrize("target", ["itself", "provider"])
def test_what_somebody_else_changes_during_a_test_is_not_overwritten(
    url: str, target: str, fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_any(url) as context:
        context.create("trust-manager-provider", "t", {"enabled": "true"}, type="blind")
        values = {**SERVER, "smtp-server": f"127.0.0.1:{fake.port}", "trust-manager-provider": "t"}
        context.create("mail-server", "one", values)

        def write() -> None:
            with open_any(url) as other:
                if target == "itself":
                    other.modify("mail-server", "one", PropertyChanges(set={"auth-username": ["eve"]}))
                else:
                    other.modify("trust-manager-provider", "t", PropertyChanges(set={"enabled": ["false"]}))

        meanwhile(monkeypatch, write)
        changes = PropertyChanges(add={"smtp-property": ["mail.smtp.timeout=70000"]})
        with pytest.raises(ChangedMeanwhileError, match="while it was tested: nothing was saved"):
            context.modify("mail-server", "one", changes, tests=confobjects.save_tests("always"))
        assert len(context.get("mail-server", "one").values["smtp-property"]) == 1


def test_python_connects_nowhere_unless_it_is_asked_to(fake: FakeSmtp, refusing: FakeSmtp, place: Path) -> None:
    with open_any(f"ldif:{place}/python.ldif") as context:
        context.modify("mail-service", (), PropertyChanges(set={"save-policy": ["test"]}))
        bad = {**SERVER, "smtp-server": f"127.0.0.1:{refusing.port}", "auth-username": "a", "auth-password": "b"}
        report = context.create("mail-server", "quiet", bad)
        assert ([one.test for one in report.changes], refusing.connections) == ([""], 0)
        assert not [one for one in report.warnings if "test" in one.summary]
        with pytest.raises(MailError) as refused:
            context.create("mail-server", "one", bad, tests=confobjects.save_tests())
        assert (refused.value.exit_code, refused.value.stage) == (46, "auth")
        never = confobjects.save_tests("never")
        assert context.create("mail-server", "two", bad, tests=never).changes[0].test == "declined"
        with pytest.raises(ConstraintError):  # what cannot be saved is not tested either
            context.create("mail-server", "three", {**bad, "use-ssl": "true", "use-start-tls": "true"}, tests=never)
        assert refusing.connections == 1
        good = {**bad, "smtp-server": f"127.0.0.1:{fake.port}"}
        assert context.create("mail-server", "four", good, tests=confobjects.save_tests()).changes[0].test == "tested"


def test_a_sealed_secret_is_tested_as_it_is(fake: FakeSmtp, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(place / "keys"))
    policy("test")
    assert run("seal", "init").status == 0
    assert create(fake.port, *LOGIN).status == 0
    assert CANARY not in (place / "config.ldif").read_text()
    assert change("--add", "smtp-property:mail.smtp.timeout=7000").status == 0
    with FakeSmtp() as other:
        moved = ("--set", f"smtp-server:127.0.0.1:{other.port}")
        assert change(*moved).status == 11
        assert change(*moved, "--set", f"auth-password:{CANARY}").status == 0
    assert [command.split()[0] for command in fake.commands].count("AUTH") == 2


# -- a real mail server, a directory ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postfix() -> Iterator[SimpleNamespace]:
    """A running Postfix, and the file with the authority that it is trusted by."""
    with ExitStack() as stack:
        directory = stack.enter_context(open_directory("postfix"))
        authority = Authority()
        (directory / "ca.pem").write_bytes(authority.pem)
        running = stack.enter_context(Postfix(directory / "root", authority.issue("localhost", "127.0.0.1")))
        yield SimpleNamespace(ports=running.ports, authority=directory / "ca.pem")


def test_a_real_mail_server_over_each_storage(postfix: SimpleNamespace, url: str) -> None:
    at = ("--url", url)
    trust = ("--provider-name", "ca", "--type", "file-based", "--set", "enabled:true")
    path = ("--set", f"trust-store-file:{postfix.authority}")
    assert run("create-trust-manager-provider", *trust, *path, *at).status == 0
    assert run("set-mail-service-prop", "--set", "save-policy:test", *at).status == 0
    values = [
        *("--set", "enabled:true", "--set", f"smtp-server:127.0.0.1:{postfix.ports['submission']}"),
        *("--set", "trust-manager-provider:ca", "--set", f"auth-username:{USER}@{REALM}"),
    ]
    wrong = run("create-mail-server", *ONE, *values, "--set", "auth-password:wrong", *at)
    assert (wrong.status, run("list-mail-servers", "-s", *at).out) == (46, "")
    saved = run("create-mail-server", *ONE, *values, "--set", f"auth-password:{PASSWORD}", *at)
    assert saved.status == 0, saved.err
    assert "Configuration saved: /mail-server/one was tested (depth auth" in saved.out
    clear = run("set-mail-server-prop", *ONE, "--set", "use-start-tls:false", *at, "--set", f"auth-password:{PASSWORD}")
    assert clear.status == 46  # the plan does not send a password in clear
    found = json.loads(run("history", "--output", "json", *at).out)["changes"]
    assert [one["changes"][0].get("test", "") for one in found] == ["", "", "tested"]


# -- the table of checks ---------------------------------------------------------------------------------------------


def test_each_check_has_a_definition_that_names_it() -> None:
    named = {one.verification.check for one in load_registry() if one.verification is not None}
    assert set(CHECKS) <= named
