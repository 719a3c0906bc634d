"""Every kind of object of OpenDJ's family, and the words that make and change an object of it, for either command.

The kinds and their properties come from the family. Values come from the syntax of a property; a few have to be those of
things that exist, and these are in the tables here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from confobjects.cli.words.names import option_of
from confobjects.definitions import ManagedObjectDefinition, PropertyDefinition, Registry, Relation
from confobjects.definitions.model import HOLDER_KIND, ROOT_NAME
from confobjects.management import ManagementContext
from confobjects.mapping.objects import Mapper
from confobjects.syntaxes import ValueSyntaxError
from tests.cli.sessions import Outcome

Command = Callable[..., Outcome]

_CHOSEN: Final = os.environ.get("OPENDJ_KINDS") or ("" if os.environ.get("CONFOBJECTS_INTEROP") == "all" else None)

NAMES: Final[Mapping[str, str]] = {
    "attribute": "description",
    "base-path": "/oracle",
    "debug-scope": "org.opends.server.core",
}
"""What objects are called whose name means something, by the property that it is; all others are called after their type."""
PARENTS: Final[Mapping[str, Sequence[str]]] = {
    "access-log-filtering-criteria": ("File-Based Access Logger",),
    "backend-index": ("userRoot",),
    "backend-vlv-index": ("userRoot",),
    "debug-target": ("File-Based Debug Logger",),
    "external-changelog-domain": ("Multimaster Synchronization", "ours generic"),
    "replication-domain": ("Multimaster Synchronization",),
    "replication-server": ("Multimaster Synchronization",),
}
"""The names of the objects above, for kinds below an object with a name."""
TEXTS: Final[Mapping[str, Sequence[str]]] = {
    "aci": ('(targetattr="*")(version 3.0; acl "oracle"; allow (read) userdn="ldap:///self";)',),
    "attribute-type": ("description", "mail"),
    "dn": ("ou=oracle,dc=example,dc=com", "ou=other,dc=example,dc=com"),
    "duration": ("90 s", "45 m", "2 d", "1500 ms", "2 ms", "1 w"),
    "ip-address": ("127.0.0.1", "127.0.0.2"),
    "ip-address-mask": ("192.0.2.0/24", "198.51.100.7"),
    "integer": ("7", "3", "50", "2000", "1", "4000000"),
    "password": ("canary 3Q", "canary 4R"),
    "size": ("64 mb", "3 gb", "100 kb", "512 b", "7 b"),
    "string": (
        "oracle",
        "other",
        "0700",
        "750",
        "1200",
        "localhost:1636",
        "ldap://localhost:1389",
        "localhost:8989",
        "one:two",
        "1:abc",
        "abc:3",
        "(objectClass=*)",
        "oracle@example.com",
        "-1",
        "1.2.840.113549.1.9.1:mail",
    ),
}
"""Values of each syntax without choices of its own."""
PLACES: Final[Mapping[str, Sequence[str]]] = {
    "access-token-directory": ("config", "logs"),
    "base-dn": ("ou=oracle,dc=example,dc=com", "ou=other,dc=example,dc=com"),
    "cache-level": ("7", "8"),
    "check-references-filter-criteria": ("member:(objectClass=person)",),
    "cipher-key-length": ("192", "256"),
    "cipher-transformation": ("AES/CFB/NoPadding",),
    "config-directory": ("config/rest2ldap/endpoints/api", "config/rest2ldap/endpoints/other"),
    "digest-algorithm": ("SHA-512", "SHA-384"),
    "exclude-filter": ("(objectClass=person)", "(objectClass=group)"),
    "filter": ("(objectClass=person)", "(objectClass=group)"),
    "fractional-exclude": ("*:description",),
    "fractional-include": ("*:description",),
    "index-extensible-matching-rule": ("1.3.6.1.4.1.42.2.27.9.4.49.1.3", "fr.eq"),
    "include-filter": ("(objectClass=person)", "(objectClass=group)"),
    "index-type": ("equality", "presence", "substring"),
    "key-wrapping-transformation": ("RSA/ECB/PKCS1Padding",),
    "last-login-time-format": ("yyyyMMdd", "yyyyMMddHHmm"),
    "previous-last-login-time-format": ("yyyyMMdd", "yyyyMMddHHmm"),
    "log-file": ("logs/oracle", "logs/other"),
    "mac-algorithm": ("HmacSHA512", "HmacSHA1"),
    "mac-key-length": ("256", "512"),
    "max-password-age": ("30 d", "60 d"),
    "min-password-age": ("1 h", "2 h"),
    "mapped-search-filter-template": ("(uid=%s)",),
    "password-attribute": ("userPassword", "authPassword"),
    "primary-remote-ldap-server": ("localhost:1636", "localhost:2636"),
    "replication-port": ("58989", "58990"),
    "replication-server": ("localhost:8989", "localhost:9989"),
    "require-change-by-time": ("20270101000000Z",),
    "secondary-remote-ldap-server": ("localhost:1636", "localhost:2636"),
    "sort-order": ("+cn", "-cn +sn"),
}
"""Values of properties that the server looks at, by their names: what exists there, and what it parses."""
EXCLUDED: Final = frozenset(("fractional-include",))
"""Properties that are not changed, because they exclude another one, which is."""
EXTRA: Final[Mapping[str, Mapping[str, str]]] = {
    "http-authorization-mechanism http-oauth2-file-authorization-mechanism": {"access-token-directory": "config"},
    "password-validator character-set": {"character-set": "1:abc"},
}
"""Further values without which an object cannot be, by kind: a constraint demands them, or the default is not there."""


class Kind(NamedTuple):
    """A concrete kind: its relation, its type there, and its definition."""

    relation: Relation
    type: str
    definition: ManagedObjectDefinition

    @property
    def title(self) -> str:
        return f"{self.relation.name} {self.type}"

    @property
    def is_made(self) -> bool:
        """Whether objects of it are created and deleted."""
        return self.relation.kind != "singleton" and not self.relation.hidden


def find_kinds(registry: Registry) -> list[Kind]:
    """Return the concrete kinds of a family."""
    relations = sorted(registry.relations().values(), key=lambda one: one.name)
    return [
        Kind(relation, short, definition)
        for relation in relations
        if relation.name != HOLDER_KIND
        for short, definition in registry.types_of(relation).items()
    ]


def choose(kinds: Iterable[Kind]) -> list[Kind]:
    """Return the kinds to play: of each relation the one with the most properties; ``make interop`` plays all.

    ``OPENDJ_KINDS`` names others: those in whose title its regular expression is found.
    """
    if _CHOSEN is not None:
        return [kind for kind in kinds if re.search(_CHOSEN, kind.title)]
    richest: dict[str, Kind] = {}
    for kind in kinds:
        other = richest.setdefault(kind.relation.name, kind)
        if len(kind.definition.properties) > len(other.definition.properties):
            richest[kind.relation.name] = kind
    return list(richest.values())


class Oracle:
    """What is said to either command about objects of the kinds of a server's family."""

    def __init__(self, ctx: ManagementContext) -> None:
        self.registry = ctx.registry
        self._mapper = Mapper(ctx.registry, ctx.storage.base)
        self._targets = {name: list(_find_enabled(ctx, name)) for name in ctx.registry.relations()}

    def names_of(self, kind: Kind, maker: str) -> tuple[str, ...]:
        """Return the names of the object of a kind that somebody makes and of those above it, the outermost first."""
        above = tuple(PARENTS.get(kind.relation.name, ()))
        return (
            (*above, NAMES.get(kind.relation.naming_property, f"{maker} {kind.type}")) if kind.relation.named else above
        )

    def words_of(self, kind: Kind, maker: str) -> tuple[str, ...]:
        """Return the options that name such an object."""
        pairs = zip(self._list_named(kind), self.names_of(kind, maker), strict=True)
        return tuple(word for one, name in pairs for word in (option_of(one), name))

    def _list_named(self, kind: Kind) -> list[Relation]:
        return [one for one in self.registry.lineage(kind.relation) if one.named]

    def dn_of(self, kind: Kind, maker: str) -> str:
        """Return the DN of the entry of such an object."""
        return str(self._mapper.dn_of(self.registry.path_of(kind.relation.name, self.names_of(kind, maker))))

    def type_words(self, kind: Kind) -> tuple[str, ...]:
        """Return the option that names the type, where there are several."""
        return ("--type", kind.type) if len(self.registry.types_of(kind.relation)) > 1 else ()

    def mandatory_words(self, kind: Kind) -> list[str]:
        """Return the values without which an object of a kind cannot be created."""
        values = {prop.name: self.values_of(kind, prop)[0] for prop in _list_own(kind) if is_needed(prop)}
        return [word for name, text in {**values, **EXTRA.get(kind.title, {})}.items() for word in _set(name, text)]

    def find_changes(self, kind: Kind, before: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
        """Return other values than before for each property that can be changed; two of those that take several.

        Whether the object is enabled stays: many cannot work here. Of a class, or an object to refer to, there may be no other.
        """
        found: dict[str, list[str]] = {}
        for prop in _list_settable(kind):
            now = normalise(prop, before.get(prop.name, prop.default.values))
            others = [text for text in self.values_of(kind, prop) if not normalise(prop, [text]) <= now]
            if prop.name not in {"enabled", *EXCLUDED} and (
                others or (prop.reference is None and prop.syntax.name != "class-name")
            ):
                assert others, f"{prop.name} needs another value than {now}"
                found[prop.name] = others[: 2 if prop.multi_valued else 1]
        return found

    def values_of(self, kind: Kind, prop: PropertyDefinition) -> list[str]:
        """Return valid values of a property, the preferred first."""
        return list(dict.fromkeys(text for text in self._propose(kind, prop) if _fits(prop, text)))

    def _propose(self, kind: Kind, prop: PropertyDefinition) -> Iterator[str]:
        if prop.name in PLACES:
            yield from PLACES[prop.name]
        elif prop.reference is not None:
            yield from self._targets[prop.reference.relation]
        elif prop.syntax.name == "class-name":
            types = self.registry.concrete_types(kind.definition.top)
            yield from (text for one in types for text in one.properties[prop.name].default.values)
        elif choices := prop.syntax.choices():
            yield from sorted(text for text, _ in choices)
        else:
            yield from TEXTS[prop.syntax.name]


def normalise(prop: PropertyDefinition, texts: Iterable[str]) -> frozenset[Hashable]:
    """Return the values that some texts are, in whatever way and order they are written."""
    return frozenset(map(prop.syntax.normal_form, texts))


def set_words(values: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the options that set properties."""
    return [word for name, texts in values.items() for text in texts for word in _set(name, text)]


def restore_words(names: Iterable[str], before: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the options that put properties back to what they were."""
    words = set_words({name: before[name] for name in names if name in before})
    return [*words, *(word for name in names if name not in before for word in ("--reset", name))]


def reset_words(kind: Kind, names: Iterable[str]) -> list[str]:
    """Return the options that reset those of some properties that need no value."""
    needed = {prop.name for prop in _list_settable(kind) if is_needed(prop)} | EXTRA.get(kind.title, {}).keys()
    return [word for name in names if name not in needed for word in ("--reset", name)]


def _set(name: str, text: str) -> tuple[str, str]:
    return ("--set", f"{name}:{text}")


def is_needed(prop: PropertyDefinition) -> bool:
    """Tell whether a property has to be given a value."""
    return prop.mandatory and not prop.default.always_gives_value()


def _list_own(kind: Kind) -> list[PropertyDefinition]:
    """Return the properties that a new object may be given: all but its name."""
    naming = kind.relation.naming_property
    return [prop for prop in kind.definition.properties.values() if prop.name != naming]


def _list_settable(kind: Kind) -> list[PropertyDefinition]:
    return [prop for prop in _list_own(kind) if not prop.read_only]


def _find_enabled(ctx: ManagementContext, name: str) -> Iterator[str]:
    """Yield the names of the objects of a relation at the top that are enabled, or that are always."""
    relation = ctx.registry.relation(name)
    if relation.named and relation.parent == ROOT_NAME:
        yield from (obj.path.name or "" for obj in ctx.list(name) if obj.values.get("enabled", ("true",)) == ("true",))


def _fits(prop: PropertyDefinition, text: str) -> bool:
    try:
        prop.syntax.parse(text)
    except ValueSyntaxError:
        return False
    return True
