"""What is told of each delivery: a log record with facts, counters, and no secret."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from confobjects.mail.diagnosis import DeliveryError
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, close
from tests.transport.sending import CLEAR, mails, parts


def test_each_delivery_leaves_a_record(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "confobjects.mail")
    weak = "confobjects.allow-insecure=login-in-clear"
    with FakeSmtp({".": [b"250 ok\r\n", b"554 5.7.1 spam\r\n"]}) as fake:
        mailer = Mailer(mail_server(fake.port, weak, auth_username="u", auth_password="canary-9", **CLEAR))
        mailer.send(*parts(mails(1)[0]))
        with pytest.raises(DeliveryError):
            mailer.send(*parts(mails(1)[0]))
    levels = [record.levelname for record in caplog.records]
    assert levels == ["WARNING", "INFO", "ERROR"]
    facts = [vars(record)["confobjects"] for record in caplog.records]
    assert facts[1]["event"] == "delivered"
    assert facts[2]["code"] == "content-refused"
    assert "login-in-clear" in caplog.text
    assert "canary-9" not in caplog.text + str(facts)


def test_a_delivery_of_many_is_recorded_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "confobjects.mail")
    fates: list[Any] = [b"250 queued as A\r\n", close, b"250 queued as C\r\n"]
    with FakeSmtp({".": fates}) as fake, Mailer(mail_server(fake.port, **CLEAR)) as mailer:
        list(mailer.send_many(mails(3)))
        counters = mailer.counters
    facts = sorted((vars(record)["confobjects"] for record in caplog.records), key=lambda one: str(one["event"]))
    assert [one["event"] for one in facts] == ["delivered", "delivered", "unknown"]
    assert facts[0]["recipients"] == 1
    assert facts[0]["size"] == 21
    assert facts[0]["ms"] > 0
    assert {one.get("reply") for one in facts} == {"250 queued as A", "250 queued as C", ""}
    assert (facts[2]["code"], facts[2]["stage"], facts[2]["servers_tried"]) == ("unknown-outcome", "data", 1)
    assert (counters.delivered, counters.failed, counters.unknown, counters.recipients) == (2, 1, 1, 2)
    assert (counters.bytes, counters.refused) == (42, 0)


def test_a_password_that_a_server_repeats_is_masked_in_every_report(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "confobjects.mail")
    weak = "confobjects.allow-insecure=login-in-clear"
    fates: list[Any] = [b"250 you are canary-7\r\n", b"554 canary-7 may not\r\n"]
    with FakeSmtp({".": fates}) as fake:
        server = mail_server(fake.port, weak, auth_username="u", auth_password="canary-7", **CLEAR)
        with Mailer(server) as mailer:
            results = list(mailer.send_many(mails(2)))
    told = [result.report.as_json() if result.report else str(result.error) for result in results]
    told += [str(result.error.report.as_json()) for result in results if isinstance(result.error, DeliveryError)]
    assert "canary-7" not in str(told) + caplog.text + str([vars(record) for record in caplog.records])
    assert "********" in str(told)
