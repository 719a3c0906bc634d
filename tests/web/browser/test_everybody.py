"""The console is for everybody: read aloud, by keyboard, on a phone, in the dark, without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.opening import open_any
from tests.web.browser.person import Visitor
from tests.web.serving import ServeProcess

PAGES = (
    "/",
    "/objects/mail-servers",
    "/objects/mail-servers/one",
    '/objects/mail-servers/one?fix=[["use-ssl","true"]]',
    "/objects/mail-service",
    "/new/trust-manager-providers",
    "/new/mail-servers?type=generic",
    "/delete/mail-servers/one",
    "/rename/mail-servers/one",
    "/senders",
    "/new-sender",
    "/new-sender?provider=custom-server",
    "/test/mail-senders/news",
    "/mail-service",
    "/graph",
    "/explain",
    "/definitions",
    "/definitions/mail-server",
    "/queue",
    "/authorise/oauth2-providers/p",
    "/new/mail-servers?type=external-smtp",
    "/recipients",
    "/history",
    "/history/2",
    "/history/2?review=undo",
    "/compare",
    "/nothing-here",
)


@pytest.fixture(autouse=True)
def _some_objects(url: str) -> None:
    with open_any(url) as context, context.change() as tx:
        tx.create("mail-server", "one", {"enabled": True, "smtp-server": "127.0.0.1:1"}, type="generic")
        tx.create("mail-sender", "news", {"enabled": True, "from-address": "news@example.com", "mail-server": "one"})
        provider = {
            "enabled": True,
            "grant-type": "authorization-code",
            "client-id": "us",
            "token-endpoint": "https://login.example.com/token",
            "authorization-endpoint": "https://login.example.com/authorize",
            "device-authorization-endpoint": "https://login.example.com/device",
        }
        tx.create("oauth2-provider", "p", provider)


def test_no_page_has_a_barrier(visitor: Visitor) -> None:
    visitor.go_to("/sign-in")
    visitor.finds_no_barrier()
    visitor.sign_in()
    for path in PAGES:
        visitor.go_to(path)
        visitor.finds_no_barrier()


def test_every_page_fits_a_phone(browser: Browser, console: ServeProcess) -> None:
    with Visitor(browser, f"http://127.0.0.1:{console.port}", width=360) as visitor:
        visitor.sign_in()
        for path in PAGES:
            visitor.go_to(path)
            visitor.scrolls_only_down()
            visitor.finds_no_barrier()


@pytest.fixture
def plain_visitor(browser: Browser, console: ServeProcess) -> Iterator[Visitor]:
    with Visitor(browser, f"http://127.0.0.1:{console.port}", scripts=False) as found:
        yield found


def test_without_scripts_a_test_shows_its_end_all_the_same(plain_visitor: Visitor) -> None:
    plain_visitor.sign_in()
    plain_visitor.go_to("/test/mail-senders/news")
    plain_visitor.press("Test")
    plain_visitor.sees("What may mend it")
    plain_visitor.sees("failed")


def test_the_keyboard_is_enough(visitor: Visitor) -> None:
    visitor.sign_in()
    keyboard = visitor.page.keyboard
    keyboard.press("Tab")
    keyboard.press("Enter")  # to the content
    visitor.go_to("/objects/mail-servers/one")
    visitor.page.get_by_label("auth-username").focus()
    keyboard.type("ann")
    keyboard.press("Enter")  # a review, not a save
    visitor.sees("Review: what a save does")
    visitor.page.get_by_role("button", name="Save", exact=True).first.focus()
    keyboard.press("Enter")
    visitor.sees("Configuration saved.")
