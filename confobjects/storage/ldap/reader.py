"""Reading a directory: one entry or the results of a search, and the errors when reading fails."""

from __future__ import annotations

from _thread import RLock
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from confobjects.actions import RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import CannotConnectError, ConfobjectsError, StorageError, UsageError
from confobjects.mapping.apart import normal_branches
from confobjects.mapping.entry import Entry
from confobjects.mapping.journal import RECORD_CLASS
from confobjects.mapping.protocol import Scope
from confobjects.storage.ldap import results
from confobjects.storage.ldap.address import Directory, LdapAddress
from confobjects.storage.ldap.ber import ASSERTION
from confobjects.storage.ldap.login import LdapLogin
from confobjects.storage.ldap.requests import entries_of, entry_of, find_all
from confobjects.storage.ldap.results import NO_SUCH_OBJECT, REFERRAL, SUCCESS, LdapResult
from confobjects.storage.ldap.servers import Servers

if TYPE_CHECKING:
    from confobjects.storage.ldap.together import EntryGroup

USER_ATTRIBUTES: Final = ("*",)
"""The attributes that are not operational (RFC 4511 section 4.5.1.8)."""
_ROOT_ATTRIBUTES: Final = ("objectClass", "namingContexts", "supportedControl", "vendorName", "vendorVersion")

_LOSSY: Final = (b"389", b"red hat", b"fedora")
"""How the vendor of a server begins that may judge a modification by an old copy of the entry: 389 Directory Server."""
_OPENLDAP: Final = b"openldaprootdse"
"""The object class of slapd's root DSE, which names no vendor."""

_NO_RECORDS: Final = f"(!(objectClass={RECORD_CLASS}))"

Kind = Literal["lossy", "safe", "unknown"]
"""Whether a server may accept two changes of one entry and keep one; unknown if it hides from the user what it is."""


class DirectoryReader:
    """Reads a storage. Threads take turns. While a thread is writing, the entries that it reads are cached for it."""

    def __init__(  # noqa: PLR0913 - the servers, the login, and limits passed by keyword
        self,
        directory: Directory,
        login: LdapLogin,
        *,
        base: DN | None,
        missing_ok: bool,
        connect_timeout: float,
        deadline: float,
    ) -> None:
        self._directory = directory
        self._base = base or directory.base
        self._missing_ok = missing_ok
        self._deadline = deadline
        self._servers = Servers(directory.addresses, login, connect_timeout=connect_timeout, deadline=deadline)
        self._owner: int | None = None
        self._turn = RLock()
        self._seen: dict[str, Entry | None] = {}
        self._kinds: dict[LdapAddress, Kind] = {}
        self._asserting: dict[LdapAddress, bool] = {}

    @property
    def url(self) -> str:
        """The URL that opens this storage."""
        return str(self._directory)

    @property
    def base(self) -> DN:
        """The base DN of the configuration. Asks the server if no base was given."""
        if self._base is None:
            self._base = self._find_base()
        return self._base

    def _read_root(self) -> tuple[LdapResult, dict[str, list[bytes]]]:
        """The attributes of the server's root DSE, by their names in lower case (RFC 4512 section 5.1)."""
        with self._turn:
            result, found = self._servers.ask(lambda session: session.read("", _ROOT_ATTRIBUTES))
        return result, {name.lower(): values for name, values in (found[1] if found is not None else {}).items()}

    def find_vendor(self) -> str:
        """Return what the server tells of its product and version (``vendorVersion``, RFC 3045), empty if nothing."""
        _, attributes = self._read_root()
        return next(iter(attributes.get("vendorversion", ())), b"").decode("utf-8", "replace")

    def _loses_updates(self) -> bool:
        """Whether the server in use may accept two changes of one entry and keep one, as far as is known."""
        return self._find_kind() != "safe"

    def _find_kind(self) -> Kind:
        """Return what the server in use is known to do with two changes of one entry. Asks each server once."""
        address = self._servers.current
        if address not in self._kinds:
            _, attributes = self._read_root()
            self._kinds[address := self._servers.current] = kind_of(attributes)
            self._asserting[address] = ASSERTION.encode() in attributes.get("supportedcontrol", ())
        return self._kinds[address]

    def _can_assert(self) -> bool:
        """Whether the server in use carries out a request only under a condition (RFC 4528), as far as is known."""
        self._find_kind()
        return self._asserting[self._servers.current]

    def _find_base(self) -> DN:
        result, attributes = self._read_root()
        told = b" ".join(value for name in _ROOT_ATTRIBUTES for value in attributes.get(name.lower(), ())).lower()
        if any(mark in told for mark in (b"opendj", b"ds-root-dse", b"forgerock", b"pingds")):
            return DN.of(("cn", "config"))
        held = ", ".join(naming_contexts(attributes))
        remedy = (
            "name the base of the configuration: ",
            RemedyAction("give-base"),
            ", or at the end of the URL",
            f"; this server holds {held}" if held else "",
        )
        self._servers.close()  # without a base, no caller gets this storage to close it
        raise UsageError(
            Diagnostic("usage", f"{self._origin} needs a base DN", detail=_error_detail(result), remedy=remedy)
        )

    def _is_suffix(self) -> bool:
        """Whether the server tells that the base is the top of what it holds."""
        return self.base in map(DN.parse, naming_contexts(self._read_root()[1]))

    @property
    def _origin(self) -> str:
        return str(self._servers.current)

    @property
    def warnings(self) -> list[Diagnostic]:
        """Warnings for the user: the base is missing."""
        if self.read(self.base, ("objectClass",)) is not None:
            return self._remarks()
        summary = f'there is no entry "{self.base}", or this user may not see it: the configuration is empty'
        remedy = (
            "the first change makes it, as does ",
            RemedyAction("initialise"),
            "; if it should be there, correct the base",
        )
        return [Diagnostic("storage-failed", summary, origin=self._origin, remedy=remedy, severity="warning")]

    def _remarks(self) -> list[Diagnostic]:
        return []

    def read(self, dn: DN, attributes: Sequence[str] | None = None) -> Entry | None:
        """Return an entry, or None if it does not exist."""
        with self._turn:
            entry = self._read(dn, self._select_attributes(attributes))
            if self._owner is not None and attributes is None:
                self._seen[dn.normal] = entry
        if entry is None and not self._missing_ok:
            self._check_base()
        return entry

    def read_all(self, names: Sequence[DN]) -> list[Entry | None]:
        """Return each of some entries as :meth:`read` does. One search reads many of them; see :mod:`together`."""
        from confobjects.storage.ldap.together import group_names

        with self._turn:
            found = {str(dn): entry for group in group_names(names) for dn, entry in self._read_group(group).items()}
            if self._owner is not None:
                self._seen.update((entry.dn.normal, entry) for entry in found.values())
            return [found.get(str(dn)) or self.read(dn) for dn in names]

    def _read_each(self, names: Sequence[DN], wanted: Sequence[str]) -> dict[str, Entry | None]:
        """Return some entries by their normal names, None for what is not there. One search reads many of them.

        A search of the whole base would read all records of the history as well. In 389 Directory Server on BDB it can
        also block an addition, and itself, for ever.
        """
        from confobjects.storage.ldap.together import group_names

        found: dict[str, Entry | None] = {}
        for group in group_names(names):
            found.update((dn.normal, entry) for dn, entry in self._read_group(group, wanted).items())
        found.update((dn.normal, self._read(dn, wanted)) for dn in names if dn.normal not in found)
        return found

    def _read_group(self, group: EntryGroup, wanted: Sequence[str] = ()) -> dict[DN, Entry]:
        """Return what one search finds of a group by the names asked for, whatever its result: what it returns is there."""
        by_name = self._find_kind() != "safe"  # 389 Directory Server is slower with entryDN
        pairs = group.pairs(by_name=by_name)
        _, raw = self._servers.ask(
            lambda session: session.search_any(str(group.parent), pairs, wanted or self._list_whole())
        )
        found: dict[str, list[Entry]] = {}
        for entry in entries_of(raw):
            found.setdefault(entry.dn.normal, []).append(entry)
        return {dn: found[dn.normal][0] for dn in group.names if len(found.get(dn.normal, ())) == 1}

    def _read(self, dn: DN, wanted: Sequence[str] = ()) -> Entry | None:
        result, found = self._servers.ask(lambda session: session.read(str(dn), wanted or self._list_whole()))
        if result.code == NO_SUCH_OBJECT:
            return None
        if result.code != SUCCESS:
            raise self._read_error(result, f'the entry "{dn}" could not be read')
        return None if found is None else entry_of(found)

    def _read_error(self, result: LdapResult, what: str) -> ConfobjectsError:
        if result.code == REFERRAL:
            where = " or ".join(result.referrals) or "another server"
            summary = f"{what}: the server does not hold it and refers to {where}"
            remedy = "give the URL of the server that holds the configuration; referrals are not followed"
            problem = Diagnostic(
                "cannot-connect", summary, detail=result.answer_text, remedy=remedy, origin=self._origin
            )
            return CannotConnectError(problem)
        return results.error_for_result(result, what, self._origin)

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
        *,
        records: bool = True,
    ) -> list[Entry]:
        """Return the entries directly below a base, or, with "sub", the base and all below it, parents first.

        Without ``records`` those of the history are left out.
        """
        wanted = self._select_attributes(attributes)
        with self._turn:
            entries = [] if records else self._find(base, scope, _NO_RECORDS, wanted)
            if not entries:  # to a server without our newest schema, a condition on an unknown class holds nowhere
                entries = self._find(base, scope, f"(objectClass={object_class or '*'})", wanted)
            entries = self._without_what_is_apart(entries, base)
            if self._owner is not None and attributes is None:
                self._seen.update((entry.dn.normal, entry) for entry in entries)
        if not entries and not self._missing_ok:
            self._check_base()
        return sorted(entries, key=lambda entry: len(entry.dn)) if scope == "sub" else entries

    def _without_what_is_apart(self, entries: list[Entry], base: DN) -> list[Entry]:
        """Return the entries found below a base but those that are kept apart: they are no part of a configuration."""
        if self._base is None or not (base == self._base or self._base.is_below(base)):
            return entries
        branches = normal_branches(self._base)
        below = tuple(f",{branch}" for branch in branches)
        return [one for one in entries if one.dn.normal not in branches and not one.dn.normal.endswith(below)]

    @staticmethod
    def snapshot() -> None:
        """Return None: each entry would have to be asked for."""

    def _list_whole(self) -> Sequence[str]:
        """Return what to ask for to read an entry whole."""
        return USER_ATTRIBUTES

    def _select_attributes(self, attributes: Sequence[str] | None) -> Sequence[str]:
        return self._list_whole() if attributes is None else tuple(attributes) or ("1.1",)

    def _find(self, base: DN, scope: Scope, filter_: str, wanted: Sequence[str]) -> list[Entry]:
        """Return the entries that a filter selects, none if the base does not exist."""
        result, found = self._servers.ask(lambda session: find_all(session, str(base), scope, filter_, wanted))
        if result.code not in (SUCCESS, NO_SUCH_OBJECT):
            raise self._read_error(result, f'the entries below "{base}" could not be read')
        return entries_of(found)

    def _find_from(self, parent: DN, name: str, least: int, wanted: Sequence[str]) -> list[Entry] | None:
        """Return the entries right below a parent with a number in an attribute that is not lower than another.

        None if the server does not find them in one go, for whatever reason.
        """
        result, found = self._servers.ask(lambda session: session.search_from(str(parent), name, least, wanted))
        return entries_of(found) if result.code == SUCCESS else None


def kind_of(root: dict[str, list[bytes]]) -> Kind:
    """Return the kind of a server from its root DSE."""
    told = b" ".join(value for name in ("vendorname", "vendorversion") for value in root.get(name, ())).strip()
    if told:
        return "lossy" if told.lower().startswith(_LOSSY) else "safe"
    return "safe" if is_openldap(root) else "unknown"


def is_openldap(root: dict[str, list[bytes]]) -> bool:
    """Tell from its root DSE whether a server is slapd."""
    return any(
        value.lower() == _OPENLDAP for name, values in root.items() if name.lower() == "objectclass" for value in values
    )


def naming_contexts(root: dict[str, list[bytes]]) -> list[str]:
    """Return the naming contexts of a server, from its root DSE."""
    return [value.decode("utf-8", "replace") for value in root.get("namingcontexts", ())]


def _error_detail(result: LdapResult) -> str:
    return result.answer_text if result.code != SUCCESS else ""
