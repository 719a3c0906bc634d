"""The console as a browser without JavaScript sees it: pages are read, links followed, forms filled in and sent."""

from __future__ import annotations

import time
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.testclient import TestClient

from confobjects.web.app import make_app
from confobjects.web.pages.table import ENDPOINTS
from confobjects.web.people import Role
from confobjects.web.site import Web
from tests.opening import open_any
from tests.web.people import PASSWORD, make_web

_VOID: Final = {"input", "br", "meta", "link", "hr", "img"}


class Form:
    """A form of a page: where it goes, its fields as a browser would send them, and its buttons by their text."""

    def __init__(self, method: str, action: str) -> None:
        self.method = method
        self.action = action
        self.fields: list[tuple[str, str]] = []
        self.buttons: dict[str, tuple[str, str]] = {}


class Page(HTMLParser):
    """A page: its text, its links, its forms, and the problems of its HTML."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.status: int = answer.status_code
        self.headers: Mapping[str, str] = answer.headers
        self.address = urlsplit(str(answer.url))
        self.source: str = answer.text
        self.links: dict[str, str] = {}
        self.forms: list[Form] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self._form: Form | None = None
        self._link: tuple[str, list[str]] | None = None
        self._button: tuple[dict[str, str], list[str]] | None = None
        self._select: dict[str, str] | None = None
        self._options: list[tuple[str, bool]] = []
        self._texts: list[str] = []
        self.feed(self.source)
        assert not self._open, f"never closed: {self._open}"

    @property
    def text(self) -> str:
        """The text of the page, with single spaces."""
        return " ".join(" ".join(self._texts).split())

    def page_title(self) -> str:
        """Return the title of the page, without the name of the product."""
        return unescape(self.source.partition("<title>")[2].partition(" · confobjects</title>")[0])

    def form(self, button: str) -> Form:
        """Return the form that has a button."""
        return next(one for one in self.forms if button in one.buttons)

    # -- parsing -----------------------------------------------------------------------------------------------------

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes.append((tag, found))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "form":
            self._form = Form(found.get("method", "get"), found["action"])
            self.forms.append(self._form)
        elif tag == "a":
            self._link = (found["href"], [])
        elif tag == "button":
            self._button = (found, [])
        elif tag == "select":
            self._select, self._options = found, []
        elif tag == "option":
            self._options.append((found["value"], "selected" in found))
        elif tag == "input":
            self._take_input(found)

    def _take_input(self, found: dict[str, str]) -> None:
        is_off = found.get("type") in {"checkbox", "radio"} and "checked" not in found
        if self._form is not None and "name" in found and not is_off:
            self._form.fields.append((found["name"], found.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"
        if tag == "form":
            self._form = None
        elif tag == "a" and self._link is not None:
            address, texts = self._link
            self.links.setdefault(" ".join("".join(texts).split()), address)
            self._link = None
        elif tag == "button" and self._button is not None:
            found, texts = self._button
            assert self._form is not None, "a button outside of a form"
            self._form.buttons[" ".join("".join(texts).split())] = (found.get("name", ""), found.get("value", ""))
            self._button = None
        elif tag == "select" and self._select is not None:
            chosen = next((value for value, is_chosen in self._options if is_chosen), self._options[0][0])
            if self._form is not None:
                self._form.fields.append((self._select["name"], chosen))
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "title":
            self._texts.append(data)
        for one in (self._link, self._button):
            if one is not None:
                one[1].append(data)


class Console:
    """Somebody in front of the console."""

    def __init__(self, web: Web, role: Role | None = "administrator") -> None:
        self.client = TestClient(
            make_app(web, (), (), ENDPOINTS), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)
        )
        self.web = web
        self.page: Page
        if role is not None:
            self.sign_in(role)

    def sign_in(self, name: str, password: str = PASSWORD) -> Page:
        """Sign in on the page to sign in."""
        self.visit("/sign-in")
        return self.press("Sign in", {"name": name, "password": password})

    def visit(self, address: str) -> Page:
        """Go to an address."""
        self.page = Page(self.client.get(address))
        return self.page

    def follow(self, link: str) -> Page:
        """Follow a link of the page."""
        return self.visit(self.page.links[link])

    def wait_for_end(self) -> Page:
        """Look at a page again and again, as a browser without scripts does, until what it tells of is over."""
        until = time.monotonic() + 30
        while 'class="running"' in self.page.source:
            assert time.monotonic() < until
            time.sleep(0.05)
            self.visit(self.page.address.path)
        return self.page

    def press(self, button: str, filled: Mapping[str, str] | None = None) -> Page:
        """Fill in some fields of the form that has a button, and press it."""
        form = self.page.form(button)
        fields = list(form.fields)
        for name, value in (filled or {}).items():
            assert any(known == name for known, _ in fields), f"there is no field {name}"
            place = next(index for index, (known, _) in enumerate(fields) if known == name)
            fields[place] = (name, value)
        pressed = form.buttons[button]
        if pressed[0]:
            fields.append(pressed)
        return self.send(form, fields)

    def send(self, form: Form, fields: list[tuple[str, str]]) -> Page:
        """Send fields to where a form goes."""
        data: dict[str, list[str]] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        if form.method == "get":
            self.page = Page(self.client.get(form.action, params=data))
        else:
            self.page = Page(self.client.post(form.action, data=data))
        return self.page


def make_console(directory: Path, role: Role | None = "administrator") -> Console:
    """Return somebody in front of the console of a new configuration with one mail server and one sender."""
    web = make_web(directory)
    with open_any(url_of(directory)) as context, context.change() as tx:
        tx.create("trust-manager-provider", "System", {"enabled": True}, type="system")
        server = {
            "enabled": True,
            "smtp-server": "smtp.example.com:587",
            "trust-manager-provider": "System",
            "auth-username": "news",
            "auth-password": SECRET,
        }
        tx.create("mail-server", "one", server)
        tx.create("mail-sender", "news", {"enabled": True, "from-address": "news@example.com", "mail-server": "one"})
    return Console(web, role)


def url_of(directory: Path) -> str:
    """Return the URL of the configuration in a directory."""
    return f"ldif:{directory / 'config.ldif'}"


SECRET: Final = "canary-in-a-cage-77"
"""The password of the mail server, which no page may have."""
