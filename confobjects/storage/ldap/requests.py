"""Conversion between our changes and entries and LDAP requests and answers; checks whether a change has happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from confobjects.definitions.model import REVISION_ATTRIBUTE as REVISION
from confobjects.dn import DN
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    Modification,
    ModifyEntry,
    RenameEntry,
    Value,
    apply,
    diff,
    normalise_value,
)
from confobjects.mapping.protocol import Scope
from confobjects.storage.ldap.ber import RawEntry, assertion_control, proxy_control
from confobjects.storage.ldap.results import ASSERTION_FAILED, NO_SUCH_OBJECT, SUCCESS, LdapResult
from confobjects.storage.ldap.session import LdapSession


def find_all(
    session: LdapSession, base: str, scope: Scope, filter_: str, wanted: Sequence[str]
) -> tuple[LdapResult, list[RawEntry]]:
    """Return everything that a search finds, and its result."""
    *found, result = session.search(base, scope, filter_, wanted)
    return result, found  # type: ignore[return-value]  # only the last item is the result


def entry_of(raw: RawEntry) -> Entry:
    """Return the entry that a server has sent."""
    dn, attributes = raw
    return Entry.from_trusted(DN.parse(dn), _values_of(attributes))


def entries_of(found: Sequence[RawEntry]) -> list[Entry]:
    """Return the entries that a server has sent, most of them below the same parent."""
    names = DN.parse_all([dn for dn, _ in found])
    return [Entry.from_trusted(dn, _values_of(attributes)) for dn, (_, attributes) in zip(names, found, strict=True)]


def _values_of(attributes: dict[str, list[bytes]]) -> dict[str, tuple[Value, ...]]:
    """Return the values of attributes in their normal form; nearly all are text."""
    found: dict[str, tuple[Value, ...]] = {}
    for name, values in attributes.items():
        try:
            if ";" not in name:  # which option there is decides
                found[name] = tuple([value.decode() for value in values])
                continue
        except UnicodeDecodeError:
            pass
        found[name] = tuple([normalise_value(name, value) for value in values])
    return found


def _as_bytes(values: Iterable[Value]) -> list[bytes]:
    return [value.encode() if isinstance(value, str) else value for value in values]


def send_change(
    session: LdapSession, change: Change, person: str = "", *, controls: Sequence[bytes] = ()
) -> LdapResult:
    """Send a change, to be made with the rights of a person if one is given (a DN); ``controls`` go with a modification.

    Nothing is sent over a connection that is already closed.
    """
    session.check_open()
    proxied = [proxy_control(person)] if person else []
    if isinstance(change, AddEntry):
        attributes = {name: _as_bytes(values) for name, values in change.entry.attributes.items()}
        return session.add(str(change.entry.dn), attributes, proxied)
    if isinstance(change, DeleteEntry):
        asserted = [assertion_control([(REVISION, change.revision.encode())])] if change.revision else []
        return session.delete(str(change.dn), [*proxied, *asserted])
    if isinstance(change, RenameEntry):
        rdn = str(DN.of(change.new_dn.rdns[0]))
        moves = change.new_dn.parent != change.dn.parent
        return session.rename(str(change.dn), rdn, str(change.new_dn.parent) if moves else None, person)
    if not change.modifications:
        return LdapResult(SUCCESS, "success")
    steps = [(m.kind, m.attribute, _as_bytes(m.values)) for m in change.modifications]
    return session.modify(str(change.dn), steps, [*proxied, *controls])


def _find_expected(change: ModifyEntry) -> Iterator[tuple[str, Value | None]]:
    """Yield what a modification expects of its entry: attributes, each with a value, or with None if it has none.

    Values that are deleted by name must be there, and an attribute to which values are only added must be missing.
    """
    old = {m.attribute.lower() for m in change.modifications if m.kind == "delete"}
    for step in change.modifications:
        if step.kind == "delete":
            yield from ((step.attribute, value) for value in step.values)
        elif step.kind == "add" and step.attribute.lower() not in old:
            yield step.attribute, None


def list_expectations(change: ModifyEntry) -> list[bytes]:
    """Return the assertion control with what a modification expects of its entry; none if it expects nothing."""
    pairs = [(name, value.encode() if isinstance(value, str) else value) for name, value in _find_expected(change)]
    return [assertion_control(pairs)] if pairs else []


def soften(change: ModifyEntry, before: Entry | None) -> ModifyEntry:
    """Return a modification that does the same without a moment in which an attribute has no value, where values stay.

    OpenDJ shows its readers the configuration in the middle of a modification. ``before`` is the entry that it was planned
    on; what is expected of it has to be asserted, because its one value is replaced whatever it is by then.
    """
    steps = list(change.modifications)
    for old in [step for step in steps if step.kind == "delete" and step.values]:
        new = next((step for step in steps if step.kind == "add" and _is_about(step, old)), None)
        if new is None or before is None or set(before.get(old.attribute)) != set(old.values):
            continue
        steps = [step for step in steps if not _is_about(step, old)]
        if len(old.values) == len(new.values) == 1:
            steps.append(Modification("replace", new.attribute, new.values))
            continue
        fresh, gone = _leave_out(new.values, old.values), _leave_out(old.values, new.values)
        steps.extend(Modification("add", new.attribute, fresh) for _ in fresh[:1])
        steps.extend(Modification("delete", new.attribute, gone) for _ in gone[:1])
    return ModifyEntry(change.dn, steps)


def _is_about(step: Modification, other: Modification) -> bool:
    return step.attribute.lower() == other.attribute.lower()


def _leave_out(values: Sequence[Value], others: Sequence[Value]) -> list[Value]:
    return [value for value in values if value not in others]


def send_after_look(session: LdapSession, change: ModifyEntry, person: str) -> LdapResult:
    """Send a modification as replacements, if the entry has now what the modification expects of it."""
    wanted = sorted({step.attribute for step in change.modifications})
    result, found = session.read(str(change.dn), wanted)
    if found is None:
        return result if result.code != SUCCESS else LdapResult(NO_SUCH_OBJECT, "noSuchObject")
    now = entry_of(found)
    if not all(
        value in now.get(name) if value is not None else not now.get(name) for name, value in _find_expected(change)
    ):
        return LdapResult(ASSERTION_FAILED, "assertionFailed", text="the entry was read again before the change")
    after = apply(now, change.modifications)
    steps = [Modification("replace", name, after.get(name)) for name in wanted]
    return send_change(session, ModifyEntry(change.dn, steps), person)


def has_all_values(found: Entry, wanted: Entry) -> bool:
    """Tell whether an entry has all values of another. Servers add attributes of their own."""
    return all(set(values) <= set(found.get(name)) for name, values in wanted.attributes.items())


def is_applied(found: Entry, modifications: Sequence[Modification], before: Entry | None) -> bool:
    """Tell whether an entry has the values that some modifications set."""
    if before is not None:
        after = apply(before, modifications)
        names = {m.attribute for m in modifications}
        return all(sorted(_as_bytes(found.get(name))) == sorted(_as_bytes(after.get(name))) for name in names)
    last = {(m.attribute.lower(), m.kind): m for m in modifications}
    for m in last.values():
        values = found.get(m.attribute)
        if m.kind == "replace" and set(values) != set(m.values):
            return False
        if m.kind == "add" and not set(m.values) <= set(values):
            return False
        if m.kind == "delete" and ((m.attribute.lower(), "add") not in last and set(values) & set(m.values or values)):
            return False
    return True


def invert_change(change: Change, before: Entry | None) -> Change | None:
    """Return the change that undoes another, as far as nobody else has changed the entry since."""
    if isinstance(change, AddEntry):
        return DeleteEntry(change.entry.dn)
    if before is None:
        return None
    if isinstance(change, DeleteEntry):
        return AddEntry(before)
    if isinstance(change, RenameEntry):
        return RenameEntry(change.new_dn, change.dn)
    after = apply(before, change.modifications)
    return ModifyEntry(change.dn, diff(after, before, swap={m.attribute.lower() for m in change.modifications}))
