"""The third step of the check: do documents of the right shape make sense together?

Documents that can be built (:mod:`~confobjects.definitions.family`) are put in a registry, and each is checked
with the rules below. Every rule yields (JSON pointer, summary, remedy).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from confobjects.definitions.building import find_references
from confobjects.definitions.circles import find_circles
from confobjects.definitions.conditions import build_condition, operand_words, split_operand, syntax_of
from confobjects.definitions.documents import DefinitionDocument
from confobjects.definitions.family import Family, Finding, find_buildable, find_duplicates, names_in
from confobjects.definitions.model import REVISION_ATTRIBUTE, ROOT_NAME, Relation
from confobjects.definitions.registry import Registry
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.dn import DN
from confobjects.errors import UnknownNameError
from confobjects.expressions.openers import has_opener
from confobjects.syntaxes import Syntax, ValueSyntaxError, make_syntax

Specs = Mapping[str, Mapping[str, Any]]
"""The JSON of every property of a type, merged with overrides and shared properties."""


def check_meaning(
    documents: Sequence[DefinitionDocument],
    trusted: Sequence[DefinitionDocument],
    left_out: Sequence[DefinitionDocument],
    *,
    incomplete: bool,
) -> Iterator[Diagnostic]:
    """Yield what is wrong with documents of the right shape, which may build on trusted ones.

    ``left_out`` are documents of a wrong shape: a name that may be theirs is not reported as missing. With
    ``incomplete`` no name is reported as missing.
    """
    found: list[tuple[DefinitionDocument, Diagnostic]] = list(find_duplicates(documents, trusted))
    twice = {id(document) for document, _ in found}
    once = [document for document in documents if id(document) not in twice]
    absent = [name for document in left_out for name in names_in(document.data)]
    family, findings = find_buildable(Family([*trusted, *once], absent, incomplete=incomplete), once)
    registry = Registry(family.documents())
    standing_ones = {id(document) for document in family.documents()}
    for document in once:
        if id(document) in standing_ones:
            rules = _PackageRules if "package" in document.data else _DefinitionRules
            findings.extend((document, finding) for finding in rules(document.data, registry, family).findings())
    by_name = {d.data["name"]: d for d in once if id(d) in standing_ones and "name" in d.data}
    findings.extend((by_name[name], finding) for name, finding in find_circles(registry, by_name))
    found.extend((document, _as_diagnostic(document, finding)) for document, finding in findings)
    order = {id(document): number for number, document in enumerate(documents)}
    yield from (problem for _, problem in sorted(found, key=lambda item: order[id(item[0])]))


def _as_diagnostic(document: DefinitionDocument, finding: Finding) -> Diagnostic:
    pointer, summary, remedy = finding
    return Diagnostic("broken-definition", summary, origin=document.origin, pointer=pointer, remedy=remedy)


def specs_of(registry: Registry, name: str) -> Specs:
    """Return the JSON of every property of a type."""
    return {prop: spec for prop, (spec, _) in registry.collect_specs(name).items()}


class _Rules:
    """What the rules of definitions and packages have in common."""

    def __init__(self, data: Mapping[str, Any], registry: Registry, family: Family) -> None:
        self.data = data
        self.registry = registry
        self.family = family

    def build_syntaxes(self, specs: Specs) -> dict[str, Syntax]:
        return {name: make_syntax(spec["syntax"]) for name, spec in specs.items()}

    def find_concrete(self, name: str) -> list[str]:
        """Return the names of the concrete types, without building them: some may still be wrong."""
        return [n for n in self.registry.subtypes(name) if not self.registry.documents[n].data.get("abstract")]

    def check_references(self, pointer: str, spec: Any) -> Iterator[Finding]:
        """Check what a syntax says about references."""
        for where, said in _locate_references(pointer, spec):
            yield from self._check_reference(where, said)

    def _check_reference(self, pointer: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
        """Check a reference: its relation, the parent of its targets, and when a target is enabled."""
        relations = self.registry.relations()
        name = spec["relation"]
        if name not in relations:
            summary = f'there is no relation "{name}"'
            yield from self.family.report_unknown(f"{pointer}/relation", summary, name, relations)
            return
        target = relations[name]
        if not target.named:
            yield (
                f"{pointer}/relation",
                f'"{name}" holds a single object: there is nothing to choose',
                "a reference names an object of an instantiable relation or a set",
            )
            return
        yield from self._check_parent(f"{pointer}/parent", spec.get("parent", "/"), target)
        if "target-enabled" in spec:
            specs = specs_of(self.registry, target.target)
            yield from self.check_condition(
                f"{pointer}/target-enabled", spec["target-enabled"], self.build_syntaxes(specs)
            )

    def _check_parent(self, pointer: str, text: str, target: Relation) -> Iterator[Finding]:
        """Check that the objects of the relation are below the given path."""
        owner, findings = self.resolve_path(pointer, text)
        yield from findings
        if findings:
            return
        if owner is None:
            hangs = target.parent == ROOT_NAME
        else:
            hangs = target.parent in {*self.registry.parents(owner.target), *self.registry.subtypes(owner.target)}
        if not hangs:
            where = f"objects of {target.parent}" if target.parent != ROOT_NAME else "the root"
            yield (
                pointer,
                f'"{target.name}" is not below {text} but below {where}',
                "give the path of its parent",
            )

    def resolve_path(self, pointer: str, text: str) -> tuple[Relation | None, list[Finding]]:
        """Return the relation of the last object on a path (None for the root), or what is wrong with the path."""
        try:
            path = self.registry.parse_path(text)
        except UnknownNameError as error:
            problem = error.diagnostics[0]
            return None, list(
                self.family.report_unknown(pointer, problem.summary, problem.value or "", self.registry.relations())
            )
        except ValueError as error:
            return None, [(pointer, str(error), "for example /trust-manager-provider/one")]
        return (self.registry.relation(path.relation) if path.relation else None), []

    def check_values(self, pointer: str, name: str, texts: Sequence[str], specs: Specs) -> Iterator[Finding]:
        """Check that values follow the property's syntax, and that their number fits; each may be given once."""
        if name not in specs:
            yield pointer, f'there is no property "{name}"', suggest_name(name, specs)
            return
        made = make_syntax(specs[name]["syntax"])
        plain = [text for text in texts if not has_opener(text)]
        for text in plain:  # expressions are judged when they are evaluated
            try:
                made.parse(text)
            except ValueSyntaxError as error:
                expected = f"expected: {error.expected}" if error.expected else ""
                yield pointer, f"{error.message} (a value of {name})", error.remedy or expected
        if len({made.key(text) for text in plain}) < len(plain):
            yield pointer, f"a value of {name} is given twice", "leave one of them out"
        if len(texts) > 1 and not specs[name].get("multi-valued"):
            yield pointer, f"{name} takes one value, {len(texts)} are given", "keep one of them"

    def check_case_values(
        self, pointer: str, name: str, cases: Sequence[Mapping[str, Any]], specs: Specs
    ) -> Iterator[Finding]:
        """Check the values of the cases of a default, and that the last case, and no other, is without a condition."""
        for index, case in enumerate(cases):
            is_last = index == len(cases) - 1
            if "when" in case and is_last:
                yield (
                    f"{pointer}/{index}/when",
                    "the last case of a default has no condition: it applies where no other does",
                    "remove the condition, or add a case without one",
                )
            elif "when" not in case and not is_last:
                yield f"{pointer}/{index}", "a case without a condition hides those after it", "make it the last one"
            yield from self.check_values(f"{pointer}/{index}/values", name, case["values"], specs)

    def check_cases(
        self, pointer: str, name: str, cases: Sequence[Mapping[str, Any]], specs: Specs
    ) -> Iterator[Finding]:
        """Check the cases of a default: conditions and values."""
        yield from self.check_case_values(pointer, name, cases, specs)
        for index, case in enumerate(cases):
            if "when" in case:
                yield from self.check_told_condition(f"{pointer}/{index}/when", case["when"], specs)

    def check_told_condition(self, pointer: str, source: Any, specs: Specs) -> Iterator[Finding]:
        """Check a condition that messages and origins repeat in words: it compares no secret."""
        syntaxes = self.build_syntaxes(specs)
        yield from self.check_condition(pointer, source, syntaxes)
        for operand, text in build_condition(source, lambda _operand, text: text).values():
            if syntax_of(operand, syntaxes) is not None and _may_be_secret(operand, text, syntaxes, specs):
                summary = f"the condition compares a secret, {operand_words(operand)}, and its words are shown"
                yield pointer, summary, f'ask only whether it is set: {{"is-present": "{operand}"}}'

    def check_condition(self, pointer: str, source: Any, syntaxes: Mapping[str, Syntax]) -> Iterator[Finding]:
        """Check that a condition uses existing properties, and values that they can have."""
        made = build_condition(source, lambda _operand, text: text)
        for operand in dict.fromkeys(made.operands()):
            yield from self._check_operand(pointer, operand, syntaxes)
        for operand, text in made.values():
            syntax = syntax_of(operand, syntaxes)
            try:
                if syntax is not None:
                    syntax.parse(text)
            except ValueSyntaxError as error:
                summary = f"{operand_words(operand)} cannot have the value in the condition: {error.message}"
                yield pointer, summary, error.remedy

    @staticmethod
    def _check_operand(pointer: str, operand: str, syntaxes: Mapping[str, Syntax]) -> Iterator[Finding]:
        """Check that a condition looks at a property that exists, and at a part that its values have."""
        name, part = split_operand(operand)
        if name not in syntaxes:
            yield pointer, f'the condition uses "{name}", which is not a property', suggest_name(name, syntaxes)
            return
        kind, parts = syntaxes[name].name, syntaxes[name].parts
        if part and not parts:
            yield (
                pointer,
                f'the condition uses "{operand}", but a value of syntax {kind} has no parts',
                f'write "{name}"',
            )
        elif part and part not in parts:
            remedy = suggest_name(part, parts) or f"its parts: {', '.join(parts)}"
            yield pointer, f'the condition uses "{operand}", but a value of syntax {kind} has no part "{part}"', remedy


class _PackageRules(_Rules):
    """The rules for a package; how its properties fit with others is checked where they are used."""

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong."""
        for name, spec in self.data.get("properties", {}).items():
            yield from self.check_references(f"/properties/{name}/syntax", spec["syntax"])
            if "values" in spec.get("default", {}):
                yield from self.check_values(
                    f"/properties/{name}/default/values", name, spec["default"]["values"], {name: spec}
                )
            elif "cases" in spec.get("default", {}):
                pointer = f"/properties/{name}/default/cases"
                yield from self.check_case_values(pointer, name, spec["default"]["cases"], {name: spec})


class _DefinitionRules(_Rules):
    """The rules for a definition."""

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong."""
        self.name: str = self.data["name"]
        self.specs = specs_of(self.registry, self.name)
        self.own_syntaxes = self.build_syntaxes(self.specs)
        yield from self._check_tags()
        yield from self._check_place()
        for prop, spec in self.data.get("properties", {}).items():
            yield from self._check_property(prop, spec)
        for prop, spec in self.data.get("overrides", {}).items():
            yield from self._check_default(prop, spec, f"/overrides/{prop}/default")
            yield from self._check_required_when(prop, spec, f"/overrides/{prop}/required-when")
            yield from self._check_re_entry(prop, spec, f"/overrides/{prop}/re-entry")
            if "syntax" in spec:
                yield from self._check_narrowing(prop, spec, f"/overrides/{prop}/syntax")
        yield from self._check_naming()
        yield from self._check_former_names()
        yield from self._check_attributes()
        yield from self._check_constraints()
        yield from self._check_views()
        if "enabled-when" in self.data:
            yield from self.check_condition("/enabled-when", self.data["enabled-when"], self.own_syntaxes)
        yield from self._check_columns()
        yield from self._check_default_objects()

    def _check_tags(self) -> Iterator[Finding]:
        known = self.registry.tags()
        for index, tag in enumerate(self.data.get("tags", ())):
            if tag not in known:
                yield from self.family.report_unknown(
                    f"/tags/{index}", f'no package declares the tag "{tag}"', tag, known
                )

    def _check_columns(self) -> Iterator[Finding]:
        """Check the columns of a list, which may also be properties of some subtypes only."""
        known = {prop for below in self.registry.subtypes(self.name) for prop in specs_of(self.registry, below)}
        for index, column in enumerate(self.data.get("profile", {}).get("cli", {}).get("list", ())):
            if column not in known:
                summary = f'there is no property "{column}" to list'
                yield f"/profile/cli/list/{index}", summary, suggest_name(column, known)

    # -- where objects hang --------------------------------------------------------------------------------------

    def _find_lineage(self) -> tuple[Relation, ...]:
        top = (*self.registry.parents(self.name), self.name)[0]
        return self.registry.lineage(self.registry.relation_of(top))

    def _check_place(self) -> Iterator[Finding]:
        """Check that the commands and entries of a relation differ from those of others."""
        if "relation" not in self.data:
            yield from self._check_short_name()
            return
        *above, own = self._find_lineage()
        for other in above:
            if own.named and other.named and own.name_option == other.name_option:
                yield (
                    "/profile/cli/name-option",
                    f'the name option "{own.name_option}" is also that of "{other.name}" above it',
                    "give it another name-option",
                )
        for other in self.registry.relations().values():
            if other.target != self.name and self._are_neighbours(other, own) and _branch_of(other) == _branch_of(own):
                yield "/relation/branch", f'the relation "{other.name}" has the same branch', "give each its own"

    def _are_neighbours(self, one: Relation, other: Relation) -> bool:
        """Whether two relations can be below the same object."""
        if ROOT_NAME in {one.parent, other.parent}:
            return one.parent == other.parent
        return one.parent in {other.parent, *self.registry.parents(other.parent), *self.registry.subtypes(other.parent)}

    def _check_short_name(self) -> Iterator[Finding]:
        """Check that the short names of the types of a relation differ."""
        relation = self._find_lineage()[-1]
        short = self.registry.short_name_of(self.name, relation)
        for other in self.find_concrete(relation.target):
            first = other < self.name or other == relation.target  # reported for the later of two
            if first and not self.data.get("abstract") and self.registry.short_name_of(other, relation) == short:
                yield "/name", f'its short name "{short}" is also that of {other}', "choose another name"

    # -- properties ----------------------------------------------------------------------------------------------

    def _check_property(self, name: str, own: Mapping[str, Any]) -> Iterator[Finding]:
        spec, pointer = self.specs[name], f"/properties/{name}"
        where = f"{pointer}/use"
        if "use" not in own:
            yield from self.check_references(f"{pointer}/syntax", spec["syntax"])
        for place, said in _locate_references(f"{pointer}/syntax", spec["syntax"]):
            if "needed-when" in said:
                here = where if "use" in own else f"{place}/needed-when"
                yield from self.check_condition(here, said["needed-when"], self.own_syntaxes)
        if spec.get("admin-action", {}).get("kind") == "other" and not spec["admin-action"].get("note"):
            yield (
                f"{pointer}/admin-action",
                "an administrator action of kind other needs a note that says what to do",
                "",
            )
        for index, example in enumerate(own.get("examples", ())):
            yield from self.check_values(f"{pointer}/examples/{index}", name, [example], self.specs)
        if "use" in own:
            yield from self._check_shared_conditions(where, name, own)
        yield from self._check_default(name, own, f"{pointer}/default")
        yield from self._check_required_when(name, own, f"{pointer}/required-when")
        yield from self._check_re_entry(name, own, f"{pointer}/re-entry")
        if isinstance(own.get("administrator-only"), list) and "name" not in self.own_syntaxes[name].parts:
            summary = f'the values of "{name}" have no names to choose by'
            yield f"{pointer}/administrator-only", summary, 'write "administrator-only": true'

    def _check_shared_conditions(self, pointer: str, name: str, own: Mapping[str, Any]) -> Iterator[Finding]:
        """Check the conditions that come with a shared property: they are about properties of this type."""
        spec = self.specs[name]
        conditions = [case["when"] for case in spec.get("default", {}).get("cases", ()) if "when" in case]
        conditions = [] if "default" in own else conditions
        if "required-when" in spec and "required-when" not in own:
            conditions.append(spec["required-when"])
        for condition in conditions:
            yield from self.check_told_condition(pointer, condition, self.specs)
        if "re-entry" in spec and "re-entry" not in own:
            yield from self._check_travels(pointer, name, spec["re-entry"].get("with", ()))

    def _check_re_entry(self, name: str, own: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
        """Check that what has to be given again is a secret, and travels with other properties."""
        if "re-entry" not in own:
            return
        if not self.specs[name].get("sensitive", self.own_syntaxes[name].sensitive):
            yield pointer, f'"{name}" is not sensitive: only a secret has to be given again', "make it sensitive"
        travels = self.specs[name]["re-entry"].get("with", ())  # an override adds to what is inherited
        yield from self._check_travels(f"{pointer}/with" if "with" in own["re-entry"] else pointer, name, travels)
        if name in map(_property_of, travels):
            yield f"{pointer}/with", f'"{name}" is the secret itself', "name the properties that it travels with"

    def _check_travels(self, pointer: str, secret: str, items: Sequence[str | Mapping[str, Any]]) -> Iterator[Finding]:
        """Check what a secret travels with: properties, each once, or pairs of them by name."""
        if not items:
            yield pointer, f'nothing says what "{secret}" travels with', 'name it under "with"'
        seen: set[str] = set()
        for item in items:
            name = _property_of(item)
            if name in seen:
                yield pointer, f'the secret travels twice with "{name}"', "name it once"
            elif name not in self.specs:
                summary = f'the secret travels with "{name}", which is not a property'
                yield pointer, summary, suggest_name(name, self.specs)
            elif isinstance(item, Mapping) and "name" not in self.own_syntaxes[name].parts:
                yield pointer, f'the values of "{name}" have no names to choose by', f'write "{name}" alone'
            seen.add(name)

    def _check_required_when(self, name: str, own: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
        if "required-when" not in own:
            return
        yield from self.check_told_condition(pointer, own["required-when"], self.specs)
        if self.specs[name].get("mandatory"):
            yield pointer, f'"{name}" is mandatory: it is always required', "remove one of the two"
        elif not {"values", "cases"}.isdisjoint(self.specs[name].get("default", {})):
            yield pointer, f'"{name}" has a default of its own: it is never without a value', "remove one of the two"

    def _check_default(self, name: str, own: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
        default = own.get("default", {})
        if "values" in default:
            yield from self.check_values(f"{pointer}/values", name, default["values"], self.specs)
        elif "cases" in default:
            yield from self.check_cases(f"{pointer}/cases", name, default["cases"], self.specs)
        elif "inherited" in default:
            yield from self._check_inherited(name, f"{pointer}/inherited", default["inherited"])

    def _check_narrowing(self, name: str, change: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
        """Check that an overridden syntax is narrower than the inherited one, and has the inherited default."""
        inherited = specs_of(self.registry, self.data["extends"])[name]
        why = self.own_syntaxes[name].explain_widening(make_syntax(inherited["syntax"]))
        if why:
            summary = f'the syntax of "{name}" can only become narrower: {why}'
            yield pointer, summary, "state the inherited syntax with all its parameters, and narrow them"
        elif "default" not in change:
            found = self._check_default(name, inherited, pointer)
            yield from (
                (pointer, f"the inherited default no longer fits: {summary}", "override the default as well")
                for _, summary, _ in found
            )

    def _check_inherited(self, name: str, pointer: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
        owner, findings = self._find_owner(pointer, spec)
        yield from findings
        if owner is None:
            return
        sources = self._sources_of(owner, spec)
        if not sources:
            known = {prop for below in self.registry.subtypes(owner) for prop in specs_of(self.registry, below)}
            summary = f'{owner} has no property "{spec["property"]}"'
            yield f"{pointer}/property", summary, suggest_name(spec["property"], known)
            return
        yield from self._check_sources(name, f"{pointer}/property", owner, sources)
        if spec.get("offset") == 0 and name == min(self._find_circle(name), default=""):
            yield f"{pointer}/property", f'the default of "{name}" would be inherited from itself', ""

    def _find_owner(self, pointer: str, spec: Mapping[str, Any]) -> tuple[str | None, list[Finding]]:
        """Return the type of the object that a default is inherited from."""
        if "path" in spec:
            relation, findings = self.resolve_path(f"{pointer}/path", spec["path"])
            if relation is None and not findings:
                findings = [(f"{pointer}/path", "the root has no properties", "give the path of an object")]
            return (relation.target if relation is not None else None), findings
        lineage = self._find_lineage()
        if spec["offset"] >= len(lineage):
            there = f"only {len(lineage) - 1}" if len(lineage) > 1 else "no"
            summary = f"there are {there} objects above this one"
            return None, [
                (f"{pointer}/offset", summary, "the offset counts path elements upwards, 0 is the object itself")
            ]
        return (self.name if spec["offset"] == 0 else lineage[-1 - spec["offset"]].target), []

    def _sources_of(self, owner: str, spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """Return the properties of that name in the types that the owner can have."""
        types = (owner,) if spec.get("offset") == 0 else self.registry.subtypes(owner)
        found = [specs_of(self.registry, name).get(spec["property"]) for name in types]
        return [source for source in found if source is not None]

    def _check_sources(
        self, name: str, pointer: str, owner: str, sources: Iterable[Mapping[str, Any]]
    ) -> Iterator[Finding]:
        """Check that an inherited value has the right syntax and number, and that a secret stays a secret."""
        own = self.specs[name]
        kind = self.own_syntaxes[name].name
        for source in sources:
            made = make_syntax(source["syntax"])
            if made.name != kind and made.explain_widening(self.own_syntaxes[name]):
                yield pointer, f"the property of {owner} is of syntax {made.name}, this one of {kind}", ""
            elif source.get("multi-valued") and not own.get("multi-valued"):
                yield pointer, f"the property of {owner} takes several values, this one takes one", ""
            elif source.get("sensitive", made.sensitive) and not own.get("sensitive", made.sensitive):
                yield (
                    pointer,
                    f"the property of {owner} is sensitive, this one would show its value",
                    "make it sensitive",
                )

    def _find_circle(self, name: str) -> tuple[str, ...]:
        """Return the circle of defaults, inherited within the object, that leads back to this property, if any."""
        way: list[str] = []
        at = name
        while at not in way:
            way.append(at)
            inherited = self.specs[at].get("default", {}).get("inherited", {})
            if inherited.get("offset") != 0 or inherited["property"] not in self.specs:
                return ()
            at = inherited["property"]
        return tuple(way) if at == name else ()

    def _check_naming(self) -> Iterator[Finding]:
        relation = self.data.get("relation", {})
        naming = relation.get("naming-property")
        if naming is None:
            return
        if relation["kind"] != "instantiable":
            yield (
                "/relation/naming-property",
                f"a relation of kind {relation['kind']} cannot have a naming property",
                "",
            )
        spec = self.specs[naming]
        if spec.get("multi-valued") or not spec.get("mandatory") or not spec.get("read-only"):
            yield f"/properties/{naming}", "a naming property must be mandatory and read-only, and take one value", ""
        elif _has_default(spec):
            yield f"/properties/{naming}/default", "a naming property has no default: each object has its name", ""
        if spec.get("sensitive", self.own_syntaxes[naming].sensitive):
            yield f"/properties/{naming}", "a naming property cannot be sensitive: names are shown", ""

    def _check_former_names(self) -> Iterator[Finding]:
        """Check that a former name belongs to one property."""
        owners: dict[str, str] = {}
        for name, spec in self.specs.items():
            for former in spec.get("renamed-from", ()):
                pointer = f"/properties/{name}/renamed-from"
                if former in self.specs:
                    yield pointer, f'"{former}" is the name of another property', ""
                elif owners.setdefault(former, name) != name:
                    yield pointer, f'"{former}" is also a former name of "{owners[former]}"', ""

    def _check_attributes(self) -> Iterator[Finding]:
        """Check that no two properties share an attribute, and that none takes one with another use."""
        relation = self._find_lineage()[-1]
        taken = {"objectclass": "the object classes", REVISION_ATTRIBUTE: "the revision"}
        if relation.named and not relation.naming_property:
            taken[relation.naming_attribute.lower()] = "the name"
        levels = [self.registry.documents[level].data for level in (*self.registry.parents(self.name), self.name)]
        constants = [name for d in levels for name in d.get("profile", {}).get("ldap", {}).get("constants", {})]
        for attribute in constants:
            if attribute.lower() in taken:
                summary = f'the attribute "{attribute}" is already used for {taken[attribute.lower()]}'
                yield "/profile/ldap/constants", summary, ""
            taken[attribute.lower()] = "a constant"
        for name, spec in self.specs.items():
            attribute = spec.get("profile", {}).get("ldap", {}).get("attribute", f"ds-cfg-{name}")
            other = taken.setdefault(attribute.lower(), f'"{name}"')
            if other != f'"{name}"':
                yield f"/properties/{name}", f'the attribute "{attribute}" is already used for {other}', ""

    # -- constraints ---------------------------------------------------------------------------------------------

    def _check_constraints(self) -> Iterator[Finding]:
        above = [self.registry.documents[level].data for level in self.registry.parents(self.name)]
        names = {item["name"] for level in above for item in level.get("constraints", ())}
        for index, item in enumerate(self.data.get("constraints", ())):
            pointer = f"/constraints/{index}"
            if item["name"] in names:
                yield f"{pointer}/name", f'the constraint "{item["name"]}" is declared twice', "give each its own name"
            names.add(item["name"])
            yield from self._check_constraint(pointer, item)

    def _check_constraint(self, pointer: str, item: Mapping[str, Any]) -> Iterator[Finding]:
        if ("condition" in item) == ("function" in item):
            yield pointer, "a constraint needs either a condition or a function", ""
        if "condition" in item:
            yield from self.check_condition(f"{pointer}/condition", item["condition"], self.own_syntaxes)
        for number, name in enumerate(item.get("looks-at", ())):
            yield from self._check_look(f"{pointer}/looks-at/{number}", name, is_function="function" in item)
        if "property" in item and item["property"] not in self.specs:
            summary = f'the constraint is about "{item["property"]}", which is not a property'
            yield f"{pointer}/property", summary, suggest_name(item["property"], self.specs)
        for number, fix in enumerate(item.get("fixes", ())):
            for prop, text in fix.items():
                yield from self.check_values(f"{pointer}/fixes/{number}/{prop}", prop, [text], self.specs)
                yield from self._check_settable(f"{pointer}/fixes/{number}/{prop}", prop, self.specs)

    def _check_look(self, pointer: str, name: str, *, is_function: bool) -> Iterator[Finding]:
        """Check that a constraint looks at other objects by a function, and through a property that refers to some."""
        if not is_function:
            yield pointer, "only a function looks at other objects", "leave it out, or name a function"
        if name not in self.specs:
            yield pointer, f'the constraint looks at "{name}", which is not a property', suggest_name(name, self.specs)
        elif not find_references(self.specs[name]["syntax"]):
            yield pointer, f'the constraint looks at "{name}", which refers to no other object', ""

    @staticmethod
    def _check_settable(pointer: str, prop: str, specs: Specs) -> Iterator[Finding]:
        """Check that a value is not given to a property that always has its default."""
        spec = specs.get(prop, {})
        if spec.get("read-only") is True and _has_default(spec):
            yield pointer, f'"{prop}" is read-only and has a default: it is never set', "leave it out"

    def _check_views(self) -> Iterator[Finding]:
        above = [self.registry.documents[level].data for level in self.registry.parents(self.name)]
        names = {item["name"] for level in above for item in level.get("views", ())}
        for index, item in enumerate(self.data.get("views", ())):
            if item["name"] in names:
                yield f"/views/{index}/name", f'the view "{item["name"]}" is declared twice', "give each its own name"
            names.add(item["name"])

    # -- objects that come with their parent ---------------------------------------------------------------------

    def _check_default_objects(self) -> Iterator[Finding]:
        relation = self.data.get("relation", {})
        types = self.find_concrete(self.name)
        seen: set[str] = set()
        for index, item in enumerate(relation.get("default-objects", ())):
            pointer = f"/relation/default-objects/{index}"
            if relation["kind"] == "singleton" or relation["parent"] == ROOT_NAME:
                yield pointer, "only objects below another one can be created with it", ""
            if item["name"].casefold() in seen:
                yield f"{pointer}/name", f'there are two default objects "{item["name"]}"', ""
            seen.add(item["name"].casefold())
            type_name = item.get("type", self.name)
            if type_name in types:
                yield from self._check_default_object(pointer, item, specs_of(self.registry, type_name))
            else:
                summary = f'"{type_name}" is not a concrete type of {self.name}'
                yield f"{pointer}/type", summary, suggest_name(type_name, types)

    def _check_default_object(self, pointer: str, item: Mapping[str, Any], specs: Specs) -> Iterator[Finding]:
        given = item.get("properties", {})
        naming = self.data["relation"].get("naming-property")
        for prop, texts in given.items():
            yield from self.check_values(f"{pointer}/properties/{prop}", prop, texts, specs)
            yield from self._check_settable(f"{pointer}/properties/{prop}", prop, specs)
        if naming is not None:
            yield from self.check_values(f"{pointer}/name", naming, [item["name"]], specs)
        if naming is not None and naming in given:
            yield from self._check_stated_name(f"{pointer}/properties/{naming}", naming, item, specs)
        for prop, spec in specs.items():
            has_value = (
                prop in given
                or prop == naming
                or not {"values", "cases", "inherited"}.isdisjoint(spec.get("default", {}))
            )
            if spec.get("mandatory") and not has_value:
                yield f"{pointer}/properties", f'the mandatory property "{prop}" has no value', ""

    def _check_stated_name(self, pointer: str, naming: str, item: Mapping[str, Any], specs: Specs) -> Iterator[Finding]:
        """Check that a default object that states its naming property gives it the name."""
        made = make_syntax(specs[naming]["syntax"])
        try:
            same = {made.key(text) for text in item["properties"][naming]} == {made.key(item["name"])}
        except ValueSyntaxError:
            return  # reported as a wrong value
        if not same:
            summary = f'{naming} names the object: it cannot differ from the name "{item["name"]}"'
            yield pointer, summary, "leave it out, or give it the same value"


def _may_be_secret(operand: str, text: str, syntaxes: Mapping[str, Syntax], specs: Specs) -> bool:
    """Whether a text that a property, or a part of it, is compared with may be a secret, or a part of one."""
    name, part = split_operand(operand)
    made = syntaxes[name]
    if specs[name].get("sensitive", made.sensitive):
        return True
    return (bool(part) and bool(made.secret_names)) or (made.has_secret_parts and made.find_secret(text) is not None)


def _property_of(item: str | Mapping[str, Any]) -> str:
    """Return the property that an item of ``re-entry`` is about."""
    return item if isinstance(item, str) else str(item["property"])


def _locate_references(pointer: str, spec: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what a syntax says about references, each with its JSON pointer (RFC 6901)."""
    for name, said in find_references(spec):
        key = name.replace("~", "~0").replace("/", "~1")
        yield f"{pointer}/references/{key}" if name else pointer, said


def _has_default(spec: Mapping[str, Any]) -> bool:
    """Whether a property has a value without one of its own."""
    return not spec.get("default", {}).keys() <= {"alias", "undefined"}


def _branch_of(relation: Relation) -> DN | None:
    return DN.parse(relation.branch) if relation.branch else None
