"""Sealing: what was sealed can be read with its key, for its context, and in no other way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.errors import ExpressionError
from confobjects.sealing import KEY_FILE_VARIABLE, RingSealer, make_context, open_sealer
from confobjects.sealing.ring import Key, Ring
from confobjects.sealing.ring_file import KeyFile, create_ring
from confobjects.sealing.sealer import find_key_id

DAY: Final = "2026-11-28"
ONE, TWO = (Key(os.urandom(32), DAY) for _ in range(2))
PARTS = st.lists(st.text(), max_size=4)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_was_sealed_is_unsealed_for_its_context(plain: bytes, context: bytes) -> None:
    sealed = RingSealer(Ring.of(ONE, TWO)).seal(plain, context)
    assert find_key_id(sealed) == ONE.id
    for ring in (Ring.of(ONE), Ring.of(TWO, ONE)):
        assert RingSealer(ring).unseal(sealed, context) == plain


@given(st.binary(max_size=50), st.binary(max_size=50), st.binary(max_size=50))
def test_another_context_is_refused(plain: bytes, context: bytes, other: bytes) -> None:
    sealer = RingSealer(Ring.of(ONE))
    sealed = sealer.seal(plain, context)
    if other != context:
        with pytest.raises(ExpressionError, match="it is damaged, or was sealed for something else"):
            sealer.unseal(sealed, other)


@given(PARTS, PARTS)
def test_contexts_are_equal_only_if_all_their_parts_are(some: list[str], others: list[str]) -> None:
    assert (make_context("use", *some) == make_context("use", *others)) == (some == others)


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_changed_character_is_refused(plain: bytes, data: st.DataObject) -> None:
    sealer = RingSealer(Ring.of(ONE))
    sealed = sealer.seal(plain, b"")
    at = data.draw(st.integers(0, len(sealed) - 2))  # the last one may hold bits that stand for nothing
    other = data.draw(st.sampled_from("abcdef0123456789-_:= \n}").filter(lambda one: one != sealed[at]))
    with pytest.raises(ExpressionError) as caught:
        sealer.unseal(sealed[:at] + other + sealed[at + 1 :], b"")
    assert "the sealed value cannot be opened" in str(caught.value)


@given(st.text())
def test_any_text_is_refused_with_a_cause(text: str) -> None:
    with pytest.raises(ExpressionError, match="it is no sealed text"):
        RingSealer(Ring.of(ONE)).unseal(text, b"")


def test_a_key_that_is_not_there_is_named() -> None:
    sealed = RingSealer(Ring.of(ONE)).seal(b"secret", b"")
    with pytest.raises(ExpressionError) as caught:
        RingSealer(Ring.of(TWO), "/keys").unseal(sealed, b"")
    assert str(caught.value) == (
        f"the sealed value cannot be opened: its key {ONE.id} is not in /keys\n"
        "  remedy: add the key to the file that CONFOBJECTS_SEAL_KEY_FILE names, or give the secret again"
    )


def test_nothing_is_sealed_twice_the_same_way() -> None:
    sealer = RingSealer(Ring.of(ONE))
    assert len({sealer.seal(b"secret", b"") for _ in range(100)}) == 100


def test_the_environment_names_the_keys(tmp_path: Path) -> None:
    path = str(tmp_path / "keys")
    create_ring(KeyFile(path), Ring.of(ONE))
    sealer = open_sealer({KEY_FILE_VARIABLE: path})
    assert sealer is not None
    assert sealer.key_id == ONE.id
    assert open_sealer({}) is None
