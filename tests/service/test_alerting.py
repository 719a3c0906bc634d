"""Alert handlers beside a mail service: everything that can be wrong is made wrong, and the mail is read."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import confobjects
from confobjects.following import Live
from confobjects.mail.alerts import CATEGORY, AlertType
from confobjects.mapping.followers import FollowerReport
from confobjects.service.alerting import Alerts
from confobjects.service.claims import claim_alerts, give_back_alerts
from confobjects.service.ledger import Entry, Ledger
from confobjects.service.opening import find_ledger_url
from confobjects.service.rules.settings import MINUTE
from confobjects.service.rules.states import State
from confobjects.service.runner import Runner
from confobjects.service.serving import MailService
from confobjects.service.tables import CONTENTS
from confobjects.storage import open_storage
from tests.definitions.documents import builtin
from tests.opening import open_any
from tests.servers.certificates import Authority
from tests.servers.fake_smtp import FakeSmtp, Script, Session
from tests.service.conftest import Clock
from tests.service.places import change, change_service, make_place
from tests.service.test_serving import wait_until

KIND = "alert-handler"
LONG = 60.0
OPS = "ops@x.test"
WEAK = "confobjects.allow-insecure=login-in-clear"
WRONG: Script = {"AUTH": b"535 5.7.8 no\r\n", "auth": b"535 5.7.8 no\r\n"}


class Place:
    """A configuration with a handler, a mail service that follows it, and what looks for alerts; the test says when."""

    def __init__(self, directory: Path, port: int, clock: Clock, opened: ExitStack) -> None:
        self.directory = directory
        self.clock = clock
        self.opened = opened
        self.url = make_place(directory, port, sender="own", default_sender="news")
        self.file = Path(self.url.removeprefix("ldif:"))

    def make_handler(self, name: str = "ops", **values: Any) -> None:
        every = {"enabled": True, "recipient-address": [OPS], **{k.replace("_", "-"): v for k, v in values.items()}}
        with open_any(self.url) as context:
            context.create(KIND, name, every, type="smtp-alert-handler")

    def open(self) -> Running:
        """Let another mail service follow the configuration until the end of the test."""
        opened = self.opened
        live = opened.enter_context(confobjects.live(self.url, environment={}))
        service = opened.enter_context(MailService(lambda: live.configuration, environment={}, unsealed=True))
        service.ledger.database._clock = self.clock  # the ledger's own, which a test cannot hand in from here
        alerts = Alerts(live)
        alerts.join(service)
        opened.callback(alerts.stop)
        return Running(self, live, service, alerts)


class Running:
    """What runs of a place."""

    def __init__(self, place: Place, live: Live, service: MailService, alerts: Alerts) -> None:
        self.place, self.live, self.service, self.alerts = place, live, service, alerts

    def settle(self) -> None:
        """Wait until the last change of the configuration is in effect, and told."""
        with open_any(self.place.url) as context:
            assert self.live.wait_for(context.history()[-1].number, LONG)

    def look(self) -> list[Entry]:
        """Look once; return the mails of alerts in the ledger, the new ones at the end."""
        self.alerts.look()
        return [one for one in self.service.ledger.list() if one.category == CATEGORY]

    def subject_of(self, entry: Entry) -> str:
        """Return the subject of a mail that waits."""
        ledger = self.service.ledger
        with ledger.database.read() as connection:
            row = connection.execute(select(CONTENTS.c.content).where(CONTENTS.c.mail == entry.id)).scalar_one()
        content = ledger.cover.get(bytes(row), entry.id)
        return str(message_from_bytes(content, policy=policy.SMTP)["Subject"])

    def deliver(self) -> None:
        """Send what is due."""
        Runner(self.service.ledger, lambda: self.service.setting).run_once()


@pytest.fixture
def fake() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, fake: FakeSmtp, clock: Clock) -> Iterator[Place]:
    with ExitStack() as opened:
        yield Place(tmp_path, fake.port, clock, opened)


# -- each type is provoked ---------------------------------------------------------------------------------------------


def end_certificate(running: Running) -> str:
    made = Authority().issue("a.example.com", begin=timedelta(days=-9), end=timedelta(days=5))
    (running.place.directory / "store.pem").write_bytes(made.pem)
    with open_any(running.place.url) as context:
        values = {"enabled": True, "trust-store-file": "store.pem"}
        context.create("trust-manager-provider", "f", values, type="file-based-trust-manager-provider")
    running.settle()
    return "/trust-manager-provider/f"


def leave_waiting(running: Running) -> str:
    change(running.place.url, "mail-server", "relay", {"use-ssl": True})
    running.settle()
    return "/mail-server/relay: the change of use-ssl is stored and does not count yet"


def change_something(running: Running) -> str:
    change(running.place.url, "mail-sender", "news", {"from-name": "The News"})
    running.settle()
    return "is in effect"


def break_file(running: Running) -> str:
    text = running.place.file.read_text()
    broken = text.replace("ds-cfg-from-address: news@example.com", "ds-cfg-from-address: nobody")
    assert broken != text
    other = running.place.file.with_name("edited")
    other.write_text(broken)
    other.rename(running.place.file)
    assert running.live.wait_until(lambda: running.live.problems, LONG)
    return '/mail-sender/news, from-address: "nobody" has no "@"'


def lose_follower(running: Running) -> str:
    with closing(open_storage(running.place.url)) as storage:
        storage.tell_follower(FollowerReport("web-4", "h", 7, "2020-01-01T00:00:00Z", 1))
        storage.tell_follower(FollowerReport("web-5", "h", 8, "2999-01-01T00:00:00Z", 1))
    return 'the service "web-4" is not heard of any more'


def stop_queue(running: Running) -> str:
    running.service.send(to="ann@x.test", subject="s", body="b")
    running.place.clock.now += 31 * MINUTE
    return "1 mails wait, and none was delivered for 31 minutes"


def refuse_login(running: Running) -> str:
    """Let the sender "own" be refused three times; another server takes the mail of "news"."""
    refusing = running.place.opened.enter_context(FakeSmtp(WRONG))
    with open_any(running.place.url) as context:
        server = {"enabled": True, "smtp-server": f"127.0.0.1:{refusing.port}", "use-start-tls": False}
        login = {"auth-username": "u", "auth-password": "p", "smtp-property": [WEAK]}
        context.create("mail-server", "refusing", {**server, **login})
    change(running.place.url, "mail-sender", "own", {"mail-server": "refusing"})
    running.settle()
    for _ in range(3):
        running.service.send(to="ann@x.test", subject="s", body="b")
        running.deliver()
        running.place.clock.now += MINUTE
    return 'the Mail Sender "own" is stopped'


PROVOKED: dict[AlertType, Callable[[Running], str]] = {
    AlertType.CERTIFICATE_ENDING: end_certificate,
    AlertType.CHANGE_WAITING: leave_waiting,
    AlertType.CONFIGURATION_CHANGED: change_something,
    AlertType.CONFIGURATION_PROBLEM: break_file,
    AlertType.FOLLOWER_GONE: lose_follower,
    AlertType.MAIL_STUCK: stop_queue,
    AlertType.SENDER_STOPPED: refuse_login,
}


def test_every_type_of_the_definition_is_provoked() -> None:
    syntax: Any = builtin().definition("smtp-alert-handler").properties["enabled-alert-type"].syntax
    assert set(syntax.values) == set(AlertType) == set(PROVOKED)


@pytest.mark.parametrize("type_", AlertType)
def test_whatever_is_wrong_is_told_once_by_mail(place: Place, fake: FakeSmtp, type_: AlertType) -> None:
    place.make_handler(enabled_alert_type=[type_])
    running = place.open()
    assert running.look() == []
    words = PROVOKED[type_](running)
    [told] = running.look()
    assert running.look() == [told]
    running.deliver()
    [message] = [one for one in fake.parse_messages() if one["Auto-Submitted"] == "auto-generated"]
    assert message["To"] == OPS
    assert str(message["Subject"]).strip().startswith(f"{type_}: ")
    assert words in message.get_content()
    assert running.service.ledger.find(told.id).state is State.DELIVERED


@pytest.mark.parametrize("type_", AlertType)
def test_what_a_handler_does_not_tell_it_does_not_tell(place: Place, type_: AlertType) -> None:
    place.make_handler(enabled_alert_type=list(AlertType), disabled_alert_type=[type_])
    running = place.open()
    running.look()
    PROVOKED[type_](running)
    assert type_ not in {running.subject_of(one).partition(":")[0] for one in running.look()}


# -- how often ---------------------------------------------------------------------------------------------------------


def test_what_lasts_is_told_once_and_again_when_it_comes_back(place: Place) -> None:
    place.make_handler(enabled_alert_type=["change-waiting"])
    running = place.open()

    def set_ssl(wanted: bool) -> int:
        change(place.url, "mail-server", "relay", {"use-ssl": wanted})
        running.settle()
        return len(running.look())

    assert set_ssl(True) == 1
    place.clock.now += 100 * MINUTE
    assert len(running.look()) == 1
    assert set_ssl(False) == 1
    assert set_ssl(True) == 2


def test_changes_are_told_together_no_more_often_than_that(place: Place) -> None:
    place.make_handler(enabled_alert_type=["configuration-changed"], repeat_after="5 m")
    running = place.open()
    counts = []
    for name in ("a", "b", "c", "d"):
        change(place.url, "mail-sender", "news", {"from-name": name})
        running.settle()
        counts.append(len(running.look()))
        place.clock.now += MINUTE
    assert counts == [1, 1, 1, 1]
    place.clock.now += MINUTE
    _, second = running.look()
    assert "(and 2 more)" in running.subject_of(second)
    place.clock.now += 9 * MINUTE
    assert len(running.look()) == 2


def test_of_several_who_share_a_ledger_one_tells(place: Place) -> None:
    place.make_handler(enabled_alert_type=["change-waiting", "configuration-changed"])
    first, second = place.open(), place.open()
    leave_waiting(first)
    second.settle()
    assert len(first.look()) == 2
    assert len(second.look()) == 2
    assert len(place.open().look()) == 2  # one that is started later
    change_something(first)
    second.settle()
    assert [len(one.look()) for one in (first, second)] == [2, 2]
    place.clock.now += 16 * MINUTE
    assert [len(one.look()) for one in (first, second)] == [3, 3]


# -- no loops ----------------------------------------------------------------------------------------------------------


def test_an_alert_goes_through_no_sender_that_is_stopped(place: Place, fake: FakeSmtp) -> None:
    place.make_handler(sender="own")
    running = place.open()
    refuse_login(running)
    [told] = running.look()
    assert told.sender == "news"


def test_if_every_sender_is_stopped_an_alert_waits_until_one_works(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    change_service(place.url, default_sender=None)
    place.make_handler(sender="own", enabled_alert_type=["sender-stopped", "change-waiting"])
    running = place.open()
    refuse_login(running)
    leave_waiting(running)
    with caplog.at_level(logging.ERROR, "confobjects.service"):
        for _ in range(5):
            assert running.look() == []
            place.clock.now += 20 * MINUTE
    said = [one for one in caplog.records if "cannot be told now" in one.getMessage()]
    assert len(said) == 1
    change(place.url, "mail-sender", "own", {"mail-server": "relay"})
    running.settle()
    [told] = running.look()
    assert running.subject_of(told).startswith("change-waiting: ")


def test_mail_of_alerts_is_no_reason_for_alerts(place: Place, fake: FakeSmtp) -> None:
    fake.script["RCPT"] = b"450 4.2.0 later\r\n"
    place.make_handler()
    running = place.open()
    leave_waiting(running)
    for _ in range(10):
        running.deliver()
        place.clock.now += 60 * MINUTE
        assert len(running.look()) == 1


# -- handlers in effect ------------------------------------------------------------------------------------------------


def test_a_handler_counts_as_it_is_in_effect(place: Place) -> None:
    place.make_handler(enabled=False, enabled_alert_type=["change-waiting"])
    running = place.open()
    leave_waiting(running)
    assert running.look() == []

    def change_handler(**values: Any) -> list[Entry]:
        change(place.url, KIND, "ops", {name.replace("_", "-"): value for name, value in values.items()})
        running.settle()
        return running.look()

    [first] = change_handler(enabled=True)
    assert first.sender == "own"
    place.clock.now += 16 * MINUTE
    change(place.url, "mail-server", "relay", {"use-ssl": False})
    running.settle()
    running.look()
    change(place.url, "mail-server", "relay", {"use-ssl": True})
    [_, second] = change_handler(sender="news", recipient_address=["other@x.test"], message_subject="It waits")
    assert (second.sender, running.subject_of(second)) == ("news", "It waits")
    assert [one.address for part in second.parts for one in part.recipients] == ["other@x.test"]
    place.clock.now += 16 * MINUTE
    assert len(change_handler(enabled=False)) == 2
    for wanted in (False, True):
        change(place.url, "mail-server", "relay", {"use-ssl": wanted})
        running.settle()
        assert len(running.look()) == 2
    with open_any(place.url) as context:
        context.delete(KIND, "ops")
    running.settle()
    assert len(running.look()) == 2


def test_an_alert_is_due_until_its_mail_is_accepted(place: Place) -> None:
    place.make_handler(enabled_alert_type=["change-waiting"])
    running = place.open()
    change_service(place.url, enabled=False)
    leave_waiting(running)
    assert running.look() == []
    file = find_ledger_url(running.live.configuration["mail-service"], {}).removeprefix("sqlite:")
    with closing(sqlite3.connect(file)) as reader:
        before = reader.execute("PRAGMA data_version").fetchone()
        assert running.look() == []
        assert reader.execute("PRAGMA data_version").fetchone() == before  # nothing was written meanwhile
    change_service(place.url, enabled=True)
    running.settle()
    assert len(running.look()) == 1


def test_a_recipient_who_is_suppressed_keeps_no_other_from_being_told(
    place: Place, fake: FakeSmtp, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(session: Session) -> None:
        session.send(b"550 5.1.1 no\r\n" if "gone" in session.server.commands[-1] else b"250 ok\r\n")

    fake.script["RCPT"] = answer
    change_service(place.url, suppress_after="1")
    place.make_handler(recipient_address=["gone@x.test", OPS], enabled_alert_type=["change-waiting"])
    running = place.open()
    running.service.send(to="gone@x.test", subject="s", body="b")
    running.deliver()
    leave_waiting(running)
    [told] = running.look()
    assert [one.address for part in told.parts for one in part.recipients] == [OPS]
    assert "cannot be told to everybody now: gone@x.test is suppressed" in caplog.text


def test_a_service_that_is_started_tells_by_itself(place: Place, fake: FakeSmtp) -> None:
    place.make_handler(enabled_alert_type=["configuration-changed"])
    with confobjects.mail_service(place.url, environment={}, unsealed=True) as service:
        service.start()
        change(place.url, "mail-sender", "news", {"from-name": "x"})
        wait_until(lambda: len(fake.messages) == 1)


# -- claims ------------------------------------------------------------------------------------------------------------


def test_of_those_who_claim_an_alert_one_has_it_until_it_may_be_repeated(
    open_it: Callable[[], Ledger], clock: Clock
) -> None:
    first, second = open_it(), open_it()
    repeat_after = 15 * MINUTE
    assert claim_alerts(first, ["a", "b"], repeat_after) == {"a": None, "b": None}
    told = clock.now
    clock.now += MINUTE
    assert claim_alerts(second, ["a", "c"], repeat_after) == {"a": told, "c": None}
    give_back_alerts(first, ["b"])
    assert claim_alerts(second, ["b"], repeat_after) == {"b": None}
    clock.now = told + repeat_after
    assert claim_alerts(second, ["a"], repeat_after) == {"a": None}
    assert claim_alerts(first, ["a"], repeat_after) == {"a": clock.now}
