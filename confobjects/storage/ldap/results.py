"""Conversion of LDAP results to errors (RFC 4511 section 4.1.9): one table, and the messages for each change.

Law: the detail of the diagnostic keeps the server's own text and DN; our summary comes first.
"""

from __future__ import annotations

from typing import Final

from confobjects.actions import Remedy, RemedyAction
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN
from confobjects.errors import CODES, ConfobjectsError
from confobjects.mapping.entry import AddEntry, Change, DeleteEntry, ModifyEntry, RenameEntry
from confobjects.records import Record

SUCCESS: Final = 0
NO_SUCH_OBJECT: Final = 32
REFERRAL: Final = 10
UNWILLING: Final = 53
ASSERTION_FAILED: Final = 122
AWAY: Final = frozenset((51, 52))
"""Busy, unavailable: another server may answer."""

NAMES: Final = {
    0: "success", 1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded",
    7: "authMethodNotSupported", 8: "strongerAuthRequired", 10: "referral", 11: "adminLimitExceeded",
    12: "unavailableCriticalExtension", 13: "confidentialityRequired", 14: "saslBindInProgress", 16: "noSuchAttribute",
    17: "undefinedAttributeType", 18: "inappropriateMatching", 19: "constraintViolation", 20: "attributeOrValueExists",
    21: "invalidAttributeSyntax", 32: "noSuchObject", 33: "aliasProblem", 34: "invalidDNSyntax",
    36: "aliasDereferencingProblem", 48: "inappropriateAuthentication", 49: "invalidCredentials",
    50: "insufficientAccessRights", 51: "busy", 52: "unavailable", 53: "unwillingToPerform", 54: "loopDetected",
    64: "namingViolation", 65: "objectClassViolation", 66: "notAllowedOnNonLeaf", 67: "notAllowedOnRDN",
    68: "entryAlreadyExists", 69: "objectClassModsProhibited", 71: "affectMultipleDSAs", 80: "other", 118: "canceled",
    119: "noSuchOperation", 120: "tooLate", 121: "cannotCancel", 122: "assertionFailed", 123: "authorizationDenied",
}  # fmt: skip
"""The names of the result codes (RFC 4511 section 4.1.9 and its extensions)."""


class LdapResult(Record):
    """A server's answer: the result code and its name, the DN, the text, and referral URLs."""

    code: int
    name: str
    dn: str = ""
    text: str = ""
    referrals: tuple[str, ...] = ()

    @property
    def answer_text(self) -> str:
        """The server's answer on one line, for the detail."""
        parts = [f"result {self.code} ({self.name})"]
        parts.extend(part for part in (self.text.strip(), f'at "{self.dn}"' if self.dn else "") if part)
        parts.extend(f"refers to {url}" for url in self.referrals)
        return "the server says: " + ", ".join(parts)


class _Meaning(Record):
    code: str
    summary: str
    remedy: Remedy = ""


_RIGHTS: Final = (
    "log in as a user with the rights (",
    RemedyAction("give-bind-dn"),
    "), or change the server's access rules",
)
_LOGIN: Final = (
    "correct the bind DN (",
    RemedyAction("give-bind-dn"),
    ") and the password (",
    RemedyAction("give-bind-password"),
    ")",
)
_LOGIN_FIRST: Final = (RemedyAction("log-in"),)
_ENCRYPT: Final = ("use ", RemedyAction("use-starttls"), " or ", RemedyAction("use-ldaps"))
_PROXY: Final = "give the login of this program the right of proxied authorization (RFC 4370) for people"
_LIMIT: Final = "raise the server's limit for this user, or log in as one with a higher limit"
_SCHEMA: Final = (RemedyAction("load-schema"),)
_CLASH: Final = ("look at what the server says; if it lacks something of the schema, ", *_SCHEMA)
_REFUSED: Final = "look at what the server says; if it takes no changes at all, give the URL of one that does"
_READ_ONLY: Final = "give the URL of a server that accepts writes"

_MEANINGS: Final[dict[int, _Meaning]] = {
    1: _Meaning("storage-failed", "the server could not carry out the request"),
    2: _Meaning("storage-failed", "the server does not understand the request"),
    3: _Meaning("storage-failed", "the server's time limit was reached", _LIMIT),
    4: _Meaning("storage-failed", "the server's size limit was reached: it holds more entries than it shows", _LIMIT),
    7: _Meaning("access-refused", "the server does not support this login mechanism", _LOGIN_FIRST),
    8: _Meaning("access-refused", "the server requires a stronger login", (*_LOGIN_FIRST, ", and ", *_ENCRYPT)),
    10: _Meaning("access-refused", "this server does not accept writes and refers to another", _READ_ONLY),
    11: _Meaning("storage-failed", "an administrative limit of the server was reached", _LIMIT),
    12: _Meaning("storage-failed", "the server does not support a required control"),
    13: _Meaning("access-refused", "the server requires an encrypted connection", _ENCRYPT),
    14: _Meaning("access-refused", "the login needs more steps than this client supports"),
    16: _Meaning("changed-meanwhile", "a value to be deleted is not there any more"),
    17: _Meaning("storage-failed", "the server's schema lacks an attribute: it is missing or outdated", _SCHEMA),
    18: _Meaning("storage-failed", "the server's schema cannot compare an attribute", _SCHEMA),
    19: _Meaning("constraint-violated", "the server refused a value because of its own rules"),
    20: _Meaning("changed-meanwhile", "a value to be added is there already"),
    21: _Meaning("invalid-value", "the server's schema does not accept a value"),
    32: _Meaning("no-such-object", "there is no such entry"),
    33: _Meaning("storage-failed", "the entry is a broken alias"),
    34: _Meaning("usage", "the server does not accept the DN"),
    36: _Meaning("storage-failed", "the entry is an alias"),
    48: _Meaning("access-refused", "the server does not allow this user or login mechanism", _LOGIN_FIRST),
    49: _Meaning("access-refused", "the server refused the login: the bind DN or the password is wrong", _LOGIN),
    50: _Meaning("access-refused", "the user has no right to do this", _RIGHTS),
    51: _Meaning("cannot-connect", "the server is busy", "try again later"),
    52: _Meaning("cannot-connect", "the server is not available now", "try again later"),
    53: _Meaning("access-refused", "the server refuses to do this", _READ_ONLY),
    54: _Meaning("storage-failed", "the server detected a loop"),
    64: _Meaning("constraint-violated", "the name of an entry cannot be changed this way", "rename the entry"),
    65: _Meaning("storage-failed", "the server's schema does not allow the entry as it would be", _CLASH),
    66: _Meaning("object-in-use", "the entry cannot be deleted: it has entries below it", "delete those first"),
    67: _Meaning("constraint-violated", "the name of an entry cannot be changed this way", "rename the entry"),
    68: _Meaning("object-exists", "the entry already exists"),
    69: _Meaning("storage-failed", "the server does not let an entry change its object class"),
    71: _Meaning("storage-failed", "the change concerns several servers at once"),
    123: _Meaning("access-refused", "the server does not let this user act for others", _PROXY),
    80: _Meaning("storage-failed", "the server reported an unspecified error", "see the server's log"),
    122: _Meaning("changed-meanwhile", "someone else has changed it", "read the object again and repeat the change"),
}
_NO_CLASS: Final = _Meaning("storage-failed", "the server's schema lacks an object class", _SCHEMA)
_UNWILLING: Final = _Meaning("constraint-violated", "the server refuses this change", _REFUSED)
"""53, said about a change: a rule of the server, a plug-in, or a database that is read-only."""
_OTHER: Final = _Meaning("storage-failed", "the server refused the request")
_COLLISIONS: Final = frozenset((16, 19, 20, 65, 122))
_STALE: Final = {
    16: "a value to be deleted is not there any more",
    20: "a value to be added is there already",
    122: "the values to be replaced are not there any more",
}


def error_for_result(result: LdapResult, what: str, origin: str = "") -> ConfobjectsError:
    """Return the error for a result. ``what`` describes what was tried."""
    meaning = _MEANINGS.get(result.code, _OTHER)
    if result.code == 21 and result.text.lower().startswith("objectclass"):
        meaning = _NO_CLASS  # slapd's answer to an unknown object class
    return _make_error(meaning.code, f"{what}: {meaning.summary}", result, meaning.remedy, origin)


def _make_error(code: str, summary: str, result: LdapResult, remedy: Remedy, origin: str) -> ConfobjectsError:
    problem = Diagnostic(code, summary, detail=result.answer_text, remedy=remedy, origin=origin)
    return CODES[code](problem)


def has_collided(change: Change, result: LdapResult) -> bool:
    """Tell whether a modification failed because someone else changed the entry first.

    The codes 16, 20 and 122 mean a stale value. A first revision that collides with another writer's gives 19 or 65, and
    the text names the attribute.
    """
    if not isinstance(change, ModifyEntry) or result.code not in _COLLISIONS:
        return False
    if result.code in _STALE:
        return True
    added = {m.attribute.lower() for m in change.modifications if m.kind == "add" and len(m.values) == 1}
    return any(name in result.text.lower() for name in added if f"{name}-" not in result.text.lower()) and (
        "single" in result.text.lower() or "multiple" in result.text.lower()
    )


def error_for_change(change: Change, result: LdapResult, origin: str = "") -> ConfobjectsError:
    """Return the error for a change that a server refused, with the same message as the other storages."""
    if isinstance(change, ModifyEntry) and has_collided(change, result):
        stale = _STALE.get(result.code, _STALE[20])
        summary = f'the entry "{change.dn}" was changed by someone else meanwhile: {stale}'
        return _make_error("changed-meanwhile", summary, result, "read the object again and repeat the change", origin)
    dn = target_of(change)
    if result.code == 68:
        return _make_error("object-exists", f'the entry "{dn}" already exists', result, "", origin)
    if result.code == NO_SUCH_OBJECT:
        remedy = "create that entry first, or correct the DN" if isinstance(change, AddEntry) else ""
        return _make_error("no-such-object", _describe_missing(change, dn), result, remedy, origin)
    if result.code in (64, 67):
        attribute = dn.rdns[0][0][0]
        summary = f'the attribute {attribute} of the entry "{dn}" must contain the value in the name'
        return _make_error("constraint-violated", summary, result, "to change the name, rename the entry", origin)
    what = f'the entry "{dn}" {_DOING[type(change)]}'
    if result.code == UNWILLING:
        return _make_error(_UNWILLING.code, f"{what}: {_UNWILLING.summary}", result, _UNWILLING.remedy, origin)
    return error_for_result(result, what, origin)


_DOING: Final = {
    AddEntry: "was not added",
    ModifyEntry: "was not changed",
    DeleteEntry: "was not deleted",
    RenameEntry: "was not renamed",
}


def target_of(change: Change) -> DN:
    """Return the DN of the entry that a change creates or affects."""
    if isinstance(change, AddEntry):
        return change.entry.dn
    return change.new_dn if isinstance(change, RenameEntry) else change.dn


def _describe_missing(change: Change, dn: DN) -> str:
    if isinstance(change, AddEntry):
        return f'the parent of "{dn}" does not exist: "{dn.parent}"'
    return f'there is no entry "{dn}"'
