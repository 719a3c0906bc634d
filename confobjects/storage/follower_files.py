"""The reports of the services that follow a file: one file each, in the directory ``<path>.followers``.

Laws of this module:

1. A report is replaced as a whole. It is not synced: after a power cut a service tells again, or is not there.
2. Nobody waits for the lock of the configuration: a service tells that it is alive while somebody writes.
3. The name of a file follows from the name of the service and leads nowhere else, whatever the name is.
4. What is not a report of the service that a file is named after is told as one that cannot be read, whatever the name
   is. So is what is not a file of ours: nothing is read from it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import Final
from urllib.parse import quote, unquote

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import AccessError, StorageError
from confobjects.mapping.followers import (
    MOST_CHARACTERS,
    MOST_FOLLOWERS,
    FollowerReport,
    check_follower_name,
    label_of,
    read_report,
    same_follower,
    sort_reports,
    stand_in_for,
    write_report,
)
from confobjects.storage.files import translate_errors
from confobjects.storage.own_files import give_to_owner, open_own, open_own_directory
from confobjects.storage.replacing import temporary_name
from confobjects.texts.names import normal_name

_ENDING: Final = ".json"
_MOST_BYTES: Final = 4 * MOST_CHARACTERS
_LONGEST_PLAIN: Final = 150
"""Characters of an encoded name; a longer one is cut and ends with its digest."""
_ATTEMPTS: Final = 10


def directory_of(path: str) -> str:
    """Return the directory with the reports of those who follow a file."""
    return path + ".followers"


def file_name_of(name: str) -> str:
    """Return the name of the file with the report of a follower: one for all spellings that are the same name."""
    encoded = quote(normal_name(name), safe="")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) > _LONGEST_PLAIN:
        from hashlib import sha256

        encoded = f"{encoded[:100]}+{sha256(encoded.encode()).hexdigest()[:40]}"
    return encoded + _ENDING


class FollowerFiles:
    """The reports beside one file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.directory = directory_of(path)

    def read_all(self) -> list[FollowerReport]:
        """Return all reports, sorted by name, and a stand-in for each that cannot be read."""
        if not os.path.lexists(self.directory):
            return []
        with (
            open_own_directory(self.directory, self._path),
            translate_errors("read the directory", self.directory),
        ):
            names = self._list_names()
        texts = ((name, self._read(name)) for name in names[:MOST_FOLLOWERS])
        found = (_report_in(name, text) or stand_in_for(_name_in(name)) for name, text in texts if text is not None)
        return sort_reports(found)

    def _list_names(self) -> list[str]:
        return sorted(name for name in os.listdir(self.directory) if name.endswith(_ENDING))

    def find(self, name: str) -> FollowerReport | None:
        """Return one report, None if there is none, or none that can be read."""
        file = file_name_of(check_follower_name(name))
        if not os.path.lexists(self.directory):
            return None
        with open_own_directory(self.directory, self._path):
            text = self._read(file)
        return None if text is None else _report_in(file, text)

    def _read(self, name: str) -> str | None:
        """Return what is in a file, empty if it cannot be read, or is not ours; None if it is gone."""
        path = os.path.join(self.directory, name)
        try:
            descriptor = open_own(path, os.O_RDONLY, self._path, replaced=True)
        except (AccessError, StorageError):
            return "" if os.path.lexists(path) else None
        try:
            return inputs.read_up_to(descriptor, path, _MOST_BYTES).decode()
        except (OSError, UnicodeDecodeError):
            return ""
        finally:
            os.close(descriptor)

    def write(self, report: FollowerReport) -> None:
        """Write a report in the place of the last one of the same service."""
        path = os.path.join(self.directory, file_name_of(check_follower_name(report.name)))
        data = memoryview(write_report(report).encode())
        temporary = temporary_name(path)
        with open_own_directory(self.directory, self._path), translate_errors("write the report", path):
            descriptor = _open_alone(temporary, self._path)
            try:
                os.ftruncate(descriptor, 0)
                while data:
                    data = data[os.write(descriptor, data) :]
                give_to_owner(descriptor, self._path)
                os.replace(temporary, path)
            finally:
                os.close(descriptor)

    def remove(self, name: str) -> None:
        """Remove a report, if there is one, also one that cannot be read by what it is called."""
        file = file_name_of(check_follower_name(name))
        if not os.path.lexists(self.directory):
            return
        with (
            open_own_directory(self.directory, self._path),
            translate_errors("remove the report", os.path.join(self.directory, file)),
            suppress(FileNotFoundError),
        ):
            if not os.path.lexists(os.path.join(self.directory, file)):
                called = (one for one in self._list_names() if same_follower(label_of(_name_in(one)), name))
                file = next(called, file)
            os.unlink(os.path.join(self.directory, file))


def _report_in(file: str, text: str) -> FollowerReport | None:
    """Return the report in a file with a name, None if it is none, or that of another follower."""
    report = read_report(text)
    return report if report is not None and file_name_of(report.name) == file else None


def _name_in(file: str) -> str:
    """Return what the name of a file says of a follower: its name, if that is not cut."""
    return unquote(file.removesuffix(_ENDING))


def _open_alone(path: str, beside: str) -> int:
    """Open a file for writing that nobody else writes now; one that a killed writer left is used again.

    Whoever holds its lock may move it away: then the name belongs to another file, or to none.
    """
    for _ in range(_ATTEMPTS):
        descriptor = open_own(path, os.O_WRONLY | os.O_CREAT, beside, replaced=True)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False)):
                return descriptor
        os.close(descriptor)
    summary = "another process is writing the same report"
    raise StorageError(Diagnostic("storage-failed", summary, origin=path, remedy="give each service a name of its own"))
