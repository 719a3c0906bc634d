"""The families room: definitions of another product, kept for all who manage one of its servers. IO.

For: finding, reading, writing and making families. May import: the floors below; making one imports the conversion room.
Must never know: storages of a configuration, commands.

Laws:

1. A family is one file in the user's data directory: JSON, with one definition in a line, named by product and version. It
   is written as a whole, readable by this user only, and read only if nobody else can write it.
2. The file says the digest of its definitions. One that does not fit is refused: a family is made again, not edited.
3. A family names no code but what this package registers.
"""

from __future__ import annotations

from confobjects.families.store import (
    Family,
    family_directory,
    find_family,
    find_family_path,
    list_families,
    remove_family,
    write_family,
)
from confobjects.families.vendors import Product, find_product

__all__ = [
    "Family",
    "Product",
    "family_directory",
    "find_family",
    "find_family_path",
    "find_product",
    "list_families",
    "remove_family",
    "write_family",
]
