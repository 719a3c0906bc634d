"""Managed object paths: the place of an object in the tree of objects, independent of the storage.

A path is a sequence of elements, each a relation and, for relations that hold several objects, a name:
``/mail-server/one``, ``/backend/userRoot/backend-index/cn``, ``/global-configuration``. A slash in a
name is written twice. Names compare as in DNs (:func:`~confobjects.texts.names.normal_name`).

Laws: a path knows nothing of directories, files or definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from confobjects.texts.names import normal_name

Element = tuple[str, str | None]
Name = str | tuple[str, ...]
"""An object's name, or for a nested object the names on the way to it, outermost first."""


def is_text(name: str) -> bool:
    """Tell whether a name can be stored. Bytes of a command line that are not UTF-8 arrive as lone surrogates."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def split_first_name(text: str) -> tuple[str, str]:
    """Return the name at the start of a piece of a path, with single slashes, and the rest of the piece."""
    at = text.find("/")
    while at >= 0 and text[at : at + 2] == "//":
        at = text.find("/", at + 2)
    end = len(text) if at < 0 else at
    return text[:end].replace("//", "/"), text[end + 1 :]


class ManagedObjectPath:
    """An immutable path; equality and hash follow the normal form of names."""

    __slots__ = ("_key", "elements")

    def __init__(self, elements: Sequence[Element] = ()) -> None:
        self.elements: tuple[Element, ...] = tuple(elements)
        self._key = tuple((relation, None if name is None else normal_name(name)) for relation, name in self.elements)

    @classmethod
    def _of(cls, elements: tuple[Element, ...], key: tuple[Element, ...]) -> ManagedObjectPath:
        path = cls.__new__(cls)
        path.elements = elements
        path._key = key  # noqa: SLF001 - the constructor of a path whose key is known
        return path

    def child(self, relation: str, name: str | None = None) -> ManagedObjectPath:
        """Return the path of a child."""
        key = (relation, None if name is None else normal_name(name))
        return self._of((*self.elements, (relation, name)), (*self._key, key))

    def apart(self) -> ManagedObjectPath:
        """Return the path of an object that a directory keeps apart from another one with an equal name.

        It equals only itself, and paths below it only each other: its last name is compared as it is written.
        """
        relation, name = self.elements[-1]
        return self._of(self.elements, (*self._key[:-1], (relation, f"{name}\0")))

    @property
    def parent(self) -> ManagedObjectPath:
        """The path one element up; the root is its own parent."""
        return self._of(self.elements[:-1], self._key[:-1])

    @property
    def relation(self) -> str:
        """The relation of the last element, empty for the root."""
        return self.elements[-1][0] if self.elements else ""

    @property
    def name(self) -> str | None:
        """The name in the last element, None for the root and for singletons."""
        return self.elements[-1][1] if self.elements else None

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the path, outermost first."""
        return tuple(name for _, name in self.elements if name is not None)

    @property
    def relations(self) -> tuple[str, ...]:
        """All relations in the path, outermost first."""
        return tuple(relation for relation, _ in self.elements)

    def is_within(self, other: ManagedObjectPath) -> bool:
        """Tell whether this path is another one, or below it."""
        return self._key[: len(other._key)] == other._key

    def is_below(self, other: ManagedObjectPath) -> bool:
        """Tell whether this path is strictly below another."""
        return len(self._key) > len(other._key) and self._key[: len(other._key)] == other._key

    def __str__(self) -> str:
        words = []
        for relation, name in self.elements:
            words.append(relation)
            if name is not None:
                words.append(name.replace("/", "//"))
        return "/" + "/".join(words)

    def __repr__(self) -> str:
        return f"ManagedObjectPath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ManagedObjectPath) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def sort_key(self) -> tuple[tuple[str, str], ...]:
        """Return the sort key: a parent comes before its children, and names ignore case."""
        return tuple((relation, name or "") for relation, name in self._key)

    def __lt__(self, other: ManagedObjectPath) -> bool:
        return self.sort_key() < other.sort_key()


ROOT: Final = ManagedObjectPath()
"""The path of the root, which is not an object."""
