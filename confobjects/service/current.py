"""What counts now for those who send: the settings of the mail service, and its senders."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Self

from confobjects.mail.senders import read_sender
from confobjects.records import Record
from confobjects.service.opening import KIND, SENDERS, read_settings
from confobjects.service.runner import Setting
from confobjects.service.senders import MailerSender
from confobjects.service.tokens import find_tokens
from confobjects.transport.fleet import FollowedServers
from confobjects.transport.mailer import Mailer
from confobjects.transport.network import Networks

if TYPE_CHECKING:
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.service.ledger import Ledger


class _Seen(Record):
    """A configuration, and the setting that it makes."""

    configuration: object
    setting: Setting


class CurrentSetting:
    """The setting of each moment. Thread-safe. A context manager: connections to mail servers are kept until it ends.

    ``read`` returns the configuration in effect: the same object until something has changed. Each enabled mail sender
    sends through its mail server, by what is in effect when a mail begins. Senders that go through one mail server share
    its connections. ``networks`` are what mail and requests for tokens may connect to. A sender that is not there, or disabled, is not in the setting.
    """

    def __init__(self, read: Callable[[], EffectiveConfiguration], networks: Networks | None = None) -> None:
        self._read = read
        self._networks = networks or Networks()
        self._lock = threading.Lock()
        self._mailers: dict[str, Mailer] = {}
        self._open = ExitStack()
        self._seen: _Seen | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def read(self) -> Setting:
        """Return what counts now."""
        configuration, seen = self._read(), self._seen
        if seen is not None and seen.configuration is configuration:
            return seen.setting
        with self._lock:
            configuration = self._read()
            self._seen = seen = _Seen(configuration, self._make_setting(configuration))
        return seen.setting

    def _make_setting(self, configuration: EffectiveConfiguration) -> Setting:
        found: list[EffectiveObject] = [one for one in configuration.of(SENDERS) if one["enabled"]]
        senders = {one.name: read_sender(one).server.name for one in found}
        for gone in self._mailers.keys() - senders.values():
            self._mailers.pop(gone).close()
        by_name = {name: MailerSender(self._find_mailer(server)) for name, server in senders.items()}
        return Setting(read_settings(configuration[KIND]), by_name)

    def _find_mailer(self, server: str) -> Mailer:
        found = self._mailers.get(server)
        if found is None:
            networks = self._networks
            tokens = partial(find_tokens, network=networks.tokens)
            found = Mailer(FollowedServers(self._read, (server,)), tokens=tokens, network=networks.mail)
            self._mailers[server] = self._open.enter_context(found)
        return found


def find_fingerprint(sender: EffectiveObject, ledger: Ledger) -> str:
    """Return the fingerprint of the configuration of a mail sender, as the runners of a ledger compare it."""
    mailer = Mailer(read_sender(sender).server, tokens=find_tokens)
    return ledger.standings.digest(MailerSender(mailer).description).hex()


__all__ = ["CurrentSetting", "find_fingerprint"]
