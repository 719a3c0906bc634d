"""The log as lines of JSON: whatever a server or a mail says, and whoever it is about."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.service.ledger import Ledger
from confobjects.service.logs import JsonFormatter
from confobjects.service.rules.states import State
from confobjects.service.runner import Runner, Setting
from confobjects.service.senders import MailerSender
from confobjects.transport.mailer import Mailer
from tests.servers import mail_server
from tests.servers.fake_smtp import FakeSmtp, Script
from tests.service.test_operating import SETTINGS, accept
from tests.transport.sending import CLEAR


def line_of(
    message: str = "x", facts: object = None, *, sealed: bool = False, name: str = "confobjects.service"
) -> str:
    record = logging.LogRecord(name, logging.WARNING, "x.py", 1, message, None, None)
    record.created = 1_800_000_000.123456
    if facts is not None:
        record.confobjects = facts
    return JsonFormatter(is_sealed=sealed).format(record)


def test_a_line_has_time_level_event_and_facts() -> None:
    facts = {"event": "failed", "mail": "m1", "part": 0, "recipients": 2, "code": "no-such-recipient", "reply": ""}
    assert json.loads(line_of(facts=facts)) == {
        "time": "2027-01-15T08:00:00.123Z",
        "level": "warning",
        "logger": "confobjects.service",
        "event": "failed",
        "mail": "m1",
        "part": 0,
        "recipients": 2,
        "code": "no-such-recipient",
    }
    assert json.loads(line_of("the file is new"))["message"] == "the file is new"
    assert json.loads(line_of(facts={"summary": "s", "code": "usage"}))["event"] == "problem"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), VALUES), st.text(), st.booleans())
def test_any_fact_stays_in_its_line_and_replaces_nothing(facts: dict[str, Any], message: str, sealed: bool) -> None:
    line = line_of(message.replace("%", ""), facts, sealed=sealed)
    assert line.isprintable()
    assert line.isascii()
    document = json.loads(line)
    assert list(document)[:4] == ["time", "level", "logger", "event"]
    assert (document["level"], document["logger"]) == ("warning", "confobjects.service")
    assert datetime.fromisoformat(document["time"]).tzinfo is not None


@pytest.mark.parametrize(
    "value", ["x" * 10_000, ["x" * 10_000] * 1000, {str(n): "x" for n in range(1000)}, [[["y"]]] * 9]
)
def test_a_line_has_a_limit(value: object) -> None:
    assert len(line_of(facts={"event": "e", "reply": value})) < 200_000


def test_an_error_is_told_by_its_type_only() -> None:
    try:
        raise ValueError("the password is swordfish")
    except ValueError:
        record = logging.LogRecord("confobjects.service", logging.ERROR, "x.py", 1, "gone wrong", None, sys.exc_info())
    line = JsonFormatter(is_sealed=False).format(record)
    assert json.loads(line)["error_type"] == "ValueError"
    assert "swordfish" not in line


ADDRESSES = ("ann@example.com", "me@example.com")


@pytest.mark.parametrize("sealed", [True, False])
def test_while_the_ledger_is_sealed_no_line_has_an_address(
    ledger: Ledger, caplog: pytest.LogCaptureFixture, sealed: bool
) -> None:
    formatter = JsonFormatter(is_sealed=sealed)
    echo = b"550 5.1.1 <ann@example.com>\x1b[31m: unknown\r\n"
    script: Script = {"RCPT": [b"250 ok\r\n", echo], ".": b"250 2.0.0 queued for ann@example.com\r\n"}
    with caplog.at_level(logging.DEBUG, "confobjects"), FakeSmtp(script) as fake:
        sender = MailerSender(Mailer(mail_server(fake.port, **CLEAR)))
        runner = Runner(ledger, lambda: Setting(SETTINGS, {"one": sender}))
        ids = []
        for _ in range(2):
            ids.append(accept(ledger))
            runner.run_once()
    assert [ledger.find(one).state for one in ids] == [State.DELIVERED, State.FAILED]
    lines = [formatter.format(record) for record in caplog.records if record.name.startswith("confobjects")]
    logging.getLogger("confobjects.other").warning("left by ann@example.com")
    lines.append(formatter.format(caplog.records[-1]))
    assert any("example.com" in line for line in lines) is not sealed
    documents = [json.loads(line) for line in lines]
    assert [one["mail"] for one in documents if one["logger"] == "confobjects.service"] == ids
