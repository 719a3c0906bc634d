"""A copy of a storage that is kept true by the notices of a watch alone."""

from __future__ import annotations

from confobjects.mapping.entry import Entry
from confobjects.mapping.protocol import Notice, Storage, Watch

PATIENCE = 30.0
"""Seconds to wait for a notice that must come; the machine may be loaded."""


class Mirror:
    """Reads what a notice names. ``comparisons`` counts how often it had to read everything, ``reads`` single entries."""

    def __init__(self, storage: Storage, watch: Watch) -> None:
        self.storage = storage
        self.watch = watch
        self.entries: dict[str, Entry] = {}
        self.comparisons = 0
        self.reads = 0
        self._has_begun = False

    def take(self, notice: Notice) -> None:
        if notice.names is None:
            self.entries = self._everything()
            self.comparisons += 1
            self._has_begun = True
            return
        for dn in notice.names:
            self.reads += 1
            found = self.storage.read(dn)
            if found is None:
                self.entries.pop(dn.normal, None)
            else:
                self.entries[dn.normal] = found

    def _everything(self) -> dict[str, Entry]:
        return {entry.dn.normal: entry for entry in self.storage.search(self.storage.base, "sub")}

    def follow(self, seconds: float = PATIENCE) -> None:
        """Take notices until the copy is true; fail if a change is not heard."""
        while self.entries != self._everything() or not self._has_begun:
            notice = self.watch.wait(seconds)
            assert notice is not None, f"not heard; stale: {self.watch.stale}, {list(self.watch.problems)}"
            self.take(notice)

    def drain(self) -> None:
        """Take what is there already."""
        while (notice := self.watch.wait(0)) is not None:
            self.take(notice)
