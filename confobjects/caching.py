"""The caches of the user: which definitions have been checked, and what definitions say, parsed.

========================  ==========================================================================================
``checked-definitions``   One small JSON file for each content that has been checked, named by its digest.
``parsed-definitions``    One file for each directory of definitions, in the form of Python's own bytecode files
                          (``marshal``): what the JSON says, with what tells whether that is still so.
========================  ==========================================================================================

Laws of this module:

1. What a process allows, such as the functions that definitions may name, is never cached: it is asked at each start.
2. Only a directory and files of this user are used, which nobody else may write. Anything else is as if it were not there.
3. A damaged file is as if it were not there, and is written again.
4. The cache is never needed: if it cannot be read or written, nothing is said, and the content is checked, or parsed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

_FORMAT: Final = 1
_LARGEST: Final = 4096
"""Bytes of what says that a content has been checked."""
_LARGEST_PARSED: Final = 1 << 24
_MOST: Final = 200
"""The number of files in a directory of the cache; the oldest ones are removed."""
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def digest_of(parts: Iterable[str]) -> str:
    """Return the digest of a content in parts: SHA-256 in hexadecimal, over each part with its length before it."""
    from hashlib import sha256

    found = sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
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
        self._files = _OwnFiles(above, "checked-definitions")

    def knows(self, digest: str) -> bool:
        """Tell whether a content has been checked and has no problem."""
        import json

        try:
            return bool(json.loads(self._files.read(f"{digest}.json", _LARGEST)) == _entry_for(digest))
        except (OSError, ValueError, RecursionError):
            return False

    def remember(self, digest: str) -> None:
        """Remember that a content has been checked and has no problem."""
        import json

        with suppress(OSError):
            self._files.write(f"{digest}.json", json.dumps(_entry_for(digest)).encode())


def _entry_for(digest: str) -> dict[str, object]:
    return {"confobjects-checked": _FORMAT, "digest": digest}


class ParsedDocuments:
    """What documents say, parsed, by a name for several of them. ``above`` is the directory of the user's caches.

    ``signs`` tell one state of the documents from another: texts and numbers. What is kept with others is not returned.
    """

    def __init__(self, above: str) -> None:
        self._files = _OwnFiles(above, "parsed-definitions")

    def find(self, name: str, signs: tuple[str | int, ...]) -> Any:
        """Return what is kept under a name with these signs, as JSON values; None if nothing is."""
        import marshal
        from zlib import crc32

        try:
            data = self._files.read(name, _LARGEST_PARSED)
            if int.from_bytes(data[:4]) != crc32(data[4:]):
                return None
            kept_signs, found = marshal.loads(data[4:])  # noqa: S302 - this user wrote it, as the bytecode of modules
        except (OSError, EOFError, ValueError, TypeError):
            return None
        return found if kept_signs == signs else None

    def keep(self, name: str, signs: tuple[str | int, ...], documents: Any) -> None:
        """Keep what documents say under a name."""
        import marshal
        from zlib import crc32

        data = marshal.dumps((signs, documents))
        with suppress(OSError):
            self._files.write(name, crc32(data).to_bytes(4) + data)


class _OwnFiles:
    """The files of one directory of this user, below that of the user's caches (``above``)."""

    def __init__(self, above: str, name: str) -> None:
        self._above = above
        self._middle = os.path.join(above, "confobjects")
        self._directory = os.path.join(self._middle, name)

    def read(self, name: str, largest: int) -> bytes:
        """Return the content of a file. Raises OSError or ValueError if it is not one of this user's own, or larger."""
        if not self._are_ours():
            raise FileNotFoundError(name)
        return _read_own(os.path.join(self._directory, name), largest)

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole, if the directories are this user's own, and remove the oldest ones. Raises OSError."""
        for directory in (self._above, self._middle, self._directory):
            with suppress(FileExistsError):
                os.mkdir(directory, 0o700)
        if not self._are_ours():
            return
        temporary = os.path.join(self._directory, f".{name}.{os.getpid()}")
        with suppress(FileNotFoundError):
            os.unlink(temporary)  # left by a process of that number
        with os.fdopen(os.open(temporary, _WRITE, 0o600), "wb") as file:
            file.write(data)
        os.replace(temporary, os.path.join(self._directory, name))
        self._prune()

    def _are_ours(self) -> bool:
        """Whether the directories exist, belong to this user, and ours can be written by this user only."""
        return _is_own(self._above, 0) and _is_own(self._middle, 0o077) and _is_own(self._directory, 0o077)

    def _prune(self) -> None:
        with os.scandir(self._directory) as found:
            files = sorted(found, key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns)
        for entry in files[: max(0, len(files) - _MOST)]:
            with suppress(OSError):
                os.unlink(entry.path)


def _is_own(directory: str, forbidden: int) -> bool:
    """Whether a path is a directory of this user, no link, and has none of some rights."""
    try:
        status = os.lstat(directory)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & forbidden


def _read_own(path: str, largest: int) -> bytes:
    """Return the content of a regular file of this user that nobody else can write. Raises OSError or ValueError."""
    descriptor = os.open(path, _READ)
    try:
        status = os.fstat(descriptor)
        usable = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and status.st_nlink == 1
        if not usable or status.st_mode & 0o022 or status.st_size > largest:
            message = "this is not a file of the cache"
            raise ValueError(message)
        return os.read(descriptor, largest)
    finally:
        os.close(descriptor)
