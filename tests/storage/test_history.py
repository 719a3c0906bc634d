"""What every storage promises of its history; and the history of an LDIF file, whatever happens to the file."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from confobjects.dn import DN
from confobjects.errors import BrokenDataError, ConfobjectsError, NoSuchObjectError, ObjectExistsError, StorageError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, Entry, Modification, ModifyEntry, RenameEntry
from confobjects.mapping.journal import Moment, Note, NotedChange
from confobjects.mapping.protocol import Storage
from confobjects.storage import history
from confobjects.storage.history import HistoryLines
from confobjects.storage.ldif_file import LdifFileStorage
from tests.storage.conftest import BASE

CANARY = "canary of the history"
ONE, TWO = BASE.child("cn", "one"), BASE.child("cn", "two")


def entry(dn: DN, a: str = "0") -> Entry:
    return Entry(dn, {"objectClass": ("top", "server"), "cn": (dn.name,), "a": (a,)})


def put(dn: DN, value: str) -> ModifyEntry:
    return ModifyEntry(dn, [Modification("replace", "a", [value])])


def commit(storage: Storage, *changes: Change, note: Note | None = None) -> int | None:
    with storage.writing():
        return storage.commit(changes, note)


@pytest.fixture
def kept(storage: Storage) -> Storage:
    """A storage of every kind that has a base and keeps a history."""
    commit(storage, AddEntry(Entry(BASE, {"objectClass": ("top", "branch"), "cn": ("config",)})))
    keep_history: Callable[[], list[DN]] | None = getattr(storage, "keep_history", None)
    if keep_history is not None:
        assert keep_history() == ([] if storage.is_foreign else [BASE.child("cn", "History")])
        assert keep_history() == []
    return storage


# -- every storage ---------------------------------------------------------------------------------------------------


def test_a_new_storage_has_no_changes(kept: Storage) -> None:
    assert list(kept.history()) == []


def test_a_note_comes_back_with_its_number(kept: Storage) -> None:
    first = commit(kept, AddEntry(entry(ONE)), note=Note('{"a":"ä\\n"}', CANARY))
    second = commit(kept, put(ONE, "1"), AddEntry(entry(TWO)), note=Note("plain\ntext", ""))
    assert (first, second) == (1, 2)
    assert list(kept.history()) == [
        NotedChange(1, "done", '{"a":"ä\\n"}', CANARY),
        NotedChange(2, "done", "plain\ntext", ""),
    ]
    assert kept.read(TWO) is not None


def test_a_commit_without_a_note_is_not_noted(kept: Storage) -> None:
    assert commit(kept, AddEntry(entry(ONE))) is None
    commit(kept, put(ONE, "1"), note=Note("noted"))
    assert commit(kept, put(ONE, "2")) is None
    commit(kept, DeleteEntry(ONE), note=Note("deleted"))
    assert [(noted.state, noted.text) for noted in kept.history()] == [("done", "noted"), ("done", "deleted")]


def test_a_commit_that_is_refused_is_not_in_the_history(kept: Storage) -> None:
    commit(kept, AddEntry(entry(ONE)), note=Note("first"))
    with pytest.raises(ObjectExistsError):
        commit(kept, AddEntry(entry(ONE)), note=Note("alone"))
    with pytest.raises(ObjectExistsError):
        commit(kept, AddEntry(entry(TWO)), AddEntry(entry(ONE)), note=Note("two"))
    with pytest.raises(NoSuchObjectError):
        commit(kept, DeleteEntry(TWO), note=Note("one"))
    assert kept.read(TWO) is None
    assert [noted.text for noted in kept.history()] == ["first"]
    number = commit(kept, put(ONE, "1"), note=Note("second"))
    assert [(noted.number, noted.text) for noted in kept.history()] == [(1, "first"), (number, "second")]


def test_a_change_that_was_taken_back_is_withdrawn(kept: Storage) -> None:
    commit(kept, AddEntry(entry(ONE)), note=Note("first"))
    with kept.writing():
        number = kept.commit([put(ONE, "1")], Note("second"))
        assert number is not None
        kept.commit([put(ONE, "0")])
        kept.withdraw(number)
    commit(kept, put(ONE, "2"), note=Note("third"))
    assert [noted.text for noted in kept.history()] == ["first", "third"]


def test_all_kinds_of_changes_are_noted(kept: Storage) -> None:
    changes: list[Change] = [AddEntry(entry(ONE)), put(ONE, "1"), RenameEntry(ONE, TWO), DeleteEntry(TWO)]
    if kept.is_foreign:  # which renames nothing
        changes = [AddEntry(entry(ONE)), put(ONE, "1"), AddEntry(entry(TWO)), DeleteEntry(TWO)]
    for number, change in enumerate(changes, 1):
        assert commit(kept, change, note=Note(str(number))) == number
    assert [(noted.state, noted.text) for noted in kept.history()] == [("done", str(n)) for n in range(1, 5)]


def check_every_end(storage: Storage) -> None:
    """What is read after any number is the end of what is read of all."""
    whole = list(storage.history())
    for number in range(max((noted.number for noted in whole), default=0) + 3):
        assert list(storage.history(number)) == [noted for noted in whole if noted.number > number]


def test_the_history_after_a_number_is_the_end_of_the_whole(kept: Storage) -> None:
    check_every_end(kept)
    commit(kept, AddEntry(entry(ONE)), note=Note("1"))
    check_every_end(kept)
    commit(kept, AddEntry(entry(TWO)), put(ONE, "1"), note=Note("2", CANARY))
    commit(kept, put(ONE, "2"))
    check_every_end(kept)
    for number in range(12):
        commit(kept, put(ONE if number % 3 else TWO, f"a{number}"), note=Note("x" * 9000 * (number % 2)))
    check_every_end(kept)
    with kept.writing():
        taken_back = kept.commit([put(ONE, "taken back")], Note("3"))
        assert taken_back is not None
        check_every_end(kept)
        kept.commit([put(ONE, "a11")])
        kept.withdraw(taken_back)
        check_every_end(kept)
    check_every_end(kept)
    with pytest.raises(ObjectExistsError):
        commit(kept, AddEntry(entry(ONE)), note=Note("refused"))
    last: Change = DeleteEntry(ONE) if kept.is_foreign else RenameEntry(ONE, BASE.child("cn", "three"))
    commit(kept, last, note=Note("4"))
    commit(kept, DeleteEntry(TWO), note=Note("5"))
    check_every_end(kept)


def test_a_moment_is_another_one_after_each_noted_change_and_belongs_to_one_history(kept: Storage) -> None:
    commit(kept, AddEntry(entry(ONE)), note=Note("first"))
    moments = [kept.moment()]
    assert moments[0].epoch != ""
    assert kept.moment() == moments[0]
    for number in range(3):
        commit(kept, put(ONE, str(number + 1)), AddEntry(entry(BASE.child("cn", f"x{number}"))), note=Note("next"))
        moments.append(kept.moment())
    with kept.writing():
        withdrawn = kept.commit([put(ONE, "9")], Note("taken back"))
        assert withdrawn is not None
        kept.commit([put(ONE, "3")])
        kept.withdraw(withdrawn)
    moments.append(kept.moment())
    assert [moment.last for moment in moments] == [1, 2, 3, 4, 5]
    assert {moment.epoch for moment in moments} == {moments[0].epoch}


def test_a_change_that_fails_in_the_middle_is_seen_in_the_moment(kept: Storage) -> None:
    commit(kept, AddEntry(entry(ONE)), note=Note("first"))
    before = kept.moment()
    with pytest.raises(ObjectExistsError):
        commit(kept, AddEntry(entry(TWO)), AddEntry(entry(ONE)), note=Note("two"))
    assert (kept.moment() == before) is kept.serialises_writers  # a directory showed the first half to others


def test_a_long_note_comes_back_whole(kept: Storage) -> None:
    text = json.dumps({"values": [os.urandom(32).hex() for _ in range(3000)]}, separators=(",", ":"))
    secret = os.urandom(600_000).hex()
    commit(kept, AddEntry(entry(ONE)), AddEntry(entry(TWO)), note=Note(text, secret))
    assert [(noted.text == text, noted.secret == secret) for noted in kept.history()] == [(True, True)]


# -- an LDIF file ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with LdifFileStorage(str(tmp_path / "config.ldif"), base=BASE) as storage:
        commit(storage, AddEntry(Entry(BASE, {"cn": ("config",)})), note=Note("base"))
        commit(storage, AddEntry(entry(ONE)), note=Note("one", CANARY))
    return tmp_path / "config.ldif"


def history_of(path: Path) -> Path:
    return Path(f"{path}.history")


def opened(path: Path) -> LdifFileStorage:
    return LdifFileStorage(str(path), base=BASE, deadline=5)


def told(path: Path) -> list[tuple[int, str, str]]:
    with opened(path) as storage:
        return [(noted.number, noted.state, noted.text) for noted in storage.history()]


BOTH = [(1, "done", "base"), (2, "done", "one")]


def test_only_the_owner_may_read_the_history(path: Path) -> None:
    assert stat.S_IMODE(history_of(path).stat().st_mode) == 0o600
    assert CANARY in history_of(path).read_text()


@pytest.mark.parametrize("garbage", [b"garbage\n", b"\x00\xff\n\n", b'[1]\n{"a"\n', b'{"format":1}\ngarbage\n'])
def test_a_history_of_garbage_is_not_begun_again_in_silence(path: Path, garbage: bytes) -> None:
    history_of(path).write_bytes(garbage)
    with opened(path) as storage:
        before = path.read_bytes()
        with pytest.raises(BrokenDataError, match="holds no change that can be read"):
            commit(storage, put(ONE, "1"), note=Note("one"))
        assert (path.read_bytes(), history_of(path).read_bytes()) == (before, garbage)
        history_of(path).unlink()
        assert commit(storage, put(ONE, "1"), note=Note("one")) == 1


@pytest.mark.parametrize("start", [b'{"form', b'{"format":1}\n{"number":1,"bef', b'{"format":1}\n', b""])
def test_a_history_that_a_killed_writer_began_goes_on(path: Path, start: bytes) -> None:
    history_of(path).write_bytes(start)
    with opened(path) as storage:
        assert commit(storage, put(ONE, "1"), note=Note("one")) == 1


def test_a_history_that_was_made_anew_has_another_epoch(path: Path) -> None:
    with opened(path) as storage:
        moment = storage.moment()
        history_of(path).unlink()
        assert storage.moment() == Moment("", 0)
        commit(storage, put(ONE, "1"), note=Note("one"))
        assert (storage.moment().epoch != moment.epoch, storage.moment().last) == (True, 1)


@pytest.mark.parametrize("start", [b'{"format":1}\n', b"", b'{"form\n'])
def test_a_history_without_an_epoch_is_told_apart_by_its_first_change(path: Path, start: bytes) -> None:
    changes = history_of(path).read_bytes().split(b"\n", 1)[1]
    assert b"epoch" not in changes
    epochs = set()
    for text in (changes, changes.replace(b'"record":"base"', b'"record":"other"')):
        history_of(path).write_bytes(start + text)
        with opened(path) as storage:
            for number in range(3):
                commit(storage, put(ONE, str(number)), note=Note("long" * 20_000))
                epochs.add(storage.moment().epoch)
    assert len(epochs) == 2
    assert "" not in epochs


def test_a_history_with_an_unfinished_first_change_has_no_epoch_yet(path: Path) -> None:
    history_of(path).write_bytes(b'{"format":1}\n{"number":1,"before":"","after":"x"}')
    with opened(path) as storage:
        assert storage.moment().epoch == ""


def test_lines_are_only_added(path: Path) -> None:
    before = history_of(path).read_bytes()
    commit(opened(path), put(ONE, "1"), note=Note("three"))
    assert history_of(path).read_bytes().startswith(before)


def test_an_edit_by_hand_is_noticed_at_once_and_noted_with_the_next_change(path: Path) -> None:
    text = path.read_text()
    path.write_text(text.replace("a: 0", "a: edited"))
    os.utime(path, (10**9, 10**9))
    with opened(path) as storage:
        assert storage.history()[-1] == NotedChange(3, "edited", when="2001-09-09T01:46:40Z")
    commit(opened(path), put(ONE, "2"), note=Note("four"))
    expected = [*BOTH, (3, "edited", ""), (4, "done", "four")]
    assert told(path) == expected
    with opened(path) as storage:
        assert storage.history()[2].when == "2001-09-09T01:46:40Z"
    path.write_text(text)
    assert told(path) == [*expected, (5, "edited", "")]


def test_an_edit_between_planning_and_writing_is_noted(path: Path) -> None:
    storage = opened(path)
    with storage.writing():
        path.write_text(path.read_text() + "\n# by hand\n")
        storage.commit([put(ONE, "1")], Note("three"))
    assert "# by hand" in path.read_text()
    assert [state for _, state, _ in told(path)] == ["done", "done", "edited", "done"]


def test_a_file_that_is_taken_away_is_an_edit(path: Path) -> None:
    path.unlink()
    assert told(path) == [*BOTH, (3, "edited", "")]


def test_an_old_content_put_back_by_hand_does_not_make_changes_undone(path: Path) -> None:
    before = path.read_bytes()
    commit(opened(path), put(ONE, "1"), note=Note("three"))
    path.write_bytes(before)
    assert told(path) == [*BOTH, (3, "done", "three"), (4, "edited", "")]


def test_a_file_that_was_there_before_the_history(tmp_path: Path) -> None:
    path = tmp_path / "config.ldif"
    path.write_text("dn: cn=config,dc=example,dc=com\ncn: config\n")
    assert told(path) == []
    commit(opened(path), AddEntry(entry(ONE)), note=Note("first"))
    assert told(path) == [(1, "done", "first")]


def lines_of(path: Path) -> list[bytes]:
    return history_of(path).read_bytes().splitlines(keepends=True)


def test_a_writer_that_died_before_the_file_was_replaced_made_no_change(path: Path) -> None:
    content = path.read_bytes()
    commit(opened(path), put(ONE, "1"), note=Note("lost"))
    *lines, _ = lines_of(path)  # what became of it was not said any more
    history_of(path).write_bytes(b"".join(lines))
    path.write_bytes(content)
    assert told(path) == BOTH
    commit(opened(path), put(ONE, "2"), note=Note("next"))
    assert told(path) == [*BOTH, (4, "done", "next")]


def test_a_writer_that_died_after_the_file_was_replaced_made_its_change(path: Path) -> None:
    commit(opened(path), put(ONE, "1"), note=Note("made"))
    *lines, _ = lines_of(path)
    history_of(path).write_bytes(b"".join(lines))
    assert told(path) == [*BOTH, (3, "done", "made")]
    content = path.read_bytes()
    commit(opened(path), put(ONE, "2"), note=Note("next"))
    path.write_bytes(content)  # by now it is on record what became of it
    assert told(path) == [*BOTH, (3, "done", "made"), (4, "done", "next"), (5, "edited", "")]


def test_a_writer_that_died_and_an_edit_before_anyone_looked_is_unclear(path: Path) -> None:
    commit(opened(path), put(ONE, "1"), note=Note("perhaps"))
    *lines, _ = lines_of(path)
    history_of(path).write_bytes(b"".join(lines))
    path.write_text(path.read_text() + "\n# by hand\n")
    expected = [*BOTH, (3, "unclear", "perhaps"), (4, "edited", "")]
    assert told(path) == expected
    commit(opened(path), put(ONE, "2"), note=Note("next"))
    assert told(path) == [*expected, (5, "done", "next")]


@given(cut=st.integers(1, 10_000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_history_that_ends_anywhere_is_true_of_what_it_has(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "config.ldif"
    for leftover in (path, history_of(path)):
        leftover.unlink(missing_ok=True)
    storage = opened(path)
    commit(storage, AddEntry(Entry(BASE, {"cn": ("config",)})), note=Note("1"))
    commit(storage, AddEntry(entry(ONE)), note=Note("2"))
    content = path.read_bytes()
    start = history_of(path).stat().st_size
    commit(storage, put(ONE, "1"), note=Note("3", CANARY))
    whole = history_of(path).read_bytes()
    end = start + cut % (len(whole) - start)
    history_of(path).write_bytes(whole[:end])  # killed while it wrote: the file was not replaced before the line was
    is_written = b"\n" in whole[start:end]
    if not is_written:
        path.write_bytes(content)
    expected = [(1, "done", "1"), (2, "done", "2")] + [(3, "done", "3")] * is_written
    assert told(path) == expected
    number = commit(opened(path), put(ONE, "9"), note=Note("next"))
    assert told(path) == [*expected, (number, "done", "next")]


WAYS = ("change", "change", "change without a note", "edit", "put back", "unsettled", "withdraw", "long")


@given(ways=st.lists(st.sampled_from(WAYS), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_the_end_of_the_history_of_a_file_is_that_of_the_whole_whatever_happened(
    tmp_path: Path, ways: list[str]
) -> None:
    path = tmp_path / "config.ldif"
    for leftover in (path, history_of(path)):
        leftover.unlink(missing_ok=True)
    storage = opened(path)
    commit(storage, AddEntry(Entry(BASE, {"cn": ("config",)})), note=Note("base"))
    commit(storage, AddEntry(entry(ONE)), note=Note("one"))
    old = path.read_bytes()
    for turn, way in enumerate(ways):
        if way == "edit":
            path.write_text(f"{path.read_text()}\n# edit {turn}\n")
        elif way == "put back":
            path.write_bytes(old)
        elif way == "unsettled":
            history_of(path).write_bytes(b"".join(lines_of(path)[:-1]))
        elif way == "withdraw":
            storage.withdraw(storage.history()[-1].number)
        else:
            text = "x" * 70_000 if way == "long" else str(turn)
            commit(storage, put(ONE, str(turn)), note=None if "without" in way else Note(text))
        check_every_end(storage)
        check_every_end(opened(path))


def test_the_end_of_a_history_is_read_without_its_beginning(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        commit(opened(path), put(ONE, str(number)), note=Note("x" * 10_000))
    taken: list[bytes] = []
    take = HistoryLines._take_line

    def count(lines: HistoryLines, line: bytes, origin: str) -> None:
        taken.append(line)
        take(lines, line, origin)

    monkeypatch.setattr(HistoryLines, "_take_line", count)
    with opened(path) as storage:
        assert [noted.number for noted in storage.history(41)] == [42]
    assert 0 < sum(map(len, taken)) <= 2 * 65536


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[" * 100_000,
        "5",
        '{"number":"x","before":"","after":"y"}',
        '{"number":[1],"before":"","after":"y"}',
        '{"number":true,"before":"","after":"y"}',
        '{"number":null,"after":"y"}',
        '{"number":-1,"after":"y"}',
        '{"number":1,"state":["void"]}',
        '{"number":1,"state":"nonsense"}',
        '{"number":{},"state":"void"}',
    ],
    ids=lambda line: line[:40],
)
def test_a_line_that_is_none_of_ours_is_left_alone(path: Path, line: str) -> None:
    before = told(path)
    with history_of(path).open("a") as file:
        file.write(line + "\n")
    assert told(path) == before
    number = commit(opened(path), put(ONE, "9"), note=Note("next"))
    assert told(path) == [*before, (number, "done", "next")]


def test_a_newer_history_is_left_alone(path: Path) -> None:
    history_of(path).write_text('{"format":2}\n')
    content = path.read_bytes()
    for call in (lambda: told(path), lambda: commit(opened(path), put(ONE, "1"), note=Note("x"))):
        with pytest.raises(ConfobjectsError) as caught:
            call()
        assert "written by a newer version" in str(caught.value)
    assert path.read_bytes() == content


def test_a_history_that_cannot_be_written_stops_the_change(path: Path) -> None:
    content = path.read_bytes()
    history_of(path).unlink()
    history_of(path).symlink_to("/dev/null")
    with pytest.raises(StorageError) as caught:
        commit(opened(path), put(ONE, "1"), note=Note("x"))
    assert "is a symbolic link" in str(caught.value)
    assert path.read_bytes() == content


def test_a_disk_that_is_full_for_the_history_stops_the_change(path: Path) -> None:
    program = f"""
import resource, sys
from confobjects.dn import DN
from confobjects.errors import BrokenDataError, ConfobjectsError
from confobjects.mapping.entry import Modification, ModifyEntry
from confobjects.mapping.journal import Note
from confobjects.storage.ldif_file import LdifFileStorage
storage = LdifFileStorage({str(path)!r})
with storage.writing():
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
    try:
        storage.commit([ModifyEntry(DN.parse({str(ONE)!r}), [Modification("replace", "a", ["1"])])], Note("x" * 9000))
    except ConfobjectsError as error:
        print(error)
"""
    content, history = path.read_bytes(), history_of(path).read_bytes()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{history_of(path)}: cannot write the history: File too large\n")
    assert path.read_bytes() == content
    assert history_of(path).read_bytes() == history
    assert told(path) == BOTH


def test_the_last_number_is_found_behind_long_lines(path: Path) -> None:
    commit(opened(path), put(ONE, "1"), note=Note("x" * 300_000))
    assert commit(opened(path), put(ONE, "2"), note=Note("next")) == 4


# -- the digest of a file that need not be read ----------------------------------------------------------------------


class Hashed:
    """Counts the contents of which a digest is made."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.contents = 0
        make = history.digest_of

        def count(data: bytes | None) -> str:
            self.contents += 1
            return make(data)

        patch.setattr(history, "digest_of", count)


def record_later(path: Path, nanoseconds: int) -> None:
    """Let the history of a file have been written so much later than the file, by the clock of the file system."""
    os.utime(history_of(path), ns=(0, path.stat().st_mtime_ns + nanoseconds))


def ends_told(path: Path) -> list[tuple[int, str]]:
    """What is told of the changes after the first one, without reading the beginning of the history."""
    with opened(path) as storage:
        return [(noted.number, noted.state) for noted in storage.history(1)]


def test_a_file_that_is_as_the_last_change_left_it_is_not_read_for_its_digest(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = Hashed(monkeypatch)
    record_later(path, 1)
    assert ends_told(path) == [(2, "done")]
    assert hashed.contents == 0
    record_later(path, 0)  # an edit may have come in between, without another time of the file
    assert ends_told(path) == [(2, "done")]
    assert hashed.contents == 1


@pytest.mark.parametrize("what", ["time", "size", "file", "all"])
def test_a_file_that_looks_otherwise_is_read_for_its_digest(path: Path, what: str) -> None:
    record_later(path, 1)
    status, text = path.stat(), path.read_text()
    if what == "file":
        path.rename(f"{path}.old")
    path.write_text(text.replace("a: 0", "a: 00" if what in {"size", "all"} else "a: 1"))
    if what == "time":
        os.utime(path, ns=(0, status.st_mtime_ns + 1))
    elif what != "all":
        os.utime(path, ns=(0, status.st_mtime_ns))
    assert ends_told(path) == [(2, "done"), (3, "edited")]


def test_an_edit_at_the_time_at_which_the_change_was_recorded_is_noticed(path: Path) -> None:
    """It leaves the time of the file as it was: the clock of the file system has not gone on."""
    status = path.stat()
    path.write_text(path.read_text().replace("a: 0", "a: 1"))
    os.utime(path, ns=(0, status.st_mtime_ns))
    record_later(path, 0)
    assert ends_told(path) == [(2, "done"), (3, "edited")]


@pytest.mark.parametrize("left", ["null", "[1,2]", '[1,2,3,"4"]', '{"a":1}', "[true,1,1,1]", "7"])
def test_a_line_that_does_not_say_what_the_file_looked_like_is_as_one_without_it(path: Path, left: str) -> None:
    lines = history_of(path).read_text().splitlines()
    last = json.loads(lines[-1])
    assert last.pop("file")
    history_of(path).write_text("\n".join((*lines[:-1], f'{json.dumps(last)[:-1]},"file":{left}}}', "")))
    record_later(path, 1)
    assert ends_told(path) == [(2, "done")]
