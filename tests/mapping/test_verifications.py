"""Records of tests: whatever is read is a record that can be written again, and nothing else is one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.mapping.apart import VERIFICATIONS, is_apart, normal_branches, place_of
from confobjects.mapping.verifications import (
    LONGEST_NAME,
    MOST_CHARACTERS,
    Fingerprint,
    VerificationRecord,
    is_key,
    key_of,
    read_record,
    write_record,
)
from confobjects.paths import ROOT

PLAIN = "0" * 64
RECORD = VerificationRecord(
    "/mail-server/one", "2026-01-02T03:04:05Z", "auth", "passed", "", "alice", "web-1", Fingerprint(PLAIN)
)
FAILED = RECORD.replace(code="auth-credentials", stage="auth", made_with=Fingerprint(PLAIN, "ab", "1" * 64))


@pytest.mark.parametrize("record", [RECORD, FAILED])
def test_what_is_written_is_read(record: VerificationRecord) -> None:
    text = write_record(record)
    assert text is not None
    assert "\n" not in text
    assert read_record(text) == record
    assert record.passed == (record is RECORD)


@given(st.text(), st.text())
def test_any_name_of_a_user_and_a_machine_is_kept_as_far_as_it_fits(who: str, machine: str) -> None:
    text = write_record(RECORD.replace(who=who, machine=machine))
    assert text is not None
    found = read_record(text)
    assert found is not None
    assert len(found.who) <= LONGEST_NAME
    assert len(found.machine) <= LONGEST_NAME
    assert found == RECORD.replace(who=found.who, machine=found.machine)


def test_a_record_with_too_long_a_path_cannot_be_written() -> None:
    assert write_record(RECORD.replace(path="/mail-server/" + "x" * MOST_CHARACTERS)) is None


BROKEN: dict[str, dict[str, Any]] = {
    "no time": {"time": "yesterday"},
    "a day that is none": {"time": "2026-02-40T03:04:05Z"},
    "a number for a text": {"who": 7},
    "a long name": {"machine": "x" * (LONGEST_NAME + 1)},
    "control characters in a code": {"code": "passed\x1b[2J"},
    "control characters in a depth": {"depth": "auth\n"},
    "a stage of a test that passed": {"stage": "auth"},
    "no stage of one that failed": {"code": "auth-credentials"},
    "words for a stage": {"code": "auth-credentials", "stage": "auth auth"},
    "no digest": {"made_with": {"plain": "x", "key": "", "keyed": ""}},
    "a key without its digest": {"made_with": {"plain": PLAIN, "key": "ab", "keyed": ""}},
    "no fingerprint": {"made_with": None},
    "half a character": {"who": "\ud800"},
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_record_that_is_none_is_not_read(what: str) -> None:
    text = write_record(RECORD)
    assert text is not None
    assert read_record(json.dumps({**json.loads(text), **BROKEN[what]})) is None


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_no_record(text: str) -> None:
    assert read_record(text) is None


@pytest.mark.parametrize("text", ["[" * 100_000, " " * (MOST_CHARACTERS + 1), "{}", "null"])
def test_a_text_that_is_too_much_is_no_record(text: str) -> None:
    assert read_record(text) is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_records_are_kept_under_one_name_for_each_object(one: str, other: str) -> None:
    paths = [ROOT.child("mail-server", name) for name in (one, other)]
    assert all(is_key(key_of(path)) for path in paths)
    assert (key_of(paths[0]) == key_of(paths[1])) == (paths[0] == paths[1])


def test_names_and_relations_are_not_mixed_up() -> None:
    paths = [ROOT.child("a", "b").child("c"), ROOT.child("a").child("b", "c"), ROOT.child("a", "b\0c"), ROOT.child("a")]
    assert len({key_of(path) for path in paths}) == len(paths)


@pytest.mark.parametrize("text", ["", "x" * 40, "A" * 40, "a" * 39, "../" + "a" * 37])
def test_other_texts_are_no_names_of_records(text: str) -> None:
    assert not is_key(text)


def test_records_are_kept_beside_the_base_or_below_a_suffix() -> None:
    base = DN.parse("ou=config,dc=example,dc=com")
    beside = place_of(base, VERIFICATIONS, is_suffix=False)
    assert beside == DN.parse("ou=config,cn=Verifications,dc=example,dc=com")
    assert not is_apart(beside, base)
    below = place_of(base, VERIFICATIONS, is_suffix=True)
    assert is_apart(below.child("cn", "x"), base)
    assert below.normal in normal_branches(base)
