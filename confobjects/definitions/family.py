"""Check which documents can be built: their names, ancestry, declarations and relations.

A document that breaks one of these rules is reported and left out of the later checks, with every document that
extends it, is below it or uses its shared properties: these are checked once it has been corrected. So one mistake
is reported once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from confobjects.definitions.documents import DefinitionDocument, name_of
from confobjects.definitions.model import ROOT_NAME
from confobjects.diagnostics import Diagnostic, suggest_name
from confobjects.dn import DN
from confobjects.syntaxes import SyntaxParameterError, make_syntax

Finding = tuple[str, str, str]
"""JSON pointer, summary, remedy."""


class Family:
    """Documents of the right shape, by name; and the names that are missing only because a document was left out.

    ``absent`` are those names. With ``incomplete`` they are not known (a file was not JSON), so no missing name is
    reported.
    """

    def __init__(self, documents: Iterable[DefinitionDocument], absent: Iterable[str], *, incomplete: bool) -> None:
        self.definitions: dict[str, DefinitionDocument] = {}
        self.packages: dict[str, DefinitionDocument] = {}
        for document in documents:
            by_name = self.packages if "package" in document.data else self.definitions
            by_name.setdefault(name_of(document), document)
        self.absent = set(absent)
        self.incomplete = incomplete

    def documents(self) -> list[DefinitionDocument]:
        """Return all documents."""
        return [*self.packages.values(), *self.definitions.values()]

    def report_unknown(self, pointer: str, summary: str, name: str, known: Iterable[str]) -> Iterator[Finding]:
        """Report a name that does not exist, unless it may be in a document that was left out."""
        if not self.incomplete and name not in self.absent:
            yield pointer, summary, suggest_name(name, known)

    def trace_chain(self, name: str) -> tuple[str, ...]:
        """Return a definition and those it extends, as far as they exist and form no circle; the topmost last."""
        found = [name]
        while (above := self.definitions[found[-1]].data.get("extends")) in self.definitions and above not in found:
            found.append(above)
        return tuple(found)

    def exclude(self, broken: Sequence[DefinitionDocument]) -> Family:
        """Return the family without some documents and everything that is built on them."""
        left_out = {id(document) for document in broken}
        while True:
            kept = [d for d in self.documents() if id(d) not in left_out]
            known = {ROOT_NAME, *(name_of(d) for d in kept if "name" in d.data)}
            packages = {name_of(d) for d in kept if "package" in d.data}
            fallen = {
                id(d)
                for d in kept
                if not _find_foundations(d.data) <= known or not _find_used_packages(d.data) <= packages
            }
            if not fallen:
                gone = [name for d in self.documents() if id(d) in left_out for name in names_in(d.data)]
                return Family(kept, [*self.absent, *gone], incomplete=self.incomplete)
            left_out |= fallen


def names_in(data: Any) -> Iterator[str]:
    """Yield every name that a document of any shape declares, as far as it can be read."""
    if not isinstance(data, Mapping):
        return
    relation, tags = data.get("relation"), data.get("tags")
    for name in (
        data.get("name"),
        data.get("package"),
        relation.get("name") if isinstance(relation, Mapping) else None,
    ):
        if isinstance(name, str):
            yield name
    if "package" in data and isinstance(tags, Mapping):
        yield from tags


def _find_foundations(data: Mapping[str, Any]) -> set[str]:
    """Return the definitions that a definition needs to be built."""
    found = {data["extends"]} if "extends" in data else set()
    return found | ({data["relation"]["parent"]} if "relation" in data else set())


def _find_used_packages(data: Mapping[str, Any]) -> set[str]:
    """The packages whose shared properties a definition uses."""
    return {spec["use"].partition("/")[0] for spec in data.get("properties", {}).values() if "use" in spec}


def find_buildable(
    family: Family, documents: Sequence[DefinitionDocument]
) -> tuple[Family, list[tuple[DefinitionDocument, Finding]]]:
    """Return the part of a family that can be built, and what is wrong with the given documents of it."""
    findings: list[tuple[DefinitionDocument, Finding]] = []
    broken: list[DefinitionDocument] = []
    for document in documents:
        found = list(_StandingRules(document, family).findings())
        if found:
            broken.append(document)
            findings.extend((document, finding) for finding in found)
    return family.exclude(broken), findings


def find_duplicates(
    documents: Sequence[DefinitionDocument], trusted: Sequence[DefinitionDocument]
) -> Iterator[tuple[DefinitionDocument, Diagnostic]]:
    """Yield each document that declares a name of an earlier one, with the diagnostic."""
    seen: dict[tuple[str, str], DefinitionDocument] = {}
    for document in (*trusted, *documents):
        for (kind, name), pointer in _find_declared(document.data):
            first = seen.setdefault((kind, name), document)
            if first is not document:  # the other names usually derive from this one
                yield (
                    document,
                    Diagnostic(
                        "broken-definition",
                        f'the {kind} "{name}" is declared twice',
                        origin=document.origin,
                        pointer=pointer,
                        detail=f"the other one is in {first.origin}",
                        remedy="give one of them another name",
                    ),
                )
                break


def _find_declared(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each name that has to be unique in a family, with its JSON pointer."""
    if "package" in data:
        yield ("package", data["package"]), "/package"
        return
    name = data["name"]
    yield ("definition", name), "/name"
    stated = data.get("profile", {}).get("ldap", {}).get("object-class")
    object_class = (stated or f"ds-cfg-{name}").lower()
    yield ("object class", object_class), "/profile/ldap/object-class" if stated else "/name"
    if "relation" in data:
        relation = data["relation"].get("name", name)
        yield ("relation", relation), "/relation/name" if "name" in data["relation"] else "/name"
        plural = data["relation"].get("plural", f"{relation}s")
        yield ("plural", plural), "/relation/plural" if "plural" in data["relation"] else "/name"


class _StandingRules:
    """The rules a document has to meet before it can be built."""

    def __init__(self, document: DefinitionDocument, family: Family) -> None:
        self.data: Mapping[str, Any] = document.data
        self.name = name_of(document)
        self.family = family

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong."""
        if "package" in self.data:
            yield from self._check_package()
            return
        if self.name == ROOT_NAME:
            yield "/name", f'"{ROOT_NAME}" is reserved for the top of the tree', "give the definition another name"
            return
        parent = self.data.get("extends")
        known = self.family.definitions
        if parent is not None and parent not in known:
            yield from self.family.report_unknown(
                "/extends", f'there is no definition "{parent}" to extend', parent, known
            )
        elif circle := self._find_circle():
            # Reported for one of them: the others are left out with it.
            if self.name == min(circle):
                words = " → ".join([*circle, circle[0]])
                yield (
                    "/extends",
                    f"the types extend each other in a circle: {words}",
                    'remove "extends" from one of them',
                )
        else:
            yield from self._check_declarations()
            yield from self._check_relation()

    def _check_package(self) -> Iterator[Finding]:
        for name, spec in self.data.get("properties", {}).items():
            if "use" in spec:
                yield f"/properties/{name}/use", "a shared property cannot use another one", "declare it here in full"
            else:
                yield from self._check_syntax(f"/properties/{name}/syntax", spec["syntax"])

    def _find_circle(self) -> tuple[str, ...]:
        """The types above this one that extend each other in a circle, if they do."""
        chain = self.family.trace_chain(self.name)
        above = self.family.definitions[chain[-1]].data.get("extends")
        return chain[chain.index(above) :] if above in chain else ()

    def _check_declarations(self) -> Iterator[Finding]:
        """Check that properties are declared once, that overridden and used ones exist, and that syntaxes are known."""
        inherited = {
            prop: level
            for level in self.family.trace_chain(self.name)[1:]
            for prop in self.family.definitions[level].data.get("properties", {})
        }
        for name, spec in self.data.get("properties", {}).items():
            pointer = f"/properties/{name}"
            if name in inherited:
                yield pointer, f'the property "{name}" is inherited from {inherited[name]}', "change it under overrides"
            if "use" in spec:
                yield from self._check_use(f"{pointer}/use", spec["use"])
            else:
                yield from self._check_syntax(f"{pointer}/syntax", spec["syntax"])
        for name, change in self.data.get("overrides", {}).items():
            if "syntax" in change:
                yield from self._check_syntax(f"/overrides/{name}/syntax", change["syntax"])
            if name not in inherited:
                summary = f'there is no inherited property "{name}" to override'
                yield f"/overrides/{name}", summary, suggest_name(name, inherited)

    def _check_use(self, pointer: str, use: str) -> Iterator[Finding]:
        package, _, name = use.partition("/")
        packages = self.family.packages
        if package not in packages:
            yield from self.family.report_unknown(pointer, f'there is no package "{package}"', package, packages)
        elif name not in (shared := packages[package].data.get("properties", {})):
            yield pointer, f'the package "{package}" has no property "{name}"', suggest_name(name, shared)

    @staticmethod
    def _check_syntax(pointer: str, spec: Any) -> Iterator[Finding]:
        try:
            make_syntax(spec)
        except SyntaxParameterError as error:
            where = f"{pointer}/{error.parameter}" if error.parameter and isinstance(spec, Mapping) else pointer
            yield where, error.message, error.remedy

    # -- relations -----------------------------------------------------------------------------------------------

    def _check_relation(self) -> Iterator[Finding]:
        spec = self.data.get("relation")
        *_, top = self.family.trace_chain(self.name)
        if spec is None:
            if top == self.name:
                yield "/relation", "a type that extends no other needs a relation, which places its objects", ""
            return
        if top != self.name:
            yield "/relation", f"a subtype has the relation of {top}: it cannot have one of its own", "remove it"
            return
        known = [ROOT_NAME, *self.family.definitions]
        parent = spec["parent"]
        if parent not in known:
            yield from self.family.report_unknown(
                "/relation/parent", f'there is no definition "{parent}"', parent, known
            )
        elif self._is_first_of_a_circle():
            yield (
                "/relation/parent",
                "the parents of the relations form a circle",
                "make root the parent of one of them",
            )
        yield from self._check_branch(spec)
        naming, own = spec.get("naming-property"), self.data.get("properties", {})
        if naming is not None and naming not in own:
            yield "/relation/naming-property", f'there is no property "{naming}"', suggest_name(naming, own)

    def _is_first_of_a_circle(self) -> bool:
        """Whether the parents of this relation lead back to it, and it is the first in the circle by name."""
        seen, at = [self.name], self.data["relation"]["parent"]
        while at in self.family.definitions:
            *_, top = self.family.trace_chain(at)
            if top in seen:
                return top == self.name == min(seen)
            seen.append(top)
            at = self.family.definitions[top].data.get("relation", {}).get("parent")
        return False

    @staticmethod
    def _check_branch(spec: Mapping[str, Any]) -> Iterator[Finding]:
        branch = spec.get("branch", "")
        try:
            rdns = DN.parse(branch).rdns if branch else ()
        except ValueError as error:
            yield "/relation/branch", f"the branch is not a relative DN: {error}", "for example cn=Mail Servers"
            return
        if any(len(rdn) != 1 for rdn in rdns):
            yield "/relation/branch", "each part of a branch has one attribute", "for example cn=Mail Servers"
        # Only the base entry may also hold an object: it always exists.
        taken = spec["kind"] == "optional" or (spec["kind"] == "singleton" and spec["parent"] != ROOT_NAME)
        if not rdns and taken:
            yield (
                "/relation/branch",
                "without a branch a single object would share the entry of its parent",
                "give it an entry of its own, for example cn=Settings",
            )
