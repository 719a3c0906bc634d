"""The first link: it makes the first administrator, where nobody could sign in otherwise.

Laws of this module:

1. It counts once, for ten minutes, from this machine only, and only while there is no account.
2. It is shown at a terminal, or stands in a file that only this user reads. It is never logged: the access log leaves out what follows
   ``/first/``, and the process keeps a digest.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from confobjects.errors import InvalidValueError
from confobjects.startup import current_time
from confobjects.storage.own_files import make_directory
from confobjects.storage.replacing import Replacement, remove_leftover
from confobjects.web.identity.attempts import address_of
from confobjects.web.identity.credentials import Account, Credentials, is_name
from confobjects.web.identity.passwords import hash_password
from confobjects.web.problems import NotPermittedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from confobjects.web.identity.people_file import PeopleFile

SECONDS: Final = 600.0
PATH: Final = "/first/"


class FirstLink:
    """The first link of a process. ``is_local`` tells whether only this machine reaches an address.

    ``clock`` returns seconds that never go back.
    """

    def __init__(
        self, people: PeopleFile, is_local: Callable[[str], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.file = f"{people.path}.first"
        self._people = people
        self._is_local = is_local
        self._clock = clock
        self._digest = ""
        self._written = ""
        self._until = 0.0

    def make(self) -> str:
        """Return the path of a new link; one that was made before no longer counts."""
        secret = secrets.token_urlsafe(32)
        self._digest, self._until = _digest(secret), self._clock() + SECONDS
        return f"{PATH}{secret}"

    def write(self, url: str) -> None:
        """Write the address of the link into the file. Raises :class:`~confobjects.errors.StorageError`."""
        path = Path(self.file)
        make_directory(str(path.parent))
        line = f"{url}\n"
        with self._people.locked():  # another process may write its own at the same time
            remove_leftover(self.file)
            with Replacement(self.file, line.encode()) as new:
                new.take_place()
        self._written = _digest(line)

    def end(self) -> None:
        """Let it no longer count, and remove the file, unless another process has written its own link into it."""
        self._digest = ""
        with suppress(OSError):
            if _digest(Path(self.file).read_text(encoding="utf-8")) == self._written:
                Path(self.file).unlink()

    def require(self, request: Request) -> None:
        """Raise :class:`~confobjects.web.problems.NotPermittedError` if a request does not have the link as it counts now."""
        given = _digest(str(request.path_params["secret"]))
        is_right = bool(self._digest) and compare_digest(given, self._digest) and self._clock() < self._until
        if not (is_right and self._is_local(address_of(request))) or self._people.read().accounts:
            raise NotPermittedError("the link does not count, or no longer: start the server again for another one")

    def add(self, name: str, password: str) -> Account:
        """Make the first administrator, and return the account.

        Raises :class:`~confobjects.errors.InvalidValueError` for an impossible name and a password that is too weak, and
        :class:`~confobjects.web.problems.NotPermittedError` if there is an account by now.
        """
        if not is_name(name):
            raise InvalidValueError(
                "a name has letters, digits and . _ @ + -, at most 64, the first one a letter or a digit"
            )
        account = Account(name, "administrator", hash_password(name, password), current_time())

        def change(now: Credentials) -> Credentials:
            if now.accounts:
                raise NotPermittedError("there is an account already")
            return now.with_account(account)

        self._people.change(change)
        self.end()
        return account


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
