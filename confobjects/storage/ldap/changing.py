"""Making one change in a directory, and the errors for a refused change.

Law: a change that was sent but not answered is repeated only on the same server, and only if that server closed the
connection and a new connection shows that the change did not happen. A server that hangs may still carry out the
change later, and would then undo what was changed on another server in the meantime. So the outcome is unknown,
unless the change is found on that server or on a replica.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic, sleep
from typing import Final

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import (
    CannotConnectError,
    ConfobjectsError,
    ConstraintError,
    NoSuchObjectError,
    ObjectExistsError,
    ObjectInUseError,
    StorageError,
)
from confobjects.mapping.entry import (
    AddEntry,
    Change,
    DeleteEntry,
    Entry,
    ModifyEntry,
    RenameEntry,
    has_naming_values,
    no_such_entry,
)
from confobjects.storage.ldap import results
from confobjects.storage.ldap.address import LdapAddress
from confobjects.storage.ldap.plans import PlannedChange
from confobjects.storage.ldap.reader import DirectoryReader, naming_contexts
from confobjects.storage.ldap.requests import find_all, has_all_values, invert_change, is_applied, send_change
from confobjects.storage.ldap.results import NO_SUCH_OBJECT, SUCCESS, LdapResult
from confobjects.storage.ldap.session import LdapSession, LostError
from confobjects.storage.ldap.truth import new_revision_of, revision_of

_NOT_HELD: Final = (NO_SUCH_OBJECT, results.UNWILLING)
"""Result codes for adding an entry that belongs to no database of the server: 32, or 53 from slapd."""
_LOOK_AGAIN: Final = 0.05
"""Seconds between two attempts to reach a server that may be restarting."""


class DirectoryWriter(DirectoryReader):
    """Changes single entries in a storage, and takes changes back."""

    def _carry_out(self, change: Change, before: Entry | None) -> None:
        """Make one change."""
        self._send(change, before)

    def _send(self, change: Change, before: Entry | None, person: str = "") -> None:
        """Send one change, to be made with the rights of a person if one is given (a DN).

        If the connection is lost before the change is sent, use the next server.
        """
        self._check(change)
        problems: list[Diagnostic] = []
        for _ in self._servers.attempts():
            session = self._servers.get_session()
            try:
                result = self._send_to(session, change, before, person)
            except LostError as lost:
                problems.extend(lost.error.diagnostics)
                if not lost.sent:
                    self._servers.mark_lost()
                elif self._has_happened(change, before, lost):
                    return
                continue
            if result.code in results.AWAY:
                problems.extend(results.error_for_result(result, str(session.address)).diagnostics)
                self._servers.close()
                self._servers.mark_lost()
                continue
            if result.code != SUCCESS:
                raise self._error_for(change, result)
            return
        raise CannotConnectError(problems)

    def _send_to(self, session: LdapSession, change: Change, before: Entry | None, person: str) -> LdapResult:  # noqa: ARG002
        """Send a change of an entry as it was before to a server, and return what it answers."""
        return send_change(session, change, person)

    def _check(self, change: Change) -> None:
        """Refuse what different servers judge differently, with the same errors in all storages."""
        dn = results.target_of(change)
        if isinstance(change, RenameEntry):
            self._check_renaming(change.dn, dn)
        if isinstance(change, (AddEntry, RenameEntry)) and not dn.is_below(self.base) and dn != self.base:
            raise NoSuchObjectError(f'the entry "{dn}" would lie outside the base "{self.base}"')
        if isinstance(change, AddEntry) and not has_naming_values(change.entry):
            raise _naming_error(dn)
        if isinstance(change, ModifyEntry) and not change.modifications and self._read(dn, ("1.1",)) is None:
            raise no_such_entry(dn)

    def _check_renaming(self, old: DN, new: DN) -> None:
        if old == new or not (new.is_below(old) or old.is_below(new)):
            return
        if self._read(old, ("1.1",)) is None:
            raise no_such_entry(old)
        if new.is_below(old):
            raise ConstraintError(f'the entry "{old}" cannot be moved below itself')
        raise ObjectExistsError(f'the entry "{new}" already exists')

    def _error_for(self, change: Change, result: LdapResult) -> ConfobjectsError:
        if isinstance(change, AddEntry) and change.entry.dn == self.base and result.code in _NOT_HELD:
            self._check_held(result)
        if isinstance(change, RenameEntry) and (missing := self._find_missing(change)) is not None:
            return missing  # this error comes first, because servers check in different orders
        error = results.error_for_change(change, result, self._origin)
        if isinstance(error, ObjectInUseError):
            return self._in_use_error(results.target_of(change), error)
        return error

    def _find_missing(self, change: RenameEntry) -> NoSuchObjectError | None:
        if self._read(change.dn, ("1.1",)) is None:
            return no_such_entry(change.dn)
        parent = change.new_dn.parent
        if self._read(parent, ("1.1",)) is not None:
            return None
        return NoSuchObjectError(f'the parent of "{change.new_dn}" does not exist: "{parent}"')

    def _check_held(self, result: LdapResult) -> None:
        """Raise an error if the server is known not to hold the base."""
        held = naming_contexts(self._read_root()[1])
        if not held or any(self.base == dn or self.base.is_below(dn) for dn in map(DN.parse, held)):
            return
        raise NoSuchObjectError(
            Diagnostic(
                "no-such-object",
                f'the server does not hold the base "{self.base}"',
                detail=result.answer_text,
                remedy=(
                    "correct the base (",
                    RemedyAction("give-base"),
                    f", or the end of the URL): this server holds {', '.join(held)}",
                ),
                origin=self._origin,
            )
        )

    def _in_use_error(self, dn: DN, error: ConfobjectsError) -> ConfobjectsError:
        _, below = self._servers.ask(lambda session: find_all(session, str(dn), "one", "(objectClass=*)", ("1.1",)))
        count = f'the entry "{DN.parse(below[0][0])}"' if len(below) == 1 else f"{len(below)} entries"
        summary = f'the entry "{dn}" cannot be deleted: it has {count} below it'
        fields = {"summary": summary, "remedy": "delete the entries below it first"}
        return ObjectInUseError([problem.replace(**fields) for problem in error.diagnostics])

    def _has_happened(self, change: Change, before: Entry | None, lost: LostError) -> bool:
        """Look up whether a change that was sent has happened. False means that it can no longer happen.

        Raises :class:`~confobjects.errors.CannotConnectError` if the outcome cannot be determined.
        """
        here, others = self._servers.current, self._servers.others
        problems: list[Diagnostic] = []
        end = monotonic() + self._deadline
        while True:
            is_done = self._is_seen(change, before, problems, here)
            if is_done or (is_done is False and lost.closed):
                return is_done
            if monotonic() >= end:
                break
            sleep(_LOOK_AGAIN)  # the server may be restarting or still working on the change
        self._servers.close()
        self._servers.mark_lost()
        # An entry that is missing on another server may not be replicated yet: that does not prove a deletion.
        if others and not isinstance(change, DeleteEntry) and self._is_seen(change, before, problems, *others):
            return True
        summary = f'it is unknown whether the entry "{results.target_of(change)}" was changed: the answer was lost'
        remedy = "when the server is back, look at the object, and repeat the change if it is missing"
        unknown = Diagnostic("cannot-connect", summary, remedy=remedy)
        told = {problem.summary: problem for problem in (*lost.error.diagnostics, *problems)}
        raise CannotConnectError([unknown, *told.values()]) from None

    def _is_seen(
        self, change: Change, before: Entry | None, problems: list[Diagnostic], *where: LdapAddress
    ) -> bool | None:
        """Tell whether the first of some servers that answers shows a change; None and the reason if none can tell."""
        try:
            with self._servers.use_only(*where):
                return self._looks_done(change, before)
        except ConfobjectsError as error:
            problems.extend(error.diagnostics)
            return None

    def _looks_done(self, change: Change, before: Entry | None) -> bool:
        if isinstance(change, AddEntry):
            found = self._read(change.entry.dn)
            return found is not None and has_all_values(found, change.entry)
        if isinstance(change, DeleteEntry):
            return self._read(change.dn) is None
        if isinstance(change, RenameEntry):
            found = self._read(change.new_dn)
            return (
                found is not None
                and str(found.dn) == str(change.new_dn)
                and (change.dn == change.new_dn or self._read(change.dn) is None)
            )
        found = self._read(change.dn)
        return found is not None and is_applied(found, change.modifications, before)

    def _undo(self, done: Sequence[PlannedChange]) -> list[Diagnostic]:
        return self._take_back(done, StorageError("an interrupted change is taken back"))

    def _take_back(self, done: Sequence[PlannedChange], reason: ConfobjectsError) -> list[Diagnostic]:
        """Undo some changes, the last one first, and return what could not be undone."""
        stuck: list[Diagnostic] = []
        for step in reversed(done):
            dn = results.target_of(step.change)
            try:
                if (back := invert_change(step.change, step.before)) is not None:
                    self._carry_out(back, None)
            except ConfobjectsError as error:
                first, *more = (problem.summary for problem in error.diagnostics)
                summary = f'the entry "{dn}" was changed before the commit failed, and could not be restored'
                stuck.append(Diagnostic(reason.code, summary, detail=first, more=tuple(more), origin=self._origin))
        return stuck

    def _has_been_made(self, change: Change, before: Entry | None) -> bool:
        """Tell whether a change was made: surely if it sets a revision of its own, otherwise by the entry's values."""
        revision = new_revision_of(change)
        if not revision and not isinstance(change, AddEntry):
            return self._looks_done(change, before)
        found = self._read(results.target_of(change))
        return found is not None and (not revision or revision_of(found) == revision)


def _naming_error(dn: DN) -> ConstraintError:
    summary = f'the attribute {dn.rdns[0][0][0]} of the entry "{dn}" must contain the value in the name'
    return ConstraintError(Diagnostic("constraint-violated", summary, remedy="to change the name, rename the entry"))
