"""What callers pass to this room and those above: a world that holds the other objects, an evaluator of expressions, a sealer.

Only type checkers read this module, so that commands do not load it at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from confobjects.definitions import Relation
from confobjects.objects.model import Evaluation, ManagedObject
from confobjects.paths import ManagedObjectPath


class World(Protocol):
    """Where other objects are found while one is judged."""

    def find(self, path: ManagedObjectPath) -> ManagedObject | None:
        """Return the object at a path, None when there is none."""
        ...

    def members(self, relation: Relation, parent: ManagedObjectPath) -> Iterable[ManagedObject]:
        """Return the objects of a relation below a parent."""
        ...


class Evaluator(Protocol):
    """Evaluates a value text that holds an expression opener."""

    def __call__(self, text: str, *, multi_valued: bool, secret: bool, contexts: Sequence[bytes] = ()) -> Evaluation:
        """Return the values, without path and property in the problems: the caller adds them.

        With ``contexts`` the text is a sealed secret, and these are what it may have been sealed for.
        """
        ...


class Sealer(Protocol):
    """Seals secrets, so that only who has the keys can read them. See :mod:`confobjects.sealing`."""

    @property
    def key_id(self) -> str:
        """The identifier of the key that seals."""
        ...

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The identifiers of all keys that unseal, that of the one that seals first."""
        ...

    def seal(self, plain: bytes, context: bytes) -> str:
        """Return bytes sealed for a context: ``KEYID:BASE64``."""
        ...

    def authenticate(self, data: bytes, context: bytes, key_id: str = "") -> str | None:
        """Return what only who has a key can make of bytes, for a context; None if the key is not there.

        It is the key of an identifier, or the one that seals. Equal bytes give equal texts, and no bytes follow from one.
        """
        ...

    def unseal(self, sealed: str, context: bytes) -> bytes:
        """Return what was sealed for the same context. Raises :class:`~confobjects.errors.ExpressionError`."""
        ...
