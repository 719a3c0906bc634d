"""Which product a server is, from what its root DSE says of its vendor (RFC 3045)."""

from __future__ import annotations

import re
from typing import Final

from confobjects.records import Record

OPENDJ: Final = "opendj"
_TOLD: Final = {OPENDJ: re.compile(r"OpenDJ(?: Server)? +(\d+\.\d+\.\d+)")}
"""How the vendor version of a product reads. A row, and its reader in ``adding``, is what another product needs."""
OWN_BASES: Final = {OPENDJ: "cn=config"}
"""Where the servers of a product keep their own configuration."""


class Product(Record):
    """A product and its version; ``told`` is what the server says itself."""

    name: str
    version: str
    told: str = ""

    @property
    def family(self) -> str:
        """The name of the family of its definitions."""
        return f"{self.name}-{self.version}"


def find_product(vendor_version: str) -> Product | None:
    """Return the product that a server tells in ``vendorVersion``, None for any that has no families."""
    for name, pattern in _TOLD.items():
        if found := pattern.match(vendor_version):
            return Product(name, found[1], vendor_version)
    return None


def short_version(text: str) -> str:
    """Return the three numbers of a version, as names of families have them; empty for a text that is no version."""
    found = re.match(r"\d+\.\d+\.\d+", text)
    return found[0] if found else ""
