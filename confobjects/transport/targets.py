"""Which addresses may be connected to in the name of people who may not decide that themselves. Pure: addresses come in.

Whoever may write where a mail server is could have this machine connect to anything that it reaches, and read the answers (server-side
request forgery). So it is judged what is really connected to: an address, after the name was resolved, and whatever the name
resolves to later.

Laws:

1. What hands out credentials of the machine, and what only the network itself uses, is never connected to, whoever names it.
2. Everything else is connected to at the ports of the purpose. This machine, and other ports, only if somebody who may has named the target.
3. An address that carries another one in it is judged as both: NAT64, 6to4, Teredo and the like reach the one inside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from confobjects.records import Record

MAIL_PORTS: Final = frozenset({25, 465, 587, 2525})
TOKEN_PORTS: Final = frozenset({443})

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER: Final = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # "this" network (RFC 1122, 3.2.1.3): Linux takes it for this machine
            "100.100.100.200/32",  # metadata of Alibaba Cloud
            "168.63.129.16/32",  # the platform of Azure
            "169.254.0.0/16",  # link-local (RFC 3927), and the metadata of most clouds
            "192.0.0.192/32",  # metadata of Oracle Cloud Classic
            "224.0.0.0/4",  # multicast (RFC 5771)
            "240.0.0.0/4",  # reserved, and broadcast (RFC 1112, 919)
            "::/128",  # unspecified
            "fd00:ec2::/32",  # metadata of AWS
            "fd20:ce::254/128",  # metadata of Google Cloud
            "fe80::/10",  # link-local (RFC 4291)
            "ff00::/8",  # multicast (RFC 4291)
        ),
    )
)

_EMBEDDING: Final = (
    ("::ffff:0:0/96", 12),  # mapped (RFC 4291, 2.5.5.2)
    ("::ffff:0:0:0/96", 12),  # translated (RFC 2765)
    ("::/96", 12),  # compatible (RFC 4291, 2.5.5.1)
    ("64:ff9b::/96", 12),  # NAT64 (RFC 6052)
    ("2002::/16", 2),  # 6to4 (RFC 3056)
    ("2001::/32", 4),  # the server of Teredo (RFC 4380); its client is below
)
"""Networks whose addresses carry an IPv4 address, and at which byte it begins."""
_WITHIN: Final = tuple((ipaddress.IPv6Network(network), at) for network, at in _EMBEDDING)
_TEREDO: Final = ipaddress.IPv6Network("2001::/32")
_LOCAL_NAT64: Final = ipaddress.IPv6Network("64:ff9b:1::/48")
"""For NAT64 in one's own way (RFC 8215): any of the layouts of RFC 6052 that fit."""
_LAYOUTS: Final = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12))
"""The bytes of the IPv4 address behind prefixes of 48, 56 and 64 bits (RFC 6052, 2.2); behind one of 96 bits it comes last."""
_ISATAP: Final = frozenset({b"\x00\x00\x5e\xfe", b"\x02\x00\x5e\xfe"})


class TargetRule(Record):
    """What may be connected to: at which ports, and which targets somebody has named, as lower-case names or addresses."""

    ports: frozenset[int] = MAIL_PORTS
    allowed: frozenset[tuple[str, int]] = frozenset()

    def names(self, host: str, port: int) -> bool:
        """Tell whether somebody has named a target by this host, a name or an address."""
        return (normalize_host(host), port) in self.allowed

    def judge(self, address: str, port: int, *, is_named: bool = False) -> str:
        """Return why an address is not connected to; empty if it is. ``is_named`` says that its name was named as a target."""
        forms = tuple(list_forms(address))
        if not forms:
            return "it is no address"
        if any(one in network for one in forms for network in _NEVER if one.version == network.version):
            return "this address is never connected to"
        if is_named or self.names(address, port):
            return ""
        if any(one.is_loopback for one in forms):
            return "it is this machine, and was not named as a target"
        return "" if port in self.ports else f"port {port} is none of its purpose, and was not named as a target"


def normalize_host(host: str) -> str:
    """Return a name or an address in the form that is compared."""
    plain = host.partition("%")[0].strip("[]").lower().removesuffix(".")
    try:
        found = ipaddress.ip_address(plain)
    except ValueError:
        return plain
    return str(getattr(found, "ipv4_mapped", None) or found)


def list_forms(text: str) -> Iterator[Address]:
    """Yield an address and those that it carries in it; nothing for what is no address."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        yield from map(ipaddress.IPv4Address, _list_embedded(address))


def _list_embedded(address: ipaddress.IPv6Address) -> Iterable[bytes]:
    packed = address.packed
    for network, at in _WITHIN:
        if address in network and not address.is_loopback:
            yield packed[at : at + 4]
    if address in _TEREDO:
        yield bytes(byte ^ 0xFF for byte in packed[12:])
    if address in _LOCAL_NAT64:
        yield from (bytes(packed[at] for at in layout) for layout in _LAYOUTS if packed[layout[0]])
        yield packed[12:]
    if packed[8:12] in _ISATAP:
        yield packed[12:]


__all__ = ["MAIL_PORTS", "TOKEN_PORTS", "TargetRule", "list_forms", "normalize_host"]
