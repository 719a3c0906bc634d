"""The room of property syntaxes: how one value is written, read, compared, shown and described.

For: turning the text of a single value into a typed value and back, and describing what is allowed in words, in JSON
Schema and in LDAP terms. One class per syntax; the class owns everything about it.
May import: the floors below (``errors``, ``diagnostics``, ``paths``, ``dn``, ``texts``) and the standard library.
Must never know: properties, objects, storage, expressions, the environment, the clock, the network.

Laws:

1. A text becomes a typed value. A wrong text raises :class:`ValueSyntaxError` and nothing else.
2. ``parse(format(v)) == v``, and ``format(parse(t))`` is the canonical text: formatting it again changes nothing.
3. Equal values have equal normal forms. ``normal`` never raises, because stored text may be broken or an expression.
4. No message repeats the value of a sensitive syntax.
5. A cold start loads only the modules of the syntaxes in use: the registry holds names, not classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from confobjects.syntaxes.base import (
    UNLIMITED,
    LdapSyntax,
    Syntax,
    SyntaxParameterError,
    UnknownSyntaxError,
    Unlimited,
    ValueSyntaxError,
)

if TYPE_CHECKING:
    from confobjects.syntaxes.hosts import HostPort
    from confobjects.syntaxes.text import NameValue

__all__ = [
    "REGISTRY",
    "UNLIMITED",
    "HostPort",
    "LdapSyntax",
    "NameValue",
    "Syntax",
    "SyntaxParameterError",
    "UnknownSyntaxError",
    "Unlimited",
    "ValueSyntaxError",
    "make_syntax",
]

_CLASSES = {
    "aci": "directory:Aci",
    "aggregation": "text:Aggregation",
    "attribute-type": "directory:AttributeType",
    "boolean": "words:Boolean",
    "class-name": "classname:ClassName",
    "dn": "directory:Dn",
    "duration": "durations:Duration",
    "enumeration": "words:Enumeration",
    "host-port": "hosts:HostPortSyntax",
    "integer": "integers:Integer",
    "ip-address": "hosts:IpAddress",
    "ip-address-mask": "masks:IpAddressMask",
    "mail-address": "mailaddress:MailAddress",
    "name-value": "text:NameValueSyntax",
    "oid": "directory:Oid",
    "password": "text:Password",
    "path": "text:Path",
    "size": "sizes:Size",
    "string": "text:String",
    "url": "urls:Url",
}
"""Every syntax, by its name in definitions: ``module:Class`` within this room. A new syntax is one line here."""


class _SyntaxRegistry(Mapping[str, type[Syntax]]):
    """Maps names to classes. A class is imported when it is looked up; the names need no import."""

    def __getitem__(self, name: str) -> type[Syntax]:
        module, _, class_name = _CLASSES[name].partition(":")
        found: type[Syntax] = getattr(import_module(f"{__name__}.{module}"), class_name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)

    def __contains__(self, name: object) -> bool:
        return name in _CLASSES


_VALUES = {"HostPort": "hosts", "NameValue": "text"}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return a value type. Its module is loaded on first use (PEP 562)."""
        if name not in _VALUES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_VALUES[name]}"), name)


REGISTRY: Mapping[str, type[Syntax]] = _SyntaxRegistry()
"""Every syntax class by name, sorted by name, loaded on demand."""


def make_syntax(spec: str | Mapping[str, Any]) -> Syntax:
    """Return the syntax that a definition asks for: a name, or an object whose ``type`` is the name.

    Raises :class:`UnknownSyntaxError` for an unknown name and :class:`SyntaxParameterError` for unknown,
    missing or contradictory parameters.
    """
    if isinstance(spec, str):
        name: object = spec
        parameters: Mapping[str, Any] = {}
    else:
        name = spec.get("type")
        parameters = {key: value for key, value in spec.items() if key != "type"}
    if not isinstance(name, str) or name not in _CLASSES:
        raise UnknownSyntaxError(name, _CLASSES)
    return REGISTRY[name].from_json(parameters)
