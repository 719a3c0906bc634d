"""Sources of access tokens: where the providers of a configuration keep theirs, and a mailer that takes them from there.

Tokens stand in the ledger of the mail service if that is a PostgreSQL database, which several machines can share: then one of
them fetches a token for all. Otherwise they stand in files beside the configuration, of this machine. Whoever sends mail asks
here: two places for one provider would send a refresh token that the other place has replaced.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from confobjects.errors import UsageError
from confobjects.service.installed import require_installed
from confobjects.service.places import KIND, find_ledger_url, is_shared
from confobjects.startup import load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from confobjects.mail.plan import EffectiveObjectLike
    from confobjects.oauth.sources import ProviderTokens
    from confobjects.oauth.storing import TokenStore
    from confobjects.objects.effective import EffectiveConfiguration, EffectiveObject
    from confobjects.startup import Followed
    from confobjects.transport.mailer import Mailer
    from confobjects.transport.network import Network


def mailer(configuration: EffectiveConfiguration | Followed | str | None = None, *names: str, **options: Any) -> Mailer:
    """Return a mailer for the mail servers of a configuration. If its URL is given, the configuration is loaded.

    The named mail servers are tried in the given order; without names, all enabled ones are tried, sorted by name.
    ``options`` go to :class:`~confobjects.transport.mailer.Mailer`. Raises :class:`~confobjects.errors.MailError` of
    stage plan if there is no mail server or one cannot be used, and the errors of :func:`~confobjects.startup.load`.

    A mailer of a live configuration follows it: each message is sent by what is in effect when it begins. Named mail
    servers that are disabled, or not there yet, are left out; sending raises the MailError as long as none can be used.
    """
    from confobjects.objects.effective import EffectiveConfiguration
    from confobjects.transport.fleet import FollowedServers, servers_of
    from confobjects.transport.mailer import Mailer

    found = load(configuration) if configuration is None or isinstance(configuration, str) else configuration
    options.setdefault("tokens", find_tokens)
    if isinstance(found, EffectiveConfiguration):
        return Mailer(servers_of(found, names), **options)
    return Mailer(FollowedServers(lambda: found.configuration, names), **options)


def find_tokens(provider: EffectiveObjectLike, network: Network | None = None) -> ProviderTokens:
    """Return the source of access tokens of an OAuth 2.0 provider, as the mail service of its configuration keeps them.

    ``network`` is what requests for tokens may connect to, by default anything.
    Raises Trouble of stage token if the provider, or the place of its tokens, cannot be used.
    """
    from confobjects.oauth.http import make_post
    from confobjects.oauth.opening import source_for

    store = open_token_store(provider, os.environ)
    return source_for(provider, os.environ, store=store, post=make_post(network))


def open_token_store(provider: Any, environment: Mapping[str, str]) -> TokenStore:
    """Return the store for the tokens of an object's configuration. Nothing is made or opened before the first token.

    Raises Trouble of stage token if it is not known where the ledger is.
    """
    from confobjects.oauth.opening import open_store

    files = open_store(getattr(provider, "storage_url", ""), environment)
    service = provider.beside(KIND) if hasattr(provider, "beside") else None
    if service is None or not _is_shared(service, provider):
        return files
    try:
        require_installed()
    except UsageError as error:
        from confobjects.oauth.protocol.settings import trouble_with

        raise trouble_with(provider, "token-store-unusable", message=error.diagnostics[0].summary) from None
    return _make_ledger_store(service, environment, files)


def _is_shared(service: EffectiveObject, provider: EffectiveObject) -> bool:
    """Tell whether the ledger is a database that other machines may use, too. Raises Trouble if that is not known."""
    if problems := service.problems("ledger"):
        from confobjects.oauth.protocol.settings import trouble_with

        problem = problems[0]
        raise trouble_with(provider, "token-store-unusable", message=f"{service.path}, ledger: {problem.summary}")
    return is_shared(service["ledger"])


def _make_ledger_store(service: EffectiveObject, environment: Mapping[str, str], files: TokenStore) -> TokenStore:
    from confobjects.oauth.storing import FileTokenStore
    from confobjects.service.opening import open_ledger_of
    from confobjects.service.token_store import LedgerTokenStore

    before = files if isinstance(files, FileTokenStore) else None
    url = find_ledger_url(service, environment)
    return LedgerTokenStore(url, lambda: open_ledger_of(service, environment, unsealed=True), before)


__all__ = ["find_tokens", "mailer", "open_token_store"]
