"""The commands of the mail service, between processes: accepted by one, delivered by another, through a real Postfix."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Final
from urllib.parse import quote

import pytest

import confobjects
from confobjects.service.current import CurrentSetting
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.rules.settings import MINUTE
from confobjects.service.rules.states import LEASE, State
from confobjects.service.runner import Runner
from tests.cli.sessions import Outcome, run
from tests.cli.watchers import LONG
from tests.opening import open_any
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp
from tests.servers.fixtures import GUARDED
from tests.servers.postfix import PASSWORD, USER, Postfix
from tests.servers.processes import memory_directory, remove
from tests.servers.slapd import Slapd
from tests.service.conftest import Clock
from tests.service.places import change, change_service, fill_place, make_place
from tests.service.processes import UNSEALED, ServiceProcess, open_ledger_at, wait_until
from tests.service.test_serving import Slow

TEXT: Final = ("--subject", "hello", "--body", "text")


@pytest.fixture(scope="module")
def postfix() -> Iterator[SimpleNamespace]:
    """A Postfix that wants TLS and a login, and the file of its authority."""
    authority, place = Authority(), memory_directory("postfix")
    (place / "authority.pem").write_bytes(authority.pem)
    with Postfix(place / "root", authority.issue("localhost", "127.0.0.1")) as server:
        yield SimpleNamespace(server=server, port=server.ports["submission"], trust=str(place / "authority.pem"))
    remove(place)


@pytest.fixture
def url(tmp_path: Path, postfix: SimpleNamespace) -> str:
    """A configuration whose senders send through Postfix; ``own`` is the active one."""
    made = make_place(tmp_path, sender="own")
    with open_any(made) as context:
        trust = {"enabled": True, "trust-store-file": postfix.trust}
        context.create("trust-manager-provider", "tests", trust, type="file-based-trust-manager-provider")
        server = {
            "enabled": True,
            "smtp-server": f"localhost:{postfix.port}",
            "auth-username": f"{USER}@mx.test",
            "auth-password": PASSWORD,
            "trust-manager-provider": "tests",
        }
        context.create("mail-server", "postfix", server)
    for name in ("own", "news"):
        change(made, "mail-sender", name, {"mail-server": "postfix"})
    return made


def send(url: str, *words: str, to: str = "ann@x.test") -> Outcome:
    """Hand a mail in by the command."""
    return run("send-mail", "--url", url, UNSEALED, "--to", to, *(words or TEXT))


def accepted(url: str, *words: str, to: str = "ann@x.test") -> str:
    """Hand a mail in, and return its id."""
    outcome = send(url, *(words or TEXT), "--output", "json", to=to)
    assert outcome.status == 0, outcome
    made: str = json.loads(outcome.out)["id"]
    return made


def wait_for(url: str, made: str, state: State = State.DELIVERED) -> None:
    with open_ledger_at(url) as ledger:
        wait_until(lambda: ledger.find(made).state is state)


def was_tried(url: str, mail: str) -> bool:
    with open_ledger_at(url) as ledger:
        return ledger.find(mail).parts[0].recipients[0].tries > 0


def senders_in(log: str, to: str) -> list[str]:
    """Return the envelope senders of the mails to an address, in the order in which Postfix got rid of them."""
    by_queue = dict(re.findall(r" (\w+): from=<([^>]*)>", log))
    return [by_queue[queue] for queue in re.findall(rf" (\w+): to=<{re.escape(to)}>", log)]


# -- accepted and delivered --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_one_command_accepts_another_delivers(number: int, url: str, postfix: SimpleNamespace) -> None:
    to = f"one{number}@x.test"
    made = accepted(url, to=to)
    with ServiceProcess(url).wait_for_start() as service:
        wait_for(url, made)
        assert service.end(number) == 0
    wait_until(lambda: senders_in(postfix.server.log, to) == ["own@example.com"])


def test_what_people_and_scripts_are_told(url: str) -> None:
    shown = send(url)
    assert re.fullmatch(r"accepted as \w+: from own@example.com to ann@x.test\n", shown.out)
    assert re.fullmatch(r"\w+\n", send(url, *TEXT, "-s").out)
    two = send(url, *TEXT, "--to", "bob@x.test", "--dry-run")
    assert two.out == "would accept a mail from own@example.com to 2 recipients\n"
    with open_ledger_at(url) as ledger:
        assert len(ledger.list()) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--subject", "x", "--to", "a@x.test", "--body", "x", "--body-file", "y"], "exclude"),
        (["--subject", "x"], "--to is needed"),
        (["--subject", "x", "--to", "a@x.test", "--end-at-dot"], "standard input"),
        (["--to", "a@x.test", "--body-file", "no such file"], "cannot be read"),
        (["--to", "a@x.test", "--subject", "x", "--category", "Big"], "category"),
    ],
)
def test_what_is_typed_wrongly(words: list[str], said: str, url: str) -> None:
    outcome = run("send-mail", "--url", url, UNSEALED, *words)
    assert (outcome.status, outcome.out) == (2, "")
    assert said in outcome.err


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"enabled": False}, "disabled"),
        ({"sender": None}, "default-sender"),
        ({"use_custom_sender": False}, "default-sender"),
    ],
)
def test_what_is_not_accepted_is_told_with_its_reason(url: str, values: dict[str, object], said: str) -> None:
    change_service(url, **values)
    outcome = send(url)
    assert (outcome.status, outcome.out) == (24, "")
    assert said in outcome.err
    assert "remedy" in outcome.err


def test_without_keys_neither_command_opens_a_ledger(url: str) -> None:
    for words in (["send-mail", "--to", "a@x.test", *TEXT], ["run-mail-service"]):
        outcome = run(*words, "--url", url)
        assert outcome.status == 25, outcome
        assert "CONFOBJECTS_SEAL_KEY_FILE" in outcome.err
        assert UNSEALED in outcome.err


# -- one active sender, which can be changed while the service runs ----------------------------------------------------


def test_one_sender_is_active_and_another_one_counts_from_the_next_mail_on(url: str, postfix: SimpleNamespace) -> None:
    to = "changing@x.test"
    with ServiceProcess(url).wait_for_start() as service:
        for values in ({}, {"sender": "news"}, {"sender": "own"}):
            change_service(url, **values)
            wait_for(url, accepted(url, to=to))
        assert service.process.poll() is None
    found = ["own@example.com", "news@example.com", "own@example.com"]
    wait_until(lambda: senders_in(postfix.server.log, to) == found)


def test_the_active_sender_is_not_deleted_and_it_is_said_how_to_go_back(url: str) -> None:
    outcome = run("delete-mail-sender", "--url", url, "--sender-name", "own", "--no-prompt")
    assert outcome.status == 14
    assert "first, or reset it: set-mail-service-prop --reset sender\n" in outcome.err
    change_service(url, default_sender="news", sender=None)
    assert run("delete-mail-sender", "--url", url, "--sender-name", "own", "--no-prompt").status == 0
    with open_ledger_at(url) as ledger:
        assert ledger.find(accepted(url)).sender == "news"


def test_without_the_own_sender_the_default_one_delivers_and_nothing_stops(url: str, postfix: SimpleNamespace) -> None:
    to = "unticked@x.test"
    change_service(url, default_sender="news")
    with ServiceProcess(url).wait_for_start() as service:
        waiting = [accepted(url, to=to)]
        for used in (False, True):
            change_service(url, use_custom_sender=used)
            waiting.append(accepted(url, to=to))
        for made in waiting:
            wait_for(url, made)
        assert service.process.poll() is None
    found = Counter({"own@example.com": 2, "news@example.com": 1})
    wait_until(lambda: Counter(senders_in(postfix.server.log, to)) == found)


def test_a_wrong_password_is_tried_three_times_in_an_hour(
    url: str, postfix: SimpleNamespace, tmp_path: Path, clock: Clock
) -> None:
    with confobjects.live(url) as live, CurrentSetting(lambda: live.configuration) as current:
        ledger: Ledger = open_ledger(f"sqlite:{tmp_path / 'hour'}", unsealed=True, clock=clock)
        runner = Runner(ledger, current.read)
        change(url, "mail-server", "postfix", {"auth-password": "wrong"})
        assert live.wait_until(lambda: live["mail-server", "postfix"]["auth-password"] == "wrong", LONG)
        before = postfix.server.log.count("authentication failed")
        mail = Mail(b"Subject: x\r\n\r\n", "own@example.com", ("hour@x.test",), sender="own")
        ids = [ledger.accept(mail, current.read().settings) for _ in range(3)]
        for _ in range(60):
            runner.run_once()
            clock.now += MINUTE
        assert postfix.server.log.count("authentication failed") - before == 3
        change(url, "mail-server", "postfix", {"auth-password": PASSWORD})
        assert live.wait_until(lambda: live["mail-server", "postfix"]["auth-password"] == PASSWORD, LONG)
        clock.now += 6 * 60 * MINUTE
        runner.run_once()
        assert [ledger.find(one).state for one in ids] == [State.DELIVERED] * 3
        ledger.close()


# -- many, and kills ---------------------------------------------------------------------------------------------------


def test_ten_thousand_recipients(url: str) -> None:
    words = [word for n in range(10_000) for word in ("--to", f"u{n}@x.test")]
    made = accepted(url, *TEXT, *words[2:], to="u0@x.test")
    with ServiceProcess(url).wait_for_start(), open_ledger_at(url) as ledger:
        wait_until(lambda: ledger.find(made).state is State.DELIVERED)
        parts = ledger.find(made).parts
    reached = {one.address for part in parts for one in part.recipients if one.state is State.DELIVERED}
    assert (len(parts), len(reached)) == (100, 10_000)


def finish_later(url: str) -> None:
    """Let a runner do what is left, at a time when all leases have ended."""
    configuration = confobjects.load(url)
    with open_ledger_at(url) as ledger:
        path, now = ledger.database.name, ledger.database.now()
    with (
        open_ledger(path, unsealed=True, clock=lambda: now + 2 * LEASE) as ledger,
        CurrentSetting(lambda: configuration) as current,
    ):
        Runner(ledger, current.read).run_once()


@pytest.mark.parametrize(
    ("stage", "state"), [("MAIL", State.DELIVERED), (".", State.UNKNOWN)], ids=["before", "sending"]
)
def test_what_a_killed_service_leaves_is_sent_by_the_next_unless_it_may_have_arrived(
    stage: str, state: State, tmp_path: Path
) -> None:
    slow = Slow()
    with FakeSmtp({stage: slow}) as fake:
        url = make_place(tmp_path, fake.port, sender="own")
        made = accepted(url)
        with ServiceProcess(url, "--runners", "1").wait_for_start() as service:
            assert slow.asked.wait(LONG)
            assert service.end(signal.SIGKILL) == -signal.SIGKILL
        slow.may_answer.set()
        finish_later(url)
        wait_for(url, made, state)
        assert len(fake.messages) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_services_on_one_ledger_send_each_mail_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with FakeSmtp() as fake:
        ledger_url = None if kind == "sqlite" else request.getfixturevalue("postgresql").make_database()
        url = make_place(tmp_path, fake.port, sender="own", ledger=ledger_url)
        with ServiceProcess(url).wait_for_start(), ServiceProcess(url).wait_for_start(), open_ledger_at(url) as ledger:
            with confobjects.mail_service(url, environment={}, unsealed=True) as service:
                ids = [service.send(to="ann@x.test", subject=str(n), body="x") for n in range(200)]
            wait_until(lambda: all(ledger.find(one).state is State.DELIVERED for one in ids))
        found = Counter(re.findall(rb"Subject: (\d+)", b"".join(fake.messages)))
    assert (len(found), set(found.values())) == (200, {1})


# -- the process -------------------------------------------------------------------------------------------------------


def test_it_waits_for_a_configuration_that_is_not_there_yet(tmp_path: Path) -> None:
    with FakeSmtp() as fake, ServiceProcess(f"ldif:{tmp_path / 'config.ldif'}") as service:
        assert "config.ldif" in service.err.until(lambda line: "log:" in line)
        url = make_place(tmp_path, fake.port, sender="own")
        service.wait_for_start()
        wait_for(url, accepted(url))
    with ServiceProcess(f"ldif:{tmp_path / 'nothing.ldif'}") as service:
        service.err.until(lambda line: "log:" in line)
        assert service.end() == 0
    with ServiceProcess(f"ldif:{tmp_path / 'nothing.ldif'}", "--timeout", "0") as service:
        assert service.process.wait(LONG) == 31


def test_a_configuration_in_a_directory_has_its_ledger_below_the_state_of_the_user(
    slapd: Slapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    url = str(slapd.socket_url) + quote(f"cn=mail service,{GUARDED}")
    with FakeSmtp() as fake:
        fill_place(url, fake.port, sender="own")
        outcome = send(url, *TEXT, "-s")
        assert outcome.status == 0, outcome
        with ServiceProcess(url).wait_for_start() as service:
            wait_until(lambda: fake.messages)
            assert service.end() == 0
    found = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert {path.parent.name for path in found} == {"ledger"}
    assert {path.stat().st_mode & 0o777 for path in [*found, *(path.parent for path in found)]} == {0o600, 0o700}


def test_it_tells_systemd_and_followers(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(LONG)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "CONFOBJECTS_FOLLOWER": "mail-1"}
        with ServiceProcess(url, env=env) as service:
            assert manager.recv(1000).startswith(b"READY=1\n")
            wait_until(lambda: "mail-1" in run("followers", "--url", url).out)
            assert service.end() == 0
        told = [manager.recv(1000)]
        while told[-1] != b"STOPPING=1":
            told.append(manager.recv(1000))


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    slow = Slow()
    with FakeSmtp({".": slow}) as fake:
        url = make_place(tmp_path, fake.port, sender="own")
        accepted(url)
        with ServiceProcess(url).wait_for_start() as service:
            assert slow.asked.wait(LONG)
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _is_default(service.process.pid, signal.SIGTERM))
            assert service.end(signal.SIGTERM) == -signal.SIGTERM
        slow.may_answer.set()


def _is_default(process: int, number: int) -> bool:
    """Tell whether a process has no handler for a signal any more (proc(5))."""
    status = Path(f"/proc/{process}/status").read_text()
    caught = int(re.findall(r"SigCgt:\s*(\w+)", status)[0], 16)
    return not caught & (1 << (number - 1))


def test_what_it_would_run_with(url: str) -> None:
    outcome = run("run-mail-service", "--url", url, "--dry-run", "--runners", "2")
    ledger = f"{url.replace('ldif:', 'sqlite:')}.ledger"
    assert outcome.out == f"would run with {ledger}, 2 runners; accepts mail; sender own\n"
    assert not Path(ledger.removeprefix("sqlite:")).exists()


# -- who is told -------------------------------------------------------------------------------------------------------


def test_a_running_service_tells_operators_that_a_sender_is_stopped(url: str, postfix: SimpleNamespace) -> None:
    ops = "ops-of-the-process@x.test"
    with open_any(url) as context:
        values = context.get("mail-server", "postfix").values
        kept = {name: values[name] for name in ("enabled", "smtp-server", "auth-username", "trust-manager-provider")}
        context.create("mail-server", "wrong", {**kept, "auth-password": "wrong"})
    change_service(url, default_sender="news")
    with ServiceProcess(url, env={"CONFOBJECTS_FOLLOWER": "mail-1"}).wait_for_start() as service:
        handler = ("--handler-name", "ops", "--type", "smtp", "--set", "enabled:true")
        made = run("create-alert-handler", "--url", url, *handler, "--set", f"recipient-address:{ops}")
        assert made.status == 0, made
        words = ("--sender-name", "own", "--set", "mail-server:wrong", "--wait", "60")
        assert run("set-mail-sender-prop", "--url", url, *words).status == 0
        for number in range(3):
            mail = accepted(url, to=f"{number}@refused-login.test")
            wait_until(partial(was_tried, url, mail))
        wait_until(lambda: senders_in(postfix.server.log, ops) == ["news@example.com"])
        assert service.end() == 0
    assert postfix.server.log.count("authentication failed") >= 3


def test_a_handler_is_tried_whether_it_is_enabled_or_not(url: str) -> None:
    handler = ("--handler-name", "ops")
    recipients = ("--set", "recipient-address:ann@x.test", "--set", "recipient-address:bob@x.test")
    values = ("--set", "enabled:false", "--set", "sender:news", "--set", "message-subject:[x] %%alert-message%%")
    assert run("create-alert-handler", "--url", url, *handler, "--type", "smtp", *values, *recipients).status == 0

    def try_it(*words: str) -> Outcome:
        return run("test-alert-handler", "--url", url, UNSEALED, *handler, *words)

    assert try_it("--dry-run").out == "would accept a mail from news@example.com to 2 recipients\n"
    made = json.loads(try_it("--output", "json").out)
    assert (made["sender"], made["from"], made["recipients"]) == ("news", "news@example.com", 2)
    with open_ledger_at(url) as ledger:
        [entry] = ledger.list()
        assert (entry.id, entry.category) == (made["id"], "alert")
        [recipients_of] = [[one.address for one in part.recipients] for part in entry.parts]
        assert recipients_of == ["ann@x.test", "bob@x.test"]
    change_service(url, enabled=False)
    refused = try_it()
    assert (refused.status, refused.out) == (24, "")
    assert "the mail service is disabled" in refused.err
