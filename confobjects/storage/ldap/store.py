"""The storage over a directory: reading, searching, and commits of which nothing half done stays.

A directory has no transactions over several entries. A commit that fails in the middle is taken back by the inverse
of what was done; where even that fails, the error names the entries. What was read in ``writing()`` is remembered
for that, so that taking back costs no requests before it is needed.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

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
    UsageError,
)
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
    has_naming_values,
    no_such_entry,
    stored_value,
)
from confobjects.mapping.protocol import Scope
from confobjects.storage.ldap import results
from confobjects.storage.ldap.address import Directory, parse
from confobjects.storage.ldap.ber import RawEntry
from confobjects.storage.ldap.channel import Tls
from confobjects.storage.ldap.journal import Intent, Journal, Means
from confobjects.storage.ldap.plans import Planned, forecast
from confobjects.storage.ldap.results import NO_SUCH_OBJECT, REFERRAL, SUCCESS, Result
from confobjects.storage.ldap.servers import Servers
from confobjects.storage.ldap.session import Login, LostError, Session
from confobjects.storage.ldap.truth import made_revision, revision_of

if TYPE_CHECKING:
    from confobjects.mapping.journal import Note, Noted

_USER_ATTRIBUTES: Final = ("*",)
_ROOT_ATTRIBUTES: Final = ("objectClass", "namingContexts", "vendorName", "vendorVersion")
_NOT_HELD: Final = (NO_SUCH_OBJECT, 53)
"""What servers answer to the addition of an entry that none of their databases holds: 32, and slapd 53."""
_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.3


class LdapStorage:
    """A storage in a directory. Nothing is sent before something is asked for; threads take turns.

    ``connect_timeout`` seconds may pass until a server is connected and TLS is up, ``deadline`` seconds for each
    request. ``base`` is needed when neither the URL nor the server (of the OpenDJ family) says it. ``history`` is the
    number of changes that are kept in mind.
    """

    serialises_writers = False

    def __init__(  # noqa: PLR0913 - the servers, the login, and by keyword what limits them
        self,
        directory: Directory,
        login: Login = Login(),  # noqa: B008 - frozen
        *,
        base: DN | None = None,
        missing_ok: bool = True,
        connect_timeout: float = 10.0,
        deadline: float = 10.0,
        history: int = 1000,
    ) -> None:
        self.url = str(directory)
        self._base = base or directory.base
        self._missing_ok = missing_ok
        self._deadline = deadline
        self._servers = Servers(directory.addresses, login, connect_timeout=connect_timeout, deadline=deadline)
        self._lock = RLock()
        self._owner: int | None = None
        self._turn = RLock()
        self._seen: dict[str, Entry | None] = {}
        means = Means(lambda: self.base, self._read, self._find, self._carry_out, self._undo, self._has_been_made)
        self._journal = Journal(means, history)

    # -- reading -----------------------------------------------------------------------------------------------------

    @property
    def base(self) -> DN:
        """The DN below which the configuration lies. Asks the server when nobody has said it."""
        if self._base is None:
            self._base = self._find_base()
        return self._base

    def _root(self) -> tuple[Result, dict[str, list[bytes]]]:
        """What the server says of itself, by the names of attributes in lower case (RFC 4512 section 5.1)."""
        with self._turn:
            result, found = self._servers.ask(lambda session: session.read("", _ROOT_ATTRIBUTES))
        return result, {name.lower(): values for name, values in (found[1] if found is not None else {}).items()}

    def _find_base(self) -> DN:
        result, attributes = self._root()
        told = b" ".join(value for name in _ROOT_ATTRIBUTES for value in attributes.get(name.lower(), ())).lower()
        if any(mark in told for mark in (b"opendj", b"ds-root-dse", b"forgerock", b"pingds")):
            return DN.of(("cn", "config"))
        held = ", ".join(_contexts(attributes))
        remedy = "say where the configuration is to be: --baseDN DN, or at the end of the URL"
        if held:
            remedy += f"; this server holds {held}"
        self._servers.close()  # without a base nobody gets this storage to close it
        raise UsageError(Diagnostic("usage", f"{self._origin} needs a base DN", detail=_said(result), remedy=remedy))

    @property
    def _origin(self) -> str:
        return str(self._servers.current)

    @property
    def warnings(self) -> list[Diagnostic]:
        """What the user should know: the base is missing."""
        if self.read(self.base, ("objectClass",)) is not None:
            return list(self._journal.remarks)
        summary = f'there is no entry "{self.base}", or this user may not see it: the configuration is empty'
        remedy = "the first change makes it, as does `confobjects init`; if it should be there, correct the base"
        return [Diagnostic("storage-failed", summary, origin=self._origin, remedy=remedy, severity="warning")]

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:
        """Return an entry, None if it is not there."""
        with self._turn:
            entry = self._read(dn, _wanted(attributes))
            if self._owner is not None and attributes is None:
                self._seen[dn.normal] = entry
        if entry is None and not self._missing_ok:
            self._check_base()
        return entry

    def _read(self, dn: DN, wanted: Sequence[str] = _USER_ATTRIBUTES) -> Entry | None:
        result, found = self._servers.ask(lambda session: session.read(str(dn), wanted))
        if result.code == NO_SUCH_OBJECT:
            return None
        if result.code != SUCCESS:
            raise self._refused(result, f'the entry "{dn}" was not read')
        return None if found is None else _entry(found)

    def _refused(self, result: Result, what: str) -> ConfobjectsError:
        if result.code == REFERRAL:
            where = " or ".join(result.referrals) or "another server"
            summary = f"{what}: the server does not hold it and refers to {where}"
            remedy = "give the URL of the server that holds the configuration; referrals are not followed"
            problem = Diagnostic("cannot-connect", summary, detail=result.said, remedy=remedy, origin=self._origin)
            return CannotConnectError(problem)
        return results.failure(result, what, self._origin)

    def _check_base(self) -> None:
        self._missing_ok = True
        missing = self.warnings
        self._missing_ok = False
        if missing:
            raise StorageError([problem.replace(severity="error") for problem in missing])

    def search(
        self,
        base: DN,
        scope: Scope = "one",
        object_class: str | None = None,
        attributes: Sequence[str] | None = None,
    ) -> list[Entry]:
        """Return the entries right below a base, or with "sub" the base and all below it, parents first."""
        filter_ = f"(objectClass={object_class or '*'})"
        wanted = _wanted(attributes)
        with self._turn:
            result, found = self._servers.ask(lambda session: _all(session, str(base), scope, filter_, wanted))
            if result.code not in (SUCCESS, NO_SUCH_OBJECT):
                raise self._refused(result, f'the entries below "{base}" were not read')
            entries = [_entry(raw) for raw in found]
            if self._owner is not None and attributes is None:
                self._seen.update((entry.dn.normal, entry) for entry in entries)
        if not entries and not self._missing_ok:
            self._check_base()
        return sorted(entries, key=lambda entry: len(entry.dn)) if scope == "sub" else entries

    # -- writing -----------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the other threads of this process out; writers elsewhere are met by the revision."""
        if self._owner == get_ident():
            raise UsageError("writing() is open already: it does not nest")
        if not self._lock.acquire(timeout=self._deadline):
            raise StorageError(f"another thread has been writing for more than {self._deadline:g} s")
        self._owner = get_ident()
        self._seen = {}
        try:
            yield
        finally:
            self._owner = None
            self._seen = {}
            self._lock.release()

    def pause(self, turn: int) -> None:
        """Give other writers a moment: the more often they have met, the longer and the more unlike each other."""
        from random import uniform  # noqa: PLC0415 - wanted after a collision only
        from time import sleep  # noqa: PLC0415 - as above

        longest = min(_LONGEST_PAUSE, _PAUSE * 2**turn)
        sleep(uniform(longest / 2, longest))  # noqa: S311 - it keeps writers apart, nothing secret

    def commit(self, changes: Sequence[Change], record: Note | None = None) -> int | None:
        """Carry out some changes in order; when one is refused, those before it are taken back.

        Where the directory keeps a history, the changes are noted there before the first one is made.
        """
        if self._owner != get_ident():
            raise UsageError("commit() is called inside writing() only")
        with self._turn:
            if record is None or not changes:
                self._make(changes, None)
                return None
            new_base, changes = self._new_base(changes)
            try:
                return self._noted(changes, record)
            except ConfobjectsError:
                for change in reversed(new_base):
                    with suppress(ConfobjectsError):
                        self._carry_out(DeleteEntry(results.target(change)), None)
                raise

    def _new_base(self, changes: Sequence[Change]) -> tuple[list[Change], Sequence[Change]]:
        """Make a new base, and the history below it, before everything else; return what was made, and the rest."""
        first = changes[0]
        if not isinstance(first, AddEntry) or first.entry.dn != self.base:
            return [], changes
        self._make([first], None)
        made: list[Change] = [first]
        if (branch := self._journal.create()) is not None:
            made.append(branch)
        return made, changes[1:]

    def _noted(self, changes: Sequence[Change], record: Note) -> int | None:
        intent = self._journal.begin(forecast(changes, self._before), record) if self._journal.exists() else None
        self._make(changes if intent is None else [step.change for step in intent.plan], intent)
        if intent is None:
            return None
        self._journal.done(intent)
        return intent.number

    def _make(self, changes: Sequence[Change], intent: Intent | None) -> None:
        done: list[Planned] = []
        for number, change in enumerate(changes):
            if intent is not None:
                self._journal.go_on(intent)
            try:
                if intent is not None:
                    before = intent.plan[number].before
                else:
                    before = self._before(change) if len(changes) > 1 else None
                self._carry_out(change, before)
            except ConfobjectsError as error:
                stuck = self._take_back(done, error)
                if intent is not None:
                    self._journal.failed(intent, error, stuck)
                if stuck:
                    raise type(error)([*error.diagnostics, *stuck]) from error
                raise
            done.append(Planned(change, before))
            self._remember(change)

    def history(self) -> list[Noted]:
        """Return the noted changes, the oldest first."""
        with self._turn:
            return self._journal.noted()

    def keep_history(self) -> list[DN]:
        """Have the directory keep a history below the base; return the DN of its entry if it had none."""
        with self._turn:
            branch = self._journal.create()
        return [] if branch is None else [branch.entry.dn]

    def withdraw(self, number: int) -> None:
        """Note that the change of a number was taken back."""
        with self._turn:
            self._journal.withdraw(number)

    def _find(self, base: DN, scope: Scope, filter_: str, wanted: Sequence[str]) -> list[Entry]:
        """Return the entries that a filter selects; none below a base that is not there."""
        result, found = self._servers.ask(lambda session: _all(session, str(base), scope, filter_, wanted))
        if result.code not in (SUCCESS, NO_SUCH_OBJECT):
            raise self._refused(result, f'the entries below "{base}" were not read')
        return [_entry(raw) for raw in found]

    def _before(self, change: Change) -> Entry | None:
        """The entry as it is before a change; none before an addition."""
        if isinstance(change, AddEntry):
            return None
        key = change.dn.normal
        if key not in self._seen:
            self._seen[key] = self._read(change.dn)
        return self._seen[key]

    def _remember(self, change: Change) -> None:
        if isinstance(change, AddEntry):
            self._seen[change.entry.dn.normal] = change.entry
        elif isinstance(change, RenameEntry):
            self._seen.clear()  # all below it has moved
        else:
            self._seen.pop(change.dn.normal, None)

    def _carry_out(self, change: Change, before: Entry | None) -> None:
        """Make one change, on the next server if one is lost and the change has not happened."""
        self._check(change)
        problems: list[Diagnostic] = []
        for _ in self._servers.attempts():
            session = self._servers.session()
            try:
                result = _send(session, change)
            except LostError as lost:
                problems.extend(lost.error.diagnostics)
                self._servers.lost()
                if lost.sent and self._has_happened(change, before, problems):
                    return
                continue
            if result.code in results.AWAY:
                problems.extend(results.failure(result, str(session.address)).diagnostics)
                self._servers.close()
                self._servers.lost()
                continue
            if result.code != SUCCESS:
                raise self._explained(change, result)
            return
        raise CannotConnectError(problems)

    def _check(self, change: Change) -> None:
        """Refuse what servers judge differently from one another, in the words of all storages."""
        dn = results.target(change)
        if isinstance(change, RenameEntry):
            self._check_renaming(change.dn, dn)
        if isinstance(change, (AddEntry, RenameEntry)) and not dn.is_below(self.base) and dn != self.base:
            raise NoSuchObjectError(f'the entry "{dn}" would lie outside the base "{self.base}"')
        if isinstance(change, AddEntry) and not has_naming_values(change.entry):
            raise _unnamed(dn)
        if isinstance(change, ModifyEntry) and not change.modifications and self._read(dn, ("1.1",)) is None:
            raise no_such_entry(dn)

    def _check_renaming(self, old: DN, new: DN) -> None:
        if old == new or not (new.is_below(old) or old.is_below(new)):
            return
        if self._read(old, ("1.1",)) is None:
            raise no_such_entry(old)
        if new.is_below(old):
            raise ConstraintError(f'the entry "{old}" cannot be moved below itself')
        raise ObjectExistsError(f'there is an entry "{new}" already')

    def _explained(self, change: Change, result: Result) -> ConfobjectsError:
        if isinstance(change, AddEntry) and change.entry.dn == self.base and result.code in _NOT_HELD:
            self._check_held(result)
        if isinstance(change, RenameEntry) and (missing := self._missing(change)) is not None:
            return missing  # whatever else is wrong; servers judge that in an order of their own
        error = results.write_failure(change, result, self._origin)
        if isinstance(error, ObjectInUseError):
            return self._in_use(results.target(change), error)
        return error

    def _missing(self, change: RenameEntry) -> NoSuchObjectError | None:
        if self._read(change.dn, ("1.1",)) is None:
            return no_such_entry(change.dn)
        parent = change.new_dn.parent
        if self._read(parent, ("1.1",)) is not None:
            return None
        return NoSuchObjectError(f'there is no entry "{parent}", which is to be the parent of "{change.new_dn}"')

    def _check_held(self, result: Result) -> None:
        """Raise the error of a base that the server holds no part of, where that can be told."""
        held = _contexts(self._root()[1])
        if not held or any(self.base == dn or self.base.is_below(dn) for dn in map(DN.parse, held)):
            return
        raise NoSuchObjectError(
            Diagnostic(
                "no-such-object",
                f'the server does not hold the base "{self.base}"',
                detail=result.said,
                remedy=f"correct the base (--baseDN DN, or the end of the URL): this server holds {', '.join(held)}",
                origin=self._origin,
            )
        )

    def _in_use(self, dn: DN, error: ConfobjectsError) -> ConfobjectsError:
        _, below = self._servers.ask(lambda session: _all(session, str(dn), "one", "(objectClass=*)", ("1.1",)))
        count = f'the entry "{DN.parse(below[0][0])}"' if len(below) == 1 else f"{len(below)} entries"
        summary = f'the entry "{dn}" cannot be deleted: below it there is {count}'
        fields = {"summary": summary, "remedy": "delete what is below it first"}
        return ObjectInUseError([problem.replace(**fields) for problem in error.diagnostics])

    def _has_happened(self, change: Change, before: Entry | None, problems: list[Diagnostic]) -> bool:
        """Look up whether a change that was sent has happened. Raises when nobody can say."""
        try:
            return self._looks_done(change, before)
        except CannotConnectError as error:
            summary = f'whether the entry "{results.target(change)}" was changed is not known: the answer was lost'
            remedy = "when the server is back, look at the object, and repeat the change if it is not there"
            unknown = Diagnostic("cannot-connect", summary, remedy=remedy)
            raise CannotConnectError([unknown, *problems, *error.diagnostics]) from None

    def _looks_done(self, change: Change, before: Entry | None) -> bool:
        if isinstance(change, AddEntry):
            found = self._read(change.entry.dn)
            if found is not None and not _holds(found, change.entry):
                raise ObjectExistsError(f'there is an entry "{change.entry.dn}" already')
            return found is not None
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
        return found is not None and _is_applied(found, change.modifications, before)

    def _undo(self, done: Sequence[Planned]) -> list[Diagnostic]:
        return self._take_back(done, StorageError("an interrupted change is taken back"))

    def _take_back(self, done: Sequence[Planned], reason: ConfobjectsError) -> list[Diagnostic]:
        """Undo some changes, the last first; return what could not be undone."""
        stuck: list[Diagnostic] = []
        for change, before in reversed(done):
            dn = results.target(change)
            try:
                if (inverse := _inverse(change, before)) is not None:
                    self._carry_out(inverse, None)
            except ConfobjectsError as error:
                detail = "\n".join(problem.summary for problem in error.diagnostics)
                summary = f'the entry "{dn}" was changed before the change failed, and could not be changed back'
                stuck.append(Diagnostic(reason.code, summary, detail=detail, origin=self._origin))
        return stuck

    def _has_been_made(self, change: Change, before: Entry | None) -> bool:
        """Whether a change that has a number of its own, its revision, was made; of others, whether it looks so."""
        revision = made_revision(change)
        if not revision and not isinstance(change, AddEntry):
            return self._looks_done(change, before)
        found = self._read(results.target(change))
        return found is not None and (not revision or revision_of(found) == revision)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def anonymous(self) -> LdapStorage:
        """Return a storage on the same servers for a reader who does not log in."""
        servers = self._servers
        login = servers.login._replace(mechanism="anonymous", bind_dn="", password="")
        return LdapStorage(
            Directory(servers.addresses, self.base),
            login,
            connect_timeout=servers.connect_timeout,
            deadline=self._deadline,
        )

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        with self._turn:
            self._servers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _wanted(attributes: Sequence[str] | None) -> Sequence[str]:
    return _USER_ATTRIBUTES if attributes is None else tuple(attributes) or ("1.1",)


def _contexts(root: dict[str, list[bytes]]) -> list[str]:
    return [value.decode("utf-8", "replace") for value in root.get("namingcontexts", ())]


def _said(result: Result) -> str:
    return result.said if result.code != SUCCESS else ""


def _all(
    session: Session, base: str, scope: Scope, filter_: str, wanted: Sequence[str]
) -> tuple[Result, list[RawEntry]]:
    *found, result = session.search(base, scope, filter_, wanted)
    return result, found  # type: ignore[return-value]  # the last is the result, and no other is


def _entry(raw: RawEntry) -> Entry:
    dn, attributes = raw
    return Entry.trusted(
        DN.parse(dn), {name: tuple([stored_value(name, v) for v in values]) for name, values in attributes.items()}
    )


def _bytes(values: Iterable[Value]) -> list[bytes]:
    return [value.encode() if isinstance(value, str) else value for value in values]


def _send(session: Session, change: Change) -> Result:
    if isinstance(change, AddEntry):
        attributes = {name: _bytes(values) for name, values in change.entry.attributes.items()}
        return session.add(str(change.entry.dn), attributes)
    if isinstance(change, DeleteEntry):
        return session.delete(str(change.dn))
    if isinstance(change, RenameEntry):
        rdn = str(DN.of(change.new_dn.rdns[0]))
        moves = change.new_dn.parent != change.dn.parent
        return session.rename(str(change.dn), rdn, str(change.new_dn.parent) if moves else None)
    if not change.modifications:
        return Result(SUCCESS, "success")
    return session.modify(str(change.dn), [(m.kind, m.attribute, _bytes(m.values)) for m in change.modifications])


def _holds(found: Entry, wanted: Entry) -> bool:
    """Whether an entry has all values of another; servers add attributes of their own."""
    return all(set(values) <= set(found.get(name)) for name, values in wanted.attributes.items())


def _is_applied(found: Entry, modifications: Sequence[Modification], before: Entry | None) -> bool:
    """Whether an entry is as some modifications leave it."""
    if before is not None:
        after = apply(before, modifications)
        names = {m.attribute for m in modifications}
        return all(sorted(_bytes(found.get(name))) == sorted(_bytes(after.get(name))) for name in names)
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


def _inverse(change: Change, before: Entry | None) -> Change | None:
    """The change that takes another back, as far as the entry has not been changed by someone else since."""
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


def _unnamed(dn: DN) -> ConstraintError:
    summary = f'the entry "{dn}" must have the value of its name in the attribute {dn.rdns[0][0][0]}'
    return ConstraintError(Diagnostic("constraint-violated", summary, remedy="to change the name, rename the entry"))


def open_url(  # noqa: PLR0913 - each is an option of the command line, all by keyword
    url: str,
    *,
    missing_ok: bool = True,
    base: DN | None = None,
    bind_dn: str = "",
    bind_password: str = "",
    mechanism: str = "",
    start_tls: bool = False,
    trust_all: bool = False,
    trust_store: str | None = None,
    trust_store_password: str = "",
    key_store: str | None = None,
    key_store_password: str = "",
    allow_clear_password: bool = False,
    connect_timeout: float = 10.0,
    deadline: float = 10.0,
    history: int = 1000,
) -> LdapStorage:
    """Return the storage of one or several LDAP URLs, blank-separated, tried in order.

    ``mechanism`` is "anonymous", "simple" or "external"; without it, a ``bind_dn`` means simple, and a socket
    (``ldapi``) or a client certificate means external. ``trust_store`` and ``key_store`` are
    PEM or PKCS #12 files. ``history`` is the number of changes that the directory keeps in mind.
    Raises :class:`~confobjects.errors.UsageError`.
    """
    directory = parse(url)
    schemes = {address.scheme for address in directory.addresses}
    if not mechanism:
        outside = schemes == {"ldapi"} or key_store
        mechanism = "simple" if bind_dn or bind_password else "external" if outside else "anonymous"
    _check_login(mechanism, bind_dn, bind_password, start_tls, schemes)
    tls = Tls(trust_all, trust_store, trust_store_password, key_store, key_store_password)
    login = Login(mechanism, bind_dn, bind_password, start_tls, tls, allow_clear_password)
    return LdapStorage(
        directory,
        login,
        base=base,
        missing_ok=missing_ok,
        connect_timeout=connect_timeout,
        deadline=deadline,
        history=history,
    )


def _check_login(mechanism: str, bind_dn: str, password: str, start_tls: bool, schemes: set[str]) -> None:
    problem: tuple[str, str] | None = None
    if mechanism not in ("anonymous", "simple", "external"):
        problem = (f'there is no login "{mechanism}"', "one of: simple, external, anonymous")
    elif mechanism == "simple" and not bind_dn:
        problem = ("a password is given, but nobody to log in as", "give the DN of the user as well (-D)")
    elif mechanism == "simple" and not password:
        # A server takes a DN without a password for an anonymous login (RFC 4513 section 5.1.2).
        problem = ("a DN to log in as is given, but no password", "give the password in a file (-j FILE)")
    elif start_tls and schemes != {"ldap"}:
        other = "ldapi" if "ldapi" in schemes else "ldaps"
        problem = (f"StartTLS is for ldap:// URLs, and one starts with {other}://", "leave out -q")
    if problem is not None:
        raise UsageError(Diagnostic("usage", problem[0], remedy=problem[1]))
    if bind_dn:
        try:
            DN.parse(bind_dn)
        except ValueError as error:
            raise UsageError(Diagnostic("usage", f'"{bind_dn}" is no DN to log in as: {error}')) from None
