"""The pages for whoever comes from another product: each field of its form, and each word of its steps, has its place on them.

The names of the fields are those that the products document. What a page says of a property here is held to its definition.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from confobjects.cli.words.elsewhere import _ELSEWHERE
from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition
from tests.cli.sessions import fresh, run
from tests.definitions.documents import builtin
from tests.docs.pages import differences
from tests.docs.test_pages import GUIDE
from tests.servers.postfix import PASSWORD, REALM, USER, Postfix


class Form(NamedTuple):
    """The form of a product: its page, our type of mail server, its fields in order, and the words of its steps."""

    page: str
    type: str
    fields: tuple[str, ...]
    steps: tuple[str, ...]


PINGONE: Final = Form(
    "coming-from-pingone.md",
    "custom-server",
    (
        "Sender Type",
        "Provider Type",
        "Username",
        "Password",
        "Server Name",
        "Port",
        "From Name",
        "From Address",
        "Reply-To Name",
        "Reply-To Address",
    ),
    ("Settings > Senders", "Click +", "Custom Server", "Click Save", "Send Test Email", "Send to", "mailbox"),
)
SAP: Final = Form(
    "coming-from-sap.md",
    "custom-server",
    (
        "Custom Mail Server",
        "the e-mail address that is the sender of the mails",
        "the mail server",
        "the user",
        "the password",
    ),
    (
        "administration console",
        "Tenant Settings",
        "Mail Server Configuration",
        "Configuration saved",
        "Forgot password?",
        "Reset Counter",
        "Users & Authorizations > User Management > the user > Authentication > Password Details",
        "Return to the default settings",
    ),
)
ZUORA: Final = Form(
    "coming-from-zuora.md",
    "external-smtp",
    (
        "SMTP Server Name",
        "SMTP Port",
        "Authentication",
        "SMTP Enable StartTLS",
        "SMTP User Name",
        "Password",
        "OAuth2.0 Provider",
        "SMTP SocketFactory Port",
        "SMTP SocketFactory Class",
        "SMTP SocketFactory Fallback",
        *("Name", "Grant Type", "Client ID", "Client Secret", "Refresh Token"),
        *("Access token endpoint", "Authorization endpoint"),
    ),
    ("Settings tab", "External SMTP", "click Edit", "Test Connection And Save", "Select External SMTP Server"),
)
PINGDS: Final = Form(
    "coming-from-dsconfig.md",
    "mail-server",
    (
        *("enabled", "smtp-server", "auth-username", "auth-password"),
        *("use-ssl", "use-start-tls", "trust-manager-provider", "smtp-property"),
    ),
    ("create-mail-server", "list-mail-servers", "get-mail-server-prop", "set-mail-server-prop", "delete-mail-server"),
)
FORMS: Final = (PINGONE, SAP, ZUORA, PINGDS)
_PROPERTY: Final = re.compile(r"^`([a-z0-9-]+)` of the (mail server|mail sender|mail service|OAuth 2\.0 provider)")


def read(form: Form) -> str:
    return (GUIDE / form.page).read_text(encoding="utf-8")


def rows(form: Form) -> list[list[str]]:
    """Return the rows of the tables of fields: the field, what it is there, the property here, and what that is."""
    lines = [line for line in read(form).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if len(row) == 4 and not row[0].startswith(("field in", "property in"))]


def definitions(form: Form) -> dict[str, ManagedObjectDefinition]:
    """Return what the words of a page for the objects stand for."""
    names = {"mail server": form.type, "OAuth 2.0 provider": "oauth2-provider"}
    kinds = {kind: kind.replace(" ", "-") for kind in ("mail sender", "mail service")}
    return {words: builtin().definition(name) for words, name in {**kinds, **names}.items()}


def mapped(form: Form) -> list[tuple[PropertyDefinition, str]]:
    """Return the properties that the rows name, each with what the page says that it is."""
    found = [(match, row) for row in rows(form) if (match := _PROPERTY.match(row[2]))]
    return [(definitions(form)[match[2]].properties[match[1]], row[3]) for match, row in found]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.page)
def test_each_field_has_its_row_in_the_order_of_the_form(form: Form) -> None:
    assert [row[0] for row in rows(form)] == list(form.fields)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.page)
def test_what_is_said_of_a_property_is_so(form: Form) -> None:
    said = mapped(form)
    assert len(said) >= len(form.fields) - 2, "all others are no properties, but what is said when an object is made"
    for prop, words in said:
        if "465 if there is none" in words or "required there" in words:
            continue  # the port, which is a part of a value
        assert (words.startswith("mandatory"), prop.name) == (prop.mandatory, prop.name)
        assert (words.startswith("required with"), prop.name) == (prop.required_when is not None, prop.name)
        assert (words.startswith("optional"), prop.name) == (
            not prop.mandatory and prop.required_when is None,
            prop.name,
        )
        default = re.search(r"(true|false) by default", words)
        assert (default[1] if default else None) == (_default_of(prop) if prop.syntax.name == "boolean" else None)
        assert ("advanced" in words) is prop.advanced


def _default_of(prop: PropertyDefinition) -> str | None:
    return prop.default.values[0] if prop.default.values else None


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.page)
def test_every_property_that_is_needed_is_on_the_page(form: Form) -> None:
    needed = {
        prop.name
        for words in ("mail server", "mail sender")
        for prop in definitions(form)[words].properties.values()
        if prop.mandatory and (form is not PINGDS or words == "mail server")
    }
    assert len(needed) >= 2
    assert [name for name in sorted(needed) if not re.search(rf"`{name}`|--set(?:-env)? {name}:", read(form))] == []


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.page)
def test_the_words_of_each_step_are_on_the_page_in_their_order(form: Form) -> None:
    text = read(form)
    steps = text[text.index("## Step by step") if "## Step by step" in text else text.index("## Create") :]
    places = [steps.find(word) for word in form.steps]
    assert -1 not in places, form.steps[places.index(-1)]
    assert form is PINGDS or places == sorted(places)


def test_what_a_page_of_another_product_calls_a_field_is_explained() -> None:
    """The law, over the fields: ``describe`` leads to what the page says that the field is here."""
    for form in (PINGONE, SAP, ZUORA):
        for row in (row for row in rows(form) if not row[0].startswith("the ")):
            told = run("describe", row[0])
            named = re.findall(r"`([a-z0-9-]+)`", row[2])
            names = {"--type custom-server": "custom-server", "--provider-name": "oauth2-provider"}
            wanted = names.get(row[2].strip("`")) or named[0]
            assert re.search(rf"\bdescribe [a-z0-9 -]*{wanted}", told.err) or told.status == 0, (row, told)


def test_what_a_page_of_another_product_calls_a_step_leads_to_a_command() -> None:
    for word in (word for form in (PINGONE, SAP, ZUORA) for word in form.steps):
        told = run("describe", word)
        assert told.status == 0 or re.search("(here|of that name|a property): [a-z]", told.err), (word, told)


def test_every_line_for_a_word_of_another_product_can_be_typed(tmp_path: Path) -> None:
    with fresh(tmp_path):
        for line in {line for lines in _ELSEWHERE.values() for line in lines} - {"interactive", "configure-mail"}:
            done = run(*line.removesuffix("ADDRESS").split(), *(["--help"] if "ADDRESS" in line else []))
            assert done.status == 0, (line, done)


def test_the_messages_that_the_products_document_are_there() -> None:
    assert "A test message was successfully sent to" in read(PINGONE)
    assert "Using the credentials you provided, we couldn't authenticate with your email server" in read(PINGONE)
    assert "Configuration saved" in read(SAP)


@pytest.mark.parametrize("form", [PINGONE, SAP, ZUORA], ids=lambda form: form.page)
def test_the_commands_of_a_page_print_what_it_shows(form: Form, relay: Postfix, distrustful_place: Path) -> None:
    directory = distrustful_place / "page"
    directory.mkdir()
    facts = {
        "SMTPS": str(relay.ports["smtps"]),
        "SUBMISSION": str(relay.ports["submission"]),
        "CA": str(distrustful_place / "ca.pem"),
        "PASSWORD": PASSWORD,
    }
    assert f"{USER}@{REALM}" in read(form)
    assert "\n".join(differences(GUIDE / form.page, directory, facts)) == ""
