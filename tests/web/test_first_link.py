"""The link that makes the first administrator."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import confobjects
from confobjects.web.app import make_app
from confobjects.web.identity import first_page
from confobjects.web.identity.credentials import Account
from confobjects.web.identity.endpoints import ENDPOINTS
from confobjects.web.identity.first import SECONDS, FirstLink
from confobjects.web.identity.people_file import PeopleFile
from confobjects.web.identity.recognition import Identity
from confobjects.web.served import Served
from confobjects.web.serving.listening import is_loopback
from confobjects.web.site import Web
from tests.web.people import PASSWORD, TIME
from tests.web.serving import ServeProcess

FORM = {"name": "ada", "password": PASSWORD}


class Place:
    """A link, and what it is taken with."""

    def __init__(self, directory: Path) -> None:
        self.seconds = 0.0
        self.people = PeopleFile(str(directory / "config.ldif.people"))
        self.identity = Identity(self.people)
        self.link = FirstLink(self.people, is_loopback, lambda: self.seconds)
        self.identity.first = self.link
        self.path = self.link.make()
        self.web = Web(Served(lambda: confobjects.open("memory:")), self.identity)

    def client(self, address: str = "127.0.0.1") -> TestClient:
        app = make_app(self.web, ENDPOINTS, first_page.ENDPOINTS)
        return TestClient(app, base_url="http://127.0.0.1:8080", client=(address, 1), follow_redirects=False)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_it_makes_the_first_administrator_who_is_signed_in(place: Place) -> None:
    client = place.client()
    page = client.get(place.path)
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert "style=" not in page.text
    assert client.get(place.path).status_code == 200  # to look at it does not use it up
    taken = client.post(place.path, data=FORM)
    assert (taken.status_code, taken.headers["location"]) == (303, "/")
    found = client.get("/api/v1/session").json()
    assert (found["name"], found["role"], found["way"]) == ("ada", "administrator", "account")
    again = place.client().post(place.path, data={"name": "eve", "password": PASSWORD})
    assert again.status_code == 403
    assert list(place.people.read().accounts) == ["ada"]


def test_it_ends(place: Place) -> None:
    place.seconds = SECONDS - 1
    assert place.client().get(place.path).status_code == 200
    place.seconds = SECONDS
    assert place.client().get(place.path).status_code == 403
    assert place.client().post(place.path, data=FORM).status_code == 403
    assert not place.people.read().accounts


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "10.0.0.1", "testclient", ""])
def test_it_counts_on_this_machine_only(place: Place, address: str) -> None:
    assert place.client(address).get(place.path).status_code == 403
    assert place.client(address).post(place.path, data=FORM).status_code == 403


@pytest.mark.parametrize("path", ["/first/x", "/first/%00", "/first/" + "x" * 9999, "/first/é"])
def test_another_secret_does_not_count(place: Place, path: str) -> None:
    assert place.client().get(path).status_code == 403
    assert place.client().post(path, data=FORM).status_code == 403


def test_a_newer_link_replaces_it(place: Place) -> None:
    newer = place.link.make()
    assert place.client().get(place.path).status_code == 403
    assert place.client().get(newer).status_code == 200


def test_an_account_that_is_made_otherwise_ends_it(place: Place) -> None:
    place.people.change(lambda now: now.with_account(Account("bob", "reader", "x", TIME)))
    assert place.client().get(place.path).status_code == 403
    assert place.client().post(place.path, data=FORM).status_code == 403
    assert list(place.people.read().accounts) == ["bob"]


@pytest.mark.parametrize("headers", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_another_site_cannot_use_it(place: Place, headers: dict[str, str]) -> None:
    assert place.client().post(place.path, data=FORM, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("ada", "k7Q", "shorter than 12 characters"),
        ('"><script>alert(1)</script>', PASSWORD, "a name has letters"),
        ("", PASSWORD, "a name has letters"),
    ],
)
def test_what_cannot_be_used_is_asked_for_again(place: Place, name: str, password: str, told: str) -> None:
    found = place.client().post(place.path, data={"name": name, "password": password})
    assert found.status_code == 422
    assert told in found.text
    assert "<script>" not in found.text
    assert password not in found.text
    assert place.client().post(place.path, data=FORM).status_code == 303


# -- the process -------------------------------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServeProcess]:
    with ServeProcess(f"ldif:{tmp_path / 'config.ldif'}", "--log-format", "json") as running:
        running.wait_for_start()
        yield running


def test_without_a_terminal_it_stands_in_a_file_and_in_no_log(process: ServeProcess, tmp_path: Path) -> None:
    told = process.err.until(lambda text: "The link" in text)
    file = tmp_path / "config.ldif.people.first"
    assert str(file) in told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    link = file.read_text().strip()
    found = re.fullmatch(rf"http://127\.0\.0\.1:{process.port}(/first/(\S+))", link)
    assert found is not None
    page = process.ask(found[1])
    assert page.status == 200
    assert page.headers["referrer-policy"] == "same-origin"
    body = f"name=ada&password={PASSWORD.replace(' ', '+')}".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert process.ask(found[1], "POST", body, kind).status == 303
    assert not file.exists()
    assert process.ask(found[1]).status == 403
    process.ask("/api/v1/session")
    process.err.until(lambda text: "/api/v1/session" in text)
    assert found[2] not in "\n".join(process.err.seen)


def test_there_is_none_where_somebody_can_sign_in(tmp_path: Path) -> None:
    PeopleFile(str(tmp_path / "config.ldif.people")).change(
        lambda now: now.with_account(Account("bob", "reader", "x", TIME))
    )
    with ServeProcess(f"ldif:{tmp_path / 'config.ldif'}") as running:
        running.wait_for_start()
        assert running.ask("/first/x").status == 403
    assert not (tmp_path / "config.ldif.people.first").exists()
