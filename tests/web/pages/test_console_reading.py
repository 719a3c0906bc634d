"""Pages to read: the graph, expressions, definitions, and the first page."""

from __future__ import annotations

from pathlib import Path

import pytest

from confobjects.mapping.followers import FollowerReport, WaitingChange
from confobjects.startup import current_time
from tests.opening import open_any
from tests.web.console import Console, make_console, url_of


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return make_console(tmp_path)


def test_the_graph_leads_to_each_object(console: Console) -> None:
    page = console.visit("/graph")
    assert ("a", {"href": "/objects/mail-servers/one"}) in page.attributes
    assert "/mail-sender/news → /mail-server/one" in page.text
    page = console.visit("/graph?of=/mail-server/one")
    assert "/trust-manager-provider/System" in page.links
    assert console.visit("/graph?of=nonsense").status in {400, 404}


def test_a_name_in_the_picture_is_no_markup(console: Console, tmp_path: Path) -> None:
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        tx.create("mail-server", "<script>alert(1)</script>", {"enabled": False, "smtp-server": "x.example.com"})
    assert "<script>alert" not in console.visit("/graph").source


def test_of_a_large_change_the_first_objects_are_shown(console: Console, tmp_path: Path) -> None:
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        for number in range(60):
            tx.create("mail-server", f"m{number}", {"enabled": False, "smtp-server": "x.example.com"})
    for address in (f"/history/{tx.report.number}", f"/history/{tx.report.number}?review=undo", "/compare"):
        page = console.visit(address)
        assert "more objects, which are not shown" in page.text
        assert page.source.count('class="change"') in {50, 100}


def test_expressions_are_explained_without_what_comes_from_outside(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_HOST", "outside.example.com")
    (tmp_path / "pin").write_text("a canary", encoding="utf-8")
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        given = {"smtp-server": "&{mail.host}", "auth-username": "&{mail.user|inside}", "auth-password": "&{file:pin}"}
        tx.set("mail-server", "one", given)
    page = console.visit("/explain")
    assert "&{mail.host}" in page.text
    assert "outside.example.com" not in page.source
    assert "inside" in page.text
    assert "a canary" not in page.source
    assert "mail.host" in console.visit("/explain?of=/mail-server/one").text
    assert "No property has an expression." in console.visit("/explain?of=/mail-sender/news").text


def test_every_definition_has_its_reference(console: Console) -> None:
    page = console.visit("/definitions")
    addresses = [address for address in page.links.values() if address.startswith("/definitions/")]
    assert "/definitions/mail-server" in addresses
    for address in addresses:
        page = console.visit(address)
        assert page.status == 200
        assert "Synopsis" in page.text
    assert console.visit("/definitions/nothing").status == 404


def test_the_first_page_says_what_is_untested_and_what_is_wrong(console: Console, tmp_path: Path) -> None:
    page = console.visit("/")
    assert "A service would start with this configuration." in page.text
    assert "never tested" in page.text
    assert page.links["1 Mail Server"] == "/objects/mail-servers"
    with open_any(url_of(tmp_path)) as context, context.change() as tx:
        tx.set("mail-server", "one", {"auth-password": "&{file:not-there}"})
    page = console.visit("/")
    assert "What is wrong" in page.text
    assert "not-there" in page.text


def test_what_waits_for_a_restart_is_seen_on_every_page(console: Console, tmp_path: Path) -> None:
    with open_any(url_of(tmp_path)) as context:
        waiting = (WaitingChange("/mail-server/one", "changed", ("use-ssl",), ("component-restart",)),)
        report = FollowerReport("web-1", number=1, time=current_time(), host="here", process=7, waiting=waiting)
        context.storage.tell_follower(report)
    for address in ("/", "/objects/mail-servers", "/history", "/senders", "/nothing"):
        assert "1 change waits for a restart." in console.visit(address).text
    assert "use-ssl of /mail-server/one, in web-1" in console.visit("/").text
