"""Keys: a ring is read as it was written, or not at all, and only from a file that nobody else could touch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confobjects.errors import ConfobjectsError, StorageError, UsageError
from confobjects.expressions.seals import KEY_CREDENTIAL, KEY_FILE_VARIABLE
from confobjects.sealing.ring import Key, Ring, RingError
from confobjects.sealing.ring_file import (
    KeyFile,
    change_ring,
    create_ring,
    find_key_file,
    make_key,
    read_ring,
)
from confobjects.sealing.sealer import RingSealer

DAY: Final = "2026-11-28"
KEYS = st.builds(Key, st.binary(min_size=32, max_size=32), st.just(DAY))
RINGS = st.lists(KEYS, min_size=1, max_size=5, unique_by=lambda key: key.secret).map(lambda keys: Ring.of(*keys))


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(str(tmp_path / "keys"))


def new_ring(count: int = 1) -> Ring:
    return Ring.of(*(make_key(DAY) for _ in range(count)))


@given(RINGS)
def test_a_ring_is_read_as_it_was_written(ring: Ring) -> None:
    again = Ring.parse(ring.as_text().encode())
    assert list(again) == list(ring)
    assert again.first == ring.first


@given(RINGS, st.data())
def test_a_changed_byte_never_gives_another_key(ring: Ring, data: st.DataObject) -> None:
    text = bytearray(ring.as_text().encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != text[at]))
    try:
        again = Ring.parse(bytes(text))
    except RingError:
        return
    assert [key.secret for key in again] == [key.secret for key in ring]  # a comment, or the day it was made


@given(RINGS, st.data())
def test_a_ring_that_was_cut_off_is_refused(ring: Ring, data: st.DataObject) -> None:
    text = ring.as_text().encode()
    with pytest.raises(RingError):
        Ring.parse(text[: data.draw(st.integers(0, len(text) - 1))])


@given(RINGS, st.data())
def test_a_ring_without_one_of_its_lines_is_refused(ring: Ring, data: st.DataObject) -> None:
    lines = ring.as_text().splitlines(keepends=True)
    removed = data.draw(st.sampled_from([n for n, line in enumerate(lines) if not line.startswith("#")]))
    with pytest.raises(RingError):
        Ring.parse("".join(lines[:removed] + lines[removed + 1 :]).encode())


@given(KEYS)
def test_no_key_is_told(key: Key) -> None:
    ring = Ring.of(key)
    sealer = RingSealer(ring, "keys")
    for told in (repr(key), repr(ring), repr(sealer), str(sealer.__dict__)):
        assert repr(key.secret) not in told
        assert key.secret.hex() not in told


def test_a_ring_of_a_thousand_keys(file: KeyFile) -> None:
    ring = new_ring(1_000)
    create_ring(file, ring)
    again = read_ring(file)
    assert list(again) == list(ring)
    assert RingSealer(again).key_ids == tuple(ring.keys)


def test_a_new_file_belongs_to_its_maker_alone(tmp_path: Path) -> None:
    file = KeyFile(str(tmp_path / "new" / "deeper" / "keys"))
    create_ring(file, new_ring())
    assert Path(file.path).stat().st_mode & 0o777 == 0o600
    assert Path(file.path).parent.stat().st_mode & 0o777 == 0o700


def test_a_file_of_keys_is_never_replaced_by_a_new_one(file: KeyFile) -> None:
    create_ring(file, new_ring())
    before = Path(file.path).read_bytes()
    with pytest.raises(StorageError, match="there is a file here already, and it is kept"):
        create_ring(file, new_ring())
    assert Path(file.path).read_bytes() == before


def test_a_change_replaces_the_keys(file: KeyFile) -> None:
    first, second = make_key(DAY), make_key(DAY)
    create_ring(file, Ring.of(first))
    with change_ring(file) as change:
        change.replace(change.ring.with_first(second))
        assert list(read_ring(file)) == [second, first]
        change.replace(change.ring.without(first.id, second.id))
    assert list(read_ring(file)) == [second]  # the key that seals stays
    assert Path(file.path).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in Path(file.path).parent.glob(".*")] == []


def readable(path: Path) -> None:
    path.chmod(0o640)


def world_readable(path: Path) -> None:
    path.chmod(0o604)


def foreign(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(path, 65534, 65534)


def linked(path: Path) -> None:
    path.rename(path.with_name("other"))
    path.symlink_to("other")


def named_twice(path: Path) -> None:
    path.with_name("other").hardlink_to(path)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def empty(path: Path) -> None:
    path.write_text("")


def damaged(path: Path) -> None:
    lines = path.read_text().split("\n")
    words = lines[2].split(" ")
    words[2] = ("B" if words[2][0] == "A" else "A") + words[2][1:]
    path.write_text("\n".join([*lines[:2], " ".join(words), *lines[3:]]))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8])


def huge(path: Path) -> None:
    os.truncate(path, (1 << 20) + 1)


def absent(path: Path) -> None:
    path.unlink()


REFUSED: Final[dict[Callable[[Path], object], str]] = {
    readable: "others have rights to it",
    world_readable: "others have rights to it",
    foreign: "it belongs to user",
    linked: "it is a symbolic link",
    named_twice: "it has other names",
    pipe: "it is not a regular file",
    empty: 'its first line is not "confobjects-seal-keys 1"',
    damaged: "the key in line 3 is damaged",
    cut_off: "its last line is cut off",
    huge: "it is larger than 1,048,576 bytes",
    absent: "there is no file of keys here",
}


@pytest.mark.parametrize(("make", "words"), REFUSED.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_file_that_is_not_ours_or_not_whole_is_refused(
    file: KeyFile, make: Callable[[Path], object], words: str
) -> None:
    key = make_key(DAY)
    create_ring(file, Ring.of(key))
    make(Path(file.path))
    for use in (read_ring, lambda one: change_ring(one).__enter__()):
        with pytest.raises(ConfobjectsError, match=words) as caught:
            use(file)
        assert file.path in str(caught.value)


def test_keys_are_not_put_where_others_could_replace_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    with pytest.raises(StorageError, match="others can write it"):
        create_ring(KeyFile(str(tmp_path / "keys")), new_ring())
    assert list(tmp_path.iterdir()) == []


# -- where the keys are ----------------------------------------------------------------------------------------------


def test_the_variable_comes_first_and_no_file_is_read(tmp_path: Path) -> None:
    (tmp_path / KEY_CREDENTIAL).touch()
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert find_key_file({}) is None
    assert find_key_file(credentials) == KeyFile(str(tmp_path / KEY_CREDENTIAL), is_credential=True)
    assert find_key_file({**credentials, KEY_FILE_VARIABLE: "/keys"}) == KeyFile("/keys")
    assert find_key_file({"CREDENTIALS_DIRECTORY": str(tmp_path / "other")}) is None


def test_a_relative_name_is_refused() -> None:
    with pytest.raises(UsageError, match="CONFOBJECTS_SEAL_KEY_FILE must be an absolute path"):
        find_key_file({KEY_FILE_VARIABLE: "keys"})


@pytest.mark.parametrize(("mode", "is_read"), [(0o400, True), (0o440, True), (0o460, False), (0o444, False)])
def test_a_credential_is_read_as_the_service_manager_gives_it(file: KeyFile, mode: int, is_read: bool) -> None:
    ring = new_ring()
    create_ring(file, ring)
    Path(file.path).chmod(mode)
    credential = KeyFile(file.path, is_credential=True)
    if is_read:
        assert list(read_ring(credential)) == list(ring)
    else:
        with pytest.raises(StorageError, match="others have rights to it"):
            read_ring(credential)


def test_a_credential_cannot_be_changed(file: KeyFile) -> None:
    create_ring(file, new_ring())
    with (
        pytest.raises(StorageError, match="a credential of a service cannot be changed"),
        change_ring(KeyFile(file.path, is_credential=True)),
    ):
        pass


@settings(max_examples=20)
@given(st.integers(0, 4), st.integers(0, 4))
def test_only_the_key_that_seals_cannot_be_removed(first: int, gone: int) -> None:
    keys = [make_key(DAY) for _ in range(5)]
    ring = Ring.of(*keys).with_first(keys[first])
    assert ring.first == keys[first]
    left = ring.without(keys[gone].id)
    assert (keys[gone].id in left.keys) == (gone == first)
