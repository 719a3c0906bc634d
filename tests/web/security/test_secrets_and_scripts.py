"""Secrets and scripts: no answer, event or line of the log has a secret, and no text is markup, whatever is stored in every property
of every kind: what its syntax allows, and what somebody has written into the file by hand.
"""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import pytest

import confobjects
from confobjects.web.people import Role
from tests.cli.sessions import run
from tests.service.processes import wait_until
from tests.web.people import PASSWORD, bearer, make_people
from tests.web.security.everything import BASE, CANARY, ENDPOINTS, SCRIPT, STREAMS, Everything
from tests.web.serving import ServeProcess

_LINKS: Final = ("href", "src", "action", "formaction", "hx-get", "hx-post", "sse-connect")
_CODE: Final = frozenset({"style", "srcdoc", "background"})
"""Attributes that are code, or load something."""
_QUERIES: Final = (
    "search",
    "next",
    "filter",
    "sort",
    "cursor",
    "kind",
    "type",
    "state",
    "to",
    "review",
    "fix",
    "from",
    "error",
    "code",
    "object",
)
"""What pages take from the query, and what they may come to take."""


def _is_plain(values: str) -> bool:
    """Tell whether what htmx adds to a request is a JSON object: it evaluates what begins otherwise."""
    try:
        return isinstance(json.loads(values), dict)
    except ValueError:
        return False


class Markup(HTMLParser):
    """The markup of a page: what could run, and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and "http-equiv" in given and not _stays_here(given["content"].partition("url=")[2]):
            self.wrong.append("a page that goes elsewhere by itself")
        if tag in {"base", "iframe", "object", "embed", "template"} or (tag == "script" and "src" not in given):
            self.wrong.append(f"<{tag}>")
        for name, value in given.items():
            is_code = name.startswith(("on", "hx-on", "hx-vars")) or name in _CODE
            if is_code or (name == "hx-vals" and not _is_plain(value)):
                self.wrong.append(f"{name} of <{tag}>")
            if name in _LINKS and not _stays_here(value):
                self.wrong.append(f'{name}="{value}"')

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in {"script", "style"} and data.strip():
            self.wrong.append(f"inline {self._tag}")


def _stays_here(address: str) -> bool:
    return (
        address.startswith("#")
        or (address.startswith(("/", "?")) and not address.startswith(("//", "/\\")))
        or not address
    )


def judge(answer: Any, consents: bool = False) -> None:
    """Check the page of an answer: nothing in it runs, and its links stay on this host."""
    if "html" in answer.headers.get("content-type", ""):
        wrong = Markup(answer.text).wrong
        assert not wrong or (consents and all("x.example" in one for one in wrong)), (str(answer.url), wrong)
        assert SCRIPT not in answer.text, str(answer.url)


def look_everywhere(everything: Everything, role: Role = "administrator") -> int:
    """Look at every page and every document of the API, and return how many there were."""
    client, number = everything.with_session(role)[0], 0
    for path, endpoint in ENDPOINTS:
        if endpoint.method == "GET" and path not in STREAMS:
            for address in everything.fill(path):
                judge(client.get(address), consents=path.startswith("/authorise/"))
                number += 1
    return number


def test_nothing_in_a_page_runs_and_no_secret_is_shown(everything: Everything) -> None:
    assert CANARY in everything.text
    assert look_everywhere(everything) > 150
    assert not any(CANARY in line for line in everything.lines)


@pytest.mark.parametrize("role", ["operator", "reader", "sender"])
def test_nor_to_anybody_else(everything: Everything, role: Role) -> None:
    assert look_everywhere(everything, role) > 150


def test_a_configuration_that_somebody_has_broken_by_hand_is_shown_all_the_same(tmp_path: Path) -> None:
    with Everything(tmp_path) as broken:
        broken.break_everything()
        assert look_everywhere(broken) > 150


def test_what_an_address_says_is_no_markup_either(everything: Everything) -> None:
    client = everything.with_session("administrator")[0]
    for path, endpoint in ENDPOINTS:
        if endpoint.method == "GET" and path not in STREAMS:
            address = next(everything.fill(path))
            for name in _QUERIES:
                judge(client.get(address, params={name: SCRIPT}), consents=path.startswith("/authorise"))
            judge(client.get(f"{address}/%3Cscript%3Ealert(1)%3C%2Fscript%3E"), consents=path.startswith("/authorise"))


def test_what_a_form_says_is_no_markup_either(tmp_path: Path) -> None:
    names = "name", "type", "value:smtp-server", "value:enabled", "to", "address", "next", "number", "do", "test"
    posts = [one for one, endpoint in ENDPOINTS if endpoint.method == "POST"]
    with Everything(tmp_path) as attacked:
        client, csrf = attacked.with_session("administrator")
        for path in posts:
            if path != "/sign-out" and not path.startswith("/api/"):
                for address in attacked.fill(path):
                    judge(client.post(address, data=dict.fromkeys(names, SCRIPT) | {"csrf_token": csrf}))


ELSEWHERE = (
    "//evil.test/x",
    "/\\evil.test",
    "https://evil.test",
    "/%2f%2fevil.test",
    "/.//evil.test",
    "///evil.test",
    "\t//evil.test",
)


def test_nobody_is_led_to_another_host(everything: Everything) -> None:
    client = everything.client()
    for path, endpoint in ENDPOINTS:
        if endpoint.method != "GET" or path in STREAMS:
            continue
        for wanted in ELSEWHERE:
            for address in (f"{next(everything.fill(path))}?next={wanted.strip()}", f"{BASE}/{wanted.strip()}"):
                place = client.get(address).headers.get("location", "/")
                assert _stays_here(place), (address, place)


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nor_after_the_sign_in(everything: Everything, wanted: str) -> None:
    form = {"name": "reader", "password": PASSWORD, "next": wanted}
    answer = everything.client().post("/sign-in", data=form)
    assert (answer.status_code, _stays_here(answer.headers["location"])) == (303, True), answer.headers["location"]


def test_no_event_and_no_line_of_the_log_tells_a_secret(tmp_path: Path) -> None:
    url = f"ldif:{tmp_path / 'config.ldif'}"
    assert run("init", "--url", url).status == 0
    make_people(tmp_path / "config.ldif.people")
    with ServeProcess(url, "--log-format", "json") as process:
        process.wait_for_start()
        wait_until(lambda: process.ask("/ready").status == 200)
        with ExitStack() as opened:
            streams = [opened.enter_context(process.connect()) for _ in STREAMS]
            for stream, path in zip(streams, sorted(STREAMS), strict=True):
                head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer('reader')['Authorization']}\r\n\r\n"
                stream.sendall(head.encode())
                assert b" 200 OK\r\n" in stream.recv(200)
            Everything(tmp_path).transport.close()
            with confobjects.open(url) as context, context.change() as tx:
                tx.set("mail-service", (), {"enabled": False})
            number = str(len(list_changes(url)))
            wait_until(lambda: f"confobjects_web_change {number}" in read_metrics(process))
            assert process.end() == 0
            heard = {path: read_all(stream) for stream, path in zip(streams, sorted(STREAMS), strict=True)}
        assert all(one.count(b"event:") > 20 and CANARY.encode() not in one for one in heard.values())
        assert b"<script>alert" not in heard["/live"]
        lines = process.err.rest()
    assert len(lines) > 2
    assert not any(CANARY in line for line in lines)


def read_all(stream: socket.socket) -> bytes:
    """Return all that comes until the end of a connection."""
    return b"".join(iter(lambda: stream.recv(1 << 16), b""))


def read_metrics(process: ServeProcess) -> str:
    """Return the metrics of a process."""
    return process.ask("/metrics", headers=bearer("reader")).body.decode()


def list_changes(url: str) -> list[str]:
    """Return the changes of the history, one line each."""
    return run("history", "--url", url, "-s").out.splitlines()
