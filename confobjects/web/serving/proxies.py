"""What proxies in front say of a request: who made it, over which scheme, for which host. Pure.

Law: an X-Forwarded header counts only if a proxy that was named has sent the request, and only as far as such proxies have added
to it: the client is the last one that is no such proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from confobjects.records import Record
from confobjects.web.serving.listening import Network, is_among, plain_address

Scheme = Literal["http", "https"]


class Forwarded(Record):
    """What counts of a request: the address of the client, the scheme and the Host header that it used; empty for unknown."""

    client: str
    scheme: Scheme
    host: str


def read_forwarded(seen: Forwarded, headers: Sequence[tuple[bytes, bytes]], proxies: Sequence[Network]) -> Forwarded:
    """Return what counts of a request that was ``seen`` with some headers."""
    if not is_among(seen.client, proxies):
        return seen
    said = {name: _read_list(headers, name) for name in (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host")}
    scheme = said[b"x-forwarded-proto"][-1:]
    host = said[b"x-forwarded-host"][-1:]
    return Forwarded(
        _find_client(seen.client, said[b"x-forwarded-for"], proxies),
        cast("Scheme", scheme[0]) if scheme and scheme[0] in ("http", "https") else seen.scheme,
        host[0] if host else seen.host,
    )


def _read_list(headers: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    joined = b",".join(value for name, value in headers if name == wanted).decode("latin-1")
    return [item.strip() for item in joined.split(",") if item.strip()]


def _find_client(peer: str, said: Sequence[str], proxies: Sequence[Network]) -> str:
    """Return the last address that is no proxy; what is no address ends what is believed."""
    client = peer
    for text in reversed(said):
        address = plain_address(text.strip("[]"))
        if address is None:
            return client
        client = str(address)
        if not is_among(client, proxies):
            return client
    return client
