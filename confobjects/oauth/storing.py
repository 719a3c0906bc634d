"""Where tokens are kept between processes: the protocol of a store, and the store in files.

Laws of the files: they are ours or they are refused, as those beside a configuration are. A file is replaced as a whole and is
on the disk before :meth:`TokenLease.write` returns. One lock file for each key is held while a token is fetched; the system
frees it when the process ends, however it ends. Where there are keys, what is written is sealed for its file alone. What was
written before there were keys can be read, and is sealed when it is written next. What is sealed and cannot be opened is an
error, and stays as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

from confobjects.errors import ConfobjectsError, ExpressionError
from confobjects.records import Record, as_dict, field
from confobjects.storage.files import translate_errors
from confobjects.storage.locking import LockHeldError, hold_lock
from confobjects.storage.own_files import open_own_directory, read_own
from confobjects.storage.replacing import Replacement, remove_leftover, sync_directory
from confobjects.texts.contexts import make_context

if TYPE_CHECKING:
    from confobjects.objects.protocols import Sealer

    OpenSealer = Callable[[], Sealer | None]
    """Returns what seals, None without keys. Raises ConfobjectsError if the keys cannot be used."""

PATIENCE: Final = 60.0
"""Seconds to wait while somebody else fetches a token: twice the limit of one exchange."""

_FORMAT: Final = 1
_USE: Final = "oauth-token"
_FILE: Final = re.compile(r"\.?([0-9a-f]+)\.json(?:\.new)?")


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


class TokenStoreProblem(Exception):  # noqa: N818 - becomes a trouble with its provider
    """Tokens cannot be kept or read. ``kind`` is a stable word: busy, away, unusable, or sealed; the message says why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class TokenLease(Protocol):
    """The right to fetch the token of one key, which nobody else has meanwhile."""

    def read(self) -> StoredTokens | None:
        """Return what is kept, None if there is nothing. Raises :class:`TokenStoreProblem`."""
        ...

    def write(self, tokens: StoredTokens) -> None:
        """Keep tokens; they are durable when this returns. Raises :class:`TokenStoreProblem`."""
        ...


class TokenStore(Protocol):
    """Keeps tokens, each under a key."""

    def hold(self, key: str) -> AbstractContextManager[TokenLease]:
        """Wait until nobody else has the lease of a key, and hold it. Raises :class:`TokenStoreProblem`."""
        ...


class FileTokenStore:
    """Keeps tokens in files of one directory, which is made when it is needed. For any number of threads and processes."""

    def __init__(self, directory: str, open_sealer: OpenSealer | None = None, *, patience: float = PATIENCE) -> None:
        self.directory = directory
        self._open_sealer = open_sealer
        self._patience = patience

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileTokenStore) and other.directory == self.directory

    def __hash__(self) -> int:
        return hash(self.directory)

    @contextlib.contextmanager
    def hold(self, key: str) -> Iterator[FileTokenLease]:
        """Hold the lease of a key. Raises :class:`TokenStoreProblem`."""
        path = os.path.join(self.directory, key)
        sealer = self._find_sealer()
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(open_own_directory(self.directory, ""))
                stack.enter_context(hold_lock(path, self._patience))
            except LockHeldError:
                message = f"another process has been fetching it for more than {self._patience:g} s"
                raise TokenStoreProblem("busy", message) from None
            except ConfobjectsError as error:
                raise _unusable(error) from None
            yield FileTokenLease(f"{path}.json", make_context(_USE, key), lambda: self._find_newest(sealer))

    def list_keys(self) -> Sequence[str]:
        """Return the keys for which something is kept, or was to be kept by somebody who was killed. Raises TokenStoreProblem."""
        try:
            names = os.listdir(self.directory) if os.path.lexists(self.directory) else []
        except OSError as error:
            raise TokenStoreProblem("unusable", f"{self.directory}: {error.strerror}") from None
        found = (_FILE.fullmatch(name) for name in names)
        return sorted({one.group(1) for one in found if one is not None})

    def find_key_id(self, key: str) -> str | None:
        """Return the identifier of the key that something is sealed with; empty in clear, None if there is nothing to be read."""
        try:
            document = json.loads(read_own(os.path.join(self.directory, f"{key}.json"), "") or b"null")
        except ConfobjectsError as error:
            raise _unusable(error) from None
        except (ValueError, RecursionError):
            return None
        if not isinstance(document, dict) or not {"sealed", "tokens"} & document.keys():
            return None
        return str(document["sealed"]).partition(":")[0] if "sealed" in document else ""

    def has(self, key: str) -> bool:
        """Tell whether something is kept for a key."""
        return os.path.lexists(os.path.join(self.directory, f"{key}.json"))

    def _find_sealer(self) -> Sealer | None:
        """Return what seals now. That keys cannot be used is known before a token is asked for, which could not be kept."""
        try:
            return None if self._open_sealer is None else self._open_sealer()
        except ConfobjectsError as error:
            problem = error.diagnostics[0]
            raise TokenStoreProblem("sealed", f"{problem.origin}: {problem.summary}") from None

    def _find_newest(self, known: Sealer | None) -> Sealer | None:
        """Return what seals now; what was known before, if the keys cannot be used any more: no token is lost for that."""
        try:
            return self._find_sealer()
        except TokenStoreProblem:
            return known


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


def _unusable(error: ConfobjectsError) -> TokenStoreProblem:
    problem = error.diagnostics[0]
    return TokenStoreProblem("unusable", f"{problem.origin}: {problem.summary}")


class FileTokenLease:
    """The lease of one key. ``context`` is what its file is sealed for; ``find_sealer`` returns what seals now."""

    def __init__(self, path: str, context: bytes, find_sealer: Callable[[], Sealer | None]) -> None:
        self._path = path
        self._context = context
        self._find_sealer = find_sealer

    def read(self) -> StoredTokens | None:
        """Return what is kept. A damaged file counts as none, but not one that is sealed."""
        try:
            data = read_own(self._path, "")
        except ConfobjectsError as error:
            raise _unusable(error) from None
        try:
            document = json.loads(data or b"null")
            if not isinstance(document, dict) or document.get("format") != _FORMAT:
                return None
            if isinstance(sealed := document.get("sealed"), str):
                document = json.loads(self._unseal(sealed))
            return as_tokens(document["tokens"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def _unseal(self, sealed: str) -> bytes:
        sealer = self._find_sealer()
        if sealer is None:
            raise TokenStoreProblem("sealed", f"{self._path} is sealed, and this process has no keys")
        try:
            return sealer.unseal(sealed, self._context)
        except ExpressionError as error:
            raise TokenStoreProblem("sealed", f"{self._path}: {error.diagnostics[0].summary}") from None

    def write(self, tokens: StoredTokens) -> None:
        """Keep tokens: a new file takes the place of the old one when it is on the disk.

        If another key seals by then, they are written again: a rotation that has looked before may drop the older one.
        """
        written, sealer = False, self._find_sealer()
        while not written:
            self._write(tokens, sealer)
            used, sealer = sealer, self._find_sealer()
            written = _find_id(used) == _find_id(sealer)

    def _write(self, tokens: StoredTokens, sealer: Sealer | None) -> None:
        document: dict[str, Any] = {"tokens": as_dict(tokens)}
        if sealer is not None:
            document = {"sealed": sealer.seal(json.dumps(document).encode(), self._context)}
        data = json.dumps({"format": _FORMAT, **document}).encode()
        try:
            remove_leftover(self._path)
            with Replacement(self._path, data) as new:
                new.take_place()
        except ConfobjectsError as error:
            raise _unusable(error) from None

    def remove_leftover(self) -> None:
        """Remove what a writer left that was killed."""
        remove_leftover(self._path)

    def remove(self) -> None:
        """Remove what is kept."""
        try:
            with translate_errors("remove the file", self._path), contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
                sync_directory(os.path.dirname(self._path))
        except ConfobjectsError as error:
            raise _unusable(error) from None


def _find_id(sealer: Sealer | None) -> str:
    return "" if sealer is None else sealer.key_id


def as_tokens(found: Any) -> StoredTokens:
    """Return the tokens of a document. Raises TypeError if it holds none."""
    tokens = StoredTokens(**found)
    texts = (tokens.settings, tokens.client, tokens.access, tokens.scope, tokens.refresh)
    if not all(isinstance(text, str) for text in texts) or not isinstance(tokens.expires, int | float):
        raise TypeError
    return tokens
