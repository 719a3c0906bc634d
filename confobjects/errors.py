"""Every error of the library. Each class owns its code, its exit status and its HTTP status.

::

    ConfobjectsError                     70  our error unless a subclass says otherwise
    ├── UsageError                        2  the call or command line is wrong
    │   └── UnknownNameError              2  no such type, property, command
    ├── InvalidValueError                10  a value does not follow its syntax
    ├── ConstraintError                  11  valid alone, not together
    │   └── MissingMandatoryError        11
    ├── NoSuchObjectError                12
    ├── ObjectExistsError                13
    ├── ObjectInUseError                 14  other objects refer to it
    ├── CannotConnectError               20
    ├── AccessError                      21  credentials or rights
    ├── ChangedMeanwhileError            22  someone else wrote first
    ├── NotInEffectError                 23  the change is saved, and a follower does not have it in effect
    ├── NotAcceptedError                 24  the mail service does not take a mail
    ├── LedgerError                      25  the ledger of the mail service cannot be used
    ├── OAuthError                       27  no access token
    ├── UnhealthyError                   28  something is wrong with the mail service
    ├── ExpressionError                  30  an expression has no value
    ├── BrokenDataError                  31  what was read cannot be understood
    │   ├── DefinitionError              31
    │   └── StorageError                 31  the storage failed
    ├── MailError                     40-53  by the stage that failed
    └── CommandFailedError               60  a command of the user that was run has failed

Laws: an error carries :class:`~confobjects.diagnostics.Diagnostic` objects, at least one; faces print
those and exit with ``exit_code``; nothing else decides an exit status.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from confobjects.diagnostics import Collector, Diagnostic

DONE: Final = 0
DIFFERENCES: Final = 1
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


class ConfobjectsError(Exception):
    """Base of all errors; made from diagnostics, one diagnostic, or a sentence."""

    code: ClassVar[str] = "internal-error"
    exit_code: int = 70
    http_status: ClassVar[int] = 500

    def __init__(self, problems: Iterable[Diagnostic] | Diagnostic | str) -> None:
        if isinstance(problems, str):
            problems = Diagnostic(self.code, problems)
        if isinstance(problems, Diagnostic):
            problems = (problems,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(problems)
        super().__init__("\n".join(diagnostic.render() for diagnostic in self.diagnostics))


class UsageError(ConfobjectsError):
    """The call or the command line is wrong."""

    code = "usage"
    exit_code = 2
    http_status = 400


class UnknownNameError(UsageError):
    """There is no type, property or command of that name."""

    code = "unknown-name"


class InvalidValueError(ConfobjectsError):
    """A value does not follow the syntax of its property."""

    code = "invalid-value"
    exit_code = 10
    http_status = 422


class ConstraintError(ConfobjectsError):
    """Values that are valid one by one do not go together, or a reference is unusable."""

    code = "constraint-violated"
    exit_code = 11
    http_status = 422


class MissingMandatoryError(ConstraintError):
    """A mandatory property has no value."""

    code = "missing-mandatory"


class NoSuchObjectError(ConfobjectsError):
    """The named managed object does not exist."""

    code = "no-such-object"
    exit_code = 12
    http_status = 404


class ObjectExistsError(ConfobjectsError):
    """A managed object of that name exists already."""

    code = "object-exists"
    exit_code = 13
    http_status = 409


class ObjectInUseError(ConfobjectsError):
    """Other objects refer to the object that was to be deleted."""

    code = "object-in-use"
    exit_code = 14
    http_status = 409


class CannotConnectError(ConfobjectsError):
    """The storage cannot be reached."""

    code = "cannot-connect"
    exit_code = 20
    http_status = 503


class AccessError(ConfobjectsError):
    """The storage refused the credentials or the access."""

    code = "access-refused"
    exit_code = 21
    http_status = 403


class ChangedMeanwhileError(ConfobjectsError):
    """Someone else changed the object between our reading and our writing."""

    code = "changed-meanwhile"
    exit_code = 22
    http_status = 409


class NotInEffectError(ConfobjectsError):
    """The change is saved, but a follower does not have it in effect."""

    code = "not-in-effect"
    exit_code = 23
    http_status = 504


class NotAcceptedError(ConfobjectsError):
    """The mail service does not accept a mail."""

    code = "not-accepted"
    exit_code = 24
    http_status = 422


class LedgerError(ConfobjectsError):
    """The ledger of the mail service is unavailable."""

    code = "ledger-unavailable"
    exit_code = 25
    http_status = 503


class ExpressionError(ConfobjectsError):
    """A configuration expression has no value, or cannot be read."""

    code = "unresolved-expression"
    exit_code = 30
    http_status = 422


class BrokenDataError(ConfobjectsError):
    """A definition or stored data cannot be understood."""

    code = "broken-data"
    exit_code = 31
    http_status = 409


class DefinitionError(BrokenDataError):
    """A managed object definition is wrong."""

    code = "broken-definition"


class StorageError(BrokenDataError):
    """The storage failed to read or to write."""

    code = "storage-failed"
    http_status = 503


MAIL_STAGES: Final = {
    "resolve": 40,
    "connect": 41,
    "tls": 42,
    "banner": 43,
    "ehlo": 44,
    "starttls": 45,
    "auth": 46,
    "mail": 47,
    "rcpt": 48,
    "data": 49,
    "trust": 50,
    "plan": 51,
    "token": 52,
    "domain": 53,
}
"""Exit status of a mail that failed, by the stage it failed in."""


class MailError(ConfobjectsError):
    """Sending or testing mail failed; the code of the first diagnostic names the stage (``mail-auth``)."""

    code = "mail-plan"
    http_status = 502

    def __init__(self, problems: Iterable[Diagnostic] | Diagnostic | str) -> None:
        super().__init__(problems)
        self.stage: str = self.diagnostics[0].code.removeprefix("mail-")
        self.exit_code = MAIL_STAGES[self.stage]


class OAuthError(ConfobjectsError):
    """There is no access token: the OAuth 2.0 provider cannot be asked, or gives none."""

    code = "oauth-failed"
    exit_code = 27
    http_status = 502


class UnhealthyError(ConfobjectsError):
    """The mail service can be asked, and something is wrong with it."""

    code = "unhealthy"
    exit_code = 28
    http_status = 503


class CommandFailedError(ConfobjectsError):
    """A command of the user, which was to be run, failed."""

    code = "command-failed"
    exit_code = 60
    http_status = 502


def _subclasses(base: type[ConfobjectsError]) -> Iterable[type[ConfobjectsError]]:
    yield base
    for child in base.__subclasses__():
        yield from _subclasses(child)


CODES: Final[dict[str, type[ConfobjectsError]]] = {
    **{error.code: error for error in _subclasses(ConfobjectsError)},
    **{f"mail-{stage}": MailError for stage in MAIL_STAGES},
}
"""Every diagnostic code and the error it is raised as."""


def error_for(diagnostics: Iterable[Diagnostic]) -> ConfobjectsError:
    """Return the error to raise for some diagnostics: the class of the first one's code."""
    problems = tuple(diagnostics)
    return CODES[problems[0].code](problems)


def raise_if_errors(problems: Collector) -> None:
    """Raise one :class:`ConfobjectsError` that carries every error among some problems, if there is one."""
    if errors := problems.errors:
        raise error_for(errors)
