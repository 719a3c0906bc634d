"""Files that are replaced completely or not at all: a lock between processes, the atomic replacement, the archive.

Laws of this module:

1. After a full disk, Ctrl-C, kill -9 or a power cut, the file has either the old content or the new content.
2. The old content is archived before it is replaced.
3. Owner, group, mode and extended attributes are kept. If that is impossible, the write is refused.
4. A file beside the configuration is ours, or it is refused: the lock, the history and the archive are regular files with
   one name, are no symbolic links, belong to us and give no rights to others. They hold secrets, or are written by
   root. The directory of the archive is no link either, and nobody else can write it.
5. Every error of the operating system names the path, the system's message and a remedy.

Heavy modules are imported where they are used, because reading a configuration needs none of them.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, ConfobjectsError, StorageError
from confobjects.records import Record

PRIVATE: Final = 0o600
"""The mode of every new file: configurations contain secrets."""
PRIVATE_DIRECTORY: Final = 0o700

_OWN: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_HOLDERS: Final = 20
"""A writer waits for at most as many holders of a lock that each use up the whole deadline."""
_ACCESS: Final = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
_REMEDIES: Final = {
    errno.EACCES: "run as the user who owns the file, or give this user the right to read it and to write its directory",
    errno.EPERM: "run as the user who owns the file",
    errno.EROFS: "the file system is mounted read-only: remount it, or name another file",
    errno.ENOSPC: "make room on the disk and repeat; the file is as it was",
    errno.EDQUOT: "the user's quota is used up: make room and repeat; the file is as it was",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and repeat; the file is as it was",
    errno.EISDIR: "name a file, not a directory",
    errno.ENOTDIR: "a part of the path is a file: name a file in a directory",
    errno.ELOOP: "a symbolic link forms a loop or is not allowed here: correct or remove it",
    errno.ENOLCK: "the file system does not support locks: keep the file on a local file system",
}


class FileSignature(Record):
    """The properties of a file that show, without reading it, whether it has changed."""

    device: int
    inode: int
    size: int
    modified: int


def as_file_error(error: OSError, doing: str, path: str) -> ConfobjectsError:
    """Return the error for a failed system call. ``doing`` completes "cannot …"."""
    number = error.errno or 0
    code = "access-refused" if number in _ACCESS else "storage-failed"
    summary = f"cannot {doing}: {os.strerror(number) if number else error}"
    problem = Diagnostic(code, summary, origin=path, remedy=_REMEDIES.get(number, ""))
    return AccessError(problem) if number in _ACCESS else StorageError(problem)


@contextmanager
def translate_errors(doing: str, path: str) -> Iterator[None]:
    """Turn errors of the operating system into ours."""
    try:
        yield
    except OSError as error:
        raise as_file_error(error, doing, path) from error


def signature_of(path: str) -> FileSignature | None:
    """Return the signature of a file, or None if the file does not exist."""
    try:
        return _signature_from(os.stat(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise as_file_error(error, "read the file", path) from error


def _signature_from(status: os.stat_result) -> FileSignature:
    return FileSignature(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def read(path: str) -> tuple[bytes, FileSignature] | None:
    """Return the content of a regular file and its signature, or None if the file does not exist."""
    try:
        data, status = inputs.read_regular(path, inputs.LARGE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _as_read_error(error, path) from error
    return data, _signature_from(status)


def _as_read_error(error: OSError, path: str) -> ConfobjectsError:
    """Return the error for a file that cannot be read; for one that is too large or no file, in the words of inputs."""
    if error.errno in {errno.EFBIG, errno.EINVAL}:
        return StorageError(Diagnostic("storage-failed", str(error.strerror), origin=path))
    return as_file_error(error, "read the file", path)


# -- files of ours ---------------------------------------------------------------------------------------------------


def open_own(path: str, flags: int, beside: str, doing: str = "open the file") -> int:
    """Open a file of ours, and return its descriptor. A new one can be read only by this user.

    ``beside`` is the file that it stands beside, whose owner may own it too; it may be empty. Raises
    :class:`~confobjects.errors.StorageError` if the file is not ours or is no regular file.
    """
    try:
        descriptor = os.open(path, flags | _OWN, PRIVATE)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            link = error.errno == errno.ELOOP
            raise _not_ours_error(path, "it is a symbolic link" if link else _NO_FILE) from None
        raise as_file_error(error, doing, path) from error
    try:
        _require_own(os.fstat(descriptor), path, beside)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_own(path: str, beside: str) -> bytes | None:
    """Return the content of a file of ours, or None if it does not exist. Raises as :func:`open_own` does."""
    if not os.path.lexists(path):
        return None
    descriptor = open_own(path, os.O_RDONLY, beside)
    try:
        return inputs.read_up_to(descriptor, path, inputs.LARGE)
    except OSError as error:
        raise _as_read_error(error, path) from error
    finally:
        os.close(descriptor)


_NO_FILE: Final = "it is not a regular file"


def _require_own(status: os.stat_result, path: str, beside: str, *, directory: bool = False) -> None:
    """Refuse a file, or a directory, that somebody else could have made or can read or change."""
    owners = {os.geteuid()}
    with suppress(OSError):
        owners.update({os.stat(beside).st_uid} if beside else ())
    is_kind = stat.S_ISDIR if directory else stat.S_ISREG
    if not is_kind(status.st_mode):
        raise _not_ours_error(path, "it is not a directory" if directory else _NO_FILE)
    if not directory and status.st_nlink != 1:
        raise _not_ours_error(path, "it has other names (hard links)")
    if status.st_uid not in owners:
        raise _not_ours_error(path, f"it belongs to user {_account_name('pwd', status.st_uid)}")
    if directory and status.st_mode & 0o022:
        raise _not_ours_error(path, "others can write it", f"chmod 700 {path}")
    if not directory and status.st_mode & 0o077:
        raise _not_ours_error(path, "others have rights to it", f"chmod 600 {path}")


def _not_ours_error(path: str, reason: str, remedy: str = "") -> StorageError:
    remedy = remedy or "find out who made it, and move it away"
    summary = f"this is not a file of ours, so it is not used: {reason}"
    return StorageError(Diagnostic("storage-failed", summary, origin=path, remedy=remedy))


def make_directory(path: str) -> None:
    """Create a directory and its missing parents, accessible only to this user."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        with translate_errors("create the directory", directory), suppress(FileExistsError):
            os.mkdir(directory, PRIVATE_DIRECTORY)


# -- the lock --------------------------------------------------------------------------------------------------------


@contextmanager
def hold_lock(path: str, deadline: float) -> Iterator[None]:
    """Lock out other processes and threads that lock ``path``. The lock file ``<path>.lock`` is never removed.
    Those who wait are served in turn.

    The kernel releases the lock when the process ends for any reason. Raises
    :class:`~confobjects.errors.StorageError` if a holder does not release the lock within ``deadline`` seconds.
    """
    lock = path + ".lock"
    descriptor = _open_lock(lock, path)
    try:
        with translate_errors("lock the file", lock):
            _take_turn(descriptor, path, deadline)
        with suppress(OSError):  # the number is used only in a message; a full disk must not stop the work
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _open_lock(lock: str, path: str) -> int:
    descriptor = open_own(lock, os.O_RDWR | os.O_CREAT, path, "open the lock file")
    give_to_owner(descriptor, path)
    return descriptor


def _take_turn(descriptor: int, path: str, deadline: float) -> None:
    """Lock a descriptor, behind those who wait for it already.

    Whoever has to wait first takes the lock ``<path>.queue``, which stands for being the next one. A writer that
    has just finished has to take it too, so it cannot pass the one that waits.
    """
    import fcntl

    exclusive = fcntl.LOCK_EX | fcntl.LOCK_NB
    if not os.path.exists(path + ".queue") and _try_lock(fcntl.flock, descriptor, exclusive):
        return  # nobody has ever waited
    queue = _open_lock(path + ".queue", path)
    rest, most, seen = deadline, deadline * _MOST_HOLDERS, os.fstat(descriptor).st_mtime_ns
    try:
        for waited in (queue, descriptor):
            while not _try_lock(fcntl.flock, waited, exclusive):
                if (found := os.fstat(descriptor).st_mtime_ns) != seen:
                    rest, seen = deadline, found  # the holder is another one now: nobody hangs
                pause = _wait_for_lock(min(rest, most), descriptor, path)
                rest, most = rest - pause, most - pause
    finally:
        os.close(queue)


def _try_lock(flock: object, descriptor: int, operation: int) -> bool:
    try:
        flock(descriptor, operation)  # type: ignore[operator]  # fcntl.flock, passed in because it is imported late
    except BlockingIOError:
        return False
    return True


def _wait_for_lock(deadline: float, descriptor: int, path: str) -> float:
    """Sleep a moment of the remaining seconds, and return its length. Raise an error if none remain."""
    import time

    if deadline <= 0:
        raise _lock_error(descriptor, path)
    # A different time on each turn, so that of several who wait none meets the free lock more often than the others.
    pause = min(deadline, 0.002 + time.monotonic_ns() % 8000 / 1_000_000)
    time.sleep(pause)
    return pause


def _lock_error(descriptor: int, path: str) -> StorageError:
    holder = os.pread(descriptor, 32, 0).strip()
    number = int(holder) if holder.isdigit() else 0
    who = f"process {number}" if number else "another process"
    if number == os.getpid():
        who = "another part of this process"
    end = f"check it (ps {number}) and end it if it hangs" if number and number != os.getpid() else "end it"
    return StorageError(
        Diagnostic(
            "storage-failed",
            f"{who} has not finished writing this file",
            origin=path,
            remedy=f"try again later; if that does not help, {end}: that releases the lock",
        )
    )


def give_to_owner(descriptor: int, path: str) -> None:
    """Give a file next to ``path`` to the owner of ``path``, so that files made by root do not lock the owner out."""
    with suppress(OSError):
        status = os.stat(path)
        if os.geteuid() == 0:
            os.fchown(descriptor, status.st_uid, status.st_gid)


# -- the replacement -------------------------------------------------------------------------------------------------


class Replacement:
    """New content for a file, complete on disk next to it. A context manager; :meth:`take_place` replaces the file."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        self.temporary = temporary_name(path)
        self.signature: FileSignature | None = None
        self._data = data

    def __enter__(self) -> Self:
        _check_writable(self.path)
        try:
            with translate_errors("write the file", self.path):
                self._fill()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _fill(self) -> None:
        descriptor = os.open(self.temporary, _CREATE, PRIVATE)
        try:
            rest = memoryview(self._data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            _keep_rights(descriptor, self.path)
            os.fsync(descriptor)
            self.signature = _signature_from(os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def take_place(self) -> None:
        """Replace the old content with the new content, atomically and durably."""
        with translate_errors("replace the file", self.path):
            os.replace(self.temporary, self.path)
            sync_directory(os.path.dirname(self.path))

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):  # it is gone if it replaced the file; otherwise the next writer removes it
            os.unlink(self.temporary)


def temporary_name(path: str) -> str:
    """Return the name of the temporary file. One name is enough, because the lock lets one writer in."""
    directory, name = os.path.split(path)
    return os.path.join(directory, f".{name}.new")


def remove_leftovers(path: str) -> None:
    """Remove the file that a killed writer left. The caller must hold the lock."""
    for leftover in (temporary_name(path), temporary_name(_archive_directory(path))):
        with suppress(OSError):  # if it cannot be removed, the write fails later with the reason
            os.unlink(leftover)


def sync_directory(path: str) -> None:
    """Sync a directory, so that the names in it survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_writable(path: str) -> None:
    """Refuse to replace a device or a read-only file. A replacement needs no right to the file itself."""
    effective = os.access in os.supports_effective_ids
    with suppress(OSError):
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            remedy = "name an ordinary file"
            raise StorageError(
                Diagnostic("storage-failed", "only an ordinary file can be replaced", origin=path, remedy=remedy)
            )
    if os.path.exists(path) and not os.access(path, os.W_OK, effective_ids=effective):
        raise as_file_error(OSError(errno.EACCES, ""), "write the file", path)


def _keep_rights(descriptor: int, path: str) -> None:
    """Give the new file the owner, group, mode and extended attributes of the one it replaces."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError as error:
            raise _owner_error(path, status) from error
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    for name in os.listxattr(path) if hasattr(os, "listxattr") else ():
        _copy_attribute(descriptor, path, name)


def _copy_attribute(descriptor: int, path: str, name: str) -> None:
    try:
        os.setxattr(descriptor, name, os.getxattr(path, name))
    except OSError:
        if name.startswith("system.posix_acl"):
            raise  # without its access list, others might be able to read the file


def _owner_error(path: str, status: os.stat_result) -> AccessError:
    owner = f"user {_account_name('pwd', status.st_uid)} and group {_account_name('grp', status.st_gid)}"
    return AccessError(
        Diagnostic(
            "access-refused",
            f"the file belongs to {owner}, and this user cannot give a new one to them",
            origin=path,
            remedy=f"run as user {_account_name('pwd', status.st_uid)}",
        )
    )


def _account_name(database: str, number: int) -> str:
    """Return the name of a user (``pwd``) or group (``grp``), or its number."""
    look_up = {"pwd": "getpwuid", "grp": "getgrgid"}[database]
    try:
        return str(getattr(__import__(database), look_up)(number)[0])
    except (KeyError, ImportError):
        return str(number)


# -- the archive -----------------------------------------------------------------------------------------------------


def _archive_directory(path: str) -> str:
    return path + ".archive"


@contextmanager
def _open_archive_directory(directory: str, path: str) -> Iterator[int]:
    """Open the directory of the archive of a file, and make it if there is none."""
    is_new = not os.path.lexists(directory)
    if is_new:
        make_directory(directory)
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise _not_ours_error(directory, "it is not a directory") from None
        raise as_file_error(error, "open the directory", directory) from error
    try:
        _require_own(os.fstat(descriptor), directory, path, directory=True)
        if is_new:
            give_to_owner(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)


def archive(path: str, data: bytes) -> str:
    """Store ``data``, the content to be replaced, compressed in ``<path>.archive``, and return the path."""
    import time
    import zlib

    directory = _archive_directory(path)
    now = time.time_ns()
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now // 10**9)) + f".{now % 10**9:09d}Z"
    temporary = temporary_name(directory)
    with (
        _open_archive_directory(directory, path) as folder,
        translate_errors("archive the previous version", directory),
    ):
        number = max((sequence for sequence, _ in list_archives(path)), default=0) + 1
        name = os.path.join(directory, f"{os.path.basename(path)}.{stamp}.{number}.gz")
        descriptor = os.open(temporary, _CREATE, PRIVATE)
        try:
            with open(descriptor, "wb") as file:
                file.write(zlib.compress(data, 1, wbits=31))  # 31: with a gzip header, so that zcat can read it
                file.flush()
                give_to_owner(descriptor, path)
                os.fsync(descriptor)
            os.replace(temporary, name)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        os.fsync(folder)
    return name


def list_archives(path: str) -> list[tuple[int, str]]:
    """Return the archives of a file, the oldest first: the sequence number of each, 0 for one without, and its name."""
    start, end = os.path.basename(path) + ".", ".gz"
    found = []
    for name in os.listdir(_archive_directory(path)):
        if name.startswith(start) and name.endswith(end):
            number = name.removesuffix(end).rpartition(".")[2]
            found.append((int(number) if number.isascii() and number.isdigit() else 0, name))
    return sorted(found)


def prune(path: str, keep: int, newest: str) -> None:
    """Remove the oldest archives of a file, by their sequence, until ``keep`` are left, but never ``newest``.

    The clock does not decide which is the oldest: it may have run ahead once.
    """
    directory = _archive_directory(path)
    with translate_errors("remove old archives", directory):
        names = [name for _, name in list_archives(path)]
        for name in names[:-keep] if keep else names:
            if name != os.path.basename(newest):
                os.unlink(os.path.join(directory, name))
