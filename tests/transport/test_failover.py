"""Several mail servers: the next is tried when it may do better, and only then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import confobjects
from confobjects.errors import MailError
from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer
from tests.opening import open_any
from tests.servers import mail_server, provider
from tests.servers.fake_smtp import FakeSmtp, close
from tests.transport.sending import CLEAR, mails, numbers, parts


def test_the_next_server_is_tried() -> None:
    with FakeSmtp({"banner": b"421 busy\r\n"}) as first, FakeSmtp() as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        report = mailer.send(*parts(mails(1)[0]))
        assert report.failed_over == ("banner-busy",)
        assert report.port == second.port
        assert mailer.counters.failed_over == 1
        results = list(mailer.send_many(mails(2)))
        assert [result.error for result in results] == [None, None]


@pytest.mark.parametrize(("verb", "answer"), [("RCPT", b"550 5.1.1 unknown\r\n"), (".", close)])
def test_what_another_server_cannot_cure_is_not_tried_there(verb: str, answer: Any) -> None:
    with FakeSmtp({verb: answer}) as first, FakeSmtp() as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        with pytest.raises(DeliveryError):
            mailer.send(*parts(mails(1)[0]))
        assert second.connections == 0


def test_when_all_fail_each_is_told_and_the_first_counts() -> None:
    with FakeSmtp({"banner": b"421 busy\r\n"}) as first, FakeSmtp({"MAIL": b"550 5.7.1 no\r\n"}) as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        with pytest.raises(DeliveryError) as caught:
            mailer.send(*parts(mails(1)[0]))
        assert caught.value.diagnosis.code == "banner-busy"
        assert [one.code for one in caught.value.diagnostics] == ["mail-banner", "mail-mail"]


def test_a_useless_trust_store_does_not_stop_the_next_server() -> None:
    with FakeSmtp() as fake:
        broken = provider("file-based", trust_store_file="/nowhere.pem")
        mailer = Mailer([mail_server(1, trust=broken), mail_server(fake.port, **CLEAR)])
        assert mailer.send(*parts(mails(1)[0])).failed_over == ("trust-store-unreadable",)


def test_no_server_at_all() -> None:
    with pytest.raises(MailError) as caught:
        Mailer([])
    assert caught.value.exit_code == 51


def test_many_go_on_through_the_next_server() -> None:
    with FakeSmtp({"banner": b"554 no\r\n"}) as first, FakeSmtp() as second:
        servers = [mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)]
        with Mailer(servers) as mailer:
            results = list(mailer.send_many(mails(200), connections=2))
            assert [result.error for result in results] == [None] * 200
            assert {result.report.failed_over for result in results if result.report} == {("banner-refused",), ()}
            assert sorted(numbers(second)) == list(range(200))
            assert first.connections == 1, "a server that is away is asked once"


def test_one_message_that_the_first_server_refuses_goes_through_the_next() -> None:
    fates: list[Any] = [b"250 ok\r\n", b"550 5.7.1 not you\r\n", b"250 ok\r\n"]
    with FakeSmtp({"MAIL": fates}) as first, FakeSmtp() as second:
        servers = [mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)]
        with Mailer(servers) as mailer:
            results = list(mailer.send_many(mails(4)))
            assert [result.error for result in results] == [None] * 4
            assert (numbers(first), numbers(second)) == ([0, 2, 3], [1])
            assert results[1].report
            assert results[1].report.failed_over == ("sender-refused",)


@pytest.mark.parametrize("fault", [close, b"554 5.7.1 spam\r\n"])
def test_many_are_not_sent_again_where_that_is_no_cure(fault: Any) -> None:
    ends: list[Any] = [b"250 ok\r\n", fault, b"250 ok\r\n"]
    elsewhere = [] if fault is close else [1]
    with FakeSmtp({".": ends}) as first, FakeSmtp() as second:
        servers = [mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)]
        with Mailer(servers) as mailer:
            results = list(mailer.send_many(mails(3)))
        assert [result.unknown for result in results] == [False, fault is close, False]
        assert numbers(second) == elsewhere, "a content that one server refuses another may take"


def test_a_server_that_comes_back_is_used_again() -> None:
    with FakeSmtp({"banner": [b"421 busy\r\n", b"220 hi\r\n"]}) as first, FakeSmtp() as second:
        servers = [mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)]
        with Mailer(servers) as mailer:
            for outgoing in mails(2):
                mailer.send(*parts(outgoing))
        assert (numbers(first), numbers(second)) == ([1], [0])


def test_when_all_are_away_every_message_says_so_once() -> None:
    with FakeSmtp({"banner": b"554 no\r\n"}) as first, FakeSmtp({"banner": b"421 busy\r\n"}) as second:
        mailer = Mailer([mail_server(first.port, **CLEAR), mail_server(second.port, **CLEAR)])
        results = list(mailer.send_many(mails(3)))
        for result in results:
            assert result.error
            assert [one.code for one in result.error.diagnostics] == ["mail-banner", "mail-banner"]
        assert mailer.counters.failed == 3


# -- the servers of a configuration ------------------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path: Path) -> Iterator[tuple[str, dict[str, FakeSmtp]]]:
    """A configuration with three mail servers: ``b`` and ``a`` are enabled, ``off`` is not."""
    url = f"ldif:{tmp_path / 'config.ldif'}"
    with FakeSmtp() as a, FakeSmtp() as b, open_any(url) as context:
        for name, port in (("b", b.port), ("a", a.port), ("off", 1)):
            values = {"enabled": name != "off", "smtp-server": f"localhost:{port}", "use-start-tls": False}
            context.create("mail-server", name, values)
        yield url, {"a": a, "b": b}


def test_a_configuration_gives_its_enabled_servers_in_order(configured: tuple[str, dict[str, FakeSmtp]]) -> None:
    url, fakes = configured
    mailer = confobjects.mailer(url)
    assert [plan.port for plan in mailer.plans] == [fakes["a"].port, fakes["b"].port]
    assert mailer.send(*parts(mails(1)[0])).port == fakes["a"].port
    mailer = confobjects.mailer(confobjects.load(url), "B", "a")
    assert [plan.port for plan in mailer.plans] == [fakes["b"].port, fakes["a"].port]


def test_a_server_that_is_not_there_or_off_is_told(configured: tuple[str, dict[str, FakeSmtp]]) -> None:
    url, _ = configured
    with pytest.raises(MailError, match=r'there is no mail server "of".*\n.*did you mean "?off') as caught:
        confobjects.mailer(url, "of")
    assert caught.value.exit_code == 51
    with pytest.raises(MailError, match="is disabled"):
        confobjects.mailer(url, "off")


def test_a_configuration_without_a_server(tmp_path: Path) -> None:
    empty = confobjects.load(f"ldif:{tmp_path / 'none.ldif'}", missing_ok=True)
    with pytest.raises(MailError, match="no mail server is enabled"):
        confobjects.mailer(empty)
