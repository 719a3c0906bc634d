"""The grammar of OpenDJ's XML definitions: which elements and attributes stand where.

A word that is not in the grammar may change what a definition means, so it is refused, with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from confobjects.conversion.xml_tree import Element
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import DefinitionError
from confobjects.records import Record

_NAMESPACE: Final = "http://opendj.forgerock.org/"
_PREFIXES: Final = {"admin": "", "admin-ldap": "ldap:", "admin-cli": "cli:"}


class Rule(Record):
    """What may stand in an element: elements, attributes, and how many elements there have to be.

    ``needs`` are the elements and attributes without which it says nothing. ``takes_text`` is true where text may stand.
    """

    elements: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    takes_text: bool = False
    least: int = 0
    most: int | None = None


def _rule(elements: str = "", attributes: str = "", *, needs: str = "", **more: Any) -> Rule:
    """Return a rule; elements, attributes and needs are words with blanks between them."""
    return Rule(*(frozenset(words.split()) for words in (elements, attributes, needs)), **more)  # type: ignore[arg-type]


_NOTE: Final = "to-do".replace("-", "").upper()
"""An element in which authors remind themselves of something."""
_CONDITIONS: Final = "and or not implies contains is-present"
_NAMES_IN_TEXT: Final = "product-name user-friendly-name user-friendly-plural-name"
_PROPERTY_FLAGS: Final = "name advanced hidden mandatory multi-valued read-only monitoring"
_TEXT: Final = _rule(_NAMES_IN_TEXT, takes_text=True)
_PLAIN: Final = _rule(takes_text=True)
_EMPTY: Final = _rule()
_ONE_CONDITION: Final = _rule(_CONDITIONS, least=1, most=1)
_SEVERAL_CONDITIONS: Final = _rule(_CONDITIONS, least=1)

RULES: Final[Mapping[str, Rule]] = {
    "managed-object": _rule(
        f"{_NOTE} synopsis description user-friendly-name user-friendly-plural-name tag constraint profile relation property "
        "property-override property-reference",
        "name plural-name package extends parent-package abstract advanced hidden",
        needs="name plural-name synopsis",
    ),
    "root-managed-object": _rule("synopsis description product-name tag-definition relation"),
    "package": _rule("synopsis description property", "name"),
    "tag-definition": _rule("synopsis", "name", needs="name synopsis"),
    "tag": _rule("", "name", needs="name"),
    "property": _rule(
        f"{_NOTE} synopsis description requires-admin-action default-behavior syntax profile",
        _PROPERTY_FLAGS,
        needs="name synopsis syntax",
    ),
    "property-override": _rule(
        f"{_NOTE} synopsis description requires-admin-action default-behavior syntax profile",
        _PROPERTY_FLAGS,
        needs="name",
    ),
    "property-reference": _rule("requires-admin-action default-behavior", "name", needs="name"),
    "requires-admin-action": _rule("none component-restart server-restart other", least=1, most=1),
    "none": _rule("synopsis"),
    "component-restart": _rule("synopsis"),
    "server-restart": _rule("synopsis"),
    "other": _rule("synopsis", needs="synopsis"),
    "default-behavior": _rule("defined undefined alias inherited", least=1, most=1),
    "defined": _rule("value", least=1),
    "undefined": _EMPTY,
    "alias": _rule("synopsis", needs="synopsis"),
    "inherited": _rule("relative absolute", least=1, most=1),
    "relative": _rule(
        "", "property-name offset managed-object-name managed-object-package", needs="property-name offset"
    ),
    "absolute": _rule("", "property-name path", needs="property-name path"),
    "syntax": _rule(
        "aci aggregation attribute-type boolean dn duration enumeration integer ip-address ip-address-mask java-class oid "
        "password size string",
        least=1,
        most=1,
    ),
    "aci": _EMPTY,
    "attribute-type": _EMPTY,
    "boolean": _EMPTY,
    "ip-address": _EMPTY,
    "ip-address-mask": _EMPTY,
    "oid": _EMPTY,
    "password": _EMPTY,
    "dn": _rule("", "base"),
    "integer": _rule("unit-synopsis", "lower-limit upper-limit allow-unlimited"),
    "duration": _rule("", "base-unit maximum-unit lower-limit upper-limit allow-unlimited"),
    "size": _rule("", "lower-limit upper-limit allow-unlimited"),
    "string": _rule("pattern", "case-insensitive"),
    "pattern": _rule("regex usage synopsis", needs="regex usage synopsis"),
    "enumeration": _rule("value", least=1),
    "java-class": _rule("instance-of"),
    "aggregation": _rule("constraint", "relation-name parent-path", needs="relation-name parent-path"),
    "relation": _rule(
        f"{_NOTE} synopsis description user-friendly-name user-friendly-plural-name one-to-many one-to-one one-to-zero-or-one "
        "profile",
        "name managed-object-name managed-object-package hidden advanced",
        needs="name",
    ),
    "one-to-many": _rule("default-managed-object", "naming-property plural-name unique"),
    "one-to-one": _EMPTY,
    "one-to-zero-or-one": _EMPTY,
    "default-managed-object": _rule("property", "name managed-object-name managed-object-package", needs="name"),
    "default-managed-object/property": _rule("value", "name", needs="name", least=1),
    "enumeration/value": _rule("synopsis", "name", needs="name"),
    "value": _PLAIN,
    "constraint": _rule("synopsis condition", needs="synopsis condition"),
    "aggregation/constraint": _rule("synopsis target-needs-enabling-condition target-is-enabled-condition"),
    "condition": _ONE_CONDITION,
    "target-needs-enabling-condition": _ONE_CONDITION,
    "target-is-enabled-condition": _ONE_CONDITION,
    "and": _SEVERAL_CONDITIONS,
    "or": _SEVERAL_CONDITIONS,
    "not": _ONE_CONDITION,
    "implies": _rule(_CONDITIONS, least=2, most=2),
    "contains": _rule("", "property value", needs="property value"),
    "is-present": _rule("", "property", needs="property"),
    "profile": _rule(
        "ldap:object-class ldap:attribute ldap:rdn-sequence ldap:naming-attribute cli:managed-object cli:relation",
        "name",
        needs="name",
    ),
    "ldap:object-class": _rule("ldap:name ldap:superior", needs="ldap:name"),
    "ldap:attribute": _rule("ldap:name", needs="ldap:name"),
    "ldap:name": _PLAIN,
    "ldap:superior": _PLAIN,
    "ldap:rdn-sequence": _PLAIN,
    "ldap:naming-attribute": _PLAIN,
    "cli:managed-object": _rule("", "custom"),
    "cli:relation": _rule("cli:default-property", "naming-argument-override"),
    "cli:default-property": _rule("", "name", needs="name"),
    "synopsis": _TEXT,
    "description": _TEXT,
    "unit-synopsis": _TEXT,
    "usage": _PLAIN,
    "regex": _PLAIN,
    "instance-of": _PLAIN,
    _NOTE: _TEXT,
    "product-name": _PLAIN,
    "user-friendly-name": _PLAIN,
    "user-friendly-plural-name": _PLAIN,
}
"""The rules by element; one that differs inside another element has that before it, with a slash."""
_FLAGS: Final = frozenset(
    [
        "abstract",
        "advanced",
        "hidden",
        "mandatory",
        "multi-valued",
        "read-only",
        "monitoring",
        "allow-unlimited",
        "case-insensitive",
        "custom",
        "unique",
    ]
)
_UNITS: Final = frozenset(["w", "d", "h", "m", "s", "ms"])
_TOPS: Final = ("managed-object", "root-managed-object", "package")


def check_grammar(top: Element) -> None:
    """Raise :class:`~confobjects.errors.DefinitionError` with everything that does not stand where it is."""
    name = name_of(top)
    if name not in _TOPS:
        known = ", ".join(_TOPS)
        raise top.refuse(f'no definition begins with the element "{name}"', f"the outermost element is one of: {known}")
    if problems := list(_find_problems(top, name)):
        raise DefinitionError(problems)


def name_of(element: Element) -> str:
    """Return the name of an element with the prefix of its namespace; a foreign namespace is a prefix of its own."""
    room = element.namespace.removeprefix(_NAMESPACE)
    return f"{_PREFIXES.get(room, f'{element.namespace}:')}{element.name}"


def _find_problems(element: Element, name: str) -> Iterable[Diagnostic]:
    rule = RULES.get(name) or RULES[name.rpartition("/")[2]]
    short = name.rpartition("/")[2]
    inside = [(one, name_of(one)) for one in element.content if isinstance(one, Element)]
    yield from _check_attributes(element, short, rule)
    for one, word in inside:
        if word not in rule.elements:
            yield one.place.refuse(
                f'the element "{word}" does not stand in "{short}"', suggest_name(word, rule.elements)
            )
        else:
            yield from _find_problems(one, f"{short}/{word}" if f"{short}/{word}" in RULES else word)
    there = {*element.attributes, *(word for _, word in inside)}
    for lacking in sorted(rule.needs - there):
        yield element.place.refuse(f'"{short}" lacks "{lacking}"')
    yield from _check_content(element, short, rule, len(inside))


def _check_attributes(element: Element, name: str, rule: Rule) -> Iterable[Diagnostic]:
    for key, value in element.attributes.items():
        if " " in key:
            continue  # of a namespace of its own, such as xsi:schemaLocation
        if key not in rule.attributes:
            yield element.place.refuse(f'"{name}" has no attribute "{key}"', suggest_name(key, rule.attributes))
        elif key in _FLAGS and value.strip() not in {"true", "false", "0", "1"}:
            yield element.place.refuse(f'{key} is true or false, not "{value}"')
        elif key.endswith("-unit") and value not in _UNITS:
            yield element.place.refuse(f'{key} is a unit of time, not "{value}"', "one of w, d, h, m, s, ms")


def _check_content(element: Element, name: str, rule: Rule, count: int) -> Iterable[Diagnostic]:
    has_text = any(isinstance(one, str) and one.strip() for one in element.content)
    if has_text and not rule.takes_text:
        yield element.place.refuse(f'no text stands in "{name}"')
    if count < rule.least or (rule.most is not None and count > rule.most):
        wanted = rule.least if rule.least == rule.most else f"{rule.least} or more"
        yield element.place.refuse(f'"{name}" takes {wanted} of: {", ".join(sorted(rule.elements))}')
    if name == "relation" and sum(word.startswith("one-to-") for word in map(name_of, element.elements())) != 1:
        yield element.place.refuse('"relation" takes one of: one-to-many, one-to-one, one-to-zero-or-one')
