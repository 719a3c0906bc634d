"""The registry: all definitions at hand, each built on first use from its JSON document.

It trusts its documents (see :mod:`confobjects.definitions.checking`), so that a cold command builds only the
types it asks for. Lookups of a name that does not exist raise
:class:`~confobjects.errors.UnknownNameError` with the nearest known one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from confobjects.definitions.conditions import Condition, condition
from confobjects.definitions.model import (
    ROOT_NAME,
    AdminAction,
    Constraint,
    Default,
    DefaultObject,
    ManagedObjectDefinition,
    PropertyDefinition,
    Reference,
    Relation,
)
from confobjects.diagnostics import Diagnostic, did_you_mean
from confobjects.errors import UnknownNameError
from confobjects.paths import ManagedObjectPath, Name, normal_name
from confobjects.syntaxes import Syntax, syntax

OVERRIDABLE = (
    "synopsis",
    "description",
    "default",
    "mandatory",
    "advanced",
    "hidden",
    "read-only",
    "admin-action",
    "deprecated",
)
"""What a subtype's override, or the use of a shared property, may change."""

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


class Document(NamedTuple):
    """A definition document: the file it came from and its parsed JSON."""

    origin: str
    data: Mapping[str, Any]


def friendly_name(name: str) -> str:
    """Return the name for people: hyphens become blanks, words capitals, known abbreviations upper case."""
    return " ".join(word.upper() if word in _UPPER else word.capitalize() for word in name.split("-"))


class Registry:
    """Definitions by name, relations by parent, subtypes and users of each type."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.documents: dict[str, Document] = {}
        self.packages: dict[str, Document] = {}
        for document in documents:
            if "package" in document.data:
                self.packages[document.data["package"]] = document
            else:
                self.documents[document.data["name"]] = document
        self._built: dict[str, ManagedObjectDefinition] = {}
        self._relations: dict[str, Relation] | None = None
        self._children: dict[str, tuple[Relation, ...]] = {}
        self._subtypes: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, tuple[tuple[str, PropertyDefinition], ...]] = {}

    # -- definitions ---------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Return the names of all definitions, sorted."""
        return tuple(sorted(self.documents))

    def __iter__(self) -> Iterator[ManagedObjectDefinition]:
        return (self.definition(name) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.documents

    def definition(self, name: str) -> ManagedObjectDefinition:
        """Return a definition by its full name."""
        built = self._built.get(name)
        if built is None:
            if name not in self.documents:
                raise _unknown("object type", name, self.documents)
            built = self._built[name] = self._build(name)
        return built

    def property(self, definition: ManagedObjectDefinition, name: str) -> PropertyDefinition:
        """Return a property of a definition; its name ignores case."""
        found = definition.properties.get(name) or definition.properties.get(name.lower())
        if found is None:
            raise _unknown(f"property of {definition.friendly}", name, definition.properties)
        return found

    def parents(self, name: str) -> tuple[str, ...]:
        """Return the names of the types a type descends from, topmost first."""
        chain: list[str] = []
        above = self.documents[name].data.get("extends")
        while above:
            chain.append(above)
            above = self.documents[above].data.get("extends")
        return tuple(reversed(chain))

    def subtypes(self, name: str) -> tuple[str, ...]:
        """Return the names of a type's descendants, itself included and first, then sorted."""
        found = self._subtypes.get(name)
        if found is None:
            below = sorted(other for other in self.documents if other != name and name in self.parents(other))
            found = self._subtypes[name] = (name, *below)
        return found

    def concrete(self, name: str) -> tuple[ManagedObjectDefinition, ...]:
        """Return the types of which objects can be made, among a type and its descendants."""
        return tuple(d for d in map(self.definition, self.subtypes(name)) if not d.abstract)

    # -- relations -----------------------------------------------------------------------------------------------

    def relations(self) -> Mapping[str, Relation]:
        """Return all relations by name."""
        if self._relations is None:
            found = (self._relation(d.data) for d in self.documents.values() if "relation" in d.data)
            self._relations = {relation.name: relation for relation in found}
        return self._relations

    def _relation(self, data: Mapping[str, Any]) -> Relation:
        spec = data["relation"]
        name = spec.get("name", data["name"])
        target = data["name"]
        return Relation(
            name=name,
            kind=spec["kind"],
            parent=spec["parent"],
            target=target,
            branch=spec.get("branch", ""),
            naming_property=spec.get("naming-property", ""),
            naming_attribute=self._naming_attribute(data, spec),
            plural=spec.get("plural", f"{name}s"),
            friendly=data.get("user-friendly-name") or friendly_name(name),
            synopsis=spec.get("synopsis", data["synopsis"]),
            hidden=spec.get("hidden", False),
            name_option=_profile(data, "cli").get("name-option", f"{target.rsplit('-', 1)[-1]}-name"),
            default_objects=tuple(_default_object(item, target) for item in spec.get("default-objects", ())),
        )

    def _naming_attribute(self, data: Mapping[str, Any], relation: Mapping[str, Any]) -> str:
        """The RDN attribute: the naming property's own, unless the profile says otherwise."""
        stated = _profile(data, "ldap").get("naming-attribute")
        if stated:
            return str(stated)
        naming = relation.get("naming-property")
        if not naming:
            return "cn"
        return str(_profile(self._merged(data["properties"][naming]), "ldap").get("attribute", f"ds-cfg-{naming}"))

    def relation(self, name: str) -> Relation:
        """Return a relation by its name, which is the object kind people use."""
        try:
            return self.relations()[name]
        except KeyError:
            raise _unknown("object", name, self.relations()) from None

    def children(self, definition: str) -> tuple[Relation, ...]:
        """Return the relations that hang below objects of a type, inherited ones included; sorted by name."""
        found = self._children.get(definition)
        if found is None:
            parents = {definition} if definition == ROOT_NAME else {definition, *self.parents(definition)}
            relations = self.relations().values()
            found = tuple(sorted((r for r in relations if r.parent in parents), key=lambda r: r.name))
            self._children[definition] = found
        return found

    def lineage(self, relation: Relation) -> tuple[Relation, ...]:
        """Return the relations on the way from the root to a relation, itself included and last."""
        chain = [relation]
        while chain[0].parent != ROOT_NAME:
            top = self.parents(chain[0].parent)
            chain.insert(0, self.relation_of(top[0] if top else chain[0].parent))
        return tuple(chain)

    def relation_of(self, top: str) -> Relation:
        """Return the relation whose objects are of a (top) type."""
        return next(relation for relation in self.relations().values() if relation.target == top)

    def types(self, relation: Relation) -> dict[str, ManagedObjectDefinition]:
        """Return the concrete types of a relation by their short names, sorted: what ``--type`` takes."""
        return dict(sorted((self.short_type(d, relation), d) for d in self.concrete(relation.target)))

    def short_type(self, definition: ManagedObjectDefinition, relation: Relation) -> str:
        """Return the short name of a type: without the suffix it shares with the relation's own type."""
        return self.short_name(definition.name, relation)

    def short_name(self, name: str, relation: Relation) -> str:
        """Return the short name of the type of a name, which need not be built."""
        custom = _profile(self.documents[name].data, "cli").get("custom", False)
        if name == relation.target:
            return "custom" if custom else "generic"
        short = name.removesuffix(f"-{relation.target}")
        return f"custom-{short}" if custom else short

    def path(self, text: str) -> ManagedObjectPath:
        """Return the path a text names: relations from the root down, each with a name where it needs one.

        Raises :class:`~confobjects.errors.UnknownNameError` for a relation that does not exist,
        :class:`ValueError` where a name is missing or a relation does not hang below the one before it.
        """
        words = [word.replace("\0", "/") for word in text.replace("//", "\0").split("/") if word]
        path, above = ManagedObjectPath(), ROOT_NAME
        while words:
            relation = self.relation(words.pop(0))
            family = {above} if above == ROOT_NAME else {*self.parents(above), *self.subtypes(above)}
            if relation.parent not in family:
                message = f'the path "{text}" is wrong: "{relation.name}" hangs below {relation.parent}'
                raise ValueError(message)
            if relation.named and not words:
                message = f'the path "{text}" lacks a name after "{relation.name}"'
                raise ValueError(message)
            path = path.child(relation.name, words.pop(0) if relation.named else None)
            above = relation.target
        return path

    def path_of(self, kind: str, name: Name = ()) -> ManagedObjectPath:
        """Return the path of an object: its kind and the names of the named objects on the way to it.

        Raises :class:`~confobjects.errors.UnknownNameError` for an unknown kind or a wrong number of names.
        """
        names = [name] if isinstance(name, str) else list(name)
        lineage = self.lineage(self.relation(kind))
        wanted = [relation for relation in lineage if relation.named]
        blank = next((r for r, given in zip(wanted, names, strict=False) if not normal_name(given)), None)
        if blank is not None:
            raise UnknownNameError(Diagnostic("unknown-name", f"the name of the {blank.friendly} is empty"))
        if len(names) != len(wanted):
            expected = ", ".join(f"the name of the {relation.friendly}" for relation in wanted) or "no name"
            given = ", ".join(names) or "-"
            raise UnknownNameError(Diagnostic("unknown-name", f"{kind} takes {expected}; given: {given}"))
        path = ManagedObjectPath()
        for relation in lineage:
            path = path.child(relation.name, names.pop(0) if relation.named else None)
        return path

    def users(self, relation: str) -> tuple[tuple[str, PropertyDefinition], ...]:
        """Return who may refer to objects of a relation: (declaring type, property) pairs, sorted.

        Only the documents that mention the relation are built.
        """
        found = self._users.get(relation)
        if found is None:
            found = self._users[relation] = tuple(self._users_of(relation))
        return found

    def _users_of(self, relation: str) -> Iterator[tuple[str, PropertyDefinition]]:
        for name, document in sorted(self.documents.items()):
            own = document.data.get("properties", {})
            for prop in own:
                spec = self._merged(own[prop])["syntax"]
                if isinstance(spec, Mapping) and spec["type"] == "aggregation" and spec["relation"] == relation:
                    yield name, self.definition(name).properties[prop]

    def heirs(self, names: frozenset[str]) -> list[tuple[str, PropertyDefinition]]:
        """Return the properties whose defaults are inherited, at last, from properties of some names.

        The type is one that has the property; so are those that extend it.
        """
        sources = {name: self._inherited(name) for name in sorted(self.documents)}
        found: dict[tuple[str, str], None] = {}
        wanted = set(names)
        size = -1
        while size != len(found):  # what is inherited may be inherited on
            size = len(found)
            for name, inherited in sources.items():
                for prop, source in inherited.items():
                    if source in wanted:
                        found[name, prop] = None
                        wanted.add(prop)
        return [(name, self.definition(name).properties[prop]) for name, prop in found]

    def _inherited(self, name: str) -> dict[str, str]:
        """The properties of a type that inherit their default, with the name of the property it comes from."""
        text = str(self.documents[name].data)
        if "inherited" not in text and "'use'" not in text:  # merging the JSON of most would be work for nothing
            return {}
        specs = {prop: spec.get("default", {}) for prop, (spec, _) in self.sources(name).items()}
        return {prop: default["inherited"]["property"] for prop, default in specs.items() if "inherited" in default}

    def tags(self) -> dict[str, str]:
        """Return all declared tags with their synopsis."""
        result: dict[str, str] = {}
        for _, package in sorted(self.packages.items()):
            result.update(package.data.get("tags", {}))
        return result

    # -- building ------------------------------------------------------------------------------------------------

    def _merged(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a property's JSON with the shared property it uses laid below it."""
        if "use" not in spec:
            return spec
        package, _, name = spec["use"].partition("/")
        return {**self.packages[package].data["properties"][name], **spec}

    def sources(self, name: str) -> dict[str, tuple[Mapping[str, Any], str]]:
        """Return the JSON of every property of a type with the type that declared it, overrides laid over."""
        result: dict[str, tuple[Mapping[str, Any], str]] = {}
        for level in (*self.parents(name), name):
            data = self.documents[level].data
            for prop, spec in data.get("properties", {}).items():
                result[prop] = (self._merged(spec), level)
            for prop, change in data.get("overrides", {}).items():
                spec, declared = result[prop]
                result[prop] = ({**spec, **change}, declared)
        return result

    def _build(self, name: str) -> ManagedObjectDefinition:
        data = self.documents[name].data
        ancestors = self.parents(name)
        levels = [self.documents[level].data for level in (*ancestors, name)]
        sources = self.sources(name)
        syntaxes = {prop: syntax(spec["syntax"]) for prop, (spec, _) in sources.items()}

        def normal(prop: str, text: str) -> Hashable:
            return syntaxes[prop].normal(text)

        properties = {
            prop: self._property(prop, spec, declared, syntaxes[prop], normal)
            for prop, (spec, declared) in sources.items()
        }
        enabled_when = next((level["enabled-when"] for level in reversed(levels) if "enabled-when" in level), None)
        constants: dict[str, tuple[str, ...]] = {}
        for level in levels:
            constants.update({k: tuple(v) for k, v in _profile(level, "ldap").get("constants", {}).items()})
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
            constraints=tuple(_constraint(c, normal) for level in levels for c in level.get("constraints", ())),
            enabled_when=None if enabled_when is None else condition(enabled_when, normal),
            object_classes=("top", *(_object_class(level) for level in levels)),
            constants=constants,
            list_columns=next(
                (tuple(columns) for level in reversed(levels) if (columns := _profile(level, "cli").get("list"))), ()
            ),
            custom=_profile(data, "cli").get("custom", False),
            note=data.get("note", ""),
            deprecated=data.get("deprecated", ""),
            by_attribute={prop.attribute.lower(): prop for prop in properties.values()},
            former_attributes={
                f"ds-cfg-{former}".lower(): prop for prop in properties.values() for former in prop.renamed_from
            },
            raw=data,
        )

    def _property(
        self,
        name: str,
        spec: Mapping[str, Any],
        declared: str,
        syntax_: Syntax,
        normal: Any,
    ) -> PropertyDefinition:
        action = spec.get("admin-action", {})
        return PropertyDefinition(
            name=name,
            syntax=syntax_,
            synopsis=spec["synopsis"],
            description=spec.get("description", ""),
            default=_default(spec.get("default")),
            mandatory=spec.get("mandatory", False),
            multi_valued=spec.get("multi-valued", False),
            advanced=spec.get("advanced", False),
            hidden=spec.get("hidden", False),
            read_only=spec.get("read-only", False),
            sensitive=spec.get("sensitive", syntax_.sensitive),
            admin_action=AdminAction(action.get("kind", "none"), action.get("note", "")),
            reference=self._reference(spec["syntax"], normal),
            attribute=_profile(spec, "ldap").get("attribute", f"ds-cfg-{name}"),
            renamed_from=tuple(spec.get("renamed-from", ())),
            deprecated=spec.get("deprecated", ""),
            declared_by=declared,
        )

    def _reference(self, spec: Any, normal: Any) -> Reference | None:
        if not isinstance(spec, Mapping) or spec["type"] != "aggregation":
            return None
        target = self.relation(spec["relation"]).target

        def of_target(prop: str, text: str) -> Hashable:
            source, _ = self.sources(target)[prop]
            return syntax(source["syntax"]).normal(text)

        enabled = spec.get("target-enabled")
        return Reference(
            relation=spec["relation"],
            parent=spec.get("parent", "/"),
            target_enabled=None if enabled is None else condition(enabled, of_target),
            needed_when=_optional(spec.get("needed-when"), normal),
        )


def _optional(source: Any, normal: Any) -> Condition | None:
    return None if source is None else condition(source, normal)


def _profile(data: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = data.get("profile", {}).get(kind, {})
    return found


def _object_class(data: Mapping[str, Any]) -> str:
    return str(_profile(data, "ldap").get("object-class") or f"ds-cfg-{data['name']}")


def _default_object(item: Mapping[str, Any], target: str) -> DefaultObject:
    values = item.get("properties", {}).items()
    return DefaultObject(item["name"], item.get("type", target), tuple((k, tuple(v)) for k, v in values))


def _default(spec: Mapping[str, Any] | None) -> Default:
    if not spec or "undefined" in spec:
        return Default("undefined")
    if "values" in spec:
        return Default("defined", values=tuple(spec["values"]))
    if "alias" in spec:
        return Default("alias", sentence=spec["alias"])
    inherited = spec["inherited"]
    if "path" in inherited:
        return Default("inherited-absolute", path=inherited["path"], property=inherited["property"])
    return Default("inherited-relative", offset=inherited["offset"], property=inherited["property"])


def _constraint(spec: Mapping[str, Any], normal: Any) -> Constraint:
    return Constraint(
        name=spec["name"],
        synopsis=spec["synopsis"],
        remedy=spec.get("remedy", ""),
        condition=_optional(spec.get("condition"), normal),
        function=spec.get("function", ""),
        severity=spec.get("severity", "error"),
        property=spec.get("property", ""),
        fixes=tuple(tuple(fix.items()) for fix in spec.get("fixes", ())),
    )


def _unknown(what: str, name: str, known: Iterable[str]) -> UnknownNameError:
    names = sorted(known)
    hint = did_you_mean(name, names)
    if not hint and names:
        hint = f"known: {', '.join(names)}" if len(names) <= 20 else ""
    return UnknownNameError(Diagnostic("unknown-name", f'there is no {what} "{name}"', value=name, remedy=hint))
