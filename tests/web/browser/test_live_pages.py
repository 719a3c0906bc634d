"""Pages that follow what happens: forms that are judged while they are filled in, saves after a test, lists and queues."""

from __future__ import annotations

import confobjects
from confobjects.service.ledger import Mail
from confobjects.service.opening import open_ledger_of, read_settings
from tests.servers.fake_smtp import FakeSmtp
from tests.web.browser.person import Visitor


def test_a_form_says_at_once_what_another_value_demands_or_forbids(visitor: Visitor) -> None:
    visitor.sign_in()
    visitor.go_to("/new/mail-servers?type=external-smtp")
    mark = visitor.page.locator("[id='must:oauth2-provider']")
    visitor.page.locator("[name='value:authentication']").select_option("oauth2")
    mark.get_by_text("required").wait_for()
    visitor.page.locator("[name='value:authentication']").select_option("username-password")
    visitor.page.locator("[id='must:auth-password']").get_by_text("required").wait_for()
    assert not mark.inner_text()
    visitor.go_to("/new/mail-servers?type=generic")
    for name in ("use-ssl", "use-start-tls"):
        visitor.page.locator(f"[name='value:{name}']").select_option("true")
    visitor.page.locator("#now").get_by_text("use-ssl and use-start-tls exclude each other").wait_for()


def test_a_save_after_a_test_shows_what_came_of_it(visitor: Visitor, url: str) -> None:
    with confobjects.open(url) as context, context.change() as tx:
        tx.create("mail-server", "one", {"enabled": True, "smtp-server": "127.0.0.1:1", "use-start-tls": False})
    visitor.sign_in()
    visitor.go_to("/objects/mail-servers/one")
    visitor.press("Test connection and save")
    visitor.sees("Nothing would change.")
    visitor.page.locator("[name='value:smtp-server']").fill("127.0.0.1:2")
    visitor.press("Test connection and save")
    visitor.sees("nothing was saved")
    with FakeSmtp() as server:
        visitor.page.locator("[name='value:smtp-server']").fill(f"127.0.0.1:{server.port}")
        visitor.press("Test connection and save")
        visitor.sees("Configuration saved.")


def test_lists_and_the_queue_follow_what_others_do(visitor: Visitor, url: str) -> None:
    with confobjects.open(url) as context, context.change() as tx:
        tx.create("mail-server", "one", {"enabled": True, "smtp-server": "127.0.0.1:1"})
        tx.create("mail-sender", "news", {"enabled": True, "from-address": "news@example.com", "mail-server": "one"})
        tx.set("mail-service", (), {"enabled": True, "default-sender": "news"})
    visitor.sign_in()
    visitor.go_to("/objects/mail-senders")
    search = visitor.page.get_by_label("Search")
    search.fill("what I am typing")
    with confobjects.open(url) as context, context.change() as tx:
        tx.create("mail-sender", "late", {"enabled": True, "from-address": "late@example.com", "mail-server": "one"})
    visitor.sees("late@example.com")
    assert search.input_value() == "what I am typing"
    visitor.go_to("/queue")
    visitor.sees("No mails.")
    service = confobjects.load(url)["mail-service"]
    with open_ledger_of(service, unsealed=True) as ledger:
        mail = Mail(b"Subject: x\r\n\r\nx\r\n", "me@example.com", ("ann@example.com",), "account", "news")
        ledger.accept(mail, read_settings(service))
    visitor.sees("ann@example.com")
