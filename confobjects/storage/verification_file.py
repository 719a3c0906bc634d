"""The records of tests beside a file: one line for each object, in ``<path>.verifications/records``.

Laws of this module:

1. All records are read at once. Whoever writes one holds a lock of their own: writers of the configuration do not wait for it.
2. The file is replaced as a whole, so whoever reads it finds the old records or the new ones.
3. The file is ours or it is refused. A line that is none of ours is left out, and gone with the next record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Final

from confobjects import inputs
from confobjects.diagnostics import Diagnostic
from confobjects.errors import StorageError
from confobjects.mapping.verifications import MOST_CHARACTERS, MOST_RECORDS, is_key
from confobjects.storage.files import as_read_error
from confobjects.storage.own_files import give_to_owner, open_own, open_own_directory

_NAME: Final = "records"
_MOST_BYTES: Final = 256 << 20


def directory_of(path: str) -> str:
    """Return the directory with the records of the tests of a file."""
    return path + ".verifications"


class VerificationFile:
    """The records beside one file. ``deadline`` is how long a writer waits for another one, in seconds."""

    def __init__(self, path: str, deadline: float) -> None:
        self._beside = path
        self._deadline = deadline
        self.directory = directory_of(path)
        self.path = os.path.join(self.directory, _NAME)

    def read_all(self) -> dict[str, str]:
        """Return the texts of all records by key."""
        if not os.path.lexists(self.path):
            return {}
        with open_own_directory(self.directory, self._beside):
            return self._read()

    def _read(self) -> dict[str, str]:
        if not os.path.lexists(self.path):
            return {}
        descriptor = open_own(self.path, os.O_RDONLY, self._beside, replaced=True)
        try:
            data = inputs.read_up_to(descriptor, self.path, _MOST_BYTES)
        except OSError as error:
            raise as_read_error(error, self.path) from error
        finally:
            os.close(descriptor)
        pairs = (line.partition(" ") for line in data.decode("utf-8", "replace").split("\n"))
        found = ((key, text[: MOST_CHARACTERS + 1]) for key, _, text in pairs if is_key(key))
        return dict(found)

    def write(self, key: str, text: str) -> None:
        """Write the text of a record in the place of the last one of the same key."""
        with open_own_directory(self.directory, self._beside), self._locked():
            found = self._read()
            found.pop(key, None)
            if len(found) >= MOST_RECORDS:
                summary = f"there are {MOST_RECORDS} records of tests here already"
                raise StorageError(Diagnostic("storage-failed", summary, origin=self.path, remedy="remove the file"))
            self._replace({**found, key: text})

    def remove(self, key: str) -> None:
        """Remove a record, if there is one."""
        if key not in self.read_all():
            return
        with open_own_directory(self.directory, self._beside), self._locked():
            found = self._read()
            if found.pop(key, None) is not None:
                self._replace(found)

    def _locked(self) -> AbstractContextManager[None]:
        from confobjects.storage.locking import hold_lock

        return hold_lock(self.path, self._deadline)

    def _replace(self, records: Mapping[str, str]) -> None:
        """Replace the file. The caller holds its lock."""
        from confobjects.storage.replacing import Replacement, remove_leftover

        data = "".join(f"{key} {text}\n" for key, text in records.items()).encode()
        remove_leftover(self.path)
        with Replacement(self.path, data) as new:
            self._give(new.temporary)
            new.take_place()

    def _give(self, path: str) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            give_to_owner(descriptor, self._beside)
        finally:
            os.close(descriptor)
