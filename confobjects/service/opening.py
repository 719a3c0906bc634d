"""From the mail service of a configuration to its settings, its sender, and its ledger.

What is given is the effective object: of a configuration that was loaded, or of a live one, where it is the object of now.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from confobjects.diagnostics import Diagnostic
from confobjects.errors import ConfobjectsError, LedgerError
from confobjects.service.databases import PATIENCE
from confobjects.service.ledger import Ledger, open_ledger
from confobjects.service.places import KIND, SQLITE, find_default_file, find_file, find_ledger_url
from confobjects.service.rules.settings import HOUR, MINUTE, SECOND, Settings
from confobjects.startup import SealingKeys, file_of
from confobjects.storage.own_files import account_name, give_to_owner, not_ours_error, open_own, open_own_directory
from confobjects.syntaxes.base import UNLIMITED

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveObject
    from confobjects.objects.protocols import Sealer

SENDERS: Final = "mail-sender"


def choose_sender(service: EffectiveObject) -> Any:
    """Return the mail sender that mail comes from, None if there is none: the own one if it is used, else the default."""
    own = service.reference("sender") if service["use-custom-sender"] else None
    return service.reference("default-sender") if own is None else own


def explain_sender(service: EffectiveObject) -> str:
    """Return why mail comes from the mail sender that :func:`choose_sender` returns, or from none."""
    own, default = service.reference("sender"), service.reference("default-sender")
    if own is not None and service["use-custom-sender"]:
        return "sender names it"
    why = "sender is not set" if own is None else "use-custom-sender is false"
    return f"default-sender names it, and {why}" if default is not None else f"{why}, and default-sender is not set"


def list_senders(service: EffectiveObject) -> tuple[str, ...]:
    """Return the names of the mail senders that mail may come from: first the one that it comes from, then the default."""
    found = (choose_sender(service), service.reference("default-sender"))
    return tuple(dict.fromkeys(one.name for one in found if one is not None))


def read_settings(service: EffectiveObject) -> Settings:
    """Return the settings of a mail service object, with durations in milliseconds."""
    sender = choose_sender(service)
    return Settings(
        sender=None if sender is None else sender.name,
        enabled=service["enabled"] is True,
        rate_limit=service["rate-limit"],
        recipient_limit=_read_limit(service["recipient-limit"]),
        recipient_window=service["recipient-window"] * MINUTE,
        limited_categories=frozenset(service["limited-category"]),
        suppress_after=_read_limit(service["suppress-after"]),
        retry=tuple(seconds * SECOND for seconds in sorted(service["retry"])),
        expire=service["expire"] * SECOND,
        retention=service["retention"] * HOUR,
    )


def _read_limit(value: Any) -> int | None:
    return None if value is UNLIMITED else int(value)


# -- the ledger --------------------------------------------------------------------------------------------------------


def has_ledger(service: EffectiveObject, environment: Mapping[str, str]) -> bool:
    """Tell whether there may be a ledger: a file that is there, or a database on a server, which only its server knows."""
    url = find_ledger_url(service, environment)
    return not url.startswith(SQLITE) or os.path.exists(find_file(url))


def open_ledger_of(
    service: EffectiveObject,
    environment: Mapping[str, str] | None = None,
    *,
    unsealed: bool = False,
    patience: float = PATIENCE,
) -> Ledger:
    """Open the ledger of a mail service object; make it, if there is none.

    It is sealed with the keys that the environment (by default that of the process) names. Without any, ``unsealed`` must
    say that addresses and texts may stand in it in clear. Raises UsageError, and LedgerError.
    """
    variables = os.environ if environment is None else environment
    url = find_ledger_url(service, variables)
    keys = SealingKeys(variables)
    sealer = None if _read_keys(keys) is None else _CurrentSealer(keys)
    if sealer is not None or unsealed:
        _make_room(service, variables)
        if url.startswith(SQLITE):
            _require_ours(find_file(url), file_of(service.storage_url))
    return open_ledger(url, sealer, unsealed=unsealed, patience=patience)


def _make_room(service: EffectiveObject, environment: Mapping[str, str]) -> None:
    """Make the default file, if it is wanted and not there: in a directory of ours, for the owner of the configuration."""
    if service["ledger"] is not None:
        return
    file = find_default_file(service, environment)
    beside = file_of(service.storage_url)
    try:
        if not beside:
            with open_own_directory(os.path.dirname(file), ""):
                pass
        if not os.path.lexists(file):
            with suppress(FileExistsError):
                _make_file(file, beside)
    except ConfobjectsError as error:
        raise _as_ledger_error(error) from None


def _require_ours(file: str, configuration: str) -> None:
    """Refuse a file that somebody else has put there, or that everybody may read: mails are written to it.

    It belongs to the user of the process, or to the owner of its directory or of the configuration file, for whom root may act.
    Raises LedgerError. The file is not opened: to close it would end SQLite's locks on it.
    """
    with suppress(OSError):  # what cannot be looked at cannot be opened
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _as_ledger_error(not_ours_error(file, "it is not a regular file"))
        others = (os.path.dirname(file), configuration) if configuration else (os.path.dirname(file),)
        if status.st_uid not in {os.geteuid(), *(os.stat(one).st_uid for one in others)}:
            reason, remedy = f"it belongs to user {account_name('pwd', status.st_uid)}", ""
        elif status.st_mode & 0o007:
            reason, remedy = "all users have rights to it", f"chmod o-rwx {file}"
            if os.path.islink(file):
                reason, remedy = f"it is a symbolic link, and all users have rights to {os.path.realpath(file)}", ""
        else:
            return
        raise _as_ledger_error(not_ours_error(file, reason, remedy))


def _make_file(file: str, beside: str) -> None:
    descriptor = open_own(file, os.O_RDWR | os.O_CREAT, beside, "make the ledger")
    try:
        if beside:
            give_to_owner(descriptor, beside)
    finally:
        os.close(descriptor)


class _CurrentSealer:
    """Seals with the keys of now: a rotation reaches a service that runs."""

    def __init__(self, keys: SealingKeys) -> None:
        self._keys = keys

    @property
    def key_id(self) -> str:
        """The identifier of the key that seals now. Raises LedgerError without keys."""
        return self._now().key_id

    def seal(self, plain: bytes, context: bytes) -> str:
        """Return bytes sealed for a context. Raises LedgerError without keys."""
        return self._now().seal(plain, context)

    def unseal(self, sealed: str, context: bytes) -> bytes:
        """Return what was sealed for a context. Raises ExpressionError, and LedgerError without keys."""
        return self._now().unseal(sealed, context)

    def _now(self) -> Sealer:
        found = _read_keys(self._keys)
        if found is None:
            raise LedgerError(Diagnostic("ledger-unavailable", "the keys that the ledger is sealed with are gone"))
        return found


def _read_keys(keys: SealingKeys) -> Sealer | None:
    try:
        return keys()
    except ConfobjectsError as error:
        raise _as_ledger_error(error) from None


def _as_ledger_error(error: ConfobjectsError) -> LedgerError:
    return LedgerError([one.replace(code="ledger-unavailable") for one in error.diagnostics])


__all__ = [
    "KIND",
    "SENDERS",
    "choose_sender",
    "explain_sender",
    "find_ledger_url",
    "has_ledger",
    "list_senders",
    "open_ledger_of",
    "read_settings",
]
