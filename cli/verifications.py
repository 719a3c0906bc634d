"""The last tests of objects: kept by the commands that test, and worded for those that show objects.

A test of values that are not saved leaves nothing, nor does one with --dry-run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from confobjects.management.verifying import Outcome, find_fingerprints, note_verification

if TYPE_CHECKING:
    from confobjects.management.verifying import Standing
    from confobjects.mapping.verifications import Fingerprint
    from confobjects.paths import ManagedObjectPath

    from .invocation import Invocation


class StoredTest:
    """A test of stored objects, whose result is kept. Made before it begins, from what is stored then."""

    def __init__(self, invocation: Invocation, kind: str, name: str) -> None:
        """Begin a test of an object, and of those that it depends on."""
        self._invocation = invocation
        self._made_with: dict[ManagedObjectPath, Fingerprint] = {}
        if invocation.dry_run:
            return
        with invocation.open() as context:
            self._made_with = find_fingerprints(context.site, context.registry.path_of(kind, name))

    def keep(self, path_text: str, outcome: Outcome) -> None:
        """Keep how it ended for one of the objects; say why that was not possible."""
        path = self._invocation.registry.parse_path(path_text)
        made_with = self._made_with.get(path)
        if made_with is None:
            return
        with self._invocation.open(tells=False) as context:
            told = note_verification(context.site, path, outcome, made_with)
        self._invocation.warn([] if told is None else [told])


def describe_standing(standing: Standing) -> str:
    """Return in one sentence how an object stands with its last test."""
    one = standing.record
    if one is None:
        return _WITHOUT[standing.state]
    place = f" on {one.machine}" if one.machine else ""
    result = f"passed (depth {one.depth})" if one.passed else f"failed at {one.stage} ({one.code})"
    since = "; something has changed since, and it was not tested again" if standing.state == "changed" else ""
    return f"{result} on {one.time}, tested by {one.who or 'somebody'}{place}{since}"


_WITHOUT = {
    "never": "never tested",
    "unreadable": "what is kept of the last test cannot be used",
}
