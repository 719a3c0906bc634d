"""Somebody in front of a browser: what they click, type and read, in the words of the page."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Self

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.web.people import PASSWORD

WAIT = 30_000
"""Milliseconds after which something that does not come is a failure."""
_ANSWERED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What Chromium says of a page about a mistake, which is no mistake of the page."""


class Visitor:
    """Somebody with a browser window. Whatever the browser complains about fails the test, whoever asks another host too."""

    def __init__(self, browser: Browser, base: str, width: int = 1200, *, scripts: bool = True) -> None:
        self._base = base
        self._context = browser.new_context(
            viewport={"width": width, "height": 900},
            java_script_enabled=scripts,
        )
        self._context.set_default_timeout(WAIT)
        expect.set_options(timeout=WAIT)
        self.page: Page = self._context.new_page()
        self._complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._complaints.append(str(error)))
        self.page.on("request", lambda request: self._watch(request.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._context.close()
        if kind is None:
            assert self._complaints == []

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _ANSWERED.match(message.text):
            self._complaints.append(message.text)

    def _watch(self, address: str) -> None:
        if not address.startswith((f"{self._base}/", "data:")):
            self._complaints.append(f"asked {address}")

    # -- what they do --------------------------------------------------------------------------------------------------

    def go_to(self, path: str) -> None:
        """Type an address."""
        self.page.goto(f"{self._base}{path}")

    def sign_in(self, name: str = "administrator") -> None:
        """Sign in, and see the first page."""
        self.go_to("/")
        self.type_in("Name", name)
        self.type_in("Password", PASSWORD)
        self.press("Sign in")
        self.sees("Overview")

    def open(self, link: str) -> None:
        """Follow a link."""
        self.page.get_by_role("link", name=link, exact=True).first.click()

    def press(self, button: str) -> None:
        """Press a button."""
        self.page.get_by_role("button", name=button, exact=True).first.click()

    def type_in(self, label: str, text: str) -> None:
        """Type into a field."""
        self.page.get_by_label(label).first.fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list."""
        self.page.get_by_label(label).first.select_option(label=option)

    # -- what they see -------------------------------------------------------------------------------------------------

    def sees(self, text: str) -> None:
        """Wait until the page has a text."""
        expect(self.page.locator("main")).to_contain_text(text)

    def hears(self, text: str) -> None:
        """Wait until the page tells something by itself."""
        expect(self.page.locator("#live")).to_contain_text(text)

    def hears_of_link(self, link: str) -> None:
        """Look again and again until there is a link."""
        for _ in range(100):
            if self.page.get_by_role("link", name=link, exact=True).count():
                return
            self.page.wait_for_timeout(100)
            self.page.reload()
        raise AssertionError(link)

    def does_not_see(self, text: str) -> None:
        """Wait until the page does not have a text."""
        expect(self.page.locator("main")).not_to_contain_text(text)

    def finds_no_barrier(self) -> None:
        """Ask axe-core about the page, and about its colours in the dark as well."""
        self._ask_axe({})
        self.page.emulate_media(color_scheme="dark")
        self._ask_axe({"runOnly": {"type": "rule", "values": ["color-contrast"]}})
        self.page.emulate_media(color_scheme="light")

    def _ask_axe(self, options: dict[str, object]) -> None:
        self.page.evaluate(read_axe())
        found = self.page.evaluate("options => axe.run(document, options)", {"resultTypes": ["violations"], **options})
        told = [(one["id"], one["help"], [node["html"] for node in one["nodes"]]) for one in found["violations"]]
        assert told == [], f"{self.page.url}: {told}"

    def scrolls_only_down(self) -> None:
        """Check that nothing stands out to the right of the window."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{self.page.url} is {wide} pixels too wide"


@cache
def read_axe() -> str:
    """Return the script of axe-core, which a Python package brings."""
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
