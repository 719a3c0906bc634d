"""LDIF text: what is read, what stays when entries change, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import BrokenDataError
from confobjects.mapping.entry import AddEntry, Entry
from confobjects.mapping.ldif import NEW_DOCUMENT, Edit, LdifText, decode, parse
from confobjects.mapping.ldif.writing import edit_document, format_attribute, format_entry

BAD = Path(__file__).parents[1] / "bad" / "ldif"

TEXT = """\
version: 1
# confobjects-format: 1

# The configuration of the house.

dn: cn=config
objectClass: top
cn: config


# Mail goes out here.
# It is folded:
#  over
#   lines
dn: cn=one, cn=config
objectClass: top
# why: the relay asked for it
ds-cfg-smtp-server: smtp.exa
 mple.com:587
ds-cfg-smtp-property: mail.a=1
ds-cfg-smtp-property: mail.b=2
# between
ds-cfg-smtp-property: mail.c=3
DS-CFG-Enabled:true
description:: w6kg
x-unknown:
cn: one

# -- second part --

# Two.
dn:: Y249dHdvLGNuPWNvbmZpZw==
cn:  two
userCertificate;binary:: YWJj
jpegPhoto:: /w==

# The end.
"""


def lookup(document: LdifText, name: str) -> Entry:
    found = document.get(DN.parse(name))
    assert found is not None
    return found


def test_reading() -> None:
    document = parse(TEXT)
    assert [str(entry.dn) for entry in document.entries.values()] == [
        "cn=config",
        "cn=one,cn=config",
        "cn=two,cn=config",
    ]
    one = lookup(document, "cn=one,cn=config")
    assert one.get("ds-cfg-smtp-server") == ("smtp.example.com:587",)
    assert one.get("ds-cfg-smtp-property") == ("mail.a=1", "mail.b=2", "mail.c=3")
    assert one.get("ds-cfg-enabled") == ("true",)
    assert one.get("description") == ("é ",)
    assert one.get("x-unknown") == ("",)
    two = lookup(document, "cn=two,cn=config")
    assert dict(two.attributes) == {"cn": ("two",), "userCertificate;binary": (b"abc",), "jpegPhoto": (b"\xff",)}
    assert document.get(DN.parse("cn=three,cn=config")) is None


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("\n", "\r\n"),
        "\ufeff" + TEXT,
        TEXT.rstrip("\n"),
        TEXT.replace("\n", "\r\n", 30),
        "",
        "\n\n",
        NEW_DOCUMENT,
        "# only a comment",
        "version: 1\ndn: cn=config\ncn: config",
        "dn: cn=a\ncn: a\n\n\n\ndn: cn=b\ncn: b\n\n",
        "dn: cn=a\ncn: x\u2028y\x0b\x85z\n",
    ],
)
def test_law_text_comes_back_byte_for_byte(text: str) -> None:
    document = parse(text)
    assert document.serialise() == text
    assert edit_document(document, []).serialise() == text


def test_line_ends_and_byte_order_marks_make_no_other_entries() -> None:
    expected = parse(TEXT).entries
    for text in (TEXT.replace("\n", "\r\n"), "\ufeff" + TEXT, TEXT.replace("\n", "\r\n", 30)):
        assert parse(text).entries == expected


def test_unusual_separators_belong_to_values() -> None:
    assert lookup(parse("dn: cn=a\ncn: x\u2028y\x0b\x85z\n"), "cn=a").get("cn") == ("x\u2028y\x0b\x85z",)


def test_spellings_of_one_attribute_are_one() -> None:
    entry = lookup(parse("dn: cn=a\ncn: 1\nCN: 2\n\ndn: cn=b\ncn: b\n"), "cn=a")
    assert dict(entry.attributes) == {"cn": ("1", "2")}


def changed(entry: Entry, **attributes: tuple[str | bytes, ...]) -> Entry:
    return Entry(entry.dn, {**entry.attributes, **{n.replace("_", "-"): v for n, v in attributes.items()}})


def edit(text: str, name: str, **attributes: tuple[str | bytes, ...]) -> str:
    document = parse(text)
    old = lookup(document, name)
    return edit_document(document, [Edit(old, changed(old, **attributes))]).serialise()


@pytest.mark.parametrize(
    ("attributes", "before", "after"),
    [
        ({"x_unknown": ("1",)}, "x-unknown:\n", "x-unknown: 1\n"),
        ({"x_unknown": ()}, "x-unknown:\n", ""),
        ({"DS_CFG_Enabled": ("false",)}, "DS-CFG-Enabled:true\n", "DS-CFG-Enabled: false\n"),
        (
            {"ds_cfg_smtp_property": ("mail.a=1", "mail.c=3", "mail.d=4")},
            "ds-cfg-smtp-property: mail.b=2\n# between\nds-cfg-smtp-property: mail.c=3\n",
            "# between\nds-cfg-smtp-property: mail.c=3\nds-cfg-smtp-property: mail.d=4\n",
        ),
        (
            {"ds_cfg_smtp_property": ("mail.c=3", "mail.a=1")},
            "ds-cfg-smtp-property: mail.a=1\nds-cfg-smtp-property: mail.b=2\n# between\nds-cfg-smtp-property: mail.c=3\n",
            "ds-cfg-smtp-property: mail.c=3\nds-cfg-smtp-property: mail.a=1\n# between\n",
        ),
        (
            {"ds_cfg_smtp_server": ("h",)},
            "ds-cfg-smtp-server: smtp.exa\n mple.com:587\n",
            "ds-cfg-smtp-server: h\n",
        ),
        ({"ds_cfg_new": ("1", " 2")}, "cn: one\n", "cn: one\nds-cfg-new: 1\nds-cfg-new:: IDI=\n"),
    ],
)
def test_only_the_lines_of_changed_attributes_change(
    attributes: dict[str, tuple[str, ...]], before: str, after: str
) -> None:
    assert before in TEXT
    for newline in ("\n", "\r\n"):
        text = TEXT.replace("\n", newline)
        expected = TEXT.replace(before, after, 1).replace("\n", newline)
        assert edit(text, "cn=one,cn=config", **attributes) == expected


def test_a_new_entry_comes_last_and_before_the_end() -> None:
    document = parse(TEXT)
    new = Entry(DN.parse("cn=three,cn=config"), {"cn": ("three",)})
    text = edit_document(document, [Edit(None, new)]).serialise()
    assert text == TEXT.replace("\n# The end.\n", "\ndn: cn=three,cn=config\ncn: three\n\n# The end.\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (NEW_DOCUMENT, NEW_DOCUMENT + "\ndn: cn=x\ncn: x\n"),
        ("", "dn: cn=x\ncn: x\n"),
        ("# note", "# note\n\ndn: cn=x\ncn: x\n"),
        ("dn: cn=a\ncn: a", "dn: cn=a\ncn: a\n\ndn: cn=x\ncn: x\n"),
        ("dn: cn=a\r\ncn: a\r\n", "dn: cn=a\r\ncn: a\r\n\r\ndn: cn=x\r\ncn: x\r\n"),
    ],
)
def test_a_first_entry(text: str, expected: str) -> None:
    new = Entry(DN.parse("cn=x"), {"cn": ("x",)})
    document = edit_document(parse(text), [Edit(None, new)])
    assert document.serialise() == expected
    assert document.entries == parse(expected).entries


def test_deleting_takes_the_comment_above_and_leaves_those_set_apart() -> None:
    document = parse(TEXT)
    two = lookup(document, "cn=two,cn=config")
    text = edit_document(document, [Edit(two, None)]).serialise()
    start, end = TEXT.index("# Two."), TEXT.index("\n# The end.")
    assert text == TEXT[: start - 1] + TEXT[end:]
    one = lookup(document, "cn=one,cn=config")
    text = edit_document(document, [Edit(one, None)]).serialise()
    assert "# Mail goes out" not in text
    assert "# -- second part --" in text
    config = lookup(document, "cn=config")
    text = edit_document(document, [Edit(config, None)]).serialise()
    assert text.startswith(NEW_DOCUMENT + "\n# The configuration of the house.\n")
    assert len(parse(text).entries) == 2


def test_deleting_the_first_entry_keeps_version_and_format() -> None:
    text = NEW_DOCUMENT + "# about it\ndn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n"
    document = parse(text)
    after = edit_document(document, [Edit(lookup(document, "cn=a"), None)])
    assert after.serialise() == NEW_DOCUMENT + "\ndn: cn=b\ncn: b\n"
    assert edit_document(after, [Edit(lookup(after, "cn=b"), None)]).serialise() == NEW_DOCUMENT


def test_renaming_keeps_the_place_and_the_comments() -> None:
    document = parse(TEXT)
    one = lookup(document, "cn=one,cn=config")
    new = Entry(DN.parse("cn=uno,cn=config"), {**one.attributes, "cn": ("uno",)})
    after = edit_document(document, [Edit(one, new)])
    expected = TEXT.replace("dn: cn=one, cn=config", "dn: cn=uno,cn=config").replace("cn: one\n", "cn: uno\n")
    assert after.serialise() == expected
    assert list(after.entries) == ["cn=config", "cn=uno,cn=config", "cn=two,cn=config"]


def test_edits_follow_one_another() -> None:
    a, b, c = (Entry(DN.parse(f"cn={name}"), {"cn": (name,)}) for name in "abc")
    document = edit_document(
        parse(""), [Edit(None, a), Edit(None, b), Edit(a, c), Edit(b, None), Edit(None, b), Edit(c, None)]
    )
    assert document.serialise().strip("\n") == "dn: cn=b\ncn: b"
    assert parse(document.serialise()).entries == document.entries == {"cn=b": b}


def test_an_entry_added_after_the_last_was_deleted_is_one_of_its_own() -> None:
    text = "dn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n"
    document = parse(text)
    c = Entry(DN.parse("cn=c"), {"cn": ("c",)})
    after = edit_document(document, [Edit(lookup(document, "cn=b"), None), Edit(None, c)])
    assert after.serialise() == text.replace("b", "c")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "a: plain\n"),
        ("", "a:\n"),
        (" x", "a:: IHg=\n"),
        ("x ", "a:: eCA=\n"),
        (":x", "a:: Ong=\n"),
        ("<x", "a:: PHg=\n"),
        ("x:<y", "a: x:<y\n"),
        ("é", "a:: w6k=\n"),
        ("a\nb", "a:: YQpi\n"),
        (b"\xff", "a:: /w==\n"),
        ("x" * 200, f"a: {'x' * 200}\n"),
    ],
)
def test_written_values(value: str | bytes, line: str) -> None:
    assert format_attribute("a", value) == line


def test_base64_is_folded_at_76_columns() -> None:
    text = format_attribute("a", b"\xff" * 300)
    lines = text.splitlines()
    assert [len(line) for line in lines[:-1]] == [76] * (len(lines) - 1)
    assert len(lines[-1]) <= 76
    assert parse(f"dn: cn=a\n{text}").entries["cn=a"].get("a") == (b"\xff" * 300,)


def test_a_newer_format_says_what_to_do() -> None:
    parse("version: 1\n# confobjects-format: 1\n")
    with pytest.raises(BrokenDataError) as caught:
        parse(NEW_DOCUMENT.replace(": 1\n", ": 9\n").replace("version: 9", "version: 1"), "file")
    assert "use a newer version" in str(caught.value)


@pytest.mark.parametrize("path", sorted(BAD.glob("*.ldif")), ids=lambda path: path.stem)
def test_each_mistake_has_its_message(path: Path) -> None:
    with pytest.raises(BrokenDataError) as caught:
        parse(decode(path.read_bytes(), path.name), path.name)
    assert str(caught.value) + "\n" == path.with_suffix(".txt").read_text(encoding="utf-8")
    assert "hunter2" not in str(caught.value)
    assert all(problem.line and problem.remedy for problem in caught.value.diagnostics)
    assert len(caught.value.diagnostics) <= 20


NAMES = st.sampled_from(["cn", "description", "ds-cfg-a", "x;binary", "1.2.3"])
TEXTS = st.one_of(
    st.text(st.sampled_from(" :<#\n\r\0aé\u2028\x85-="), max_size=5),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
    st.binary(max_size=80),
)
ATTRIBUTES = st.dictionaries(NAMES, st.lists(TEXTS, min_size=1, max_size=3, unique=True).map(tuple), max_size=4)


def made(name: str, attributes: dict[str, tuple[str | bytes, ...]]) -> Entry:
    return AddEntry(Entry(DN.of(("cn", name), ("o", "x")), attributes)).entry


@given(st.text(max_size=10), ATTRIBUTES, st.sampled_from(["\n", "\r\n"]))
def test_law_what_is_written_is_read_back(
    name: str, attributes: dict[str, tuple[str | bytes, ...]], newline: str
) -> None:
    try:
        entry = made(name, attributes)
    except ValueError:  # half a surrogate pair in the name
        return
    text = format_entry(entry, newline)
    assert text.isascii()
    document = parse(text)
    assert list(document.entries.values()) == [entry]
    assert dict(document.entries[entry.dn.normal].attributes) == dict(entry.attributes)


STATES = st.lists(st.dictionaries(st.sampled_from("abcd"), ATTRIBUTES), min_size=1, max_size=4)


@settings(max_examples=200)  # what follows what matters here, and there are many ways
@given(STATES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_law_an_edited_document_reads_as_its_entries(
    states: list[dict[str, dict[str, tuple[str | bytes, ...]]]], newline: str, at_once: bool
) -> None:
    document = parse(NEW_DOCUMENT.replace("\n", newline))
    edits: list[Edit] = []
    entries: dict[str, Entry] = {}
    for state in states:
        after = {name: made(name, attributes) for name, attributes in state.items()}
        step = [Edit(entries.get(name), after.get(name)) for name in sorted(entries.keys() | after) if name in "abcd"]
        entries = after
        edits += step
        if not at_once:
            document = edit_document(document, step)
            assert parse(document.serialise()).entries == document.entries
    if at_once:
        document = edit_document(document, edits)
    assert sorted(map(str, (entry.dn for entry in document.entries.values()))) == sorted(
        str(entry.dn) for entry in entries.values()
    )
    assert document.entries == {entry.dn.normal: entry for entry in entries.values()}
    assert parse(document.serialise()).entries == document.entries
    assert document.serialise().startswith(NEW_DOCUMENT.replace("\n", newline))


@given(st.text(st.sampled_from("dn: =acx\n\r#:<\ufeff,9w"), max_size=40))
def test_law_any_text_is_a_document_or_a_list_of_problems(text: str) -> None:
    try:
        document = parse(text)
    except BrokenDataError as refusal:
        lines = [problem.line for problem in refusal.diagnostics]
        assert all(line and line <= text.count("\n") + 1 for line in lines)
    else:
        assert edit_document(document, []).serialise() == text
        for entry in document.entries.values():
            new = Entry(entry.dn, {**entry.attributes, "new": ("1",)})
            after = edit_document(document, [Edit(entry, new)])
            assert parse(after.serialise()).entries == {**document.entries, entry.dn.normal: new}
