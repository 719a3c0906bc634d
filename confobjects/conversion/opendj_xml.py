"""The XML that OpenDJ's definitions are written in, as facts for :mod:`~confobjects.conversion.opendj`.

One file describes one kind (``managed-object``), the relations at the top (``root-managed-object``), or properties that
kinds share (``package``). The source is the grammar of the server's own schemas, and what its build makes of it:

- A reference to a shared property, and an override, is the whole property again, with other defaults or actions. An override
  changes nothing else but ``advanced``: the server's build ignores the rest, and so does this.
- Without a default a property has none; without an action it needs none; lower limits are 0, the base unit is a second.
- ``user-friendly-name`` in a text is the name of the kind that the text is shown for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from confobjects.conversion import xml_tree
from confobjects.conversion.grammar import check_grammar
from confobjects.conversion.xml_tree import Element
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.errors import DefinitionError
from confobjects.syntaxes import ValueSyntaxError, make_syntax

Places = dict[str, Element]
"""Where a kind, or a property of it (``kind/property``), stands in the files."""
_Sources = dict[str, tuple[Element, tuple[Element, ...]]]
"""Properties by name: where each is declared, and what changes it, the last change last."""
PRODUCT: Final = "OpenDJ"
_MOST_ANCESTORS: Final = 32
_UPPER: Final = frozenset(
    [
        "aes",
        "cas",
        "des",
        "dn",
        "dse",
        "fifo",
        "gssapi",
        "http",
        "https",
        "jdbc",
        "je",
        "jmx",
        "ldap",
        "ldif",
        "md5",
        "pbkdf2",
        "pdb",
        "pkcs11",
        "pkcs5s2",
        "rc4",
        "sasl",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "smtp",
        "snmp",
        "ssl",
        "tls",
        "uid",
        "url",
        "uuid",
        "vlv",
    ]
)
"""The words of names that are abbreviations to the server's build."""
_ESCAPED: Final = re.compile(r"\\(.)")
_FLAGS: Final = ("advanced", "hidden", "mandatory", "multi-valued", "read-only", "monitoring")
_TYPES: Final = {
    "aci": "ACI",
    "aggregation": "Aggregation",
    "attribute-type": "AttributeType",
    "boolean": "Boolean",
    "dn": "DN",
    "duration": "Duration",
    "enumeration": "Enum",
    "integer": "Integer",
    "ip-address": "IPAddress",
    "ip-address-mask": "IPAddressMask",
    "java-class": "Class",
    "oid": "OID",
    "password": "Password",
    "size": "Size",
    "string": "String",
}


def read_facts(files: Iterable[tuple[str, bytes]], version: str) -> tuple[dict[str, Any], Places]:
    """Return the facts in files, given as (name, content), and where they stand.

    Raises :class:`~confobjects.errors.DefinitionError` with what is wrong in each file.
    """
    tops: list[Element] = []
    problems: list[Diagnostic] = []
    for name, data in files:
        try:
            top = xml_tree.parse(name, data)
            check_grammar(top)
            tops.append(top)
        except DefinitionError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise DefinitionError(problems)
    return _Reader(tops).read(version)


class _Reader:
    """Takes the files together: kinds extend others, and use the properties of packages."""

    def __init__(self, tops: Sequence[Element]) -> None:
        self.kinds: dict[str, Element] = {}
        self.shared: dict[str, Element] = {}
        self.tags: dict[str, Element] = {}
        self.root: Element | None = None
        self.places: Places = {}
        self._all: dict[str, _Sources] = {}
        for top in tops:
            if top.name == "package":
                self.shared |= {one.attributes["name"]: one for one in top.elements("property")}
            elif top.name == "root-managed-object":
                self.root = top
                self.tags = {one.attributes["name"]: one for one in top.elements("tag-definition")}
            else:
                self._add_kind(top)

    def _add_kind(self, top: Element) -> None:
        name = top.attributes["name"]
        if name in self.kinds:
            raise top.refuse(
                f'the kind "{name}" is defined twice', f"the other one is in {self.kinds[name].place.file.name}"
            )
        self.kinds[name] = self.places[name] = top

    def read(self, version: str) -> tuple[dict[str, Any], Places]:
        problems: list[Diagnostic] = []
        facts: list[dict[str, Any]] = []
        if self.root is not None:
            self._gather(
                problems,
                facts,
                lambda root: {"name": "", "extends": "", "properties": [], "relations": self._read_relations(root)},
                self.root,
            )
        for name in sorted(self.kinds):
            self._gather(problems, facts, self._read_kind, self.kinds[name])
        if problems:
            raise DefinitionError(problems)
        tags = {name: _text(one.find("synopsis"), None) for name, one in self.tags.items()}
        return {"version": version, "tags": tags, "kinds": facts}, self.places

    @staticmethod
    def _gather(
        problems: list[Diagnostic], facts: list[dict[str, Any]], read: Callable[[Element], dict[str, Any]], top: Element
    ) -> None:
        try:
            facts.append(read(top))
        except DefinitionError as error:
            problems.extend(error.diagnostics)

    # -- kinds -------------------------------------------------------------------------------------------------------

    def _read_kind(self, top: Element) -> dict[str, Any]:
        names = _Names.of(top)
        ldap, cli = _profile(top, "ldap"), _profile(top, "cli")
        object_class = ldap.find("object-class", "name") if ldap is not None else None
        custom = cli.find("managed-object") if cli is not None else None
        return {
            "name": names.name,
            "extends": self._find_parent(top),
            **{flag: _flag(top, flag) for flag in ("abstract", "advanced", "hidden")},
            "user-friendly-name": names.one,
            "user-friendly-plural-name": names.several,
            "synopsis": _text(top.find("synopsis"), names),
            "description": _text(top.find("description"), names),
            "object-class": _text(object_class, None) or f"ds-cfg-{names.name}",
            "custom": custom is not None and _flag(custom, "custom"),
            "tags": [self._find_tag(one) for one in top.elements("tag")],
            "properties": [self._read_property(names, *source) for source in self._find_properties(top).values()],
            "constraints": [
                {"synopsis": _text(one.find("synopsis"), names), "condition": _condition_in(one.find("condition"))}
                for one in top.elements("constraint")
            ],
            "relations": self._read_relations(top),
        }

    def _find_parent(self, top: Element) -> str:
        above = top.attributes.get("extends", "")
        if above and above not in self.kinds:
            raise top.refuse(f'there is no kind "{above}" to extend', suggest_name(above, self.kinds))
        seen = [top.attributes["name"]]
        while at := self.kinds[seen[-1]].attributes.get("extends", ""):
            if at in seen:
                raise top.refuse("the kinds extend each other in a circle")
            if at not in self.kinds:
                break
            seen.append(at)
            if len(seen) > _MOST_ANCESTORS:
                raise top.refuse(f"more than {_MOST_ANCESTORS} kinds extend each other in a row")
        return above

    def _find_tag(self, element: Element) -> str:
        name = element.attributes["name"]
        if name not in self.tags:
            raise element.refuse(f'the root defines no tag "{name}"', suggest_name(name, self.tags))
        return name

    # -- properties --------------------------------------------------------------------------------------------------

    def _find_properties(self, top: Element) -> _Sources:
        """Return what a kind declares or changes: each property with what changes it, the last change last."""
        above = top.attributes.get("extends", "")
        inherited = self._find_all(above) if above else {}
        found: _Sources = {}
        for one in top.content:
            if not isinstance(one, Element) or not one.name.startswith("property"):
                continue
            name = one.attributes["name"]
            if name in found or (one.name != "property-override" and name in inherited):
                raise one.refuse(f'the property "{name}" is declared twice')
            if one.name == "property-override":
                if name not in inherited:
                    raise one.refuse(f'there is no property "{name}" to override', suggest_name(name, inherited))
                source, changes = inherited[name]
                found[name] = source, (*changes, one)
            elif one.name == "property-reference":
                if name not in self.shared:
                    raise one.refuse(f'no package has a property "{name}"', suggest_name(name, self.shared))
                found[name] = self.shared[name], (one,)
            else:
                found[name] = one, ()
            self.places[f"{top.attributes['name']}/{name}"] = one
        return found

    def _find_all(self, name: str) -> _Sources:
        """Return all properties of a kind, with those that it inherits. Found once, because many kinds extend one."""
        if name not in self._all:
            top = self.kinds[name]
            above = self._find_parent(top)
            self._all[name] = {**(self._find_all(above) if above else {}), **self._find_properties(top)}
        return self._all[name]

    def _read_property(self, names: _Names, source: Element, changes: Sequence[Element]) -> dict[str, Any]:
        ldap = _profile(source, "ldap")
        attribute = ldap.find("attribute", "name") if ldap is not None else None
        name = source.attributes["name"]
        last = (*reversed(changes), source)
        flags = {flag: _flag(source, flag) for flag in _FLAGS}
        overrides = [one for one in changes if one.name == "property-override" and "advanced" in one.attributes]
        if overrides:
            flags["advanced"] = _flag(overrides[-1], "advanced")
        return {
            "name": name,
            "synopsis": _text(source.find("synopsis"), names),
            "description": _text(source.find("description"), names),
            **flags,
            "admin-action": _read_action(_first(last, "requires-admin-action"), names),
            "default": _read_default(_first(last, "default-behavior"), names),
            "syntax": _read_syntax(source, names),
            "attribute": _text(attribute, None) or f"ds-cfg-{name}",
        }

    # -- relations ---------------------------------------------------------------------------------------------------

    def _read_relations(self, top: Element) -> list[dict[str, Any]]:
        return [self._read_relation(one) for one in top.elements("relation")]

    def _read_relation(self, element: Element) -> dict[str, Any]:
        name = element.attributes["name"]
        target = element.attributes.get("managed-object-name", name)
        if target not in self.kinds:
            raise element.refuse(f'there is no kind "{target}"', suggest_name(target, self.kinds))
        names = _Names.of(self.kinds[target])
        (kind,) = (one for one in element.elements() if one.name.startswith("one-to-"))
        ldap, cli = _profile(element, "ldap"), _profile(element, "cli")
        words = cli.find("relation") if cli is not None else None
        own = _Names.of_relation(element, names, kind.attributes.get("plural-name", ""))
        found = {
            "name": name,
            "target": target,
            "hidden": _flag(element, "hidden"),
            "kind": "one-to-many-set" if _flag(kind, "unique") else kind.name,
            "user-friendly-name": own.one,
            "user-friendly-plural-name": own.several,
            "plural": own.plural,
            "synopsis": _text(element.find("synopsis") or self.kinds[target].find("synopsis"), names),
            "rdn-sequence": _text(ldap.find("rdn-sequence") if ldap is not None else None, None),
            "naming-property": kind.attributes.get("naming-property", ""),
            "naming-attribute": _text(ldap.find("naming-attribute") if ldap is not None else None, None) or "cn",
            "list": ",".join(one.attributes["name"] for one in words.elements("default-property")) if words else "",
            "name-option": words.attributes.get("naming-argument-override", "") if words else "",
            "default-objects": [_read_default_object(one, target) for one in kind.elements("default-managed-object")],
        }
        return {key: value for key, value in found.items() if kind.name == "one-to-many" or key not in _OF_SEVERAL}


_OF_SEVERAL: Final = frozenset({"plural", "user-friendly-plural-name", "naming-property", "naming-attribute"})


class _Names:
    """What an object of a kind is called."""

    def __init__(self, name: str, plural: str, one: str, several: str) -> None:
        self.name = name
        self.plural = plural
        self.one = one
        self.several = several

    @classmethod
    def of(cls, top: Element) -> _Names:
        """Return the names of a kind: stated ones, else those that follow from its name."""
        name, plural = top.attributes["name"], top.attributes["plural-name"]
        one = _text(top.find("user-friendly-name"), None) or _friendly_name(name)
        return cls(name, plural, one, _text(top.find("user-friendly-plural-name"), None) or _friendly_name(plural))

    @classmethod
    def of_relation(cls, relation: Element, target: _Names, plural: str) -> _Names:
        """Return the names of a relation: those of its target, unless it has another name."""
        name = relation.attributes["name"]
        plural = plural or (target.plural if name == target.name else f"{name}s")
        one = _text(relation.find("user-friendly-name"), None) or _friendly_name(name)
        return cls(name, plural, one, _text(relation.find("user-friendly-plural-name"), None) or _friendly_name(plural))


# -- texts and flags -------------------------------------------------------------------------------------------------


def _friendly_name(name: str) -> str:
    return " ".join(word.upper() if word in _UPPER else word.capitalize() for word in name.split("-"))


def _text(element: Element | None, names: _Names | None) -> str:
    """Return a text in one line, with the names of a kind where elements stand for them; empty without an element.

    A backslash takes the next character as it is: the server's build puts every text between the quotes of a program or in a
    file of properties, and the texts are written for that.
    """
    if element is None:
        return ""
    return _ESCAPED.sub(r"\1", " ".join("".join(_pieces(element, names)).split()))


def _pieces(element: Element, names: _Names | None) -> Iterator[str]:
    for one in element.content:
        if isinstance(one, str):
            yield one
        elif one.name == "product-name":
            yield PRODUCT
        elif names is not None:
            yield names.one if one.name == "user-friendly-name" else names.several


def _flag(element: Element, name: str) -> bool:
    return element.attributes.get(name, "false").strip() in {"true", "1"}


def _first(elements: Iterable[Element], name: str) -> Element | None:
    return next((found for one in elements if (found := one.find(name)) is not None), None)


def _profile(element: Element, name: str) -> Element | None:
    return next((one for one in element.elements("profile") if one.attributes["name"] == name), None)


# -- parts of a property ---------------------------------------------------------------------------------------------


def _read_action(element: Element | None, names: _Names) -> dict[str, Any]:
    said = next(element.elements(), None) if element is not None else None
    if said is None:
        return {"kind": "none", "note": ""}
    return {"kind": said.name, "note": _text(said.find("synopsis"), names)}


def _read_default(element: Element | None, names: _Names) -> dict[str, Any]:
    said = next(element.elements(), None) if element is not None else None
    if said is None or said.name == "undefined":
        return {}
    if said.name == "defined":
        return {"values": [_text(one, None) for one in said.elements("value")]}
    if said.name == "alias":
        return {"alias": _text(said.find("synopsis"), names)}
    inherited = next(said.elements())
    name = inherited.attributes["property-name"]
    if inherited.name == "absolute":
        return {"path": inherited.attributes["path"], "property": name}
    return {"offset": _number(inherited, "offset"), "property": name}


def _read_syntax(source: Element, names: _Names) -> dict[str, Any]:
    stated = source.find("syntax")
    assert stated is not None  # noqa: S101 - the grammar asks for it
    element = next(stated.elements())
    kind = _TYPES[element.name]
    return {"type": kind, **(_SYNTAXES[kind](element, names) if kind in _SYNTAXES else {})}


def _number(element: Element, name: str) -> int | None:
    text = element.attributes.get(name)
    try:
        return None if text is None else int(text)
    except ValueError:
        raise element.refuse(f'{name} is no number: "{text}"') from None


def _amount(element: Element, name: str, syntax: Mapping[str, Any], unit: str) -> int | None:
    """Return a limit in the smallest unit; a number without a unit has the given one."""
    text = element.attributes.get(name)
    if text is None:
        return None
    try:
        return int(make_syntax(syntax).parse(f"{text} {unit}" if text.strip().isdecimal() else text))
    except ValueSyntaxError as error:
        raise element.refuse(f"{name} is wrong: {error.message}") from None


def _read_integer(element: Element, names: _Names) -> dict[str, Any]:
    return {
        "lower": _number(element, "lower-limit") or 0,
        "upper": _number(element, "upper-limit"),
        "allow-unlimited": _flag(element, "allow-unlimited"),
        "unit-synopsis": _text(element.find("unit-synopsis"), names),
    }


def _read_duration(element: Element, _: _Names) -> dict[str, Any]:
    unit = element.attributes.get("base-unit", "s")
    milliseconds = {"type": "duration", "base-unit": "ms"}
    found = {
        "lower": _amount(element, "lower-limit", milliseconds, unit) or 0,
        "upper": _amount(element, "upper-limit", milliseconds, unit),
        "allow-unlimited": _flag(element, "allow-unlimited"),
        "base-unit": unit,
    }
    largest = element.attributes.get("maximum-unit")
    return {**found, "maximum-unit": largest} if largest else found


def _read_size(element: Element, _: _Names) -> dict[str, Any]:
    return {
        "lower": _amount(element, "lower-limit", {"type": "size"}, "b") or 0,
        "upper": _amount(element, "upper-limit", {"type": "size"}, "b"),
        "allow-unlimited": _flag(element, "allow-unlimited"),
    }


def _read_string(element: Element, names: _Names) -> dict[str, Any]:
    found: dict[str, Any] = {"case-insensitive": element.attributes.get("case-insensitive", "true") in {"true", "1"}}
    pattern = element.find("pattern")
    if pattern is not None:
        found |= {part: _text(pattern.find(part), names) for part in ("regex", "usage", "synopsis")}
    return found


def _read_enumeration(element: Element, names: _Names) -> dict[str, Any]:
    return {"values": {one.attributes["name"]: _text(one.find("synopsis"), names) for one in element.elements("value")}}


def _read_class(element: Element, _: _Names) -> dict[str, Any]:
    return {"instance-of": [_text(one, None) for one in element.elements("instance-of")]}


def _read_dn(element: Element, _: _Names) -> dict[str, Any]:
    return {"base": element.attributes.get("base", "")}


def _read_aggregation(element: Element, names: _Names) -> dict[str, Any]:
    rule = element.find("constraint")
    conditions = [
        True if rule is None else _condition_in(rule.find(f"target-{name}-condition"))
        for name in ("is-enabled", "needs-enabling")
    ]
    return {
        "relation": element.attributes["relation-name"],
        "parent": element.attributes["parent-path"],
        "target-enabled": conditions[0],
        "needed-when": conditions[1],
        "synopsis": "" if rule is None else _text(rule.find("synopsis"), names),
    }


_SYNTAXES: Final[Mapping[str, Callable[[Element, _Names], dict[str, Any]]]] = {
    "Aggregation": _read_aggregation,
    "Class": _read_class,
    "DN": _read_dn,
    "Duration": _read_duration,
    "Enum": _read_enumeration,
    "Integer": _read_integer,
    "Size": _read_size,
    "String": _read_string,
}


def _condition_in(element: Element | None) -> Any:
    """Return the condition in an element as JSON; without an element it always holds."""
    return True if element is None else _read_condition(next(element.elements()))


def _read_condition(element: Element) -> Any:
    name = element.name
    if name == "contains":
        return {name: [element.attributes["property"], element.attributes["value"]]}
    if name == "is-present":
        return {name: element.attributes["property"]}
    parts = [_read_condition(one) for one in element.elements()]
    return {name: parts[0] if name == "not" else parts}


def _read_default_object(element: Element, target: str) -> dict[str, Any]:
    return {
        "name": element.attributes["name"],
        "type": element.attributes.get("managed-object-name", target),
        "properties": {
            one.attributes["name"]: [_text(value, None) for value in one.elements("value")]
            for one in element.elements("property")
        },
    }
