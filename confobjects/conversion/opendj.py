"""Facts about the definitions of an OpenDJ, as documents of ours.

Facts are JSON, the same from every reader: ``{"version": …, "tags": {name: synopsis}, "kinds": [kind, …]}``, the root among
the kinds with an empty name. A kind has all properties that it declares or changes, each in full, and the relations below
it. ``OpenDjDefinitions.java`` shows every key.

What is not as it was:

- Properties come in the order of their names, as the server's own tool shows them.
- A property that a subtype changes is an override of what differs. Texts that name the object name the subtype there.
- A list has no column for a property that no kind has: some of theirs do.
- A read-only property may be set on creation, also one with a default; one that shows what the server measures is never set.
- A pin, a password or a secret has the syntax password: it is masked, also where the server's own tool shows it, and equals
  only itself.
- ``or`` of ``not`` and another condition, which compiled definitions have for ``implies``, is ``implies`` again.
- Java's possessive quantifiers, which RE2 does not know, become greedy ones: what a whole text matches stays the same unless
  the pattern relies on giving nothing back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from confobjects.definitions.building import friendly_name
from confobjects.definitions.model import AFTER_CREATION
from confobjects.definitions.registry import OVERRIDABLE
from confobjects.dn import DN
from confobjects.syntaxes.durations import TIME_UNITS
from confobjects.texts.patterns import Pattern

Facts = Mapping[str, Any]
"""What a reader found of one thing, as JSON."""
Documents = dict[str, dict[str, Any]]
"""Definitions and packages as JSON, by name, sorted; a package has a slash in front."""

PACKAGE: Final = "opendj"
_BASE: Final = "cn=config"
_SENSITIVE: Final = re.compile(r"(.*-)?(pin|bind-password|secret)")
_BEFORE_STOP: Final = re.compile(r" (?=[.,;:](?:\s|$))")
_POSSESSIVE: Final = re.compile(r"(?<![\\])([*+?}])\+")
_KINDS: Final = {
    "one-to-many": "instantiable",
    "one-to-many-set": "set",
    "one-to-one": "singleton",
    "one-to-zero-or-one": "optional",
}
_PLAIN_SYNTAXES: Final = {
    "ACI": "aci",
    "AttributeType": "attribute-type",
    "Boolean": "boolean",
    "IPAddress": "ip-address",
    "IPAddressMask": "ip-address-mask",
    "OID": "oid",
    "Password": "password",
}


def convert(facts: Facts) -> Documents:
    """Return the definitions that facts tell, and the package of their tags. Raises KeyError and ValueError for wrong facts."""
    kinds = {kind["name"]: kind for kind in facts["kinds"]}
    relations = {
        relation["target"]: (kind["name"], relation) for kind in kinds.values() for relation in kind["relations"]
    }
    converter = _Converter(kinds, relations)
    found = {name: converter.convert(kind) for name, kind in sorted(kinds.items()) if name}
    synopsis = "What the definitions of an OpenDJ server share."
    return {f"/{PACKAGE}": {"package": PACKAGE, "version": 1, "synopsis": synopsis, "tags": facts["tags"]}, **found}


class _Converter:
    """Converts kinds that may extend each other."""

    def __init__(self, kinds: Mapping[str, Facts], relations: Mapping[str, tuple[str, Facts]]) -> None:
        self.kinds = kinds
        self.relations = relations
        self._effective: dict[str, dict[str, dict[str, Any]]] = {"": {}}

    def convert(self, kind: Facts) -> dict[str, Any]:
        """Return the document of a kind."""
        name, above = kind["name"], kind["extends"]
        inherited = self._properties_of(above)
        own = {one["name"]: _convert_property(one) for one in sorted(kind["properties"], key=lambda one: one["name"])}
        found: dict[str, Any] = {"name": name, "version": 1, "synopsis": _clean(kind["synopsis"])}
        _put_text(found, "description", kind["description"])
        _put_friendly(found, kind, name)
        if kind["tags"]:
            found["tags"] = sorted(kind["tags"])
        found |= {flag: True for flag in ("abstract", "advanced", "hidden") if kind[flag]}
        if above:
            found["extends"] = above
        if not above and name in self.relations:
            found["relation"] = self._convert_relation(kind, *self.relations[name])
        if profile := self._make_profile(kind):
            found["profile"] = profile
        if declared := {prop: spec for prop, spec in own.items() if prop not in inherited}:
            found["properties"] = declared
        changes = {prop: _find_changes(inherited[prop], spec) for prop, spec in own.items() if prop in inherited}
        if overrides := {prop: change for prop, change in changes.items() if change}:
            found["overrides"] = overrides
        if kind["constraints"]:
            found["constraints"] = list(_convert_constraints(name, kind["constraints"]))
        return found

    def _properties_of(self, name: str) -> dict[str, dict[str, Any]]:
        """Return all properties of a kind in full, with those that it inherits."""
        if name not in self._effective:
            kind = self.kinds[name]
            own = {one["name"]: _convert_property(one) for one in kind["properties"]}
            self._effective[name] = {**self._properties_of(kind["extends"]), **own}
        return self._effective[name]

    def _convert_relation(self, target: Facts, parent: str, relation: Facts) -> dict[str, Any]:
        found: dict[str, Any] = {"parent": parent or "root", "kind": _KINDS[relation["kind"]]}
        is_renamed = relation["name"] != target["name"]
        if is_renamed:
            found["name"] = relation["name"]
        if relation.get("plural", f"{relation['name']}s") != f"{relation['name']}s":
            found["plural"] = relation["plural"]
        if branch := _branch_of(relation["rdn-sequence"], is_top=not parent):
            found["branch"] = branch
        if relation.get("naming-property"):
            found["naming-property"] = relation["naming-property"]
        if is_renamed or relation["user-friendly-name"] != target["user-friendly-name"]:
            _put_friendly(found, relation, relation["name"])
        if _clean(relation["synopsis"]) != _clean(target["synopsis"]):
            _put_text(found, "synopsis", relation["synopsis"])
        if relation["hidden"]:
            found["hidden"] = True
        if relation["default-objects"]:
            found["default-objects"] = [
                _convert_default_object(one, target["name"])
                for one in sorted(relation["default-objects"], key=lambda one: str(one["name"]))
            ]
        return found

    def _list_known(self, target: str) -> set[str]:
        """Return the names of the properties of a kind and of those that extend it."""
        below = [name for name in self.kinds if name and self._is_a(name, target)]
        return {prop for name in below for prop in self._properties_of(name)}

    def _is_a(self, name: str, target: str) -> bool:
        while name not in {"", target}:
            name = self.kinds[name]["extends"]
        return name == target

    def _make_profile(self, kind: Facts) -> dict[str, Any]:
        ldap: dict[str, Any] = {}
        if kind["object-class"] != f"ds-cfg-{kind['name']}":
            ldap["object-class"] = kind["object-class"]
        cli: dict[str, Any] = {"custom": True} if kind["custom"] else {}
        if not kind["extends"] and kind["name"] in self.relations:
            _, relation = self.relations[kind["name"]]
            if relation.get("naming-attribute", "cn") != "cn" and not relation.get("naming-property"):
                ldap["naming-attribute"] = relation["naming-attribute"]
            if columns := [word for word in relation["list"].split(",") if word in self._list_known(kind["name"])]:
                cli["list"] = columns
            if relation["name-option"]:
                cli["name-option"] = relation["name-option"]
        return {key: value for key, value in (("ldap", ldap), ("cli", cli)) if value}


def _convert_default_object(fact: Facts, target: str) -> dict[str, Any]:
    found = {"name": fact["name"], "properties": fact["properties"]}
    return {**found, "type": fact["type"]} if fact["type"] != target else found


def _branch_of(sequence: str, *, is_top: bool) -> str:
    """Return the relative DN of a relation's branch: below the base, which is cn=config."""
    dn = DN.parse(sequence) if sequence.strip() else DN.parse("")
    rdns = dn.rdns
    if is_top:
        if not rdns or DN.of(rdns[-1]).normal != _BASE:
            message = f'the relation is not below {_BASE}, but at "{sequence}"'
            raise ValueError(message)
        rdns = rdns[:-1]
    return str(DN.of(*rdns)) if rdns else ""


# -- texts -----------------------------------------------------------------------------------------------------------


def _clean(text: str) -> str:
    """Return a text in one line; where a name was put in before a stop, the blank between them goes."""
    return _BEFORE_STOP.sub("", " ".join(text.split()))


def _put_text(found: dict[str, Any], key: str, text: str) -> None:
    if cleaned := _clean(text):
        found[key] = cleaned


def _put_friendly(found: dict[str, Any], fact: Facts, name: str) -> None:
    """Put in the names for people that are not those that follow from the name."""
    one = _clean(fact["user-friendly-name"])
    if one != friendly_name(name):
        found["user-friendly-name"] = one
    several = _clean(fact.get("user-friendly-plural-name", "") or f"{one}s")
    if several != f"{one}s":
        found["user-friendly-plural-name"] = several


# -- properties ------------------------------------------------------------------------------------------------------


def _convert_property(fact: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {"synopsis": _clean(fact["synopsis"])}
    _put_text(found, "description", fact["description"])
    is_secret = fact["syntax"]["type"] == "String" and _SENSITIVE.fullmatch(fact["name"])
    found["syntax"] = "password" if is_secret else _convert_syntax(fact["syntax"])
    if default := _convert_default(fact["default"]):
        found["default"] = default
    flags = ("mandatory", "multi-valued", "advanced", "hidden")
    found |= {flag: True for flag in flags if fact[flag]}
    if fact["read-only"] or fact["monitoring"]:
        found["read-only"] = True if fact["monitoring"] else AFTER_CREATION
    action = {"kind": fact["admin-action"]["kind"]}
    _put_text(action, "note", fact["admin-action"]["note"])
    if action != {"kind": "none"}:
        found["admin-action"] = action
    if fact["attribute"] != f"ds-cfg-{fact['name']}":
        found["profile"] = {"ldap": {"attribute": fact["attribute"]}}
    return found


_ABSENT: Final = {"default": {"undefined": True}, "admin-action": {"kind": "none"}}
"""What an override says to take back what is inherited; for a flag it is false."""


def _find_changes(inherited: Facts, own: Facts) -> dict[str, Any]:
    """Return what an override says to make one property out of another."""
    changes: dict[str, Any] = {}
    for key in OVERRIDABLE:
        if own.get(key) == inherited.get(key):
            continue
        if key in own:
            changes[key] = own[key]
        elif key != "description":  # a text cannot be taken back
            changes[key] = _ABSENT.get(key, False)
    return changes


def _convert_default(fact: Facts) -> dict[str, Any]:
    if "values" in fact:
        return {"values": list(fact["values"])}
    if "alias" in fact:
        return {"alias": _clean(fact["alias"])}
    return {"inherited": dict(fact)} if fact else {}


def _convert_constraints(name: str, facts: Iterable[Facts]) -> Iterator[dict[str, Any]]:
    for number, fact in enumerate(facts, 1):
        condition = convert_condition(fact["condition"])
        yield {"name": f"{name}-{number}", "synopsis": _clean(fact["synopsis"]), "condition": condition}


def convert_condition(source: Any) -> Any:
    """Return a condition in the one form that all readers give."""
    if not isinstance(source, Mapping):
        return source
    ((word, argument),) = source.items()
    if word in {"contains", "is-present"}:
        return dict(source)
    if word == "not":
        return {"not": convert_condition(argument)}
    parts = [convert_condition(part) for part in argument]
    if word == "or" and len(parts) == 2 and isinstance(parts[0], dict) and "not" in parts[0]:
        return {"implies": [parts[0]["not"], parts[1]]}
    return {word: parts}


# -- syntaxes --------------------------------------------------------------------------------------------------------


def _convert_syntax(fact: Facts) -> Any:
    kind = fact["type"]
    if kind in _PLAIN_SYNTAXES:
        return _PLAIN_SYNTAXES[kind]
    name, parameters = _SYNTAXES[kind](fact)
    made = {key: value for key, value in parameters.items() if value is not None}
    return {"type": name, **made} if made else name


def _convert_integer(fact: Facts) -> tuple[str, Facts]:
    return "integer", {**_limits_of(fact, lambda limit: limit), "unit-synopsis": _clean(fact["unit-synopsis"]) or None}


def _limits_of(fact: Facts, write: Callable[[int], int | str]) -> Facts:
    """Return the limits of an amount, without those that hold anyway."""
    lower, upper = fact["lower"], fact["upper"]
    return {
        "lower": write(lower) if lower else None,
        "upper": None if upper is None else write(upper),
        "allow-unlimited": fact["allow-unlimited"] or None,
    }


def _convert_duration(fact: Facts) -> tuple[str, Facts]:
    unit = fact["base-unit"]
    size = TIME_UNITS[unit]

    def write(milliseconds: int) -> int | str:
        return f"{milliseconds} ms" if milliseconds % size else milliseconds // size

    return "duration", {
        "base-unit": None if unit == "s" else unit,
        **_limits_of(fact, write),
        "maximum-unit": fact.get("maximum-unit"),
    }


def _convert_size(fact: Facts) -> tuple[str, Facts]:
    return "size", _limits_of(fact, lambda limit: limit)


def _convert_string(fact: Facts) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {}
    if "regex" in fact:
        parameters["pattern"] = {
            "regex": _convert_regex(fact["regex"]),
            "usage": fact["usage"],
            "synopsis": _clean(fact["synopsis"]),
        }
    if not fact["case-insensitive"]:
        parameters["case-insensitive"] = False
    return "string", parameters


def _convert_regex(regex: str) -> str:
    try:
        Pattern(regex)
    except ValueError:
        greedy = _POSSESSIVE.sub(r"\1", regex)
        Pattern(greedy)
        return greedy
    return regex


def _convert_enumeration(fact: Facts) -> tuple[str, Facts]:
    return "enumeration", {"values": {name: _clean(text) for name, text in sorted(fact["values"].items())}}


def _convert_class(fact: Facts) -> tuple[str, Facts]:
    return "class-name", {"instance-of": sorted(fact["instance-of"]) or None}


def _convert_dn(fact: Facts) -> tuple[str, Facts]:
    return "dn", {"base": fact["base"] or None}


def _convert_aggregation(fact: Facts) -> tuple[str, dict[str, Any]]:
    found: dict[str, Any] = {"relation": fact["relation"]}
    if fact["parent"] != "/":
        found["parent"] = fact["parent"]
    for key in ("target-enabled", "needed-when"):
        if (condition := convert_condition(fact[key])) is not True:
            found[key] = condition
    _put_text(found, "synopsis", fact["synopsis"])
    return "aggregation", found


_SYNTAXES: Final = {
    "Aggregation": _convert_aggregation,
    "Class": _convert_class,
    "DN": _convert_dn,
    "Duration": _convert_duration,
    "Enum": _convert_enumeration,
    "Integer": _convert_integer,
    "Size": _convert_size,
    "String": _convert_string,
}
