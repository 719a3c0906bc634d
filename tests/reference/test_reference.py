"""The reference says everything the definitions say, and what is generated is up to date."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from confobjects import errors
from confobjects.definitions_loading import load_registry
from confobjects.errors import MAIL_STAGES, MailError
from confobjects.expressions.openers import has_opener
from confobjects.mail.pages import pages as mail_pages
from confobjects.reference.examples import example_object, example_values
from confobjects.reference.facts import HEADINGS, describe_allowed, facts
from confobjects.reference.jsonschema import object_schema
from confobjects.reference.listing import option_letters, rows
from confobjects.reference.markdown import pages
from confobjects.reference.stubs import render_stub
from confobjects.reference.text import describe_object, describe_property
from tests import docs_check

FAMILY = Path(__file__).parent.parent / "definitions" / "family"
OWN = load_registry()
BOTH = load_registry([str(FAMILY)])


def test_what_is_generated_is_up_to_date() -> None:
    assert docs_check.stale() == []


def test_the_tree_of_errors_names_every_class_and_its_status() -> None:
    """A class that stands after the table of codes, or is missing in the tree, has no line in the page of exit codes."""
    drawn = re.findall(r"(?m)^ {4}([│├└─ ]*)(\w+Error) +(\d+)(?:-\d+)?\b", errors.__doc__ or "")
    classes = [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.ConfobjectsError)
    ]
    statuses = {cls.__name__: min(MAIL_STAGES.values()) if cls is MailError else cls.exit_code for cls in classes}
    assert {name: int(status) for _, name, status in drawn} == statuses
    assert set(classes) == set(errors.CODES.values())
    depths = {cls.__name__: 4 * (len(cls.__mro__) - len(errors.ConfobjectsError.__mro__)) for cls in classes}
    assert {name: len(lines) for lines, name, _ in drawn} == depths


def test_what_is_stale_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs_check, "ROOT", tmp_path)
    assert len(docs_check.stale()) == len(docs_check.generated())
    assert docs_check.main(["--write"]) == 0
    assert docs_check.main([]) == 0
    (tmp_path / "docs" / "reference" / "gone.md").write_text("x")
    (tmp_path / "docs" / "reference" / "index.md").write_text("x")
    assert docs_check.main([]) == 1


@pytest.mark.parametrize("definition", list(BOTH), ids=lambda d: d.name)
def test_every_property_has_its_nine_facts(definition) -> None:  # type: ignore[no-untyped-def]
    page = pages(BOTH)[f"{definition.name}.md"]
    for prop in definition.properties.values():
        if prop.hidden:
            assert f"#### {prop.name}\n" not in page
            continue
        block = page.split(f"#### {prop.name}\n", 1)[1].split("####", 1)[0]
        present = [heading for heading in HEADINGS if f"| *{heading}* |" in block]
        assert present == [h for h in HEADINGS if h != "Description" or prop.description]
        assert describe_property(prop, BOTH).startswith(prop.name)


def test_secrets_say_with_what_they_travel_and_objects_how_they_are_verified() -> None:
    words = "A change of destination, bearer, veiled or guide without giving it again is refused, unless it is an expression."
    verified = "Verified by the check knock: Goes there, knocks, and says who it is."
    for kind in ("messenger", "royal-messenger"):
        page = pages(BOTH)[f"{kind}.md"]
        assert words in page.split("#### watchword\n", 1)[1].split("####", 1)[0]
        assert verified in page
    schema = object_schema(BOTH.relation("messenger"), BOTH)
    assert verified in schema["description"]
    assert words in schema["allOf"][0]["then"]["properties"]["watchword"]["description"]
    assert "re-entry" not in describe_property(BOTH.definition("messenger").properties["bearer"], BOTH).lower()


def test_links_within_the_reference_resolve() -> None:
    everything = {**pages(BOTH), **mail_pages(), "python.md": ""}
    anchors = {
        name: {line.lstrip("#").strip().lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
        for name, text in everything.items()
    }
    for name, text in everything.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            if target.startswith("../"):
                continue
            file, _, anchor = target.partition("#")
            assert (file or name) in everything, (name, target)
            assert not anchor or anchor in anchors[file or name], (name, target)


def test_the_facts_of_a_reference_say_when_its_target_has_to_be_enabled() -> None:
    prop = OWN.definition("mail-server").properties["trust-manager-provider"]
    assert describe_allowed(prop, OWN) == (
        "The name of an existing Trust Manager Provider. "
        "It must be enabled while this holds for the object that names it: enabled is true and (use-ssl is true or use-start-tls is true)."
    )


def test_the_letters_of_list_properties() -> None:
    properties = OWN.definition("mail-server").properties
    letters = {name: option_letters(prop) for name, prop in properties.items()}
    assert letters["enabled"] == "rwms-"
    assert letters["use-ssl"] == "rw-sa"
    assert letters["smtp-property"] == "rw---"


def test_a_subtype_lists_what_it_adds_unless_asked_for_all() -> None:
    def names(*, inherited: bool = False) -> list[str]:
        return [row.property.name for row in rows(OWN, types=["pem"], inherited=inherited)]

    assert names() == ["excluded-filename-pattern", "pem-directory"]
    assert names(inherited=True) == ["enabled", "excluded-filename-pattern", "pem-directory"]


@pytest.mark.parametrize("relation", list(BOTH.relations().values()), ids=lambda r: r.name)
def test_every_object_is_described_and_has_a_schema(relation) -> None:  # type: ignore[no-untyped-def]
    text = describe_object(relation, BOTH, advanced=True)
    for name in BOTH.subtypes(relation.target):
        for prop in BOTH.definition(name).properties.values():
            assert prop.hidden or f"  {prop.name} " in text
    Draft202012Validator.check_schema(object_schema(relation, BOTH))


@pytest.mark.parametrize(
    ("document", "valid"),
    [
        ({"enabled": True, "smtp-server": "h:25"}, True),
        ({"enabled": "&{mail.on|true}", "smtp-server": "$<smtp.host>"}, True),
        ({"enabled": True}, False),
        ({"enabled": "yes", "smtp-server": "h"}, False),
        ({"enabled": True, "smtp-server": "h", "smtp-property": ["a=b"]}, True),
        ({"enabled": True, "smtp-server": "h", "smtp-property": "a=b"}, False),
        ({"enabled": True, "smtp-server": "h", "use-sll": True}, False),
        ({"type": "generic", "enabled": True, "smtp-server": "h:25"}, True),
        ({"type": "custom-server", "enabled": True, "smtp-server": "h:25"}, False),
        ({"enabled": True, "smtp-server": "h:25", "authentication": "username-password"}, False),
    ],
)
def test_the_schema_of_a_mail_server(document: dict[str, Any], valid: bool) -> None:
    schema = object_schema(OWN.relation("mail-server"), OWN)
    assert Draft202012Validator(schema).is_valid(document) is valid


def test_the_schema_of_an_object_with_types() -> None:
    validator = Draft202012Validator(object_schema(OWN.relation("trust-manager-provider"), OWN))
    assert validator.is_valid({"type": "pem", "enabled": True, "pem-directory": "certs"})
    assert not validator.is_valid({"type": "blind", "enabled": True, "pem-directory": "certs"})
    assert not validator.is_valid({"enabled": True})


def test_every_property_has_valid_examples_and_of_a_secret_they_are_expressions() -> None:
    without = []
    for definition in BOTH:
        for prop in definition.properties.values():
            examples = example_values(prop, BOTH)
            if not examples:
                without.append(prop.name)
            for example in examples:
                prop.syntax.parse(example)
                assert has_opener(example) is prop.sensitive
    # No sample follows the pattern of the one; the other is never set, and has no default of its own.
    assert set(without) == {"word", "reach"}


def test_the_likeliest_example_comes_first() -> None:
    def first(kind: str, name: str) -> str:
        return example_values(BOTH.definition(kind).properties[name], BOTH)[0]

    assert first("depot-settings", "batch-size") == "50"  # its default
    assert first("disk-queue", "checksum") == "crc32"
    assert first("queue", "batch-size") == "1"  # its lower limit
    assert first("queue", "store") == "My Store"
    assert first("mail-server", "auth-password") == "&{auth.password}"


def test_the_example_of_an_object_is_all_it_needs() -> None:
    for relation in BOTH.relations().values():
        for definition in BOTH.types_of(relation).values():
            values = example_object(definition, BOTH)
            needed = {
                p.name
                for p in definition.properties.values()
                if p.mandatory and p.default.kind not in {"defined", "cases"}
            }
            conditional = {p.name for p in definition.properties.values() if p.required_when is not None}
            assert (
                set(values) - conditional == needed - {relation.naming_property} or relation.naming_property in needed
            )


def test_facts_are_sentences() -> None:
    for definition in OWN:
        for prop in definition.properties.values():
            for heading, text in facts(prop, OWN):
                assert text.strip(), (definition.name, prop.name, heading)


def test_the_stub_is_made_for_any_definitions() -> None:
    compile(render_stub(BOTH), "typed.pyi", "exec")
