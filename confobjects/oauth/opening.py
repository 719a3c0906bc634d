"""Sources of tokens for the providers of a configuration: each keeps its tokens beside the configuration.

Beside an LDIF file, that is a directory named after it (``config.ldif.tokens``). For a configuration in a directory server
it is one below the user's state directory (XDG Base Directory Specification), named by a digest of the URL. What is kept in
files is sealed with the keys that the environment names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from confobjects.oauth.places import token_directory
from confobjects.oauth.protocol.settings import read_settings
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore, MemoryTokenStore, TokenStore
from confobjects.sealing import open_sealer

_IN_MEMORY: Final = MemoryTokenStore()
"""The store of configurations that are only in memory."""


def open_store(url: str, environment: Mapping[str, str]) -> TokenStore:
    """Return the store for the tokens of the configuration at a URL. Nothing is made before the first token."""
    directory = token_directory(url, environment)
    return FileTokenStore(directory, lambda: open_sealer(environment)) if directory else _IN_MEMORY


def source_for(
    provider: Any, environment: Mapping[str, str], *, store: TokenStore | None = None, **options: Any
) -> ProviderTokens:
    """Return the source of tokens of a provider object, which keeps them in a store, by default the one in files.

    ``options`` go to :class:`ProviderTokens`. Raises Trouble of stage token if the object cannot be used.
    """
    url: str = getattr(provider, "storage_url", "")
    return ProviderTokens(read_settings(provider), store or open_store(url, environment), **options)
