"""The LDIF file in a rough world: other users, full disks, signals and writers that meet."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from confobjects.dn import DN
from confobjects.errors import StorageError
from confobjects.mapping.entry import Entry, Modification, ModifyEntry
from confobjects.mapping.ldif import parse
from confobjects.storage.ldif_file import LdifFileStorage

NOBODY = 65534
CONFIG = DN.parse("cn=config")
PADDING = "".join(
    f"\ndn: cn=padding {number},cn=config\ncn: padding {number}\nb: {'x' * 500}\n" for number in range(200)
)
TEXT = f"version: 1\n\ndn: cn=config\ncn: config\na: 0\n{PADDING}"

PRELUDE = """
import os, signal, sys
import fcntl, grp, pwd, time, zlib, confobjects.mapping.ldif.writing, confobjects.storage.history   # before the user changes: the way may be closed then
from confobjects.dn import DN
from confobjects.errors import ConfobjectsError
from confobjects.mapping.entry import ModifyEntry, Modification
from confobjects.storage import archives, locking, replacing  # the modules of a writer, too
from confobjects.storage.ldif_file import LdifFileStorage

path = sys.argv[1]
storage = LdifFileStorage(path, deadline=30, archives=3)
CONFIG = DN.parse("cn=config")

def number():
    return int(storage.read(CONFIG).get("a")[0])

def put(value):
    storage.commit([ModifyEntry(CONFIG, [Modification("replace", "a", [str(value)])])])

def write(value):
    with storage.writing():
        put(value)

def become(user):
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)

def attempt(action):
    try:
        action()
    except ConfobjectsError as error:
        print(error.code)
        print(error)
    else:
        print("done")
"""


class Child:
    """Another Python that works on the file."""

    def __init__(self, path: Path, program: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + program, str(path)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def finish(self) -> str:
        output, errors = self.process.communicate()
        assert self.process.returncode == 0, errors
        return output

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter; those of pytest they may not."""
    made = Path(tempfile.mkdtemp(prefix="confobjects-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def path(folder: Path) -> Path:
    found = folder / "config.ldif"
    found.write_text(TEXT)
    found.chmod(0o600)
    return found


def number(path: Path) -> int:
    """Return the number in the file, which must be whole."""
    document = parse(path.read_text())
    assert len(document.entries) == 201
    (text,) = document.entries["cn=config"].get("a")
    assert isinstance(text, str)
    return int(text)


def litter(path: Path) -> list[str]:
    return [str(file) for file in path.parent.rglob(".*")]


# -- rights ----------------------------------------------------------------------------------------------------------


def owned(path: Path, user: int) -> None:
    if os.geteuid() == 0:
        os.chown(path, user, user)


def test_a_read_only_file_is_not_replaced_though_its_directory_could_be(path: Path) -> None:
    owned(path.parent, NOBODY)
    owned(path, NOBODY)
    path.chmod(0o400)
    output = Child(path, f"become({NOBODY}); attempt(lambda: write(1))").finish()
    assert output == (
        f"access-refused\n{path}: cannot write the file: Permission denied\n"
        "  remedy: run as the user who owns the file, or give this user the right to read it and to write its directory\n"
    )
    assert path.read_text() == TEXT
    assert litter(path) == []


@pytest.mark.parametrize("lock_is_there", [False, True])
def test_a_read_only_directory(path: Path, lock_is_there: bool) -> None:
    owned(path, NOBODY)
    if lock_is_there:
        Path(f"{path}.lock").touch(mode=0o600)
        owned(Path(f"{path}.lock"), NOBODY)
    path.parent.chmod(0o555)
    output = Child(path, f"become({NOBODY}); attempt(lambda: write(1)); print(number())").finish()
    path.parent.chmod(0o755)
    what = f"{path}: cannot write the file" if lock_is_there else f"{path}.lock: cannot open the lock file"
    assert output.startswith(f"access-refused\n{what}: Permission denied\n  remedy: run as")
    assert output.endswith("\n0\n")
    assert path.read_text() == TEXT


def test_an_unreadable_file(path: Path) -> None:
    owned(path, NOBODY)
    path.chmod(0o000)
    output = Child(path, f"become({NOBODY}); attempt(number)").finish()
    assert output.startswith(f"access-refused\n{path}: cannot read the file: Permission denied\n  remedy: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_a_file_that_cannot_keep_its_owner_is_not_replaced(path: Path) -> None:
    path.parent.chmod(0o777)
    path.chmod(0o666)
    output = Child(path, f"become({NOBODY}); attempt(lambda: write(1))").finish()
    assert output == (
        f"access-refused\n{path}: the file belongs to user root and group root, and this user cannot give a new one "
        "to them\n  remedy: run as user root\n"
    )
    assert path.read_text() == TEXT
    assert litter(path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_what_root_leaves_behind_does_not_shut_the_owner_out(path: Path) -> None:
    owned(path.parent, NOBODY)
    owned(path, NOBODY)
    Child(path, "write(1)").finish()
    assert path.stat().st_uid == NOBODY
    output = Child(path, f"become({NOBODY}); attempt(lambda: write(2))").finish()
    assert output == "done\n"
    assert number(path) == 2


# -- full disks ------------------------------------------------------------------------------------------------------


def test_a_limit_on_file_sizes(path: Path) -> None:
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000)); attempt(lambda: write(1))"
    output = Child(path, program).finish()
    assert output == (
        f"storage-failed\n{path}: cannot write the file: File too large\n"
        "  remedy: raise the limit on file sizes (ulimit -f) and repeat; the file is as it was\n"
    )
    assert path.read_text() == TEXT
    assert litter(path) == []


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 300 KiB: room for the file twice at most."""
    made = folder / "disk"
    made.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(made)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"cannot mount a small disk: {mount.stderr.strip()}")
    yield made
    subprocess.run(["umount", str(made)], check=True)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a small disk")
@pytest.mark.parametrize("free", [0, 40_000, 160_000])
def test_a_full_disk(small_disk: Path, free: int) -> None:
    path = small_disk / "config.ldif"
    path.write_text(TEXT)
    space = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (space.f_bavail * space.f_frsize - free))
    output = Child(path, "attempt(lambda: write(1))").finish()
    if free > len(TEXT):
        assert output == "done\n"
        assert number(path) == 1
        return
    assert output == (
        f"storage-failed\n{path}: cannot write the file: No space left on device\n"
        "  remedy: make room on the disk and repeat; the file is as it was\n"
    )
    assert path.read_text() == TEXT
    assert litter(path) == []
    (small_disk / "ballast").unlink()
    assert Child(path, "attempt(lambda: write(1))").finish() == "done\n"


# -- signals ---------------------------------------------------------------------------------------------------------

KILLED_IN_EVERY_CALL = """
write(0)
def dying(real, count, fatal):
    def call(*args, **named):
        count.append(1)
        if len(count) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    return call

fatal, finished = 0, False
while not finished:
    fatal += 1
    before = number()
    child = os.fork()
    if child == 0:
        count = []
        for name in ("open", "write", "close", "fsync", "fchmod", "replace", "unlink", "mkdir", "ftruncate", "pwrite"):
            setattr(os, name, dying(getattr(os, name), count, fatal))
        write(before + 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    finished = status == 0
    assert finished or os.WTERMSIG(status) == signal.SIGKILL, status
    assert number() in (before, before + 1), (fatal, before, number())
    print(fatal, number() - before, sum(name.endswith(".new") for name in os.listdir(os.path.dirname(path))))
"""


def test_kill_in_every_system_call_leaves_old_or_new(path: Path) -> None:
    rows = [tuple(map(int, line.split())) for line in Child(path, KILLED_IN_EVERY_CALL).finish().splitlines()]
    assert len(rows) > 15
    changed = [new for _, new, _ in rows]
    assert changed == sorted(changed)  # old before one certain call, new from it on
    assert {0, 1} == set(changed)
    assert any(left for _, _, left in rows)  # some were killed while the new file was in the making
    assert litter(path) == []  # and the last writer, who lived, cleaned up
    number(path)


def test_kill_at_any_moment_leaves_a_version_that_was_written(path: Path) -> None:
    dice = random.Random(8)
    known = 0
    for _ in range(6):
        child = Child(
            path, "value = number()\nwhile True:\n    value += 1\n    write(value)\n    print(value, flush=True)"
        )
        for _ in range(dice.randint(1, 12)):
            known = int(child.line())
        child.kill()
        assert number(path) >= known
        known = number(path)
    assert Child(path, "attempt(lambda: write(-1))").finish() == "done\n"
    assert number(path) == -1
    assert litter(path) == []


def test_ctrl_c_at_any_moment_leaves_a_version_and_no_litter(path: Path) -> None:
    program = (
        "value = number()\n"
        "try:\n"
        "    while True:\n        value += 1\n        write(value)\n        print(value, flush=True)\n"
        "except KeyboardInterrupt:\n    sys.exit(0)"
    )
    dice = random.Random(9)
    for _ in range(4):
        child = Child(path, program)
        known = 0
        for _ in range(dice.randint(1, 8)):
            known = int(child.line())
        child.process.send_signal(signal.SIGINT)
        child.finish()
        assert number(path) >= known
        assert litter(path) == []


# -- writers that meet -----------------------------------------------------------------------------------------------


def test_writers_at_once_lose_no_change(path: Path) -> None:
    program = "for _ in range(25):\n    with storage.writing():\n        put(number() + 1)"
    children = [Child(path, program) for _ in range(3)]
    for child in children:
        child.finish()
    assert number(path) == 75


def test_a_hung_writer_is_named_and_gives_way_when_it_dies(path: Path) -> None:
    child = Child(path, "with storage.writing():\n    print('locked', flush=True)\n    sys.stdin.read()")
    assert child.line() == "locked"
    storage = LdifFileStorage(str(path), deadline=0.05)
    change = ModifyEntry(CONFIG, [Modification("replace", "a", ["7"])])
    with pytest.raises(StorageError) as caught, storage.writing():
        pass
    pid = child.process.pid
    assert str(caught.value) == (
        f"{path}: process {pid} has not finished writing this file\n"
        f"  remedy: try again later; if that does not help, check it (ps {pid}) and end it if it hangs: "
        "that releases the lock"
    )
    found = storage.read(CONFIG)
    assert isinstance(found, Entry)
    assert found.get("a") == ("0",)  # readers need not wait
    child.kill()
    with storage.writing():
        storage.commit([change])
    assert number(path) == 7


def test_a_lock_file_without_a_number_still_locks(path: Path) -> None:
    child = Child(
        path,
        "with storage.writing():\n    os.truncate(path + '.lock', 0)\n    print('locked', flush=True)\n    sys.stdin.read()",
    )
    assert child.line() == "locked"
    with (
        pytest.raises(StorageError, match="another process has not finished writing this file"),
        LdifFileStorage(str(path), deadline=0).writing(),
    ):
        pass
    child.finish()
