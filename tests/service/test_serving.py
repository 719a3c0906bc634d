"""The mail service as programs use it: accepted is kept, what is changed counts from the next mail on, the end is in order."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import LedgerError, NoSuchObjectError, NotAcceptedError, UsageError
from confobjects.service import installed
from confobjects.service.current import CurrentSetting
from confobjects.service.rules.states import State
from confobjects.service.runner import Setting
from confobjects.service.serving import MailService
from tests.servers.fake_smtp import FakeSmtp, Session
from tests.service.places import change, change_service, make_place
from tests.transport.sending import fork

LONG = 60.0


def wait_until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


def open_service(url: str, **options: Any) -> MailService:
    return confobjects.mail_service(url, environment={}, unsealed=True, **options)


def send(service: MailService, subject: str = "hello", to: str = "ann@x.test", **more: Any) -> str:
    return service.send(to=to, subject=subject, body="text\n", **more)


def is_delivered(service: MailService, made: str) -> bool:
    return service.ledger.find(made).state is State.DELIVERED


def wait_for_change(service: MailService, url: str) -> None:
    """Wait until the service has the last change of a configuration in effect."""
    with confobjects.open(url) as context:
        number = context.history()[-1].number
    live: Any = service._opened
    assert live.wait_for(number, LONG)


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


# -- accepting ---------------------------------------------------------------------------------------------------------


def test_what_is_accepted_is_kept_and_whoever_runs_the_service_delivers_it(tmp_path: Path, fake: FakeSmtp) -> None:
    url = make_place(tmp_path, fake.port, sender="own")
    with open_service(url) as service:
        made = send(service)
    assert fake.connections == 0
    with open_service(url) as service:
        assert service.ledger.find(made).state is State.QUEUED
        service.start()
        wait_until(lambda: is_delivered(service, made))
    [message] = fake.messages
    assert b"From: own@example.com\r\n" in message
    assert any(command.startswith("MAIL FROM:<own@example.com>") for command in fake.commands)


def test_a_loaded_configuration_and_a_live_one_can_be_given(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own")
    with confobjects.live(url) as live:
        for given in (live, confobjects.load(url)):
            with confobjects.mail_service(given, environment={}, unsealed=True) as service:
                assert send(service)
        assert live["mail-service"]["enabled"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"enabled": False, "sender": "own"}, "disabled"),
        ({}, "default-sender"),
        ({"sender": "own", "use_custom_sender": False}, "default-sender"),
    ],
)
def test_a_service_that_takes_nothing_says_why(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    with (
        open_service(make_place(tmp_path, **values)) as service,
        pytest.raises(NotAcceptedError, match=said) as refusal,
    ):
        send(service)
    assert refusal.value.exit_code == 24


def test_a_sender_can_be_chosen_by_name(tmp_path: Path) -> None:
    url = make_place(tmp_path, sender="own")
    change(url, "mail-sender", "news", {"enabled": False})
    with open_service(url) as service:
        with pytest.raises(NotAcceptedError, match="disabled"):
            send(service, sender="news")
        with pytest.raises(NoSuchObjectError):
            send(service, sender="nobody")
        assert service.ledger.find(send(service, sender="OWN")).sender == "own"
        with pytest.raises(NotAcceptedError, match="not a mail address"):
            send(service, to="nobody")
        with pytest.raises(UsageError, match="category"):
            send(service, category="Account")


def test_mails_of_a_limited_category_are_counted(tmp_path: Path) -> None:
    with open_service(make_place(tmp_path, sender="own", recipient_limit=1)) as service:
        send(service, category="account")
        send(service)
        with pytest.raises(NotAcceptedError, match="quota"):
            send(service, category="account")


def test_without_keys_it_begins_only_if_that_is_wanted(tmp_path: Path) -> None:
    url = make_place(tmp_path)
    with pytest.raises(LedgerError, match="keys"), confobjects.mail_service(url, environment={}):
        pass


def test_what_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"confobjects\[service\]"):
        open_service(make_place(tmp_path))


def test_it_is_used_while_it_is_open_and_by_the_process_that_has_opened_it(tmp_path: Path) -> None:
    service = open_service(make_place(tmp_path, sender="own"))
    with pytest.raises(UsageError, match="enter"):
        send(service)

    def send_from_child() -> None:
        with pytest.raises(UsageError, match="fork"):
            send(service)
        with pytest.raises(UsageError, match="fork"):
            service.start()

    with service:
        send(service)
        _, status = os.waitpid(fork(send_from_child), 0)
        assert status == 0
        assert len(service.ledger.list()) == 1
    for use in (service.start, service.run, partial(send, service)):
        with pytest.raises(UsageError, match="enter"):
            use()


# -- changes while it runs ---------------------------------------------------------------------------------------------


def test_another_sender_counts_from_the_next_mail_on(tmp_path: Path, fake: FakeSmtp) -> None:
    url = make_place(tmp_path, fake.port, sender="own", default_sender="news")
    with open_service(url) as service:
        service.start()
        found = []
        for values in ({}, {"sender": "news"}, {"sender": "own", "use_custom_sender": False}, {"sender": None}):
            change_service(url, **values)
            wait_for_change(service, url)
            made = send(service)
            wait_until(partial(is_delivered, service, made))
            found.append(service.ledger.find(made).from_)
    assert found == ["own@example.com", "news@example.com", "news@example.com", "news@example.com"]


def test_the_service_can_be_disabled_and_what_it_has_is_delivered(tmp_path: Path, fake: FakeSmtp) -> None:
    url = make_place(tmp_path, fake.port, sender="own")
    with open_service(url) as service:
        made = send(service)
        change_service(url, enabled=False)
        wait_for_change(service, url)
        with pytest.raises(NotAcceptedError, match="disabled"):
            send(service)
        service.start()
        wait_until(lambda: is_delivered(service, made))


def test_another_ledger_counts_when_the_service_was_disabled_and_enabled(tmp_path: Path, fake: FakeSmtp) -> None:
    url = make_place(tmp_path, fake.port, sender="own")
    with open_service(url) as service:
        service.start()
        change_service(url, ledger="sqlite:other.ledger")
        wait_for_change(service, url)
        first = service.ledger
        assert first.database.name.endswith("config.ldif.ledger")
        for enabled in (False, True):
            change_service(url, enabled=enabled)
            wait_for_change(service, url)
        made = send(service)
        assert service.ledger is not first
        assert (tmp_path / "other.ledger").exists()
        wait_until(lambda: is_delivered(service, made))
        assert first.count_states()[State.DELIVERED] == 0


def test_a_ledger_that_cannot_be_opened_takes_nothing_and_stops_nothing(tmp_path: Path, fake: FakeSmtp) -> None:
    url = make_place(tmp_path, fake.port, sender="own")
    with open_service(url) as service:
        made = send(service)
        for values in ({"ledger": f"sqlite:{tmp_path}/missing/ledger"}, {"enabled": False}, {"enabled": True}):
            change_service(url, **values)
            wait_for_change(service, url)
        with pytest.raises(LedgerError):
            send(service)
        (tmp_path / "missing").mkdir()
        other = send(service)
        service.start()
        wait_until(lambda: is_delivered(service, other))
    with open_service(url) as service, pytest.raises(NoSuchObjectError):
        service.ledger.find(made)


# -- running -----------------------------------------------------------------------------------------------------------


def test_run_ends_when_it_is_told_to(tmp_path: Path, fake: FakeSmtp) -> None:
    with open_service(make_place(tmp_path, fake.port, sender="own"), runners=2) as service:
        made = send(service)
        thread = threading.Thread(target=service.run)
        thread.start()
        wait_until(lambda: is_delivered(service, made))
        service.stop()
        thread.join(LONG)
        assert not thread.is_alive()
        with pytest.raises(UsageError, match="once"):
            service.start()


def test_a_runner_that_fails_is_replaced(
    tmp_path: Path, fake: FakeSmtp, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [RuntimeError("a mistake")]
    read = CurrentSetting.read

    def fail_once(self: CurrentSetting) -> Setting:
        if failures and threading.current_thread().name.startswith("confobjects-runner"):
            raise failures.pop()
        return read(self)

    monkeypatch.setattr(CurrentSetting, "read", fail_once)
    with open_service(make_place(tmp_path, fake.port, sender="own"), runners=1) as service:
        made = send(service)
        service.start()
        wait_until(lambda: is_delivered(service, made))
    assert "another one takes its place" in caplog.text


class Slow:
    """A mail server that answers to the end of a mail when it is told to."""

    def __init__(self) -> None:
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, session: Session) -> None:
        self.asked.set()
        self.may_answer.wait(LONG)
        session.send(b"250 ok\r\n")


def test_the_end_waits_for_what_is_being_sent(tmp_path: Path) -> None:
    slow = Slow()
    with FakeSmtp({".": slow}) as fake:
        url = make_place(tmp_path, fake.port, sender="own")
        with open_service(url) as service:
            made = send(service)
            service.start()
            assert slow.asked.wait(LONG)
            service.stop()
            slow.may_answer.set()
    with open_service(url) as service:
        assert is_delivered(service, made)


def test_the_end_does_not_wait_for_ever(tmp_path: Path) -> None:
    slow = Slow()
    with FakeSmtp({".": slow}) as fake:
        url = make_place(tmp_path, fake.port, sender="own")
        with open_service(url, runners=1) as service:
            made = send(service)
            service.start()
            assert slow.asked.wait(LONG)
            crew = service._crew
            assert not service.close(patience=0.0)
            with open_service(url) as other:
                assert other.ledger.find(made).state is State.SENDING
            slow.may_answer.set()
            assert crew is not None
            assert crew.wait(time.monotonic() + LONG)


class Beside:
    """Notes when it is started and stopped."""

    def __init__(self, notes: list[str], fails: str = "") -> None:
        self._notes = notes
        self._fails = fails

    def start(self, service: MailService) -> None:
        self._notes.append(f"start {service.setting.settings.sender}")
        if self._fails == "start":
            raise UsageError("the port is taken")

    def stop(self) -> None:
        self._notes.append("stop")
        if self._fails == "stop":
            raise RuntimeError


def test_others_begin_after_the_runners_and_end_before_them(tmp_path: Path) -> None:
    url, notes = make_place(tmp_path, sender="own"), list[str]()
    configuration = confobjects.load(url)

    def serve(fails: str) -> MailService:
        beside = [Beside(notes), Beside(notes, fails)]
        return MailService(lambda: configuration, environment={}, unsealed=True, beside=beside)

    with serve("stop") as service:
        service.start()
    assert notes == ["start own", "start own", "stop", "stop"]
    with pytest.raises(UsageError, match="taken"), serve("start") as service:
        service.run()
    with serve("") as service:
        notes.clear()
    assert notes == []
