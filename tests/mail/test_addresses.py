"""The addresses in a header are found in one pass, and what is none is never taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.errors import MailError
from confobjects.mail.addresses import split_addresses
from confobjects.mail.envelope import make_envelope
from confobjects.mail.senders import format_mailbox


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        (" , ,, ", []),
        ("a@x.test", ["a@x.test"]),
        ("a@x.test,b@x.test", ["a@x.test", "b@x.test"]),
        ("Ann <a@x.test>, <b@x.test>", ["a@x.test", "b@x.test"]),
        ('"Doe, Ann" <a@x.test>', ["a@x.test"]),
        ('"A \\"<z@x.test>, " <a@x.test>', ["a@x.test"]),
        ("a@x.test (Ann, (of) y@x.test), b@x.test", ["a@x.test", "b@x.test"]),
        ("(one \\) two, z@x.test) a@x.test", ["a@x.test"]),
        ("=?utf-8?q?Doe=2C_Ann?= <a@x.test>", ["a@x.test"]),
        ("Team: a@x.test, Bob <b@x.test>;, c@x.test", ["a@x.test", "b@x.test", "c@x.test"]),
        ("undisclosed-recipients:;", []),
        ("<@r.test,@s.test:a@x.test>", ["a@x.test"]),
        ('"odd, name"@x.test', ['"odd, name"@x.test']),
        ("Grüße <größe@x.test>", ["größe@x.test"]),
    ],
)
def test_a_list_of_addresses(text: str, addresses: list[str]) -> None:
    assert list(split_addresses(text)) == addresses


@pytest.mark.parametrize(
    "text",
    [
        "root",
        '"a@x.test',
        "a@x.test (Ann, b@x.test",
        "<a@x.test",
        "<a@x.test> b@x.test",
        "<a@x.test> <b@x.test>",
        "<>",
        "a @ x.test",
        "a@x.test>",
        "a@x.test b@x.test",
    ],
)
def test_what_is_no_list_of_addresses_is_refused(text: str) -> None:
    with pytest.raises(MailError):
        make_envelope("", split_addresses(text))


ADDRESSES = st.lists(st.from_regex(r"[a-z0-9]{1,9}@[a-z0-9]{1,9}\.test", fullmatch=True), max_size=9)
NAMES = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc")), max_size=12)


@given(ADDRESSES, st.data())
def test_whatever_people_are_called_their_addresses_are_found(addresses: list[str], data: st.DataObject) -> None:
    shown = [format_mailbox(data.draw(NAMES), one).replace("\n", "") for one in addresses]
    assert list(split_addresses(", ".join(shown))) == addresses


LONG = 30_000


@pytest.mark.parametrize(
    "text",
    [
        "(" * LONG + ")" * LONG + " a@x.test",
        '"' * LONG + " a@x.test",
        "," * LONG + "a@x.test",
        "g:" * LONG + "a@x.test;",
        "<" + "@r," * LONG + ":a@x.test>",
        "=?utf-8?q?a?= " * LONG + "<a@x.test>",
    ],
    ids=["comments", "quotes", "commas", "groups", "route", "words"],
)
def test_long_and_hostile_lists_are_read_like_any_other(text: str) -> None:
    assert list(split_addresses(text)) in (["a@x.test"], ['"' * LONG + " a@x.test"])
