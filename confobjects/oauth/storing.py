"""Where tokens are kept between processes: the protocol of a store, and the store in files.

Laws of the files: the directory belongs to this user and nobody else may enter it; each file is read and written by this
user only. A file is replaced as a whole and is on the disk before :meth:`TokenLease.write` returns. One lock file for each
key is held while a token is fetched; the system frees it when the process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from confobjects.records import Record, as_dict, field

PATIENCE: Final = 60.0
"""Seconds to wait while somebody else fetches a token: twice the limit of one exchange."""

_LOOK: Final = 0.02
_LARGEST: Final = 1 << 20
_FORMAT: Final = 1
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class StoredTokens(Record):
    """What is kept for one key.

    ``settings`` is the fingerprint of the settings with which the access token was fetched, ``client`` that of the client
    and the endpoint to which the refresh token may be sent. ``expires`` is the end of the access token (seconds since
    1970). An access token that was refused is empty.
    """

    settings: str
    client: str
    access: str = field(default="", repr=False)
    expires: float = 0.0
    scope: str = ""
    refresh: str = field(default="", repr=False)


class Sealing(Record):
    """How what is kept is sealed at rest: two functions from bytes to bytes. ``unseal`` raises ValueError."""

    seal: Callable[[bytes], bytes]
    unseal: Callable[[bytes], bytes]


class StoreProblem(Exception):  # noqa: N818 - becomes a trouble with its provider
    """Tokens cannot be kept or read. ``kind`` is a stable word: busy, unusable, or sealed; the message says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TokenLease(Protocol):
    """The right to fetch the token of one key, which nobody else has meanwhile."""

    def read(self) -> StoredTokens | None:
        """Return what is kept, None if there is nothing. Raises :class:`StoreProblem`."""
        ...

    def write(self, tokens: StoredTokens) -> None:
        """Keep tokens; they are durable when this returns. Raises :class:`StoreProblem`."""
        ...


class TokenStore(Protocol):
    """Keeps tokens, each under a key."""

    def hold(self, key: str) -> AbstractContextManager[TokenLease]:
        """Wait until nobody else has the lease of a key, and hold it. Raises :class:`StoreProblem`."""
        ...


class FileTokenStore:
    """Keeps tokens in files of one directory, which is made when it is needed. For any number of threads and processes."""

    def __init__(self, directory: str, sealing: Sealing | None = None, *, patience: float = PATIENCE) -> None:
        self.directory = directory
        self._sealing = sealing
        self._patience = patience

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileTokenStore) and other.directory == self.directory

    def __hash__(self) -> int:
        return hash(self.directory)

    @contextlib.contextmanager
    def hold(self, key: str) -> Iterator[TokenLease]:
        """Hold the lease of a key. Raises :class:`StoreProblem`."""
        path = os.path.join(self.directory, key)
        descriptor = self._open_lock(f"{path}.lock")
        try:
            self._await_lock(descriptor)
            yield _FileLease(f"{path}.json", self._sealing)
        finally:
            os.close(descriptor)

    def _open_lock(self, path: str) -> int:
        try:
            os.makedirs(os.path.dirname(self.directory), 0o700, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkdir(self.directory, 0o700)
            status = os.lstat(self.directory)
            is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077
            if not is_own:
                message = f"the directory {self.directory} is not that of this user alone"
                raise StoreProblem("unusable", message)
            return os.open(path, _LOCK, 0o600)
        except OSError as error:
            raise _unusable(self.directory, error) from None

    def _await_lock(self, descriptor: int) -> None:
        end = time.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    message = f"another process has been fetching it for more than {self._patience:g} s"
                    raise StoreProblem("busy", message) from None
                time.sleep(_LOOK)
            else:
                return


class MemoryTokenStore:
    """Keeps tokens as long as this object exists, for the threads of one process."""

    def __init__(self) -> None:
        self._kept: dict[str, StoredTokens] = {}
        self._lock = threading.Lock()
        self._process = os.getpid()

    @contextlib.contextmanager
    def hold(self, key: str) -> Iterator[TokenLease]:
        """Hold the one lease of all keys."""
        if self._process != os.getpid():  # a thread of the parent may have held the lock while it forked
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            yield _MemoryLease(self._kept, key)


class _MemoryLease(Record):
    """The lease of one key in memory."""

    kept: dict[str, StoredTokens]
    key: str

    def read(self) -> StoredTokens | None:
        """Return what is kept."""
        return self.kept.get(self.key)

    def write(self, tokens: StoredTokens) -> None:
        """Keep tokens."""
        self.kept[self.key] = tokens


def _unusable(path: str, error: OSError) -> StoreProblem:
    return StoreProblem("unusable", f"{path}: {error.strerror}")


class _FileLease:
    """The lease of one key."""

    def __init__(self, path: str, sealing: Sealing | None) -> None:
        self._path = path
        self._sealing = sealing

    def read(self) -> StoredTokens | None:
        """Return what is kept. A damaged file counts as none."""
        try:
            data = _read_own(self._path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(self._path, error) from None
        try:
            document = json.loads(data)
            if not isinstance(document, dict) or document.get("format") != _FORMAT:
                return None
            if "sealed" in document:
                document = json.loads(self._unseal(b64decode(document["sealed"], validate=True)))
            return _as_tokens(document["tokens"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def _unseal(self, data: bytes) -> bytes:
        if self._sealing is None:
            raise StoreProblem("sealed", f"{self._path} is sealed, and this process has no key")
        try:
            return self._sealing.unseal(data)
        except ValueError:
            raise StoreProblem("sealed", f"{self._path} was sealed with another key") from None

    def write(self, tokens: StoredTokens) -> None:
        """Keep tokens: a new file takes the place of the old one when it is on the disk."""
        document: dict[str, Any] = {"tokens": as_dict(tokens)}
        if self._sealing is not None:
            document = {"sealed": b64encode(self._sealing.seal(json.dumps(document).encode())).decode()}
        data = json.dumps({"format": _FORMAT, **document}).encode()
        temporary = f"{self._path}.new"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # left by a process that was killed; nobody else holds the lease
            _write_new(temporary, data)
            os.replace(temporary, self._path)
            _sync_directory(os.path.dirname(self._path))
        except OSError as error:
            raise _unusable(self._path, error) from None


def _as_tokens(found: Any) -> StoredTokens:
    tokens = StoredTokens(**found)
    texts = (tokens.settings, tokens.client, tokens.access, tokens.scope, tokens.refresh)
    if not all(isinstance(text, str) for text in texts) or not isinstance(tokens.expires, int | float):
        raise TypeError
    return tokens


def _read_own(path: str) -> bytes:
    """Return the content of a regular file that only this user can read and write. Raises OSError."""
    descriptor = os.open(path, _READ)
    try:
        status = os.fstat(descriptor)
        usable = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
        if not usable or status.st_mode & 0o077 or status.st_size > _LARGEST:
            raise PermissionError(0, "it is not a file of this user alone")
        return os.read(descriptor, _LARGEST)
    finally:
        os.close(descriptor)


def _write_new(path: str, data: bytes) -> None:
    descriptor = os.open(path, _WRITE, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
