"""What an installed definition may not do.

Whoever writes the configuration can write a definition into it. So an installed definition is data: it names no code
that the process does not allow (:mod:`~confobjects.definitions.allowance`), and takes no name, branch, attribute or
class that belongs to this library or to a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.installed import DIGEST, TEXT
from confobjects.definitions.model import HOLDER_KIND, OWN_BRANCHES, REVISION_ATTRIBUTE, ROOT_NAME
from confobjects.definitions.reserved import RESERVED_NAMES
from confobjects.diagnostics import Diagnostic
from confobjects.dn import DN

_OWN_ATTRIBUTES: Final = frozenset({REVISION_ATTRIBUTE, f"ds-cfg-{TEXT}", f"ds-cfg-{DIGEST}"})
_OWN_CLASSES: Final = frozenset({"ds-cfg-branch", f"ds-cfg-{HOLDER_KIND}"})
_OWN_PREFIXES: Final = ("ds-cfg-follower", "ds-cfg-history", "ds-cfg-verification")
_NAMING: Final = frozenset({"cn", "dc", "o", "ou", "uid"})
_OF_SERVERS: Final = frozenset({"ds", "ns", "nsds5", "nsslapd", "ldap", "olc", "pwd", "sasl", "ssl"})
"""Prefixes of attributes that belong to servers; ``ds-cfg-`` is the only one of the family for objects."""
_PREFIXED: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)-[A-Za-z0-9-]+")


def check_manners(document: DefinitionDocument, name: str) -> Iterator[Diagnostic]:
    """Yield what an installed definition of the right shape may not do. ``name`` is that of its entry."""
    for pointer, summary, remedy in _find_liberties(document.data, name):
        yield Diagnostic("broken-definition", summary, origin=document.origin, pointer=pointer, remedy=remedy)


def _find_liberties(data: Any, name: str) -> Iterator[tuple[str, str, str]]:
    key = "package" if "package" in data else "name"
    if data[key].casefold() != name.casefold():
        yield f"/{key}", f'the entry is named "{name}", and the definition in it "{data[key]}"', "install it again"
    yield from _check_names(data)
    yield from _check_branch(data)
    for pointer, above in (
        ("/extends", data.get("extends")),
        ("/relation/parent", data.get("relation", {}).get("parent")),
    ):
        if above == HOLDER_KIND:
            yield pointer, f"{HOLDER_KIND} belongs to this library: nothing is added to it", "choose another kind"
    ldap = data.get("profile", {}).get("ldap", {})
    pointer = "/profile/ldap"
    if "object-class" in ldap:
        yield from _check_prefix(f"{pointer}/object-class", "class", ldap["object-class"], _OWN_CLASSES)
    if ldap.get("naming-attribute", "cn").lower() not in _NAMING:
        yield from _check_prefix(f"{pointer}/naming-attribute", "attribute", ldap["naming-attribute"], _OWN_ATTRIBUTES)
    for attribute in ldap.get("constants", {}):
        yield from _check_prefix(f"{pointer}/constants/{attribute}", "attribute", attribute, _OWN_ATTRIBUTES)
    for prop, spec in data.get("properties", {}).items():
        stated = spec.get("profile", {}).get("ldap", {}).get("attribute")
        attribute = stated or f"ds-cfg-{prop}"
        where = f"/properties/{prop}" + ("/profile/ldap/attribute" if stated else "")
        if attribute.lower() not in _NAMING:
            yield from _check_prefix(where, "attribute", attribute, _OWN_ATTRIBUTES)


def _check_names(data: Any) -> Iterator[tuple[str, str, str]]:
    if "package" in data:
        return
    relation = data.get("relation", {})
    stated = [
        ("/name", data["name"]),
        ("/relation/name", relation.get("name")),
        ("/relation/plural", relation.get("plural")),
    ]
    for pointer, word in stated:
        if word in RESERVED_NAMES:
            yield pointer, f'"{word}" is reserved: it is a command, or a word of an address', "choose another name"


def _check_branch(data: Any) -> Iterator[tuple[str, str, str]]:
    relation = data.get("relation")
    if relation is None or relation["parent"] != ROOT_NAME:
        return
    branch = relation.get("branch", "")
    if not branch and relation["kind"] in {"instantiable", "set"}:
        summary = "without a branch, an object could take the place of an entry of this library"
        yield "/relation", summary, "give it a branch of its own, for example cn=Services"
    try:
        rdns = DN.parse(branch).rdns if branch else ()
    except ValueError:
        return  # reported as a branch that is no DN
    if rdns and DN.of(rdns[-1]).normal in OWN_BRANCHES:
        yield "/relation/branch", f"the branch {branch} belongs to this library", "choose another branch"


def _check_prefix(pointer: str, what: str, name: str, own: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    key = name.lower()
    if key in own or key.startswith(_OWN_PREFIXES):
        yield pointer, f"the {what} {name} belongs to this library", "choose another name"
        return
    found = _PREFIXED.fullmatch(key)
    if not key.startswith("ds-cfg-") and (found is None or found[1] in _OF_SERVERS):
        summary = f"the {what} {name} begins neither with ds-cfg- nor with a prefix of its own"
        yield pointer, summary, f"for example ds-cfg-{key}"
