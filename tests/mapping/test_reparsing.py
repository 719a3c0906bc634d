"""A text of which a part has changed is parsed as if it were new, and what has not changed stays the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry
from confobjects.mapping.ldif import Edit, LdifText, parse
from confobjects.mapping.ldif.reparsing import parse_changed
from confobjects.mapping.ldif.writing import edit_document

PIECES = (
    "\n",
    "\n\n",
    "dn: cn=a\n",
    "dn: cn=b\n",
    "dn: cn=A\n",
    "dn: cn=\uff41\n",
    "dn: cn=c,cn=a\n",
    "dn:: Y249YmFzZTY0\n",
    "dn: cn=fold\n ed\n",
    "cn: a\n",
    "CN: a\n",
    "note: one\n",
    "note: two\n",
    "note: ä\n",
    "note: one",
    " and more\n",
    "# remark\n",
    "version: 1\n",
    "# confobjects-format: 1\n",
    "# confobjects-format: 9\n",
    "\ufeff",
    "note: x\r\n",
    "\0",
    "garbage\n",
)
ENTRIES = ("dn: cn=first\ncn: first\n", *(f"dn: cn=n{number}\ncn: n{number}\nnote: {number}\n" for number in range(6)))


def take(text: str) -> tuple[object, ...] | str:
    """What a text holds, or that it is wrong."""
    try:
        return picture(parse(text))
    except BrokenDataError:
        return "broken"


def picture(document: LdifText) -> tuple[object, ...]:
    entries = [(key, str(entry.dn), dict(entry.attributes)) for key, entry in document.entries.items()]
    return document.text, entries, list(document.pieces()), document.tail, document.holds_alike


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(PIECES), max_size=6),
    st.integers(0, 250),
    st.integers(0, 80),
    st.lists(st.sampled_from(PIECES), max_size=5),
)
def test_a_changed_part_is_parsed_as_in_the_whole(more: list[str], at: int, cut: int, put: list[str]) -> None:
    old = "\n".join(ENTRIES) + "".join(more)
    if take(old) == "broken":
        return
    at = min(at, len(old))
    new = old[:at] + "".join(put) + old[at + cut :]
    known = parse(old)
    found = parse_changed(known, new, parse)
    if found is None:
        return
    assert picture(found) == take(new)
    assert picture(known) == take(old)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("note: 3\n", "note: 3\nmore: 1\n", ["cn=n3", "cn=n4"], id="another line"),
        pytest.param("note: 3\n", "", ["cn=n3", "cn=n4"], id="a line less"),
        pytest.param("dn: cn=n3\ncn: n3\nnote: 3\n\n", "", ["cn=n2", "cn=n4"], id="an entry less"),
        pytest.param("dn: cn=n3\n", "dn: cn=new\ncn: new\n\ndn: cn=n3\n", ["cn=n3", "cn=new"], id="an entry more"),
        pytest.param("note: 5\n", "note: 5\n\ndn: cn=new\ncn: new\n", ["cn=n5", "cn=new"], id="one more at the end"),
    ],
)
def test_only_entries_beside_the_change_are_parsed(old: str, new: str, expected: list[str]) -> None:
    text = "\n".join(ENTRIES)
    known = parse(text)
    found = parse_changed(known, text.replace(old, new), parse)
    assert found is not None
    assert picture(found) == take(text.replace(old, new))
    kept = set(map(id, known.entries.values()))
    assert {str(entry.dn) for entry in found.entries.values() if id(entry) not in kept} <= set(expected)


def test_a_text_that_was_edited_here_is_parsed_in_parts_as_one_that_was_read() -> None:
    """Its last line had no end when an entry was added behind it."""
    added = [Edit(None, Entry(DN.parse(f"cn={name}"), {"cn": (name,)})) for name in ("b", "c")]
    known = edit_document(parse("\n".join(ENTRIES).removesuffix("\n")), added)
    for new in ("note: 5\n# remark\n\ndn: cn=b", "note: 5\n\n# remark\n\ndn: cn=b", "note: 5\nmore: 1\n\ndn: cn=b"):
        text = known.text.replace("note: 5\n\ndn: cn=b", new)
        assert text != known.text
        found = parse_changed(known, text, parse)
        assert found is None or picture(found) == take(text)


@pytest.mark.parametrize(
    "new",
    [
        pytest.param("version: 1\ndn: cn=n3\n", id="a version"),
        pytest.param("\ufeffdn: cn=n3\n", id="a byte order mark"),
        pytest.param("# confobjects-format: 9\ndn: cn=n3\n", id="a newer format"),
        pytest.param("dn: cn=n1\ncn: n1\n\ndn: cn=n3\n", id="a name that is taken"),
        pytest.param("dn: cn=\uff4e1\ncn: n1\n\ndn: cn=n3\n", id="a name that equals another one"),
        pytest.param("dn: cn=n3\r\n", id="another line end"),
        pytest.param("dn: cn=n3\ngarbage\n", id="a mistake"),
    ],
)
def test_what_depends_on_the_rest_is_left_to_the_whole(new: str) -> None:
    text = "\n".join(ENTRIES)
    assert parse_changed(parse(text), text.replace("dn: cn=n3\n", new), parse) is None
