"""The XML of OpenDJ's definitions: each word of the grammar means what it should, and a mistake is told with its place."""

from __future__ import annotations

import json

import pytest

from confobjects.conversion import grammar, xml_tree
from confobjects.conversion.opendj_xml import read_facts
from confobjects.conversion.xml_tree import Element
from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.registry import Registry
from confobjects.errors import DefinitionError
from tests.conversion.reading import BAKERY, EXPECTED, convert_files, read_folder

FILES = read_folder(BAKERY)


def test_the_bakery_means_what_is_written_down() -> None:
    """Look at each difference before you renew the file: it is what ``convert_files(FILES)`` returns, as JSON."""
    assert convert_files(FILES) == json.loads(EXPECTED.read_text("utf-8"))


def test_the_bakery_uses_every_word_of_the_grammar() -> None:
    used: set[str] = set()

    def collect(element: Element) -> None:
        name = grammar.name_of(element)
        used.update((name, *(f"{name}@{key}" for key in element.attributes)))
        for one in element.elements():
            collect(one)

    for name, data in FILES:
        collect(xml_tree.parse(name, data))
    words = {name.rpartition("/")[2] for name in grammar.RULES}
    words |= {f"{n.rpartition('/')[2]}@{key}" for n, rule in grammar.RULES.items() for key in rule.attributes}
    # They say in which Java package something is, or repeat what follows from the names.
    unused = {word for word in words - used if "package" not in word}
    assert unused == {
        "default-managed-object@managed-object-name",
        "managed-object@hidden",
        "property-override@hidden",
        "property-override@monitoring",
        "property-override@multi-valued",
        "property-override@read-only",
        "ldap:naming-attribute",
        "relation@advanced",
    }


def test_the_bakery_can_be_built() -> None:
    registry = Registry([DefinitionDocument(name, data) for name, data in convert_files(FILES).items()])
    stone = registry.definition("ldap-oven")
    assert stone.object_classes == ("top", "ds-cfg-baker-oven", "ds-cfg-ldap-oven")
    assert stone.properties["java-class"].default.values == ("org.example.StoneOven",)
    assert stone.properties["java-class"].synopsis == "The class of the Stone Oven."
    assert stone.properties["heat"].attribute == "ds-cfg-degrees"
    spare = registry.definition("bakery").properties["spare-oven"].reference
    assert spare is not None
    assert (spare.target_enabled, spare.synopsis) == (None, "It is needed when there is no first one.")


BAD = {
    "no XML": ("Package.xml", "</adm:synopsis>", "</adm:synopsi>", "3:37", "this is not XML: mismatched tag"),
    "unknown element": (
        "OvenConfiguration.xml",
        '<adm:tag name="baking"/>',
        '<adm:tags name="baking"/>',
        "12:3",
        'the element "tags" does not stand in "managed-object"',
    ),
    "foreign namespace": (
        "TrayConfiguration.xml",
        'xmlns:adm="http://opendj.forgerock.org/admin"',
        'xmlns:adm="http://example.org/admin"',
        "2:1",
        'no definition begins with the element "http://example.org/admin:managed-object"',
    ),
    "unknown attribute": (
        "OvenConfiguration.xml",
        'name="enabled" mandatory="true"',
        'name="enabled" mandatry="true"',
        "46:3",
        '"property" has no attribute "mandatry"',
    ),
    "no flag": (
        "OvenConfiguration.xml",
        'name="enabled" mandatory="true"',
        'name="enabled" mandatory="yes"',
        "46:3",
        'mandatory is true or false, not "yes"',
    ),
    "no unit": (
        "OvenConfiguration.xml",
        'base-unit="m"',
        'base-unit="min"',
        "55:7",
        'base-unit is a unit of time, not "min"',
    ),
    "no limit": (
        "OvenConfiguration.xml",
        'upper-limit="2 h"',
        'upper-limit="2 hour"',
        "55:7",
        "upper-limit is wrong: ",
    ),
    "no number": (
        "OvenConfiguration.xml",
        'lower-limit="50"',
        'lower-limit="x"',
        "85:7",
        'lower-limit is no number: "x"',
    ),
    "text": ("OvenConfiguration.xml", "<adm:boolean/>", "boolean<adm:boolean/>", "48:5", 'no text stands in "syntax"'),
    "two syntaxes": (
        "OvenConfiguration.xml",
        "<adm:boolean/>",
        "<adm:boolean/><adm:oid/>",
        "48:5",
        '"syntax" takes 1 of: ',
    ),
    "no synopsis": (
        "TrayConfiguration.xml",
        "<adm:synopsis>Where it lies.</adm:synopsis>",
        "",
        "5:3",
        '"property" lacks "synopsis"',
    ),
    "two relations in one": (
        "RootConfiguration.xml",
        "<adm:one-to-one/>",
        "<adm:one-to-one/><adm:one-to-many/>",
        "20:3",
        '"relation" takes one of: one-to-many, one-to-one, one-to-zero-or-one',
    ),
    "no kind to extend": (
        "StoneOvenConfiguration.xml",
        'extends="oven"',
        'extends="ovn"',
        "2:1",
        'there is no kind "ovn" to extend',
    ),
    "a circle": (
        "OvenConfiguration.xml",
        'plural-name="ovens"',
        'plural-name="ovens" extends="ldap-oven"',
        "StoneOvenConfiguration.xml:2:1",
        "the kinds extend each other in a circle",
    ),
    "no target": (
        "RootConfiguration.xml",
        'managed-object-name="bakery"',
        'managed-object-name="bakry"',
        "20:3",
        'there is no kind "bakry"',
    ),
    "no tag": (
        "OvenConfiguration.xml",
        'tag name="baking"',
        'tag name="bakng"',
        "12:3",
        'the root defines no tag "bakng"',
    ),
    "no shared property": (
        "StoneOvenConfiguration.xml",
        'property-reference name="key-pin"',
        'property-reference name="pin"',
        "15:3",
        'no package has a property "pin"',
    ),
    "nothing to override": (
        "StoneOvenConfiguration.xml",
        'property-override name="time"',
        'property-override name="tim"',
        "14:3",
        'there is no property "tim" to override',
    ),
    "declared twice": (
        "TrayConfiguration.xml",
        'property name="size"',
        'property name="place"',
        "9:3",
        'the property "place" is declared twice',
    ),
    "a wrong default": (
        "OvenConfiguration.xml",
        "<adm:value>unlimited</adm:value>",
        "<adm:value>1 ms</adm:value>",
        "58:3",
        '"1 ms" is too small (a value of rest)',
    ),
    "a condition about nothing": (
        "OvenConfiguration.xml",
        '<adm:contains property="enabled" value="true"/>',
        '<adm:contains property="enable" value="true"/>',
        "3:1",
        'the condition uses "enable", which is not a property',
    ),
    "an external entity": (
        "Package.xml",
        "<adm:package ",
        '<!DOCTYPE adm:package [<!ENTITY x SYSTEM "file:///etc/passwd">]><adm:package ',
        "2:62",
        'the entity "x" is not a text of this file',
    ),
    "an external document type": (
        "Package.xml",
        "<adm:package ",
        '<!DOCTYPE adm:package SYSTEM "http://example.org/x.dtd"><adm:package ',
        "2:56",
        "the document type is in another file, which is not read",
    ),
    "a parameter entity": (
        "Package.xml",
        "<adm:package ",
        '<!DOCTYPE adm:package [<!ENTITY % x "y">]><adm:package ',
        "2:37",
        'the entity "x" is not a text of this file',
    ),
    "entities in entities": (
        "Package.xml",
        "<adm:package ",
        '<!DOCTYPE adm:package [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><adm:package ',
        "2:50",
        'the entity "c" is more than a text',
    ),
    "an element in an entity": (
        "Package.xml",
        "<adm:package ",
        '<!DOCTYPE adm:package [<!ENTITY a "<b/>">]><adm:package ',
        "2:35",
        'the entity "a" is more than a text',
    ),
    "an entity that is not declared": (
        "Package.xml",
        "What several have.",
        "&what;",
        "3:17",
        "this is not XML: undefined entity",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_is_told_with_its_place(case: str) -> None:
    file, good, bad, place, summary = BAD[case]
    files = dict(FILES)
    text = files[file].decode()
    assert good in text
    files[file] = text.replace(good, bad, 1).encode()
    with pytest.raises(DefinitionError) as caught:
        convert_files(list(files.items()))
    problem = caught.value.diagnostics[0]
    assert problem.summary.startswith(summary)
    assert problem.describe_place().startswith(place if ".xml:" in place else f"{file}:{place}")
    assert problem.excerpt in files[problem.origin].decode()
    assert problem.span is not None
    assert 0 <= problem.span[0] < problem.span[1] <= max(len(problem.excerpt), 1)


def test_all_mistakes_are_told_at_once() -> None:
    files = [(name, data.replace(b"adm:syntax", b"adm:syntx")) for name, data in FILES]
    with pytest.raises(DefinitionError) as caught:
        read_facts(files, "1.0.0")
    assert len({problem.origin for problem in caught.value.diagnostics}) == 4
    assert len(caught.value.diagnostics) > 20


@pytest.mark.parametrize(
    ("data", "summary"),
    [
        (b"<a>" * 41 + b"</a>" * 41, "the elements are nested too deeply"),
        (b" " * (xml_tree.LONGEST + 1), "the file has more than 1,048,576 bytes"),
        (
            b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 1000 + b'">]><a b="' + b"&x;" * 1100 + b'"/>',
            'the entity "x" makes the text too long',
        ),
        (b'<?xml version="1.0" encoding="rot13"?><a/>', "this is not XML: "),
        (b"\xff\xfe\x00", "this is not XML: "),
        (b"", "this is not XML: no element found"),
    ],
    ids=["depth", "length", "entities", "encoding", "bytes", "nothing"],
)
def test_the_work_on_foreign_text_is_bounded(data: bytes, summary: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        xml_tree.parse("file.xml", data)
    assert caught.value.diagnostics[0].summary.startswith(summary)


def test_an_entity_of_the_file_is_its_text() -> None:
    parsed = xml_tree.parse("file.xml", b'<!DOCTYPE a [<!ENTITY x "one &#233; two">]><a b="&x;">&x;</a>')
    assert (parsed.attributes["b"], "".join(map(str, parsed.content))) == ("one é two", "one é two")


def test_kinds_extend_each_other_up_to_a_limit() -> None:
    top = '<managed-object xmlns="http://opendj.forgerock.org/admin" name="k{}" plural-name="ks"{}><synopsis>One.</synopsis></managed-object>'
    files = [(f"{at}.xml", top.format(at, f' extends="k{at - 1}"' if at else "").encode()) for at in range(2000)]
    read_facts(files[:32], "1.0.0")
    with pytest.raises(DefinitionError, match="more than 32 kinds extend each other in a row"):
        read_facts(files, "1.0.0")
