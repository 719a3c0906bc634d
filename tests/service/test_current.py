"""The senders of a configuration, as runners use them: changes count from the next mail on, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import confobjects
from confobjects.following import Live
from confobjects.service.current import CurrentSetting
from confobjects.service.ledger import Ledger, Mail, open_ledger
from confobjects.service.rules.settings import MINUTE
from confobjects.service.rules.states import State
from confobjects.service.runner import NO_SENDER, Runner
from tests.opening import open_any
from tests.servers.fake_smtp import FakeSmtp
from tests.service.conftest import Clock
from tests.service.places import change, make_place

CONTENT = b"Subject: 1\r\n\r\nhello\r\n"


@pytest.fixture
def kept(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with open_ledger(f"sqlite:{tmp_path / 'ledger'}", unsealed=True, clock=clock) as ledger:
        yield ledger


def accept(ledger: Ledger, current: CurrentSetting) -> str:
    return ledger.accept(Mail(CONTENT, "me@example.com", ("ann@example.com",)), current.read().settings)


def wait_for_change(live: Live, url: str) -> None:
    with open_any(url) as context:
        number = context.history()[-1].number
    assert live.wait_for(number, 60)


def test_each_enabled_sender_is_there_by_its_name(tmp_path: Path) -> None:
    url = make_place(tmp_path)
    change(url, "mail-sender", "news", {"enabled": False})
    configuration = confobjects.load(url)
    with CurrentSetting(lambda: configuration) as current:
        setting = current.read()
        assert list(setting.senders) == ["own"]
        assert current.read() is setting
        assert "127.0.0.1" in setting.senders["own"].description


def test_a_sender_that_is_gone_keeps_its_mail_until_it_is_back(tmp_path: Path, kept: Ledger, clock: Clock) -> None:
    with FakeSmtp() as fake:
        url = make_place(tmp_path, fake.port, sender="own")
        with confobjects.live(url) as live, CurrentSetting(lambda: live.configuration) as current:
            made = accept(kept, current)
            change(url, "mail-service", (), {"sender": "news"})
            with open_any(url) as context:
                context.rename("mail-sender", "own", "other")
            wait_for_change(live, url)
            runner = Runner(kept, current.read)
            runner.run_once()
            part = kept.find(made).parts[0]
            assert (part.state, part.recipients[0].code, fake.messages) == (State.QUEUED, NO_SENDER, [])
            with open_any(url) as context:
                context.rename("mail-sender", "other", "own")
            wait_for_change(live, url)
            clock.now += MINUTE
            runner.run_once()
            assert kept.find(made).state is State.DELIVERED


def test_a_mail_goes_where_its_sender_sends_when_it_is_sent(tmp_path: Path, kept: Ledger) -> None:
    with FakeSmtp() as first, FakeSmtp() as second:
        url = make_place(tmp_path, first.port, sender="own")
        with confobjects.live(url) as live, CurrentSetting(lambda: live.configuration) as current:
            runner = Runner(kept, current.read)
            accept(kept, current)
            runner.run_once()
            accept(kept, current)
            change(url, "mail-server", "relay", {"smtp-server": f"127.0.0.1:{second.port}"})
            wait_for_change(live, url)
            runner.run_once()
            assert (len(first.messages), len(second.messages)) == (1, 1)
            with open_any(url) as context:
                server = {"enabled": True, "smtp-server": f"127.0.0.1:{first.port}", "use-start-tls": False}
                context.create("mail-server", "third", server)
            change(url, "mail-sender", "own", {"mail-server": "third"})
            wait_for_change(live, url)
            accept(kept, current)
            runner.run_once()
            assert (len(first.messages), len(second.messages)) == (2, 1)


def test_senders_of_one_mail_server_share_its_connections(tmp_path: Path, kept: Ledger) -> None:
    with FakeSmtp() as fake:
        configuration = confobjects.load(make_place(tmp_path, fake.port, sender="own"))
        with CurrentSetting(lambda: configuration) as current:
            settings = current.read().settings
            for name in ("own", "news"):
                mail = Mail(CONTENT, "me@example.com", ("ann@example.com",), sender=name)
                kept.accept(mail, settings)
            Runner(kept, current.read).run_once()
            assert (len(fake.messages), fake.connections) == (2, 1)


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("mail-server", "relay", {"auth-username": "other@example.com"}),
        ("mail-server", "relay", {"smtp-server": "127.0.0.1:2526"}),
        ("mail-server", "plain", {"auth-password": "another one"}),
        ("oauth2-provider", "tokens", {"client-secret": "another one"}),
        ("oauth2-provider", "tokens", {"scope": "mail"}),
    ],
    ids=str,
)
def test_whatever_corrects_a_refused_login_changes_its_description(
    tmp_path: Path, kind: str, name: str, values: dict[str, object]
) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    server = {
        "enabled": True,
        "smtp-server": "127.0.0.1:2525",
        "use-start-tls": True,
        "auth-username": "me@example.com",
    }
    with open_any(url) as context:
        provider = {
            "enabled": True,
            "grant-type": "client-credentials",
            "token-endpoint": "https://127.0.0.1:1/token",
            "client-id": "me",
            "client-secret": "secret",
        }
        context.create("oauth2-provider", "tokens", provider)
        relay = {**server, "authentication": "oauth2", "oauth2-provider": "tokens"}
        context.create("mail-server", "relay", relay, type="external-smtp")
        context.create("mail-server", "plain", {**server, "auth-password": "secret"})
        for one in ("relay", "plain"):
            context.create("mail-sender", one, {"enabled": True, "from-address": "a@x.test", "mail-server": one})

    def describe() -> dict[str, str]:
        configuration = confobjects.load(url)
        with CurrentSetting(lambda: configuration) as current:
            return {sender: one.description for sender, one in current.read().senders.items()}

    before = describe()
    assert before == describe()
    change(url, kind, name, values)
    after = describe()
    concerned = "plain" if name == "plain" else "relay"
    assert {one for one in before if before[one] != after[one]} == {concerned}
