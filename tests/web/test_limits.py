"""Tests of mail servers are limited per person and per address, by whatever route they are begun."""

from __future__ import annotations

from pathlib import Path

import pytest

import confobjects
from confobjects.objects.changes import PropertyChanges
from confobjects.web.identity.attempts import TESTS, TESTS_PER_ACCOUNT, TESTS_PER_ADDRESS, WINDOW, Attempts
from confobjects.web.site import Web
from tests.web.console import Console, make_console, url_of
from tests.web.pages.test_console_senders import FIELDS
from tests.web.rest import Api

PATH = {"path": "/mail-server/one", "depth": "resolve"}
SENDER = {"path": "/mail-sender/news", "depth": "resolve"}
ONE = "/objects/mail-servers/one"


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web(tmp_path: Path, clock: Clock) -> Web:
    """A configuration whose servers are nowhere, with the limits on a clock of the test's."""
    made = make_console(tmp_path).web.replace(tests=Attempts(clock, TESTS))
    with confobjects.open(url_of(tmp_path)) as context:
        values = {"smtp-server": ("nowhere.invalid:587",), "auth-password": ("another canary",)}
        context.modify("mail-server", "one", PropertyChanges(set=values))
    return made


def use_up(web: Web, name: str = "token:administrator", address: str = "127.0.0.1") -> None:
    """Begin as many tests as somebody may."""
    for _ in range(TESTS_PER_ACCOUNT):
        web.tests.begin(name, address)


def test_tests_are_limited_by_person(web: Web, clock: Clock) -> None:
    api = Api(web)
    answers = [api.ask("POST", "/tests", PATH) for _ in range(TESTS_PER_ACCOUNT)]
    assert {one.status_code for one in answers} == {200}
    refused = api.ask("POST", "/tests", PATH)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["type"], refused.json()["status"]) == ("urn:confobjects:too-many-attempts", 429)
    assert 0 < int(refused.headers["retry-after"]) <= WINDOW + 1
    assert api.ask("POST", "/tests", SENDER, accept="text/event-stream").status_code == 429
    assert Api(web, "operator").ask("POST", "/tests", SENDER).status_code == 200
    clock.seconds += WINDOW
    assert api.ask("POST", "/tests", SENDER).status_code == 200


def test_tests_are_limited_by_address(web: Web) -> None:
    for number in range(TESTS_PER_ADDRESS):
        web.tests.begin(f"somebody {number}", "127.0.0.1")
    assert Api(web).ask("POST", "/tests", SENDER).status_code == 429


def test_a_request_that_is_refused_anyway_is_no_test(web: Web) -> None:
    api = Api(web)
    for _ in range(3):
        assert api.ask("POST", "/tests", {"depth": "resolve"}).status_code == 422
        assert Api(web, "reader").ask("POST", "/tests", PATH).status_code == 403
    assert len(web.tests.accounts) == 0


def test_a_save_that_tests_counts_and_others_do_not(web: Web) -> None:
    api, operator = Api(web), Api(web, "operator")
    use_up(web)
    change = {"properties": {"smtp-property": ["mail.smtp.timeout=5000"]}}
    before = api.tag(ONE)
    refused = api.patch(f"{ONE}?test=always", change)
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    assert api.tag(ONE) == before  # nothing is saved
    assert api.patch(f"{ONE}?test=never", change).status_code == 200
    assert len(web.tests.accounts) == 1
    assert operator.patch(f"{ONE}?test=always", {"properties": {"smtp-property": []}}).status_code != 429
    assert len(web.tests.accounts) == 2


@pytest.mark.parametrize(
    ("address", "button", "filled"),
    [
        ("/test/mail-servers/one", "Test", {}),
        ("/test/mail-senders/news", "Send", {"to": "a@example.com"}),
        ("/mail-service", "Test Connection And Save", {"value:sender": "news"}),
        (
            "/objects/mail-servers/one",
            "Test connection and save",
            {"value:smtp-server": "elsewhere.invalid", "value:auth-password": "x"},
        ),
    ],
)
def test_the_console_says_so_on_the_page(web: Web, address: str, button: str, filled: dict[str, str]) -> None:
    console = Console(web)
    use_up(web, "administrator", "192.0.2.1")
    console.visit(address)
    sent = console.press(button, filled)
    assert sent.status == 429, sent.text
    assert "too many tests" in sent.text
    assert int(sent.headers["retry-after"]) > 0


def test_a_new_sender_is_not_tested_either(web: Web) -> None:
    console = Console(web)
    use_up(web, "administrator", "192.0.2.1")
    console.visit("/new-sender")
    console.press("Next")
    sent = console.press("Test connection and save", FIELDS)
    assert (sent.status, "retry-after" in sent.headers) == (429, True), sent.text


def test_threads_do_not_pass_together() -> None:
    from concurrent.futures import ThreadPoolExecutor

    counted = Attempts(lambda: 0.0, TESTS)

    def begin(number: int) -> bool:
        try:
            counted.begin("a", f"192.0.2.{number % 200}")
        except confobjects.ConfobjectsError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(begin, range(2000))) == TESTS_PER_ACCOUNT
