"""The third step of the check: do documents of the right shape make sense together?

Each rule is a method of :class:`_Check` that yields (JSON pointer, summary, remedy). Rules that need a sound
family (inherited properties, conditions) run only for documents whose names and ancestors are in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from confobjects.definitions.conditions import condition
from confobjects.definitions.model import ROOT_NAME, Relation
from confobjects.definitions.registry import Document, Registry
from confobjects.diagnostics import Diagnostic, did_you_mean
from confobjects.dn import DN
from confobjects.syntaxes import Syntax, SyntaxParameterError, ValueSyntaxError, syntax

Finding = tuple[str, str, str]
"""JSON pointer, summary, remedy."""


def check_meaning(
    documents: Sequence[Document], trusted: Sequence[Document], *, unsound: bool = False
) -> Iterator[Diagnostic]:
    """Yield what is wrong with documents of the right shape, which may build on trusted ones.

    ``unsound`` says that some documents were left out: then a name that is not known may be theirs, and only
    what is certain is reported.
    """
    yield from _duplicates(documents, trusted)
    everything = [*trusted, *documents]
    orphans = set(_orphans(everything))
    family = [document for document in everything if document.data.get("name") not in orphans]
    registry = Registry(family)
    for document in documents:
        check = _Check(document, registry, everything)
        if document.data.get("name") in orphans:
            findings = check.ancestry() if not unsound else iter(())
        elif "package" in document.data:
            findings = check.package()
        else:
            findings = check.definition()
        for pointer, summary, remedy in findings:
            yield Diagnostic(
                "broken-definition", summary, origin=document.origin, pointer=pointer.rstrip("/"), remedy=remedy
            )


def _duplicates(documents: Sequence[Document], trusted: Sequence[Document]) -> Iterator[Diagnostic]:
    seen: dict[tuple[str, str], str] = {}
    for document in (*trusted, *documents):
        keys = [("definition" if "name" in document.data else "package", _name(document))]
        if isinstance(relation := document.data.get("relation"), Mapping):
            keys.append(("relation", relation.get("name", _name(document))))
        for kind, name in keys:
            first = seen.setdefault((kind, name), document.origin)
            if first != document.origin:
                yield Diagnostic(
                    "broken-definition",
                    f'the {kind} "{name}" is declared twice',
                    origin=document.origin,
                    pointer="/relation/name" if kind == "relation" else f"/{'name' if kind == 'definition' else kind}",
                    detail=f"the other one is in {first}",
                    remedy="give one of them another name",
                )


def _name(document: Document) -> str:
    return str(document.data.get("name") or document.data.get("package"))


def _orphans(documents: Iterable[Document]) -> Iterator[str]:
    """Yield the names of the definitions whose ancestors are not all there, or form a circle."""
    above = {d.data["name"]: d.data.get("extends") for d in documents if "name" in d.data}
    for name, extended in above.items():
        seen = {name}
        parent = extended
        while parent is not None:
            if parent in seen or parent not in above:
                yield name
                break
            seen.add(parent)
            parent = above[parent]


class _Check:
    """The rules for one document."""

    def __init__(self, document: Document, registry: Registry, everything: Sequence[Document]) -> None:
        self.data: Mapping[str, Any] = document.data
        self.name = _name(document)
        self.registry = registry
        self.everything = everything

    # -- ancestry ------------------------------------------------------------------------------------------------

    def ancestry(self) -> Iterator[Finding]:
        """The parent type is not there, or leads back to this one."""
        names = [_name(d) for d in self.everything if "name" in d.data]
        parent = self.data.get("extends")
        if parent is None:
            return
        if parent not in names:
            yield "/extends", f'there is no definition "{parent}" to extend', did_you_mean(parent, names)
            return
        above = {d.data["name"]: d.data.get("extends") for d in self.everything if "name" in d.data}
        chain = [self.name]
        while (up := above.get(chain[-1])) is not None and up not in chain:
            chain.append(up)
        if above.get(chain[-1]) is not None:
            yield (
                "/extends",
                f"the types extend each other in a circle: {' → '.join([*chain, above[chain[-1]] or ''])}",
                "",
            )

    # -- packages ------------------------------------------------------------------------------------------------

    def package(self) -> Iterator[Finding]:
        """Shared properties have a usable syntax; the rest is judged where they are used."""
        for name, spec in self.data.get("properties", {}).items():
            if "use" in spec:
                yield f"/properties/{name}/use", "a shared property cannot use another one", ""
                continue
            _, findings = self._syntax(f"/properties/{name}/syntax", spec["syntax"])
            yield from findings

    # -- definitions ---------------------------------------------------------------------------------------------

    def definition(self) -> Iterator[Finding]:
        """Every rule for a definition whose ancestors are in order."""
        declared = list(self._declarations())
        yield from declared
        yield from self._tags()
        yield from self._relation()
        if declared:
            return  # what follows reads the properties
        self.syntaxes = self._syntaxes()
        self.sources = self.registry._sources(self.name)  # noqa: SLF001 - one room
        for prop in self.data.get("properties", {}):
            yield from self._property(prop, f"/properties/{prop}")
        for prop in self.data.get("overrides", {}):
            yield from self._default(prop, f"/overrides/{prop}/default")
        yield from self._naming()
        yield from self._attributes()
        yield from self._constraints()
        if "enabled-when" in self.data:
            yield from self._condition("/enabled-when", self.data["enabled-when"], self.syntaxes)
        for index, column in enumerate(self.data.get("profile", {}).get("cli", {}).get("list", ())):
            if column not in self._known_below():
                yield (
                    f"/profile/cli/list/{index}",
                    f'there is no property "{column}"',
                    did_you_mean(column, self.syntaxes),
                )
        yield from self._default_objects()

    def _known_below(self) -> set[str]:
        """The properties of this type and its descendants: a list may show what only some of them have."""
        names = set(self.syntaxes)
        for below in self.registry.subtypes(self.name):
            names.update(self.registry.documents[below].data.get("properties", {}))
        return names

    def _declarations(self) -> Iterator[Finding]:
        """Names of properties: each declared once in a family, overrides and uses of what exists, known syntaxes."""
        inherited: dict[str, str] = {}
        for level in self.registry.parents(self.name):
            inherited.update(dict.fromkeys(self.registry.documents[level].data.get("properties", {}), level))
        for name, spec in self.data.get("properties", {}).items():
            pointer = f"/properties/{name}"
            if name in inherited:
                yield pointer, f'the property "{name}" is inherited from {inherited[name]}', "change it under overrides"
            if "use" in spec:
                yield from self._use(pointer, spec["use"])
            else:
                _, findings = self._syntax(f"{pointer}/syntax", spec["syntax"])
                yield from findings
        for name in self.data.get("overrides", {}):
            if name not in inherited:
                remedy = did_you_mean(name, inherited)
                yield f"/overrides/{name}", f'there is no inherited property "{name}" to override', remedy

    def _use(self, pointer: str, use: str) -> Iterator[Finding]:
        package, _, name = use.partition("/")
        packages = self.registry.packages
        if package not in packages:
            yield f"{pointer}/use", f'there is no package "{package}"', did_you_mean(package, packages)
        elif name not in (shared := packages[package].data.get("properties", {})):
            yield f"{pointer}/use", f'the package "{package}" has no property "{name}"', did_you_mean(name, shared)

    def _syntax(self, pointer: str, spec: Any) -> tuple[Syntax | None, list[Finding]]:
        try:
            made = syntax(spec)
        except SyntaxParameterError as error:
            where = f"{pointer}/{error.parameter}" if error.parameter and isinstance(spec, Mapping) else pointer
            return None, [(where, error.message, error.remedy)]
        return made, list(self._aggregation(pointer, spec))

    def _aggregation(self, pointer: str, spec: Any) -> Iterator[Finding]:
        if not isinstance(spec, Mapping) or spec.get("type") != "aggregation":
            return
        relations = self.registry.relations()
        target = relations.get(spec["relation"])
        if target is None:
            yield (
                f"{pointer}/relation",
                f'there is no relation "{spec["relation"]}"',
                did_you_mean(spec["relation"], relations),
            )
        elif not target.named:
            yield f"{pointer}/relation", f'"{spec["relation"]}" holds a single object: there is nothing to choose', ""
        elif "target-enabled" in spec:
            yield from self._condition(
                f"{pointer}/target-enabled", spec["target-enabled"], self._of_type(target.target)
            )

    def _of_type(self, name: str) -> dict[str, Syntax]:
        """The syntaxes of a type's properties, as far as they can be made."""
        result = {}
        for level in (*self.registry.parents(name), name):
            for prop, spec in self.registry.documents[level].data.get("properties", {}).items():
                try:
                    result[prop] = syntax(self.registry._merged(spec)["syntax"])  # noqa: SLF001 - one room
                except (KeyError, SyntaxParameterError):
                    continue
        return result

    def _syntaxes(self) -> dict[str, Syntax]:
        return self._of_type(self.name)

    def _tags(self) -> Iterator[Finding]:
        known = self.registry.tags()
        for index, tag in enumerate(self.data.get("tags", ())):
            if tag not in known:
                yield f"/tags/{index}", f'no package declares the tag "{tag}"', did_you_mean(tag, known)

    # -- relations -----------------------------------------------------------------------------------------------

    def _relation(self) -> Iterator[Finding]:
        spec = self.data.get("relation")
        ancestors = self.registry.parents(self.name)
        if spec is None:
            if not ancestors:
                yield "/relation", "a type that extends no other needs a relation: where do its objects hang?", ""
            return
        if ancestors:
            yield "/relation", f"a subtype hangs where {ancestors[0]} does: it has no relation of its own", ""
            return
        parents = [ROOT_NAME, *self.registry.documents]
        if spec["parent"] not in parents:
            yield (
                "/relation/parent",
                f'there is no definition "{spec["parent"]}"',
                did_you_mean(spec["parent"], parents),
            )
        elif self._circular():
            yield "/relation/parent", "the relations hang below each other in a circle", ""
        yield from self._branch(spec)

    def _circular(self) -> bool:
        relations = self.registry.relations().values()
        above = {relation.target: relation.parent for relation in relations}
        seen, at = {self.name}, above.get(self.name, ROOT_NAME)
        while at != ROOT_NAME:
            chain = (*self.registry.parents(at), at) if at in self.registry.documents else (at,)
            if chain[0] in seen:
                return True
            seen.add(chain[0])
            at = above.get(chain[0], ROOT_NAME)
        return False

    def _branch(self, spec: Mapping[str, Any]) -> Iterator[Finding]:
        branch = spec.get("branch", "")
        try:
            rdns = DN.parse(branch).rdns if branch else ()
        except ValueError as error:
            yield "/relation/branch", f"the branch is not a relative DN: {error}", "for example cn=Mail Servers"
            return
        if any(len(rdn) != 1 for rdn in rdns):
            yield "/relation/branch", "each part of a branch has one attribute", ""
        for other in self.registry.relations().values():
            if other.target != self.name and other.parent == spec["parent"] and _same_branch(other, branch):
                yield "/relation/branch", f'the relation "{other.name}" has the same branch', "give each its own"

    def _naming(self) -> Iterator[Finding]:
        spec = self.data.get("relation", {})
        naming = spec.get("naming-property")
        if naming is None:
            return
        own = self.data.get("properties", {})
        if spec["kind"] != "instantiable":
            yield "/relation/naming-property", f"a relation of kind {spec['kind']} names no objects", ""
        if naming not in own:
            yield "/relation/naming-property", f'there is no property "{naming}"', did_you_mean(naming, own)
            return
        prop, _ = self.sources[naming]
        if prop.get("multi-valued") or not prop.get("mandatory") or not prop.get("read-only"):
            yield f"/properties/{naming}", "a naming property is mandatory, read-only and takes one value", ""

    def _default_objects(self) -> Iterator[Finding]:
        types = self.registry.subtypes(self.name)
        for index, item in enumerate(self.data.get("relation", {}).get("default-objects", ())):
            pointer = f"/relation/default-objects/{index}"
            type_name = item.get("type", self.name)
            if type_name not in types:
                yield f"{pointer}/type", f'"{type_name}" is no type of {self.name}', did_you_mean(type_name, types)
                continue
            syntaxes = self._of_type(type_name)
            for prop, texts in item.get("properties", {}).items():
                yield from self._values(f"{pointer}/properties/{prop}", prop, texts, syntaxes)

    # -- properties ----------------------------------------------------------------------------------------------

    def _property(self, name: str, pointer: str) -> Iterator[Finding]:
        spec, _ = self.sources[name]
        yield from self._default(name, f"{pointer}/default")
        if isinstance(spec["syntax"], Mapping) and "needed-when" in spec["syntax"]:
            yield from self._condition(f"{pointer}/syntax/needed-when", spec["syntax"]["needed-when"], self.syntaxes)
        for former in spec.get("renamed-from", ()):
            if former in self.sources:
                yield f"{pointer}/renamed-from", f'"{former}" is the name of another property', ""

    def _default(self, name: str, pointer: str) -> Iterator[Finding]:
        spec, _ = self.sources[name]
        default = spec.get("default", {})
        if "values" in default:
            yield from self._values(f"{pointer}/values", name, default["values"], self.syntaxes)
            if len(default["values"]) > 1 and not spec.get("multi-valued"):
                yield f"{pointer}/values", f'"{name}" takes one value, its default has {len(default["values"])}', ""
        elif "inherited" in default:
            yield from self._inherited(name, f"{pointer}/inherited", default["inherited"])

    def _inherited(self, name: str, pointer: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
        lineage = self._lineage()
        if "path" in spec:
            words = [word for word in spec["path"].split("/") if word]
            relations = self.registry.relations()
            if not words or words[0] not in relations:
                known = list(relations)
                yield (
                    f"{pointer}/path",
                    f'"{spec["path"]}" is no path of an object',
                    did_you_mean(words[0] if words else "", known),
                )
                return
            owner = relations[next(word for word in reversed(words) if word in relations)]
        elif spec["offset"] >= len(lineage) and spec["offset"] > 0:
            yield f"{pointer}/offset", f"there are only {len(lineage) - 1} objects above this one", ""
            return
        else:
            owner = lineage[-1 - spec["offset"]]
        known_there = {
            prop
            for below in self.registry.subtypes(owner.target)
            for level in (*self.registry.parents(below), below)
            for prop in self.registry.documents[level].data.get("properties", {})
        }
        if spec["property"] not in known_there:
            remedy = did_you_mean(spec["property"], known_there)
            yield f"{pointer}/property", f'{owner.target} has no property "{spec["property"]}"', remedy
        elif spec["property"] == name and owner.target in {self.name, *self.registry.parents(self.name)}:
            yield f"{pointer}/property", f'the default of "{name}" would be inherited from itself', ""

    def _lineage(self) -> tuple[Relation, ...]:
        top = (*self.registry.parents(self.name), self.name)[0]
        return self.registry.lineage(self.registry.relation_of(top))

    def _values(
        self, pointer: str, name: str, texts: Iterable[str], syntaxes: Mapping[str, Syntax]
    ) -> Iterator[Finding]:
        if name not in syntaxes:
            yield pointer, f'there is no property "{name}"', did_you_mean(name, syntaxes)
            return
        for text in texts:
            if any(opener in text for opener in ("&{", "$<", "${")):
                continue  # an expression: judged when it is evaluated
            try:
                syntaxes[name].parse(text)
            except ValueSyntaxError as error:
                yield pointer, f"{error.message} (a value of {name})", error.expected and f"expected: {error.expected}"

    def _attributes(self) -> Iterator[Finding]:
        """Two properties of a type cannot share an attribute."""
        attributes: dict[str, str] = {}
        for name, (spec, _) in self.sources.items():
            attribute = spec.get("profile", {}).get("ldap", {}).get("attribute", f"ds-cfg-{name}")
            other = attributes.setdefault(attribute.lower(), name)
            if other != name:
                yield f"/properties/{name}", f'the attribute "{attribute}" is also that of "{other}"', ""

    # -- constraints ---------------------------------------------------------------------------------------------

    def _constraints(self) -> Iterator[Finding]:
        names = Counter(
            item["name"]
            for level in (*self.registry.parents(self.name), self.name)
            for item in self.registry.documents[level].data.get("constraints", ())
        )
        for index, item in enumerate(self.data.get("constraints", ())):
            pointer = f"/constraints/{index}"
            if names[item["name"]] > 1:
                yield f"{pointer}/name", f'the constraint "{item["name"]}" is declared twice', ""
            if ("condition" in item) == ("function" in item):
                yield pointer, "a constraint has either a condition or a function", ""
            if "condition" in item:
                yield from self._condition(f"{pointer}/condition", item["condition"], self.syntaxes)
            if item.get("property", self.name) not in {*self.syntaxes, self.name}:
                remedy = did_you_mean(item["property"], self.syntaxes)
                yield f"{pointer}/property", f'there is no property "{item["property"]}"', remedy
            for number, fix in enumerate(item.get("fixes", ())):
                for prop, text in fix.items():
                    yield from self._values(f"{pointer}/fixes/{number}/{prop}", prop, [text], self.syntaxes)

    def _condition(self, pointer: str, source: Any, syntaxes: Mapping[str, Syntax]) -> Iterator[Finding]:
        made = condition(source, lambda _name, text: text)
        for name in dict.fromkeys(made.properties()):
            if name not in syntaxes:
                yield pointer, f'there is no property "{name}"', did_you_mean(name, syntaxes)
        for name, text in made.values():
            if name in syntaxes:
                yield from self._values(pointer, name, [text], syntaxes)


def _same_branch(other: Relation, branch: str) -> bool:
    """Single objects of one parent and branch are the same entry; named ones may share theirs only when it is empty."""
    return (DN.parse(other.branch) if other.branch else None) == (DN.parse(branch) if branch else None)
