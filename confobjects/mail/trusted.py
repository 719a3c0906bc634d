"""A trust manager provider for one certificate in a file: what it is called, where the file is, and its values."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from confobjects.mail.setup import TRUST
from confobjects.texts.names import normal_name

TRUST_KIND: Final = TRUST
FILE_TYPE: Final = "file-based"
DIRECTORY: Final = "trusted"
"""The directory beside a configuration that holds the certificates which somebody chose to trust."""

_LONGEST: Final = 40


def name_file(server: str, sha256: str) -> str:
    """Return the name of the file of a certificate. It names the content, so that a file never has to be changed."""
    short = re.sub(r"[^a-z0-9]+", "-", server.lower())[:_LONGEST].strip("-")
    return f"{short or 'server'}-{sha256[:16]}.pem"


def name_provider(server: str, taken: Collection[str]) -> str:
    """Return a name for the provider that no other one has."""
    known = {normal_name(name) for name in taken}
    name, number = f"certificate of {server}", 1
    while normal_name(name) in known:
        number += 1
        name = f"certificate of {server} {number}"
    return name


def provider_values(path: str) -> Mapping[str, tuple[str, ...]]:
    """Return the values of a provider that trusts what is in a PEM file."""
    return {"enabled": ("true",), "trust-store-file": (path,), "trust-store-type": ("PEM",)}
