"""What a service keeps sealed besides the configuration, and with which keys: access tokens in files, and the ledger.

Laws: a place that does not exist is made by nobody who asks, and no database is loaded for it. What cannot be counted or sealed
is told, and never counts as empty: who removes keys has to know all that uses them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, UsageError
from confobjects.oauth.places import token_directory
from confobjects.records import Record, field
from confobjects.service.installed import require_installed
from confobjects.service.places import SQLITE, find_file, find_ledger_url

if TYPE_CHECKING:
    from confobjects.oauth.storing import FileTokenStore
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.protocols import Sealer

TOKENS: Final = "tokens"
LEDGER: Final = "ledger"


class UsedKeys(Record):
    """How many values of a place each key has sealed; those in clear have none. ``problems`` say what could not be counted."""

    place: str
    keys: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()


class SealedAgain(Record):
    """How many values of a place were sealed with the newest key, and what is wrong with those that were not."""

    place: str
    count: int = 0
    problems: tuple[Diagnostic, ...] = ()


class SealedPlace(Protocol):
    """A place of sealed values."""

    def count(self) -> UsedKeys:
        """Return what each key has sealed there."""
        ...

    def reseal(self, sealer: Sealer) -> SealedAgain:
        """Seal everything with the key that seals now. It can be stopped at any moment, and called again."""
        ...


def find_places(url: str, service: EffectiveObject | None, environment: Mapping[str, str]) -> Sequence[SealedPlace]:
    """Return the places of sealed values that belong to the configuration at a URL, and to its mail service."""
    directory = token_directory(url, environment)
    tokens = [_TokenFiles(directory)] if directory else []
    return [*tokens, *([] if service is None else [_LedgerPlace(service, environment)])]


class _TokenFiles:
    """Access tokens in files."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def _open(self, open_sealer: Callable[[], Sealer] | None = None) -> FileTokenStore:
        from confobjects.oauth.storing import FileTokenStore

        return FileTokenStore(self._directory, open_sealer)

    def count(self) -> UsedKeys:
        """Return what each key has sealed there."""
        if not os.path.lexists(self._directory):
            return UsedKeys(TOKENS)
        found, problems = Counter[str](), list[Diagnostic]()
        store = self._open()
        for problem in self._for_each(store, lambda key: self._count_file(store, key, found)):
            problems.append(problem)
        return UsedKeys(TOKENS, found, tuple(problems))

    @staticmethod
    def _count_file(store: FileTokenStore, key: str, found: Counter[str]) -> None:
        if (key_id := store.find_key_id(key)) is not None:
            found[key_id] += 1

    def reseal(self, sealer: Sealer) -> SealedAgain:
        """Seal everything with the key that seals now."""
        if not os.path.lexists(self._directory):
            return SealedAgain(TOKENS)
        store, done = self._open(lambda: sealer), list[str]()
        problems = tuple(self._for_each(store, lambda key: self._reseal_file(store, key, sealer, done)))
        return SealedAgain(TOKENS, len(done), problems)

    @staticmethod
    def _reseal_file(store: FileTokenStore, key: str, sealer: Sealer, done: list[str]) -> None:
        with store.hold(key) as lease:
            lease.remove_leftover()
            if store.find_key_id(key) not in (None, sealer.key_id) and (kept := lease.read()) is not None:
                lease.write(kept)
                done.append(key)

    @staticmethod
    def _for_each(store: FileTokenStore, work: Callable[[str], None]) -> Iterator[Diagnostic]:
        """Do something with each file; yield what is wrong."""
        from confobjects.oauth.storing import TokenStoreProblem

        try:
            keys = store.list_keys()
        except TokenStoreProblem as problem:
            yield Diagnostic("storage-failed", f"tokens: {problem}")
            return
        for key in keys:
            try:
                work(key)
            except TokenStoreProblem as problem:
                yield Diagnostic("storage-failed", f"tokens: {problem}")


class _LedgerPlace:
    """The ledger of a mail service."""

    def __init__(self, service: EffectiveObject, environment: Mapping[str, str]) -> None:
        self._service = service
        self._environment = environment

    def _find_url(self) -> str:
        """Return the URL of the ledger, empty if there is none. Raises UsageError if it is not known where it is."""
        if problems := self._service.problems("ledger"):
            raise UsageError(problems)
        try:
            url = find_ledger_url(self._service, self._environment)
        except UsageError:
            return ""  # a configuration that is only in memory, without a ledger
        is_missing = url.startswith(SQLITE) and not os.path.lexists(find_file(url))
        return "" if is_missing else url

    def count(self) -> UsedKeys:
        """Return what each key has sealed there."""
        try:
            if not (url := self._find_url()):
                return UsedKeys(LEDGER)
            require_installed()
            from confobjects.service.ledger_keys import count_keys

            return UsedKeys(LEDGER, count_keys(url))
        except ConfobjectsError as error:
            return UsedKeys(LEDGER, problems=error.diagnostics)

    def reseal(self, sealer: Sealer) -> SealedAgain:
        """Seal everything with the key that seals now."""
        try:
            if not (url := self._find_url()):
                return SealedAgain(LEDGER)
            require_installed()
            from confobjects.service.ledger_keys import reseal

            done = reseal(url, sealer, sealer.key_id)
            return SealedAgain(LEDGER, done.count, done.problems)
        except ConfobjectsError as error:
            return SealedAgain(LEDGER, problems=error.diagnostics)


__all__ = ["LEDGER", "TOKENS", "SealedAgain", "SealedPlace", "UsedKeys", "find_places"]
