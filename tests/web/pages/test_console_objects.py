"""Objects in the console: lists, forms, the review before a save, undo, delete, rename; without JavaScript."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

import confobjects
from confobjects.diagnostics import MASK
from confobjects.objects.changes import PropertyChanges
from tests.web.console import SECRET, Console, make_console, url_of


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return make_console(tmp_path)


def stored(directory: Path, name: str = "one") -> dict[str, tuple[str, ...]]:
    with confobjects.open(url_of(directory)) as context:
        return dict(context.get("mail-server", name).values)


# -- looking ---------------------------------------------------------------------------------------------------------


def test_whoever_has_not_signed_in_comes_back_to_what_they_wanted(tmp_path: Path) -> None:
    console = make_console(tmp_path, role=None)
    assert "Sign in" in console.visit("/objects/mail-servers/one").page_title()
    page = console.press("Sign in", {"name": "reader", "password": "wrong"})
    assert (page.status, "the name or the password is wrong" in page.text) == (401, True)
    page = console.press("Sign in", {"name": "reader", "password": "correct horse battery"})
    assert page.address.path == "/objects/mail-servers/one"


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_nobody_is_sent_elsewhere_after_the_sign_in(tmp_path: Path, wanted: str) -> None:
    console = make_console(tmp_path, role=None)
    console.page = console.visit("/sign-in")
    page = console.press("Sign in", {"name": "reader", "password": "correct horse battery", "next": wanted})
    assert (page.address.hostname, page.address.path) == ("127.0.0.1", "/")


def test_a_list_has_the_columns_of_the_definition_and_the_state(console: Console) -> None:
    page = console.visit("/objects/mail-servers")
    assert "smtp.example.com:587" in page.text
    assert "enabled" in page.text
    assert "never tested" in page.text
    page = console.follow("one")
    assert page.address.path == "/objects/mail-servers/one"
    assert page.links["/mail-sender/news"] == "/objects/mail-senders/news"


def test_a_search_finds_names_and_values_but_no_secret(console: Console) -> None:
    assert "one" in console.visit("/objects/mail-servers?q=EXAMPLE.com").links
    for wanted in (SECRET, "nowhere"):
        assert "one" not in console.visit(f"/objects/mail-servers?q={wanted}").links


def test_a_field_has_its_synopsis_its_default_and_its_origin(console: Console) -> None:
    page = console.visit("/objects/mail-servers/one")
    assert "The user name to log in to the mail server with." in page.text
    assert "true (default)" in page.text  # use-start-tls
    assert "Default: Do not log in to the mail server." in page.text


def test_no_page_has_a_stored_secret(console: Console) -> None:
    for address in ("/", "/objects/mail-servers", "/objects/mail-servers/one", "/history", "/history/1", "/compare"):
        page = console.visit(address)
        assert page.status == 200
        assert SECRET not in page.source


def test_an_unknown_address_is_a_page_as_well(console: Console) -> None:
    for address in (
        "/objects/nothing",
        "/objects/mail-servers/two",
        "/history/99",
        "/history/x",
        "/objects/mail-servers/%ff",
    ):
        page = console.visit(address)
        assert page.status in {400, 404}
        assert page.forms[0].buttons == {"Sign out": ("", "")}


# -- changing --------------------------------------------------------------------------------------------------------


def test_a_change_is_reviewed_saved_and_undone(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.press("Review", {"value:smtp-server": "mail.example.com:587"})
    assert "smtp.example.com:587" in page.text
    assert "mail.example.com:587" in page.text
    assert stored(tmp_path)["smtp-server"] == ("smtp.example.com:587",)
    page = console.press("Save")
    assert "Configuration saved." in page.text
    assert "confobjects set-mail-server-prop" in page.text
    assert stored(tmp_path)["smtp-server"] == ("mail.example.com:587",)
    console.press("Undo")
    assert stored(tmp_path)["smtp-server"] == ("smtp.example.com:587",)


def test_the_history_names_the_person(console: Console) -> None:
    console.visit("/objects/mail-servers/one")
    console.press("Save", {"value:auth-username": "other"})
    page = console.visit("/history")
    assert "administrator" in page.text
    page = console.follow("2")
    assert "by administrator, with console" in page.text
    assert "other" in page.text


def test_a_wrong_change_is_mended_by_the_button_that_is_offered(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.press("Review", {"value:use-ssl": "true"})
    assert page.status == 422
    assert "exclude each other" in page.text
    page = console.press("Set use-start-tls to false")
    assert page.status == 200
    assert "the object must be disabled" in page.text.lower() or "re-enabled" in page.text
    console.press("Save")
    assert (stored(tmp_path)["use-ssl"], stored(tmp_path)["use-start-tls"]) == (("true",), ("false",))


def test_a_wrong_value_is_explained_beside_its_field_and_stays_typed(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.press("Save", {"value:smtp-server": "two words"})
    assert page.status == 422
    assert ("value:smtp-server", "two words") in page.form("Save").fields
    assert any("aria-invalid" in found and found.get("name") == "value:smtp-server" for _, found in page.attributes)
    assert stored(tmp_path)["smtp-server"] == ("smtp.example.com:587",)


def test_a_typed_secret_survives_a_review_and_is_on_no_page(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.press("Review", {"value:auth-password": "a new canary", "value:smtp-server": "two words"})
    assert "a new canary" not in page.source
    page = console.press("Review", {"value:smtp-server": "mail.example.com"})
    assert "a new canary" not in page.source
    assert MASK in page.text
    page = console.press("Save")
    assert "a new canary" not in page.source
    assert stored(tmp_path)["auth-password"] == ("a new canary",)


def test_a_secret_is_removed_only_when_that_is_asked_for(console: Console, tmp_path: Path) -> None:
    page = console.visit("/objects/mail-servers/one")
    form = page.form("Save")
    fields = [*form.fields, ("remove:auth-password", "1"), form.buttons["Save"]]
    console.send(form, [(name, "" if name == "value:auth-username" else value) for name, value in fields])
    assert "auth-password" not in stored(tmp_path)


def test_an_expression_stays_one_and_is_shown_as_such(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    console.press("Save", {"expression:enabled": "&{mail.enabled}", "value:auth-username": "&{mail.user|news}"})
    assert stored(tmp_path)["enabled"] == ("&{mail.enabled}",)
    page = console.visit("/objects/mail-servers/one")
    assert ("expression:enabled", "&{mail.enabled}") in page.form("Save").fields
    assert ("value:auth-username", "&{mail.user|news}") in page.form("Save").fields
    page = console.press("Review")
    assert "Nothing would change." in page.text


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(console: Console, tmp_path: Path) -> None:
    page = console.visit("/objects/mail-servers/one")
    with confobjects.open(url_of(tmp_path)) as context:
        context.modify("mail-server", "one", PropertyChanges(set={"smtp-server": ("faster.example.com:587",)}))
    console.page = page
    page = console.press("Save", {"value:auth-username": "mine"})
    assert page.status == 412
    assert "Somebody has changed this object since you opened it" in page.text
    assert "Changed: smtp-server." in page.text
    assert ("value:smtp-server", "faster.example.com:587") in page.form("Save").fields
    console.press("Save")
    after = stored(tmp_path)
    assert (after["smtp-server"], after["auth-username"]) == (("faster.example.com:587",), ("mine",))


def test_several_values_and_pairs(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.press("Another value", {"name:smtp-property": "mail.smtp.timeout", "value:smtp-property": "5000"})
    assert len([1 for name, _ in page.form("Save").fields if name == "name:smtp-property"]) == 3
    console.press("Save")
    assert stored(tmp_path)["smtp-property"] == ("mail.smtp.timeout=5000",)


# -- new, renamed, deleted -------------------------------------------------------------------------------------------


def test_a_new_object_of_a_type(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers")
    page = console.follow("New Mail Server")
    assert "generic" in page.text
    console.press("Next", {"type": "generic"})
    page = console.press("Review", {"name": "two", "value:enabled": "true", "value:smtp-server": "two.example.com"})
    assert "/mail-server/two" in page.text
    page = console.press("Save")
    assert page.address.path == "/objects/mail-servers/two"
    assert stored(tmp_path, "two")["smtp-server"] == ("two.example.com",)
    console.press("Undo")
    assert console.visit("/objects/mail-servers/two").status == 404


@pytest.mark.parametrize(
    "name", ["a/b", "..", ".", "~1", "<script>alert(1)</script>", "ä ö", "100%25", "a?b#c", 'q"uote']
)
def test_any_name_has_a_page(console: Console, tmp_path: Path, name: str) -> None:
    console.visit("/new/mail-servers?type=generic")
    console.press("Save", {"name": name, "value:enabled": "false", "value:smtp-server": "two.example.com"})
    assert stored(tmp_path, name)["enabled"] == ("false",)
    console.visit("/objects/mail-servers")
    page = console.follow(name)
    assert (page.status, page.page_title()) == (200, name)
    assert "<script>alert" not in page.source


def test_a_name_is_changed_with_what_refers_to_it(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    console.follow("Rename")
    page = console.press("Review", {"name": "eins"})
    assert "/mail-sender/news" in page.text
    page = console.press("Rename")
    assert page.address.path == "/objects/mail-servers/eins"
    with confobjects.open(url_of(tmp_path)) as context:
        assert context.get("mail-sender", "news").values["mail-server"] == ("eins",)


def test_what_is_referred_to_is_not_deleted(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.follow("Delete")
    assert "/mail-sender/news" in page.text
    assert "Delete one" not in page.form("Sign out").buttons
    assert not any("Delete one" in form.buttons for form in page.forms)
    console.visit("/objects/mail-senders/news")
    console.follow("Delete")
    page = console.press("Delete news")
    assert "Configuration saved." in page.text
    console.press("Undo")
    assert console.visit("/objects/mail-senders/news").status == 200
    assert stored(tmp_path)


# -- who may -----------------------------------------------------------------------------------------------------------


def test_a_reader_sees_everything_and_changes_nothing(tmp_path: Path) -> None:
    console = make_console(tmp_path, "reader")
    page = console.visit("/objects/mail-servers/one")
    assert page.status == 200
    assert SECRET not in page.source
    assert not any("Save" in form.buttons for form in page.forms)
    for address in ("/new/mail-servers?type=generic", "/delete/mail-servers/one", "/rename/mail-servers/one"):
        assert console.visit(address).status == 403


def test_a_form_without_the_token_of_the_session_does_nothing(console: Console, tmp_path: Path) -> None:
    page = console.visit("/objects/mail-servers/one")
    form = page.form("Save")
    fields = [("csrf_token", "wrong") if name == "csrf_token" else (name, value) for name, value in form.fields]
    fields = [(name, "x.example.com" if name == "value:smtp-server" else value) for name, value in fields]
    assert console.send(form, [*fields, form.buttons["Save"]]).status == 403
    assert stored(tmp_path)["smtp-server"] == ("smtp.example.com:587",)


def test_signing_out_ends_it(console: Console) -> None:
    console.visit("/")
    console.press("Sign out")
    assert console.visit("/objects/mail-servers").address.path == "/sign-in"


def test_the_way_to_sign_in_is_no_longer_than_a_page_of_ours(console: Console) -> None:
    nobody = Console(console.web, None).client
    asked = f"/objects/mail-servers/{'x' * 5_000}"
    assert nobody.get(asked, follow_redirects=False).headers["location"] == "/sign-in"
    found = nobody.get("/objects/mail-servers/one", follow_redirects=False).headers["location"]
    assert found == "/sign-in?next=%2Fobjects%2Fmail-servers%2Fone"


def test_the_query_of_a_page_survives_the_sign_in(console: Console) -> None:
    nobody = Console(console.web, None).client
    way = nobody.get("/history?object=/mail-server/one&change=7", follow_redirects=False).headers["location"]
    assert parse_qs(urlsplit(way).query)["next"] == ["/history?object=/mail-server/one&change=7"]
    assert 'name="next" value="/history?object=/mail-server/one&amp;change=7"' in nobody.get(way).text


# -- while a form is filled in -----------------------------------------------------------------------------------------


def judge(console: Console, button: str, filled: dict[str, str]) -> str:
    """Return what the page is told of a form as it is now."""
    form = console.page.form(button)
    fields = {**dict(form.fields), **filled, "do": "judge"}
    answer = console.client.post(form.action, data=fields)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def is_required(told: str, name: str) -> bool:
    return f'<small id="must:{name}" hx-swap-oob="innerHTML">required</small>' in told


def test_what_another_value_demands_is_told_at_once(console: Console) -> None:
    page = console.visit("/new/mail-servers?type=external-smtp")
    for chosen, other, needed, free in (
        ("username-password", "oauth2", "auth-password", "oauth2-provider"),
        ("oauth2", "username-password", "oauth2-provider", "auth-password"),
    ):
        told = judge(console, "Review", {"value:authentication": chosen})
        assert (is_required(told, needed), is_required(told, free)) == (True, False), (chosen, other)
    assert "is required" not in told, "what is not filled in yet is no mistake"
    assert page.status == 200


def test_what_another_value_forbids_is_told_at_once(console: Console, tmp_path: Path) -> None:
    for address in ("/new/mail-servers?type=generic", "/objects/mail-servers/one"):  # the new one has no name yet
        console.visit(address)
        told = judge(console, "Review", {"value:use-ssl": "true", "value:use-start-tls": "true"})
        assert "use-ssl and use-start-tls exclude each other" in told
    told = judge(console, "Review", {"value:use-ssl": "true", "value:use-start-tls": "false"})
    assert "exclude" not in told
    with confobjects.open(url_of(tmp_path)) as context:
        assert "use-ssl" not in context.get("mail-server", "one").values


def test_a_secret_on_a_form_that_is_judged_does_not_come_back(console: Console) -> None:
    console.visit("/objects/mail-servers/one")
    told = judge(console, "Review", {"value:auth-password": "a new canary", "value:smtp-server": "no host at all"})
    assert "wrong-text" in told
    assert "a new canary" not in told
    assert SECRET not in told


# -- what is said, and offered ---------------------------------------------------------------------------------------


def test_no_two_entries_of_the_menu_read_alike(console: Console) -> None:
    menu = console.visit("/").source.partition("<nav")[2].partition("</nav>")[0]
    labels = [one.casefold() for one in re.findall(r">([^<>]+)</a>", menu)]
    assert "mail service" in labels
    assert sorted(set(labels)) == sorted(labels)


def test_what_was_typed_is_mended_by_a_button_as_well(console: Console, tmp_path: Path) -> None:
    console.visit("/objects/mail-servers/one")
    page = console.press("Review", {"value:use-ssl": "true", "value:use-start-tls": "true"})
    assert page.status == 422
    page = console.press("Set use-start-tls to false")
    assert page.status == 200
    console.visit("/new/mail-servers?type=external-smtp")
    filled = {
        "name": "java",
        "value:smtp-server": "smtp.example.com:465",
        "value:authentication": "username-password",
        "value:auth-username": "ann@example.com",
        "value:auth-password": "x",
        "value:socket-factory-class": "javax.net.ssl.SSLSocketFactory",
        "value:socket-factory-port": "465",
        "value:use-start-tls": "true",
    }
    page = console.press("Review", filled)
    assert "only one of them can be used" in page.text
    page = console.press("Set use-start-tls to false")  # though there is another mistake
    assert "only one of them can be used" not in page.text
    assert "enabled" in page.text
    console.press("Save", {"value:enabled": "false"})
    assert stored(tmp_path, "java")["use-start-tls"] == ("false",)


def test_each_sentence_beside_a_field_stands_by_itself(console: Console) -> None:
    page = console.visit("/new/mail-servers?type=external-smtp")
    page = console.press("Review", {"name": "java", "value:authentication": "oauth2", "value:smtp-server": "a b"})
    told = re.findall(r'<p class="wrong-text">(.*?)</p>', page.source, re.DOTALL)
    assert len(told) > len([one for one in told if "<strong>" in one]) > 1
    assert all(one.endswith("</strong>") for one in told if "<strong>" in one)


def test_a_default_of_the_last_case_is_only_a_default(console: Console) -> None:
    page = console.visit("/new/mail-servers?type=external-smtp")
    assert "false (default)" in page.text
    page = console.press("Review", {"name": "x", "value:socket-factory-class": "javax.net.ssl.SSLSocketFactory"})
    assert "true (default, because socket-factory-class is javax.net.ssl.SSLSocketFactory" in page.text
    assert "otherwise" not in page.text


def test_a_save_that_failed_offers_the_save_without_a_test_once(console: Console) -> None:
    with console.client:
        console.visit("/objects/mail-servers/one")
        console.press("Test connection and save", {"value:smtp-server": "127.0.0.1:1", "value:auth-password": "x"})
        page = console.wait_for_end()
    assert page.status == 422  # a proxy would put a page of its own in the place of 502
    assert page.source.count("Save without a test") == 1
    assert page.form("Save without a test").buttons["Save without a test"] == ("do", "save-untested")
