"""Build the records of the model from the JSON of checked documents."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from confobjects.definitions.conditions import Condition, build_condition, split_operand, syntax_of
from confobjects.definitions.documents import attribute_of, profile_of
from confobjects.definitions.model import (
    AFTER_CREATION,
    AdminAction,
    Constraint,
    Default,
    DefaultCase,
    DefaultObject,
    ManagedObjectDefinition,
    PropertyDefinition,
    ReEntry,
    Reference,
    Relation,
    Travel,
    Verification,
    View,
)
from confobjects.syntaxes import Syntax, make_syntax

if TYPE_CHECKING:
    from confobjects.definitions.documents import DefinitionDocuments

_UPPER = frozenset(
    [
        "aci",
        "ca",
        "cn",
        "cpu",
        "crl",
        "dn",
        "dns",
        "dsml",
        "gssapi",
        "http",
        "https",
        "id",
        "ip",
        "jdbc",
        "je",
        "jks",
        "jmx",
        "json",
        "ldap",
        "ldif",
        "lmdb",
        "mac",
        "oid",
        "pem",
        "pin",
        "pkcs11",
        "pta",
        "qos",
        "rdn",
        "rest",
        "saml",
        "sasl",
        "scram",
        "smtp",
        "snmp",
        "sql",
        "ssl",
        "tcp",
        "tls",
        "ttl",
        "uid",
        "uri",
        "url",
        "uuid",
        "vlv",
        "xml",
    ]
)


def friendly_name(name: str) -> str:
    """Return the name for people: words are separated by blanks and capitalised, known abbreviations in upper case."""
    return " ".join(word.upper() if word in _UPPER else word.capitalize() for word in name.split("-"))


def build_relation(documents: DefinitionDocuments, data: Mapping[str, Any]) -> Relation:
    """Return the relation that a document declares."""
    spec = data["relation"]
    name = spec.get("name", data["name"])
    target = data["name"]
    friendly, friendly_plural = _friendly_names(data, spec)
    return Relation(
        name=name,
        kind=spec["kind"],
        parent=spec["parent"],
        target=target,
        branch=spec.get("branch", ""),
        naming_property=spec.get("naming-property", ""),
        naming_attribute=_naming_attribute(documents, data, spec),
        plural=spec.get("plural", f"{name}s"),
        friendly=friendly,
        friendly_plural=friendly_plural,
        synopsis=spec.get("synopsis", data["synopsis"]),
        hidden=spec.get("hidden", False),
        name_option=profile_of(data, "cli").get("name-option", f"{target.rsplit('-', 1)[-1]}-name"),
        default_objects=tuple(
            _build_default_object(item, target, spec.get("naming-property", ""))
            for item in spec.get("default-objects", ())
        ),
    )


def _friendly_names(data: Mapping[str, Any], relation: Mapping[str, Any]) -> tuple[str, str]:
    """Return the names for people of the objects of a relation, one and several: its own before those of its type."""
    own = relation.get("name", data["name"]) != data["name"]
    above = {} if own else data
    one = relation.get("user-friendly-name") or above.get("user-friendly-name")
    several = relation.get("user-friendly-plural-name") or above.get("user-friendly-plural-name")
    if several is None and one is None and own and "plural" in relation:
        several = friendly_name(relation["plural"])
    one = one or friendly_name(relation.get("name", data["name"]))
    return one, several or f"{one}s"


def _naming_attribute(documents: DefinitionDocuments, data: Mapping[str, Any], relation: Mapping[str, Any]) -> str:
    """Return the RDN attribute: that of the naming property, unless the profile says otherwise."""
    stated = profile_of(data, "ldap").get("naming-attribute")
    if stated:
        return str(stated)
    naming = relation.get("naming-property")
    if not naming:
        return "cn"
    return attribute_of(naming, documents.merge_shared(data["properties"][naming]))


def build_definition(documents: DefinitionDocuments, name: str) -> ManagedObjectDefinition:
    """Return the definition of a name, with everything inherited resolved."""
    data = documents.documents[name].data
    ancestors = documents.parents(name)
    levels = [documents.documents[level].data for level in (*ancestors, name)]
    sources = documents.collect_specs(name)
    syntaxes = {prop: make_syntax(spec["syntax"]) for prop, (spec, _) in sources.items()}

    def normalise_value(operand: str, text: str) -> Hashable:
        return _normalise_operand(operand, text, syntaxes)

    properties = {
        prop: _build_property(documents, prop, source, syntaxes[prop], normalise_value)
        for prop, source in sources.items()
    }
    verification = next((level["verification"] for level in reversed(levels) if "verification" in level), None)
    enabled_when = next((level["enabled-when"] for level in reversed(levels) if "enabled-when" in level), None)
    constants: dict[str, tuple[str, ...]] = {}
    for level in levels:
        constants.update({k: tuple(v) for k, v in profile_of(level, "ldap").get("constants", {}).items()})
    friendly = data.get("user-friendly-name") or friendly_name(name)
    return ManagedObjectDefinition(
        name=name,
        version=data["version"],
        synopsis=data["synopsis"],
        description=data.get("description", ""),
        friendly=friendly,
        friendly_plural=data.get("user-friendly-plural-name") or f"{friendly}s",
        tags=tuple(dict.fromkeys(tag for level in levels for tag in level.get("tags", ()))),
        abstract=data.get("abstract", False),
        advanced=data.get("advanced", False),
        hidden=data.get("hidden", False),
        ancestors=ancestors,
        properties=properties,
        constraints=tuple(
            _build_constraint(c, normalise_value) for level in levels for c in level.get("constraints", ())
        ),
        views=tuple(View(**view) for level in levels for view in level.get("views", ())),
        enabled_when=None if enabled_when is None else build_condition(enabled_when, normalise_value),
        object_classes=documents.object_classes_of(name),
        constants=constants,
        list_columns=next(
            (tuple(columns) for level in reversed(levels) if (columns := profile_of(level, "cli").get("list"))), ()
        ),
        custom=profile_of(data, "cli").get("custom", False),
        note=data.get("note", ""),
        deprecated=data.get("deprecated", ""),
        by_attribute={prop.attribute.lower(): prop for prop in properties.values() if not prop.is_fixed},
        former_attributes={
            f"ds-cfg-{former}".lower(): prop
            for prop in properties.values()
            for former in prop.renamed_from
            if not prop.is_fixed
        },
        raw=data,
        verification=None if verification is None else Verification(**verification),
        administrator_only=any(level.get("administrator-only", False) for level in levels),
    )


def _build_property(
    documents: DefinitionDocuments, name: str, source: tuple[Mapping[str, Any], str], syntax_: Syntax, normal: Any
) -> PropertyDefinition:
    spec, declared = source
    reserved = spec.get("administrator-only", False)
    action = spec.get("admin-action", {})
    references = [_build_reference(documents, key, said, normal) for key, said in find_references(spec["syntax"])]
    return PropertyDefinition(
        name=name,
        syntax=syntax_,
        synopsis=spec["synopsis"],
        description=spec.get("description", ""),
        default=_build_default(spec.get("default"), normal),
        mandatory=spec.get("mandatory", False),
        multi_valued=spec.get("multi-valued", False),
        advanced=spec.get("advanced", False),
        hidden=spec.get("hidden", False),
        read_only=bool(spec.get("read-only")),
        set_on_creation=spec.get("read-only") == AFTER_CREATION,
        sensitive=spec.get("sensitive", syntax_.sensitive),
        admin_action=AdminAction(action.get("kind", "none"), action.get("note", "")),
        reference=next((made for made in references if not made.name), None),
        pair_references=tuple(made for made in references if made.name),
        attribute=attribute_of(name, spec),
        renamed_from=tuple(spec.get("renamed-from", ())),
        deprecated=spec.get("deprecated", ""),
        declared_by=declared,
        examples=tuple(spec.get("examples", ())),
        required_when=_build_condition(spec.get("required-when"), normal),
        re_entry=_build_re_entry(spec.get("re-entry")),
        administrator_only=reserved is True or syntax_.administrator_only,
        administrator_names=frozenset(reserved if isinstance(reserved, list) else ()),
    )


def find_references(syntax_: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what the JSON of a syntax says about references: the name of the pair (empty for a whole value), and the JSON."""
    if not isinstance(syntax_, Mapping):
        return []
    return [("", syntax_)] if syntax_["type"] == "aggregation" else list(syntax_.get("references", {}).items())


def _build_reference(documents: DefinitionDocuments, name: str, spec: Mapping[str, Any], normal: Any) -> Reference:
    target = documents.target_of(spec["relation"])

    def normalise_in_target(operand: str, text: str) -> Hashable:
        prop, _ = split_operand(operand)
        source, _ = documents.collect_specs(target)[prop]
        return _normalise_operand(operand, text, {prop: make_syntax(source["syntax"])})

    enabled = spec.get("target-enabled")
    return Reference(
        relation=spec["relation"],
        parent=spec.get("parent", "/"),
        target_enabled=None if enabled is None else build_condition(enabled, normalise_in_target),
        needed_when=_build_condition(spec.get("needed-when"), normal),
        name=name,
        synopsis=spec.get("synopsis", ""),
    )


def _normalise_operand(operand: str, text: str, syntaxes: Mapping[str, Syntax]) -> Hashable:
    """Return the normal form of a text that a condition compares a property, or a part of it, with."""
    syntax_ = syntax_of(operand, syntaxes)
    assert syntax_ is not None  # noqa: S101 - the check has found it
    return syntax_.normal_form(text)


def _build_re_entry(spec: Mapping[str, Any] | None) -> ReEntry | None:
    if spec is None:
        return None
    return ReEntry(tuple(map(_build_travel, spec["with"])), spec.get("severity", "error"))


def _build_travel(item: str | Mapping[str, Any]) -> Travel:
    return Travel(item) if isinstance(item, str) else Travel(item["property"], tuple(item["names"]))


def _build_condition(source: Any, normal: Any) -> Condition | None:
    return None if source is None else build_condition(source, normal)


def _build_default_object(item: Mapping[str, Any], target: str, naming: str) -> DefaultObject:
    """Return a default object without its naming property: if it is given, it equals the name."""
    values = tuple((name, tuple(texts)) for name, texts in item.get("properties", {}).items() if name != naming)
    return DefaultObject(item["name"], item.get("type", target), values)


def _build_default(spec: Mapping[str, Any] | None, normal: Any) -> Default:
    if not spec or "undefined" in spec:
        return Default("undefined")
    if "values" in spec:
        return Default("defined", values=tuple(spec["values"]))
    if "cases" in spec:
        cases = spec["cases"]
        made = (DefaultCase(_build_condition(case.get("when"), normal), tuple(case["values"])) for case in cases)
        return Default("cases", cases=tuple(made))
    if "alias" in spec:
        return Default("alias", sentence=spec["alias"])
    inherited = spec["inherited"]
    if "path" in inherited:
        return Default("inherited-absolute", path=inherited["path"], property=inherited["property"])
    return Default("inherited-relative", offset=inherited["offset"], property=inherited["property"])


def find_deciding(default: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the properties that decide between the cases of a default, given as JSON; each once."""
    conditions = [case["when"] for case in default.get("cases", ()) if "when" in case]
    made = (build_condition(source, lambda _operand, text: text) for source in conditions)
    return tuple(dict.fromkeys(name for condition in made for name in condition.properties()))


def _build_constraint(spec: Mapping[str, Any], normal: Any) -> Constraint:
    return Constraint(
        name=spec["name"],
        synopsis=spec["synopsis"],
        remedy=spec.get("remedy", ""),
        condition=_build_condition(spec.get("condition"), normal),
        function=spec.get("function", ""),
        looks_at=tuple(spec.get("looks-at", ())),
        severity=spec.get("severity", "error"),
        property=spec.get("property", ""),
        fixes=tuple(tuple(fix.items()) for fix in spec.get("fixes", ())),
    )
