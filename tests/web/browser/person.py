"""Somebody in front of a browser: what they click, type and read, in the words of the page."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Self

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.web.people import PASSWORD

WAIT = 30_000
"""Milliseconds after which something that does not come is a failure."""
_ANSWERED = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")
"""What Chromium says of a page about a mistake, or about a mail server that fails."""


class Visitor:
    """Somebody with a browser window. Whatever the browser complains about fails the test, whoever asks another host too.

    ``careful`` looks at every page that a click leads to: it has no barrier, and fits the window.
    """

    def __init__(
        self, browser: Browser, base: str, width: int = 1200, *, scripts: bool = True, careful: bool = False
    ) -> None:
        self.width = width
        self._base = base
        self._scripts = scripts
        self._careful = careful
        self._is_new = False
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
        self._leave_by(self.page.get_by_role("link", name=link, exact=True).first)

    def open_in_menu(self, link: str) -> None:
        """Follow a link of the menu, which is folded on a narrow window."""
        summary = self.page.locator(".menu > summary")
        if summary.is_visible():
            summary.click()
        self._leave_by(self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=link, exact=True))

    def press(self, button: str) -> None:
        """Press a button."""
        self._leave_by(self.page.get_by_role("button", name=button, exact=True).first)

    def _leave_by(self, clickable: Locator) -> None:
        """Click, and wait until the page is there that this leads to."""
        with self.page.expect_navigation(wait_until="load"):
            clickable.click()
        self._is_new = True

    def type_in(self, label: str, text: str) -> None:
        """Type into a field."""
        self.page.get_by_label(label).first.fill(text)

    def choose(self, label: str, option: str) -> None:
        """Choose from a list."""
        self.page.get_by_label(label).first.select_option(label=option)

    def choose_value(self, label: str, value: str) -> None:
        """Choose from a list whose entries explain themselves."""
        self.page.get_by_label(label).first.select_option(value)

    def pick(self, label: str) -> None:
        """Pick one of several choices."""
        self.page.get_by_label(label, exact=True).first.check()

    # -- what they see -------------------------------------------------------------------------------------------------

    def sees(self, text: str) -> None:
        """Wait until the page has a text."""
        expect(self.page.locator("main")).to_contain_text(text)
        if self._careful and self._is_new:
            self._is_new = False
            if self._scripts:  # axe-core is one
                self.finds_no_barrier()
            self.scrolls_only_down()

    def sees_beside(self, label: str, text: str) -> None:
        """Wait until a text stands beside a field."""
        field = self.page.locator(".field").filter(has=self.page.get_by_label(label)).first
        expect(field).to_contain_text(text)

    def sees_in(self, label: str, value: str) -> None:
        """Check what a field has; of a list, what is chosen."""
        expect(self.page.get_by_label(label).first).to_have_value(value)

    def sees_suggested(self, label: str, value: str) -> None:
        """Check what counts if a field is left empty."""
        expect(self.page.get_by_label(label).first).to_have_attribute("placeholder", value)

    def open_row(self, text: str) -> None:
        """Follow the link of the row of a table that has a text."""
        self._leave_by(
            self.page.get_by_role("row").filter(has_text=text).first.get_by_role("rowheader").get_by_role("link")
        )

    def looks_again_until(self, text: str, other: str) -> None:
        """Load the page again and again until a row of a table has two texts."""
        row = self.page.get_by_role("row").filter(has_text=text).filter(has_text=other)
        for _ in range(300):
            if row.count():
                return
            self.page.wait_for_timeout(100)
            self.page.reload()
        raise AssertionError(self.page.locator("main").inner_text())

    def sees_row(self, name: str, *texts: str) -> None:
        """Wait until the row of a table has some texts."""
        row = self.page.get_by_role("row").filter(has=self.page.get_by_role("rowheader", name=name, exact=True))
        for text in texts:
            expect(row).to_contain_text(text)

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

    def sees_no_row(self, name: str) -> None:
        """Wait until no row of a table has a name."""
        expect(self.page.get_by_role("rowheader", name=name, exact=True)).to_have_count(0)

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
