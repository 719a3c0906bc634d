"""The records of tests, in a directory: one entry for each object, kept apart from the configuration.

See :mod:`confobjects.storage.ldap.apart` for where. The name of an entry is the key of its record.
"""

from __future__ import annotations

from confobjects.dn import DN
from confobjects.mapping.apart import VERIFICATIONS
from confobjects.mapping.verifications import MOST_CHARACTERS, MOST_RECORDS, NAMING, RECORD, RECORD_CLASS, is_key
from confobjects.storage.ldap.apart import ApartEntries, ApartMeans


class VerificationEntries:
    """The records for one base."""

    def __init__(self, means: ApartMeans) -> None:
        self._entries = ApartEntries(means, VERIFICATIONS, RECORD_CLASS, RECORD, NAMING)

    def read_all(self) -> dict[str, str]:
        """Return the texts of all records by key."""
        found = self._entries.read_all()[:MOST_RECORDS]
        return {one.name: one.text[: MOST_CHARACTERS + 1] for one in found if is_key(one.name) and one.text}

    def find(self, key: str) -> str | None:
        """Return the text of one record, None if there is none."""
        text = self._entries.find(key)
        return None if text is None else text[: MOST_CHARACTERS + 1]

    def write(self, key: str, text: str) -> None:
        """Write the text of a record in the place of the last one of the same key."""
        self._entries.write(key, text, "remove the entry")

    def remove(self, key: str) -> None:
        """Remove a record, if there is one."""
        self._entries.remove(key)

    def make_places(self) -> list[DN]:
        """Make the entries that the records hang below, and return the DNs of those that are new."""
        return self._entries.make_places()
