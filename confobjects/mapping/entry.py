"""Entries and the operations that change them, as a directory knows them (RFC 4511 sections 4.6 to 4.9).

Laws of this module:

1. ``apply(a, diff(a, b)) == b`` for entries of one DN.
2. Attribute names compare ignoring case and keep their spelling; values compare exactly and keep their order.
3. A value is text, or bytes where it is not UTF-8 text or the attribute has the option ``;binary``.
   :func:`normalise_value` converts it; every storage returns entries in that form.
4. Nothing here shows a value in a message: any of them may be a secret.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import ChangedMeanwhileError, InvalidValueError, NoSuchObjectError
from confobjects.records import Record

Value = str | bytes
Values = tuple[Value, ...]
Kind = Literal["add", "delete", "replace"]

OBJECT_CLASS: Final = "objectClass"
_RESERVED: Final = frozenset(("dn", "changetype"))  # LDIF gives them another meaning


class Entry:
    """An entry: its DN and its attributes. Treat it as frozen.

    ``attributes`` maps names, in their own spelling, to the values, at least one each. Attributes given without
    values are left out; names that differ in case only are one attribute, spelled as the first. ``memo`` is what somebody has
    made of the entry, with what it was made by; it is no part of it.
    """

    __slots__ = ("attributes", "dn", "memo")

    dn: DN
    attributes: Mapping[str, Values]
    memo: tuple[object, Any] | None

    def __init__(self, dn: DN, attributes: Mapping[str, Iterable[Value]]) -> None:
        self.dn = dn
        self.memo = None
        kept: dict[str, Values] = {}
        several: dict[str, list[Value]] = {}  # so that the values of many spellings are not copied for each
        spellings: dict[str, str] = {}
        for name, values in attributes.items():
            if items := tuple(values):
                spelling = spellings.setdefault(name.lower(), name)
                if spelling in kept:
                    several.setdefault(spelling, [*kept[spelling]]).extend(items)
                else:
                    kept[spelling] = items
        self.attributes = {**kept, **{spelling: tuple(values) for spelling, values in several.items()}}

    @classmethod
    def from_trusted(cls, dn: DN, attributes: Mapping[str, Values]) -> Entry:
        """Return an entry of attributes that are known to be well-formed, without checking them again."""
        entry = cls.__new__(cls)
        entry.dn = dn
        entry.attributes = attributes
        entry.memo = None
        return entry

    def get(self, name: str) -> Values:
        """Return the values of an attribute, none if it is not there."""
        values = self.attributes.get(name)
        if values is None:
            spelling = self.spelling_of(name)
            return self.attributes[spelling] if spelling is not None else ()
        return values

    def spelling_of(self, name: str) -> str | None:
        """Return the attribute's name as this entry spells it, None if it is not there."""
        if name in self.attributes:
            return name
        key = name.lower()
        return next((spelling for spelling in self.attributes if spelling.lower() == key), None)

    @property
    def object_classes(self) -> tuple[str, ...]:
        """The object classes, as they are spelled."""
        return tuple(value for value in self.get(OBJECT_CLASS) if isinstance(value, str))

    def has_object_class(self, name: str) -> bool:
        """Return whether the entry is of an object class; the name ignores case."""
        classes = self.get(OBJECT_CLASS)
        key = name.lower()
        return name in classes or any(isinstance(value, str) and value.lower() == key for value in classes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        if self.dn != other.dn:
            return False
        return self.attributes == other.attributes or self._index_by_key() == other._index_by_key()

    def _index_by_key(self) -> dict[str, Values]:
        return {name.lower(): values for name, values in self.attributes.items()}

    def __hash__(self) -> int:
        return hash(self.dn)

    def __repr__(self) -> str:
        return f"Entry({str(self.dn)!r}, attributes: {', '.join(self.attributes)})"


class Modification(Record):
    """One step of a modify operation: add or delete values, or replace all of them.

    A delete without values removes the attribute; so does a replace without values, which may find none.
    """

    kind: Kind
    attribute: str
    values: Values

    def __init__(self, kind: Kind, attribute: str, values: Iterable[Value] = ()) -> None:
        self._fill(kind=kind, attribute=attribute, values=normalise_values(attribute, values))
        if kind == "add" and not self.values:
            raise InvalidValueError(f"the modification of {attribute} adds no value")

    def __repr__(self) -> str:
        return f"Modification({self.kind} {self.attribute}, {len(self.values)} values)"


class AddEntry(Record):
    """Add an entry; its parent must exist, unless it is the base of the storage."""

    entry: Entry

    def __init__(self, entry: Entry) -> None:
        stored = {name: normalise_values(name, values) for name, values in entry.attributes.items()}
        self._fill(entry=Entry(entry.dn, stored))

    def __repr__(self) -> str:
        return f"AddEntry({self.entry!r})"


class ModifyEntry(Record):
    """Change the attributes of an entry; all of the modifications or none."""

    dn: DN
    modifications: tuple[Modification, ...]

    def __init__(self, dn: DN, modifications: Iterable[Modification]) -> None:
        self._fill(dn=dn, modifications=tuple(modifications))

    def __repr__(self) -> str:
        return f"ModifyEntry({str(self.dn)!r}, {self.modifications!r})"


class DeleteEntry(Record):
    """Delete an entry that has no entries below it.

    With a ``revision`` only while the entry has it: whoever changes an entry gives it another one. Otherwise as it is.
    """

    dn: DN
    revision: str = ""

    def __repr__(self) -> str:
        return f"DeleteEntry({str(self.dn)!r}{', ' + self.revision if self.revision else ''})"


class RenameEntry(Record):
    """Rename or move an entry with all below it; the old naming value goes."""

    dn: DN
    new_dn: DN

    def __repr__(self) -> str:
        return f"RenameEntry({str(self.dn)!r}, {str(self.new_dn)!r})"


Change = AddEntry | ModifyEntry | DeleteEntry | RenameEntry
"""One operation of a directory."""


def is_binary(attribute: str) -> bool:
    """Return whether an attribute's values are always bytes (option ``;binary``, RFC 4522)."""
    return ";" in attribute and "binary" in attribute.lower().split(";")[1:]


def is_attribute(name: str) -> bool:
    """Return whether a text is an attribute description: a name or OID, and options (RFC 4512 section 2.5)."""
    kind, *options = name.split(";")
    if not name.isascii() or not all(option.replace("-", "").isalnum() for option in options):
        return False
    if kind[:1].isalpha():
        return kind.replace("-", "").isalnum()
    return len(arcs := kind.split(".")) > 1 and all(arc.isdecimal() for arc in arcs)


def normalise_value(attribute: str, value: Value) -> Value:
    """Return a value in its normal form: text, or bytes if it is not UTF-8 or the attribute is binary.

    Raises :class:`~confobjects.errors.InvalidValueError` for a text that has no UTF-8 (half a surrogate pair).
    """
    try:
        if is_binary(attribute):
            return value.encode() if isinstance(value, str) else value
        if isinstance(value, str):
            value.encode()
            return value
    except UnicodeEncodeError as cause:
        raise InvalidValueError(f"a value of {attribute} is not text: it cannot be written as UTF-8") from cause
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def normalise_values(attribute: str, values: Iterable[Value]) -> Values:
    """Return several values in their normal form. Raises the same error for what is no attribute name."""
    if not is_attribute(attribute) or attribute.lower() in _RESERVED:
        raise InvalidValueError(f'"{attribute}" is not an attribute name')
    return tuple([normalise_value(attribute, value) for value in values])


class _Everything:
    """Holds each name."""

    def __contains__(self, _: object) -> bool:
        return True


EVERYTHING: Final[Container[str]] = _Everything()
"""All attributes, for :func:`diff`."""


def diff(old: Entry, new: Entry, *, swap: Container[str] = ()) -> tuple[Modification, ...]:
    """Return the modifications that turn ``old`` into ``new``, in the order of the attributes; DNs are ignored.

    Attributes in ``swap`` (lower-case names) change by deleting the old values and adding the new ones, so that
    one of two writers who read the same values fails. Values added to or removed from an attribute are listed one by
    one where that keeps the order; everything else is replaced.
    """
    return tuple(_find_modifications(old, new, swap))


def _find_modifications(old: Entry, new: Entry, swap: Container[str]) -> Iterator[Modification]:
    names = {name.lower(): name for name in (*new.attributes, *old.attributes)}
    for key, name in names.items():
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if key in swap:
            if before:
                yield Modification("delete", name, before)
            if after:
                yield Modification("add", name, after)
        else:
            yield from _plan_steps(name, before, after)


def _plan_steps(name: str, before: Values, after: Values) -> Iterator[Modification]:
    """Yield the smallest steps from some values to others that keep the order."""
    there, wanted = frozenset(before), frozenset(after)
    kept = [value for value in before if value in wanted]
    added = [value for value in after if value not in there]
    unique = len(there) == len(before) and len(wanted) == len(after)
    if not unique or not kept or (*kept, *added) != after:
        yield Modification("replace", name, after)
        return
    if gone := [value for value in before if value not in wanted]:
        yield Modification("delete", name, gone)
    if added:
        yield Modification("add", name, added)


def apply(entry: Entry, modifications: Iterable[Modification]) -> Entry:
    """Return the entry with the modifications applied.

    Raises :class:`~confobjects.errors.ChangedMeanwhileError` when a value to add is there already (LDAP result
    20) or one to delete is not (16): someone else has changed the entry; and
    :class:`~confobjects.errors.InvalidValueError` when the new values hold one twice.
    """
    attributes = dict(entry.attributes)
    for modification in modifications:
        name = next((known for known in attributes if known.lower() == modification.attribute.lower()), None)
        before = attributes[name] if name is not None else ()
        after = _STEPS[modification.kind](entry, modification, before)
        if after:
            attributes[name if name is not None else modification.attribute] = after
        elif name is not None:
            del attributes[name]
    return Entry.from_trusted(entry.dn, attributes)


def _add(entry: Entry, step: Modification, before: Values) -> Values:
    if not frozenset(before).isdisjoint(step.values):
        raise make_conflict(entry, f"a value to be added to {step.attribute} is there already")
    return before + _check_unique(step)


def _delete(entry: Entry, step: Modification, before: Values) -> Values:
    gone = frozenset(step.values)
    if not before or not gone.issubset(before):
        raise make_conflict(entry, f"a value to be deleted from {step.attribute} is not there any more")
    return tuple(value for value in before if value not in gone) if gone else ()


def _replace(entry: Entry, step: Modification, before: Values) -> Values:  # noqa: ARG001 - one shape for all steps
    return _check_unique(step)


_STEPS: Final = {"add": _add, "delete": _delete, "replace": _replace}


def _check_unique(step: Modification) -> Values:
    if len(set(step.values)) != len(step.values):
        raise InvalidValueError(f"{step.attribute} is given the same value twice")
    return step.values


def make_conflict(entry: Entry, summary: str) -> ChangedMeanwhileError:
    """Return the error for an entry that is not as the writer of a change has read it."""
    problem = Diagnostic(
        "changed-meanwhile",
        f'the entry "{entry.dn}" was changed by someone else meanwhile: {summary}',
        remedy="read the object again and repeat the change",
    )
    return ChangedMeanwhileError(problem)


def rename_entry(entry: Entry, new_dn: DN) -> Entry:
    """Return the entry under another DN: the values of the old RDN give way to those of the new one."""
    attributes = dict(entry.attributes)
    old_pairs = [(kind.lower(), value) for rdn in entry.dn.rdns[:1] for kind, value in rdn]
    for kind, value in (pair for rdn in new_dn.rdns[:1] for pair in rdn):
        name = next((known for known in attributes if known.lower() == kind.lower()), kind)
        old = [value for old_kind, value in old_pairs if old_kind == kind.lower()]
        rest = tuple(v for v in attributes.get(name, ()) if v != value and not _is_same_name(v, old))
        attributes[name] = (value, *rest)
    new_kinds = {kind.lower() for rdn in new_dn.rdns[:1] for kind, _ in rdn}
    for kind, value in old_pairs:
        name = next((known for known in attributes if known.lower() == kind), "")
        if kind in new_kinds or not name:
            continue
        attributes[name] = tuple(v for v in attributes[name] if not _is_same_name(v, [value]))
    return Entry(new_dn, attributes)


def _is_same_name(value: Value, names: Sequence[str]) -> bool:
    """Return whether a value equals one of the names as names in DNs do."""
    if isinstance(value, bytes):
        return False
    return any(DN.of(("cn", value)) == DN.of(("cn", name)) for name in names)


def has_naming_values(entry: Entry) -> bool:
    """Return whether the entry's attributes hold the values of its RDN, as a directory demands."""
    for kind, name in entry.dn.rdns[0] if entry.dn else ():
        if not any(_is_same_name(value, [name]) for value in entry.get(kind)):
            return False
    return True


def no_such_entry(dn: DN, reason: str = "") -> NoSuchObjectError:
    """Return the error for an entry that is not there."""
    return NoSuchObjectError(f'there is no entry "{dn}"' + (f": {reason}" if reason else ""))
