"""Addresses of objects in URLs: one rule for every name, for the REST API and the console.

The path of a URL is split at ``/`` before anything is decoded. A segment is percent-decoded (RFC 3986), as UTF-8; then ``~0``
stands for ``~``, ``~1`` for ``/`` and ``~2`` for ``.`` (as in a JSON Pointer, RFC 6901, with one more). So a name may hold any
character, also where a proxy or a client decodes ``%2F``, or takes ``.`` and ``..`` for steps in a tree.

Laws of this module:

1. :func:`read_address` of :func:`write_address` gives the same names, for every name that an object can have.
2. No segment that is written here is empty, ``.`` or ``..``, or holds a ``/``, also when it is percent-decoded.
3. An address names one object, or the objects of one kind below one object. Whatever else is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes
from weakref import WeakKeyDictionary

from confobjects.definitions.model import ROOT_NAME
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.records import Record
from confobjects.web.problems import BadAddressError, NoSuchAddressError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from confobjects.definitions import Registry, Relation
    from confobjects.paths import ManagedObjectPath

_READ: Final = {"0": "~", "1": "/", "2": "."}
_DOTS: Final = {".": "~2", "..": "~2~2"}


def write_segment(name: str) -> str:
    """Return a name as one segment of a path."""
    written = _DOTS.get(name) or name.replace("~", "~0").replace("/", "~1")
    return quote(written, safe="")


def write_address(names: Iterable[str]) -> str:
    """Return names as the path of a URL, without a ``/`` before the first one."""
    return "/".join(map(write_segment, names))


def read_segment(segment: str) -> str:
    """Return the name that a segment stands for, as it stands in a URL.

    Raises :class:`~confobjects.web.problems.BadAddressError`.
    """
    if "%" not in segment and "~" not in segment and segment.isascii():
        return segment
    try:
        written = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise BadAddressError("a name in the address is not UTF-8 when it is percent-decoded") from None
    first, *rest = written.split("~")
    if wrong := [part[:1] for part in rest if part[:1] not in _READ]:
        raise _describe_escape(wrong[0])
    return first + "".join(_READ[part[0]] + part[1:] for part in rest)


def _describe_escape(character: str) -> BadAddressError:
    summary = f'"~{character}" has no meaning in an address'
    return BadAddressError(Diagnostic("usage", summary, remedy='write "~0" for "~", "~1" for "/" and "~2" for "."'))


def read_address(path: str) -> list[str]:
    """Return the names in the path of a URL, which is not decoded yet. Raises as :func:`read_segment`."""
    return [read_segment(segment) for segment in path.split("/")]


class Place(Record):
    """What an address means: an object, or the objects of a kind below one.

    ``names`` are those of the named objects on the way, outermost first: with ``is_list`` only those of the objects above.
    """

    relation: Relation
    names: tuple[str, ...] = ()
    is_list: bool = False


class Addresses:
    """The addresses that the objects of some definitions have."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._words: dict[str, dict[str, Relation]] = {}

    @classmethod
    def of(cls, registry: Registry) -> Addresses:
        """Return the addresses of some definitions; the same ones for the same registry."""
        found = _KNOWN.get(registry)
        if found is None:
            found = _KNOWN[registry] = cls(registry)
        return found

    def find_place(self, names: Sequence[str]) -> Place:
        """Return what the names in an address mean.

        Raises :class:`~confobjects.web.problems.NoSuchAddressError` for one that means nothing.
        """
        above, found, rest = ROOT_NAME, list[str](), list(reversed(names))
        while rest:
            word = rest.pop()
            relation = self.words_below(above).get(word)
            if relation is None:
                raise self._describe_unknown(word, above)
            if relation.named:
                if not rest:
                    return Place(relation, tuple(found), is_list=True)
                found.append(rest.pop())
            if not rest:
                return Place(relation, tuple(found))
            above = relation.target
        raise NoSuchAddressError("the address names no kind of objects")

    def words_below(self, above: str) -> dict[str, Relation]:
        """Return the kinds that can be below objects of a type, or of one that extends it, by their words in addresses.

        The word is the plural of objects that have names, and the name of the kind of those that have none.
        """
        words = self._words.get(above)
        if words is None:
            registry = self._registry
            family = {above} if above == ROOT_NAME else {*registry.parents(above), *registry.subtypes(above)}
            found = [relation for relation in registry.relations().values() if relation.parent in family]
            words = self._words[above] = {word_of(relation): relation for relation in found}
        return words

    def _describe_unknown(self, word: str, above: str) -> NoSuchAddressError:
        known = [known for known, relation in self.words_below(above).items() if not relation.hidden]
        where = "" if above == ROOT_NAME else f" below {self._registry.definition(above).indefinite}"
        remedy = suggest_name(word, known) or (f"known: {', '.join(sorted(known))}" if known else "")
        return NoSuchAddressError(
            Diagnostic("unknown-name", f'there are no "{word}"{where}', value=word, remedy=remedy)
        )

    def write_path(self, path: ManagedObjectPath) -> str:
        """Return the address of an object, without a ``/`` before it."""
        words = list[str]()
        for name, own in path.elements:
            words.append(word_of(self._registry.relation(name)))
            if own is not None:
                words.append(own)
        return write_address(words)

    def write_list(self, relation: Relation, parents: Sequence[str] = ()) -> str:
        """Return the address of the objects of a kind below the named objects above them."""
        *above, last = self._registry.lineage(relation)
        names, words = list(parents), list[str]()
        for step in above:
            words.append(word_of(step))
            if step.named:
                words.append(names.pop(0))
        return write_address([*words, word_of(last)])

    def write_template(self, relation: Relation, *, is_list: bool) -> str:
        """Return the address of the objects of a kind, or of one of them, with ``{kind}`` for the name of each on the way."""
        words = list[str]()
        for step in self._registry.lineage(relation):
            words.append(write_segment(word_of(step)))
            if step.named and not (is_list and step is relation):
                words.append(f"{{{step.name}}}")
        return "/".join(words)


_KNOWN: WeakKeyDictionary[Registry, Addresses] = WeakKeyDictionary()


def word_of(relation: Relation) -> str:
    """Return the word that stands for the objects of a kind in addresses."""
    return relation.plural if relation.named else relation.name
