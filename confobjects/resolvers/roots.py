"""The directories that ``file:`` reads from, and the files in them that it never reads.

What the operator puts below a root may be read by whoever writes the configuration. Files of confobjects itself are
never read: a configuration, its history and archive hold secrets of others, and so do the files of its own logins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from confobjects.expressions import Failed
from confobjects.expressions.seals import CREDENTIALS_VARIABLE

ROOTS_VARIABLE: Final = "CONFOBJECTS_FILE_ROOTS"
"""Names further directories, separated by commas."""
SECRETS_DIRECTORY: Final = "/run/secrets"
"""Where containers find their secrets."""
_KERNEL: Final = ("/proc", "/sys", "/dev")
"""Directories of the kernel: their files show the process and its environment. No root opens them."""

_HOME: Final = f"{os.sep}.confobjects{os.sep}"
"""The directory of a user's properties file, which can hold passwords."""


def file_roots_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the roots that an environment names, besides the instance directory; all are absolute paths."""
    named = [part.strip() for part in environment.get(ROOTS_VARIABLE, "").split(",")]
    return tuple(
        path for path in (environment.get(CREDENTIALS_VARIABLE, ""), SECRETS_DIRECTORY, *named) if os.path.isabs(path)
    )


class FileRoots:
    """The roots of ``file:`` and our own files.

    ``configuration`` is the path of the LDIF file; it and all files named after it are ours. ``own`` are further files
    of ours, such as the file of a password that this process logs in with. Paths and inodes are compared, because a
    file can have several paths.
    """

    def __init__(
        self,
        instance_directory: str,
        roots: Sequence[str] = (),
        *,
        configuration: str = "",
        own: Sequence[str] = (),
    ) -> None:
        base = os.path.realpath(instance_directory)
        # A service without a working directory of its own runs in "/": that does not open the machine.
        self.roots = [*([base] if base != os.sep else []), *map(os.path.realpath, roots)]
        paths = (os.path.abspath(configuration), os.path.realpath(configuration)) if configuration else ()
        self._configurations = tuple(dict.fromkeys(paths))
        self._own = tuple(
            dict.fromkeys(real for path in own for real in (os.path.abspath(path), os.path.realpath(path)))
        )

    def refuse_path(self, full: str, real: str) -> Failed | None:
        """Return why a path is not read, or None. It is judged before anything tells whether the file exists."""
        if any(_is_below(real, directory) for directory in _KERNEL) or not any(
            _is_below(real, root) for root in self.roots
        ):
            summary = f"the file {full} is outside the directories that file: may read"
            return Failed(summary, f"put it below the instance directory, or add its directory to {ROOTS_VARIABLE}")
        if self._is_ours(full) or self._is_ours(real):
            return _own_file_problem(full)
        return None

    def refuse_file(self, full: str, real: str, status: os.stat_result) -> Failed | None:
        """Return why an opened file is not used, or None. ``status`` is that of the file that was read."""
        if os.path.realpath(full) != real:
            return Failed(f"the path {full} changed while it was read", "try again")
        if any(os.path.samestat(status, other) for other in self._own_statuses()):
            return _own_file_problem(full)
        if status.st_nlink > 1:
            summary = f"the file {full} has other names (hard links), which may be outside the allowed directories"
            return Failed(summary, "replace it by a copy")
        return None

    def _is_ours(self, path: str) -> bool:
        if path in self._own:
            return True
        head, name = os.path.split(path)
        if name.lower().endswith(".ldif") or ".ldif." in path.lower() or _HOME in path:
            return True
        return any(
            path == configuration
            or path.startswith(configuration + ".")
            or (head == os.path.dirname(configuration) and name.startswith(f".{os.path.basename(configuration)}."))
            for configuration in self._configurations
        )

    def _own_statuses(self) -> Iterator[os.stat_result]:
        for path in (*self._own, *self._configurations):
            yield from _status_of(path)
        for configuration in self._configurations:
            directory, name = os.path.split(configuration)
            for found in _files_in(directory, (f"{name}.", f".{name}.")):
                yield from _status_of(found)
            for ending in ("archive", "followers", "tokens", "verifications"):
                for found in _files_in(f"{configuration}.{ending}", ("",)):
                    yield from _status_of(found)


def _own_file_problem(full: str) -> Failed:
    return Failed(f"the file {full} is one of confobjects' own files, which file: never reads", "name another file")


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _files_in(directory: str, starts: tuple[str, ...]) -> Iterator[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return
    yield from (os.path.join(directory, name) for name in names if name.startswith(starts))


def _status_of(path: str) -> Iterator[os.stat_result]:
    try:
        status = os.stat(path)
    except OSError:
        return
    if stat.S_ISREG(status.st_mode):
        yield status
