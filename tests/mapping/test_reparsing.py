"""A text of which a part has changed is parsed as if it were new, and what has not changed stays the same.

Law: for any two contents of a file, one read after the other, the outcome is that of parsing the second one alone: the
entries in their order, the piece of the text of each, or the same mistakes in the same lines.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import Entry
from confobjects.mapping.ldif import Edit, LdifText, decode, parse, parse_part
from confobjects.mapping.ldif.reparsing import parse_changed
from confobjects.mapping.ldif.writing import edit_document
from tests.effort import times

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
    return document.serialise(), entries, list(document.pieces()), document.tail, document.holds_alike


GOOD = (
    "# remark\n# and more\n",
    "dn: cn=a\ncn: a\nnote: one\n",
    "dn: cn=b\n# inside\ncn: b\nnote: a folded\n  line\n",
    "dn: cn=c,cn=a\ncn: c\nCN: C\nnote:: w6Q=\n",
    "dn:: Y249w6Q=\ncn: \u00e4\nnote: \u4e2d\U0001f600\n",
    "dn: cn=stra\u00dfe\ncn: stra\u00dfe\n",
    "# of the next one\ndn: cn=e\nother;binary:: //79\n",
    "dn: cn=f\nver\n sion: 1\n",
    "dn: cn=i\r\ncn: i\r\n",
    *(f"dn: cn=m{number}\ncn: m{number}\n" for number in range(4)),
)
ODD = (
    "version: 1\n",
    "# confobjects-format: 1\n",
    "# confobjects-format: 9\n",
    "dn: cn=strasse\ncn: strasse\n",
    "dn: cn=A\ncn: A\n",
    "ver\n sion: 1\ndn: cn=g\ncn: g\n",
    "\ufeffdn: cn=h\ncn: h\n",
    "dn: cn=j\ncn: j",
    "dn: cn=k\ngarbage\n",
    "dn: cn=l\ncn: \r\n",
    "dn: cn=m\ncn: \0\n",
)
"""Each is wrong somewhere, or counts for the whole text."""
SEPARATORS = ("\n", "\n", "\n", "\n", "\n\n", "\r\n", "")
"""What may follow a block."""
STARTS = ("", "version: 1\n", "version: 1\n# confobjects-format: 1\n\n", "\ufeff")
Block = tuple[str, str]
a_block = st.tuples(st.sampled_from((*GOOD, *GOOD, *GOOD, *ODD)), st.sampled_from(SEPARATORS))


@st.composite
def some_blocks(draw: st.DrawFn) -> list[Block]:
    """Blocks of a content: entries that are right, all of other names, and a few of any kind in between."""
    blocks = [(one, "\n") for one in draw(st.lists(st.sampled_from(GOOD), unique=True, max_size=10))]
    for one in draw(st.lists(a_block, max_size=2)):
        blocks.insert(draw(st.integers(0, len(blocks))), one)
    return blocks


def change_blocks(draw: st.DrawFn, blocks: list[Block]) -> list[Block]:
    """Blocks of which a few were taken out, put in or moved."""
    new = list(blocks)
    at = draw(st.integers(0, len(new)))
    taken = new[at : at + draw(st.integers(0, 2))]
    del new[at : at + len(taken)]
    put = draw(st.lists(a_block, max_size=2))
    to = draw(st.sampled_from((at, draw(st.integers(0, len(new))))))
    new[to:to] = draw(st.sampled_from((put, taken, [*put, *taken])))
    return new


@st.composite
def contents(draw: st.DrawFn) -> list[bytes]:
    """Contents of a file, each made from the one before: blocks or bytes have changed, or it is quite another one."""
    blocks = draw(some_blocks())
    start = draw(st.sampled_from(STARTS))
    found = []
    for way in draw(
        st.lists(st.sampled_from(("blocks", "blocks", "bytes", "bytes", "another", "ends", "start")), max_size=4)
    ):
        text = start + "".join(map("".join, blocks))
        found.append(text.encode())
        if way == "blocks":
            blocks = change_blocks(draw, blocks)
        elif way == "another":
            blocks = draw(some_blocks())
        elif way == "start":
            start = draw(st.sampled_from(STARTS))
        elif way == "ends":
            blocks = [(one.replace("\n", "\r\n").replace("\r\r", "\r"), more) for one, more in blocks]
        else:
            found.append(change_bytes(draw, text.encode()))
    return [*found, (start + "".join(map("".join, blocks))).encode()]


def change_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes of which some were cut out, and others put there."""
    at, cut = draw(st.integers(0, len(data))), draw(st.integers(0, 20))
    put = draw(st.one_of(st.binary(max_size=3), st.sampled_from([one.encode() for one in (*PIECES, *GOOD)])))
    return data[:at] + put + data[at + cut :]


def read_whole(data: bytes) -> object:
    """What a content holds, or what is wrong with it and where."""
    try:
        return picture(parse(decode(data)))
    except BrokenDataError as error:
        return list(error.diagnostics)


def read_after(known: LdifText | None, data: bytes) -> tuple[object, LdifText | None]:
    """What is read of a content after another one was."""
    changed = None if known is None else parse_changed(known, data, parse_part)
    if changed is not None:
        return picture(changed), changed
    found = read_whole(data)
    return found, parse(decode(data)) if isinstance(found, tuple) else known


@settings(max_examples=times(500), deadline=None)
@given(contents())
def test_any_content_is_read_after_any_other_as_by_itself(some: list[bytes]) -> None:
    known = None
    for data in some:
        found, known = read_after(known, data)
        assert found == read_whole(data)


@settings(max_examples=times(200))
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
    found = parse_changed(known, new.encode(), parse_part)
    if found is None:
        return
    assert picture(found) == take(new)
    assert picture(known) == take(old)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("note: 3\n", "note: 3\nmore: 1\n", ["cn=n3", "cn=n4"], id="another line"),
        pytest.param("note: 3\n", "", ["cn=n3", "cn=n4"], id="a line less"),
        pytest.param("dn: cn=n3\ncn: n3\nnote: 3\n\n", "", ["cn=n2", "cn=n4"], id="an entry less"),
        pytest.param("dn: cn=n3\n", "dn: cn=new\ncn: new\n\ndn: cn=n3\n", ["cn=n3", "cn=new"], id="an entry more"),
        pytest.param("note: 3\n", "note: \u00e4\n", ["cn=n3", "cn=n4"], id="a value of more bytes"),
        pytest.param("note: 3\n", "version: 3\n", ["cn=n3", "cn=n4"], id="an attribute that is called version"),
        pytest.param("note: 5\n", "note: 6\n", ["cn=n5"], id="the last value"),
        pytest.param("note: 5\n", "note: 5\n\ndn: cn=new\ncn: new\n", ["cn=n5", "cn=new"], id="one more at the end"),
    ],
)
def test_only_entries_beside_the_change_are_parsed(newline: str, old: str, new: str, expected: list[str]) -> None:
    text = "\n".join(ENTRIES).replace("\n", newline)
    known = parse(text)
    changed = text.replace(old.replace("\n", newline), new.replace("\n", newline))
    found = parse_changed(known, changed.encode(), parse_part)
    assert found is not None
    assert picture(found) == take(changed)
    kept = set(map(id, known.entries.values()))
    assert {str(entry.dn) for entry in found.entries.values() if id(entry) not in kept} <= set(expected)


def test_another_line_end_is_a_change_like_any_other() -> None:
    text = "\n".join(ENTRIES)
    known = parse(text)
    for old, new in (("note: 3\n", "note: 3\r\n"), ("note: 3\n\n", "note: 3\n\r\n")):
        found = parse_changed(known, text.replace(old, new).encode(), parse_part)
        assert found is not None
        assert picture(found) == take(text.replace(old, new))


def test_a_text_that_was_edited_here_is_parsed_in_parts_as_one_that_was_read() -> None:
    """Its last line had no end when an entry was added behind it."""
    added = [Edit(None, Entry(DN.parse(f"cn={name}"), {"cn": (name,)})) for name in ("b", "c")]
    known = edit_document(parse("\n".join(ENTRIES).removesuffix("\n")), added)
    for new in (
        "cn: n5\nnote: 5\n# remark\n\ndn: cn=b",
        "cn: n5\nnote: 5\n\n# remark\n\ndn: cn=b",
        "cn: n5\nnote: 5\nmore: 1\n\ndn: cn=b",
        "cn: n6\nnote: 5\n\ndn: cn=b",
    ):
        text = known.serialise().replace("cn: n5\nnote: 5\n\ndn: cn=b", new)
        assert text != known.serialise()
        found = parse_changed(known, text.encode(), parse_part)
        assert found is None or picture(found) == take(text)


def test_a_marker_that_is_gone_lets_a_later_one_count() -> None:
    text = "\n".join((*ENTRIES[:3], "# confobjects-format: 1\n", *ENTRIES[3:], "# confobjects-format: 9\n"))
    new = text.replace("# confobjects-format: 1\n", "")
    assert parse_changed(parse(text), new.encode(), parse_part) is None
    assert take(new) == "broken"


@pytest.mark.parametrize(
    "new",
    [
        pytest.param("version: 1\ndn: cn=n3\n", id="a version"),
        pytest.param("\ufeffdn: cn=n3\n", id="a byte order mark"),
        pytest.param("# confobjects-format: 9\ndn: cn=n3\n", id="a newer format"),
        pytest.param("dn: cn=n1\ncn: n1\n\ndn: cn=n3\n", id="a name that is taken"),
        pytest.param("dn: cn=\uff4e1\ncn: n1\n\ndn: cn=n3\n", id="a name that equals another one"),
        pytest.param("dn: cn=n3\ngarbage\n", id="a mistake"),
    ],
)
def test_what_depends_on_the_rest_is_left_to_the_whole(new: str) -> None:
    text = "\n".join(ENTRIES)
    assert parse_changed(parse(text), text.replace("dn: cn=n3\n", new).encode(), parse_part) is None
