"""Entries with definitions that a memory knows are read when somebody asks, and are what their lines say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.definitions.installed import InstalledText, check_digest, digest_of
from confobjects.definitions.model import HOLDER_CLASS, HOLDER_KIND
from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry
from confobjects.mapping.held import HeldEntry
from confobjects.mapping.installed import as_installed, collect_installed
from confobjects.mapping.ldif import LdifText, parse, parse_file
from confobjects.mapping.ldif.writing import format_entry
from confobjects.mapping.objects import Mapper
from confobjects.paths import ROOT
from tests.definitions.documents import builtin

BRANCH = DN.parse("cn=Definitions,cn=config")


class Memory:
    """Remembers in memory what the cache would keep in files."""

    def __init__(self) -> None:
        self.known: dict[tuple[str | memoryview, ...], str] = {}

    def recall(self, content: Iterable[str | memoryview]) -> Any:
        found = self.known.get(tuple(content))
        return None if found is None else json.loads(found)

    def remember(self, content: Iterable[str | memoryview], parts: Any) -> None:
        self.known[tuple(content)] = json.dumps(parts)


def text_of(name: str, size: int = 1500) -> str:
    return json.dumps(
        {"name": name, "version": 1, "synopsis": "One.", "description": f"{name}: é " * (size // 9)}, indent=1
    )


def holder(name: str, text: str, **more: str) -> str:
    values = {"objectClass": ["top", HOLDER_CLASS], "cn": [name], "ds-cfg-definition": [text]}
    entry = Entry(BRANCH.child("cn", name), {**values, "ds-cfg-definition-digest": [digest_of(text)], **_listed(more)})
    return format_entry(entry)


def _listed(values: dict[str, str]) -> dict[str, list[str]]:
    return {name.replace("_", "-"): [value] for name, value in values.items()}


HEAD = "version: 1\n\ndn: cn=config\ncn: config\n\ndn: cn=Definitions,cn=config\ncn: Definitions\n\n"
BELL, GONG = holder("bell", text_of("bell")), holder("gong", text_of("gong"), ds_cfg_revision="2")
FILE = f"{HEAD}{BELL}\n{GONG}\ndn: cn=last,cn=config\ncn: last\n"


def read(text: str, memory: Memory | None) -> LdifText:
    """Read a text as the content of a file."""
    return parse_file(text.encode(), "file", memory)


def picture(text: str, memory: Memory | None) -> Any:
    """What a text holds, or what is wrong with it."""
    try:
        document = read(text, memory)
    except BrokenDataError as error:
        return error.diagnostics
    entries = [(key, str(entry.dn), dict(entry.attributes)) for key, entry in document.entries.items()]
    return document.serialise(), entries, list(document.pieces()), document.tail, document.holds_alike


def is_read(entry: Entry | None) -> bool:
    """Tell whether the attributes of an entry have been read."""
    try:
        object.__getattribute__(entry, "attributes")
    except AttributeError:
        return False
    return True


def held_in(document: LdifText) -> list[HeldEntry]:
    return [entry for entry in document.entries.values() if isinstance(entry, HeldEntry)]


def test_such_an_entry_is_read_as_an_object_like_any_other() -> None:
    [plain] = [one for one in parse(FILE).entries.values() if one.dn.name == "bell"]
    held = HeldEntry(plain.dn, BELL, (0, len(BELL)), lambda _: plain)
    relation = builtin().relation(HOLDER_KIND)
    found = [Mapper(builtin(), DN.parse("cn=config")).decode(one, relation, ROOT) for one in (plain, held, held)]
    assert found[0] == found[1]
    assert found[1] is found[2]


def test_known_entries_are_read_only_when_somebody_asks() -> None:
    memory = Memory()
    assert not held_in(read(FILE, memory))
    document = read(FILE, memory)
    bell, gong = held_in(document)
    found = collect_installed([entry for entry in document.entries.values() if entry.has_object_class(HOLDER_CLASS)])
    assert [(one.name, one.digest) for one in found] == [(n, digest_of(text_of(n))) for n in ("bell", "gong")]
    assert not any(list(check_digest(one)) for one in found)
    assert not is_read(bell)
    assert not is_read(gong)
    assert found[0].text == text_of("bell")
    assert is_read(bell)
    assert not is_read(gong)
    assert document.entries == parse(FILE).entries
    assert found == collect_installed([e for e in parse(FILE).entries.values() if e.has_object_class(HOLDER_CLASS)])


def test_of_entries_names_sizes_and_digests_are_remembered() -> None:
    memory = Memory()
    read(FILE, memory)
    expected = [
        [f"cn={name},{BRANCH}", len(lines.encode()), digest_of(text_of(name))]
        for name, lines in (("bell", BELL), ("gong", f"\n{GONG}"))
    ]
    assert [json.loads(known) for known in memory.known.values()] == [expected]


def test_of_entries_that_others_part_only_the_digests_are_remembered() -> None:
    memory = Memory()
    parted = FILE.replace(GONG, f"dn: cn=between,cn=config\ncn: between\n\n{GONG}")
    read(parted, memory)
    assert [json.loads(known) for known in memory.known.values()] == [[digest_of(text_of(n)) for n in ("bell", "gong")]]
    assert len(held_in(read(parted, memory))) == 2


ELSEWHERE = {
    "an entry more at the end": f"{FILE}\ndn: cn=more,cn=config\ncn: more\n",
    "nothing at the end": FILE[: FILE.index("\ndn: cn=last")],
    "an entry more at the start": FILE.replace(
        "dn: cn=Definitions", "dn: cn=more,cn=config\ncn: more\n\ndn: cn=Definitions"
    ),
    "other values": FILE.replace("cn: last", "cn: last\nCN: é"),
    "a remark": FILE.replace("\ndn: cn=last", "\n# a remark\n\n\n# another\ndn: cn=last"),
    "a marker": FILE.replace("version: 1", "version: 1\n# confobjects-format: 2"),
    "carriage returns": FILE.replace("dn: cn=last,cn=config\ncn: last\n", "dn: cn=last,cn=config\r\ncn: last\r\n\r\n"),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_change_of_other_entries_leaves_known_ones_unread(name: str) -> None:
    memory = Memory()
    read(FILE, memory)
    known = len(memory.known)
    assert len(held_in(read(ELSEWHERE[name], memory))) == 2
    assert len(memory.known) == known
    assert picture(ELSEWHERE[name], memory) == picture(ELSEWHERE[name], None)


def test_a_text_that_is_given_in_place_of_a_known_one_is_judged() -> None:
    known = InstalledText("bell", "cn=bell", lambda: "one", digest_of("one"))
    assert not list(check_digest(known))
    assert known.replace(text="one") == known
    assert list(check_digest(known.replace(text="two")))


UNKNOWN = {
    "a wrong digest": FILE.replace(digest_of(text_of("bell")), digest_of("")),
    "no digest": FILE.replace("ds-cfg-definition-digest", "ds-cfg-note"),
    "another class": FILE.replace(HOLDER_CLASS, "ds-cfg-other"),
    "a newer format inside": FILE.replace("version: 1", "version: 1\n# confobjects-format: 1").replace(
        "\ncn: bell", "\n# confobjects-format: 9\ncn: bell"
    ),
    "equal names": FILE + "\n" + BELL.replace("cn=bell", "cn=\uff22ell"),
    "twice": f"{FILE}\n{BELL}",
    "two texts": FILE.replace("ds-cfg-revision: 2", "ds-cfg-definition: {}"),
    "carriage returns": FILE.replace("\n", "\r\n"),
    "a folded name": FILE.replace("dn: cn=bell,", "dn: cn=be\n ll,").replace("dn: cn=gong,", "dn: cn=go\n ng,"),
    "a name in base64": FILE.replace(
        "dn: cn=gong,cn=Definitions,cn=config", "dn:: Y249Z29uZyxjbj1EZWZpbml0aW9ucyxjbj1jb25maWc="
    ),
    "a broken name": FILE.replace("dn: cn=bell,", "dn: bell,"),
    "broken base64": FILE.replace("ds-cfg-definition:: ", "ds-cfg-definition:: ?"),
    "a broken line elsewhere": FILE.replace("cn: last", "last"),
    "one long line": f"{HEAD}dn: cn={'a' * 2000},cn=Definitions,cn=config",
    "a comment before it": FILE.replace("dn: cn=bell,", "# a remark\ndn: cn=bell,"),
    "another spelling": FILE.replace("\ncn: gong", "\nCN: gong"),
    "a marker behind another": f"# confobjects-format: 1\n{FILE}\n# confobjects-format: 9\n",
    "a newer format behind": f"{FILE}\n# confobjects-format: 9\n",
    "a mark of the order of bytes": f"\ufeff{FILE}",
    "a mark of the order of bytes inside": FILE.replace("\ndn: cn=last", "\n\ufeffdn: cn=last"),
    "a version inside": FILE.replace("\ndn: cn=last", "\nversion: 1\ndn: cn=last"),
    "no version, no other entry": f"\n\n{BELL}\n{GONG}",
    "an entry between": FILE.replace(GONG, f"dn: cn=between,cn=config\ncn: between\n\n{GONG}"),
    "a remark between": FILE.replace(GONG, f"# a remark\n\n{GONG}"),
    "a short one between": FILE.replace(GONG, f"{holder('chime', '{}')}\n{GONG}"),
    "a name of the branch in a value": FILE.replace("cn: last", "cn: last\nseeAlso: cn=bell,cn=Definitions,cn=config"),
    "one of the same name elsewhere": f"{FILE}\ndn: cn=bell,cn=Definitions,cn=config\ncn: bell\n",
    "a carriage return inside": f"{FILE}\ndn: cn=x,cn=config\ncn: a\rb\n",
    "a zero": f"{FILE}\ndn: cn=x,cn=config\ncn: a\0b\n",
    "short ones": HEAD + holder("bell", "{}"),
    "none": HEAD,
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_whatever_stands_in_a_file_it_means_the_same(name: str) -> None:
    memory = Memory()
    read(FILE, memory)
    expected = picture(UNKNOWN[name], None)
    for _ in range(2):
        assert picture(UNKNOWN[name], memory) == expected


@pytest.mark.parametrize("name", ["a wrong digest", "no digest", "another class", "two texts", "a newer format inside"])
def test_what_is_wrong_is_never_remembered(name: str) -> None:
    memory = Memory()
    picture(UNKNOWN[name], memory)
    assert not memory.known
    assert not held_in(read(UNKNOWN[name], memory))


@settings(max_examples=300)
@given(
    st.integers(0, len(FILE) - 1), st.sampled_from(["", "\n", " ", "\n ", "A", "=", ":", "#", "é", "\r", "\n\n", "0"])
)
def test_a_change_by_hand_is_noticed_wherever_it_is(at: int, written: str) -> None:
    memory = Memory()
    read(FILE, memory)
    changed = FILE[:at] + written + FILE[at + 1 :]
    assert picture(changed, memory) == picture(changed, None)
    try:
        found = held_in(read(changed, memory))
    except BrokenDataError:
        return
    for one in found:
        installed = as_installed(Entry(one.dn, one.attributes))
        assert installed.digest == one.digest
        assert not list(check_digest(installed))
