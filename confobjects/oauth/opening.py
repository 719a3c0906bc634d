"""Sources of tokens for the providers of a configuration: each keeps its tokens beside the configuration.

Beside an LDIF file, that is a directory named after it (``config.ldif.tokens``). For a configuration in a directory server
it is one below the user's state directory (XDG Base Directory Specification), named by a digest of the URL.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from confobjects.oauth.protocol.settings import read_settings
from confobjects.oauth.sources import ProviderTokens
from confobjects.oauth.storing import FileTokenStore, MemoryTokenStore, Sealing, TokenStore

_IN_MEMORY: Final = MemoryTokenStore()
"""The store of configurations that are only in memory."""


def token_directory(url: str, environment: Mapping[str, str]) -> str:
    """Return the directory for the tokens of the configuration at a URL, empty for one that is only in memory."""
    scheme, _, rest = url.partition(":")
    if scheme in ("", "memory"):
        return ""
    if scheme == "ldif":
        return f"{os.path.abspath(rest)}.tokens"
    stated = environment.get("XDG_STATE_HOME", "")
    home = environment.get("HOME", "")
    usual = os.path.join(home if os.path.isabs(home) else os.path.expanduser("~"), ".local", "state")
    above = stated if os.path.isabs(stated) else usual
    return os.path.join(above, "confobjects", "tokens", sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32])


def open_store(url: str, environment: Mapping[str, str], sealing: Sealing | None = None) -> TokenStore:
    """Return the store for the tokens of the configuration at a URL. Nothing is made before the first token."""
    directory = token_directory(url, environment)
    return FileTokenStore(directory, sealing) if directory else _IN_MEMORY


def source_for(
    provider: Any, environment: Mapping[str, str], sealing: Sealing | None = None, **options: Any
) -> ProviderTokens:
    """Return the source of tokens of a provider object. ``options`` go to :class:`ProviderTokens`.

    Raises Trouble of stage token if the object cannot be used.
    """
    url: str = getattr(provider, "storage_url", "")
    return ProviderTokens(read_settings(provider), open_store(url, environment, sealing), **options)
