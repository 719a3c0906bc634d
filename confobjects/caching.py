"""The cache of what has been checked already: one file for each content, named by its digest, with two lines of JSON.

Laws of this module:

1. A file says only that a content has been checked and has no problem, and repeats parts of it. What a process allows, such
   as the functions that definitions may name, is never cached: it is asked at each start.
2. Only a directory and files of this user are used, which nobody else may write. Anything else is as if it were not there.
3. A damaged file is as if it were not there, and is written again: its first line holds a digest of the second one.
4. The cache is never needed: if it cannot be read or written, nothing is said, and the content is checked.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

try:
    from _blake2 import blake2b  # importing hashlib, which takes it from there, loads OpenSSL: that slows a cold start
except ImportError:
    from hashlib import blake2b

_FORMAT = 2
_LARGEST = 1 << 24
_MOST = 200
"""The number of contents that are kept; the oldest ones are removed."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def digest_of(parts: Iterable[str | memoryview]) -> str:
    """Return the digest of a content in parts, each with its length before it: BLAKE2b of 32 bytes (RFC 7693) in hexadecimal."""
    found = blake2b(digest_size=32)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()


def cache_directory(environment: Mapping[str, str]) -> str:
    """Return the directory of the user's caches (XDG Base Directory Specification); a relative one does not count."""
    stated = environment.get("XDG_CACHE_HOME", "")
    if os.path.isabs(stated):
        return stated
    home = environment.get("HOME", "")
    return os.path.join(home if os.path.isabs(home) else os.path.expanduser("~"), ".cache")


class CheckedContents:
    """The contents that have been checked, by their digests. ``above`` is the directory of the user's caches."""

    def __init__(self, above: str) -> None:
        self._above = above
        self._directory = os.path.join(above, "confobjects", "checked-definitions")

    def recall(self, digest: str) -> Any:
        """Return what was remembered of a content that has been checked and has no problem, None if it is not known."""
        if not self._is_ours():
            return None
        try:
            head, _, body = _read_own(self._path_of(digest)).decode().partition("\n")
            return json.loads(body) if head == _head_for(digest, body) else None
        except (OSError, ValueError, RecursionError):
            return None

    def remember(self, digest: str, parts: Any) -> None:
        """Remember that a content has been checked and has no problem, with parts of it as JSON, which are not null."""
        with suppress(OSError):
            if self._make_directories():
                self._write(digest, json.dumps(parts))
                self._prune()

    def _path_of(self, digest: str) -> str:
        return os.path.join(self._directory, f"{digest}.json")

    def _is_ours(self) -> bool:
        """Whether the directories exist, belong to this user, and ours can be written by this user only."""
        middle = os.path.dirname(self._directory)
        return _is_own(self._above, 0) and _is_own(middle, 0o077) and _is_own(self._directory, 0o077)

    def _make_directories(self) -> bool:
        for directory in (self._above, os.path.dirname(self._directory), self._directory):
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700)
        return self._is_ours()

    def _write(self, digest: str, body: str) -> None:
        temporary = os.path.join(self._directory, f".{digest}.{os.getpid()}")
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # left by a process of that number
        descriptor = os.open(temporary, _WRITE, 0o600)
        try:
            os.write(descriptor, f"{_head_for(digest, body)}\n{body}".encode())
        finally:
            os.close(descriptor)
        os.replace(temporary, self._path_of(digest))

    def _prune(self) -> None:
        with os.scandir(self._directory) as found:
            files = sorted(found, key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns)
        for entry in files[: max(0, len(files) - _MOST)]:
            with suppress(OSError):
                os.unlink(entry.path)


def _head_for(digest: str, body: str) -> str:
    return json.dumps({"confobjects-checked": _FORMAT, "digest": digest, "parts": digest_of([body])})


def _is_own(directory: str, forbidden: int) -> bool:
    """Whether a path is a directory of this user, no link, and has none of some rights."""
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & forbidden


def _read_own(path: str) -> bytes:
    """Return the content of a regular file of this user that nobody else can write. Raises OSError or ValueError."""
    descriptor = os.open(path, _READ)
    try:
        status = os.fstat(descriptor)
        usable = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
        if not usable or status.st_mode & 0o022 or status.st_size > _LARGEST:
            message = "this is not a file of the cache"
            raise ValueError(message)
        return os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)
