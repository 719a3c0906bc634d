"""The page of the guide on what an operator does at night, with a mail server that refuses what the page says."""

from __future__ import annotations

import base64
from pathlib import Path

from tests.docs import pages
from tests.docs.pages import ROOT
from tests.servers.fake_smtp import FakeSmtp, Session

PAGE = ROOT / "docs" / "guide" / "mail-queue.md"
PASSWORD = b"opensesame"


def log_in(session: Session) -> None:
    """Take the login with one password."""
    said = base64.b64decode(session.server.commands[-1].rpartition(" ")[2])
    session.send(b"235 2.7.0 ok\r\n" if said.endswith(PASSWORD) else b"535 5.7.8 no\r\n")


def take_recipient(session: Session) -> None:
    """Take everybody who is not gone."""
    is_gone = "gone@" in session.server.commands[-1]
    session.send(b"550 5.1.1 no such user\r\n" if is_gone else b"250 2.1.5 ok\r\n")


def test_the_page_on_mail_that_does_not_arrive(tmp_path: Path) -> None:
    with FakeSmtp({"AUTH": log_in, "RCPT": take_recipient}) as fake:
        found = pages.differences(PAGE, tmp_path, {"SMTP_PORT": str(fake.port)})
    assert "\n".join(found) == ""
    assert PAGE.name == "mail-queue.md"
