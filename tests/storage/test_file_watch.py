"""Files are heard of whatever is done to them or to the way that leads to them."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confobjects.mapping.protocol import Notice
from confobjects.storage.file_watch import FileWatch, LdifWatch, steps_of
from tests.servers.timing import InstantTime


def read(path: Path | str) -> bytes | dict[str, bytes | None] | None:
    """Return what a path leads to: a file's content, what is right in a directory, or nothing."""
    with suppress(OSError):
        if os.path.isdir(path):
            return {name: _read_file(os.path.join(path, name)) for name in sorted(os.listdir(path))}
        return _read_file(path)
    return None


def _read_file(path: Path | str) -> bytes | None:
    with suppress(OSError), open(path, "rb") as file:
        return file.read()
    return None


def replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


def swap(link: Path, target: str) -> None:
    new = link.with_name(f".{link.name}.new")
    new.symlink_to(target)
    new.rename(link)


def as_vi(path: Path, text: str) -> None:
    """Write a file as vi does: the old one gets another name and is removed in the end."""
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def as_sed(path: Path, text: str) -> None:
    subprocess.run(["sed", "-i", f"s/.*/{text}/", str(path)], check=True)


def remove_and_make(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def hard_link(path: Path, text: str) -> None:
    other = path.with_name("other")
    other.write_text(text)
    path.unlink()
    path.hardlink_to(other)


def renew_directory(path: Path, text: str) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()
    path.write_text(text)


def swap_directories(path: Path, text: str) -> None:
    new = path.parent.with_name("new")
    new.mkdir()
    (new / path.name).write_text(text)
    path.parent.rename(path.parent.with_name("old"))
    new.rename(path.parent)


def write_in_place(path: Path, text: str) -> None:
    with path.open("r+") as file:
        file.write(text)


EDITS: list[Callable[[Path, str], object]] = [
    Path.write_text, write_in_place, replace, as_vi, as_sed, remove_and_make, hard_link, renew_directory, swap_directories,
]  # fmt: skip


@pytest.fixture
def time() -> InstantTime:
    return InstantTime()


@contextmanager
def watched(time: InstantTime, *paths: Path) -> Iterator[FileWatch]:
    with FileWatch([str(path) for path in paths], time.timing) as watch:
        assert (watch.wait(0) or set()) == {str(path) for path in paths}
        assert watch.wait(0) is None
        yield watch


def drain(watch: FileWatch) -> set[str]:
    found: set[str] = set()
    while (changed := watch.wait(0)) is not None:
        found |= changed
    return found


@pytest.mark.parametrize("edit", EDITS)
def test_every_way_to_edit_a_file_is_heard_again_and_again(
    edit: Callable[[Path, str], object], tmp_path: Path, time: InstantTime
) -> None:
    path = tmp_path / "etc" / "config.ldif"
    path.parent.mkdir()
    path.write_text("0")
    with watched(time, path) as watch:
        for number in range(1, 4):
            shutil.rmtree(path.parent.with_name("old"), ignore_errors=True)
            edit(path, str(number))
            assert read(path) == str(number).encode()
            assert drain(watch) == {str(path)}
    assert time.pauses == []


@pytest.mark.parametrize("edit", EDITS)
def test_the_watch_of_an_ldif_file_hears_every_edit(
    edit: Callable[[Path, str], object], tmp_path: Path, time: InstantTime
) -> None:
    path = tmp_path / "etc" / "config.ldif"
    path.parent.mkdir()
    path.write_text("# 0")
    with LdifWatch(str(path), time.timing) as watch:
        assert watch.wait(0) == Notice()
        assert watch.wait(0) is None
        edit(path, "# 1")
        assert watch.wait(0) == Notice()


def test_secrets_that_rotate_by_a_swapped_link_are_heard(tmp_path: Path, time: InstantTime) -> None:
    """As kubelet does: ``password`` leads to ``..data/password``, and ``..data`` to a directory with a date."""
    volume = tmp_path / "secrets"
    for date in ("..1", "..2", "..3"):
        (volume / date).mkdir(parents=True)
        (volume / date / "password").write_text(date)
    (volume / "..data").symlink_to("..1")
    (volume / "password").symlink_to("..data/password")
    path = volume / "password"
    with watched(time, path, volume) as watch:
        for date in ("..2", "..3", "..1"):
            swap(volume / "..data", date)
            assert read(path) == date.encode()
            assert drain(watch) == {str(path), str(volume)}
        (volume / "..1" / "password").write_text("in place")
        assert drain(watch) == {str(path), str(volume)}
        (volume / "..2" / "password").write_text("of yesterday")
        assert drain(watch) == set()


def test_links_anywhere_on_the_way_are_heard(tmp_path: Path, time: InstantTime) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text(name)
    (tmp_path / "absolute").symlink_to(tmp_path / "a")
    (tmp_path / "relative").symlink_to("x/../absolute/deep")
    (tmp_path / "x").mkdir()
    path = tmp_path / "relative" / ".." / "deep" / "file"
    with watched(time, path) as watch:
        swap(tmp_path / "absolute", str(tmp_path / "b"))
        assert drain(watch) == {str(path)}
        (tmp_path / "b" / "deep" / "file").write_text("c")
        assert drain(watch) == {str(path)}
        swap(tmp_path / "relative", "a/deep")
        assert drain(watch) == {str(path)}
        (tmp_path / "a" / "deep" / "file").unlink()
        assert drain(watch) == {str(path)}


def test_a_path_that_leads_to_nothing_yet_is_heard(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "a" / "b" / "c"
    with watched(time, path) as watch:
        (tmp_path / "other").mkdir()
        assert drain(watch) == set()
        path.parent.mkdir(parents=True)
        drain(watch)
        path.write_text("1")
        assert drain(watch) == {str(path)}
        shutil.rmtree(tmp_path / "a")
        assert drain(watch) == {str(path)}


def test_a_loop_of_links_ends_and_its_mending_is_heard(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "one"
    path.symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert len(list(steps_of(str(path)))) < 200
    with watched(time, path) as watch:
        replace(tmp_path / "two", "1")
        assert drain(watch) == {str(path)}


def test_what_is_in_a_directory_is_heard(tmp_path: Path, time: InstantTime) -> None:
    """A directory of certificates is mostly one of links to where they are installed."""
    store, installed = tmp_path / "certs", tmp_path / "installed"
    for one in (store, installed):
        one.mkdir()
    (installed / "a.crt").write_text("a")
    (store / "a.pem").symlink_to(installed / "a.crt")
    with watched(time, store) as watch:
        for change in (
            lambda: (store / "b.pem").write_text("b"),
            lambda: (store / "b.pem").write_text("c"),
            lambda: (installed / "a.crt").write_text("b"),
            lambda: replace(installed / "a.crt", "c"),
            (store / "b.pem").unlink,
            (store / "a.pem").unlink,
        ):
            change()
            assert drain(watch) == {str(store)}
        (installed / "a.crt").write_text("d")
        assert drain(watch) == set()


def test_rights_that_change_are_heard(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "a" / "file"
    path.parent.mkdir()
    path.write_text("1")
    with watched(time, path) as watch:
        path.chmod(0o600)
        assert drain(watch) == {str(path)}
        path.parent.chmod(0o700)
        assert drain(watch) == {str(path)}


def test_paths_come_and_go(tmp_path: Path, time: InstantTime) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with watched(time, one) as watch:
        watch.add(str(two))
        two.write_text("1")
        assert drain(watch) == {str(two)}
        watch.remove(str(one))
        watch.remove(str(one))
        one.write_text("1")
        assert drain(watch) == set()
        two.write_text("2")
        assert drain(watch) == {str(two)}
        watch.remove(str(two))
        two.write_text("3")
        assert watch.due() is None
        assert drain(watch) == set()


def test_what_happens_beside_a_file_is_not_told(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "etc" / "config.ldif"
    path.parent.mkdir()
    with LdifWatch(str(path), time.timing) as watch:
        watch.wait(0)
        for name in ("config.ldif.lock", ".config.ldif.new", "config.ldif~"):
            (path.parent / name).write_text("1")
        (path.parent / "config.ldif.archive").mkdir()
        (tmp_path / "etc2").mkdir()
        assert watch.wait(0) is None
        assert watch.wait(29.0) is None
        assert len(time.pauses) <= 2


def test_what_happens_in_a_directory_further_down_is_never_told(tmp_path: Path, time: InstantTime) -> None:
    below = tmp_path / "config.ldif.followers"
    below.mkdir()
    with FileWatch([str(tmp_path)], time.timing) as watch:
        assert watch.wait(0) == frozenset([str(tmp_path)])
        for text in ("one", "two"):
            replace(below / "web-1.json", text)
            assert watch.wait(100) is None
        below.chmod(0o755)
        assert watch.wait(0) == frozenset([str(tmp_path)])


def test_a_burst_is_told_at_once(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "file"
    with watched(time, path) as watch:
        for number in range(200):
            path.write_text(str(number))
        assert (watch.wait(0) or set()) == {str(path)}
        assert watch.wait(0) is None


def test_lost_events_count_as_changes_of_everything(tmp_path: Path, time: InstantTime) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with watched(time, *paths) as watch:
        for _ in range(most // 3):  # each of these is three events at least
            paths[0].touch()
            paths[0].unlink()
        paths[1].write_text("1")
        assert drain(watch) == {str(path) for path in paths}
        paths[1].write_text("2")
        assert drain(watch) == {str(paths[1])}


# -- without inotify ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", EDITS)
def test_without_inotify_files_are_compared_each_second(
    edit: Callable[[Path, str], object], tmp_path: Path, time: InstantTime
) -> None:
    path = tmp_path / "etc" / "config.ldif"
    path.parent.mkdir()
    path.write_text("0")
    with FileWatch([str(path)], time.timing, open_events=lambda: None) as watch:
        assert (watch.wait(0) or set()) == {str(path)}
        assert watch.descriptors() == ()
        assert watch.wait(5.0) is None
        edit(path, "1")
        began = time.time
        assert (watch.wait() or set()) == {str(path)}
        assert time.time - began <= 1.0


def test_what_inotify_does_not_tell_is_found_later(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "file"
    with path.open("w") as file, watched(time, path) as watch:
        file.write("1")
        file.flush()  # and the file stays open
        assert watch.wait(0) is None
        began = time.time
        assert (watch.wait() or set()) == {str(path)}
        assert time.time - began <= 30.0


def test_where_the_kernel_gives_no_inotify_files_are_compared(tmp_path: Path, time: InstantTime) -> None:
    path = tmp_path / "file"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        watch = FileWatch([str(path)], time.timing)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with watch:
        watch.wait(0)
        path.write_text("1")
        assert (watch.wait(2.0) or set()) == {str(path)}


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that every user may read. Those of pytest are closed again by each run of pytest."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def test_a_directory_that_this_user_may_not_read_is_compared(open_path: Path) -> None:
    """The search right alone lets a user reach a file, and inotify needs the right to read the directory."""
    hidden = open_path / "hidden"
    hidden.mkdir()
    path = hidden / "file"
    path.write_text("1")
    path.chmod(0o644)
    hidden.chmod(0o711)
    code = f"""
import os
from confobjects.storage.file_watch import FileWatch
os.setuid(65534)
with FileWatch([{str(path)!r}]) as watch:
    assert watch.wait(0)
    print("ready", flush=True)
    assert (watch.wait(30.0) or set()) == {{{str(path)!r}}}
    print("heard", flush=True)
"""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        replace(path, "22")
        assert process.stdout.readline() == "heard\n"


# -- the law -----------------------------------------------------------------------------------------------------------

PLACES = ("a", "b", "d/a", "d/b", "e/a", "d", "e", "d/f", "d/f/a")
TARGETS = ("a", "b", "d", "d/a", "../a", "../e/a", "e", "f", "nothing", "/nowhere", ".")
DEEDS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(PLACES), st.sampled_from("123456")),
    st.tuples(st.just("replace"), st.sampled_from(PLACES), st.sampled_from("123456")),
    st.tuples(st.just("link"), st.sampled_from(PLACES), st.sampled_from(TARGETS)),
    st.tuples(st.just("move"), st.sampled_from(PLACES), st.sampled_from(PLACES)),
    st.tuples(st.just("mkdir"), st.sampled_from(PLACES), st.just("")),
    st.tuples(st.just("remove"), st.sampled_from(PLACES), st.just("")),
)


def do(root: Path, deed: str, place: str, more: str) -> None:
    path = root / place
    with suppress(OSError, shutil.Error):
        if deed == "write":
            path.write_text(more)
        elif deed == "replace":
            replace(path, more)
        elif deed == "link":
            swap(path, more)
        elif deed == "move":
            path.rename(root / more)
        elif deed == "mkdir":
            path.mkdir()
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


BEGINNING = (
    ("mkdir", "d", ""), ("mkdir", "d/f", ""), ("link", "e", "d/f"), ("write", "d/f/a", "0"), ("write", "d/a", "0"),
    ("link", "a", "e/a"), ("link", "d/b", "../a"),
)  # fmt: skip


@given(st.lists(DEEDS, max_size=25), st.lists(st.sampled_from((*PLACES, "d/../a", "x/y/z")), min_size=3, unique=True))
def test_whatever_is_done_what_a_path_leads_to_is_known(deeds: list[tuple[str, str, str]], names: list[str]) -> None:
    time = InstantTime()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for deed in BEGINNING:
            do(root, *deed)
        paths = [os.path.join(folder, name) for name in names]
        with FileWatch(paths, time.timing) as watch:
            known = {path: read(path) for path in drain(watch)}
            for deed in deeds:
                do(root, *deed)
                known.update((path, read(path)) for path in drain(watch))
                assert known == {path: read(path) for path in paths}, deed
    assert time.pauses == []
